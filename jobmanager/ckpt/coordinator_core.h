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
    char **paths; /* files to remove; sweep: shared files that stay, sorted */
    uint32_t n_paths;
    uint64_t *keep; /* sweep: ids that stay */
    uint32_t n_keep;
    uint64_t before; /* sweep: shared files of earlier checkpoints that are not among `paths` go */
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
    char *stopped_with; /* a complete savepoint; NULL: the job was not stopped */
    uint64_t stopped_id;
    bool hurried; /* the sources have ended, and a checkpoint was taken at once for it */
    uint64_t last_id;
    uint64_t first_of_attempt;
    jm_pending *pending;
    jm_retained *retained; /* by id, ascending */
    uint32_t n_retained;
    uint32_t unreadable; /* checkpoints in the job's directory, found at the beginning, that cannot be gone back to */
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

/* ---- triggers.c ---- */

Wsl__Pb__TaskState jm_state_of(const jm_coordinator *c, uint32_t vertex, uint32_t subtask);
/* "name (1/2)" of a task by its index. */
void jm_checkpoint_task_name(const jm_coordinator *c, uint32_t index, char *out, size_t size);
/* The directory is there. */
void jm_pending_prepared(jm_coordinator *c, jm_pending *p);

/* ---- acks.c ---- */

/* Publishes it if nothing is missing. */
void jm_settle(jm_coordinator *c, jm_pending *p);

/* ---- giving_up.c ---- */

void jm_pending_free(jm_coordinator *c, jm_pending *p);
jm_pending *jm_pending_find(const jm_coordinator *c, uint64_t id);
/* Do tasks still work on an older one? */
bool jm_pending_has_older(const jm_coordinator *c, const jm_pending *p);
/* Gives it up. Counts: as a failure of checkpointing. May call the job's fail, and so jm_coordinator_stop. */
void jm_pending_fail(jm_coordinator *c, jm_pending *p, bool counts, const char *format, ...) WSL_PRINTF(4, 5);
void jm_tell_all(jm_coordinator *c, uint64_t checkpoint, bool complete);

/* ---- slow.c ---- */

/* done may be NULL; it is on this loop, and not called when the coordinator has gone. */
jm_slow *jm_slow_new(jm_coordinator *c, void (*done)(jm_slow *s));
void jm_slow_run(jm_coordinator *c, void (*work)(void *), jm_slow *s);
/* A `done` for what is only untidy when it fails. */
void jm_slow_say_untidy(jm_slow *s);
void jm_slow_prepare(jm_coordinator *c, const jm_pending *p);
void jm_slow_discard(jm_coordinator *c, const char *dir);
/* A checkpoint that the job began with and owns, in a directory of another job: with those of its shared files that no other
 * checkpoint there needs. Takes meta. */
void jm_slow_discard_claimed(jm_coordinator *c, const char *dir, const char *base, Wsl__Pb__CheckpointMeta *meta);
/* Files, relative to the job's directory; malloc'ed and taken, with their texts. */
void jm_slow_remove(jm_coordinator *c, char **paths, uint32_t n);
/* Removes chk-N and shared files that nobody needs; whole: all of the job's directory. */
void jm_slow_sweep(jm_coordinator *c, bool whole);
char *jm_chk_dir(const jm_coordinator *c, uint64_t id);
WSL_MUST_CHECK wsl_status jm_remove_tree(wsl_fs *fs, const char *dir, wsl_error *err);

/* ---- assemble.c ---- */

/* Takes what the tasks gave. */
Wsl__Pb__CheckpointMeta *jm_assemble(jm_coordinator *c, jm_pending *p);
/* What a task may name in its files: inside chk-N/ or shared/. */
bool jm_snapshot_paths_ok(const Wsl__Pb__TaskSnapshot *s, uint64_t checkpoint);
/* The checkpoint in the name of a shared file, "shared/7-...": 7; 0: it has none. */
uint64_t jm_shared_checkpoint(const char *path);

/* ---- completion.c ---- */

void jm_slow_publish(jm_coordinator *c, jm_pending *p);
/* Takes meta. */
void jm_retain(jm_coordinator *c, jm_retained entry);
void jm_retained_fini(jm_retained *r);
/* A retained one goes. */
void jm_retained_drop(jm_coordinator *c, uint32_t i);

/* ---- begin.c ---- */

WSL_MUST_CHECK wsl_status jm_begin_scan(jm_coordinator *c, wsl_error *err);

/* ---- history.c ---- */

jm_checkpoint_stats *jm_history_add(jm_coordinator *c, const jm_pending *p);
void jm_history_end(jm_coordinator *c, jm_checkpoint_stats *s, jm_checkpoint_state state, const char *text);
void jm_history_discarded(jm_coordinator *c, uint64_t id);
void jm_history_fini(jm_coordinator *c);
