/*
 * keyed_internal - what keyed.c (life, rows, timers) and keyed_state.c (states, as functions see them) share.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/keyed.h"

/* Fails the job with the operator and the row or key in hand; `format` has one %s for the name. */
wsl_status tm_keyed_fail(tm_keyed *k, wsl_status status, const char *format, const char *name);

/* value: see tm_keyed_open. */
WSL_MUST_CHECK wsl_status tm_keyed_states_open(tm_keyed *k, tm_op *op, const wsl_schema *value, wsl_error *err);
void tm_keyed_states_close(tm_keyed *k);

/* The place of one of the function's states, which may be asked then; false: it failed. */
bool tm_keyed_find(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i);

const wsl_row *tm_keyed_value_get(wsl_keyed_ctx *ctx, const wsl_state_desc *state);
wsl_row *tm_keyed_value_update(wsl_keyed_ctx *ctx, const wsl_state_desc *state);
wsl_status tm_keyed_value_put(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row);
void tm_keyed_state_clear(wsl_keyed_ctx *ctx, const wsl_state_desc *state);
wsl_status tm_keyed_list_add(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row);
wsl_status tm_keyed_list_set(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *const *rows, uint32_t n);
uint32_t tm_keyed_list_size(wsl_keyed_ctx *ctx, const wsl_state_desc *state);
const wsl_row *tm_keyed_map_get(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key);
wsl_status tm_keyed_map_put(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value);
void tm_keyed_map_remove(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *key);
wsl_status tm_keyed_fold(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row);
const wsl_row *tm_keyed_folded(wsl_keyed_ctx *ctx, const wsl_state_desc *state);
void tm_keyed_iterate(wsl_keyed_ctx *ctx, const wsl_state_desc *state, wsl_state_iter *it);
bool tm_keyed_iter_next(wsl_state_iter *it);
void tm_keyed_iter_remove(wsl_state_iter *it);
