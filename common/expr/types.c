/*
 * types.c - the rules are those of SQL as Flink applies them: the wider of two integers, FLOAT with an integer is
 * FLOAT, DECIMAL with FLOAT or DOUBLE is DOUBLE, and decimals keep all digits until 38 are not enough; then digits
 * behind the point go, down to six.
 */
#include "expr/types.h"

#include <stdio.h>

#include "data/civil.h"
#include "data/type_internal.h"

enum { SCALE_KEPT_MIN = 6 };

wsl_phys wsl_phys_of(const wsl_type *type)
{
    switch ((int)type->id) {
    case WSL_T_BOOL:
    case (int)WSL_XT_NULL:
        return WSL_PHYS_BOOL;
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
        return WSL_PHYS_DBL;
    case WSL_T_DECIMAL:
        return WSL_PHYS_DEC;
    case WSL_T_STRING:
    case WSL_T_BYTES:
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        return WSL_PHYS_STR;
    default:
        return WSL_PHYS_INT;
    }
}

bool wsl_type_is_integer(const wsl_type *type) { return type->id >= WSL_T_INT8 && type->id <= WSL_T_INT64; }
bool wsl_type_is_approximate(const wsl_type *type) { return type->id == WSL_T_FLOAT || type->id == WSL_T_DOUBLE; }
bool wsl_type_is_numeric(const wsl_type *type) { return type->id >= WSL_T_INT8 && type->id <= WSL_T_DECIMAL; }
bool wsl_type_is_temporal(const wsl_type *type) { return type->id >= WSL_T_DATE && type->id <= WSL_T_TIMESTAMP; }

const char *wsl_xt_text(const wsl_type *type, char out[WSL_XT_TEXT_MAX])
{
    if (type->id == WSL_XT_NULL) {
        (void)snprintf(out, WSL_XT_TEXT_MAX, "NULL");
    } else if (type->id == WSL_XT_INTERVAL) {
        (void)snprintf(out, WSL_XT_TEXT_MAX, "INTERVAL");
    } else if (type->id == WSL_XT_MONTHS) {
        (void)snprintf(out, WSL_XT_TEXT_MAX, "INTERVAL MONTH");
    } else {
        wsl_type plain = *type;
        plain.not_null = false;
        (void)wsl_type_text(&plain, out, WSL_XT_TEXT_MAX);
    }
    return out;
}

bool wsl_xt_same(const wsl_type *a, const wsl_type *b)
{
    wsl_type x = *a;
    wsl_type y = *b;
    x.not_null = y.not_null = false;
    return x.id == y.id && ((int)x.id >= (int)WSL_XT_NULL || wsl_type_equal(&x, &y));
}

static uint32_t integer_digits(wsl_type_id id)
{
    return id == WSL_T_INT8 ? 3 : id == WSL_T_INT16 ? 5 : id == WSL_T_INT32 ? 10 : 19;
}

wsl_type wsl_xt_as_decimal(const wsl_type *type)
{
    if (type->id == WSL_T_DECIMAL) {
        return *type;
    }
    return (wsl_type){.id = WSL_T_DECIMAL, .precision = (uint8_t)integer_digits(type->id), .not_null = type->not_null};
}

/* Digits in front of the point come first; those behind it give way, but not below six. */
static wsl_type decimal_of(int32_t precision, int32_t scale)
{
    if (precision > WSL_DECIMAL_PRECISION_MAX) {
        const int32_t whole = precision - scale;
        const int32_t keep = scale < SCALE_KEPT_MIN ? scale : SCALE_KEPT_MIN;
        const int32_t fits = WSL_DECIMAL_PRECISION_MAX - whole;
        scale = fits > keep ? fits : keep;
        precision = WSL_DECIMAL_PRECISION_MAX;
    }
    return (wsl_type){.id = WSL_T_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

static int32_t max_of(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t min_of(int32_t a, int32_t b) { return a < b ? a : b; }

wsl_type wsl_xt_decimal_result(char op, const wsl_type *a, const wsl_type *b)
{
    const int32_t p1 = a->precision;
    const int32_t s1 = a->scale;
    const int32_t p2 = b->precision;
    const int32_t s2 = b->scale;
    int32_t scale = max_of(s1, s2);
    switch (op) {
    case '*':
        return decimal_of(p1 + p2 + 1, s1 + s2);
    case '/':
        scale = max_of(SCALE_KEPT_MIN, s1 + p2 + 1);
        return decimal_of(p1 - s1 + s2 + scale, scale);
    case '%':
        return decimal_of(max_of(1, min_of(p1 - s1, p2 - s2) + scale), scale);
    default:
        return decimal_of(max_of(p1 - s1, p2 - s2) + scale + 1, scale);
    }
}

static bool common_number(const wsl_type *a, const wsl_type *b, wsl_type *out)
{
    if (wsl_type_is_approximate(a) || wsl_type_is_approximate(b)) {
        const bool narrow =
            a->id != WSL_T_DOUBLE && b->id != WSL_T_DOUBLE && a->id != WSL_T_DECIMAL && b->id != WSL_T_DECIMAL;
        *out = (wsl_type){.id = narrow ? WSL_T_FLOAT : WSL_T_DOUBLE};
        return true;
    }
    if (a->id == WSL_T_DECIMAL || b->id == WSL_T_DECIMAL) {
        const wsl_type x = wsl_xt_as_decimal(a);
        const wsl_type y = wsl_xt_as_decimal(b);
        const int32_t scale = max_of(x.scale, y.scale);
        *out = decimal_of(max_of(x.precision - x.scale, y.precision - y.scale) + scale, scale);
        return true;
    }
    *out = (wsl_type){.id = a->id > b->id ? a->id : b->id};
    return true;
}

bool wsl_xt_common(const wsl_type *a, const wsl_type *b, wsl_type *out)
{
    const bool not_null = a->not_null && b->not_null;
    bool ok = true;
    if (a->id == WSL_XT_NULL || b->id == WSL_XT_NULL) {
        *out = a->id == WSL_XT_NULL ? *b : *a;
    } else if (wsl_xt_same(a, b)) {
        *out = *a;
    } else if (wsl_type_is_numeric(a) && wsl_type_is_numeric(b)) {
        ok = common_number(a, b, out);
    } else if ((a->id == WSL_T_DATE && b->id == WSL_T_TIMESTAMP) || (a->id == WSL_T_TIMESTAMP && b->id == WSL_T_DATE)) {
        *out = (wsl_type){.id = WSL_T_TIMESTAMP};
    } else if (a->id == WSL_XT_INTERVAL && b->id == WSL_XT_INTERVAL) {
        *out = (wsl_type){.id = WSL_XT_INTERVAL};
    } else {
        return false;
    }
    out->not_null = not_null;
    return ok;
}

bool wsl_xt_range(const wsl_type *type, int64_t *out_min, int64_t *out_max)
{
    switch ((int)type->id) {
    case WSL_T_INT8:
        *out_min = INT8_MIN;
        *out_max = INT8_MAX;
        return true;
    case WSL_T_INT16:
        *out_min = INT16_MIN;
        *out_max = INT16_MAX;
        return true;
    case WSL_T_INT32:
    case WSL_T_DATE:
        *out_min = INT32_MIN;
        *out_max = INT32_MAX;
        return true;
    case WSL_T_TIME:
        *out_min = 0;
        *out_max = WSL_DAY_MS - 1;
        return true;
    default:
        return false;
    }
}
