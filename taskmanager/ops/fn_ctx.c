/*
 * Two arenas: `rows`, where functions build rows in place, and `copies`. Both start over with each flush. A row in
 * progress survives a flush where it stands, since only the next wsl_begin uses that memory again; it is then copied
 * when emitted.
 */
#include "taskmanager/ops/fn_ctx.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/op_lists.h"
#include "taskmanager/ops/poison.h"

enum { ARENA_KEEP_BYTES = 256 << 10 };

static tm_fn_ctx *self(wsl_ctx *ctx) { return (tm_fn_ctx *)(void *)ctx; }

static void set_tip(tm_fn_ctx *f)
{
    f->k.ctx.out_tip = f->rows.data + f->rows.used;
    f->k.ctx.out_end = f->rows.data + f->rows.size;
}

static void arena_resize(tm_row_arena *a, uint32_t size)
{
    free(a->data);
    a->data = wsl_alloc(size);
    a->size = size;
    a->used = 0;
}

/* A failure that the function might not pass on. */
static wsl_status remember(tm_fn_ctx *f, wsl_status status)
{
    if (status != WSL_OK) {
        f->attention = true;
        f->failed = status;
    }
    return status;
}

/* ---- sending on ---- */

static wsl_status flush_side(tm_fn_ctx *f)
{
    const uint32_t n = f->n_side;
    f->n_side = 0;
    f->sent++;
    return n == 0 ? WSL_OK : tm_op_emit_side(f->op, f->side, f->side_out, n);
}

wsl_status tm_fn_ctx_flush(tm_fn_ctx *f)
{
    const uint32_t n = f->k.ctx.n_out;
    f->k.ctx.n_out = 0;
    f->sent++;
    wsl_status status = tm_op_emit_rows(f->op, f->out, n);
    if (status == WSL_OK) {
        status = flush_side(f);
    }
    f->rows.used = 0;
    f->copies.used = 0;
    f->k.ctx.out_tip = f->rows.data;
    return remember(f, status);
}

wsl_status tm_fn_ctx_flush_inside(tm_fn_ctx *f)
{
    f->attention = true;
    return tm_fn_ctx_flush(f);
}

/* Memory that fits `size` more bytes, after sending on what fills it if need be. */
static wsl_status arena_reserve(tm_fn_ctx *f, tm_row_arena *a, uint32_t size)
{
    if (WSL_LIKELY(a->size - a->used >= size)) {
        return WSL_OK;
    }
    if (size > WSL_ROW_SIZE_MAX_DEFAULT) {
        tm_fn_ctx_name_row(f);
        return remember(f,
                        tm_op_fail(f->op, WSL_TOO_LARGE, "a row of %" PRIu32 " bytes is larger than the maximum of %d",
                                   size, WSL_ROW_SIZE_MAX_DEFAULT));
    }
    if (a->data == NULL) { /* copies, for the first time: nothing has to go to make room */
        arena_resize(a, size < TM_ARENA_BYTES ? TM_ARENA_BYTES : size);
        return WSL_OK;
    }
    WSL_TRY(tm_fn_ctx_flush_inside(f));
    if (a->size < size) {
        arena_resize(a, size < TM_ARENA_BYTES ? TM_ARENA_BYTES : size);
    }
    set_tip(f);
    return WSL_OK;
}

wsl_status tm_fn_ctx_make_room(wsl_ctx *ctx, uint32_t bytes)
{
    tm_fn_ctx *f = self(ctx);
    f->rows.used = (uint32_t)(ctx->out_tip - f->rows.data);
    return arena_reserve(f, &f->rows, bytes);
}

wsl_row *tm_fn_ctx_alloc(tm_fn_ctx *f, uint32_t size)
{
    wsl_ctx *ctx = tm_fn_ctx_of(f);
    if (WSL_UNLIKELY((size_t)(ctx->out_end - ctx->out_tip) < size) && tm_fn_ctx_make_room(ctx, size) != WSL_OK) {
        return NULL;
    }
    wsl_row *row = (wsl_row *)(void *)ctx->out_tip;
    ctx->out_tip += size;
    return row;
}

/* ---- what the function calls ---- */

static inline void stamp(const tm_fn_ctx *f, wsl_row *row)
{
    const wsl_ctx *ctx = &f->k.ctx;
    if ((!(row->flags & WSL_ROW_HAS_TIMESTAMP) || WSL_UNLIKELY(f->stamps_all)) && ctx->has_timestamp) {
        wsl_row_set_timestamp(row, ctx->timestamp);
    }
    if ((row->flags & WSL_ROW_SPLIT_MASK) == 0) {
        row->flags = (uint16_t)(row->flags | ctx->out_split);
    }
}

static wsl_status copy_in(tm_fn_ctx *f, const wsl_row *row, wsl_row **out_copy)
{
    WSL_TRY(arena_reserve(f, &f->copies, row->size));
    wsl_row *copy = (wsl_row *)(void *)(f->copies.data + f->copies.used);
    f->copies.used += row->size;
    memcpy(copy, row, row->size);
    stamp(f, copy);
    *out_copy = copy;
    return WSL_OK;
}

static __attribute__((noinline)) wsl_status emit_other(tm_fn_ctx *f, const wsl_row *row)
{
    if (row == f->input) {
        return tm_fn_ctx_add(f, row);
    }
    wsl_row *copy = NULL;
    WSL_TRY(copy_in(f, row, &copy));
    return tm_fn_ctx_add(f, copy);
}

wsl_status tm_fn_ctx_emit(wsl_ctx *ctx, const wsl_row *row)
{
    tm_fn_ctx *f = self(ctx);
    if (WSL_UNLIKELY((const uint8_t *)row != ctx->out_tip)) {
        return emit_other(f, row);
    }
    wsl_row *mine = (wsl_row *)(void *)ctx->out_tip;
    ctx->out_tip += mine->size;
    stamp(f, mine);
    return tm_fn_ctx_add(f, mine);
}

/* The row in hand is another operator's too, so what is emitted of it is a copy. */
static wsl_status ctx_emit_at(wsl_ctx *ctx, const wsl_row *row, int64_t timestamp_ms)
{
    tm_fn_ctx *f = self(ctx);
    wsl_row *mine = NULL;
    if (WSL_LIKELY((const uint8_t *)row == ctx->out_tip)) {
        mine = (wsl_row *)(void *)ctx->out_tip;
        ctx->out_tip += mine->size;
    } else {
        WSL_TRY(copy_in(f, row, &mine));
    }
    wsl_row_set_timestamp(mine, timestamp_ms);
    return tm_fn_ctx_add(f, mine);
}

static wsl_status find_side(tm_fn_ctx *f, const char *tag, uint32_t *out_side)
{
    const Wsl__Pb__Operator *desc = f->op->env.desc;
    for (uint32_t i = 0; i < f->op->n_sides; i++) {
        if (strcmp(desc->sides[i]->tag, tag) == 0) {
            *out_side = i;
            return WSL_OK;
        }
    }
    tm_fn_ctx_name_row(f);
    return remember(f,
                    tm_op_fail(f->op, WSL_INVALID, "emits to the side output '%s', which is not in its .sides", tag));
}

wsl_status tm_fn_ctx_emit_side(wsl_ctx *ctx, const char *tag, const wsl_row *row)
{
    tm_fn_ctx *f = self(ctx);
    uint32_t side = 0;
    WSL_TRY(find_side(f, tag, &side));
    if (f->op->sides[side].n == 0) {
        return WSL_OK; /* nobody reads it */
    }
    if (f->n_side != 0 && (f->side != side || f->n_side == TM_SIDE_BATCH)) {
        WSL_TRY(remember(f, flush_side(f)));
        f->attention = true;
    }
    wsl_row *copy = NULL;
    WSL_TRY(copy_in(f, row, &copy));
    f->side = side;
    f->side_out[f->n_side++] = copy;
    return WSL_OK;
}

static int64_t ctx_processing_time(wsl_ctx *ctx) { return wsl_wall_ms(self(ctx)->op->env.clock); }

static void ctx_count(wsl_ctx *ctx, const char *metric, int64_t delta)
{
    tm_op_count_add(self(ctx)->op, metric, delta);
}

static wsl_status ctx_fail(wsl_ctx *ctx, const char *format, va_list args) WSL_PRINTF(2, 0);
static wsl_status ctx_fail(wsl_ctx *ctx, const char *format, va_list args)
{
    tm_fn_ctx *f = self(ctx);
    if (tm_poison_reason(f, format, args)) {
        f->attention = true;
        return WSL_USER;
    }
    tm_fn_ctx_name_row(f);
    return remember(f, tm_op_vfail(f->op, WSL_USER, format, args));
}

static const wsl_ctx_ops ctx_ops = {
    .emit = tm_fn_ctx_emit,
    .emit_side = tm_fn_ctx_emit_side,
    .make_room = tm_fn_ctx_make_room,
    .processing_time = ctx_processing_time,
    .count = ctx_count,
    .fail = ctx_fail,
    .emit_at = ctx_emit_at,
};

/* ---- around callbacks ---- */

void tm_fn_ctx_no_row(tm_fn_ctx *f, bool has_timestamp, int64_t timestamp)
{
    f->input = NULL;
    f->op->current = NULL;
    f->k.ctx.has_timestamp = has_timestamp;
    f->k.ctx.timestamp = timestamp;
    f->k.ctx.out_split = 0;
}

wsl_status tm_fn_ctx_after(tm_fn_ctx *f, wsl_status status)
{
    f->attention = false;
    if (WSL_UNLIKELY(f->failed != WSL_OK)) {
        return f->failed;
    }
    if (status == WSL_OK || status == WSL_AGAIN) {
        return status;
    }
    tm_fn_ctx_name_row(f);
    return remember(f, tm_op_fail(f->op, status, "its function returned %s (%s)", wsl_status_name(status),
                                  wsl_status_text(status)));
}

wsl_status tm_fn_ctx_look(tm_fn_ctx *f, wsl_status status, uint32_t *io_at, bool *out_wait)
{
    status = tm_fn_ctx_after(f, status);
    if (status == WSL_AGAIN) {
        *out_wait = true;
        return WSL_OK;
    }
    WSL_TRY(status);
    *io_at += 1;
    *out_wait = tm_op_blocked(f->op);
    return WSL_OK;
}

wsl_status tm_fn_ctx_each_or_skip(tm_fn_ctx *f, tm_fn_ctx_call call, const void *function, const wsl_row *const *rows, uint32_t end,
                                  uint32_t *io_at)
{
    for (uint32_t i = *io_at; i < end;) {
        bool wait = false, skipped = false;
        tm_poison_before(f);
        wsl_status status = tm_poison_after(f, rows[i], call(f, function, i, rows[i]), &skipped);
        if (!skipped && status == WSL_OK && !f->attention) {
            i++;
            continue;
        }
        *io_at = i;
        WSL_TRY(tm_fn_ctx_look(f, status, io_at, &wait));
        if (wait) {
            return WSL_OK;
        }
        i = *io_at;
    }
    *io_at = end;
    return WSL_OK;
}

wsl_status tm_fn_ctx_finish(tm_fn_ctx *f)
{
    const wsl_function *fn = f->op->env.function;
    if (fn == NULL || fn->finish == NULL) {
        return WSL_OK;
    }
    tm_fn_ctx_no_row(f, false, 0);
    const wsl_status status = tm_fn_ctx_after(f, fn->finish(tm_fn_ctx_of(f)));
    if (status != WSL_OK && status != WSL_AGAIN) {
        return status;
    }
    WSL_TRY(tm_fn_ctx_flush(f));
    return status;
}

wsl_status tm_fn_ctx_snapshot(tm_fn_ctx *f, uint64_t checkpoint_id)
{
    WSL_ASSERT(f->k.ctx.n_out == 0 && f->n_side == 0);
    tm_fn_ctx_no_row(f, false, 0);
    const wsl_status status = tm_fn_ctx_after(f, f->op->env.function->snapshot(tm_fn_ctx_of(f), checkpoint_id));
    if (status == WSL_AGAIN || f->k.ctx.n_out != 0 || f->n_side != 0) {
        return remember(f, tm_op_fail(f->op, WSL_USER, "its .snapshot %s",
                                      status == WSL_AGAIN ? "cannot return WSL_AGAIN" : "must not emit rows"));
    }
    return status;
}

/* ---- life ---- */

wsl_status tm_fn_ctx_open(tm_fn_ctx *f, tm_op *op, wsl_error *err)
{
    const wsl_function *fn = op->env.function;
    f->op = op;
    arena_resize(&f->rows, TM_ARENA_BYTES);
    f->k.ctx = (wsl_ctx){
        .ops = &ctx_ops,
        .local = fn != NULL && fn->local_size != 0 ? wsl_zalloc(fn->local_size) : NULL,
        .config = op->env.desc->config.data,
        .config_size = (uint32_t)op->env.desc->config.len,
        .subtask = op->env.subtask,
        .parallelism = op->env.parallelism,
        .max_parallelism = op->env.max_parallelism,
        .watermark = WSL_TIME_MIN,
        .operator_states = tm_op_lists_handle(op->lists),
        .out_rows = f->out,
        .n_out_max = TM_BATCH_ROWS - 1,
    };
    tm_op_lists_attach(op->lists, f);
    set_tip(f);
    if (fn != NULL) {
        WSL_TRY(tm_poison_new(op, &f->poison, err));
    }
    if (fn == NULL || fn->open == NULL) {
        return WSL_OK;
    }
    const wsl_status status = fn->open(tm_fn_ctx_of(f), err);
    if (status == WSL_OK && f->failed == WSL_OK) {
        return WSL_OK;
    }
    if (err->status != WSL_OK) {
        return err->status;
    }
    const wsl_error *said = op->env.host->error;
    return said->status != WSL_OK
               ? wsl_fail(err, said->status, "%s", said->text)
               : wsl_fail(err, status, "its open returned %s (%s)", wsl_status_name(status), wsl_status_text(status));
}

void tm_fn_ctx_close(tm_fn_ctx *f)
{
    if (f->op == NULL) {
        return; /* never opened */
    }
    const wsl_function *fn = f->op->env.function;
    if (fn != NULL && fn->close != NULL) {
        fn->close(tm_fn_ctx_of(f));
    }
    tm_poison_free(f->poison);
    free(f->k.ctx.local);
    free(f->rows.data);
    free(f->copies.data);
}
