/*
 * portfolio - five pipelines over the same trades, in one job.
 *
 *     wiesel-gen trades --live --rate 100 --out /tmp/trades &
 *     wiesel-gen prices --live --rate 20 --out /tmp/prices &
 *     wiesel run -d -p 2 portfolio.c -- --trades /tmp/trades --prices /tmp/prices
 *
 *     trades ──┬── by symbol: value state ────────────────────── positions      the net position after each trade
 *              ├── by symbol: 30 s windows, 15 s lateness ─┬──── notional       what was bought and sold in 30 s
 *              │                                           └──── late           trades that came too late for that
 *              ├── by symbol, with all prices ────────────────── market-value   each trade at the newest price
 *              ├── by symbol: a timer 20 s after each trade ──── alerts         symbols that nobody trades any more
 *              └──────────────────────────────────────────────── raw
 *     prices ──── broadcast ─┘
 *
 *     --prices DIR  files of prices    --lateness 15s  --window 30s  --horizon 20s    and those of files.h and trades.h
 */
#include "trades.h"

WSL_ROW(key, (string, symbol));
WSL_ROW(tick, (string, symbol), (double, price), (timestamp, ts));

/* ---- positions: the sum of all trades of a symbol ---- */

WSL_ROW(position, (string, symbol), (timestamp, ts), (int64, net_qty));
WSL_VALUE_STATE(holding, "holding", (int64, net_qty));

static wsl_status add_trade(wsl_keyed_ctx *k, const wsl_row *trade)
{
    int64_t delta = 0, net_qty = 0;

    WSL_TRY(trade_delta(&k->ctx, trade, &delta));
    (void)wsl_value_get_int64(k, &holding, &net_qty);
    WSL_TRY(wsl_value_set_int64(k, &holding, net_qty + delta));

    wsl_row_writer w = wsl_begin(k, &position_schema, trade_symbol(trade).size);
    position_set_symbol(&w, trade_symbol(trade));
    position_set_ts(&w, trade_ts(trade));
    position_set_net_qty(&w, net_qty + delta);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(net_position, .in = &trade_schema, .out = &position_schema, .states = WSL_STATES(&holding),
                  .keyed_process = add_trade);

/* ---- notional: trades are added up as they come; a window that fires adds its key and its bounds ---- */

WSL_ROW(sums, (int64, net_qty), (double, notional));
WSL_ROW(notional, (string, symbol), (timestamp, window_start), (timestamp, window_end), (int64, net_qty),
        (double, notional));

static wsl_status add_to_sums(wsl_ctx *ctx, wsl_row *acc, const wsl_row *trade)
{
    int64_t delta = 0;
    wsl_row_writer w = sums_edit(acc);

    WSL_TRY(trade_delta(ctx, trade, &delta));
    sums_set_net_qty(&w, sums_net_qty(acc) + delta);
    sums_set_notional(&w, sums_notional(acc) + (double)trade_quantity(trade) * trade_price(trade));
    return WSL_OK;
}
WSL_AGGREGATE(add_up, .in = &trade_schema, .acc = &sums_schema, .out = &sums_schema, .add = add_to_sums);

static wsl_status emit_window(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_row *result = wsl_rows_next(rows);
    const wsl_str symbol = key_symbol(w->k.key);
    wsl_row_writer out = wsl_begin(w, &notional_schema, symbol.size);

    notional_set_symbol(&out, symbol);
    notional_set_window_start(&out, w->window.start);
    notional_set_window_end(&out, w->window.end);
    notional_set_net_qty(&out, sums_net_qty(result));
    notional_set_notional(&out, sums_notional(result));
    return wsl_emit(w, &out);
}
WSL_WINDOW(with_bounds, .in = &sums_schema, .out = &notional_schema, .window = emit_window);

/* ---- market value: every subtask knows the newest price of every symbol ---- */

WSL_ROW(market_value, (string, symbol), (timestamp, ts), (int64, delta), (double, price), (double, value),
        (bool, fallback));
WSL_MAP_STATE(newest, "prices", &key_schema, &tick_schema);
WSL_LIST_STATE(waiting, "waiting", &trade_schema);

typedef struct market_settings {
    bool prices_first; /* trades wait until all prices have been read */
} market_settings;

static wsl_status keep_price(wsl_broadcast_ctx *b, const wsl_row *tick)
{
    wsl_row_writer symbol = wsl_begin(b, &key_schema, tick_symbol(tick).size);

    key_set_symbol(&symbol, tick_symbol(tick));
    return wsl_broadcast_put(b, &newest, symbol.row, tick);
}

/* A symbol without a price is worth what was paid for it. */
static wsl_status emit_value(wsl_keyed_broadcast_view *b, const wsl_row *trade)
{
    const wsl_row *tick = wsl_broadcast_get(b, &newest, b->k.key);
    const double price = tick != NULL ? tick_price(tick) : trade_price(trade);
    int64_t delta = 0;

    WSL_TRY(trade_delta(&b->k.ctx, trade, &delta));
    wsl_row_writer w = wsl_begin(b, &market_value_schema, trade_symbol(trade).size);
    market_value_set_symbol(&w, trade_symbol(trade));
    market_value_set_ts(&w, trade_ts(trade));
    market_value_set_delta(&w, delta);
    market_value_set_price(&w, price);
    market_value_set_value(&w, (double)delta * price);
    market_value_set_fallback(&w, tick == NULL);
    return wsl_emit(b, &w);
}

/* Between two inputs there is no order. A bounded run makes one: prices have no watermarks, so there is none here
 * before the last of them, and the first one that comes fires all timers that were set until then. */
static wsl_status value_trade(wsl_keyed_broadcast_view *b, const wsl_row *trade)
{
    const market_settings *settings = b->k.ctx.config;

    if (settings->prices_first && wsl_watermark(&b->k) == WSL_TIME_MIN) {
        WSL_TRY(wsl_list_add(&b->k, &waiting, trade));
        return wsl_timer_event(&b->k, WSL_TIME_MIN + 1);
    }
    return emit_value(b, trade);
}

static wsl_status prices_are_there(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    wsl_state_iter it;

    (void)timestamp_ms;
    (void)event_time;
    for (wsl_state_each(k, &waiting, &it); wsl_state_next(&it);) {
        WSL_TRY(emit_value(wsl_broadcast_view_of(k), it.value));
    }
    wsl_state_clear(k, &waiting);
    return WSL_OK;
}
WSL_KEYED_BROADCAST_PROCESS(value_at_market, .in = &trade_schema, .in2 = &tick_schema, .out = &market_value_schema,
                            .states = WSL_STATES(&waiting), .broadcast_states = WSL_STATES(&newest),
                            .keyed_element = value_trade, .broadcast = keep_price, .on_timer = prices_are_there);

/* ---- alerts: a timer at each trade; it finds out whether there was a trade since ---- */

WSL_ROW(alert, (string, symbol), (timestamp, ts));
WSL_VALUE_STATE(last_seen, "last-seen", (timestamp, ts));

typedef struct alert_settings {
    int64_t horizon_ms;
} alert_settings;

static wsl_status watch_symbol(wsl_keyed_ctx *k, const wsl_row *trade)
{
    const alert_settings *settings = k->ctx.config;

    WSL_TRY(wsl_value_set_int64(k, &last_seen, trade_ts(trade)));
    return wsl_timer_event(k, trade_ts(trade) + settings->horizon_ms);
}

static wsl_status raise_alert(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    const alert_settings *settings = k->ctx.config;
    int64_t seen = 0;

    (void)event_time;
    if (!wsl_value_get_int64(k, &last_seen, &seen) || timestamp_ms < seen + settings->horizon_ms) {
        return WSL_OK;
    }
    wsl_row_writer w = wsl_begin(k, &alert_schema, key_symbol(k->key).size);
    alert_set_symbol(&w, key_symbol(k->key));
    alert_set_ts(&w, timestamp_ms);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(inactivity, .in = &trade_schema, .out = &alert_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = watch_symbol, .on_timer = raise_alert);

/* ---- the job ---- */

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "portfolio");
    wsl_stream *trades = read_trades(env, args);
    wsl_stream *prices =
        wsl_set_parallelism(read_files(env, args, "prices", wsl_arg_required(args, "prices"), &tick_schema, "skip"), 1);

    wsl_stream *positions = wsl_keyed_process(wsl_key_by(trades, "symbol"), "net-position", &net_position);
    write_rows(wsl_set_uid(positions, "net-position"), args, "positions");

    const wsl_windowing windows = {.assigner = wsl_tumbling(wsl_arg_duration(args, "window", 30000)),
                                   .lateness_ms = wsl_arg_duration(args, "lateness", 15000),
                                   .late_tag = "late-trades"};
    wsl_stream *notional =
        wsl_window_aggregate(wsl_key_by(trades, "symbol"), "window", &windows, &add_up, &with_bounds);
    write_rows(wsl_set_uid(notional, "window"), args, "notional");
    write_rows(wsl_side_output(notional, "late-trades"), args, "late");

    const market_settings market = {.prices_first = is_bounded(args)};
    wsl_stream *values = wsl_keyed_broadcast_process(wsl_key_by(trades, "symbol"), wsl_broadcast(prices),
                                                     "value-at-market", &value_at_market);
    wsl_set_config(values, &market, sizeof market);
    write_rows(wsl_set_uid(values, "value-at-market"), args, "market-value");

    const alert_settings horizon = {.horizon_ms = wsl_arg_duration(args, "horizon", 20000)};
    wsl_stream *alerts = wsl_keyed_process(wsl_key_by(trades, "symbol"), "inactivity", &inactivity);
    wsl_set_config(alerts, &horizon, sizeof horizon);
    write_rows(wsl_set_uid(alerts, "inactivity"), args, "alerts");

    wsl_sink *raw = wsl_arg(args, "out", NULL) == NULL ? print_rows(trades, "raw") : wsl_blackhole(trades, "raw");
    wsl_set_parallelism(raw, source_parallelism(args));
    return WSL_OK;
}
