/*
 * window_jobs - windows that are not slices, on clusters: --job picks one. Rows 0 .. 2999 of 13 keys, one source subtask,
 * timestamp 10 * id, watermarks per record.
 *
 *     rows      by key, tumbling, all rows in a process function with state per window
 *     count     by key, count windows of 7
 *     trigger   by key, tumbling, a custom trigger that fires at each fifth row and at the end
 *     evict     by key, tumbling, the last three rows
 *     all       all rows, tumbling
 *     late      by key, tumbling of 1000 ms; each fiftieth row comes 100 rows late; late rows beside the results
 *     cross     a window join of 1000 rows with 1000, all pairs counted and summed up
 *     groups    the same by a co-group, a left row at a time (WSL_AGAIN)
 *     burst     a window per row, 50 results of each at one watermark, into something slow (--us per row); counted and summed up
 *     flood     the same without the counting
 *
 * Results: key (-1: all), end, n and sum of the rows' ids.
 */
#include <string.h>
#include <unistd.h>

#include <wiesel/connect.h>
#include <wiesel/wiesel.h>

enum { ROWS = 3000, KEYS = 13 };

WSL_ROW(event, (int64, id), (int64, key));
WSL_ROW(result, (int64, key), (int64, end), (int64, n), (int64, sum));
WSL_VALUE_STATE(fired, "fired", (int64, n));
WSL_VALUE_STATE(came, "came", (int64, n));

static wsl_status add_up(wsl_window_ctx *w, wsl_rows *rows)
{
    int64_t n = 0;
    int64_t sum = 0;
    const wsl_row *row;
    while ((row = wsl_rows_next(rows)) != NULL) {
        n++;
        sum += event_id(row);
    }
    if (w->state != NULL) {
        int64_t times = 0;
        (void)wsl_value_get_int64(w->state, &fired, &times);
        (void)wsl_value_set_int64(w->state, &fired, times + 1);
    }
    wsl_row_writer out = wsl_begin(w, &result_schema, 0);
    result_set_key(&out, w->k.key->size > sizeof(wsl_row) ? wsl_row_int64(w->k.key, 0) : -1);
    result_set_end(&out, w->window.end);
    result_set_n(&out, n);
    result_set_sum(&out, sum);
    return wsl_emit(w, &out);
}
WSL_WINDOW(sums_of_rows, .in = &event_schema, .out = &result_schema, .states = WSL_STATES(&fired), .window = add_up);

static wsl_status fifth(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    int64_t n = 0;
    (void)row;
    (void)wsl_value_get_int64(w->state, &came, &n);
    WSL_TRY(wsl_value_set_int64(w->state, &came, n + 1));
    *out = (n + 1) % 5 == 0 ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
static wsl_status at_end(wsl_window_ctx *w, int64_t timestamp_ms, wsl_trigger_result *out)
{
    *out = timestamp_ms == wsl_window_max_timestamp(&w->window) ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
WSL_TRIGGER(by_fives, .in = &event_schema, .states = WSL_STATES(&came), .on_element = fifth, .on_event_time = at_end);

static wsl_status as_result(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer out = wsl_begin(ctx, &result_schema, 0);
    result_set_key(&out, -2);
    result_set_end(&out, 0);
    result_set_n(&out, 1);
    result_set_sum(&out, event_id(in));
    return wsl_emit(ctx, &out);
}
WSL_PROCESS(late_result, .in = &event_schema, .out = &result_schema, .process = as_result);

static wsl_stream *rows_of(wsl_env *env, bool some_late)
{
    static _Alignas(8) uint8_t memory[ROWS][64];
    const wsl_row *rows[ROWS];
    for (int64_t i = 0; i < ROWS; i++) {
        wsl_row_writer w;
        const int64_t id = !some_late || i < 100 ? i : i % 50 == 0 ? i - 100 : i;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], event_n_fields);
        event_set_id(&w, id);
        event_set_key(&w, i % KEYS);
        rows[i] = w.row;
    }
    wsl_stream *timed = wsl_watermarks(wsl_from_rows(env, "rows", &event_schema, rows, ROWS), "on-time",
                                       wsl_per_record(wsl_monotonous_timestamps("id * 10")));
    return wsl_set_parallelism(timed, 1); /* spread over several, rows would come in another order each time */
}

/* ---- many results at once ---- */

static wsl_status emit_result(wsl_ctx *ctx, int64_t n, int64_t sum)
{
    wsl_row_writer out = wsl_begin(ctx, &result_schema, 0);
    result_set_key(&out, 0);
    result_set_end(&out, 0);
    result_set_n(&out, n);
    result_set_sum(&out, sum);
    return wsl_emit(ctx, &out);
}
static wsl_status both(wsl_ctx *ctx, const wsl_row *l, const wsl_row *r)
{
    return emit_result(ctx, 1, event_id(l) * 3 + event_id(r));
}
WSL_JOIN(pair, .in = &event_schema, .in2 = &event_schema, .out = &result_schema, .join = both);
/* One left row per call. */
static wsl_status all_pairs(wsl_window_ctx *w, wsl_rows *left, wsl_rows *right)
{
    int64_t at = 0;
    (void)wsl_value_get_int64(w->state, &came, &at);
    const wsl_row *l = NULL;
    for (int64_t i = 0; i <= at; i++) {
        l = wsl_rows_next(left);
    }
    const wsl_row *r;
    while (l != NULL && (r = wsl_rows_next(right)) != NULL) {
        WSL_TRY(both(&w->k.ctx, l, r));
    }
    WSL_TRY(wsl_value_set_int64(w->state, &came, at + 1));
    return at + 1 < wsl_rows_count(left) ? WSL_AGAIN : WSL_OK;
}
WSL_CO_GROUP(group, .in = &event_schema, .in2 = &event_schema, .out = &result_schema, .states = WSL_STATES(&came),
             .co_group = all_pairs);
static wsl_status add_results(wsl_ctx *ctx, const wsl_row *a, const wsl_row *b)
{
    return emit_result(ctx, result_n(a) + result_n(b), result_sum(a) + result_sum(b));
}
WSL_REDUCE(total, .in = &result_schema, .out = &result_schema, .reduce = add_results);
static wsl_status fifty(wsl_window_ctx *w, wsl_rows *rows)
{
    const int64_t id = event_id(wsl_rows_next(rows));
    for (int64_t i = 0; i < 50; i++) {
        WSL_TRY(emit_result(&w->k.ctx, 1, id * 50 + i));
    }
    return WSL_OK;
}
WSL_WINDOW(fifty_each, .in = &event_schema, .out = &result_schema, .window = fifty);
static wsl_status dawdle(wsl_ctx *ctx, const wsl_row *in)
{
    int64_t us;
    memcpy(&us, ctx->config, sizeof us);
    (void)usleep((useconds_t)us);
    return wsl_emit(ctx, in);
}
WSL_PROCESS(slow, .in = &result_schema, .out = &result_schema, .process = dawdle);

static wsl_status big_jobs(wsl_env *env, const wsl_args *args, const char *job)
{
    const wsl_windowing all_of_it = {.assigner = wsl_tumbling(100000)};
    wsl_stream *events = rows_of(env, false);
    wsl_stream *many = NULL;
    const int64_t us = wsl_arg_int(args, "us", 1);
    if (strcmp(job, "cross") == 0 || strcmp(job, "groups") == 0) {
        wsl_stream *third = wsl_select(wsl_where(events, "thirds", "id % 3 = 0"), "one-key", "id, id - id AS key");
        wsl_keyed_stream *keyed = wsl_key_by(third, "key");
        many = strcmp(job, "cross") == 0 ? wsl_window_join(keyed, keyed, job, &all_of_it, &pair)
                                         : wsl_co_group(keyed, keyed, job, &all_of_it, &group);
    } else {
        wsl_stream *each = wsl_window_process(wsl_key_by(events, "id"), job, &all_of_it, &fifty_each);
        many = wsl_set_config(wsl_process(wsl_rebalance(each), "slow", &slow), &us, sizeof us);
    }
    if (strcmp(job, "flood") != 0) {
        many = wsl_window_reduce(wsl_key_by(many, "key"), "total", &all_of_it, &total, NULL);
    }
    wsl_set_parallelism(wsl_collect(many, "results"), 1);
    return WSL_OK;
}

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
    if (strcmp(job, "cross") == 0 || strcmp(job, "groups") == 0 || strcmp(job, "burst") == 0 ||
        strcmp(job, "flood") == 0) {
        return big_jobs(env, args, job);
    }
    const bool late = job != NULL && strcmp(job, "late") == 0;
    wsl_stream *events = rows_of(env, late);
    wsl_keyed_stream *keyed = wsl_key_by(events, "key");
    wsl_windowing w = {.assigner = wsl_tumbling(2000)};
    wsl_stream *results = NULL;
    if (strcmp(job, "all") == 0) {
        results = wsl_window_all_process(events, job, &w, &sums_of_rows);
    } else {
        if (strcmp(job, "count") == 0) {
            w.assigner = wsl_count_window(7);
        } else if (strcmp(job, "trigger") == 0) {
            w.trigger = wsl_custom_trigger(&by_fives);
        } else if (strcmp(job, "evict") == 0) {
            w.evictor = wsl_count_evictor(3);
        } else if (late) {
            w.assigner = wsl_tumbling(1000);
            w.late_tag = "late";
        } else if (strcmp(job, "rows") != 0) {
            return wsl_env_fail(env, "there is no job '%s'", job);
        }
        results = wsl_window_process(keyed, job, &w, &sums_of_rows);
    }
    wsl_stream *all = late ? wsl_union(results, wsl_process(wsl_side_output(results, "late"), "late-rows", &late_result))
                           : results;
    wsl_set_parallelism(wsl_collect(all, "results"), 1);
    return WSL_OK;
}
