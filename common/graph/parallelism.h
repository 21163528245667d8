/*
 * parallelism - a plan that is to run with fewer slots than it was made for.
 *
 * Every operator gets the smaller of what it was made with and one cap for all, so operators of equal parallelism stay equal:
 * forward edges and chains remain what they are, vertices keep their identity, and the number of key groups does not change.
 *
 *     made for 4 4 1    cap 2 -> 2 2 1    cap 8 -> 4 4 1
 *
 * Threads: that of the plan, which nobody else may be reading.
 */
#pragma once
#include "graph/job_graph.h"

/* By operator; malloc'ed. */
uint32_t *wsl_parallelism_of(const wsl_job_plan *plan);
/* The largest of them. */
uint32_t wsl_parallelism_widest(const wsl_job_plan *plan, const uint32_t *made_with);
/* The largest cap with which the plan needs no more slots than that, at most the widest; 0: it needs more whatever the cap. */
uint32_t wsl_parallelism_fit(const wsl_job_plan *plan, const uint32_t *made_with, uint32_t slots);
/* cap: at least 1. */
void wsl_parallelism_cap(wsl_job_plan *plan, const uint32_t *made_with, uint32_t cap);
