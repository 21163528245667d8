/*
 * broadcast_state - one map of which every subtask keeps a copy: from rows of a key type to rows of a value type. Always in
 * memory; written rarely, read often.
 *
 * Keys are compared by their canonical form (data/key.h): -0.0 is 0.0. Entries are walked in the order in which they were first
 * put, so that subtasks that were told the same walk alike.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

typedef struct tm_broadcast_state tm_broadcast_state;

void tm_broadcast_state_free(tm_broadcast_state *s);
/* The schemas outlive the state. A key is a row of 1 to 16 fields, none of them a MAP. */
WSL_MUST_CHECK wsl_status tm_broadcast_state_new(const char *name, const wsl_schema *key, const wsl_schema *value,
                                                 tm_broadcast_state **out_state, wsl_error *err);
WSL_DEFINE_AUTO(tm_broadcast_state)

/* NULL: not there. Valid until that entry is put or removed. */
const wsl_row *tm_broadcast_state_get(tm_broadcast_state *s, const wsl_row *key);
/* Keeps copies. WSL_TYPE: not rows of the state's schemas; *err says why. */
WSL_MUST_CHECK wsl_status tm_broadcast_state_put(tm_broadcast_state *s, const wsl_row *key, const wsl_row *value,
                                                 wsl_error *err);
void tm_broadcast_state_remove(tm_broadcast_state *s, const wsl_row *key);

/* Start with *at = 0; false: no more. The entry in hand may be put again or removed. */
bool tm_broadcast_state_next(const tm_broadcast_state *s, uint32_t *at, const wsl_row **out_key,
                             const wsl_row **out_value);
uint32_t tm_broadcast_state_size(const tm_broadcast_state *s);
