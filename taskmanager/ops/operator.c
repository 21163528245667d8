/*
 * How rows and marks get from operator to operator, and what happens when one of them cannot go on.
 *
 *     deliver --pending? no--> class --emit--> deliver to the next, or to an output
 *                |  yes
 *                `--> queue ... resume: class's own work, then the queue's rows and marks in order
 *
 * While an operator works off its queue the rows of the running batch stay in the queue; tm_op_suspend then only says
 * how many of them are left.
 */
#include "taskmanager/ops/operator.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "data/row_text.h"
#include "taskmanager/net/output.h"
#include "taskmanager/ops/pending.h"

enum { ROW_TEXT_IN_ERRORS = 400 };

const wsl_function *tm_op_function(const tm_op *op, const char *role)
{
    for (size_t i = 0; i < op->env.desc->n_functions; i++) {
        if (strcmp(op->env.desc->functions[i]->role, role) == 0) {
            return op->env.functions[i];
        }
    }
    return NULL;
}

/* ---- errors and metrics ---- */

static void add_row_in_hand(const tm_op *op, wsl_strbuf *text)
{
    const wsl_schema *schema = op->current_is_key ? op->env.key_schema : op->env.input[op->current_input];
    if (op->current == NULL || schema == NULL) {
        return;
    }
    char row[ROW_TEXT_IN_ERRORS];
    (void)wsl_row_text(op->current, schema, row, sizeof row);
    wsl_strbuf_printf(text, "; %s: %s", op->current_is_key ? "timer of key" : "row", row);
}

wsl_status tm_op_vfail(tm_op *op, wsl_status status, const char *format, va_list args)
{
    wsl_error *err = op->env.host->error;
    if (err->status != WSL_OK) {
        return err->status; /* the first failure wins */
    }
    wsl_error reason = {0};
    (void)wsl_vfail(&reason, status, format, args);
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_strbuf_printf(&text, "operator '%s' (subtask %" PRIu32 " of %" PRIu32 "): %s", op->name, op->env.subtask + 1,
                      op->env.parallelism, reason.text);
    add_row_in_hand(op, &text);
    (void)wsl_fail(err, status, "%s", text.data);
    wsl_strbuf_fini(&text);
    return status;
}

wsl_status tm_op_fail(tm_op *op, wsl_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    status = tm_op_vfail(op, status, format, args);
    va_end(args);
    return status;
}

/* NULL: there are too many. */
static int64_t *count_of(tm_op *op, const char *metric)
{
    for (uint32_t i = 0; i < op->n_counts; i++) {
        if (strcmp(op->counts[i].name, metric) == 0) {
            return &op->counts[i].value;
        }
    }
    if (op->n_counts == TM_OP_COUNTS_MAX) {
        return NULL;
    }
    op->counts = wsl_realloc(op->counts, (op->n_counts + 1) * sizeof *op->counts);
    op->counts[op->n_counts] = (tm_op_count){.name = wsl_strdup(metric)};
    return &op->counts[op->n_counts++].value;
}

void tm_op_count_add(tm_op *op, const char *metric, int64_t delta)
{
    int64_t *value = count_of(op, metric);
    if (value != NULL) {
        *value += delta;
    }
}

void tm_op_count_set(tm_op *op, const char *metric, int64_t value)
{
    int64_t *to = count_of(op, metric);
    if (to != NULL) {
        *to = value;
    }
}

/* ---- pending ---- */

static bool has_queued(const tm_op *op) { return op->queue != NULL && !tm_pending_is_empty(op->queue); }

static tm_pending *queue_of(tm_op *op)
{
    if (op->queue == NULL) {
        op->queue = tm_pending_new();
    }
    return op->queue;
}

static inline void settle(tm_op *op)
{
    const bool pending = op->busy || op->end_again || has_queued(op);
    if (WSL_UNLIKELY(pending != op->pending)) {
        op->pending = pending;
        op->shared->n_pending += pending ? 1u : UINT32_MAX;
    }
}

wsl_status tm_op_suspend(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    if (op->resuming) {
        op->left = n;
    } else {
        tm_pending_push_rows(queue_of(op), input, rows, n);
    }
    return WSL_OK;
}

void tm_op_requeue_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    WSL_ASSERT(op->shared->restoring);
    tm_pending_push_rows(queue_of(op), input, rows, n);
    settle(op);
}

void tm_op_requeue_mark(tm_op *op, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    WSL_ASSERT(op->shared->restoring);
    tm_pending_push_mark(queue_of(op), input, kind, timestamp);
    settle(op);
}

static wsl_status enqueue_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tm_pending *q = queue_of(op);
    tm_pending_push_rows(q, input, rows, n);
    if (tm_pending_bytes(q) > op->shared->overdraft_bytes) {
        return tm_op_fail(op, WSL_NO_RESOURCE,
                          "more than %" PRIu64
                          " bytes wait for it: an operator before it gives too much output from one row "
                          "at once; let it return WSL_AGAIN in between, or raise task.overdraft.max",
                          op->shared->overdraft_bytes);
    }
    return WSL_OK;
}

static wsl_status enqueue_mark(tm_op *op, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    tm_pending_push_mark(queue_of(op), input, kind, timestamp);
    return WSL_OK;
}

static bool is_behind(const tm_targets *targets)
{
    for (uint32_t i = 0; i < targets->n; i++) {
        const tm_target *t = &targets->target[i];
        if (t->op != NULL ? t->op->pending || tm_op_blocked(t->op) : !tm_output_has_room(t->output)) {
            return true;
        }
    }
    return false;
}

bool tm_op_blocked(const tm_op *op)
{
    bool blocked = is_behind(&op->main);
    for (uint32_t i = 0; i < op->n_sides && !blocked; i++) {
        blocked = is_behind(&op->sides[i]);
    }
    return blocked;
}

/* ---- to the class ---- */

static inline wsl_status rows_now(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op->waiting = op->outside = false;
    op->current_input = input;
    const wsl_status status = op->cls->on_rows(op, input, rows, n);
    op->current = NULL;
    return status;
}

static wsl_status watermark_now(tm_op *op, int64_t watermark)
{
    op->watermark = watermark;
    return op->cls->on_watermark != NULL ? op->cls->on_watermark(op, watermark) : tm_op_emit_watermark(op, watermark);
}

static wsl_status idle_now(tm_op *op, bool idle)
{
    return op->cls->on_idle != NULL ? op->cls->on_idle(op, idle) : tm_op_emit_idle(op, idle);
}

static wsl_status end_now(tm_op *op)
{
    op->waiting = op->outside = false;
    const wsl_status status = op->cls->on_end != NULL ? op->cls->on_end(op) : WSL_OK;
    op->end_again = status == WSL_AGAIN;
    if (status != WSL_OK) {
        return op->end_again ? WSL_OK : status;
    }
    return tm_op_emit_end(op);
}

static wsl_status input_end_now(tm_op *op, uint32_t input)
{
    WSL_ASSERT(!op->input_ended[input]);
    op->input_ended[input] = true;
    const bool all = op->env.input[1] == NULL || op->input_ended[1 - input];
    return all ? end_now(op) : WSL_OK;
}

static wsl_status mark_now(tm_op *op, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    switch (kind) {
    case WSL_KIND_WATERMARK:
        return watermark_now(op, timestamp);
    case WSL_KIND_IDLE:
        return idle_now(op, true);
    case WSL_KIND_ACTIVE:
        return idle_now(op, false);
    case WSL_KIND_END:
        return input_end_now(op, input);
    default:
        return tm_op_fail(op, WSL_INTERNAL, "a mark of kind %d does not belong here", (int)kind);
    }
}

/* ---- deliver ---- */

wsl_status tm_op_deliver_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op->rows_in += n;
    if (WSL_UNLIKELY(op->pending)) {
        return enqueue_rows(op, input, rows, n);
    }
    const wsl_status status = rows_now(op, input, rows, n);
    settle(op);
    return status;
}

static wsl_status deliver_mark(tm_op *op, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    if (op->pending) {
        return enqueue_mark(op, input, kind, timestamp);
    }
    const wsl_status status = mark_now(op, input, kind, timestamp);
    settle(op);
    return status;
}

wsl_status tm_op_deliver_watermark(tm_op *op, int64_t watermark)
{
    return deliver_mark(op, 0, WSL_KIND_WATERMARK, watermark);
}
wsl_status tm_op_deliver_idle(tm_op *op, bool idle)
{
    return deliver_mark(op, 0, idle ? WSL_KIND_IDLE : WSL_KIND_ACTIVE, 0);
}
wsl_status tm_op_deliver_end(tm_op *op, uint32_t input) { return deliver_mark(op, input, WSL_KIND_END, 0); }

/* ---- emit ---- */

static wsl_status output_failed(tm_op *op, wsl_status status)
{
    return tm_op_fail(op, status, "its output cannot be sent on: %s%s", wsl_status_text(status),
                      status == WSL_NO_RESOURCE
                          ? " (task.overdraft.max; let the function return WSL_AGAIN between its outputs)"
                      : status == WSL_TOO_LARGE ? " (execution.row-size-max)"
                                                : "");
}

static inline wsl_status emit_rows_to(tm_op *op, const tm_targets *targets, const wsl_row *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < targets->n; i++) {
        const tm_target *t = &targets->target[i];
        const wsl_status status =
            t->op != NULL ? tm_op_deliver_rows(t->op, t->input, rows, n) : tm_output_rows(t->output, rows, n);
        if (WSL_UNLIKELY(status != WSL_OK)) {
            return t->op != NULL ? status : output_failed(op, status);
        }
    }
    return WSL_OK;
}

wsl_status tm_op_emit_rows(tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    if (n == 0) {
        return WSL_OK;
    }
    op->rows_out += n;
    return emit_rows_to(op, &op->main, rows, n);
}

wsl_status tm_op_emit_side(tm_op *op, uint32_t side, const wsl_row *const *rows, uint32_t n)
{
    WSL_ASSERT(side < op->n_sides);
    return emit_rows_to(op, &op->sides[side], rows, n);
}

static wsl_status emit_mark_to(tm_op *op, const tm_targets *targets, wsl_row_kind kind, int64_t timestamp)
{
    for (uint32_t i = 0; i < targets->n; i++) {
        const tm_target *t = &targets->target[i];
        const wsl_status status =
            t->op != NULL ? deliver_mark(t->op, t->input, kind, timestamp) : tm_output_mark(t->output, kind, timestamp);
        if (status != WSL_OK) {
            return t->op != NULL ? status : output_failed(op, status);
        }
    }
    return WSL_OK;
}

static wsl_status emit_mark(tm_op *op, wsl_row_kind kind, int64_t timestamp)
{
    WSL_TRY(emit_mark_to(op, &op->main, kind, timestamp));
    for (uint32_t i = 0; i < op->n_sides; i++) {
        WSL_TRY(emit_mark_to(op, &op->sides[i], kind, timestamp));
    }
    return WSL_OK;
}

wsl_status tm_op_emit_watermark(tm_op *op, int64_t watermark)
{
    if (watermark <= op->out_watermark) {
        return WSL_OK;
    }
    op->out_watermark = watermark;
    return emit_mark(op, WSL_KIND_WATERMARK, watermark);
}

wsl_status tm_op_emit_idle(tm_op *op, bool idle)
{
    if (idle == op->out_idle) {
        return WSL_OK;
    }
    op->out_idle = idle;
    return emit_mark(op, idle ? WSL_KIND_IDLE : WSL_KIND_ACTIVE, 0);
}

wsl_status tm_op_emit_end(tm_op *op)
{
    WSL_ASSERT(!op->ended);
    op->ended = true;
    return emit_mark(op, WSL_KIND_END, 0);
}

/* ---- resume ---- */

/* A batch from the front of the queue. WSL_AGAIN: it could not be finished without a wake-up. */
static wsl_status rows_from_queue(tm_op *op, const wsl_row *const *rows, uint32_t n, uint32_t input)
{
    op->resuming = true;
    op->left = 0;
    const wsl_status status = rows_now(op, input, rows, n);
    op->resuming = false;
    tm_pending_pop_rows(op->queue, n - op->left);
    return status != WSL_OK ? status : op->waiting ? WSL_AGAIN : WSL_OK;
}

static wsl_status mark_from_queue(tm_op *op)
{
    uint32_t input = 0;
    const wsl_row mark = *tm_pending_front_mark(op->queue, &input);
    tm_pending_pop_mark(op->queue);
    return mark_now(op, input, (wsl_row_kind)mark.kind, mark.timestamp);
}

static wsl_status resume_source(tm_op *op)
{
    if (op->ended) {
        return WSL_END;
    }
    const wsl_status status = op->cls->resume(op);
    settle(op);
    if (status != WSL_END) {
        return status;
    }
    WSL_TRY(tm_op_emit_watermark(op, WSL_TIME_MAX));
    WSL_TRY(tm_op_emit_end(op));
    return WSL_END;
}

/* The class's own work; WSL_OK also if there is none. */
static wsl_status resume_class(tm_op *op)
{
    if (op->end_again) {
        WSL_TRY(end_now(op));
        return op->end_again && op->waiting ? WSL_AGAIN : WSL_OK;
    }
    return op->cls->resume != NULL ? op->cls->resume(op) : WSL_OK;
}

/* Marks, and at most one batch of rows: a turn is short. *io_progress is set if anything was done. */
static wsl_status work_off_queue(tm_op *op, bool *io_progress)
{
    const wsl_row *rows[TM_BATCH_ROWS];
    while (!op->busy && !op->end_again && has_queued(op) && !tm_op_blocked(op)) {
        uint32_t input = 0;
        const uint32_t n = tm_pending_front_rows(op->queue, &input, rows, TM_BATCH_ROWS);
        if (n > 0) {
            WSL_TRY(rows_from_queue(op, rows, n, input));
            *io_progress = true;
            return WSL_OK;
        }
        WSL_TRY(mark_from_queue(op));
        *io_progress = true;
    }
    return WSL_OK;
}

wsl_status tm_op_resume(tm_op *op)
{
    if (op->env.input[0] == NULL) {
        return resume_source(op);
    }
    bool progress = op->busy || op->end_again;
    wsl_status status = resume_class(op);
    if (status == WSL_AGAIN && !op->busy && !op->end_again) {
        status = WSL_OK; /* nothing of its own to do; what is queued does not wait for that */
    } else if (status == WSL_OK && op->busy) {
        progress = true;
    }
    if (status == WSL_OK) {
        status = work_off_queue(op, &progress);
    }
    settle(op);
    return status == WSL_OK && !progress ? WSL_AGAIN : status;
}
