#include "jobmanager/sched/slot_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef struct pool_worker {
    uint64_t number;
    uint32_t n_slots;
    uint32_t n_taken;
    uint64_t *owners; /* by slot; 0 = free */
} pool_worker;

struct jm_slot_pool {
    pool_worker *workers; /* in order of registration */
    uint32_t n_workers;
    uint32_t capacity;
    uint64_t last_number;
    uint32_t total;
    uint32_t taken;
};

jm_slot_pool *jm_slot_pool_new(void) { return wsl_zalloc(sizeof(jm_slot_pool)); }

void jm_slot_pool_free(jm_slot_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        free(pool->workers[i].owners);
    }
    free(pool->workers);
    free(pool);
}

static pool_worker *find(const jm_slot_pool *pool, uint64_t number)
{
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        if (pool->workers[i].number == number) {
            return &pool->workers[i];
        }
    }
    return NULL;
}

uint64_t jm_slot_pool_add(jm_slot_pool *pool, uint32_t n_slots)
{
    WSL_ASSERT(n_slots > 0);
    if (pool->n_workers == pool->capacity) {
        pool->capacity = pool->capacity == 0 ? 8 : 2 * pool->capacity;
        pool->workers = wsl_realloc(pool->workers, pool->capacity * sizeof *pool->workers);
    }
    pool_worker *w = &pool->workers[pool->n_workers++];
    *w = (pool_worker){
        .number = ++pool->last_number,
        .n_slots = n_slots,
        .owners = wsl_calloc(n_slots, sizeof *w->owners),
    };
    pool->total += n_slots;
    return w->number;
}

void jm_slot_pool_remove(jm_slot_pool *pool, uint64_t worker)
{
    pool_worker *w = find(pool, worker);
    if (w == NULL) {
        return;
    }
    pool->total -= w->n_slots;
    pool->taken -= w->n_taken;
    free(w->owners);
    const uint32_t at = (uint32_t)(w - pool->workers);
    pool->n_workers--;
    memmove(w, w + 1, (pool->n_workers - at) * sizeof *w);
}

uint32_t jm_slot_pool_total(const jm_slot_pool *pool) { return pool->total; }

uint32_t jm_slot_pool_available(const jm_slot_pool *pool) { return pool->total - pool->taken; }

uint32_t jm_slot_pool_available_at(const jm_slot_pool *pool, uint64_t worker)
{
    const pool_worker *w = find(pool, worker);
    return w == NULL ? 0 : w->n_slots - w->n_taken;
}

uint64_t jm_slot_pool_owner(const jm_slot_pool *pool, jm_slot slot)
{
    const pool_worker *w = find(pool, slot.worker);
    return w == NULL || slot.index >= w->n_slots ? 0 : w->owners[slot.index];
}

/* Is a smaller share of a taken than of b? */
static bool less_taken(const pool_worker *a, const pool_worker *b)
{
    return (uint64_t)a->n_taken * b->n_slots < (uint64_t)b->n_taken * a->n_slots;
}

static jm_slot take_one(jm_slot_pool *pool, uint64_t owner)
{
    pool_worker *best = NULL;
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        pool_worker *w = &pool->workers[i];
        if (w->n_taken < w->n_slots && (best == NULL || less_taken(w, best))) {
            best = w;
        }
    }
    WSL_ASSERT(best != NULL);
    uint32_t index = 0;
    while (best->owners[index] != 0) {
        index++;
    }
    best->owners[index] = owner;
    best->n_taken++;
    pool->taken++;
    return (jm_slot){.worker = best->number, .index = index};
}

bool jm_slot_pool_take(jm_slot_pool *pool, uint64_t owner, uint32_t n, jm_slot *out_slots)
{
    WSL_ASSERT(owner != 0);
    if (n > jm_slot_pool_available(pool)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out_slots[i] = take_one(pool, owner);
    }
    return true;
}

bool jm_slot_pool_take_this(jm_slot_pool *pool, uint64_t owner, jm_slot slot)
{
    WSL_ASSERT(owner != 0);
    pool_worker *w = find(pool, slot.worker);
    if (w == NULL || slot.index >= w->n_slots || w->owners[slot.index] != 0) {
        return false;
    }
    w->owners[slot.index] = owner;
    w->n_taken++;
    pool->taken++;
    return true;
}

void jm_slot_pool_give_back(jm_slot_pool *pool, uint64_t owner, jm_slot slot)
{
    WSL_ASSERT(owner != 0);
    pool_worker *w = find(pool, slot.worker);
    if (w == NULL || slot.index >= w->n_slots || w->owners[slot.index] != owner) {
        return;
    }
    w->owners[slot.index] = 0;
    w->n_taken--;
    pool->taken--;
}
