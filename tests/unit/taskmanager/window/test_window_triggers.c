/* Triggers, evictors and state of windows beyond the numbered examples. */
#include "unit/taskmanager/window/window_kit.h"

#include <wiesel/window.h>

#define OF(...) .windows = &(const wsl_windowing){__VA_ARGS__}

static void fails_to_open(const wsl_harness_options *o, const char *why)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_neq(wsl_harness_new(o, &h, &err), WSL_OK, "it opened, but should not: %s", why);
    cr_assert_not_null(strstr(err.text, why), "'%s' does not say '%s'", err.text, why);
}

/* ---- what is refused ---- */

static wsl_status no_merge_add(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in) { return kit_add(ctx, acc, in); }
WSL_AGGREGATE(cannot_merge, .in = &event_schema, .acc = &sum_acc_schema, .add = no_merge_add);
static int64_t gap_of_value(const wsl_row *row) { return event_v(row); }
WSL_SESSION_GAP(gap_is_value, .in = &event_schema, .session_gap = gap_of_value);
static wsl_status fire_each(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    (void)w, (void)row;
    *out = WSL_TRIGGER_FIRE;
    return WSL_OK;
}
WSL_TRIGGER(each_row, .on_element = fire_each);

Test(windowing, mistakes_are_told_in_words)
{
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(0))}, "size above 0, not 0 ms");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_sliding(10, 0))}, "slide above 0");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_with_offset(wsl_tumbling(10), -10))},
                  "an offset of -10 ms is not smaller than the size of 10 ms");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_with_offset(wsl_sliding(20, 10), 10))},
                  "not smaller than the slide of 10 ms");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_session(0))}, "gap above 0");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_count_window(0))}, "number of rows above 0");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10), .lateness_ms = -1)}, "lateness of -1 ms");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10), .trigger = wsl_count_trigger(0))},
                  "count above 0");
    fails_to_open(
        &(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10), .trigger = wsl_continuous_event_time_trigger(0))},
        "interval above 0");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10), .trigger = wsl_delta_trigger("key", 1))},
                  "field 'key', which must be a number");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10), .evictor = wsl_delta_evictor("w", 1))},
                  "field 'w', which must be a number");
    fails_to_open(&(wsl_harness_options){KEYED, .aggregate = &cannot_merge, OF(.assigner = wsl_session(10))},
                  "has no .merge");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_custom_trigger(&each_row))},
                  "has no .on_merge");
    fails_to_open(&(wsl_harness_options){SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_delta_trigger("v", 1))},
                  "a delta trigger cannot");
    fails_to_open(&(wsl_harness_options){KEYED, OF(.assigner = wsl_tumbling(10))}, "something to do with its rows");
    fails_to_open(&(wsl_harness_options){KEYED, .aggregate = &kit_sum, .select = "key", OF(.assigner = wsl_tumbling(10))},
                  "one reduce or aggregate");
    fails_to_open(&(wsl_harness_options){KEYED, .aggregate = &kit_sum, .window = &kit_all_rows,
                                         OF(.assigner = wsl_tumbling(10))},
                  "the window function 'kit_all_rows'");
    fails_to_open(
        &(wsl_harness_options){SUMS, OF(.assigner = wsl_count_window(3), .trigger = wsl_count_trigger(1))},
        "a trigger and an evictor of its own");
}

Test(windowing, a_gap_of_zero_fails_the_job)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {SUMS, OF(.assigner = wsl_session_dynamic(&gap_is_value))};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    wsl_row *row = kit_row("k", 5, 0);
    cr_assert_neq(wsl_harness_push_row(h, row), WSL_OK);
    cr_assert_not_null(strstr(wsl_harness_error(h)->text, "gave 0 ms; a gap is above 0"), "%s", wsl_harness_error(h)->text);
    free(row);
    wsl_harness_free(h);
}

Test(windowing, rows_without_timestamp_fail_windows_in_event_time)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(10))};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    wsl_row *row = kit_row("k", 5, 0);
    row->flags = 0;
    cr_assert_neq(wsl_harness_push_row(h, row), WSL_OK);
    cr_assert_not_null(strstr(wsl_harness_error(h)->text, "without timestamp"), "%s", wsl_harness_error(h)->text);
    free(row);
    wsl_harness_free(h);
}

/* ---- sessions ---- */

Test(sessions, a_gap_of_each_rows_own)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_session_dynamic(&gap_is_value))};
    run_both(&o, STEPS(E(0, 5), E(3, 20), W(22), X("[0,23)=25"), E(30, 2), E(33, 1), W(40), X("[30,32)=2 [33,34)=1")));
}

Test(sessions, many_at_a_time_and_by_key)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_session(10))};
    run_both(&o, STEPS(K("a", 0, 1), K("a", 40, 2), K("b", 5, 4), K("a", 20, 8), K("b", 100, 16), W(60),
                       X("[0,10)=1 [5,15)=4 [20,30)=8 [40,50)=2"), K("a", 70, 32), K("a", 95, 64), K("a", 86, 128), W(200),
                       X("[70,80)=32 [86,105)=192 [100,110)=16")));
}

Test(sessions, rows_of_merged_sessions_are_in_order_of_arrival)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_session(10))};
    run_both(&o, STEPS(E(0, 1), E(15, 2), E(1, 3), E(16, 4), E(8, 5), E(2, 6), W(100), X("[0,26)=[1,2,3,4,5,6]")));
}

Test(sessions, evictors_see_the_merged_rows)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_session(10), .evictor = wsl_count_evictor(3), .lateness_ms = 50)};
    run_both(&o, STEPS(E(0, 1), E(15, 2), E(1, 3), E(8, 4), W(24), X("[0,25)=[2,3,4]"), E(20, 5), X(""), W(29),
                       X("[0,30)=[3,4,5]"), E(3, 6), X("[0,30)=[4,5,6]")));
}

Test(sessions, in_processing_time)
{
    wsl_harness_options o = {COUNTS, OF(.assigner = wsl_in_processing_time(wsl_session(100)))};
    run_both(&o, STEPS(CLOCK(1000), E(5, 1), CLOCK(1099), E(7, 1), CLOCK(1198), X(""), CLOCK(1199), X("[1000,1199)=2"),
                       E(1, 1), CLOCK(1300), X("[1199,1299)=1"), E(2, 1), END, X("")));
}

Test(sessions, count_trigger_adds_up_what_merged_windows_counted)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_count_trigger(4))};
    run_both(&o, STEPS(E(0, 1), E(15, 2), E(1, 4), X(""), E(8, 8), X("[0,25)=15"), E(9, 16), E(9, 32), E(9, 64), X(""),
                       E(9, 128), X("[0,25)=255"), W(100), X("")));
}

Test(sessions, continuous_trigger_keeps_the_earliest_time)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_session(50), .trigger = wsl_continuous_event_time_trigger(20))};
    run_both(&o, STEPS(E(5, 1), E(70, 2), W(15), E(45, 4), W(20), X("[5,120)=7"), W(60), X("[5,120)=7 [5,120)=7"), W(200),
                       X("[5,120)=7 [5,120)=7 [5,120)=7")));
}

Test(sessions, purged_sessions_go_on)
{
    wsl_harness_options o = {
        SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_purging(wsl_event_time_trigger()), .lateness_ms = 20)};
    run_both(&o, STEPS(E(0, 1), W(9), X("[0,10)=1"), E(5, 2), X(""), W(14), X("[0,15)=2"), E(2, 4), X("[0,15)=4"), W(100),
                       X("")));
}

/* ---- triggers ---- */

Test(triggers, count_starts_over_and_keeps_the_contents)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_tumbling(100), .trigger = wsl_count_trigger(2))};
    run_both(&o, STEPS(E(1, 1), X(""), E(2, 2), X("[0,100)=3"), E(3, 4), E(4, 8), X("[0,100)=15"), E(5, 16), W(1000), X("")));
}

Test(triggers, purging_count_forgets)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_tumbling(100), .trigger = wsl_purging(wsl_count_trigger(2)))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), X("[0,100)=3"), E(3, 4), E(4, 8), X("[0,100)=12"), W(1000), X("")));
}

Test(triggers, delta_fires_when_the_value_is_further_than_the_threshold)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_global_window(), .trigger = wsl_delta_trigger("v", 10))};
    run_both(&o, STEPS(E(1, 100), E(2, 110), X(""), E(3, 111), X("[MIN,MAX)=[100,110,111]"), E(4, 121), X(""), E(5, 100),
                       X("[MIN,MAX)=[100,110,111,121,100]")));
}

Test(triggers, global_windows_never_fire_by_themselves)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_global_window())};
    run_both(&o, STEPS(E(1, 1), W(1000000), END, X("")));
}

Test(triggers, event_time_trigger_fires_the_global_window_at_the_end)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_global_window(), .trigger = wsl_event_time_trigger())};
    run_both(&o, STEPS(E(1, 1), E(-5, 2), W(1000000), X(""), END, X("[MIN,MAX)=3")));
}

Test(triggers, continuous_by_the_clock)
{
    wsl_harness_options o = {SUMS, .clock_ms = 5,
                             OF(.assigner = wsl_global_window(), .trigger = wsl_continuous_processing_time_trigger(100))};
    run_both(&o, STEPS(E(1, 1), CLOCK(100), X(""), CLOCK(101), X("[MIN,MAX)=1"), E(2, 2), CLOCK(201), X("[MIN,MAX)=3"),
                       CLOCK(402), X("[MIN,MAX)=3 [MIN,MAX)=3")));
}

Test(triggers, processing_time_trigger_on_windows_in_event_time)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_tumbling(100), .trigger = wsl_processing_time_trigger())};
    run_both(&o, STEPS(E(150, 1), CLOCK(150), X(""), E(160, 2), CLOCK(200), X("[100,200)=3"), W(1000), X("")));
}

/* ---- custom triggers ---- */

WSL_VALUE_STATE(seen, "seen", (int64, n));

/* Fires at each third row, 5 ms after the first one, and at the window's end: timers of any kind are asked about. */
static wsl_status third(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    int64_t n = 0;
    (void)row;
    (void)wsl_value_get_int64(w->state, &seen, &n);
    if (n == 0) {
        WSL_TRY(wsl_timer_event(w->state, wsl_timestamp(w) + 5));
    }
    WSL_TRY(wsl_value_set_int64(w->state, &seen, n + 1));
    *out = (n + 1) % 3 == 0 ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
static wsl_status always(wsl_window_ctx *w, int64_t timestamp_ms, wsl_trigger_result *out)
{
    (void)w, (void)timestamp_ms;
    *out = WSL_TRIGGER_FIRE_AND_PURGE;
    return WSL_OK;
}
static wsl_status forget(wsl_window_ctx *w)
{
    wsl_state_clear(w->state, &seen);
    return WSL_OK;
}
WSL_TRIGGER(by_threes, .in = &event_schema, .states = WSL_STATES(&seen), .on_element = third, .on_event_time = always,
            .window_clear = forget);

Test(triggers, custom_ones_have_state_and_timers_of_their_window)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(100), .trigger = wsl_custom_trigger(&by_threes))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(101, 9), X(""), E(3, 3), X("[0,100)=[1,2,3]"), W(6), X("[0,100)=[1,2,3]"),
                       E(4, 4), K("x", 4, 5), E(5, 6), X(""), E(7, 7), X("[0,100)=[4,6,7]"), W(9), X("[0,100)=[5]"), W(99),
                       X("[0,100)=[4,6,7]"), W(1000), X("[100,200)=[9]")));
}

/* ---- custom triggers of windows that merge ---- */

/* The trigger's own memory of its rows, three ways: their sum, their largest and number, and themselves. */
WSL_ROW(mark, (int64, v));
WSL_ROW(peak, (int64, largest), (int64, n));
static wsl_status marks_add(wsl_ctx *ctx, const wsl_row *a, const wsl_row *b)
{
    wsl_row_writer w = wsl_begin(ctx, &mark_schema, 0);
    mark_set_v(&w, mark_v(a) + mark_v(b));
    return wsl_emit(ctx, &w);
}
WSL_REDUCE(sum_of_marks, .in = &mark_schema, .out = &mark_schema, .reduce = marks_add);
static wsl_status peak_add(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    if (peak_n(acc) == 0 || mark_v(in) > peak_largest(acc)) {
        acc->slot[peak_f_largest] = in->slot[mark_f_v];
    }
    acc->slot[peak_f_n]++;
    return WSL_OK;
}
static wsl_status peak_merge(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    if (peak_largest(other) > peak_largest(acc)) {
        acc->slot[peak_f_largest] = other->slot[peak_f_largest];
    }
    acc->slot[peak_f_n] += other->slot[peak_f_n];
    return WSL_OK;
}
WSL_AGGREGATE(peak_of, .in = &mark_schema, .acc = &peak_schema, .add = peak_add, .merge = peak_merge);
WSL_AGGREGATE(peak_without_merge, .in = &mark_schema, .acc = &peak_schema, .add = peak_add);
WSL_REDUCING_STATE(marks_sum, "sum", sum_of_marks, &mark_schema);
WSL_AGGREGATING_STATE(marks_peak, "peak", peak_of, &peak_schema);
WSL_AGGREGATING_STATE(marks_lone, "lone", peak_without_merge, &peak_schema);
WSL_LIST_STATE(marks_all, "all", &mark_schema);
WSL_VALUE_STATE(marks_value, "value", (int64, n));
WSL_MAP_STATE(marks_map, "map", &mark_schema, &mark_schema);

static const wsl_row *mark_row(wsl_row_writer *w, uint64_t memory[4], int64_t v)
{
    (void)wsl_row_writer_init(w, memory, 32, mark_n_fields);
    mark_set_v(w, v);
    return w->row;
}

/* Fires when what all three say comes to: sum 100, six rows in the list and the peak's count, largest 40. */
static wsl_status remember(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    uint64_t memory[4];
    wsl_row_writer rw;
    const wsl_row *m = mark_row(&rw, memory, event_v(row));
    WSL_TRY(wsl_fold(w->state, &marks_sum, m));
    WSL_TRY(wsl_fold(w->state, &marks_peak, m));
    WSL_TRY(wsl_list_add(w->state, &marks_all, m));
    const int64_t sum = mark_v(wsl_folded(w->state, &marks_sum));
    const wsl_row *p = wsl_folded(w->state, &marks_peak);
    const bool peaks = peak_largest(p) == 40 && peak_n(p) == 6;
    *out = sum == 100 && peaks && wsl_list_size(w->state, &marks_all) == 6 ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
static wsl_status merge_all(wsl_window_ctx *w, const wsl_window *merged, uint32_t n)
{
    (void)merged, (void)n;
    WSL_TRY(wsl_window_merge_state(w, &marks_sum));
    WSL_TRY(wsl_window_merge_state(w, &marks_peak));
    return wsl_window_merge_state(w, &marks_all);
}
WSL_TRIGGER(by_all_three, .in = &event_schema, .states = WSL_STATES(&marks_sum, &marks_peak, &marks_all),
            .on_element = remember, .on_merge = merge_all);

Test(triggers, custom_ones_merge_reducing_aggregating_and_list_states)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_custom_trigger(&by_all_three))};
    run_both(&o, STEPS(E(0, 10), E(5, 20), E(30, 40), E(35, 20), X(""), K("x", 20, 10), E(15, 5), X(""), E(22, 5),
                       X("[0,45)=100"), W(100), X("")));
}

/* Of sessions that become one, this many times. */
static const wsl_state_desc *to_merge;
static wsl_status touch(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    (void)w, (void)row;
    *out = WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
static wsl_status merge_one(wsl_window_ctx *w, const wsl_window *merged, uint32_t n)
{
    (void)merged, (void)n;
    return wsl_window_merge_state(w, to_merge);
}
WSL_TRIGGER(merges_what_it_should_not, .in = &event_schema, .states = WSL_STATES(&marks_value, &marks_map, &marks_lone),
            .on_element = touch, .on_merge = merge_one);

Test(triggers, states_that_nobody_knows_how_to_merge_fail_the_job_in_words)
{
    static const struct {
        const wsl_state_desc *state;
        const char *sentence;
    } cases[] = {
        {&marks_value, "merges the state 'value', but nobody knows how two values become one; make it a reducing, "
                       "aggregating or list state, or merge it by hand"},
        {&marks_map, "merges the state 'map', but nobody knows how two maps become one"},
        {&marks_lone, "merges the state 'lone', but its function 'peak_without_merge' has no .merge to put two "
                      "accumulators together"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wsl_harness *h = NULL;
        wsl_error err = {0};
        const wsl_harness_options o = {
            SUMS, OF(.assigner = wsl_session(10), .trigger = wsl_custom_trigger(&merges_what_it_should_not))};
        cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
        to_merge = cases[i].state;
        for (int64_t at = 0; at < 2; at++) {
            wsl_row *row = kit_row("k", at * 5, 1);
            const wsl_status status = wsl_harness_push_row(h, row);
            cr_assert_eq(status == WSL_OK, at == 0, "row %d", (int)at);
            free(row);
        }
        cr_assert_not_null(strstr(wsl_harness_error(h)->text, cases[i].sentence), "%s", wsl_harness_error(h)->text);
        wsl_harness_free(h);
    }
}

/* ---- evictors ---- */

static wsl_status odd_ones(wsl_window_ctx *w, const wsl_row *const *rows, uint32_t n, bool *out_evict)
{
    (void)w;
    for (uint32_t i = 0; i < n; i++) {
        out_evict[i] = event_v(rows[i]) % 2 != 0;
    }
    return WSL_OK;
}
WSL_EVICTOR(no_odd_ones, .in = &event_schema, .evict = odd_ones);

Test(evictors, custom_before)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(100), .lateness_ms = 100,
                                       .evictor = wsl_custom_evictor(&no_odd_ones))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), E(4, 4), W(99), X("[0,100)=[2,4]"), E(5, 5), X("[0,100)=[2,4]")));
}

Test(evictors, custom_after)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(100), .lateness_ms = 100,
                                       .evictor = wsl_evict_after(wsl_custom_evictor(&no_odd_ones)))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 3), W(99), X("[0,100)=[1,2,3]"), E(5, 5), X("[0,100)=[2,5]"), E(6, 6),
                       X("[0,100)=[2,6]")));
}

Test(evictors, a_window_that_lost_all_its_rows_gives_nothing)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(100), .evictor = wsl_custom_evictor(&no_odd_ones))};
    run_both(&o, STEPS(E(1, 1), E(2, 3), W(99), X("")));
}

Test(evictors, delta_drops_what_is_far_from_the_last)
{
    wsl_harness_options o = {LISTS, OF(.assigner = wsl_tumbling(100), .evictor = wsl_delta_evictor("v", 10))};
    run_both(&o, STEPS(E(1, 50), E(2, 91), E(3, 109), E(4, 110), E(5, 100), W(99), X("[0,100)=[91,109,100]")));
}

Test(evictors, folding_functions_fold_what_is_left)
{
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_tumbling(100), .evictor = wsl_count_evictor(2))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), E(3, 4), W(99), X("[0,100)=6")));
}

/* ---- state of window functions ---- */

WSL_VALUE_STATE(firings, "firings", (int64, n));
WSL_VALUE_STATE(windows_seen, "windows-seen", (int64, n));

/* value = firings of this window * 100 + windows of this key that were given up */
static wsl_status count_firings(wsl_window_ctx *w, wsl_rows *rows)
{
    int64_t mine = 0;
    int64_t gone = 0;
    (void)rows;
    (void)wsl_value_get_int64(w->state, &firings, &mine);
    WSL_TRY(wsl_value_set_int64(w->state, &firings, mine + 1));
    (void)wsl_value_get_int64(&w->k, &windows_seen, &gone);
    return kit_emit(w, (mine + 1) * 100 + gone, "");
}
static wsl_status count_windows(wsl_window_ctx *w)
{
    int64_t gone = 0;
    (void)wsl_value_get_int64(&w->k, &windows_seen, &gone);
    wsl_state_clear(w->state, &firings);
    return wsl_value_set_int64(&w->k, &windows_seen, gone + 1);
}
WSL_WINDOW(with_state, .in = &event_schema, .out = &bounded_schema, .states = WSL_STATES(&firings, &windows_seen),
           .window = count_firings, .window_clear = count_windows);

Test(window_state, of_the_window_and_of_the_key)
{
    wsl_harness_options o = {KEYED, .window = &with_state, OF(.assigner = wsl_tumbling(100), .lateness_ms = 100)};
    run_both(&o, STEPS(E(1, 1), E(101, 1), W(99), X("[0,100)=100"), E(2, 1), X("[0,100)=200"), W(199), X("[100,200)=101"),
                       E(150, 1), X("[100,200)=201"), K("x", 150, 1), X("[100,200)=100"), W(299), E(301, 1), W(399),
                       X("[300,400)=102")));
}

/* ---- over all rows ---- */

Test(window_all, has_one_key_whatever_rows_bring_along)
{
    wsl_harness_options o = {.in = &event_schema, .aggregate = &kit_sum, .window = &kit_with_bounds,
                             OF(.assigner = wsl_tumbling(100))};
    run_both(&o, STEPS(K("a", 1, 1), K("b", 2, 2), K("c", 103, 4), W(99), X("[0,100)=3"), W(200), X("[100,200)=4")));
    wsl_harness_options s = {.in = &event_schema, .aggregate = &kit_sum, .window = &kit_with_bounds,
                             OF(.assigner = wsl_session(10))};
    run_both(&s, STEPS(K("a", 1, 1), K("b", 2, 2), K("c", 103, 4), W(99), X("[1,12)=3"), W(200), X("[103,113)=4")));
    wsl_harness_options c = {.in = &event_schema, .window = &kit_all_rows, OF(.assigner = wsl_count_window(2))};
    run_both(&c, STEPS(K("a", 1, 1), K("b", 2, 2), K("c", 103, 4), X("[MIN,MAX)=[1,2]")));
}

/* ---- times near the ends ---- */

Test(time, windows_at_the_ends_of_int64)
{
    const int64_t max = WSL_TIME_MAX;
    const int64_t min = WSL_TIME_MIN;
    wsl_harness_options o = {SUMS, OF(.assigner = wsl_tumbling(1000), .trigger = wsl_purging(wsl_event_time_trigger()))};
    run_both(&o, STEPS(E(max - 1, 1), E(min + 2000, 2), W(min + 5000), X("[-9223372036854774000,-9223372036854773000)=2"),
                       W(max - 1), X(""), END, X("[9223372036854775000,MAX)=1")));
    wsl_harness_options s = {SUMS, OF(.assigner = wsl_session(1000), .lateness_ms = 1000)};
    run_both(&s, STEPS(E(max - 1, 1), E(min, 2), W(min + 5000), X("[MIN,-9223372036854774808)=2"), END,
                       X("[9223372036854775806,MAX)=1")));
}

Test(late, counted_and_sampled_without_a_side_output)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {SUMS, OF(.assigner = wsl_session(10))};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_harness_watermark(h, 1000), WSL_OK);
    for (int64_t i = 0; i < 3; i++) {
        wsl_row *row = kit_row("k", i, 0);
        cr_assert_eq(wsl_harness_push_row(h, row), WSL_OK);
        free(row);
    }
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 3);
    wsl_harness_free(h);
}
