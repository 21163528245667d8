/*
 * number_std - the long way for number.c: <charconv>, the only C++ in this room.
 */
#include "base/number.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

namespace
{

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Is the decimal at s, known to be out of the type's range, too large (or too small)? Decided by the power of ten of
 * its first digit that is not 0. */
bool is_too_large(const char *s, const char *end)
{
    long long scale = 0; /* of the first significant digit, before the exponent */
    bool seen_point = false, significant = false;
    const char *p = s + (s != end && *s == '-');
    for (; p != end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            seen_point = true;
        } else if (significant) {
            scale += !seen_point;
        } else if (*p != '0') {
            significant = true;
            scale = seen_point ? scale - 1 : 0;
        } else {
            scale -= seen_point;
        }
    }
    long long exponent = 0;
    if (p != end && (*p == 'e' || *p == 'E')) {
        p++;
        const bool minus = p != end && *p == '-';
        p += p != end && (*p == '-' || *p == '+');
        for (; p != end && is_digit(*p) && exponent < 1000000000000LL; p++) {
            exponent = exponent * 10 + (*p - '0');
        }
        exponent = minus ? -exponent : exponent;
    }
    return scale + exponent > 0;
}

template <typename T> bool parse(const char *s, size_t size, T *out, size_t *out_used)
{
    const char *const digits = s + (size != 0 && s[0] == '-');
    if (digits == s + size || !(is_digit(*digits) || *digits == '.')) {
        return false; /* from_chars would take "inf" and "nan" */
    }
    T value = 0;
    const std::from_chars_result r = std::from_chars(s, s + size, value, std::chars_format::general);
    if (r.ec == std::errc::result_out_of_range) {
        if (is_too_large(s, r.ptr)) {
            return false;
        }
        value = *s == '-' ? -T(0) : T(0);
    } else if (r.ec != std::errc() || std::isinf(value)) {
        return false;
    }
    *out = value;
    *out_used = static_cast<size_t>(r.ptr - s);
    return true;
}

template <typename T> size_t print(T value, char *out)
{
    /* Below these limits a plain number has no more digits than the type's longest shortest one. */
    const T plain_below = sizeof(T) == sizeof(double) ? T(1e17) : T(1e9);
    const T size = std::fabs(value);
    const bool plain = value == 0 || (size >= T(1e-5) && size < plain_below);
    const std::to_chars_result r =
        !std::isfinite(value) ? std::to_chars(out, out + WSL_NUMBER_TEXT_MAX, value)
                              : std::to_chars(out, out + WSL_NUMBER_TEXT_MAX, value,
                                              plain ? std::chars_format::fixed : std::chars_format::scientific);
    return static_cast<size_t>(r.ptr - out);
}

} // namespace

extern "C" {

bool wsl_parse_double_std(const char *s, size_t size, double *out, size_t *out_used)
{
    return parse(s, size, out, out_used);
}

bool wsl_parse_float_std(const char *s, size_t size, float *out, size_t *out_used)
{
    return parse(s, size, out, out_used);
}

size_t wsl_print_double_std(double value, char out[WSL_NUMBER_TEXT_MAX]) { return print(value, out); }

size_t wsl_print_float_std(float value, char out[WSL_NUMBER_TEXT_MAX]) { return print(value, out); }
}
