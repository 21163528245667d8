/*
 * count_files - files -> a pause per row -> running count per key -> files.
 *
 *     --in DIR        JSON lines {"id": 1, "key": 2}
 *     --out DIR
 *     --pause-us N    per row
 *     --hurry FILE    no pause once that file is there
 */
#include <string.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

WSL_ROW(event, (int64, id), (int64, key));
WSL_ROW(tally, (int64, key), (int64, n));

typedef struct pause_us {
    int64_t us;
    char hurry[256];
} pause_us;

static wsl_status wait_a_little(wsl_ctx *ctx, const wsl_row *in)
{
    const pause_us *p = ctx->config;
    if (p->hurry[0] == '\0' || access(p->hurry, F_OK) != 0) {
        usleep((useconds_t)p->us);
    }
    return wsl_emit(ctx, in);
}
WSL_PROCESS(slowly, .in = &event_schema, .process = wait_a_little);

WSL_VALUE_STATE(count_state, "count", (int64, n));

static wsl_status count_one(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(k, &count_state, &n);
    WSL_TRY(wsl_value_set_int64(k, &count_state, ++n));
    wsl_row_writer w = wsl_begin(k, &tally_schema, 0);
    tally_set_key(&w, event_key(in));
    tally_set_n(&w, n);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(count, .in = &event_schema, .out = &tally_schema, .states = WSL_STATES(&count_state),
                  .keyed_process = count_one);

WSL_JOB(env, args)
{
    pause_us p = {.us = wsl_arg_int(args, "pause-us", 1000)};
    strncpy(p.hurry, wsl_arg(args, "hurry", ""), sizeof p.hurry - 1);
    wsl_stream *events =
        wsl_from(env, "events", "file", &event_schema, WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "json"}));
    wsl_stream *slow = wsl_set_config(wsl_process(events, "slowly", &slowly), &p, sizeof p);
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(slow, "key"), "count", &count);
    wsl_to(counts, "results", "file",
           WSL_OPTIONS({"path", wsl_arg_required(args, "out")}, {"format", "json"}, {"roll-on-checkpoint", "true"}));
    return WSL_OK;
}
