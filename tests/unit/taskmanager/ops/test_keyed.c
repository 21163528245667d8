/* Keyed functions: state, event and processing-time timers, the examples 27 to 31 of the semantics, rolling reduce. */
#include "harness/wsl_test.h"

#include <stdio.h>

#include <wiesel/harness.h>

#include "base/rng.h"

WSL_ROW(reading, (string, name), (int64, value));
WSL_ROW(alert, (string, name), (int64, at), (int64, seen));
WSL_VALUE_STATE(last_seen, "last-seen", (int64, at));
WSL_VALUE_STATE(memo, "memo", (string, text), (int64, n));

static wsl_harness *h;

static void begin(const wsl_function *fn)
{
    wsl_error err = {0};
    const wsl_harness_options options = {.function = fn, .keys = WSL_HARNESS_KEYS("name"), .clock_ms = 1000};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
}

static wsl_status push(const char *name, int64_t value, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &reading_schema);
    reading_set_name(w, wsl_str_of(name));
    reading_set_value(w, value);
    return wsl_harness_push_at(h, w, timestamp);
}

static wsl_status emit_alert(wsl_keyed_ctx *k, int64_t at)
{
    int64_t seen = -1;
    (void)wsl_value_get_int64(k, &last_seen, &seen);
    wsl_row_writer w = wsl_begin(k, &alert_schema, 0);
    alert_set_name(&w, wsl_row_str(k->key, 0));
    alert_set_at(&w, at);
    alert_set_seen(&w, seen);
    return wsl_emit(k, &w);
}

/* ---- state ---- */

static wsl_status sum_up(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t sum = 0;
    (void)wsl_value_get_int64(k, &last_seen, &sum);
    if (reading_value(in) == 0) {
        wsl_value_clear(k, &last_seen);
    } else {
        WSL_TRY(wsl_value_set_int64(k, &last_seen, sum + reading_value(in)));
    }
    return emit_alert(k, 0);
}
WSL_KEYED_PROCESS(sums, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = sum_up);

Test(keyed, keeps_state_by_key)
{
    begin(&sums);
    cr_assert_eq(push("a", 1, 10), WSL_OK);
    cr_assert_eq(push("b", 10, 11), WSL_OK);
    cr_assert_eq(push("a", 2, 12), WSL_OK);
    cr_assert_eq(push("a", 0, 13), WSL_OK);
    cr_assert_eq(push("a", 5, 14), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{name=a, at=0, seen=1}@10, {name=b, at=0, seen=10}@11, {name=a, at=0, seen=3}@12, "
                     "{name=a, at=0, seen=-1}@13, {name=a, at=0, seen=5}@14");
    wsl_harness_free(h);
}

static wsl_status remember_text(wsl_keyed_ctx *k, const wsl_row *in)
{
    const wsl_row *old = wsl_value_get(k, &memo);
    uint64_t memory[64];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, memo_value_n_fields);
    char text[200];
    const int size =
        snprintf(text, sizeof text, "%.*s+%.*s", old == NULL ? 0 : (int)memo_value_text(old).size,
                 old == NULL ? "" : memo_value_text(old).data, (int)reading_name(in).size, reading_name(in).data);
    memo_value_set_text(&w, (wsl_str){text, (uint32_t)size});
    memo_value_set_n(&w, old == NULL ? 1 : memo_value_n(old) + 1);
    WSL_TRY(wsl_value_put(k, &memo, w.row));
    wsl_row_writer o = wsl_begin(k, &alert_schema, 200);
    alert_set_name(&o, memo_value_text(wsl_value_get(k, &memo)));
    alert_set_at(&o, memo_value_n(wsl_value_get(k, &memo)));
    alert_set_seen(&o, wsl_value_update(k, &memo) == NULL);
    return wsl_emit(k, &o);
}
WSL_KEYED_PROCESS(memory_of_names, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen, &memo),
                  .keyed_process = remember_text);

Test(keyed, keeps_values_of_variable_size)
{
    begin(&memory_of_names);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(push("xy", i, i), WSL_OK);
    }
    cr_assert_eq(push("q", 0, 0), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=+xy, at=1, seen=1}@0, {name=+xy+xy, at=2, seen=1}@1, "
                                          "{name=+xy+xy+xy, at=3, seen=1}@2, {name=+q, at=1, seen=1}@0");
    wsl_harness_free(h);
}

static wsl_status use_undeclared(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)in;
    (void)wsl_value_get(k, &memo);
    return WSL_OK;
}
WSL_KEYED_PROCESS(careless, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = use_undeclared);

Test(keyed, refuses_a_state_that_was_not_declared)
{
    begin(&careless);
    cr_assert_eq(push("a", 1, 1), WSL_INVALID);
    cr_assert_str_eq(wsl_harness_error(h)->text,
                     "operator 'careless' (subtask 1 of 1): uses the state 'memo', which is not in "
                     "its .states; row: {name=a, value=1}");
    wsl_harness_free(h);
}

Test(keyed, refuses_a_stream_without_key)
{
    wsl_error err = {0};
    const wsl_harness_options options = {.function = &sums};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "operator 'sums'") && has_text(err.text, "not keyed"), "%s", err.text);
}

Test(keyed, refuses_rows_of_other_subtasks_keys)
{
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = &sums, .keys = WSL_HARNESS_KEYS("name"), .parallelism = 128, .max_parallelism = 128};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK);
    wsl_status status = WSL_OK;
    for (char name[] = "a"; name[0] <= 'z' && status == WSL_OK; name[0]++) {
        status = push(name, 1, 1);
    }
    cr_assert_eq(status, WSL_INTERNAL);
    cr_assert(has_text(wsl_harness_error(h)->text, "another subtask's key group (ours are 0 to 0 of 128)"));
    wsl_harness_free(h);
}

/* ---- event timers ---- */

/* Sets a timer at the row's value; what it is called with comes out. */
static wsl_status set_timer(wsl_keyed_ctx *k, const wsl_row *in) { return wsl_timer_event(k, reading_value(in)); }
static wsl_status report(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    wsl_row_writer w = wsl_begin(k, &alert_schema, 0);
    alert_set_name(&w, wsl_row_str(k->key, 0));
    alert_set_at(&w, at);
    alert_set_seen(&w, event_time ? wsl_watermark(k) : wsl_processing_time(k));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(alarm_clock, .in = &reading_schema, .out = &alert_schema, .keyed_process = set_timer,
                  .on_timer = report);

Test(keyed, ex27_fires_a_timer_set_three_times_once)
{
    begin(&alarm_clock); /* example 27 */
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(push("a", 100, i), WSL_OK);
    }
    cr_assert_eq(wsl_harness_watermark(h, 100), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=a, at=100, seen=100}@100, watermark 100");
    wsl_harness_free(h);
}

static wsl_status report_and_add(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    if (at == 10) {
        WSL_TRY(wsl_timer_event(k, 15));
    }
    return report(k, at, event_time);
}
WSL_KEYED_PROCESS(chained_alarms, .in = &reading_schema, .out = &alert_schema, .keyed_process = set_timer,
                  .on_timer = report_and_add);

Test(keyed, ex28_fires_timers_in_order_with_the_new_watermark_and_then_passes_it_on)
{
    begin(&chained_alarms); /* example 28 */
    (void)push("a", 30, 0);
    (void)push("a", 10, 0);
    (void)push("a", 20, 0);
    cr_assert_eq(wsl_harness_watermark(h, 25), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=a, at=10, seen=25}@10, {name=a, at=15, seen=25}@15, "
                                          "{name=a, at=20, seen=25}@20, watermark 25");
    wsl_harness_free(h);
}

Test(keyed, ex29_a_timer_behind_the_watermark_fires_with_the_next_one)
{
    begin(&alarm_clock); /* example 29 */
    cr_assert_eq(wsl_harness_watermark(h, 25), WSL_OK);
    cr_assert_eq(push("a", 5, 0), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 25", "not at once");
    cr_assert_eq(wsl_harness_watermark(h, 26), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 25, {name=a, at=5, seen=26}@5, watermark 26");
    wsl_harness_free(h);
}

/* The seeds' "no trade for 20 s" alert: three ways to compare. */
enum { HORIZON = 20000 };
static wsl_status watch(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)in;
    WSL_TRY(wsl_value_set_int64(k, &last_seen, wsl_timestamp(k)));
    return wsl_timer_event(k, wsl_timestamp(k) + HORIZON);
}
static wsl_status watch_latest(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)in;
    int64_t seen = 0;
    (void)wsl_value_get_int64(k, &last_seen, &seen);
    const int64_t latest = seen > wsl_timestamp(k) ? seen : wsl_timestamp(k);
    WSL_TRY(wsl_value_set_int64(k, &last_seen, latest));
    return wsl_timer_event(k, wsl_timestamp(k) + HORIZON);
}
static wsl_status alert_at_least(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    (void)event_time;
    int64_t seen = 0;
    (void)wsl_value_get_int64(k, &last_seen, &seen);
    return at >= seen + HORIZON ? emit_alert(k, at) : WSL_OK;
}
static wsl_status alert_exactly(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    (void)event_time;
    int64_t seen = 0;
    (void)wsl_value_get_int64(k, &last_seen, &seen);
    return at == seen + HORIZON ? emit_alert(k, at) : WSL_OK;
}
WSL_KEYED_PROCESS(silence, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = watch, .on_timer = alert_at_least);
WSL_KEYED_PROCESS(silence_exact, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = watch, .on_timer = alert_exactly);
WSL_KEYED_PROCESS(silence_latest, .in = &reading_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = watch_latest, .on_timer = alert_at_least);

static void follow_example_30(const wsl_function *fn, const char *expected)
{
    begin(fn);
    (void)push("a", 0, 100000);
    (void)push("a", 0, 90000);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), expected);
    wsl_harness_free(h);
}

Test(keyed, ex30_in_all_three_ways)
{
    follow_example_30(&silence, "{name=a, at=110000, seen=90000}@110000, {name=a, at=120000, seen=90000}@120000, "
                                "watermark MAX, end");
    follow_example_30(&silence_exact, "{name=a, at=110000, seen=90000}@110000, watermark MAX, end");
    follow_example_30(&silence_latest, "{name=a, at=120000, seen=100000}@120000, watermark MAX, end");
}

Test(keyed, ex31_fires_only_timers_the_watermark_has_reached_and_the_rest_at_the_end)
{
    begin(&alarm_clock); /* example 31: bound 15 s, largest timestamp 200 s */
    (void)push("a", 184999, 0);
    (void)push("b", 185000, 0);
    cr_assert_eq(wsl_harness_watermark(h, 200000 - 15001), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=a, at=184999, seen=184999}@184999, watermark 184999");
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert(has_text(wsl_harness_text(h), "{name=b, at=185000"));
    wsl_harness_free(h);
}

static wsl_status set_then_delete(wsl_keyed_ctx *k, const wsl_row *in)
{
    WSL_TRY(wsl_timer_event(k, 50));
    WSL_TRY(wsl_timer_event(k, 60));
    if (reading_value(in) == 1) {
        wsl_timer_event_delete(k, 50);
    }
    return WSL_OK;
}
static wsl_status report_and_delete_next(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    wsl_timer_event_delete(k, at + 10);
    return report(k, at, event_time);
}
WSL_KEYED_PROCESS(deleting, .in = &reading_schema, .out = &alert_schema, .keyed_process = set_then_delete,
                  .on_timer = report_and_delete_next);

Test(keyed, timers_can_be_deleted_before_and_while_others_fire)
{
    begin(&deleting);
    (void)push("a", 1, 0);
    (void)push("b", 0, 0);
    cr_assert_eq(wsl_harness_watermark(h, 100), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=b, at=50, seen=100}@50, {name=a, at=60, seen=100}@60, watermark 100");
    wsl_harness_free(h);
}

Test(keyed, fires_many_timers_in_turns_and_the_watermark_after_the_last)
{
    enum { N = 20000 };
    begin(&alarm_clock);
    for (int i = 0; i < N; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%d", i);
        (void)push(name, 7, 0);
    }
    cr_assert_eq(wsl_harness_watermark(h, 7), WSL_OK);
    cr_assert_eq(wsl_harness_count(h), N);
    cr_assert_eq(wsl_harness_out_watermark(h), 7);
    const char *text = wsl_harness_text(h);
    cr_assert_str_eq(text + strlen(text) - strlen(", watermark 7"), ", watermark 7");
    wsl_harness_free(h);
}

static wsl_status no_timer(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)in;
    return wsl_timer_event(k, 1);
}
WSL_KEYED_PROCESS(deaf, .in = &reading_schema, .out = &alert_schema, .keyed_process = no_timer);

Test(keyed, refuses_a_timer_nobody_would_hear)
{
    begin(&deaf);
    cr_assert_eq(push("a", 1, 1), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text, "sets a timer, but its function 'deaf' has no .on_timer"));
    wsl_harness_free(h);
}

static wsl_status fail_on_timer(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    (void)event_time;
    return wsl_error_here(k, "too late at %lld", (long long)at);
}
WSL_KEYED_PROCESS(failing_timer, .in = &reading_schema, .out = &alert_schema, .keyed_process = set_timer,
                  .on_timer = fail_on_timer);

Test(keyed, names_the_key_when_a_timer_fails)
{
    begin(&failing_timer);
    (void)push("ACME", 5, 0);
    cr_assert_eq(wsl_harness_watermark(h, 5), WSL_USER);
    cr_assert_str_eq(wsl_harness_error(h)->text,
                     "operator 'failing_timer' (subtask 1 of 1): too late at 5; timer of key: {name=ACME}");
    wsl_harness_free(h);
}

typedef struct turns {
    int n;
} turns;
static wsl_status timer_in_turns(wsl_keyed_ctx *k, int64_t at, bool event_time)
{
    turns *t = k->ctx.local;
    WSL_TRY(report(k, at, event_time));
    if (++t->n % 3 != 0) {
        return WSL_AGAIN;
    }
    return WSL_OK;
}
WSL_KEYED_PROCESS(slow_timer, .in = &reading_schema, .out = &alert_schema, .local_size = sizeof(turns),
                  .keyed_process = set_timer, .on_timer = timer_in_turns);

Test(keyed, calls_a_timer_again_that_said_so)
{
    begin(&slow_timer);
    (void)push("a", 5, 0);
    (void)push("a", 6, 0);
    cr_assert_eq(wsl_harness_watermark(h, 9), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{name=a, at=5, seen=9}@5, {name=a, at=5, seen=9}@5, {name=a, at=5, seen=9}@5, "
                     "{name=a, at=6, seen=9}@6, {name=a, at=6, seen=9}@6, {name=a, at=6, seen=9}@6, "
                     "watermark 9");
    wsl_harness_free(h);
}

/* ---- processing-time timers ---- */

static wsl_status set_processing(wsl_keyed_ctx *k, const wsl_row *in)
{
    return wsl_timer_processing(k, reading_value(in));
}
WSL_KEYED_PROCESS(egg_timer, .in = &reading_schema, .out = &alert_schema, .keyed_process = set_processing,
                  .on_timer = report);

Test(keyed, fires_processing_time_timers_once_the_clock_is_past_them)
{
    begin(&egg_timer); /* the clock shows 1000 */
    (void)push("a", 1100, 5);
    (void)push("b", 1050, 5);
    cr_assert_eq(wsl_harness_advance(h, 50), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "", "at 1050 it is not yet 1051");
    cr_assert_eq(wsl_harness_advance(h, 1), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=b, at=1050, seen=1051}", "and the result has no timestamp");
    cr_assert_eq(wsl_harness_advance(h, 1000), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=b, at=1050, seen=1051}, {name=a, at=1100, seen=1101}");
    wsl_harness_free(h);
}

Test(keyed, processing_time_timers_pending_at_the_end_never_fire)
{
    begin(&egg_timer);
    (void)push("a", 1100, 5);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "watermark MAX, end");
    wsl_harness_free(h);
}

Test(keyed, an_overdue_processing_time_timer_fires_with_the_next_turn)
{
    begin(&egg_timer);
    (void)push("a", 3, 5);
    cr_assert_eq(wsl_harness_advance(h, 0), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=a, at=3, seen=1000}");
    wsl_harness_free(h);
}

/* ---- reduce ---- */

static wsl_status larger(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &reading_schema, 64);
    reading_set_name(&w, reading_name(acc));
    reading_set_value(&w, reading_value(acc) + reading_value(in));
    return wsl_emit(ctx, &w);
}
WSL_REDUCE(sum_of, .in = &reading_schema, .reduce = larger);

static wsl_status keep_or_replace(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    return wsl_emit(ctx, reading_value(in) > reading_value(acc) ? in : acc);
}
WSL_REDUCE(maximum, .in = &reading_schema, .reduce = keep_or_replace);

static wsl_status emit_twice(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    WSL_TRY(wsl_emit(ctx, acc));
    return wsl_emit(ctx, in);
}
WSL_REDUCE(twice, .in = &reading_schema, .reduce = emit_twice);

Test(keyed, reduce_emits_the_new_value_for_every_row)
{
    begin(&sum_of);
    (void)push("a", 1, 10);
    (void)push("a", 2, 11);
    (void)push("b", 5, 12);
    (void)push("a", 4, 13);
    cr_assert_eq(wsl_harness_watermark(h, 13), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{name=a, value=1}@10, {name=a, value=3}@11, {name=b, value=5}@12, "
                                          "{name=a, value=7}@13, watermark 13");
    wsl_harness_free(h);
}

Test(keyed, reduce_may_emit_what_it_was_given)
{
    begin(&maximum);
    (void)push("a", 3, 10);
    (void)push("a", 2, 11);
    (void)push("a", 9, 12);
    (void)push("a", 1, 13);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{name=a, value=3}@10, {name=a, value=3}@11, {name=a, value=9}@12, {name=a, value=9}@13",
                     "each with the timestamp of the row that came");
    wsl_harness_free(h);
}

Test(keyed, reduce_must_emit_exactly_one_row)
{
    begin(&twice);
    (void)push("a", 3, 10);
    cr_assert_eq(push("a", 4, 11), WSL_USER);
    cr_assert_str_eq(wsl_harness_error(h)->text,
                     "operator 'twice' (subtask 1 of 1): a reduce function emits exactly one row, "
                     "this one emitted 2; row: {name=a, value=4}");
    wsl_harness_free(h);
}

WSL_ROW(pair, (int64, id), (int64, n));
static wsl_status add_pairs(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, 0);
    pair_set_id(&w, pair_id(in));
    pair_set_n(&w, pair_n(acc) + pair_n(in));
    return wsl_emit(ctx, &w);
}
WSL_REDUCE(add_up, .in = &pair_schema, .reduce = add_pairs);

Test(keyed, reduce_over_batches_agrees_with_an_array)
{
    enum { KEYS = 5000, BATCH = 512 };
    static int64_t model[KEYS];
    static uint64_t memory[BATCH][5];
    const wsl_row *rows[BATCH];
    wsl_error err = {0};
    const wsl_harness_options options = {.function = &add_up, .keys = WSL_HARNESS_KEYS("id")};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK);
    wsl_rng rng;
    wsl_rng_seed(&rng, 4);
    for (int round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < BATCH; i++) {
            wsl_row_writer w;
            (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], pair_n_fields);
            pair_set_id(&w, (int64_t)wsl_rng_below(&rng, KEYS));
            pair_set_n(&w, (int64_t)wsl_rng_below(&rng, 100));
            rows[i] = w.row;
        }
        cr_assert_eq(wsl_harness_push_batch(h, rows, BATCH), WSL_OK);
        cr_assert_eq(wsl_harness_count(h), BATCH);
        for (uint32_t i = 0; i < BATCH; i++) {
            model[pair_id(rows[i])] += pair_n(rows[i]);
            cr_assert_eq(pair_id(wsl_harness_out(h, i)), pair_id(rows[i]));
            cr_assert_eq(pair_n(wsl_harness_out(h, i)), model[pair_id(rows[i])]);
        }
        wsl_harness_clear(h);
    }
    wsl_harness_free(h);
}
