/*
 * slot_pool - who has how many slots, and which of them are taken.
 *
 * A worker (TaskManager) brings n slots. A job takes all the slots it needs at once or none. Each slot it takes comes
 * from the worker of which the smallest share is taken (the earlier registered one if equal), so that jobs spread
 * evenly.
 *
 *     worker 0  [ A ][ - ]        take(B, 2) -> worker 1 slot 0, then both are at 1/2: worker 0 slot 1
 *     worker 1  [ - ][ - ]
 *
 * Workers are named by a number that grows with each one added and is never used again; 0 is nobody.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>

typedef struct jm_slot_pool jm_slot_pool;

typedef struct jm_slot {
    uint64_t worker;
    uint32_t index; /* 0 .. slots of that worker - 1 */
} jm_slot;

void jm_slot_pool_free(jm_slot_pool *pool);
WSL_NEW_BY(jm_slot_pool_free) jm_slot_pool *jm_slot_pool_new(void);
WSL_DEFINE_AUTO(jm_slot_pool)

/* Returns the worker's number. */
uint64_t jm_slot_pool_add(jm_slot_pool *pool, uint32_t n_slots);
/* With all its slots, taken or not; giving those back later is fine and does nothing. */
void jm_slot_pool_remove(jm_slot_pool *pool, uint64_t worker);

uint32_t jm_slot_pool_total(const jm_slot_pool *pool);
uint32_t jm_slot_pool_available(const jm_slot_pool *pool);
uint32_t jm_slot_pool_available_at(const jm_slot_pool *pool, uint64_t worker);
/* Who took it: 0 if it is free or does not exist. */
uint64_t jm_slot_pool_owner(const jm_slot_pool *pool, jm_slot slot);

/* n slots for `owner` (not 0) in out_slots, or false and nothing is taken. */
bool jm_slot_pool_take(jm_slot_pool *pool, uint64_t owner, uint32_t n, jm_slot *out_slots);
/* That slot, if it is free and still there. */
bool jm_slot_pool_take_this(jm_slot_pool *pool, uint64_t owner, jm_slot slot);
/* Only if `owner` has it: a slot that somebody else took since, or that is gone, stays as it is. */
void jm_slot_pool_give_back(jm_slot_pool *pool, uint64_t owner, jm_slot slot);
