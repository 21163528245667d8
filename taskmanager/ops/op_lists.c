/*
 * A walk keeps in at[]: the place in the list (0, 1), whether it has begun (2), and how many changes there were then (3).
 */
#include "taskmanager/ops/op_lists.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/fn_ctx.h"

typedef struct one_list {
    const wsl_operator_state *desc;
    tm_op_list *list;
    uint64_t changes;
} one_list;

struct tm_op_lists {
    wsl_operator_states handle; /* first */
    tm_op *op;
    tm_fn_ctx *f; /* NULL: a connector, or not open yet */
    uint32_t n;
    one_list *lists;
};

static tm_op_lists *self(wsl_operator_states *s) { return (tm_op_lists *)(void *)s; }

/* ---- what users call ---- */

static wsl_status fail(tm_op_lists *l, wsl_status status, const char *sentence, const char *name)
    __attribute__((format(printf, 3, 0)));
static wsl_status fail(tm_op_lists *l, wsl_status status, const char *sentence, const char *name)
{
    if (l->f != NULL) {
        tm_fn_ctx_name_row(l->f);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    status = tm_op_fail(l->op, status, sentence, name);
#pragma GCC diagnostic pop
    if (l->f != NULL) {
        l->f->failed = status;
        l->f->attention = true;
    }
    return status;
}

/* Constants in a header may exist once per source file, so the name decides if the address does not. */
static one_list *find(tm_op_lists *l, const wsl_operator_state *state)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (WSL_LIKELY(l->lists[i].desc == state) || strcmp(l->lists[i].desc->name, state->name) == 0) {
            return &l->lists[i];
        }
    }
    (void)fail(l, WSL_INVALID, "uses the operator state '%s', which is not in its .operator_states", state->name);
    return NULL;
}

static wsl_status add(wsl_operator_states *s, const wsl_operator_state *state, const wsl_row *row)
{
    one_list *one = find(self(s), state);
    wsl_error why = {0};
    if (one == NULL) {
        return WSL_INVALID;
    }
    one->changes++;
    const wsl_status status = tm_op_list_add(one->list, row, &why);
    return status == WSL_OK ? WSL_OK : fail(self(s), status, "%s", why.text);
}

static wsl_status set(wsl_operator_states *s, const wsl_operator_state *state, const wsl_row *const *rows, uint32_t n)
{
    one_list *one = find(self(s), state);
    wsl_error why = {0};
    if (one == NULL) {
        return WSL_INVALID;
    }
    one->changes++;
    const wsl_status status = tm_op_list_set(one->list, rows, n, &why);
    return status == WSL_OK ? WSL_OK : fail(self(s), status, "%s", why.text);
}

static uint32_t size(wsl_operator_states *s, const wsl_operator_state *state)
{
    const one_list *one = find(self(s), state);
    return one != NULL ? tm_op_list_size(one->list) : 0;
}

static bool next(wsl_operator_iter *it)
{
    const one_list *one = find(self(it->states), it->state);
    tm_op_list_walk walk = {(void *)(uintptr_t)it->at[0], (uint32_t)it->at[1], (uint32_t)it->at[2]};
    it->row = NULL;
    if (one == NULL || (walk.begun != 0 && it->at[3] != one->changes)) {
        return false;
    }
    it->row = tm_op_list_next(one->list, &walk);
    it->at[0] = (uint64_t)(uintptr_t)walk.chunk;
    it->at[1] = walk.offset;
    it->at[2] = walk.begun;
    it->at[3] = one->changes;
    return it->row != NULL;
}

static const struct wsl_operator_states_ops states_ops = {.add = add, .set = set, .size = size, .next = next};

/* ---- life ---- */

static wsl_status add_one(tm_op_lists *l, const wsl_operator_state *d, wsl_error *err)
{
    const bool is_union = d->kind == WSL_STATE_OPERATOR_UNION;
    if (d->name == NULL || d->element == NULL || (d->kind != WSL_STATE_OPERATOR_LIST && !is_union)) {
        return wsl_fail(err, WSL_INVALID,
                        "operator '%s': the operator state '%s' is not whole: declare it with one of the macros of state.h",
                        l->op->name, d->name != NULL ? d->name : "");
    }
    if (l->n == TM_OP_LISTS_MAX) {
        return wsl_fail(err, WSL_UNSUPPORTED, "operator '%s' has more than %d operator states", l->op->name,
                        TM_OP_LISTS_MAX);
    }
    for (uint32_t i = 0; i < l->n; i++) {
        if (strcmp(l->lists[i].desc->name, d->name) == 0) {
            return wsl_fail(err, WSL_EXISTS, "operator '%s' has two operator states '%s'", l->op->name, d->name);
        }
    }
    l->lists = wsl_realloc(l->lists, (l->n + 1) * sizeof *l->lists);
    l->lists[l->n++] = (one_list){
        .desc = d,
        .list = tm_op_list_new(d->name, d->element, is_union ? TM_OP_STATE_UNION : TM_OP_STATE_SPLIT),
    };
    return WSL_OK;
}

static wsl_status add_all(tm_op_lists *l, const wsl_operator_state *const *descs, wsl_error *err)
{
    for (; descs != NULL && *descs != NULL; descs++) {
        WSL_TRY(add_one(l, *descs, err));
    }
    return WSL_OK;
}

wsl_status tm_op_lists_new(tm_op *op, tm_op_lists **out_lists, wsl_error *err)
{
    const tm_op_env *env = &op->env;
    WSL_AUTO(tm_op_lists) l = wsl_zalloc(sizeof *l);
    *l = (tm_op_lists){.handle = {.ops = &states_ops}, .op = op};
    if (env->function != NULL) {
        WSL_TRY(add_all(l, env->function->operator_states, err));
    }
    for (size_t i = 0; i < env->desc->n_functions; i++) {
        WSL_TRY(add_all(l, env->functions[i]->operator_states, err));
    }
    if (env->source != NULL) {
        WSL_TRY(add_all(l, env->source->reader->operator_states, err));
    }
    if (env->sink != NULL) {
        WSL_TRY(add_all(l, env->sink->writer->operator_states, err));
    }
    *out_lists = WSL_TAKE(l);
    return WSL_OK;
}

void tm_op_lists_free(tm_op_lists *l)
{
    if (l == NULL) {
        return;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        tm_op_list_free(l->lists[i].list);
    }
    free(l->lists);
    free(l);
}

wsl_operator_states *tm_op_lists_handle(tm_op_lists *l) { return &l->handle; }
void tm_op_lists_attach(tm_op_lists *l, tm_fn_ctx *f) { l->f = f; }
uint32_t tm_op_lists_count(const tm_op_lists *l) { return l->n; }
void tm_op_lists_set_restored(tm_op_lists *l) { l->handle.restored = true; }

tm_op_list *tm_op_lists_at(tm_op_lists *l, uint32_t i)
{
    WSL_ASSERT(i < l->n);
    return l->lists[i].list;
}

tm_op_list *tm_op_lists_find(tm_op_lists *l, const char *name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (strcmp(l->lists[i].desc->name, name) == 0) {
            return l->lists[i].list;
        }
    }
    return NULL;
}

tm_op_list *tm_op_lists_for(tm_op_lists *l, const char *name, const wsl_operator_state **out_desc)
{
    one_list *found = NULL;
    for (uint32_t i = 0; i < l->n; i++) {
        one_list *one = &l->lists[i];
        if (strcmp(one->desc->name, name) == 0) {
            found = one;
            break;
        }
        if (found == NULL && one->desc->was != NULL && strcmp(one->desc->was, name) == 0) {
            found = one;
        }
    }
    *out_desc = found == NULL ? NULL : found->desc;
    return found == NULL ? NULL : found->list;
}

/* ---- snapshots ---- */

wsl_status tm_op_lists_snapshot(tm_op_lists *l, uint64_t checkpoint_id)
{
    const wsl_function *fn = l->op->env.function;
    return l->f == NULL || fn == NULL || fn->snapshot == NULL ? WSL_OK : tm_fn_ctx_snapshot(l->f, checkpoint_id);
}
