/*
 * timer_set - numbers by hash: which timers there are.
 *
 *     hash: | directory ... | ... place in the page |     directory -> pages of 512 cells, by linear probing
 *
 * Extendible hashing: a page that is full splits in two by one more bit of the hash, so no insert moves more than a page. Whether
 * two timers are the same is the caller's to say.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "taskmanager/state/region.h"

typedef struct tm_timer_cell {
    uint32_t hash;
    uint32_t timer; /* number + 1; 0: empty */
} tm_timer_cell;

typedef struct tm_timer_set {
    tm_region *region;   /* outlives the set */
    uintptr_t *directory; /* pages; the lowest bit is set for those that are larger than usual */
    uint32_t depth; /* log2 of its size */
    uint32_t n;
    void *free_pages;
} tm_timer_set;

void tm_timer_set_init(tm_timer_set *s, tm_region *region);
void tm_timer_set_fini(tm_timer_set *s);

/* A walk over the timers of that hash: after = NULL begins it; NULL: no more. */
const tm_timer_cell *tm_timer_set_find(const tm_timer_set *s, uint32_t hash, const tm_timer_cell *after);
void tm_timer_set_add(tm_timer_set *s, uint32_t hash, uint32_t timer);
/* It is there. */
void tm_timer_set_remove(tm_timer_set *s, uint32_t hash, uint32_t timer);
void tm_timer_set_prefetch(const tm_timer_set *s, uint32_t hash);
