/*
 * typer_internal - what typer.c and typer_call.c share.
 *
 * Threads: as typer.h.
 */
#pragma once
#include "expr/functions.h"
#include "expr/typer.h"

#define FAIL(t, node, status, ...) wsl_expr_fail_at((t)->src, (node)->at, (t)->err, (status), __VA_ARGS__)

/* A literal of this type in place of `old`. */
wsl_node *wsl_typer_literal(const wsl_typer *t, const wsl_node *old, const wsl_type *type, wsl_value value);

/* The type in which the arguments from `first` on, each `step` further, can be compared or chosen from. */
wsl_status wsl_typer_common(const wsl_typer *t, wsl_node *n, uint32_t first, uint32_t step, const char *what,
                            wsl_type *out);

/* Calls that are other forms written differently (COALESCE is a CASE); *out stays NULL for all others. */
wsl_status wsl_typer_rewrite(const wsl_typer *t, wsl_node *n, wsl_node **out);
/* All other calls: the function, its arguments cast to what it takes, the type of the result. */
wsl_status wsl_typer_check_call(const wsl_typer *t, wsl_node *n);
