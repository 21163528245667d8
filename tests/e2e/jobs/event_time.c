/*
 * event_time - counts per symbol and window, from JSON files of a directory that is watched for ever.
 *
 *     --in DIR         files with {"symbol": ..., "ts": ms}
 *     --window D       default 30 s
 *     --bound D        out-of-orderness, default 0
 *     --lateness D     default 0
 *     --later          the watermark strategy stands behind a map instead of the source
 *     --idleness D     of the strategy; 0 (the default): never
 */
#include <wiesel/wiesel.h>

WSL_ROW(event, (string, symbol), (int64, ts));

static wsl_status pass_on(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(passes, .in = &event_schema, .process = pass_on);

WSL_JOB(env, args)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(wsl_arg_duration(args, "window", 30000)),
                                   .lateness_ms = wsl_arg_duration(args, "lateness", 0)};
    wsl_watermark_strategy strategy =
        wsl_per_record(wsl_bounded_out_of_orderness("ts", wsl_arg_duration(args, "bound", 0)));
    strategy = wsl_with_idleness(strategy, wsl_arg_duration(args, "idleness", 0));
    wsl_stream *events = wsl_from(env, "events", "file", &event_schema,
                                  WSL_OPTIONS({"path", wsl_arg(args, "in", NULL)}, {"format", "json"}, {"watch", "20 ms"}));
    if (wsl_arg_flag(args, "later")) {
        events = wsl_map(events, "passes", &passes);
    }
    wsl_stream *timed = wsl_watermarks(events, "on-time", strategy);
    wsl_stream *counts = wsl_window_select(wsl_key_by(timed, "symbol"), "counts", &windows,
                                           "symbol, WINDOW_END AS window_end, COUNT(*) AS n");
    wsl_print(counts, "out");
    return WSL_OK;
}
