/*
 * state - keyed state and timers of a function on a keyed stream; operator state of any function, source or sink.
 *
 * A state is declared once as a constant, listed in the function's .states, and used through the keyed context: what
 * is read and written belongs to the current key.
 *
 *     WSL_VALUE_STATE(net_qty, "net-qty", (int64, qty));        // declares `net_qty` and the row type net_qty_value
 *
 *     int64_t net = 0;
 *     wsl_value_get_int64(k, &net_qty, &net);
 *     wsl_value_set_int64(k, &net_qty, net + delta);
 *
 * Copy semantics: a row read is a view that is valid until the next call for a state of this context (emitting, counting and
 * setting timers leave views alone); changing what you copied out of it changes nothing until it is put back.
 * wsl_value_update is the exception and says so.
 *
 * Changing the rows of a state: a new version of a job reads what an old one kept. States are found by operator uid and name, fields by
 * name. Fields may be added (null in what was kept), left out, reordered, widened (int32 to int64, float to double, decimals
 * with more digits); what was called otherwise or is not null in old rows is declared:
 *
 *     WSL_ROW(account, (string, owner), (int64, cents), (string, currency));
 *     WSL_VALUE_STATE_OF(balance, "balance", &account_schema, .was = "account",              // the state had another name
 *                        .pasts = WSL_PASTS({"cents", .was = "amount"}, {"currency", .value = "EUR"}));
 *
 * Anything else is refused before the job starts, with the names of state and field; `wiesel plan --against SAVEPOINT` says it while
 * the old job still runs. Declarations may stay: rows that are of today are not touched. Keys of map states may not change but in name.
 *
 * Threads: only inside the function's callbacks.
 */
#pragma once

/* State in a function that has no key must not compile, whatever the warning flags are. */
#ifndef __cplusplus
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#endif

#include <wiesel/context.h>
#include <wiesel/row.h>

typedef enum wsl_state_kind {
    WSL_STATE_VALUE = 1,
    WSL_STATE_LIST = 2,
    WSL_STATE_MAP = 3,
    WSL_STATE_REDUCING = 4,
    WSL_STATE_AGGREGATING = 5,
    WSL_STATE_OPERATOR_LIST = 6,  /* operator state, see the end of this file */
    WSL_STATE_OPERATOR_UNION = 7,
} wsl_state_kind;

typedef enum wsl_ttl_update {
    WSL_TTL_ON_CREATE_AND_WRITE = 0,
    WSL_TTL_ON_READ_AND_WRITE = 1,
} wsl_ttl_update;

/* Expired once last use + ttl <= now. Elements of a list and entries of a map expire one by one. Expired state is removed
 * when it is read, and in the background. */
typedef struct wsl_ttl {
    int64_t ttl_ms; /* 0: lives for ever */
    wsl_ttl_update update;
    bool return_expired; /* what has expired but was not removed yet is still returned */
    bool event_time;     /* now = the watermark, last use = the timestamp of the row in hand; else the clock */
} wsl_ttl;

struct wsl_function;

struct wsl_state_desc {
    const char *name; /* unique in the operator; part of the checkpoint */
    wsl_state_kind kind;
    const wsl_schema *value;               /* list: of an element; aggregating: of the accumulator */
    const wsl_schema *key;                 /* map: of an entry's key */
    const struct wsl_function *const *fold; /* reducing: a WSL_REDUCE, aggregating: a WSL_AGGREGATE function, by address */
    wsl_ttl ttl;
    const char *was;             /* the name it had; NULL: always the same */
    const wsl_field_past *pasts; /* of the value's fields: WSL_PASTS */
};

#define WSL_PASTS(...) ((const wsl_field_past[]){__VA_ARGS__, {NULL, NULL, NULL}})

#define WSL_STATE_(symbol, ...) __attribute__((unused)) static const wsl_state_desc symbol = {__VA_ARGS__}

/* Declares the row type `symbol`_value too. */
#define WSL_VALUE_STATE(symbol, state_name, ...)                                                   \
    WSL_ROW(symbol##_value, __VA_ARGS__);                                                          \
    WSL_STATE_(symbol, .name = state_name, .kind = WSL_STATE_VALUE, .value = &symbol##_value_schema)

/* States of a row type that is declared already; more members (.ttl) may follow:
 *     WSL_LIST_STATE(recent, "recent", &transaction_schema, .ttl = {.ttl_ms = 60000}); */
#define WSL_VALUE_STATE_OF(symbol, state_name, value_schema, ...)                                                      \
    WSL_STATE_(symbol, .name = state_name, .kind = WSL_STATE_VALUE, .value = value_schema, __VA_ARGS__)
#define WSL_LIST_STATE(symbol, state_name, element_schema, ...)                                                        \
    WSL_STATE_(symbol, .name = state_name, .kind = WSL_STATE_LIST, .value = element_schema, __VA_ARGS__)
#define WSL_MAP_STATE(symbol, state_name, key_schema, value_schema, ...)                                               \
    WSL_STATE_(symbol, .name = state_name, .kind = WSL_STATE_MAP, .key = key_schema, .value = value_schema, __VA_ARGS__)
/* function: a WSL_REDUCE or WSL_AGGREGATE function of the same library. */
#define WSL_REDUCING_STATE(symbol, state_name, function, value_schema, ...)                                            \
    WSL_FOLD_STATE_(symbol, state_name, WSL_STATE_REDUCING, function, value_schema, __VA_ARGS__)
#define WSL_AGGREGATING_STATE(symbol, state_name, function, acc_schema, ...)                                           \
    WSL_FOLD_STATE_(symbol, state_name, WSL_STATE_AGGREGATING, function, acc_schema, __VA_ARGS__)
#define WSL_FOLD_STATE_(symbol, state_name, fold_kind, function, value_schema, ...)                                    \
    static const struct wsl_function *const symbol##_fold = &function;                                                 \
    WSL_STATE_(symbol, .name = state_name, .kind = fold_kind, .value = value_schema, .fold = &symbol##_fold, __VA_ARGS__)

/* The value's row, or NULL if unset. */
static inline const wsl_row *wsl_value_get(wsl_keyed_ctx *k, const wsl_state_desc *state)
{
    return k->keyed_ops->value_get(k, state);
}

/* Replaces the value by a copy of row. */
static inline wsl_status wsl_value_put(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row)
{
    return k->keyed_ops->value_put(k, state, row);
}

/* The value's row itself, made with all fields 0 and not null if it was unset; fixed-size fields may be assigned in
 * place (row->slot[i] = ...) and are stored by that. Valid until the next call for a state. NULL if the state's
 * schema has fields of variable size. The fastest way to count. */
static inline wsl_row *wsl_value_update(wsl_keyed_ctx *k, const wsl_state_desc *state)
{
    return k->keyed_ops->value_update(k, state);
}

static inline void wsl_value_clear(wsl_keyed_ctx *k, const wsl_state_desc *state) { k->keyed_ops->value_clear(k, state); }

/* For a state of one int64 or double: false and *out untouched if unset. */
static inline bool wsl_value_get_int64(wsl_keyed_ctx *k, const wsl_state_desc *state, int64_t *out)
{
    const wsl_row *row = wsl_value_get(k, state);
    if (row == NULL) {
        return false;
    }
    *out = wsl_row_int64(row, 0);
    return true;
}
static inline wsl_status wsl_value_set_int64(wsl_keyed_ctx *k, const wsl_state_desc *state, int64_t value)
{
    wsl_row *row = wsl_value_update(k, state);
    if (row == NULL) {
        return WSL_TYPE;
    }
    row->slot[0] = (uint64_t)value;
    row->nulls &= ~1u; /* it may have been put as NULL */
    return WSL_OK;
}
static inline bool wsl_value_get_double(wsl_keyed_ctx *k, const wsl_state_desc *state, double *out)
{
    const wsl_row *row = wsl_value_get(k, state);
    if (row == NULL) {
        return false;
    }
    *out = wsl_row_double(row, 0);
    return true;
}
static inline wsl_status wsl_value_set_double(wsl_keyed_ctx *k, const wsl_state_desc *state, double value)
{
    wsl_row *row = wsl_value_update(k, state);
    if (row == NULL) {
        return WSL_TYPE;
    }
    memcpy(&row->slot[0], &value, sizeof value);
    row->nulls &= ~1u;
    return WSL_OK;
}

/* ---- list: elements in order of arrival ---- */

static inline wsl_status wsl_list_add(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row)
{
    return k->keyed_ops->list_add(k, state, row);
}
/* Replaces all elements by copies of these n rows; n = 0 clears. */
static inline wsl_status wsl_list_set(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *const *rows, uint32_t n)
{
    return k->keyed_ops->list_set(k, state, rows, n);
}
static inline uint32_t wsl_list_size(wsl_keyed_ctx *k, const wsl_state_desc *state)
{
    return k->keyed_ops->list_size(k, state);
}

/* ---- map: keys and values are rows of the state's two types; keys are equal if all their fields are. At most 16 fields, no
 * MAP among them ---- */

static inline const wsl_row *wsl_map_get(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key)
{
    return k->keyed_ops->map_get(k, state, key);
}
static inline wsl_status wsl_map_put(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value)
{
    return k->keyed_ops->map_put(k, state, key, value);
}
static inline void wsl_map_remove(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key)
{
    k->keyed_ops->map_remove(k, state, key);
}

/* ---- going through a list or a map ----
 *
 *     wsl_state_iter it;
 *     for (wsl_state_each(k, &recent, &it); wsl_state_next(&it);) { ... it.value ... wsl_state_remove(&it); }
 *
 * Lists in order of arrival, maps in no order that is promised but the same for equal contents. Removing the element in hand is
 * allowed; other changes of the same state end the walk. it.key and it.value are views until the next call for a state, so
 * copy what you need before you ask another one. */

struct wsl_state_iter {
    const wsl_row *key; /* map only */
    const wsl_row *value;
    wsl_keyed_ctx *k;
    const wsl_state_desc *state;
    uint64_t at[4]; /* the backend's */
};
static inline void wsl_state_each(wsl_keyed_ctx *k, const wsl_state_desc *state, wsl_state_iter *it)
{
    k->keyed_ops->iterate(k, state, it);
}
static inline bool wsl_state_next(wsl_state_iter *it) { return it->k->keyed_ops->iter_next(it); }
static inline void wsl_state_remove(wsl_state_iter *it) { it->k->keyed_ops->iter_remove(it); }

/* ---- reducing and aggregating: one value that rows are folded into ---- */

static inline wsl_status wsl_fold(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row)
{
    return k->keyed_ops->fold(k, state, row);
}
/* Reducing: the value; aggregating: the function's result. NULL if nothing was added. */
static inline const wsl_row *wsl_folded(wsl_keyed_ctx *k, const wsl_state_desc *state)
{
    return k->keyed_ops->folded(k, state);
}

/* Any kind: forgets all of the current key. */
static inline void wsl_state_clear(wsl_keyed_ctx *k, const wsl_state_desc *state) { k->keyed_ops->value_clear(k, state); }

/* ---- timers: a set per key; registering twice fires once. Event timer t fires when the watermark reaches t. ---- */

static inline wsl_status wsl_timer_event(wsl_keyed_ctx *k, int64_t timestamp_ms)
{
    return k->keyed_ops->timer_set(k, true, timestamp_ms);
}
static inline void wsl_timer_event_delete(wsl_keyed_ctx *k, int64_t timestamp_ms)
{
    k->keyed_ops->timer_delete(k, true, timestamp_ms);
}
static inline wsl_status wsl_timer_processing(wsl_keyed_ctx *k, int64_t timestamp_ms)
{
    return k->keyed_ops->timer_set(k, false, timestamp_ms);
}
static inline void wsl_timer_processing_delete(wsl_keyed_ctx *k, int64_t timestamp_ms)
{
    k->keyed_ops->timer_delete(k, false, timestamp_ms);
}

/* ---- operator state: lists that belong to a subtask, not to a key ----
 *
 * For what a function, source or sink has to remember whatever the keys are: positions, open files, rows it holds back.
 *
 *     WSL_ROW(held_row, (int64, id));
 *     WSL_OPERATOR_LIST_STATE(held, "held", &held_row_schema);
 *     WSL_PROCESS(hold, .in = ..., .operator_states = WSL_OPERATOR_STATES(&held), .open = open, .process = process);
 *
 * When a job starts from a checkpoint, open finds the elements in the lists already (wsl_is_restored). If the parallelism has
 * changed by then, the lists of all subtasks are dealt out anew:
 *     WSL_OPERATOR_LIST_STATE    one list after the other in the order of the old subtasks, cut into even parts; the first
 *                                subtasks get what is left over. At the same parallelism each keeps its own.
 *     WSL_OPERATOR_UNION_STATE   every subtask gets the elements of all, in that order, even at the same parallelism: it takes
 *                                what it needs and clears the rest, or elements multiply with every restore.
 *
 * A function that keeps things in ctx->local and only writes them down for checkpoints does so in .snapshot.
 *
 * The calls take any context of a function, or what a connector has as ctx->operator_states. Elements are in the order in which
 * they were added; rows are copied in; views are valid until the list changes. WSL_TYPE: not a row of the state's type;
 * WSL_INVALID: the state is not among the declared ones. Either fails a function's job even if it ignores the status. */

typedef struct wsl_operator_state {
    const char *name; /* unique in the operator; part of the checkpoint */
    wsl_state_kind kind; /* WSL_STATE_OPERATOR_LIST or WSL_STATE_OPERATOR_UNION */
    const wsl_schema *element;
    const char *was;             /* as for keyed states */
    const wsl_field_past *pasts;
} wsl_operator_state;

#define WSL_OPERATOR_STATE_(symbol, ...) __attribute__((unused)) static const wsl_operator_state symbol = {__VA_ARGS__}
/* More members (.was, .pasts) may follow. */
#define WSL_OPERATOR_LIST_STATE(symbol, state_name, element_schema, ...)                                               \
    WSL_OPERATOR_STATE_(symbol, .name = state_name, .kind = WSL_STATE_OPERATOR_LIST, .element = element_schema, __VA_ARGS__)
#define WSL_OPERATOR_UNION_STATE(symbol, state_name, element_schema, ...)                                              \
    WSL_OPERATOR_STATE_(symbol, .name = state_name, .kind = WSL_STATE_OPERATOR_UNION, .element = element_schema, __VA_ARGS__)
#define WSL_OPERATOR_STATES(...) ((const wsl_operator_state *const[]){__VA_ARGS__, NULL})

typedef struct wsl_operator_iter {
    const wsl_row *row;
    wsl_operator_states *states;
    const wsl_operator_state *state;
    uint64_t at[4]; /* the host's */
} wsl_operator_iter;

struct wsl_operator_states {
    const struct wsl_operator_states_ops *ops;
    bool restored;
};

struct wsl_operator_states_ops {
    wsl_status (*add)(wsl_operator_states *s, const wsl_operator_state *state, const wsl_row *row);
    wsl_status (*set)(wsl_operator_states *s, const wsl_operator_state *state, const wsl_row *const *rows, uint32_t n);
    uint32_t (*size)(wsl_operator_states *s, const wsl_operator_state *state);
    bool (*next)(wsl_operator_iter *it);
};

#define WSL_OPERATOR_STATES_OF(c)                                                                                      \
    _Generic((c), wsl_operator_states *: (wsl_operator_states *)(void *)(c), default: ((wsl_ctx *)(void *)(c))->operator_states)

static inline wsl_status wsl_operator_states_add(wsl_operator_states *s, const wsl_operator_state *state, const wsl_row *row)
{
    return s->ops->add(s, state, row);
}
static inline wsl_status wsl_operator_states_set(wsl_operator_states *s, const wsl_operator_state *state,
                                                 const wsl_row *const *rows, uint32_t n)
{
    return s->ops->set(s, state, rows, n);
}
static inline uint32_t wsl_operator_states_size(wsl_operator_states *s, const wsl_operator_state *state)
{
    return s->ops->size(s, state);
}
static inline void wsl_operator_states_each(wsl_operator_states *s, const wsl_operator_state *state, wsl_operator_iter *it)
{
    *it = (wsl_operator_iter){.states = s, .state = state};
}

#define wsl_operator_list_add(c, state, row) wsl_operator_states_add(WSL_OPERATOR_STATES_OF(c), (state), (row))
/* Instead of all elements copies of these n rows, which may be elements of the list; none of them if one has the wrong type. */
#define wsl_operator_list_set(c, state, rows, n) wsl_operator_states_set(WSL_OPERATOR_STATES_OF(c), (state), (rows), (n))
#define wsl_operator_list_clear(c, state) ((void)wsl_operator_states_set(WSL_OPERATOR_STATES_OF(c), (state), NULL, 0))
#define wsl_operator_list_size(c, state) wsl_operator_states_size(WSL_OPERATOR_STATES_OF(c), (state))
/*     wsl_operator_iter it;
 *     for (wsl_operator_list_each(ctx, &held, &it); wsl_operator_list_next(&it);) { ... it.row ... }
 * A change of the list ends the walk. */
#define wsl_operator_list_each(c, state, it) wsl_operator_states_each(WSL_OPERATOR_STATES_OF(c), (state), (it))
static inline bool wsl_operator_list_next(wsl_operator_iter *it) { return it->states->ops->next(it); }
/* Did the lists come out of a checkpoint, though they may be empty? */
#define wsl_is_restored(c) (WSL_OPERATOR_STATES_OF(c)->restored)
