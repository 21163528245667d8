/*
 * align - which barriers have come by which channels: pure bookkeeping, no buffers.
 *
 *     first barrier of n  -->  that channel waits, and each that follows  -->  last barrier: snapshot, all go on
 *
 * exactly-once: a channel whose barrier came gives nothing more until all others' have come. At-least-once: nobody waits, the
 * snapshot is taken at the last barrier. Channels that ended count as having every barrier.
 *
 *     state        event                         becomes        answer
 *     none         barrier n                     n, waiting     BEGIN (or SNAPSHOT if it is the only channel) and block
 *     n            barrier n, others missing     n              WAIT and block
 *     n            barrier n, the last           none           SNAPSHOT and unblock
 *     n            barrier m > n                 m, waiting     ABORT n (unblock), then BEGIN m
 *     n            barrier m < n                 n              IGNORE
 *     n            channel ends, the last        none           SNAPSHOT and unblock
 *     n            given up (notice)             none           ABORT n, unblock; later barriers n are ignored
 *     none or n    trigger m > n                 m, waiting     ABORT n (unblock); SNAPSHOT if all channels have ended, else WAIT
 *     any          trigger m that is known       as it is       IGNORE
 *
 * A trigger comes when all producers have ended: nobody is left to send barriers, but the ends may still be on their way.
 *
 * Ids only grow: a barrier that is not above the last one that was taken or given up is ignored.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum tm_align_answer {
    TM_ALIGN_IGNORE,   /* nothing to do */
    TM_ALIGN_BEGIN,    /* the first of several: time of alignment begins */
    TM_ALIGN_WAIT,     /* one more */
    TM_ALIGN_SNAPSHOT, /* all are here: take it, then send the barrier, then unblock */
} tm_align_answer;

typedef struct tm_align {
    uint32_t n; /* channels */
    bool exactly_once;
    uint64_t current; /* 0: none under way */
    uint64_t last;    /* the highest that was taken, given up or begun */
    uint32_t arrived; /* barriers of current, ended channels among them */
    uint32_t n_ended;
    uint8_t *state; /* per channel: bit 0 arrived, bit 1 ended */
} tm_align;

void tm_align_init(tm_align *a, uint32_t n_channels, bool exactly_once);
void tm_align_fini(tm_align *a);
/* *out_aborted: a checkpoint that this one puts an end to; 0: none. *out_block: that channel waits from now on. */
tm_align_answer tm_align_barrier(tm_align *a, uint32_t channel, uint64_t checkpoint, uint64_t *out_aborted, bool *out_block);
tm_align_answer tm_align_end(tm_align *a, uint32_t channel);
tm_align_answer tm_align_trigger(tm_align *a, uint64_t checkpoint, uint64_t *out_aborted);
/* True: it was under way, and channels that wait go on. */
bool tm_align_give_up(tm_align *a, uint64_t checkpoint);
/* Is the channel to be left alone? */
static inline bool tm_align_blocks(const tm_align *a, uint32_t channel)
{
    return a->current != 0 && a->exactly_once && (a->state[channel] & 3) == 1;
}
