/*
 * little_endian - numbers in the bytes of splits and of what checkpoints get.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdint.h>

#include "base/strbuf.h"

static inline void wsl_add_u64(wsl_strbuf *out, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    wsl_strbuf_add(out, bytes, sizeof bytes);
}

static inline uint64_t wsl_u64_at(const uint8_t *bytes)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) {
        v = v << 8 | bytes[i];
    }
    return v;
}
