/*
 * step2_positions - the net position of each symbol, kept in value state; the new one for every trade.
 *
 *     wiesel run -d -p 2 step2_positions.c -- --trades /tmp/trades
 */
#include "results.h"
#include "trades.h"

WSL_ROW(position, (string, symbol), (int64, net_qty), (int64, trades));

WSL_VALUE_STATE(holding, "holding", (int64, net_qty), (int64, trades));

static wsl_status add_trade(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t delta = 0;

    WSL_TRY(trade_delta(&k->ctx, in, &delta));

    wsl_row *held = wsl_value_update(k, &holding); /* all 0 for a new symbol; assigned in place */
    const int64_t net_qty = holding_value_net_qty(held) + delta;
    const int64_t trades = holding_value_trades(held) + 1;
    held->slot[holding_value_f_net_qty] = (uint64_t)net_qty;
    held->slot[holding_value_f_trades] = (uint64_t)trades;

    const wsl_str symbol = trade_symbol(in);
    wsl_row_writer w = wsl_begin(k, &position_schema, symbol.size);
    position_set_symbol(&w, symbol);
    position_set_net_qty(&w, net_qty);
    position_set_trades(&w, trades);
    return wsl_emit(k, &w);
}

WSL_KEYED_PROCESS(positions, .in = &trade_schema, .out = &position_schema, .states = WSL_STATES(&holding),
                  .keyed_process = add_trade);

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "portfolio 2: positions");

    wsl_stream *net = wsl_keyed_process(wsl_key_by(read_trades(env, args), "symbol"), "positions", &positions);
    wsl_set_uid(net, "positions");
    write_results(net, args);
    return WSL_OK;
}
