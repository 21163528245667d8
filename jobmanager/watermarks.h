/*
 * watermarks - why a vertex's watermark stands where it stands: followed back from its slowest subtask to the input
 * channel that holds it back, from there to the subtask that feeds the channel, and so on, to a split of a source or
 * whatever else is the cause.
 *
 *     vertex --slowest subtask--> channel with the smallest watermark --> its producer --> ... --> strategy --> split
 *
 * Channels that are idle, have ended, or are still catching up hold nobody back. What is known is what TaskManagers
 * reported last; reports of two tasks can be an interval apart.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include "jobmanager/job.h"

enum { JM_HOLD_TEXT_MAX = 1536 };

/* A subtask on the way back. */
typedef struct jm_hop {
    uint32_t vertex;
    uint32_t subtask;
    int64_t watermark; /* that it was followed for; INT64_MIN: none */
    int64_t since_ms;  /* wall clock; 0: not known */
} jm_hop;

enum { JM_HOPS_MAX = 64 };

typedef struct jm_hold {
    jm_hop hops[JM_HOPS_MAX]; /* [0] is the vertex' slowest subtask, the last one holds it back */
    uint32_t n_hops;
    const Wsl__Pb__GeneratorMetrics *generator; /* of the last one, if that is the cause; NULL */
    const Wsl__Pb__SplitMetrics *split;         /* that has the minimum; NULL */
    char sentence[JM_HOLD_TEXT_MAX];
} jm_hold;

void jm_watermark_hold(const jm_job *job, uint32_t vertex, int64_t now_ms, jm_hold *out);

/* Of a subtask: for sources what it gives, for others what it has. */
int64_t jm_subtask_watermark(const jm_vertex *v, uint32_t subtask);
int64_t jm_subtask_watermark_since(const jm_vertex *v, uint32_t subtask);
