/*
 * sharing - which slot of a job each subtask runs in.
 *
 * Vertices of one slot-sharing group share slots: subtask i of each of them runs in the group's slot i. A group needs
 * as many slots as its widest vertex; a job needs the sum over its groups.
 *
 *     group "default": source x2, window x4, sink x1      slots 0 1 2 3
 *     group "heavy":   model x2                           slots 4 5
 *
 * Threads: any; an array that does not change.
 */
#pragma once
#include <stdint.h>

#include "graph/job_graph.h"

typedef struct jm_sharing {
    uint32_t n_slots;
    uint32_t *first; /* by vertex: slot of its subtask 0; subtask i has first + i */
} jm_sharing;

void jm_sharing_init(jm_sharing *sharing, const wsl_job_plan *plan);
void jm_sharing_fini(jm_sharing *sharing);
