/*
 * jm - the JobManager: one object, one loop.
 *
 * Owns the control endpoint (TaskManagers register here), the slots, all jobs with their sources and collected rows,
 * and the artifacts. jm_step does what there is to do and says when it wants to be called again; it has no threads and
 * no descriptors but the transport's, so that a thread, a test with a manual clock and the simulator can drive it.
 *
 *     TaskManagers ==envelopes==> [ endpoint ] -> control -> job (exec graph, sources, collect)
 *                                                              ^
 *     REST, wiesel run --local, tests ----- functions below ---+
 *
 * Threads: everything on the loop that calls jm_step. Strings in results live until the next call of jm_step.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/config.h>
#include <wiesel/row.h>
#include <wiesel/status.h>

#include "base/id.h"
#include "graph/job_graph.h"
#include "net/seams.h"

typedef struct jm jm;

enum {
    JM_TERMINAL_JOBS_MAX = 100, /* ended jobs that are remembered */
    JM_JOBS_MAX = 1000,         /* jobs that have not ended */
    JM_FAILURES_MAX = 100,      /* failures remembered per job */
};

typedef struct jm_options {
    const char *listen_address; /* "tcp://127.0.0.1:6123", "inproc://jm" */
    int64_t heartbeat_interval_ns;
    int64_t heartbeat_timeout_ns;
    int64_t metrics_interval_ns; /* how often TaskManagers with tasks send their numbers */
    int64_t slot_timeout_ns;     /* how long a job waits for slots */
    uint32_t default_parallelism;
    const char *artifact_dir; /* made when needed, removed by jm_free; not shared with another JobManager. With a store: not used */
    const char *store_dir; /* where jobs outlive the JobManager (store/store.h); NULL: they do not */
    wsl_waker waker;          /* wakes the loop, for transports without a descriptor */
    bool disk_thread;         /* what may block on a disk runs on a thread of its own, else in the step */
    bool disk_stepped;        /* ... else (simulator) when jm_step_disk is called; disk_waker tells that there is work */
    wsl_waker disk_waker;
    const wsl_config *job_defaults; /* the cluster's: options about checkpoints and restarts that a job does not set; may be NULL */
} jm_options;

/* Sensible ones: heartbeats of 10 s and 50 s, metrics each 500 ms, slots 5 min, parallelism 1. No addresses. */
jm_options jm_options_default(void);

void jm_free(jm *self);
WSL_DEFINE_AUTO(jm)
/* Recovers the jobs of its store, then binds the endpoint. The seams outlive the JobManager. */
WSL_MUST_CHECK wsl_status jm_new(const jm_options *options, const wsl_seams *seams, jm **out_jm, wsl_error *err);

int jm_fd(jm *self);              /* to watch; -1: the waker is called instead */
const char *jm_address(jm *self); /* really bound */
int64_t jm_step(jm *self);        /* see base/loop.h */
bool jm_step_disk(jm *self);      /* options.disk_stepped: one piece of work; false: there was none */

/* ---- what a client can ask for ---- */

WSL_MUST_CHECK wsl_status jm_put_artifact(jm *self, const void *bytes, size_t size, wsl_id *out_hash, wsl_error *err);

/* Takes the graph on WSL_OK. Checks all of it; from then on the job waits for slots or runs, and is in the store (it waits for the
 * disk). graph->artifact, if set, was put before. Errors are the client's to correct. */
WSL_MUST_CHECK wsl_status jm_submit(jm *self, WSL_TAKES wsl_job_graph *graph, wsl_id *out_job, wsl_error *err);

/* WSL_NOT_FOUND; WSL_STATE: it ended as FINISHED or FAILED. Asking twice is fine. */
WSL_MUST_CHECK wsl_status jm_cancel(jm *self, const wsl_id *job, wsl_error *err);

/* Asked for; *out_operation is what to ask about afterwards (operations.h). target NULL: the configured directory. */
typedef struct jm_ask {
    enum { JM_ASK_CHECKPOINT, JM_ASK_SAVEPOINT, JM_ASK_STOP } what;
    const char *target;
    bool drain;  /* STOP */
    bool cancel; /* SAVEPOINT: cancels the job when it is complete */
} jm_ask;
/* WSL_NOT_FOUND: no such job. That it cannot be done now is the operation's failure. */
WSL_MUST_CHECK wsl_status jm_ask_checkpoint(jm *self, const wsl_id *job, const jm_ask *ask, wsl_id *out_operation,
                                            wsl_error *err);
/* Removes a savepoint or checkpoint. */
void jm_dispose_savepoint(jm *self, const char *path, wsl_id *out_operation);

typedef struct jm_job_info {
    wsl_id id;
    const char *name;
    const char *state; /* "RUNNING" */
    bool ended;
    const char *waiting; /* "needs 5 slots, 4 free"; "" if it does not wait */
    const char *failure; /* the root cause, "" if there is none or the job got over it */
    uint32_t restarts;
    int64_t start_ms;
    int64_t end_ms; /* -1: runs */
    uint32_t tasks;
    uint32_t tasks_running;
    uint64_t records_in;  /* read by sources */
    uint64_t records_out; /* written by sinks */
    double records_in_per_s;
    double records_out_per_s;
    int64_t watermark_lag_ms; /* wall clock behind which the slowest sink's watermark lies; -1: no watermark yet */
    const char *busiest;      /* vertex with the busiest subtask; "" if nothing runs */
    double busiest_ratio;     /* 0..1 of that subtask's time */
} jm_job_info;

WSL_MUST_CHECK wsl_status jm_job_info_get(jm *self, const wsl_id *job, jm_job_info *out_info, wsl_error *err);

/* Rows that a collect sink sent; see collect.h. operator_id UINT32_MAX: the job's first collect sink. */
WSL_MUST_CHECK wsl_status jm_collect_rows(jm *self, const wsl_id *job, uint32_t operator_id, uint64_t from,
                                          uint64_t max_bytes, void (*fn)(void *arg, const wsl_row *row), void *arg,
                                          uint64_t *out_next, bool *out_end, wsl_error *err);
/* Its rows' schema, or NULL. */
const wsl_schema *jm_collect_rows_schema(jm *self, const wsl_id *job, uint32_t operator_id);

/* Would the next JobManager know what was asked of that job? Also true when nothing is kept, or cannot be for now. */
bool jm_is_kept(const jm *self, const wsl_id *job);
uint64_t jm_epoch(const jm *self); /* how many JobManagers the store has had; 0: there is none */
uint32_t jm_task_managers(const jm *self);
uint32_t jm_slots_total(const jm *self);
uint32_t jm_slots_available(const jm *self);
uint32_t jm_jobs_live(const jm *self); /* jobs that have not ended */
