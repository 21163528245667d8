#include "harness/wsl_test.h"

#include "taskmanager/time/watermark_gen.h"

static const int64_t MS = 1000000;

static int64_t after(tm_watermark_gen *g, int64_t timestamp)
{
    (void)tm_watermark_gen_rows(g);
    tm_watermark_gen_timestamp(g, timestamp);
    return tm_watermark_gen_current(g);
}

Test(watermark_gen, ex01_with_a_bound_of_15_seconds)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 15000, 0, 200 * MS, 0);
    cr_assert_eq(tm_watermark_gen_current(&g), INT64_MIN, "before the first row");
    cr_assert_eq(after(&g, 100000), 84999);
    cr_assert_eq(after(&g, 92000), 84999);
    cr_assert_eq(after(&g, 103000), 87999);
}

Test(watermark_gen, ex02_when_monotonous)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 0, 0, 200 * MS, 0);
    cr_assert_eq(after(&g, 1000), 999, "so a second 1000 is on time");
    cr_assert_eq(after(&g, 1000), 999);
}

Test(watermark_gen, does_not_overflow_at_the_ends_of_time)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 15000, 0, 200 * MS, 0);
    cr_assert_eq(after(&g, INT64_MIN), INT64_MIN);
    cr_assert_eq(after(&g, INT64_MIN + 15000), INT64_MIN);
    cr_assert_eq(after(&g, INT64_MIN + 15002), INT64_MIN + 1);
    cr_assert_eq(after(&g, INT64_MAX), INT64_MAX - 15001);
}

Test(watermark_gen, counts_idleness_from_the_first_quiet_tick)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 0, 500 * MS, 200 * MS, 0);
    (void)after(&g, 1);
    cr_assert_not(tm_watermark_gen_tick(&g, 200 * MS), "there was a row");
    cr_assert_not(tm_watermark_gen_tick(&g, 400 * MS), "the countdown starts here");
    cr_assert_not(tm_watermark_gen_tick(&g, 600 * MS));
    cr_assert_not(tm_watermark_gen_tick(&g, 800 * MS));
    cr_assert(tm_watermark_gen_tick(&g, 1000 * MS), "600 ms > 500 ms");
    cr_assert_not(tm_watermark_gen_tick(&g, 1200 * MS), "it became idle once");
    cr_assert(tm_watermark_gen_rows(&g), "a row ends it");
    cr_assert_not(tm_watermark_gen_rows(&g));
    cr_assert_not(tm_watermark_gen_tick(&g, 1400 * MS));
    cr_assert_not(tm_watermark_gen_tick(&g, 1600 * MS), "and the countdown starts anew");
}

Test(watermark_gen, is_idle_only_after_more_than_the_time_has_passed)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 0, 400 * MS, 200 * MS, 0);
    cr_assert_not(tm_watermark_gen_tick(&g, 200 * MS));
    cr_assert_not(tm_watermark_gen_tick(&g, 400 * MS));
    cr_assert_not(tm_watermark_gen_tick(&g, 600 * MS), "exactly 400 ms is not more");
    cr_assert(tm_watermark_gen_tick(&g, 800 * MS));
}

Test(watermark_gen, does_not_count_time_in_which_nobody_ticked)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 0, 500 * MS, 200 * MS, 0);
    cr_assert_not(tm_watermark_gen_tick(&g, 200 * MS));
    cr_assert_not(tm_watermark_gen_tick(&g, 60000 * MS), "a minute of backpressure counts as one interval");
    cr_assert_not(tm_watermark_gen_tick(&g, 60200 * MS));
    cr_assert(tm_watermark_gen_tick(&g, 60400 * MS));
}

Test(watermark_gen, without_idleness_is_never_idle)
{
    tm_watermark_gen g;
    tm_watermark_gen_init(&g, 0, 0, 200 * MS, 0);
    for (int64_t i = 1; i < 1000; i++) {
        cr_assert_not(tm_watermark_gen_tick(&g, i * 200 * MS));
    }
}
