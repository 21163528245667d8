/*
 * collector - the end of a chain that keeps what comes, for the harness and for tests: an operator without a class of
 * its own that is hung behind another one's main or side output.
 *
 * It can be told to be behind: then it takes nothing, and what is before it finds out that it has to wait.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/operator.h"

typedef struct tm_collected {
    uint32_t stream;    /* as given to tm_collector_add */
    const wsl_row *row; /* a copy; marks are rows of their kind */
} tm_collected;

typedef struct tm_collector tm_collector;

void tm_collector_free(tm_collector *c);
WSL_NEW_BY(tm_collector_free) tm_collector *tm_collector_new(void);
WSL_DEFINE_AUTO(tm_collector)

/* Hangs it behind one output of `op`. `marks`: keep the marks of this output, too. The chain of `op` is freed before
 * the collector. */
void tm_collector_add(tm_collector *c, tm_op *op, tm_targets *targets, uint32_t stream, bool marks);

/* Before the operator behind which it hangs is freed, if the collector is to be hung behind others. It has nothing pending. */
void tm_collector_detach(tm_collector *c);
/* Marks that come meanwhile are not kept; rows must not come. */
void tm_collector_mute(tm_collector *c, bool mute);

uint32_t tm_collector_count(const tm_collector *c);
const tm_collected *tm_collector_at(const tm_collector *c, uint32_t i);
void tm_collector_clear(tm_collector *c);

/* limit: how many rows it takes before it is behind; UINT32_MAX: never. */
void tm_collector_limit(tm_collector *c, uint32_t limit);
/* Goes on after the limit was raised. */
wsl_status tm_collector_resume(tm_collector *c);
