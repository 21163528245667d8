/*
 * row_nested - values in the variable part that have a shape of their own: wide decimals, arrays, maps, nested rows.
 *
 * Reading gives views into the row. Writing builds the value in place, at the end of what is already written:
 *
 *     wsl_array_writer tags = wsl_row_begin_array(&w, 2);
 *     wsl_array_set_str(&tags, 0, a);
 *     wsl_array_set_str(&tags, 1, b);
 *     wsl_row_end_array(&w, my_f_tags, &tags);
 *
 * Between begin and end nothing else may be written to the outer row or array. A value that does not fit sets overflow
 * in its writer, and `end` hands that on outwards, so one look at the outermost writer is enough. Only a nested row's
 * writer must be looked at before its first set, as wsl_row_set_* trusts that the fixed part is there.
 *
 * Threads: as the row. Indexes are trusted; rows from outside were checked by wsl_row_check.
 */
#pragma once
#include <wiesel/row.h>

/* ---- reading ---- */

typedef struct wsl_array {
    const uint8_t *base; /* start of the array's bytes, 8-aligned */
    uint32_t n;
} wsl_array;

typedef struct wsl_map {
    wsl_array keys; /* never null */
    wsl_array values;
} wsl_map;

__int128 wsl_row_decimal(const wsl_row *row, uint32_t i, const wsl_type *type); /* unscaled, any precision */
wsl_array wsl_row_array(const wsl_row *row, uint32_t i);
wsl_map wsl_row_map(const wsl_row *row, uint32_t i);
const wsl_row *wsl_row_row(const wsl_row *row, uint32_t i);

static inline uint64_t wsl_array_null_words(uint32_t n) { return ((uint64_t)n + 63) / 64; }
static inline const uint64_t *wsl_array_words(wsl_array a) { return (const uint64_t *)(const void *)(a.base + 8); }
static inline bool wsl_array_is_null(wsl_array a, uint32_t j) { return wsl_array_words(a)[j / 64] >> (j % 64) & 1; }
static inline uint64_t wsl_array_slot(wsl_array a, uint32_t j)
{
    return wsl_array_words(a)[wsl_array_null_words(a.n) + j];
}
static inline int64_t wsl_array_int64(wsl_array a, uint32_t j) { return (int64_t)wsl_array_slot(a, j); }
static inline wsl_str wsl_array_str(wsl_array a, uint32_t j)
{
    const uint64_t s = wsl_array_slot(a, j);
    return (wsl_str){(const char *)a.base + (uint32_t)s, (uint32_t)(s >> 32)};
}
wsl_array wsl_array_array(wsl_array a, uint32_t j);
wsl_map wsl_array_map(wsl_array a, uint32_t j);
const wsl_row *wsl_array_row(wsl_array a, uint32_t j);
__int128 wsl_array_decimal(wsl_array a, uint32_t j, const wsl_type *element);

/* ---- writing ---- */

typedef struct wsl_array_writer {
    uint8_t *base;
    uint32_t n;
    uint32_t size;
    uint32_t capacity;
    bool overflow;
} wsl_array_writer;

typedef struct wsl_map_writer {
    uint8_t *base;
    uint32_t capacity;
    wsl_array_writer keys; /* fill these first, then call wsl_map_begin_values */
    wsl_array_writer values;
} wsl_map_writer;

void wsl_row_set_decimal(wsl_row_writer *w, uint32_t i, const wsl_type *type, __int128 unscaled);

/* All elements null at first. */
wsl_array_writer wsl_row_begin_array(wsl_row_writer *w, uint32_t n);
void wsl_row_end_array(wsl_row_writer *w, uint32_t i, const wsl_array_writer *a);
wsl_map_writer wsl_row_begin_map(wsl_row_writer *w, uint32_t n);
void wsl_map_begin_values(wsl_map_writer *m);
void wsl_row_end_map(wsl_row_writer *w, uint32_t i, wsl_map_writer *m);
wsl_row_writer wsl_row_begin_row(wsl_row_writer *w, uint32_t n_fields);
void wsl_row_end_row(wsl_row_writer *w, uint32_t i, const wsl_row_writer *nested);

void wsl_array_set_slot(wsl_array_writer *a, uint32_t j, uint64_t slot);
void wsl_array_set_bytes(wsl_array_writer *a, uint32_t j, const void *data, uint32_t size);
void wsl_array_set_decimal(wsl_array_writer *a, uint32_t j, const wsl_type *element, __int128 unscaled);
static inline void wsl_array_set_int64(wsl_array_writer *a, uint32_t j, int64_t v)
{
    wsl_array_set_slot(a, j, (uint64_t)v);
}
static inline void wsl_array_set_double(wsl_array_writer *a, uint32_t j, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    wsl_array_set_slot(a, j, bits);
}
static inline void wsl_array_set_str(wsl_array_writer *a, uint32_t j, wsl_str v)
{
    wsl_array_set_bytes(a, j, v.data, v.size);
}

wsl_array_writer wsl_array_begin_array(wsl_array_writer *a, uint32_t n);
void wsl_array_end_array(wsl_array_writer *a, uint32_t j, const wsl_array_writer *inner);
wsl_map_writer wsl_array_begin_map(wsl_array_writer *a, uint32_t n);
void wsl_array_end_map(wsl_array_writer *a, uint32_t j, wsl_map_writer *m);
wsl_row_writer wsl_array_begin_row(wsl_array_writer *a, uint32_t n_fields);
void wsl_array_end_row(wsl_array_writer *a, uint32_t j, const wsl_row_writer *nested);
