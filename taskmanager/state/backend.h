/*
 * backend - keyed state of one operator subtask: value states of the current key (key_ctx).
 *
 * A backend is asked for the current key's values as callbacks need them; load tells it beforehand which keys will
 * come. States are known by their place in the list given at open. Where a set value lies in an entry may be told once
 * (tm_value_place), so that whoever has the key's entry need not ask at all.
 *
 * Values are rows without timestamp. A pointer from get or update is valid until the next call.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/state.h>

#include "taskmanager/state/key_ctx.h"

enum { TM_STATES_MAX = 31 }; /* value states of one operator */

typedef struct tm_state tm_state;

typedef struct tm_value_state {
    const char *name;
    const wsl_schema *schema;
} tm_value_state;

/* A set value of fixed size lies at `offset` of the key's entry if `bit` of the u32 at `bits_offset` is 1. */
typedef struct tm_value_place {
    uint32_t bits_offset;
    uint32_t bit; /* 0: values of this state do not lie in entries, or an entry is not known to be the key's */
    uint32_t offset;
} tm_value_place;

typedef struct tm_state_ops {
    void (*free)(tm_state *s);
    /* Called for at = 0, TM_KEY_BLOCK, ... of a batch of n rows: the TM_KEY_BLOCK rows from `at` get ready for select,
     * those behind are looked at in passing. False if a row's key group is not ours (*out_bad is its index): it should
     * never have come. */
    bool (*load)(tm_state *s, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_bad);
    const wsl_row *(*value_get)(tm_state *s, uint32_t state);
    /* Made with all fields 0 and not null if unset. NULL: the schema has fields of variable size. */
    wsl_row *(*value_update)(tm_state *s, uint32_t state);
    /* WSL_TYPE: not a row of the state's schema. */
    wsl_status (*value_put)(tm_state *s, uint32_t state, const wsl_row *row);
    void (*value_clear)(tm_state *s, uint32_t state);
    tm_value_place (*value_place)(const tm_state *s, uint32_t state);
    uint64_t (*keys)(const tm_state *s);
    uint64_t (*bytes)(const tm_state *s); /* memory held */
} tm_state_ops;

struct tm_state {
    const tm_state_ops *ops;
    tm_key_ctx *key; /* outlives the state */
};

static inline void tm_state_free(tm_state *s)
{
    if (s != NULL) {
        s->ops->free(s);
    }
}
WSL_DEFINE_AUTO(tm_state)

/* In memory. The schemas live as long as the state. */
WSL_MUST_CHECK wsl_status tm_mem_state_new(tm_key_ctx *key, const tm_value_state *states, uint32_t n_states,
                                           tm_state **out_state, wsl_error *err);
