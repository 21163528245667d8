/* Joins and groups of two inputs by window, as a job author tests them. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wiesel/connect.h>
#include <wiesel/harness.h>

#include "base/rng.h"

WSL_ROW(left, (int64, key), (int64, id));
WSL_ROW(right, (string, note), (int64, id), (int64, key));
WSL_ROW(pair, (int64, l), (int64, r));
WSL_ROW(group, (int64, key), (int64, start), (int64, lefts), (int64, rights), (int64, sum));

static wsl_status emit_pair(wsl_ctx *ctx, const wsl_row *l, const wsl_row *r)
{
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, 0);
    pair_set_l(&w, left_id(l));
    pair_set_r(&w, right_id(r));
    return wsl_emit(ctx, &w);
}
WSL_JOIN(pairs, .in = &left_schema, .in2 = &right_schema, .out = &pair_schema, .join = emit_pair);

/* Looks at both sides twice, to see that they can be. */
static wsl_status emit_group(wsl_window_ctx *w, wsl_rows *l, wsl_rows *r)
{
    int64_t sum = 0;
    const wsl_row *row;
    for (int turn = 0; turn < 2; turn++) {
        while ((row = wsl_rows_next(l)) != NULL) {
            sum += left_id(row);
        }
        while ((row = wsl_rows_next(r)) != NULL) {
            sum += right_id(row) * 1000;
        }
        wsl_rows_rewind(l);
        wsl_rows_rewind(r);
    }
    wsl_row_writer out = wsl_begin(w, &group_schema, 0);
    group_set_key(&out, wsl_row_int64(w->k.key, 0));
    group_set_start(&out, w->window.start);
    group_set_lefts(&out, wsl_rows_count(l));
    group_set_rights(&out, wsl_rows_count(r));
    group_set_sum(&out, sum / 2);
    return wsl_emit(w, &out);
}
WSL_CO_GROUP(groups, .in = &left_schema, .in2 = &right_schema, .out = &group_schema, .co_group = emit_group);

static wsl_harness *make(const wsl_function *fn, const wsl_windowing *windows)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {.function = fn, .windows = windows, .keys = WSL_HARNESS_KEYS("key")};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

enum { ROW_BYTES = 128 };

static const wsl_row *row_of(uint64_t memory[ROW_BYTES / 8], uint32_t input, int64_t key, int64_t id, int64_t at)
{
    wsl_row_writer w;
    if (input == 0) {
        (void)wsl_row_writer_init(&w, memory, ROW_BYTES, left_n_fields);
        left_set_key(&w, key);
        left_set_id(&w, id);
    } else {
        (void)wsl_row_writer_init(&w, memory, ROW_BYTES, right_n_fields);
        right_set_note(&w, wsl_str_of("a right row"));
        right_set_key(&w, key);
        right_set_id(&w, id);
    }
    wsl_row_set_timestamp(w.row, at);
    return w.row;
}

static wsl_status push(wsl_harness *h, uint32_t input, int64_t key, int64_t id, int64_t at)
{
    uint64_t memory[ROW_BYTES / 8];
    return wsl_harness_push_row_to(h, input, row_of(memory, input, key, id, at));
}

static const wsl_windowing tens = {.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10}};

#define EX34 "{l=1, r=2}@9, {l=3, r=2}@9, watermark 9"

Test(window_join, ex34_all_pairs_of_a_window_when_it_fires)
{
    WSL_AUTO(wsl_harness) h = make(&pairs, &tens);
    (void)push(h, 0, 7, 1, 1);
    (void)push(h, 0, 7, 3, 3);
    (void)push(h, 1, 7, 2, 2);
    (void)push(h, 1, 7, 12, 12);
    (void)wsl_harness_watermark_to(h, 0, 9);
    cr_assert_str_eq(wsl_harness_text(h), "", "the second input holds the window open");
    (void)wsl_harness_watermark_to(h, 1, 9);
    cr_assert_str_eq(wsl_harness_text(h), EX34);
    (void)wsl_harness_end(h);
    cr_assert_str_eq(wsl_harness_text(h), EX34 ", watermark MAX, end", "no partner for 12");
}

Test(window_join, ex34_in_batches_with_the_right_side_first)
{
    WSL_AUTO(wsl_harness) h = make(&pairs, &tens);
    uint64_t memory[4][ROW_BYTES / 8];
    const wsl_row *rights[] = {row_of(memory[0], 1, 7, 2, 2), row_of(memory[1], 1, 7, 12, 12)};
    const wsl_row *lefts[] = {row_of(memory[2], 0, 7, 1, 1), row_of(memory[3], 0, 7, 3, 3)};
    (void)wsl_harness_push_batch_to(h, 1, rights, 2);
    (void)wsl_harness_push_batch_to(h, 0, lefts, 2);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_str_eq(wsl_harness_text(h), EX34);
}

Test(window_join, groups_have_one_side_too)
{
    WSL_AUTO(wsl_harness) h = make(&groups, &tens);
    (void)push(h, 0, 1, 5, 1);
    (void)push(h, 1, 2, 6, 2);
    (void)push(h, 0, 3, 7, 3);
    (void)push(h, 1, 3, 8, 4);
    (void)push(h, 1, 3, 9, 4);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_eq(wsl_harness_count(h), 3);
    const char *text = wsl_harness_text(h);
    cr_assert(has_text(text, "{key=1, start=0, lefts=1, rights=0, sum=5}@9"), "%s", text);
    cr_assert(has_text(text, "{key=2, start=0, lefts=0, rights=1, sum=6000}@9"), "%s", text);
    cr_assert(has_text(text, "{key=3, start=0, lefts=1, rights=2, sum=17007}@9"), "%s", text);
}

Test(window_join, a_late_row_fires_again_with_the_whole_window_and_later_ones_are_counted)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(10), .lateness_ms = 5};
    WSL_AUTO(wsl_harness) h = make(&pairs, &windows);
    (void)push(h, 0, 7, 1, 1);
    (void)push(h, 1, 7, 2, 2);
    (void)wsl_harness_watermark(h, 9);
    wsl_harness_clear(h);
    (void)push(h, 1, 7, 4, 4);
    cr_assert_str_eq(wsl_harness_text(h), "{l=1, r=2}@9, {l=1, r=4}@9", "cumulative");
    (void)wsl_harness_watermark(h, 14);
    wsl_harness_clear(h);
    (void)push(h, 1, 7, 5, 5);
    cr_assert_str_eq(wsl_harness_text(h), "");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
}

Test(window_join, late_rows_of_either_side_go_out_as_they_came_and_are_sampled_alike)
{
    wsl_harness *made = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {.function = &pairs,
                                   .windows = &tens,
                                   .keys = WSL_HARNESS_KEYS("key"),
                                   .options = WSL_HARNESS_OPTIONS("late-left", "too-late", "late-right", "missed")};
    cr_assert_eq(wsl_harness_new(&o, &made, &err), WSL_OK, "%s", err.text);
    WSL_AUTO(wsl_harness) h = made;
    (void)wsl_harness_watermark(h, 9);
    wsl_harness_clear(h);
    (void)push(h, 1, 7, 5, 9);
    (void)push(h, 0, 7, 6, 8);
    (void)push(h, 0, 7, 7, 10);
    cr_assert_str_eq(wsl_harness_text(h),
                     "missed: {note=a right row, id=5, key=7}@9, too-late: {key=7, id=6}@8", "%s", wsl_harness_text(h));
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 0);
}

Test(window_join, sessions_of_both_inputs_merge)
{
    const wsl_windowing windows = {.assigner = wsl_session(10)};
    WSL_AUTO(wsl_harness) h = make(&groups, &windows);
    (void)push(h, 0, 1, 1, 0);
    (void)push(h, 1, 1, 2, 15);
    (void)push(h, 0, 1, 3, 8);
    (void)wsl_harness_watermark(h, 24);
    cr_assert_str_eq(wsl_harness_text(h), "{key=1, start=0, lefts=2, rights=1, sum=2004}@24, watermark 24");
}

Test(window_join, evictors_see_the_rows_of_both_in_order_of_arrival)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(10), .evictor = wsl_count_evictor(3)};
    WSL_AUTO(wsl_harness) h = make(&pairs, &windows);
    (void)push(h, 0, 7, 1, 1);
    (void)push(h, 1, 7, 2, 2);
    (void)push(h, 0, 7, 3, 3);
    (void)push(h, 1, 7, 4, 4);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_str_eq(wsl_harness_text(h), "{l=3, r=2}@9, {l=3, r=4}@9, watermark 9");
}

Test(window_join, an_evictor_that_comes_after_leaves_both_sides_what_they_are)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(10), .lateness_ms = 50, .evictor = wsl_evict_after(wsl_count_evictor(2))};
    WSL_AUTO(wsl_harness) h = make(&pairs, &windows);
    (void)push(h, 0, 7, 1, 1);
    (void)push(h, 0, 7, 2, 1);
    (void)push(h, 1, 7, 3, 2);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_str_eq(wsl_harness_text(h), "{l=1, r=3}@9, {l=2, r=3}@9, watermark 9");
    wsl_harness_clear(h);
    (void)push(h, 1, 7, 4, 3);
    cr_assert_str_eq(wsl_harness_text(h), "{l=2, r=3}@9, {l=2, r=4}@9");
}

static wsl_status give_right(wsl_ctx *ctx, const wsl_row *l, const wsl_row *r)
{
    (void)l;
    return wsl_emit(ctx, r);
}
WSL_JOIN(right_only, .in = &left_schema, .in2 = &right_schema, .out = &right_schema, .join = give_right);

Test(window_join, a_row_that_is_given_out_again_gets_the_windows_time_and_no_mark)
{
    WSL_AUTO(wsl_harness) h = make(&right_only, &tens);
    (void)push(h, 0, 7, 1, 1);
    (void)push(h, 1, 7, 2, 2);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_str_eq(wsl_harness_text(h), "{note=a right row, id=2, key=7}@9, watermark 9");
    cr_assert_eq(wsl_harness_out(h, 0)->op, WSL_OP_INSERT);
}

/* 40000 pairs: more than a turn; what comes behind waits its turn. */
Test(window_join, many_pairs_come_in_turns_before_the_watermark)
{
    WSL_AUTO(wsl_harness) h = make(&pairs, &tens);
    for (int i = 0; i < 200; i++) {
        (void)push(h, 0, 7, i, 1);
        (void)push(h, 1, 7, i, 1);
    }
    (void)push(h, 0, 8, 1000, 1);
    (void)push(h, 1, 8, 1000, 1);
    (void)wsl_harness_watermark(h, 9);
    cr_assert_eq(wsl_harness_count(h), 40001);
    cr_assert_eq(wsl_harness_out_watermark(h), 9);
    const char *text = wsl_harness_text(h);
    cr_assert_str_eq(text + strlen(text) - strlen(", watermark 9"), ", watermark 9");
}

static wsl_status purge_at_once(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    (void)w, (void)row;
    *out = WSL_TRIGGER_FIRE_AND_PURGE;
    return WSL_OK;
}
WSL_TRIGGER(typed_trigger, .in = &left_schema, .on_element = purge_at_once);

Test(window_join, what_needs_rows_of_one_type_is_refused)
{
    static const struct {
        wsl_windowing windows;
        const char *sentence;
    } cases[] = {
        {{.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10}, .late_tag = "late"},
         "a window of two inputs has late rows of two types: name a side output for each with wsl_window_join_late, or "
         "they are counted"},
        {{.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10},
          .trigger = {.kind = WSL_TRIGGER_DELTA, .field = "id", .threshold = 1}},
         "a window of two inputs has rows of two types, which a delta trigger or evictor, or an evictor of your own, "
         "could not tell apart"},
        {{.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10},
          .trigger = {.kind = WSL_TRIGGER_CUSTOM, .function = &typed_trigger}},
         "'typed_trigger' would be given rows of two types; leave its .in out"},
    };
    for (int i = 0; i < 3; i++) {
        wsl_harness *h = NULL;
        wsl_error err = {0};
        const wsl_harness_options o = {
            .function = &pairs, .windows = &cases[i].windows, .keys = WSL_HARNESS_KEYS("key")};
        cr_assert_neq(wsl_harness_new(&o, &h, &err), WSL_OK);
        cr_assert_str_eq(err.text, cases[i].sentence, "%s", err.text);
    }
}

/* ---- against the dullest correct join ---- */

enum { ROWS = 300, KEYS = 4, SIZE = 10, SLIDE = 5 };

typedef struct item {
    uint32_t input;
    int64_t key, at, id;
} item;

static int64_t start_before(int64_t at) { return at - at % SLIDE; }

/* In order within the bound, so nothing is late; sliding windows, each pair once per window that has both. */
static void run_model(uint64_t seed, uint32_t batch_max)
{
    const wsl_windowing windows = {.assigner = wsl_sliding(SIZE, SLIDE)};
    WSL_AUTO(wsl_harness) h = make(&pairs, &windows);
    static item items[ROWS];
    static uint64_t memory[512][ROW_BYTES / 8];
    uint32_t n = 0, want = 0;
    int64_t check = 0, got = 0;
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    while (n < ROWS) {
        const wsl_row *rows[512];
        const uint32_t input = (uint32_t)wsl_rng_below(&rng, 2);
        uint32_t batch = 1 + (uint32_t)wsl_rng_below(&rng, batch_max);
        batch = batch < ROWS - n ? batch : ROWS - n;
        for (uint32_t i = 0; i < batch; i++, n++) {
            items[n] = (item){input, (int64_t)wsl_rng_below(&rng, KEYS), n / 3 + (int64_t)wsl_rng_below(&rng, 10), n};
            rows[i] = row_of(memory[i], input, items[n].key, n, items[n].at);
        }
        cr_assert_eq(wsl_harness_push_batch_to(h, input, rows, batch), WSL_OK, "%s", wsl_harness_error(h)->text);
        (void)wsl_harness_watermark(h, (int64_t)(n / 3) - 1);
    }
    (void)wsl_harness_end(h);
    for (uint32_t a = 0; a < ROWS; a++) {
        for (uint32_t b = 0; b < ROWS; b++) {
            if (items[a].input != 0 || items[b].input != 1 || items[a].key != items[b].key) {
                continue;
            }
            const int64_t last = start_before(items[a].at < items[b].at ? items[a].at : items[b].at);
            for (int64_t start = last; start > last - SIZE; start -= SLIDE) {
                if (items[a].at < start + SIZE && items[b].at < start + SIZE) {
                    want++;
                    check += items[a].id * 1000 + items[b].id + (start + SIZE - 1) * 7;
                }
            }
        }
    }
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 0);
    cr_assert_eq(wsl_harness_count(h), want, "seed %llu: %u, not %u", (unsigned long long)seed, wsl_harness_count(h), want);
    for (uint32_t i = 0; i < want; i++) {
        const wsl_row *out = wsl_harness_out(h, i);
        got += pair_l(out) * 1000 + pair_r(out) + out->timestamp * 7;
    }
    cr_assert_eq(got, check, "seed %llu", (unsigned long long)seed);
}

Test(window_join, sliding_windows_agree_with_a_slow_model_one_row_at_a_time)
{
    for (uint64_t seed = 1; seed <= 15; seed++) {
        run_model(seed, 1);
    }
}

Test(window_join, sliding_windows_agree_with_a_slow_model_in_batches)
{
    for (uint64_t seed = 101; seed <= 115; seed++) {
        run_model(seed, 40);
    }
}
