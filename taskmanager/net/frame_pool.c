/*
 * frame_pool - see frame_pool.h.
 *
 *     local     blocks at home, the network loop's own list
 *     returned  lock-free stack of blocks that came back; taken whole, so there is no ABA
 *     alive     1 for the owner + 1 for each block that is out
 */
#include "taskmanager/net/frame_pool.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

struct tm_frame_pool {
    uint32_t block_size;
    uint32_t blocks_max;
    uint32_t blocks; /* made, without single ones */
    tm_frame_block *local;
    wsl_waker waker;
    _Atomic(tm_frame_block *) returned;
    _Atomic(uint32_t) alive;
    _Atomic(bool) starved;
};

tm_frame_pool *tm_frame_pool_new(uint32_t block_size, uint32_t blocks_max, wsl_waker waker)
{
    tm_frame_pool *pool = wsl_zalloc(sizeof *pool);
    pool->block_size = block_size;
    pool->blocks_max = blocks_max;
    pool->waker = waker;
    atomic_store(&pool->alive, 1);
    return pool;
}

static void free_list(tm_frame_block *block)
{
    while (block != NULL) {
        tm_frame_block *next = block->next;
        free(block);
        block = next;
    }
}

static void pool_drop(tm_frame_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->alive, 1, memory_order_acq_rel) == 1) {
        free_list(atomic_exchange(&pool->returned, NULL));
        free(pool);
    }
}

void tm_frame_pool_free(tm_frame_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    free_list(pool->local);
    pool->local = NULL;
    atomic_store(&pool->starved, false); /* nobody to wake any more */
    pool_drop(pool);
}

static tm_frame_block *block_new(tm_frame_pool *pool, uint32_t size, bool single)
{
    const size_t bytes = (sizeof(tm_frame_block) + size + 63) & ~(size_t)63;
    tm_frame_block *block = aligned_alloc(64, bytes);
    WSL_ASSERT(block != NULL);
    *block = (tm_frame_block){.pool = pool, .capacity = size, .single = single};
    return block;
}

static tm_frame_block *take_home(tm_frame_pool *pool)
{
    if (pool->local == NULL) {
        pool->local = atomic_exchange_explicit(&pool->returned, NULL, memory_order_seq_cst);
    }
    tm_frame_block *block = pool->local;
    if (block != NULL) {
        pool->local = block->next;
    }
    return block;
}

tm_frame_block *tm_frame_pool_take(tm_frame_pool *pool, uint32_t size)
{
    tm_frame_block *block;
    if (size > pool->block_size) {
        block = block_new(pool, size, true);
    } else if ((block = take_home(pool)) == NULL && pool->blocks < pool->blocks_max) {
        block = block_new(pool, pool->block_size, false);
        pool->blocks++;
    }
    if (block == NULL) {
        atomic_store_explicit(&pool->starved, true, memory_order_seq_cst);
        block = take_home(pool); /* one may have come before it could see that we wait */
        if (block == NULL) {
            return NULL;
        }
        atomic_store_explicit(&pool->starved, false, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&pool->alive, 1, memory_order_relaxed);
    return block;
}

void tm_frame_block_drop(tm_frame_block *block)
{
    if (block == NULL) {
        return;
    }
    tm_frame_pool *pool = block->pool;
    if (block->single) {
        free(block);
    } else {
        tm_frame_block *top = atomic_load_explicit(&pool->returned, memory_order_relaxed);
        do {
            block->next = top;
        } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &top, block, memory_order_seq_cst,
                                                        memory_order_relaxed));
        if (atomic_load_explicit(&pool->starved, memory_order_seq_cst) &&
            atomic_exchange_explicit(&pool->starved, false, memory_order_seq_cst)) {
            wsl_wake(&pool->waker);
        }
    }
    pool_drop(pool);
}

static void release_block(void *arg, const uint8_t *data)
{
    (void)data;
    tm_frame_block_drop(arg);
}

wsl_message tm_frame_block_message(tm_frame_block *block, uint32_t size)
{
    return (wsl_message){.data = block->data, .size = size, .release = release_block, .release_arg = block};
}
