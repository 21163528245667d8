/*
 * example_jobs - the numbered examples about windows as jobs: --example N is the N-th of window_examples.inc.
 *
 *     rows and marks -> watermarks (a mark is one) -> without marks -> key by -> windows -> results and late rows -> collect
 *
 * Each row comes once for each of COPIES keys, so that all subtasks have some. A result says at which watermark it was given.
 */
#include <stdio.h>
#include <string.h>

#include <wiesel/wiesel.h>

#include "example_script.h"

WSL_ROW(item, (string, key), (int64, v), (bool, is_mark), (timestamp, ts));
WSL_ROW(sum_acc, (int64, sum), (int64, n));

/* ---- results ---- */

static wsl_status give(wsl_window_ctx *w, const char *value)
{
    const wsl_str key = wsl_row_str(w->k.key, 0);
    const wsl_str text = wsl_str_of(value);
    wsl_row_writer out = wsl_begin(w, &result_schema, key.size + text.size);
    result_set_key(&out, key);
    result_set_value(&out, text);
    result_set_late(&out, false);
    result_set_start(&out, w->window.start);
    result_set_end(&out, w->window.end);
    result_set_watermark(&out, wsl_watermark(w));
    return wsl_emit(w, &out);
}

static wsl_status add(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += in->slot[item_f_v];
    acc->slot[sum_acc_f_n]++;
    return WSL_OK;
}
static wsl_status merge(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += other->slot[sum_acc_f_sum];
    acc->slot[sum_acc_f_n] += other->slot[sum_acc_f_n];
    return WSL_OK;
}
WSL_AGGREGATE(fold, .in = &item_schema, .acc = &sum_acc_schema, .add = add, .merge = merge);

static wsl_status give_number(wsl_window_ctx *w, int64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)n);
    return give(w, text);
}
static wsl_status give_sum(wsl_window_ctx *w, wsl_rows *rows) { return give_number(w, sum_acc_sum(wsl_rows_next(rows))); }
static wsl_status give_count(wsl_window_ctx *w, wsl_rows *rows) { return give_number(w, sum_acc_n(wsl_rows_next(rows))); }
static wsl_status give_list(wsl_window_ctx *w, wsl_rows *rows)
{
    char text[256] = "[";
    size_t size = 1;
    const wsl_row *row;
    for (int64_t i = 0; (row = wsl_rows_next(rows)) != NULL && size < sizeof text - 32; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%lld", i > 0 ? "," : "", (long long)item_v(row));
    }
    (void)snprintf(text + size, sizeof text - size, "]");
    return give(w, text);
}
WSL_WINDOW(sums, .in = &sum_acc_schema, .out = &result_schema, .window = give_sum);
WSL_WINDOW(counts, .in = &sum_acc_schema, .out = &result_schema, .window = give_count);
WSL_WINDOW(lists, .in = &item_schema, .out = &result_schema, .window = give_list);

static wsl_status as_late(wsl_ctx *ctx, const wsl_row *in)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)item_v(in));
    const wsl_str key = item_key(in);
    const wsl_str value = wsl_str_of(text);
    wsl_row_writer out = wsl_begin(ctx, &result_schema, key.size + value.size);
    result_set_key(&out, key);
    result_set_value(&out, value);
    result_set_late(&out, true);
    return wsl_emit(ctx, &out);
}
WSL_PROCESS(late_result, .in = &item_schema, .out = &result_schema, .process = as_late);

/* ---- rows and watermarks ---- */

static void mark(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms)
{
    if (item_is_mark(row)) {
        w->emit(w, timestamp_ms);
    }
}
WSL_WATERMARKS(by_marks, .in = &item_schema, .on_event = mark);

enum { ROWS_MAX = EXAMPLE_COPIES * 32, ROW_BYTES = 96 };

static const wsl_row *item_of(void *memory, const char *key, int64_t ts, int64_t v, bool is_mark)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, ROW_BYTES, item_n_fields);
    item_set_key(&w, wsl_str_of(key));
    item_set_v(&w, v);
    item_set_is_mark(&w, is_mark);
    item_set_ts(&w, ts);
    return w.row;
}

static wsl_stream *items_of(wsl_env *env, const example_script *script)
{
    static _Alignas(8) uint8_t memory[ROWS_MAX][ROW_BYTES];
    const wsl_row *rows[ROWS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < script->n; i++) {
        const example_step *s = &script->steps[i];
        for (int copy = 0; s->kind == EXAMPLE_ROW && copy < EXAMPLE_COPIES; copy++, n++) {
            char key[16];
            (void)snprintf(key, sizeof key, "key-%d", copy);
            rows[n] = item_of(memory[n], key, s->at, s->value, false);
        }
        if (s->kind == EXAMPLE_WATERMARK) {
            rows[n] = item_of(memory[n], "", s->at, 0, true);
            n++;
        }
    }
    wsl_stream *timed = wsl_watermarks(wsl_from_rows(env, "items", &item_schema, rows, n), "marks",
                                       wsl_per_record(wsl_custom_watermarks("ts", &by_marks)));
    wsl_set_parallelism(timed, 1);
    return wsl_set_parallelism(wsl_where(timed, "no marks", "NOT is_mark"), 1);
}

WSL_JOB(env, args)
{
    const int64_t number = wsl_arg_int(args, "example", 0);
    if (number < 0 || number >= EXAMPLES_COUNT) {
        return wsl_env_fail(env, "there is no example %lld", (long long)number);
    }
    const example_script *script = &examples[number];
    wsl_keyed_stream *keyed = wsl_key_by(items_of(env, script), "key");
    wsl_stream *results = script->fold == EXAMPLE_LISTS
                              ? wsl_window_process(keyed, "windows", &script->windows, &lists)
                              : wsl_window_aggregate(keyed, "windows", &script->windows, &fold,
                                                     script->fold == EXAMPLE_SUMS ? &sums : &counts);
    if (script->windows.late_tag != NULL) {
        results = wsl_union(results, wsl_process(wsl_side_output(results, "late"), "late-rows", &late_result));
    }
    wsl_set_parallelism(wsl_collect(results, "results"), 1);
    return WSL_OK;
}
