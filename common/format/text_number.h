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

/* What may not follow an integer: then it is another kind of number. */
static inline bool wsl_number_goes_on(char c) { return c == '.' || (c | 0x20) == 'e'; }

/* wsl_scan_int64 and wsl_scan_double for what the functions below leave: longer numbers, the end of memory. */
const char *wsl_scan_int64_long(const char *p, const char *limit, int64_t *out);
const char *wsl_scan_double_long(const char *p, const char *limit, double *out);

#if WSL_SCAN_NUMBERS_AT_ONCE
/* The digits at p as an integer; fewer than 16. NULL: not so simple. */
static inline const char *wsl_scan_whole(const char *p, int64_t *out)
{
    __m128i digits;
    const uint32_t n = (uint32_t)__builtin_ctz(~wsl_digits_mask(p, &digits));
    if (WSL_UNLIKELY(n - 1 > 14 || (*p == '0' && n > 1) || wsl_number_goes_on(p[n]))) {
        return NULL;
    }
    *out = (int64_t)wsl_sixteen_digits_value(_mm_shuffle_epi8(digits, wsl_digits_to_the_end(n)));
    return p + n;
}

/* Digits with a point among them, fewer than 16 characters, as a double. NULL: not so simple. */
static inline const char *wsl_scan_decimal(const char *p, double *out)
{
    __m128i digits;
    const uint32_t mask = wsl_digits_mask(p, &digits);
    const uint32_t whole = (uint32_t)__builtin_ctz(~mask);
    if (WSL_UNLIKELY(whole - 1 > 12 || p[whole] != '.' || (*p == '0' && whole > 1))) {
        return NULL;
    }
    const uint32_t size = (uint32_t)__builtin_ctz(~(mask | 1u << whole));
    const uint32_t fraction = size - whole - 1;
    if (WSL_UNLIKELY(fraction == 0 || size > 15 || (p[size] | 0x20) == 'e')) {
        return NULL;
    }
    /* digits behind the point come from one further to the right */
    __m128i move = wsl_digits_to_the_end(size - 1);
    move = _mm_sub_epi8(move, _mm_cmpgt_epi8(move, _mm_set1_epi8((char)((int)whole - 1))));
    *out = (double)(int64_t)wsl_sixteen_digits_value(_mm_shuffle_epi8(digits, move)) / wsl_pow10_double[fraction];
    return p + size;
}
#endif

/* An integer at p without fraction or exponent; WSL_NUMBER_WIDE bytes can be read. NULL: not so simple, or no integer
 * (use the exact functions). */
static inline const char *wsl_scan_int64_wide(const char *p, const char *limit, int64_t *out)
{
#if WSL_SCAN_NUMBERS_AT_ONCE
    const char *end = wsl_scan_whole(p, out);
    if (WSL_LIKELY(end != NULL)) {
        return end;
    }
    if (*p == '-' && (end = wsl_scan_whole(p + 1, out)) != NULL) {
        *out = -*out;
        return end;
    }
#endif
    return wsl_scan_int64_long(p, limit, out);
}

/* A number at p with at most 19 digits, whose value is exactly digits / 10^fraction with both exact in a double: then
 * one division rounds correctly (Clinger's fast path). WSL_NUMBER_WIDE bytes can be read. NULL: not so simple. */
static inline const char *wsl_scan_double_wide(const char *p, const char *limit, double *out)
{
#if WSL_SCAN_NUMBERS_AT_ONCE
    const char *end = wsl_scan_decimal(p, out);
    if (WSL_LIKELY(end != NULL)) {
        return end;
    }
    if (*p == '-' && (end = wsl_scan_decimal(p + 1, out)) != NULL) {
        *out = -*out;
        return end;
    }
#endif
    return wsl_scan_double_long(p, limit, out);
}

/* The same where less may be readable. */
static inline const char *wsl_scan_int64(const char *p, const char *limit, int64_t *out)
{
    return WSL_LIKELY(limit - p >= WSL_NUMBER_WIDE) ? wsl_scan_int64_wide(p, limit, out)
                                                    : wsl_scan_int64_long(p, limit, out);
}
static inline const char *wsl_scan_double(const char *p, const char *limit, double *out)
{
    return WSL_LIKELY(limit - p >= WSL_NUMBER_WIDE) ? wsl_scan_double_wide(p, limit, out)
                                                    : wsl_scan_double_long(p, limit, out);
}
