/*
 * text.c - just enough of UTF-8.
 */
#include "expr/text.h"

static bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

uint32_t wsl_char_size(wsl_str s, uint32_t at)
{
    const unsigned char c = (unsigned char)s.data[at];
    const uint32_t want = c < 0x80                ? 1
                          : c >= 0xC2 && c < 0xE0 ? 2
                          : c >= 0xE0 && c < 0xF0 ? 3
                          : c >= 0xF0 && c < 0xF5 ? 4
                                                  : 1;
    if (want > s.size - at) {
        return 1;
    }
    for (uint32_t i = 1; i < want; i++) {
        if (!is_continuation(s.data[at + i])) {
            return 1;
        }
    }
    return want;
}

static bool is_ascii(wsl_str s)
{
    unsigned char any = 0;
    for (uint32_t i = 0; i < s.size; i++) {
        any |= (unsigned char)s.data[i];
    }
    return any < 0x80;
}

uint32_t wsl_char_count(wsl_str s)
{
    uint32_t n = 0;
    if (is_ascii(s)) {
        return s.size;
    }
    for (uint32_t at = 0; at < s.size; at += wsl_char_size(s, at)) {
        n++;
    }
    return n;
}

uint32_t wsl_char_offset(wsl_str s, uint64_t n)
{
    uint32_t at = 0;
    if (n >= s.size) {
        return s.size; /* every character has at least one byte */
    }
    for (uint64_t i = 0; i < n && at < s.size; i++) {
        at += wsl_char_size(s, at);
    }
    return at;
}

/* ---- case; only characters of two bytes whose other case has two bytes as well ---- */

static uint32_t to_lower(uint32_t c)
{
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) ||
        (c >= 0x410 && c <= 0x42F)) {
        return c + 32;
    }
    if (c >= 0x400 && c <= 0x40F) {
        return c + 80;
    }
    if ((c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F)) {
        return c | 1;
    }
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) {
        return c % 2 == 1 ? c + 1 : c;
    }
    return c == 0x178 ? 0xFF : c;
}

static uint32_t to_upper(uint32_t c)
{
    if ((c >= 0xE0 && c <= 0xFE && c != 0xF7) || (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) ||
        (c >= 0x430 && c <= 0x44F)) {
        return c - 32;
    }
    if (c >= 0x450 && c <= 0x45F) {
        return c - 80;
    }
    if ((c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) || (c >= 0x14A && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F)) {
        return c & ~1u;
    }
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) {
        return c % 2 == 0 ? c - 1 : c;
    }
    return c == 0xFF ? 0x178 : c == 0x3C2 ? 0x3A3 : c;
}

static uint32_t ascii_case(uint32_t c, bool upper)
{
    if (upper) {
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    }
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool is_letter_or_digit(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

void wsl_change_case(wsl_str s, wsl_case how, char *out)
{
    bool inside = false; /* a word */
    for (uint32_t at = 0; at < s.size;) {
        const uint32_t size = wsl_char_size(s, at);
        const unsigned char first = (unsigned char)s.data[at];
        const bool upper = how == WSL_CASE_UPPER || (how == WSL_CASE_WORDS && !inside);
        uint32_t c = first;
        if (first < 0x80) {
            out[at] = (char)ascii_case(first, upper);
        } else if (size == 2) {
            c = (uint32_t)(first & 0x1F) << 6 | ((unsigned char)s.data[at + 1] & 0x3F);
            const uint32_t turned = upper ? to_upper(c) : to_lower(c);
            out[at] = (char)(0xC0 | turned >> 6);
            out[at + 1] = (char)(0x80 | (turned & 0x3F));
        } else {
            memcpy(out + at, s.data + at, size);
        }
        inside = is_letter_or_digit(c);
        at += size;
    }
}

uint32_t wsl_str_find(wsl_str s, wsl_str what, uint32_t from)
{
    if (what.size == 0 && from <= s.size) {
        return from;
    }
    if (from >= s.size || what.size > s.size - from) {
        return UINT32_MAX;
    }
    const char *at = memmem(s.data + from, s.size - from, what.data, what.size);
    return at != NULL ? (uint32_t)(at - s.data) : UINT32_MAX;
}
