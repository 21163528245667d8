/*
 * store - what outlives a JobManager: a directory.
 *
 *     <dir>/leader               who leads: the epoch, counted up by every JobManager that begins
 *     <dir>/jobs/<id>.job        what was submitted; never changes
 *     <dir>/jobs/<id>.state      how it stands; replaced as a whole
 *     <dir>/artifacts/<hash>.so  libraries of jobs (jobmanager/artifacts.h)
 *     <dir>/operations           savepoints and other things that clients asked for
 *     <dir>/lock                 held by the JobManager's process (dir_lock.h)
 *
 * Checkpoints are not here: they lie where the job says, and are found again by reading that directory.
 *
 * Invariants: whatever a crash leaves, a job is there whole or not at all, and a job without .state is as it was submitted. So a job
 * is removed .job first. A file that is damaged is told and left out; it stays for a look.
 *
 * Threads: open and free on the JobManager's loop; a jm_store does not change, so everything else may be called from any thread,
 * for one job by one at a time. All calls block on disk.
 */
#pragma once
#include <stdint.h>

#include <wiesel/status.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "base/rng.h"
#include "job_store.pb-c.h"

typedef struct jm_store jm_store;

void jm_store_free(jm_store *store);
WSL_DEFINE_AUTO(jm_store)
/* Makes the directory if it is not there, and takes the lead: on WSL_OK the new epoch is durable. log may be NULL; it, rng and fs
 * outlive the store. */
WSL_MUST_CHECK wsl_status jm_store_open(wsl_fs *fs, const char *dir, int64_t now_ms, wsl_rng *rng, const wsl_logger *log,
                                        jm_store **out_store, wsl_error *err);

const char *jm_store_dir(const jm_store *store);
uint64_t jm_store_epoch(const jm_store *store); /* from 1 */
const wsl_id *jm_store_cluster(const jm_store *store);

/* ---- jobs ---- */

typedef struct jm_stored_job {
    Wsl__Pb__StoredJob *job;
    Wsl__Pb__StoredJobState *state; /* NULL: as it was submitted */
} jm_stored_job;

void jm_stored_jobs_free(jm_stored_job *jobs, uint32_t n);

WSL_MUST_CHECK wsl_status jm_store_add_job(const jm_store *store, const Wsl__Pb__StoredJob *job, wsl_error *err);
/* bytes: jm_record_encode of a StoredJobState. */
WSL_MUST_CHECK wsl_status jm_store_put_state(const jm_store *store, const wsl_id *job, const void *bytes, size_t size,
                                             wsl_error *err);
/* What is not there is fine. */
WSL_MUST_CHECK wsl_status jm_store_remove_job(const jm_store *store, const wsl_id *job, wsl_error *err);
/* All that can be read, in order of submission; the log names the others. What crashes left behind goes. Free with
 * jm_stored_jobs_free. */
WSL_MUST_CHECK wsl_status jm_store_load_jobs(const jm_store *store, jm_stored_job **out_jobs, uint32_t *out_n,
                                             wsl_error *err);

/* ---- operations ---- */

/* bytes: jm_record_encode of a StoredOperations. */
WSL_MUST_CHECK wsl_status jm_store_put_operations(const jm_store *store, const void *bytes, size_t size, wsl_error *err);
/* NULL: there are none, or they are damaged (the log says so). */
Wsl__Pb__StoredOperations *jm_store_load_operations(const jm_store *store);
