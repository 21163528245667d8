/*
 * campaign_windows - trades in windows of every kind that checkpoints treat differently; files of whole numbers, so that a sum does not
 * depend on how it was put together.
 *
 *     tumbling   30 s                  slices, one per window
 *     sliding    30 s every 5 s        slices that several windows share
 *     sessions   gaps of 8 s           windows that merge
 *     last       the last 3 of 60 s    an evictor, so lists of rows
 *     counted    every 7 trades        windows without time
 *
 *     --trades DIR --out DIR     and what files.h and paced.h name
 */
#define PACED_SOURCE "trades"
#include "paced_example.h"

#include "../../../examples/portfolio/trades.h"

#define SUMS "symbol, WINDOW_START AS window_start, WINDOW_END AS window_end, COUNT(*) AS n, SUM(quantity) AS quantity"

WSL_ROW(key, (string, symbol));
WSL_ROW(last, (string, symbol), (timestamp, window_end), (int64, n), (int64, first_ts), (int64, quantity));

static wsl_status emit_last(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_str symbol = key_symbol(w->k.key);
    int64_t n = 0, first = 0, quantity = 0;

    for (const wsl_row *row; (row = wsl_rows_next(rows)) != NULL; n++) {
        first = n == 0 ? trade_ts(row) : first;
        quantity = 31 * quantity + trade_quantity(row); /* also says in which order they were kept */
    }
    wsl_row_writer out = wsl_begin(w, &last_schema, symbol.size);
    last_set_symbol(&out, symbol);
    last_set_window_end(&out, w->window.end);
    last_set_n(&out, n);
    last_set_first_ts(&out, first);
    last_set_quantity(&out, quantity);
    return wsl_emit(w, &out);
}
WSL_WINDOW(last_trades, .in = &trade_schema, .out = &last_schema, .window = emit_last);

WSL_JOB(env, args)
{
    const wsl_windowing tumbling = {.assigner = wsl_tumbling(30000)}, sliding = {.assigner = wsl_sliding(30000, 5000)},
                        sessions = {.assigner = wsl_session(8000)}, counted = {.assigner = wsl_count_window(7)},
                        newest = {.assigner = wsl_tumbling(60000), .evictor = wsl_count_evictor(3)};

    wsl_env_set_name(env, "windows");
    wsl_keyed_stream *trades = wsl_key_by(read_trades(env, args), "symbol");
    write_rows(wsl_window_select(trades, "tumbling", &tumbling, SUMS), args, "tumbling");
    write_rows(wsl_window_select(trades, "sliding", &sliding, SUMS), args, "sliding");
    write_rows(wsl_window_select(trades, "sessions", &sessions, SUMS), args, "sessions");
    write_rows(wsl_window_select(trades, "counted", &counted, "symbol, COUNT(*) AS n, SUM(quantity) AS quantity"), args,
               "counted");
    write_rows(wsl_window_process(trades, "last", &newest, &last_trades), args, "last");
    return WSL_OK;
}
