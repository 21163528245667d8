/*
 * Contents of windows, folded or as rows, and what becomes of them when a window fires.
 *
 * Rows of a session also get a number in order of arrival, in a list beside theirs, so that the rows of merged sessions are
 * in that order again.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/evictor.h"
#include "taskmanager/window/general.h"

/* A number as a row of one INT64. */
typedef struct number_row {
    wsl_row row;
    uint64_t slot;
} number_row;

static void use_contents(tm_general *g) { g->state->ops->use(g->state, g->contents_ns); }

/* ---- in ---- */

static wsl_status add_number(tm_general *g, int64_t number)
{
    const number_row n = {.row = {.size = sizeof n}, .slot = (uint64_t)number};
    return g->state->ops->list_add(g->state, g->arrivals, &n.row);
}

static wsl_status add_row(tm_general *g, const wsl_row *row)
{
    const wsl_status status = g->state->ops->list_add(g->state, g->contents, row);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        g->op->current = row;
        return tm_op_fail(g->op, status, "a window cannot keep the row: %s", wsl_status_text(status));
    }
    return g->arrivals != TM_NO_STATE ? add_number(g, g->next_arrival++) : WSL_OK;
}

wsl_status tm_contents_add(tm_general *g, const wsl_row *row, uint32_t i)
{
    use_contents(g);
    if (g->spec->fn.pair != NULL) {
        row = tm_pairs_keep(&g->pairs, g->w->input, row);
    }
    return g->spec->keeps_rows ? add_row(g, row) : tm_fold_into(&g->fold, g->state, g->contents, i);
}

void tm_contents_clear(tm_general *g)
{
    use_contents(g);
    g->state->ops->clear(g->state, g->contents);
    if (g->arrivals != TM_NO_STATE) {
        g->state->ops->clear(g->state, g->arrivals);
    }
}

/* ---- as an array ---- */

static void read_list(tm_general *g, uint32_t state, tm_row_list *list)
{
    tm_state_walk walk = {0};
    tm_row_list_clear(list);
    g->state->ops->walk(g->state, state, &walk);
    while (g->state->ops->walk_next(g->state, &walk)) {
        tm_row_list_add(list, walk.value);
    }
    tm_row_list_seal(list);
}

/* ---- merging ---- */

/* Appends the rows (and numbers) of the namespace in hand to g->rows (and g->more_rows), then drops them there. */
static void collect(tm_general *g, bool numbers, tm_row_list *list)
{
    tm_state_walk walk = {0};
    g->state->ops->walk(g->state, numbers ? g->arrivals : g->contents, &walk);
    while (g->state->ops->walk_next(g->state, &walk)) {
        tm_row_list_add(list, walk.value);
    }
}

static int64_t number_at(const tm_general *g, uint32_t i) { return wsl_row_int64(g->more_rows.rows[i], 0); }

/* Rows of both, each in order already, in one order. */
static wsl_status merge_rows(tm_general *g, int64_t to, int64_t from)
{
    tm_row_list_clear(&g->rows);
    tm_row_list_clear(&g->more_rows);
    g->contents_ns = to;
    use_contents(g);
    collect(g, false, &g->rows);
    collect(g, true, &g->more_rows);
    const uint32_t n_to = g->rows.at.n;
    tm_contents_clear(g);
    g->contents_ns = from;
    use_contents(g);
    collect(g, false, &g->rows);
    collect(g, true, &g->more_rows);
    tm_contents_clear(g);
    g->contents_ns = to;
    use_contents(g);
    tm_row_list_seal(&g->rows);
    tm_row_list_seal(&g->more_rows);
    WSL_ASSERT(g->rows.at.n == g->more_rows.at.n);
    const uint32_t n = g->rows.at.n;
    for (uint32_t a = 0, b = n_to; a < n_to || b < n;) {
        const bool first = b == n || (a < n_to && number_at(g, a) < number_at(g, b));
        const uint32_t i = first ? a++ : b++;
        WSL_TRY(g->state->ops->list_add(g->state, g->contents, g->rows.rows[i]));
        WSL_TRY(add_number(g, number_at(g, i)));
    }
    return WSL_OK;
}

/* A copy of the folded value of that slot, which is left empty; NULL: there is none. */
static const wsl_row *take_value(tm_general *g, int64_t from)
{
    g->contents_ns = from;
    use_contents(g);
    const wsl_row *value = g->state->ops->value_get(g->state, g->contents);
    if (value == NULL) {
        return NULL;
    }
    tm_row_list_clear(&g->rows);
    tm_row_list_add(&g->rows, value);
    tm_row_list_seal(&g->rows);
    tm_contents_clear(g);
    return g->rows.rows[0];
}

wsl_status tm_contents_merge(tm_general *g, int64_t to, int64_t from)
{
    if (g->spec->keeps_rows) {
        return merge_rows(g, to, from);
    }
    const wsl_row *other = take_value(g, from);
    g->contents_ns = to;
    use_contents(g);
    return other == NULL ? WSL_OK : tm_fold_merge_into(&g->fold, g->state, g->contents, other);
}

wsl_status tm_contents_move(tm_general *g, int64_t to, int64_t from)
{
    const wsl_row *value = take_value(g, from);
    g->contents_ns = to;
    use_contents(g);
    return value == NULL ? WSL_OK : g->state->ops->value_put(g->state, g->contents, value);
}

/* ---- evicting ---- */

static wsl_status custom_evict(tm_general *g)
{
    wsl_window_ctx *w = tm_face_select(&g->evictor, 0);
    tm_fn_ctx_no_row(&g->evictor.k.f, true, wsl_window_max_timestamp(&g->window));
    const wsl_status status = g->evictor.function->evict(w, g->rows.rows, g->rows.at.n, g->evicted);
    return tm_face_after(&g->evictor, status, "an evictor");
}

/* Takes evicted rows out of g->rows and out of the state. */
static wsl_status evict(tm_general *g)
{
    const uint32_t n = g->rows.at.n;
    if (g->evicted_capacity < n) {
        free(g->evicted);
        g->evicted_capacity = g->rows.at.capacity;
        g->evicted = wsl_calloc(g->evicted_capacity, sizeof *g->evicted);
    }
    memset(g->evicted, 0, n * sizeof *g->evicted);
    if (g->spec->evictor == WSL_EVICTOR_CUSTOM) {
        WSL_TRY(custom_evict(g));
    } else {
        tm_evict(g->spec, g->op->env.input[0], g->rows.rows, n, g->evicted);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        g->rows.rows[kept] = g->rows.rows[i];
        kept += !g->evicted[i];
    }
    if (kept == n) {
        return WSL_OK;
    }
    if (g->arrivals != TM_NO_STATE) {
        use_contents(g);
        read_list(g, g->arrivals, &g->more_rows);
        WSL_ASSERT(g->more_rows.at.n >= n);
    }
    tm_contents_clear(g);
    for (uint32_t i = 0, at = 0; i < n; i++) {
        if (!g->evicted[i]) {
            WSL_TRY(g->state->ops->list_add(g->state, g->contents, g->rows.rows[at++]));
            if (g->arrivals != TM_NO_STATE) {
                WSL_TRY(add_number(g, number_at(g, i)));
            }
        }
    }
    g->rows.at.n = kept;
    return WSL_OK;
}

/* ---- giving results ---- */

wsl_window_ctx *tm_general_face(tm_general *g)
{
    wsl_window_ctx *w = tm_face_select(&g->out, 0);
    w->state = tm_face_is_open(&g->per_window) ? &tm_face_select(&g->per_window, g->contents_ns)->k : NULL;
    tm_fn_ctx_no_row(&g->out.k.f, true, wsl_window_max_timestamp(&g->window));
    return w;
}

wsl_status tm_general_called(tm_general *g, wsl_status status)
{
    tm_fn_ctx *f = &g->out.k.f;
    if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
        f->attention = false;
        const bool sent = f->failed == WSL_OK;
        status = tm_fn_ctx_after(f, status);
        f->attention = sent && (status == WSL_OK || status == WSL_AGAIN);
    }
    return status;
}

static wsl_status call_window(tm_general *g, const wsl_row *const *rows, uint32_t n)
{
    tm_rows_view view;
    tm_rows_view_init(&view, rows, n);
    wsl_window_ctx *w = tm_general_face(g);
    const wsl_status status = tm_general_called(g, g->out.function->window(w, &view.rows));
    if (WSL_LIKELY(status != WSL_AGAIN)) {
        return status;
    }
    if (g->folds) {
        return tm_op_fail(g->op, WSL_USER, TM_NOT_AGAIN_TEXT, g->out.function->name);
    }
    tm_again_keep(g, rows, n, n);
    return WSL_OK;
}

static wsl_status call_with_rows(tm_general *g)
{
    return g->spec->fn.pair != NULL ? tm_pairs_fire(g, g->rows.rows, g->rows.at.n)
                                    : call_window(g, g->rows.rows, g->rows.at.n);
}

static wsl_status emit_result(tm_general *g, const wsl_row *acc)
{
    const wsl_row *result = NULL;
    tm_fn_ctx *f = &g->out.k.f;
    if (g->out.function != NULL) {
        WSL_TRY(tm_fold_result(&g->fold, acc, g->key.row, &g->window, NULL, &result));
        return call_window(g, &result, 1);
    }
    tm_fn_ctx_no_row(f, true, wsl_window_max_timestamp(&g->window));
    WSL_TRY(tm_fold_result(&g->fold, acc, g->key.row, &g->window, f, &result));
    return tm_fn_ctx_emit(tm_fn_ctx_of(f), result);
}

static wsl_status fold_rows(tm_general *g)
{
    const wsl_row *acc = NULL;
    for (uint32_t at = 0; at < g->rows.at.n;) {
        const uint32_t left = g->rows.at.n - at;
        const uint32_t n = left < TM_BATCH_ROWS ? left : TM_BATCH_ROWS;
        WSL_TRY(tm_fold_batch(&g->fold, g->rows.rows + at, n));
        for (uint32_t i = 0; i < n; i++) {
            WSL_TRY(tm_fold_add(&g->fold, acc, i, &acc));
        }
        at += n;
    }
    return emit_result(g, acc);
}

static wsl_status fire_rows(tm_general *g)
{
    const bool evicts = g->spec->evictor != WSL_EVICTOR_NONE;
    use_contents(g);
    read_list(g, g->contents, &g->rows);
    g->budget -= g->rows.at.n;
    if (evicts && !g->spec->evict_after && g->rows.at.n > 0) {
        WSL_TRY(evict(g));
    }
    if (g->rows.at.n == 0) {
        return WSL_OK;
    }
    WSL_TRY(g->folds ? fold_rows(g) : call_with_rows(g));
    return evicts && g->spec->evict_after ? evict(g) : WSL_OK;
}

wsl_status tm_general_fire(tm_general *g)
{
    if (g->spec->keeps_rows) {
        return fire_rows(g);
    }
    use_contents(g);
    g->budget--;
    const wsl_row *acc = g->state->ops->value_get(g->state, g->contents);
    return acc == NULL ? WSL_OK : emit_result(g, acc);
}
