#include "harness/wsl_test.h"

#include <string.h>

#include <wiesel/status.h>

Test(status, every_status_has_its_name_and_a_text)
{
    cr_assert_str_eq(wsl_status_name(WSL_OK), "OK");
    cr_assert_str_eq(wsl_status_name(WSL_NOT_FOUND), "NOT_FOUND");
    cr_assert_str_eq(wsl_status_name(WSL_INTERNAL), "INTERNAL");
    for (int s = WSL_OK; s <= WSL_CORRUPT; s++) {
        cr_assert_str_neq(wsl_status_name((wsl_status)s), "UNKNOWN");
        cr_assert_gt(strlen(wsl_status_text((wsl_status)s)), 1);
    }
}

Test(status, a_number_outside_the_list_is_unknown)
{
    cr_assert_str_eq(wsl_status_name((wsl_status)(WSL_CORRUPT + 1)), "UNKNOWN");
    cr_assert_str_eq(wsl_status_text((wsl_status)(WSL_CORRUPT + 1)), "unknown status");
}

Test(status, fail_fills_the_error_and_returns_the_status)
{
    wsl_error err = {.retriable = true};
    cr_assert_eq(wsl_fail(&err, WSL_IO, "disk %d is %s", 7, "gone"), WSL_IO);
    cr_assert_eq(err.status, WSL_IO);
    cr_assert_not(err.retriable, "an error is final unless someone says otherwise");
    cr_assert_str_eq(err.text, "disk 7 is gone");
}

Test(status, fail_without_an_error_only_returns_the_status)
{
    cr_assert_eq(wsl_fail(NULL, WSL_TIMEOUT, "no %s", "matter"), WSL_TIMEOUT);
    cr_assert_eq(wsl_fail_prefix(NULL, WSL_TIMEOUT, "no %s", "matter"), WSL_TIMEOUT);
}

Test(status, fail_may_use_the_text_it_replaces)
{
    wsl_error err;
    (void)wsl_fail(&err, WSL_IO, "inner");
    (void)wsl_fail(&err, WSL_USER, "outer (%s)", err.text);
    cr_assert_str_eq(err.text, "outer (inner)");
}

Test(status, a_prefix_keeps_status_and_retriable)
{
    wsl_error err;
    (void)wsl_fail(&err, WSL_UNREACHABLE, "refused");
    err.retriable = true;
    cr_assert_eq(wsl_fail_prefix(&err, WSL_INTERNAL, "peer %s", "tm-1"), WSL_UNREACHABLE);
    cr_assert_str_eq(err.text, "peer tm-1: refused");
    cr_assert(err.retriable);
}

Test(status, a_text_that_is_too_long_ends_in_dots_and_never_inside_a_character)
{
    char longer[2 * WSL_ERROR_TEXT_MAX];
    for (int shift = 0; shift < 3; shift++) {
        memset(longer, 'a', sizeof longer);
        for (size_t i = (size_t)shift; i + 3 < sizeof longer; i += 3) {
            memcpy(longer + i, "\xE2\x82\xAC", 3); /* the euro sign */
        }
        longer[sizeof longer - 1] = '\0';
        wsl_error err;
        (void)wsl_fail(&err, WSL_FORMAT, "%s", longer);
        const size_t n = strlen(err.text);
        cr_assert_lt(n, (size_t)WSL_ERROR_TEXT_MAX);
        cr_assert_gt(n, (size_t)WSL_ERROR_TEXT_MAX - 8);
        cr_assert_str_eq(err.text + n - 3, "...");
        const size_t characters = n - 3 - (size_t)shift;
        cr_assert_eq(characters % 3, 0, "only whole characters stand before the dots");

        (void)wsl_fail_prefix(&err, WSL_FORMAT, "%s", "more");
        cr_assert_lt(strlen(err.text), (size_t)WSL_ERROR_TEXT_MAX);
        cr_assert_eq(strncmp(err.text, "more: ", 6), 0);
    }
}
