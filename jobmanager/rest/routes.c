#include "jobmanager/rest/handlers.h"

/* clang-format off */
#define JOB "/jobs/:jobid"
#define VERTEX JOB "/vertices/:vertexid"
const jm_route jm_routes[] = {
    {"GET",   "/overview",                             jm_h_overview},
    {"GET",   "/config",                               jm_h_config},
    {"GET",   "/jobmanager/config",                    jm_h_jobmanager_config},
    {"GET",   "/jobmanager/environment",               jm_h_jobmanager_environment},
    {"GET",   "/jobmanager/metrics",                   jm_h_jobmanager_metrics},
    {"GET",   "/applications/overview",                jm_h_applications_overview},

    {"GET",   "/jobs",                                 jm_h_jobs},
    {"GET",   "/jobs/overview",                        jm_h_jobs_overview},
    {"GET",   "/jobs/metrics",                         jm_h_jobs_metrics},
    {"GET",   JOB,                                     jm_h_job},
    {"PATCH", JOB,                                     jm_h_job_patch},
    {"GET",   JOB "/yarn-cancel",                      jm_h_job_cancel},
    {"GET",   JOB "/status",                           jm_h_job_status},
    {"GET",   JOB "/plan",                             jm_h_job_plan},
    {"GET",   JOB "/config",                           jm_h_job_config},
    {"GET",   JOB "/exceptions",                       jm_h_job_exceptions},
    {"GET",   JOB "/execution-result",                 jm_h_job_result},
    {"GET",   JOB "/metrics",                          jm_h_job_metrics},

    {"GET",   JOB "/checkpoints",                      jm_h_job_checkpoints},
    {"POST",  JOB "/checkpoints",                      jm_h_job_checkpoint},
    {"GET",   JOB "/checkpoints/config",               jm_h_job_checkpoints_config},
    {"GET",   JOB "/checkpoints/details/:checkpointid", jm_h_job_checkpoint_details},
    {"GET",   JOB "/checkpoints/:triggerid",           jm_h_job_operation},
    {"POST",  JOB "/savepoints",                       jm_h_job_savepoint},
    {"GET",   JOB "/savepoints/:triggerid",            jm_h_job_operation},
    {"POST",  JOB "/stop",                             jm_h_job_stop},
    {"POST",  "/savepoint-disposal",                   jm_h_savepoint_disposal},
    {"GET",   "/savepoint-disposal/:triggerid",        jm_h_savepoint_disposal_status},

    {"GET",   VERTEX,                                  jm_h_vertex},
    {"GET",   VERTEX "/metrics",                       jm_h_vertex_metrics},
    {"GET",   VERTEX "/subtasks/metrics",              jm_h_vertex_subtasks_metrics},
    {"GET",   VERTEX "/subtasks/:subtaskindex",        jm_h_vertex_subtask},
    {"GET",   VERTEX "/subtasks/:subtaskindex/metrics", jm_h_vertex_subtask_metrics},
    {"GET",   VERTEX "/subtasktimes",                  jm_h_vertex_times},
    {"GET",   VERTEX "/taskmanagers",                  jm_h_vertex_taskmanagers},
    {"GET",   VERTEX "/backpressure",                  jm_h_vertex_backpressure},
    {"GET",   VERTEX "/watermarks",                    jm_h_vertex_watermarks},
    {"GET",   VERTEX "/wiesel/late",                   jm_h_vertex_late},

    {"GET",   "/taskmanagers",                         jm_h_taskmanagers},
    {"GET",   "/taskmanagers/metrics",                 jm_h_taskmanagers_metrics},
    {"GET",   "/taskmanagers/:taskmanagerid",          jm_h_taskmanager},
    {"GET",   "/taskmanagers/:taskmanagerid/metrics",  jm_h_taskmanager_metrics},

    {"POST",  "/wiesel/v1/artifacts",                  jm_h_wiesel_put_artifact},
    {"POST",  "/wiesel/v1/jobs",                       jm_h_wiesel_submit},
    {"GET",   "/wiesel/v1/jobs/:jobid",                jm_h_wiesel_job},
    {"GET",   "/wiesel/v1/jobs/:jobid/collect",        jm_h_wiesel_collect},
    {"GET",   "/wiesel/v1/jobs/:jobid/watermarks",     jm_h_wiesel_watermarks},
    {"GET",   "/wiesel/v1/jobs/:jobid/late",           jm_h_wiesel_late},
    {0},
};
/* clang-format on */
