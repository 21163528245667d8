/*
 * parser_forms.c - what an expression is made of between its operators: literals, columns, and the forms that begin
 * with a word (CASE, CAST, calls with a grammar of their own).
 */
#include <string.h>

#include "data/civil.h"
#include "data/decimal.h"
#include "data/number_text.h"
#include "expr/parser_internal.h"

/* ---- literals ---- */

static wsl_status decimal_literal(wsl_parser *p, const wsl_token *tok, wsl_node **out)
{
    wsl_node *n = wsl_node_literal(p, tok->at, WSL_T_DECIMAL);
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

static wsl_status number_literal(wsl_parser *p, wsl_node **out)
{
    const wsl_token tok = p->tok;
    WSL_TRY(wsl_parser_advance(p));
    int64_t i = 0;
    if (tok.kind == WSL_TOK_FLOAT) {
        *out = wsl_node_literal(p, tok.at, WSL_T_DOUBLE);
        return wsl_double_of_text(tok.text.data, tok.text.size, &(*out)->value.d)
                   ? WSL_OK
                   : wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID, "the number is too large for a DOUBLE");
    }
    if (tok.kind == WSL_TOK_DECIMAL || !wsl_parse_whole_int64(tok.text.data, tok.text.size, &i)) {
        return decimal_literal(p, &tok, out);
    }
    *out = wsl_node_literal(p, tok.at, i <= INT32_MAX ? WSL_T_INT32 : WSL_T_INT64);
    (*out)->value.i = i;
    return WSL_OK;
}

/* DATE '2024-01-31', TIME '12:00:00', TIMESTAMP '2024-01-31 12:00:00' */
static wsl_status time_literal(wsl_parser *p, wsl_type_id id, const char *example, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    WSL_TRY(wsl_parser_advance(p));
    const wsl_token tok = p->tok;
    WSL_TRY(wsl_parser_advance(p));
    wsl_node *n = wsl_node_literal(p, at, id);
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
static wsl_status interval_literal(wsl_parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    bool negative;
    __int128 thousandths;
    WSL_TRY(wsl_parser_advance(p));
    WSL_TRY(wsl_parser_accept_symbol(p, "-", &negative));
    const wsl_token tok = p->tok;
    if (tok.kind != WSL_TOK_STRING && tok.kind != WSL_TOK_INTEGER && tok.kind != WSL_TOK_DECIMAL) {
        return wsl_parser_unexpected(p, "a number like '5' behind INTERVAL");
    }
    if (!wsl_decimal_parse(tok.text.data, tok.text.size, 21, 3, &thousandths)) {
        return wsl_expr_fail_at(p->src, tok.at, p->err, WSL_INVALID,
                                "'%.*s' is not a number; write an interval like INTERVAL '5' MINUTE",
                                (int)(tok.text.size > 60 ? 60 : tok.text.size), tok.text.data);
    }
    WSL_TRY(wsl_parser_advance(p));
    const struct unit_name *unit = p->tok.kind == WSL_TOK_WORD ? find_unit(p->tok.text) : NULL;
    if (unit == NULL || (unit->ms == 0 && unit->months == 0)) {
        return wsl_parser_unexpected(p, "a unit (MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR)");
    }
    WSL_TRY(wsl_parser_advance(p));
    wsl_node *n = wsl_node_literal(p, at, unit->months != 0 ? WSL_XT_MONTHS : WSL_XT_INTERVAL);
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

static wsl_status parse_case(wsl_parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    wsl_node_list list = {0};
    wsl_node *operand = NULL;
    bool more;
    WSL_TRY(wsl_parser_advance(p));
    if (!wsl_parser_at(p, "WHEN")) {
        WSL_TRY(wsl_parse_nested(p, &operand));
    }
    WSL_TRY(wsl_parser_expect(p, "WHEN"));
    do {
        wsl_node *n;
        WSL_TRY(wsl_parse_nested(p, &n));
        if (operand != NULL) {
            n = wsl_node_with(p, WSL_NODE_COMPARE, n->at, operand, n);
            n->op = WSL_CMP_EQ;
        }
        WSL_TRY(wsl_node_list_add(p, &list, n));
        WSL_TRY(wsl_parser_expect(p, "THEN"));
        WSL_TRY(wsl_parse_nested(p, &n));
        WSL_TRY(wsl_node_list_add(p, &list, n));
        WSL_TRY(wsl_parser_accept(p, "WHEN", &more));
    } while (more);
    wsl_node *otherwise;
    WSL_TRY(wsl_parser_accept(p, "ELSE", &more));
    if (more) {
        WSL_TRY(wsl_parse_nested(p, &otherwise));
    } else {
        otherwise = wsl_node_literal(p, p->tok.at, WSL_XT_NULL);
    }
    WSL_TRY(wsl_node_list_add(p, &list, otherwise));
    WSL_TRY(wsl_parser_expect(p, "END"));
    *out = wsl_node_new(p, WSL_NODE_CASE, at);
    wsl_node_set_args(p, *out, list.items, list.n);
    return wsl_parser_check_depth(p, *out);
}

/* The text up to the ')' that closes the CAST, as a type. */
static wsl_status cast_type(wsl_parser *p, wsl_type *out)
{
    const uint32_t start = p->tok.at;
    uint32_t open = 0;
    uint32_t angle = 0;
    while (p->tok.kind != WSL_TOK_END && (open > 0 || !wsl_parser_at_symbol(p, ")"))) {
        open += wsl_parser_at_symbol(p, "(");
        open -= wsl_parser_at_symbol(p, ")");
        angle += wsl_parser_at_symbol(p, "<");
        angle -= angle > 0 && wsl_parser_at_symbol(p, ">");
        WSL_TRY(wsl_parser_advance(p));
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

static wsl_status parse_cast(wsl_parser *p, bool is_try, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    wsl_node *n;
    wsl_type type;
    WSL_TRY(wsl_parser_advance(p));
    WSL_TRY(wsl_parser_advance(p)); /* the parenthesis is there, or we would not be */
    WSL_TRY(wsl_parse_nested(p, &n));
    WSL_TRY(wsl_parser_expect(p, "AS"));
    WSL_TRY(cast_type(p, &type));
    WSL_TRY(wsl_parser_expect_symbol(p, ")", "')'"));
    *out = wsl_node_with(p, WSL_NODE_CAST, at, n, NULL);
    (*out)->type = type;
    (*out)->negated = is_try;
    return wsl_parser_check_depth(p, *out);
}

static wsl_status take_unit(wsl_parser *p, wsl_node *call)
{
    const wsl_time_unit unit =
        p->tok.kind == WSL_TOK_WORD || p->tok.kind == WSL_TOK_STRING ? wsl_time_unit_of(p->tok.text) : WSL_UNIT_NONE;
    if (unit == WSL_UNIT_NONE) {
        return wsl_parser_unexpected(p, "a unit (YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND)");
    }
    call->unit = (uint8_t)unit;
    return wsl_parser_advance(p);
}

/* TRIM([BOTH | LEADING | TRAILING] [chars FROM] text): renames the call to what it means. */
static wsl_status trim_args(wsl_parser *p, wsl_node *call, wsl_node_list *list)
{
    static const struct {
        const char *word;
        const char *function;
    } sides[] = {{"BOTH", "BTRIM"}, {"LEADING", "LTRIM"}, {"TRAILING", "RTRIM"}};
    call->name = wsl_str_of("BTRIM");
    bool side = false;
    for (size_t i = 0; i < WSL_ARRAY_LEN(sides) && !side; i++) {
        WSL_TRY(wsl_parser_accept(p, sides[i].word, &side));
        if (side) {
            call->name = wsl_str_of(sides[i].function);
        }
    }
    wsl_node *chars = NULL;
    bool from;
    WSL_TRY(wsl_parser_accept(p, "FROM", &from));
    if (!from) {
        WSL_TRY(wsl_parse_nested(p, &chars));
        WSL_TRY(wsl_parser_accept(p, "FROM", &from));
    }
    if (!from) {
        return wsl_node_list_add(p, list, chars);
    }
    wsl_node *text;
    WSL_TRY(wsl_parse_nested(p, &text));
    WSL_TRY(wsl_node_list_add(p, list, text));
    return chars != NULL ? wsl_node_list_add(p, list, chars) : WSL_OK;
}

/* EXTRACT(unit FROM t), POSITION(a IN b), SUBSTRING(s FROM a [FOR n]), FLOOR(t TO unit), TIMESTAMPADD(unit, n, t) */
static wsl_status call_args(wsl_parser *p, wsl_node *call, wsl_node_list *list)
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
            WSL_TRY(wsl_parser_expect(p, "FROM"));
        } else {
            WSL_TRY(wsl_parser_expect_symbol(p, ",", "','"));
        }
    }
    if (wsl_word_is(call->name, "POSITION")) {
        WSL_TRY(wsl_parse_sum(p, &n)); /* not a predicate: IN is ours */
        WSL_TRY(wsl_node_list_add(p, list, n));
        WSL_TRY(wsl_parser_expect(p, "IN"));
        WSL_TRY(wsl_parse_nested(p, &n));
        return wsl_node_list_add(p, list, n);
    }
    for (;;) {
        if (wsl_parser_at_symbol(p, "*") && list->n == 0) {
            n = wsl_node_new(p, WSL_NODE_STAR, p->tok.at);
            WSL_TRY(wsl_parser_advance(p));
            n->end = p->last_end;
        } else {
            WSL_TRY(wsl_parse_nested(p, &n));
        }
        WSL_TRY(wsl_node_list_add(p, list, n));
        if (wsl_word_is(call->name, "SUBSTRING") && (wsl_parser_at(p, "FROM") || wsl_parser_at(p, "FOR")) &&
            list->n <= 2) {
            WSL_TRY(wsl_parser_advance(p));
            continue;
        }
        if ((wsl_word_is(call->name, "FLOOR") || wsl_word_is(call->name, "CEIL")) && list->n == 1 &&
            wsl_parser_at(p, "TO")) {
            WSL_TRY(wsl_parser_advance(p));
            return take_unit(p, call);
        }
        WSL_TRY(wsl_parser_accept_symbol(p, ",", &there));
        if (!there) {
            return WSL_OK;
        }
    }
}

static wsl_status parse_call(wsl_parser *p, wsl_node **out)
{
    wsl_node_list list = {0};
    wsl_node *call = wsl_node_new(p, WSL_NODE_CALL, p->tok.at);
    call->name = p->tok.text;
    WSL_TRY(wsl_parser_advance(p));
    WSL_TRY(wsl_parser_advance(p));
    if (!wsl_parser_at_symbol(p, ")")) {
        WSL_TRY(call_args(p, call, &list));
    }
    WSL_TRY(wsl_parser_expect_symbol(p, ")", "',' or ')'"));
    wsl_node_set_args(p, call, list.items, list.n);
    *out = call;
    return wsl_parser_check_depth(p, call);
}

static wsl_status parse_column(wsl_parser *p, wsl_node **out)
{
    static const char *const reserved[] = {"AND",  "OR",   "NOT",  "IN",  "IS", "LIKE", "BETWEEN", "CASE",
                                           "WHEN", "THEN", "ELSE", "END", "AS", "FROM", "ESCAPE"};
    if (p->tok.kind == WSL_TOK_WORD) {
        for (size_t i = 0; i < WSL_ARRAY_LEN(reserved); i++) {
            if (wsl_parser_at(p, reserved[i])) {
                return wsl_parser_unexpected(p, "a value");
            }
        }
    }
    const wsl_token tok = p->tok;
    WSL_TRY(wsl_parser_advance(p));
    *out = wsl_node_new(p, WSL_NODE_COLUMN, tok.at);
    (*out)->name = tok.text;
    return WSL_OK;
}

static wsl_status parse_word(wsl_parser *p, wsl_node **out)
{
    const uint32_t at = p->tok.at;
    const bool before_paren = p->next.kind == WSL_TOK_SYMBOL && p->next.text.data[0] == '(';
    const bool before_string = p->next.kind == WSL_TOK_STRING;
    if (before_string && wsl_parser_at(p, "DATE")) {
        return time_literal(p, WSL_T_DATE, "DATE '2024-01-31'", out);
    }
    if (before_string && wsl_parser_at(p, "TIME")) {
        return time_literal(p, WSL_T_TIME, "TIME '12:30:00'", out);
    }
    if (before_string && wsl_parser_at(p, "TIMESTAMP")) {
        return time_literal(p, WSL_T_TIMESTAMP, "TIMESTAMP '2024-01-31 12:30:00'", out);
    }
    if (wsl_parser_at(p, "INTERVAL") && !before_paren && p->next.kind != WSL_TOK_END) {
        return interval_literal(p, out);
    }
    if (wsl_parser_at(p, "CASE")) {
        return parse_case(p, out);
    }
    if (before_paren && (wsl_parser_at(p, "CAST") || wsl_parser_at(p, "TRY_CAST"))) {
        return parse_cast(p, wsl_parser_at(p, "TRY_CAST"), out);
    }
    if (wsl_parser_at(p, "TRUE") || wsl_parser_at(p, "FALSE")) {
        const bool v = wsl_parser_at(p, "TRUE");
        WSL_TRY(wsl_parser_advance(p));
        *out = wsl_node_literal(p, at, WSL_T_BOOL);
        (*out)->value.i = v;
        return WSL_OK;
    }
    if (wsl_parser_at(p, "NULL")) {
        WSL_TRY(wsl_parser_advance(p));
        *out = wsl_node_literal(p, at, WSL_XT_NULL);
        return WSL_OK;
    }
    if (before_paren && !wsl_parser_at(p, "IN") && !wsl_parser_at(p, "AND") && !wsl_parser_at(p, "OR")) {
        return parse_call(p, out);
    }
    return parse_column(p, out);
}

wsl_status wsl_parse_primary(wsl_parser *p, wsl_node **out)
{
    switch (p->tok.kind) {
    case WSL_TOK_INTEGER:
    case WSL_TOK_DECIMAL:
    case WSL_TOK_FLOAT:
        return number_literal(p, out);
    case WSL_TOK_STRING: {
        const wsl_token tok = p->tok;
        WSL_TRY(wsl_parser_advance(p));
        *out = wsl_node_literal(p, tok.at, WSL_T_STRING);
        (*out)->value.s = tok.text;
        return WSL_OK;
    }
    case WSL_TOK_QUOTED:
        return parse_column(p, out);
    case WSL_TOK_WORD:
        return parse_word(p, out);
    case WSL_TOK_SYMBOL:
        if (wsl_parser_at_symbol(p, "(")) {
            WSL_TRY(wsl_parser_advance(p));
            WSL_TRY(wsl_parse_nested(p, out));
            return wsl_parser_expect_symbol(p, ")", "')'");
        }
        return wsl_parser_unexpected(p, "a value");
    default:
        return wsl_parser_unexpected(p, "a value");
    }
}
