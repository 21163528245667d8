/*
 * executor - the control loop's side of tasks: deployments in, reports out.
 *
 *     deploy --artifact there?--> channels, pools --> tm_task --post--> slot
 *     slot --report--> state to the JobManager --terminal--> network channels closed, helpers done --> freed
 *
 * Invariant: each task is in exactly one hand: here until posted, the slot's until its terminal report, then here again
 * until the network loop has let go of its channels and nothing of it runs on a helper thread.
 *
 * A task with an operator that may block steps in a lane (async/lane.h) instead of its slot. Its lane is kept until the job
 * attempt has no task here any more: until then one of its channels may post to it.
 *
 * Threads: control loop.
 */
#pragma once
#include <wiesel/config.h>

#include "control.pb-c.h"
#include "net/seams.h"
#include "taskmanager/artifact_cache.h"
#include "taskmanager/async/helpers.h"
#include "taskmanager/net/net.h"
#include "taskmanager/task/slot.h"

typedef struct tm_executor tm_executor;

typedef struct tm_executor_options {
    const wsl_config *config;
    wsl_seams seams;
    tm_slot **slots;
    uint32_t n_slots;
    tm_net *net;
    wsl_buffer_region *region;
    tm_artifact_cache *artifacts;
    tm_helpers *helpers;          /* for wsl_async_run */
    struct tm_writer_pool *writers; /* of state files (ckpt/writer.h) */
    /* Tasks that may block get loops of their own, made with these options (but for the index); NULL: they step in their
     * slot. */
    const tm_slot_options *lanes;
    wsl_mailbox *control;        /* of the control loop: gets tm_reports, and letters of our own from the network loop */
    const char *tm_id;
    /* Sends to the JobManager; the body stays the caller's. */
    void (*send)(void *arg, Wsl__Pb__Envelope__BodyCase kind, void *body);
    void *arg;
} tm_executor_options;

void tm_executor_free(tm_executor *e); /* the loops have stopped, slots and lanes are freed */
tm_executor *tm_executor_new(const tm_executor_options *options);

/* At the end, in this order: before any slot is freed, and with the slots. */
void tm_executor_stop_lanes(tm_executor *e);
void tm_executor_free_lanes(tm_executor *e);

void tm_executor_deploy(tm_executor *e, WSL_TAKES Wsl__Pb__DeployTask *deploy);
void tm_executor_cancel(tm_executor *e, const Wsl__Pb__TaskId *task);
void tm_executor_cancel_all(tm_executor *e);
void tm_executor_on_split(tm_executor *e, const Wsl__Pb__SplitAssigned *split);
void tm_executor_on_limit(tm_executor *e, const Wsl__Pb__AlignmentLimit *limit);
void tm_executor_on_trigger(tm_executor *e, const Wsl__Pb__TriggerCheckpoint *trigger);
void tm_executor_on_checkpoint_ended(tm_executor *e, const Wsl__Pb__CheckpointEnded *ended);
void tm_executor_on_collect_ack(tm_executor *e, const Wsl__Pb__CollectAck *ack);
void tm_executor_on_letter(tm_executor *e, wsl_letter *letter); /* from the control mailbox; takes it */
void tm_executor_drop_letter(tm_executor *e, wsl_letter *letter); /* at the end: the loops have stopped */
void tm_executor_on_artifact(tm_executor *e);                   /* a chunk came: waiting deployments may go on */

/* Network loop: the channel has failed. For tasks in lanes, which nobody else knows. */
void tm_executor_post_failure(tm_executor *e, const tm_channel_key *key, bool inbound, const char *reason);

uint32_t tm_executor_tasks(const tm_executor *e);
/* Appends a TaskMetrics for each running task; malloc'ed, free with the heartbeat's free_unpacked. */
void tm_executor_fill_metrics(tm_executor *e, Wsl__Pb__TmHeartbeat *heartbeat);
/* A task that has not reacted to cancel within task.cancellation.timeout, as a sentence; NULL: none. Sets *deadline_ns to
 * when to look again if that is sooner. */
const char *tm_executor_stuck(tm_executor *e, int64_t *deadline_ns);
