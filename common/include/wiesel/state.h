/*
 * state - keyed state and timers of a function on a keyed stream.
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
 * Copy semantics: a row read is a view that is valid until the next call on the context; changing what you copied out of
 * it changes nothing until it is put back. wsl_value_update is the exception and says so.
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
} wsl_state_kind;

struct wsl_state_desc {
    const char *name; /* unique in the operator; part of the checkpoint */
    wsl_state_kind kind;
    const wsl_schema *value;
};

#define WSL_VALUE_STATE(symbol, state_name, ...)                                                   \
    WSL_ROW(symbol##_value, __VA_ARGS__);                                                          \
    __attribute__((unused)) static const wsl_state_desc symbol = {state_name, WSL_STATE_VALUE,     \
                                                                  &symbol##_value_schema}

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
 * place (row->slot[i] = ...) and are stored by that. Valid until the next call on the context. NULL if the state's
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
