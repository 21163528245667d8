/*
 * buffer_pool - see buffer_pool.h.
 *
 *     region:  free list of buffer headers, under a mutex (taken when shares are made and given back, never per buffer)
 *     pool:    `local`    the owner's own list, no atomics
 *              `returned` lock-free stack of buffers released by others; the owner takes it whole, so no ABA
 *              `alive`    1 for the owner + 1 for each buffer that is out; whoever brings it to 0 dissolves the pool
 */
#include "taskmanager/net/buffer_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/assert.h"

struct wsl_buffer_region {
    uint8_t *memory;
    size_t bytes;
    uint32_t buffer_size;
    uint32_t total;
    wsl_buffer *headers;
    pthread_mutex_t lock;
    wsl_buffer *free;
    uint32_t n_free;
};

struct wsl_buffer_pool {
    wsl_buffer_region *region;
    wsl_buffer *local;
    uint32_t n_local;
    uint32_t size;
    _Atomic(wsl_buffer *) returned;
    _Atomic(uint32_t) alive;
    _Atomic(bool) waiting;
    wsl_waker waker;
};

wsl_status wsl_buffer_region_new(size_t bytes, uint32_t buffer_size, wsl_buffer_region **out_region, wsl_error *err)
{
    WSL_ASSERT(buffer_size >= 1024 && buffer_size % 64 == 0);
    if (bytes / buffer_size > UINT32_MAX / 2 || bytes < buffer_size) {
        return wsl_fail(err, WSL_INVALID, "taskmanager.memory.network.size of %zu bytes does not fit buffers of %u bytes",
                        bytes, buffer_size);
    }
    const uint32_t total = (uint32_t)(bytes / buffer_size);
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return wsl_fail(err, WSL_NO_RESOURCE,
                        "cannot reserve %zu bytes of network memory; lower taskmanager.memory.network.size", bytes);
    }
    wsl_buffer_region *region = wsl_zalloc(sizeof *region);
    region->memory = memory;
    region->bytes = bytes;
    region->buffer_size = buffer_size;
    region->total = total;
    region->headers = wsl_calloc(total, sizeof *region->headers);
    pthread_mutex_init(&region->lock, NULL);
    for (uint32_t i = total; i-- > 0;) {
        wsl_buffer *b = &region->headers[i];
        b->data = memory + (size_t)i * buffer_size;
        b->capacity = buffer_size;
        b->next = region->free;
        region->free = b;
    }
    region->n_free = total;
    *out_region = region;
    return WSL_OK;
}

void wsl_buffer_region_free(wsl_buffer_region *region)
{
    if (region == NULL) {
        return;
    }
    WSL_ASSERT(region->n_free == region->total && "a task still holds network buffers");
    munmap(region->memory, region->bytes);
    pthread_mutex_destroy(&region->lock);
    free(region->headers);
    free(region);
}

uint32_t wsl_buffer_region_buffer_size(const wsl_buffer_region *region) { return region->buffer_size; }
uint32_t wsl_buffer_region_total(const wsl_buffer_region *region) { return region->total; }

uint32_t wsl_buffer_region_free_count(wsl_buffer_region *region)
{
    pthread_mutex_lock(&region->lock);
    const uint32_t n = region->n_free;
    pthread_mutex_unlock(&region->lock);
    return n;
}

wsl_status wsl_buffer_pool_new(wsl_buffer_region *region, uint32_t n, wsl_buffer_pool **out_pool, wsl_error *err)
{
    wsl_buffer *list = NULL;
    pthread_mutex_lock(&region->lock);
    const uint32_t available = region->n_free;
    if (available >= n) {
        for (uint32_t i = 0; i < n; i++) {
            wsl_buffer *b = region->free;
            region->free = b->next;
            b->next = list;
            list = b;
        }
        region->n_free -= n;
    }
    pthread_mutex_unlock(&region->lock);
    if (available < n) {
        return wsl_fail(err, WSL_NO_RESOURCE,
                        "insufficient number of network buffers: %u are needed, %u of %u are free; raise "
                        "taskmanager.memory.network.size or lower the parallelism",
                        n, available, region->total);
    }
    wsl_buffer_pool *pool = wsl_zalloc(sizeof *pool);
    pool->region = region;
    pool->local = list;
    pool->n_local = n;
    pool->size = n;
    atomic_store(&pool->alive, 1);
    for (wsl_buffer *b = list; b != NULL; b = b->next) {
        b->home = pool;
    }
    *out_pool = pool;
    return WSL_OK;
}

static void give_back(wsl_buffer_region *region, wsl_buffer *list)
{
    pthread_mutex_lock(&region->lock);
    while (list != NULL) {
        wsl_buffer *b = list;
        list = b->next;
        b->home = NULL;
        b->next = region->free;
        region->free = b;
        region->n_free++;
    }
    pthread_mutex_unlock(&region->lock);
}

static void pool_drop(wsl_buffer_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->alive, 1, memory_order_acq_rel) == 1) {
        give_back(pool->region, atomic_exchange(&pool->returned, NULL));
        free(pool);
    }
}

void wsl_buffer_pool_free(wsl_buffer_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    give_back(pool->region, pool->local);
    pool->local = NULL;
    pool_drop(pool);
}

wsl_buffer *wsl_buffer_pool_take(wsl_buffer_pool *pool)
{
    if (pool->local == NULL) {
        pool->local = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
        if (pool->local == NULL) {
            atomic_store_explicit(&pool->waiting, true, memory_order_seq_cst);
            pool->local = atomic_exchange_explicit(&pool->returned, NULL, memory_order_seq_cst);
            if (pool->local == NULL) {
                return NULL;
            }
            atomic_store_explicit(&pool->waiting, false, memory_order_relaxed);
        }
        uint32_t n = 0;
        for (const wsl_buffer *b = pool->local; b != NULL; b = b->next) {
            n++;
        }
        pool->n_local = n;
    }
    wsl_buffer *b = pool->local;
    pool->local = b->next;
    pool->n_local--;
    b->next = NULL;
    b->used = 0;
    b->backlog = 0;
    atomic_fetch_add_explicit(&pool->alive, 1, memory_order_relaxed);
    return b;
}

void wsl_buffer_release(wsl_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    wsl_buffer_pool *pool = buffer->home;
    if (pool == NULL) {
        free(buffer);
        return;
    }
    wsl_buffer *top = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        buffer->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &top, buffer, memory_order_seq_cst,
                                                    memory_order_relaxed));
    if (atomic_load_explicit(&pool->waiting, memory_order_seq_cst) &&
        atomic_exchange_explicit(&pool->waiting, false, memory_order_seq_cst)) {
        wsl_wake(&pool->waker);
    }
    pool_drop(pool);
}

uint32_t wsl_buffer_pool_size(const wsl_buffer_pool *pool) { return pool->size; }

uint32_t wsl_buffer_pool_available(wsl_buffer_pool *pool)
{
    return pool->size - (atomic_load_explicit(&pool->alive, memory_order_relaxed) - 1);
}

void wsl_buffer_pool_on_available(wsl_buffer_pool *pool, wsl_waker waker) { pool->waker = waker; }

wsl_buffer *wsl_buffer_new_large(uint32_t capacity)
{
    const size_t padded = ((size_t)capacity + 63) & ~(size_t)63;
    uint8_t *memory = aligned_alloc(64, 64 + padded);
    WSL_ASSERT(memory != NULL);
    _Static_assert(sizeof(wsl_buffer) <= 64, "the header stands before the data");
    wsl_buffer *b = (wsl_buffer *)(void *)memory;
    *b = (wsl_buffer){.data = memory + 64, .capacity = (uint32_t)padded};
    return b;
}
