/*
 * op_sink - runs a connector's writer. A writer that is behind (WSL_AGAIN) leaves its rows pending; it is tried again
 * after a pause that doubles up to 16 ms, or earlier if the task is woken.
 *
 * A writer that makes its output visible in two steps (prepare, commit) is asked to prepare at each barrier; what it saves is
 * section "writer". Once it had something to write, its task ends only when a checkpoint is complete that was taken behind the
 * last row: before that, a failure could take rows back.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "format/format.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/ops/op_lists.h"
#include "taskmanager/ops/pieces.h"

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
    bool two_steps;   /* the job takes checkpoints, and the writer waits for them */
    uint64_t last_one; /* the first checkpoint behind the last row; 0: none was taken */
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

static bool takes_checkpoints(const tm_op *op)
{
    return op->env.job_config != NULL && wsl_config_is_set(op->env.job_config, "execution.checkpointing.interval");
}

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
    const bool checkpoints = takes_checkpoints(op);
    s->two_steps = checkpoints && cls->writer->commit != NULL;
    s->ctx = (wsl_sink_ctx){
        .fs = op->env.fs,
        .clock = op->env.clock,
        .config = s->config,
        .schema = op->env.input[0],
        .format = s->format,
        .operator_name = op->name,
        .job_id = op->env.job_id,
        .checkpoints = checkpoints,
        .operator_uid = op->env.desc->uid,
        .attempt = op->env.attempt,
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
    wsl_error err;
    wsl_error_none(&err);
    s->dirty = true;
    op->uncommitted = s->two_steps;
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
    wsl_error err;
    wsl_error_none(&err);
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

/* No checkpoint will be taken behind the end: what was written becomes visible at once, though a failure of others may repeat it. */
static bool is_last_chance(const op_sink *s)
{
    return s->two_steps &&
           !wsl_config_bool(s->op.env.job_config, "execution.checkpointing.checkpoints-after-tasks-finish.enabled");
}

static wsl_status sink_end(tm_op *op)
{
    op_sink *s = self(op);
    wsl_error err = {0};
    if (is_last_chance(s)) {
        s->ctx.checkpoints = s->two_steps = op->uncommitted = false;
    }
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

/* ---- checkpoints ---- */

static wsl_status sink_snapshot(tm_op *op, tm_snapshot *out)
{
    op_sink *s = self(op);
    const wsl_writer_class *writer = op->env.sink->writer;
    if (writer->prepare == NULL) {
        return WSL_OK;
    }
    tm_piece_saver saver;
    wsl_error err = {0};
    const uint64_t checkpoint = tm_snapshot_checkpoint(out);
    tm_piece_saver_init(&saver, out, op, "writer", NULL);
    const wsl_status status = writer->prepare(s->writer, &s->ctx, checkpoint, &saver.saver, &err);
    if (status != WSL_OK) {
        return writer_failed(s, status, &err);
    }
    if (s->finished && s->last_one == 0) {
        s->last_one = checkpoint;
    }
    return WSL_OK;
}

static wsl_status sink_complete(tm_op *op, uint64_t checkpoint)
{
    op_sink *s = self(op);
    const wsl_writer_class *writer = op->env.sink->writer;
    if (writer->commit == NULL) {
        return WSL_OK;
    }
    wsl_error err = {0};
    const wsl_status status = writer->commit(s->writer, &s->ctx, checkpoint, &err);
    if (status != WSL_OK) {
        return writer_failed(s, status, &err);
    }
    if (s->last_one != 0 && checkpoint >= s->last_one) {
        op->uncommitted = false;
    }
    return WSL_OK;
}

static wsl_status restore_writer(op_sink *s, const tm_pieces *pieces)
{
    const wsl_writer_class *writer = s->op.env.sink->writer;
    if (writer->restore == NULL) {
        return pieces->n == 0 ? WSL_OK : tm_op_fail(&s->op, WSL_UNSUPPORTED, "its writer saves what it cannot restore");
    }
    wsl_error err = {0};
    const wsl_status status = writer->restore(s->writer, &s->ctx, pieces->items, pieces->n, &err);
    if (status != WSL_OK) {
        return writer_failed(s, status, &err);
    }
    s->op.uncommitted = s->two_steps && pieces->n > 0;
    return WSL_OK;
}

static wsl_status sink_restore(tm_op *op, tm_restore *in)
{
    tm_pieces pieces = {0};
    wsl_status status = tm_pieces_read(&pieces, in, "writer");
    status = status == WSL_OK ? restore_writer(self(op), &pieces) : status;
    tm_pieces_fini(&pieces);
    return status;
}

const tm_op_class tm_op_sink_class = {
    .kind = "sink",
    .size = sizeof(op_sink),
    .open = sink_open,
    .on_rows = sink_rows,
    .resume = sink_resume,
    .flush = sink_flush,
    .on_end = sink_end,
    .snapshot = sink_snapshot,
    .restore = sink_restore,
    .checkpoint_complete = sink_complete,
    .close = sink_close,
};
