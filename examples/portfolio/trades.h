/*
 * trades - the rows of the portfolio example and where they come from.
 *
 * Arguments of every step:
 *     --trades DIR   directory that is watched for files of trades (JSON lines, as `wiesel-gen trades` makes them)
 *     --once         read what is there and end, instead of watching
 *     --out DIR      write results to files instead of printing them
 */
#pragma once
#include <wiesel/wiesel.h>

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

/* Trades with timestamps; up to 15 s late. Lines that are no trades are counted and passed over. */
static inline wsl_stream *read_trades(wsl_env *env, const wsl_args *args)
{
    const char *watch = wsl_arg_flag(args, "once") ? NULL : "200 ms";
    wsl_stream *trades = wsl_from(env, "trades", "file", &trade_schema,
                                  WSL_OPTIONS({"path", wsl_arg_required(args, "trades")}, {"format", "json"},
                                              {"watch", watch}, {"on-error", "skip"}));

    return wsl_watermarks(trades, "on-time", wsl_bounded_out_of_orderness("ts", OUT_OF_ORDERNESS_MS));
}

static inline void write_results(wsl_stream *results, const wsl_args *args)
{
    const char *out = wsl_arg(args, "out", NULL);

    if (out != NULL) {
        wsl_to_files(results, "out", out, "json");
    } else {
        wsl_print(results, "out");
    }
}
