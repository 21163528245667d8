/*
 * parser.c - one function per level of precedence that has a form of its own; the binary operators share a loop.
 *
 * AND and OR collect their arguments in one node, so that a list of a thousand conditions is a flat thing. Other chains
 * (a + b + c) lean to the left and are limited by NODE_DEPTH_MAX, because later walks over the tree recurse.
 * BETWEEN becomes two comparisons that share their left side; the compiler evaluates it once.
 */
#include "expr/parser_internal.h"

#include <strings.h>

#include "expr/expr.h"

enum { NODE_DEPTH_MAX = 1000, ARGS_MAX = 10000 };

static wsl_status parse_or(wsl_parser *p, wsl_node **out);

/* ---- tokens ---- */

wsl_status wsl_parser_advance(wsl_parser *p)
{
    p->last_end = p->tok.end;
    p->tok = p->next;
    return p->tok.kind == WSL_TOK_END ? WSL_OK : wsl_lexer_next(&p->lexer, &p->next, p->err);
}

bool wsl_word_is(wsl_str word, const char *keyword)
{
    return word.size == strlen(keyword) && strncasecmp(word.data, keyword, word.size) == 0;
}

static bool is_keyword(const wsl_token *tok, const char *keyword)
{
    return tok->kind == WSL_TOK_WORD && wsl_word_is(tok->text, keyword);
}

bool wsl_parser_at(const wsl_parser *p, const char *keyword) { return is_keyword(&p->tok, keyword); }

bool wsl_parser_at_symbol(const wsl_parser *p, const char *symbol)
{
    return p->tok.kind == WSL_TOK_SYMBOL && p->tok.text.size == strlen(symbol) &&
           memcmp(p->tok.text.data, symbol, p->tok.text.size) == 0;
}

/* Steps over the token if it is this one. */
wsl_status wsl_parser_accept(wsl_parser *p, const char *keyword, bool *out_there)
{
    *out_there = wsl_parser_at(p, keyword);
    return *out_there ? wsl_parser_advance(p) : WSL_OK;
}
wsl_status wsl_parser_accept_symbol(wsl_parser *p, const char *symbol, bool *out_there)
{
    *out_there = wsl_parser_at_symbol(p, symbol);
    return *out_there ? wsl_parser_advance(p) : WSL_OK;
}

wsl_status wsl_parser_unexpected(wsl_parser *p, const char *wanted)
{
    if (p->tok.kind == WSL_TOK_END) {
        return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "the expression ends where %s is expected",
                                wanted);
    }
    const int n = (int)(p->tok.end - p->tok.at);
    return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "%s is expected, but there is %.*s", wanted,
                            n > 60 ? 60 : n, p->src->text + p->tok.at);
}

wsl_status wsl_parser_expect_symbol(wsl_parser *p, const char *symbol, const char *wanted)
{
    return wsl_parser_at_symbol(p, symbol) ? wsl_parser_advance(p) : wsl_parser_unexpected(p, wanted);
}
wsl_status wsl_parser_expect(wsl_parser *p, const char *keyword)
{
    return wsl_parser_at(p, keyword) ? wsl_parser_advance(p) : wsl_parser_unexpected(p, keyword);
}

/* ---- nodes ---- */

wsl_node *wsl_node_new(wsl_parser *p, wsl_node_kind kind, uint32_t at)
{
    wsl_node *n = wsl_arena_zalloc(p->arena, sizeof *n);
    n->kind = kind;
    n->at = at;
    n->end = p->last_end;
    n->unit = WSL_UNIT_NONE;
    n->depth = 1;
    return n;
}

void wsl_node_set_args(wsl_parser *p, wsl_node *n, wsl_node *const *args, uint32_t n_args)
{
    n->arg = wsl_arena_alloc(p->arena, (n_args > 0 ? n_args : 1) * sizeof *n->arg);
    n->n = n_args;
    for (uint32_t i = 0; i < n_args; i++) {
        n->arg[i] = args[i];
        n->depth = args[i]->depth >= n->depth ? (uint16_t)(args[i]->depth + 1) : n->depth;
    }
    n->end = p->last_end;
}

wsl_node *wsl_node_with(wsl_parser *p, wsl_node_kind kind, uint32_t at, wsl_node *a, wsl_node *b)
{
    wsl_node *n = wsl_node_new(p, kind, at);
    wsl_node *args[2] = {a, b};
    wsl_node_set_args(p, n, args, b != NULL ? 2 : 1);
    return n;
}

wsl_status wsl_parser_check_depth(wsl_parser *p, const wsl_node *n)
{
    return n->depth <= NODE_DEPTH_MAX
               ? WSL_OK
               : wsl_expr_fail_at(p->src, n->at, p->err, WSL_TOO_LARGE,
                                  "more than %d operators hang on each other here; split the expression",
                                  NODE_DEPTH_MAX);
}

wsl_status wsl_node_list_add(wsl_parser *p, wsl_node_list *list, wsl_node *n)
{
    if (list->n >= ARGS_MAX) {
        return wsl_expr_fail_at(p->src, n->at, p->err, WSL_TOO_LARGE, "more than %d items in one list", ARGS_MAX);
    }
    if (list->n == list->capacity) {
        const uint32_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        wsl_node **items = wsl_arena_alloc(p->arena, capacity * sizeof *items);
        for (uint32_t i = 0; i < list->n; i++) {
            items[i] = list->items[i];
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = n;
    return WSL_OK;
}

wsl_node *wsl_node_literal(wsl_parser *p, uint32_t at, wsl_type_id id)
{
    wsl_node *n = wsl_node_new(p, WSL_NODE_LITERAL, at);
    n->type = (wsl_type){.id = id, .not_null = id != WSL_XT_NULL};
    n->value.null = id == WSL_XT_NULL;
    return n;
}

/* ---- operators ---- */

wsl_status wsl_parse_nested(wsl_parser *p, wsl_node **out)
{
    if (p->depth >= WSL_EXPR_DEPTH_MAX) {
        return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_TOO_LARGE, "the expression is nested more than %d deep",
                                WSL_EXPR_DEPTH_MAX);
    }
    p->depth++;
    WSL_TRY(parse_or(p, out));
    p->depth--;
    return WSL_OK;
}

static void negate_literal(wsl_node *n)
{
    if (n->type.id == WSL_T_DOUBLE) {
        n->value.d = -n->value.d;
    } else if (n->type.id == WSL_T_DECIMAL) {
        n->value.dec = -n->value.dec;
        if (n->type.scale == 0 && n->value.dec == INT64_MIN) {
            n->type = (wsl_type){.id = WSL_T_INT64, .not_null = true}; /* the one that is too large without its sign */
            n->value.i = INT64_MIN;
        }
    } else {
        n->value.i = -n->value.i;
        if (n->type.id == WSL_T_INT64 && n->value.i >= INT32_MIN) {
            n->type.id = WSL_T_INT32;
        }
    }
}

static wsl_status parse_unary(wsl_parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    if (!wsl_parser_at_symbol(p, "-") && !wsl_parser_at_symbol(p, "+")) {
        return wsl_parse_primary(p, out);
    }
    const bool minus = wsl_parser_at_symbol(p, "-");
    if (p->depth >= WSL_EXPR_DEPTH_MAX) {
        return wsl_expr_fail_at(p->src, at, p->err, WSL_TOO_LARGE, "the expression is nested more than %d deep",
                                WSL_EXPR_DEPTH_MAX);
    }
    WSL_TRY(wsl_parser_advance(p));
    const bool number =
        p->tok.kind == WSL_TOK_INTEGER || p->tok.kind == WSL_TOK_DECIMAL || p->tok.kind == WSL_TOK_FLOAT;
    wsl_node *n;
    p->depth++;
    WSL_TRY(parse_unary(p, &n));
    p->depth--;
    if (minus && number && n->kind == WSL_NODE_LITERAL) {
        negate_literal(n);
        n->at = at;
        *out = n;
        return WSL_OK;
    }
    *out = wsl_node_with(p, WSL_NODE_NEGATE, at, n, NULL);
    (*out)->negated = !minus; /* a plus only asks for a number */
    return wsl_parser_check_depth(p, *out);
}

/* Operators of one level, from the left: level 0 is ||, 1 is + -, 2 is * / %. */
static const char *const level_ops[3][4] = {{"||", NULL}, {"+", "-", NULL}, {"*", "/", "%", NULL}};

static wsl_status parse_level(wsl_parser *p, uint32_t level, wsl_node **out)
{
    wsl_node *left;
    if (level == 3) {
        return parse_unary(p, out);
    }
    WSL_TRY(parse_level(p, level + 1, &left));
    for (;;) {
        const char *op = NULL;
        for (uint32_t i = 0; level_ops[level][i] != NULL && op == NULL; i++) {
            op = wsl_parser_at_symbol(p, level_ops[level][i]) ? level_ops[level][i] : NULL;
        }
        if (op == NULL) {
            *out = left;
            return WSL_OK;
        }
        wsl_node *right;
        WSL_TRY(wsl_parser_advance(p));
        WSL_TRY(parse_level(p, level + 1, &right));
        left = wsl_node_with(p, level == 0 ? WSL_NODE_CONCAT : WSL_NODE_ARITH, left->at, left, right);
        left->op = (uint8_t)op[0];
        WSL_TRY(wsl_parser_check_depth(p, left));
    }
}

wsl_status wsl_parse_sum(wsl_parser *p, wsl_node **out) { return parse_level(p, 0, out); }

static wsl_node *compare(wsl_parser *p, wsl_compare_op op, wsl_node *a, wsl_node *b)
{
    wsl_node *n = wsl_node_with(p, WSL_NODE_COMPARE, a->at, a, b);
    n->op = (uint8_t)op;
    return n;
}

static wsl_node *negated(wsl_parser *p, wsl_node *n, bool is_negated)
{
    return is_negated ? wsl_node_with(p, WSL_NODE_NOT, n->at, n, NULL) : n;
}

static wsl_status parse_in(wsl_parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    wsl_node_list list = {0};
    bool more;
    WSL_TRY(wsl_node_list_add(p, &list, left));
    WSL_TRY(wsl_parser_expect_symbol(p, "(", "'(' and a list of values"));
    do {
        wsl_node *n;
        WSL_TRY(wsl_parse_nested(p, &n));
        WSL_TRY(wsl_node_list_add(p, &list, n));
        WSL_TRY(wsl_parser_accept_symbol(p, ",", &more));
    } while (more);
    WSL_TRY(wsl_parser_expect_symbol(p, ")", "',' or ')'"));
    *out = wsl_node_new(p, WSL_NODE_IN, left->at);
    wsl_node_set_args(p, *out, list.items, list.n);
    (*out)->negated = is_negated;
    return WSL_OK;
}

static wsl_status parse_between(wsl_parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    wsl_node *low;
    wsl_node *high;
    bool symmetric;
    WSL_TRY(wsl_parser_accept(p, "SYMMETRIC", &symmetric));
    if (!symmetric) {
        WSL_TRY(wsl_parser_accept(p, "ASYMMETRIC", &symmetric));
        symmetric = false;
    }
    WSL_TRY(wsl_parse_sum(p, &low));
    WSL_TRY(wsl_parser_expect(p, "AND"));
    WSL_TRY(wsl_parse_sum(p, &high));
    wsl_node *inside =
        wsl_node_with(p, WSL_NODE_AND, left->at, compare(p, WSL_CMP_GE, left, low), compare(p, WSL_CMP_LE, left, high));
    if (symmetric) {
        wsl_node *turned = wsl_node_with(p, WSL_NODE_AND, left->at, compare(p, WSL_CMP_GE, left, high),
                                         compare(p, WSL_CMP_LE, left, low));
        inside = wsl_node_with(p, WSL_NODE_OR, left->at, inside, turned);
    }
    *out = negated(p, inside, is_negated);
    return WSL_OK;
}

static wsl_status parse_like(wsl_parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    wsl_node_list list = {0};
    wsl_node *n;
    bool escape;
    WSL_TRY(wsl_node_list_add(p, &list, left));
    WSL_TRY(wsl_parse_sum(p, &n));
    WSL_TRY(wsl_node_list_add(p, &list, n));
    WSL_TRY(wsl_parser_accept(p, "ESCAPE", &escape));
    if (escape) {
        WSL_TRY(wsl_parse_sum(p, &n));
        WSL_TRY(wsl_node_list_add(p, &list, n));
    }
    *out = wsl_node_new(p, WSL_NODE_LIKE, left->at);
    wsl_node_set_args(p, *out, list.items, list.n);
    (*out)->negated = is_negated;
    return WSL_OK;
}

/* IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM b */
static wsl_status parse_is(wsl_parser *p, wsl_node *left, wsl_node **out)
{
    static const struct {
        const char *word;
        wsl_is_op op;
    } tests[] = {{"NULL", WSL_IS_NULL}, {"TRUE", WSL_IS_TRUE}, {"FALSE", WSL_IS_FALSE}, {"UNKNOWN", WSL_IS_NULL}};
    bool is_not;
    bool there;
    WSL_TRY(wsl_parser_accept(p, "NOT", &is_not));
    for (size_t i = 0; i < WSL_ARRAY_LEN(tests); i++) {
        WSL_TRY(wsl_parser_accept(p, tests[i].word, &there));
        if (there) {
            *out = wsl_node_with(p, WSL_NODE_IS, left->at, left, NULL);
            (*out)->op = (uint8_t)tests[i].op;
            (*out)->negated = is_not;
            return WSL_OK;
        }
    }
    WSL_TRY(wsl_parser_accept(p, "DISTINCT", &there));
    if (!there) {
        return wsl_parser_unexpected(p, "NULL, TRUE, FALSE or DISTINCT FROM");
    }
    wsl_node *right;
    WSL_TRY(wsl_parser_expect(p, "FROM"));
    WSL_TRY(wsl_parse_sum(p, &right));
    *out = wsl_node_with(p, WSL_NODE_DISTINCT, left->at, left, right);
    (*out)->negated = is_not;
    return WSL_OK;
}

static wsl_status parse_compare(wsl_parser *p, wsl_node *left, wsl_node **out, bool *out_found)
{
    static const struct {
        const char *symbol;
        wsl_compare_op op;
    } ops[] = {{"=", WSL_CMP_EQ},  {"<>", WSL_CMP_NE}, {"!=", WSL_CMP_NE}, {"<=", WSL_CMP_LE},
               {">=", WSL_CMP_GE}, {"<", WSL_CMP_LT},  {">", WSL_CMP_GT}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(ops); i++) {
        WSL_TRY(wsl_parser_accept_symbol(p, ops[i].symbol, out_found));
        if (*out_found) {
            wsl_node *right;
            WSL_TRY(wsl_parse_sum(p, &right));
            *out = compare(p, ops[i].op, left, right);
            return wsl_parser_check_depth(p, *out);
        }
    }
    return WSL_OK;
}

static wsl_status parse_predicate(wsl_parser *p, wsl_node **out)
{
    wsl_node *left;
    WSL_TRY(wsl_parse_sum(p, &left));
    for (;;) {
        bool found = false;
        bool is_not = false;
        WSL_TRY(parse_compare(p, left, &left, &found));
        if (found) {
            continue;
        }
        if (wsl_parser_at(p, "IS")) {
            WSL_TRY(wsl_parser_advance(p));
            WSL_TRY(parse_is(p, left, &left));
            continue;
        }
        const wsl_token *word = wsl_parser_at(p, "NOT") ? &p->next : &p->tok;
        if (!is_keyword(word, "IN") && !is_keyword(word, "BETWEEN") && !is_keyword(word, "LIKE")) {
            *out = left;
            return wsl_parser_check_depth(p, left);
        }
        WSL_TRY(wsl_parser_accept(p, "NOT", &is_not));
        if (wsl_parser_at(p, "IN")) {
            WSL_TRY(wsl_parser_advance(p));
            WSL_TRY(parse_in(p, left, is_not, &left));
        } else if (wsl_parser_at(p, "BETWEEN")) {
            WSL_TRY(wsl_parser_advance(p));
            WSL_TRY(parse_between(p, left, is_not, &left));
        } else {
            WSL_TRY(wsl_parser_advance(p));
            WSL_TRY(parse_like(p, left, is_not, &left));
        }
        WSL_TRY(wsl_parser_check_depth(p, left));
    }
}

static wsl_status parse_not(wsl_parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    bool is_not;
    WSL_TRY(wsl_parser_accept(p, "NOT", &is_not));
    if (!is_not) {
        return parse_predicate(p, out);
    }
    if (p->depth >= WSL_EXPR_DEPTH_MAX) {
        return wsl_expr_fail_at(p->src, at, p->err, WSL_TOO_LARGE, "the expression is nested more than %d deep",
                                WSL_EXPR_DEPTH_MAX);
    }
    p->depth++;
    wsl_node *n;
    WSL_TRY(parse_not(p, &n));
    p->depth--;
    *out = wsl_node_with(p, WSL_NODE_NOT, at, n, NULL);
    return wsl_parser_check_depth(p, *out);
}

static wsl_status parse_chain(wsl_parser *p, wsl_node_kind kind, const char *word,
                              wsl_status (*part)(wsl_parser *, wsl_node **), wsl_node **out)
{
    wsl_node_list list = {0};
    bool more;
    do {
        wsl_node *n;
        WSL_TRY(part(p, &n));
        WSL_TRY(wsl_node_list_add(p, &list, n));
        WSL_TRY(wsl_parser_accept(p, word, &more));
    } while (more);
    if (list.n == 1) {
        *out = list.items[0];
        return WSL_OK;
    }
    *out = wsl_node_new(p, kind, list.items[0]->at);
    wsl_node_set_args(p, *out, list.items, list.n);
    return wsl_parser_check_depth(p, *out);
}

static wsl_status parse_and(wsl_parser *p, wsl_node **out)
{
    return parse_chain(p, WSL_NODE_AND, "AND", parse_not, out);
}
static wsl_status parse_or(wsl_parser *p, wsl_node **out) { return parse_chain(p, WSL_NODE_OR, "OR", parse_and, out); }

/* ---- entry ---- */

static wsl_status start(wsl_parser *p, const wsl_expr_source *src, wsl_arena *arena, wsl_error *err)
{
    *p = (wsl_parser){.src = src, .arena = arena, .err = err, .lexer = {src, arena, 0}};
    WSL_TRY(wsl_lexer_next(&p->lexer, &p->tok, err));
    p->next = p->tok;
    return p->tok.kind == WSL_TOK_END ? WSL_OK : wsl_lexer_next(&p->lexer, &p->next, err);
}

wsl_status wsl_parse_expr(const wsl_expr_source *src, wsl_arena *arena, wsl_node **out_node, wsl_error *err)
{
    wsl_parser p;
    wsl_node *n;
    WSL_TRY(start(&p, src, arena, err));
    WSL_TRY(parse_or(&p, &n));
    if (p.tok.kind != WSL_TOK_END) {
        return wsl_parser_unexpected(&p, wsl_parser_at_symbol(&p, ",") ? "one expression, not a list,"
                                                                       : "an operator or the end");
    }
    *out_node = n;
    return WSL_OK;
}

static wsl_status parse_item(wsl_parser *p, wsl_select_item *item)
{
    bool as;
    item->name = NULL;
    item->at = p->tok.at;
    if (wsl_parser_at_symbol(p, "*")) {
        item->node = wsl_node_new(p, WSL_NODE_STAR, p->tok.at);
        return wsl_parser_advance(p);
    }
    WSL_TRY(parse_or(p, &item->node));
    WSL_TRY(wsl_parser_accept(p, "AS", &as));
    const bool name = p->tok.kind == WSL_TOK_WORD || p->tok.kind == WSL_TOK_QUOTED;
    if (as && !name) {
        return wsl_parser_unexpected(p, "a name behind AS");
    }
    if (name) {
        item->at = p->tok.at;
        item->name = wsl_arena_strndup(p->arena, p->tok.text.data, p->tok.text.size);
        if (p->tok.text.size > WSL_FIELD_NAME_MAX) {
            return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "a name has at most %d bytes",
                                    WSL_FIELD_NAME_MAX);
        }
        return wsl_parser_advance(p);
    }
    return WSL_OK;
}

wsl_status wsl_parse_select(const wsl_expr_source *src, wsl_arena *arena, wsl_select_item **out_items, uint32_t *out_n,
                            wsl_error *err)
{
    wsl_parser p;
    uint32_t n = 0;
    bool more;
    wsl_select_item *items = wsl_arena_alloc(arena, WSL_FIELDS_MAX * sizeof *items);
    WSL_TRY(start(&p, src, arena, err));
    do {
        if (n == WSL_FIELDS_MAX) {
            return wsl_expr_fail_at(src, p.tok.at, err, WSL_TOO_LARGE, "more than %d fields", WSL_FIELDS_MAX);
        }
        WSL_TRY(parse_item(&p, &items[n++]));
        WSL_TRY(wsl_parser_accept_symbol(&p, ",", &more));
    } while (more);
    if (p.tok.kind != WSL_TOK_END) {
        return wsl_parser_unexpected(&p, "',', AS or the end");
    }
    *out_items = items;
    *out_n = n;
    return WSL_OK;
}
