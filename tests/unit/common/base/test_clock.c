#include "harness/wsl_test.h"

#include "base/clock.h"

Test(clock, the_real_clock_does_not_run_backwards)
{
    wsl_clock *const clock = wsl_clock_real();
    int64_t last = wsl_now_ns(clock);
    for (int i = 0; i < 1000; i++) {
        const int64_t now = wsl_now_ns(clock);
        cr_assert_geq(now, last);
        last = now;
    }
    cr_assert_gt(wsl_wall_ms(clock), INT64_C(1700000000000));
}

Test(clock, the_manual_clock_moves_only_when_told)
{
    wsl_manual_clock m;
    wsl_manual_clock_init(&m, 1000);
    cr_assert_eq(wsl_now_ns(&m.clock), 0);
    cr_assert_eq(wsl_wall_ms(&m.clock), 1000);
    wsl_manual_clock_advance(&m, 2500000);
    cr_assert_eq(wsl_now_ns(&m.clock), 2500000);
    cr_assert_eq(wsl_wall_ms(&m.clock), 1002);
}
