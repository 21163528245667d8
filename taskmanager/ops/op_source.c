/*
 * op_source - runs a connector's reader. Rows are built in an arena of 64 KiB and sent on when it is full, when there
 * are TM_BATCH_ROWS of them, or when the reader has nothing more for now.
 *
 * A reader that is handed splits is idle (gives no watermarks) from the start and whenever it has none, so that a
 * subtask without splits holds nobody back.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "format/bad_record.h"
#include "format/format.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_source {
    tm_op op;
    wsl_source_ctx ctx;
    void *reader;
    wsl_config *config;
    wsl_format *format;
    wsl_on_error on_error;
    uint32_t bad_side; /* the side output for bad records; n_sides if there is none */
    char *finished;    /* a split to be reported with the next request */
    uint32_t n_splits; /* in the reader's hands */
    bool reader_open;
    bool started;
    wsl_status failed;
    tm_row_arena arena;
    uint32_t n_out;
    const wsl_row *out[TM_BATCH_ROWS];
} op_source;

static op_source *self(tm_op *op) { return (op_source *)(void *)op; }
static op_source *of_ctx(wsl_source_ctx *ctx) { return (op_source *)(void *)((char *)ctx - offsetof(op_source, ctx)); }

/* ---- sending on ---- */

static wsl_status flush_rows(op_source *s)
{
    const uint32_t n = s->n_out;
    s->n_out = 0;
    const wsl_status status = tm_op_emit_rows(&s->op, s->out, n);
    s->ctx.out_tip = s->arena.data;
    if (status != WSL_OK) {
        s->failed = status;
    }
    return status;
}

static wsl_status source_make_room(wsl_source_ctx *ctx, uint32_t bytes)
{
    op_source *s = of_ctx(ctx);
    if (bytes > WSL_ROW_SIZE_MAX_DEFAULT) {
        return s->failed =
                   tm_op_fail(&s->op, WSL_TOO_LARGE, "a row of %" PRIu32 " bytes is larger than the maximum of %d",
                              bytes, WSL_ROW_SIZE_MAX_DEFAULT);
    }
    WSL_TRY(flush_rows(s));
    if (bytes > s->arena.size) {
        free(s->arena.data);
        s->arena.data = wsl_alloc(bytes);
        s->arena.size = bytes;
    }
    ctx->out_tip = s->arena.data;
    ctx->out_end = s->arena.data + s->arena.size;
    return WSL_OK;
}

static wsl_status source_emit(wsl_source_ctx *ctx, wsl_row *row)
{
    op_source *s = of_ctx(ctx);
    if (WSL_UNLIKELY((uint8_t *)row != ctx->out_tip)) {
        return s->failed = tm_op_fail(&s->op, WSL_INTERNAL, "its reader emits a row that was not built at out_tip");
    }
    ctx->out_tip += row->size;
    s->out[s->n_out++] = row;
    return s->n_out == TM_BATCH_ROWS ? flush_rows(s) : WSL_OK;
}

static wsl_status send_bad_record(op_source *s, const char *reason, const char *where, uint64_t offset, wsl_str raw)
{
    if (s->bad_side == s->op.n_sides || s->op.sides[s->bad_side].n == 0) {
        return WSL_OK; /* nobody reads them */
    }
    const uint32_t room = wsl_bad_record_room(reason, where, raw);
    void *memory = wsl_alloc(room); /* bad records are rare */
    const wsl_row *row = wsl_bad_record_build(memory, room, reason, where, offset, raw);
    wsl_status status = flush_rows(s); /* in the order of the input */
    if (status == WSL_OK && row != NULL) {
        status = tm_op_emit_side(&s->op, s->bad_side, &row, 1);
    }
    free(memory);
    return status;
}

static wsl_status source_bad_record(wsl_source_ctx *ctx, const char *reason, const char *where, uint64_t offset,
                                    wsl_str raw)
{
    op_source *s = of_ctx(ctx);
    if (s->on_error == WSL_ON_ERROR_FAIL) {
        wsl_error err = {0};
        const wsl_status status = wsl_bad_record_fail(&err, reason, where, offset, raw);
        return s->failed = tm_op_fail(&s->op, status, "%s", err.text);
    }
    tm_op_count_add(&s->op, "numRecordsInErrors", 1);
    return s->on_error == WSL_ON_ERROR_SIDE_OUTPUT ? send_bad_record(s, reason, where, offset, raw) : WSL_OK;
}

/* ---- what else a reader may ask ---- */

static void source_wake_on_fd(wsl_source_ctx *ctx, int fd)
{
    tm_op *op = &of_ctx(ctx)->op;
    op->env.host->wake_on_fd(op->env.host, op, fd);
}

static void source_wake_at(wsl_source_ctx *ctx, int64_t monotonic_ns)
{
    tm_op *op = &of_ctx(ctx)->op;
    op->env.host->wake_at(op->env.host, op, monotonic_ns);
}

static void source_request_split(wsl_source_ctx *ctx)
{
    op_source *s = of_ctx(ctx);
    char *finished = WSL_TAKE(s->finished);
    s->op.env.host->request_split(s->op.env.host, &s->op, finished != NULL ? finished : "");
    free(finished);
}

static void source_split_finished(wsl_source_ctx *ctx, const char *split_name)
{
    op_source *s = of_ctx(ctx);
    if (s->finished != NULL) {
        source_request_split(ctx); /* each one is reported; a split more in hand does no harm */
    }
    s->finished = wsl_strdup(split_name);
    s->n_splits -= s->n_splits > 0;
}

static void source_count(wsl_source_ctx *ctx, const char *metric, int64_t delta)
{
    tm_op_count_add(&of_ctx(ctx)->op, metric, delta);
}

static const wsl_source_ctx_ops source_ops = {
    .make_room = source_make_room,
    .emit = source_emit,
    .bad_record = source_bad_record,
    .wake_on_fd = source_wake_on_fd,
    .wake_at = source_wake_at,
    .request_split = source_request_split,
    .split_finished = source_split_finished,
    .count = source_count,
};

/* ---- life ---- */

static uint32_t find_bad_side(const tm_op *op)
{
    uint32_t i = 0;
    while (i < op->n_sides && strcmp(op->env.desc->sides[i]->tag, WSL_BAD_RECORDS) != 0) {
        i++;
    }
    return i;
}

static wsl_status source_open(tm_op *op, wsl_error *err)
{
    op_source *s = self(op);
    const wsl_source_class *cls = op->env.source;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &s->config, err));
    if (cls->has_format) {
        WSL_TRY(wsl_format_new(wsl_config_str(s->config, "format"), op->env.output, s->config, &s->format, err));
        s->on_error = wsl_on_error_of(s->config);
    }
    s->bad_side = find_bad_side(op);
    s->arena = (tm_row_arena){.data = wsl_alloc(TM_ARENA_BYTES), .size = TM_ARENA_BYTES};
    s->ctx = (wsl_source_ctx){
        .ops = &source_ops,
        .fs = op->env.fs,
        .clock = op->env.clock,
        .config = s->config,
        .schema = op->env.output,
        .format = s->format,
        .operator_name = op->name,
        .subtask = op->env.subtask,
        .parallelism = op->env.parallelism,
        .out_tip = s->arena.data,
        .out_end = s->arena.data + s->arena.size,
    };
    s->reader = wsl_zalloc(cls->reader->size == 0 ? 1 : cls->reader->size);
    s->reader_open = true;
    return cls->reader->open != NULL ? cls->reader->open(s->reader, &s->ctx, err) : WSL_OK;
}

static void source_close(tm_op *op)
{
    op_source *s = self(op);
    if (s->reader_open && op->env.source->reader->close != NULL) {
        op->env.source->reader->close(s->reader, &s->ctx);
    }
    free(s->reader);
    free(s->finished);
    free(s->arena.data);
    wsl_format_free(s->format);
    wsl_config_free(s->config);
}

/* ---- running ---- */

/* Into the task's error, with the operator's name. A reader may say that trying again can help. */
static wsl_status reader_failed(op_source *s, wsl_status status, const wsl_error *err)
{
    if (s->failed != WSL_OK) {
        return s->failed; /* told already */
    }
    s->failed = tm_op_fail(&s->op, status, "%s", err->text[0] != '\0' ? err->text : wsl_status_text(status));
    s->op.env.host->error->retriable = err->retriable;
    return s->failed;
}

static wsl_status tell_idleness(op_source *s)
{
    const bool has_enumerator = s->op.env.source->enumerator != NULL;
    return has_enumerator ? tm_op_emit_idle(&s->op, s->n_splits == 0) : WSL_OK;
}

static wsl_status source_resume(tm_op *op)
{
    op_source *s = self(op);
    const wsl_reader_class *reader = op->env.source->reader;
    if (!s->started) {
        s->started = true;
        WSL_TRY(tell_idleness(s));
    }
    wsl_error err = {0};
    const wsl_status status = reader->poll(s->reader, &s->ctx, op->shared->rows_per_step, &err);
    if (s->failed != WSL_OK || (status != WSL_OK && status != WSL_AGAIN && status != WSL_END)) {
        return reader_failed(s, status, &err);
    }
    WSL_TRY(flush_rows(s));
    if (s->arena.size > TM_ARENA_BYTES) { /* after a large row */
        free(s->arena.data);
        s->arena = (tm_row_arena){.data = wsl_alloc(TM_ARENA_BYTES), .size = TM_ARENA_BYTES};
        s->ctx.out_tip = s->arena.data;
        s->ctx.out_end = s->arena.data + s->arena.size;
    }
    if (status != WSL_END) {
        WSL_TRY(tell_idleness(s));
    }
    return status;
}

static wsl_status source_split(tm_op *op, const wsl_split *split, bool no_more)
{
    op_source *s = self(op);
    const wsl_reader_class *reader = op->env.source->reader;
    if (no_more) {
        if (reader->no_more_splits != NULL) {
            reader->no_more_splits(s->reader, &s->ctx);
        }
        return WSL_OK;
    }
    if (reader->add_split == NULL) {
        return tm_op_fail(op, WSL_INTERNAL, "was given the split '%s', but its reader takes none", split->name);
    }
    s->n_splits++;
    s->started = true;
    WSL_TRY(tell_idleness(s));
    wsl_error err = {0};
    const wsl_status status = reader->add_split(s->reader, &s->ctx, split, &err);
    return status == WSL_OK ? WSL_OK : reader_failed(s, status, &err);
}

const tm_op_class tm_op_source_class = {
    .kind = "source",
    .size = sizeof(op_source),
    .open = source_open,
    .resume = source_resume,
    .on_split = source_split,
    .close = source_close,
};
