/*
 * decimal.c - products and quotients pass through 256 bits (`wide`, magnitude only), so that no digit is lost before
 * the one rounding at the end.
 */
#include "data/decimal.h"

#include <math.h>

#include "base/number.h"

typedef unsigned __int128 u128;

/* 10^38 - 1 is the largest value; 2^127 > 1.7 * 10^38. */
typedef struct wide {
    u128 high;
    u128 low;
} wide;

__int128 wsl_decimal_pow10(uint32_t n)
{
    static const uint64_t small[20] = {1ull,
                                       10ull,
                                       100ull,
                                       1000ull,
                                       10000ull,
                                       100000ull,
                                       1000000ull,
                                       10000000ull,
                                       100000000ull,
                                       1000000000ull,
                                       10000000000ull,
                                       100000000000ull,
                                       1000000000000ull,
                                       10000000000000ull,
                                       100000000000000ull,
                                       1000000000000000ull,
                                       10000000000000000ull,
                                       100000000000000000ull,
                                       1000000000000000000ull,
                                       10000000000000000000ull};
    return n < 20 ? (__int128)small[n] : (__int128)((u128)small[19] * small[n - 19]);
}

static u128 magnitude(__int128 v) { return v < 0 ? -(u128)v : (u128)v; }

/* ---- 256 bits ---- */

static wide wide_mul(u128 a, u128 b)
{
    const uint64_t mask = UINT64_MAX;
    const u128 a0 = a & mask;
    const u128 a1 = a >> 64;
    const u128 b0 = b & mask;
    const u128 b1 = b >> 64;
    const u128 p00 = a0 * b0;
    const u128 p01 = a0 * b1;
    const u128 p10 = a1 * b0;
    const u128 middle = (p00 >> 64) + (p01 & mask) + (p10 & mask);
    return (wide){a1 * b1 + (p01 >> 64) + (p10 >> 64) + (middle >> 64), middle << 64 | (p00 & mask)};
}

/* n / d bit by bit; false if the quotient needs more than 128 bits. d < 2^127. */
static bool wide_div(wide n, u128 d, u128 *out_quotient, u128 *out_rest)
{
    if (n.high == 0) {
        *out_quotient = n.low / d;
        *out_rest = n.low % d;
        return true;
    }
    if (n.high >= d) {
        return false;
    }
    u128 rest = n.high;
    u128 quotient = 0;
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (n.low >> bit & 1);
        quotient <<= 1;
        if (rest >= d) {
            rest -= d;
            quotient |= 1;
        }
    }
    *out_quotient = quotient;
    *out_rest = rest;
    return true;
}

/* round(n / d) with a sign, if it has at most 38 digits. */
static bool round_div(wide n, u128 d, bool negative, __int128 *out)
{
    u128 q;
    u128 r;
    if (!wide_div(n, d, &q, &r)) {
        return false;
    }
    q += r >= d - r;
    if (q >= (u128)wsl_decimal_pow10(WSL_DECIMAL_PRECISION_MAX)) {
        return false;
    }
    *out = negative ? -(__int128)q : (__int128)q;
    return true;
}

/* ---- arithmetic ---- */

bool wsl_decimal_rescale(__int128 v, uint32_t from, uint32_t to, __int128 *out)
{
    if (to >= from) {
        return to - from <= WSL_DECIMAL_PRECISION_MAX
                   ? round_div(wide_mul(magnitude(v), (u128)wsl_decimal_pow10(to - from)), 1, v < 0, out)
                   : (v == 0 && (*out = 0, true));
    }
    return round_div((wide){0, magnitude(v)}, (u128)wsl_decimal_pow10(from - to), v < 0, out);
}

static int wide_compare(wide a, wide b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    return a.low < b.low ? -1 : a.low > b.low;
}

static wide wide_add(wide a, wide b)
{
    const u128 low = a.low + b.low;
    const u128 carry = low < a.low;
    return (wide){a.high + b.high + carry, low};
}

static wide wide_sub(wide a, wide b)
{
    const u128 borrow = a.low < b.low;
    return (wide){a.high - b.high - borrow, a.low - b.low};
}

/* At the larger scale both need up to 253 bits; magnitudes are added or subtracted there and rounded once. */
bool wsl_decimal_add(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out)
{
    const uint32_t common = scale_a > scale_b ? scale_a : scale_b;
    const wide x = wide_mul(magnitude(a), (u128)wsl_decimal_pow10(common - scale_a));
    const wide y = wide_mul(magnitude(b), (u128)wsl_decimal_pow10(common - scale_b));
    wide sum;
    bool negative = a < 0;
    if ((a < 0) == (b < 0)) {
        sum = wide_add(x, y);
    } else if (wide_compare(x, y) >= 0) {
        sum = wide_sub(x, y);
    } else {
        sum = wide_sub(y, x);
        negative = b < 0;
    }
    if (common > scale) {
        return round_div(sum, (u128)wsl_decimal_pow10(common - scale), negative, out);
    }
    __int128 exact;
    return round_div(sum, 1, negative, &exact) && wsl_decimal_rescale(exact, common, scale, out);
}

bool wsl_decimal_sub(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out)
{
    return wsl_decimal_add(a, scale_a, -b, scale_b, scale, out);
}

bool wsl_decimal_mul(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out)
{
    const bool negative = (a < 0) != (b < 0);
    const wide product = wide_mul(magnitude(a), magnitude(b));
    const uint32_t have = scale_a + scale_b;
    if (have > scale) {
        uint32_t drop = have - scale;
        if (drop <= WSL_DECIMAL_PRECISION_MAX) {
            return round_div(product, (u128)wsl_decimal_pow10(drop), negative, out);
        }
        /* More digits go than one divisor holds: below half a unit whatever the product is, but for its top digits. */
        u128 q;
        u128 r;
        if (!wide_div(product, (u128)wsl_decimal_pow10(WSL_DECIMAL_PRECISION_MAX), &q, &r)) {
            return false;
        }
        return round_div((wide){0, q}, (u128)wsl_decimal_pow10(drop - WSL_DECIMAL_PRECISION_MAX), negative, out);
    }
    __int128 exact;
    return round_div(product, 1, negative, &exact) && wsl_decimal_rescale(exact, have, scale, out);
}

bool wsl_decimal_div(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out)
{
    const bool negative = (a < 0) != (b < 0);
    const int32_t shift = (int32_t)scale + (int32_t)scale_b - (int32_t)scale_a;
    if (shift < 0) {
        /* a / (b * 10^-shift) */
        const wide divisor = wide_mul(magnitude(b), (u128)wsl_decimal_pow10((uint32_t)-shift));
        if (divisor.high != 0) {
            *out = 0; /* a is below 10^38, less than half of 2^128 */
            return true;
        }
        return round_div((wide){0, magnitude(a)}, divisor.low, negative, out);
    }
    if (shift > WSL_DECIMAL_PRECISION_MAX) {
        __int128 first;
        return wsl_decimal_rescale(a, 0, (uint32_t)shift - WSL_DECIMAL_PRECISION_MAX, &first) &&
               round_div(wide_mul(magnitude(first), (u128)wsl_decimal_pow10(WSL_DECIMAL_PRECISION_MAX)), magnitude(b),
                         negative, out);
    }
    return round_div(wide_mul(magnitude(a), (u128)wsl_decimal_pow10((uint32_t)shift)), magnitude(b), negative, out);
}

bool wsl_decimal_mod(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out)
{
    const uint32_t common = scale_a > scale_b ? scale_a : scale_b;
    const wide x = wide_mul(magnitude(a), (u128)wsl_decimal_pow10(common - scale_a));
    const wide y = wide_mul(magnitude(b), (u128)wsl_decimal_pow10(common - scale_b));
    if (y.high != 0 || y.low >> 127 != 0) {
        return wsl_decimal_rescale(a, scale_a, scale, out); /* |a| < |b| */
    }
    /* The remainder does not need the quotient to fit: reduce the high half first. */
    const wide reduced = {x.high % y.low, x.low};
    u128 q;
    u128 r;
    if (!wide_div(reduced, y.low, &q, &r)) {
        return false;
    }
    return wsl_decimal_rescale(a < 0 ? -(__int128)r : (__int128)r, common, scale, out);
}

int wsl_decimal_compare(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b)
{
    if (scale_a == scale_b || (a < 0) != (b < 0)) {
        return a < b ? -1 : a > b;
    }
    const uint32_t common = scale_a > scale_b ? scale_a : scale_b;
    const wide x = wide_mul(magnitude(a), (u128)wsl_decimal_pow10(common - scale_a));
    const wide y = wide_mul(magnitude(b), (u128)wsl_decimal_pow10(common - scale_b));
    const int order = wide_compare(x, y);
    return a < 0 ? -order : order;
}

/* ---- text ---- */

size_t wsl_decimal_print(__int128 v, uint32_t scale, char out[WSL_DECIMAL_TEXT_MAX])
{
    char rev[WSL_DECIMAL_TEXT_MAX];
    u128 rest = magnitude(v);
    uint32_t n = 0;
    size_t at = 0;
    for (uint32_t digit = 0; digit < scale || rest > 0 || digit == scale; digit++) {
        if (digit == scale && scale > 0) {
            rev[n++] = '.';
        }
        rev[n++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (v < 0) {
        out[at++] = '-';
    }
    while (n > 0) {
        out[at++] = rev[--n];
    }
    out[at] = '\0';
    return at;
}

/* Collects up to 38 significant digits behind leading zeros; the first digit beyond decides the rounding. */
typedef struct digits {
    u128 value;
    uint32_t n;       /* digits in value, leading zeros not counted */
    int32_t exponent; /* value * 10^exponent */
    bool cut;         /* digits were dropped ... */
    char first_cut;   /* ... the first of which was this */
    bool any;
} digits;

static void add_digit(digits *d, char c, bool behind_point)
{
    d->any = true;
    if (d->n < WSL_DECIMAL_PRECISION_MAX) {
        const u128 digit = (u128)(uint8_t)(c - '0');
        d->value = d->value * 10 + digit;
        d->n += d->value != 0;
        d->exponent -= behind_point;
    } else {
        d->first_cut = d->cut ? d->first_cut : c;
        d->cut = true;
        d->exponent += !behind_point;
    }
}

static bool read_digits(const char *at, const char *end, digits *d)
{
    bool point = false;
    for (; at < end; at++) {
        if (*at >= '0' && *at <= '9') {
            add_digit(d, *at, point);
        } else if (*at == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (!d->any || at == end) {
        return d->any;
    }
    if (*at != 'e' && *at != 'E') {
        return false;
    }
    at++;
    const bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int32_t e = 0;
    const char *start = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        e = e < 10000 ? e * 10 + (*at - '0') : e;
    }
    d->exponent += negative ? -e : e;
    return at == end && at > start;
}

/* d.value * 10^d.exponent at `scale`. */
static bool place_digits(const digits *d, uint32_t scale, __int128 *out)
{
    const int32_t shift = d->exponent + (int32_t)scale;
    if (d->value == 0) {
        *out = 0;
        return true;
    }
    if (shift > WSL_DECIMAL_PRECISION_MAX) {
        return false;
    }
    if (shift >= 0) {
        __int128 v;
        if (!wsl_decimal_rescale((__int128)d->value, 0, (uint32_t)shift, &v)) {
            return false;
        }
        if (shift == 0 && d->cut && d->first_cut >= '5') {
            v++;
        }
        *out = v;
        return true;
    }
    if (-shift > WSL_DECIMAL_PRECISION_MAX) {
        *out = 0;
        return true;
    }
    return wsl_decimal_rescale((__int128)d->value, (uint32_t)-shift, 0, out);
}

bool wsl_decimal_parse(const char *text, size_t size, uint32_t precision, uint32_t scale, __int128 *out)
{
    const char *at = text;
    const char *end = text + size;
    digits d = {0};
    __int128 v;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (end > at && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    const bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (!read_digits(at, end, &d) || !place_digits(&d, scale, &v) || !wsl_decimal_fits(v, precision)) {
        return false;
    }
    *out = negative ? -v : v;
    return true;
}

/* ---- doubles ---- */

double wsl_decimal_to_double(__int128 v, uint32_t scale)
{
    static const double exact_powers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const __int128 exact = (__int128)1 << 53;
    if (v >= -exact && v <= exact && scale < 23) {
        return (double)v / exact_powers[scale]; /* both exact, one correct rounding */
    }
    char text[WSL_DECIMAL_TEXT_MAX];
    double d = 0;
    (void)wsl_parse_whole_double(text, wsl_decimal_print(v, scale, text), &d);
    return d;
}

bool wsl_decimal_of_double(double v, uint32_t precision, uint32_t scale, __int128 *out)
{
    char text[WSL_NUMBER_TEXT_MAX]; /* the shortest digits that mean v: what people see is what is rounded */
    return isfinite(v) && wsl_decimal_parse(text, wsl_print_double(v, text), precision, scale, out);
}
