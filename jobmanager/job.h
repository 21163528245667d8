/*
 * job - one job: its plan, its state, its subtasks, what went wrong with it.
 *
 *     submit -> CREATED (waits for slots) -> RUNNING -> FINISHED
 *                                    slots    ^  |-> RESTARTING              a task, source or TaskManager failed, and the
 *                                    again    |       |                      restart strategy says yes
 *                                             +-------+  all tasks in final states, delay over, nothing being published
 *                                                |-> FAILING -> FAILED       ... and it says no
 *                                                |-> CANCELLING -> CANCELED  a client asked, in any state
 *
 * Every restart is a new attempt: the regions that failed (exec/regions.h), or all of the job, are canceled and then deployed
 * again with their part of the latest checkpoint. Tasks of other regions run on, and keep the attempt they were deployed with.
 * Failures after the first of an attempt are kept beside it; a lost TaskManager takes the place of a first failure that was only
 * its consequence (a peer that saw its connection break).
 *
 * With a store (store/store.h) a job outlives the JobManager: what it is, is on disk before the client hears that it was taken; its
 * state follows every move; a new attempt is deployed, and an end is entered, only when that is on disk. The next JobManager
 * goes on with it in RESTARTING, as a new attempt.
 *
 * Files: job.c moves and failures, job_start.c slots and deployment, job_restart.c a new attempt, job_slots.c which slots it
 * holds, job_checkpoints.c the coordinator's questions, job_reports.c what TaskManagers say, job_view.c what others ask, job_keep.c
 * and job_recover.c the way to disk and back.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/config.h>

#include "base/id.h"
#include "base/log.h"
#include "control.pb-c.h"
#include "graph/job_graph.h"
#include "job_store.pb-c.h"
#include "jobmanager/alignment.h"
#include "jobmanager/ckpt/coordinator.h"
#include "jobmanager/ckpt/restart.h"
#include "jobmanager/collect.h"
#include "jobmanager/exec/exec_graph.h"
#include "jobmanager/late.h"
#include "jobmanager/sched/sharing.h"
#include "jobmanager/sched/slot_pool.h"
#include "jobmanager/sched/worker.h"
#include "jobmanager/source_coord.h"

struct jm;

typedef enum jm_failure_kind {
    JM_FAILURE_TASK,     /* a task reported it */
    JM_FAILURE_WORKER,   /* a TaskManager was lost */
    JM_FAILURE_SOURCE,   /* an enumerator */
    JM_FAILURE_SLOTS,    /* no slots in time */
    JM_FAILURE_PROTOCOL, /* a TaskManager said what cannot be */
    JM_FAILURE_CHECKPOINTS, /* too many failed, or a stop did */
    JM_FAILURE_FINAL,    /* no restart can help: ends the job whatever its strategy */
    JM_FAILURE_JOBMANAGER, /* an earlier JobManager ended while the job ran */
} jm_failure_kind;

typedef struct jm_failure {
    jm_failure_kind kind;
    int64_t at_ms;
    char *text;      /* the whole sentence */
    char *task_name; /* NULL: no single task */
    char *tm_id;     /* NULL: no single TaskManager */
    char *endpoint;  /* its "host:port"; NULL like tm_id */
    bool retriable;  /* a restart could help */
    uint32_t attempt;
} jm_failure;

/* jobmanager.scheduler: adaptive; job_rescale.c. */
typedef struct jm_rescale {
    bool adaptive;
    uint32_t *made_with; /* by operator: the parallelism the job was submitted with */
    uint32_t widest;     /* of them */
    uint32_t slots;      /* that it needs then */
    uint32_t cap;        /* no operator runs with more */
    int64_t fit_wait_ns, grow_wait_ns, cooldown_ns;
    int64_t fit_at_ns; /* waits for slots: begins with fewer then */
    bool waited;       /* it is then, and schedule knows */
    bool refused;      /* its state cannot be dealt out otherwise; said once */
    bool growing;      /* waits for a checkpoint after grows_after */
    uint64_t grows_after;
    int64_t more_since_ns; /* there are slots for more; WSL_NEVER: there are not */
    int64_t rescaled_ns;
} jm_rescale;

/* What is on disk of the job; job_keep.c. */
typedef struct jm_keep {
    bool wanted;      /* something changed since the last write began */
    bool writing;
    jm_job_state end; /* JM_JOB_STATE_COUNT: none; else the job ends like that as soon as this is on disk */
    int64_t end_ms;
    bool end_kept;
    int64_t again_ns; /* after a write that failed: not before */
    char *trouble;    /* why the last write failed; NULL: it did not */
} jm_keep;

typedef struct jm_job {
    struct jm *jm;
    wsl_id id;
    char id_text[WSL_ID_TEXT_SIZE];
    uint64_t number; /* owner in the slot pool */
    wsl_job_plan *plan;
    wsl_config *config;
    wsl_logger *log;
    jm_job_state state;
    int64_t entered_ms[JM_JOB_STATE_COUNT];
    uint32_t attempt;       /* the last one; a subtask has that of its own deployment */
    jm_exec_graph graph;
    jm_sharing sharing;
    jm_slot *slots;         /* sharing.n_slots, that it has or had; worker 0: never */
    uint32_t *slot_live;    /* live subtasks in each */
    bool slots_idle;        /* some may have to be given back: jm_job_release_slots */
    int64_t waits_until_ns; /* CREATED: gives up then. RESTARTING: gives back what it holds for its new attempt then */
    jm_failure *failures;   /* by attempt, ascending; the first of each is its root cause */
    uint32_t n_failures;
    jm_coordinator *coordinator;
    jm_restart restart;
    int64_t restart_at_ns; /* RESTARTING: not before */
    uint32_t n_lost;       /* TaskManagers lost in a row, all of them after checkpoint lost_after and before the next one */
    uint64_t lost_after;
    bool restart_due;      /* RESTARTING: waits for nothing but slots */
    bool restart_all;      /* RESTARTING: all tasks, and with them enumerators and all else that belongs to no region */
    jm_rescale rescale;
    bool all_run;          /* this attempt: the coordinator knows that all tasks run */
    uint64_t restored;     /* this attempt: checkpoint it began with; 0: none */
    jm_source **sources;
    uint32_t n_sources;
    jm_collect **collects;
    uint32_t n_collects;
    jm_alignment *alignment; /* NULL: no source waits for others */
    jm_late late;
    jm_split_names split_names;
    char *begins_with; /* path of a checkpoint or savepoint; NULL: empty */
    bool recovered;    /* of an earlier JobManager */
    jm_keep keep;
    char waiting[300]; /* text of jm_job_waiting */
} jm_job;

/* Takes plan and config on WSL_OK. The job is CREATED and waits for slots. */
WSL_MUST_CHECK wsl_status jm_job_new(struct jm *jm, const wsl_id *id, wsl_job_plan *plan, wsl_config *config,
                                     jm_job **out_job, wsl_error *err);
void jm_job_free(jm_job *job);
/* One that an earlier JobManager had. Takes plan and config on WSL_OK. It goes on (RESTARTING), or has ended: as it had before, or
 * because it was about to, or because it cannot go on. state NULL: as it was submitted. Errors: it cannot even be shown. */
WSL_MUST_CHECK wsl_status jm_job_recover(struct jm *jm, const Wsl__Pb__StoredJob *stored, Wsl__Pb__StoredJobState *state,
                                         wsl_job_plan *plan, wsl_config *config, jm_job **out_job, wsl_error *err);

/* ---- events ---- */

/* Waits for nothing but slots. */
static inline bool jm_job_wants_slots(const jm_job *job)
{
    return job->state == JM_JOB_CREATED || (job->state == JM_JOB_RESTARTING && job->restart_due);
}
/* Some tasks run and go on running: enumerators and alignment serve them. */
static inline bool jm_job_is_served(const jm_job *job)
{
    return job->state == JM_JOB_RUNNING || (job->state == JM_JOB_RESTARTING && !job->restart_all);
}
/* CREATED or due to restart: takes slots and deploys if there are enough. True: it waits no more. */
bool jm_job_try_start(jm_job *job);
/* False: it ended as FINISHED or FAILED. */
bool jm_job_cancel(jm_job *job);
/* Takes a sentence; task: vertex and subtask, or UINT32_MAX for none. tm_id may be NULL. */
void jm_job_fail(jm_job *job, jm_failure_kind kind, uint32_t vertex, uint32_t subtask, const char *tm_id,
                 bool retriable, const char *format, ...) WSL_PRINTF(7, 8);
void jm_job_on_worker_lost(jm_job *job, uint64_t worker, const char *tm_id, const char *reason);
/* Timers: enumerators, the wait for slots. Returns when it wants to be called again (monotonic). */
int64_t jm_job_step(jm_job *job, int64_t now_ns);

/* ---- reports of a worker; what does not concern a task it runs is ignored ---- */

void jm_job_on_task_state(jm_job *job, jm_worker *from, Wsl__Pb__TaskStateChanged *report);
/* Takes the metrics. */
void jm_job_on_metrics(jm_job *job, jm_worker *from, Wsl__Pb__TaskMetrics *metrics);
void jm_job_on_split_request(jm_job *job, jm_worker *from, const Wsl__Pb__SplitRequest *request);
void jm_job_on_alignment_report(jm_job *job, jm_worker *from, const Wsl__Pb__AlignmentReport *report);
void jm_job_on_collect(jm_job *job, jm_worker *from, const Wsl__Pb__CollectData *data);
/* Take what they need out of the message. */
void jm_job_on_checkpoint_ack(jm_job *job, jm_worker *from, Wsl__Pb__CheckpointAck *ack);
void jm_job_on_checkpoint_declined(jm_job *job, jm_worker *from, const Wsl__Pb__CheckpointDeclined *declined);

/* ---- for job*.c ---- */

/* Moves a task, keeps the slot accounts; asserts that the event is a move. */
void jm_job_move_task(jm_job *job, uint32_t vertex, uint32_t subtask, jm_task_event event);
/* Moves the job; asserts that the event is a move. */
void jm_job_move(jm_job *job, jm_job_event event);
/* If every task is in a final state, so is the job, as soon as that is on disk. */
void jm_job_settle(jm_job *job);
/* Memory and names; nothing that can be wrong. */
jm_job *jm_job_make(struct jm *jm, const wsl_id *id, wsl_job_plan *plan, wsl_config *config);
WSL_MUST_CHECK wsl_status jm_job_add_collects(jm_job *job, wsl_error *err);
/* It is in a final state: nothing more comes, and its checkpoints go unless they are kept. */
void jm_job_on_ended(jm_job *job);
/* Keeps a failure; takes its texts. One that explains the present root cause goes before it. */
void jm_job_remember(jm_job *job, jm_failure *failure);
/* Of one that is refused: plan and config stay the caller's. */
void jm_job_unmake(jm_job *job);
/* Enumerators as the graph says; an attempt of the whole job makes its sources anew. */
WSL_MUST_CHECK wsl_status jm_job_add_sources(jm_job *job, wsl_error *err);
void jm_job_free_sources(jm_job *job);
WSL_MUST_CHECK wsl_status jm_job_new_alignment(jm_job *job, wsl_error *err);
/* The coordinator and the restart strategy; checkpoints in the job's own directory are found. */
WSL_MUST_CHECK wsl_status jm_job_make_coordinator(jm_job *job, wsl_error *err);
/* Reads what the job is to begin with, if that is not its own. */
WSL_MUST_CHECK wsl_status jm_job_begin(jm_job *job, wsl_error *err);
/* RUNNING: with the first report that makes all tasks run, checkpoints begin. */
void jm_job_note_running(jm_job *job);
/* Marks the regions of failed tasks and of that one (UINT32_MAX: none) as to be restarted, or all. False: they were already. */
bool jm_job_mark_restart(jm_job *job, bool all, uint32_t vertex, uint32_t subtask);
/* RESTARTING: live tasks that are to start again. */
uint32_t jm_job_n_stopping(const jm_job *job);
/* RESTARTING: what tasks that start again had of the last attempt goes. */
WSL_MUST_CHECK wsl_status jm_job_begin_attempt(jm_job *job, wsl_error *err);
/* RESTARTING: when it wants to be called again; notes that it waits for slots only. */
int64_t jm_job_step_restart(jm_job *job, int64_t now_ns);
/* What belongs to no region: enumerators, alignment, late rows. */
WSL_MUST_CHECK wsl_status jm_job_renew_all(jm_job *job, wsl_error *err);
void jm_job_set_regions(jm_job *job);
/* RESTARTING: those that start again; else all. */
void jm_job_cancel_tasks(jm_job *job);
/* Something changed that outlives the JobManager: it is written with the next step. */
void jm_job_keep(jm_job *job);
/* Nothing is left to be written. */
bool jm_job_is_kept(const jm_job *job);
/* True: the job may enter that final state. False: it is being written, and jm_job_settle is called when it is. */
bool jm_job_keep_end(jm_job *job, jm_job_state end);
/* Writes what is wanted; when it wants to be called again. */
int64_t jm_job_step_keep(jm_job *job, int64_t now_ns);
/* What was submitted; waits for the disk. From then on the job outlives us. */
WSL_MUST_CHECK wsl_status jm_job_keep_new(jm_job *job, wsl_error *err);
/* Nothing of it is kept any more. */
void jm_job_forget(const jm_job *job);
jm_worker *jm_job_worker_of(const jm_job *job, uint32_t vertex, uint32_t subtask); /* NULL: ended, or gone */
/* Slots of tasks that wait to be deployed; how many of them are not the job's. */
uint32_t jm_job_slots_wanted(const jm_job *job, uint32_t *out_missing);
/* Takes those, the same ones as before where that can be. False: there are not enough, and nothing was taken. */
bool jm_job_take_slots(jm_job *job);
/* Gives back slots in which nothing runs and for which no task waits. */
void jm_job_release_slots(jm_job *job);
/* ---- job_rescale.c ---- */

void jm_job_rescale_init(jm_job *job);
/* It waits for slots from now on. */
void jm_job_wait_to_fit(jm_job *job, int64_t now_ns);
/* Waiting for slots: when it wants to be called again; asks to be scheduled when it may begin with fewer. */
int64_t jm_job_step_fit(jm_job *job, int64_t now_ns);
/* Before it takes slots: gives it the parallelism that there are slots for, if it is time; a region that waits for more than there
 * are takes all others with it. */
WSL_MUST_CHECK wsl_status jm_job_adapt(jm_job *job, wsl_error *err);
/* RUNNING: looks for slots to grow into; when it wants to be called again. */
int64_t jm_job_step_grow(jm_job *job, int64_t now_ns);
/* A checkpoint is complete: may be the one that growing waits for. */
void jm_job_grow(jm_job *job);

/* Opens enumerators, gives them what they had saved, and finds the first splits. */
WSL_MUST_CHECK wsl_status jm_job_open_sources(jm_job *job, wsl_error *err);
void jm_job_answer_split(void *job, uint32_t operator_id, uint32_t subtask, jm_split_answer what,
                         const wsl_split *split);
bool jm_job_operator_runs(void *job, uint32_t operator_id, uint32_t subtask);
void jm_job_send_limit(void *job, uint32_t operator_id, uint32_t subtask, int64_t limit);
void jm_job_ack_collect(void *job, uint32_t operator_id, uint32_t subtask, uint64_t sequence);

/* ---- questions ---- */

bool jm_job_ended(const jm_job *job);
int64_t jm_job_start_ms(const jm_job *job);
int64_t jm_job_end_ms(const jm_job *job); /* -1: not yet */
const char *jm_job_waiting(jm_job *job);  /* "needs 5 slots, 4 free"; "" */
const char *jm_job_name(const jm_job *job);
const jm_failure *jm_job_root_failure(const jm_job *job); /* of the last attempt that failed; NULL: none did */
const char *jm_job_failure_text(const jm_job *job);       /* its text; "": there is none, or the job got over it */
const char *jm_failure_name(jm_failure_kind kind);         /* "TaskManagerLost" */
jm_failure_kind jm_failure_kind_of(const char *name);      /* of another text: JM_FAILURE_PROTOCOL */
static inline uint32_t jm_job_restarts(const jm_job *job) { return job->attempt - 1; }
jm_collect *jm_job_collect(const jm_job *job, uint32_t operator_id); /* UINT32_MAX: the first; NULL: none */
const jm_vertex *jm_job_vertex(const jm_job *job, const wsl_id *id); /* NULL: none */
/* Is v without inputs (a source), without outputs (ends in a sink)? */
static inline bool jm_vertex_is_source(const jm_vertex *v) { return v->plan->n_inputs == 0; }
static inline bool jm_vertex_is_sink(const jm_vertex *v) { return v->plan->n_outputs == 0; }
