/*
 * expr - SQL expressions over rows: parsed, typed against a schema, compiled once to a flat program that runs over a
 * batch of rows, operation by operation.
 *
 *     quantity > 0 AND side IN ('buy', 'sell')                                       a predicate (where)
 *     symbol, CASE WHEN side = 'buy' THEN quantity ELSE -quantity END AS delta        a projection (select)
 *
 * SQL's three-valued logic throughout. Errors name the column of the text (1-based) and show the place.
 *
 * Threads: compile anywhere; a program has scratch memory, so one subtask runs it at a time.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

typedef struct wsl_expr wsl_expr; /* one compiled projection or predicate */

enum { WSL_EXPR_TEXT_MAX = 64 << 10, WSL_EXPR_DEPTH_MAX = 200 };

void wsl_expr_free(wsl_expr *expr);
WSL_DEFINE_AUTO(wsl_expr)

/* A single expression that must be boolean. */
WSL_MUST_CHECK wsl_status wsl_expr_predicate(const char *text, const wsl_schema *input, wsl_expr **out_expr,
                                             wsl_error *err);
/* A list `expr [AS name], ...`; `*` stands for all fields. A field's name defaults to the column's, else "_1", "_2"...
 */
WSL_MUST_CHECK wsl_status wsl_expr_projection(const char *text, const wsl_schema *input, wsl_expr **out_expr,
                                              wsl_error *err);

/* The projection's result type; owned by the expr. */
const wsl_schema *wsl_expr_schema(const wsl_expr *expr);

/* Keeps the rows for which the predicate is true: writes their pointers to out_rows (room for n, may be == rows),
 * returns how many. A row on which evaluation fails (overflow, division by zero, bad CAST) ends the call:
 * *out_error_row is its index, err says why. */
WSL_MUST_CHECK wsl_status wsl_expr_filter(wsl_expr *expr, const wsl_row *const *rows, uint32_t n,
                                          const wsl_row **out_rows, uint32_t *out_n, uint32_t *out_error_row,
                                          wsl_error *err);

/* Where projected rows go: returns memory for a row of `size` bytes (8-aligned) or NULL. */
typedef void *(*wsl_expr_alloc_fn)(void *arg, uint32_t size);

/* One new row per input row; op and timestamp are copied over. */
WSL_MUST_CHECK wsl_status wsl_expr_project(wsl_expr *expr, const wsl_row *const *rows, uint32_t n,
                                           wsl_expr_alloc_fn alloc, void *alloc_arg, const wsl_row **out_rows,
                                           uint32_t *out_error_row, wsl_error *err);

/* Rolling aggregates: `key_field, SUM(expr) AS a, COUNT(*) AS n, MIN(..), MAX(..), AVG(..)`. See aggregate.h. */
