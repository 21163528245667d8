/* Endpoints about jobs. */
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "graph/graph_text.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"

static int64_t now_of(const jm_rest *rest) { return wsl_wall_ms(rest->jm->seams.clock); }

void jm_h_jobs(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "jobs", '[');
    for (uint32_t i = 0; i < rest->jm->n_jobs; i++) {
        jm_json_open(&j, NULL, '{');
        jm_json_str(&j, "id", rest->jm->jobs[i]->id_text);
        jm_json_str(&j, "status", jm_job_state_name(rest->jm->jobs[i]->state));
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

static int64_t last_modification(const jm_job *job)
{
    int64_t last = 0;
    for (uint32_t s = 0; s < JM_JOB_STATE_COUNT; s++) {
        last = job->entered_ms[s] > last ? job->entered_ms[s] : last;
    }
    return last;
}

static void count_tasks(const jm_job *job, uint32_t counts[JM_TASK_STATE_COUNT])
{
    memset(counts, 0, JM_TASK_STATE_COUNT * sizeof counts[0]);
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t s = 0; s < JM_TASK_STATE_COUNT; s++) {
            counts[s] += job->graph.vertices[v].in_state[s];
        }
    }
}

void jm_h_jobs_overview(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "jobs", '[');
    for (uint32_t i = 0; i < rest->jm->n_jobs; i++) {
        jm_job *job = rest->jm->jobs[i];
        uint32_t counts[JM_TASK_STATE_COUNT];
        count_tasks(job, counts);
        jm_json_open(&j, NULL, '{');
        jm_json_str(&j, "jid", job->id_text);
        jm_json_str(&j, "name", jm_job_name(job));
        jm_json_str(&j, "jobType", "STREAMING");
        jm_json_str(&j, "schedulerType", "Default");
        jm_json_span(&j, jm_job_span(job), now_of(rest));
        jm_json_str(&j, "state", jm_job_state_name(job->state));
        jm_json_int(&j, "last-modification", last_modification(job));
        jm_json_task_counts(&j, "tasks", counts, true, job->graph.n_tasks);
        jm_json_int(&j, "pending-operators", 0);
        jm_json_str(&j, "waiting", jm_job_waiting(job));
        jm_json_str(&j, "failure", jm_job_failure_text(job));
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- one job ---- */

static void add_plan(jm_json *j, const jm_job *job)
{
    json_t *plan = wsl_job_plan_json(job->plan, job->id_text);
    char *text = json_dumps(plan, JSON_COMPACT);
    json_decref(plan);
    jm_json_raw(j, "plan", text, strlen(text));
    free(text);
}

static void add_vertex(jm_json *j, const jm_vertex *v, int64_t now_ms)
{
    char id[WSL_ID_TEXT_SIZE];
    jm_io io = {0};
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        jm_io_add(&io, &v->subtasks[i]);
    }
    const char *group = v->plan->slot_group == NULL ? "default" : v->plan->slot_group;
    const wsl_id group_id = wsl_id_of_bytes(group, strlen(group));
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "id", wsl_id_text(&v->plan->id, id));
    jm_json_str(j, "slotSharingGroupId", wsl_id_text(&group_id, id));
    jm_json_str(j, "name", v->plan->name);
    jm_json_int(j, "maxParallelism", v->plan->max_parallelism);
    jm_json_int(j, "parallelism", v->plan->parallelism);
    jm_json_str(j, "status", jm_task_state_name(jm_vertex_state(v)));
    jm_json_span(j, jm_vertex_span(v), now_ms);
    jm_json_task_counts(j, "tasks", v->in_state, false, -1);
    jm_json_io(j, "metrics", &io);
    jm_json_close(j);
}

void jm_h_job(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    const int64_t now_ms = now_of(rest);
    uint32_t vertex_counts[JM_TASK_STATE_COUNT] = {0};
    const uint32_t max_parallelism = job->plan->graph->max_parallelism;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "jid", job->id_text);
    jm_json_str(&j, "application-id", job->id_text);
    jm_json_str(&j, "name", jm_job_name(job));
    jm_json_bool(&j, "isStoppable", false);
    jm_json_int(&j, "restarts", jm_job_restarts(job));
    jm_json_str(&j, "state", jm_job_state_name(job->state));
    jm_json_str(&j, "job-type", "STREAMING");
    jm_json_str(&j, "schedulerType", "Default");
    jm_json_span(&j, jm_job_span(job), now_ms);
    jm_json_int(&j, "maxParallelism", max_parallelism == 0 ? -1 : (int64_t)max_parallelism);
    jm_json_int(&j, "now", now_ms);
    jm_json_job_times(&j, "timestamps", job);
    jm_json_open(&j, "vertices", '[');
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        vertex_counts[jm_vertex_state(&job->graph.vertices[v])]++;
        add_vertex(&j, &job->graph.vertices[v], now_ms);
    }
    jm_json_close(&j);
    jm_json_task_counts(&j, "status-counts", vertex_counts, false, -1);
    add_plan(&j, job);
    jm_json_int(&j, "pending-operators", 0);
    jm_json_str(&j, "waiting", jm_job_waiting(job));
    jm_json_close(&j);
}

void jm_h_job_status(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "status", jm_job_state_name(job->state));
    jm_json_close(&j);
}

void jm_h_job_plan(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_plan(&j, job);
    jm_json_close(&j);
}

void jm_h_job_config(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    const wsl_job_graph *graph = job->plan->graph;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "jid", job->id_text);
    jm_json_str(&j, "name", jm_job_name(job));
    jm_json_open(&j, "execution-config", '{');
    char strategy[128];
    jm_restart_describe(&job->restart, strategy, sizeof strategy);
    jm_json_str(&j, "restart-strategy", strategy);
    jm_json_int(&j, "job-parallelism", graph->parallelism);
    jm_json_bool(&j, "object-reuse-mode", false);
    jm_json_open(&j, "user-config", '{');
    for (size_t i = 0; i < graph->n_config; i++) {
        jm_json_str(&j, graph->config[i]->key, graph->config[i]->value);
    }
    for (size_t i = 0; i < graph->n_arguments; i++) {
        jm_json_str(&j, graph->arguments[i]->key, graph->arguments[i]->value);
    }
    jm_json_close(&j);
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- how it went ---- */

/* The members of one EXC; the caller opens and closes it. */
static void add_failure(jm_json *j, const jm_failure *f)
{
    jm_json_str(j, "exceptionName", jm_failure_name(f->kind));
    jm_json_str(j, "stacktrace", f->text);
    jm_json_int(j, "timestamp", f->at_ms);
    jm_json_open(j, "failureLabels", '{');
    jm_json_close(j);
    if (f->task_name != NULL) {
        jm_json_str(j, "taskName", f->task_name);
    }
    if (f->tm_id != NULL) {
        jm_json_str(j, "endpoint", f->endpoint == NULL ? f->tm_id : f->endpoint);
        jm_json_str(j, "taskManagerId", f->tm_id);
    }
}

/* An attempt's root cause, and what came after it. */
static void add_attempt(jm_json *j, const jm_job *job, uint32_t first, uint32_t end)
{
    jm_json_open(j, NULL, '{');
    add_failure(j, &job->failures[first]);
    jm_json_open(j, "concurrentExceptions", '[');
    for (uint32_t i = first + 1; i < end; i++) {
        jm_json_open(j, NULL, '{');
        add_failure(j, &job->failures[i]);
        jm_json_close(j);
    }
    jm_json_close(j);
    jm_json_close(j);
}

void jm_h_job_exceptions(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    uint64_t max = 0;
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL || !jm_request_query_uint(request, "maxExceptions", 20, INT32_MAX, &max, response)) {
        return;
    }
    uint32_t entries = 0;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "exceptionHistory", '{');
    jm_json_open(&j, "entries", '[');
    for (uint32_t end = job->n_failures; end > 0; entries++) { /* the newest attempt first */
        uint32_t first = end - 1;
        while (first > 0 && job->failures[first - 1].attempt == job->failures[first].attempt) {
            first--;
        }
        if (entries < max) {
            add_attempt(&j, job, first, end);
        }
        end = first;
    }
    jm_json_close(&j);
    jm_json_bool(&j, "truncated", entries > max || job->n_failures == JM_FAILURES_MAX);
    jm_json_close(&j);
    jm_json_close(&j);
}

static const char *outcome(jm_job_state state)
{
    switch (state) {
    case JM_JOB_FINISHED:
        return "SUCCEEDED";
    case JM_JOB_FAILED:
        return "FAILED";
    case JM_JOB_CANCELED:
        return "CANCELED";
    default:
        return "UNKNOWN";
    }
}

static void add_result(jm_json *j, const jm_job *job)
{
    jm_json_open(j, "job-execution-result", '{');
    jm_json_str(j, "id", job->id_text);
    jm_json_str(j, "name", jm_job_name(job));
    jm_json_str(j, "application-id", job->id_text);
    jm_json_str(j, "application-status", outcome(job->state));
    jm_json_open(j, "accumulator-results", '{');
    jm_json_close(j);
    jm_json_int(j, "net-runtime", jm_job_end_ms(job) - jm_job_start_ms(job));
    jm_json_int(j, "start-time", jm_job_start_ms(job));
    jm_json_int(j, "end-time", jm_job_end_ms(job));
    const jm_failure *root = jm_job_root_failure(job);
    if (job->state == JM_JOB_FAILED && root != NULL) {
        jm_json_open(j, "failure-cause", '{');
        jm_json_str(j, "class", jm_failure_name(root->kind));
        jm_json_str(j, "stack-trace", root->text);
        jm_json_str(j, "serialized-throwable", "");
        jm_json_close(j);
    }
    jm_json_close(j);
}

void jm_h_job_result(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "status", '{');
    jm_json_str(&j, "id", jm_job_ended(job) ? "COMPLETED" : "IN_PROGRESS");
    jm_json_close(&j);
    if (jm_job_ended(job)) {
        add_result(&j, job);
    }
    jm_json_close(&j);
}

/* ---- cancel ---- */

void jm_h_job_cancel(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    wsl_error err = {0};
    if (job == NULL) {
        return;
    }
    if (jm_cancel(rest->jm, &job->id, &err) != WSL_OK) {
        jm_rest_error_of(response, &err);
        return;
    }
    response->status = 202;
    response->holds = true;
    response->holds_for = job->id;
    wsl_strbuf_puts(&response->body, "{}");
}

void jm_h_job_patch(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const char *mode = jm_request_query(request, "mode");
    if (mode == NULL || strcmp(mode, "cancel") == 0) {
        jm_h_job_cancel(rest, request, response);
    } else if (strcmp(mode, "stop") == 0) {
        jm_rest_error(response, 308, "mode=stop is not supported; use POST /jobs/:jobid/stop.");
    } else {
        jm_rest_error(response, 400, "The query parameter 'mode' is '%s'; 'cancel' is known.", mode);
    }
}
