/*
 * task_internal - the task's struct, shared by task.c (its life) and task_build.c (making and taking apart). For no one
 * else.
 */
#pragma once
#include "taskmanager/net/gate.h"
#include "taskmanager/net/output.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/task/held_splits.h"
#include "taskmanager/task/task.h"
#include "taskmanager/task/task_checkpoint.h"
#include "taskmanager/task/task_counts.h"
#include "taskmanager/time/input_valves.h"
#include "taskmanager/time/time_report.h"

typedef struct tm_task_wake {
    tm_op *op;
    int64_t at_ns;
    int fd;
} tm_task_wake;

enum { TM_COLLECT_MESSAGES_MAX = 64 };

/* Rows on their way to the client: bounded by WSL_COLLECT_WINDOW bytes and a number of messages. */
typedef struct tm_task_collect {
    uint32_t operator_id;
    uint64_t sent;
    uint64_t acknowledged;
    uint64_t unacknowledged_bytes;
    uint64_t bytes[TM_COLLECT_MESSAGES_MAX]; /* of the messages not acknowledged, by sequence */
} tm_task_collect;

/* One channel's numbers for metrics. */
typedef struct tm_task_channel_sample {
    uint32_t edge;
    uint32_t peer;
    bool inbound;
    _Atomic(uint32_t) credits;
    _Atomic(uint32_t) queue;
    _Atomic(int64_t) watermark;
    _Atomic(bool) idle;
    _Atomic(bool) ended;
    _Atomic(bool) catching_up;  /* was idle and is still behind */
    _Atomic(int64_t) since_ms;  /* wall clock at which the watermark last advanced; 0: never */
} tm_task_channel_sample;

/* An operator's late rows. They outlive the operator, because another thread may be reading them. */
typedef struct tm_task_late {
    uint32_t operator_id;
    struct tm_late_samples *samples;
    uint64_t sent; /* control loop: the last one that was put into a message */
} tm_task_late;

struct tm_task {
    tm_task_key key;
    Wsl__Pb__DeployTask *deploy;
    tm_channel **in_channels;
    uint32_t n_in_channels;
    tm_channel **out_channels;
    uint32_t n_out_channels;
    const void *artifact;
    wsl_config *config;
    wsl_buffer_region *region;
    uint32_t exclusive_buffers;
    uint32_t floating_buffers;
    wsl_seams seams;
    struct tm_helper_group *helpers;
    wsl_rng rng;
    char job_id[WSL_ID_TEXT_SIZE];

    /* slot loop */
    tm_task_services services;
    tm_op_host host;
    Wsl__Pb__TaskState state;
    wsl_error error;
    char *error_operator;
    wsl_schema *input_schema[2];
    tm_gate *gate;
    tm_input_valves valves;
    wsl_buffer *held;     /* input in work: operators that take their time get it in several steps */
    uint32_t held_channel;
    uint32_t held_at;     /* bytes of it that are done */
    uint32_t rows_per_step;
    tm_chain *chain;
    tm_output **outputs;
    uint32_t n_outputs;
    bool is_source;
    bool resting;         /* the last step left nothing to do, and nothing has come since */
    int64_t rest_until;   /* resting: a time for which a step is wanted */
    bool source_waits;    /* said AGAIN; until a wake-up */
    bool input_ended;     /* the end was delivered to the head */
    tm_task_checkpoint checkpoint;
    tm_held_splits held_splits;
    bool ran;             /* the last step left something to do */
    bool wants_flush;
    int64_t flush_interval_ns;
    int64_t next_flush_ns;
    tm_task_wake *wakes;
    uint32_t n_wakes;
    int64_t deadline;     /* earliest of the wakes */
    bool no_room;         /* in the last step outputs had no room: credit is what it waits for, not a time */
    tm_op *poked_op;      /* the operator that has a waker; a chain has one at most (its head) */
    int fd;               /* the source waits for it; -1: none */
    bool fd_watched;
    tm_task_collect *collects;
    uint32_t n_collects;
    uint64_t rows_in;
    int64_t next_sample_ns;
    bool unpublished;     /* numbers have changed since the last sample */

    /* any loop */
    _Atomic(bool) poked;
    tm_task_shared shared;
    tm_task_channel_sample *samples;
    uint32_t n_samples;
    tm_task_counts counts;
    tm_time_box times;
    tm_task_late *late;
    uint32_t n_late;
    _Atomic(uint32_t) n_late_ready;    /* 0 until built */
    _Atomic(uint32_t) n_samples_ready; /* 0 until built */
};

/* ---- task_checkpoint.c, for task.c ---- */
/* Before the operators are opened: puts elements into their lists. */
WSL_MUST_CHECK wsl_status tm_task_restore_lists(tm_task *t);
/* After: gives them what else they remembered; the watermark of the head's input then, WSL_TIME_MIN: none. */
WSL_MUST_CHECK wsl_status tm_task_restore_chain(tm_task *t, int64_t *out_watermark);
WSL_MUST_CHECK wsl_status tm_task_tell_complete(tm_task *t, uint64_t checkpoint);
void tm_task_tell_aborted(tm_task *t, uint64_t checkpoint);

/* ---- task_stop.c ---- */
/* Instead of a step, behind the barrier of a stop without drain. */
WSL_MUST_CHECK wsl_status tm_task_step_stopped(tm_task *t, tm_step *out_step);

/* ---- task.c, for task_checkpoint.c ---- */
/* Gives the source what was held back, but for what came behind that checkpoint; 0: all. */
WSL_MUST_CHECK wsl_status tm_task_release_splits(tm_task *t, uint64_t not_behind);

WSL_MUST_CHECK wsl_status tm_task_build(tm_task *t); /* fills t->error when it fails */
void tm_task_teardown(tm_task *t);                   /* whatever was built; may be called again */
void tm_task_init_host(tm_task *t);
void tm_task_unwatch(tm_task *t);                    /* lets go of the source's descriptor */
void tm_task_publish(tm_task *t);                    /* counters to where others read them */
