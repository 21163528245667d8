/*
 * typer.c - bottom-up over the tree. A node's arguments are typed first; then the node decides what it needs them to be
 * (wsl_typer_coerce puts casts around them), what it gives, and whether it must be guarded: evaluated only for rows
 * that need it, because it may fail or costs much. A node whose arguments are all literals is evaluated on the spot.
 */
#include "expr/typer_internal.h"

#include <stdio.h>
#include <strings.h>

#include "base/suggest.h"
#include "data/civil.h"
#include "data/decimal.h"
#include "expr/functions.h"

static const wsl_type bool_type = {.id = WSL_T_BOOL};
static const wsl_type string_type = {.id = WSL_T_STRING};
static const wsl_type timestamp_type = {.id = WSL_T_TIMESTAMP};

static bool is_literal(const wsl_node *n) { return n->kind == WSL_NODE_LITERAL; }
static bool is_null_type(const wsl_node *n) { return n->type.id == WSL_XT_NULL; }

static bool all_not_null(const wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        if (!n->arg[i]->type.not_null) {
            return false;
        }
    }
    return true;
}

static bool any_guard(const wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        if (n->arg[i]->guard) {
            return true;
        }
    }
    return false;
}

/* A literal of this type in place of `old`. */
wsl_node *wsl_typer_literal(const wsl_typer *t, const wsl_node *old, const wsl_type *type, wsl_value value)
{
    wsl_node *n = wsl_arena_zalloc(t->arena, sizeof *n);
    *n = (wsl_node){
        .kind = WSL_NODE_LITERAL, .typed = true, .at = old->at, .end = old->end, .type = *type, .value = value};
    n->unit = WSL_UNIT_NONE;
    n->depth = 1;
    n->type.not_null = !value.null;
    return n;
}

static bool only_literals(const wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        if (!is_literal(n->arg[i])) {
            return false;
        }
    }
    return true;
}

/* Replaces a node without columns by its value. What fails stays: it is reported for the first row that gets there. */
static void fold(const wsl_typer *t, wsl_node **node)
{
    wsl_value value;
    if ((*node)->kind == WSL_NODE_COLUMN || is_literal(*node) || (*node)->kind == WSL_NODE_STAR ||
        !only_literals(*node)) {
        return;
    }
    if (wsl_expr_fold(t->src, t->arena, *node, &value, NULL)) {
        *node = wsl_typer_literal(t, *node, &(*node)->type, value);
    }
}

/* ---- casts ---- */

static bool cast_may_fail(const wsl_type *from, const wsl_type *to)
{
    int64_t low;
    int64_t high;
    int64_t from_low;
    int64_t from_high;
    if (to->id == WSL_T_STRING || to->id == WSL_T_DOUBLE) {
        return from->id == WSL_T_STRING && to->id == WSL_T_DOUBLE;
    }
    if (wsl_phys_of(from) == WSL_PHYS_INT && wsl_phys_of(to) == WSL_PHYS_INT) {
        return wsl_xt_range(to, &low, &high) &&
               !(wsl_xt_range(from, &from_low, &from_high) && from_low >= low && from_high <= high);
    }
    return true;
}

static wsl_node *cast_node(const wsl_typer *t, wsl_node *inner, const wsl_type *type)
{
    wsl_node *n = wsl_arena_zalloc(t->arena, sizeof *n);
    *n = (wsl_node){.kind = WSL_NODE_CAST, .typed = true, .at = inner->at, .end = inner->end, .type = *type, .n = 1};
    n->unit = WSL_UNIT_NONE;
    n->depth = (uint16_t)(inner->depth + 1);
    n->arg = wsl_arena_alloc(t->arena, sizeof *n->arg);
    n->arg[0] = inner;
    n->type.not_null = inner->type.not_null;
    n->guard = inner->guard || cast_may_fail(&inner->type, type) || wsl_phys_of(type) == WSL_PHYS_STR;
    return n;
}

static wsl_status fail_cast(const wsl_typer *t, const wsl_node *n, const wsl_type *type)
{
    char have[WSL_XT_TEXT_MAX];
    char want[WSL_XT_TEXT_MAX];
    return FAIL(t, n, WSL_TYPE, "%s cannot be cast to %s", wsl_xt_text(&n->type, have), wsl_xt_text(type, want));
}

wsl_status wsl_typer_coerce(const wsl_typer *t, wsl_node **node, const wsl_type *type)
{
    wsl_node *n = *node;
    if (wsl_xt_same(&n->type, type)) {
        return WSL_OK;
    }
    if (is_null_type(n)) {
        if (is_literal(n)) {
            *node = wsl_typer_literal(t, n, type, (wsl_value){.null = true});
            return WSL_OK;
        }
    } else if (wsl_cast_fn(&n->type, type) == NULL) {
        return fail_cast(t, n, type);
    }
    wsl_node *cast = cast_node(t, n, type);
    if (is_literal(n)) {
        wsl_value value;
        wsl_error why = {0};
        if (!wsl_expr_fold(t->src, t->arena, cast, &value, &why)) {
            return wsl_fail(t->err, why.status, "%s", why.text);
        }
        *node = wsl_typer_literal(t, n, type, value);
        return WSL_OK;
    }
    *node = cast;
    return WSL_OK;
}

static wsl_status check_cast(const wsl_typer *t, wsl_node *n)
{
    wsl_node *inner = n->arg[0];
    if (!is_null_type(inner) && !wsl_xt_same(&inner->type, &n->type) && wsl_cast_fn(&inner->type, &n->type) == NULL) {
        return fail_cast(t, inner, &n->type);
    }
    n->type.not_null = inner->type.not_null && !n->negated;
    n->guard = inner->guard || cast_may_fail(&inner->type, &n->type) || wsl_phys_of(&n->type) == WSL_PHYS_STR;
    return WSL_OK;
}

/* ---- columns ---- */

static wsl_status check_column(const wsl_typer *t, wsl_node *n)
{
    char name[WSL_FIELD_NAME_MAX + 1];
    const uint32_t size = n->name.size < WSL_FIELD_NAME_MAX ? n->name.size : WSL_FIELD_NAME_MAX;
    memcpy(name, n->name.data, size);
    name[size] = '\0';
    const int i = wsl_schema_find(t->input, name);
    if (i >= 0 && n->name.size <= WSL_FIELD_NAME_MAX) {
        n->column = (uint32_t)i;
        n->type = t->input->fields[i].type;
        return WSL_OK;
    }
    wsl_suggest s;
    char hint[WSL_SUGGEST_TEXT_MAX];
    wsl_suggest_init(&s, name);
    for (uint32_t f = 0; f < t->input->n_fields; f++) {
        wsl_suggest_offer(&s, t->input->fields[f].name);
    }
    if (s.best != NULL) {
        return FAIL(t, n, WSL_NOT_FOUND, "there is no column '%.100s'%s", name, wsl_suggest_text(&s, hint));
    }
    char fields[300] = "";
    size_t used = 0;
    for (uint32_t f = 0; f < t->input->n_fields && used < sizeof fields; f++) {
        const int more =
            snprintf(fields + used, sizeof fields - used, "%s%s", f > 0 ? ", " : "", t->input->fields[f].name);
        used += more > 0 ? (size_t)more : 0;
    }
    return FAIL(t, n, WSL_NOT_FOUND, "there is no column '%.100s'; there are: %s", name, fields);
}

/* ---- arithmetic ---- */

static wsl_status fail_operands(const wsl_typer *t, const wsl_node *n, const char *op, const char *hint)
{
    char a[WSL_XT_TEXT_MAX];
    char b[WSL_XT_TEXT_MAX];
    return FAIL(t, n, WSL_TYPE, "%s cannot be applied to %s and %s%s", op, wsl_xt_text(&n->arg[0]->type, a),
                wsl_xt_text(&n->arg[1]->type, b), hint);
}

static wsl_status check_number_arith(const wsl_typer *t, wsl_node *n, const wsl_type *common)
{
    if (common->id == WSL_T_DECIMAL) {
        for (uint32_t i = 0; i < 2; i++) {
            wsl_type wanted = wsl_xt_as_decimal(&n->arg[i]->type);
            if (is_literal(n->arg[i]) && wsl_type_is_integer(&n->arg[i]->type)) {
                char digits[WSL_DECIMAL_TEXT_MAX]; /* a literal needs as many digits as it has */
                const int64_t v = n->arg[i]->value.i;
                wanted.precision = (uint8_t)(wsl_decimal_print(v, 0, digits) - (v < 0));
            }
            WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &wanted));
        }
        n->type = wsl_xt_decimal_result((char)n->op, &n->arg[0]->type, &n->arg[1]->type);
    } else {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[0], common));
        WSL_TRY(wsl_typer_coerce(t, &n->arg[1], common));
        n->type = *common;
    }
    n->guard = any_guard(n) || !wsl_type_is_approximate(common);
    return WSL_OK;
}

static bool is_interval(const wsl_node *n) { return n->type.id == WSL_XT_INTERVAL || n->type.id == WSL_XT_MONTHS; }

/* Types of t + i, t - i, t - t, i + i, i * n; false if they do not go together. */
static bool time_result(const wsl_node *n, wsl_type *out)
{
    const wsl_type *a = &n->arg[0]->type;
    const wsl_type *b = &n->arg[1]->type;
    const bool sum = n->op == '+' || n->op == '-';
    *out = (wsl_type){.id = WSL_XT_INTERVAL};
    if (sum && is_interval(n->arg[0]) && a->id == b->id) {
        *out = *a;
        out->precision = a->precision && b->precision;
        return true;
    }
    if (sum && wsl_type_is_temporal(a) && is_interval(n->arg[1])) {
        if (a->id == WSL_T_TIME) {
            *out = *a;
            return b->id == WSL_XT_INTERVAL;
        }
        const bool days = a->id == WSL_T_DATE && (b->id == WSL_XT_MONTHS || b->precision == 1);
        out->id = days ? WSL_T_DATE : WSL_T_TIMESTAMP;
        return true;
    }
    if (n->op == '-' && wsl_type_is_temporal(a) && wsl_type_is_temporal(b)) {
        return (a->id == WSL_T_TIME) == (b->id == WSL_T_TIME);
    }
    if (n->op == '*' && is_interval(n->arg[0]) && wsl_type_is_integer(b)) {
        *out = *a;
        return true;
    }
    return false;
}

static wsl_status check_time_arith(const wsl_typer *t, wsl_node *n)
{
    wsl_type result;
    const bool turned = (n->op == '+' && is_interval(n->arg[0]) && wsl_type_is_temporal(&n->arg[1]->type)) ||
                        (n->op == '*' && is_interval(n->arg[1]));
    if (turned) {
        wsl_node *first = n->arg[0];
        n->arg[0] = n->arg[1];
        n->arg[1] = first;
    }
    char op[4] = {'\'', (char)n->op, '\'', '\0'};
    if (!time_result(n, &result)) {
        return fail_operands(t, n, op, "");
    }
    n->type = result;
    if (result.id == WSL_T_TIMESTAMP) {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[0], &timestamp_type));
    }
    if (n->op == '-' && wsl_type_is_temporal(&n->arg[1]->type) && n->arg[0]->type.id != n->arg[1]->type.id) {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[0], &timestamp_type));
        WSL_TRY(wsl_typer_coerce(t, &n->arg[1], &timestamp_type));
    }
    n->guard = true;
    return WSL_OK;
}

static wsl_status check_arith(const wsl_typer *t, wsl_node *n)
{
    const wsl_type *a = &n->arg[0]->type;
    const wsl_type *b = &n->arg[1]->type;
    wsl_type common;
    wsl_status status;
    if (is_interval(n->arg[0]) || is_interval(n->arg[1]) || wsl_type_is_temporal(a) || wsl_type_is_temporal(b)) {
        status = check_time_arith(t, n);
    } else if (is_null_type(n->arg[0]) && is_null_type(n->arg[1])) {
        status = check_number_arith(t, n, &(wsl_type){.id = WSL_T_INT32});
    } else if ((wsl_type_is_numeric(a) || is_null_type(n->arg[0])) &&
               (wsl_type_is_numeric(b) || is_null_type(n->arg[1])) && wsl_xt_common(a, b, &common)) {
        for (uint32_t i = 0; i < 2; i++) {
            if (is_null_type(n->arg[i])) {
                WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &common));
            }
        }
        status = check_number_arith(t, n, &common);
    } else {
        const char op[4] = {'\'', (char)n->op, '\'', '\0'};
        const bool string = a->id == WSL_T_STRING || b->id == WSL_T_STRING;
        return fail_operands(t, n, op,
                             string && n->op == '+' ? "; join strings with ||"
                             : string               ? "; CAST(... AS DOUBLE) makes a number of a string"
                                                    : "");
    }
    n->type.not_null = all_not_null(n);
    return status;
}

static wsl_status check_negate(const wsl_typer *t, wsl_node *n)
{
    wsl_node *inner = n->arg[0];
    char text[WSL_XT_TEXT_MAX];
    if (is_null_type(inner)) {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[0], &(wsl_type){.id = WSL_T_INT32}));
        inner = n->arg[0];
    }
    if (!wsl_type_is_numeric(&inner->type) && !is_interval(inner)) {
        return FAIL(t, n, WSL_TYPE, "'%c' cannot be applied to %s", n->negated ? '+' : '-',
                    wsl_xt_text(&inner->type, text));
    }
    n->type = inner->type;
    n->guard = inner->guard || wsl_phys_of(&n->type) == WSL_PHYS_INT;
    return WSL_OK;
}

static wsl_status check_concat(const wsl_typer *t, wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        if (n->arg[i]->type.id == WSL_T_BYTES || n->arg[i]->type.id == WSL_T_ARRAY || n->arg[i]->type.id == WSL_T_MAP ||
            n->arg[i]->type.id == WSL_T_ROW) {
            return fail_operands(t, n, "||", "");
        }
        WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &string_type));
    }
    n->type = string_type;
    n->type.not_null = all_not_null(n);
    n->guard = true;
    return WSL_OK;
}

/* ---- logic and comparison ---- */

static wsl_status want_bool(const wsl_typer *t, wsl_node **node, const char *what)
{
    char text[WSL_XT_TEXT_MAX];
    if ((*node)->type.id == WSL_T_BOOL) {
        return WSL_OK;
    }
    if (is_null_type(*node)) {
        return wsl_typer_coerce(t, node, &bool_type);
    }
    return FAIL(t, *node, WSL_TYPE, "%s must be BOOL, but this is %s", what, wsl_xt_text(&(*node)->type, text));
}

static wsl_status check_logic(const wsl_typer *t, wsl_node *n)
{
    const char *what = n->kind == WSL_NODE_AND  ? "what AND joins"
                       : n->kind == WSL_NODE_OR ? "what OR joins"
                                                : "what NOT turns";
    for (uint32_t i = 0; i < n->n; i++) {
        WSL_TRY(want_bool(t, &n->arg[i], what));
    }
    n->type = bool_type;
    n->type.not_null = all_not_null(n);
    n->guard = any_guard(n);
    return WSL_OK;
}

/* Strings written down next to a time, an interval or bytes are read as such. */
static bool literal_adapts(const wsl_node *literal, const wsl_type *other)
{
    return is_literal(literal) && literal->type.id == WSL_T_STRING &&
           (wsl_type_is_temporal(other) || other->id == WSL_T_BYTES);
}

/* The type in which all arguments from `first` on can be compared or chosen from. */
wsl_status wsl_typer_common(const wsl_typer *t, wsl_node *n, uint32_t first, uint32_t step, const char *what,
                            wsl_type *out)
{
    bool have = false;
    for (uint32_t i = first; i < n->n; i += step) {
        const wsl_node *arg = n->arg[i];
        if (!have) {
            *out = arg->type;
            have = true;
        } else if (literal_adapts(arg, out)) {
            continue;
        } else if (literal_adapts(n->arg[first], &arg->type) && out->id == WSL_T_STRING) {
            *out = arg->type;
        } else if (!wsl_xt_common(out, &arg->type, out)) {
            char a[WSL_XT_TEXT_MAX];
            char b[WSL_XT_TEXT_MAX];
            return FAIL(t, arg, WSL_TYPE, "%s do not go together: %s and %s; CAST one of them", what,
                        wsl_xt_text(out, a), wsl_xt_text(&arg->type, b));
        }
    }
    out->not_null = false;
    return WSL_OK;
}

static bool is_comparable(const wsl_type *type) { return type->id < WSL_T_ARRAY || type->id == WSL_XT_INTERVAL; }

static const char *compare_name(const wsl_node *n)
{
    static const char *const names[] = {"'='", "'<>'", "'<'", "'<='", "'>'", "'>='"};
    return n->kind == WSL_NODE_DISTINCT ? "IS DISTINCT FROM" : n->kind == WSL_NODE_IN ? "IN" : names[n->op];
}

static wsl_status check_compare(const wsl_typer *t, wsl_node *n)
{
    wsl_type common = n->arg[0]->type;
    for (uint32_t i = 1; i < n->n; i++) {
        const wsl_node *b = n->arg[i];
        if (literal_adapts(b, &common)) {
            continue;
        }
        if (literal_adapts(n->arg[0], &b->type)) {
            common = b->type;
            continue;
        }
        if (!wsl_xt_common(&common, &b->type, &common) || !(is_comparable(&common) || common.id == WSL_XT_NULL)) {
            char x[WSL_XT_TEXT_MAX];
            char y[WSL_XT_TEXT_MAX];
            const bool mixed = wsl_type_is_numeric(&common) != wsl_type_is_numeric(&b->type);
            return FAIL(t, n->kind == WSL_NODE_IN ? b : n, WSL_TYPE, "%s cannot compare %s with %s%s", compare_name(n),
                        wsl_xt_text(&n->arg[0]->type, x), wsl_xt_text(&b->type, y), mixed ? "; CAST one of them" : "");
        }
    }
    if (common.id == WSL_XT_NULL) {
        common = (wsl_type){.id = WSL_T_BOOL};
    }
    common.not_null = false;
    for (uint32_t i = 0; i < n->n; i++) {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &common));
    }
    n->type = bool_type;
    n->type.not_null = n->kind == WSL_NODE_DISTINCT || all_not_null(n);
    n->guard = any_guard(n) || n->kind == WSL_NODE_IN;
    return WSL_OK;
}

static wsl_status check_is(const wsl_typer *t, wsl_node *n)
{
    if (n->op != WSL_IS_NULL) {
        WSL_TRY(want_bool(t, &n->arg[0], "what IS TRUE or IS FALSE asks about"));
    }
    n->type = bool_type;
    n->type.not_null = true;
    n->guard = any_guard(n);
    return WSL_OK;
}

static wsl_status check_like(const wsl_typer *t, wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        char text[WSL_XT_TEXT_MAX];
        if (n->arg[i]->type.id != WSL_T_STRING && !is_null_type(n->arg[i])) {
            return FAIL(t, n->arg[i], WSL_TYPE, "LIKE compares strings, but this is %s",
                        wsl_xt_text(&n->arg[i]->type, text));
        }
        WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &string_type));
    }
    n->type = bool_type;
    n->type.not_null = all_not_null(n);
    n->guard = true;
    return WSL_OK;
}

static wsl_status check_case(const wsl_typer *t, wsl_node *n)
{
    wsl_type common;
    bool not_null = true;
    for (uint32_t i = 0; i + 1 < n->n; i += 2) {
        WSL_TRY(want_bool(t, &n->arg[i], "the condition of WHEN"));
    }
    /* Values stand at 1, 3, 5 ... and at the end. */
    wsl_node values = {.n = n->n / 2 + 1};
    values.arg = wsl_arena_alloc(t->arena, values.n * sizeof *values.arg);
    for (uint32_t i = 0; i < n->n / 2; i++) {
        values.arg[i] = n->arg[2 * i + 1];
    }
    values.arg[n->n / 2] = n->arg[n->n - 1];
    WSL_TRY(wsl_typer_common(t, &values, 0, 1, "the results of CASE", &common));
    for (uint32_t i = 0; i < n->n; i++) {
        if (i % 2 == 1 || i + 1 == n->n) {
            WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &common));
            not_null = not_null && n->arg[i]->type.not_null;
        }
    }
    n->type = common;
    n->type.not_null = not_null;
    n->guard = any_guard(n);
    return WSL_OK;
}

/* ---- entry ---- */

static wsl_status check_kind(const wsl_typer *t, wsl_node *n)
{
    switch (n->kind) {
    case WSL_NODE_LITERAL:
        return WSL_OK;
    case WSL_NODE_COLUMN:
        return check_column(t, n);
    case WSL_NODE_STAR:
        return FAIL(t, n, WSL_INVALID, "'*' stands for all columns and cannot be part of an expression");
    case WSL_NODE_NEGATE:
        return check_negate(t, n);
    case WSL_NODE_NOT:
    case WSL_NODE_AND:
    case WSL_NODE_OR:
        return check_logic(t, n);
    case WSL_NODE_ARITH:
        return check_arith(t, n);
    case WSL_NODE_CONCAT:
        return check_concat(t, n);
    case WSL_NODE_COMPARE:
    case WSL_NODE_DISTINCT:
    case WSL_NODE_IN:
        return check_compare(t, n);
    case WSL_NODE_IS:
        return check_is(t, n);
    case WSL_NODE_LIKE:
        return check_like(t, n);
    case WSL_NODE_CASE:
        return check_case(t, n);
    case WSL_NODE_CAST:
        return check_cast(t, n);
    case WSL_NODE_CALL:
        return wsl_typer_check_call(t, n);
    }
    return WSL_INTERNAL;
}

wsl_status wsl_typer_check(const wsl_typer *t, wsl_node **node)
{
    wsl_node *n = *node;
    if (n->typed) {
        *node = n->instead != NULL ? n->instead : n;
        return WSL_OK;
    }
    for (uint32_t i = 0; i < n->n; i++) {
        if (n->arg[i]->kind != WSL_NODE_STAR) {
            WSL_TRY(wsl_typer_check(t, &n->arg[i]));
        }
    }
    if (n->kind == WSL_NODE_CALL) {
        wsl_node *other = NULL;
        WSL_TRY(wsl_typer_rewrite(t, n, &other));
        if (other != NULL) {
            WSL_TRY(wsl_typer_check(t, &other));
            n->typed = true;
            n->instead = other;
            *node = other;
            return WSL_OK;
        }
    }
    WSL_TRY(check_kind(t, n));
    n->typed = true;
    fold(t, node);
    return WSL_OK;
}
