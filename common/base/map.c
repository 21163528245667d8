/*
 * map - a dense array of entries and a table of indexes into it.
 *
 *     slots    [ 0 3 0 1 2 0 0 4 ]          1 + index
 *     entries  [ a | b | - | d ]            in order of insertion; '-' was removed
 *
 * A removed entry keeps its slot (a tombstone), so that probing goes on past it. When the array is full, or has become
 * mostly tombstones, both are built anew. Removing never moves an entry, so a walk may remove.
 */
#include "base/map.h"

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { ENTRIES_MIN = 12 };

static uint64_t hash_of(const char *bytes, size_t size, uint64_t number)
{
    return bytes != NULL ? XXH3_64bits(bytes, size) : XXH3_64bits(&number, sizeof number);
}

static bool matches(const wsl_map_entry *e, uint64_t hash, const char *bytes, size_t size, uint64_t number)
{
    if (e->value == NULL || e->hash != hash) {
        return false;
    }
    return bytes != NULL ? e->size == size && memcmp(e->bytes, bytes, size) == 0 : e->number == number;
}

static wsl_map_entry *find(const wsl_map_core *m, uint64_t hash, const char *bytes, size_t size, uint64_t number)
{
    if (m->live == 0) {
        return NULL;
    }
    for (uint32_t i = (uint32_t)hash & m->slot_mask; m->slots[i] != 0; i = (i + 1) & m->slot_mask) {
        wsl_map_entry *const e = &m->entries[m->slots[i] - 1];
        if (matches(e, hash, bytes, size, number)) {
            return e;
        }
    }
    return NULL;
}

static void take_slot(wsl_map_core *m, uint32_t index)
{
    uint32_t i = (uint32_t)m->entries[index].hash & m->slot_mask;
    while (m->slots[i] != 0) {
        i = (i + 1) & m->slot_mask;
    }
    m->slots[i] = index + 1;
}

/* Drops the removed entries and makes room for at least one more. */
static void rebuild(wsl_map_core *m)
{
    uint32_t capacity = ENTRIES_MIN;
    while (capacity < m->live + m->live / 2 + 1) {
        WSL_ASSERT(capacity <= UINT32_MAX / 4);
        capacity *= 2;
    }
    wsl_map_entry *const entries = wsl_calloc(capacity, sizeof *entries);
    uint32_t used = 0;
    for (uint32_t i = 0; i < m->used; i++) {
        if (m->entries[i].value != NULL) {
            entries[used++] = m->entries[i];
        }
    }
    free(m->entries);
    free(m->slots);
    m->entries = entries;
    m->used = used;
    m->capacity = capacity;
    uint32_t slots = 16;
    while (slots / 4 * 3 < capacity) {
        slots *= 2;
    }
    m->slots = wsl_calloc(slots, sizeof *m->slots);
    m->slot_mask = slots - 1;
    for (uint32_t i = 0; i < used; i++) {
        take_slot(m, i);
    }
}

void wsl_map_core_fini(wsl_map_core *m)
{
    for (uint32_t i = 0; i < m->used; i++) {
        free(m->entries[i].bytes);
    }
    free(m->entries);
    free(m->slots);
    *m = (wsl_map_core){.used = 0};
}

void *wsl_map_core_get(const wsl_map_core *m, const char *bytes, size_t size, uint64_t number)
{
    const wsl_map_entry *const e = find(m, hash_of(bytes, size, number), bytes, size, number);
    return e != NULL ? e->value : NULL;
}

void *wsl_map_core_put(wsl_map_core *m, const char *bytes, size_t size, uint64_t number, void *value)
{
    WSL_ASSERT(value != NULL);
    const uint64_t hash = hash_of(bytes, size, number);
    wsl_map_entry *const known = find(m, hash, bytes, size, number);
    if (known != NULL) {
        void *const before = known->value;
        known->value = value;
        return before;
    }
    if (m->used == m->capacity) {
        rebuild(m);
    }
    char *copy = NULL;
    if (bytes != NULL) {
        copy = wsl_alloc(size + 1);
        memcpy(copy, bytes, size);
        copy[size] = '\0';
    }
    m->entries[m->used] = (wsl_map_entry){.hash = hash, .number = number, .bytes = copy, .size = size, .value = value};
    take_slot(m, m->used++);
    m->live++;
    return NULL;
}

void *wsl_map_core_remove(wsl_map_core *m, const char *bytes, size_t size, uint64_t number)
{
    wsl_map_entry *const e = find(m, hash_of(bytes, size, number), bytes, size, number);
    if (e == NULL) {
        return NULL;
    }
    void *const value = e->value;
    free(e->bytes);
    e->bytes = NULL;
    e->value = NULL;
    m->live--;
    return value;
}

bool wsl_map_core_next(const wsl_map_core *m, uint32_t *at)
{
    while (*at < m->used) {
        (*at)++;
        if (m->entries[*at - 1].value != NULL) {
            return true;
        }
    }
    return false;
}
