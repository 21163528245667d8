/*
 * coordinator - the checkpoints of one job.
 *
 *     due (policy) --> PENDING: enumerators' state taken, sources triggered --acks of all live tasks--> PUBLISHING (metadata being
 *     written) --durable--> COMPLETED: older ones dropped, tasks told
 *                  |-- time-out, a task's refusal, a task's failure, cancel, newer savepoint...
 *                  `--> FAILED: tasks told, files removed; too many in a row fail the job
 *
 * Invariants: a checkpoint is COMPLETED only after publish has come back WSL_OK; ids grow; an acknowledgement counts once, from a
 * task of this attempt; nothing that a retained checkpoint uses is removed; commit notices go out after COMPLETED only.
 *
 * The coordinator knows tasks as (vertex, subtask) and asks its job for everything else (jm_coordinator_job), so that it can be
 * driven by a test.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include <wiesel/config.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "checkpoint.pb-c.h"
#include "control.pb-c.h"
#include "graph/job_graph.h"

typedef struct jm_coordinator jm_coordinator;

typedef enum jm_checkpoint_state {
    JM_CHECKPOINT_PENDING,
    JM_CHECKPOINT_PUBLISHING,
    JM_CHECKPOINT_COMPLETED,
    JM_CHECKPOINT_FAILED,
} jm_checkpoint_state;

/* What the coordinator asks of its job. */
typedef struct jm_coordinator_job {
    void *arg;
    /* RUNNING: takes part; FINISHED: has ended, needs no barrier; anything else: no checkpoint can be taken now. */
    Wsl__Pb__TaskState (*task_state)(void *arg, uint32_t vertex, uint32_t subtask);
    void (*trigger)(void *arg, uint32_t vertex, uint32_t subtask, const Wsl__Pb__TriggerCheckpoint *message);
    void (*tell_ended)(void *arg, uint32_t vertex, uint32_t subtask, uint64_t checkpoint, bool complete);
    /* The enumerator's half of source operator op, now; malloc'ed. False: it has none. */
    bool (*enumerator)(void *arg, uint32_t op, uint8_t **out_bytes, size_t *out_size);
    /* Too many checkpoints failed in a row. */
    void (*fail)(void *arg, const char *reason);
    /* A savepoint that somebody asked for has ended: its directory, or NULL and the reason. */
    void (*savepoint_ended)(void *arg, uint64_t checkpoint, const char *directory, const char *reason);
    /* Runs job(arg) where it may block, then done(arg) on this loop; order is kept. The simulator calls both at once. */
    void (*run_slow)(void *arg, void (*job)(void *), void (*done)(void *), void *what);
} jm_coordinator_job;

typedef struct jm_coordinator_options {
    wsl_id job;
    const char *job_name;
    const wsl_job_plan *plan;  /* outlives it */
    const wsl_config *config;  /* job options: execution.checkpointing.* */
    wsl_fs *fs;
    wsl_clock *clock;
    const wsl_logger *log;
} jm_coordinator_options;

void jm_coordinator_free(jm_coordinator *c);
/* NULL config value for the directory and an interval: WSL_INVALID with words. An existing directory of the job is read, so ids go
 * on behind what is there. */
WSL_MUST_CHECK wsl_status jm_coordinator_new(const jm_coordinator_options *options, const jm_coordinator_job *job,
                                             jm_coordinator **out_coordinator, wsl_error *err);
/* Is checkpointing on (an interval is set)? Savepoints can be taken anyway. */
bool jm_coordinator_is_on(const jm_coordinator *c);

/* Timers; returns when it wants to be called again (monotonic). */
int64_t jm_coordinator_step(jm_coordinator *c, int64_t now_ns);
/* All tasks run, for the first time or again. */
void jm_coordinator_on_running(jm_coordinator *c, int64_t now_ns);
/* A task failed, or the job restarts, is canceled or ends: what is pending is given up. */
void jm_coordinator_stop(jm_coordinator *c, const char *reason);
void jm_coordinator_on_task_finished(jm_coordinator *c, uint32_t vertex, uint32_t subtask);
/* Takes the snapshot out of the message. What does not belong to a pending checkpoint is removed from disk. */
void jm_coordinator_on_ack(jm_coordinator *c, uint32_t vertex, uint32_t subtask, Wsl__Pb__CheckpointAck *ack);
void jm_coordinator_on_declined(jm_coordinator *c, uint32_t vertex, uint32_t subtask, uint64_t checkpoint,
                                const char *reason);
/* The job has ended for good: what retention says is removed. */
typedef enum jm_job_end { JM_END_FINISHED, JM_END_FAILED, JM_END_CANCELED } jm_job_end;
void jm_coordinator_on_job_ended(jm_coordinator *c, jm_job_end how);

/* Somebody asks. kind: CHECKPOINT at once, SAVEPOINT, STOP_SAVEPOINT; target: directory, NULL: the configured one. *out_id. */
WSL_MUST_CHECK wsl_status jm_coordinator_trigger(jm_coordinator *c, Wsl__Pb__CheckpointKind kind, const char *target,
                                                 bool drain, uint64_t *out_id, wsl_error *err);

/* What to go back to; NULL: begin empty. Valid until the next completion. A newest one that turns out damaged (told by
 * jm_coordinator_damaged) is left out, loudly. */
const Wsl__Pb__CheckpointMeta *jm_coordinator_latest(jm_coordinator *c);
void jm_coordinator_damaged(jm_coordinator *c, uint64_t checkpoint, const char *reason);

/* ---- history, for REST and the page ---- */

typedef struct jm_checkpoint_task_stats {
    bool acked;
    int64_t ack_ms; /* wall clock */
    uint64_t bytes, sync_ns, async_ns, alignment_ns, start_delay_ms;
} jm_checkpoint_task_stats;

typedef struct jm_checkpoint_stats {
    uint64_t id;
    jm_checkpoint_state state;
    Wsl__Pb__CheckpointKind kind;
    int64_t trigger_ms, end_ms; /* end: -1 while it goes on */
    uint64_t state_bytes, written_bytes;
    uint32_t n_tasks, n_acked;
    char *reason;    /* FAILED */
    char *directory; /* COMPLETED */
    bool discarded;
    jm_checkpoint_task_stats *tasks; /* by vertex, then subtask: all subtasks of the job in order */
} jm_checkpoint_stats;

typedef struct jm_checkpoint_counts {
    uint64_t triggered, completed, failed, in_progress, restored;
} jm_checkpoint_counts;

jm_checkpoint_counts jm_coordinator_counts(const jm_coordinator *c);
void jm_coordinator_note_restored(jm_coordinator *c, uint64_t checkpoint);
/* Newest first; at most web.checkpoints.history of them. NULL: no more. */
const jm_checkpoint_stats *jm_coordinator_history(const jm_coordinator *c, uint32_t i);
