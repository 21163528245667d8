/* Slots and deployment of a job. */
#include "jobmanager/job.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/exec/deploy.h"
#include "jobmanager/jm_core.h"

wsl_status jm_job_open_sources(jm_job *job, wsl_error *err)
{
    for (uint32_t i = 0; i < job->n_sources; i++) {
        WSL_TRY(jm_source_open(job->sources[i], err));
        WSL_TRY(jm_source_step(job->sources[i], err));
    }
    return WSL_OK;
}

static void assign_slots(jm_job *job)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            jm_subtask *t = &job->graph.vertices[v].subtasks[i];
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
    jm_deployment deployment;
    const bool placed = jm_deployment_init(&deployment, scene, v, i);
    WSL_ASSERT(placed); /* workers are not removed while a job is deployed */
    deployment.message.split_number = jm_split_names_subtask(&job->split_names, job->plan, v, i);
    jm_job_move_task(job, v, i, JM_TASK_DEPLOY);
    jm_task_metrics_begin(&t->metrics, wsl_now_ns(job->jm->seams.clock));
    const wsl_status status = jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_DEPLOY, &deployment.message);
    jm_deployment_fini(&deployment);
    if (status != WSL_TOO_LARGE) {
        return true;
    }
    jm_job_move_task(job, v, i, JM_TASK_FAIL);
    jm_job_fail(job, JM_FAILURE_TASK, v, i, t->tm_id, false,
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
            if (!deploy_task(job, &scene, v, i)) {
                return;
            }
        }
    }
}

bool jm_job_try_start(jm_job *job)
{
    WSL_ASSERT(job->state == JM_JOB_CREATED);
    if (jm_slot_pool_available(job->jm->pool) < job->sharing.n_slots) {
        return false;
    }
    job->slots = wsl_calloc(job->sharing.n_slots, sizeof *job->slots);
    job->slot_live = wsl_calloc(job->sharing.n_slots, sizeof *job->slot_live);
    const bool took = jm_slot_pool_take(job->jm->pool, job->number, job->sharing.n_slots, job->slots);
    WSL_ASSERT(took);
    assign_slots(job);
    jm_job_move(job, JM_JOB_START);
    wsl_error err = {0};
    if (jm_job_open_sources(job, &err) != WSL_OK) {
        jm_job_fail(job, JM_FAILURE_SOURCE, UINT32_MAX, 0, NULL, err.retriable, "%s", err.text);
        return true;
    }
    deploy(job);
    return true;
}
