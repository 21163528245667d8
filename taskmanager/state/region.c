#include "taskmanager/state/region.h"

#include <sys/mman.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    CHUNK_MIN = 64 << 10,
    CHUNK_MAX = 8 << 20,
    HUGE_PAGE = 2 << 20,
    CHUNK_HEADER = 64,
};

typedef struct tm_region_chunk {
    struct tm_region_chunk *next;
    void *memory; /* what free or munmap wants */
    size_t mapped;
    size_t size;
    uint8_t *begin;
} tm_region_chunk;

/* ---- chunks ---- */

static uint8_t *aligned(uint8_t *p, size_t align) { return p + (-(uintptr_t)p & (align - 1)); }

/* Mapped a huge page too long, so that it can begin at a huge page's boundary. */
static void map_huge(tm_region_chunk *c)
{
    c->mapped = c->size + HUGE_PAGE;
    c->memory = mmap(NULL, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WSL_ASSERT(c->memory != MAP_FAILED); /* out of address space: like wsl_alloc, we end here */
    c->begin = aligned(c->memory, HUGE_PAGE);
    (void)madvise(c->begin, c->size, MADV_HUGEPAGE); /* a hint: without huge pages it is only slower */
}

static tm_region_chunk *chunk_new(size_t size)
{
    tm_region_chunk *c = wsl_zalloc(sizeof *c);
    c->size = size;
    if (size >= HUGE_PAGE) {
        c->size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
        map_huge(c);
    } else {
        c->memory = wsl_alloc(size + CHUNK_HEADER);
        c->begin = aligned(c->memory, CHUNK_HEADER);
    }
    return c;
}

static void chunk_free(tm_region_chunk *c)
{
    if (c->mapped != 0) {
        (void)munmap(c->memory, c->mapped);
    } else {
        free(c->memory);
    }
    free(c);
}

/* ---- pool ---- */

void tm_chunk_pool_init(tm_chunk_pool *pool) { *pool = (tm_chunk_pool){0}; }

/* Frees chunks, large ones first, until no more than `keep` bytes are left. */
static void trim(tm_chunk_pool *pool, uint64_t keep)
{
    for (uint32_t i = TM_CHUNK_CLASSES; i-- > 0 && pool->free_bytes > keep;) {
        while (pool->free[i] != NULL && pool->free_bytes > keep) {
            tm_region_chunk *c = pool->free[i];
            pool->free[i] = c->next;
            pool->free_bytes -= c->size;
            chunk_free(c);
        }
    }
}

void tm_chunk_pool_fini(tm_chunk_pool *pool)
{
    WSL_ASSERT(pool->used_bytes == 0); /* no region is left */
    trim(pool, 0);
}

/* The class of the smallest power of two that holds `size`; TM_CHUNK_CLASSES: too large for a pool. */
static uint32_t class_of(size_t size)
{
    if (size <= (size_t)1 << TM_CHUNK_LOG_MIN) {
        return 0;
    }
    const uint32_t log = 64u - (uint32_t)__builtin_clzll(size - 1);
    return log > TM_CHUNK_LOG_MAX ? TM_CHUNK_CLASSES : log - TM_CHUNK_LOG_MIN;
}

static tm_region_chunk *pool_take(tm_chunk_pool *pool, size_t at_least)
{
    const uint32_t cls = class_of(at_least);
    tm_region_chunk *c;
    if (cls == TM_CHUNK_CLASSES) {
        c = chunk_new(at_least);
    } else if (pool->free[cls] == NULL) {
        c = chunk_new((size_t)1 << (TM_CHUNK_LOG_MIN + cls));
    } else {
        c = pool->free[cls];
        pool->free[cls] = c->next;
        pool->free_bytes -= c->size;
    }
    pool->used_bytes += c->size;
    return c;
}

static void pool_give(tm_chunk_pool *pool, tm_region_chunk *c)
{
    const uint32_t cls = class_of(c->size);
    pool->used_bytes -= c->size;
    if (cls == TM_CHUNK_CLASSES) {
        chunk_free(c);
        return;
    }
    c->next = pool->free[cls];
    pool->free[cls] = c;
    pool->free_bytes += c->size;
}

/* ---- region ---- */

void tm_region_init(tm_region *region) { *region = (tm_region){0}; }

void tm_region_init_pooled(tm_region *region, tm_chunk_pool *pool, uint32_t first_bytes)
{
    *region = (tm_region){.pool = pool, .first_bytes = first_bytes};
}

void tm_region_fini(tm_region *region)
{
    const uint64_t used = region->pool != NULL ? region->pool->used_bytes : 0;
    while (region->chunks != NULL) {
        tm_region_chunk *c = region->chunks;
        region->chunks = c->next;
        if (region->pool != NULL) {
            pool_give(region->pool, c);
        } else {
            chunk_free(c);
        }
    }
    if (region->pool != NULL) {
        trim(region->pool, used);
    }
    *region = (tm_region){0};
}

static void add_chunk(tm_region *region, size_t at_least)
{
    const size_t least = region->pool != NULL ? region->first_bytes : CHUNK_MIN;
    size_t size = region->bytes < least ? least : region->bytes > CHUNK_MAX ? CHUNK_MAX : region->bytes;
    size = size < at_least ? at_least : size;
    tm_region_chunk *c = region->pool != NULL ? pool_take(region->pool, size) : chunk_new(size);
    region->tip = c->begin;
    region->end = c->begin + c->size;
    region->bytes += c->size;
    c->next = region->chunks;
    region->chunks = c;
}

void *tm_region_alloc(tm_region *region, size_t size, size_t align)
{
    WSL_DEBUG_ASSERT(align <= CHUNK_HEADER && (align & (align - 1)) == 0);
    uint8_t *p = aligned(region->tip, align);
    if (region->tip == NULL || p > region->end || (size_t)(region->end - p) < size) {
        add_chunk(region, size);
        p = region->tip; /* a new chunk begins at 64 */
    }
    region->tip = p + size;
    return p;
}
