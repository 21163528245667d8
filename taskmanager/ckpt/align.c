/*
 * align - see align.h.
 */
#include "taskmanager/ckpt/align.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { ARRIVED = 1, ENDED = 2 };

void tm_align_init(tm_align *a, uint32_t n_channels, bool exactly_once)
{
    *a = (tm_align){.n = n_channels, .exactly_once = exactly_once};
    a->state = wsl_calloc(n_channels + 1, 1);
}

void tm_align_fini(tm_align *a)
{
    free(a->state);
    a->state = NULL;
}

static void begin(tm_align *a, uint64_t checkpoint)
{
    a->current = a->last = checkpoint;
    a->arrived = a->n_ended;
    for (uint32_t i = 0; i < a->n; i++) {
        a->state[i] &= ENDED;
    }
}

/* Nobody waits any more. */
static void finish(tm_align *a)
{
    a->current = 0;
    a->arrived = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        a->state[i] &= ENDED;
    }
}

tm_align_answer tm_align_barrier(tm_align *a, uint32_t channel, uint64_t checkpoint, uint64_t *out_aborted, bool *out_block)
{
    WSL_ASSERT(channel < a->n);
    *out_aborted = 0;
    *out_block = false;
    const bool known = checkpoint <= a->last && checkpoint != a->current; /* taken, given up, or older still */
    if (checkpoint == 0 || known || (a->state[channel] & ENDED) != 0 ||
        (checkpoint == a->current && (a->state[channel] & ARRIVED) != 0)) {
        return TM_ALIGN_IGNORE;
    }
    if (checkpoint != a->current) {
        *out_aborted = a->current;
        begin(a, checkpoint);
    }
    const bool first = a->arrived == a->n_ended;
    a->state[channel] |= ARRIVED;
    a->arrived++;
    if (a->arrived == a->n) {
        finish(a);
        return TM_ALIGN_SNAPSHOT;
    }
    *out_block = a->exactly_once;
    return first ? TM_ALIGN_BEGIN : TM_ALIGN_WAIT;
}

tm_align_answer tm_align_end(tm_align *a, uint32_t channel)
{
    WSL_ASSERT(channel < a->n && (a->state[channel] & ENDED) == 0);
    const bool had_arrived = (a->state[channel] & ARRIVED) != 0;
    a->state[channel] |= ENDED;
    a->n_ended++;
    if (a->current == 0) {
        return TM_ALIGN_IGNORE;
    }
    if (!had_arrived) {
        a->arrived++;
    }
    if (a->arrived < a->n) {
        return TM_ALIGN_WAIT;
    }
    finish(a);
    return TM_ALIGN_SNAPSHOT;
}

tm_align_answer tm_align_trigger(tm_align *a, uint64_t checkpoint, uint64_t *out_aborted)
{
    *out_aborted = 0;
    if (checkpoint <= a->last) {
        return TM_ALIGN_IGNORE;
    }
    *out_aborted = a->current;
    begin(a, checkpoint);
    if (a->arrived < a->n) {
        return TM_ALIGN_WAIT;
    }
    finish(a);
    return TM_ALIGN_SNAPSHOT;
}

bool tm_align_give_up(tm_align *a, uint64_t checkpoint)
{
    if (checkpoint > a->last) {
        a->last = checkpoint; /* its barriers may still come */
    }
    if (a->current == 0 || a->current > checkpoint) {
        return false;
    }
    finish(a);
    return true;
}
