/*
 * slab - blocks of many sizes out of a region: 16-byte steps to 128 bytes, then four sizes per doubling up to 32 KiB,
 * each with a free list. Larger blocks come from the heap. Whoever frees says the size again; blocks carry no header.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/region.h"

enum { TM_SLAB_CLASSES = 40, TM_SLAB_MAX = 32 << 10 };

typedef struct tm_slab_block {
    struct tm_slab_block *next;
} tm_slab_block;

typedef struct tm_slab {
    tm_region *region; /* outlives the slab */
    tm_slab_block *free[TM_SLAB_CLASSES];
    struct tm_slab_large *large; /* list, so that fini finds them */
    uint64_t used;               /* bytes in blocks that are out */
    const void *watched;         /* a block that somebody will come back to; NULL once it was released or what is in it moved */
} tm_slab;

void tm_slab_init(tm_slab *slab, tm_region *region);
void tm_slab_fini(tm_slab *slab);

void *tm_slab_alloc(tm_slab *slab, uint32_t size); /* 8-byte aligned, not zeroed, never NULL */
void tm_slab_release(tm_slab *slab, void *block, uint32_t size);
/* How much a block for `size` really holds: two sizes with the same answer can share a block. */
uint32_t tm_slab_capacity(uint32_t size);
