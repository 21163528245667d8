#include "taskmanager/state/slab.h"

#include "base/alloc.h"

typedef struct tm_slab_large {
    struct tm_slab_large *next, **self; /* self: the pointer that points here */
    _Alignas(16) uint8_t data[];
} tm_slab_large;

void tm_slab_init(tm_slab *slab, tm_region *region) { *slab = (tm_slab){.region = region}; }

void tm_slab_fini(tm_slab *slab)
{
    while (slab->large != NULL) {
        tm_slab_large *l = slab->large;
        slab->large = l->next;
        free(l);
    }
    *slab = (tm_slab){0};
}

/* Above 128 bytes: size-1 = 1xx..., the two bits behind the leading one choose among four steps of its doubling. */
static uint32_t class_of(uint32_t size, uint32_t *out_capacity)
{
    if (size <= 128) {
        const uint32_t step = size == 0 ? 0 : (size - 1) / 16;
        *out_capacity = (step + 1) * 16;
        return step;
    }
    const uint32_t s = size - 1;
    const uint32_t top = 31u - (uint32_t)__builtin_clz(s);
    const uint32_t shift = top - 2;
    *out_capacity = ((s >> shift) + 1) << shift;
    return 8 + (top - 7) * 4 + ((s >> shift) & 3);
}

uint32_t tm_slab_capacity(uint32_t size)
{
    if (size > TM_SLAB_MAX) {
        return size;
    }
    uint32_t capacity;
    (void)class_of(size, &capacity);
    return capacity;
}

static void *alloc_large(tm_slab *slab, uint32_t size)
{
    tm_slab_large *l = wsl_alloc(sizeof *l + size);
    l->next = slab->large;
    l->self = &slab->large;
    if (l->next != NULL) {
        l->next->self = &l->next;
    }
    slab->large = l;
    slab->used += size;
    return l->data;
}

static void release_large(tm_slab *slab, void *block, uint32_t size)
{
    tm_slab_large *l = (tm_slab_large *)(void *)((uint8_t *)block - offsetof(tm_slab_large, data));
    *l->self = l->next;
    if (l->next != NULL) {
        l->next->self = l->self;
    }
    slab->used -= size;
    free(l);
}

void *tm_slab_alloc(tm_slab *slab, uint32_t size)
{
    if (size > TM_SLAB_MAX) {
        return alloc_large(slab, size);
    }
    uint32_t capacity;
    const uint32_t c = class_of(size, &capacity);
    tm_slab_block *block = slab->free[c];
    slab->used += capacity;
    if (block != NULL) {
        slab->free[c] = block->next;
        return block;
    }
    return tm_region_alloc(slab->region, capacity, 16);
}

void tm_slab_release(tm_slab *slab, void *block, uint32_t size)
{
    slab->watched = slab->watched == block ? NULL : slab->watched;
    if (size > TM_SLAB_MAX) {
        release_large(slab, block, size);
        return;
    }
    uint32_t capacity;
    const uint32_t c = class_of(size, &capacity);
    tm_slab_block *b = block;
    b->next = slab->free[c];
    slab->free[c] = b;
    slab->used -= capacity;
}
