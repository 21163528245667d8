/*
 * row_nested.c - shaped values in the variable part.
 *
 *   array:  | u32 n | u32 0 | null words | n slots | variable part |      offsets count from the start of the array
 *   map:    | u32 keys size | u32 values size | keys array | values array |
 *   row:    a whole row with its own header; offsets count from its start
 *   decimal beyond 18 digits: 16 bytes, little-endian, two's complement
 *
 * Every value begins 8-aligned and its size is a multiple of 8, so appending is always at `size`.
 */
#include "data/row_nested.h"

/* ---- reading ---- */

static __int128 load_decimal(wsl_str bytes)
{
    __int128 v;
    memcpy(&v, bytes.data, sizeof v);
    return v;
}

static wsl_array array_at(const void *bytes)
{
    uint32_t n;
    memcpy(&n, bytes, sizeof n);
    return (wsl_array){(const uint8_t *)bytes, n};
}

static wsl_map map_at(const uint8_t *bytes)
{
    uint32_t keys_size;
    memcpy(&keys_size, bytes, sizeof keys_size);
    return (wsl_map){array_at(bytes + 8), array_at(bytes + 8 + keys_size)};
}

__int128 wsl_row_decimal(const wsl_row *row, uint32_t i, const wsl_type *type)
{
    return wsl_type_is_fixed(type) ? (__int128)wsl_row_int64(row, i) : load_decimal(wsl_row_str(row, i));
}
wsl_array wsl_row_array(const wsl_row *row, uint32_t i) { return array_at(wsl_row_str(row, i).data); }
wsl_map wsl_row_map(const wsl_row *row, uint32_t i) { return map_at((const uint8_t *)wsl_row_str(row, i).data); }
const wsl_row *wsl_row_row(const wsl_row *row, uint32_t i)
{
    return (const wsl_row *)(const void *)wsl_row_str(row, i).data;
}
wsl_array wsl_array_array(wsl_array a, uint32_t j) { return array_at(wsl_array_str(a, j).data); }
wsl_map wsl_array_map(wsl_array a, uint32_t j) { return map_at((const uint8_t *)wsl_array_str(a, j).data); }
const wsl_row *wsl_array_row(wsl_array a, uint32_t j)
{
    return (const wsl_row *)(const void *)wsl_array_str(a, j).data;
}
__int128 wsl_array_decimal(wsl_array a, uint32_t j, const wsl_type *element)
{
    return wsl_type_is_fixed(element) ? (__int128)wsl_array_int64(a, j) : load_decimal(wsl_array_str(a, j));
}

/* ---- writing: arrays ---- */

static uint64_t *writer_words(const wsl_array_writer *a) { return (uint64_t *)(void *)(a->base + 8); }

static wsl_array_writer array_begin(uint8_t *base, uint32_t capacity, uint32_t n)
{
    wsl_array_writer a = {base, n, 0, capacity, false};
    const uint64_t need = 8 + 8 * (wsl_array_null_words(n) + n);
    if (need > capacity) {
        a.overflow = true;
        return a;
    }
    memset(base, 0, need);
    memcpy(base, &n, sizeof n);
    for (uint32_t j = 0; j < n; j++) {
        writer_words(&a)[j / 64] |= (uint64_t)1 << (j % 64);
    }
    a.size = (uint32_t)need;
    return a;
}

void wsl_array_set_slot(wsl_array_writer *a, uint32_t j, uint64_t slot)
{
    if (a->overflow) {
        return;
    }
    writer_words(a)[wsl_array_null_words(a->n) + j] = slot;
    writer_words(a)[j / 64] &= ~((uint64_t)1 << (j % 64));
}

void wsl_array_set_bytes(wsl_array_writer *a, uint32_t j, const void *data, uint32_t size)
{
    const uint64_t padded = ((uint64_t)size + 7) & ~(uint64_t)7;
    if (a->overflow || padded > a->capacity - a->size) {
        a->overflow = true;
        return;
    }
    if (padded != 0) {
        memset(a->base + a->size + padded - 8, 0, 8);
        memcpy(a->base + a->size, data, size);
    }
    wsl_array_set_slot(a, j, (uint64_t)size << 32 | a->size);
    a->size += (uint32_t)padded;
}

void wsl_array_set_decimal(wsl_array_writer *a, uint32_t j, const wsl_type *element, __int128 unscaled)
{
    if (wsl_type_is_fixed(element)) {
        wsl_array_set_slot(a, j, (uint64_t)unscaled);
    } else {
        wsl_array_set_bytes(a, j, &unscaled, sizeof unscaled);
    }
}

/* `size` bytes were written right behind the array: they become element j. */
static void array_attach(wsl_array_writer *a, uint32_t j, uint32_t size, bool overflow)
{
    if (overflow || a->overflow) {
        a->overflow = true;
        return;
    }
    wsl_array_set_slot(a, j, (uint64_t)size << 32 | a->size);
    a->size += size;
}

static void row_attach(wsl_row_writer *w, uint32_t i, uint32_t size, bool overflow)
{
    if (overflow || w->overflow) {
        w->overflow = true;
        return;
    }
    wsl_row_set_slot(w, i, (uint64_t)size << 32 | w->row->size);
    w->row->size += size;
}

static uint8_t *row_tip(const wsl_row_writer *w, uint32_t *out_room)
{
    *out_room = w->overflow ? 0 : w->capacity - w->row->size;
    return w->overflow ? NULL : (uint8_t *)w->row + w->row->size;
}

static uint8_t *array_tip(const wsl_array_writer *a, uint32_t *out_room)
{
    *out_room = a->overflow ? 0 : a->capacity - a->size;
    return a->overflow ? NULL : a->base + a->size;
}

wsl_array_writer wsl_row_begin_array(wsl_row_writer *w, uint32_t n)
{
    uint32_t room;
    uint8_t *tip = row_tip(w, &room);
    return array_begin(tip, room, n);
}

void wsl_row_end_array(wsl_row_writer *w, uint32_t i, const wsl_array_writer *a)
{
    row_attach(w, i, a->size, a->overflow);
}

wsl_array_writer wsl_array_begin_array(wsl_array_writer *a, uint32_t n)
{
    uint32_t room;
    uint8_t *tip = array_tip(a, &room);
    return array_begin(tip, room, n);
}

void wsl_array_end_array(wsl_array_writer *a, uint32_t j, const wsl_array_writer *inner)
{
    array_attach(a, j, inner->size, inner->overflow);
}

/* ---- writing: maps ---- */

static wsl_map_writer map_begin(uint8_t *base, uint32_t capacity, uint32_t n)
{
    wsl_map_writer m = {.base = base, .capacity = capacity};
    m.keys = capacity < 8 ? (wsl_array_writer){.n = n, .overflow = true} : array_begin(base + 8, capacity - 8, n);
    m.values = (wsl_array_writer){.n = n, .overflow = true}; /* until wsl_map_begin_values */
    return m;
}

void wsl_map_begin_values(wsl_map_writer *m)
{
    if (!m->keys.overflow) {
        const uint32_t used = 8 + m->keys.size;
        m->values = array_begin(m->base + used, m->capacity - used, m->keys.n);
    }
}

/* Writes the two sizes; the map's whole size, or overflow. */
static uint32_t map_finish(wsl_map_writer *m, bool *out_overflow)
{
    *out_overflow = m->keys.overflow || m->values.overflow;
    if (*out_overflow) {
        return 0;
    }
    memcpy(m->base, &m->keys.size, sizeof m->keys.size);
    memcpy(m->base + 4, &m->values.size, sizeof m->values.size);
    return 8 + m->keys.size + m->values.size;
}

wsl_map_writer wsl_row_begin_map(wsl_row_writer *w, uint32_t n)
{
    uint32_t room;
    uint8_t *tip = row_tip(w, &room);
    return map_begin(tip, room, n);
}

void wsl_row_end_map(wsl_row_writer *w, uint32_t i, wsl_map_writer *m)
{
    bool overflow;
    const uint32_t size = map_finish(m, &overflow);
    row_attach(w, i, size, overflow);
}

wsl_map_writer wsl_array_begin_map(wsl_array_writer *a, uint32_t n)
{
    uint32_t room;
    uint8_t *tip = array_tip(a, &room);
    return map_begin(tip, room, n);
}

void wsl_array_end_map(wsl_array_writer *a, uint32_t j, wsl_map_writer *m)
{
    bool overflow;
    const uint32_t size = map_finish(m, &overflow);
    array_attach(a, j, size, overflow);
}

/* ---- writing: nested rows and decimals ---- */

wsl_row_writer wsl_row_begin_row(wsl_row_writer *w, uint32_t n_fields)
{
    wsl_row_writer nested;
    uint32_t room;
    uint8_t *tip = row_tip(w, &room);
    (void)wsl_row_writer_init(&nested, tip, room, n_fields);
    return nested;
}

void wsl_row_end_row(wsl_row_writer *w, uint32_t i, const wsl_row_writer *nested)
{
    row_attach(w, i, nested->overflow ? 0 : nested->row->size, nested->overflow);
}

wsl_row_writer wsl_array_begin_row(wsl_array_writer *a, uint32_t n_fields)
{
    wsl_row_writer nested;
    uint32_t room;
    uint8_t *tip = array_tip(a, &room);
    (void)wsl_row_writer_init(&nested, tip, room, n_fields);
    return nested;
}

void wsl_array_end_row(wsl_array_writer *a, uint32_t j, const wsl_row_writer *nested)
{
    array_attach(a, j, nested->overflow ? 0 : nested->row->size, nested->overflow);
}

void wsl_row_set_decimal(wsl_row_writer *w, uint32_t i, const wsl_type *type, __int128 unscaled)
{
    if (wsl_type_is_fixed(type)) {
        wsl_row_set_slot(w, i, (uint64_t)unscaled);
    } else {
        wsl_row_set_bytes(w, i, &unscaled, sizeof unscaled);
    }
}
