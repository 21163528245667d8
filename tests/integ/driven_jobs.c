/*
 * driven_jobs - jobs whose sources do what a test says while they run (driven.h): --job picks one, a and b are the sources.
 *
 *     aligned   a and b, times of rows are watermarks, one alignment group (--drift) -> union -> rows -> collect
 *     valves    a and b, marks are watermarks, as in the rest -> union -> keys -> timers set by rows -> collect
 *     interval  a left, b right -> interval join [-2,+1], late rows too -> collect
 *     windows   a left, b right -> join of windows of 10 ms -> collect
 *     prices    a by key: quantities, b to all: prices -> quantity * price -> collect
 */
#include "driven_kit.h"

/* ---- what is seen ---- */

static wsl_status say_row(wsl_ctx *ctx, const wsl_row *in) { return driven_say(ctx, item_key(in), "row", item_v(in)); }
WSL_PROCESS(rows, .in = &item_schema, .out = &seen_schema, .process = say_row);

/* Ten timers, one each v: the watermark at which one fires is what came out of the valves. */
static wsl_status set_timers(wsl_keyed_ctx *k, const wsl_row *in)
{
    for (int64_t i = 1; i <= 10; i++) {
        WSL_TRY(wsl_timer_event(k, item_ts(in) + i * item_v(in)));
    }
    return driven_say(WSL_CTX(k), item_key(in), "row", item_v(in));
}
static wsl_status say_timer(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)event_time;
    return driven_say(WSL_CTX(k), wsl_row_str(k->key, 0), "timer", timestamp_ms);
}
WSL_KEYED_PROCESS(timers, .in = &item_schema, .out = &seen_schema, .keyed_process = set_timers, .on_timer = say_timer);

static wsl_status say_pair(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    return driven_say(ctx, item_key(left), "pair", item_v(left) * 100 + item_v(right));
}
WSL_JOIN(pairs, .in = &item_schema, .in2 = &item_schema, .out = &seen_schema, .join = say_pair);

static wsl_status say_late(wsl_ctx *ctx, const wsl_row *in) { return driven_say(ctx, item_key(in), "late", item_v(in)); }
WSL_PROCESS(late_rows, .in = &item_schema, .out = &seen_schema, .process = say_late);

/* ---- prices ---- */

WSL_ROW(symbol, (int64, id));
WSL_MAP_STATE(prices, "prices", &symbol_schema, &driven_schema);

static const wsl_row *the_symbol(uint64_t *memory, size_t size)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, (uint32_t)size, symbol_n_fields);
    symbol_set_id(&w, 1);
    return w.row;
}

/* Says so in every subtask. */
static wsl_status put_price(wsl_broadcast_ctx *b, const wsl_row *in)
{
    uint64_t memory[8];
    if (driven_is_mark(in)) {
        return WSL_OK;
    }
    WSL_TRY(wsl_broadcast_put(b, &prices, the_symbol(memory, sizeof memory), in));
    return driven_say(WSL_CTX(b), wsl_str_of(""), "price", driven_v(in));
}
/* A trade itself is at 9. */
static wsl_status value_trade(wsl_keyed_broadcast_view *b, const wsl_row *in)
{
    uint64_t memory[8];
    const wsl_row *price = wsl_broadcast_get(b, &prices, the_symbol(memory, sizeof memory));
    return driven_say(WSL_CTX(b), item_key(in), "value", item_v(in) * (price != NULL ? driven_v(price) : 9));
}
WSL_KEYED_BROADCAST_PROCESS(market_value, .in = &item_schema, .in2 = &driven_schema, .out = &seen_schema,
                            .broadcast_states = WSL_STATES(&prices), .keyed_element = value_trade,
                            .broadcast = put_price);

/* ---- jobs ---- */

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
    wsl_watermark_strategy strategy =
        wsl_with_idleness(wsl_per_record(wsl_custom_watermarks("ts", &by_marks)), DRIVEN_IDLENESS_MS);
    wsl_stream *out = NULL;
    if (strcmp(job, "aligned") == 0) {
        strategy = wsl_with_idleness(wsl_per_record(wsl_monotonous_timestamps("ts")), DRIVEN_IDLENESS_MS);
        strategy = wsl_with_alignment(strategy, "group", wsl_arg_int(args, "drift", 1000));
    }
    wsl_stream *a = driven_source_of(env, args, "a", strategy);
    wsl_stream *b = driven_source_of(env, args, "b", strategy);
    if (strcmp(job, "aligned") == 0) {
        out = wsl_process(wsl_union(driven_items(a, "keys-a"), driven_items(b, "keys-b")), "rows", &rows);
    } else if (strcmp(job, "valves") == 0) {
        out = wsl_keyed_process(wsl_key_by(wsl_union(driven_items(a, "keys-a"), driven_items(b, "keys-b")), "key"),
                                "timers", &timers);
    } else if (strcmp(job, "interval") == 0) {
        wsl_stream *joined = wsl_interval_join(wsl_key_by(driven_items(a, "left"), "key"), wsl_key_by(driven_items(b, "right"), "key"), "join", -2, 1, WSL_BOUNDS_INCLUSIVE,
                                               &pairs);
        joined = wsl_interval_join_late(joined, "late-left", "late-right");
        out = wsl_union(joined, wsl_union(wsl_process(wsl_side_output(joined, "late-left"), "too-late-left", &late_rows),
                                          wsl_process(wsl_side_output(joined, "late-right"), "too-late-right",
                                                      &late_rows)));
    } else if (strcmp(job, "windows") == 0) {
        const wsl_windowing windows = {.assigner = wsl_tumbling(10)};
        out = wsl_window_join(wsl_key_by(driven_items(a, "left"), "key"), wsl_key_by(driven_items(b, "right"), "key"),
                              "join", &windows, &pairs);
    } else if (strcmp(job, "prices") == 0) {
        out = wsl_keyed_broadcast_process(wsl_key_by(driven_items(a, "trades"), "key"), wsl_broadcast(b), "value", &market_value);
    } else {
        return wsl_env_fail(env, "there is no job '%s'", job);
    }
    wsl_sink *results = wsl_collect(out, "results");
    wsl_set_parallelism(results, 1);
    wsl_start_new_chain(results); /* so that what comes in there is seen from outside */
    return WSL_OK;
}
