/*
 * alignment - sources of one group wait for the slowest of them.
 *
 *     subtasks --how far--> [ minimum over those that run and are not idle ] --minimum + drift--> the same subtasks
 *
 * Each update interval every subtask is told its limit, if that has changed. A subtask that has not said anything yet
 * holds the group at the beginning of time: it is about to. One that is idle or has ended holds nobody back; a group in
 * which all are has no limit. The slowest is never told to wait, so a group cannot stand still by itself.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/config.h>
#include <wiesel/status.h>

#include "graph/job_graph.h"

typedef struct jm_alignment jm_alignment;

/* What an alignment asks of its job. */
typedef struct jm_alignment_job {
    void *arg;
    bool (*runs)(void *arg, uint32_t operator_id, uint32_t subtask); /* is it in no final state? */
    void (*send_limit)(void *arg, uint32_t operator_id, uint32_t subtask, int64_t limit);
} jm_alignment_job;

void jm_alignment_free(jm_alignment *a);
WSL_DEFINE_AUTO(jm_alignment)
/* *out_alignment is NULL if no strategy of the plan has a group. The plan outlives it. WSL_INVALID: a strategy with a
 * group that is not chained right behind a source, and so cannot make one wait. */
WSL_MUST_CHECK wsl_status jm_alignment_new(const wsl_job_plan *plan, const wsl_config *job_config,
                                           const jm_alignment_job *job, jm_alignment **out_alignment, wsl_error *err);

/* A report; of an operator without group or a subtask there is not it is ignored. */
void jm_alignment_report(jm_alignment *a, uint32_t operator_id, uint32_t subtask, int64_t watermark, bool idle);
/* A subtask of that vertex starts again: it has said nothing yet and was told nothing. */
void jm_alignment_restart(jm_alignment *a, const wsl_job_plan *plan, uint32_t vertex, uint32_t subtask);
/* Sends limits if it is time; returns when it wants to be called again (monotonic). */
int64_t jm_alignment_step(jm_alignment *a, int64_t now_ns);
