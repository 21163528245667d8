/*
 * map - from byte strings or from numbers to pointers, for control objects (jobs, tasks, peers); not for records.
 *
 * Walks go in the order of insertion, whatever the hashes are, so that runs of the simulator repeat. Entries stand in
 * an array in that order; an open-addressing table of indexes (linear probing, at most 3/4 full) finds them.
 *
 * Zeroed memory is an empty map. Values are never NULL (asserted): NULL is the answer for "not there". Keys of a
 * wsl_str_map are copied; values belong to the caller.
 *
 *     uint32_t at = 0;
 *     while (wsl_str_map_next(&m, &at)) { use(m.core.entries[at - 1]); }      removing entries meanwhile is fine
 *
 * Threads: one owner.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct wsl_map_entry {
    uint64_t hash;
    uint64_t number; /* the key of a wsl_u64_map */
    char *bytes;     /* the key of a wsl_str_map, with a 0 byte behind it; NULL in a wsl_u64_map */
    size_t size;     /* of bytes */
    void *value;     /* NULL: removed */
} wsl_map_entry;

typedef struct wsl_map_core {
    wsl_map_entry *entries;
    uint32_t used, capacity; /* of entries; used counts removed ones too */
    uint32_t live;
    uint32_t *slots; /* 1 + index of an entry; 0: empty. A slot whose entry is removed stays taken */
    uint32_t slot_mask;
} wsl_map_core;

/* For the two below. */
void wsl_map_core_fini(wsl_map_core *m);
void *wsl_map_core_get(const wsl_map_core *m, const char *bytes, size_t size, uint64_t number);
void *wsl_map_core_put(wsl_map_core *m, const char *bytes, size_t size, uint64_t number, void *value);
void *wsl_map_core_remove(wsl_map_core *m, const char *bytes, size_t size, uint64_t number);
bool wsl_map_core_next(const wsl_map_core *m, uint32_t *at);

/* ---- byte strings ---- */

typedef struct wsl_str_map {
    wsl_map_core core;
} wsl_str_map;

static inline void wsl_str_map_fini(wsl_str_map *m) { wsl_map_core_fini(&m->core); }
static inline uint32_t wsl_str_map_size(const wsl_str_map *m) { return m->core.live; }
static inline void *wsl_str_map_get_bytes(const wsl_str_map *m, const void *key, size_t size)
{
    return wsl_map_core_get(&m->core, (const char *)key, size, 0);
}
/* Returns the value that was there before, or NULL. */
static inline void *wsl_str_map_put_bytes(wsl_str_map *m, const void *key, size_t size, void *value)
{
    return wsl_map_core_put(&m->core, (const char *)key, size, 0, value);
}
/* Returns the value that was there, or NULL. */
static inline void *wsl_str_map_remove_bytes(wsl_str_map *m, const void *key, size_t size)
{
    return wsl_map_core_remove(&m->core, (const char *)key, size, 0);
}
static inline void *wsl_str_map_get(const wsl_str_map *m, const char *key)
{
    return wsl_str_map_get_bytes(m, key, strlen(key));
}
static inline void *wsl_str_map_put(wsl_str_map *m, const char *key, void *value)
{
    return wsl_str_map_put_bytes(m, key, strlen(key), value);
}
static inline void *wsl_str_map_remove(wsl_str_map *m, const char *key)
{
    return wsl_str_map_remove_bytes(m, key, strlen(key));
}
/* Start with *at = 0; true: the entry is core.entries[*at - 1]. */
static inline bool wsl_str_map_next(const wsl_str_map *m, uint32_t *at) { return wsl_map_core_next(&m->core, at); }
static inline const char *wsl_str_map_key(const wsl_str_map *m, uint32_t at) { return m->core.entries[at - 1].bytes; }
static inline void *wsl_str_map_value(const wsl_str_map *m, uint32_t at) { return m->core.entries[at - 1].value; }

/* ---- numbers ---- */

typedef struct wsl_u64_map {
    wsl_map_core core;
} wsl_u64_map;

static inline void wsl_u64_map_fini(wsl_u64_map *m) { wsl_map_core_fini(&m->core); }
static inline uint32_t wsl_u64_map_size(const wsl_u64_map *m) { return m->core.live; }
static inline void *wsl_u64_map_get(const wsl_u64_map *m, uint64_t key)
{
    return wsl_map_core_get(&m->core, NULL, 0, key);
}
static inline void *wsl_u64_map_put(wsl_u64_map *m, uint64_t key, void *value)
{
    return wsl_map_core_put(&m->core, NULL, 0, key, value);
}
static inline void *wsl_u64_map_remove(wsl_u64_map *m, uint64_t key)
{
    return wsl_map_core_remove(&m->core, NULL, 0, key);
}
static inline bool wsl_u64_map_next(const wsl_u64_map *m, uint32_t *at) { return wsl_map_core_next(&m->core, at); }
static inline uint64_t wsl_u64_map_key(const wsl_u64_map *m, uint32_t at) { return m->core.entries[at - 1].number; }
static inline void *wsl_u64_map_value(const wsl_u64_map *m, uint32_t at) { return m->core.entries[at - 1].value; }
