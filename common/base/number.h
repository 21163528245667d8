/*
 * number - numbers to text and back, exactly.
 *
 * Parsing rounds correctly (to the nearest double or float, ties to even). Printing gives the shortest text that parses
 * to the same bits. Plain decimals of up to 15 digits, which is nearly all that data holds, take a short path of our
 * own; the rest goes to the C++ library's from_chars and to_chars. No locale, no allocation.
 *
 * Accepted by the parsers: an optional '-', then digits; for double and float also a fraction and an exponent, as in
 * "12", "-0.5", ".5", "5.", "1e9", "2.5E-3". Not accepted: leading blanks, '+', hex, "inf", "nan". They stop at the
 * first character that does not belong to the number; callers check *out_used against what they expect behind it. JSON
 * forbids more (".5", "5.", "007"); its scanner checks that itself.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { WSL_NUMBER_TEXT_MAX = 32 }; /* room every print function needs; the text is not terminated */

/* False if there is no number at s or its value is too large for the type; nothing is stored then. A double or float
 * too small to be told from 0 is 0 (of the same sign). */
bool wsl_parse_int64(const char *s, size_t size, int64_t *out, size_t *out_used);
bool wsl_parse_double(const char *s, size_t size, double *out, size_t *out_used);
bool wsl_parse_float(const char *s, size_t size, float *out, size_t *out_used);

/* The whole of s must be the number. */
static inline bool wsl_parse_whole_int64(const char *s, size_t size, int64_t *out)
{
    int64_t value;
    size_t used;
    if (!wsl_parse_int64(s, size, &value, &used) || used != size) {
        return false;
    }
    *out = value;
    return true;
}
static inline bool wsl_parse_whole_double(const char *s, size_t size, double *out)
{
    double value;
    size_t used;
    if (!wsl_parse_double(s, size, &value, &used) || used != size) {
        return false;
    }
    *out = value;
    return true;
}

/* Return the number of characters written. Values from 1e-5 up to 1e17 (float: 1e9) are written plainly ("100000",
 * "0.0001"), others with an exponent ("1e+23"); both are JSON numbers. NaN and infinities come out as "nan", "inf",
 * "-inf": callers whose format has no such thing check first. -0.0 is "-0". */
size_t wsl_print_int64(int64_t value, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_print_uint64(uint64_t value, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_print_double(double value, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_print_float(float value, char out[WSL_NUMBER_TEXT_MAX]);

/* The long way, for number.c: <charconv>. Same contracts. */
bool wsl_parse_double_std(const char *s, size_t size, double *out, size_t *out_used);
bool wsl_parse_float_std(const char *s, size_t size, float *out, size_t *out_used);
size_t wsl_print_double_std(double value, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_print_float_std(float value, char out[WSL_NUMBER_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
