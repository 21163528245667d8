/*
 * A value outside of its entry is a block of the slab; with a time to live the 8 bytes before its row are part of it.
 */
#include "base/assert.h"
#include "taskmanager/state/mem_internal.h"

static inline wsl_row *outside(uint8_t *entry, const tm_mem_area *a)
{
    wsl_row *row;
    memcpy(&row, entry + a->offset, sizeof row);
    return row;
}

static uint32_t stamp_size(const tm_mem_area *a) { return a->stamped ? (uint32_t)sizeof(int64_t) : 0; }

static wsl_row *alloc_outside(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a, uint32_t size)
{
    const uint32_t stamp = stamp_size(a);
    uint8_t *block = tm_slab_alloc(&m->now->slab, size + stamp);
    wsl_row *row = (wsl_row *)(void *)(block + stamp);
    memcpy(entry + a->offset, &row, sizeof row);
    return row;
}

static void free_outside(tm_mem_state *m, const tm_mem_area *a, wsl_row *row, uint32_t size)
{
    const uint32_t stamp = stamp_size(a);
    tm_slab_release(&m->now->slab, (uint8_t *)row - stamp, size + stamp);
}

wsl_row *tm_mem_value_in(uint8_t *entry, const tm_mem_area *a)
{
    return a->size != 0 ? (wsl_row *)(void *)(entry + a->offset) : outside(entry, a);
}

void tm_mem_value_release(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a)
{
    if (a->size == 0) {
        wsl_row *row = outside(entry, a);
        free_outside(m, a, row, row->size);
    }
}

/* ---- reading ---- */

static __attribute__((noinline)) const wsl_row *read_mortal(tm_mem_state *m, uint8_t *entry, uint32_t state,
                                                            wsl_row *row)
{
    const tm_mem_area *a = &m->areas[state];
    if (tm_mem_is_expired(m, a, *tm_stamp_of(row))) {
        const wsl_row *last = a->ttl.return_expired ? tm_mem_keep_expired(m, row) : NULL;
        tm_mem_clear_in(m, entry, state);
        return last;
    }
    if (tm_mem_reads_touch(a)) {
        tm_mem_touch(m, a, tm_stamp_of(row));
        tm_mem_dirty(m, entry);
    }
    return row;
}

const wsl_row *tm_mem_value_get(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    uint8_t *entry = tm_mem_entry(m);
    if (entry == NULL || !tm_mem_is_set(m, entry, state)) {
        return NULL;
    }
    wsl_row *row = tm_mem_value_in(entry, a);
    return WSL_UNLIKELY(a->stamped) ? read_mortal(m, entry, state, row) : row;
}

/* ---- writing ---- */

static void make_zero(wsl_row *row, const tm_mem_area *a)
{
    memset(row, 0, a->value.fixed);
    row->size = a->value.fixed;
}

wsl_row *tm_mem_value_update(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    if (WSL_UNLIKELY(a->value.has_variable)) {
        return NULL;
    }
    uint8_t *entry = tm_mem_entry_or_new(m);
    uint32_t *bits = tm_mem_bits(m, entry);
    wsl_row *row;
    *bits &= ~TM_ENTRY_CLEAN;
    if (WSL_LIKELY(*bits >> state & 1)) {
        row = tm_mem_value_in(entry, a);
        if (WSL_LIKELY(!a->stamped)) {
            return row;
        }
        if (tm_mem_is_expired(m, a, *tm_stamp_of(row))) {
            make_zero(row, a);
            *tm_stamp_of(row) = tm_mem_use_time(m, a);
        }
        tm_mem_touch(m, a, tm_stamp_of(row));
        return row;
    }
    *bits |= UINT32_C(1) << state;
    m->now->n_set[state]++;
    row = a->size != 0 ? (wsl_row *)(void *)(entry + a->offset) : alloc_outside(m, entry, a, a->value.fixed);
    make_zero(row, a);
    if (a->stamped) {
        *tm_stamp_of(row) = tm_mem_use_time(m, a);
    }
    return row;
}

/* The value's place for a row of that size; keeps the block if the row fits just as well. *out_old: a block to be freed once
 * the row is stored, for the row may be the old value itself. */
static wsl_row *place_for(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a, bool is_set, uint32_t size,
                          wsl_row **out_old)
{
    *out_old = NULL;
    if (a->size != 0) {
        return (wsl_row *)(void *)(entry + a->offset);
    }
    if (is_set) {
        wsl_row *old = outside(entry, a);
        const uint32_t stamp = stamp_size(a);
        if (tm_slab_capacity(old->size + stamp) == tm_slab_capacity(size + stamp)) {
            return old;
        }
        *out_old = old;
    }
    return alloc_outside(m, entry, a, size);
}

wsl_status tm_mem_value_put(tm_state *s, uint32_t state, const wsl_row *row)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    if (!tm_mem_fits(&a->value, row)) {
        return WSL_TYPE;
    }
    uint8_t *entry = tm_mem_entry_or_new(m);
    uint32_t *bits = tm_mem_bits(m, entry);
    const bool is_set = *bits >> state & 1;
    const int64_t old_used = is_set && a->stamped ? *tm_stamp_of(tm_mem_value_in(entry, a)) : WSL_TIME_MIN;
    wsl_row *old;
    wsl_row *to = place_for(m, entry, a, is_set, row->size, &old);
    const uint32_t old_size = old != NULL ? old->size : 0;
    tm_keep_row(to, row, false);
    if (old != NULL) {
        free_outside(m, a, old, old_size);
    }
    if (a->stamped) {
        *tm_stamp_of(to) = old_used;
        tm_mem_touch(m, a, tm_stamp_of(to));
    }
    *bits = (*bits & ~TM_ENTRY_CLEAN) | UINT32_C(1) << state;
    m->now->n_set[state] += !is_set;
    return WSL_OK;
}
