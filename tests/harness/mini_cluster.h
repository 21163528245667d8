/*
 * mini_cluster - a JobManager and TaskManagers in this process over inproc, for tests.
 *
 *     this thread: jm_step, while a test waits (mini_cluster_await...)
 *     TaskManagers: their own threads
 *
 * Threads: the test's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "jobmanager/jm.h"
#include "taskmanager/tm_run.h"

typedef struct mini_cluster mini_cluster;

/* overrides: "key=value" configuration, ended by NULL; may be NULL. Aborts the test when it cannot start. */
mini_cluster *mini_cluster_start(uint32_t task_managers, uint32_t slots, const char *const *overrides);
void mini_cluster_stop(mini_cluster *c);

/* The JobManager ends without a word and another one begins. Only with high-availability.storageDir does it know what was. */
void mini_cluster_new_jm(mini_cluster *c);

/* Builds the job of a library (arguments as behind `--`, ended by NULL) and submits it. Overrides are -D of the job. */
wsl_status mini_cluster_submit(mini_cluster *c, const char *library, uint32_t parallelism, const char *const *arguments,
                               const char *const *job_overrides, wsl_id *out_job, wsl_error *err);

/* The same for a job in JSON, without a library. */
wsl_status mini_cluster_submit_json(mini_cluster *c, const char *json, wsl_id *out_job, wsl_error *err);

/* Runs the JobManager until the job is in that state or has ended otherwise, or the time is over. True if it is. */
bool mini_cluster_await(mini_cluster *c, const wsl_id *job, const char *state, int64_t timeout_ms);
/* Runs the JobManager for as long as `until` says false; true when it said true in time. */
bool mini_cluster_run(mini_cluster *c, bool (*until)(void *arg), void *arg, int64_t timeout_ms);
/* Collected rows of the job so far, each handed to fn once over all calls. True once all have come. */
bool mini_cluster_collect(mini_cluster *c, const wsl_id *job, void (*fn)(void *arg, const wsl_row *row), void *arg);

jm *mini_cluster_jm(mini_cluster *c);
tm_run *mini_cluster_tm(mini_cluster *c, uint32_t i);
const char *mini_cluster_failure(mini_cluster *c, const wsl_id *job); /* "" if none */
/* What print sinks wrote; valid until the next call. */
const char *mini_cluster_stdout(mini_cluster *c);
