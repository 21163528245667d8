/*
 * slow_sink - a source without a limit into a function that takes a pause for each row.
 *
 *     --n N         rows of each source subtask; 0 (the default): for ever
 *     --pause-us U  default 1000
 *     --chained     the pause is taken in the source's own chain, in front of a sink that counts
 *
 * Row i of a source goes to consumer i % P as that channel's row i / P, so each consumer knows what it must see next
 * from each source: a row that is lost, doubled or out of order fails the job. Rows are 200 bytes, so that few are in
 * flight. When the input has ended every consumer emits how many rows it saw.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

enum { SOURCES_MAX = 16, PADDING = 128 };

WSL_ROW(event, (int64, source), (int64, i), (string, padding));
WSL_ROW(seen, (int64, subtask), (int64, rows));

/* ---- source ---- */

typedef struct numbers {
    int64_t next, n;
} numbers;

static const wsl_option numbers_options[] = {
    {.name = "n", .type = WSL_OPT_INT, .default_value = "0", .help = "Rows of each subtask; 0: for ever."},
    {0},
};

static wsl_status numbers_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    numbers *s = self;

    (void)err;
    s->n = wsl_config_int(ctx->config, "n");
    return WSL_OK;
}

static wsl_status numbers_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    static const char padding[PADDING];
    numbers *s = self;
    const uint32_t room = wsl_row_fixed_size(event_n_fields) + PADDING + 8;

    (void)err;
    for (uint32_t k = 0; k < max_rows && (s->n == 0 || s->next < s->n); k++) {
        wsl_row_writer w;
        if ((size_t)(ctx->out_end - ctx->out_tip) < room) {
            const wsl_status status = ctx->ops->make_room(ctx, room);
            if (status != WSL_OK) {
                return status;
            }
        }
        if (!wsl_row_writer_init(&w, ctx->out_tip, room, event_n_fields)) {
            return WSL_INTERNAL;
        }
        event_set_source(&w, ctx->subtask);
        event_set_i(&w, s->next);
        event_set_padding(&w, (wsl_str){padding, sizeof padding});
        const wsl_status status = ctx->ops->emit(ctx, w.row);
        if (status != WSL_OK) {
            return status;
        }
        s->next++;
    }
    return s->n == 0 || s->next < s->n ? WSL_OK : WSL_END;
}

static void numbers_close(void *self, wsl_source_ctx *ctx)
{
    (void)self;
    (void)ctx;
}

static const wsl_reader_class numbers_reader = {
    .size = sizeof(numbers), .open = numbers_open, .poll = numbers_poll, .close = numbers_close};
WSL_SOURCE_CONNECTOR(unlimited, .help = "Numbered rows.", .options = numbers_options, .reader = &numbers_reader);

/* ---- consumer ---- */

typedef struct expected {
    int64_t next[SOURCES_MAX];
    int64_t rows;
} expected;

static uint32_t by_number(const wsl_row *in, uint32_t n_channels) { return (uint32_t)(event_i(in) % n_channels); }
WSL_PARTITION(in_turn, .in = &event_schema, .partition = by_number);

static wsl_status take_slowly(wsl_ctx *ctx, const wsl_row *in)
{
    const int64_t *pause_us = ctx->config;
    expected *e = ctx->local;
    const int64_t source = event_source(in), i = event_i(in);

    if (source < 0 || source >= SOURCES_MAX || i / ctx->parallelism != e->next[source] ||
        i % ctx->parallelism != ctx->subtask) {
        return wsl_error_here(ctx, "row %lld of source %lld came where the channel's row %lld was due", (long long)i,
                              (long long)source, (long long)e->next[source % SOURCES_MAX]);
    }
    e->next[source]++;
    e->rows++;
    wsl_count(ctx, "taken", 1);
    if (*pause_us > 0) {
        (void)usleep((useconds_t)*pause_us);
    }
    return WSL_OK;
}

static wsl_status tell(wsl_ctx *ctx)
{
    const expected *e = ctx->local;
    wsl_row_writer w = wsl_begin(ctx, &seen_schema, 0);

    seen_set_subtask(&w, ctx->subtask);
    seen_set_rows(&w, e->rows);
    return wsl_emit(ctx, &w);
}

WSL_PROCESS(slowly, .in = &event_schema, .out = &seen_schema, .local_size = sizeof(expected), .process = take_slowly,
            .finish = tell);

static wsl_status pass_slowly(wsl_ctx *ctx, const wsl_row *in)
{
    const int64_t *pause_us = ctx->config;

    (void)usleep((useconds_t)*pause_us);
    return wsl_emit(ctx, in);
}

WSL_PROCESS(slow_passage, .in = &event_schema, .out = &event_schema, .process = pass_slowly);

WSL_JOB(env, args)
{
    const int64_t pause_us = wsl_arg_int(args, "pause-us", 1000);

    wsl_env_set_name(env, "slow sink");
    wsl_stream *events =
        wsl_from(env, "events", "unlimited", &event_schema, WSL_OPTIONS({"n", wsl_arg(args, "n", "0")}));
    if (wsl_arg_flag(args, "chained")) {
        wsl_stream *passed = wsl_map(events, "slow", &slow_passage);
        wsl_set_config(passed, &pause_us, sizeof pause_us);
        wsl_blackhole(passed, "out");
        return WSL_OK;
    }
    wsl_stream *seen = wsl_process(wsl_partition(events, &in_turn), "slow", &slowly);
    wsl_set_config(seen, &pause_us, sizeof pause_us);
    wsl_collect(seen, "out");
    return WSL_OK;
}
