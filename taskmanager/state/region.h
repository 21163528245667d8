/*
 * region - memory that state grows in: chunks that are handed out piece by piece and given back all at once.
 *
 * Chunks grow with what is used (64 KiB to 8 MiB); those of 2 MiB and more are mapped and marked for huge pages,
 * because random access to a large state costs as much in page walks as in cache misses. Pages are touched when they
 * are used.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct tm_region {
    struct tm_region_chunk *chunks;
    uint8_t *tip, *end;
    uint64_t bytes; /* of all chunks */
} tm_region;

void tm_region_init(tm_region *region);
void tm_region_fini(tm_region *region);
/* `align` is a power of two up to 64. Not zeroed; never NULL. */
void *tm_region_alloc(tm_region *region, size_t size, size_t align);
