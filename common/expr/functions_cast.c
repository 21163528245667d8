/*
 * functions_cast.c - CAST, one function per pair of kinds, and the list of all functions.
 *
 * Numbers are cut towards zero when they become integers and rounded when they become decimals; what does not fit
 * fails. Text is trimmed before it is read.
 */
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "data/civil.h"
#include "data/decimal.h"
#include "data/number_text.h"
#include "expr/functions.h"

static const wsl_type *from_type(const wsl_call *c) { return &c->node->arg[0]->type; }

static bool fail_value(wsl_call *c, const char *value, size_t size)
{
    char type[WSL_XT_TEXT_MAX];
    return wsl_call_fail(c, WSL_INVALID, "'%.*s' is no %s", (int)(size > 60 ? 60 : size), value,
                         wsl_xt_text(&c->node->type, type));
}

static bool give_text(wsl_call *c, const char *text, size_t size, wsl_value *out)
{
    char *made = wsl_call_alloc(c, size);
    if (made == NULL) {
        return false;
    }
    memcpy(made, text, size);
    out->s = (wsl_str){made, (uint32_t)size};
    return true;
}

/* v as an integer (or date, time) of the target's range. */
static bool give_int(wsl_call *c, __int128 v, wsl_value *out)
{
    int64_t min = INT64_MIN;
    int64_t max = INT64_MAX;
    (void)wsl_xt_range(&c->node->type, &min, &max);
    if (v < min || v > max) {
        char type[WSL_XT_TEXT_MAX];
        return wsl_call_fail(c, WSL_INVALID, "a value out of the range of %s", wsl_xt_text(&c->node->type, type));
    }
    out->i = (int64_t)v;
    return true;
}

static bool give_decimal(wsl_call *c, bool ok, __int128 v, wsl_value *out)
{
    if (!ok || !wsl_decimal_fits(v, c->node->type.precision)) {
        char type[WSL_XT_TEXT_MAX];
        return wsl_call_fail(c, WSL_INVALID, "a value out of the range of %s", wsl_xt_text(&c->node->type, type));
    }
    out->dec = v;
    return true;
}

/* ---- from integers (and times, as what they count) ---- */

static bool int_to_int(wsl_call *c, const wsl_value *a, wsl_value *out) { return give_int(c, a[0].i, out); }

static bool int_to_bool(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[0].i != 0;
    return true;
}

static bool int_to_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    out->d = c->node->type.id == WSL_T_FLOAT ? (double)(float)a[0].i : (double)a[0].i;
    return true;
}

static bool int_to_decimal(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    __int128 v = 0;
    const bool ok = wsl_decimal_rescale(a[0].i, 0, c->node->type.scale, &v);
    return give_decimal(c, ok, v, out);
}

static bool int_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    char text[WSL_NUMBER_TEXT_MAX];
    return give_text(c, text, wsl_print_int64(a[0].i, text), out);
}

static bool bool_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->s = wsl_str_of(a[0].i != 0 ? "TRUE" : "FALSE");
    return true;
}

/* ---- from floats ---- */

static bool dbl_to_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    if (!(a[0].d > -9.3e18 && a[0].d < 9.3e18)) { /* NaN too */
        return give_int(c, (__int128)INT64_MAX + 1, out);
    }
    return give_int(c, (__int128)a[0].d, out);
}

static bool dbl_to_bool(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[0].d != 0;
    return true;
}

static bool dbl_to_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    out->d = c->node->type.id == WSL_T_FLOAT ? (double)(float)a[0].d : a[0].d;
    return true;
}

static bool dbl_to_decimal(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    __int128 v = 0;
    const bool ok = wsl_decimal_of_double(a[0].d, c->node->type.precision, c->node->type.scale, &v);
    return give_decimal(c, ok, v, out);
}

static bool dbl_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    char text[WSL_NUMBER_TEXT_MAX];
    const size_t n =
        from_type(c)->id == WSL_T_FLOAT ? wsl_float_text((float)a[0].d, text) : wsl_double_text(a[0].d, text);
    return give_text(c, text, n, out);
}

/* ---- from decimals ---- */

static bool decimal_to_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return give_int(c, a[0].dec / wsl_decimal_pow10(from_type(c)->scale), out);
}

static bool decimal_to_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const double v = wsl_decimal_to_double(a[0].dec, from_type(c)->scale);
    out->d = c->node->type.id == WSL_T_FLOAT ? (double)(float)v : v;
    return true;
}

static bool decimal_to_decimal(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    __int128 v = 0;
    const bool ok = wsl_decimal_rescale(a[0].dec, from_type(c)->scale, c->node->type.scale, &v);
    return give_decimal(c, ok, v, out);
}

static bool decimal_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    char text[WSL_DECIMAL_TEXT_MAX];
    return give_text(c, text, wsl_decimal_print(a[0].dec, from_type(c)->scale, text), out);
}

/* ---- from text ---- */

static wsl_str trimmed(wsl_str s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t')) {
        s.size--;
    }
    return s;
}

static bool text_to_bool(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"t", true}, {"f", false},
                 {"yes", true},  {"no", false},    {"1", true}, {"0", false}};
    const wsl_str s = trimmed(a[0].s);
    for (size_t i = 0; i < WSL_ARRAY_LEN(words); i++) {
        if (s.size == strlen(words[i].word) && strncasecmp(s.data, words[i].word, s.size) == 0) {
            out->i = words[i].value;
            return true;
        }
    }
    return fail_value(c, a[0].s.data, a[0].s.size);
}

static bool text_to_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    wsl_str s = trimmed(a[0].s);
    int64_t min = INT64_MIN;
    int64_t max = INT64_MAX;
    int64_t v;
    if (s.size > 1 && s.data[0] == '+' && s.data[1] != '-') {
        s.data++;
        s.size--;
    }
    (void)wsl_xt_range(&c->node->type, &min, &max);
    if (!wsl_parse_whole_int64(s.data, s.size, &v) || v < min || v > max) {
        return fail_value(c, a[0].s.data, a[0].s.size);
    }
    out->i = v;
    return true;
}

static bool text_to_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    float f = 0;
    bool ok;
    if (c->node->type.id == WSL_T_FLOAT) {
        ok = wsl_float_of_text(a[0].s.data, a[0].s.size, &f);
        out->d = (double)f;
    } else {
        ok = wsl_double_of_text(a[0].s.data, a[0].s.size, &out->d);
    }
    return ok ? true : fail_value(c, a[0].s.data, a[0].s.size);
}

static bool text_to_decimal(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_type *type = &c->node->type;
    return wsl_decimal_parse(a[0].s.data, a[0].s.size, type->precision, type->scale, &out->dec)
               ? true
               : fail_value(c, a[0].s.data, a[0].s.size);
}

static bool text_to_time(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    int32_t v = 0;
    bool ok;
    switch (c->node->type.id) {
    case WSL_T_DATE:
        ok = wsl_civil_parse_date(a[0].s.data, a[0].s.size, &v);
        out->i = v;
        break;
    case WSL_T_TIME:
        ok = wsl_civil_parse_time(a[0].s.data, a[0].s.size, &v);
        out->i = v;
        break;
    default:
        ok = wsl_civil_parse_timestamp(a[0].s.data, a[0].s.size, &out->i);
        break;
    }
    return ok ? true : fail_value(c, a[0].s.data, a[0].s.size);
}

/* STRING and BYTES are the same bytes. */
static bool text_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->s = a[0].s;
    return true;
}

/* ---- from times ---- */

static bool date_to_timestamp(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[0].i * WSL_DAY_MS;
    return true;
}
static bool timestamp_to_date(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return give_int(c, wsl_civil_day(a[0].i), out);
}
static bool timestamp_to_time(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return give_int(c, wsl_civil_ms_of_day(a[0].i), out);
}

static bool time_to_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    char text[WSL_CIVIL_TEXT_MAX];
    const wsl_type_id id = from_type(c)->id;
    const size_t n = id == WSL_T_DATE   ? wsl_civil_print_date(a[0].i, text)
                     : id == WSL_T_TIME ? wsl_civil_print_time(a[0].i, text)
                                        : wsl_civil_print_timestamp(a[0].i, ' ', text);
    return give_text(c, text, n, out);
}

/* ---- the table ---- */

typedef enum cast_kind { KIND_BOOL, KIND_INT, KIND_DBL, KIND_DEC, KIND_TEXT, KIND_TIME, KIND_NONE } cast_kind;

static cast_kind kind_of(const wsl_type *type)
{
    if (wsl_type_is_integer(type)) {
        return KIND_INT;
    }
    if (wsl_type_is_temporal(type)) {
        return KIND_TIME;
    }
    switch (type->id) {
    case WSL_T_BOOL:
        return KIND_BOOL;
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
        return KIND_DBL;
    case WSL_T_DECIMAL:
        return KIND_DEC;
    case WSL_T_STRING:
        return KIND_TEXT;
    default:
        return KIND_NONE;
    }
}

static wsl_call_fn time_to_time(wsl_type_id from, wsl_type_id to)
{
    if (from == WSL_T_DATE && to == WSL_T_TIMESTAMP) {
        return date_to_timestamp;
    }
    if (from == WSL_T_TIMESTAMP) {
        return to == WSL_T_DATE ? timestamp_to_date : to == WSL_T_TIME ? timestamp_to_time : NULL;
    }
    return NULL;
}

wsl_call_fn wsl_cast_fn(const wsl_type *from, const wsl_type *to)
{
    static const wsl_call_fn table[KIND_NONE][KIND_NONE] = {
        [KIND_BOOL] = {NULL, int_to_int, NULL, NULL, bool_to_text, NULL},
        [KIND_INT] = {int_to_bool, int_to_int, int_to_dbl, int_to_decimal, int_to_text, NULL},
        [KIND_DBL] = {dbl_to_bool, dbl_to_int, dbl_to_dbl, dbl_to_decimal, dbl_to_text, NULL},
        [KIND_DEC] = {NULL, decimal_to_int, decimal_to_dbl, decimal_to_decimal, decimal_to_text, NULL},
        [KIND_TEXT] = {text_to_bool, text_to_int, text_to_dbl, text_to_decimal, NULL, text_to_time},
        [KIND_TIME] = {NULL, NULL, NULL, NULL, time_to_text, NULL},
    };
    const cast_kind a = kind_of(from);
    const cast_kind b = kind_of(to);
    if ((from->id == WSL_T_STRING && to->id == WSL_T_BYTES) || (from->id == WSL_T_BYTES && to->id == WSL_T_STRING)) {
        return text_to_text;
    }
    /* Milliseconds since 1970 are what a timestamp is. */
    if ((from->id == WSL_T_INT64 && to->id == WSL_T_TIMESTAMP) ||
        (from->id == WSL_T_TIMESTAMP && to->id == WSL_T_INT64) ||
        (from->id == WSL_XT_INTERVAL && (to->id == WSL_T_INT64 || to->id == WSL_XT_INTERVAL))) {
        return int_to_int;
    }
    if (a == KIND_NONE || b == KIND_NONE) {
        return NULL;
    }
    if (a == KIND_TIME && b == KIND_TIME) {
        return time_to_time(from->id, to->id);
    }
    return table[a][b];
}

/* ---- all functions ---- */

static const wsl_fn_def *at_position(uint32_t at)
{
    const wsl_fn_def *const tables[] = {wsl_string_functions, wsl_number_functions, wsl_time_functions};
    for (size_t t = 0; t < WSL_ARRAY_LEN(tables); t++) {
        for (const wsl_fn_def *fn = tables[t]; fn->name != NULL; fn++) {
            if (at-- == 0) {
                return fn;
            }
        }
    }
    return NULL;
}

const wsl_fn_def *wsl_fn_next(wsl_str name, uint32_t *io_at)
{
    const wsl_fn_def *fn;
    while ((fn = at_position(*io_at)) != NULL) {
        (*io_at)++;
        if (strlen(fn->name) == name.size && strncasecmp(fn->name, name.data, name.size) == 0) {
            return fn;
        }
    }
    return NULL;
}

const char *wsl_fn_name(uint32_t i)
{
    const wsl_fn_def *fn = at_position(i);
    return fn != NULL ? fn->name : NULL;
}
