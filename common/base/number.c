/*
 * number - the short paths.
 *
 * Parsing (Clinger's): a decimal m * 10^e with m below 2^53 and |e| at most 22 is one exact integer times or divided by
 * one exact power of ten, and one IEEE operation rounds correctly. The same holds for float with 2^24 and 10.
 *
 * Printing: if x is d / 10000 for an integer d of at most 15 digits (one division rounds correctly, so equality proves
 * it), then d with its trailing zeros taken off is the shortest text: two decimals of at most 15 digits never round to
 * the same double, so no shorter one can exist.
 */
#include "base/number.h"

#include <math.h>
#include <string.h>

/* ---- integers ---- */

bool wsl_parse_int64(const char *s, size_t size, int64_t *out, size_t *out_used)
{
    const bool negative = size != 0 && s[0] == '-';
    size_t i = negative;
    const size_t begin = i;
    uint64_t value = 0;
    /* 18 digits cannot overflow. */
    const size_t safe = size < begin + 18 ? size : begin + 18;
    for (; i < safe; i++) {
        const unsigned digit = (unsigned)(unsigned char)s[i] - '0';
        if (digit > 9) {
            break;
        }
        value = value * 10 + digit;
    }
    for (; i < size && i >= begin + 18; i++) {
        const unsigned digit = (unsigned)(unsigned char)s[i] - '0';
        if (digit > 9) {
            break;
        }
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    if (i == begin || value > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)-value : (int64_t)value;
    *out_used = i;
    return true;
}

static const char two_digits[201] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                    "8081828384858687888990919293949596979899";

static size_t print_digits(uint64_t value, char *out)
{
    char text[20];
    char *p = text + sizeof text;
    while (value >= 100) {
        p -= 2;
        memcpy(p, two_digits + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        p -= 2;
        memcpy(p, two_digits + value * 2, 2);
    } else {
        *--p = (char)('0' + value);
    }
    const size_t size = (size_t)(text + sizeof text - p);
    memcpy(out, p, size);
    return size;
}

size_t wsl_print_uint64(uint64_t value, char out[WSL_NUMBER_TEXT_MAX]) { return print_digits(value, out); }

size_t wsl_print_int64(int64_t value, char out[WSL_NUMBER_TEXT_MAX])
{
    if (value >= 0) {
        return print_digits((uint64_t)value, out);
    }
    out[0] = '-';
    return 1 + print_digits(-(uint64_t)value, out + 1);
}

/* ---- reading decimals ---- */

typedef struct decimal {
    uint64_t mantissa;
    int32_t exponent;
    bool negative;
    size_t used;
} decimal;

enum { MANTISSA_DIGITS = 19, EXPONENT_DIGITS = 4 };

/* False if the text is no number, has more digits than fit, or anything else that the short path leaves alone. */
static inline bool scan_decimal(const char *s, size_t size, decimal *d)
{
    size_t i = size != 0 && s[0] == '-';
    d->negative = i != 0;
    uint64_t mantissa = 0;
    const size_t whole = i;
    while (i < size && (unsigned)(unsigned char)s[i] - '0' <= 9) {
        mantissa = mantissa * 10 + ((unsigned)(unsigned char)s[i] - '0');
        i++;
    }
    size_t digits = i - whole;
    int32_t exponent = 0;
    if (i < size && s[i] == '.') {
        const size_t fraction = ++i;
        while (i < size && (unsigned)(unsigned char)s[i] - '0' <= 9) {
            mantissa = mantissa * 10 + ((unsigned)(unsigned char)s[i] - '0');
            i++;
        }
        digits += i - fraction;
        if (i - fraction > MANTISSA_DIGITS) {
            return false;
        }
        exponent = -(int32_t)(i - fraction);
    }
    if (digits == 0 || digits > MANTISSA_DIGITS) {
        return false;
    }
    if (i < size && (s[i] == 'e' || s[i] == 'E')) {
        size_t at = i + 1;
        const bool minus = at < size && s[at] == '-';
        at += minus || (at < size && s[at] == '+');
        const size_t first = at;
        int32_t e = 0;
        while (at < size && at - first < EXPONENT_DIGITS && (unsigned)(unsigned char)s[at] - '0' <= 9) {
            e = e * 10 + (int32_t)((unsigned)(unsigned char)s[at] - '0');
            at++;
        }
        if (at - first == EXPONENT_DIGITS) {
            return false;
        }
        if (at != first) { /* "1e" is the number 1 with an 'e' behind it */
            exponent += minus ? -e : e;
            i = at;
        }
    }
    d->mantissa = mantissa;
    d->exponent = exponent;
    d->used = i;
    return true;
}

bool wsl_parse_double(const char *s, size_t size, double *out, size_t *out_used)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal d;
    if (!scan_decimal(s, size, &d) || d.mantissa > UINT64_C(1) << 53 || d.exponent < -22 || d.exponent > 22) {
        return wsl_parse_double_std(s, size, out, out_used);
    }
    double value = (double)d.mantissa;
    value = d.exponent < 0 ? value / power[-d.exponent] : value * power[d.exponent];
    *out = d.negative ? -value : value;
    *out_used = d.used;
    return true;
}

bool wsl_parse_float(const char *s, size_t size, float *out, size_t *out_used)
{
    static const float power[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
    decimal d;
    if (!scan_decimal(s, size, &d) || d.mantissa > UINT64_C(1) << 24 || d.exponent < -10 || d.exponent > 10) {
        return wsl_parse_float_std(s, size, out, out_used);
    }
    float value = (float)d.mantissa;
    value = d.exponent < 0 ? value / power[-d.exponent] : value * power[d.exponent];
    *out = d.negative ? -value : value;
    *out_used = d.used;
    return true;
}

/* ---- writing decimals ---- */

/* d / 10^4 without its trailing zeros. */
static size_t print_ten_thousandths(uint64_t d, char *out)
{
    const unsigned fraction = (unsigned)(d % 10000);
    size_t n = print_digits(d / 10000, out);
    if (fraction != 0) {
        out[n] = '.';
        memcpy(out + n + 1, two_digits + fraction / 100 * 2, 2);
        memcpy(out + n + 3, two_digits + fraction % 100 * 2, 2);
        n += 5;
        while (out[n - 1] == '0') {
            n--;
        }
    }
    return n;
}

size_t wsl_print_double(double value, char out[WSL_NUMBER_TEXT_MAX])
{
    const double size = fabs(value);
    if (size < 1e11) { /* false for NaN; 11 + 4 digits */
        const double scaled = rint(size * 1e4);
        if (scaled / 1e4 == size && (scaled != 0 || !signbit(value))) {
            const bool negative = value < 0;
            out[0] = '-';
            return negative + print_ten_thousandths((uint64_t)scaled, out + negative);
        }
    } else if (size < 1e15 && rint(value) == value) {
        return wsl_print_int64((int64_t)value, out);
    }
    return wsl_print_double_std(value, out);
}

size_t wsl_print_float(float value, char out[WSL_NUMBER_TEXT_MAX])
{
    const float size = fabsf(value);
    if (size < 1e5f && rintf(value) == value && (size != 0 || !signbit(value))) { /* at most 5 digits */
        return wsl_print_int64((int64_t)value, out);
    }
    return wsl_print_float_std(value, out);
}
