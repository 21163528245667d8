/*
 * typer - gives every node a type: looks up columns and functions, inserts casts, evaluates what is constant.
 *
 * Threads: any.
 */
#pragma once
#include "expr/ast.h"

typedef struct wsl_typer {
    const wsl_expr_source *src;
    wsl_arena *arena;
    const wsl_schema *input;
    wsl_error *err;
} wsl_typer;

/* May replace *node, by its value or by a cast of it. Nodes that were typed before are left alone. */
WSL_MUST_CHECK wsl_status wsl_typer_check(const wsl_typer *t, wsl_node **node);

/* Brings a typed node to `type`, of which nullability does not count; inserts a cast if it must. */
WSL_MUST_CHECK wsl_status wsl_typer_coerce(const wsl_typer *t, wsl_node **node, const wsl_type *type);
