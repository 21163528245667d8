/*
 * aggregate - rolling aggregates over the rows of one key: `symbol, SUM(delta) AS net, COUNT(*) AS n`.
 *
 * Items of the list are key fields, aggregates of expressions over the input, and expressions of those
 * (`SUM(a) / COUNT(*)`), each with an optional AS (else a key's name, or "_1", "_2" by position).
 *
 *   COUNT(*), COUNT(x)           rows, rows where x is not null; never NULL
 *   SUM(x)                       integers as INT64, FLOAT and DOUBLE as DOUBLE, DECIMAL(p,s) as DECIMAL(38,s)
 *   AVG(x)                       DOUBLE; of a DECIMAL(p,s) DECIMAL(38, s or 6)
 *   MIN(x), MAX(x)               of anything with an order; NaN is the largest number
 *   FIRST_VALUE(x), LAST_VALUE(x)  in order of arrival
 *
 * Nulls are not counted in; an aggregate of no value is NULL. A sum that leaves its type is an error. Rows with op -U
 * or -D are taken out again by COUNT, SUM and AVG; MIN, MAX, FIRST_VALUE and LAST_VALUE refuse them.
 *
 * Threads: compile anywhere; one subtask runs it.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

#include "expr/expr.h"

typedef struct wsl_aggregate wsl_aggregate;

void wsl_aggregate_free(wsl_aggregate *aggregate);
WSL_DEFINE_AUTO(wsl_aggregate)

/* keys: the fields the stream is keyed by. */
WSL_MUST_CHECK wsl_status wsl_aggregate_new(const char *text, const wsl_schema *input, const char *const *keys,
                                            uint32_t n_keys, wsl_aggregate **out_aggregate, wsl_error *err);
/* The same for windows: items may also be WINDOW_START and WINDOW_END (TIMESTAMP, milliseconds; default names window_start and
 * window_end), the bounds of the window, unless the keys have a field of that name. Results come from
 * wsl_aggregate_window_result. */
WSL_MUST_CHECK wsl_status wsl_aggregate_new_windowed(const char *text, const wsl_schema *input, const char *const *keys,
                                                     uint32_t n_keys, wsl_aggregate **out_aggregate, wsl_error *err);
/* The type of the rows it emits; owned by the aggregate. */
const wsl_schema *wsl_aggregate_schema(const wsl_aggregate *aggregate);

/* ---- running: evaluate a batch, then per row fold and result ----
 *
 * What is remembered of a key is a row of wsl_aggregate_state_schema, kept by the caller (keyed state). */
const wsl_schema *wsl_aggregate_state_schema(const wsl_aggregate *aggregate);
/* Evaluates the arguments for a batch. The rows stay valid until the next evaluate. A row on which that fails ends the
 * call: *out_error_row is its index, err says why. */
WSL_MUST_CHECK wsl_status wsl_aggregate_evaluate(wsl_aggregate *aggregate, const wsl_row *const *rows, uint32_t n,
                                                 uint32_t *out_error_row, wsl_error *err);
/* The state after row i of that batch; `state` is the one before, NULL if the key is new. The new one is in memory of
 * alloc. Fails when a sum leaves its type. */
WSL_MUST_CHECK wsl_status wsl_aggregate_fold(wsl_aggregate *aggregate, uint32_t i, const wsl_row *state,
                                             wsl_expr_alloc_fn alloc, void *alloc_arg, const wsl_row **out_state,
                                             wsl_error *err);
/* The row to emit for row i of the batch: its key fields, timestamp and op (+U for a row taken out), and the values of
 * `state`, in memory of alloc. */
WSL_MUST_CHECK wsl_status wsl_aggregate_result(wsl_aggregate *aggregate, uint32_t i, const wsl_row *state,
                                               wsl_expr_alloc_fn alloc, void *alloc_arg, const wsl_row **out_row,
                                               wsl_error *err);

/* ---- windows: fold, merge, result of a key and a window ---- */

/* Do the aggregates depend on the order of the rows (FIRST_VALUE, LAST_VALUE)? */
bool wsl_aggregate_order_matters(const wsl_aggregate *aggregate);
/* Have all states one size, so that they can be changed where they lie? The two functions below need that. */
bool wsl_aggregate_in_place(const wsl_aggregate *aggregate);
/* The state of no rows, over a zeroed row of the state's schema with its size set. */
void wsl_aggregate_first(const wsl_aggregate *aggregate, wsl_row *state);
/* As fold, over `state` itself. */
WSL_MUST_CHECK wsl_status wsl_aggregate_fold_in_place(wsl_aggregate *aggregate, uint32_t i, wsl_row *state,
                                                      wsl_error *err);
WSL_MUST_CHECK wsl_status wsl_aggregate_merge_in_place(const wsl_aggregate *aggregate, wsl_row *state,
                                                       const wsl_row *other, wsl_error *err);
/* The state of the rows of both; those of `state` came first. In memory of alloc. */
WSL_MUST_CHECK wsl_status wsl_aggregate_merge(wsl_aggregate *aggregate, const wsl_row *state, const wsl_row *other,
                                              wsl_expr_alloc_fn alloc, void *alloc_arg, const wsl_row **out_state,
                                              wsl_error *err);
/* The row to emit: `key` is a row of the key fields, in the order given to new; no timestamp, op +I. */
WSL_MUST_CHECK wsl_status wsl_aggregate_window_result(wsl_aggregate *aggregate, const wsl_row *key, int64_t start,
                                                      int64_t end, const wsl_row *state, wsl_expr_alloc_fn alloc,
                                                      void *alloc_arg, const wsl_row **out_row, wsl_error *err);
