#include "jobmanager/repeating.h"

#include <string.h>

#include "jobmanager/ckpt/coordinator.h"
#include "plugin/registry.h"

static bool repeats(const Wsl__Pb__Operator *op)
{
    if (strcmp(op->kind, "sink") != 0 || strcmp(op->connector, "blackhole") == 0) {
        return false;
    }
    const wsl_sink_class *cls = wsl_sink_class_find(op->connector);
    return cls != NULL && cls->writer->prepare == NULL;
}

const Wsl__Pb__Operator *jm_repeating_next(const jm_job *job, size_t *io_at)
{
    const wsl_job_graph *graph = job->plan->graph;
    while (jm_coordinator_is_on(job->coordinator) && *io_at < graph->n_operators) {
        const Wsl__Pb__Operator *op = graph->operators[(*io_at)++];
        if (repeats(op)) {
            return op;
        }
    }
    return NULL;
}

void jm_repeating_log(const jm_job *job)
{
    size_t at = 0;
    for (const Wsl__Pb__Operator *op; (op = jm_repeating_next(job, &at)) != NULL;) {
        wsl_log(job->log, WSL_LOG_WARN, "sink.may_repeat",
                "name=%s connector=%s what=\"rows behind a checkpoint are written again if the job goes back to it\"", op->name,
                op->connector);
    }
}
