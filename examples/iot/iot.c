/*
 * iot - readings of sensors: those that cannot be right are set aside, the others are summed up every 5 s.
 *
 *     wiesel-gen iot --live --rate 100 --keys 5 --out /tmp/iot &
 *     wiesel run -d -p 2 iot.c -- --in /tmp/iot --out /tmp/iot-results
 *
 *     lines ──┬── validate ──┬── by sensor: 5 s windows ────── stats
 *             │              └── side output ────────────┬──── errors
 *             └── side output: lines that are no readings ┘
 *
 * Both go to the console; with --out DIR stats go to DIR/stats as CSV, too, and errors to DIR/errors instead.
 *
 * Windows are of processing time: a reading counts when it arrives. What has not fired when the input ends is lost.
 *
 *     --event-time  windows of event time: a reading counts when it was taken, and may come 5 s late; nothing is lost
 *     --in DIR      files of readings     --window 5s     and what files.h names
 */
#include "../files.h"

WSL_ROW(reading, (string, device_id), (double, temperature), (double, humidity), (double, pressure),
        (timestamp, event_timestamp));
WSL_ROW(reading_error, (string, reason), (string, record));

enum { OUT_OF_ORDERNESS_MS = 5000, REASON_SIZE = 160 };

/* What is measured, by position: fields of readings, and groups of three in sums and stats. */
typedef struct quantity {
    uint32_t field;
    const char *name;
    double min, max; /* what a sensor can measure */
} quantity;

static const quantity quantities[] = {
    {reading_f_temperature, "temperature", -50, 60},
    {reading_f_humidity, "humidity", 0, 100},
    {reading_f_pressure, "pressure", 300, 1100},
};

/* ---- validation ---- */

static wsl_status set_aside(wsl_ctx *ctx, const wsl_row *reading, const char *reason)
{
    wsl_row_writer w = wsl_begin(ctx, &reading_error_schema, REASON_SIZE + reading_device_id(reading).size);

    reading_error_set_reason(&w, wsl_str_of(reason));
    reading_error_set_record(&w, reading_device_id(reading));
    wsl_count(ctx, "invalidReadings", 1);
    return wsl_emit_side(ctx, "errors", w.row);
}

static wsl_status check_reading(wsl_ctx *ctx, const wsl_row *reading)
{
    char reason[REASON_SIZE];

    if (reading_device_id_is_null(reading) || reading_event_timestamp_is_null(reading)) {
        return set_aside(ctx, reading, "device_id or event_timestamp is missing");
    }
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(quantities); i++) {
        const quantity *q = &quantities[i];
        const double value = wsl_row_double(reading, q->field);
        if (wsl_row_is_null(reading, q->field, reading_n_fields)) {
            (void)snprintf(reason, sizeof reason, "%s is missing", q->name);
            return set_aside(ctx, reading, reason);
        }
        if (!(value >= q->min && value <= q->max)) { /* also NaN */
            (void)snprintf(reason, sizeof reason, "%s %g is not between %g and %g", q->name, value, q->min, q->max);
            return set_aside(ctx, reading, reason);
        }
    }
    return wsl_emit(ctx, reading);
}
WSL_PROCESS(validate, .in = &reading_schema, .out = &reading_schema,
            .sides = WSL_SIDES({"errors", &reading_error_schema}), .process = check_reading);

static wsl_status to_error(wsl_ctx *ctx, const wsl_row *bad)
{
    const wsl_str reason = wsl_bad_record_reason(bad), raw = wsl_bad_record_raw(bad);
    wsl_row_writer w = wsl_begin(ctx, &reading_error_schema, reason.size + raw.size);

    reading_error_set_reason(&w, reason);
    reading_error_set_record(&w, raw);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(as_error, .in = &wsl_bad_record_schema, .out = &reading_error_schema, .process = to_error);

/* ---- minimum, maximum, average ---- */

WSL_ROW(key, (string, device_id));
WSL_ROW(sums, (int64, count), (double, temperature_min), (double, temperature_max), (double, temperature_sum),
        (double, humidity_min), (double, humidity_max), (double, humidity_sum), (double, pressure_min),
        (double, pressure_max), (double, pressure_sum));
WSL_ROW(stats, (string, device_id), (timestamp, window_start), (timestamp, window_end), (int64, count),
        (double, temperature_min), (double, temperature_max), (double, temperature_avg), (double, humidity_min),
        (double, humidity_max), (double, humidity_avg), (double, pressure_min), (double, pressure_max),
        (double, pressure_avg));

static wsl_status add_reading(wsl_ctx *ctx, wsl_row *acc, const wsl_row *reading)
{
    wsl_row_writer w = sums_edit(acc);
    const bool first = sums_count(acc) == 0;

    (void)ctx;
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(quantities); i++) {
        const uint32_t min = sums_f_temperature_min + 3 * i, max = min + 1, sum = min + 2;
        const double value = wsl_row_double(reading, quantities[i].field);
        wsl_row_set_double(&w, min, first || value < wsl_row_double(acc, min) ? value : wsl_row_double(acc, min));
        wsl_row_set_double(&w, max, first || value > wsl_row_double(acc, max) ? value : wsl_row_double(acc, max));
        wsl_row_set_double(&w, sum, wsl_row_double(acc, sum) + value);
    }
    sums_set_count(&w, sums_count(acc) + 1);
    return WSL_OK;
}
WSL_AGGREGATE(sum_up, .in = &reading_schema, .acc = &sums_schema, .out = &sums_schema, .add = add_reading);

static wsl_status emit_stats(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_row *result = wsl_rows_next(rows);
    const wsl_str device = key_device_id(w->k.key);
    wsl_row_writer out = wsl_begin(w, &stats_schema, device.size);

    stats_set_device_id(&out, device);
    stats_set_window_start(&out, w->window.start);
    stats_set_window_end(&out, w->window.end);
    stats_set_count(&out, sums_count(result));
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(quantities); i++) {
        const uint32_t from = sums_f_temperature_min + 3 * i, to = stats_f_temperature_min + 3 * i;
        wsl_row_set_double(&out, to, wsl_row_double(result, from));
        wsl_row_set_double(&out, to + 1, wsl_row_double(result, from + 1));
        wsl_row_set_double(&out, to + 2, wsl_row_double(result, from + 2) / (double)sums_count(result));
    }
    return wsl_emit(w, &out);
}
WSL_WINDOW(with_device, .in = &sums_schema, .out = &stats_schema, .window = emit_stats);

/* ---- the job ---- */

WSL_JOB(env, args)
{
    const char *out = wsl_arg(args, "out", NULL);
    const bool event_time = wsl_arg_flag(args, "event-time");
    wsl_windowing windows = {.assigner = wsl_tumbling(wsl_arg_duration(args, "window", 5000))};

    wsl_env_set_name(env, "iot");
    wsl_stream *lines = read_files(env, args, "readings", wsl_arg_required(args, "in"), &reading_schema, "side-output");
    wsl_stream *readings = wsl_set_parallelism(wsl_process(lines, "validate", &validate), source_parallelism(args));
    wsl_stream *no_readings = wsl_set_parallelism(
        wsl_map(wsl_side_output(lines, WSL_BAD_RECORDS), "as-error", &as_error), source_parallelism(args));
    wsl_stream *errors = wsl_union(wsl_side_output(readings, "errors"), no_readings);

    if (event_time) {
        readings = in_event_time(readings, args, "event_timestamp", OUT_OF_ORDERNESS_MS);
    } else {
        windows.assigner = wsl_in_processing_time(windows.assigner);
    }
    wsl_stream *stats =
        wsl_window_aggregate(wsl_key_by(readings, "device_id"), "stats", &windows, &sum_up, &with_device);
    wsl_set_uid(stats, "stats");
    print_rows(stats, "stats");
    if (out != NULL) {
        write_files(stats, out, "stats", "csv", ".csv");
        write_files(errors, out, "errors", "json", ".log");
    } else {
        print_rows(errors, "errors");
    }
    return WSL_OK;
}
