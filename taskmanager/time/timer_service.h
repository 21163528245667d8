/*
 * timer_service - timers of a keyed operator in one time domain: a set of (key, namespace, timestamp).
 *
 *     set, delete --> [ set by (key, ns, ts) ] + [ queue by ts, key group, key bytes, ns ] --> pop in that order
 *
 * Setting twice is setting once, one delete removes it. A deleted timer leaves the set at once and the queue when its
 * turn comes, or when the queue holds more deleted timers than live ones. No call takes long: set and queue grow piece by
 * piece, and what is sorted at once is bounded (timer_queue.h). Timers and their keys live in slabs: in steady state
 * nothing is allocated.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "taskmanager/state/key_ctx.h"
#include "taskmanager/state/slab.h"
#include "taskmanager/time/timer_queue.h"
#include "taskmanager/time/timer_set.h"

typedef struct tm_timers {
    tm_region region;
    tm_slab slab; /* keys beyond 16 bytes */
    struct tm_timer **chunks;
    uint32_t n_chunks;
    uint32_t n_timers; /* numbers given out so far */
    uint32_t free;     /* number + 1 of the first free timer */
    uint32_t n_dead;   /* in the queue, deleted */
    tm_timer_set set;
    tm_timer_queue queue;
} tm_timers;

void tm_timers_init(tm_timers *t);
void tm_timers_fini(tm_timers *t);

/* For the current key; ns: of the window it is for, 0 if there are none. False: it was set already. */
bool tm_timers_set(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp);
/* False: there was none. */
bool tm_timers_delete(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp);

/* The first timer that is not after up_to: removes it, makes its key current. False: there is none. */
bool tm_timers_pop(tm_timers *t, int64_t up_to, tm_key_ctx *kc, int64_t *out_ns, int64_t *out_timestamp);
/* When the first one is due; false: there is none. */
bool tm_timers_next(tm_timers *t, int64_t *out_timestamp);
static inline uint32_t tm_timers_count(const tm_timers *t) { return t->set.n; }
