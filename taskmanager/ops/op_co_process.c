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

typedef struct co_function {
    wsl_status (*process)(wsl_ctx *, uint32_t, const wsl_row *);
    uint32_t input;
} co_function;

static inline wsl_status call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    const co_function *co = (const co_function *)function;
    (void)i;
    tm_fn_ctx_row(f, row);
    return co->process(tm_fn_ctx_of(f), co->input, row);
}

static wsl_status co_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    const co_function co = {op->env.function->co_process, input};
    return tm_fn_ctx_rows(plain(op), call, &co, input, rows, n);
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

typedef struct keyed_co_function {
    wsl_status (*process)(wsl_keyed_ctx *, uint32_t, const wsl_row *);
    uint32_t input;
} keyed_co_function;

static inline wsl_status keyed_call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    const keyed_co_function *co = (const keyed_co_function *)function;
    tm_keyed_select(tm_keyed_of(f), i, row);
    return co->process(&f->k, co->input, row);
}

static wsl_status keyed_co_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    const keyed_co_function co = {op->env.function->keyed_co_process, input};
    tm_keyed_input(keyed(op), input);
    return tm_keyed_rows(keyed(op), keyed_call, &co, input, rows, n);
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
