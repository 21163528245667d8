/* What TaskManagers report about the tasks of a job. */
#include "jobmanager/job.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "jobmanager/jm_core.h"

/* The subtask a message speaks of, if it is of this attempt and runs on the worker that speaks. */
static jm_subtask *task_of(const jm_job *job, const jm_worker *from, const Wsl__Pb__TaskId *id)
{
    jm_subtask *t = jm_exec_graph_find(&job->graph, id->vertex, id->subtask);
    return t == NULL || id->attempt != t->attempt || t->worker != from->number ? NULL : t;
}

static bool runs_operator(const jm_job *job, const Wsl__Pb__TaskId *id, uint32_t operator_id)
{
    return operator_id < job->plan->graph->n_operators && job->plan->vertex_of[operator_id] == id->vertex;
}

/* ---- states ---- */

/* False: a state the JobManager itself decides; nothing to learn from it. */
static bool event_of(Wsl__Pb__TaskState state, jm_task_event *out_event)
{
    switch (state) {
    case WSL__PB__TASK_STATE__TASK_INITIALIZING:
        *out_event = JM_TASK_INITIALIZE;
        return true;
    case WSL__PB__TASK_STATE__TASK_RUNNING:
        *out_event = JM_TASK_RUN;
        return true;
    case WSL__PB__TASK_STATE__TASK_FINISHED:
        *out_event = JM_TASK_FINISH;
        return true;
    case WSL__PB__TASK_STATE__TASK_CANCELED:
        *out_event = JM_TASK_CANCEL_DONE;
        return true;
    case WSL__PB__TASK_STATE__TASK_FAILED:
        *out_event = JM_TASK_FAIL;
        return true;
    default:
        return false;
    }
}

static void fail_by_report(jm_job *job, const jm_worker *from, const Wsl__Pb__TaskStateChanged *r)
{
    char name[WSL_GRAPH_NAME_MAX + 32];
    jm_task_name(&job->graph.vertices[r->task->vertex], r->task->subtask, name, sizeof name);
    if (r->state_damaged && job->restored != 0) {
        jm_coordinator_damaged(job->coordinator, job->restored, r->error);
    }
    const char *reason = r->error[0] == '\0' ? "the task failed without giving a reason" : r->error;
    const bool named = r->operator_name[0] != '\0' && strstr(reason, r->operator_name) == NULL;
    jm_job_fail(job, JM_FAILURE_TASK, r->task->vertex, r->task->subtask, from->info->tm_id, r->retriable,
                "task '%s' on TaskManager %s failed: %s%s%s%s", name, from->info->tm_id, named ? "operator '" : "",
                named ? r->operator_name : "", named ? "': " : "", reason);
}

static void refuse_report(jm_job *job, const jm_worker *from, const Wsl__Pb__TaskStateChanged *r, const jm_subtask *t)
{
    jm_task_state said;
    switch (r->state) {
    case WSL__PB__TASK_STATE__TASK_CANCELED:
        said = JM_TASK_CANCELED;
        break;
    case WSL__PB__TASK_STATE__TASK_INITIALIZING:
        said = JM_TASK_INITIALIZING;
        break;
    default:
        said = JM_TASK_RUNNING;
        break;
    }
    const jm_task_state was = t->state;
    if (r->state == WSL__PB__TASK_STATE__TASK_CANCELED) {
        jm_job_move_task(job, r->task->vertex, r->task->subtask, JM_TASK_FAIL); /* whatever it meant, it runs no more */
    }
    jm_job_fail(job, JM_FAILURE_PROTOCOL, r->task->vertex, r->task->subtask, from->info->tm_id, false,
                "TaskManager %s reported %s for subtask %u of '%s', which was %s: that is not possible",
                from->info->tm_id, jm_task_state_name(said), r->task->subtask,
                job->plan->vertices[r->task->vertex].name, jm_task_state_name(was));
}

void jm_job_on_task_state(jm_job *job, jm_worker *from, Wsl__Pb__TaskStateChanged *report)
{
    jm_subtask *t = task_of(job, from, report->task);
    jm_task_event event;
    if (t == NULL || jm_task_state_is_final(t->state) || !event_of(report->state, &event)) {
        wsl_log(job->log, WSL_LOG_DEBUG, "task.report_ignored", "tm=%s vertex=%u subtask=%u attempt=%u state=%d",
                from->info->tm_id, report->task->vertex, report->task->subtask, report->task->attempt,
                (int)report->state);
        return;
    }
    if (report->final_metrics != NULL) {
        jm_job_on_metrics(job, from, report->final_metrics);
        report->final_metrics = NULL;
    }
    jm_task_state next;
    if (!jm_task_next(t->state, event, &next)) {
        refuse_report(job, from, report, t);
        return;
    }
    jm_job_move_task(job, report->task->vertex, report->task->subtask, event);
    if (event == JM_TASK_FAIL) {
        fail_by_report(job, from, report);
        return;
    }
    if (event == JM_TASK_FINISH && job->all_run && job->state == JM_JOB_RUNNING) {
        jm_coordinator_on_task_finished(job->coordinator, report->task->vertex, report->task->subtask);
    }
    jm_job_note_running(job);
    jm_job_settle(job);
}

void jm_job_on_metrics(jm_job *job, jm_worker *from, Wsl__Pb__TaskMetrics *metrics)
{
    jm_subtask *t = task_of(job, from, metrics->task);
    if (t == NULL || jm_task_state_is_final(t->state)) {
        wsl__pb__task_metrics__free_unpacked(metrics, NULL);
        return;
    }
    for (size_t i = 0; i < metrics->n_late; i++) {
        if (runs_operator(job, metrics->task, metrics->late[i]->operator_)) {
            jm_late_add(&job->late, job->plan->vertices[metrics->task->vertex].parallelism, metrics->task->subtask,
                        metrics->late[i], &job->split_names);
        }
    }
    jm_task_metrics_update(&t->metrics, metrics, wsl_now_ns(job->jm->seams.clock));
}

/* ---- splits ---- */

jm_worker *jm_job_worker_of(const jm_job *job, uint32_t vertex, uint32_t subtask)
{
    const jm_subtask *t = &job->graph.vertices[vertex].subtasks[subtask];
    return jm_task_state_is_final(t->state) ? NULL : jm_workers_by_number(&job->jm->workers, t->worker);
}

/* Whom to tell something about the subtask that runs operator op, and its task; NULL: it runs no more, or its TaskManager is
 * gone. */
static jm_worker *worker_of(const jm_job *job, uint32_t op, uint32_t subtask, Wsl__Pb__TaskId *out_task)
{
    const uint32_t vertex = job->plan->vertex_of[op];
    wsl_pb_task_id_init(out_task, &job->id, vertex, subtask, job->graph.vertices[vertex].subtasks[subtask].attempt);
    return jm_job_worker_of(job, vertex, subtask);
}

void jm_job_answer_split(void *arg, uint32_t operator_id, uint32_t subtask, jm_split_answer what,
                         const wsl_split *split)
{
    jm_job *job = arg;
    Wsl__Pb__TaskId id;
    jm_worker *worker = worker_of(job, operator_id, subtask, &id);
    if (worker == NULL) {
        return;
    }
    Wsl__Pb__SplitAssigned m = WSL__PB__SPLIT_ASSIGNED__INIT;
    m.task = &id;
    m.operator_ = operator_id;
    m.no_more = what == JM_SPLIT_NO_MORE;
    m.none_yet = what == JM_SPLIT_NONE_YET;
    if (what == JM_SPLIT_ASSIGNED) {
        m.name = wsl_pb_text(split->name);
        m.split = wsl_pb_bytes(split->bytes, split->size);
        m.number = jm_split_names_give(&job->split_names, split->name);
    }
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_SPLIT_ASSIGNED, &m);
}

static jm_source *source_of(const jm_job *job, uint32_t operator_id)
{
    for (uint32_t i = 0; i < job->n_sources; i++) {
        if (jm_source_operator(job->sources[i]) == operator_id) {
            return job->sources[i];
        }
    }
    return NULL;
}

void jm_job_on_split_request(jm_job *job, jm_worker *from, const Wsl__Pb__SplitRequest *request)
{
    const jm_subtask *t = task_of(job, from, request->task);
    if (t == NULL || !jm_job_is_served(job) || !runs_operator(job, request->task, request->operator_)) {
        return;
    }
    jm_source *source = source_of(job, request->operator_);
    if (source == NULL) {
        jm_job_fail(job, JM_FAILURE_PROTOCOL, request->task->vertex, request->task->subtask, from->info->tm_id, false,
                    "operator '%s' asked for splits, but its source has no enumerator on the JobManager",
                    job->plan->graph->operators[request->operator_]->name);
        return;
    }
    wsl_error err = {0};
    if (jm_source_request(source, request->task->subtask, request->finished, &err) != WSL_OK) {
        jm_job_fail(job, JM_FAILURE_PROTOCOL, request->task->vertex, request->task->subtask, from->info->tm_id, false,
                    "%s", err.text);
    }
}

/* ---- alignment ---- */

bool jm_job_operator_runs(void *arg, uint32_t operator_id, uint32_t subtask)
{
    const jm_job *job = arg;
    const jm_vertex *v = &job->graph.vertices[job->plan->vertex_of[operator_id]];
    return !jm_task_state_is_final(v->subtasks[subtask].state);
}

void jm_job_send_limit(void *arg, uint32_t operator_id, uint32_t subtask, int64_t limit)
{
    jm_job *job = arg;
    Wsl__Pb__TaskId id;
    jm_worker *worker = worker_of(job, operator_id, subtask, &id);
    if (worker == NULL) {
        return;
    }
    Wsl__Pb__AlignmentLimit m = WSL__PB__ALIGNMENT_LIMIT__INIT;
    m.task = &id;
    m.operator_ = operator_id;
    m.limit = limit;
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_ALIGNMENT_LIMIT, &m);
}

void jm_job_on_alignment_report(jm_job *job, jm_worker *from, const Wsl__Pb__AlignmentReport *report)
{
    if (job->alignment != NULL && task_of(job, from, report->task) != NULL &&
        runs_operator(job, report->task, report->operator_)) {
        jm_alignment_report(job->alignment, report->operator_, report->task->subtask, report->watermark, report->idle);
    }
}

/* ---- collected rows ---- */

void jm_job_ack_collect(void *arg, uint32_t operator_id, uint32_t subtask, uint64_t sequence)
{
    jm_job *job = arg;
    Wsl__Pb__TaskId id;
    jm_worker *worker = worker_of(job, operator_id, subtask, &id);
    if (worker == NULL) {
        return;
    }
    Wsl__Pb__CollectAck m = WSL__PB__COLLECT_ACK__INIT;
    m.task = &id;
    m.operator_ = operator_id;
    m.sequence = sequence;
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_COLLECT_ACK, &m);
}

void jm_job_on_collect(jm_job *job, jm_worker *from, const Wsl__Pb__CollectData *data)
{
    const jm_subtask *t = task_of(job, from, data->task);
    if (t == NULL || jm_job_state_is_final(job->state) || !runs_operator(job, data->task, data->operator_)) {
        return;
    }
    jm_collect *collect = jm_job_collect(job, data->operator_);
    wsl_error err = {0};
    if (collect == NULL) {
        (void)wsl_fail(&err, WSL_INVALID, "collected rows came from an operator that is no collect sink");
    } else if (jm_collect_add(collect, data->task->subtask, data->sequence, data->rows.data, data->rows.len, data->end,
                              &err) == WSL_OK) {
        return;
    }
    jm_job_fail(job, JM_FAILURE_PROTOCOL, data->task->vertex, data->task->subtask, from->info->tm_id, false,
                "operator '%s': %s", job->plan->graph->operators[data->operator_]->name, err.text);
}
