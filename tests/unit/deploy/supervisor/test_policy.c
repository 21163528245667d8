#include "harness/wsl_test.h"

#include <signal.h>

#include "deploy/supervisor/policy.h"

#define MS INT64_C(1000000)

Test(policy, a_clean_end_is_final)
{
    sv_history h = {.starts = 1};
    int64_t pause = -1;

    cr_assert_eq(sv_decide(&h, false, 0, 5 * MS, &pause), SV_ENDED);
    cr_assert_eq(pause, -1);
}

Test(policy, an_error_right_after_the_first_start_is_a_refusal)
{
    sv_history h = {.starts = 1};
    int64_t pause = -1;

    cr_assert_eq(sv_decide(&h, false, 1, 20 * MS, &pause), SV_REFUSED);
}

Test(policy, in_a_cluster_that_was_up_nothing_is_a_refusal)
{
    sv_history h = {.starts = 1, .up = true};
    int64_t pause = -1;

    cr_assert_eq(sv_decide(&h, false, 1, 20 * MS, &pause), SV_START_AGAIN);
    cr_assert_eq(pause, 0);
}

Test(policy, a_death_by_signal_is_never_a_refusal)
{
    sv_history h = {.starts = 1};
    int64_t pause = -1;

    cr_assert_eq(sv_decide(&h, true, SIGKILL, 20 * MS, &pause), SV_START_AGAIN);
    cr_assert_eq(pause, 0, "the first restart is at once");
}

Test(policy, an_error_later_or_of_a_later_start_starts_again)
{
    sv_history late = {.starts = 1}, second = {.starts = 2};
    int64_t pause = -1;

    cr_assert_eq(sv_decide(&late, false, 1, SV_REFUSAL_NS, &pause), SV_START_AGAIN);
    cr_assert_eq(sv_decide(&second, false, 1, 20 * MS, &pause), SV_START_AGAIN);
}

Test(policy, pauses_double_up_to_the_longest_and_are_forgiven)
{
    static const int64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    sv_history h = {.starts = 1};
    int64_t pause = -1;

    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++, h.starts++) {
        cr_assert_eq(sv_decide(&h, true, SIGSEGV, 30 * MS, &pause), SV_START_AGAIN);
        cr_assert_eq(pause, expected_ms[i] * MS, "death %zu", i);
    }
    cr_assert_eq(sv_decide(&h, true, SIGSEGV, SV_FORGIVEN_NS, &pause), SV_START_AGAIN);
    cr_assert_eq(pause, 0, "it had been up long enough");
}
