/*
 * Lists and maps of the current key. A walk keeps in at[]: where it is (0: a chunk, or a place in a map; 1: offsets), how many
 * changes there were when it looked last (2), and the key's entry (3), which stays while no key is added; 0: it has ended.
 * What has expired goes as the walk comes by; if it is shown once more, it goes at the next step.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_internal.h"

#define LAST_SHOW (UINT64_C(1) << 32) /* in at[2]: the element in hand has expired */

/* The entry if the state is set in it, else NULL. */
static uint8_t *entry_with(tm_mem_state *m, uint32_t state)
{
    uint8_t *entry = tm_mem_entry(m);
    return entry != NULL && tm_mem_is_set(m, entry, state) ? entry : NULL;
}

/* The current key's entry, in which the state is set; its area is zeroed if it was not. */
static uint8_t *entry_for(tm_mem_state *m, uint32_t state, uint32_t head_size)
{
    uint8_t *entry = tm_mem_entry_or_new(m);
    uint32_t *bits = tm_mem_bits(m, entry);
    *bits &= ~TM_ENTRY_CLEAN;
    if (!(*bits >> state & 1)) {
        *bits |= UINT32_C(1) << state;
        m->now->n_set[state]++;
        memset(entry + m->areas[state].offset, 0, head_size);
    }
    return entry;
}

/* ---- lists ---- */

wsl_status tm_mem_list_state_add(tm_state *s, uint32_t state, const wsl_row *row)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_area *a = &m->areas[state];
    if (!tm_mem_fits(&a->value, row)) {
        return WSL_TYPE;
    }
    uint8_t *entry = entry_for(m, state, sizeof(tm_mem_list));
    a->changes++;
    tm_mem_list_add(tm_mem_list_in(entry, a), &m->now->slab, row, a->keeps, a->stamped, tm_mem_use_time(m, a));
    return WSL_OK;
}

wsl_status tm_mem_list_state_set(tm_state *s, uint32_t state, const wsl_row *const *rows, uint32_t n)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_area *a = &m->areas[state];
    for (uint32_t i = 0; i < n; i++) {
        if (!tm_mem_fits(&a->value, rows[i])) {
            return WSL_TYPE;
        }
    }
    if (n == 0) {
        s->ops->clear(s, state);
        return WSL_OK;
    }
    uint8_t *entry = entry_for(m, state, sizeof(tm_mem_list));
    tm_mem_list *l = tm_mem_list_in(entry, a);
    tm_mem_list old = *l;
    *l = (tm_mem_list){0};
    for (uint32_t i = 0; i < n; i++) {
        tm_mem_list_add(l, &m->now->slab, rows[i], a->keeps, a->stamped, tm_mem_use_time(m, a));
    }
    tm_mem_list_clear(&old, &m->now->slab);
    a->changes++;
    return WSL_OK;
}

uint32_t tm_mem_list_state_size(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    uint8_t *entry = entry_with(m, state);
    if (entry == NULL) {
        return 0;
    }
    const tm_mem_list *l = tm_mem_list_in(entry, a);
    if (!a->stamped || a->ttl.return_expired) {
        return l->n;
    }
    uint32_t n = 0;
    tm_list_at at;
    tm_mem_list_walk(l, &at);
    for (const wsl_row *row; (row = tm_mem_list_next(&at, true)) != NULL;) {
        n += !tm_mem_is_expired(m, a, *tm_stamp_of(row));
    }
    return n;
}

wsl_status tm_mem_list_restore(tm_mem_state *m, uint32_t state, const wsl_row *row, int64_t used)
{
    tm_mem_area *a = &m->areas[state];
    if (!tm_mem_fits(&a->value, row)) {
        return WSL_TYPE;
    }
    uint8_t *entry = entry_for(m, state, sizeof(tm_mem_list));
    tm_mem_list_add(tm_mem_list_in(entry, a), &m->now->slab, row, a->keeps, a->stamped, used);
    return WSL_OK;
}

/* ---- maps ---- */

/* Equal values may lie in a row in several ways (the order of strings, -0.0), but in one way in the canonical form. */
static const wsl_row *canonical(tm_mem_state *m, const tm_mem_area *a, const wsl_row *key)
{
    if (WSL_LIKELY(a->canonical == NULL)) {
        return key;
    }
    const uint32_t room = key->size + a->key.fixed;
    if (m->map_key_capacity < room) {
        free(m->map_key);
        m->map_key = wsl_alloc(room);
        m->map_key_capacity = room;
    }
    const uint32_t size = wsl_key_extract(a->canonical, key, m->map_key, m->map_key_capacity);
    WSL_ASSERT(size != 0);
    return m->map_key;
}

/* An item whose time has come: what is returned for it. */
static const wsl_row *last_value(tm_mem_state *m, uint8_t *entry, uint32_t state, const wsl_row *key,
                                 const tm_map_item *item)
{
    tm_mem_area *a = &m->areas[state];
    tm_mem_map *map = tm_mem_map_in(entry, a);
    const wsl_row *last = a->ttl.return_expired ? tm_mem_keep_expired(m, tm_map_value(item)) : NULL;
    a->changes++;
    tm_mem_dirty(m, entry);
    (void)tm_mem_map_remove(map, &m->now->slab, key);
    if (map->n == 0) {
        tm_mem_unset(m, entry, state);
    }
    return last;
}

const wsl_row *tm_mem_map_state_get(tm_state *s, uint32_t state, const wsl_row *key)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    uint8_t *entry = entry_with(m, state);
    if (entry == NULL || !tm_mem_fits(&a->key, key)) {
        return NULL;
    }
    key = canonical(m, a, key);
    tm_map_item *item = tm_mem_map_find(tm_mem_map_in(entry, a), key);
    if (item == NULL) {
        return NULL;
    }
    if (WSL_UNLIKELY(a->stamped)) {
        if (tm_mem_is_expired(m, a, item->used)) {
            return last_value(m, entry, state, key, item);
        }
        if (tm_mem_reads_touch(a)) {
            tm_mem_touch(m, a, &item->used);
            tm_mem_dirty(m, entry);
        }
    }
    return tm_map_value(item);
}

wsl_status tm_mem_map_state_put(tm_state *s, uint32_t state, const wsl_row *key, const wsl_row *value)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_area *a = &m->areas[state];
    if (!tm_mem_fits(&a->key, key) || !tm_mem_fits(&a->value, value)) {
        return WSL_TYPE;
    }
    key = canonical(m, a, key);
    uint8_t *entry = entry_for(m, state, sizeof(tm_mem_map));
    tm_mem_map *map = tm_mem_map_in(entry, a);
    a->changes++;
    int64_t used = tm_mem_use_time(m, a);
    if (a->stamped) {
        const tm_map_item *old = tm_mem_map_find(map, key);
        int64_t last = old != NULL ? old->used : used;
        tm_mem_touch(m, a, &last);
        used = last;
    }
    (void)tm_mem_map_put(map, &m->now->slab, key, value, a->keeps, used);
    return WSL_OK;
}

wsl_status tm_mem_map_restore(tm_mem_state *m, uint32_t state, const wsl_row *key, const wsl_row *value, int64_t used)
{
    tm_mem_area *a = &m->areas[state];
    if (!tm_mem_fits(&a->key, key) || !tm_mem_fits(&a->value, value)) {
        return WSL_TYPE;
    }
    key = canonical(m, a, key);
    uint8_t *entry = entry_for(m, state, sizeof(tm_mem_map));
    (void)tm_mem_map_put(tm_mem_map_in(entry, a), &m->now->slab, key, value, a->keeps, used);
    return WSL_OK;
}

void tm_mem_map_state_remove(tm_state *s, uint32_t state, const wsl_row *key)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_area *a = &m->areas[state];
    uint8_t *entry = entry_with(m, state);
    if (entry == NULL || !tm_mem_fits(&a->key, key)) {
        return;
    }
    tm_mem_map *map = tm_mem_map_in(entry, a);
    a->changes++;
    tm_mem_dirty(m, entry);
    (void)tm_mem_map_remove(map, &m->now->slab, canonical(m, a, key));
    if (map->n == 0) {
        tm_mem_unset(m, entry, state);
    }
}

/* ---- walks ---- */

static uint8_t *walked_entry(const tm_state_walk *walk) { return (uint8_t *)(uintptr_t)walk->at[3]; }

static tm_list_at list_at(const tm_state_walk *walk)
{
    return (tm_list_at){.chunk = (tm_list_chunk *)(uintptr_t)walk->at[0],
                        .offset = (uint32_t)walk->at[1],
                        .in_hand = (uint32_t)(walk->at[1] >> 32)};
}

static void set_list_at(tm_state_walk *walk, const tm_list_at *at)
{
    walk->at[0] = (uint64_t)(uintptr_t)at->chunk;
    walk->at[1] = at->offset | (uint64_t)at->in_hand << 32;
}

static void end_walk(tm_state_walk *walk)
{
    walk->at[3] = 0;
    walk->key = NULL;
    walk->value = NULL;
}

/* Has it ended, or did somebody else change what it goes through? */
static bool is_over(const tm_mem_state *m, tm_state_walk *walk)
{
    if (walk->at[3] != 0 && (uint32_t)walk->at[2] != m->areas[walk->state].changes) {
        end_walk(walk);
    }
    return walk->at[3] == 0;
}

void tm_mem_walk_begin(tm_state *s, uint32_t state, tm_state_walk *walk)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    uint8_t *entry = entry_with(m, state);
    *walk = (tm_state_walk){.state = state};
    if (entry == NULL) {
        return;
    }
    if (a->kind == WSL_STATE_LIST) {
        tm_list_at at;
        tm_mem_list_walk(tm_mem_list_in(entry, a), &at);
        set_list_at(walk, &at);
    } else {
        tm_mem_map_shrink(tm_mem_map_in(entry, a), &m->now->slab);
    }
    walk->at[2] = a->changes;
    walk->at[3] = (uint64_t)(uintptr_t)entry;
}

static void remove_in_hand(tm_mem_state *m, tm_state_walk *walk)
{
    tm_mem_area *a = &m->areas[walk->state];
    uint8_t *entry = walked_entry(walk);
    tm_slab *slab = &m->now->slab;
    bool is_empty;
    tm_mem_dirty(m, entry);
    if (a->kind == WSL_STATE_LIST) {
        tm_list_at at = list_at(walk);
        tm_mem_list_remove(tm_mem_list_in(entry, a), slab, &at, a->stamped);
        set_list_at(walk, &at);
        is_empty = tm_mem_list_in(entry, a)->n == 0;
    } else {
        uint32_t at = (uint32_t)walk->at[0];
        tm_mem_map_remove_at(tm_mem_map_in(entry, a), slab, &at);
        walk->at[0] = at;
        is_empty = tm_mem_map_in(entry, a)->n == 0;
    }
    walk->key = NULL;
    walk->value = NULL;
    walk->at[2] = ++a->changes; /* without LAST_SHOW */
    if (is_empty) {
        tm_mem_map_clear(a->kind == WSL_STATE_MAP ? tm_mem_map_in(entry, a) : &(tm_mem_map){0}, slab);
        tm_mem_unset(m, entry, walk->state);
        end_walk(walk);
    }
}

/* The next element, whether it has expired or not; its time of last use. False: none. */
static bool step(const tm_mem_area *a, tm_state_walk *walk, int64_t **out_used)
{
    if (a->kind == WSL_STATE_LIST) {
        tm_list_at at = list_at(walk);
        wsl_row *row = tm_mem_list_next(&at, a->stamped);
        set_list_at(walk, &at);
        walk->value = row;
        *out_used = a->stamped && row != NULL ? tm_stamp_of(row) : NULL;
        return row != NULL;
    }
    uint32_t at = (uint32_t)walk->at[0];
    tm_map_item *item = tm_mem_map_next(tm_mem_map_in(walked_entry(walk), a), &at);
    walk->at[0] = at;
    walk->key = item != NULL ? tm_map_key(item) : NULL;
    walk->value = item != NULL ? tm_map_value(item) : NULL;
    *out_used = item != NULL ? &item->used : NULL;
    return item != NULL;
}

bool tm_mem_walk_step(tm_state *s, tm_state_walk *walk)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[walk->state];
    if (is_over(m, walk)) {
        return false;
    }
    if (walk->at[2] & LAST_SHOW) {
        remove_in_hand(m, walk);
    }
    int64_t *used = NULL;
    while (walk->at[3] != 0 && step(a, walk, &used)) {
        if (WSL_LIKELY(!a->stamped)) {
            return true;
        }
        if (!tm_mem_is_expired(m, a, *used)) {
            if (tm_mem_reads_touch(a)) {
                tm_mem_touch(m, a, used);
                tm_mem_dirty(m, walked_entry(walk));
            }
            return true;
        }
        if (a->ttl.return_expired) {
            walk->at[2] |= LAST_SHOW;
            return true;
        }
        remove_in_hand(m, walk);
    }
    end_walk(walk);
    return false;
}

void tm_mem_walk_remove(tm_state *s, tm_state_walk *walk)
{
    tm_mem_state *m = tm_mem_self(s);
    if (!is_over(m, walk) && walk->value != NULL) {
        remove_in_hand(m, walk);
    }
}
