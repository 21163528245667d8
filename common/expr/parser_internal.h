/*
 * parser_internal - what the two halves of the parser share: parser.c has tokens, nodes and operators, parser_forms.c
 * literals and the forms that begin with a word.
 *
 * Threads: as parser.h.
 */
#pragma once
#include "expr/lexer.h"
#include "expr/parser.h"

typedef struct wsl_parser {
    const wsl_expr_source *src;
    wsl_arena *arena;
    wsl_error *err;
    wsl_lexer lexer;
    wsl_token tok;  /* the one we look at */
    wsl_token next; /* the one behind it */
    uint32_t last_end;
    uint32_t depth;
} wsl_parser;

/* A list of nodes while it grows. */
typedef struct wsl_node_list {
    wsl_node **items;
    uint32_t n;
    uint32_t capacity;
} wsl_node_list;

/* ---- tokens ---- */

wsl_status wsl_parser_advance(wsl_parser *p);
bool wsl_parser_at(const wsl_parser *p, const char *keyword);
bool wsl_parser_at_symbol(const wsl_parser *p, const char *symbol);
/* Step over the token if it is this one. */
wsl_status wsl_parser_accept(wsl_parser *p, const char *keyword, bool *out_there);
wsl_status wsl_parser_accept_symbol(wsl_parser *p, const char *symbol, bool *out_there);
wsl_status wsl_parser_expect(wsl_parser *p, const char *keyword);
wsl_status wsl_parser_expect_symbol(wsl_parser *p, const char *symbol, const char *wanted);
wsl_status wsl_parser_unexpected(wsl_parser *p, const char *wanted); /* "... is expected, but there is x" */

/* ---- nodes, in the arena ---- */

wsl_node *wsl_node_new(wsl_parser *p, wsl_node_kind kind, uint32_t at);
wsl_node *wsl_node_literal(wsl_parser *p, uint32_t at, wsl_type_id id);
wsl_node *wsl_node_with(wsl_parser *p, wsl_node_kind kind, uint32_t at, wsl_node *a, wsl_node *b); /* b may be NULL */
void wsl_node_set_args(wsl_parser *p, wsl_node *n, wsl_node *const *args, uint32_t n_args);
wsl_status wsl_node_list_add(wsl_parser *p, wsl_node_list *list, wsl_node *n);
wsl_status wsl_parser_check_depth(wsl_parser *p, const wsl_node *n);

/* ---- grammar ---- */

wsl_status wsl_parse_nested(wsl_parser *p, wsl_node **out);  /* a whole expression, one level deeper */
wsl_status wsl_parse_sum(wsl_parser *p, wsl_node **out);     /* up to ||, no predicate */
wsl_status wsl_parse_primary(wsl_parser *p, wsl_node **out); /* a literal, column, call, CASE, CAST, parenthesis */
