/* Tumbling and sliding windows that fold their rows: the examples of the semantics, row by row and in batches. */
#include "harness/wsl_test.h"

#include <stdio.h>

#include <wiesel/harness.h>

WSL_ROW(event, (string, name), (int64, value));
WSL_ROW(sum, (int64, total));

static wsl_status add_value(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[sum_f_total] += (uint64_t)event_value(in);
    return WSL_OK;
}
static wsl_status merge_sums(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    acc->slot[sum_f_total] += other->slot[sum_f_total];
    return WSL_OK;
}
WSL_AGGREGATE(sum_up, .in = &event_schema, .acc = &sum_schema, .out = &sum_schema, .add = add_value,
              .merge = merge_sums);
WSL_AGGREGATE(sum_up_alone, .in = &event_schema, .acc = &sum_schema, .out = &sum_schema, .add = add_value);

static wsl_harness *h;
static bool batches; /* rows are gathered until something else happens */
static const wsl_row *gathered[512];
static uint32_t n_gathered;
static char memory[512][64] __attribute__((aligned(8)));

static void begin_with(const wsl_harness_options *options)
{
    wsl_error err = {0};
    wsl_harness_free(h);
    n_gathered = 0;
    cr_assert_eq(wsl_harness_new(options, &h, &err), WSL_OK, "%s", err.text);
}

static const char numbers[] = "CAST(WINDOW_START AS BIGINT) AS a, CAST(WINDOW_END AS BIGINT) AS b, SUM(value) AS v";

static void begin(const wsl_windowing *w)
{
    begin_with(
        &(wsl_harness_options){.windows = w, .select = numbers, .in = &event_schema, .keys = WSL_HARNESS_KEYS("name")});
}

static void begin_sum(const wsl_windowing *w)
{
    begin_with(&(wsl_harness_options){
        .windows = w, .aggregate = &sum_up, .in = &event_schema, .keys = WSL_HARNESS_KEYS("name")});
}

static void ok(wsl_status status) { cr_assert_eq(status, WSL_OK, "%s", wsl_harness_error(h)->text); }

static const wsl_row *row_of(void *room, const char *name, int64_t value)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, room, 64, event_n_fields));
    event_set_name(&w, wsl_str_of(name));
    event_set_value(&w, value);
    return w.row;
}

static void flush(void)
{
    const uint32_t n = n_gathered;
    n_gathered = 0;
    if (n > 0) {
        ok(wsl_harness_push_batch(h, gathered, n));
    }
}

static void push_named(const char *name, int64_t ts, int64_t value)
{
    wsl_row *row = (wsl_row *)row_of(memory[n_gathered], name, value);
    wsl_row_set_timestamp(row, ts);
    gathered[n_gathered++] = row;
    if (!batches || n_gathered == 512) {
        flush();
    }
}
static void push(int64_t ts, int64_t value) { push_named("k", ts, value); }

static void watermark(int64_t wm)
{
    flush();
    ok(wsl_harness_watermark(h, wm));
}

/* What came out since the last look. */
#define gives(want)                                                                                                    \
    do {                                                                                                               \
        flush();                                                                                                       \
        const char *got_ = wsl_harness_text(h);                                                                        \
        cr_assert(strcmp(got_, want) == 0, "%s\ngot      %s\nexpected %s", batches ? "in batches" : "row by row",      \
                  got_, want);                                                                                         \
        wsl_harness_clear(h);                                                                                          \
    } while (0)

static void end(void)
{
    wsl_harness_free(h);
    h = NULL;
}
TestSuite(slices, .fini = end);

/* The body runs twice: row by row, then in batches. */
#define BOTH_WAYS(name)                                                                                                \
    static void name##_(void);                                                                                         \
    Test(slices, name)                                                                                                 \
    {                                                                                                                  \
        batches = false;                                                                                               \
        name##_();                                                                                                     \
        batches = true;                                                                                                \
        name##_();                                                                                                     \
    }                                                                                                                  \
    static void name##_(void)

/* ---- which windows ---- */

BOTH_WAYS(ex06_tumbling_windows_of_negative_times_too)
{
    begin(&(wsl_windowing){.assigner = wsl_tumbling(30000)});
    push(59999, 1);
    push(60000, 2);
    push(-1, 4);
    push(-30000, 8);
    watermark(WSL_TIME_MAX);
    gives("{a=-30000, b=0, v=12}@-1, {a=30000, b=60000, v=1}@59999, {a=60000, b=90000, v=2}@89999, watermark MAX");
}

BOTH_WAYS(ex07_tumbling_windows_with_an_offset)
{
    begin(&(wsl_windowing){.assigner = wsl_with_offset(wsl_tumbling(10), 3)});
    push(2, 1);
    push(3, 2);
    push(12, 4);
    watermark(100);
    gives("{a=-7, b=3, v=1}@2, {a=3, b=13, v=6}@12, watermark 100");
}

BOTH_WAYS(ex08_a_row_is_in_all_its_sliding_windows)
{
    begin(&(wsl_windowing){.assigner = wsl_sliding(10, 5)});
    push(7, 1);
    push(-1, 2);
    watermark(100);
    gives("{a=-10, b=0, v=2}@-1, {a=-5, b=5, v=2}@4, {a=0, b=10, v=1}@9, {a=5, b=15, v=1}@14, watermark 100");
}

BOTH_WAYS(ex09_a_slide_longer_than_the_size_leaves_gaps)
{
    begin(&(wsl_windowing){.assigner = wsl_sliding(5, 10)});
    push(3, 1);
    push(7, 2);
    watermark(4);
    gives("{a=0, b=5, v=1}@4, watermark 4");
    push(7, 2); /* in no window, but not late */
    watermark(8);
    push(8, 2); /* in no window, and late */
    gives("watermark 8");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
}

BOTH_WAYS(sliding_windows_with_an_offset_and_odd_sizes)
{
    begin(&(wsl_windowing){.assigner = wsl_with_offset(wsl_sliding(10, 4), 1)}); /* starts ..., -7, -3, 1, 5 */
    push(0, 1);
    push(1, 2);
    watermark(WSL_TIME_MAX);
    gives("{a=-7, b=3, v=3}@2, {a=-3, b=7, v=3}@6, {a=1, b=11, v=2}@10, watermark MAX");
}

/* ---- when they fire ---- */

BOTH_WAYS(ex10_a_window_fires_when_its_last_timestamp_is_passed)
{
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(30000)});
    push(44999, 1);
    push(15000, 2);
    watermark(44999 - 15000 - 1);
    gives("watermark 29998");
    watermark(45000 - 15000 - 1);
    gives("{total=2}@29999, watermark 29999");
}

BOTH_WAYS(ex11_a_minute_fires_half_a_minute_after_its_end)
{
    const int64_t nine = 9 * 3600000;
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(60000)});
    push(nine, 1);
    push(nine + 59999, 2);
    watermark(nine + 90000 - 1 - 30000 - 1);
    cr_assert_eq(wsl_harness_count(h), 0);
    watermark(nine + 90000 - 30000 - 1);
    cr_assert_eq(wsl_harness_count(h), 1);
    cr_assert_eq(sum_total(wsl_harness_out(h, 0)), 3);
}

BOTH_WAYS(ex12_a_row_is_late_when_its_window_is_gone_not_when_it_is_behind)
{
    const int64_t nine = 9 * 3600000;
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(60000), .late_tag = "late"});
    watermark(nine + 80000 - 30000 - 1); /* 9:00:49.999 */
    wsl_harness_clear(h);
    push(nine + 35000, 1);
    push(nine - 1000, 2);
    flush();
    cr_assert_eq(wsl_harness_side_count(h, "late"), 1);
    cr_assert_eq(event_value(wsl_harness_side(h, "late", 0)), 2);
    watermark(nine + 60000);
    cr_assert_eq(wsl_harness_count(h), 1);
    cr_assert_eq(sum_total(wsl_harness_out(h, 0)), 1);
}

BOTH_WAYS(ex13_late_firings_are_cumulative)
{
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(30000), .lateness_ms = 15000, .late_tag = "late"});
    push(10000, 1);
    watermark(29998);
    gives("watermark 29998");
    watermark(29999);
    gives("{total=1}@29999, watermark 29999");
    watermark(35000);
    gives("watermark 35000");
    push(20000, 2);
    gives("{total=3}@29999");
    push(29999, 4);
    gives("{total=7}@29999");
    watermark(44999);
    gives("watermark 44999");
    push(29999, 8);
    gives("late: {name=k, value=8}@29999");
}

BOTH_WAYS(ex14_without_lateness_the_end_is_the_end)
{
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(30000)});
    watermark(29998);
    push(10000, 1);
    gives("watermark 29998");
    watermark(29999);
    gives("{total=1}@29999, watermark 29999");
    push(10000, 2);
    gives("");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
}

BOTH_WAYS(ex15_the_first_row_of_a_window_may_be_late)
{
    begin_sum(&(wsl_windowing){.assigner = wsl_tumbling(30000), .lateness_ms = 15000});
    watermark(35000);
    push(10000, 5);
    gives("watermark 35000, {total=5}@29999");
}

BOTH_WAYS(ex16_late_for_one_window_is_in_time_for_the_next)
{
    begin(&(wsl_windowing){.assigner = wsl_sliding(10, 5), .late_tag = "late"});
    watermark(9);
    push(7, 1);
    watermark(14);
    gives("watermark 9, {a=5, b=15, v=1}@14, watermark 14");
}

BOTH_WAYS(ex48_a_watermark_without_a_bound_makes_stragglers_late)
{
    for (int lateness = 0; lateness < 2; lateness++) {
        begin(&(wsl_windowing){
            .assigner = wsl_tumbling(30000), .lateness_ms = lateness * 15000, .late_tag = "late-trades"});
        push(100000, 1);
        watermark(99999);
        push(90000, 2); /* in time: [90000, 120000) */
        gives("watermark 99999");
        push(85000, 4);
        if (lateness) {
            gives("{a=60000, b=90000, v=4}@89999");
        } else {
            gives("late-trades: {name=k, value=4}@85000");
        }
        watermark(120000);
        gives("{a=90000, b=120000, v=3}@119999, watermark 120000");
    }
}

BOTH_WAYS(a_late_row_fires_all_its_open_windows_newest_first)
{
    begin(&(wsl_windowing){.assigner = wsl_sliding(10, 5), .lateness_ms = 100});
    push(7, 1);
    watermark(30);
    gives("{a=0, b=10, v=1}@9, {a=5, b=15, v=1}@14, watermark 30");
    push(8, 2);
    gives("{a=5, b=15, v=3}@14, {a=0, b=10, v=3}@9");
    push(3, 4);
    gives("{a=0, b=10, v=7}@9, {a=-5, b=5, v=4}@4");
    watermark(103); /* [-5, 5) is given up when it comes to 104 */
    push(3, 8);
    gives("watermark 103, {a=0, b=10, v=15}@9, {a=-5, b=5, v=12}@4");
    watermark(104);
    push(3, 16);
    gives("watermark 104, {a=0, b=10, v=31}@9");
    watermark(109);
    push(3, 32);
    gives("watermark 109");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
}

BOTH_WAYS(windows_fire_in_the_order_of_their_ends_and_keys_in_order_of_group_and_bytes)
{
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_sliding(20, 10)},
                                      .select = "value, CAST(WINDOW_END AS BIGINT) AS b, COUNT(*) AS n",
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("value"),
                                      .max_parallelism = 1});
    for (int64_t i = 9; i >= 0; i -= 3) {
        push(i, i);
        push(i + 10, i);
    }
    watermark(WSL_TIME_MAX);
    gives("{value=0, b=10, n=1}@9, {value=3, b=10, n=1}@9, {value=6, b=10, n=1}@9, {value=9, b=10, n=1}@9, "
          "{value=0, b=20, n=2}@19, {value=3, b=20, n=2}@19, {value=6, b=20, n=2}@19, {value=9, b=20, n=2}@19, "
          "{value=0, b=30, n=1}@29, {value=3, b=30, n=1}@29, {value=6, b=30, n=1}@29, {value=9, b=30, n=1}@29, "
          "watermark MAX");
}

/* ---- processing time ---- */

Test(slices, ex55_processing_time_windows_fire_by_the_clock_and_are_lost_at_the_end)
{
    begin_with(
        &(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_in_processing_time(wsl_tumbling(5000))},
                               .select = "COUNT(*) AS n",
                               .in = &event_schema,
                               .keys = WSL_HARNESS_KEYS("name"),
                               .clock_ms = 1000});
    const wsl_row *row = row_of(memory[0], "k", 1);
    ok(wsl_harness_push(h, row));
    ok(wsl_harness_advance(h, 3999));
    ok(wsl_harness_push(h, row));
    gives("");
    ok(wsl_harness_advance(h, 1));
    gives("{n=2}@4999");
    ok(wsl_harness_push(h, row));
    ok(wsl_harness_advance(h, 2000));
    ok(wsl_harness_end(h));
    gives("watermark MAX, end");
}

Test(slices, processing_time_windows_slide_and_ignore_lateness)
{
    begin_with(&(wsl_harness_options){
        .windows = &(wsl_windowing){.assigner = wsl_in_processing_time(wsl_sliding(10, 5)), .lateness_ms = 100},
        .select = numbers,
        .in = &event_schema,
        .keys = WSL_HARNESS_KEYS("name"),
        .clock_ms = 7});
    ok(wsl_harness_push(h, row_of(memory[0], "k", 1)));
    ok(wsl_harness_watermark(h, 1000)); /* says nothing about the clock */
    gives("watermark 1000");
    ok(wsl_harness_advance(h, 3));
    gives("{a=0, b=10, v=1}@9");
    ok(wsl_harness_push(h, row_of(memory[0], "k", 2)));
    ok(wsl_harness_advance(h, 100));
    gives("{a=5, b=15, v=3}@14, {a=10, b=20, v=2}@19");
}

/* ---- functions ---- */

static wsl_status larger(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    return wsl_emit(ctx, event_value(in) > event_value(acc) ? in : acc);
}
WSL_REDUCE(largest, .in = &event_schema, .reduce = larger);

BOTH_WAYS(reduce_functions_slide)
{
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_sliding(10, 5)},
                                      .reduce = &largest,
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("name")});
    push(1, 3);
    push(6, 2);
    push(2, 1);
    push(11, 7);
    watermark(WSL_TIME_MAX);
    gives("{name=k, value=3}@4, {name=k, value=3}@9, {name=k, value=7}@14, {name=k, value=7}@19, watermark MAX");
}

BOTH_WAYS(aggregates_without_merge_slide_too)
{
    begin_with(&(wsl_harness_options){
        .windows = &(wsl_windowing){.assigner = wsl_sliding(10, 5), .lateness_ms = 5, .late_tag = "late"},
        .aggregate = &sum_up_alone,
        .in = &event_schema,
        .keys = WSL_HARNESS_KEYS("name")});
    push(1, 1);
    push(7, 2);
    push(11, 4);
    watermark(9);
    gives("{total=1}@4, {total=3}@9, watermark 9");
    push(4, 8); /* [-5, 5) is given up, [0, 10) is not */
    gives("{total=11}@9");
    watermark(14);
    gives("{total=6}@14, watermark 14");
    push(4, 16);
    push(6, 32);
    gives("late: {name=k, value=16}@4, {total=38}@14");
    watermark(WSL_TIME_MAX);
    gives("{total=4}@19, watermark MAX");
}

BOTH_WAYS(first_and_last_follow_the_order_of_arrival_in_sliding_windows)
{
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_sliding(10, 5)},
                                      .select = "FIRST_VALUE(value) AS f, LAST_VALUE(value) AS l",
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("name")});
    push(7, 1);
    push(2, 2);
    push(8, 3);
    push(1, 4);
    watermark(9);
    gives("{f=2, l=4}@4, {f=1, l=4}@9, watermark 9");
}

static wsl_status join_names(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    const wsl_str more = event_name(in);
    const wsl_str so_far = acc != NULL ? event_name(acc) : wsl_str_of("");
    char text[64];
    const int n = snprintf(text, sizeof text, "%.*s%.*s", (int)so_far.size, so_far.data, (int)more.size, more.data);
    wsl_row_writer w = wsl_begin(ctx, &event_schema, (uint32_t)n);
    event_set_name(&w, (wsl_str){text, (uint32_t)n});
    event_set_value(&w, (acc != NULL ? event_value(acc) : 0) + event_value(in));
    return wsl_emit(ctx, &w);
}
static wsl_status join_accs(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other) { return join_names(ctx, acc, other); }
static wsl_status name_only(wsl_ctx *ctx, const wsl_row *acc) { return wsl_emit(ctx, acc); }
WSL_AGGREGATE(names, .in = &event_schema, .acc = &event_schema, .out = &event_schema, .update = join_names,
              .merge = join_accs, .result = name_only);

BOTH_WAYS(accumulators_of_variable_size_merge_and_fire_late)
{
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_sliding(6, 2), .lateness_ms = 10},
                                      .aggregate = &names,
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("value")});
    push_named("a", 0, 0);
    push_named("b", 2, 0);
    push_named("c", 4, 0);
    watermark(5);
    gives("{name=a, value=0}@1, {name=ab, value=0}@3, {name=abc, value=0}@5, watermark 5");
    push_named("x", 4, 0);
    gives("{name=abcx, value=0}@5");
    watermark(9);
    gives("{name=bcx, value=0}@7, {name=cx, value=0}@9, watermark 9");
}

BOTH_WAYS(windows_over_all_rows_have_one_key)
{
    begin_with(&(wsl_harness_options){
        .windows = &(wsl_windowing){.assigner = wsl_sliding(10, 5)}, .select = numbers, .in = &event_schema});
    push_named("a", 1, 1);
    push_named("b", 6, 2);
    push_named("c", 7, 4);
    watermark(WSL_TIME_MAX);
    gives("{a=-5, b=5, v=1}@4, {a=0, b=10, v=7}@9, {a=5, b=15, v=6}@14, watermark MAX");
}

/* ---- window functions ---- */

WSL_ROW(told, (string, name), (int64, start), (int64, end), (int64, total), (int64, of_key), (int64, of_window));
WSL_VALUE_STATE(firings, "firings", (int64, n));

static int n_cleared;

static wsl_status tell(wsl_window_ctx *w, wsl_rows *rows)
{
    int64_t of_key = 0, of_window = 0;
    const wsl_row *sum_row = wsl_rows_next(rows);
    cr_assert_eq(wsl_rows_count(rows), 1);
    cr_assert_null(wsl_rows_next(rows));
    wsl_rows_rewind(rows);
    cr_assert_eq(wsl_rows_next(rows), sum_row);
    (void)wsl_value_get_int64(&w->k, &firings, &of_key);
    (void)wsl_value_get_int64(w->state, &firings, &of_window);
    WSL_TRY(wsl_value_set_int64(&w->k, &firings, ++of_key));
    WSL_TRY(wsl_value_set_int64(w->state, &firings, ++of_window));
    wsl_row_writer out = wsl_begin(w, &told_schema, 64);
    told_set_name(&out, wsl_row_str(w->k.key, 0));
    told_set_start(&out, w->window.start);
    told_set_end(&out, w->window.end);
    told_set_total(&out, sum_total(sum_row));
    told_set_of_key(&out, of_key);
    told_set_of_window(&out, of_window);
    return wsl_emit(w, &out);
}
static wsl_status forget(wsl_window_ctx *w)
{
    int64_t n = 0;
    n_cleared++;
    cr_assert(wsl_value_get_int64(w->state, &firings, &n), "of the window that is given up");
    wsl_value_clear(w->state, &firings);
    return WSL_OK;
}
WSL_WINDOW(teller, .in = &sum_schema, .out = &told_schema, .states = WSL_STATES(&firings), .window = tell,
           .window_clear = forget);

BOTH_WAYS(a_window_function_gets_the_result_the_window_and_two_kinds_of_state)
{
    n_cleared = 0;
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_sliding(10, 5), .lateness_ms = 5},
                                      .aggregate = &sum_up,
                                      .window = &teller,
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("name")});
    push(7, 1);
    watermark(9);
    gives("{name=k, start=0, end=10, total=1, of_key=1, of_window=1}@9, watermark 9");
    push(8, 2);
    gives("{name=k, start=0, end=10, total=3, of_key=2, of_window=2}@9");
    cr_assert_eq(n_cleared, 0);
    watermark(14);
    gives("{name=k, start=5, end=15, total=3, of_key=3, of_window=1}@14, watermark 14");
    cr_assert_eq(n_cleared, 1, "[0, 10) is given up at 14");
    watermark(WSL_TIME_MAX);
    gives("watermark MAX");
    cr_assert_eq(n_cleared, 2);
}

BOTH_WAYS(without_lateness_a_window_is_given_up_as_it_fires)
{
    n_cleared = 0;
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_tumbling(10)},
                                      .aggregate = &sum_up,
                                      .window = &teller,
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("name")});
    push(7, 1);
    push(17, 2);
    watermark(19);
    gives("{name=k, start=0, end=10, total=1, of_key=1, of_window=1}@9, "
          "{name=k, start=10, end=20, total=2, of_key=2, of_window=1}@19, watermark 19");
    cr_assert_eq(n_cleared, 2);
}

/* ---- edges ---- */

BOTH_WAYS(times_near_the_limits_do_not_overflow)
{
    begin(&(wsl_windowing){.assigner = wsl_sliding(10, 4), .lateness_ms = 1000});
    push(WSL_TIME_MIN, 1);
    push(WSL_TIME_MIN + 1, 2);
    push(WSL_TIME_MAX - 1, 4);
    push(WSL_TIME_MAX, 8);
    watermark(WSL_TIME_MIN + 100);
    flush();
    const char *text = wsl_harness_text(h);
    cr_assert_neq(strstr(text, "v=3}"), NULL, "%s", text);
    wsl_harness_clear(h);
    watermark(WSL_TIME_MAX);
    text = wsl_harness_text(h);
    cr_assert_neq(strstr(text, "v=12}@9223372036854775807"), NULL, "%s", text);
}

BOTH_WAYS(an_hour_by_a_second_over_a_gap_of_years)
{
    begin_sum(&(wsl_windowing){.assigner = wsl_sliding(3600000, 1000)});
    push(5, 1);
    push(INT64_C(40) * 365 * 86400000 + 5, 2);
    watermark(WSL_TIME_MAX);
    cr_assert_eq(wsl_harness_count(h), 7200, "%u: 3600 windows of each row, none in between", wsl_harness_count(h));
}

Test(slices, a_row_without_a_timestamp_is_an_error)
{
    begin(&(wsl_windowing){.assigner = wsl_tumbling(10)});
    cr_assert_eq(wsl_harness_push(h, row_of(memory[0], "k", 1)), WSL_INVALID);
    const char *text = wsl_harness_error(h)->text;
    cr_assert_neq(strstr(text, "operator 'window'"), NULL, "%s", text);
    cr_assert_neq(strstr(text, "without a timestamp"), NULL, "%s", text);
}

static wsl_status refuse(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)acc;
    return event_value(in) == 13 ? wsl_error_here(ctx, "value %d", 13) : WSL_OK;
}
WSL_AGGREGATE(picky, .in = &event_schema, .acc = &sum_schema, .add = refuse);

Test(slices, an_error_of_a_function_names_the_row)
{
    begin_with(&(wsl_harness_options){.windows = &(wsl_windowing){.assigner = wsl_tumbling(10)},
                                      .aggregate = &picky,
                                      .in = &event_schema,
                                      .keys = WSL_HARNESS_KEYS("name")});
    wsl_row *row = (wsl_row *)row_of(memory[0], "k", 13);
    wsl_row_set_timestamp(row, 1);
    cr_assert_eq(wsl_harness_push(h, row), WSL_USER);
    const char *text = wsl_harness_error(h)->text;
    cr_assert_neq(strstr(text, "value 13"), NULL, "%s", text);
    cr_assert_neq(strstr(text, "{name=k, value=13}"), NULL, "%s", text);
}
