/*
 * text_workloads - the benchmark's jobs over files, as any user would write them.
 *
 *     --workload wordcount --in DIR              lines of words; the new count for every word
 *     --workload json      --in DIR --out DIR    JSON lines of trades: 30 s windows per symbol with 15 s bound and lateness;
 *                                                results go to CSV files too
 *
 * Files are read in the order of their time of modification, then path. The last operator folds results into sums and
 * sends them to the client when its input has ended; r2 is the number of words or trades that were counted.
 */
#include <math.h>
#include <string.h>

#include <wiesel/wiesel.h>

WSL_ROW(sums, (int64, results), (int64, checksum), (int64, r2));

typedef struct totals {
    uint64_t results, checksum, events;
} totals;

static wsl_status send_totals(wsl_ctx *ctx)
{
    const totals *t = ctx->local;
    wsl_row_writer w = wsl_begin(ctx, &sums_schema, 0);
    sums_set_results(&w, (int64_t)t->results);
    sums_set_checksum(&w, (int64_t)t->checksum);
    sums_set_r2(&w, (int64_t)t->events);
    return wsl_emit(ctx, &w);
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t fnv1a64(wsl_str s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < s.size; i++) {
        hash = (hash ^ (uint8_t)s.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* ---- wordcount ---- */

WSL_ROW(line, (string, line));
WSL_ROW(word, (string, word));
WSL_ROW(word_count, (string, word), (int64, count));

/* Lines of this workload are short: no position needs to be kept. */
static wsl_status split_line(wsl_ctx *ctx, const wsl_row *in)
{
    const wsl_str text = line_line(in);
    for (uint32_t from = 0; from < text.size;) {
        const char *space = memchr(text.data + from, ' ', text.size - from);
        const uint32_t to = space != NULL ? (uint32_t)(space - text.data) : text.size;
        if (to > from) {
            wsl_row_writer w = wsl_begin(ctx, &word_schema, to - from);
            word_set_word(&w, (wsl_str){text.data + from, to - from});
            WSL_TRY(wsl_emit(ctx, &w));
        }
        from = to + 1;
    }
    return WSL_OK;
}
WSL_PROCESS(words, .in = &line_schema, .out = &word_schema, .process = split_line);

WSL_VALUE_STATE(seen, "seen", (int64, count));

static wsl_status count_word(wsl_keyed_ctx *k, const wsl_row *in)
{
    const wsl_str text = word_word(in);
    wsl_row *state = wsl_value_update(k, &seen);
    const int64_t count = (int64_t)++state->slot[seen_value_f_count];
    wsl_row_writer w = wsl_begin(k, &word_count_schema, text.size);
    word_count_set_word(&w, text);
    word_count_set_count(&w, count);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(counts, .in = &word_schema, .out = &word_count_schema, .states = WSL_STATES(&seen),
                  .keyed_process = count_word);

static wsl_status fold_count(wsl_ctx *ctx, const wsl_row *in)
{
    totals *t = ctx->local;
    t->results++;
    t->events++;
    t->checksum += fnv1a64(word_count_word(in)) * 31 + (uint64_t)word_count_count(in) * 7;
    return WSL_OK;
}
WSL_PROCESS(fold_counts, .in = &word_count_schema, .out = &sums_schema, .local_size = sizeof(totals),
            .process = fold_count, .finish = send_totals);

static wsl_stream *wordcount(wsl_env *env, const wsl_args *args)
{
    wsl_stream *lines = wsl_from(env, "lines", "file", &line_schema,
                                 WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "raw"}));
    wsl_stream *counted = wsl_keyed_process(wsl_key_by(wsl_flat_map(lines, "words", &words), "word"), "counts", &counts);
    wsl_set_uid(counted, "counts");
    return wsl_process(counted, "fold", &fold_counts);
}

/* ---- json ---- */

WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (int64, ts));
WSL_ROW(volume, (int64, net), (int64, notional), (int64, trades));
WSL_ROW(volume_of, (string, symbol), (int64, window_end), (int64, net), (int64, notional), (int64, trades));

static wsl_status add_trade(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    const int64_t quantity = trade_quantity(in);
    const bool buys = wsl_str_equal(trade_side(in), wsl_str_of("BUY"));
    acc->slot[volume_f_net] += (uint64_t)(buys ? quantity : -quantity);
    acc->slot[volume_f_notional] += (uint64_t)(quantity * llround(trade_price(in) * 100)); /* cents */
    acc->slot[volume_f_trades]++;
    return WSL_OK;
}

static wsl_status add_volumes(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    for (uint32_t i = 0; i < volume_n_fields; i++) {
        acc->slot[i] += other->slot[i];
    }
    return WSL_OK;
}
WSL_AGGREGATE(volumes, .in = &trade_schema, .acc = &volume_schema, .out = &volume_schema, .add = add_trade,
              .merge = add_volumes);

WSL_ROW(by_symbol, (string, symbol));

static wsl_status name_window(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_row *volume = wsl_rows_next(rows);
    const wsl_str symbol = by_symbol_symbol(w->k.key);
    wsl_row_writer out = wsl_begin(&w->k, &volume_of_schema, symbol.size);
    volume_of_set_symbol(&out, symbol);
    volume_of_set_window_end(&out, w->window.end);
    volume_of_set_net(&out, volume_net(volume));
    volume_of_set_notional(&out, volume_notional(volume));
    volume_of_set_trades(&out, volume_trades(volume));
    return wsl_emit(&w->k, &out);
}
WSL_WINDOW(named, .in = &volume_schema, .out = &volume_of_schema, .window = name_window);

static wsl_status fold_volume(wsl_ctx *ctx, const wsl_row *in)
{
    totals *t = ctx->local;
    t->results++;
    t->events += (uint64_t)volume_of_trades(in);
    t->checksum += fnv1a64(volume_of_symbol(in)) * 31 + (uint64_t)volume_of_window_end(in) * 17 +
                   (uint64_t)volume_of_net(in) * 7 + (uint64_t)volume_of_notional(in);
    return WSL_OK;
}
WSL_PROCESS(fold_volumes, .in = &volume_of_schema, .out = &sums_schema, .local_size = sizeof(totals),
            .process = fold_volume, .finish = send_totals);

static wsl_stream *json(wsl_env *env, const wsl_args *args)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(30000), .lateness_ms = 15000, .late_tag = "late"};
    wsl_stream *trades = wsl_from(env, "trades", "file", &trade_schema,
                                  WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "json"}));
    trades = wsl_watermarks(trades, "on-time", wsl_bounded_out_of_orderness("ts", 15000));
    wsl_stream *notional = wsl_window_aggregate(wsl_key_by(trades, "symbol"), "notional", &windows, &volumes, &named);
    wsl_set_uid(notional, "notional");
    wsl_blackhole(wsl_side_output(notional, "late"), "late");
    wsl_to_files(notional, "files", wsl_arg_required(args, "out"), "csv");
    return wsl_process(notional, "fold", &fold_volumes);
}

WSL_JOB(env, args)
{
    const char *workload = wsl_arg_required(args, "workload");
    wsl_env_set_name(env, workload);
    wsl_stream *results = NULL;
    if (strcmp(workload, "wordcount") == 0) {
        results = wordcount(env, args);
    } else if (strcmp(workload, "json") == 0) {
        results = json(env, args);
    } else {
        return wsl_env_fail(env, "there is no workload '%s' over files: wordcount or json", workload);
    }
    wsl_set_parallelism(wsl_collect(results, "results"), 1);
    return WSL_OK;
}
