/* Interval joins, as a job author tests them. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wiesel/connect.h>
#include <wiesel/harness.h>

#include "base/rng.h"

WSL_ROW(order, (int64, key), (int64, id));
WSL_ROW(shipment, (string, note), (int64, key), (int64, id));
WSL_ROW(pair, (int64, left), (int64, right));

static wsl_status join_one(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, 0);
    pair_set_left(&w, order_id(left));
    pair_set_right(&w, shipment_id(right));
    return wsl_emit(ctx, &w);
}
WSL_JOIN(join, .in = &order_schema, .in2 = &shipment_schema, .out = &pair_schema, .join = join_one);

static wsl_harness *make_with(const wsl_function *fn, const char *const *options)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options o = {
        .function = fn, .kind = "interval_join", .options = options, .keys = WSL_HARNESS_KEYS("key")};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static wsl_harness *make(const char *lower, const char *upper, const char *bounds)
{
    return make_with(&join, WSL_HARNESS_OPTIONS("lower", lower, "upper", upper, "bounds", bounds));
}

enum { ROW_BYTES = 128 };

static const wsl_row *row_of(uint64_t memory[ROW_BYTES / 8], uint32_t input, int64_t key, int64_t id, int64_t at)
{
    wsl_row_writer w;
    if (input == 0) {
        (void)wsl_row_writer_init(&w, memory, ROW_BYTES, order_n_fields);
        order_set_key(&w, key);
        order_set_id(&w, id);
    } else {
        (void)wsl_row_writer_init(&w, memory, ROW_BYTES, shipment_n_fields);
        shipment_set_note(&w, wsl_str_of("shipped"));
        shipment_set_key(&w, key);
        shipment_set_id(&w, id);
    }
    wsl_row_set_timestamp(w.row, at);
    return w.row;
}

static wsl_status push(wsl_harness *h, uint32_t input, int64_t at)
{
    uint64_t memory[ROW_BYTES / 8];
    return wsl_harness_push_row_to(h, input, row_of(memory, input, 1, at, at));
}

static const int64_t ex32_rights[] = {7, 8, 9, 11, 12};
#define EX32 "{left=10, right=8}@10, {left=10, right=9}@10, {left=10, right=11}@11"

Test(interval_join, ex32_rights_from_2_before_to_1_after_pair_with_the_later_time)
{
    WSL_AUTO(wsl_harness) h = make("-2", "1", "inclusive");
    (void)push(h, 0, 10);
    for (int i = 0; i < 5; i++) {
        (void)push(h, 1, ex32_rights[i]);
    }
    cr_assert_str_eq(wsl_harness_text(h), EX32);
}

Test(interval_join, ex32_in_batches_and_with_the_left_row_last)
{
    WSL_AUTO(wsl_harness) h = make("-2", "1", "inclusive");
    uint64_t memory[6][ROW_BYTES / 8];
    const wsl_row *rows[5];
    for (int i = 0; i < 5; i++) {
        rows[i] = row_of(memory[i], 1, 1, ex32_rights[i], ex32_rights[i]);
    }
    cr_assert_eq(wsl_harness_push_batch_to(h, 1, rows, 5), WSL_OK);
    (void)push(h, 0, 10);
    cr_assert_str_eq(wsl_harness_text(h), EX32);
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_push_batch_to(h, 1, rows, 5), WSL_OK, "%s", wsl_harness_error(h)->text);
    cr_assert_str_eq(wsl_harness_text(h), EX32);
}

Test(interval_join, ex33_equal_to_the_watermark_joins_and_below_is_late)
{
    WSL_AUTO(wsl_harness) h = make("-2", "1", "inclusive");
    (void)push(h, 1, 9);
    (void)wsl_harness_watermark(h, 10);
    (void)push(h, 0, 10);
    (void)push(h, 0, 9);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 10, {left=10, right=9}@10");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
}

Test(interval_join, ex33_late_rows_go_out_as_they_came_if_there_is_a_tag)
{
    WSL_AUTO(wsl_harness) h = make_with(&join, WSL_HARNESS_OPTIONS("lower", "-2", "upper", "1", "late-left", "too-late",
                                                                   "late-right", "missed"));
    (void)wsl_harness_watermark(h, 10);
    (void)push(h, 0, 9);
    (void)push(h, 1, 8);
    (void)push(h, 1, 10);
    cr_assert_str_eq(wsl_harness_text(h),
                     "watermark 10, too-late: {key=1, id=9}@9, missed: {note=shipped, key=1, id=8}@8");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 0);
}

Test(interval_join, bounds_may_be_excluded)
{
    static const struct {
        const char *bounds;
        const char *text;
    } cases[] = {
        {"inclusive", "{left=10, right=8}@10, {left=10, right=9}@10, {left=10, right=11}@11"},
        {"lower-exclusive", "{left=10, right=9}@10, {left=10, right=11}@11"},
        {"upper-exclusive", "{left=10, right=8}@10, {left=10, right=9}@10"},
        {"exclusive", "{left=10, right=9}@10"},
    };
    for (int c = 0; c < 4; c++) {
        WSL_AUTO(wsl_harness) h = make("-2", "1", cases[c].bounds);
        (void)push(h, 0, 10);
        for (int i = 0; i < 5; i++) {
            (void)push(h, 1, ex32_rights[i]);
        }
        cr_assert_str_eq(wsl_harness_text(h), cases[c].text, "%s: %s", cases[c].bounds, wsl_harness_text(h));
    }
}

Test(interval_join, a_row_leaves_with_its_last_chance)
{
    WSL_AUTO(wsl_harness) h = make("-2", "1", "inclusive");
    (void)push(h, 0, 10);
    (void)wsl_harness_watermark(h, 10);
    (void)push(h, 1, 11);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 10, {left=10, right=11}@11");
    wsl_harness_clear(h);
    (void)wsl_harness_watermark(h, 11);
    (void)push(h, 1, 11);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 11", "the watermark has promised that no partner comes");
    (void)push(h, 0, 13);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 11, {left=13, right=11}@13, {left=13, right=11}@13",
                     "right rows wait until 13");
    wsl_harness_clear(h);
    (void)wsl_harness_watermark(h, 13);
    (void)push(h, 0, 13);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 13");
}

Test(interval_join, rows_at_the_watermark_meet_until_it_moves_on)
{
    WSL_AUTO(wsl_harness) h = make("0", "0", "inclusive");
    (void)wsl_harness_watermark(h, 10);
    (void)push(h, 0, 10);
    (void)push(h, 1, 10);
    cr_assert_str_eq(wsl_harness_text(h), "watermark 10, {left=10, right=10}@10");
}

Test(interval_join, a_row_without_timestamp_fails_the_job)
{
    WSL_AUTO(wsl_harness) h = make("0", "5", "inclusive");
    uint64_t memory[ROW_BYTES / 8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, ROW_BYTES, shipment_n_fields);
    shipment_set_key(&w, 1);
    cr_assert_eq(wsl_harness_push_row_to(h, 1, w.row), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text, "operator 'join' (subtask 1 of 1): a row without timestamp reached "
                                                   "the second input of an interval join"),
              "%s", wsl_harness_error(h)->text);
    cr_assert(has_text(wsl_harness_error(h)->text, "row: {note=NULL, key=1"), "%s", wsl_harness_error(h)->text);
}

static wsl_status give_left(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    (void)right;
    return wsl_emit(ctx, left);
}
WSL_JOIN(left_only, .in = &order_schema, .in2 = &shipment_schema, .out = &order_schema, .join = give_left);

Test(interval_join, a_row_that_is_given_out_again_gets_the_pairs_time)
{
    WSL_AUTO(wsl_harness) h = make_with(&left_only, WSL_HARNESS_OPTIONS("lower", "0", "upper", "5"));
    (void)push(h, 1, 14);
    (void)push(h, 0, 10);
    cr_assert_str_eq(wsl_harness_text(h), "{key=1, id=10}@14");
}

typedef struct twice {
    int64_t calls;
} twice;

static wsl_status every_pair_twice(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    twice *t = ctx->local;
    if (++t->calls % 2 == 1) {
        return WSL_AGAIN;
    }
    return join_one(ctx, left, right);
}
WSL_JOIN(slow_join, .in = &order_schema, .in2 = &shipment_schema, .out = &pair_schema, .local_size = sizeof(twice),
         .join = every_pair_twice);

Test(interval_join, a_function_that_is_called_again_gets_the_same_pair)
{
    WSL_AUTO(wsl_harness) h = make_with(&slow_join, WSL_HARNESS_OPTIONS("lower", "0", "upper", "5000"));
    uint64_t memory[3][ROW_BYTES / 8];
    const wsl_row *rows[3];
    for (int i = 0; i < 3000; i++) {
        (void)push(h, 0, i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        rows[i] = row_of(memory[i], 1, 1, 4000 + i, 4000 + i);
    }
    cr_assert_eq(wsl_harness_push_batch_to(h, 1, rows, 3), WSL_OK, "%s", wsl_harness_error(h)->text);
    cr_assert_eq(wsl_harness_count(h), 9000);
    for (uint32_t i = 0; i < 9000; i++) {
        const wsl_row *out = wsl_harness_out(h, i);
        cr_assert(pair_left(out) == i % 3000 && pair_right(out) == 4000 + i / 3000, "pair %u", i);
        i += i % 3000 > 5 && i % 3000 < 2990 ? 400 : 0; /* a sample: looking one up is a search */
        i = i < 9000 ? i : 8999;
    }
}

Test(interval_join, times_at_the_ends_of_the_scale_do_not_overflow)
{
    WSL_AUTO(wsl_harness) h = make("-9223372036854775807", "9223372036854775807", "inclusive");
    (void)push(h, 0, INT64_MAX - 1);
    (void)push(h, 1, INT64_MIN + 5);
    (void)push(h, 1, INT64_MAX - 1);
    (void)wsl_harness_watermark(h, INT64_MAX - 5);
    (void)push(h, 0, INT64_MAX - 1);
    (void)wsl_harness_end(h);
    cr_assert_eq(wsl_harness_error(h)->status, WSL_OK, "%s", wsl_harness_error(h)->text);
    cr_assert_geq(wsl_harness_count(h), 2);
}

/* ---- against the dullest correct join ---- */

enum { ROWS = 600, KEYS = 5 };

typedef struct item {
    uint32_t input;
    int64_t key, at, id;
    bool late;
    int64_t arrived_under; /* watermark */
} item;

typedef struct result {
    int64_t left, right, at;
} result;

static int64_t last_chance(const item *it, int64_t lower, int64_t upper)
{
    const int64_t until = it->input == 0 ? it->at + upper : it->at - lower;
    return until > it->at ? until : it->at;
}

/* `since`: the first watermark set after the row came that was not below its last chance has taken it away. */
static bool is_gone(const item *it, int64_t lower, int64_t upper, int64_t watermark)
{
    return watermark > it->arrived_under && last_chance(it, lower, upper) <= watermark;
}

static void run_model(uint64_t seed, uint32_t batch_max)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    const int64_t lower = (int64_t)wsl_rng_below(&rng, 30) - 20;
    const int64_t upper = lower + (int64_t)wsl_rng_below(&rng, 25);
    char lower_text[32], upper_text[32];
    snprintf(lower_text, sizeof lower_text, "%lld", (long long)lower);
    snprintf(upper_text, sizeof upper_text, "%lld", (long long)upper);
    WSL_AUTO(wsl_harness) h = make(lower_text, upper_text, "inclusive");
    static item items[ROWS];
    static result want[ROWS * ROWS / 4];
    static uint64_t memory[512][ROW_BYTES / 8];
    uint32_t n = 0, n_want = 0, late = 0;
    int64_t watermark = INT64_MIN;
    while (n < ROWS) {
        const wsl_row *rows[512];
        const uint32_t input = (uint32_t)wsl_rng_below(&rng, 2);
        uint32_t batch = 1 + (uint32_t)wsl_rng_below(&rng, batch_max);
        batch = batch < ROWS - n ? batch : ROWS - n;
        for (uint32_t i = 0; i < batch; i++, n++) {
            items[n] = (item){input, (int64_t)wsl_rng_below(&rng, KEYS), n / 4 + (int64_t)wsl_rng_below(&rng, 30), n,
                              .arrived_under = watermark};
            items[n].late = items[n].at < watermark;
            rows[i] = row_of(memory[i], input, items[n].key, n, items[n].at);
            late += items[n].late;
            for (uint32_t o = 0; o < n && !items[n].late; o++) {
                const item *a = input == 0 ? &items[n] : &items[o];
                const item *b = input == 0 ? &items[o] : &items[n];
                if (items[o].input != input && !items[o].late && items[o].key == items[n].key &&
                    !is_gone(&items[o], lower, upper, watermark) && b->at >= a->at + lower && b->at <= a->at + upper) {
                    want[n_want++] = (result){a->id, b->id, a->at > b->at ? a->at : b->at};
                }
            }
        }
        cr_assert_eq(wsl_harness_push_batch_to(h, input, rows, batch), WSL_OK, "%s", wsl_harness_error(h)->text);
        const int64_t next = n / 4 + (int64_t)wsl_rng_below(&rng, 10);
        if (wsl_rng_below(&rng, 4) == 0 && next > watermark) {
            watermark = next;
            (void)wsl_harness_watermark(h, watermark);
        }
        if (n_want >= 20000) {
            break;
        }
    }
    cr_assert_eq(wsl_harness_count(h), n_want, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), late);
    for (uint32_t i = 0; i < n_want; i += 1 + n_want / 200) { /* all are counted, a sample is looked at */
        const wsl_row *out = wsl_harness_out(h, i);
        cr_assert(pair_left(out) == want[i].left && pair_right(out) == want[i].right &&
                      out->timestamp == want[i].at,
                  "seed %llu, pair %u: (%lld, %lld)@%lld, not (%lld, %lld)@%lld", (unsigned long long)seed, i,
                  (long long)pair_left(out), (long long)pair_right(out), (long long)out->timestamp,
                  (long long)want[i].left, (long long)want[i].right, (long long)want[i].at);
    }
}

Test(interval_join, agrees_with_a_slow_model_one_row_at_a_time)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        run_model(seed, 1);
    }
}

Test(interval_join, agrees_with_a_slow_model_in_batches)
{
    for (uint64_t seed = 101; seed <= 140; seed++) {
        run_model(seed, 60);
    }
}

/* More rows than a turn looks at, out of order, one of them far ahead: at each watermark only those whose time is not over pair. */
Test(interval_join, a_long_list_is_cleaned_in_turns_and_pairs_with_what_is_left)
{
    enum { LEFT = 20000, STEP = 3700 };
    uint64_t memory[ROW_BYTES / 8];
    WSL_AUTO(wsl_harness) h = make("0", "10", "inclusive");
    cr_assert_eq(push(h, 0, INT64_C(1) << 50), WSL_OK, "in nobody's way");
    for (int64_t i = 0; i < LEFT; i++) {
        const int64_t at = (i * 7919) % LEFT;
        cr_assert_eq(wsl_harness_push_row_to(h, 0, row_of(memory, 0, 1, at, at)), WSL_OK);
    }
    for (int64_t wm = STEP; wm < LEFT; wm += STEP) {
        cr_assert_eq(wsl_harness_watermark(h, wm), WSL_OK);
        wsl_harness_clear(h);
        cr_assert_eq(wsl_harness_push_row_to(h, 1, row_of(memory, 1, 1, 0, wm + 5)), WSL_OK);
        cr_assert_eq(wsl_harness_count(h), 11, "left rows of the 11 ms up to it: %u", wsl_harness_count(h));
        wsl_harness_clear(h);
        cr_assert_eq(wsl_harness_push_row_to(h, 1, row_of(memory, 1, 1, 0, wm)), WSL_OK, "equal is not late");
        cr_assert_eq(wsl_harness_count(h), 10, "the left row of 10 ms before was over with the watermark: %u",
                     wsl_harness_count(h));
    }
}
