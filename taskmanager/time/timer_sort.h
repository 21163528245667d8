/*
 * timer_sort - puts timers in order without moving them.
 *
 *     timers, in blocks of 256      items: | key, place | ...      sorted by 22 bits, then what agrees in those, by the next
 *
 * Items carry the first bits in which the timers differ: of their times, then key groups, then key bytes. They are sorted by
 * those, byte by byte; runs that agree are sorted in the same way by what is left, and timers that agree in time, group and
 * first key bytes by comparing. So it costs the same for a second of timers as for a millisecond of them.
 *
 * Threads: plain functions.
 */
#pragma once
#include "taskmanager/time/timer_record.h"

enum { TM_TIMER_BLOCK_LOG = 8, TM_TIMER_BLOCK = 1 << TM_TIMER_BLOCK_LOG };

typedef struct tm_timer_item {
    uint32_t key; /* timers whose items differ in it are not the same */
    uint32_t at;  /* in the blocks */
} tm_timer_item;

static inline tm_timer *tm_timer_at(tm_timer *const *blocks, uint32_t at)
{
    return &blocks[at >> TM_TIMER_BLOCK_LOG][at & (TM_TIMER_BLOCK - 1)];
}

/* The n timers that lie in the blocks. Stable: of the same timer, the item that was written first is first. `items` and
 * `scratch` have room for n. */
void tm_timer_sort(tm_timer *const *blocks, uint32_t n, tm_timer_item *items, tm_timer_item *scratch);
