#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/slab.h"

static tm_region region;
static tm_slab slab;

static void begin(void)
{
    tm_region_init(&region);
    tm_slab_init(&slab, &region);
}

static void end(void)
{
    tm_slab_fini(&slab);
    tm_region_fini(&region);
}

Test(slab, blocks_hold_what_was_asked_and_waste_at_most_a_quarter)
{
    uint32_t last = 0;
    for (uint32_t size = 1; size <= TM_SLAB_MAX; size++) {
        const uint32_t capacity = tm_slab_capacity(size);
        cr_assert_geq(capacity, size);
        cr_assert_geq(capacity, last, "larger sizes never get smaller blocks");
        cr_assert(size <= 64 || (capacity - size) * 4 <= size, "size %u gets %u", size, capacity);
        cr_assert_eq(tm_slab_capacity(capacity), capacity);
        last = capacity;
    }
    cr_assert_eq(tm_slab_capacity(TM_SLAB_MAX + 1), TM_SLAB_MAX + 1);
}

Test(slab, uses_released_blocks_again)
{
    begin();
    void *first = tm_slab_alloc(&slab, 100);
    tm_slab_release(&slab, first, 100);
    cr_assert_eq(tm_slab_alloc(&slab, 110), first, "100 and 110 are of one class");
    const uint64_t bytes = region.bytes;
    for (int i = 0; i < 100000; i++) {
        tm_slab_release(&slab, tm_slab_alloc(&slab, 5000), 5000);
    }
    cr_assert_eq(region.bytes, bytes);
    end();
}

Test(slab, region_gives_aligned_pieces_also_of_huge_chunks)
{
    tm_region_init(&region);
    for (int i = 0; i < 300; i++) {
        uint8_t *p = tm_region_alloc(&region, 65000, 64);
        cr_assert_eq((uintptr_t)p % 64, 0);
        memset(p, 0xAB, 65000);
    }
    uint8_t *large = tm_region_alloc(&region, 20 << 20, 16);
    memset(large, 1, 20 << 20);
    tm_region_fini(&region);
}

typedef struct piece {
    uint8_t *at;
    uint32_t size;
    uint8_t fill;
} piece;

static void check(const piece *p)
{
    for (uint32_t i = 0; i < p->size; i++) {
        cr_assert_eq(p->at[i], p->fill, "a block was given to two");
    }
}

Test(slab, never_gives_the_same_bytes_twice)
{
    enum { PIECES = 300 };
    static const uint32_t max[] = {40, 300, 5000, 100000};
    piece pieces[PIECES] = {{0}};
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    begin();
    for (int step = 0; step < 30000; step++) {
        piece *p = &pieces[wsl_rng_below(&rng, PIECES)];
        if (p->at != NULL) {
            check(p);
            tm_slab_release(&slab, p->at, p->size);
            p->at = NULL;
        } else {
            p->size = 1 + (uint32_t)wsl_rng_below(&rng, max[wsl_rng_below(&rng, 4)]);
            p->fill = (uint8_t)wsl_rng_next(&rng);
            p->at = tm_slab_alloc(&slab, p->size);
            cr_assert_eq((uintptr_t)p->at % 8, 0);
            memset(p->at, p->fill, p->size);
        }
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i].at != NULL) {
            check(&pieces[i]);
            tm_slab_release(&slab, pieces[i].at, pieces[i].size);
        }
    }
    cr_assert_eq(slab.used, 0);
    end();
}
