/*
 * parser.c - one function per level of precedence that has a form of its own; the binary operators share a loop.
 *
 * AND and OR collect their arguments in one node, so that a list of a thousand conditions is a flat thing. Other chains
 * (a + b + c) lean to the left and are limited by NODE_DEPTH_MAX, because later walks over the tree recurse.
 * BETWEEN becomes two comparisons that share their left side; the compiler evaluates it once.
 */
#include "expr/parser.h"

#include <strings.h>

#include "data/civil.h"
#include "data/decimal.h"
#include "data/number_text.h"
#include "expr/expr.h"
#include "expr/lexer.h"

enum { NODE_DEPTH_MAX = 1000, ARGS_MAX = 10000 };

typedef struct parser {
    const wsl_expr_source *src;
    wsl_arena *arena;
    wsl_error *err;
    wsl_lexer lexer;
    wsl_token tok;  /* the one we look at */
    wsl_token next; /* the one behind it */
    uint32_t last_end;
    uint32_t depth;
} parser;

static wsl_status parse_or(parser *p, wsl_node **out);
static wsl_status parse_sum(parser *p, wsl_node **out);

/* ---- tokens ---- */

static wsl_status advance(parser *p)
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

static bool at_keyword(const parser *p, const char *keyword) { return is_keyword(&p->tok, keyword); }

static bool at_symbol(const parser *p, const char *symbol)
{
    return p->tok.kind == WSL_TOK_SYMBOL && p->tok.text.size == strlen(symbol) &&
           memcmp(p->tok.text.data, symbol, p->tok.text.size) == 0;
}

/* Steps over the token if it is this one. */
static wsl_status accept_keyword(parser *p, const char *keyword, bool *out_there)
{
    *out_there = at_keyword(p, keyword);
    return *out_there ? advance(p) : WSL_OK;
}
static wsl_status accept_symbol(parser *p, const char *symbol, bool *out_there)
{
    *out_there = at_symbol(p, symbol);
    return *out_there ? advance(p) : WSL_OK;
}

static wsl_status fail_unexpected(parser *p, const char *wanted)
{
    if (p->tok.kind == WSL_TOK_END) {
        return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "the expression ends where %s is expected",
                                wanted);
    }
    const int n = (int)(p->tok.end - p->tok.at);
    return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "%s is expected, but there is %.*s", wanted,
                            n > 60 ? 60 : n, p->src->text + p->tok.at);
}

static wsl_status expect_symbol(parser *p, const char *symbol, const char *wanted)
{
    return at_symbol(p, symbol) ? advance(p) : fail_unexpected(p, wanted);
}
static wsl_status expect_keyword(parser *p, const char *keyword)
{
    return at_keyword(p, keyword) ? advance(p) : fail_unexpected(p, keyword);
}

/* ---- nodes ---- */

static wsl_node *node_new(parser *p, wsl_node_kind kind, uint32_t at)
{
    wsl_node *n = wsl_arena_zalloc(p->arena, sizeof *n);
    n->kind = kind;
    n->at = at;
    n->end = p->last_end;
    n->unit = WSL_UNIT_NONE;
    n->depth = 1;
    return n;
}

static void set_args(parser *p, wsl_node *n, wsl_node *const *args, uint32_t n_args)
{
    n->arg = wsl_arena_alloc(p->arena, (n_args > 0 ? n_args : 1) * sizeof *n->arg);
    n->n = n_args;
    for (uint32_t i = 0; i < n_args; i++) {
        n->arg[i] = args[i];
        n->depth = args[i]->depth >= n->depth ? (uint16_t)(args[i]->depth + 1) : n->depth;
    }
    n->end = p->last_end;
}

static wsl_node *node_with(parser *p, wsl_node_kind kind, uint32_t at, wsl_node *a, wsl_node *b)
{
    wsl_node *n = node_new(p, kind, at);
    wsl_node *args[2] = {a, b};
    set_args(p, n, args, b != NULL ? 2 : 1);
    return n;
}

static wsl_status check_depth(parser *p, const wsl_node *n)
{
    return n->depth <= NODE_DEPTH_MAX
               ? WSL_OK
               : wsl_expr_fail_at(p->src, n->at, p->err, WSL_TOO_LARGE,
                                  "more than %d operators hang on each other here; split the expression",
                                  NODE_DEPTH_MAX);
}

/* A list of nodes while it grows. */
typedef struct node_list {
    wsl_node **items;
    uint32_t n;
    uint32_t capacity;
} node_list;

static wsl_status list_add(parser *p, node_list *list, wsl_node *n)
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

static wsl_node *literal(parser *p, uint32_t at, wsl_type_id id)
{
    wsl_node *n = node_new(p, WSL_NODE_LITERAL, at);
    n->type = (wsl_type){.id = id, .not_null = id != WSL_XT_NULL};
    n->value.null = id == WSL_XT_NULL;
    return n;
}

/* ---- literals ---- */

static wsl_status decimal_literal(parser *p, const wsl_token *tok, wsl_node **out)
{
    wsl_node *n = literal(p, tok->at, WSL_T_DECIMAL);
    const char *point = memchr(tok->text.data, '.', tok->text.size);
    const char *first = tok->text.data;
    const char *end = first + tok->text.size;
    while (first < end && *first == '0') {
        first++;
    }
    const uint32_t scale = point != NULL ? (uint32_t)(end - point - 1) : 0;
    const uint32_t whole = point != NULL ? (point > first ? (uint32_t)(point - first) : 0) : (uint32_t)(end - first);
    const uint32_t precision = whole + scale > 0 ? whole + scale : 1;
    if (precision > WSL_DECIMAL_PRECISION_MAX ||
        !wsl_decimal_parse(tok->text.data, tok->text.size, precision, scale, &n->value.dec)) {
        return wsl_expr_fail_at(
            p->src, tok->at, p->err, WSL_INVALID,
            "the number has more than 38 digits; write it with an exponent (1e40) to make it a DOUBLE");
    }
    n->type.precision = (uint8_t)precision;
    n->type.scale = (uint8_t)scale;
    *out = n;
    return WSL_OK;
}

static wsl_status number_literal(parser *p, wsl_node **out)
{
    const wsl_token tok = p->tok;
    WSL_TRY(advance(p));
    int64_t i = 0;
    if (tok.kind == WSL_TOK_FLOAT) {
        *out = literal(p, tok.at, WSL_T_DOUBLE);
        return wsl_double_of_text(tok.text.data, tok.text.size, &(*out)->value.d)
                   ? WSL_OK
                   : wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID, "the number is too large for a DOUBLE");
    }
    if (tok.kind == WSL_TOK_DECIMAL || !wsl_parse_whole_int64(tok.text.data, tok.text.size, &i)) {
        return decimal_literal(p, &tok, out);
    }
    *out = literal(p, tok.at, i <= INT32_MAX ? WSL_T_INT32 : WSL_T_INT64);
    (*out)->value.i = i;
    return WSL_OK;
}

/* DATE '2024-01-31', TIME '12:00:00', TIMESTAMP '2024-01-31 12:00:00' */
static wsl_status time_literal(parser *p, wsl_type_id id, const char *example, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    WSL_TRY(advance(p));
    const wsl_token tok = p->tok;
    WSL_TRY(advance(p));
    wsl_node *n = literal(p, at, id);
    int32_t small = 0;
    bool ok;
    if (id == WSL_T_DATE) {
        ok = wsl_civil_parse_date(tok.text.data, tok.text.size, &small);
        n->value.i = small;
    } else if (id == WSL_T_TIME) {
        ok = wsl_civil_parse_time(tok.text.data, tok.text.size, &small);
        n->value.i = small;
    } else {
        ok = wsl_civil_parse_timestamp(tok.text.data, tok.text.size, &n->value.i);
    }
    *out = n;
    return ok ? WSL_OK
              : wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID, "'%.*s' is not a %s; write it like %s",
                                 (int)(tok.text.size > 60 ? 60 : tok.text.size), tok.text.data,
                                 id == WSL_T_DATE   ? "DATE"
                                 : id == WSL_T_TIME ? "TIME"
                                                    : "TIMESTAMP",
                                 example);
}

/* clang-format off */
static const struct unit_name {
    const char *name;
    wsl_time_unit unit;
    int64_t ms; /* length, or months below */
    int64_t months;
} unit_names[] = {
    {"MILLISECOND", WSL_UNIT_MILLISECOND, 1, 0},
    {"SECOND", WSL_UNIT_SECOND, 1000, 0},
    {"MINUTE", WSL_UNIT_MINUTE, 60000, 0},
    {"HOUR", WSL_UNIT_HOUR, 3600000, 0},
    {"DAY", WSL_UNIT_DAY, WSL_DAY_MS, 0},
    {"WEEK", WSL_UNIT_WEEK, 7 * (int64_t)WSL_DAY_MS, 0},
    {"MONTH", WSL_UNIT_MONTH, 0, 1},
    {"QUARTER", WSL_UNIT_QUARTER, 0, 3},
    {"YEAR", WSL_UNIT_YEAR, 0, 12},
    {"DOW", WSL_UNIT_DOW, 0, 0},
    {"ISODOW", WSL_UNIT_ISODOW, 0, 0},
    {"DOY", WSL_UNIT_DOY, 0, 0},
    {"EPOCH", WSL_UNIT_EPOCH, 0, 0},
};
/* clang-format on */

/* Singular or plural. */
static const struct unit_name *find_unit(wsl_str name)
{
    if (name.size > 1 && (name.data[name.size - 1] == 'S' || name.data[name.size - 1] == 's')) {
        name.size--;
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(unit_names); i++) {
        if (wsl_word_is(name, unit_names[i].name)) {
            return &unit_names[i];
        }
    }
    return NULL;
}

wsl_time_unit wsl_time_unit_of(wsl_str name)
{
    const struct unit_name *u = find_unit(name);
    return u != NULL ? u->unit : WSL_UNIT_NONE;
}

/* INTERVAL '5' MINUTE, INTERVAL 5 MINUTE, INTERVAL '1.5' SECOND, INTERVAL -'1' DAY */
static wsl_status interval_literal(parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    bool negative;
    __int128 thousandths;
    WSL_TRY(advance(p));
    WSL_TRY(accept_symbol(p, "-", &negative));
    const wsl_token tok = p->tok;
    if (tok.kind != WSL_TOK_STRING && tok.kind != WSL_TOK_INTEGER && tok.kind != WSL_TOK_DECIMAL) {
        return fail_unexpected(p, "a number like '5' behind INTERVAL");
    }
    if (!wsl_decimal_parse(tok.text.data, tok.text.size, 21, 3, &thousandths)) {
        return wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID,
                                "'%.*s' is not a number; write an interval like INTERVAL '5' MINUTE",
                                (int)(tok.text.size > 60 ? 60 : tok.text.size), tok.text.data);
    }
    WSL_TRY(advance(p));
    const struct unit_name *unit = p->tok.kind == WSL_TOK_WORD ? find_unit(p->tok.text) : NULL;
    if (unit == NULL || (unit->ms == 0 && unit->months == 0)) {
        return fail_unexpected(p, "a unit (MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR)");
    }
    WSL_TRY(advance(p));
    wsl_node *n = literal(p, at, unit->months != 0 ? WSL_XT_MONTHS : WSL_XT_INTERVAL);
    const __int128 v = thousandths * (unit->months != 0 ? unit->months : unit->ms);
    if (v % 1000 != 0 || v / 1000 > INT64_MAX / 4 || v / 1000 < -(INT64_MAX / 4)) {
        return wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID,
                                v % 1000 != 0 ? "the interval is no whole number of its smallest unit"
                                              : "the interval is too long");
    }
    n->value.i = (int64_t)(negative ? -(v / 1000) : v / 1000);
    n->type.precision = unit->unit == WSL_UNIT_DAY || unit->unit == WSL_UNIT_WEEK;
    *out = n;
    return WSL_OK;
}

/* ---- forms that begin with a word ---- */

static wsl_status parse_nested(parser *p, wsl_node **out)
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

static wsl_status parse_case(parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    node_list list = {0};
    wsl_node *operand = NULL;
    bool more;
    WSL_TRY(advance(p));
    if (!at_keyword(p, "WHEN")) {
        WSL_TRY(parse_nested(p, &operand));
    }
    WSL_TRY(expect_keyword(p, "WHEN"));
    do {
        wsl_node *n;
        WSL_TRY(parse_nested(p, &n));
        if (operand != NULL) {
            n = node_with(p, WSL_NODE_COMPARE, n->at, operand, n);
            n->op = WSL_CMP_EQ;
        }
        WSL_TRY(list_add(p, &list, n));
        WSL_TRY(expect_keyword(p, "THEN"));
        WSL_TRY(parse_nested(p, &n));
        WSL_TRY(list_add(p, &list, n));
        WSL_TRY(accept_keyword(p, "WHEN", &more));
    } while (more);
    wsl_node *otherwise;
    WSL_TRY(accept_keyword(p, "ELSE", &more));
    if (more) {
        WSL_TRY(parse_nested(p, &otherwise));
    } else {
        otherwise = literal(p, p->tok.at, WSL_XT_NULL);
    }
    WSL_TRY(list_add(p, &list, otherwise));
    WSL_TRY(expect_keyword(p, "END"));
    *out = node_new(p, WSL_NODE_CASE, at);
    set_args(p, *out, list.items, list.n);
    return check_depth(p, *out);
}

/* The text up to the ')' that closes the CAST, as a type. */
static wsl_status cast_type(parser *p, wsl_type *out)
{
    const uint32_t start = p->tok.at;
    uint32_t open = 0;
    uint32_t angle = 0;
    while (p->tok.kind != WSL_TOK_END && (open > 0 || !at_symbol(p, ")"))) {
        open += at_symbol(p, "(");
        open -= at_symbol(p, ")");
        angle += at_symbol(p, "<");
        angle -= angle > 0 && at_symbol(p, ">");
        WSL_TRY(advance(p));
    }
    wsl_error why = {0};
    const char *text = wsl_arena_strndup(p->arena, p->src->text + start, p->tok.at - start);
    if (wsl_type_parse(text, out, &why) != WSL_OK) {
        return wsl_expr_fail_at(p->src, start, p->err, WSL_INVALID, "%s", why.text);
    }
    if (out->id >= WSL_T_ARRAY) {
        wsl_type_clear(out);
        return wsl_expr_fail_at(p->src, start, p->err, WSL_UNSUPPORTED, "arrays, maps and rows cannot be cast to");
    }
    out->not_null = false;
    return WSL_OK;
}

static wsl_status parse_cast(parser *p, bool is_try, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    wsl_node *n;
    wsl_type type;
    WSL_TRY(advance(p));
    WSL_TRY(advance(p)); /* the parenthesis is there, or we would not be */
    WSL_TRY(parse_nested(p, &n));
    WSL_TRY(expect_keyword(p, "AS"));
    WSL_TRY(cast_type(p, &type));
    WSL_TRY(expect_symbol(p, ")", "')'"));
    *out = node_with(p, WSL_NODE_CAST, at, n, NULL);
    (*out)->type = type;
    (*out)->negated = is_try;
    return check_depth(p, *out);
}

static wsl_status take_unit(parser *p, wsl_node *call)
{
    const wsl_time_unit unit =
        p->tok.kind == WSL_TOK_WORD || p->tok.kind == WSL_TOK_STRING ? wsl_time_unit_of(p->tok.text) : WSL_UNIT_NONE;
    if (unit == WSL_UNIT_NONE) {
        return fail_unexpected(p, "a unit (YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND)");
    }
    call->unit = (uint8_t)unit;
    return advance(p);
}

/* TRIM([BOTH | LEADING | TRAILING] [chars FROM] text): renames the call to what it means. */
static wsl_status trim_args(parser *p, wsl_node *call, node_list *list)
{
    static const struct {
        const char *word;
        const char *function;
    } sides[] = {{"BOTH", "BTRIM"}, {"LEADING", "LTRIM"}, {"TRAILING", "RTRIM"}};
    call->name = wsl_str_of("BTRIM");
    bool side = false;
    for (size_t i = 0; i < WSL_ARRAY_LEN(sides) && !side; i++) {
        WSL_TRY(accept_keyword(p, sides[i].word, &side));
        if (side) {
            call->name = wsl_str_of(sides[i].function);
        }
    }
    wsl_node *chars = NULL;
    bool from;
    WSL_TRY(accept_keyword(p, "FROM", &from));
    if (!from) {
        WSL_TRY(parse_nested(p, &chars));
        WSL_TRY(accept_keyword(p, "FROM", &from));
    }
    if (!from) {
        return list_add(p, list, chars);
    }
    wsl_node *text;
    WSL_TRY(parse_nested(p, &text));
    WSL_TRY(list_add(p, list, text));
    return chars != NULL ? list_add(p, list, chars) : WSL_OK;
}

/* EXTRACT(unit FROM t), POSITION(a IN b), SUBSTRING(s FROM a [FOR n]), FLOOR(t TO unit), TIMESTAMPADD(unit, n, t) */
static wsl_status call_args(parser *p, wsl_node *call, node_list *list)
{
    bool there;
    wsl_node *n;
    const bool unit_first = wsl_word_is(call->name, "EXTRACT") || wsl_word_is(call->name, "TIMESTAMPADD") ||
                            wsl_word_is(call->name, "TIMESTAMPDIFF") || wsl_word_is(call->name, "DATE_TRUNC");
    if (wsl_word_is(call->name, "TRIM")) {
        return trim_args(p, call, list);
    }
    if (unit_first) {
        WSL_TRY(take_unit(p, call));
        if (wsl_word_is(call->name, "EXTRACT")) {
            WSL_TRY(expect_keyword(p, "FROM"));
        } else {
            WSL_TRY(expect_symbol(p, ",", "','"));
        }
    }
    if (wsl_word_is(call->name, "POSITION")) {
        WSL_TRY(parse_sum(p, &n)); /* not a predicate: IN is ours */
        WSL_TRY(list_add(p, list, n));
        WSL_TRY(expect_keyword(p, "IN"));
        WSL_TRY(parse_nested(p, &n));
        return list_add(p, list, n);
    }
    for (;;) {
        if (at_symbol(p, "*") && list->n == 0) {
            n = node_new(p, WSL_NODE_STAR, p->tok.at);
            WSL_TRY(advance(p));
            n->end = p->last_end;
        } else {
            WSL_TRY(parse_nested(p, &n));
        }
        WSL_TRY(list_add(p, list, n));
        if (wsl_word_is(call->name, "SUBSTRING") && (at_keyword(p, "FROM") || at_keyword(p, "FOR")) && list->n <= 2) {
            WSL_TRY(advance(p));
            continue;
        }
        if ((wsl_word_is(call->name, "FLOOR") || wsl_word_is(call->name, "CEIL")) && list->n == 1 &&
            at_keyword(p, "TO")) {
            WSL_TRY(advance(p));
            return take_unit(p, call);
        }
        WSL_TRY(accept_symbol(p, ",", &there));
        if (!there) {
            return WSL_OK;
        }
    }
}

static wsl_status parse_call(parser *p, wsl_node **out)
{
    node_list list = {0};
    wsl_node *call = node_new(p, WSL_NODE_CALL, p->tok.at);
    call->name = p->tok.text;
    WSL_TRY(advance(p));
    WSL_TRY(advance(p));
    if (!at_symbol(p, ")")) {
        WSL_TRY(call_args(p, call, &list));
    }
    WSL_TRY(expect_symbol(p, ")", "',' or ')'"));
    set_args(p, call, list.items, list.n);
    *out = call;
    return check_depth(p, call);
}

static wsl_status parse_column(parser *p, wsl_node **out)
{
    static const char *const reserved[] = {"AND",  "OR",   "NOT",  "IN",  "IS", "LIKE", "BETWEEN", "CASE",
                                           "WHEN", "THEN", "ELSE", "END", "AS", "FROM", "ESCAPE"};
    if (p->tok.kind == WSL_TOK_WORD) {
        for (size_t i = 0; i < WSL_ARRAY_LEN(reserved); i++) {
            if (at_keyword(p, reserved[i])) {
                return fail_unexpected(p, "a value");
            }
        }
    }
    const wsl_token tok = p->tok;
    WSL_TRY(advance(p));
    *out = node_new(p, WSL_NODE_COLUMN, tok.at);
    (*out)->name = tok.text;
    return WSL_OK;
}

static wsl_status parse_word(parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    const bool before_paren = p->next.kind == WSL_TOK_SYMBOL && p->next.text.data[0] == '(';
    const bool before_string = p->next.kind == WSL_TOK_STRING;
    if (before_string && at_keyword(p, "DATE")) {
        return time_literal(p, WSL_T_DATE, "DATE '2024-01-31'", out);
    }
    if (before_string && at_keyword(p, "TIME")) {
        return time_literal(p, WSL_T_TIME, "TIME '12:30:00'", out);
    }
    if (before_string && at_keyword(p, "TIMESTAMP")) {
        return time_literal(p, WSL_T_TIMESTAMP, "TIMESTAMP '2024-01-31 12:30:00'", out);
    }
    if (at_keyword(p, "INTERVAL") && !before_paren && p->next.kind != WSL_TOK_END) {
        return interval_literal(p, out);
    }
    if (at_keyword(p, "CASE")) {
        return parse_case(p, out);
    }
    if (before_paren && (at_keyword(p, "CAST") || at_keyword(p, "TRY_CAST"))) {
        return parse_cast(p, at_keyword(p, "TRY_CAST"), out);
    }
    if (at_keyword(p, "TRUE") || at_keyword(p, "FALSE")) {
        const bool v = at_keyword(p, "TRUE");
        WSL_TRY(advance(p));
        *out = literal(p, at, WSL_T_BOOL);
        (*out)->value.i = v;
        return WSL_OK;
    }
    if (at_keyword(p, "NULL")) {
        WSL_TRY(advance(p));
        *out = literal(p, at, WSL_XT_NULL);
        return WSL_OK;
    }
    if (before_paren && !at_keyword(p, "IN") && !at_keyword(p, "AND") && !at_keyword(p, "OR")) {
        return parse_call(p, out);
    }
    return parse_column(p, out);
}

static wsl_status parse_primary(parser *p, wsl_node **out)
{
    switch (p->tok.kind) {
    case WSL_TOK_INTEGER:
    case WSL_TOK_DECIMAL:
    case WSL_TOK_FLOAT:
        return number_literal(p, out);
    case WSL_TOK_STRING: {
        const wsl_token tok = p->tok;
        WSL_TRY(advance(p));
        *out = literal(p, tok.at, WSL_T_STRING);
        (*out)->value.s = tok.text;
        return WSL_OK;
    }
    case WSL_TOK_QUOTED:
        return parse_column(p, out);
    case WSL_TOK_WORD:
        return parse_word(p, out);
    case WSL_TOK_SYMBOL:
        if (at_symbol(p, "(")) {
            WSL_TRY(advance(p));
            WSL_TRY(parse_nested(p, out));
            return expect_symbol(p, ")", "')'");
        }
        return fail_unexpected(p, "a value");
    default:
        return fail_unexpected(p, "a value");
    }
}

/* ---- operators ---- */

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

static wsl_status parse_unary(parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    if (!at_symbol(p, "-") && !at_symbol(p, "+")) {
        return parse_primary(p, out);
    }
    const bool minus = at_symbol(p, "-");
    if (p->depth >= WSL_EXPR_DEPTH_MAX) {
        return wsl_expr_fail_at(p->src, at, p->err, WSL_TOO_LARGE, "the expression is nested more than %d deep",
                                WSL_EXPR_DEPTH_MAX);
    }
    WSL_TRY(advance(p));
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
    *out = node_with(p, WSL_NODE_NEGATE, at, n, NULL);
    (*out)->negated = !minus; /* a plus only asks for a number */
    return check_depth(p, *out);
}

/* Operators of one level, from the left: level 0 is ||, 1 is + -, 2 is * / %. */
static const char *const level_ops[3][4] = {{"||", NULL}, {"+", "-", NULL}, {"*", "/", "%", NULL}};

static wsl_status parse_level(parser *p, uint32_t level, wsl_node **out)
{
    wsl_node *left;
    if (level == 3) {
        return parse_unary(p, out);
    }
    WSL_TRY(parse_level(p, level + 1, &left));
    for (;;) {
        const char *op = NULL;
        for (uint32_t i = 0; level_ops[level][i] != NULL && op == NULL; i++) {
            op = at_symbol(p, level_ops[level][i]) ? level_ops[level][i] : NULL;
        }
        if (op == NULL) {
            *out = left;
            return WSL_OK;
        }
        wsl_node *right;
        WSL_TRY(advance(p));
        WSL_TRY(parse_level(p, level + 1, &right));
        left = node_with(p, level == 0 ? WSL_NODE_CONCAT : WSL_NODE_ARITH, left->at, left, right);
        left->op = (uint8_t)op[0];
        WSL_TRY(check_depth(p, left));
    }
}

static wsl_status parse_sum(parser *p, wsl_node **out) { return parse_level(p, 0, out); }

static wsl_node *compare(parser *p, wsl_compare_op op, wsl_node *a, wsl_node *b)
{
    wsl_node *n = node_with(p, WSL_NODE_COMPARE, a->at, a, b);
    n->op = (uint8_t)op;
    return n;
}

static wsl_node *negated(parser *p, wsl_node *n, bool is_negated)
{
    return is_negated ? node_with(p, WSL_NODE_NOT, n->at, n, NULL) : n;
}

static wsl_status parse_in(parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    node_list list = {0};
    bool more;
    WSL_TRY(list_add(p, &list, left));
    WSL_TRY(expect_symbol(p, "(", "'(' and a list of values"));
    do {
        wsl_node *n;
        WSL_TRY(parse_nested(p, &n));
        WSL_TRY(list_add(p, &list, n));
        WSL_TRY(accept_symbol(p, ",", &more));
    } while (more);
    WSL_TRY(expect_symbol(p, ")", "',' or ')'"));
    *out = node_new(p, WSL_NODE_IN, left->at);
    set_args(p, *out, list.items, list.n);
    (*out)->negated = is_negated;
    return WSL_OK;
}

static wsl_status parse_between(parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    wsl_node *low;
    wsl_node *high;
    bool symmetric;
    WSL_TRY(accept_keyword(p, "SYMMETRIC", &symmetric));
    if (!symmetric) {
        WSL_TRY(accept_keyword(p, "ASYMMETRIC", &symmetric));
        symmetric = false;
    }
    WSL_TRY(parse_sum(p, &low));
    WSL_TRY(expect_keyword(p, "AND"));
    WSL_TRY(parse_sum(p, &high));
    wsl_node *inside =
        node_with(p, WSL_NODE_AND, left->at, compare(p, WSL_CMP_GE, left, low), compare(p, WSL_CMP_LE, left, high));
    if (symmetric) {
        wsl_node *turned =
            node_with(p, WSL_NODE_AND, left->at, compare(p, WSL_CMP_GE, left, high), compare(p, WSL_CMP_LE, left, low));
        inside = node_with(p, WSL_NODE_OR, left->at, inside, turned);
    }
    *out = negated(p, inside, is_negated);
    return WSL_OK;
}

static wsl_status parse_like(parser *p, wsl_node *left, bool is_negated, wsl_node **out)
{
    node_list list = {0};
    wsl_node *n;
    bool escape;
    WSL_TRY(list_add(p, &list, left));
    WSL_TRY(parse_sum(p, &n));
    WSL_TRY(list_add(p, &list, n));
    WSL_TRY(accept_keyword(p, "ESCAPE", &escape));
    if (escape) {
        WSL_TRY(parse_sum(p, &n));
        WSL_TRY(list_add(p, &list, n));
    }
    *out = node_new(p, WSL_NODE_LIKE, left->at);
    set_args(p, *out, list.items, list.n);
    (*out)->negated = is_negated;
    return WSL_OK;
}

/* IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM b */
static wsl_status parse_is(parser *p, wsl_node *left, wsl_node **out)
{
    static const struct {
        const char *word;
        wsl_is_op op;
    } tests[] = {{"NULL", WSL_IS_NULL}, {"TRUE", WSL_IS_TRUE}, {"FALSE", WSL_IS_FALSE}, {"UNKNOWN", WSL_IS_NULL}};
    bool is_not;
    bool there;
    WSL_TRY(accept_keyword(p, "NOT", &is_not));
    for (size_t i = 0; i < WSL_ARRAY_LEN(tests); i++) {
        WSL_TRY(accept_keyword(p, tests[i].word, &there));
        if (there) {
            *out = node_with(p, WSL_NODE_IS, left->at, left, NULL);
            (*out)->op = (uint8_t)tests[i].op;
            (*out)->negated = is_not;
            return WSL_OK;
        }
    }
    WSL_TRY(accept_keyword(p, "DISTINCT", &there));
    if (!there) {
        return fail_unexpected(p, "NULL, TRUE, FALSE or DISTINCT FROM");
    }
    wsl_node *right;
    WSL_TRY(expect_keyword(p, "FROM"));
    WSL_TRY(parse_sum(p, &right));
    *out = node_with(p, WSL_NODE_DISTINCT, left->at, left, right);
    (*out)->negated = is_not;
    return WSL_OK;
}

static wsl_status parse_compare(parser *p, wsl_node *left, wsl_node **out, bool *out_found)
{
    static const struct {
        const char *symbol;
        wsl_compare_op op;
    } ops[] = {{"=", WSL_CMP_EQ},  {"<>", WSL_CMP_NE}, {"!=", WSL_CMP_NE}, {"<=", WSL_CMP_LE},
               {">=", WSL_CMP_GE}, {"<", WSL_CMP_LT},  {">", WSL_CMP_GT}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(ops); i++) {
        WSL_TRY(accept_symbol(p, ops[i].symbol, out_found));
        if (*out_found) {
            wsl_node *right;
            WSL_TRY(parse_sum(p, &right));
            *out = compare(p, ops[i].op, left, right);
            return check_depth(p, *out);
        }
    }
    return WSL_OK;
}

static wsl_status parse_predicate(parser *p, wsl_node **out)
{
    wsl_node *left;
    WSL_TRY(parse_sum(p, &left));
    for (;;) {
        bool found = false;
        bool is_not = false;
        WSL_TRY(parse_compare(p, left, &left, &found));
        if (found) {
            continue;
        }
        if (at_keyword(p, "IS")) {
            WSL_TRY(advance(p));
            WSL_TRY(parse_is(p, left, &left));
            continue;
        }
        const wsl_token *word = at_keyword(p, "NOT") ? &p->next : &p->tok;
        if (!is_keyword(word, "IN") && !is_keyword(word, "BETWEEN") && !is_keyword(word, "LIKE")) {
            *out = left;
            return check_depth(p, left);
        }
        WSL_TRY(accept_keyword(p, "NOT", &is_not));
        if (at_keyword(p, "IN")) {
            WSL_TRY(advance(p));
            WSL_TRY(parse_in(p, left, is_not, &left));
        } else if (at_keyword(p, "BETWEEN")) {
            WSL_TRY(advance(p));
            WSL_TRY(parse_between(p, left, is_not, &left));
        } else {
            WSL_TRY(advance(p));
            WSL_TRY(parse_like(p, left, is_not, &left));
        }
        WSL_TRY(check_depth(p, left));
    }
}

static wsl_status parse_not(parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    bool is_not;
    WSL_TRY(accept_keyword(p, "NOT", &is_not));
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
    *out = node_with(p, WSL_NODE_NOT, at, n, NULL);
    return check_depth(p, *out);
}

static wsl_status parse_chain(parser *p, wsl_node_kind kind, const char *word,
                              wsl_status (*part)(parser *, wsl_node **), wsl_node **out)
{
    node_list list = {0};
    bool more;
    do {
        wsl_node *n;
        WSL_TRY(part(p, &n));
        WSL_TRY(list_add(p, &list, n));
        WSL_TRY(accept_keyword(p, word, &more));
    } while (more);
    if (list.n == 1) {
        *out = list.items[0];
        return WSL_OK;
    }
    *out = node_new(p, kind, list.items[0]->at);
    set_args(p, *out, list.items, list.n);
    return check_depth(p, *out);
}

static wsl_status parse_and(parser *p, wsl_node **out) { return parse_chain(p, WSL_NODE_AND, "AND", parse_not, out); }
static wsl_status parse_or(parser *p, wsl_node **out) { return parse_chain(p, WSL_NODE_OR, "OR", parse_and, out); }

/* ---- entry ---- */

static wsl_status start(parser *p, const wsl_expr_source *src, wsl_arena *arena, wsl_error *err)
{
    *p = (parser){.src = src, .arena = arena, .err = err, .lexer = {src, arena, 0}};
    WSL_TRY(wsl_lexer_next(&p->lexer, &p->tok, err));
    p->next = p->tok;
    return p->tok.kind == WSL_TOK_END ? WSL_OK : wsl_lexer_next(&p->lexer, &p->next, err);
}

wsl_status wsl_parse_expr(const wsl_expr_source *src, wsl_arena *arena, wsl_node **out_node, wsl_error *err)
{
    parser p;
    wsl_node *n;
    WSL_TRY(start(&p, src, arena, err));
    WSL_TRY(parse_or(&p, &n));
    if (p.tok.kind != WSL_TOK_END) {
        return fail_unexpected(&p, at_symbol(&p, ",") ? "one expression, not a list," : "an operator or the end");
    }
    *out_node = n;
    return WSL_OK;
}

static wsl_status parse_item(parser *p, wsl_select_item *item)
{
    bool as;
    item->name = NULL;
    item->at = p->tok.at;
    if (at_symbol(p, "*")) {
        item->node = node_new(p, WSL_NODE_STAR, p->tok.at);
        return advance(p);
    }
    WSL_TRY(parse_or(p, &item->node));
    WSL_TRY(accept_keyword(p, "AS", &as));
    const bool name = p->tok.kind == WSL_TOK_WORD || p->tok.kind == WSL_TOK_QUOTED;
    if (as && !name) {
        return fail_unexpected(p, "a name behind AS");
    }
    if (name) {
        item->at = p->tok.at;
        item->name = wsl_arena_strndup(p->arena, p->tok.text.data, p->tok.text.size);
        if (p->tok.text.size > WSL_FIELD_NAME_MAX) {
            return wsl_expr_fail_at(p->src, p->tok.at, p->err, WSL_INVALID, "a name has at most %d bytes",
                                    WSL_FIELD_NAME_MAX);
        }
        return advance(p);
    }
    return WSL_OK;
}

wsl_status wsl_parse_select(const wsl_expr_source *src, wsl_arena *arena, wsl_select_item **out_items, uint32_t *out_n,
                            wsl_error *err)
{
    parser p;
    uint32_t n = 0;
    bool more;
    wsl_select_item *items = wsl_arena_alloc(arena, WSL_FIELDS_MAX * sizeof *items);
    WSL_TRY(start(&p, src, arena, err));
    do {
        if (n == WSL_FIELDS_MAX) {
            return wsl_expr_fail_at(src, p.tok.at, err, WSL_TOO_LARGE, "more than %d fields", WSL_FIELDS_MAX);
        }
        WSL_TRY(parse_item(&p, &items[n++]));
        WSL_TRY(accept_symbol(&p, ",", &more));
    } while (more);
    if (p.tok.kind != WSL_TOK_END) {
        return fail_unexpected(&p, "',', AS or the end");
    }
    *out_items = items;
    *out_n = n;
    return WSL_OK;
}
