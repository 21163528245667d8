/*
 * timer_queue - timers in order, written down first and sorted out later.
 *
 *     front: sorted, is being taken | near: a small heap of what came before the first leaf since |  leaf  |  leaf  | ...
 *
 * Setting and deleting a timer are both entries of a log; what an entry does to earlier ones of the same timer is seen when
 * they are sorted: the last one counts. So neither has to look anything up, and both touch memory that was touched a moment ago.
 *
 * Leaves are unsorted logs that follow each other by (time, key group, first key bytes): all entries of a timer that are in
 * leaves are in the same one, in the order in which they came. A leaf is sorted, freed of what has no effect and cut into pieces
 * when it has grown to its limit or when half of it are deletions. The first one is sorted when its turn comes and becomes the
 * front, which holds timers that are set; entries of the near heap are newer than those. No call sorts more than a leaf: 16 Ki
 * entries, unless more timers than that agree in time, key group and first 8 key bytes.
 *
 * Entries lie in blocks of 256, which are used again: 40 bytes per timer, and half a block per leaf of some thousand.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include "taskmanager/state/slab.h"
#include "taskmanager/time/timer_sort.h"

typedef struct tm_timer_blocks {
    tm_timer **block;
    uint32_t n, capacity;
} tm_timer_blocks;

typedef struct tm_timer_leaf {
    tm_timer first; /* no entry is before it: time, group and first key bytes only */
    tm_timer *tip;  /* the last entry; there is one */
    tm_timer_blocks blocks;
    uint32_t n;
    uint32_t n_deleted; /* deletions among them */
    uint32_t limit;     /* it is sorted when it has grown to this */
} tm_timer_leaf;

typedef struct tm_near_timer {
    tm_timer timer;
    uint64_t number; /* in order of arrival */
} tm_near_timer;

typedef struct tm_timer_queue {
    tm_region *region; /* of blocks; outlives the queue */
    tm_slab *slab;     /* of long keys; outlives the queue */
    void *free_blocks;

    tm_timer_blocks front_blocks;
    tm_timer_item *front;
    uint32_t front_at, front_n, front_capacity;

    tm_near_timer *near;
    uint32_t near_n, near_capacity;
    uint64_t next_number;
    tm_near_timer head; /* it has been taken out of the near heap, and is the first of all */
    bool has_head;

    tm_timer_leaf *leaves;
    int64_t *times; /* first.timestamp of each leaf, close together for the search */
    uint32_t first_leaf, n_leaves, leaves_capacity;

    tm_timer_item *items, *scratch;
    uint32_t items_capacity, scratch_capacity;
    uint64_t n; /* entries, those without effect among them */
} tm_timer_queue;

void tm_timer_queue_init(tm_timer_queue *q, tm_region *region, tm_slab *slab);
void tm_timer_queue_fini(tm_timer_queue *q);
/* Sets or deletes (bits) a timer; a long key's block is the queue's from now on. */
void tm_timer_queue_push(tm_timer_queue *q, const tm_timer *timer);
/* The first timer that is set; NULL: there is none. Until the next call. */
const tm_timer *tm_timer_queue_first(tm_timer_queue *q);
/* Removes what the last call of tm_timer_queue_first gave, with nothing in between. */
void tm_timer_queue_drop_first(tm_timer_queue *q);
/* The timer that is likely to come `ahead` after the first; NULL: not known. */
static inline const tm_timer *tm_timer_queue_ahead(const tm_timer_queue *q, uint32_t ahead)
{
    const uint32_t i = q->front_at + ahead;
    return i < q->front_n ? tm_timer_at(q->front_blocks.block, q->front[i].at) : NULL;
}
