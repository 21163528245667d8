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

typedef wsl_status (*keyed_process_function)(wsl_keyed_ctx *, const wsl_row *);

static inline wsl_status call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    tm_keyed_select(tm_keyed_of(f), i, row);
    return (*(const keyed_process_function *)function)(&f->k, row);
}

static wsl_status keyed_process_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    const keyed_process_function process = op->env.function->keyed_process;
    return tm_keyed_rows(self(op), call, &process, input, rows, n);
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
