/*
 * text_scan - the innermost loops of the decoders: find the byte that matters, read digits. 16 bytes at a time with
 * SSE2, else byte by byte.
 *
 * `limit` is the end of readable memory; the text ends earlier, at a sentinel that the loop stops at (a line end), so
 * no loop needs a bound of its own but the wide loads.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <wiesel/macros.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* First byte from p on that is a quote, a backslash, a control character or not ASCII. There is one before `limit`. */
static inline const char *wsl_scan_string(const char *p, const char *limit)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i escape = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    while (limit - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* signed compare: bytes from 0x80 on are negative, so this is "control or not ASCII" */
        const __m128i odd = _mm_cmplt_epi8(v, space);
        const __m128i hit = _mm_or_si128(odd, _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, escape)));
        const uint32_t mask = (uint32_t)_mm_movemask_epi8(hit);
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (*p != '"' && *p != '\\' && (signed char)*p >= 0x20) {
        p++;
    }
    return p;
}

/* First byte in [p, end) that is `a` or `b`, or end. Reads nothing from end on. */
static inline const char *wsl_scan_two(const char *p, const char *end, char a, char b)
{
#ifdef __SSE2__
    const __m128i va = _mm_set1_epi8(a);
    const __m128i vb = _mm_set1_epi8(b);
    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        const uint32_t mask = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, va), _mm_cmpeq_epi8(v, vb)));
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (p < end && *p != a && *p != b) {
        p++;
    }
    return p;
}

static inline bool wsl_is_digit(char c) { return (unsigned char)(c - '0') < 10; }

/* Eight digits, first digit in the lowest byte, each 0..9. */
static inline uint32_t wsl_eight_digits_value(uint64_t digits)
{
    const uint64_t v = digits * 10 + (digits >> 8); /* pairs in every second byte */
    const uint64_t mask = 0x000000FF000000FFu;
    return (uint32_t)(((v & mask) * 0x000F424000000064u + ((v >> 16) & mask) * 0x0000271000000001u) >> 32);
}

/* Reads digits at p into *value (continuing it: value * 10^n + digits), returns the first byte that is none. The caller
 * looks at how many there were: above 19 in all the value has wrapped around. */
static inline const char *wsl_scan_digits(const char *p, const char *limit, uint64_t *value)
{
    static const uint32_t power[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t v = *value;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (limit - p >= 8) {
        uint64_t digits;
        memcpy(&digits, p, 8);
        digits ^= 0x3030303030303030u;
        /* the high bit of each byte that is no digit; right for all up to the first such byte */
        const uint64_t other = (digits | (digits + 0x7676767676767676u)) & 0x8080808080808080u;
        if (other != 0) {
            const uint32_t n = (uint32_t)__builtin_ctzll(other) / 8;
            if (n != 0) {
                v = v * power[n] + wsl_eight_digits_value(digits << (64 - 8 * n));
            }
            *value = v;
            return p + n;
        }
        v = v * 100000000 + wsl_eight_digits_value(digits);
        p += 8;
    }
#endif
    (void)power;
    while (wsl_is_digit(*p)) {
        v = v * 10 + (uint64_t)(*p - '0');
        p++;
    }
    *value = v;
    return p;
}
