/*
 * A state is found by the address of its description, or by its name: constants in a header may exist once per source file.
 * It has to be used as what it is. Reducing and aggregating states are values that a fold (window/fold.h) works on.
 *
 * The time for states that expire is set just before they are asked; others never cause a look at the clock.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "taskmanager/ops/keyed_internal.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/window/fold.h"

struct tm_keyed_states {
    uint32_t n;
    uint32_t mortal; /* bit i: state i has a time to live */
    tm_fold *folds;  /* n of them; those of reducing and aggregating states are open */
};

static tm_keyed *self(wsl_keyed_ctx *k) { return (tm_keyed *)(void *)k; }

wsl_status tm_keyed_fail(tm_keyed *k, wsl_status status, const char *format, const char *name)
{
    tm_fn_ctx_name_row(&k->f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    k->f.failed = tm_op_fail(k->f.op, status, format, name);
#pragma GCC diagnostic pop
    k->f.attention = true;
    return k->f.failed;
}

/* ---- finding one ---- */

static const char *const kind_names[] = {"", "value", "list", "map", "reducing", "aggregating"};

static bool find_by_name(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i)
{
    for (uint32_t i = 0; k->descs != NULL && k->descs[i] != NULL; i++) {
        if (strcmp(k->descs[i]->name, state->name) == 0) {
            *out_i = i;
            return true;
        }
    }
    (void)tm_keyed_fail(k, WSL_INVALID, "uses the state '%s', which is not in its .states", state->name);
    return false;
}

static inline bool find(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i)
{
    for (uint32_t i = 0; k->descs != NULL && k->descs[i] != NULL; i++) {
        if (WSL_LIKELY(k->descs[i] == state)) {
            *out_i = i;
            return true;
        }
    }
    return find_by_name(k, state, out_i);
}

/* The clocks of states that expire. */
static __attribute__((noinline)) bool set_time(tm_keyed *k, const wsl_state_desc *state)
{
    const wsl_ctx *ctx = tm_fn_ctx_of(&k->f);
    if (state->ttl.event_time && k->f.input != NULL && !ctx->has_timestamp) {
        (void)tm_keyed_fail(k, WSL_INVALID,
                            "the state '%s' expires in event time, but a row without timestamp uses it", state->name);
        return false;
    }
    k->state->time = (tm_state_time){
        .processing_ms = wsl_wall_ms(k->f.op->env.clock),
        .watermark = ctx->watermark,
        .row_ms = ctx->has_timestamp ? ctx->timestamp : ctx->watermark,
    };
    return true;
}

/* The state's place, if it is of one of the two kinds and may be asked now. */
static inline bool prepare_either(tm_keyed *k, const wsl_state_desc *state, wsl_state_kind kind, wsl_state_kind or_kind,
                                  uint32_t *out_i)
{
    if (WSL_UNLIKELY(!find(k, state, out_i))) {
        return false;
    }
    const wsl_state_kind is = k->descs[*out_i]->kind;
    if (WSL_UNLIKELY(is != kind && is != or_kind)) {
        char format[64];
        (void)snprintf(format, sizeof format, "uses the %s state '%%s' as a %s state", kind_names[is],
                       kind_names[kind]);
        (void)tm_keyed_fail(k, WSL_TYPE, format, state->name);
        return false;
    }
    return WSL_LIKELY(!(k->states->mortal >> *out_i & 1)) || set_time(k, k->descs[*out_i]);
}

bool tm_keyed_find(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i)
{
    return find(k, state, out_i) && (!(k->states->mortal >> *out_i & 1) || set_time(k, k->descs[*out_i]));
}

static inline bool prepare(tm_keyed *k, const wsl_state_desc *state, wsl_state_kind kind, uint32_t *out_i)
{
    return prepare_either(k, state, kind, kind, out_i);
}

static wsl_status check_put(tm_keyed *k, wsl_status status, const wsl_state_desc *state)
{
    return WSL_LIKELY(status == WSL_OK)
               ? WSL_OK
               : tm_keyed_fail(k, status, "puts a row of another schema into the state '%s'", state->name);
}

/* ---- values ---- */

static __attribute__((noinline)) const wsl_row *get_long(tm_keyed *k, const wsl_state_desc *state)
{
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_VALUE, &i) ? k->state->ops->value_get(k->state, i) : NULL;
}

static __attribute__((noinline)) wsl_row *update_long(tm_keyed *k, const wsl_state_desc *state)
{
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_VALUE, &i) ? k->state->ops->value_update(k->state, i) : NULL;
}

const wsl_row *tm_keyed_value_get(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    const wsl_row *row = WSL_LIKELY(state == k->first) ? tm_keyed_value_in_entry(k, false) : NULL;
    return WSL_LIKELY(row != NULL) ? row : get_long(k, state);
}

wsl_row *tm_keyed_value_update(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    wsl_row *row = WSL_LIKELY(state == k->first) ? tm_keyed_value_in_entry(k, true) : NULL;
    return WSL_LIKELY(row != NULL) ? row : update_long(k, state);
}

wsl_status tm_keyed_value_put(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_VALUE, &i)
               ? check_put(k, k->state->ops->value_put(k->state, i, row), state)
               : k->f.failed;
}

void tm_keyed_state_clear(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (find(k, state, &i)) {
        k->state->ops->clear(k->state, i);
    }
}

/* ---- lists ---- */

wsl_status tm_keyed_list_add(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_LIST, &i)
               ? check_put(k, k->state->ops->list_add(k->state, i, row), state)
               : k->f.failed;
}

wsl_status tm_keyed_list_set(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *const *rows, uint32_t n)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_LIST, &i)
               ? check_put(k, k->state->ops->list_set(k->state, i, rows, n), state)
               : k->f.failed;
}

uint32_t tm_keyed_list_size(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_LIST, &i) ? k->state->ops->list_size(k->state, i) : 0;
}

/* ---- maps ---- */

const wsl_row *tm_keyed_map_get(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_MAP, &i) ? k->state->ops->map_get(k->state, i, key) : NULL;
}

wsl_status tm_keyed_map_put(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    return prepare(k, state, WSL_STATE_MAP, &i)
               ? check_put(k, k->state->ops->map_put(k->state, i, key, value), state)
               : k->f.failed;
}

void tm_keyed_map_remove(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (prepare(k, state, WSL_STATE_MAP, &i)) {
        k->state->ops->map_remove(k->state, i, key);
    }
}

/* ---- walks; a wsl_state_iter is a tm_state_walk in other words ---- */

void tm_keyed_iterate(wsl_keyed_ctx *ctx, const wsl_state_desc *state, wsl_state_iter *it)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    *it = (wsl_state_iter){.k = ctx, .state = state};
    if (prepare_either(k, state, WSL_STATE_LIST, WSL_STATE_MAP, &i)) {
        tm_state_walk walk;
        k->state->ops->walk(k->state, i, &walk);
        memcpy(it->at, walk.at, sizeof it->at);
    }
}

static tm_state_walk walk_of(const wsl_state_iter *it, uint32_t i)
{
    tm_state_walk walk = {.key = it->key, .value = it->value, .state = i};
    memcpy(walk.at, it->at, sizeof walk.at);
    return walk;
}

bool tm_keyed_iter_next(wsl_state_iter *it)
{
    tm_keyed *k = self(it->k);
    uint32_t i = 0;
    if (!prepare_either(k, it->state, WSL_STATE_LIST, WSL_STATE_MAP, &i)) {
        return false;
    }
    tm_state_walk walk = walk_of(it, i);
    const bool more = k->state->ops->walk_next(k->state, &walk);
    it->key = walk.key;
    it->value = walk.value;
    memcpy(it->at, walk.at, sizeof it->at);
    return more;
}

void tm_keyed_iter_remove(wsl_state_iter *it)
{
    tm_keyed *k = self(it->k);
    uint32_t i = 0;
    if (prepare_either(k, it->state, WSL_STATE_LIST, WSL_STATE_MAP, &i)) {
        tm_state_walk walk = walk_of(it, i);
        k->state->ops->walk_remove(k->state, &walk);
        it->key = walk.key;
        it->value = walk.value;
        memcpy(it->at, walk.at, sizeof it->at);
    }
}

/* ---- reducing and aggregating ---- */

/* A failure in a fold function has been told; it counts for the function that folds, whatever that returns. */
static wsl_status fold_failed(tm_keyed *k, wsl_status status)
{
    k->f.failed = status;
    k->f.attention = true;
    return status;
}

wsl_status tm_keyed_fold(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (!prepare_either(k, state, WSL_STATE_REDUCING, WSL_STATE_AGGREGATING, &i)) {
        return k->f.failed;
    }
    tm_fold *f = &k->states->folds[i];
    const tm_state_ops *ops = k->state->ops;
    f->ctx.watermark = ctx->ctx.watermark;
    wsl_status status = tm_fold_batch(f, &row, 1);
    if (WSL_UNLIKELY(k->states->mortal >> i & 1)) { /* what is read may have gone with that */
        const wsl_row *acc = NULL;
        status = status == WSL_OK ? tm_fold_add(f, ops->value_get(k->state, i), 0, &acc) : status;
        status = status == WSL_OK ? check_put(k, ops->value_put(k->state, i, acc), state) : status;
    } else if (status == WSL_OK) {
        status = tm_fold_into(f, k->state, i, 0);
    }
    return WSL_LIKELY(status == WSL_OK) ? WSL_OK : fold_failed(k, status);
}

const wsl_row *tm_keyed_folded(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (!prepare_either(k, state, WSL_STATE_REDUCING, WSL_STATE_AGGREGATING, &i)) {
        return NULL;
    }
    const wsl_row *acc = k->state->ops->value_get(k->state, i);
    const wsl_row *result = NULL;
    if (acc == NULL) {
        return NULL;
    }
    tm_fold *f = &k->states->folds[i];
    f->ctx.watermark = ctx->ctx.watermark;
    const wsl_window now = {.end = ctx->ctx.timestamp == WSL_TIME_MAX ? WSL_TIME_MAX : ctx->ctx.timestamp + 1};
    const wsl_status status = tm_fold_result(f, acc, k->f.k.key, &now, NULL, &result);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        (void)fold_failed(k, status);
        return NULL;
    }
    return result;
}

const wsl_row *tm_keyed_accumulator(tm_keyed *k, const wsl_state_desc *state)
{
    uint32_t i = 0;
    return prepare_either(k, state, WSL_STATE_REDUCING, WSL_STATE_AGGREGATING, &i) ? k->state->ops->value_get(k->state, i)
                                                                                 : NULL;
}

wsl_status tm_keyed_merge(tm_keyed *k, const wsl_state_desc *state, const wsl_row *acc)
{
    uint32_t i = 0;
    if (!prepare_either(k, state, WSL_STATE_REDUCING, WSL_STATE_AGGREGATING, &i)) {
        return k->f.failed;
    }
    const tm_state_ops *ops = k->state->ops;
    const wsl_row *mine = ops->value_get(k->state, i);
    const wsl_row *merged = acc;
    wsl_status status = WSL_OK;
    k->states->folds[i].ctx.watermark = k->f.k.ctx.watermark;
    if (mine != NULL) {
        status = tm_fold_merge(&k->states->folds[i], mine, acc, &merged);
    }
    if (status == WSL_OK) {
        status = check_put(k, ops->value_put(k->state, i, merged), state);
    }
    return WSL_LIKELY(status == WSL_OK) ? WSL_OK : fold_failed(k, status);
}

/* ---- life ---- */

static bool needs_fold(const wsl_state_desc *d)
{
    return d->kind == WSL_STATE_REDUCING || d->kind == WSL_STATE_AGGREGATING;
}

static wsl_status check_desc(const tm_keyed *k, uint32_t i, wsl_error *err)
{
    const wsl_state_desc *d = k->descs[i];
    if (d->kind < WSL_STATE_VALUE || d->kind > WSL_STATE_AGGREGATING || d->name == NULL || d->value == NULL ||
        (d->kind == WSL_STATE_MAP && d->key == NULL) || (needs_fold(d) && (d->fold == NULL || *d->fold == NULL))) {
        return wsl_fail(err, WSL_INVALID, "state '%s' is not whole: declare it with one of the macros of state.h",
                        d->name != NULL ? d->name : "");
    }
    if (d->ttl.ttl_ms < 0) {
        return wsl_fail(err, WSL_INVALID, "state '%s' has a time to live below 0", d->name);
    }
    for (uint32_t before = 0; before < i; before++) {
        if (strcmp(k->descs[before]->name, d->name) == 0) {
            return wsl_fail(err, WSL_EXISTS, "there are two states '%s'%s", d->name,
                            k->descs[before]->kind != d->kind ? ", of different kinds" : "");
        }
    }
    const wsl_function_kind wanted = d->kind == WSL_STATE_REDUCING ? WSL_FN_REDUCE : WSL_FN_AGGREGATE;
    if (needs_fold(d) && (*d->fold)->kind != wanted) {
        return wsl_fail(err, WSL_TYPE, "state '%s' needs a %s function, but '%s' is none", d->name,
                        d->kind == WSL_STATE_REDUCING ? "WSL_REDUCE" : "WSL_AGGREGATE", (*d->fold)->name);
    }
    return WSL_OK;
}

static wsl_status open_folds(tm_keyed *k, tm_op *op, wsl_error *err)
{
    struct tm_keyed_states *s = k->states;
    s->folds = wsl_calloc(s->n == 0 ? 1 : s->n, sizeof *s->folds);
    for (uint32_t i = 0; i < s->n; i++) {
        const wsl_state_desc *d = k->descs[i];
        if (!needs_fold(d)) {
            continue;
        }
        WSL_TRY(tm_fold_open(&s->folds[i], op, *d->fold, NULL, err));
        if (d->kind == WSL_STATE_REDUCING) {
            s->folds[i].acc = s->folds[i].result = d->value; /* not the operator's input */
        } else if (wsl_row_fixed_size(s->folds[i].acc->n_fields) != wsl_row_fixed_size(d->value->n_fields)) {
            return wsl_fail(err, WSL_TYPE, "state '%s' is of '%s', but '%s' folds into '%s'", d->name, d->value->name,
                            (*d->fold)->name, s->folds[i].acc->name);
        }
    }
    return WSL_OK;
}

wsl_status tm_keyed_states_open(tm_keyed *k, tm_op *op, const wsl_schema *value, wsl_error *err)
{
    tm_state_spec specs[TM_STATES_MAX + 1];
    k->states = wsl_zalloc(sizeof *k->states);
    uint32_t n = 0;
    if (value != NULL) {
        specs[n++] = (tm_state_spec){.name = "value", .kind = WSL_STATE_VALUE, .schema = value};
        WSL_TRY(tm_mem_state_new(&k->key, specs, n, k->namespaces, &k->state, err));
        tm_state_report_add(op, k->state, specs, n);
        return WSL_OK;
    }
    for (; k->descs != NULL && k->descs[n] != NULL && n <= TM_STATES_MAX; n++) { /* too many: refused by the backend */
        const wsl_state_desc *d = k->descs[n];
        WSL_TRY(check_desc(k, n, err));
        specs[n] =
            (tm_state_spec){.name = d->name, .kind = d->kind, .schema = d->value, .key = d->key, .ttl = d->ttl,
                            .was = d->was, .pasts = d->pasts};
        k->states->mortal |= d->ttl.ttl_ms > 0 && n < TM_STATES_MAX ? UINT32_C(1) << n : 0;
    }
    WSL_TRY(tm_mem_state_new(&k->key, specs, n, k->namespaces, &k->state, err));
    if (n != 0) {
        tm_state_report_add(op, k->state, specs, n);
    }
    k->states->n = n;
    return open_folds(k, op, err);
}

void tm_keyed_states_close(tm_keyed *k)
{
    struct tm_keyed_states *s = k->states;
    for (uint32_t i = 0; s != NULL && s->folds != NULL && i < s->n; i++) {
        tm_fold_close(&s->folds[i]);
    }
    if (s != NULL) {
        free(s->folds);
    }
    free(s);
    k->states = NULL;
    tm_state_free(k->state);
    k->state = NULL;
}
