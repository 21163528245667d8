/*
 * parser - text to tree: SQL's grammar of expressions, by precedence climbing.
 *
 * Loosest first: OR, AND, NOT, the predicates (comparison, IS, IN, BETWEEN, LIKE), ||, + -, * / %, unary + -.
 * Names are not looked up here. Nesting beyond WSL_EXPR_DEPTH_MAX is an error.
 *
 * Threads: any.
 */
#pragma once
#include "expr/ast.h"

/* One expression and nothing behind it. Nodes are in the arena. */
WSL_MUST_CHECK wsl_status wsl_parse_expr(const wsl_expr_source *src, wsl_arena *arena, wsl_node **out_node,
                                         wsl_error *err);

/* `expr [[AS] name], ...`. Items are in the arena. */
WSL_MUST_CHECK wsl_status wsl_parse_select(const wsl_expr_source *src, wsl_arena *arena, wsl_select_item **out_items,
                                           uint32_t *out_n, wsl_error *err);

/* The unit with this name, WSL_UNIT_NONE if there is none. */
wsl_time_unit wsl_time_unit_of(wsl_str name);

/* Is the word this keyword (given in capitals), in any case? */
bool wsl_word_is(wsl_str word, const char *keyword);
