/*
 * op_keyed_process - a user function on a keyed stream, with value state and timers.
 */
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_keyed_process {
    tm_op op;
    tm_keyed k;
} op_keyed_process;

static tm_keyed *self(tm_op *op) { return &((op_keyed_process *)(void *)op)->k; }

static wsl_status keyed_process_open(tm_op *op, wsl_error *err) { return tm_keyed_open(self(op), op, NULL, err); }

/* rows[*io_at .. end); stops at a row that has to wait. */
static wsl_status process_block(tm_keyed *k, const wsl_row *const *rows, uint32_t end, uint32_t *io_at)
{
    tm_op *op = k->f.op;
    wsl_status (*const process)(wsl_keyed_ctx *, const wsl_row *) = op->env.function->keyed_process;
    for (uint32_t i = *io_at; i < end; i++) {
        tm_keyed_select(k, i, rows[i]);
        wsl_status status = process(&k->f.k, rows[i]);
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

static wsl_status keyed_process_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tm_keyed *k = self(op);
    uint32_t i = 0;
    while (i < n) {
        uint32_t end = 0;
        WSL_TRY(tm_keyed_block(k, rows, n, i, &end));
        WSL_TRY(process_block(k, rows, end, &i));
        if (i < end) {
            break;
        }
    }
    WSL_TRY(tm_fn_ctx_flush(&k->f));
    return i == n ? WSL_OK : tm_op_suspend(op, input, rows + i, n - i);
}

static wsl_status keyed_process_watermark(tm_op *op, int64_t watermark)
{
    return tm_keyed_watermark(self(op), watermark);
}
static wsl_status keyed_process_resume(tm_op *op) { return tm_keyed_resume(self(op)); }
static wsl_status keyed_process_end(tm_op *op) { return tm_fn_ctx_finish(&self(op)->f); }
static void keyed_process_close(tm_op *op) { tm_keyed_close(self(op)); }

static wsl_status keyed_process_snapshot(tm_op *op, tm_snapshot *out)
{
    tm_keyed_snapshot(self(op), out);
    return WSL_OK;
}
static wsl_status keyed_process_restore(tm_op *op, tm_restore *in) { return tm_keyed_restore(self(op), in); }

const tm_op_class tm_op_keyed_process_class = {
    .kind = "keyed_process",
    .size = sizeof(op_keyed_process),
    .open = keyed_process_open,
    .on_rows = keyed_process_rows,
    .on_watermark = keyed_process_watermark,
    .resume = keyed_process_resume,
    .on_end = keyed_process_end,
    .snapshot = keyed_process_snapshot,
    .restore = keyed_process_restore,
    .close = keyed_process_close,
};
