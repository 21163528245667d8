/*
 * op_filter - a user predicate over rows; what it keeps is passed on by reference.
 */
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/ops/poison.h"

typedef struct op_filter {
    tm_op op;
    tm_fn_ctx f;
} op_filter;

static op_filter *self(tm_op *op) { return (op_filter *)(void *)op; }

static wsl_status filter_open(tm_op *op, wsl_error *err) { return tm_fn_ctx_open(&self(op)->f, op, err); }

/* forgives is a constant in each copy: an operator that is to fail with a poison row pays nothing per row. */
static inline __attribute__((always_inline)) wsl_status filter_each(tm_op *op, const wsl_row *const *rows, uint32_t n, bool forgives)
{
    tm_fn_ctx *f = &self(op)->f;
    wsl_ctx *ctx = tm_fn_ctx_of(f);
    wsl_status (*const filter)(wsl_ctx *, const wsl_row *, bool *) = op->env.function->filter;
    const wsl_row *kept[TM_BATCH_ROWS];
    uint32_t n_kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool keep = false, skipped = false;
        tm_fn_ctx_row(f, rows[i]);
        if (forgives) {
            tm_poison_before(f);
        }
        wsl_status status = filter(ctx, rows[i], &keep);
        if (forgives) {
            status = tm_poison_after(f, rows[i], status, &skipped);
        }
        if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
            status = tm_fn_ctx_after(f, status);
            if (status == WSL_AGAIN) {
                tm_fn_ctx_name_row(f);
                return tm_op_fail(op, WSL_USER, "a filter decides at once, it cannot return WSL_AGAIN");
            }
            WSL_TRY(status);
        }
        kept[n_kept] = rows[i];
        n_kept += keep && !skipped;
    }
    WSL_TRY(tm_fn_ctx_flush(f)); /* a filter may use side outputs */
    return tm_op_emit_rows(op, kept, n_kept);
}

static wsl_status filter_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    return WSL_LIKELY(self(op)->f.poison == NULL) ? filter_each(op, rows, n, false) : filter_each(op, rows, n, true);
}

static wsl_status filter_watermark(tm_op *op, int64_t watermark)
{
    tm_fn_ctx_of(&self(op)->f)->watermark = watermark;
    return tm_op_emit_watermark(op, watermark);
}

static wsl_status filter_end(tm_op *op) { return tm_fn_ctx_finish(&self(op)->f); }

static void filter_close(tm_op *op) { tm_fn_ctx_close(&self(op)->f); }

const tm_op_class tm_op_filter_class = {
    .kind = "filter",
    .size = sizeof(op_filter),
    .open = filter_open,
    .on_rows = filter_rows,
    .on_watermark = filter_watermark,
    .on_end = filter_end,
    .close = filter_close,
};
