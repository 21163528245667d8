#include "jobmanager/exec/exec_graph.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static void init_vertex(jm_vertex *v, const wsl_vertex *plan, int64_t now_ms)
{
    *v = (jm_vertex){.plan = plan, .subtasks = wsl_calloc(plan->parallelism, sizeof *v->subtasks)};
    v->in_state[JM_TASK_CREATED] = plan->parallelism;
    for (uint32_t i = 0; i < plan->parallelism; i++) {
        v->subtasks[i].entered_ms[JM_TASK_CREATED] = now_ms;
        jm_task_metrics_begin(&v->subtasks[i].metrics, 0);
    }
}

void jm_exec_graph_init(jm_exec_graph *graph, const wsl_job_plan *plan, int64_t now_ms)
{
    *graph = (jm_exec_graph){.plan = plan, .vertices = wsl_calloc(plan->n_vertices, sizeof *graph->vertices)};
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        init_vertex(&graph->vertices[i], &plan->vertices[i], now_ms);
        graph->n_tasks += plan->vertices[i].parallelism;
    }
    graph->n_live = graph->n_tasks;
    graph->n_regions = 1;
}

void jm_exec_graph_fini(jm_exec_graph *graph)
{
    for (uint32_t v = 0; graph->plan != NULL && v < graph->plan->n_vertices; v++) {
        jm_vertex *vertex = &graph->vertices[v];
        for (uint32_t i = 0; i < vertex->plan->parallelism; i++) {
            jm_task_metrics_fini(&vertex->subtasks[i].metrics);
            free(vertex->subtasks[i].tm_id);
            free(vertex->subtasks[i].endpoint);
        }
        free(vertex->subtasks);
    }
    free(graph->vertices);
    *graph = (jm_exec_graph){0};
}

jm_subtask *jm_exec_graph_find(const jm_exec_graph *graph, uint32_t vertex, uint32_t subtask)
{
    if (vertex >= graph->plan->n_vertices || subtask >= graph->plan->vertices[vertex].parallelism) {
        return NULL;
    }
    return &graph->vertices[vertex].subtasks[subtask];
}

bool jm_exec_graph_move(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, jm_task_event event, int64_t now_ms)
{
    jm_vertex *v = &graph->vertices[vertex];
    jm_subtask *t = &v->subtasks[subtask];
    jm_task_state next;
    if (!jm_task_next(t->state, event, &next)) {
        return false;
    }
    if (next == t->state) {
        return true;
    }
    WSL_ASSERT(!jm_task_state_is_final(t->state));
    v->in_state[t->state]--;
    v->in_state[next]++;
    t->state = next;
    t->entered_ms[next] = now_ms;
    if (jm_task_state_is_final(next)) {
        graph->n_live--;
        jm_task_metrics_end(&t->metrics);
    }
    return true;
}

void jm_exec_graph_reset(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, int64_t now_ms)
{
    jm_vertex *v = &graph->vertices[vertex];
    jm_subtask *t = &v->subtasks[subtask];
    WSL_ASSERT(jm_task_state_is_final(t->state));
    v->in_state[t->state]--;
    v->in_state[JM_TASK_CREATED]++;
    graph->n_live++;
    t->state = JM_TASK_CREATED;
    memset(t->entered_ms, 0, sizeof t->entered_ms);
    t->entered_ms[JM_TASK_CREATED] = now_ms;
    jm_task_metrics_fini(&t->metrics);
    jm_task_metrics_begin(&t->metrics, 0);
}

void jm_exec_graph_recall(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, jm_task_state state)
{
    jm_vertex *v = &graph->vertices[vertex];
    jm_subtask *t = &v->subtasks[subtask];
    WSL_ASSERT(t->state == JM_TASK_CREATED && jm_task_state_is_final(state));
    v->in_state[t->state]--;
    v->in_state[state]++;
    t->state = state;
    graph->n_live--;
}

jm_task_state jm_vertex_state(const jm_vertex *v)
{
    static const jm_task_state worst_first[] = {JM_TASK_FAILED, JM_TASK_CANCELING, JM_TASK_CANCELED,
                                                JM_TASK_INITIALIZING, JM_TASK_RUNNING};
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(worst_first); i++) {
        if (v->in_state[worst_first[i]] > 0) {
            return worst_first[i];
        }
    }
    if (v->in_state[JM_TASK_FINISHED] > 0) {
        return v->in_state[JM_TASK_FINISHED] == v->plan->parallelism ? JM_TASK_FINISHED : JM_TASK_RUNNING;
    }
    return JM_TASK_CREATED; /* scheduled and deploying ones as well, as in Flink */
}

int64_t jm_subtask_start_ms(const jm_subtask *t)
{
    return t->entered_ms[JM_TASK_DEPLOYING] == 0 ? -1 : t->entered_ms[JM_TASK_DEPLOYING];
}

int64_t jm_subtask_end_ms(const jm_subtask *t)
{
    return jm_task_state_is_final(t->state) ? t->entered_ms[t->state] : -1;
}

int64_t jm_vertex_start_ms(const jm_vertex *v)
{
    int64_t first = -1;
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const int64_t start = jm_subtask_start_ms(&v->subtasks[i]);
        if (start != -1 && (first == -1 || start < first)) {
            first = start;
        }
    }
    return first;
}

int64_t jm_vertex_end_ms(const jm_vertex *v)
{
    int64_t last = -1;
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const int64_t end = jm_subtask_end_ms(&v->subtasks[i]);
        if (end == -1) {
            return -1;
        }
        last = end > last ? end : last;
    }
    return last;
}

void jm_task_name(const jm_vertex *v, uint32_t subtask, char *out, uint32_t size)
{
    (void)snprintf(out, size, "%s (%u/%u)", v->plan->name, subtask + 1, v->plan->parallelism);
}
