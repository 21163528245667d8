/*
 * mem_map - rows by rows: the entries of one map, in blocks of a slab.
 *
 *     head ──> | hash, item | hash, item | - | hash, item | ... |        item: | (last use) | key row | value row |
 *
 * Cells are sorted by the key's 64-bit hash, then its bytes. Up to 16 they lie side by side; in a larger map each wants to
 * lie where the top bits of its hash point to and gives way to smaller ones (open addressing without wrapping around, with
 * some places more at the end). So a walk goes by hash whatever happened before: equal contents, equal order. Growing and
 * shrinking is one pass from array to array.
 *
 * The head may move, it is plain bytes; {0} is the empty map. A key is compared by its null bits and bytes.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/row.h>

#include "taskmanager/state/slab.h"

typedef struct tm_map_cell {
    uint64_t hash;
    struct tm_map_item *item; /* NULL: empty */
} tm_map_cell;

typedef struct tm_mem_map {
    tm_map_cell *cells;
    uint32_t n;
    uint8_t log;      /* 1 << log places ... */
    uint8_t log_tail; /* ... and 1 << log_tail more */
    bool hashed;
    uint8_t reserved;
} tm_mem_map;

/* NULL: not there. The item stays where it is until the map changes. */
struct tm_map_item *tm_mem_map_find(const tm_mem_map *m, const wsl_row *key);
/* Copies both; the value may be the one that is there. keeps, used: as for lists. */
struct tm_map_item *tm_mem_map_put(tm_mem_map *m, tm_slab *slab, const wsl_row *key, const wsl_row *value, bool keeps,
                                   int64_t used);
bool tm_mem_map_remove(tm_mem_map *m, tm_slab *slab, const wsl_row *key); /* false: it was not there */
void tm_mem_map_clear(tm_mem_map *m, tm_slab *slab);

/* The item at place *io_at or behind it, by hash; NULL: no more. *io_at becomes the place behind it. */
struct tm_map_item *tm_mem_map_next(const tm_mem_map *m, uint32_t *io_at);
/* Takes away the item that next gave last; *io_at stays behind it. */
void tm_mem_map_remove_at(tm_mem_map *m, tm_slab *slab, uint32_t *io_at);
/* Memory that removals have freed goes back. Not during a walk. */
void tm_mem_map_shrink(tm_mem_map *m, tm_slab *slab);

typedef struct tm_map_item {
    int64_t used; /* the owner's */
    wsl_row key;  /* and the value behind it */
} tm_map_item;

static inline const wsl_row *tm_map_key(const tm_map_item *item) { return &item->key; }
static inline wsl_row *tm_map_value(const tm_map_item *item)
{
    return (wsl_row *)(void *)((uint8_t *)(uintptr_t)&item->key + item->key.size);
}
