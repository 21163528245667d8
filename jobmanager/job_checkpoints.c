/* A job and its coordinator: what the coordinator asks, what TaskManagers answer, what the job begins with. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/jm_core.h"

/* ---- the coordinator's questions ---- */

static Wsl__Pb__TaskState task_state(void *arg, uint32_t vertex, uint32_t subtask)
{
    const jm_job *job = arg;
    switch (job->graph.vertices[vertex].subtasks[subtask].state) {
    case JM_TASK_RUNNING:
        return WSL__PB__TASK_STATE__TASK_RUNNING;
    case JM_TASK_FINISHED:
        return WSL__PB__TASK_STATE__TASK_FINISHED;
    default:
        return WSL__PB__TASK_STATE__TASK_CREATED; /* the difference is of no interest */
    }
}

static uint32_t attempt_of(const jm_job *job, uint32_t vertex, uint32_t subtask)
{
    return job->graph.vertices[vertex].subtasks[subtask].attempt;
}

static void trigger(void *arg, uint32_t vertex, uint32_t subtask, const Wsl__Pb__TriggerCheckpoint *message)
{
    jm_job *job = arg;
    jm_worker *worker = jm_job_worker_of(job, vertex, subtask);
    if (worker == NULL) {
        return; /* its loss is about to be noticed */
    }
    Wsl__Pb__TaskId id;
    Wsl__Pb__TriggerCheckpoint m = *message;
    wsl_pb_task_id_init(&id, &job->id, vertex, subtask, attempt_of(job, vertex, subtask));
    m.task = &id;
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT, &m);
}

static void tell_ended(void *arg, uint32_t vertex, uint32_t subtask, uint64_t checkpoint, bool complete)
{
    jm_job *job = arg;
    jm_worker *worker = jm_job_worker_of(job, vertex, subtask);
    if (worker == NULL) {
        return;
    }
    Wsl__Pb__TaskId id;
    Wsl__Pb__CheckpointEnded m = WSL__PB__CHECKPOINT_ENDED__INIT;
    wsl_pb_task_id_init(&id, &job->id, vertex, subtask, attempt_of(job, vertex, subtask));
    m.task = &id;
    m.checkpoint = checkpoint;
    m.complete = complete;
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED, &m);
}

static bool enumerator(void *arg, uint64_t checkpoint, uint32_t op, uint8_t **out_bytes, size_t *out_size)
{
    const jm_job *job = arg;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        if (jm_source_operator(job->sources[i]) == op) {
            jm_source_snapshot(job->sources[i], checkpoint, out_bytes, out_size);
            return true;
        }
    }
    return false;
}

static void fail(void *arg, const char *reason)
{
    jm_job_fail(arg, JM_FAILURE_CHECKPOINTS, UINT32_MAX, 0, NULL, true, "%s", reason);
}

static void asked_ended(void *arg, uint64_t checkpoint, const char *directory, const char *reason)
{
    jm_job *job = arg;
    const bool cancel = jm_operations_end_checkpoint(job->jm->operations, &job->id, checkpoint, directory, reason,
                                                     wsl_now_ns(job->jm->seams.clock));
    jm_keep_operations(job->jm);
    if (cancel) {
        (void)jm_job_cancel(job);
    }
    jm_job_settle(job); /* the end may have waited for a stop */
}

static void published(void *arg)
{
    jm_job *job = arg;
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *latest = jm_coordinator_latest(job->coordinator, &base);
    for (uint32_t i = 0; i < job->n_sources && latest != NULL; i++) {
        jm_source_on_complete(job->sources[i], latest->checkpoint);
    }
    if (job->state != JM_JOB_RESTARTING) {
        jm_job_settle(job);
    }
    jm_job_grow(job);
    wsl_wake(&job->jm->options.waker); /* a restart may have waited */
}

static void run_slow(void *arg, void (*work)(void *), void (*done)(void *), void *what)
{
    const jm_job *job = arg;
    jm_disk_run(job->jm->disk, work, done, what);
}

/* ---- making it ---- */

static bool lives(void *arg, const char *text)
{
    const jm_job *self = arg;
    wsl_id id;
    const jm_job *job = wsl_id_parse(text, &id) ? jm_find_job(self->jm, &id) : NULL;
    return job != NULL && !jm_job_ended(job);
}

/* What "latest" means is decided once: begins_with is what it was then. */
static wsl_status choose_beginning(jm_job *job, wsl_error *err)
{
    const char *path = wsl_config_str(job->config, "execution.state-recovery.path");
    if (job->recovered || path == NULL || path[0] == '\0') {
        return WSL_OK;
    }
    if (strcmp(path, "latest") != 0) {
        job->begins_with = wsl_strdup(path);
        return WSL_OK;
    }
    WSL_TRY(jm_coordinator_find_latest(job->coordinator, lives, job, &job->begins_with, err));
    wsl_log(job->log, WSL_LOG_INFO, "job.resumes", "path=%s", job->begins_with);
    return WSL_OK;
}

wsl_status jm_job_begin(jm_job *job, wsl_error *err)
{
    const bool claim = strcmp(wsl_config_str(job->config, "execution.state-recovery.claim-mode"), "CLAIM") == 0;
    const bool ignore = wsl_config_bool(job->config, "execution.state-recovery.ignore-unclaimed-state");
    WSL_TRY(choose_beginning(job, err));
    const char *base = NULL;
    const bool has_own = jm_coordinator_latest(job->coordinator, &base) != NULL;
    if (job->begins_with == NULL || (has_own && !claim) || jm_coordinator_all_damaged(job->coordinator)) {
        return WSL_OK; /* one whose own are all damaged does not go back behind them */
    }
    const wsl_status status = jm_coordinator_begin_with(job->coordinator, job->begins_with, claim, ignore, err);
    return has_own ? WSL_OK : status; /* what was claimed goes when later ones make it needless */
}

wsl_status jm_job_make_coordinator(jm_job *job, wsl_error *err)
{
    const jm_coordinator_options options = {
        .job = job->id,
        .job_name = jm_job_name(job),
        .plan = job->plan,
        .config = job->config,
        .fs = job->jm->seams.fs,
        .clock = job->jm->seams.clock,
        .log = job->log,
    };
    const jm_coordinator_job asks = {
        .arg = job,
        .task_state = task_state,
        .trigger = trigger,
        .tell_ended = tell_ended,
        .enumerator = enumerator,
        .fail = fail,
        .asked_ended = asked_ended,
        .published = published,
        .run_slow = run_slow,
    };
    WSL_TRY(jm_coordinator_new(&options, &asks, &job->coordinator, err));
    uint64_t seed;
    memcpy(&seed, job->id.bytes, sizeof seed);
    jm_restart_init(&job->restart, job->config, jm_coordinator_is_on(job->coordinator), seed);
    return WSL_OK;
}

/* ---- reports ---- */

void jm_job_note_running(jm_job *job)
{
    if (job->all_run || job->state != JM_JOB_RUNNING) {
        return;
    }
    uint32_t there = 0;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        const jm_vertex *vertex = &job->graph.vertices[v];
        there += vertex->in_state[JM_TASK_RUNNING] + vertex->in_state[JM_TASK_FINISHED];
    }
    if (there == job->graph.n_tasks) {
        job->all_run = true;
        jm_coordinator_on_running(job->coordinator, wsl_now_ns(job->jm->seams.clock));
    }
}

/* Is it of this attempt, from the worker that runs the task? */
static bool is_ours(const jm_job *job, const jm_worker *from, const Wsl__Pb__TaskId *id)
{
    const jm_subtask *t = jm_exec_graph_find(&job->graph, id->vertex, id->subtask);
    return t != NULL && id->attempt == t->attempt && t->worker == from->number;
}

void jm_job_on_checkpoint_ack(jm_job *job, jm_worker *from, Wsl__Pb__CheckpointAck *ack)
{
    if (is_ours(job, from, ack->task) && job->state == JM_JOB_RUNNING) {
        jm_coordinator_on_ack(job->coordinator, ack->task->vertex, ack->task->subtask, ack);
    } else {
        jm_coordinator_on_stray_ack(job->coordinator, ack->checkpoint);
    }
}

void jm_job_on_checkpoint_declined(jm_job *job, jm_worker *from, const Wsl__Pb__CheckpointDeclined *declined)
{
    if (is_ours(job, from, declined->task) && job->state == JM_JOB_RUNNING) {
        jm_coordinator_on_declined(job->coordinator, declined->task->vertex, declined->task->subtask,
                                   declined->checkpoint, declined->reason);
    }
}
