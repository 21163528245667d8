/*
 * base64 - bytes as text (RFC 4648 section 4, with padding), for BYTES fields in json and csv.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Bytes that `size` characters decode to, at most. */
static inline size_t wsl_base64_decoded_max(size_t size) { return size / 4 * 3; }

/* False for anything but canonical base64: wrong length, other characters, bits set behind the end. `to` has room for
 * wsl_base64_decoded_max(size) bytes and may be the text itself. */
bool wsl_base64_decode(const char *text, size_t size, uint8_t *to, size_t *out_size);

void wsl_base64_encode(const void *data, size_t size, wsl_strbuf *out);
