/*
 * op_broadcast - a user function over rows and a broadcast stream that fills broadcast state: without a key
 * (broadcast_process), or with keyed state and timers on the side of the rows (keyed_broadcast_process).
 */
#include "base/assert.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/broadcast.h"
#include "taskmanager/ops/op_classes.h"

/* ---- without a key ---- */

typedef struct op_broadcast {
    tm_broadcast b; /* first; begins with the tm_op */
    tm_fn_ctx f;
} op_broadcast;

static op_broadcast *plain(tm_op *op) { return (op_broadcast *)(void *)op; }

static wsl_status broadcast_open(tm_op *op, wsl_error *err)
{
    tm_fn_ctx *f = &plain(op)->f;
    WSL_TRY(tm_broadcast_open(&plain(op)->b, f, NULL, err));
    tm_broadcast_attach(f);
    return tm_fn_ctx_open(f, op, err);
}

typedef wsl_status (*element_function)(wsl_broadcast_view *, const wsl_row *);

static inline wsl_status call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    (void)i;
    tm_fn_ctx_row(f, row);
    return (*(const element_function *)function)(&f->view, row);
}

static wsl_status element_rows(tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    const element_function element = op->env.function->element;
    return tm_fn_ctx_rows(&plain(op)->f, call, &element, 0, rows, n);
}

static wsl_status broadcast_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    return input == 0 ? element_rows(op, rows, n) : tm_broadcast_rows(&plain(op)->b, rows, n);
}

static wsl_status broadcast_watermark(tm_op *op, int64_t watermark)
{
    tm_fn_ctx_of(&plain(op)->f)->watermark = watermark;
    return tm_op_emit_watermark(op, watermark);
}

static wsl_status broadcast_end(tm_op *op) { return tm_fn_ctx_finish(&plain(op)->f); }

static void broadcast_close(tm_op *op)
{
    tm_fn_ctx_close(&plain(op)->f);
    tm_broadcast_close(&plain(op)->b);
}

static wsl_status broadcast_snapshot(tm_op *op, tm_snapshot *out)
{
    tm_broadcast_snapshot(&plain(op)->b, out);
    return WSL_OK;
}

static wsl_status take_broadcast(void *b, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    return tm_broadcast_restore_piece(b, piece, out_taken, err);
}

static wsl_status broadcast_restore(tm_op *op, tm_restore *in)
{
    return tm_restore_pieces(in, take_broadcast, &plain(op)->b);
}

const tm_op_class tm_op_broadcast_process_class = {
    .kind = "broadcast_process",
    .size = sizeof(op_broadcast),
    .open = broadcast_open,
    .on_rows = broadcast_rows,
    .on_watermark = broadcast_watermark,
    .on_end = broadcast_end,
    .snapshot = broadcast_snapshot,
    .restore = broadcast_restore,
    .close = broadcast_close,
};

/* ---- with a key ---- */

typedef struct op_keyed_broadcast {
    tm_broadcast b; /* first; begins with the tm_op */
    tm_keyed k;
} op_keyed_broadcast;

static op_keyed_broadcast *keyed(tm_op *op) { return (op_keyed_broadcast *)(void *)op; }

static wsl_status keyed_broadcast_open(tm_op *op, wsl_error *err)
{
    tm_keyed *k = &keyed(op)->k;
    WSL_TRY(tm_broadcast_open(&keyed(op)->b, &k->f, k, err));
    tm_broadcast_attach(&k->f);
    return tm_keyed_open(k, op, NULL, err);
}

typedef wsl_status (*keyed_element_function)(wsl_keyed_broadcast_view *, const wsl_row *);

static inline wsl_status keyed_call(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row)
{
    tm_keyed_select(tm_keyed_of(f), i, row);
    return (*(const keyed_element_function *)function)(&f->keyed_view, row);
}

static wsl_status keyed_element_rows(tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    const keyed_element_function element = op->env.function->keyed_element;
    return tm_keyed_rows(&keyed(op)->k, keyed_call, &element, 0, rows, n);
}

static wsl_status keyed_broadcast_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    return input == 0 ? keyed_element_rows(op, rows, n) : tm_broadcast_rows(&keyed(op)->b, rows, n);
}

static wsl_status keyed_broadcast_watermark(tm_op *op, int64_t watermark)
{
    return tm_keyed_watermark(&keyed(op)->k, watermark);
}
static wsl_status keyed_broadcast_resume(tm_op *op) { return tm_keyed_resume(&keyed(op)->k); }
static wsl_status keyed_broadcast_end(tm_op *op) { return tm_fn_ctx_finish(&keyed(op)->k.f); }

static void keyed_broadcast_close(tm_op *op)
{
    tm_keyed_close(&keyed(op)->k);
    tm_broadcast_close(&keyed(op)->b);
}

static wsl_status keyed_broadcast_snapshot(tm_op *op, tm_snapshot *out)
{
    WSL_ASSERT(!keyed(op)->k.each.begun); /* its row waits in the queue until the walk is over */
    tm_broadcast_snapshot(&keyed(op)->b, out);
    tm_keyed_snapshot(&keyed(op)->k, out);
    return WSL_OK;
}

static wsl_status take_keyed_broadcast(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    op_keyed_broadcast *o = arg;
    WSL_TRY(tm_broadcast_restore_piece(&o->b, piece, out_taken, err));
    return *out_taken ? WSL_OK : tm_keyed_restore_piece(&o->k, piece, out_taken, err);
}

static wsl_status keyed_broadcast_restore(tm_op *op, tm_restore *in)
{
    return tm_restore_pieces(in, take_keyed_broadcast, keyed(op));
}

const tm_op_class tm_op_keyed_broadcast_process_class = {
    .kind = "keyed_broadcast_process",
    .size = sizeof(op_keyed_broadcast),
    .open = keyed_broadcast_open,
    .on_rows = keyed_broadcast_rows,
    .on_watermark = keyed_broadcast_watermark,
    .resume = keyed_broadcast_resume,
    .on_end = keyed_broadcast_end,
    .snapshot = keyed_broadcast_snapshot,
    .restore = keyed_broadcast_restore,
    .close = keyed_broadcast_close,
};
