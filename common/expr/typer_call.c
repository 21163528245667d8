/*
 * typer_call.c - calls: forms that are rewritten, and functions found in the table by name and arguments.
 */
#include "expr/typer_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"

enum { EXTREME_ARGS_MAX = 100 }; /* of GREATEST, whose form nests */

static const wsl_type bool_type = {.id = WSL_T_BOOL};
static const wsl_type string_type = {.id = WSL_T_STRING};
static const wsl_type double_type = {.id = WSL_T_DOUBLE};
static const wsl_type int64_type = {.id = WSL_T_INT64};
static const wsl_type timestamp_type = {.id = WSL_T_TIMESTAMP};

static bool is_null_type(const wsl_node *n) { return n->type.id == WSL_XT_NULL; }

static wsl_node *make(const wsl_typer *t, const wsl_node *like, wsl_node_kind kind, uint32_t n_args)
{
    wsl_node *n = wsl_arena_zalloc(t->arena, sizeof *n);
    *n = (wsl_node){.kind = kind, .at = like->at, .end = like->end, .n = n_args, .depth = like->depth};
    n->unit = WSL_UNIT_NONE;
    n->arg = wsl_arena_alloc(t->arena, (n_args > 0 ? n_args : 1) * sizeof *n->arg);
    return n;
}

static wsl_status fail_count(const wsl_typer *t, const wsl_node *n, const char *wanted)
{
    return FAIL(t, n, WSL_TYPE, "%.*s takes %s, but there %s %u", (int)n->name.size, n->name.data, wanted,
                n->n == 1 ? "is" : "are", n->n);
}

/* COALESCE(a, b, c): CASE WHEN a IS NOT NULL THEN a WHEN b IS NOT NULL THEN b ELSE c END */
static wsl_status rewrite_coalesce(const wsl_typer *t, wsl_node *n, wsl_node **out)
{
    if (n->n == 0) {
        return fail_count(t, n, "at least one argument");
    }
    *out = make(t, n, WSL_NODE_CASE, 2 * n->n - 1);
    for (uint32_t i = 0; i + 1 < n->n; i++) {
        wsl_node *test = make(t, n->arg[i], WSL_NODE_IS, 1);
        test->op = WSL_IS_NULL;
        test->negated = true;
        test->arg[0] = n->arg[i];
        (*out)->arg[2 * i] = test;
        (*out)->arg[2 * i + 1] = n->arg[i];
    }
    (*out)->arg[2 * n->n - 2] = n->arg[n->n - 1];
    return WSL_OK;
}

/* NULLIF(a, b): CASE WHEN a = b THEN NULL ELSE a END */
static wsl_status rewrite_nullif(const wsl_typer *t, wsl_node *n, wsl_node **out)
{
    if (n->n != 2) {
        return fail_count(t, n, "two arguments");
    }
    wsl_node *test = make(t, n, WSL_NODE_COMPARE, 2);
    test->op = WSL_CMP_EQ;
    test->arg[0] = n->arg[0];
    test->arg[1] = n->arg[1];
    *out = make(t, n, WSL_NODE_CASE, 3);
    (*out)->arg[0] = test;
    (*out)->arg[1] = wsl_typer_literal(t, n, &(wsl_type){.id = WSL_XT_NULL}, (wsl_value){.null = true});
    (*out)->arg[2] = n->arg[0];
    return WSL_OK;
}

static wsl_status rewrite_if(const wsl_typer *t, wsl_node *n, wsl_node **out)
{
    if (n->n != 3) {
        return fail_count(t, n, "a condition and two values");
    }
    *out = make(t, n, WSL_NODE_CASE, 3);
    for (uint32_t i = 0; i < 3; i++) {
        (*out)->arg[i] = n->arg[i];
    }
    return WSL_OK;
}

static wsl_status rewrite_mod(const wsl_typer *t, wsl_node *n, wsl_node **out)
{
    if (n->n != 2) {
        return fail_count(t, n, "two numbers");
    }
    *out = make(t, n, WSL_NODE_ARITH, 2);
    (*out)->op = '%';
    (*out)->arg[0] = n->arg[0];
    (*out)->arg[1] = n->arg[1];
    return WSL_OK;
}

/* GREATEST(a, b, ...): a chain of CASE WHEN x >= y THEN x ELSE y END, NULL if any is NULL */
static wsl_status rewrite_extreme(const wsl_typer *t, wsl_node *n, bool greatest, wsl_node **out)
{
    if (n->n == 0 || n->n > EXTREME_ARGS_MAX) {
        return fail_count(t, n, "1 to 100 arguments");
    }
    wsl_type common;
    WSL_TRY(wsl_typer_common(t, n, 0, 1, "the arguments", &common));
    for (uint32_t i = 0; i < n->n; i++) {
        WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &common));
    }
    wsl_node *best = n->arg[0];
    for (uint32_t i = 1; i < n->n; i++) {
        wsl_node *first = make(t, n, WSL_NODE_COMPARE, 2);
        wsl_node *second = make(t, n, WSL_NODE_COMPARE, 2);
        wsl_node *choose = make(t, n, WSL_NODE_CASE, 5);
        first->op = greatest ? WSL_CMP_GE : WSL_CMP_LE;
        first->arg[0] = best;
        first->arg[1] = n->arg[i];
        second->op = greatest ? WSL_CMP_LT : WSL_CMP_GT;
        second->arg[0] = best;
        second->arg[1] = n->arg[i];
        choose->arg[0] = first;
        choose->arg[1] = best;
        choose->arg[2] = second;
        choose->arg[3] = n->arg[i];
        choose->arg[4] = wsl_typer_literal(t, n, &(wsl_type){.id = WSL_XT_NULL}, (wsl_value){.null = true});
        best = choose;
    }
    *out = best;
    return WSL_OK;
}

/* Functions that are other forms written differently; *out stays NULL for all others. */
wsl_status wsl_typer_rewrite(const wsl_typer *t, wsl_node *n, wsl_node **out)
{
    if (wsl_str_equal(n->name, wsl_str_of("")) || n->unit != WSL_UNIT_NONE) {
        return WSL_OK;
    }
    static const struct {
        const char *name;
        char what;
    } forms[] = {{"COALESCE", 'c'}, {"IFNULL", 'c'}, {"NVL", 'c'},   {"NULLIF", 'n'},
                 {"IF", 'i'},       {"MOD", 'm'},    {"LEAST", 'l'}, {"GREATEST", 'g'}};
    uint32_t at = 0;
    for (; at < WSL_ARRAY_LEN(forms); at++) {
        const size_t size = strlen(forms[at].name);
        if (n->name.size == size && strncasecmp(n->name.data, forms[at].name, size) == 0) {
            break;
        }
    }
    if (at == WSL_ARRAY_LEN(forms)) {
        return WSL_OK;
    }
    switch (forms[at].what) {
    case 'c':
        return rewrite_coalesce(t, n, out);
    case 'n':
        return rewrite_nullif(t, n, out);
    case 'i':
        return rewrite_if(t, n, out);
    case 'm':
        return rewrite_mod(t, n, out);
    default:
        return rewrite_extreme(t, n, forms[at].what == 'g', out);
    }
}

/* Does an argument of this type go where the signature has this letter? *out_type is what it must be cast to. */
static bool fits_letter(char letter, const wsl_node *arg, wsl_type *out_type)
{
    const wsl_type *type = &arg->type;
    const bool null = is_null_type(arg);
    *out_type = *type;
    switch (letter) {
    case 'b':
        *out_type = bool_type;
        return null || type->id == WSL_T_BOOL;
    case 'i':
        *out_type = null ? int64_type : *type;
        return null || wsl_type_is_integer(type);
    case 'd':
        *out_type = double_type;
        return null || wsl_type_is_numeric(type);
    case 'n':
        return type->id == WSL_T_DECIMAL;
    case 's':
        *out_type = string_type;
        return null || type->id == WSL_T_STRING;
    case 'x':
        *out_type = string_type;
        return null || type->id <= WSL_T_STRING || wsl_type_is_temporal(type);
    case 't':
        *out_type = timestamp_type;
        return null || type->id == WSL_T_TIMESTAMP || type->id == WSL_T_DATE;
    case 'D':
        return type->id == WSL_T_DATE;
    case 'T':
        return type->id == WSL_T_TIME;
    case 'v':
        return type->id == WSL_XT_INTERVAL;
    default:
        return false;
    }
}

/* The letter for argument i, or '\0' if there is none. */
static char letter_of(const char *signature, uint32_t i)
{
    uint32_t at = 0;
    const char *s = signature;
    while (*s != '>') {
        if (s[1] == '*') {
            return *s;
        }
        if (at == i) {
            return *s;
        }
        at++;
        s++;
    }
    return '\0';
}

static uint32_t letters_needed(const char *signature)
{
    uint32_t n = 0;
    for (const char *s = signature; *s != '>'; s++) {
        n += *s != '*';
    }
    return n;
}

static bool signature_fits(const char *signature, const wsl_node *n)
{
    if (n->n < letters_needed(signature)) {
        return false;
    }
    for (uint32_t i = 0; i < n->n; i++) {
        wsl_type wanted;
        if (!fits_letter(letter_of(signature, i), n->arg[i], &wanted)) {
            return false;
        }
    }
    return true;
}

/* Dates keep their kind only if the unit is a whole number of days. */
static bool unit_fits(const wsl_fn_def *fn, const wsl_node *n)
{
    return fn->signature[strlen(fn->signature) - 1] != 'D' || n->unit == WSL_UNIT_NONE || n->unit >= WSL_UNIT_DAY;
}

static wsl_type result_of(const char *signature, const wsl_node *n)
{
    switch (signature[strlen(signature) - 1]) {
    case 'b':
        return bool_type;
    case 'i':
        return int64_type;
    case 'j':
        return (wsl_type){.id = WSL_T_INT32};
    case 'd':
        return double_type;
    case 's':
        return string_type;
    case 't':
        return timestamp_type;
    case 'D':
        return (wsl_type){.id = WSL_T_DATE};
    case 'T':
        return (wsl_type){.id = WSL_T_TIME};
    default:
        return n->arg[0]->type;
    }
}

static const char *letter_text(char letter)
{
    switch (letter) {
    case 'b':
        return "BOOL";
    case 'i':
        return "integer";
    case 'd':
        return "number";
    case 'n':
        return "DECIMAL";
    case 's':
        return "STRING";
    case 'x':
        return "value";
    case 't':
        return "TIMESTAMP";
    case 'D':
        return "DATE";
    case 'T':
        return "TIME";
    default:
        return "INTERVAL";
    }
}

/* "(STRING, integer) or (STRING)", all the ways to call it. */
static void list_signatures(wsl_str name, char *out, size_t size)
{
    const wsl_fn_def *fn;
    uint32_t at = 0;
    size_t used = 0;
    out[0] = '\0';
    while ((fn = wsl_fn_next(name, &at)) != NULL && used < size) {
        int n = snprintf(out + used, size - used, "%s(", used > 0 ? " or " : "");
        used += n > 0 ? (size_t)n : 0;
        for (const char *s = fn->signature; *s != '>' && used < size; s++) {
            n = *s == '*' ? snprintf(out + used, size - used, ", ...")
                          : snprintf(out + used, size - used, "%s%s", s > fn->signature ? ", " : "", letter_text(*s));
            used += n > 0 ? (size_t)n : 0;
        }
        if (used < size) {
            n = snprintf(out + used, size - used, ")");
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static wsl_status fail_unknown_function(const wsl_typer *t, const wsl_node *n)
{
    char name[64];
    char hint[WSL_SUGGEST_TEXT_MAX];
    wsl_suggest s;
    const uint32_t size = n->name.size < sizeof name - 1 ? n->name.size : (uint32_t)sizeof name - 1;
    memcpy(name, n->name.data, size);
    name[size] = '\0';
    wsl_suggest_init(&s, name);
    const char *known;
    for (uint32_t i = 0; (known = wsl_fn_name(i)) != NULL; i++) {
        wsl_suggest_offer(&s, known);
    }
    static const char *const forms[] = {"COALESCE", "NULLIF", "IF",       "MOD", "GREATEST",
                                        "LEAST",    "CAST",   "TRY_CAST", "TRIM"};
    static const char *const aggregates[] = {"SUM", "COUNT", "MIN", "MAX", "AVG", "FIRST_VALUE", "LAST_VALUE"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(forms); i++) {
        wsl_suggest_offer(&s, forms[i]);
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(aggregates); i++) {
        if (strcasecmp(name, aggregates[i]) == 0) {
            return FAIL(t, n, WSL_INVALID, "%s is an aggregate; it works in an \"aggregate\" operator only",
                        aggregates[i]);
        }
    }
    return FAIL(t, n, WSL_NOT_FOUND, "there is no function '%s'%s", name, wsl_suggest_text(&s, hint));
}

wsl_status wsl_typer_check_call(const wsl_typer *t, wsl_node *n)
{
    const wsl_fn_def *fn;
    uint32_t at = 0;
    bool known = false;
    char name_to[32];
    if (n->unit != WSL_UNIT_NONE && (n->name.size == 5 || n->name.size == 4)) {
        /* FLOOR(t TO unit) and CEIL(t TO unit) are functions of their own */
        (void)snprintf(name_to, sizeof name_to, "%.*s TO", (int)n->name.size, n->name.data);
        n->name = (wsl_str){wsl_arena_strdup(t->arena, name_to), (uint32_t)strlen(name_to)};
    }
    for (uint32_t i = 0; i < n->n; i++) {
        if (n->arg[i]->kind == WSL_NODE_STAR) {
            return FAIL(t, n->arg[i], WSL_INVALID, "'*' is no value; only COUNT takes it");
        }
    }
    while ((fn = wsl_fn_next(n->name, &at)) != NULL) {
        known = true;
        if (signature_fits(fn->signature, n) && unit_fits(fn, n)) {
            break;
        }
    }
    if (fn == NULL) {
        if (!known) {
            return fail_unknown_function(t, n);
        }
        char takes[300];
        char types[300] = "";
        size_t used = 0;
        list_signatures(n->name, takes, sizeof takes);
        for (uint32_t i = 0; i < n->n && used < sizeof types; i++) {
            char text[WSL_XT_TEXT_MAX];
            const int more = snprintf(types + used, sizeof types - used, "%s%s", i > 0 ? ", " : "",
                                      wsl_xt_text(&n->arg[i]->type, text));
            used += more > 0 ? (size_t)more : 0;
        }
        return FAIL(t, n, WSL_TYPE, "%.*s cannot be called with (%s); it takes %s", (int)n->name.size, n->name.data,
                    types, takes);
    }
    for (uint32_t i = 0; i < n->n; i++) {
        wsl_type wanted;
        (void)fits_letter(letter_of(fn->signature, i), n->arg[i], &wanted);
        WSL_TRY(wsl_typer_coerce(t, &n->arg[i], &wanted));
    }
    n->fn = fn;
    if (fn->unit != WSL_UNIT_NONE) {
        n->unit = (uint8_t)fn->unit;
    }
    n->type = result_of(fn->signature, n);
    n->type.not_null = false;
    n->guard = true;
    return WSL_OK;
}
