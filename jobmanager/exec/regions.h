/*
 * regions - which tasks of a job restart together.
 *
 *     source 0 -> map 0 -> sink 0     region 0        every edge passes rows on as they come, so whoever is connected by edges,
 *     source 1 -> map 1 -> sink 1     region 1        in whatever direction, has seen what the other gave: they go back together.
 *                                                     An edge by key, rebalance or broadcast joins all subtasks of both ends.
 *
 * Tasks of different regions share slots, enumerators and checkpoints, but never a row.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "jobmanager/exec/exec_graph.h"

/* Sets the region of every subtask, and their number. whole: all are one region. */
void jm_regions_set(jm_exec_graph *graph, bool whole);
