/* What the coordinator keeps by task, when the job's plan got another parallelism; and a checkpoint out of turn. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/ckpt/coordinator_core.h"

void jm_coordinator_on_rescaled(jm_coordinator *c)
{
    const wsl_job_plan *plan = c->options.plan;
    WSL_ASSERT(!c->running && c->pending == NULL);
    c->n_tasks = 0;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        c->first[v] = c->n_tasks;
        c->finished[v] = 0;
        c->n_tasks += plan->vertices[v].parallelism;
    }
}

void jm_coordinator_hurry(jm_coordinator *c)
{
    c->policy.due_ns = c->policy.due_ns == WSL_NEVER ? WSL_NEVER : wsl_now_ns(c->options.clock);
    c->policy.pause_until_ns = 0;
}

bool jm_coordinator_has_pending(const jm_coordinator *c) { return c->pending != NULL; }
