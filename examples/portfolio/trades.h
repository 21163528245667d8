/*
 * trades - the rows that the steps of the portfolio begin with.
 *
 *     --trades DIR  files of trades (JSON lines, as `wiesel-gen trades` makes them), up to 15 s out of order
 */
#pragma once
#include "../files.h"

WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));

enum { OUT_OF_ORDERNESS_MS = 15000 };

/* Bought is positive, sold negative. */
static inline wsl_status trade_delta(wsl_ctx *ctx, const wsl_row *trade, int64_t *out_delta)
{
    const wsl_str side = trade_side(trade);

    if (wsl_str_equal(side, wsl_str_of("buy"))) {
        *out_delta = trade_quantity(trade);
    } else if (wsl_str_equal(side, wsl_str_of("sell"))) {
        *out_delta = -trade_quantity(trade);
    } else {
        return wsl_ctx_fail(ctx, "the side of a trade is 'buy' or 'sell', not '%.*s'", (int)side.size, side.data);
    }
    return WSL_OK;
}

/* Trades with timestamps. Lines that are no trades are counted and passed over. */
static inline wsl_stream *read_trades(wsl_env *env, const wsl_args *args)
{
    wsl_stream *trades = read_files(env, args, "trades", wsl_arg_required(args, "trades"), &trade_schema, "skip");

    return in_event_time(trades, args, "ts", OUT_OF_ORDERNESS_MS);
}
