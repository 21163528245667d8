/* Endpoints about one vertex of a job. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"

static int64_t now_of(const jm_rest *rest) { return wsl_wall_ms(rest->jm->seams.clock); }

/* ---- how long in which state ---- */

/* In the order a task goes through them. */
static const jm_task_state timed_states[] = {JM_TASK_CREATED, JM_TASK_SCHEDULED, JM_TASK_DEPLOYING,
                                             JM_TASK_INITIALIZING, JM_TASK_RUNNING};
static const jm_task_state later_states[] = {JM_TASK_CREATED,      JM_TASK_SCHEDULED, JM_TASK_DEPLOYING,
                                             JM_TASK_INITIALIZING, JM_TASK_RUNNING,   JM_TASK_CANCELING,
                                             JM_TASK_FINISHED,     JM_TASK_CANCELED,  JM_TASK_FAILED};

/* -1: never in that state. */
static int64_t time_in_state(const jm_subtask *t, uint32_t timed, int64_t now_ms)
{
    const int64_t entered = t->entered_ms[timed_states[timed]];
    if (entered == 0) {
        return -1;
    }
    for (uint32_t i = timed + 1; i < WSL_ARRAY_LEN(later_states); i++) {
        if (t->entered_ms[later_states[i]] != 0) {
            return t->entered_ms[later_states[i]] - entered;
        }
    }
    return now_ms - entered;
}

static void add_status_duration(jm_json *j, const jm_subtask *t, int64_t now_ms)
{
    jm_json_open(j, "status-duration", '{');
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(timed_states); i++) {
        jm_json_int(j, jm_task_state_name(timed_states[i]), time_in_state(t, i, now_ms));
    }
    jm_json_close(j);
}

/* ---- a group of subtasks: all of a vertex, or those on one TaskManager ---- */

typedef struct task_group {
    const jm_subtask **tasks;
    uint32_t n;
} task_group;

static void add_aggregated(jm_json *j, const task_group *g, int64_t now_ms)
{
    int64_t *values = wsl_calloc(g->n == 0 ? 1 : g->n, sizeof *values);
    jm_json_open(j, "aggregated", '{');
    jm_json_open(j, "metrics", '{');
    for (uint32_t number = 0; number < JM_IO_NUMBERS; number++) {
        for (uint32_t i = 0; i < g->n; i++) {
            jm_io io = {0};
            jm_io_add(&io, g->tasks[i]);
            values[i] = jm_io_number(&io, number);
        }
        jm_json_dist(j, jm_io_key(number), &(jm_dist){values, g->n});
    }
    jm_json_close(j);
    jm_json_open(j, "status-duration", '{');
    for (uint32_t s = 0; s < WSL_ARRAY_LEN(timed_states); s++) {
        for (uint32_t i = 0; i < g->n; i++) {
            values[i] = time_in_state(g->tasks[i], s, now_ms);
        }
        jm_json_dist(j, jm_task_state_name(timed_states[s]), &(jm_dist){values, g->n});
    }
    jm_json_close(j);
    jm_json_close(j);
    free(values);
}

/* ---- subtasks ---- */

static const char unassigned[] = "(unassigned)";

static const char *endpoint_of(const jm_subtask *t) { return t->endpoint == NULL ? unassigned : t->endpoint; }

/* Flink counts attempts from 0, each task's by themselves. */
static int64_t attempt_number(const jm_subtask *t) { return t->tries == 0 ? 0 : t->tries - 1; }

static const char *tm_of(const jm_subtask *t) { return t->tm_id == NULL ? unassigned : t->tm_id; }

static void add_subtask(jm_json *j, const jm_subtask *t, uint32_t index, int64_t now_ms)
{
    jm_io io = {0};
    jm_io_add(&io, t);
    jm_json_open(j, NULL, '{');
    jm_json_int(j, "subtask", index);
    jm_json_str(j, "status", jm_task_state_name(t->state));
    jm_json_int(j, "attempt", attempt_number(t));
    jm_json_str(j, "endpoint", endpoint_of(t));
    jm_json_span(j, jm_subtask_span(t), now_ms);
    jm_json_int(j, "start_time", jm_subtask_start_ms(t));
    jm_json_io(j, "metrics", &io);
    jm_json_str(j, "taskmanager-id", tm_of(t));
    add_status_duration(j, t, now_ms);
    jm_json_close(j);
}

static void add_head(jm_json *j, const jm_vertex *v, int64_t now_ms)
{
    char id[WSL_ID_TEXT_SIZE];
    jm_json_str(j, "id", wsl_id_text(&v->plan->id, id));
    jm_json_str(j, "name", v->plan->name);
    jm_json_int(j, "now", now_ms);
}

void jm_h_vertex(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    const int64_t now_ms = now_of(rest);
    task_group all = {.tasks = wsl_calloc(v->plan->parallelism, sizeof(jm_subtask *)), .n = v->plan->parallelism};
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_head(&j, v, now_ms);
    jm_json_int(&j, "parallelism", v->plan->parallelism);
    jm_json_int(&j, "maxParallelism", v->plan->max_parallelism);
    jm_json_open(&j, "subtasks", '[');
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        all.tasks[i] = &v->subtasks[i];
        add_subtask(&j, &v->subtasks[i], i, now_ms);
    }
    jm_json_close(&j);
    add_aggregated(&j, &all, now_ms);
    jm_json_close(&j);
    free(all.tasks);
}

void jm_h_vertex_subtask(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    const uint32_t index = v == NULL ? UINT32_MAX : jm_rest_subtask(request, v, response);
    if (index == UINT32_MAX) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    add_subtask(&j, &v->subtasks[index], index, now_of(rest));
}

void jm_h_vertex_times(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    const int64_t now_ms = now_of(rest);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_head(&j, v, now_ms);
    jm_json_open(&j, "subtasks", '[');
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const jm_subtask *t = &v->subtasks[i];
        const jm_span span = jm_subtask_span(t);
        jm_json_open(&j, NULL, '{');
        jm_json_int(&j, "subtask", i);
        jm_json_str(&j, "endpoint", endpoint_of(t));
        jm_json_int(&j, "duration",
                    span.start_ms == -1 ? -1 : (span.end_ms == -1 ? now_ms : span.end_ms) - span.start_ms);
        jm_json_open(&j, "timestamps", '{');
        for (uint32_t s = 0; s < JM_TASK_STATE_COUNT; s++) {
            jm_json_int(&j, jm_task_state_name((jm_task_state)s), t->entered_ms[s]);
        }
        jm_json_close(&j);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- by TaskManager ---- */

static void add_taskmanager(jm_json *j, const jm_vertex *v, const char *tm_id, int64_t now_ms)
{
    task_group g = {.tasks = wsl_calloc(v->plan->parallelism, sizeof(jm_subtask *))};
    wsl_vertex plan = *v->plan;
    jm_vertex part = {.plan = &plan, .subtasks = wsl_calloc(v->plan->parallelism, sizeof(jm_subtask))};
    jm_io io = {0};
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        if (strcmp(tm_of(&v->subtasks[i]), tm_id) == 0) {
            part.subtasks[g.n] = v->subtasks[i]; /* borrowed for the questions below */
            part.in_state[v->subtasks[i].state]++;
            jm_io_add(&io, &v->subtasks[i]);
            g.tasks[g.n++] = &v->subtasks[i];
        }
    }
    plan.parallelism = g.n;
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "endpoint", g.n == 0 ? unassigned : endpoint_of(g.tasks[0]));
    jm_json_str(j, "status", jm_task_state_name(jm_vertex_state(&part)));
    jm_json_span(j, jm_vertex_span(&part), now_ms);
    jm_json_io(j, "metrics", &io);
    jm_json_task_counts(j, "status-counts", part.in_state, false, -1);
    jm_json_str(j, "taskmanager-id", tm_id);
    add_aggregated(j, &g, now_ms);
    jm_json_close(j);
    free(part.subtasks);
    free(g.tasks);
}

void jm_h_vertex_taskmanagers(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    const int64_t now_ms = now_of(rest);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_head(&j, v, now_ms);
    jm_json_open(&j, "taskmanagers", '[');
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        bool first = true;
        for (uint32_t k = 0; k < i && first; k++) {
            first = strcmp(tm_of(&v->subtasks[k]), tm_of(&v->subtasks[i])) != 0;
        }
        if (first) {
            add_taskmanager(&j, v, tm_of(&v->subtasks[i]), now_ms);
        }
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- load and time ---- */

static void add_level(jm_json *j, double ratio)
{
    jm_json_str(j, "backpressureLevel", jm_backpressure_level(ratio));
    jm_json_str(j, "backpressure-level", jm_backpressure_level(ratio));
}

void jm_h_vertex_backpressure(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    if (v->in_state[JM_TASK_RUNNING] == 0) {
        jm_json_str(&j, "status", "deprecated"); /* nothing is measured */
        jm_json_close(&j);
        return;
    }
    double worst = 0;
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const double ratio = v->subtasks[i].metrics.rates.backpressured_ms / 1000;
        worst = ratio > worst ? ratio : worst;
    }
    jm_json_str(&j, "status", "ok");
    add_level(&j, worst);
    jm_json_int(&j, "end-timestamp", now_of(rest));
    jm_json_open(&j, "subtasks", '[');
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const jm_rates *r = &v->subtasks[i].metrics.rates;
        jm_json_open(&j, NULL, '{');
        jm_json_int(&j, "subtask", i);
        jm_json_int(&j, "attempt-number", attempt_number(&v->subtasks[i]));
        add_level(&j, r->backpressured_ms / 1000);
        jm_json_num(&j, "ratio", r->backpressured_ms / 1000);
        jm_json_num(&j, "idleRatio", r->idle_ms / 1000);
        jm_json_num(&j, "busyRatio", r->busy_ms / 1000);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

void jm_h_vertex_watermarks(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '[');
    for (uint32_t i = 0; i < v->plan->parallelism && !jm_vertex_is_source(v); i++) {
        char *id = wsl_asprintf("%u.currentInputWatermark", i);
        char *value = wsl_asprintf("%lld", (long long)v->subtasks[i].metrics.last->input_watermark);
        jm_json_open(&j, NULL, '{');
        jm_json_str(&j, "id", id);
        jm_json_str(&j, "value", value);
        jm_json_close(&j);
        free(value);
        free(id);
    }
    jm_json_close(&j);
}
