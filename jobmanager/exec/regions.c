/* Union-find over the subtasks of a job; a region's number is that of its first subtask, counted without gaps. */
#include "jobmanager/exec/regions.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "jobmanager/exec/peers.h"

typedef struct forest {
    uint32_t *parent; /* by task */
    uint32_t *first;  /* by vertex: its first task */
} forest;

static uint32_t root_of(const forest *f, uint32_t task)
{
    while (f->parent[task] != task) {
        f->parent[task] = f->parent[f->parent[task]];
        task = f->parent[task];
    }
    return task;
}

/* The smaller one becomes the root, so roots are the first tasks of their regions. */
static void join(const forest *f, uint32_t a, uint32_t b)
{
    a = root_of(f, a);
    b = root_of(f, b);
    f->parent[a > b ? a : b] = a < b ? a : b;
}

static void join_edge(const forest *f, const wsl_job_plan *plan, const Wsl__Pb__Edge *edge)
{
    const uint32_t from = plan->vertex_of[edge->from], to = plan->vertex_of[edge->to];
    const uint32_t producers = plan->vertices[from].parallelism, consumers = plan->vertices[to].parallelism;
    if (from == to) {
        return; /* inside a chain */
    }
    for (uint32_t i = 0; i < producers; i++) {
        const jm_run run = jm_consumers_of(edge->partition, producers, consumers, i);
        for (uint32_t k = 0; k < run.n; k++) {
            join(f, f->first[from] + i, f->first[to] + run.first + k);
            if (run.n == consumers && i > 0) {
                break; /* the first producer has joined all consumers */
            }
        }
    }
}

void jm_regions_set(jm_exec_graph *graph, bool whole)
{
    const wsl_job_plan *plan = graph->plan;
    forest f = {
        .parent = wsl_calloc(graph->n_tasks, sizeof *f.parent),
        .first = wsl_calloc(plan->n_vertices, sizeof *f.first),
    };
    uint32_t n = 0;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        f.first[v] = n;
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++, n++) {
            f.parent[n] = whole ? 0 : n;
        }
    }
    for (size_t e = 0; e < plan->graph->n_edges && !whole; e++) {
        join_edge(&f, plan, plan->graph->edges[e]);
    }
    uint32_t *numbers = wsl_calloc(graph->n_tasks, sizeof *numbers); /* of roots */
    graph->n_regions = 0;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            const uint32_t task = f.first[v] + i, root = root_of(&f, task);
            if (root == task) {
                numbers[task] = graph->n_regions++;
            }
            graph->vertices[v].subtasks[i].region = numbers[root];
        }
    }
    free(numbers);
    free(f.parent);
    free(f.first);
}
