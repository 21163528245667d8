/*
 * joins - trades and prices of the same symbols brought together in three ways.
 *
 *     wiesel-gen trades --live --rate 100 --out /tmp/trades &
 *     wiesel-gen prices --live --rate 100 --out /tmp/prices &
 *     wiesel run -d -p 2 joins.c -- --trades /tmp/trades --prices /tmp/prices
 *
 *     interval      each trade with each price of its symbol from 2 s before it to 1 s after it
 *     window        each trade with each price of its symbol in the same 5 s
 *     co-group      for each symbol and 5 s how many trades and prices there were, also if there were none of one kind
 *
 *     --trades DIR --prices DIR     --window 5s  --before 2s  --after 1s     and what files.h names
 */
#include "../files.h"

WSL_ROW(key, (string, symbol));
WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));
WSL_ROW(tick, (string, symbol), (double, price), (timestamp, ts));

enum { OUT_OF_ORDERNESS_MS = 15000 };

/* ---- pairs: the interval join and the window join differ in which pairs they find, not in what becomes of them ----
 */

WSL_ROW(pair, (string, symbol), (timestamp, trade_ts), (timestamp, price_ts), (double, paid), (double, price));

static wsl_status emit_pair(wsl_ctx *ctx, const wsl_row *trade, const wsl_row *tick)
{
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, trade_symbol(trade).size);

    pair_set_symbol(&w, trade_symbol(trade));
    pair_set_trade_ts(&w, trade_ts(trade));
    pair_set_price_ts(&w, tick_ts(tick));
    pair_set_paid(&w, trade_price(trade));
    pair_set_price(&w, tick_price(tick));
    return wsl_emit(ctx, &w);
}
WSL_JOIN(pair_up, .in = &trade_schema, .in2 = &tick_schema, .out = &pair_schema, .join = emit_pair);

/* ---- groups ---- */

WSL_ROW(group, (string, symbol), (timestamp, window_start), (timestamp, window_end), (int64, trades), (int64, prices));

static wsl_status emit_group(wsl_window_ctx *w, wsl_rows *trades, wsl_rows *ticks)
{
    const wsl_str symbol = key_symbol(w->k.key);
    wsl_row_writer out = wsl_begin(w, &group_schema, symbol.size);

    group_set_symbol(&out, symbol);
    group_set_window_start(&out, w->window.start);
    group_set_window_end(&out, w->window.end);
    group_set_trades(&out, wsl_rows_count(trades));
    group_set_prices(&out, wsl_rows_count(ticks));
    return wsl_emit(w, &out);
}
WSL_CO_GROUP(count_both, .in = &trade_schema, .in2 = &tick_schema, .out = &group_schema, .co_group = emit_group);

/* ---- the job ---- */

static wsl_stream *read_rows(wsl_env *env, const wsl_args *args, const char *name, const wsl_schema *schema)
{
    return in_event_time(read_files(env, args, name, wsl_arg_required(args, name), schema, "skip"), args, "ts",
                         OUT_OF_ORDERNESS_MS);
}

WSL_JOB(env, args)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(wsl_arg_duration(args, "window", 5000))};
    const int64_t before = wsl_arg_duration(args, "before", 2000);
    const int64_t after = wsl_arg_duration(args, "after", 1000);

    wsl_env_set_name(env, "joins");
    wsl_stream *trades = read_rows(env, args, "trades", &trade_schema);
    wsl_stream *prices = read_rows(env, args, "prices", &tick_schema);

    wsl_stream *close = wsl_interval_join(wsl_key_by(trades, "symbol"), wsl_key_by(prices, "symbol"), "interval-join",
                                          -before, after, WSL_BOUNDS_INCLUSIVE, &pair_up);
    write_rows(wsl_set_uid(close, "interval-join"), args, "interval");

    wsl_stream *together =
        wsl_window_join(wsl_key_by(trades, "symbol"), wsl_key_by(prices, "symbol"), "window-join", &windows, &pair_up);
    write_rows(wsl_set_uid(together, "window-join"), args, "window");

    wsl_stream *groups =
        wsl_co_group(wsl_key_by(trades, "symbol"), wsl_key_by(prices, "symbol"), "co-group", &windows, &count_both);
    write_rows(wsl_set_uid(groups, "co-group"), args, "co-group");
    return WSL_OK;
}
