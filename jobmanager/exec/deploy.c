#include "jobmanager/exec/deploy.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/exec/peers.h"
#include "net/control.h"

static void *block(jm_deployment *d, size_t n, size_t size)
{
    d->blocks = wsl_realloc(d->blocks, (d->n_blocks + 1) * sizeof *d->blocks);
    void *p = wsl_calloc(n == 0 ? 1 : n, size);
    d->blocks[d->n_blocks++] = p;
    return p;
}

void jm_deployment_fini(jm_deployment *d)
{
    for (uint32_t i = 0; i < d->n_blocks; i++) {
        free(d->blocks[i]);
    }
    free(d->blocks);
    *d = (jm_deployment){0};
}

Wsl__Pb__Schema *jm_edge_schema(const wsl_job_plan *plan, const Wsl__Pb__Edge *edge)
{
    const Wsl__Pb__Operator *from = plan->graph->operators[edge->from];
    if (edge->side[0] == '\0') {
        return from->output;
    }
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, edge->side) == 0) {
            return from->sides[i]->schema;
        }
    }
    return NULL;
}

/* Processes of one host talk through the faster address if both have one. */
static char *address_for(const jm_worker *to, const jm_worker *from)
{
    const bool same_host = to->info->host_id[0] != '\0' && strcmp(to->info->host_id, from->info->host_id) == 0;
    const bool local = to->info->data_address_local[0] != '\0' && from->info->data_address_local[0] != '\0';
    return same_host && local ? to->info->data_address_local : to->info->data_address;
}

/* The subtasks `run` of vertex v as seen from `me`; false if one of them runs on a worker that is gone. */
static bool peers_of(jm_deployment *d, const jm_deploy_scene *s, uint32_t v, jm_run run, const jm_worker *me,
                     Wsl__Pb__Peer ***out_peers)
{
    Wsl__Pb__Peer **list = block(d, run.n, sizeof *list);
    Wsl__Pb__Peer *peers = block(d, run.n, sizeof *peers);
    for (uint32_t i = 0; i < run.n; i++) {
        const jm_slot slot = s->slots[s->graph->vertices[v].subtasks[run.first + i].slot];
        const jm_worker *w = jm_workers_by_number(s->workers, slot.worker);
        if (w == NULL) {
            return false;
        }
        wsl__pb__peer__init(&peers[i]);
        peers[i].subtask = run.first + i;
        peers[i].tm_id = w->info->tm_id;
        peers[i].incarnation = w->info->incarnation;
        peers[i].data_address = address_for(w, me);
        peers[i].slot = slot.index;
        list[i] = &peers[i];
    }
    *out_peers = list;
    return true;
}

static bool add_inputs(jm_deployment *d, const jm_deploy_scene *s, const wsl_vertex *v, uint32_t subtask,
                       const jm_worker *me)
{
    const wsl_job_plan *plan = s->graph->plan;
    Wsl__Pb__InputGate **list = block(d, v->n_inputs, sizeof *list);
    Wsl__Pb__InputGate *gates = block(d, v->n_inputs, sizeof *gates);
    d->message.inputs = list;
    for (uint32_t i = 0; i < v->n_inputs; i++) {
        Wsl__Pb__Edge *edge = plan->graph->edges[v->inputs[i]];
        const uint32_t from = plan->vertex_of[edge->from];
        const jm_run run = jm_producers_of(edge->partition, plan->vertices[from].parallelism, v->parallelism, subtask);
        wsl__pb__input_gate__init(&gates[i]);
        gates[i].edge = edge;
        gates[i].n_producers = run.n;
        gates[i].schema = jm_edge_schema(plan, edge);
        if (!peers_of(d, s, from, run, me, &gates[i].producers)) {
            return false;
        }
        if (edge->input == 0) {
            d->message.input_schema = gates[i].schema;
            d->message.n_keys = edge->n_keys;
            d->message.keys = edge->keys;
        } else {
            d->message.input_schema_1 = gates[i].schema;
            d->message.n_keys_1 = edge->n_keys;
            d->message.keys_1 = edge->keys;
        }
        list[d->message.n_inputs++] = &gates[i];
    }
    return true;
}

static bool add_outputs(jm_deployment *d, const jm_deploy_scene *s, const wsl_vertex *v, uint32_t subtask,
                        const jm_worker *me)
{
    const wsl_job_plan *plan = s->graph->plan;
    Wsl__Pb__OutputEdge **list = block(d, v->n_outputs, sizeof *list);
    Wsl__Pb__OutputEdge *outputs = block(d, v->n_outputs, sizeof *outputs);
    d->message.outputs = list;
    for (uint32_t i = 0; i < v->n_outputs; i++) {
        Wsl__Pb__Edge *edge = plan->graph->edges[v->outputs[i]];
        const uint32_t to = plan->vertex_of[edge->to];
        const jm_run run = jm_consumers_of(edge->partition, v->parallelism, plan->vertices[to].parallelism, subtask);
        wsl__pb__output_edge__init(&outputs[i]);
        outputs[i].edge = edge;
        outputs[i].n_consumers = run.n;
        outputs[i].max_parallelism = plan->vertices[to].max_parallelism;
        if (!peers_of(d, s, to, run, me, &outputs[i].consumers)) {
            return false;
        }
        list[d->message.n_outputs++] = &outputs[i];
    }
    return true;
}

static bool in_chain(const wsl_vertex *v, uint32_t op)
{
    for (uint32_t i = 0; i < v->n_operators; i++) {
        if (v->operators[i] == op) {
            return true;
        }
    }
    return false;
}

/* An edge inside the chain: both ends in it, and not one that enters or leaves the vertex. */
static bool is_chained(const wsl_vertex *v, const Wsl__Pb__Edge *edge)
{
    if (!in_chain(v, edge->from) || !in_chain(v, edge->to)) {
        return false;
    }
    for (uint32_t i = 0; i < v->n_inputs; i++) {
        if (v->inputs[i] == edge->id) {
            return false;
        }
    }
    return true;
}

static void add_chain(jm_deployment *d, const wsl_job_plan *plan, const wsl_vertex *v)
{
    Wsl__Pb__Operator **operators = block(d, v->n_operators, sizeof *operators);
    for (uint32_t i = 0; i < v->n_operators; i++) {
        operators[i] = plan->graph->operators[v->operators[i]];
    }
    d->message.operators = operators;
    d->message.n_operators = v->n_operators;

    Wsl__Pb__Edge **edges = block(d, plan->graph->n_edges, sizeof *edges);
    d->message.chained_edges = edges;
    for (size_t i = 0; i < plan->graph->n_edges; i++) {
        if (is_chained(v, plan->graph->edges[i])) {
            edges[d->message.n_chained_edges++] = plan->graph->edges[i];
        }
    }
}

bool jm_deployment_init(jm_deployment *d, const jm_deploy_scene *scene, uint32_t vertex, uint32_t subtask)
{
    const wsl_job_plan *plan = scene->graph->plan;
    const wsl_vertex *v = &plan->vertices[vertex];
    const jm_slot slot = scene->slots[scene->graph->vertices[vertex].subtasks[subtask].slot];
    const jm_worker *me = jm_workers_by_number(scene->workers, slot.worker);
    *d = (jm_deployment){0};
    if (me == NULL) {
        return false;
    }
    wsl_pb_task_id_init(&d->task, scene->job, vertex, subtask, scene->attempt);
    Wsl__Pb__DeployTask *m = &d->message;
    wsl__pb__deploy_task__init(m);
    m->task = &d->task;
    m->job_name = wsl_pb_text(scene->job_name);
    m->vertex_name = v->name;
    m->parallelism = v->parallelism;
    m->max_parallelism = v->max_parallelism;
    m->slot = slot.index;
    m->artifact = plan->graph->artifact;
    m->job_config = plan->graph->config;
    m->n_job_config = plan->graph->n_config;
    add_chain(d, plan, v);
    if (!add_inputs(d, scene, v, subtask, me) || !add_outputs(d, scene, v, subtask, me)) {
        jm_deployment_fini(d);
        return false;
    }
    return true;
}
