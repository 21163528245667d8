/* Our endpoints about event time: why watermarks stand where they stand, and rows that came too late. */
#include <string.h>

#include "jobmanager/late.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"
#include "jobmanager/watermarks.h"

enum { INPUTS_SHOWN = 16 }; /* of each subtask: those furthest behind */

/* Watermarks: null before the first. */
static void add_time(jm_json *j, const char *key, int64_t ms)
{
    if (ms == INT64_MIN) {
        jm_json_null(j, key);
    } else {
        jm_json_int(j, key, ms);
    }
}

/* Wall clock: null if not known. */
static void add_since(jm_json *j, int64_t since_ms)
{
    if (since_ms == 0) {
        jm_json_null(j, "since");
    } else {
        jm_json_int(j, "since", since_ms);
    }
}

static void add_vertex_name(jm_json *j, const jm_job *job, uint32_t vertex)
{
    char id[WSL_ID_TEXT_SIZE];
    jm_json_str(j, "vertex", wsl_id_text(&job->plan->vertices[vertex].id, id));
    jm_json_str(j, "name", job->plan->vertices[vertex].name);
}

static const char *operator_name(const jm_job *job, uint32_t operator_id)
{
    const wsl_job_graph *graph = job->plan->graph;
    return operator_id < graph->n_operators ? graph->operators[operator_id]->name : "";
}

/* ---- watermarks ---- */

static void add_split(jm_json *j, const char *key, const Wsl__Pb__SplitMetrics *s)
{
    jm_json_open(j, key, '{');
    jm_json_str(j, "name", s->name);
    add_time(j, "watermark", s->watermark);
    add_since(j, s->since_ms);
    jm_json_bool(j, "idle", s->idle);
    jm_json_bool(j, "paused", s->paused);
    jm_json_close(j);
}

static void add_generator(jm_json *j, const jm_job *job, const Wsl__Pb__GeneratorMetrics *g)
{
    jm_json_open(j, NULL, '{');
    jm_json_uint(j, "operator", g->operator_);
    jm_json_str(j, "name", operator_name(job, g->operator_));
    jm_json_bool(j, "at-source", g->at_source);
    add_time(j, "watermark", g->watermark);
    add_since(j, g->since_ms);
    jm_json_bool(j, "idle", g->idle);
    if (g->limit == INT64_MAX) {
        jm_json_null(j, "alignment-limit");
    } else {
        jm_json_int(j, "alignment-limit", g->limit);
    }
    jm_json_uint(j, "splits-being-read", g->reading);
    jm_json_open(j, "splits", '[');
    for (size_t i = 0; i < g->n_splits; i++) {
        add_split(j, NULL, g->splits[i]);
    }
    jm_json_close(j);
    jm_json_close(j);
}

/* Is it among the INPUTS_SHOWN furthest behind? */
static bool is_shown(const Wsl__Pb__TaskMetrics *m, size_t input)
{
    size_t before = 0;
    for (size_t i = 0; i < m->n_inputs && before < INPUTS_SHOWN; i++) {
        const int64_t other = m->inputs[i]->watermark;
        before += other < m->inputs[input]->watermark || (other == m->inputs[input]->watermark && i < input);
    }
    return before < INPUTS_SHOWN;
}

static void add_input(jm_json *j, const jm_job *job, const Wsl__Pb__ChannelMetrics *c)
{
    const Wsl__Pb__Edge *edge = job->plan->graph->edges[c->edge];
    jm_json_open(j, NULL, '{');
    jm_json_uint(j, "input", edge->input);
    add_vertex_name(j, job, job->plan->vertex_of[edge->from]);
    jm_json_uint(j, "subtask", c->peer_subtask);
    add_time(j, "watermark", c->watermark);
    add_since(j, c->since_ms);
    jm_json_bool(j, "idle", c->idle);
    jm_json_bool(j, "ended", c->ended);
    jm_json_bool(j, "catching-up", c->catching_up);
    jm_json_uint(j, "buffers-waiting", c->queue);
    jm_json_close(j);
}

static void add_subtask(jm_json *j, const jm_job *job, const jm_subtask *t, uint32_t index)
{
    const Wsl__Pb__TaskMetrics *m = t->metrics.last;
    jm_json_open(j, NULL, '{');
    jm_json_uint(j, "subtask", index);
    jm_json_str(j, "status", jm_task_state_name(t->state));
    add_time(j, "input-watermark", m->input_watermark);
    add_time(j, "output-watermark", m->output_watermark);
    jm_json_open(j, "inputs", '[');
    for (size_t i = 0; i < m->n_inputs; i++) {
        if (m->inputs[i]->edge < job->plan->graph->n_edges && is_shown(m, i)) {
            add_input(j, job, m->inputs[i]);
        }
    }
    jm_json_close(j);
    jm_json_open(j, "strategies", '[');
    for (size_t i = 0; i < m->n_generators; i++) {
        add_generator(j, job, m->generators[i]);
    }
    jm_json_close(j);
    jm_json_close(j);
}

static void add_hold(jm_json *j, const jm_job *job, const jm_hold *h)
{
    jm_json_str(j, "reason", h->sentence);
    jm_json_open(j, "path", '[');
    for (uint32_t i = 0; i < h->n_hops; i++) {
        jm_json_open(j, NULL, '{');
        add_vertex_name(j, job, h->hops[i].vertex);
        jm_json_uint(j, "subtask", h->hops[i].subtask);
        add_time(j, "watermark", h->hops[i].watermark);
        add_since(j, h->hops[i].since_ms);
        jm_json_close(j);
    }
    jm_json_close(j);
    if (h->split != NULL) {
        add_split(j, "split", h->split);
    } else {
        jm_json_null(j, "split");
    }
}

static void add_vertex(jm_json *j, const jm_job *job, uint32_t vertex, int64_t now_ms)
{
    const jm_vertex *v = &job->graph.vertices[vertex];
    jm_hold hold;
    jm_watermark_hold(job, vertex, now_ms, &hold);
    jm_json_open(j, NULL, '{');
    add_vertex_name(j, job, vertex);
    jm_json_str(j, "status", jm_task_state_name(jm_vertex_state(v)));
    add_time(j, "watermark", hold.n_hops > 0 ? hold.hops[0].watermark : INT64_MIN);
    add_since(j, hold.n_hops > 0 ? hold.hops[0].since_ms : 0);
    add_hold(j, job, &hold);
    jm_json_open(j, "subtasks", '[');
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        if (v->subtasks[i].metrics.last != NULL) {
            add_subtask(j, job, &v->subtasks[i], i);
        }
    }
    jm_json_close(j);
    jm_json_close(j);
}

static void open_job(jm_json *j, const jm_rest *rest, const jm_job *job)
{
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "id", job->id_text);
    jm_json_str(j, "job", jm_job_name(job));
    jm_json_str(j, "state", jm_job_state_name(job->state));
    jm_json_int(j, "now", wsl_wall_ms(rest->jm->seams.clock));
}

void jm_h_wiesel_watermarks(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    open_job(&j, rest, job);
    jm_json_open(&j, "vertices", '[');
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        add_vertex(&j, job, v, wsl_wall_ms(rest->jm->seams.clock));
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- late rows ---- */

static void add_late_rows(jm_json *j, const jm_late_operator *op)
{
    const jm_late_row *row;
    jm_json_open(j, "samples", '[');
    for (uint32_t i = 0; op != NULL && (row = jm_late_row_at(op, i)) != NULL; i++) {
        jm_json_open(j, NULL, '{');
        jm_json_uint(j, "subtask", row->subtask);
        jm_json_str(j, "key", row->key);
        jm_json_int(j, "timestamp", row->timestamp);
        add_time(j, "watermark", row->watermark);
        jm_json_int(j, "lateness", row->lateness_ms);
        jm_json_str_or_null(j, "split", row->split[0] != '\0' ? row->split : NULL);
        jm_json_close(j);
    }
    jm_json_close(j);
}

static void add_late_operator(jm_json *j, const jm_job *job, uint32_t operator_id)
{
    const jm_late_operator *op = jm_late_find(&job->late, operator_id);
    jm_json_open(j, NULL, '{');
    jm_json_uint(j, "operator", operator_id);
    jm_json_str(j, "operator-name", operator_name(job, operator_id));
    add_vertex_name(j, job, job->plan->vertex_of[operator_id]);
    jm_json_uint(j, "count", op != NULL ? jm_late_count(op) : 0);
    add_late_rows(j, op);
    jm_json_close(j);
}

/* UINT32_MAX: the job has no operator of that name; the response says so. */
static uint32_t find_operator(const jm_job *job, const char *name, jm_response *response)
{
    for (uint32_t i = 0; i < job->plan->graph->n_operators; i++) {
        if (strcmp(job->plan->graph->operators[i]->name, name) == 0) {
            return i;
        }
    }
    jm_rest_error(response, 404, "Job %s has no operator '%.200s'.", job->id_text, name);
    return UINT32_MAX;
}

/* Operators that had late rows: of one vertex (UINT32_MAX: of all), or the one that ?operator=NAME asks for. */
static void late_answer(const jm_rest *rest, const jm_job *job, uint32_t vertex, const jm_request *request,
                        jm_response *response)
{
    const char *name = jm_request_query(request, "operator");
    const uint32_t only = name != NULL ? find_operator(job, name, response) : UINT32_MAX;
    if (name != NULL && only == UINT32_MAX) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    open_job(&j, rest, job);
    jm_json_open(&j, "operators", '[');
    for (uint32_t i = 0; i < job->plan->graph->n_operators; i++) {
        const bool of_vertex = vertex == UINT32_MAX || job->plan->vertex_of[i] == vertex;
        if (of_vertex && (name != NULL ? i == only : jm_late_find(&job->late, i) != NULL)) {
            add_late_operator(&j, job, i);
        }
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

void jm_h_wiesel_late(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job != NULL) {
        late_answer(rest, job, UINT32_MAX, request, response);
    }
}

void jm_h_vertex_late(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v != NULL) {
        late_answer(rest, job, (uint32_t)(v - job->graph.vertices), request, response);
    }
}
