/*
 * jm_core - the JobManager's parts, for the files of this room. Everybody else includes jm.h.
 *
 * Order inside a step (jm.c): messages, timers, doomed workers, scheduling; the last two repeat until nothing changes.
 * Sending can find a worker dead: it is doomed then and removed later in the step, so no code sees it vanish.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "jobmanager/artifacts.h"
#include "jobmanager/disk.h"
#include "jobmanager/jm.h"
#include "jobmanager/job.h"
#include "jobmanager/operations.h"
#include "jobmanager/sched/slot_pool.h"
#include "jobmanager/sched/worker.h"
#include "jobmanager/store/store.h"
#include "net/control.h"

struct jm {
    jm_options options;
    wsl_seams seams;
    wsl_id fencing; /* random, new with every start */
    wsl_endpoint *endpoint;
    jm_workers workers;
    jm_slot_pool *pool;
    jm_job **jobs; /* in order of submission */
    uint32_t n_jobs;
    uint64_t last_job_number;
    jm_artifacts *artifacts;
    jm_store *store; /* NULL: nothing outlives us */
    jm_disk *disk;
    jm_operations *operations;
    bool operations_changed, operations_writing; /* on their way to the store */
    bool schedule_wanted; /* slots were freed or a job came */
    bool doomed_any;
    int64_t next_heartbeat_ns;
    int64_t started_ms;
};

/* To a worker; a worker that cannot be sent to is doomed. WSL_TOO_LARGE: the message was not sent, nothing else
 * happened. */
wsl_status jm_send(jm *self, jm_worker *worker, wsl_control_kind kind, void *body);
void jm_doom(jm *self, jm_worker *worker, const char *reason);
jm_job *jm_find_job(const jm *self, const wsl_id *id);
/* At the end of the list: the newest. */
void jm_add_job(jm *self, jm_job *job);

/* jm_recover.c: opens the store, if there is to be one, and takes over what is in it. */
WSL_MUST_CHECK wsl_status jm_recover(jm *self, wsl_error *err);
/* What clients asked for changed: it is written with the next step. */
void jm_keep_operations(jm *self);
void jm_step_keep_operations(jm *self);

/* control.c: one message from a peer; releases it. */
void jm_control_receive(jm *self, const char *peer, wsl_message *message);
