/*
 * A fold function gets a context of its own: what it emits is taken as the new accumulator or the result instead of
 * being sent on. Rows are built in one of two scratch buffers that take turns, so the accumulator that goes in and the
 * one that comes out never lie in the same memory; or, for a result that is emitted as it is, in the arena of whoever
 * emits it.
 */
#include "taskmanager/window/fold.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "taskmanager/ops/op_lists.h"

static tm_fold *self(wsl_ctx *ctx) { return (tm_fold *)(void *)ctx; }

static wsl_status remember(tm_fold *f, wsl_status status)
{
    f->failed = status != WSL_OK ? status : f->failed;
    return status;
}

/* ---- memory ---- */

/* Room for `size` bytes; what was there is lost. */
static bool scratch_reserve(tm_fold_scratch *s, uint32_t size)
{
    if (size > WSL_ROW_SIZE_MAX_DEFAULT) {
        return false;
    }
    if (s->size < size) {
        free(s->data);
        s->size = size < 2 * WSL_BEGIN_ROOM_MIN ? 2 * WSL_BEGIN_ROOM_MIN : size;
        s->data = wsl_alloc(s->size);
    }
    return true;
}

static void build_in_scratch(tm_fold *f)
{
    f->lender = NULL;
    f->building ^= 1;
    tm_fold_scratch *s = &f->scratch[f->building];
    f->ctx.out_tip = s->data;
    f->ctx.out_end = s->data + s->size;
}

static wsl_status too_large(tm_fold *f, uint64_t size)
{
    return remember(f, tm_op_fail(f->op, WSL_TOO_LARGE, "a row of %" PRIu64 " bytes is larger than the maximum of %d",
                                  size, WSL_ROW_SIZE_MAX_DEFAULT));
}

static wsl_status make_room(wsl_ctx *ctx, uint32_t bytes)
{
    tm_fold *f = self(ctx);
    if (f->lender != NULL) {
        wsl_ctx *out = tm_fn_ctx_of(f->lender);
        WSL_TRY(remember(f, tm_fn_ctx_make_room(out, bytes)));
        ctx->out_tip = out->out_tip;
        ctx->out_end = out->out_end;
        return WSL_OK;
    }
    tm_fold_scratch *s = &f->scratch[f->building];
    if (!scratch_reserve(s, bytes)) {
        return too_large(f, bytes);
    }
    ctx->out_tip = s->data;
    ctx->out_end = s->data + s->size;
    return WSL_OK;
}

/* For expressions. */
static void *alloc_row(void *fold, uint32_t size)
{
    tm_fold *f = fold;
    if ((size_t)(f->ctx.out_end - f->ctx.out_tip) < size && make_room(&f->ctx, size) != WSL_OK) {
        return NULL;
    }
    return f->ctx.out_tip;
}

/* For the sentence; without a row the operator may have named a key. */
static void in_hand(tm_fold *f, const wsl_row *row)
{
    if (row != NULL) {
        f->op->current = row;
        f->op->current_is_key = false;
    }
}

/* ---- what the function calls ---- */

static wsl_status take(wsl_ctx *ctx, const wsl_row *row)
{
    tm_fold *f = self(ctx);
    f->emitted = row;
    f->n_emitted++;
    return WSL_OK;
}

static wsl_status no_sides(wsl_ctx *ctx, const char *tag, const wsl_row *row)
{
    (void)row;
    tm_fold *f = self(ctx);
    return remember(f, tm_op_fail(f->op, WSL_INVALID,
                                  "the function '%s' emits to the side output '%s'; one that folds rows "
                                  "has no side outputs",
                                  f->function->name, tag));
}

static int64_t processing_time(wsl_ctx *ctx) { return wsl_wall_ms(self(ctx)->op->env.clock); }
static void count(wsl_ctx *ctx, const char *metric, int64_t delta) { tm_op_count_add(self(ctx)->op, metric, delta); }

static wsl_status fail(wsl_ctx *ctx, const char *format, va_list args) WSL_PRINTF(2, 0);
static wsl_status fail(wsl_ctx *ctx, const char *format, va_list args)
{
    tm_fold *f = self(ctx);
    in_hand(f, f->row);
    return remember(f, tm_op_vfail(f->op, WSL_USER, format, args));
}

static wsl_status refuse_emit_at(wsl_ctx *ctx, const wsl_row *row, int64_t timestamp_ms)
{
    (void)row, (void)timestamp_ms;
    return wsl_ctx_fail(ctx, "a function that folds rows gives its result with wsl_emit, not wsl_emit_at");
}

static const wsl_ctx_ops ctx_ops = {
    .emit = take,
    .emit_side = no_sides,
    .make_room = make_room,
    .processing_time = processing_time,
    .count = count,
    .fail = fail,
    .emit_at = refuse_emit_at,
};

/* ---- after a call ---- */

wsl_status tm_fold_said(tm_fold *f, wsl_status status, const wsl_row *row)
{
    if (f->failed != WSL_OK) {
        return f->failed;
    }
    if (status == WSL_OK) {
        return WSL_OK;
    }
    in_hand(f, row);
    if (status == WSL_AGAIN) {
        return remember(f, tm_op_fail(f->op, WSL_USER,
                                      "the function '%s' folds rows and gives its result at once, it cannot "
                                      "return WSL_AGAIN",
                                      f->function->name));
    }
    return remember(f, tm_op_fail(f->op, status, "the function '%s' returned %s (%s)", f->function->name,
                                  wsl_status_name(status), wsl_status_text(status)));
}

/* It has to have emitted one row of `schema`. */
static wsl_status one_row(tm_fold *f, wsl_status status, const wsl_row *row, const wsl_schema *schema, const char *what,
                          const wsl_row **out)
{
    if (WSL_UNLIKELY(status != WSL_OK || f->failed != WSL_OK)) {
        return tm_fold_said(f, status, row);
    }
    if (WSL_UNLIKELY(f->n_emitted != 1)) {
        in_hand(f, row);
        return remember(f, tm_op_fail(f->op, WSL_USER, "%s of '%s' emits exactly one row, this one emitted %" PRIu32,
                                      what, f->function->name, f->n_emitted));
    }
    if (WSL_UNLIKELY(f->emitted->size < wsl_row_fixed_size(schema->n_fields))) {
        in_hand(f, row);
        return remember(f, tm_op_fail(f->op, WSL_TYPE, "%s of '%s' emitted a row that is not of the type '%s'", what,
                                      f->function->name, schema->name));
    }
    *out = f->emitted;
    return WSL_OK;
}

static wsl_status expression_failed(tm_fold *f, wsl_status status, const wsl_row *row, const wsl_error *err)
{
    if (f->failed != WSL_OK) {
        return f->failed; /* there was no memory; that has been told */
    }
    in_hand(f, row);
    return remember(f, tm_op_fail(f->op, status, "%s", err->text));
}

/* ---- life ---- */

static bool all_fixed(const wsl_schema *schema)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        if (!wsl_type_is_fixed(&schema->fields[i].type)) {
            return false;
        }
    }
    return true;
}

static wsl_status open_expression(tm_fold *f, const char *expr, wsl_error *err)
{
    const wsl_schema *key_schema = f->op->env.key_schema;
    const char *keys[WSL_KEY_FIELDS_MAX];
    const uint32_t n_keys = key_schema != NULL ? key_schema->n_fields : 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        keys[i] = key_schema->fields[i].name;
    }
    WSL_TRY(wsl_aggregate_new_windowed(expr, f->op->env.input[0], keys, n_keys, &f->aggregate, err));
    f->kind = TM_FOLD_EXPRESSION;
    f->acc = wsl_aggregate_state_schema(f->aggregate);
    f->result = wsl_aggregate_schema(f->aggregate);
    f->in_place = wsl_aggregate_in_place(f->aggregate);
    f->merges = true;
    f->order_matters = wsl_aggregate_order_matters(f->aggregate);
    return WSL_OK;
}

static wsl_status describe_function(tm_fold *f, const wsl_function *fn, wsl_error *err)
{
    const wsl_schema *input = f->op->env.input[0];
    if (fn->kind == WSL_FN_REDUCE) {
        f->kind = TM_FOLD_REDUCE;
        f->acc = f->result = input;
        f->merges = true;
        return fn->reduce != NULL ? WSL_OK : wsl_fail(err, WSL_INVALID, "the function '%s' has no .reduce", fn->name);
    }
    WSL_ASSERT(fn->kind == WSL_FN_AGGREGATE);
    f->kind = TM_FOLD_AGGREGATE;
    if ((fn->add == NULL) == (fn->update == NULL) || fn->acc == NULL) {
        return wsl_fail(err, WSL_INVALID, "the function '%s' has to have .acc and either .add or .update", fn->name);
    }
    if (fn->add != NULL && !all_fixed(fn->acc)) {
        return wsl_fail(err, WSL_INVALID,
                        "the function '%s' has .add, but its accumulator '%s' has fields of variable size: use .update",
                        fn->name, fn->acc->name);
    }
    f->acc = fn->acc;
    f->result = fn->result == NULL ? fn->acc : fn->out != NULL ? fn->out : input;
    f->in_place = fn->add != NULL;
    f->merges = fn->merge != NULL;
    return WSL_OK;
}

static wsl_status open_function(tm_fold *f, wsl_error *err)
{
    const wsl_function *fn = f->function;
    f->ctx.local = fn->local_size != 0 ? wsl_zalloc(fn->local_size) : NULL;
    build_in_scratch(f);
    if (fn->open == NULL) {
        return WSL_OK;
    }
    const wsl_status status = fn->open(&f->ctx, err);
    if (status == WSL_OK && f->failed == WSL_OK) {
        return WSL_OK;
    }
    if (err->status != WSL_OK) {
        return err->status;
    }
    const wsl_error *said = f->op->env.host->error;
    return said->status != WSL_OK ? wsl_fail(err, said->status, "%s", said->text)
                                  : wsl_fail(err, status, "open of '%s' returned %s (%s)", fn->name,
                                             wsl_status_name(status), wsl_status_text(status));
}

wsl_status tm_fold_open(tm_fold *f, tm_op *op, const wsl_function *function, const char *expr, wsl_error *err)
{
    f->op = op;
    f->ctx = (wsl_ctx){
        .ops = &ctx_ops,
        .config = op->env.desc->config.data,
        .config_size = (uint32_t)op->env.desc->config.len,
        .subtask = op->env.subtask,
        .parallelism = op->env.parallelism,
        .max_parallelism = op->env.max_parallelism,
        .watermark = WSL_TIME_MIN,
        .operator_states = tm_op_lists_handle(op->lists),
    };
    for (uint32_t i = 0; i < 2; i++) {
        (void)scratch_reserve(&f->scratch[i], WSL_BEGIN_ROOM_MIN);
    }
    if (function == NULL) {
        return open_expression(f, expr, err);
    }
    WSL_TRY(describe_function(f, function, err));
    f->function = function;
    return open_function(f, err);
}

void tm_fold_close(tm_fold *f)
{
    if (f->op == NULL) {
        return; /* never opened */
    }
    if (f->function != NULL && f->function->close != NULL) {
        f->function->close(&f->ctx);
    }
    free(f->ctx.local);
    f->ctx.local = NULL;
    wsl_aggregate_free(f->aggregate);
    f->aggregate = NULL;
    for (uint32_t i = 0; i < 2; i++) {
        free(f->scratch[i].data);
        f->scratch[i] = (tm_fold_scratch){0};
    }
    f->op = NULL;
}

/* ---- rows ---- */

wsl_status tm_fold_batch(tm_fold *f, const wsl_row *const *rows, uint32_t n)
{
    f->rows = rows;
    f->n_rows = n;
    if (f->kind != TM_FOLD_EXPRESSION) {
        return WSL_OK;
    }
    uint32_t bad = 0;
    wsl_error err;
    wsl_error_none(&err);
    const wsl_status status = wsl_aggregate_evaluate(f->aggregate, rows, n, &bad, &err);
    return WSL_LIKELY(status == WSL_OK) ? WSL_OK : expression_failed(f, status, rows[bad], &err);
}

static inline void row_time(tm_fold *f, const wsl_row *row)
{
    f->row = row;
    f->ctx.timestamp = row->timestamp;
    f->ctx.has_timestamp = (row->flags & WSL_ROW_HAS_TIMESTAMP) != 0;
}

static inline void no_row(tm_fold *f)
{
    f->row = NULL;
    f->ctx.has_timestamp = false;
}

wsl_status tm_fold_first(tm_fold *f, wsl_row *acc)
{
    if (f->kind == TM_FOLD_EXPRESSION) {
        wsl_aggregate_first(f->aggregate, acc);
        return WSL_OK;
    }
    if (f->function->create == NULL) {
        return WSL_OK;
    }
    const wsl_status status = f->function->create(&f->ctx, acc);
    return WSL_LIKELY(status == WSL_OK && f->failed == WSL_OK) ? WSL_OK : tm_fold_said(f, status, NULL);
}

wsl_status tm_fold_add_in_place(tm_fold *f, wsl_row *acc, uint32_t i)
{
    WSL_DEBUG_ASSERT(f->in_place && i < f->n_rows);
    const wsl_row *row = f->rows[i];
    if (f->kind == TM_FOLD_EXPRESSION) {
        wsl_error err;
        wsl_error_none(&err);
        const wsl_status status = wsl_aggregate_fold_in_place(f->aggregate, i, acc, &err);
        return WSL_LIKELY(status == WSL_OK) ? WSL_OK : expression_failed(f, status, row, &err);
    }
    row_time(f, row);
    const wsl_status status = f->function->add(&f->ctx, acc, row);
    return WSL_LIKELY(status == WSL_OK && f->failed == WSL_OK) ? WSL_OK : tm_fold_said(f, status, row);
}

wsl_status tm_fold_merge_in_place(tm_fold *f, wsl_row *acc, const wsl_row *other)
{
    WSL_DEBUG_ASSERT(f->in_place && f->merges);
    if (f->kind == TM_FOLD_EXPRESSION) {
        wsl_error err;
        wsl_error_none(&err);
        const wsl_status status = wsl_aggregate_merge_in_place(f->aggregate, acc, other, &err);
        return WSL_LIKELY(status == WSL_OK) ? WSL_OK : expression_failed(f, status, NULL, &err);
    }
    no_row(f);
    const wsl_status status = f->function->merge(&f->ctx, acc, other);
    return WSL_LIKELY(status == WSL_OK && f->failed == WSL_OK) ? WSL_OK : tm_fold_said(f, status, NULL);
}

/* An accumulator of ours to change: acc itself if we gave it out last, else a copy; a new one if it is NULL. */
static wsl_status own_acc(tm_fold *f, const wsl_row *acc, wsl_row **out)
{
    if (acc != NULL && (const uint8_t *)acc == f->scratch[f->building].data) {
        *out = (wsl_row *)(void *)f->scratch[f->building].data;
        return WSL_OK;
    }
    const uint32_t size = wsl_row_fixed_size(f->acc->n_fields);
    build_in_scratch(f);
    wsl_row *made = alloc_row(f, size);
    WSL_ASSERT(made != NULL);
    if (acc != NULL) {
        memcpy(made, acc, size);
    } else {
        memset(made, 0, size);
        made->size = size;
        WSL_TRY(tm_fold_first(f, made));
    }
    *out = made;
    return WSL_OK;
}

/* A copy in the scratch whose turn it is. */
static wsl_status copy_row(tm_fold *f, const wsl_row *row, const wsl_row **out)
{
    build_in_scratch(f);
    wsl_row *made = alloc_row(f, row->size);
    if (made == NULL) {
        return f->failed;
    }
    memcpy(made, row, row->size);
    *out = made;
    return WSL_OK;
}

/* What was emitted may lie anywhere, even in what it was made of. */
static wsl_status keep_emitted(tm_fold *f, const wsl_row **io)
{
    return (const uint8_t *)*io == f->scratch[f->building].data ? WSL_OK : copy_row(f, *io, io);
}

static wsl_status add_by_emitting(tm_fold *f, const wsl_row *acc, const wsl_row *row, const wsl_row **out_acc)
{
    if (acc == NULL && f->kind == TM_FOLD_REDUCE) {
        return copy_row(f, row, out_acc);
    }
    build_in_scratch(f);
    f->n_emitted = 0;
    row_time(f, row);
    const wsl_function *fn = f->function;
    const bool reduce = f->kind == TM_FOLD_REDUCE;
    const wsl_status status = (reduce ? fn->reduce : fn->update)(&f->ctx, acc, row);
    WSL_TRY(one_row(f, status, row, f->acc, reduce ? ".reduce" : ".update", out_acc));
    return keep_emitted(f, out_acc);
}

wsl_status tm_fold_add(tm_fold *f, const wsl_row *acc, uint32_t i, const wsl_row **out_acc)
{
    WSL_DEBUG_ASSERT(i < f->n_rows);
    if (f->in_place) {
        wsl_row *mine = NULL;
        WSL_TRY(own_acc(f, acc, &mine));
        *out_acc = mine;
        return tm_fold_add_in_place(f, mine, i);
    }
    if (f->kind != TM_FOLD_EXPRESSION) {
        return add_by_emitting(f, acc, f->rows[i], out_acc);
    }
    wsl_error err;
    wsl_error_none(&err);
    build_in_scratch(f);
    const wsl_status status = wsl_aggregate_fold(f->aggregate, i, acc, alloc_row, f, out_acc, &err);
    return status == WSL_OK ? WSL_OK : expression_failed(f, status, f->rows[i], &err);
}

wsl_status tm_fold_merge(tm_fold *f, const wsl_row *acc, const wsl_row *other, const wsl_row **out_acc)
{
    WSL_DEBUG_ASSERT(f->merges);
    if (f->in_place) {
        wsl_row *mine = NULL;
        WSL_TRY(own_acc(f, acc, &mine));
        *out_acc = mine;
        return tm_fold_merge_in_place(f, mine, other);
    }
    build_in_scratch(f);
    if (f->kind == TM_FOLD_EXPRESSION) {
        wsl_error err;
        wsl_error_none(&err);
        const wsl_status status = wsl_aggregate_merge(f->aggregate, acc, other, alloc_row, f, out_acc, &err);
        return status == WSL_OK ? WSL_OK : expression_failed(f, status, NULL, &err);
    }
    f->n_emitted = 0;
    no_row(f);
    const bool reduce = f->kind == TM_FOLD_REDUCE;
    wsl_status status;
    if (reduce) {
        status = f->function->reduce(&f->ctx, acc, other);
    } else {
        wsl_row *first = (wsl_row *)(uintptr_t)acc; /* with .update, .merge emits and changes neither */
        status = f->function->merge(&f->ctx, first, other);
    }
    WSL_TRY(one_row(f, status, NULL, f->acc, reduce ? ".reduce" : ".merge", out_acc));
    return keep_emitted(f, out_acc);
}

/* ---- in keyed state ---- */

static wsl_status put(tm_fold *f, tm_state *s, uint32_t state, const wsl_row *acc)
{
    const wsl_status status = s->ops->value_put(s, state, acc);
    return WSL_LIKELY(status == WSL_OK)
               ? WSL_OK
               : remember(f, tm_op_fail(f->op, status, "an accumulator is not of the type '%s'", f->acc->name));
}

/* The accumulator of fixed size in state, made if there is none. */
static inline wsl_status place_of(tm_fold *f, tm_state *s, uint32_t state, wsl_row **out_acc)
{
    if (WSL_LIKELY(s->ops->value_get(s, state) != NULL)) {
        *out_acc = s->ops->value_update(s, state); /* which notes that it changes: the next checkpoint needs it */
        return WSL_OK;
    }
    *out_acc = s->ops->value_update(s, state);
    WSL_DEBUG_ASSERT(*out_acc != NULL);
    return tm_fold_first(f, *out_acc);
}

wsl_status tm_fold_into(tm_fold *f, tm_state *s, uint32_t state, uint32_t i)
{
    if (f->in_place) {
        wsl_row *acc = NULL;
        WSL_TRY(place_of(f, s, state, &acc));
        return tm_fold_add_in_place(f, acc, i);
    }
    const wsl_row *acc = NULL;
    WSL_TRY(tm_fold_add(f, s->ops->value_get(s, state), i, &acc));
    return put(f, s, state, acc);
}

wsl_status tm_fold_merge_into(tm_fold *f, tm_state *s, uint32_t state, const wsl_row *other)
{
    const wsl_row *acc = s->ops->value_get(s, state);
    if (acc == NULL) {
        return put(f, s, state, other);
    }
    if (f->in_place) {
        return tm_fold_merge_in_place(f, s->ops->value_update(s, state), other);
    }
    WSL_TRY(tm_fold_merge(f, acc, other, &acc));
    return put(f, s, state, acc);
}

/* ---- results ---- */

static void build_in(tm_fold *f, tm_fn_ctx *out)
{
    if (out == NULL) {
        build_in_scratch(f);
        return;
    }
    f->lender = out;
    f->ctx.out_tip = tm_fn_ctx_of(out)->out_tip;
    f->ctx.out_end = tm_fn_ctx_of(out)->out_end;
}

wsl_status tm_fold_result(tm_fold *f, const wsl_row *acc, const wsl_row *key, const wsl_window *window, tm_fn_ctx *out,
                          const wsl_row **out_row)
{
    if (f->kind == TM_FOLD_REDUCE || (f->kind == TM_FOLD_AGGREGATE && f->function->result == NULL)) {
        *out_row = acc;
        return WSL_OK;
    }
    build_in(f, out);
    if (f->kind == TM_FOLD_EXPRESSION) {
        wsl_error err;
        wsl_error_none(&err);
        const wsl_status status = wsl_aggregate_window_result(f->aggregate, key, window->start, window->end, acc,
                                                              alloc_row, f, out_row, &err);
        return status == WSL_OK ? WSL_OK : expression_failed(f, status, NULL, &err);
    }
    f->n_emitted = 0;
    f->row = NULL;
    f->ctx.has_timestamp = true;
    f->ctx.timestamp = wsl_window_max_timestamp(window);
    const wsl_status status = f->function->result(&f->ctx, acc);
    return one_row(f, status, NULL, f->result, ".result", out_row);
}
