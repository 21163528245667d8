/*
 * The operator of kinds "window", "window_all", "window_join" and "co_group": reads what is asked for and chooses the way to run it.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/window/window_op.h"

/* Windows over all rows have one key, of no fields. */
static const wsl_key_spec no_key;
static const wsl_schema no_key_schema = {.name = "all"};

static wsl_status window_open(tm_op *op, wsl_error *err)
{
    tm_window_op *w = tm_window_op_of(op);
    if (op->cls == &tm_op_window_all_class) {
        op->env.key = &no_key;
        op->env.key_schema = &no_key_schema;
    }
    WSL_TRY(tm_window_spec_init(&w->spec, op, err));
    tm_late_init(&w->late, op, w->spec.late_side[0]);
    w->way = tm_window_spec_is_sliced(&w->spec) ? &tm_window_slices : &tm_window_general;
    w->state = wsl_zalloc(w->way->size);
    return w->way->open(w, err);
}

static wsl_status window_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tm_window_op *w = tm_window_op_of(op);
    WSL_ASSERT(input == 0 || w->spec.fn.pair != NULL);
    w->input = input;
    w->late.side = w->spec.late_side[input];
    WSL_TRY(w->way->on_rows(w, rows, n));
    return tm_late_flush(&w->late);
}

static wsl_status window_watermark(tm_op *op, int64_t watermark)
{
    tm_window_op *w = tm_window_op_of(op);
    return w->way->on_watermark(w, watermark);
}

static wsl_status window_resume(tm_op *op)
{
    tm_window_op *w = tm_window_op_of(op);
    return w->way->resume(w);
}

static wsl_status window_end(tm_op *op)
{
    tm_window_op *w = tm_window_op_of(op);
    return w->way->on_end != NULL ? w->way->on_end(w) : WSL_OK;
}

static wsl_status window_snapshot(tm_op *op, struct tm_snapshot *out)
{
    tm_window_op *w = tm_window_op_of(op);
    WSL_ASSERT(w->late.n == 0);
    return w->way->snapshot(w, out);
}

static wsl_status window_restore(tm_op *op, struct tm_restore *in)
{
    tm_window_op *w = tm_window_op_of(op);
    return w->way->restore(w, in);
}

static void window_close(tm_op *op)
{
    tm_window_op *w = tm_window_op_of(op);
    if (w->state != NULL) {
        w->way->close(w);
    }
    free(w->state);
    tm_window_spec_fini(&w->spec);
}

#define WINDOW_CLASS(symbol, kind_name)                                                                                \
    const tm_op_class symbol = {                                                                                       \
        .kind = kind_name,                                                                                             \
        .size = sizeof(tm_window_op),                                                                                  \
        .open = window_open,                                                                                           \
        .on_rows = window_rows,                                                                                        \
        .on_watermark = window_watermark,                                                                              \
        .resume = window_resume,                                                                                       \
        .on_end = window_end,                                                                                          \
        .snapshot = window_snapshot,                                                                                   \
        .restore = window_restore,                                                                                     \
        .close = window_close,                                                                                         \
    }

WINDOW_CLASS(tm_op_window_class, "window");
WINDOW_CLASS(tm_op_window_all_class, "window_all");
WINDOW_CLASS(tm_op_window_join_class, "window_join");
WINDOW_CLASS(tm_op_co_group_class, "co_group");
