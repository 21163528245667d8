#include "taskmanager/window/general.h"

#include "base/assert.h"

static tm_face *face_of(wsl_keyed_ctx *k) { return (tm_face *)(void *)k; }

/* ---- timers, as triggers see them ---- */

static wsl_status timer_set(wsl_keyed_ctx *k, bool event_time, int64_t timestamp_ms)
{
    tm_face *face = face_of(k);
    tm_general *g = face->owner;
    const wsl_function *fn = face->function;
    if (face != &g->trigger) {
        return wsl_error_here(k, "sets a timer, but only triggers of windows have timers");
    }
    if ((event_time ? fn->on_event_time : fn->on_processing_time) == NULL) {
        return wsl_error_here(k, "sets a timer, but the trigger '%s' has no .%s", fn->name,
                              event_time ? "on_event_time" : "on_processing_time");
    }
    tm_general_timer_set(g, event_time, timestamp_ms);
    return WSL_OK;
}

static void timer_delete(wsl_keyed_ctx *k, bool event_time, int64_t timestamp_ms)
{
    tm_face *face = face_of(k);
    if (face == &face->owner->trigger) {
        tm_general_timer_delete(face->owner, event_time, timestamp_ms);
    }
}

/* ---- merging a trigger's state ---- */

/* Copies what the state holds in namespace `from` to g->more_rows, and clears it there. */
static wsl_status take_state(tm_face *face, const wsl_state_desc *state, int64_t from)
{
    wsl_keyed_ctx *k = &tm_face_select(face, from)->k;
    tm_row_list *rows = &face->owner->more_rows;
    tm_row_list_clear(rows);
    if (state->kind == WSL_STATE_LIST) {
        wsl_state_iter it;
        for (wsl_state_each(k, state, &it); wsl_state_next(&it);) {
            tm_row_list_add(rows, it.value);
        }
    } else {
        const wsl_row *row = tm_keyed_accumulator(&face->k, state);
        if (row != NULL) {
            tm_row_list_add(rows, row);
        }
    }
    tm_row_list_seal(rows);
    wsl_state_clear(k, state);
    return face->k.f.failed;
}

static wsl_status put_state(tm_face *face, const wsl_state_desc *state)
{
    const tm_row_list *rows = &face->owner->more_rows;
    wsl_keyed_ctx *k = &tm_face_select(face, face->owner->trigger_ns)->k;
    for (uint32_t i = 0; i < rows->at.n; i++) {
        WSL_TRY(state->kind == WSL_STATE_LIST ? wsl_list_add(k, state, rows->rows[i])
                                              : tm_keyed_merge(&face->k, state, rows->rows[i]));
    }
    return WSL_OK;
}

static wsl_status merge_state(wsl_window_ctx *w, const wsl_state_desc *state)
{
    tm_face *face = face_of(&w->k);
    tm_general *g = face->owner;
    if (state->kind != WSL_STATE_REDUCING && state->kind != WSL_STATE_AGGREGATING && state->kind != WSL_STATE_LIST) {
        return wsl_error_here(w,
                              "merges the state '%s', but nobody knows how two %s become one; make it a reducing, "
                              "aggregating or list state, or merge it by hand",
                              state->name, state->kind == WSL_STATE_MAP ? "maps" : "values");
    }
    if (state->kind == WSL_STATE_AGGREGATING && (*state->fold)->merge == NULL) {
        return wsl_error_here(w, "merges the state '%s', but its function '%s' has no .merge to put two accumulators together",
                              state->name, (*state->fold)->name);
    }
    for (uint32_t i = 0; i < g->n_merged; i++) {
        WSL_TRY(take_state(face, state, g->merged[i].trigger_slot));
        WSL_TRY(put_state(face, state));
    }
    (void)tm_face_select(face, g->trigger_ns);
    return WSL_OK;
}

static const struct wsl_window_ops window_ops = {.merge_state = merge_state};

/* ---- life ---- */

wsl_status tm_face_open(tm_face *face, tm_general *g, const wsl_function *function, bool spaces, wsl_error *err)
{
    tm_op *op = g->op;
    face->owner = g;
    face->function = function;
    face->spaces = spaces;
    face->k.namespaces = spaces;
    op->env.function = function; /* whose states, open and memory the context is made for */
    const wsl_status status = tm_keyed_open(&face->k, op, NULL, err);
    op->env.function = NULL;
    WSL_TRY(status);
    face->ops = *face->k.f.k.keyed_ops;
    face->ops.timer_set = timer_set;
    face->ops.timer_delete = timer_delete;
    face->k.f.k.keyed_ops = &face->ops;
    face->k.f.w.window_ops = &window_ops;
    return WSL_OK;
}

void tm_face_close(tm_face *face)
{
    if (!tm_face_is_open(face)) {
        return;
    }
    tm_op *op = face->owner->op;
    op->env.function = face->function;
    tm_keyed_close(&face->k);
    op->env.function = NULL;
    face->owner = NULL;
}

/* ---- around callbacks ---- */

wsl_window_ctx *tm_face_select(tm_face *face, int64_t ns)
{
    const tm_general *g = face->owner;
    tm_keyed *k = &face->k;
    tm_key_ctx_restore(&k->key, tm_key_ctx_bytes(&g->key), tm_key_ctx_size(&g->key), g->key.row->nulls, g->key.hash);
    if (face->spaces) {
        k->state->ops->use(k->state, ns);
    }
    k->f.k.key = k->key.row;
    k->f.k.ctx.watermark = g->watermark;
    k->f.w.window = g->window;
    return &k->f.w;
}

void tm_face_clear_states(tm_face *face, int64_t ns)
{
    (void)tm_face_select(face, ns);
    for (uint32_t i = 0; face->k.descs != NULL && face->k.descs[i] != NULL; i++) {
        face->k.state->ops->clear(face->k.state, i);
    }
}

wsl_status tm_face_after(tm_face *face, wsl_status status, const char *what)
{
    tm_fn_ctx *f = &face->k.f;
    if (WSL_LIKELY(status == WSL_OK && !f->attention && f->k.ctx.n_out == 0)) {
        return WSL_OK;
    }
    status = tm_fn_ctx_after(f, status);
    if (status == WSL_AGAIN) {
        return tm_op_fail(f->op, WSL_USER, "%s decides at once, '%s' cannot return WSL_AGAIN", what,
                          face->function->name);
    }
    WSL_TRY(status);
    return f->k.ctx.n_out == 0 ? WSL_OK
                         : tm_op_fail(f->op, WSL_USER, "%s emits nothing, but '%s' did", what, face->function->name);
}
