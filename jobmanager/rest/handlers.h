/*
 * handlers - one function per endpoint, named after its path; the table that binds them is routes.c.
 *
 * Files: checkpoints.c, operations.c, cluster.c, jobs.c, vertices.c, metrics.c, workers.c, wiesel.c, event_time.c.
 */
#pragma once
#include "jobmanager/rest/rest.h"

/* clang-format off */
#define JM_HANDLERS(X) \
    X(overview) X(config) X(jobmanager_config) X(jobmanager_environment) X(applications_overview) \
    X(jobs) X(jobs_overview) X(job) X(job_status) X(job_plan) X(job_config) X(job_exceptions) X(job_result) X(job_patch) \
    X(job_cancel) \
    X(vertex) X(vertex_subtask) X(vertex_times) X(vertex_taskmanagers) X(vertex_backpressure) X(vertex_watermarks) \
    X(jobmanager_metrics) X(jobs_metrics) X(job_metrics) X(vertex_metrics) X(vertex_subtasks_metrics) \
    X(vertex_subtask_metrics) X(taskmanagers_metrics) X(taskmanager_metrics) \
    X(taskmanagers) X(taskmanager) \
    X(wiesel_put_artifact) X(wiesel_submit) X(wiesel_job) X(wiesel_collect) X(wiesel_watermarks) X(wiesel_late) \
    X(vertex_late) \
    X(job_savepoint) X(job_stop) X(job_checkpoint) X(job_operation) X(savepoint_disposal) X(savepoint_disposal_status) \
    X(job_checkpoints) X(job_checkpoint_details) X(job_checkpoints_config)
/* clang-format on */

#define JM_X(name) void jm_h_##name(const jm_rest *rest, const jm_request *request, jm_response *response);
JM_HANDLERS(JM_X)
#undef JM_X
