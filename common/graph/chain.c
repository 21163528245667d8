#include "graph/chain.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "data/key.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"

static const char default_slot_group[] = "default";

/* ---- settling what was left open ---- */

static wsl_status resolve_parallelism(const wsl_job_graph *graph, Wsl__Pb__Operator *op, uint32_t default_parallelism,
                                      wsl_error *err)
{
    if (op->parallelism == 0) {
        op->parallelism = graph->parallelism != 0 ? graph->parallelism : default_parallelism;
    }
    if (op->max_parallelism == 0) {
        op->max_parallelism =
            graph->max_parallelism != 0 ? graph->max_parallelism : wsl_default_max_parallelism(op->parallelism);
    }
    if (op->parallelism > op->max_parallelism) {
        return wsl_fail(err, WSL_INVALID,
                        "'%s' has parallelism %u but a maximum parallelism of %u; lower the first or raise the second",
                        op->name, op->parallelism, op->max_parallelism);
    }
    return WSL_OK;
}

/* Unstated: the group that all inputs share, else the default one. */
static void resolve_slot_group(const wsl_job_graph *graph, Wsl__Pb__Operator *op)
{
    const char *group = NULL;
    for (size_t e = 0; e < graph->n_edges && !wsl_pb_is_set(op->slot_group); e++) {
        if (graph->edges[e]->to == op->id) {
            const char *theirs = graph->operators[graph->edges[e]->from]->slot_group;
            group = group == NULL || strcmp(group, theirs) == 0 ? theirs : default_slot_group;
        }
    }
    if (!wsl_pb_is_set(op->slot_group)) {
        wsl_pb_set(&op->slot_group, group != NULL ? group : default_slot_group);
    }
}

static wsl_status resolve_partition(const wsl_job_graph *graph, Wsl__Pb__Edge *edge, wsl_error *err)
{
    const Wsl__Pb__Operator *from = graph->operators[edge->from];
    const Wsl__Pb__Operator *to = graph->operators[edge->to];
    const bool equal = from->parallelism == to->parallelism;
    if (edge->partition == WSL__PB__PARTITION__UNSTATED) {
        edge->partition = equal ? WSL__PB__PARTITION__FORWARD : WSL__PB__PARTITION__REBALANCE;
    }
    if (edge->partition == WSL__PB__PARTITION__FORWARD && !equal) {
        return wsl_fail(err, WSL_INVALID,
                        "'%s' (parallelism %u) is forwarded to '%s' (parallelism %u): forward needs equal parallelism; "
                        "set them equal, or use rebalance or rescale",
                        from->name, from->parallelism, to->name, to->parallelism);
    }
    return WSL_OK;
}

wsl_status wsl_graph_resolve(wsl_job_graph *graph, uint32_t default_parallelism, wsl_error *err)
{
    if (!wsl_pb_is_set(graph->name)) {
        wsl_pb_set(&graph->name, "Wiesel job");
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        WSL_TRY(resolve_parallelism(graph, graph->operators[i], default_parallelism, err));
        resolve_slot_group(graph, graph->operators[i]);
    }
    for (size_t e = 0; e < graph->n_edges; e++) {
        WSL_TRY(resolve_partition(graph, graph->edges[e], err));
    }
    return WSL_OK;
}

/* ---- cutting ---- */

/* What the cut works on: for each operator its number of input edges and the chained one among them. */
typedef struct cut {
    wsl_job_plan *plan;
    uint32_t *n_inputs;
    uint32_t *chained_by; /* edge, or NO_EDGE for heads */
} cut;

enum { NO_EDGE = WSL_GRAPH_EDGES_MAX };

/* A watermark strategy right behind a source is part of it: it judges the source's splits, and chaining or not must not
 * change what comes out. */
static bool is_time_of_source(const Wsl__Pb__Operator *from, const Wsl__Pb__Operator *to)
{
    return strcmp(from->kind, "source") == 0 && strcmp(to->kind, "watermarks") == 0;
}

static bool may_chain(const cut *c, const Wsl__Pb__Edge *edge)
{
    const wsl_job_graph *graph = c->plan->graph;
    const Wsl__Pb__Operator *from = graph->operators[edge->from];
    const Wsl__Pb__Operator *to = graph->operators[edge->to];
    return (graph->chaining || is_time_of_source(from, to)) && c->n_inputs[edge->to] == 1 && edge->partition == WSL__PB__PARTITION__FORWARD &&
           from->parallelism == to->parallelism && strcmp(from->slot_group, to->slot_group) == 0 &&
           from->chain != WSL__PB__CHAIN_POLICY__CHAIN_NEVER && to->chain == WSL__PB__CHAIN_POLICY__CHAIN_ALWAYS &&
           !to->blocking && !wsl_operator_kind_find(to->kind)->heads_chain;
}

static bool is_chained(const cut *c, const Wsl__Pb__Edge *edge) { return c->chained_by[edge->to] == edge->id; }

static void mark_edges(cut *c)
{
    const wsl_job_graph *graph = c->plan->graph;
    for (size_t i = 0; i < graph->n_operators; i++) {
        c->chained_by[i] = NO_EDGE;
    }
    for (size_t e = 0; e < graph->n_edges; e++) {
        c->n_inputs[graph->edges[e]->to]++;
    }
    for (size_t e = 0; e < graph->n_edges; e++) {
        if (may_chain(c, graph->edges[e])) {
            c->chained_by[graph->edges[e]->to] = graph->edges[e]->id;
        }
    }
}

static void add_vertex(cut *c, uint32_t head)
{
    wsl_job_plan *plan = c->plan;
    const Wsl__Pb__Operator *op = plan->graph->operators[head];
    plan->vertices[plan->n_vertices] = (wsl_vertex){
        .id = wsl_id_of_bytes(op->uid, strlen(op->uid)),
        .parallelism = op->parallelism,
        .max_parallelism = op->max_parallelism,
        .slot_group = op->slot_group,
    };
    plan->vertex_of[head] = plan->n_vertices++;
}

/* Sources first, then the others; each in graph order, which has producers before consumers. */
static void make_vertices(cut *c)
{
    const wsl_job_graph *graph = c->plan->graph;
    for (int sources = 1; sources >= 0; sources--) {
        for (uint32_t i = 0; i < graph->n_operators; i++) {
            if ((c->n_inputs[i] == 0) == (sources != 0) && c->chained_by[i] == NO_EDGE) {
                add_vertex(c, i);
            }
        }
    }
    for (uint32_t i = 0; i < graph->n_operators; i++) {
        if (c->chained_by[i] != NO_EDGE) {
            c->plan->vertex_of[i] = c->plan->vertex_of[graph->edges[c->chained_by[i]]->from];
        }
    }
}

static void push(uint32_t **list, uint32_t *n, uint32_t value)
{
    *list = wsl_realloc(*list, (*n + 1) * sizeof **list);
    (*list)[(*n)++] = value;
}

static void fill_vertices(cut *c)
{
    wsl_job_plan *plan = c->plan;
    for (uint32_t i = 0; i < plan->graph->n_operators; i++) {
        wsl_vertex *v = &plan->vertices[plan->vertex_of[i]];
        push(&v->operators, &v->n_operators, i);
    }
    for (uint32_t e = 0; e < plan->graph->n_edges; e++) {
        if (!is_chained(c, plan->graph->edges[e])) {
            wsl_vertex *from = &plan->vertices[plan->vertex_of[plan->graph->edges[e]->from]];
            wsl_vertex *to = &plan->vertices[plan->vertex_of[plan->graph->edges[e]->to]];
            push(&from->outputs, &from->n_outputs, e);
            push(&to->inputs, &to->n_inputs, e);
        }
    }
}

/* "a -> b -> c", with branches "a -> (b, c -> d)". */
static void name_from(const cut *c, uint32_t op, wsl_strbuf *out)
{
    const wsl_job_graph *graph = c->plan->graph;
    const wsl_operator_kind *kind = wsl_operator_kind_find(graph->operators[op]->kind);
    uint32_t n = 0;
    for (uint32_t i = op + 1; i < graph->n_operators; i++) {
        n += c->chained_by[i] != NO_EDGE && graph->edges[c->chained_by[i]]->from == op;
    }
    wsl_strbuf_printf(out, "%s%s%s", kind != NULL ? kind->label : "", graph->operators[op]->name,
                      n == 0  ? ""
                      : n > 1 ? " -> ("
                              : " -> ");
    uint32_t named = 0;
    for (uint32_t i = op + 1; i < graph->n_operators && named < n; i++) {
        if (c->chained_by[i] != NO_EDGE && graph->edges[c->chained_by[i]]->from == op) {
            wsl_strbuf_puts(out, named++ > 0 ? ", " : "");
            name_from(c, i, out);
        }
    }
    wsl_strbuf_puts(out, n > 1 ? ")" : "");
}

/* Sum over slot groups of the largest parallelism. */
static uint32_t count_slots(const wsl_job_plan *plan)
{
    uint32_t slots = 0;
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        uint32_t most = 0;
        bool first = true;
        for (uint32_t j = 0; j < plan->n_vertices; j++) {
            if (strcmp(plan->vertices[i].slot_group, plan->vertices[j].slot_group) == 0) {
                first = first && j >= i;
                most = plan->vertices[j].parallelism > most ? plan->vertices[j].parallelism : most;
            }
        }
        slots += first ? most : 0;
    }
    return slots;
}

void wsl_plan_cut(wsl_job_plan *plan)
{
    const size_t n = plan->graph->n_operators;
    cut c = {
        .plan = plan,
        .n_inputs = wsl_calloc(n, sizeof *c.n_inputs),
        .chained_by = wsl_calloc(n, sizeof *c.chained_by),
    };
    plan->vertices = wsl_calloc(n, sizeof *plan->vertices);
    plan->vertex_of = wsl_calloc(n, sizeof *plan->vertex_of);
    mark_edges(&c);
    make_vertices(&c);
    fill_vertices(&c);
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        wsl_strbuf name;
        wsl_strbuf_init(&name);
        name_from(&c, plan->vertices[v].operators[0], &name);
        plan->vertices[v].name = wsl_strbuf_take(&name);
    }
    plan->slots_needed = count_slots(plan);
    free(c.n_inputs);
    free(c.chained_by);
}
