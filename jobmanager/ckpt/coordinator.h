/*
 * coordinator - the checkpoints of one job.
 *
 *     due (policy) --> PENDING: directory made, enumerators' state taken, tasks triggered --acks of all live tasks-->
 *                      PUBLISHING (metadata being written) --durable--> COMPLETED: older ones dropped, tasks told
 *                  |-- time-out, a task's refusal, a task's failure, cancel
 *                  `--> FAILED: tasks told, files removed; too many in a row fail the job
 *
 * Invariants: a checkpoint is COMPLETED only after publish has come back WSL_OK; ids grow; an acknowledgement counts once, from a
 * task of this attempt; nothing that a retained checkpoint uses is removed; commit notices go out after COMPLETED only.
 *
 * Who is triggered: each running task without a running producer. At first these are the sources; a task whose inputs have all
 * ended gets a trigger instead of barriers, also when that happens while a checkpoint is pending (it may have had a barrier
 * by then: a trigger for a checkpoint that it knows is ignored). A task that took part acknowledges or declines before it says
 * FINISHED; one that finishes without either had ended before the barrier, and gives nothing.
 *
 * What is PENDING when the job restarts or ends is given up; what is PUBLISHING is not: it may be durable already, so whoever
 * wants to know what to go back to waits (jm_coordinator_is_publishing).
 *
 * Asked-for ones (savepoints) wait until nothing else is pending and keep later ones waiting, so barriers do not run into each
 * other. Savepoints are written into the job's directory like checkpoints and moved to their own when complete. They are not gone
 * back to after a failure; a failed one does not count as a failed checkpoint. A stop-with-savepoint that fails after its
 * barriers went out fails the job (its sources have ended): it goes on from the last checkpoint.
 *
 * The coordinator knows tasks as (vertex, subtask) and asks its job for everything else (jm_coordinator_job), so that it can be
 * driven by a test.
 *
 * Files: coordinator.c life and questions, triggers.c when and who, acks.c answers, giving_up.c failures, assemble.c metadata,
 * completion.c publishing and retention, slow.c work on the disk, begin.c what a job begins with, history.c numbers for people,
 * recovered.c what goes on when the JobManager is another one; coordinator_core.h is theirs.
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
    /* message->task is not set. */
    void (*trigger)(void *arg, uint32_t vertex, uint32_t subtask, const Wsl__Pb__TriggerCheckpoint *message);
    void (*tell_ended)(void *arg, uint32_t vertex, uint32_t subtask, uint64_t checkpoint, bool complete);
    /* The enumerator's half of source operator op, now; malloc'ed. False: it has none. */
    bool (*enumerator)(void *arg, uint64_t checkpoint, uint32_t op, uint8_t **out_bytes, size_t *out_size);
    /* Too many checkpoints failed in a row, or a stop did. */
    void (*fail)(void *arg, const char *reason);
    /* What somebody asked for (jm_coordinator_trigger) has ended: its directory, or NULL and the reason. */
    void (*asked_ended)(void *arg, uint64_t checkpoint, const char *directory, const char *reason);
    /* Nothing is being published any more: a restart or the job's end may have waited for it. */
    void (*published)(void *arg);
    /* Runs job(what) where it may block, then done(what) on this loop; order is kept. The simulator calls both at once. */
    void (*run_slow)(void *arg, void (*job)(void *), void (*done)(void *), void *what);
} jm_coordinator_job;

typedef struct jm_coordinator_options {
    wsl_id job;
    const char *job_name;      /* outlives it, as all of these */
    wsl_job_plan *plan; /* begin_with may give it the number of key groups that the state has */
    const wsl_config *config;  /* job options: execution.checkpointing.* */
    wsl_fs *fs;
    wsl_clock *clock;
    const wsl_logger *log;
} jm_coordinator_options;

/* What is under way on the disk ends by itself. Directories stay as they are. */
void jm_coordinator_free(jm_coordinator *c);
WSL_DEFINE_AUTO(jm_coordinator)
/* No directory but an interval: WSL_INVALID with words. An existing directory of the job is read, so ids go
 * on behind what is there. */
WSL_MUST_CHECK wsl_status jm_coordinator_new(const jm_coordinator_options *options, const jm_coordinator_job *job,
                                             jm_coordinator **out_coordinator, wsl_error *err);
/* Is checkpointing on (an interval is set)? Savepoints can be taken anyway, if there is a directory. */
bool jm_coordinator_is_on(const jm_coordinator *c);
/* Of the job, absolute; "": none is configured. */
const char *jm_coordinator_dir(const jm_coordinator *c);

/* Before the job runs for the first time: it begins with that checkpoint or savepoint. claim: it becomes the job's own.
 * Errors name the path and what does not fit. Reads the metadata here and now. */
WSL_MUST_CHECK wsl_status jm_coordinator_begin_with(jm_coordinator *c, const char *path, bool claim,
                                                    bool allow_non_restored, wsl_error *err);
/* Would the job go back to what is in that directory, which it was begun with? */
bool jm_coordinator_began_with(const jm_coordinator *c, const char *dir);
/* The newest complete checkpoint of an ended job of that name below the checkpoint directory: malloc'ed path.
 * WSL_NOT_FOUND: there is none. lives: is that job (32 hex digits) still going? */
WSL_MUST_CHECK wsl_status jm_coordinator_find_latest(jm_coordinator *c, bool (*lives)(void *arg, const char *job),
                                                     void *arg, char **out_path, wsl_error *err);

/* Timers; returns when it wants to be called again (monotonic). */
int64_t jm_coordinator_step(jm_coordinator *c, int64_t now_ns);
/* All tasks run, for the first time or again. */
void jm_coordinator_on_running(jm_coordinator *c, int64_t now_ns);
/* A task failed, or the job restarts, is canceled or ends: what is pending is given up, and tasks that run are told. */
void jm_coordinator_stop(jm_coordinator *c, const char *reason);
void jm_coordinator_on_task_finished(jm_coordinator *c, uint32_t vertex, uint32_t subtask);
/* Takes the snapshot out of the message. What does not belong to a pending checkpoint is removed from disk. */
void jm_coordinator_on_ack(jm_coordinator *c, uint32_t vertex, uint32_t subtask, Wsl__Pb__CheckpointAck *ack);
/* An acknowledgement of another attempt, or of a task that there is not. */
void jm_coordinator_on_stray_ack(jm_coordinator *c, uint64_t checkpoint);
void jm_coordinator_on_declined(jm_coordinator *c, uint32_t vertex, uint32_t subtask, uint64_t checkpoint,
                                const char *reason);
/* The job has ended for good: what retention does not keep is removed. */
typedef enum jm_job_end { JM_END_FINISHED, JM_END_FAILED, JM_END_CANCELED } jm_job_end;
void jm_coordinator_on_job_ended(jm_coordinator *c, jm_job_end how);

/* Somebody asks. kind: CHECKPOINT at once, SAVEPOINT, STOP_SAVEPOINT; target: directory, NULL: the configured one. *out_id. */
WSL_MUST_CHECK wsl_status jm_coordinator_trigger(jm_coordinator *c, Wsl__Pb__CheckpointKind kind, const char *target,
                                                 bool drain, uint64_t *out_id, wsl_error *err);

/* The job's plan got another parallelism. It does not run, and nothing is pending or being published. */
void jm_coordinator_on_rescaled(jm_coordinator *c);
/* The next checkpoint need not wait for the interval. */
void jm_coordinator_hurry(jm_coordinator *c);
/* Something is under way or waits for its turn. */
bool jm_coordinator_has_pending(const jm_coordinator *c);

/* Metadata is being written: what is the latest is not decided. */
bool jm_coordinator_is_publishing(const jm_coordinator *c);
/* A stop-with-savepoint is under way: the job does not count as finished before it is complete. */
bool jm_coordinator_is_stopping(const jm_coordinator *c);

/* The savepoint that the job was stopped with, once it is complete; else NULL. No checkpoint is taken any more, and the job does not
 * go back to one: what is behind it in sinks is committed. */
const char *jm_coordinator_stopped_with(const jm_coordinator *c);

/* What to go back to, and the directory its paths begin at; NULL: begin empty. Valid until the next completion. One that turns
 * out damaged (told by jm_coordinator_damaged) is left out, loudly. */
const Wsl__Pb__CheckpointMeta *jm_coordinator_latest(jm_coordinator *c, const char **out_base);
void jm_coordinator_damaged(jm_coordinator *c, uint64_t checkpoint, const char *reason);
/* There was something to go back to, and all of it is damaged: beginning empty would lose state. */
bool jm_coordinator_all_damaged(const jm_coordinator *c);

/* ---- for who outlives a JobManager: recovered.c ---- */

uint64_t jm_coordinator_last_id(const jm_coordinator *c); /* that was given */
/* Ids up to this one were given by an earlier JobManager. */
void jm_coordinator_go_on_behind(jm_coordinator *c, uint64_t id);
/* The directory of the savepoint that the job is being stopped with, or was; NULL: neither. */
const char *jm_coordinator_stops_with(const jm_coordinator *c, uint64_t *out_checkpoint, bool *out_drain);
/* Where a savepoint goes that is not complete; NULL: it is over, or no savepoint. */
const char *jm_coordinator_target(const jm_coordinator *c, uint64_t checkpoint);
/* Is the savepoint of that number and job complete in its directory? Reads its metadata here and now. */
bool jm_savepoint_is_there(wsl_fs *fs, const char *directory, const wsl_id *job, uint64_t checkpoint);

/* ---- history, for REST and the page ---- */

typedef struct jm_checkpoint_task_stats {
    bool acked;
    int64_t ack_ms; /* wall clock */
    uint64_t bytes, state_bytes, sync_ns, async_ns, alignment_ns, start_delay_ms, in_flight_bytes, longest_step_ns;
} jm_checkpoint_task_stats;

typedef struct jm_checkpoint_stats {
    uint64_t id;
    jm_checkpoint_state state;
    Wsl__Pb__CheckpointKind kind;
    int64_t trigger_ms, end_ms; /* wall clock; end: -1 while it goes on */
    int64_t last_ack_ms;        /* -1: none yet */
    uint64_t state_bytes, written_bytes;
    uint32_t n_tasks, n_acked;
    char *reason;    /* FAILED */
    char *directory; /* COMPLETED */
    bool discarded;
    jm_checkpoint_task_stats *tasks; /* n_tasks, by vertex, then subtask: all subtasks that the job had then, in order */
} jm_checkpoint_stats;

typedef struct jm_checkpoint_counts {
    uint64_t triggered, completed, failed, in_progress, restored;
} jm_checkpoint_counts;

/* What the job last began with. */
typedef struct jm_checkpoint_restored {
    uint64_t id; /* 0: nothing */
    int64_t at_ms;
    bool savepoint;
    const char *path;
} jm_checkpoint_restored;

jm_checkpoint_counts jm_coordinator_counts(const jm_coordinator *c);
/* The job runs again, with this one. */
void jm_coordinator_note_restored(jm_coordinator *c, uint64_t checkpoint);
jm_checkpoint_restored jm_coordinator_restored(const jm_coordinator *c);
/* Newest first; at most web.checkpoints.history of them. NULL: no more. */
const jm_checkpoint_stats *jm_coordinator_history(const jm_coordinator *c, uint32_t i);
const jm_checkpoint_stats *jm_coordinator_find_stats(const jm_coordinator *c, uint64_t id); /* NULL: forgotten */
/* Where the tasks of a vertex begin in stats->tasks, if the job had the parallelism that it has now. */
bool jm_coordinator_knows_tasks(const jm_coordinator *c, const jm_checkpoint_stats *stats);
uint32_t jm_coordinator_first_task(const jm_coordinator *c, uint32_t vertex);
