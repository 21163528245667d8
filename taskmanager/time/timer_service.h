/*
 * timer_service - timers of a keyed operator in one time domain: a set of (key, namespace, timestamp).
 *
 *     set, delete --> entries of a log by ts, key group, key bytes, ns --> what is left of them, in that order --> pop
 *
 * Setting twice is setting once, one delete removes it. Neither looks at what is there: that shows when timers are sorted
 * (timer_queue.h), so neither can say whether there was one. No call takes long: what is sorted at once is bounded. A timer takes
 * some 45 bytes and a long key; in steady state nothing is allocated.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "taskmanager/state/key_ctx.h"
#include "taskmanager/time/timer_queue.h"

enum { TM_TIMERS_AHEAD = 20 };

typedef struct tm_timers {
    tm_region region;
    tm_slab slab; /* long keys */
    tm_timer_queue queue;
} tm_timers;

void tm_timers_init(tm_timers *t);
void tm_timers_fini(tm_timers *t);

/* For the current key; ns: of the window it is for, 0 if there are none. */
void tm_timers_set(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp);
void tm_timers_delete(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp);

/* The first timer that is not after up_to: removes it, makes its key current. False: there is none. */
bool tm_timers_pop(tm_timers *t, int64_t up_to, tm_key_ctx *kc, int64_t *out_ns, int64_t *out_timestamp);
/* Hash of the key whose timer will likely be popped `ahead` timers after the next one (TM_TIMERS_AHEAD at most, which are on
 * their way already); NULL: not known. */
static inline const uint32_t *tm_timers_ahead(const tm_timers *t, uint32_t ahead)
{
    const tm_timer *timer = tm_timer_queue_ahead(&t->queue, ahead);
    return timer != NULL ? &timer->hash : NULL;
}
/* When the first one is due; false: there is none. */
bool tm_timers_next(tm_timers *t, int64_t *out_timestamp);
/* False: there is none. True: there may be one. */
static inline bool tm_timers_any(const tm_timers *t) { return t->queue.n != 0; }
