#include "taskmanager/time/timer_service.h"

#include "base/assert.h"

void tm_timers_init(tm_timers *t)
{
    *t = (tm_timers){0};
    tm_region_init(&t->region);
    tm_slab_init(&t->slab, &t->region);
    tm_timer_queue_init(&t->queue, &t->region, &t->slab);
}

void tm_timers_fini(tm_timers *t)
{
    tm_timer_queue_fini(&t->queue);
    tm_slab_fini(&t->slab);
    tm_region_fini(&t->region);
    *t = (tm_timers){0};
}

/* ---- keys ---- */

static uint64_t keep_key(tm_timers *t, const void *bytes, uint32_t size, uint32_t nulls)
{
    tm_timer_key *key = tm_slab_alloc(&t->slab, (uint32_t)sizeof *key + size);
    key->size = size;
    key->nulls = nulls;
    memcpy(key->bytes, bytes, size);
    return (uint64_t)(uintptr_t)key;
}

/* The entry of the current key; a key has a field, so 8 bytes at least. */
static inline tm_timer entry_for(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    const uint32_t size = tm_key_ctx_size(kc);
    const uint32_t nulls = kc->row->nulls;
    tm_timer timer = {.timestamp = timestamp,
                      .ns = ns,
                      .hash = kc->hash,
                      .bits = tm_key_ctx_group(kc) << TM_TIMER_GROUP_SHIFT};
    memcpy(timer.key, tm_key_ctx_bytes(kc), sizeof timer.key[0]);
    if (WSL_LIKELY(size <= TM_TIMER_INLINE_KEY && nulls <= 3)) {
        if (size > sizeof timer.key[0]) {
            memcpy(&timer.key[1], (const uint8_t *)tm_key_ctx_bytes(kc) + sizeof timer.key[0],
                   size - sizeof timer.key[0]);
        }
        timer.bits |= size << TM_TIMER_SIZE_SHIFT | nulls << TM_TIMER_NULLS_SHIFT;
    } else {
        timer.bits |= TM_TIMER_LONG_KEY;
        timer.key[1] = keep_key(t, tm_key_ctx_bytes(kc), size, nulls);
    }
    return timer;
}

/* ---- the set ---- */

void tm_timers_set(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    const tm_timer timer = entry_for(t, kc, ns, timestamp);
    tm_timer_queue_push(&t->queue, &timer);
}

void tm_timers_delete(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    if (!tm_timers_any(t)) {
        return;
    }
    tm_timer timer = entry_for(t, kc, ns, timestamp);
    timer.bits |= TM_TIMER_DELETED;
    tm_timer_queue_push(&t->queue, &timer);
}

bool tm_timers_next(tm_timers *t, int64_t *out_timestamp)
{
    const tm_timer *first = tm_timer_queue_first(&t->queue);
    if (first == NULL) {
        return false;
    }
    *out_timestamp = first->timestamp;
    return true;
}

static inline void look_ahead(const tm_timers *t)
{
    __builtin_prefetch(tm_timer_queue_ahead(&t->queue, TM_TIMERS_AHEAD + 4));
    const tm_timer *near = tm_timer_queue_ahead(&t->queue, TM_TIMERS_AHEAD / 2);
    if (near != NULL && tm_timer_has_long_key(near)) {
        __builtin_prefetch(tm_timer_long_key(near));
    }
}

bool tm_timers_pop(tm_timers *t, int64_t up_to, tm_key_ctx *kc, int64_t *out_ns, int64_t *out_timestamp)
{
    const tm_timer *first = tm_timer_queue_first(&t->queue);
    if (first == NULL || first->timestamp > up_to) {
        return false;
    }
    look_ahead(t);
    *out_ns = first->ns;
    *out_timestamp = first->timestamp;
    tm_key_ctx_restore(kc, tm_timer_key_bytes(first), tm_timer_key_size(first), tm_timer_key_nulls(first), first->hash);
    tm_timer_queue_drop_first(&t->queue);
    return true;
}
