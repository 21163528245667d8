/*
 * graph_text - the plan for eyes and for tools.
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>

#include "graph/job_graph.h"

/* For people; malloc'ed.
 *
 *     Job 'wordcount': 2 vertices, 3 subtasks, needs 2 slots
 *
 *        1   Source: lines
 *            parallelism 1 (at most 128), slot group default
 *            lines: (line STRING)  [source socket, uid topology-...]
 *
 *        2   words -> counts
 *            parallelism 2 (at most 128), slot group default
 *            <- 1 REBALANCE
 *            ...
 */
char *wsl_job_plan_text(const wsl_job_plan *plan);

/* Flink's PLAN object: {jid, name, type, nodes}; nodes are the vertices, sinks first. `jid` is "" before submission. A
 * new reference. */
json_t *wsl_job_plan_json(const wsl_job_plan *plan, const char *jid);

const char *wsl_partition_text(Wsl__Pb__Partition partition); /* "HASH" */
