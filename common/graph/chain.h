/*
 * chain - settles what a checked graph left open (uids, parallelism, slot groups, partitioners) and decides which
 * operators run together.
 *
 *     chained(a -> b)  <=>  the edge is b's only input, forward, parallelism and slot group are equal,
 *                           a allows successors (not NEVER), b allows a predecessor (ALWAYS, not blocking),
 *                           and the job has chaining on (or b is the watermark strategy of the source a)
 *
 * Threads: any.
 */
#pragma once
#include "graph/job_graph.h"

/* Uids first: they must not depend on what the rest fills in. Ambiguous ones of operators with state are refused. */
WSL_MUST_CHECK wsl_status wsl_graph_resolve_uids(wsl_job_graph *graph, wsl_error *err);
/* Parallelism, maximum parallelism, slot groups, partitioners; a name for a job without one. */
WSL_MUST_CHECK wsl_status wsl_graph_resolve(wsl_job_graph *graph, uint32_t default_parallelism, wsl_error *err);

/* Fills plan->vertices, vertex_of and slots_needed from plan->graph. */
void wsl_plan_cut(wsl_job_plan *plan);
