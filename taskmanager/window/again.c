#include "taskmanager/window/again.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/general.h"

enum { CALLS_PER_TURN = 64 };

void tm_again_fini(tm_again *a)
{
    tm_row_list_fini(&a->rows);
    free(a->key);
}

void tm_again_keep(tm_general *g, const wsl_row *const *rows, uint32_t n_left, uint32_t n)
{
    tm_again *a = &g->again;
    WSL_ASSERT(!a->waits);
    tm_row_list_clear(&a->rows);
    for (uint32_t i = 0; i < n; i++) {
        tm_row_list_add(&a->rows, rows[i]);
    }
    tm_row_list_seal(&a->rows);
    a->n_left = n_left;
    a->window = g->window;
    a->contents_ns = g->contents_ns;
    a->key_size = tm_key_ctx_size(&g->key);
    a->key_nulls = g->key.row->nulls;
    a->key_hash = g->key.hash;
    if (a->key_capacity < a->key_size) {
        free(a->key);
        a->key = wsl_alloc(a->key_size);
        a->key_capacity = a->key_size;
    }
    if (a->key_size > 0) {
        memcpy(a->key, tm_key_ctx_bytes(&g->key), a->key_size);
    }
    a->waits = true;
    a->drop = false;
    g->op->busy = true;
}

static wsl_status call(tm_general *g)
{
    const tm_again *a = &g->again;
    const wsl_function *fn = g->out.function;
    const uint32_t n = a->rows.at.n;
    tm_rows_view first, second;
    wsl_window_ctx *w = tm_general_face(g);
    if (fn->kind != WSL_FN_CO_GROUP) {
        tm_rows_view_init(&first, a->rows.rows, n);
        return tm_general_called(g, fn->window(w, &first.rows));
    }
    tm_rows_view_init(&first, a->rows.rows, a->n_left);
    tm_rows_view_init(&second, a->rows.rows + a->n_left, n - a->n_left);
    return tm_general_called(g, fn->co_group(w, &first.rows, &second.rows));
}

wsl_status tm_again_resume(tm_general *g)
{
    tm_again *a = &g->again;
    wsl_status status = WSL_AGAIN;
    tm_key_ctx_restore(&g->key, a->key_size > 0 ? (const void *)a->key : "", a->key_size, a->key_nulls, a->key_hash);
    g->window = a->window;
    g->contents_ns = a->contents_ns;
    for (uint32_t i = 0; i < CALLS_PER_TURN && status == WSL_AGAIN; i++) {
        g->op->current = g->key.row;
        g->op->current_is_key = true;
        status = call(g);
        if (g->out.k.f.attention && tm_op_blocked(g->op)) {
            break;
        }
    }
    g->out.k.f.attention = false;
    if (status == WSL_OK) {
        a->waits = false;
        status = a->drop ? tm_general_forget(g) : WSL_OK;
    }
    g->op->current = NULL;
    g->op->current_is_key = false;
    if (status != WSL_OK && status != WSL_AGAIN) {
        return status;
    }
    return tm_fn_ctx_flush(&g->out.k.f);
}
