/*
 * recovery_kit - jobs with checkpoints on jm_kit's JobManager, and what its TaskManagers say about tasks and checkpoints.
 */
#pragma once
#include "jm_kit.h"

#include "graph/pb.h"
#include "jobmanager/jm_core.h"

#define RUNNING WSL__PB__TASK_STATE__TASK_RUNNING
#define FINISHED WSL__PB__TASK_STATE__TASK_FINISHED
#define FAILED WSL__PB__TASK_STATE__TASK_FAILED

static const char job_text[] =
    "{\"name\":\"counting\",\"parallelism\":%u,\"config\":{\"execution.checkpointing.interval\":\"1 s\","
    "\"execution.checkpointing.dir\":\"file:///ckpt\",\"restart-strategy.exponential-delay.jitter-factor\":\"0\","
    "\"restart-strategy.exponential-delay.initial-backoff\":\"1 s\"%s}," KIT_OPERATORS;

static const char retained[] = ",\"execution.checkpointing.externalized-checkpoint-retention\":\"RETAIN_ON_CANCELLATION\"";

static inline wsl_id submit(kit *k, uint32_t parallelism, const char *more)
{
    char json[2048];
    (void)snprintf(json, sizeof json, job_text, parallelism, more);
    return kit_submit(k, json);
}

static inline void report(fake_tm *t, const Wsl__Pb__TaskId *task, Wsl__Pb__TaskState state, const char *error, bool damaged)
{
    Wsl__Pb__TaskId id = *task;
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    s.task = &id;
    s.state = state;
    s.error = wsl_pb_text(error);
    s.state_damaged = damaged;
    tm_send(t, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
}

static inline void report_at(fake_tm *t, const wsl_id *job, uint32_t attempt, uint32_t v, uint32_t i, Wsl__Pb__TaskState state,
                      const char *error)
{
    Wsl__Pb__TaskId id;
    wsl_pb_task_id_init(&id, job, v, i, attempt);
    report(t, &id, state, error, false);
}

/* All deployments are RUNNING; how many there were. Those of attempts are expected to be of this one. */
static inline uint32_t run_all(fake_tm *t, uint32_t attempt, uint64_t restored)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY), n++) {
        cr_assert_eq(e->deploy->task->attempt, attempt);
        cr_assert_eq(e->deploy->restored_checkpoint, restored);
        report(t, e->deploy->task, RUNNING, "", false);
        wsl_envelope_free(e);
    }
    return n;
}

static inline uint32_t cancel_all(fake_tm *t)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL), n++) {
        report(t, e->cancel->task, WSL__PB__TASK_STATE__TASK_CANCELED, "", false);
        wsl_envelope_free(e);
    }
    return n;
}

static inline uint32_t drop_all(fake_tm *t, wsl_control_kind kind)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, kind); e != NULL; e = tm_take(t, kind), n++) {
        wsl_envelope_free(e);
    }
    return n;
}

static inline void ack(fake_tm *t, const wsl_id *job, uint32_t attempt, uint64_t checkpoint, uint32_t v, uint32_t i)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__CheckpointAck a = WSL__PB__CHECKPOINT_ACK__INIT;
    Wsl__Pb__TaskSnapshot s = WSL__PB__TASK_SNAPSHOT__INIT;
    Wsl__Pb__OperatorState op = WSL__PB__OPERATOR_STATE__INIT;
    Wsl__Pb__OperatorState *ops[] = {&op};
    wsl_pb_task_id_init(&id, job, v, i, attempt);
    op.operator_ = v; /* the head of either vertex */
    op.uid = jm_find_job(t->kit->jm, job)->plan->graph->operators[v]->uid;
    op.subtask = i;
    op.watermark = 100 + (int64_t)checkpoint;
    s.operators = ops;
    s.n_operators = 1;
    a.task = &id;
    a.checkpoint = checkpoint;
    a.snapshot = &s;
    tm_send(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a);
}

/* The next checkpoint is triggered: its id. All tasks are on t. */
static inline uint64_t next_trigger(fake_tm *t)
{
    for (uint32_t i = 0; i < 100; i++) {
        wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
        if (e != NULL) {
            const uint64_t id = e->trigger_checkpoint->checkpoint;
            wsl_envelope_free(e);
            (void)drop_all(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
            return id;
        }
        kit_advance(t->kit, 100);
        tm_heartbeat(t);
    }
    cr_assert_fail("no checkpoint is triggered");
    return 0;
}

static inline uint64_t complete_one(fake_tm *t, const wsl_id *job, uint32_t attempt, uint32_t parallelism)
{
    const uint64_t id = next_trigger(t);
    for (uint32_t v = 0; v < 2; v++) {
        for (uint32_t i = 0; i < parallelism; i++) {
            ack(t, job, attempt, id, v, i);
        }
    }
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED);
    cr_assert_not_null(e);
    cr_assert(e->checkpoint_ended->complete);
    cr_assert_eq(e->checkpoint_ended->checkpoint, id);
    wsl_envelope_free(e);
    cr_assert_eq(drop_all(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 2 * parallelism - 1);
    return id;
}

static inline void advance_to_restart(fake_tm *t, int64_t ms)
{
    for (; ms > 0; ms -= 500) {
        kit_advance(t->kit, ms < 500 ? ms : 500);
        if (t->endpoint != NULL) {
            tm_heartbeat(t);
        }
    }
}

/* One vertex of chained operators: every subtask is a region of its own. */
static inline wsl_id submit_apart(kit *k, uint32_t parallelism, const char *more)
{
    char json[2048];
    (void)snprintf(json, sizeof json,
                   "{\"name\":\"apart\",\"parallelism\":%u,\"config\":{\"execution.checkpointing.interval\":\"1 s\","
                   "\"execution.checkpointing.dir\":\"file:///ckpt\",\"restart-strategy.exponential-delay.jitter-factor\":\"0\","
                   "\"restart-strategy.exponential-delay.initial-backoff\":\"1 s\"%s},"
                   "\"schemas\":{\"s\":{\"k\":\"STRING\",\"v\":\"BIGINT\"}},\"operators\":["
                   "{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},{\"name\":\"out\",\"sink\":\"blackhole\"}]}",
                   parallelism, more);
    return kit_submit(k, json);
}
