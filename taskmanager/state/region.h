/*
 * region - memory that state grows in: chunks that are handed out piece by piece and given back all at once.
 *
 * Chunks grow with what is used (64 KiB to 8 MiB); those of 2 MiB and more are mapped and marked for huge pages,
 * because random access to a large state costs as much in page walks as in cache misses. Pages are touched when they
 * are used.
 *
 * Regions that come and go (one per window) begin small and take their chunks from a pool, and give them back to it: then
 * memory that was touched once is used again. The pool keeps no more than was in use when the last region went.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { TM_CHUNK_LOG_MIN = 9, TM_CHUNK_LOG_MAX = 23, TM_CHUNK_CLASSES = TM_CHUNK_LOG_MAX - TM_CHUNK_LOG_MIN + 1 };

/* Free chunks by the logarithm of their size. */
typedef struct tm_chunk_pool {
    struct tm_region_chunk *free[TM_CHUNK_CLASSES];
    uint64_t free_bytes;
    uint64_t used_bytes; /* in regions */
} tm_chunk_pool;

typedef struct tm_region {
    struct tm_region_chunk *chunks;
    uint8_t *tip, *end;
    uint64_t bytes; /* of all chunks */
    tm_chunk_pool *pool;
    uint32_t first_bytes; /* of the first chunk, from a pool */
} tm_region;

void tm_region_init(tm_region *region);
/* Of chunks of a pool, which outlives the region; the first one of first_bytes (512 at least, a power of two). */
void tm_region_init_pooled(tm_region *region, tm_chunk_pool *pool, uint32_t first_bytes);
void tm_region_fini(tm_region *region);
/* `align` is a power of two up to 64. Not zeroed; never NULL. */
void *tm_region_alloc(tm_region *region, size_t size, size_t align);

void tm_chunk_pool_init(tm_chunk_pool *pool);
void tm_chunk_pool_fini(tm_chunk_pool *pool);
