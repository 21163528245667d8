/*
 * op_process - a user function over rows: map, flat_map, process. WSL_AGAIN from the function puts the row and what is
 * behind it aside; it is called again with the same row on resume.
 */
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_process {
    tm_op op;
    tm_fn_ctx f;
} op_process;

static op_process *self(tm_op *op) { return (op_process *)(void *)op; }

static wsl_status process_open(tm_op *op, wsl_error *err) { return tm_fn_ctx_open(&self(op)->f, op, err); }

typedef wsl_status (*process_function)(wsl_ctx *, const wsl_row *);

static inline wsl_status call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    (void)i;
    tm_fn_ctx_row(f, row);
    return (*(const process_function *)function)(tm_fn_ctx_of(f), row);
}

static wsl_status process_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    const process_function process = op->env.function->process;
    return tm_fn_ctx_rows(&self(op)->f, call, &process, input, rows, n);
}

static wsl_status process_watermark(tm_op *op, int64_t watermark)
{
    tm_fn_ctx_of(&self(op)->f)->watermark = watermark;
    return tm_op_emit_watermark(op, watermark);
}

static wsl_status process_end(tm_op *op) { return tm_fn_ctx_finish(&self(op)->f); }

static void process_close(tm_op *op) { tm_fn_ctx_close(&self(op)->f); }

const tm_op_class tm_op_process_class = {
    .kind = "process",
    .size = sizeof(op_process),
    .open = process_open,
    .on_rows = process_rows,
    .on_watermark = process_watermark,
    .on_end = process_end,
    .close = process_close,
};
