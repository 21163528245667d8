/*
 * put_string - a string from the text being decoded into a row.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/row.h>

#include "format/text_scan.h"

/* wsl_row_set_bytes, for short strings with one load and one store. `limit` is the end of readable memory. */
static inline void wsl_put_string(const char *limit, wsl_row_writer *w, uint32_t i, const char *text, size_t size)
{
#ifdef __SSE2__
    static const uint8_t keep[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const uint32_t at = w->row->size;
    if (WSL_LIKELY(size <= 16 && limit - text >= 16 && w->capacity - at >= 16)) {
        const __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(keep + 16 - size));
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)text);
        _mm_storeu_si128((__m128i *)(void *)((uint8_t *)w->row + at), _mm_and_si128(v, mask));
        w->row->size = at + (((uint32_t)size + 7) & ~7u);
        wsl_row_set_slot(w, i, (uint64_t)size << 32 | at);
        return;
    }
#endif
    wsl_row_set_bytes(w, i, text, (uint32_t)size);
}
