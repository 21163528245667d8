/*
 * text - characters of UTF-8 for string functions. Bytes that are no UTF-8 count as one character each, so that nothing
 * a function does can read past the end of a string.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/row.h>

/* Bytes of the character at `at`, 1 to 4; at < s.size. */
uint32_t wsl_char_size(wsl_str s, uint32_t at);
uint32_t wsl_char_count(wsl_str s);
/* Where character number n begins (n = 0 the first), s.size if there are not that many. */
uint32_t wsl_char_offset(wsl_str s, uint64_t n);

/* Upper or lower case of the letters of Latin, Greek and Cyrillic up to U+052F, others as they are; out has room for
 * s.size bytes, the size does not change. With `words`, the first letter of each word upper, the others lower. */
typedef enum wsl_case { WSL_CASE_UPPER, WSL_CASE_LOWER, WSL_CASE_WORDS } wsl_case;
void wsl_change_case(wsl_str s, wsl_case how, char *out);

/* Where `what` first stands in s at or behind byte `from`; UINT32_MAX if nowhere. An empty one is found at `from`. */
uint32_t wsl_str_find(wsl_str s, wsl_str what, uint32_t from);
