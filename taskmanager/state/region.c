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
} tm_region_chunk;

void tm_region_init(tm_region *region) { *region = (tm_region){0}; }

void tm_region_fini(tm_region *region)
{
    while (region->chunks != NULL) {
        tm_region_chunk *c = region->chunks;
        region->chunks = c->next;
        if (c->mapped != 0) {
            (void)munmap(c->memory, c->mapped);
        } else {
            free(c->memory);
        }
        free(c);
    }
    *region = (tm_region){0};
}

static uint8_t *aligned(uint8_t *p, size_t align) { return p + (-(uintptr_t)p & (align - 1)); }

/* Mapped a huge page too long, so that it can begin at a huge page's boundary. */
static uint8_t *map_huge(tm_region_chunk *c, size_t size)
{
    c->mapped = size + HUGE_PAGE;
    c->memory = mmap(NULL, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    WSL_ASSERT(c->memory != MAP_FAILED); /* out of address space: like wsl_alloc, we end here */
    uint8_t *begin = aligned(c->memory, HUGE_PAGE);
    (void)madvise(begin, size, MADV_HUGEPAGE); /* a hint: without huge pages it is only slower */
    return begin;
}

static void add_chunk(tm_region *region, size_t at_least)
{
    size_t size = region->bytes < CHUNK_MIN ? CHUNK_MIN : region->bytes > CHUNK_MAX ? CHUNK_MAX : region->bytes;
    size = size < at_least ? at_least : size;
    tm_region_chunk *c = wsl_zalloc(sizeof *c);
    if (size >= HUGE_PAGE) {
        size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
        region->tip = map_huge(c, size);
    } else {
        c->memory = wsl_alloc(size + CHUNK_HEADER);
        region->tip = aligned(c->memory, CHUNK_HEADER);
    }
    region->end = region->tip + size;
    region->bytes += size;
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
