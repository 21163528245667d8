/*
 * utf8 - is this text well-formed UTF-8 (RFC 3629: nothing overlong, no surrogates, nothing above U+10FFFF)?
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool wsl_utf8_valid(const char *text, size_t size);

/* Bytes of the well-formed character at p, 0 if there is none within `size` (> 0) bytes. */
size_t wsl_utf8_length(const char *p, size_t size);

/* Writes a code point below 0x110000 that is no surrogate; returns its 1 to 4 bytes. */
size_t wsl_utf8_put(char *to, uint32_t code_point);
