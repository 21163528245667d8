/*
 * Which slots a job has. Slot s of the job (sched/sharing) is job->slots[s], a slot of some TaskManager, whose owner in the pool is the
 * job as long as a task runs there, or as one that is to start again waits for it.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/jm_core.h"

static bool waits(const jm_subtask *t) { return t->restarting || t->state == JM_TASK_CREATED; }

/* By slot of the job: does a task wait that will run there? */
static bool *wanted(const jm_job *job)
{
    bool *slots = wsl_calloc(job->sharing.n_slots, sizeof *slots);
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            slots[job->sharing.first[v] + i] |= waits(&job->graph.vertices[v].subtasks[i]);
        }
    }
    return slots;
}

static bool is_ours(const jm_job *job, uint32_t slot)
{
    return jm_slot_pool_owner(job->jm->pool, job->slots[slot]) == job->number;
}

uint32_t jm_job_slots_wanted(const jm_job *job, uint32_t *out_missing)
{
    bool *slots = wanted(job);
    uint32_t n = 0;
    *out_missing = 0;
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        n += slots[s];
        *out_missing += slots[s] && !is_ours(job, s);
    }
    free(slots);
    return n;
}

bool jm_job_take_slots(jm_job *job)
{
    uint32_t missing;
    (void)jm_job_slots_wanted(job, &missing);
    if (missing > jm_slot_pool_available(job->jm->pool)) {
        return false;
    }
    bool *slots = wanted(job);
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) { /* first those that it had, before others take them */
        if (slots[s] && (is_ours(job, s) || jm_slot_pool_take_this(job->jm->pool, job->number, job->slots[s]))) {
            slots[s] = false;
        }
    }
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        if (slots[s]) {
            const bool took = jm_slot_pool_take(job->jm->pool, job->number, 1, &job->slots[s]);
            WSL_ASSERT(took);
        }
    }
    free(slots);
    return true;
}

void jm_job_release_slots(jm_job *job)
{
    if (!job->slots_idle) {
        return;
    }
    job->slots_idle = false;
    const bool holds = job->state == JM_JOB_RESTARTING && (!job->restart_due || job->waits_until_ns != WSL_NEVER);
    bool *held = wanted(job);
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        if (job->slot_live[s] == 0 && is_ours(job, s) && !(holds && held[s])) {
            jm_slot_pool_give_back(job->jm->pool, job->number, job->slots[s]);
            job->jm->schedule_wanted = true;
        }
    }
    free(held);
}
