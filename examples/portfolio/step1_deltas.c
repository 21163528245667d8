/*
 * step1_deltas - from files of trades to a stream of signed quantities in event time.
 *
 *     wiesel-gen trades --live --rate 100 --out /tmp/trades &
 *     wiesel run step1_deltas.c -- --trades /tmp/trades
 *
 * For each trade: by how much it changes the position, what that is worth, and whether it came behind the watermark
 * (later than the 15 s that are waited for).
 */
#include "results.h"
#include "trades.h"

WSL_ROW(delta, (string, symbol), (int64, delta), (double, amount), (timestamp, ts), (bool, late));

static wsl_status to_delta(wsl_ctx *ctx, const wsl_row *in)
{
    int64_t quantity = 0;
    const wsl_str symbol = trade_symbol(in);

    WSL_TRY(trade_delta(ctx, in, &quantity));
    wsl_row_writer w = wsl_begin(ctx, &delta_schema, symbol.size);
    delta_set_symbol(&w, symbol);
    delta_set_delta(&w, quantity);
    delta_set_amount(&w, (double)quantity * trade_price(in));
    delta_set_ts(&w, trade_ts(in));
    delta_set_late(&w, trade_ts(in) <= ctx->watermark);
    return wsl_emit(ctx, &w);
}

WSL_PROCESS(deltas, .in = &trade_schema, .out = &delta_schema, .process = to_delta);

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "portfolio 1: deltas");
    write_results(wsl_map(read_trades(env, args), "deltas", &deltas), args);
    return WSL_OK;
}
