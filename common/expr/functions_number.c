/*
 * functions_number.c - numbers: rounding, powers and logarithms, and the arithmetic of decimals.
 *
 * Doubles follow IEEE (LN(-1) is NaN). What leaves the range of an integer or a decimal fails.
 */
#include <math.h>

#include "data/decimal.h"
#include "expr/functions.h"

static bool overflow(wsl_call *c) { return wsl_call_fail(c, WSL_INVALID, "overflow"); }

/* ---- decimals behind + - * / % ---- */

bool wsl_call_decimal_arith(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_type *type = &c->node->type;
    const uint32_t s1 = c->node->arg[0]->type.scale;
    const uint32_t s2 = c->node->arg[1]->type.scale;
    bool ok;
    if ((c->node->op == '/' || c->node->op == '%') && a[1].dec == 0) {
        return wsl_call_fail(c, WSL_INVALID, "division by zero");
    }
    switch (c->node->op) {
    case '+':
        ok = wsl_decimal_add(a[0].dec, s1, a[1].dec, s2, type->scale, &out->dec);
        break;
    case '-':
        ok = wsl_decimal_sub(a[0].dec, s1, a[1].dec, s2, type->scale, &out->dec);
        break;
    case '*':
        ok = wsl_decimal_mul(a[0].dec, s1, a[1].dec, s2, type->scale, &out->dec);
        break;
    case '/':
        ok = wsl_decimal_div(a[0].dec, s1, a[1].dec, s2, type->scale, &out->dec);
        break;
    default:
        ok = wsl_decimal_mod(a[0].dec, s1, a[1].dec, s2, type->scale, &out->dec);
        break;
    }
    return ok && wsl_decimal_fits(out->dec, type->precision) ? true : overflow(c);
}

/* ---- same type in, same type out ---- */

static bool fn_same(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    *out = a[0];
    return true;
}

static bool fn_abs_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    int64_t min = INT64_MIN;
    int64_t max = INT64_MAX;
    (void)wsl_xt_range(&c->node->type, &min, &max);
    if (a[0].i == min) {
        return overflow(c);
    }
    out->i = a[0].i < 0 ? -a[0].i : a[0].i;
    return true;
}

static bool fn_abs_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->dec = a[0].dec < 0 ? -a[0].dec : a[0].dec;
    return true;
}

static bool fn_sign_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = (a[0].i > 0) - (a[0].i < 0);
    return true;
}

static bool fn_sign_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    /* A DECIMAL(p,p) has no room for 1; its sign overflows. */
    out->dec = ((a[0].dec > 0) - (a[0].dec < 0)) * wsl_decimal_pow10(c->node->type.scale);
    return wsl_decimal_fits(out->dec, c->node->type.precision) ? true : overflow(c);
}

/* ---- rounding ---- */

typedef enum rounding { ROUND_HALF, ROUND_DOWN, ROUND_FLOOR, ROUND_CEIL } rounding;

/* v to a multiple of `unit` > 0. */
static __int128 round_to(__int128 v, __int128 unit, rounding how)
{
    const __int128 rest = v % unit;
    const __int128 low = v - rest; /* toward zero */
    switch (how) {
    case ROUND_HALF:
        return (rest < 0 ? -rest : rest) >= unit - (rest < 0 ? -rest : rest) ? low + (v < 0 ? -unit : unit) : low;
    case ROUND_FLOOR:
        return rest < 0 ? low - unit : low;
    case ROUND_CEIL:
        return rest > 0 ? low + unit : low;
    default:
        return low;
    }
}

/* `places` digits behind the point stay; negative: zeros before it. */
static bool round_int(wsl_call *c, int64_t v, int64_t places, rounding how, wsl_value *out)
{
    int64_t min = INT64_MIN;
    int64_t max = INT64_MAX;
    (void)wsl_xt_range(&c->node->type, &min, &max);
    __int128 r = v;
    if (places < 0) {
        r = places < -19 ? 0 : round_to(v, wsl_decimal_pow10((uint32_t)-places), how);
    }
    if (r < min || r > max) {
        return overflow(c);
    }
    out->i = (int64_t)r;
    return true;
}

static bool round_dec(wsl_call *c, __int128 v, int64_t places, rounding how, wsl_value *out)
{
    const int64_t drop = (int64_t)c->node->type.scale - places;
    if (drop <= 0) {
        out->dec = v;
        return true;
    }
    if (drop > WSL_DECIMAL_PRECISION_MAX) {
        out->dec = 0; /* |v| < 10^38 is less than half of that */
        return true;
    }
    out->dec = round_to(v, wsl_decimal_pow10((uint32_t)drop), how);
    return wsl_decimal_fits(out->dec, c->node->type.precision) ? true : overflow(c);
}

/* By decimal digits, through the shortest text of the double: ROUND(2.675, 2) is 2.68, as people expect. */
static bool round_dbl(double v, int64_t places, rounding how, wsl_value *out)
{
    __int128 dec;
    out->d = v;
    if (!isfinite(v) || places > 300) {
        return true;
    }
    if (places >= 0 && places <= 18 && fabs(v) < 1e19 && wsl_decimal_of_double(v, 38, 18, &dec)) {
        const __int128 r = round_to(dec, wsl_decimal_pow10((uint32_t)(18 - places)), how);
        out->d = r == 0 ? copysign(0.0, v) : wsl_decimal_to_double(r, 18);
        return true;
    }
    const double unit = pow(10, (double)(places < -308 ? -308 : places));
    const double scaled = v * unit;
    if (isfinite(scaled) && unit > 0) {
        out->d = (how == ROUND_HALF ? round(scaled) : trunc(scaled)) / unit;
    }
    return true;
}

static int64_t places_of(const wsl_call *c, const wsl_value *a) { return c->n > 1 ? a[1].i : 0; }

static bool fn_round_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_int(c, a[0].i, places_of(c, a), ROUND_HALF, out);
}
static bool fn_round_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dec(c, a[0].dec, places_of(c, a), ROUND_HALF, out);
}
static bool fn_round_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dbl(a[0].d, places_of(c, a), ROUND_HALF, out);
}
static bool fn_truncate_int(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_int(c, a[0].i, places_of(c, a), ROUND_DOWN, out);
}
static bool fn_truncate_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dec(c, a[0].dec, places_of(c, a), ROUND_DOWN, out);
}
static bool fn_truncate_dbl(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dbl(a[0].d, places_of(c, a), ROUND_DOWN, out);
}
static bool fn_floor_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dec(c, a[0].dec, 0, ROUND_FLOOR, out);
}
static bool fn_ceil_dec(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return round_dec(c, a[0].dec, 0, ROUND_CEIL, out);
}

/* ---- doubles ---- */

#define DOUBLE_FN(name, expr)                                                                                          \
    static bool name(wsl_call *c, const wsl_value *a, wsl_value *out)                                                  \
    {                                                                                                                  \
        (void)c;                                                                                                       \
        out->d = expr;                                                                                                 \
        return true;                                                                                                   \
    }

DOUBLE_FN(fn_abs_dbl, fabs(a[0].d))
DOUBLE_FN(fn_sign_dbl, isnan(a[0].d) ? a[0].d : (double)((a[0].d > 0) - (a[0].d < 0)))
DOUBLE_FN(fn_floor_dbl, floor(a[0].d))
DOUBLE_FN(fn_ceil_dbl, ceil(a[0].d))
DOUBLE_FN(fn_power, pow(a[0].d, a[1].d))
DOUBLE_FN(fn_sqrt, sqrt(a[0].d))
DOUBLE_FN(fn_exp, exp(a[0].d))
DOUBLE_FN(fn_ln, log(a[0].d))
DOUBLE_FN(fn_log, log(a[1].d) / log(a[0].d))
DOUBLE_FN(fn_log10, log10(a[0].d))
DOUBLE_FN(fn_log2, log2(a[0].d))
DOUBLE_FN(fn_sin, sin(a[0].d))
DOUBLE_FN(fn_cos, cos(a[0].d))
DOUBLE_FN(fn_tan, tan(a[0].d))

static bool fn_pi(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    (void)a;
    out->d = 3.14159265358979323846;
    return true;
}

/* clang-format off */
const wsl_fn_def wsl_number_functions[] = {
    {"ABS", "i>0", fn_abs_int, WSL_UNIT_NONE, false},
    {"ABS", "n>0", fn_abs_dec, WSL_UNIT_NONE, false},
    {"ABS", "d>d", fn_abs_dbl, WSL_UNIT_NONE, false},
    {"SIGN", "i>0", fn_sign_int, WSL_UNIT_NONE, false},
    {"SIGN", "n>0", fn_sign_dec, WSL_UNIT_NONE, false},
    {"SIGN", "d>d", fn_sign_dbl, WSL_UNIT_NONE, false},
    {"FLOOR", "i>0", fn_same, WSL_UNIT_NONE, false},
    {"FLOOR", "n>0", fn_floor_dec, WSL_UNIT_NONE, false},
    {"FLOOR", "d>d", fn_floor_dbl, WSL_UNIT_NONE, false},
    {"CEIL", "i>0", fn_same, WSL_UNIT_NONE, false},
    {"CEIL", "n>0", fn_ceil_dec, WSL_UNIT_NONE, false},
    {"CEIL", "d>d", fn_ceil_dbl, WSL_UNIT_NONE, false},
    {"CEILING", "i>0", fn_same, WSL_UNIT_NONE, false},
    {"CEILING", "n>0", fn_ceil_dec, WSL_UNIT_NONE, false},
    {"CEILING", "d>d", fn_ceil_dbl, WSL_UNIT_NONE, false},
    {"ROUND", "i>0", fn_round_int, WSL_UNIT_NONE, false},
    {"ROUND", "n>0", fn_round_dec, WSL_UNIT_NONE, false},
    {"ROUND", "d>d", fn_round_dbl, WSL_UNIT_NONE, false},
    {"ROUND", "ii>0", fn_round_int, WSL_UNIT_NONE, false},
    {"ROUND", "ni>0", fn_round_dec, WSL_UNIT_NONE, false},
    {"ROUND", "di>d", fn_round_dbl, WSL_UNIT_NONE, false},
    {"TRUNCATE", "i>0", fn_truncate_int, WSL_UNIT_NONE, false},
    {"TRUNCATE", "n>0", fn_truncate_dec, WSL_UNIT_NONE, false},
    {"TRUNCATE", "d>d", fn_truncate_dbl, WSL_UNIT_NONE, false},
    {"TRUNCATE", "ii>0", fn_truncate_int, WSL_UNIT_NONE, false},
    {"TRUNCATE", "ni>0", fn_truncate_dec, WSL_UNIT_NONE, false},
    {"TRUNCATE", "di>d", fn_truncate_dbl, WSL_UNIT_NONE, false},
    {"POWER", "dd>d", fn_power, WSL_UNIT_NONE, false},
    {"SQRT", "d>d", fn_sqrt, WSL_UNIT_NONE, false},
    {"EXP", "d>d", fn_exp, WSL_UNIT_NONE, false},
    {"LN", "d>d", fn_ln, WSL_UNIT_NONE, false},
    {"LOG", "d>d", fn_ln, WSL_UNIT_NONE, false},
    {"LOG", "dd>d", fn_log, WSL_UNIT_NONE, false},
    {"LOG10", "d>d", fn_log10, WSL_UNIT_NONE, false},
    {"LOG2", "d>d", fn_log2, WSL_UNIT_NONE, false},
    {"SIN", "d>d", fn_sin, WSL_UNIT_NONE, false},
    {"COS", "d>d", fn_cos, WSL_UNIT_NONE, false},
    {"TAN", "d>d", fn_tan, WSL_UNIT_NONE, false},
    {"PI", ">d", fn_pi, WSL_UNIT_NONE, false},
    {0},
};
/* clang-format on */
