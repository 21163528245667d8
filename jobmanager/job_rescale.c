/*
 * jobmanager.scheduler: adaptive - a job that runs at the parallelism there are slots for.
 *
 *     submitted, or all of it starts again      enough slots: at once. Fewer, but one per slot group: after fit_wait_ns
 *     a region starts again and slots lack      after fit_wait_ns all of the job is canceled: the case above
 *     runs below what it was made for           more slots for grow_wait_ns, and cooldown_ns since the last change: a checkpoint
 *                                               is taken at once, and when it is complete all of the job starts again from it
 *
 * One cap holds for all operators (graph/parallelism). State is dealt out over the new subtasks as when a job resumes from a
 * checkpoint of another parallelism; where that cannot be the job keeps its parallelism and waits. What has one element per subtask
 * is made anew, in set_cap and, when the job starts again as a whole, in job_restart.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/deal_out.h"
#include "graph/parallelism.h"
#include "jobmanager/exec/regions.h"
#include "jobmanager/jm_core.h"

void jm_job_rescale_init(jm_job *job)
{
    const wsl_config *c = job->config;
    uint32_t *made_with = wsl_parallelism_of(job->plan);
    job->rescale = (jm_rescale){
        .adaptive = strcasecmp(wsl_config_str(c, "jobmanager.scheduler"), "adaptive") == 0,
        .made_with = made_with,
        .widest = wsl_parallelism_widest(job->plan, made_with),
        .slots = job->plan->slots_needed,
        .fit_wait_ns = wsl_config_duration_ns(c, "jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout"),
        .grow_wait_ns = wsl_config_duration_ns(c, "jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout"),
        .cooldown_ns = wsl_config_duration_ns(c, "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling"),
        .more_since_ns = WSL_NEVER,
    };
    job->rescale.cap = job->rescale.widest;
}

/* Slots that the job has or could take. */
static uint32_t slots_for(const jm_job *job)
{
    uint32_t n = jm_slot_pool_available(job->jm->pool);
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        n += jm_slot_pool_owner(job->jm->pool, job->slots[s]) == job->number;
    }
    return n;
}

static uint32_t cap_for_slots(const jm_job *job)
{
    return wsl_parallelism_fit(job->plan, job->rescale.made_with, slots_for(job));
}

/* ---- another parallelism ---- */

/* Can what the job goes back to be dealt out over so many? */
static bool can_deal_out(jm_job *job, uint32_t cap, wsl_error *err)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    wsl_parallelism_cap(job->plan, job->rescale.made_with, cap);
    const bool can = meta == NULL || wsl_deal_out_check(meta, job->plan, true, err) == WSL_OK;
    wsl_parallelism_cap(job->plan, job->rescale.made_with, job->rescale.cap);
    return can;
}

/* Nothing of the job runs. Slots that it holds are given back: it takes others, or the same. */
static void renew_tasks(jm_job *job, uint32_t cap)
{
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        WSL_ASSERT(job->slot_live[s] == 0);
        jm_slot_pool_give_back(job->jm->pool, job->number, job->slots[s]);
    }
    jm_slot *had = job->slots;
    const uint32_t n_had = job->sharing.n_slots;
    jm_exec_graph_fini(&job->graph); /* as many as the plan says until now */
    wsl_parallelism_cap(job->plan, job->rescale.made_with, cap);
    jm_exec_graph_init(&job->graph, job->plan, wsl_wall_ms(job->jm->seams.clock));
    jm_job_set_regions(job);
    jm_sharing_fini(&job->sharing);
    jm_sharing_init(&job->sharing, job->plan);
    job->slots = wsl_calloc(job->sharing.n_slots, sizeof *job->slots);
    memcpy(job->slots, had, (n_had < job->sharing.n_slots ? n_had : job->sharing.n_slots) * sizeof *had);
    free(had);
    free(job->slot_live);
    job->slot_live = wsl_calloc(job->sharing.n_slots, sizeof *job->slot_live);
    jm_split_names_fini(&job->split_names);
    jm_split_names_init(&job->split_names, job->plan);
    for (uint32_t i = 0; i < job->n_collects; i++) {
        const Wsl__Pb__Operator *op = job->plan->graph->operators[jm_collect_operator(job->collects[i])];
        jm_collect_set_parallelism(job->collects[i], op->parallelism);
    }
    jm_coordinator_on_rescaled(job->coordinator);
}

static bool set_cap(jm_job *job, uint32_t cap)
{
    jm_rescale *r = &job->rescale;
    wsl_error err = {0};
    if (!can_deal_out(job, cap, &err)) {
        if (!r->refused) {
            wsl_log(job->log, WSL_LOG_WARN, "job.cannot_rescale", "from=%u to=%u reason=%s", r->cap, cap, err.text);
        }
        r->refused = true;
        return false;
    }
    renew_tasks(job, cap);
    wsl_log(job->log, WSL_LOG_WARN, "job.rescaled", "from=%u to=%u submitted_with=%u slots=%u", r->cap, cap, r->widest,
            job->plan->slots_needed);
    r->cap = cap;
    r->refused = false;
    r->rescaled_ns = wsl_now_ns(job->jm->seams.clock);
    return true;
}

/* ---- before it takes slots ---- */

void jm_job_wait_to_fit(jm_job *job, int64_t now_ns)
{
    jm_rescale *r = &job->rescale;
    if (!r->waited) {
        r->fit_at_ns = r->adaptive ? now_ns + r->fit_wait_ns : WSL_NEVER;
    }
    r->more_since_ns = WSL_NEVER;
    r->growing = false;
}

int64_t jm_job_step_fit(jm_job *job, int64_t now_ns)
{
    jm_rescale *r = &job->rescale;
    if (now_ns >= r->fit_at_ns && !r->waited) {
        r->waited = true;
        job->jm->schedule_wanted = true;
    }
    return r->waited ? WSL_NEVER : r->fit_at_ns;
}

wsl_status jm_job_adapt(jm_job *job, wsl_error *err)
{
    jm_rescale *r = &job->rescale;
    uint32_t missing;
    if (!r->adaptive) {
        return WSL_OK;
    }
    const bool created = job->state == JM_JOB_CREATED;
    const uint32_t cap = cap_for_slots(job);
    (void)jm_job_slots_wanted(job, &missing);
    if (created || job->restart_all) {
        if (cap == r->cap || cap == 0 || (cap < r->cap && !r->waited) || !set_cap(job, cap)) {
            return WSL_OK;
        }
        return created ? jm_job_renew_all(job, err) : WSL_OK; /* RESTARTING: it is about to be done */
    }
    if (missing > jm_slot_pool_available(job->jm->pool) && r->waited && cap > 0) {
        wsl_log(job->log, WSL_LOG_WARN, "job.shrinks", "missing_slots=%u what=\"all of it starts again with fewer\"", missing);
        (void)jm_job_mark_restart(job, true, UINT32_MAX, 0);
        job->restart_due = false;
        jm_job_cancel_tasks(job);
    }
    return WSL_OK;
}

/* ---- growing back ---- */

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t jm_job_step_grow(jm_job *job, int64_t now_ns)
{
    jm_rescale *r = &job->rescale;
    if (!r->adaptive || r->growing || r->cap >= r->widest || !job->all_run || !jm_coordinator_is_on(job->coordinator)) {
        return WSL_NEVER;
    }
    if (cap_for_slots(job) <= r->cap || r->refused) {
        r->more_since_ns = WSL_NEVER;
        return WSL_NEVER;
    }
    r->more_since_ns = r->more_since_ns == WSL_NEVER ? now_ns : r->more_since_ns;
    const int64_t at = later(r->more_since_ns + r->grow_wait_ns, r->rescaled_ns + r->cooldown_ns);
    if (now_ns < at) {
        return at;
    }
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    r->growing = true;
    r->grows_after = meta == NULL ? 0 : meta->checkpoint;
    jm_coordinator_hurry(job->coordinator);
    return now_ns;
}

void jm_job_grow(jm_job *job)
{
    jm_rescale *r = &job->rescale;
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    if (!r->growing || job->state != JM_JOB_RUNNING || meta == NULL || meta->checkpoint <= r->grows_after ||
        jm_coordinator_has_pending(job->coordinator)) {
        return;
    }
    const uint32_t cap = cap_for_slots(job);
    r->growing = false;
    if (cap <= r->cap) {
        return; /* they are gone again */
    }
    wsl_log(job->log, WSL_LOG_INFO, "job.grows", "from=%u to=%u checkpoint=%" PRIu64, r->cap, cap, meta->checkpoint);
    (void)jm_job_mark_restart(job, true, UINT32_MAX, 0);
    job->restart_at_ns = wsl_now_ns(job->jm->seams.clock);
    job->waits_until_ns = WSL_NEVER;
    jm_job_move(job, JM_JOB_RESTART);
    jm_coordinator_stop(job->coordinator, "the job starts again with a larger parallelism");
    jm_job_cancel_tasks(job);
}
