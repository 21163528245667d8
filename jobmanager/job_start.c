/* Slots and deployment of a job. */
#include "jobmanager/job.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/deal_out.h"
#include "jobmanager/exec/deploy.h"
#include "jobmanager/jm_core.h"

wsl_status jm_job_open_sources(jm_job *job, wsl_error *err)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    for (uint32_t i = 0; i < job->n_sources; i++) {
        const Wsl__Pb__Operator *op = job->plan->graph->operators[jm_source_operator(job->sources[i])];
        const ProtobufCBinaryData *saved = meta == NULL ? NULL : wsl_deal_out_enumerator(meta, op->uid);
        WSL_TRY(jm_source_open(job->sources[i], err));
        if (saved != NULL) {
            WSL_TRY(jm_source_restore(job->sources[i], saved->data, saved->len, err));
        }
        jm_source_on_complete(job->sources[i], job->restored);
        WSL_TRY(jm_source_step(job->sources[i], err));
    }
    return WSL_OK;
}

/* Tasks that wait to be deployed. */
static void assign_slots(jm_job *job)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            if (t->state != JM_TASK_CREATED) {
                continue;
            }
            t->slot = job->sharing.first[v] + i;
            const jm_worker *worker = jm_workers_by_number(&job->jm->workers, job->slots[t->slot].worker);
            WSL_ASSERT(worker != NULL);
            t->worker = worker->number;
            free(t->tm_id);
            t->tm_id = wsl_strdup(worker->info->tm_id);
            free(t->endpoint);
            t->endpoint = jm_worker_endpoint(worker);
            job->slot_live[t->slot]++;
            jm_job_move_task(job, v, i, JM_TASK_SCHEDULE);
        }
    }
}

/* False: it cannot be sent, now or ever, and the job was failed for it. */
static bool deploy_task(jm_job *job, const jm_deploy_scene *scene, uint32_t v, uint32_t i)
{
    jm_subtask *t = &job->graph.vertices[v].subtasks[i];
    jm_worker *worker = jm_workers_by_number(&job->jm->workers, t->worker);
    t->attempt = job->attempt;
    t->tries++;
    jm_deployment deployment;
    const bool placed = jm_deployment_init(&deployment, scene, v, i);
    WSL_ASSERT(placed); /* workers are not removed while a job is deployed */
    deployment.message.split_number = jm_split_names_subtask(&job->split_names, job->plan, v, i);
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    Wsl__Pb__TaskSnapshot *restore = meta == NULL ? NULL : wsl_deal_out(meta, base, job->plan, v, i);
    if (restore != NULL && wsl_config_bool(job->config, "execution.state-recovery.ignore-unclaimed-state")) {
        wsl_deal_out_may_leave_out(restore);
    }
    deployment.message.restore = restore;
    deployment.message.restored_checkpoint = job->restored;
    deployment.message.checkpoint_dir = wsl_pb_text(jm_coordinator_dir(job->coordinator));
    jm_job_move_task(job, v, i, JM_TASK_DEPLOY);
    jm_task_metrics_begin(&t->metrics, wsl_now_ns(job->jm->seams.clock));
    const wsl_status status = jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_DEPLOY, &deployment.message);
    jm_deployment_fini(&deployment);
    if (restore != NULL) {
        wsl__pb__task_snapshot__free_unpacked(restore, NULL);
    }
    if (status != WSL_TOO_LARGE) {
        return true;
    }
    jm_job_move_task(job, v, i, JM_TASK_FAIL);
    jm_job_fail(job, JM_FAILURE_FINAL, v, i, t->tm_id, false,
                "the deployment of vertex '%s' is larger than %d bytes; lower its parallelism or make its "
                "configuration smaller",
                job->plan->vertices[v].name, WSL_CONTROL_SIZE_MAX);
    return false;
}

/* Consumers first, so that a producer usually finds them there. */
static void deploy(jm_job *job)
{
    const jm_deploy_scene scene = {
        .job = &job->id,
        .job_name = jm_job_name(job),
        .attempt = job->attempt,
        .graph = &job->graph,
        .slots = job->slots,
        .workers = &job->jm->workers,
    };
    for (uint32_t v = job->plan->n_vertices; v-- > 0;) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            if (job->graph.vertices[v].subtasks[i].state == JM_TASK_SCHEDULED && !deploy_task(job, &scene, v, i)) {
                return;
            }
        }
    }
}

/* RESTARTING: makes a new attempt of it. False: that cannot be. */
static bool again(jm_job *job, wsl_error *err)
{
    if (jm_coordinator_all_damaged(job->coordinator)) {
        (void)wsl_fail(err, WSL_CORRUPT,
                       "every checkpoint that was kept is damaged, and beginning empty would lose its state; the log "
                       "names the files");
        return false;
    }
    const wsl_status status = jm_job_begin_attempt(job, err);
    return status == WSL_OK;
}

static void note_restored(jm_job *job)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    job->restored = meta == NULL ? 0 : meta->checkpoint;
    if (meta != NULL) {
        jm_coordinator_note_restored(job->coordinator, meta->checkpoint);
        wsl_log(job->log, WSL_LOG_INFO, "job.restored", "attempt=%u checkpoint=%" PRIu64 " directory=%s", job->attempt,
                meta->checkpoint, meta->external_pointer);
    }
}

bool jm_job_try_start(jm_job *job)
{
    WSL_ASSERT(jm_job_wants_slots(job));
    wsl_error err = {0};
    if (jm_job_adapt(job, &err) != WSL_OK) {
        jm_job_fail(job, JM_FAILURE_FINAL, UINT32_MAX, 0, NULL, false, "%s", err.text);
        return true;
    }
    if (!jm_job_wants_slots(job) || !jm_job_take_slots(job)) {
        return false;
    }
    job->rescale.waited = false;
    const bool whole = job->state == JM_JOB_CREATED || job->restart_all;
    if (job->state == JM_JOB_RESTARTING && !again(job, &err)) {
        jm_job_fail(job, JM_FAILURE_FINAL, UINT32_MAX, 0, NULL, false, "%s", err.text);
        return true;
    }
    job->restart_all = false;
    assign_slots(job);
    jm_job_move(job, JM_JOB_START);
    note_restored(job);
    if (whole && jm_job_open_sources(job, &err) != WSL_OK) {
        jm_job_fail(job, JM_FAILURE_SOURCE, UINT32_MAX, 0, NULL, err.retriable, "%s", err.text);
        return true;
    }
    deploy(job);
    return true;
}
