/*
 * coordinator_core - the coordinator's parts, for its own files.
 *
 * Threads: the JobManager's loop; jm_slow's `work` runs on the disk's thread and touches nothing but its own jm_slow.
 */
#pragma once
#include "base/rng.h"
#include "jobmanager/ckpt/coordinator.h"
#include "jobmanager/ckpt/policy.h"
#include "jobmanager/ckpt/registry.h"

enum { JM_ASKED_MAX = 64 }; /* asked-for checkpoints that wait */

typedef struct jm_pending_task {
    bool triggered;
    bool done; /* acknowledged, or finished before its barrier */
    Wsl__Pb__TaskSnapshot *snapshot;
} jm_pending_task;

typedef struct jm_pending {
    struct jm_pending *next; /* by id, ascending */
    uint64_t id;
    Wsl__Pb__CheckpointKind kind;
    jm_checkpoint_state state;
    bool asked;   /* by somebody */
    bool begun;   /* its directory is being made, or more; else it waits for its turn */
    bool prepared; /* triggers went out */
    bool drain;
    char *target; /* savepoints: directory it will be moved to */
    int64_t trigger_ms, deadline_ns;
    jm_pending_task *tasks;
    uint32_t n_missing;
    ProtobufCBinaryData *enumerators; /* by operator; data NULL: none */
    jm_checkpoint_stats *stats;
} jm_pending;

typedef struct jm_retained {
    uint64_t id;
    Wsl__Pb__CheckpointMeta *meta;
    char *base; /* directory that its paths begin at */
    char *dir;  /* its own */
    bool owned; /* removed when it is not needed any more */
    bool in_job; /* lies in the job's directory */
    bool damaged;
} jm_retained;

/* Work that may block. Lives until its `done`; c is NULL when the coordinator has gone meanwhile. */
typedef struct jm_slow {
    struct jm_slow *next;
    jm_coordinator *c;
    void (*done)(struct jm_slow *s);
    wsl_fs *fs;
    uint64_t id;
    char *dir;    /* chk-N, or the job's directory */
    char *target; /* savepoint */
    Wsl__Pb__CheckpointMeta *meta;
    char **paths; /* files to remove; sweep: nothing */
    uint32_t n_paths;
    uint64_t *keep; /* sweep: ids that stay */
    uint32_t n_keep;
    bool whole; /* sweep: remove everything */
    wsl_status status;
    wsl_error error;
} jm_slow;

struct jm_coordinator {
    jm_coordinator_options options;
    jm_coordinator_job job;
    jm_policy policy;
    jm_registry *registry;
    wsl_rng rng;
    char *dir;            /* of the job; "" */
    char *savepoint_dir;  /* configured; NULL */
    uint32_t num_retained;
    bool keep_failed, keep_canceled;
    uint32_t n_tasks;
    uint32_t *first;    /* by vertex: index of its first task */
    uint32_t *finished; /* by vertex: tasks that have finished */
    bool running;
    bool ended;
    bool keep; /* ended: what is retained stays */
    bool hurried; /* the sources have ended, and a checkpoint was taken at once for it */
    uint64_t last_id;
    uint64_t first_of_attempt;
    jm_pending *pending;
    jm_retained *retained; /* by id, ascending */
    uint32_t n_retained;
    bool had_retained;
    jm_slow *slow;
    jm_checkpoint_counts counts;
    jm_checkpoint_restored restored;
    char *restored_path;
    jm_checkpoint_stats **history; /* newest last */
    uint32_t n_history, history_max;
};

static inline uint32_t jm_task_index(const jm_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    return c->first[vertex] + subtask;
}

/* ---- coordinator.c ---- */

void jm_pending_free(jm_coordinator *c, jm_pending *p);
jm_pending *jm_pending_find(const jm_coordinator *c, uint64_t id);
/* Gives it up. Counts: as a failure of checkpointing. May call the job's fail, and so jm_coordinator_stop. */
void jm_pending_fail(jm_coordinator *c, jm_pending *p, bool counts, const char *format, ...) WSL_PRINTF(4, 5);
/* The directory is there. */
void jm_pending_prepared(jm_coordinator *c, jm_pending *p);
void jm_tell_all(jm_coordinator *c, uint64_t checkpoint, bool complete);

/* ---- completion.c ---- */

void jm_slow_prepare(jm_coordinator *c, const jm_pending *p);
void jm_slow_publish(jm_coordinator *c, jm_pending *p);
void jm_slow_discard(jm_coordinator *c, const char *dir);
/* Removes chk-N that nobody needs; whole: all of the job's directory. */
void jm_slow_sweep(jm_coordinator *c, bool whole);
char *jm_chk_dir(const jm_coordinator *c, uint64_t id);
/* Takes meta. */
void jm_retain(jm_coordinator *c, jm_retained entry);
void jm_retained_fini(jm_retained *r);
/* A retained one goes. */
void jm_retained_drop(jm_coordinator *c, uint32_t i);
/* What a task may name in its files: inside chk-N/ or shared/. */
bool jm_snapshot_paths_ok(const Wsl__Pb__TaskSnapshot *s, uint64_t checkpoint);

/* ---- begin.c ---- */

WSL_MUST_CHECK wsl_status jm_begin_scan(jm_coordinator *c, wsl_error *err);

/* ---- history.c ---- */

jm_checkpoint_stats *jm_history_add(jm_coordinator *c, const jm_pending *p);
void jm_history_end(jm_coordinator *c, jm_checkpoint_stats *s, jm_checkpoint_state state, const char *text);
void jm_history_discarded(jm_coordinator *c, uint64_t id);
void jm_history_fini(jm_coordinator *c);
