/*
 * slice_function.c - the window function behind folded slices: it gets the one result of a key and window, the window,
 * and two sets of the states it declares: those of the key, and those of key and window, which lie in a namespace per
 * window.
 *
 * Each set has a context of its own (ops/keyed.h), whose key follows the operator's. The function's open and close run
 * for the first one.
 */
#include "base/assert.h"
#include "taskmanager/window/slice_internal.h"

static bool has_states(const wsl_function *fn) { return fn->states != NULL && fn->states[0] != NULL; }

static wsl_status open_keyed(tm_slice_op *o, tm_keyed *k, const wsl_function *fn, bool namespaces, wsl_error *err)
{
    k->namespaces = namespaces;
    o->op->env.function = fn; /* whose states, open and memory the context is made for */
    const wsl_status status = tm_keyed_open(k, o->op, NULL, err);
    o->op->env.function = NULL;
    return status;
}

wsl_status tm_slice_function_open(tm_slice_op *o, const wsl_function *fn, wsl_error *err)
{
    o->function = fn;
    o->keyed = true;
    WSL_TRY(open_keyed(o, &o->out, fn, false, err));
    o->clears = fn->window_clear != NULL;
    if (has_states(fn)) {
        o->per_window_function = *fn;
        o->per_window_function.open = NULL;
        o->per_window_function.close = NULL;
        o->has_window_state = true;
        WSL_TRY(open_keyed(o, &o->per_window, &o->per_window_function, true, err));
    }
    return WSL_OK;
}

void tm_slice_function_close(tm_slice_op *o)
{
    if (o->has_window_state) {
        tm_keyed_close(&o->per_window);
    }
    o->op->env.function = o->function;
    tm_keyed_close(&o->out);
    o->op->env.function = NULL;
}

/* ---- calls ---- */

static void set_key(tm_keyed *k, const tm_key_ctx *key)
{
    tm_key_ctx_restore(&k->key, tm_key_ctx_bytes(key), tm_key_ctx_size(key), key->row->nulls, key->hash);
    k->f.k.key = k->key.row;
}

/* The operator's key and this window are what the function will see. */
static wsl_window_ctx *select_window(tm_slice_op *o, int64_t window)
{
    wsl_window_ctx *w = &o->out.f.w;
    set_key(&o->out, &o->key);
    w->window = o->has_bounds && o->emitted == window ? o->bounds : tm_slices_window(&o->slices, window);
    w->state = NULL;
    if (o->has_window_state) {
        set_key(&o->per_window, &o->key);
        o->per_window.state->ops->use(o->per_window.state, window);
        o->per_window.f.k.ctx.watermark = w->k.ctx.watermark;
        o->per_window.f.w.window = w->window;
        w->state = &o->per_window.f.k;
    }
    return w;
}

typedef struct one_row {
    wsl_rows rows;
    const wsl_row *row;
    bool given;
} one_row;

static const wsl_row *one_next(wsl_rows *rows)
{
    one_row *one = (one_row *)(void *)rows;
    const wsl_row *row = one->given ? NULL : one->row;
    one->given = true;
    return row;
}

static void one_rewind(wsl_rows *rows) { ((one_row *)(void *)rows)->given = false; }

/* What a callback said; whether a batch was sent on in between stays noted in `attention`. */
static wsl_status after(tm_slice_op *o, wsl_status status)
{
    tm_fn_ctx *f = &o->out.f;
    if (WSL_LIKELY(status == WSL_OK && !f->attention && o->per_window.f.failed == WSL_OK)) {
        return WSL_OK;
    }
    const bool sent = f->attention;
    if (o->per_window.f.failed != WSL_OK) {
        return o->per_window.f.failed;
    }
    status = tm_fn_ctx_after(f, status);
    if (status == WSL_AGAIN) {
        return tm_op_fail(o->op, WSL_USER, TM_NOT_AGAIN_TEXT, o->function->name);
    }
    f->attention = sent;
    return status;
}

wsl_status tm_slice_function_call(tm_slice_op *o, int64_t window, const wsl_row *row)
{
    one_row one = {.rows = {.next = one_next, .rewind = one_rewind, .count = 1}, .row = row};
    return after(o, o->function->window(select_window(o, window), &one.rows));
}

wsl_status tm_slice_function_clear(tm_slice_op *o, int64_t window)
{
    return after(o, o->function->window_clear(select_window(o, window)));
}

void tm_slice_function_drop(tm_slice_op *o)
{
    int64_t window = 0;
    tm_state *s = o->per_window.state;
    while (o->has_window_state && s->ops->next_namespace(s, INT64_MIN, &window)) {
        if (window >= (o->clears ? o->cleared : o->next) || tm_slices_cleanup(&o->slices, window) > o->now) {
            return;
        }
        s->ops->drop_namespace(s, window);
    }
}
