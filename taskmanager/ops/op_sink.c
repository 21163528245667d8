/*
 * op_sink - runs a connector's writer. A writer that is behind (WSL_AGAIN) leaves its rows pending; it is tried again
 * after a pause that doubles up to 16 ms, or earlier if the task is woken.
 */
#include <string.h>

#include "base/alloc.h"
#include "format/format.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/ops/op_lists.h"

static const int64_t PAUSE_MIN_NS = INT64_C(1000000);
static const int64_t PAUSE_MAX_NS = INT64_C(16000000);

typedef struct op_sink {
    tm_op op;
    wsl_sink_ctx ctx;
    void *writer;
    wsl_config *config;
    wsl_format *format;
    int64_t pause_ns;
    int64_t pause_end_ns; /* while op.waiting */
    int64_t flush_at_ns;  /* the writer wants a flush then; WSL_NEVER: it does not */
    bool writer_open;
    bool dirty; /* something was written since the last flush */
    bool to_client;
    bool finished;
} op_sink;

static op_sink *self(tm_op *op) { return (op_sink *)(void *)op; }

/* ---- what a writer may ask ---- */

static wsl_status sink_write_stdout(wsl_sink_ctx *ctx, const char *data, size_t size)
{
    const op_sink *s = ctx->host;
    return s->op.env.host->write_stdout(s->op.env.host, data, size);
}

static wsl_status sink_send_to_client(wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n)
{
    op_sink *s = ctx->host;
    s->to_client = true;
    return s->op.env.host->send_to_client(s->op.env.host, &s->op, rows, n);
}

/* At the end of the pause or when the writer wants it, whichever is earlier. */
static void arm(op_sink *s)
{
    tm_op *op = &s->op;
    const bool pauses = op->waiting && s->pause_end_ns > wsl_now_ns(op->env.clock);
    const int64_t pause_ns = pauses ? s->pause_end_ns : WSL_NEVER;
    const int64_t at_ns = pause_ns < s->flush_at_ns ? pause_ns : s->flush_at_ns;
    if (at_ns != WSL_NEVER) {
        op->env.host->wake_at(op->env.host, op, at_ns);
    }
}

static void sink_wake_at(wsl_sink_ctx *ctx, int64_t monotonic_ns)
{
    op_sink *s = ctx->host;
    s->flush_at_ns = monotonic_ns;
    arm(s);
}

/* ---- life ---- */

static wsl_status sink_open(tm_op *op, wsl_error *err)
{
    op_sink *s = self(op);
    const wsl_sink_class *cls = op->env.sink;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &s->config, err));
    if (cls->has_format) {
        WSL_TRY(wsl_format_new(wsl_config_str(s->config, "format"), op->env.input[0], s->config, &s->format, err));
    }
    s->pause_ns = PAUSE_MIN_NS;
    s->flush_at_ns = WSL_NEVER;
    s->to_client = strcmp(cls->name, "collect") == 0; /* its end is reported even if it never had a row */
    s->ctx = (wsl_sink_ctx){
        .fs = op->env.fs,
        .clock = op->env.clock,
        .config = s->config,
        .schema = op->env.input[0],
        .format = s->format,
        .operator_name = op->name,
        .job_id = op->env.job_id,
        .subtask = op->env.subtask,
        .parallelism = op->env.parallelism,
        .host = s,
        .write_stdout = sink_write_stdout,
        .send_to_client = sink_send_to_client,
        .wake_at = sink_wake_at,
        .operator_states = tm_op_lists_handle(op->lists),
    };
    s->writer = wsl_zalloc(cls->writer->size == 0 ? 1 : cls->writer->size);
    s->writer_open = true;
    return cls->writer->open != NULL ? cls->writer->open(s->writer, &s->ctx, err) : WSL_OK;
}

static void sink_close(tm_op *op)
{
    op_sink *s = self(op);
    if (s->writer_open && op->env.sink->writer->close != NULL) {
        op->env.sink->writer->close(s->writer, &s->ctx);
    }
    free(s->writer);
    wsl_format_free(s->format);
    wsl_config_free(s->config);
}

/* ---- running ---- */

static wsl_status writer_failed(op_sink *s, wsl_status status, const wsl_error *err)
{
    status = tm_op_fail(&s->op, status, "%s", err->text[0] != '\0' ? err->text : wsl_status_text(status));
    s->op.env.host->error->retriable = err->retriable;
    return status;
}

/* The writer is behind: come back after a pause. */
static void pause_for(op_sink *s)
{
    tm_op *op = &s->op;
    op->waiting = true;
    s->pause_end_ns = wsl_now_ns(op->env.clock) + s->pause_ns;
    arm(s);
    s->pause_ns = s->pause_ns * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : s->pause_ns * 2;
}

static wsl_status sink_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op_sink *s = self(op);
    uint32_t taken = 0;
    wsl_error err = {0};
    s->dirty = true;
    const wsl_status status = op->env.sink->writer->write(s->writer, &s->ctx, rows, n, &taken, &err);
    if (WSL_LIKELY(status == WSL_OK)) {
        s->pause_ns = PAUSE_MIN_NS;
        return WSL_OK;
    }
    if (status != WSL_AGAIN) {
        return writer_failed(s, status, &err);
    }
    if (taken >= n) {
        return WSL_OK;
    }
    if (taken > 0) {
        s->pause_ns = PAUSE_MIN_NS;
    }
    pause_for(s);
    return tm_op_suspend(op, input, rows + taken, n - taken);
}

static wsl_status sink_flush(tm_op *op)
{
    op_sink *s = self(op);
    if (!s->dirty || s->finished) {
        return WSL_OK;
    }
    wsl_error err = {0};
    const wsl_writer_class *writer = op->env.sink->writer;
    const wsl_status status = writer->flush != NULL ? writer->flush(s->writer, &s->ctx, &err) : WSL_OK;
    if (status == WSL_OK) {
        s->dirty = false;
    }
    return status == WSL_OK || status == WSL_AGAIN ? WSL_OK : writer_failed(s, status, &err);
}

/* The writer asked to be flushed about now (a part file that is to be closed by age). */
static wsl_status sink_resume(tm_op *op)
{
    op_sink *s = self(op);
    if (s->flush_at_ns == WSL_NEVER) {
        return WSL_OK;
    }
    if (wsl_now_ns(op->env.clock) >= s->flush_at_ns) {
        s->flush_at_ns = WSL_NEVER;
        s->dirty = true;
        WSL_TRY(sink_flush(op));
    }
    arm(s);
    return WSL_OK;
}

static wsl_status sink_end(tm_op *op)
{
    op_sink *s = self(op);
    wsl_error err = {0};
    const wsl_writer_class *writer = op->env.sink->writer;
    const wsl_status status = writer->finish != NULL ? writer->finish(s->writer, &s->ctx, &err) : WSL_OK;
    if (status == WSL_AGAIN) {
        pause_for(s);
        return WSL_AGAIN;
    }
    if (status != WSL_OK) {
        return writer_failed(s, status, &err);
    }
    s->finished = true;
    if (s->to_client) {
        op->env.host->end_of_client_data(op->env.host, op);
    }
    return WSL_OK;
}

const tm_op_class tm_op_sink_class = {
    .kind = "sink",
    .size = sizeof(op_sink),
    .open = sink_open,
    .on_rows = sink_rows,
    .resume = sink_resume,
    .flush = sink_flush,
    .on_end = sink_end,
    .close = sink_close,
};
