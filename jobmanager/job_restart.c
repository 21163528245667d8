/*
 * A new attempt of a job. RESTARTING lasts until
 *
 *     all tasks are in final states   and   the strategy's delay is over   and   nothing is being published
 *
 * (what is being published may become the checkpoint to go back to); then it waits for slots, however long, as the TaskManager
 * that died may come back. Nothing of the old attempt is kept but the rows that the client has not taken yet.
 */
#include <stdlib.h>

#include "jobmanager/jm_core.h"

int64_t jm_job_step_restart(jm_job *job, int64_t now_ns)
{
    if (job->restart_due || job->graph.n_live > 0 || jm_coordinator_is_publishing(job->coordinator)) {
        return WSL_NEVER;
    }
    if (now_ns < job->restart_at_ns) {
        return job->restart_at_ns;
    }
    job->restart_due = true;
    job->jm->schedule_wanted = true;
    return WSL_NEVER;
}

wsl_status jm_job_begin_attempt(jm_job *job, wsl_error *err)
{
    job->attempt++;
    job->all_run = false;
    job->restart_due = false;
    free(job->slots);
    free(job->slot_live);
    job->slots = NULL;
    job->slot_live = NULL;
    jm_exec_graph_fini(&job->graph);
    jm_exec_graph_init(&job->graph, job->plan, wsl_wall_ms(job->jm->seams.clock));
    jm_late_fini(&job->late);
    job->late = (jm_late){0};
    for (uint32_t i = 0; i < job->n_collects; i++) {
        jm_collect_restart(job->collects[i]);
    }
    jm_job_free_sources(job);
    jm_alignment_free(job->alignment);
    job->alignment = NULL;
    WSL_TRY(jm_job_new_alignment(job, err));
    return jm_job_add_sources(job, err);
}
