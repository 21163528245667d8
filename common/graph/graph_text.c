#include "graph/graph_text.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "graph/operator_kind.h"

const char *wsl_partition_text(Wsl__Pb__Partition partition)
{
    static const char *const names[] = {"FORWARD",   "HASH",   "REBALANCE", "RESCALE", "SHUFFLE",
                                        "BROADCAST", "GLOBAL", "CUSTOM",    "UNSTATED"};
    return (size_t)partition < sizeof names / sizeof names[0] ? names[partition] : "UNKNOWN";
}

/* The edge by which operator `op` is called inside its vertex: heads have none. */
static const Wsl__Pb__Edge *chained_edge(const wsl_job_plan *plan, uint32_t op)
{
    for (size_t e = 0; e < plan->graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = plan->graph->edges[e];
        if (edge->to == op && plan->vertex_of[edge->from] == plan->vertex_of[op]) {
            return edge;
        }
    }
    return NULL;
}

/* ---- for tools ---- */

static void add_html(wsl_strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            wsl_strbuf_puts(out, "&lt;");
            break;
        case '>':
            wsl_strbuf_puts(out, "&gt;");
            break;
        case '&':
            wsl_strbuf_puts(out, "&amp;");
            break;
        default:
            wsl_strbuf_putc(out, *text);
        }
    }
}

/* "name<br/>+- chained<br/>   +- chained to that<br/>". */
static void describe(const wsl_job_plan *plan, uint32_t op, uint32_t depth, wsl_strbuf *out)
{
    const Wsl__Pb__Operator *desc = plan->graph->operators[op];
    const wsl_operator_kind *kind = wsl_operator_kind_find(desc->kind);
    if (depth > 0) {
        wsl_strbuf_printf(out, "%*s+- ", (int)(3 * (depth - 1)), "");
    }
    add_html(out, kind != NULL ? kind->label : "");
    add_html(out, desc->name);
    wsl_strbuf_puts(out, "<br/>");
    const wsl_vertex *v = &plan->vertices[plan->vertex_of[op]];
    for (uint32_t i = 0; i < v->n_operators; i++) {
        const Wsl__Pb__Edge *edge = chained_edge(plan, v->operators[i]);
        if (edge != NULL && edge->from == op) {
            describe(plan, v->operators[i], depth + 1, out);
        }
    }
}

static json_t *inputs_json(const wsl_job_plan *plan, const wsl_vertex *v)
{
    json_t *inputs = json_array();
    for (uint32_t i = 0; i < v->n_inputs; i++) {
        const Wsl__Pb__Edge *edge = plan->graph->edges[v->inputs[i]];
        char id[WSL_ID_TEXT_SIZE];
        (void)json_array_append_new(inputs, json_pack("{s:i, s:s, s:s, s:s}", "num", (int)i, "id",
                                                      wsl_id_text(&plan->vertices[plan->vertex_of[edge->from]].id, id),
                                                      "ship_strategy", wsl_partition_text(edge->partition), "exchange",
                                                      "pipelined_bounded"));
    }
    return inputs;
}

static json_t *node_json(const wsl_job_plan *plan, const wsl_vertex *v)
{
    wsl_strbuf description;
    char id[WSL_ID_TEXT_SIZE];
    wsl_strbuf_init(&description);
    describe(plan, v->operators[0], 0, &description);
    json_t *node =
        json_pack("{s:s, s:i, s:s, s:s, s:s, s:{}}", "id", wsl_id_text(&v->id, id), "parallelism", (int)v->parallelism,
                  "operator", "", "operator_strategy", "", "description", description.data, "optimizer_properties");
    if (v->n_inputs > 0) {
        (void)json_object_set_new(node, "inputs", inputs_json(plan, v));
    }
    wsl_strbuf_fini(&description);
    return node;
}

json_t *wsl_job_plan_json(const wsl_job_plan *plan, const char *jid)
{
    json_t *nodes = json_array();
    for (uint32_t i = plan->n_vertices; i-- > 0;) { /* vertices have sources first, nodes have them last */
        (void)json_array_append_new(nodes, node_json(plan, &plan->vertices[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "jid", jid, "name", plan->graph->name, "type", "STREAMING", "nodes",
                     nodes);
}

/* ---- for people ---- */

static void add_input(const wsl_job_plan *plan, uint32_t edge_id, wsl_strbuf *out)
{
    const Wsl__Pb__Edge *edge = plan->graph->edges[edge_id];
    wsl_strbuf_printf(out, "       <- %u %s", plan->vertex_of[edge->from] + 1, wsl_partition_text(edge->partition));
    for (size_t k = 0; k < edge->n_keys; k++) {
        wsl_strbuf_printf(out, "%s%s", k == 0 ? " by " : ", ", edge->keys[k]);
    }
    if (edge->side[0] != '\0') {
        wsl_strbuf_printf(out, " (side output %s)", edge->side);
    }
    wsl_strbuf_puts(out, edge->input == 1 ? " (second input)\n" : "\n");
}

static void add_operator(const wsl_job_plan *plan, uint32_t op, wsl_strbuf *out)
{
    char text[512];
    const Wsl__Pb__Operator *desc = plan->graph->operators[op];
    wsl_strbuf_printf(out, "       %s", desc->name);
    if (plan->schemas[op] != NULL) {
        (void)wsl_schema_text(plan->schemas[op], text, sizeof text);
        wsl_strbuf_printf(out, ": (%s)", text);
    }
    wsl_strbuf_printf(out, "  [%s%s%s, uid %s]\n", desc->kind, desc->connector[0] != '\0' ? " " : "", desc->connector,
                      desc->uid);
}

char *wsl_job_plan_text(const wsl_job_plan *plan)
{
    wsl_strbuf out;
    uint32_t subtasks = 0;
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        subtasks += plan->vertices[i].parallelism;
    }
    wsl_strbuf_init(&out);
    wsl_strbuf_printf(&out, "Job '%s': %u %s, %u %s, needs %u %s\n", plan->graph->name, plan->n_vertices,
                      plan->n_vertices == 1 ? "vertex" : "vertices", subtasks, subtasks == 1 ? "subtask" : "subtasks",
                      plan->slots_needed, plan->slots_needed == 1 ? "slot" : "slots");
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        const wsl_vertex *v = &plan->vertices[i];
        wsl_strbuf_printf(&out, "\n%4u   %s\n       parallelism %u (at most %u), slot group %s\n", i + 1, v->name,
                          v->parallelism, v->max_parallelism, v->slot_group);
        for (uint32_t e = 0; e < v->n_inputs; e++) {
            add_input(plan, v->inputs[e], &out);
        }
        for (uint32_t o = 0; o < v->n_operators; o++) {
            add_operator(plan, v->operators[o], &out);
        }
    }
    return wsl_strbuf_take(&out);
}
