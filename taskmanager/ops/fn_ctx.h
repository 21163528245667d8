/*
 * fn_ctx - the context behind a user function: where its output rows are built, gathered to batches and sent on.
 *
 *     wsl_begin  -> out_tip in the arena            wsl_emit of the row just begun: out_tip moves on, no copy
 *     wsl_emit   -> batch of row pointers -- full, or end of the input batch --> tm_op_emit_rows, arena starts over
 *                   (in the function's own code, see context.h, but for the last one of a full batch)
 *
 * A row that is emitted but was not the last one begun is copied, but for the input row itself, which is passed on by
 * reference. Output rows get the current timestamp unless they have one.
 *
 * `attention` tells the operator's loop to look closer after a callback: something failed though the callback said OK,
 * or a batch went out in the middle and whoever is behind may need a pause.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/connect.h>
#include <wiesel/context.h>
#include <wiesel/function.h>
#include <wiesel/window.h>

#include "taskmanager/ops/operator.h"

enum { TM_ARENA_BYTES = 64 << 10, TM_SIDE_BATCH = 64 };

/* Memory for rows, started over when they have been sent on. */
typedef struct tm_row_arena {
    uint8_t *data;
    uint32_t size;
    uint32_t used;
} tm_row_arena;

typedef struct tm_fn_ctx tm_fn_ctx;
struct tm_fn_ctx {
    union { /* first: what the function sees */
        wsl_keyed_ctx k;
        wsl_window_ctx w;            /* functions of windows; begins with k */
        wsl_broadcast_ctx broadcast; /* broadcast functions, either side; all of one layout */
        wsl_broadcast_view view;
        wsl_keyed_broadcast_view keyed_view;
    };
    tm_op *op;
    tm_row_arena rows;   /* built in place */
    tm_row_arena copies; /* copied in */
    const wsl_row *input;
    bool stamps_all; /* rows get the current timestamp even if they have one; see tm_fn_ctx_stamp_all */
    bool attention;
    wsl_status failed; /* of a call whose status the function may have ignored */
    struct tm_poison *poison; /* poison.h; NULL: errors of the function fail the task */
    uint32_t sent; /* times that rows were sent on: those from before cannot be taken back */
    uint32_t n_side;
    uint32_t side; /* the side output that side_out belongs to */
    const wsl_row *out[TM_BATCH_ROWS];
    const wsl_row *side_out[TM_SIDE_BATCH];
};

/* Also runs the function's open. op->env.function may be NULL: a context for built-in operators that emit rows. */
wsl_status tm_fn_ctx_open(tm_fn_ctx *f, tm_op *op, wsl_error *err);
void tm_fn_ctx_close(tm_fn_ctx *f); /* runs the function's close */

static inline wsl_ctx *tm_fn_ctx_of(tm_fn_ctx *f) { return &f->k.ctx; }

/* Before each callback for a row. */
static inline void tm_fn_ctx_row(tm_fn_ctx *f, const wsl_row *row)
{
    f->input = row; /* fn_ctx.c makes it the operator's `current` if something fails */
    f->k.ctx.timestamp = row->timestamp;
    f->k.ctx.has_timestamp = (row->flags & WSL_ROW_HAS_TIMESTAMP) != 0;
    f->k.ctx.out_split = (uint16_t)(row->flags & WSL_ROW_SPLIT_MASK);
}
/* Before tm_op_fail: the row in hand, if there is one, is named in the sentence. */
static inline void tm_fn_ctx_name_row(const tm_fn_ctx *f)
{
    if (f->input != NULL) {
        f->op->current = f->input;
    }
}
/* Before each callback that is not for a row. */
void tm_fn_ctx_no_row(tm_fn_ctx *f, bool has_timestamp, int64_t timestamp);

/* Sends on what was emitted; at the end of every batch. */
wsl_status tm_fn_ctx_flush(tm_fn_ctx *f);
/* In the middle of one. */
wsl_status tm_fn_ctx_flush_inside(tm_fn_ctx *f);
/* After a callback that said `status`: what happened really. WSL_AGAIN only if the callback said so. Anything else but
 * WSL_OK has been put into the task's error. */
wsl_status tm_fn_ctx_after(tm_fn_ctx *f, wsl_status status);
/* The function's finish, at the end of the input; WSL_AGAIN: call again. */
wsl_status tm_fn_ctx_finish(tm_fn_ctx *f);
/* The function's snapshot, which it has; between batches. */
wsl_status tm_fn_ctx_snapshot(tm_fn_ctx *f, uint64_t checkpoint_id);

wsl_status tm_fn_ctx_emit(wsl_ctx *ctx, const wsl_row *row);
wsl_status tm_fn_ctx_emit_side(wsl_ctx *ctx, const char *tag, const wsl_row *row);
wsl_status tm_fn_ctx_make_room(wsl_ctx *ctx, uint32_t bytes);
/* Memory for one row of `size` bytes of a built-in operator, already counted as used; NULL after a failure. */
wsl_row *tm_fn_ctx_alloc(tm_fn_ctx *f, uint32_t size);
/* Gives such a row to the batch. */
static inline wsl_status tm_fn_ctx_add(tm_fn_ctx *f, const wsl_row *row)
{
    f->out[f->k.ctx.n_out++] = row;
    return WSL_UNLIKELY(f->k.ctx.n_out == TM_BATCH_ROWS) ? tm_fn_ctx_flush_inside(f) : WSL_OK;
}
/* From now on wsl_emit always calls the context's emit: it is not the usual one. */
static inline void tm_fn_ctx_emit_by_call(tm_fn_ctx *f) { f->k.ctx.n_out_max = 0; }
/* Behind open: rows get the current timestamp even if they have one (joins). */
static inline void tm_fn_ctx_stamp_all(tm_fn_ctx *f)
{
    f->stamps_all = true;
    tm_fn_ctx_emit_by_call(f);
}

/* ---- the loop over a batch ---- */

/* A callback for row *io_at has not just said WSL_OK, or wants attention. *io_at: the row to go on with, now or (*out_wait)
 * after a pause. */
wsl_status tm_fn_ctx_look(tm_fn_ctx *f, wsl_status status, uint32_t *io_at, bool *out_wait);

/* Makes the row the one in hand and calls the user's function, which is behind `function`. */
typedef wsl_status (*tm_fn_ctx_call)(tm_fn_ctx *f, const void *function, uint32_t i, const wsl_row *row);

/* tm_fn_ctx_each with a poison policy. */
wsl_status tm_fn_ctx_each_or_skip(tm_fn_ctx *f, tm_fn_ctx_call call, const void *function, const wsl_row *const *rows, uint32_t end,
                                  uint32_t *io_at);

/* Calls for rows[*io_at .. end); *io_at is then the first row that has to wait, or end. `call` is inlined, too. */
static inline __attribute__((always_inline)) wsl_status tm_fn_ctx_each(tm_fn_ctx *f, tm_fn_ctx_call call,
                                                                       const void *function,
                                                                       const wsl_row *const *rows, uint32_t end,
                                                                       uint32_t *io_at)
{
    if (WSL_UNLIKELY(f->poison != NULL)) {
        return tm_fn_ctx_each_or_skip(f, call, function, rows, end, io_at);
    }
    for (uint32_t i = *io_at; i < end; i++) {
        const wsl_status status = call(f, function, i, rows[i]);
        if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
            bool wait = false;
            *io_at = i;
            WSL_TRY(tm_fn_ctx_look(f, status, io_at, &wait));
            if (wait) {
                return WSL_OK;
            }
        }
    }
    *io_at = end;
    return WSL_OK;
}

/* The same for a whole batch without keys. */
static inline __attribute__((always_inline)) wsl_status tm_fn_ctx_rows(tm_fn_ctx *f, tm_fn_ctx_call call,
                                                                       const void *function, uint32_t input,
                                                                       const wsl_row *const *rows, uint32_t n)
{
    uint32_t i = 0;
    WSL_TRY(tm_fn_ctx_each(f, call, function, rows, n, &i));
    WSL_TRY(tm_fn_ctx_flush(f));
    return i == n ? WSL_OK : tm_op_suspend(f->op, input, rows + i, n - i);
}
