/* The numbered examples of the semantics that are about windows, each by its number. */
#include "unit/taskmanager/window/window_kit.h"

#define OF(...) .windows = &(const wsl_windowing){__VA_ARGS__}

/* ---- which windows ---- */

#define TUMBLING(size, offset) .assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = size, .offset_ms = offset}
#define SLIDING(size, slide) .assigner = {.kind = WSL_WINDOWS_SLIDING, .size_ms = size, .slide_ms = slide}
#define SESSION(gap) .assigner = {.kind = WSL_WINDOWS_SESSION, .size_ms = gap}
#define COUNT(n, slide) .assigner = {.kind = WSL_WINDOWS_COUNT, .size_ms = n, .slide_ms = slide}
#define LATE(ms) .lateness_ms = ms, .late_tag = "late"

Test(windows, ex06_tumbling_windows_begin_at_multiples_of_their_size)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0))};
    run_both(&o, STEPS(E(59999, 1), E(60000, 2), E(-1, 4), E(-30000, 8), W(100000),
                       X("[-30000,0)=12 [30000,60000)=1 [60000,90000)=2")));
}

Test(windows, ex07_an_offset_moves_windows)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(10, 3))};
    run_both(&o, STEPS(E(2, 1), E(3, 2), E(12, 4), W(100), X("[-7,3)=1 [3,13)=6")));
}

Test(windows, ex08_sliding_windows_overlap)
{
    wsl_harness_options o = {SUMS, OF(SLIDING(10, 5))};
    run_both(&o, STEPS(E(7, 1), E(-1, 2), W(100), X("[-10,0)=2 [-5,5)=2 [0,10)=1 [5,15)=1")));
}

Test(windows, ex09_a_row_between_sliding_windows_is_in_none)
{
    wsl_harness_options o = {SUMS, OF(SLIDING(5, 10), LATE(0))};
    run_both(&o, STEPS(E(3, 1), E(7, 2), W(100), X("[0,5)=1")));
}

Test(windows, ex10_a_window_fires_when_the_watermark_reaches_its_last_millisecond)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0))};
    run_both(&o, STEPS(E(1000, 1), E(44999, 2), W(44999 - 15000 - 1), X(""), E(45000, 4), W(45000 - 15000 - 1),
                       X("[0,30000)=1")));
}

Test(windows, ex11_with_30s_of_bound_the_nine_oclock_window_fires_at_the_event_of_9_01_30)
{
    const int64_t nine = INT64_C(9) * 3600000;
    wsl_harness_options o = {SUMS, OF(TUMBLING(60000, 0))};
    run_both(&o, STEPS(E(nine + 1000, 1), W(nine + 89999 - 30001), X(""), W(nine + 90000 - 30001), X("[32400000,32460000)=1")));
}

Test(windows, ex12_late_means_that_the_window_is_gone)
{
    const int64_t nine = INT64_C(9) * 3600000;
    wsl_harness_options o = {SUMS, OF(TUMBLING(60000, 0), LATE(0))};
    run_both(&o, STEPS(W(nine + 80000 - 30001), E(nine + 35000, 1), E(nine - 1000, 2), X("late:2"), W(nine + 59999),
                       X("[32400000,32460000)=1")));
}

/* ---- firing and lateness ---- */

Test(windows, ex13_late_firings_are_cumulative)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0), LATE(15000))};
    run_both(&o, STEPS(E(10000, 1), W(29998), X(""), W(29999), X("[0,30000)=1"), W(35000), X(""), E(20000, 2),
                       X("[0,30000)=3"), E(29999, 4), X("[0,30000)=7"), W(44999), X(""), E(29999, 8), X("late:8")));
}

Test(windows, ex14_without_lateness_a_row_at_the_watermark_is_late)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0), LATE(0))};
    run_both(&o, STEPS(W(29998), E(10000, 1), X(""), W(29999), X("[0,30000)=1"), E(10000, 2), X("late:2")));
}

Test(windows, ex15_the_first_row_of_a_late_window_fires_at_once)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0), LATE(15000))};
    run_both(&o, STEPS(W(35000), E(10000, 5), X("[0,30000)=5")));
}

Test(windows, ex16_a_row_is_not_late_while_one_of_its_windows_is_open)
{
    wsl_harness_options o = {SUMS, OF(SLIDING(10, 5), LATE(0))};
    run_both(&o, STEPS(W(9), E(7, 1), X(""), W(14), X("[5,15)=1")));
}

/* ---- sessions ---- */

Test(windows, ex17_sessions_that_touch_are_one)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(10))};
    run_both(&o, STEPS(E(0, 1), E(10, 1), W(18), X(""), W(19), X("[0,20)=2")));
}

Test(windows, ex18_sessions_further_apart_are_two)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(10))};
    run_both(&o, STEPS(E(0, 1), E(11, 1), W(9), X("[0,10)=1"), W(20), X("[11,21)=1")));
}

Test(windows, ex19_a_row_between_two_sessions_joins_them)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(10))};
    run_both(&o, STEPS(E(0, 1), E(15, 1), E(8, 1), W(24), X("[0,25)=3")));
}

Test(windows, ex20_lateness_of_sessions_is_judged_on_the_merged_window)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(10), LATE(0))};
    run_both(&o, STEPS(E(0, 1), E(5, 1), W(12), E(2, 1), W(14), X("[0,15)=3"), E(14, 1), E(3, 9), X("late:9"), W(23),
                       X("[14,24)=1")));
}

Test(windows, ex21_a_session_that_fired_may_grow)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(10), LATE(5))};
    run_both(&o, STEPS(E(0, 1), W(9), X("[0,10)=1"), E(3, 1), X(""), W(17), X("[0,13)=2")));
}

Test(windows, ex44_the_gap_is_part_of_a_session)
{
    wsl_harness_options o = {COUNTS, OF(SESSION(600000))};
    run_both(&o, STEPS(E(0, 1), E(300000, 1), W(899998), X(""), W(899999), X("[0,900000)=2")));
}

/* ---- counting ---- */

Test(windows, ex22_count_windows_give_whole_ones_only)
{
    wsl_harness_options o = {LISTS, OF(COUNT(3, 0))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), E(4, 4), E(5, 5), E(6, 6), E(7, 7),
                       X("[MIN,MAX)=[1,2,3] [MIN,MAX)=[4,5,6]"), END, X("")));
}

Test(windows, ex22_count_windows_fold_too)
{
    wsl_harness_options o = {SUMS, OF(COUNT(3, 0))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), E(4, 4), E(5, 5), E(6, 6), E(7, 7), X("[MIN,MAX)=6 [MIN,MAX)=15"),
                       END, X("")));
}

Test(windows, ex23_sliding_count_windows)
{
    wsl_harness_options o = {LISTS, OF(COUNT(3, 2))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), E(4, 4), E(5, 5), X("[MIN,MAX)=[1,2] [MIN,MAX)=[2,3,4]"), END, X("")));
}

/* ---- triggers ---- */

Test(windows, ex24_continuous_triggers_fire_at_each_step_passed)
{
    wsl_harness_options o = {
        SUMS, OF(TUMBLING(100, 0), .trigger = {.kind = WSL_TRIGGER_CONTINUOUS_EVENT_TIME, .interval_ms = 30})};
    run_both(&o, STEPS(E(10, 1), W(29), X(""), W(95), X("[0,100)=1 [0,100)=1 [0,100)=1"), W(99), X("[0,100)=1"), W(200),
                       X("")));
}

Test(windows, ex24_a_late_row_fires_at_once_under_a_continuous_trigger)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(100, 0), LATE(50),
                                      .trigger = {.kind = WSL_TRIGGER_CONTINUOUS_EVENT_TIME, .interval_ms = 30})};
    run_both(&o, STEPS(W(120), E(10, 1), X("[0,100)=1"), E(20, 2), X("[0,100)=3"), W(149), X(""), E(10, 4), X("late:4")));
}

Test(windows, ex25_purging_leaves_late_firings_the_late_rows)
{
    wsl_harness_options o = {
        SUMS, OF(TUMBLING(30000, 0), LATE(15000), .trigger = {.kind = WSL_TRIGGER_EVENT_TIME, .purging = true})};
    run_both(&o, STEPS(E(10000, 1), W(29998), X(""), W(29999), X("[0,30000)=1"), W(35000), E(20000, 2), X("[0,30000)=2")));
}

/* ---- evictors ---- */

Test(windows, ex26_count_evictor_keeps_the_last)
{
    wsl_harness_options o = {LISTS, OF(TUMBLING(100, 0), .evictor = {.kind = WSL_EVICTOR_COUNT, .count = 2})};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), W(99), X("[0,100)=[2,3]")));
}

Test(windows, ex26_time_evictor_keeps_the_young)
{
    wsl_harness_options o = {LISTS, OF(TUMBLING(100, 0), .evictor = {.kind = WSL_EVICTOR_TIME, .duration_ms = 10})};
    run_both(&o, STEPS(E(0, 0), E(5, 5), E(10, 10), E(15, 15), W(99), X("[0,100)=[10,15]")));
}

/* ---- bounds and clocks ---- */

Test(windows, ex48_with_bound_zero_older_trades_are_on_time_while_their_window_is_open)
{
    wsl_harness_options o = {SUMS, OF(TUMBLING(30000, 0), LATE(15000))};
    run_both(&o, STEPS(E(100000, 1), W(99999), X(""), E(90000, 2), X(""), E(85000, 4), X("[60000,90000)=4")));
    wsl_harness_options strict = {SUMS, OF(TUMBLING(30000, 0), LATE(0))};
    run_both(&strict, STEPS(E(100000, 1), W(99999), E(90000, 2), X(""), E(85000, 4), X("late:4"), W(119999),
                            X("[90000,120000)=3")));
}

Test(windows, ex55_windows_in_processing_time_go_by_the_clock)
{
    wsl_harness_options o = {
        COUNTS, OF(.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 5000, .processing_time = true})};
    run_both(&o, STEPS(CLOCK(1000), E(999999, 1), CLOCK(4999), E(0, 1), X(""), CLOCK(5000), X("[0,5000)=2"), E(1, 1),
                       CLOCK(7000), X(""), END, X("")));
}
