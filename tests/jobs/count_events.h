/*
 * count_events - what jobs about recovery have in common: events from files, a running count per key into files.
 *
 *     --in DIR       JSON lines {"id": 1, "key": 2}
 *     --out DIR      {"key", "n"}: each count of each key is to be there once
 *     --roll true    a part file per checkpoint (the default); false: by size, so that parts in progress are gone on with
 *     --roll-size    20kb
 */
#pragma once
#include <wiesel/wiesel.h>

WSL_ROW(event, (int64, id), (int64, key));
WSL_ROW(tally, (int64, key), (int64, n));

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

static inline wsl_stream *read_events(wsl_env *env, const wsl_args *args)
{
    return wsl_from(env, "events", "file", &event_schema,
                    WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "json"}));
}

static inline wsl_stream *count_events(wsl_stream *events)
{
    return wsl_keyed_process(wsl_key_by(events, "key"), "count", &count);
}

/* Without state: ids of the events are 0, 1, ..., and the key is the id modulo COUNT_EVENTS_KEYS. refuses: every hundredth row is an error. */
enum { COUNT_EVENTS_KEYS = 7 };

typedef struct numbering {
    bool refuses;
} numbering;

static wsl_status number_one(wsl_ctx *ctx, const wsl_row *in)
{
    const numbering *n = ctx->config;
    if (n->refuses && event_id(in) % 100 == 99) {
        return wsl_error_here(ctx, "row %lld is refused", (long long)event_id(in));
    }
    wsl_row_writer w = wsl_begin(ctx, &tally_schema, 0);
    tally_set_key(&w, event_key(in));
    tally_set_n(&w, event_id(in) / COUNT_EVENTS_KEYS + 1);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(number, .in = &event_schema, .out = &tally_schema, .process = number_one);

static inline wsl_stream *number_events(wsl_stream *events, bool refuses)
{
    const numbering n = {.refuses = refuses};
    return wsl_set_config(wsl_process(events, "number", &number), &n, sizeof n);
}

static inline void write_tallies(wsl_stream *tallies, const wsl_args *args)
{
    wsl_to(tallies, "results", "file",
           WSL_OPTIONS({"path", wsl_arg_required(args, "out")}, {"format", "json"},
                       {"roll-on-checkpoint", wsl_arg(args, "roll", "true")},
                       {"roll-size", wsl_arg(args, "roll-size", "20kb")}));
}
