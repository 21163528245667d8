/*
 * timer_queue - timers in order, a bounded amount of work at a time.
 *
 *     front: sorted, is being taken | near: a small heap of what came before the first leaf since |  leaf  |  leaf  | ...
 *
 * Leaves are unsorted and follow each other by (time, key group, first key bytes). One that has grown to 32 Ki nodes is sorted
 * and cut into pieces; the first one is sorted when its turn comes and becomes the front. So a node is moved some four times in
 * its life, in order of memory, and no call sorts more than a leaf (unless more timers than that agree in time, key group and
 * first 8 key bytes).
 *
 * Threads: one slot loop. Embedded in its owner, zeroed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct tm_timer_node {
    int64_t timestamp;
    uint64_t prefix; /* first 8 key bytes as a big-endian number: orders like the bytes */
    uint32_t group;
    uint32_t timer;
} tm_timer_node;

/* Orders timers that agree in all that is in nodes; says which are dead. `arg` is the caller's. */
typedef struct tm_timer_queue_ops {
    int (*compare)(const void *arg, uint32_t a, uint32_t b);
    bool (*is_dead)(const void *arg, uint32_t timer);
    void (*prefetch)(const void *arg, uint32_t timer);
    void (*release)(void *arg, uint32_t timer); /* of a dead one that has left the queue */
} tm_timer_queue_ops;

typedef struct tm_timer_nodes {
    tm_timer_node *node;
    uint32_t n, capacity;
} tm_timer_nodes;

typedef struct tm_timer_leaf {
    tm_timer_node first; /* its smallest node when it was made; only what is in nodes counts */
    tm_timer_nodes nodes;
    uint32_t limit; /* it is cut when it has grown to this */
} tm_timer_leaf;

typedef struct tm_timer_queue {
    tm_timer_nodes front;
    uint32_t front_at;
    tm_timer_nodes near;
    tm_timer_leaf *leaves;
    int64_t *times; /* first.timestamp of each leaf, close together for the search */
    uint32_t first_leaf, n_leaves, leaves_capacity;
    tm_timer_node *scratch;
    uint32_t scratch_capacity;
    uint32_t sweep_at; /* leaf, counted from first_leaf */
    uint32_t n;        /* nodes, the dead among them */
} tm_timer_queue;

void tm_timer_queue_fini(tm_timer_queue *q);
void tm_timer_queue_push(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg, const tm_timer_node *node);
/* The first node, NULL: there is none. */
const tm_timer_node *tm_timer_queue_first(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg);
void tm_timer_queue_drop_first(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg);
/* Releases the dead timers of one part of the queue, the next one each time; how many they were. */
uint32_t tm_timer_queue_sweep(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg);
/* The timer that is likely to come `ahead` after the first; UINT32_MAX: not known. */
static inline uint32_t tm_timer_queue_ahead(const tm_timer_queue *q, uint32_t ahead)
{
    return q->front_at + ahead < q->front.n ? q->front.node[q->front_at + ahead].timer : UINT32_MAX;
}
