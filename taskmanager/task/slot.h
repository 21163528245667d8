/*
 * slot - one event loop that runs one slice of the pipeline: the subtasks deployed into it, and nothing else.
 *
 *     step:  mail (deploy, cancel, splits, ...)  ->  channels with news  ->  one step of each task  ->  again,
 *            until nothing is runnable (then the next deadline is returned) or a bounded time has passed
 *
 * A task that has nothing to do flushes its outputs, so that a busy system batches by itself and an idle one forwards each
 * record at once.
 *
 * Threads: tm_slot_step on the slot's loop. The posting functions from any thread. What the slot has to say goes as
 * letters (tm_report) to the control loop's mailbox.
 */
#pragma once
#include "base/mailbox.h"
#include "taskmanager/task/task.h"

typedef enum tm_report_kind {
    TM_REPORT_STATE,   /* state; terminal: the task is the control loop's again */
    TM_REPORT_SPLIT_REQUEST,
    TM_REPORT_COLLECT, /* rows for the client */
    TM_REPORT_WATERMARK, /* to an alignment group */
    TM_REPORT_CHECKPOINT, /* acknowledged (ack), or declined (sequence: which; text: why) */
} tm_report_kind;

/* From a slot to the control loop, which frees it with tm_report_free. */
typedef struct tm_report {
    wsl_letter letter; /* first */
    tm_report_kind kind;
    uint32_t slot;
    tm_task *task;
    Wsl__Pb__TaskState state;
    uint32_t operator_id;
    char *text;          /* split request: the finished split's name; may be NULL */
    uint8_t *rows;       /* collect: whole rows one after the other */
    size_t rows_size;
    uint32_t n_rows;
    uint64_t sequence;
    bool end;
    int64_t watermark;
    bool idle;
    Wsl__Pb__CheckpointAck *ack;
} tm_report;

void tm_report_free(tm_report *report);

typedef struct tm_slot_options {
    uint32_t index;
    wsl_clock *clock;
    wsl_mailbox *control;                /* gets tm_reports */
    void *stdout_arg;                    /* where print sinks write; called on the slot's loop */
    wsl_status (*write_stdout)(void *arg, const char *data, size_t size);
} tm_slot_options;

void tm_slot_free(tm_slot *slot); /* its loop has stopped; tasks that still run are closed and freed */
tm_slot *tm_slot_new(const tm_slot_options *options);

/* Before the loop starts. The hooks may be NULL (simulator): then sources with descriptors are polled every 10 ms. */
void tm_slot_bind(tm_slot *slot, wsl_waker waker, void (*watch)(void *arg, int fd), void (*unwatch)(void *arg, int fd),
                  void *arg);
wsl_mailbox *tm_slot_inbox(tm_slot *slot); /* for the ends of channels */

int64_t tm_slot_step(tm_slot *slot);
bool tm_slot_has_mail(const tm_slot *slot); /* something came since the last step */

/* ---- any thread ---- */
void tm_slot_post_deploy(tm_slot *slot, tm_task *task); /* the slot's until its terminal report */
void tm_slot_post_cancel(tm_slot *slot, const tm_task_key *key);
/* Fails the tasks of that job attempt that use the channel (or, without key, all of the attempt). */
void tm_slot_post_fail(tm_slot *slot, const tm_channel_key *key, bool inbound, const char *reason);
/* split NULL and not no_more: there is none for the moment. number: that rows of the split carry. */
void tm_slot_post_split(tm_slot *slot, const tm_task_key *key, uint32_t operator_id, const wsl_split *split,
                        uint32_t number, bool no_more);
void tm_slot_post_limit(tm_slot *slot, const tm_task_key *key, uint32_t operator_id, int64_t limit);
void tm_slot_post_trigger(tm_slot *slot, const tm_task_key *key, const Wsl__Pb__TriggerCheckpoint *trigger);
void tm_slot_post_checkpoint_ended(tm_slot *slot, const tm_task_key *key, uint64_t checkpoint, bool complete);
void tm_slot_post_collect_ack(tm_slot *slot, const tm_task_key *key, uint32_t operator_id, uint64_t sequence);
