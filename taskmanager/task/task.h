/*
 * task - one subtask of a vertex: a gate, a chain of operators, outputs.
 *
 *     gate --buffer--> marks through the valve, rows in batches --> chain --> outputs
 *
 * Made on the control loop from a deployment, opened, stepped and closed on its slot's loop, freed on the control loop
 * after its terminal state was reported:
 *
 *     DEPLOYING --open--> INITIALIZING --> RUNNING --end of input, all sent--> FINISHED
 *                                             |--cancel--> CANCELED
 *                                             `--error---> FAILED
 *
 * One step is one input buffer, or one poll of the source, or one go at what is pending: short, so that mail is never kept
 * waiting. A task whose outputs have no room is not stepped.
 *
 * Threads: as said; the counters in tm_task_shared may be read from any.
 */
#pragma once
#include <stdatomic.h>

#include <wiesel/status.h>

#include "base/id.h"
#include "base/mailbox.h"
#include "control.pb-c.h"
#include "net/seams.h"
#include "taskmanager/net/buffer_pool.h"
#include "taskmanager/net/channel.h"
#include "taskmanager/ops/operator.h"

typedef struct tm_task tm_task;
struct tm_writer_pool;   /* ckpt/writer.h */
struct tm_writer_result;
typedef struct tm_slot tm_slot;

typedef struct tm_task_key {
    wsl_id job;
    uint32_t vertex;
    uint32_t subtask;
    uint32_t attempt;
} tm_task_key;

bool tm_task_key_equal(const tm_task_key *a, const tm_task_key *b);

typedef enum tm_step {
    TM_STEP_RAN,     /* did something, wants more */
    TM_STEP_IDLE,    /* no input */
    TM_STEP_BLOCKED, /* backpressured: no room for output, or a sink that is behind */
    TM_STEP_OUTSIDE, /* all it could ask of somebody outside the job it has asked: counts as busy */
    TM_STEP_ENDED,   /* terminal; the state says how */
} tm_step;

/* Counters that others read; written by the slot once per step. */
typedef struct tm_task_shared {
    _Atomic(uint64_t) rows_in, rows_out, bytes_in, bytes_out, buffers_in, buffers_out;
    _Atomic(uint64_t) busy_ns, backpressured_ns, idle_ns;
    _Atomic(int64_t) since_ns;  /* when the present condition began ... */
    _Atomic(uint32_t) condition; /* ... a tm_step */
    _Atomic(int64_t) stepping_since_ns; /* a step is under way since then; 0: none */
    _Atomic(int64_t) input_watermark, output_watermark;
    _Atomic(int64_t) input_since_ms, output_since_ms; /* wall clock at which they last advanced; 0: never */
} tm_task_shared;

/* What the task asks of its slot and, through it, of the control loop. */
typedef struct tm_task_services {
    void *arg;
    void (*state_changed)(void *arg, tm_task *task, Wsl__Pb__TaskState state);
    void (*request_split)(void *arg, tm_task *task, uint32_t operator_id, const char *finished);
    wsl_status (*write_stdout)(void *arg, const char *data, size_t size);
    /* Rows for the client: WSL_AGAIN while earlier ones are not acknowledged. */
    wsl_status (*send_to_client)(void *arg, tm_task *task, uint32_t operator_id, const wsl_row *const *rows,
                                 uint32_t n, uint64_t sequence);
    /* How far a watermark strategy is, for its alignment group. */
    void (*report_watermark)(void *arg, tm_task *task, uint32_t operator_id, int64_t watermark, bool idle);
    void (*watch_fd)(void *arg, int fd);
    void (*unwatch_fd)(void *arg, int fd);
    wsl_waker poke; /* any thread: the slot steps its tasks soon */
    wsl_mailbox *written; /* gets results of state files (ckpt/writer.h), for tm_task_on_written */
    void (*checkpoint_ack)(void *arg, tm_task *task, Wsl__Pb__CheckpointAck *ack); /* takes it; its task is unset */
    void (*checkpoint_declined)(void *arg, tm_task *task, uint64_t checkpoint, const char *reason);
} tm_task_services;

typedef struct tm_task_spec {
    tm_task_key key;
    Wsl__Pb__DeployTask *deploy;   /* owned by the task */
    tm_channel **inputs;           /* per producer of each gate, in order; the references move to the task */
    tm_channel **outputs;          /* per consumer of each output edge, in order */
    const void *artifact;          /* wsl_plugin *, outlives the task */
    wsl_config *config;            /* job options; owned */
    wsl_buffer_region *region;
    uint32_t exclusive_buffers;    /* per channel */
    uint32_t floating_buffers;     /* per gate */
    wsl_seams seams;
    struct tm_helper_group *helpers; /* async/helpers.h; outlives the task. NULL: none */
    struct tm_writer_pool *writers;  /* ckpt/writer.h; outlives the task. NULL: it declines checkpoints */
} tm_task_spec;

tm_task *tm_task_new(const tm_task_spec *spec);
void tm_task_free(tm_task *task); /* closed, or never opened */

const tm_task_key *tm_task_get_key(const tm_task *task);
const Wsl__Pb__DeployTask *tm_task_deployment(const tm_task *task);
tm_task_shared *tm_task_get_shared(tm_task *task);
const void *tm_task_artifact(const tm_task *task);

/* ---- slot loop ---- */
void tm_task_open(tm_task *task, const tm_task_services *services); /* reports RUNNING or FAILED */
/* The slot has nothing else to do: goes on with a snapshot that is being written. True: it did something. */
bool tm_task_walk_idle(tm_task *task, int64_t *now_ns);
tm_step tm_task_step(tm_task *task, int64_t *now_ns);               /* *now_ns: the time before; becomes the time after */
/* Nothing to do: partly filled buffers leave, sinks write out. */
void tm_task_flush(tm_task *task);
void tm_task_cancel(tm_task *task);                                 /* reports CANCELED unless it has ended */
void tm_task_fail(tm_task *task, wsl_status status, const char *reason);
void tm_task_on_channel(tm_task *task, tm_channel_end *end);        /* news of one of its channels */
/* Neither a split nor no_more: there is none for the moment. */
void tm_task_on_split(tm_task *task, uint32_t operator_id, const wsl_split *split, uint32_t number, bool no_more);
void tm_task_on_limit(tm_task *task, uint32_t operator_id, int64_t limit); /* of its alignment group */
void tm_task_on_collect_ack(tm_task *task, uint32_t operator_id, uint64_t sequence);
/* A checkpoint is asked of a task without inputs. */
void tm_task_on_trigger(tm_task *task, const Wsl__Pb__TriggerCheckpoint *trigger);
/* The checkpoint is complete, or was given up. */
void tm_task_on_checkpoint_ended(tm_task *task, uint64_t checkpoint, bool complete);
/* False: the result is not for this task. What the task does not take out of it stays the caller's. */
bool tm_task_on_written(tm_task *task, struct tm_writer_result *result);
void tm_task_on_fd(tm_task *task);                                  /* its descriptor may be readable */
int tm_task_fd(const tm_task *task);                                /* -1: none */
int64_t tm_task_deadline(const tm_task *task);                      /* WSL_NEVER, or when it wants to be stepped */
Wsl__Pb__TaskState tm_task_state(const tm_task *task);
bool tm_task_has_ended(const tm_task *task);
const wsl_error *tm_task_error(const tm_task *task);
/* It failed because what it was to begin with is damaged or gone. */
bool tm_task_state_is_damaged(const tm_task *task);
const char *tm_task_error_operator(const tm_task *task);            /* "" if none */

/* ---- control loop: fills the message with the counters (what it points to is malloc'ed) ---- */
void tm_task_fill_metrics(tm_task *task, int64_t now_ns, Wsl__Pb__TaskMetrics *out_metrics);
