/*
 * decimal - exact numbers of up to 38 digits: an unscaled integer of 128 bits; the scale (digits behind the point) is
 * in the type. 12.50 as DECIMAL(10,2) is 1250.
 *
 * Results that do not fit 38 digits say so (false) and leave out alone; where digits must go, halves are rounded away
 * from zero. Threads: any, plain values.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/type.h>

enum { WSL_DECIMAL_TEXT_MAX = 48 }; /* sign, 38 digits, "0.", end */

__int128 wsl_decimal_pow10(uint32_t n); /* n <= 38 */

static inline bool wsl_decimal_fits(__int128 v, uint32_t precision)
{
    const __int128 limit = wsl_decimal_pow10(precision);
    return v > -limit && v < limit;
}

/* "12.5", "-3", ".5", "1e3"; blanks around it are skipped. To `scale`, rounded; false if it is no number or has more
 * than `precision` digits then. */
bool wsl_decimal_parse(const char *text, size_t size, uint32_t precision, uint32_t scale, __int128 *out);
/* Terminated, all digits of the scale: 1250 with scale 2 is "12.50". Returns the length. */
size_t wsl_decimal_print(__int128 v, uint32_t scale, char out[WSL_DECIMAL_TEXT_MAX]);

bool wsl_decimal_rescale(__int128 v, uint32_t from, uint32_t to, __int128 *out);
bool wsl_decimal_add(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out);
bool wsl_decimal_sub(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out);
bool wsl_decimal_mul(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out);
/* b != 0. */
bool wsl_decimal_div(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out);
/* Remainder with the sign of a; b != 0. */
bool wsl_decimal_mod(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b, uint32_t scale, __int128 *out);
int wsl_decimal_compare(__int128 a, uint32_t scale_a, __int128 b, uint32_t scale_b); /* <0, 0, >0 */

double wsl_decimal_to_double(__int128 v, uint32_t scale);
bool wsl_decimal_of_double(double v, uint32_t precision, uint32_t scale,
                           __int128 *out); /* false for NaN and infinity too */
