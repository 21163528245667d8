/*
 * window_kit - windows as scripts: rows, watermarks and clock moves, and what has come out after them.
 *
 *     static const step steps[] = {E(10000, 1), W(29999), X("[0,30000)=1"), E(20000, 2), X("[0,30000)=3")};
 *     run_both(&options, steps, WSL_ARRAY_LEN(steps));
 *
 * Each script runs twice: every row by itself, and rows in batches as long as the script allows. Rows have key "k" unless
 * given another. Results of windows are written as [start,end)=value, rows of side outputs as tag:value.
 */
#pragma once
#include "harness/wsl_test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/harness.h>

#include "base/strbuf.h"

WSL_ROW(event, (string, key), (int64, v));
WSL_ROW(sum_acc, (int64, sum), (int64, n));
WSL_ROW(bounded, (int64, start), (int64, end), (int64, value), (string, text));

/* ---- functions ---- */

static wsl_status kit_add(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += in->slot[event_f_v];
    acc->slot[sum_acc_f_n]++;
    return WSL_OK;
}
static wsl_status kit_merge(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += other->slot[sum_acc_f_sum];
    acc->slot[sum_acc_f_n] += other->slot[sum_acc_f_n];
    return WSL_OK;
}
WSL_AGGREGATE(kit_sum, .in = &event_schema, .acc = &sum_acc_schema, .add = kit_add, .merge = kit_merge);

static inline wsl_status kit_emit(wsl_window_ctx *w, int64_t value, const char *text)
{
    const wsl_str s = wsl_str_of(text);
    wsl_row_writer out = wsl_begin(w, &bounded_schema, s.size);
    bounded_set_start(&out, w->window.start);
    bounded_set_end(&out, w->window.end);
    bounded_set_value(&out, value);
    if (s.size > 0) {
        bounded_set_text(&out, s);
    }
    return wsl_emit(w, &out);
}

/* The sum, or the number of rows, with bounds. */
static wsl_status kit_sum_window(wsl_window_ctx *w, wsl_rows *rows)
{
    return kit_emit(w, sum_acc_sum(wsl_rows_next(rows)), "");
}
WSL_WINDOW(kit_with_bounds, .in = &sum_acc_schema, .out = &bounded_schema, .window = kit_sum_window);
static wsl_status kit_count_window(wsl_window_ctx *w, wsl_rows *rows)
{
    return kit_emit(w, sum_acc_n(wsl_rows_next(rows)), "");
}
WSL_WINDOW(kit_count_with_bounds, .in = &sum_acc_schema, .out = &bounded_schema, .window = kit_count_window);

/* All values in order of arrival. */
static wsl_status kit_list(wsl_window_ctx *w, wsl_rows *rows)
{
    wsl_strbuf text;
    const wsl_row *row;
    wsl_strbuf_init(&text);
    wsl_strbuf_puts(&text, "[");
    for (int64_t i = 0; (row = wsl_rows_next(rows)) != NULL; i++) {
        wsl_strbuf_printf(&text, "%s%" PRId64, i > 0 ? "," : "", event_v(row));
    }
    wsl_strbuf_puts(&text, "]");
    const wsl_status status = kit_emit(w, (int64_t)wsl_rows_count(rows), text.data);
    wsl_strbuf_fini(&text);
    return status;
}
WSL_WINDOW(kit_all_rows, .in = &event_schema, .out = &bounded_schema, .window = kit_list);

/* ---- scripts ---- */

typedef struct step {
    enum { STEP_ROW, STEP_WATERMARK, STEP_CLOCK, STEP_END, STEP_EXPECT } kind;
    int64_t at;
    int64_t value;
    const char *text; /* of a row: its key */
} step;
#define E(ts, v) {STEP_ROW, ts, v, "k"}
#define K(key, ts, v) {STEP_ROW, ts, v, key}
#define W(ts) {STEP_WATERMARK, ts, 0, NULL}
#define CLOCK(ms) {STEP_CLOCK, ms, 0, NULL} /* to that time */
#define END {STEP_END, 0, 0, NULL}
#define X(text) {STEP_EXPECT, 0, 0, text}

static inline void kit_time(wsl_strbuf *out, int64_t t)
{
    if (t == WSL_TIME_MIN || t == WSL_TIME_MAX) {
        wsl_strbuf_puts(out, t == WSL_TIME_MIN ? "MIN" : "MAX");
    } else {
        wsl_strbuf_printf(out, "%" PRId64, t);
    }
}

/* Main output, then the side output of late rows. */
static inline void kit_render(wsl_harness *h, const char *late, wsl_strbuf *out)
{
    const wsl_row *row;
    for (uint32_t i = 0; (row = wsl_harness_out(h, i)) != NULL; i++) {
        wsl_strbuf_puts(out, out->size > 0 ? " [" : "[");
        kit_time(out, bounded_start(row));
        wsl_strbuf_puts(out, ",");
        kit_time(out, bounded_end(row));
        wsl_strbuf_puts(out, ")=");
        if (bounded_text_is_null(row)) {
            wsl_strbuf_printf(out, "%" PRId64, bounded_value(row));
        } else {
            wsl_strbuf_add(out, bounded_text(row).data, bounded_text(row).size);
        }
        const int64_t end = bounded_end(row);
        cr_assert_eq(row->timestamp, end == WSL_TIME_MAX ? WSL_TIME_MAX : end - 1, "a result belongs to its window's end");
    }
    for (uint32_t i = 0; late != NULL && (row = wsl_harness_side(h, late, i)) != NULL; i++) {
        wsl_strbuf_printf(out, "%slate:%" PRId64, out->size > 0 ? " " : "", event_v(row));
    }
}

typedef struct kit_batch {
    wsl_row *rows[512];
    uint32_t n;
} kit_batch;

static inline void kit_flush(wsl_harness *h, kit_batch *b)
{
    if (b->n > 0) {
        cr_assert_eq(wsl_harness_push_batch(h, (const wsl_row *const *)b->rows, b->n), WSL_OK, "%s",
                     wsl_harness_error(h)->text);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        free(b->rows[i]);
    }
    b->n = 0;
}

static inline wsl_row *kit_row(const char *key, int64_t ts, int64_t v)
{
    wsl_row_writer w;
    wsl_row *row = malloc(256);
    (void)wsl_row_writer_init(&w, row, 256, event_n_fields);
    event_set_key(&w, wsl_str_of(key));
    event_set_v(&w, v);
    wsl_row_set_timestamp(row, ts);
    return row;
}

static inline void kit_expect(wsl_harness *h, const char *late, const char *wanted, bool batches, size_t at)
{
    wsl_strbuf got;
    wsl_strbuf_init(&got);
    kit_render(h, late, &got);
    cr_assert_str_eq(got.data, wanted, "step %zu (%s): got '%s', wanted '%s'", at, batches ? "in batches" : "per record",
                     got.data, wanted);
    wsl_strbuf_fini(&got);
    wsl_harness_clear(h);
}

static inline void run_steps(const wsl_harness_options *options, const step *steps, size_t n, bool batches)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    kit_batch batch = {.n = 0};
    int64_t clock = options->clock_ms;
    const char *late = options->windows != NULL ? options->windows->late_tag : NULL;
    cr_assert_eq(wsl_harness_new(options, &h, &err), WSL_OK, "%s", err.text);
    for (size_t i = 0; i < n; i++) {
        const step *s = &steps[i];
        if (s->kind == STEP_ROW && batch.n < 512) {
            batch.rows[batch.n++] = kit_row(s->text, s->at, s->value);
        }
        if (s->kind != STEP_ROW || !batches) {
            kit_flush(h, &batch);
        }
        if (s->kind == STEP_WATERMARK) {
            cr_assert_eq(wsl_harness_watermark(h, s->at), WSL_OK, "%s", wsl_harness_error(h)->text);
        } else if (s->kind == STEP_CLOCK) {
            cr_assert_eq(wsl_harness_advance(h, s->at - clock), WSL_OK, "%s", wsl_harness_error(h)->text);
            clock = s->at;
        } else if (s->kind == STEP_END) {
            cr_assert_eq(wsl_harness_end(h), WSL_OK, "%s", wsl_harness_error(h)->text);
        } else if (s->kind == STEP_EXPECT) {
            kit_expect(h, late, s->text, batches, i);
        }
    }
    kit_flush(h, &batch);
    wsl_harness_free(h);
}

static inline void run_both(const wsl_harness_options *options, const step *steps, size_t n)
{
    run_steps(options, steps, n, false);
    run_steps(options, steps, n, true);
}

#define STEPS(...) (const step[]){__VA_ARGS__}, sizeof((const step[]){__VA_ARGS__}) / sizeof(step)
#define KEYED .keys = WSL_HARNESS_KEYS("key"), .in = &event_schema
#define SUMS KEYED, .aggregate = &kit_sum, .window = &kit_with_bounds
#define COUNTS KEYED, .aggregate = &kit_sum, .window = &kit_count_with_bounds
#define LISTS KEYED, .window = &kit_all_rows
