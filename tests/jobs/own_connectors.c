/* A source and a sink of the job's own, and functions of each kind; --case picks a mistake to make. */
#include <string.h>

#include <wiesel/wiesel.h>

WSL_ROW(tick, (int64, n));
WSL_ROW(late_tick, (int64, n), (int64, by));

/* ---- ticker: 0, 1, 2 ... up to count ---- */

typedef struct ticker {
    int64_t next;
} ticker;

static wsl_status ticker_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err;
    ticker *t = self;
    for (uint32_t i = 0; i < max_rows; i++) {
        if (t->next == wsl_config_int(ctx->config, "count")) {
            return WSL_END;
        }
        wsl_row_writer w;
        WSL_TRY(ctx->ops->make_room(ctx, 64));
        (void)wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), tick_n_fields);
        tick_set_n(&w, t->next++);
        WSL_TRY(ctx->ops->emit(ctx, w.row));
    }
    return WSL_OK;
}

static const wsl_option ticker_options[] = {
    {.name = "count", .type = WSL_OPT_INT, .default_value = "10", .min = "0", .help = "How many."},
    {.name = NULL},
};
static const wsl_reader_class ticker_reader = {.size = sizeof(ticker), .poll = ticker_poll};
static wsl_status ticker_validate(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    (void)schema;
    return wsl_config_int(config, "count") == 13 ? wsl_fail(err, WSL_INVALID, "13 ticks bring bad luck") : WSL_OK;
}
WSL_SOURCE_CONNECTOR(ticker, .help = "Counts.", .options = ticker_options, .reader = &ticker_reader,
                     .validate = ticker_validate);

static wsl_status swallow(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n, uint32_t *out_taken,
                          wsl_error *err)
{
    (void)self;
    (void)ctx;
    (void)rows;
    (void)err;
    *out_taken = n;
    return WSL_OK;
}
static const wsl_writer_class void_writer = {.write = swallow};
static const wsl_option void_options[] = {{.name = NULL}};
WSL_SINK_CONNECTOR(nowhere, .help = "Takes all.", .options = void_options, .writer = &void_writer);

/* ---- functions ---- */

static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
static wsl_status is_even(wsl_ctx *ctx, const wsl_row *in, bool *out_keep)
{
    (void)ctx;
    *out_keep = tick_n(in) % 2 == 0;
    return WSL_OK;
}
static wsl_status larger(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    return wsl_emit(ctx, tick_n(acc) > tick_n(in) ? acc : in);
}
static uint32_t by_number(const wsl_row *in, uint32_t n_channels) { return (uint32_t)(tick_n(in) % n_channels); }

WSL_PROCESS(passing, .process = pass, .sides = WSL_SIDES({"late", &late_tick_schema}), .blocking = true);
WSL_FILTER(even, .in = &tick_schema, .filter = is_even);
WSL_REDUCE(largest, .in = &tick_schema, .reduce = larger);
WSL_PARTITION(spread, .partition = by_number);
WSL_PROCESS(no_callback, .in = &tick_schema);

/* not exported: no TaskManager can find it */
static const wsl_function hidden = {.abi = WSL_ABI_VERSION, .kind = WSL_FN_PROCESS, .name = "hidden", .process = pass};

WSL_JOB(env, args)
{
    const char *mistake = wsl_arg(args, "case", "none");
    wsl_stream *ticks = wsl_from(env, "ticks", "ticker", &tick_schema, WSL_OPTIONS({"count", wsl_arg(args, "count", NULL)}));
    wsl_stream *passed = wsl_process(wsl_partition(ticks, &spread), "pass", &passing);
    wsl_set_config(passed, "four", 4);
    if (strcmp(mistake, "hidden") == 0) {
        wsl_process(ticks, "hide", &hidden);
    } else if (strcmp(mistake, "no-callback") == 0) {
        wsl_process(ticks, "empty", &no_callback);
    } else if (strcmp(mistake, "connector") == 0) {
        wsl_from(env, "tocks", "metronome", &tick_schema, WSL_NO_OPTIONS);
    } else if (strcmp(mistake, "gives-up") == 0) {
        return WSL_UNSUPPORTED;
    } else if (strcmp(mistake, "words") == 0) {
        return wsl_env_fail(env, "no job on a %s", "Sunday");
    }
    wsl_to(wsl_reduce(wsl_key_by(wsl_filter(passed, "even", &even), "n"), "largest", &largest), "out", "nowhere",
           WSL_NO_OPTIONS);
    wsl_to(wsl_side_output(passed, "late"), "late", "nowhere", WSL_NO_OPTIONS);
    return WSL_OK;
}
