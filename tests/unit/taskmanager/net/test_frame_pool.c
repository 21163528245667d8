#include "harness/wsl_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "taskmanager/net/frame_pool.h"

static void count_wake(void *arg) { atomic_fetch_add((_Atomic(int) *)arg, 1); }

Test(frame_pool, blocks_are_used_again)
{
    tm_frame_pool *pool = tm_frame_pool_new(1000, 4, (wsl_waker){0});
    tm_frame_block *first = tm_frame_pool_take(pool, 0);
    cr_assert_eq((uintptr_t)first->data % 64, 0);
    cr_assert_geq(first->capacity, 1000);
    tm_frame_block_drop(first);
    cr_assert_eq(tm_frame_pool_take(pool, 1000), first);
    wsl_message m = tm_frame_block_message(first, 10);
    cr_assert(m.data == first->data && m.size == 10);
    wsl_message_release(&m);
    cr_assert_eq(tm_frame_pool_take(pool, 0), first);
    tm_frame_block_drop(first);
    tm_frame_pool_free(pool);
}

Test(frame_pool, an_empty_pool_says_so_and_wakes_when_a_block_comes_home)
{
    _Atomic(int) wakes = 0;
    tm_frame_pool *pool = tm_frame_pool_new(1000, 2, (wsl_waker){count_wake, &wakes});
    tm_frame_block *a = tm_frame_pool_take(pool, 0), *b = tm_frame_pool_take(pool, 0);
    cr_assert_null(tm_frame_pool_take(pool, 0));
    tm_frame_block_drop(a);
    tm_frame_block_drop(b);
    cr_assert_eq(wakes, 1, "once: nobody has asked again");
    cr_assert_not_null(tm_frame_pool_take(pool, 0));
    cr_assert_not_null(tm_frame_pool_take(pool, 0));
    tm_frame_block_drop(a);
    tm_frame_block_drop(b);
    cr_assert_eq(wakes, 1, "nobody waited");
    tm_frame_pool_free(pool);
}

Test(frame_pool, a_large_frame_gets_a_block_of_its_own)
{
    tm_frame_pool *pool = tm_frame_pool_new(1000, 1, (wsl_waker){0});
    tm_frame_block *normal = tm_frame_pool_take(pool, 0);
    tm_frame_block *large = tm_frame_pool_take(pool, 5000000);
    cr_assert_geq(large->capacity, 5000000);
    large->data[4999999] = 1;
    tm_frame_block_drop(large);
    tm_frame_block_drop(normal);
    tm_frame_pool_free(pool);
}

Test(frame_pool, blocks_may_come_home_after_the_pool_was_freed)
{
    _Atomic(int) wakes = 0;
    tm_frame_pool *pool = tm_frame_pool_new(1000, 1, (wsl_waker){count_wake, &wakes});
    tm_frame_block *out = tm_frame_pool_take(pool, 0);
    cr_assert_null(tm_frame_pool_take(pool, 0));
    tm_frame_pool_free(pool);
    tm_frame_block_drop(out); /* frees the pool; the address sanitizer looks for leaks */
    cr_assert_eq(wakes, 0);
}

enum { ROUNDS = 20000 };

typedef struct traffic {
    _Atomic(tm_frame_block *) handed;
} traffic;

static void *give_back(void *arg)
{
    traffic *t = arg;
    for (int n = 0; n < ROUNDS;) {
        tm_frame_block *block = atomic_exchange(&t->handed, NULL);
        if (block == NULL) {
            sched_yield();
            continue;
        }
        tm_frame_block_drop(block);
        n++;
    }
    return NULL;
}

Test(frame_pool, another_thread_may_give_blocks_back)
{
    traffic t = {0};
    pthread_t thread;
    tm_frame_pool *pool = tm_frame_pool_new(100, 3, (wsl_waker){0});
    cr_assert_eq(pthread_create(&thread, NULL, give_back, &t), 0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        tm_frame_block *block;
        while ((block = tm_frame_pool_take(pool, 0)) == NULL) {
            sched_yield();
        }
        block->data[0] = (uint8_t)i;
        tm_frame_block *expected = NULL;
        while (!atomic_compare_exchange_weak(&t.handed, &expected, block)) {
            expected = NULL;
            sched_yield();
        }
    }
    pthread_join(thread, NULL);
    tm_frame_pool_free(pool);
}
