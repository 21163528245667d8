/*
 * op_co_process - a user function over the rows of two inputs: without a key (co_process), or with state and timers that the
 * keys of both inputs share (keyed_co_process). A batch is of one input; which one the function is told.
 */
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"

/* ---- without a key ---- */

typedef struct op_co_process {
    tm_op op;
    tm_fn_ctx f;
} op_co_process;

static tm_fn_ctx *plain(tm_op *op) { return &((op_co_process *)(void *)op)->f; }

static wsl_status co_open(tm_op *op, wsl_error *err) { return tm_fn_ctx_open(plain(op), op, err); }

static wsl_status co_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tm_fn_ctx *f = plain(op);
    wsl_status (*const process)(wsl_ctx *, uint32_t, const wsl_row *) = op->env.function->co_process;
    uint32_t i = 0;
    for (; i < n; i++) {
        tm_fn_ctx_row(f, rows[i]);
        wsl_status status = process(tm_fn_ctx_of(f), input, rows[i]);
        if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
            status = tm_fn_ctx_after(f, status);
            if (status == WSL_AGAIN) {
                break;
            }
            WSL_TRY(status);
            if (tm_op_blocked(op)) {
                i++;
                break;
            }
        }
    }
    WSL_TRY(tm_fn_ctx_flush(f));
    return i == n ? WSL_OK : tm_op_suspend(op, input, rows + i, n - i);
}

static wsl_status co_watermark(tm_op *op, int64_t watermark)
{
    tm_fn_ctx_of(plain(op))->watermark = watermark;
    return tm_op_emit_watermark(op, watermark);
}

static wsl_status co_end(tm_op *op) { return tm_fn_ctx_finish(plain(op)); }
static void co_close(tm_op *op) { tm_fn_ctx_close(plain(op)); }

const tm_op_class tm_op_co_process_class = {
    .kind = "co_process",
    .size = sizeof(op_co_process),
    .open = co_open,
    .on_rows = co_rows,
    .on_watermark = co_watermark,
    .on_end = co_end,
    .close = co_close,
};

/* ---- by key ---- */

typedef struct op_keyed_co_process {
    tm_op op;
    tm_keyed k;
} op_keyed_co_process;

static tm_keyed *keyed(tm_op *op) { return &((op_keyed_co_process *)(void *)op)->k; }

static wsl_status keyed_co_open(tm_op *op, wsl_error *err) { return tm_keyed_open(keyed(op), op, NULL, err); }

/* rows[*io_at .. end); stops at a row that has to wait. */
static wsl_status co_block(tm_keyed *k, uint32_t input, const wsl_row *const *rows, uint32_t end, uint32_t *io_at)
{
    tm_op *op = k->f.op;
    wsl_status (*const process)(wsl_keyed_ctx *, uint32_t, const wsl_row *) = op->env.function->keyed_co_process;
    for (uint32_t i = *io_at; i < end; i++) {
        tm_keyed_select(k, i, rows[i]);
        wsl_status status = process(&k->f.k, input, rows[i]);
        if (WSL_UNLIKELY(status != WSL_OK || k->f.attention)) {
            status = tm_fn_ctx_after(&k->f, status);
            if (status == WSL_AGAIN) {
                *io_at = i;
                return WSL_OK;
            }
            WSL_TRY(status);
            if (tm_op_blocked(op)) {
                *io_at = i + 1;
                return WSL_OK;
            }
        }
    }
    *io_at = end;
    return WSL_OK;
}

static wsl_status keyed_co_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tm_keyed *k = keyed(op);
    uint32_t i = 0;
    tm_keyed_input(k, input);
    while (i < n) {
        uint32_t end = 0;
        WSL_TRY(tm_keyed_block(k, rows, n, i, &end));
        WSL_TRY(co_block(k, input, rows, end, &i));
        if (i < end) {
            break;
        }
    }
    WSL_TRY(tm_fn_ctx_flush(&k->f));
    return i == n ? WSL_OK : tm_op_suspend(op, input, rows + i, n - i);
}

static wsl_status keyed_co_watermark(tm_op *op, int64_t watermark) { return tm_keyed_watermark(keyed(op), watermark); }
static wsl_status keyed_co_resume(tm_op *op) { return tm_keyed_resume(keyed(op)); }
static wsl_status keyed_co_end(tm_op *op) { return tm_fn_ctx_finish(&keyed(op)->f); }
static void keyed_co_close(tm_op *op) { tm_keyed_close(keyed(op)); }

static wsl_status keyed_co_snapshot(tm_op *op, tm_snapshot *out)
{
    tm_keyed_snapshot(keyed(op), out);
    return WSL_OK;
}
static wsl_status keyed_co_restore(tm_op *op, tm_restore *in) { return tm_keyed_restore(keyed(op), in); }

const tm_op_class tm_op_keyed_co_process_class = {
    .kind = "keyed_co_process",
    .size = sizeof(op_keyed_co_process),
    .open = keyed_co_open,
    .on_rows = keyed_co_rows,
    .on_watermark = keyed_co_watermark,
    .resume = keyed_co_resume,
    .on_end = keyed_co_end,
    .snapshot = keyed_co_snapshot,
    .restore = keyed_co_restore,
    .close = keyed_co_close,
};
