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
#ifdef __AVX2__
#include <immintrin.h>
#endif
#if defined(__SSSE3__) && defined(__x86_64__)
#include <tmmintrin.h>
#define WSL_SCAN_NUMBERS_AT_ONCE 1
#else
#define WSL_SCAN_NUMBERS_AT_ONCE 0
#endif

#ifdef __SSE2__
/* Bytes to compare with, 16 times each. In memory because gcc would make them anew from immediates in every loop. */
typedef struct wsl_scan_bytes {
    __m128i space, quote, escape, zero, nine;
} wsl_scan_bytes;
extern const wsl_scan_bytes wsl_scan_byte;

/* A bit for each of 16 bytes that is a quote, a backslash, a control character or not ASCII. */
static inline uint32_t wsl_string_stops(__m128i v)
{
    /* signed compare: bytes from 0x80 on are negative, so this is "control or not ASCII" */
    const __m128i odd = _mm_cmpgt_epi8(wsl_scan_byte.space, v);
    const __m128i quote = _mm_cmpeq_epi8(v, wsl_scan_byte.quote);
    const __m128i escape = _mm_cmpeq_epi8(v, wsl_scan_byte.escape);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(odd, _mm_or_si128(quote, escape)));
}
#endif

/* First byte from p on that is a quote, a backslash, a control character or not ASCII. There is one before `limit`. */
static inline const char *wsl_scan_string(const char *p, const char *limit)
{
#ifdef __SSE2__
    while (limit - p >= 16) {
        const uint32_t mask = wsl_string_stops(_mm_loadu_si128((const __m128i *)(const void *)p));
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

/* ---- numbers of up to 15 characters, whole ---- */

enum { WSL_NUMBER_WIDE = 17 }; /* readable bytes that the functions below need: a sign and 16 more */

#if WSL_SCAN_NUMBERS_AT_ONCE
/* A bit for each of the 16 bytes that is a digit; *out_digits holds their values there. */
static inline uint32_t wsl_digits_mask(const char *p, __m128i *out_digits)
{
    const __m128i d = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), wsl_scan_byte.zero);
    *out_digits = d;
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(d, wsl_scan_byte.nine), d));
}

/* A shuffle that moves the first n of 16 bytes to the end and puts zeros before them. */
static inline __m128i wsl_digits_to_the_end(uint32_t n)
{
    static const uint8_t moves[32] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
                                      6,    7,    8,    9,    10,   11,   12,   13,   14,   15};
    return _mm_loadu_si128((const __m128i *)(const void *)(moves + n));
}

/* 16 digits, the most significant one in the lowest byte. */
static inline uint64_t wsl_sixteen_digits_value(__m128i digits)
{
    const __m128i tens = _mm_set1_epi16(0x010A);          /* 10, 1 */
    const __m128i hundreds = _mm_set1_epi32(0x00010064);  /* 100, 1 */
    const __m128i myriads = _mm_set1_epi32(0x00012710);   /* 10000, 1 */
    const __m128i fours = _mm_madd_epi16(_mm_maddubs_epi16(digits, tens), hundreds);
    const __m128i eights = _mm_madd_epi16(_mm_packs_epi32(fours, fours), myriads);
    const uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    return (both & UINT32_MAX) * 100000000 + (both >> 32);
}
#endif
