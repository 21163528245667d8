#include "taskmanager/ops/broadcast.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/assert.h"

_Static_assert(offsetof(wsl_broadcast_ctx, broadcast_ops) == offsetof(wsl_keyed_broadcast_view, broadcast_ops), "one layout");
_Static_assert(offsetof(wsl_broadcast_view, broadcast_ops) == offsetof(wsl_keyed_broadcast_view, broadcast_ops), "one layout");

static tm_broadcast *of(wsl_ctx *ctx)
{
    tm_fn_ctx *f = (tm_fn_ctx *)(void *)ctx;
    return (tm_broadcast *)(void *)f->op;
}

/* A failure that the function might not pass on. */
static wsl_status fail(tm_broadcast *b, wsl_status status, const char *sentence, const char *name)
    __attribute__((format(printf, 3, 0)));
static wsl_status fail(tm_broadcast *b, wsl_status status, const char *sentence, const char *name)
{
    tm_fn_ctx_name_row(b->f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    b->f->failed = tm_op_fail(&b->op, status, sentence, name);
#pragma GCC diagnostic pop
    b->f->attention = true;
    return b->f->failed;
}

/* Constants in a header may exist once per source file, so the name decides if the address does not. */
static tm_broadcast_state *find(tm_broadcast *b, const wsl_state_desc *state)
{
    const wsl_state_desc *const *descs = b->op.env.function->broadcast_states;
    for (uint32_t i = 0; i < b->n_maps; i++) {
        if (WSL_LIKELY(descs[i] == state) || strcmp(descs[i]->name, state->name) == 0) {
            return b->maps[i];
        }
    }
    (void)fail(b, WSL_INVALID, "uses the broadcast state '%s', which is not in its .broadcast_states", state->name);
    return NULL;
}

static const wsl_row *get(wsl_ctx *ctx, const wsl_state_desc *state, const wsl_row *key)
{
    tm_broadcast_state *map = find(of(ctx), state);
    return map != NULL ? tm_broadcast_state_get(map, key) : NULL;
}

static wsl_status each(wsl_ctx *ctx, const wsl_state_desc *state, wsl_broadcast_visit visit, void *arg)
{
    tm_broadcast *b = of(ctx);
    tm_broadcast_state *map = find(b, state);
    wsl_status status = map != NULL ? WSL_OK : b->f->failed;
    const wsl_row *key = NULL;
    const wsl_row *value = NULL;
    for (uint32_t at = 0; status == WSL_OK && tm_broadcast_state_next(map, &at, &key, &value);) {
        status = visit(arg, key, value);
    }
    return status;
}

static wsl_status put(wsl_broadcast_ctx *ctx, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value)
{
    tm_broadcast *b = of(&ctx->ctx);
    wsl_error why = {0};
    if (!b->writing) {
        return fail(b, WSL_INVALID, "writes the broadcast state '%s' from the side that may only read it", state->name);
    }
    tm_broadcast_state *map = find(b, state);
    if (map == NULL) {
        return b->f->failed;
    }
    const wsl_status status = tm_broadcast_state_put(map, key, value, &why);
    return status == WSL_OK ? WSL_OK : fail(b, status, "%s", why.text);
}

static void remove_entry(wsl_broadcast_ctx *ctx, const wsl_state_desc *state, const wsl_row *key)
{
    tm_broadcast *b = of(&ctx->ctx);
    if (!b->writing) {
        (void)fail(b, WSL_INVALID, "writes the broadcast state '%s' from the side that may only read it", state->name);
        return;
    }
    tm_broadcast_state *map = find(b, state);
    if (map != NULL) {
        tm_broadcast_state_remove(map, key);
    }
}

static wsl_status each_key(wsl_broadcast_ctx *ctx, const wsl_state_desc *keyed_state, wsl_keyed_visit visit, void *arg)
{
    tm_broadcast *b = of(&ctx->ctx);
    if (b->keyed == NULL || !b->writing) {
        return fail(b, WSL_INVALID,
                    b->keyed == NULL ? "applies something to the keyed state '%s', but its input has no key"
                                     : "applies something to the keyed state '%s' outside of .broadcast",
                    keyed_state->name);
    }
    return tm_keyed_each_key(b->keyed, keyed_state, visit, arg);
}

static const struct wsl_broadcast_ops broadcast_ops = {
    .get = get,
    .each = each,
    .put = put,
    .remove = remove_entry,
    .each_key = each_key,
};

void tm_broadcast_attach(tm_fn_ctx *f) { f->broadcast.broadcast_ops = &broadcast_ops; }

wsl_status tm_broadcast_open(tm_broadcast *b, tm_fn_ctx *f, tm_keyed *keyed, wsl_error *err)
{
    const wsl_state_desc *const *descs = b->op.env.function->broadcast_states;
    uint32_t n = 0;
    b->f = f;
    b->keyed = keyed;
    while (descs != NULL && descs[n] != NULL) {
        n++;
    }
    b->maps = wsl_calloc(n + 1, sizeof(tm_broadcast_state *));
    for (; b->n_maps < n; b->n_maps++) {
        const wsl_state_desc *d = descs[b->n_maps];
        if (d->kind != WSL_STATE_MAP || d->key == NULL || d->value == NULL) {
            return wsl_fail(err, WSL_INVALID, "the broadcast state '%s' is not a map state; declare it with WSL_MAP_STATE",
                            d->name);
        }
        WSL_TRY(tm_broadcast_state_new(d->name, d->key, d->value, &b->maps[b->n_maps], err));
    }
    return WSL_OK;
}

void tm_broadcast_close(tm_broadcast *b)
{
    for (uint32_t i = 0; i < b->n_maps; i++) {
        tm_broadcast_state_free(b->maps[i]);
    }
    free(b->maps);
    b->maps = NULL;
    b->n_maps = 0;
}

wsl_status tm_broadcast_rows(tm_broadcast *b, const wsl_row *const *rows, uint32_t n)
{
    tm_fn_ctx *f = b->f;
    uint32_t i = 0;
    for (; i < n; i++) {
        tm_fn_ctx_row(f, rows[i]);
        b->writing = true;
        if (b->keyed != NULL) {
            tm_keyed_each_begin(b->keyed);
        }
        wsl_status status = b->op.env.function->broadcast(&f->broadcast, rows[i]);
        if (b->keyed != NULL) {
            status = tm_keyed_each_end(b->keyed, status);
        }
        b->writing = false;
        if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
            status = tm_fn_ctx_after(f, status);
            if (status == WSL_AGAIN) {
                break;
            }
            WSL_TRY(status);
            if (tm_op_blocked(&b->op)) {
                i++;
                break;
            }
        }
    }
    WSL_TRY(tm_fn_ctx_flush(f));
    return i == n ? WSL_OK : tm_op_suspend(&b->op, 1, rows + i, n - i);
}
