/*
 * text_number.c - the numbers that the fast paths leave.
 */
#include "format/text_number.h"

#include <math.h>
#include <strings.h>

#include "base/number.h"

const double wsl_pow10_double[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

const char *wsl_json_number_end(const char *p)
{
    p += *p == '-';
    if (!wsl_is_digit(*p)) {
        return NULL;
    }
    if (*p == '0') {
        p++;
    } else {
        while (wsl_is_digit(*p)) {
            p++;
        }
    }
    if (*p == '.') {
        if (!wsl_is_digit(*++p)) {
            return NULL;
        }
        while (wsl_is_digit(*p)) {
            p++;
        }
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!wsl_is_digit(*p)) {
            return NULL;
        }
        while (wsl_is_digit(*p)) {
            p++;
        }
    }
    return wsl_is_digit(*p) ? NULL : p; /* a digit here follows a leading 0 */
}

const char *wsl_scan_int64_long(const char *p, const char *limit, int64_t *out)
{
    const bool negative = *p == '-';
    p += negative;
    uint64_t v = 0;
    const char *q = wsl_scan_digits(p, limit, &v);
    const size_t n = (size_t)(q - p);
    if (n == 0 || n > 18 || (*p == '0' && n > 1) || wsl_number_goes_on(*q)) {
        return NULL;
    }
    *out = negative ? -(int64_t)v : (int64_t)v;
    return q;
}

const char *wsl_scan_double_long(const char *p, const char *limit, double *out)
{
    const bool negative = *p == '-';
    p += negative;
    uint64_t v = 0;
    const char *q = wsl_scan_digits(p, limit, &v);
    size_t n = (size_t)(q - p);
    if (n == 0 || (*p == '0' && n > 1)) {
        return NULL;
    }
    size_t fraction = 0;
    if (*q == '.') {
        const char *r = wsl_scan_digits(q + 1, limit, &v);
        fraction = (size_t)(r - (q + 1));
        if (fraction == 0) {
            return NULL;
        }
        n += fraction;
        q = r;
    }
    if (n > 19 || v > (uint64_t)1 << 53 || *q == 'e' || *q == 'E') {
        return NULL;
    }
    const double d = (double)(int64_t)v / wsl_pow10_double[fraction];
    *out = negative ? -d : d;
    return q;
}

/* The parts of a decimal number in [s, s+n). */
typedef struct parts {
    bool negative;
    const char *digits; /* integer and fraction digits, with the point somewhere among them */
    const char *digits_end;
    int64_t n_digits;
    int64_t n_integer; /* of them before the point */
    int64_t exponent;  /* clamped far outside of what any type holds */
} parts;

enum { EXPONENT_CLAMP = 1 << 28 };

static bool split_number(const char *s, size_t n, parts *out)
{
    const char *p = s;
    const char *const end = s + n;
    *out = (parts){0};
    if (p < end && (*p == '-' || *p == '+')) {
        out->negative = *p++ == '-';
    }
    out->digits = p;
    bool point = false;
    for (; p < end && (wsl_is_digit(*p) || (*p == '.' && !point)); p++) {
        point |= *p == '.';
        out->n_digits += *p != '.';
        out->n_integer += *p != '.' && !point;
    }
    out->digits_end = p;
    if (out->n_digits == 0) {
        return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool below = false;
        if (p < end && (*p == '-' || *p == '+')) {
            below = *p++ == '-';
        }
        if (p == end) {
            return false;
        }
        int64_t e = 0;
        for (; p < end && wsl_is_digit(*p); p++) {
            e = e < EXPONENT_CLAMP ? e * 10 + (*p - '0') : e;
        }
        out->exponent = below ? -e : e;
    }
    return p == end;
}

/* v * 10 + digit towards negative, which reaches one further than positive. */
static bool append_digit(int64_t *v, int digit)
{
    return !__builtin_mul_overflow(*v, 10, v) && !__builtin_sub_overflow(*v, digit, v);
}

bool wsl_text_to_int64(const char *s, size_t n, int64_t *out)
{
    parts x;
    if (!split_number(s, n, &x)) {
        return false;
    }
    const int64_t whole = x.n_integer + x.exponent; /* digits in front of the point once the exponent moved it */
    int64_t v = 0, i = 0;
    for (const char *p = x.digits; p < x.digits_end; p++) {
        if (*p == '.') {
            continue;
        }
        if (i < whole ? !append_digit(&v, *p - '0') : *p != '0') {
            return false;
        }
        i++;
    }
    for (; v != 0 && i < whole; i++) {
        if (!append_digit(&v, 0)) {
            return false;
        }
    }
    if (!x.negative && v == INT64_MIN) {
        return false;
    }
    *out = x.negative ? v : -v;
    return true;
}

static bool text_is(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

static bool special_value(const char *s, size_t n, double *out)
{
    const bool negative = n > 0 && *s == '-';
    const char *p = s + negative;
    const size_t size = n - negative;
    if (text_is(p, size, "nan")) {
        *out = (double)NAN;
        return true;
    }
    if (text_is(p, size, "inf") || text_is(p, size, "infinity")) {
        *out = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return false;
}

bool wsl_text_to_double(const char *s, size_t n, bool special, double *out)
{
    const bool plus = n > 1 && *s == '+' && s[1] != '-';
    return wsl_parse_whole_double(s + plus, n - plus, out) || (special && special_value(s, n, out));
}

bool wsl_text_to_float(const char *s, size_t n, bool special, float *out)
{
    const bool plus = n > 1 && *s == '+' && s[1] != '-';
    float v;
    double d;
    size_t used = 0;
    if (wsl_parse_float(s + plus, n - plus, &v, &used) && used == n - plus) {
        *out = v;
        return true;
    }
    if (special && special_value(s, n, &d)) {
        *out = (float)d;
        return true;
    }
    return false;
}
