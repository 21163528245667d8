/*
 * op_reduce - rolling reduce: keeps one row per key, folds each input row into it and emits the new value. The first
 * row of a key is its own value.
 */
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_reduce {
    tm_op op;
    tm_keyed k;
    wsl_ctx_ops ops; /* the context's, but emit says what the new value is */
    const wsl_row *result;
    uint32_t n_results;
} op_reduce;

static op_reduce *self(tm_op *op) { return (op_reduce *)(void *)op; }

static wsl_status take_result(wsl_ctx *ctx, const wsl_row *row)
{
    op_reduce *r = self(((tm_fn_ctx *)(void *)ctx)->op);
    r->result = row;
    r->n_results++;
    return WSL_OK;
}

/* The stream's rows have the times of those that made them. */
static wsl_status refuse_emit_at(wsl_ctx *ctx, const wsl_row *row, int64_t timestamp_ms)
{
    (void)row, (void)timestamp_ms;
    return wsl_ctx_fail(ctx, "a reduce function gives its result with wsl_emit, not wsl_emit_at");
}

static wsl_status reduce_open(tm_op *op, wsl_error *err)
{
    op_reduce *r = self(op);
    WSL_TRY(tm_keyed_open(&r->k, op, op->env.input[0], err));
    r->ops = *r->k.f.k.ctx.ops;
    r->ops.emit = take_result;
    r->ops.emit_at = refuse_emit_at;
    r->k.f.k.ctx.ops = &r->ops;
    tm_fn_ctx_emit_by_call(&r->k.f);
    return WSL_OK;
}

static wsl_status put(op_reduce *r, const wsl_row *row)
{
    const wsl_status status = r->k.state->ops->value_put(r->k.state, 0, row);
    if (WSL_LIKELY(status == WSL_OK)) {
        return WSL_OK;
    }
    tm_fn_ctx_name_row(&r->k.f);
    return tm_op_fail(&r->op, status, "the reduced row is not of the stream's schema");
}

static wsl_status check_result(op_reduce *r, wsl_status status)
{
    status = tm_fn_ctx_after(&r->k.f, status);
    if (status == WSL_AGAIN) {
        tm_fn_ctx_name_row(&r->k.f);
        return tm_op_fail(&r->op, WSL_USER, "a reduce function gives its result at once, it cannot return WSL_AGAIN");
    }
    WSL_TRY(status);
    if (r->n_results != 1) {
        tm_fn_ctx_name_row(&r->k.f);
        return tm_op_fail(&r->op, WSL_USER, "a reduce function emits exactly one row, this one emitted %u",
                          r->n_results);
    }
    return WSL_OK;
}

/* The new value, over the old one where that lies in the key's entry. */
static inline wsl_status replace(op_reduce *r, wsl_row *in_entry, const wsl_row *result)
{
    if (WSL_UNLIKELY(in_entry == NULL || in_entry->size != result->size)) {
        return put(r, result);
    }
    memmove(in_entry, result, result->size);
    in_entry->flags = 0;
    in_entry->key_hash = 0;
    in_entry->timestamp = 0;
    return WSL_OK;
}

static inline wsl_status fold(op_reduce *r, wsl_row *in_entry, const wsl_row *acc, const wsl_row *row)
{
    wsl_ctx *ctx = tm_fn_ctx_of(&r->k.f);
    r->n_results = 0;
    const wsl_status status = r->op.env.function->reduce(ctx, acc, row);
    if (WSL_UNLIKELY(status != WSL_OK || r->n_results != 1 || r->k.f.attention)) {
        WSL_TRY(check_result(r, status));
    }
    const wsl_row *result = r->result;
    WSL_TRY(tm_fn_ctx_emit(ctx, result)); /* stays where it is even if that sent a batch on */
    return replace(r, in_entry, result);
}

static wsl_status reduce_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    op_reduce *r = self(op);
    tm_keyed *k = &r->k;
    for (uint32_t i = 0; i < n;) {
        uint32_t end = 0;
        WSL_TRY(tm_keyed_block(k, rows, n, i, &end));
        for (; i < end; i++) {
            const wsl_row *row = rows[i];
            tm_keyed_select(k, i, row);
            wsl_row *in_entry = tm_keyed_value_in_entry(k, true);
            const wsl_row *acc = WSL_LIKELY(in_entry != NULL) ? in_entry : k->state->ops->value_get(k->state, 0);
            if (WSL_LIKELY(acc != NULL)) {
                WSL_TRY(fold(r, in_entry, acc, row));
            } else {
                WSL_TRY(put(r, row));
                WSL_TRY(tm_fn_ctx_add(&k->f, row));
            }
        }
    }
    k->f.attention = false;
    return tm_fn_ctx_flush(&k->f);
}

static wsl_status reduce_watermark(tm_op *op, int64_t watermark) { return tm_keyed_watermark(&self(op)->k, watermark); }
static wsl_status reduce_end(tm_op *op) { return tm_fn_ctx_finish(&self(op)->k.f); }
static void reduce_close(tm_op *op) { tm_keyed_close(&self(op)->k); }

static wsl_status reduce_snapshot(tm_op *op, tm_snapshot *out)
{
    tm_keyed_snapshot(&self(op)->k, out);
    return WSL_OK;
}
static wsl_status reduce_restore(tm_op *op, tm_restore *in) { return tm_keyed_restore(&self(op)->k, in); }

const tm_op_class tm_op_reduce_class = {
    .kind = "reduce",
    .size = sizeof(op_reduce),
    .open = reduce_open,
    .on_rows = reduce_rows,
    .on_watermark = reduce_watermark,
    .on_end = reduce_end,
    .snapshot = reduce_snapshot,
    .restore = reduce_restore,
    .close = reduce_close,
};
