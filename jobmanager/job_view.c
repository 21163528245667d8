/* Questions about a job. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "jobmanager/jm_core.h"

bool jm_job_ended(const jm_job *job) { return jm_job_state_is_final(job->state); }

int64_t jm_job_start_ms(const jm_job *job) { return job->entered_ms[JM_JOB_INITIALIZING]; }

int64_t jm_job_end_ms(const jm_job *job) { return jm_job_ended(job) ? job->entered_ms[job->state] : -1; }

const char *jm_job_name(const jm_job *job) { return job->plan->graph->name; }

const char *jm_job_waiting(jm_job *job)
{
    job->waiting[0] = '\0';
    if (job->keep.trouble != NULL && (job->keep.end != JM_JOB_STATE_COUNT || job->state == JM_JOB_RESTARTING)) {
        (void)snprintf(job->waiting, sizeof job->waiting, "waits until its state can be stored: %s", job->keep.trouble);
        return job->waiting;
    }
    const uint32_t stopping = jm_job_n_stopping(job);
    if (jm_job_wants_slots(job)) {
        uint32_t missing;
        const uint32_t needed = jm_job_slots_wanted(job, &missing); /* it may hold some of them */
        (void)snprintf(job->waiting, sizeof job->waiting, "needs %u slot%s, %u free", needed, needed == 1 ? "" : "s",
                       jm_slot_pool_available(job->jm->pool) + needed - missing);
    } else if (job->state == JM_JOB_RESTARTING && stopping > 0) {
        (void)snprintf(job->waiting, sizeof job->waiting, "waits for %u task%s to be canceled", stopping,
                       stopping == 1 ? "" : "s");
    } else if (job->state == JM_JOB_RESTARTING) {
        const int64_t left_ns = job->restart_at_ns - wsl_now_ns(job->jm->seams.clock);
        (void)snprintf(job->waiting, sizeof job->waiting, "restarts in %.1f s",
                       left_ns > 0 ? (double)left_ns / (double)WSL_NS_PER_S : 0.0);
    } else if (job->state == JM_JOB_RUNNING && job->rescale.cap < job->rescale.widest) {
        (void)snprintf(job->waiting, sizeof job->waiting, "needs %u slots, has %u: runs at parallelism %u of %u",
                       job->rescale.slots, job->sharing.n_slots, job->rescale.cap, job->rescale.widest);
    }
    return job->waiting;
}

const char *jm_job_failure_text(const jm_job *job)
{
    const jm_failure *root = jm_job_root_failure(job);
    const bool over = job->state == JM_JOB_RUNNING || job->state == JM_JOB_FINISHED; /* it got over it */
    return root == NULL || over ? "" : root->text;
}

static const char *const failure_names[] = {
    [JM_FAILURE_TASK] = "TaskFailed",
    [JM_FAILURE_WORKER] = "TaskManagerLost",
    [JM_FAILURE_SOURCE] = "SourceFailed",
    [JM_FAILURE_SLOTS] = "NoResourceAvailable",
    [JM_FAILURE_PROTOCOL] = "ProtocolError",
    [JM_FAILURE_CHECKPOINTS] = "CheckpointsFailed",
    [JM_FAILURE_FINAL] = "JobFailed",
    [JM_FAILURE_JOBMANAGER] = "JobManagerLost",
};

const char *jm_failure_name(jm_failure_kind kind)
{
    WSL_ASSERT(kind < WSL_ARRAY_LEN(failure_names));
    return failure_names[kind];
}

jm_failure_kind jm_failure_kind_of(const char *name)
{
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(failure_names); i++) {
        if (strcmp(failure_names[i], name) == 0) {
            return (jm_failure_kind)i;
        }
    }
    return JM_FAILURE_PROTOCOL;
}

jm_collect *jm_job_collect(const jm_job *job, uint32_t operator_id)
{
    for (uint32_t i = 0; i < job->n_collects; i++) {
        if (operator_id == UINT32_MAX || jm_collect_operator(job->collects[i]) == operator_id) {
            return job->collects[i];
        }
    }
    return NULL;
}

const jm_vertex *jm_job_vertex(const jm_job *job, const wsl_id *id)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        if (wsl_id_equal(&job->plan->vertices[v].id, id)) {
            return &job->graph.vertices[v];
        }
    }
    return NULL;
}

/* Rows that came into the job at a source vertex, rows that left it at a sink vertex. TaskManagers that count what a
 * source reads and a sink writes say it in records_in and records_out; else the other side of the chain is the best
 * there is. */
static void count_ends(const jm_vertex *v, jm_job_info *info)
{
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const jm_task_metrics *m = &v->subtasks[i].metrics;
        if (jm_vertex_is_source(v)) {
            const bool counted = m->last->records_in > 0;
            info->records_in += counted ? m->last->records_in : m->last->records_out;
            info->records_in_per_s += counted ? m->rates.records_in : m->rates.records_out;
        }
        if (jm_vertex_is_sink(v)) {
            const bool counted = m->last->records_out > 0;
            info->records_out += counted ? m->last->records_out : m->last->records_in;
            info->records_out_per_s += counted ? m->rates.records_out : m->rates.records_in;
        }
    }
}

static void find_busiest(const jm_vertex *v, jm_job_info *info)
{
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const double ratio = v->subtasks[i].metrics.rates.busy_ms / 1000;
        if (v->subtasks[i].state == JM_TASK_RUNNING && (info->busiest[0] == '\0' || ratio > info->busiest_ratio)) {
            info->busiest = v->plan->name;
            info->busiest_ratio = ratio > 1 ? 1 : ratio;
        }
    }
}

static int64_t lag_of(const jm_vertex *v, int64_t now_ms)
{
    int64_t lag = -1;
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const Wsl__Pb__TaskMetrics *last = v->subtasks[i].metrics.last;
        const int64_t wm = jm_vertex_is_source(v) ? last->output_watermark : last->input_watermark;
        if (wm == INT64_MIN || wm == INT64_MAX || wm > now_ms) {
            continue;
        }
        lag = now_ms - wm > lag ? now_ms - wm : lag;
    }
    return lag;
}

wsl_status jm_job_info_get(jm *self, const wsl_id *id, jm_job_info *out_info, wsl_error *err)
{
    jm_job *job = jm_find_job(self, id);
    if (job == NULL) {
        char text[WSL_ID_TEXT_SIZE];
        return wsl_fail(err, WSL_NOT_FOUND, "there is no job %s", wsl_id_text(id, text));
    }
    jm_job_info info = {
        .id = job->id,
        .name = jm_job_name(job),
        .state = jm_job_state_name(job->state),
        .ended = jm_job_ended(job),
        .waiting = jm_job_waiting(job),
        .failure = jm_job_failure_text(job),
        .restarts = jm_job_restarts(job),
        .start_ms = jm_job_start_ms(job),
        .end_ms = jm_job_end_ms(job),
        .tasks = job->graph.n_tasks,
        .watermark_lag_ms = -1,
        .busiest = "",
    };
    const int64_t now_ms = wsl_wall_ms(self->seams.clock);
    for (uint32_t i = 0; i < job->plan->n_vertices; i++) {
        const jm_vertex *v = &job->graph.vertices[i];
        info.tasks_running += v->in_state[JM_TASK_RUNNING];
        count_ends(v, &info);
        find_busiest(v, &info);
        if (jm_vertex_is_sink(v) && !info.ended) {
            const int64_t lag = lag_of(v, now_ms);
            info.watermark_lag_ms = lag > info.watermark_lag_ms ? lag : info.watermark_lag_ms;
        }
    }
    *out_info = info;
    return WSL_OK;
}
