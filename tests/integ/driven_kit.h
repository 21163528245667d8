/*
 * driven_kit - for job libraries: the source "driven" (driven.h), and rows for several keys out of its rows.
 *
 *     wsl_stream *a = driven_source_of(env, args, "a", strategy);     --control-a ADDRESS
 *     wsl_stream *items      = driven_items(a, "keys");              each row once per key, without marks
 */
#pragma once
#include <stdlib.h>
#include <time.h>

#include <wiesel/wiesel.h>

#include "driven.h"

/* ---- the source ---- */

typedef struct reader {
    driven_source *control;
    bool batches, quiet, ended;
} reader;

static const wsl_option driven_options[] = {
    {.name = "control", .type = WSL_OPT_INT, .help = "Address of the driven_source."},
    {.name = "batches", .type = WSL_OPT_BOOL, .default_value = "false", .help = "As many rows at once as there are."},
    {0},
};

enum { DRIVEN_FILL_MS = 2, DRIVEN_IDLENESS_MS = 30 }; /* a tick finds rows since the last one, unless it is quiet */

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    reader *r = self;
    (void)err;
    r->control = (driven_source *)(uintptr_t)wsl_config_int(ctx->config, "control"); /* of this process */
    r->batches = wsl_config_bool(ctx->config, "batches");
    return WSL_OK;
}

static int64_t driven_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* NULL: one without a timestamp. */
static wsl_status give(wsl_source_ctx *ctx, const driven_step *step)
{
    wsl_row_writer w;
    const uint32_t size = wsl_row_fixed_size(driven_n_fields);
    if ((size_t)(ctx->out_end - ctx->out_tip) < size) {
        WSL_TRY(ctx->ops->make_room(ctx, size));
    }
    (void)wsl_row_writer_init(&w, ctx->out_tip, size, driven_n_fields);
    driven_set_is_mark(&w, step == NULL || step->kind == DRIVEN_MARK);
    if (step != NULL) {
        driven_set_v(&w, step->v);
        driven_set_ts(&w, step->ts);
    }
    return ctx->ops->emit(ctx, w.row);
}

/* False: nothing is to be done for now. */
static bool do_step(reader *r, wsl_source_ctx *ctx, wsl_status *out_status)
{
    driven_step step;
    if (!driven_next(r->control, &step)) {
        return false;
    }
    r->quiet = step.kind == DRIVEN_QUIET;
    r->ended = step.kind == DRIVEN_END;
    if (step.kind == DRIVEN_ROW || step.kind == DRIVEN_MARK) {
        *out_status = give(ctx, &step);
    }
    driven_done(r->control);
    return true;
}

static wsl_status reader_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    reader *r = self;
    uint64_t count;
    wsl_status status = WSL_OK;
    bool any = true;
    (void)err;
    (void)!read(r->control->fd, &count, sizeof count);
    for (uint32_t i = 0; i < (r->batches ? max_rows : 1) && any && !r->ended && status == WSL_OK; i++) {
        any = do_step(r, ctx, &status);
    }
    if (any || status != WSL_OK) {
        return r->ended && status == WSL_OK ? WSL_END : status;
    }
    ctx->ops->wake_on_fd(ctx, r->control->fd);
    if (!r->quiet) {
        WSL_TRY(give(ctx, NULL));
        ctx->ops->wake_at(ctx, driven_now_ns() + (int64_t)DRIVEN_FILL_MS * 1000000);
    }
    return WSL_AGAIN;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)self;
    ctx->ops->wake_on_fd(ctx, -1);
}

static const wsl_reader_class driven_reader = {
    .size = sizeof(reader), .open = reader_open, .poll = reader_poll, .close = reader_close};
WSL_SOURCE_CONNECTOR(driven, .help = "What a test says.", .options = driven_options, .reader = &driven_reader);

static void mark(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms)
{
    if (driven_is_mark(row)) {
        wsl_emit_watermark(w, timestamp_ms);
    }
}
WSL_WATERMARKS(by_marks, .in = &driven_schema, .on_event = mark);

/* ---- keys ---- */

WSL_ROW(item, (string, key), (int64, v), (timestamp, ts));

static wsl_status to_each_key(wsl_ctx *ctx, const wsl_row *in)
{
    for (int i = 0; i < DRIVEN_KEYS && !driven_is_mark(in); i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key-%d", i);
        wsl_row_writer w = wsl_begin(ctx, &item_schema, sizeof key);
        item_set_key(&w, wsl_str_of(key));
        item_set_v(&w, driven_v(in));
        item_set_ts(&w, driven_ts(in));
        WSL_TRY(wsl_emit(ctx, &w));
    }
    return WSL_OK;
}
WSL_PROCESS(keys, .in = &driven_schema, .out = &item_schema, .process = to_each_key);

static inline wsl_stream *driven_source_of(wsl_env *env, const wsl_args *args, const char *name,
                                           wsl_watermark_strategy strategy)
{
    char option[16];
    (void)snprintf(option, sizeof option, "control-%s", name);
    wsl_stream *s = wsl_from(env, name, "driven", &driven_schema,
                             WSL_OPTIONS({"control", wsl_arg_required(args, option)},
                                         {"batches", wsl_arg(args, "batches", "false")}));
    wsl_set_parallelism(s, 1);
    return wsl_set_parallelism(wsl_watermarks(s, name, strategy), 1);
}

static inline wsl_stream *driven_items(wsl_stream *s, const char *name)
{
    return wsl_set_parallelism(wsl_process(s, name, &keys), 1);
}

/* ---- what is seen ---- */

static inline wsl_status driven_say(wsl_ctx *ctx, wsl_str key, const char *what, int64_t value)
{
    const wsl_str text = wsl_str_of(what);
    wsl_row_writer w = wsl_begin(ctx, &seen_schema, key.size + text.size + 16);
    seen_set_key(&w, key);
    seen_set_what(&w, text);
    seen_set_value(&w, value);
    seen_set_timestamp(&w, ctx->timestamp);
    seen_set_watermark(&w, wsl_watermark(ctx));
    return wsl_emit(ctx, &w);
}
