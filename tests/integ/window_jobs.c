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
 *
 * Results: key (-1: all), end, n and sum of the rows' ids.
 */
#include <string.h>

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

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
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
