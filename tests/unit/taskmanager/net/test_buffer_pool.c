/*
 * test_buffer_pool - shares of the network memory: nothing is handed out twice, everything comes home from any thread.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/rng.h"
#include "harness/wsl_test.h"
#include "taskmanager/net/buffer_pool.h"

enum { SIZE = 4096 };

static wsl_buffer_region *region_of(uint32_t buffers)
{
    wsl_buffer_region *region = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_buffer_region_new((size_t)buffers * SIZE, SIZE, &region, &err), WSL_OK, "%s", err.text);
    return region;
}

Test(buffer_pool, a_share_gives_as_many_as_it_has_and_then_none)
{
    wsl_buffer_region *region = region_of(8);
    wsl_buffer_pool *pool = NULL;
    cr_assert_eq(wsl_buffer_pool_new(region, 3, &pool, NULL), WSL_OK);
    wsl_buffer *got[3];
    for (int i = 0; i < 3; i++) {
        got[i] = wsl_buffer_pool_take(pool);
        cr_assert_not_null(got[i]);
        cr_assert_eq((uintptr_t)got[i]->data % 8, 0);
        memset(got[i]->data, i, SIZE);
    }
    cr_assert_null(wsl_buffer_pool_take(pool));
    cr_assert_eq(wsl_buffer_pool_available(pool), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(got[i]->data[SIZE - 1], i, "buffers do not overlap");
        wsl_buffer_release(got[i]);
    }
    cr_assert_eq(wsl_buffer_pool_available(pool), 3);
    cr_assert_not_null(got[0] = wsl_buffer_pool_take(pool));
    wsl_buffer_release(got[0]);
    wsl_buffer_pool_free(pool);
    cr_assert_eq(wsl_buffer_region_free_count(region), 8);
    wsl_buffer_region_free(region);
}

Test(buffer_pool, a_share_that_is_too_large_is_refused_with_the_numbers_and_takes_nothing)
{
    wsl_buffer_region *region = region_of(8);
    wsl_buffer_pool *pool = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_buffer_pool_new(region, 9, &pool, &err), WSL_NO_RESOURCE);
    cr_assert(has_text(err.text, "9 are needed, 8 of 8 are free"), "%s", err.text);
    cr_assert(has_text(err.text, "taskmanager.memory.network.size"), "%s", err.text);
    cr_assert_eq(wsl_buffer_region_free_count(region), 8);
    wsl_buffer_region_free(region);
}

Test(buffer_pool, buffers_that_are_out_when_the_share_is_freed_come_home_later)
{
    wsl_buffer_region *region = region_of(8);
    wsl_buffer_pool *pool = NULL;
    cr_assert_eq(wsl_buffer_pool_new(region, 4, &pool, NULL), WSL_OK);
    wsl_buffer *a = wsl_buffer_pool_take(pool);
    wsl_buffer *b = wsl_buffer_pool_take(pool);
    wsl_buffer_release(b);
    wsl_buffer_pool_free(pool);
    cr_assert_leq(wsl_buffer_region_free_count(region), 7);
    a->data[0] = 1;
    wsl_buffer_release(a);
    cr_assert_eq(wsl_buffer_region_free_count(region), 8);
    wsl_buffer_region_free(region);
}

static void count_wake(void *arg) { (*(int *)arg)++; }

Test(buffer_pool, a_release_wakes_only_an_owner_that_went_away_empty)
{
    wsl_buffer_region *region = region_of(2);
    wsl_buffer_pool *pool = NULL;
    int wakes = 0;
    cr_assert_eq(wsl_buffer_pool_new(region, 1, &pool, NULL), WSL_OK);
    wsl_buffer_pool_on_available(pool, (wsl_waker){count_wake, &wakes});
    wsl_buffer *b = wsl_buffer_pool_take(pool);
    wsl_buffer_release(b);
    cr_assert_eq(wakes, 0);
    b = wsl_buffer_pool_take(pool);
    cr_assert_null(wsl_buffer_pool_take(pool));
    wsl_buffer_release(b);
    cr_assert_eq(wakes, 1);
    wsl_buffer_pool_free(pool);
    wsl_buffer_region_free(region);
}

typedef struct shared {
    _Atomic(wsl_buffer *) slot[16];
    _Atomic(bool) done;
} shared;

static void *releaser(void *arg)
{
    shared *s = arg;
    wsl_rng rng;
    wsl_rng_seed(&rng, 7);
    while (!atomic_load(&s->done)) {
        wsl_buffer_release(atomic_exchange(&s->slot[wsl_rng_below(&rng, 16)], NULL));
    }
    for (int i = 0; i < 16; i++) {
        wsl_buffer_release(atomic_exchange(&s->slot[i], NULL));
    }
    return NULL;
}

Test(buffer_pool, takes_and_releases_of_two_threads_lose_and_double_nothing)
{
    wsl_buffer_region *region = region_of(16);
    wsl_buffer_pool *pool = NULL;
    cr_assert_eq(wsl_buffer_pool_new(region, 16, &pool, NULL), WSL_OK);
    shared s = {0};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, releaser, &s), 0);
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (uint32_t n = 0; n < 200000;) {
        wsl_buffer *b = wsl_buffer_pool_take(pool);
        if (b == NULL) {
            continue;
        }
        n++;
        memcpy(b->data, &n, sizeof n);
        uint32_t back = 0;
        memcpy(&back, b->data, sizeof back);
        cr_assert_eq(back, n, "the buffer is ours alone");
        wsl_buffer_release(atomic_exchange(&s.slot[wsl_rng_below(&rng, 16)], b));
    }
    atomic_store(&s.done, true);
    pthread_join(thread, NULL);
    cr_assert_eq(wsl_buffer_pool_available(pool), 16);
    wsl_buffer_pool_free(pool);
    cr_assert_eq(wsl_buffer_region_free_count(region), 16);
    wsl_buffer_region_free(region);
}
