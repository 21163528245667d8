/*
 * A new attempt of a job, or of those regions of it that failed. RESTARTING lasts until
 *
 *     all tasks that start again are in final states   and   the strategy's delay is over   and   nothing is being published
 *     and   the number of the new attempt is on disk
 *
 * (what is being published may become the checkpoint to go back to; a number that was used must not be used again by the next
 * JobManager, as the old attempt may still run somewhere); then it waits for slots, however long, as the TaskManager
 * that died may come back. Meanwhile it holds the slots it had, for HOLD_NS at most.
 *
 * A region that did not fail runs on: the checkpoint under way is given up, and the next one is triggered when all run again. It
 * holds the states of some tasks that went back and of others that did not; as no row goes from one region to another, each
 * region's state is one that a run without failure has, too.
 *
 * Nothing of the old attempt is kept but the rows that the client has not taken yet.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "jobmanager/jm_core.h"

enum { HOLD_S = 50 }; /* as long as Flink keeps slots that it does not use */

bool jm_job_mark_restart(jm_job *job, bool all, uint32_t vertex, uint32_t subtask)
{
    bool *hit = wsl_calloc(job->graph.n_regions, sizeof *hit);
    bool any = all && !job->restart_all && job->state == JM_JOB_RESTARTING;
    if (vertex != UINT32_MAX) {
        hit[job->graph.vertices[vertex].subtasks[subtask].region] = true;
    }
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            hit[t->region] |= t->state == JM_TASK_FAILED;
        }
    }
    job->restart_all |= all || job->graph.n_regions == 1;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            if (!t->restarting && (all || hit[t->region])) {
                t->restarting = true;
                any = true;
            }
        }
    }
    free(hit);
    return any;
}

uint32_t jm_job_n_stopping(const jm_job *job)
{
    uint32_t n = 0;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            n += t->restarting && !jm_task_state_is_final(t->state);
        }
    }
    return n;
}

int64_t jm_job_step_restart(jm_job *job, int64_t now_ns)
{
    if (job->restart_due) {
        const int64_t fit_ns = jm_job_step_fit(job, now_ns);
        if (now_ns >= job->waits_until_ns) {
            job->waits_until_ns = WSL_NEVER;
            job->slots_idle = true;
        }
        return fit_ns < job->waits_until_ns ? fit_ns : job->waits_until_ns;
    }
    if (jm_job_n_stopping(job) > 0 || jm_coordinator_is_publishing(job->coordinator)) {
        return WSL_NEVER;
    }
    if (now_ns < job->restart_at_ns) {
        return job->restart_at_ns;
    }
    if (!jm_job_is_kept(job)) {
        return WSL_NEVER; /* we are called again when it is */
    }
    job->restart_due = true;
    job->waits_until_ns = now_ns + HOLD_S * WSL_NS_PER_S;
    jm_job_wait_to_fit(job, now_ns);
    job->jm->schedule_wanted = true;
    return now_ns;
}

/* A task of a region that starts again, while others go on. */
static void go_back(jm_job *job, uint32_t vertex, uint32_t subtask, uint64_t checkpoint)
{
    const wsl_vertex *v = &job->plan->vertices[vertex];
    for (uint32_t k = 0; k < v->n_operators; k++) {
        jm_late_restart(&job->late, v->operators[k], subtask);
        for (uint32_t s = 0; s < job->n_sources; s++) {
            if (jm_source_operator(job->sources[s]) == v->operators[k]) {
                jm_source_reader_back(job->sources[s], subtask, checkpoint);
            }
        }
    }
    if (job->alignment != NULL) {
        jm_alignment_restart(job->alignment, job->plan, vertex, subtask);
    }
}

static void reset_task(jm_job *job, uint32_t vertex, uint32_t subtask)
{
    jm_exec_graph_reset(&job->graph, vertex, subtask, wsl_wall_ms(job->jm->seams.clock));
    job->graph.vertices[vertex].subtasks[subtask].restarting = false;
    for (uint32_t c = 0; c < job->n_collects; c++) {
        if (job->plan->vertex_of[jm_collect_operator(job->collects[c])] == vertex) {
            jm_collect_restart(job->collects[c], subtask);
        }
    }
}

wsl_status jm_job_renew_all(jm_job *job, wsl_error *err)
{
    jm_late_fini(&job->late);
    job->late = (jm_late){0};
    jm_job_free_sources(job);
    jm_alignment_free(job->alignment);
    job->alignment = NULL;
    WSL_TRY(jm_job_new_alignment(job, err));
    return jm_job_add_sources(job, err);
}

wsl_status jm_job_begin_attempt(jm_job *job, wsl_error *err)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    job->attempt++;
    job->all_run = false;
    job->restart_due = false;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            if (!job->graph.vertices[v].subtasks[i].restarting) {
                continue;
            }
            reset_task(job, v, i);
            if (!job->restart_all) {
                go_back(job, v, i, meta == NULL ? 0 : meta->checkpoint);
            }
        }
    }
    return job->restart_all ? jm_job_renew_all(job, err) : WSL_OK;
}
