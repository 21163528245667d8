/*
 * text_number - numbers of JSON and CSV: the common ones (up to 18 digits, plain fractions) on the spot and exactly,
 * all others by base/number.h.
 *
 * The text ends at a sentinel that is no part of a number; `limit` is the end of readable memory (see text_scan.h).
 *
 * Threads: any; no state.
 */
#pragma once
#include "format/text_scan.h"

/* A number by JSON's grammar: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? Returns its end, NULL if it is
 * none. */
const char *wsl_json_number_end(const char *p);

/* The whole of [s, s+n) (any usual notation: "12", "-1.50", "1e3") as an integer, exactly; false if it is no number,
 * has a fraction or does not fit. */
bool wsl_text_to_int64(const char *s, size_t n, int64_t *out);

/* The nearest value. "NaN", "Infinity" and "-Infinity" (as we print them; "inf" in any case, too) if `special`. Numbers
 * beyond the largest are false, those below the smallest are 0 (with sign). */
bool wsl_text_to_double(const char *s, size_t n, bool special, double *out);
bool wsl_text_to_float(const char *s, size_t n, bool special, float *out);

/* 10^0 .. 10^22, exact in a double. */
extern const double wsl_pow10_double[23];

/* An integer at p without fraction or exponent. NULL: not so simple, or no integer (use the exact functions). */
static inline const char *wsl_scan_int64(const char *p, const char *limit, int64_t *out)
{
    const bool negative = *p == '-';
    p += negative;
    uint64_t v = 0;
    const char *q = wsl_scan_digits(p, limit, &v);
    const size_t n = (size_t)(q - p);
    if (WSL_UNLIKELY(n == 0 || n > 18 || (*p == '0' && n > 1) || *q == '.' || *q == 'e' || *q == 'E')) {
        return NULL;
    }
    *out = negative ? -(int64_t)v : (int64_t)v;
    return q;
}

/* A number at p with at most 19 digits, whose value is exactly digits / 10^fraction with both exact in a double: then
 * one division rounds correctly (Clinger's fast path). NULL: not so simple. */
static inline const char *wsl_scan_double(const char *p, const char *limit, double *out)
{
    const bool negative = *p == '-';
    p += negative;
    uint64_t v = 0;
    const char *q = wsl_scan_digits(p, limit, &v);
    size_t n = (size_t)(q - p);
    if (WSL_UNLIKELY(n == 0 || (*p == '0' && n > 1))) {
        return NULL;
    }
    size_t fraction = 0;
    if (*q == '.') {
        const char *r = wsl_scan_digits(q + 1, limit, &v);
        fraction = (size_t)(r - (q + 1));
        if (WSL_UNLIKELY(fraction == 0)) {
            return NULL;
        }
        n += fraction;
        q = r;
    }
    if (WSL_UNLIKELY(n > 19 || v > (uint64_t)1 << 53 || *q == 'e' || *q == 'E')) {
        return NULL;
    }
    const double d = (double)(int64_t)v / wsl_pow10_double[fraction];
    *out = negative ? -d : d;
    return q;
}
