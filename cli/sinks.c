#include "cli/sinks.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void cli_sinks_fini(cli_sinks *sinks)
{
    for (uint32_t i = 0; i < sinks->n; i++) {
        wsl_format_free(sinks->sinks[i].format);
        wsl_schema_free(sinks->sinks[i].schema);
        free(sinks->sinks[i].name);
    }
    free(sinks->sinks);
    *sinks = (cli_sinks){0};
}

bool cli_sinks_ended(const cli_sinks *sinks)
{
    for (uint32_t i = 0; i < sinks->n; i++) {
        if (!sinks->sinks[i].ended) {
            return false;
        }
    }
    return true;
}

static bool is_collect(const Wsl__Pb__Operator *op)
{
    return strcmp(op->kind, "sink") == 0 && strcmp(op->connector, "collect") == 0;
}

/* The rows of an edge: the producer's, or those of one of its side outputs. */
static const Wsl__Pb__Schema *edge_schema(const wsl_job_graph *graph, const Wsl__Pb__Edge *edge)
{
    const Wsl__Pb__Operator *from = graph->operators[edge->from];

    if (edge->side == NULL || edge->side[0] == '\0') {
        return from->output;
    }
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, edge->side) == 0) {
            return from->sides[i]->schema;
        }
    }
    return NULL;
}

static wsl_status add_sink(cli_sinks *sinks, const wsl_job_graph *graph, const Wsl__Pb__Operator *op, wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_format_options};
    const Wsl__Pb__Schema *pb = NULL;

    for (size_t i = 0; i < graph->n_edges && pb == NULL; i++) {
        pb = graph->edges[i]->to == op->id ? edge_schema(graph, graph->edges[i]) : NULL;
    }
    if (pb == NULL) {
        return wsl_fail(err, WSL_INTERNAL, "the rows of collect sink '%s' have no schema", op->name);
    }
    sinks->sinks = wsl_realloc(sinks->sinks, (sinks->n + 1) * sizeof *sinks->sinks);
    cli_sink *sink = &sinks->sinks[sinks->n++];
    *sink = (cli_sink){.operator_id = op->id, .name = wsl_strdup(op->name)};
    WSL_TRY(wsl_schema_from_pb(pb, &sink->schema, err));
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    return wsl_format_new("json", sink->schema, config, &sink->format, err);
}

wsl_status cli_sinks_init(cli_sinks *sinks, const wsl_job_graph *graph, uint32_t default_parallelism, wsl_error *err)
{
    WSL_AUTO(wsl_job_graph) copy = NULL;
    WSL_AUTO(wsl_job_plan) plan = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;

    *sinks = (cli_sinks){0};
    wsl_job_graph_encode(graph, &bytes, &size);
    const wsl_status status = wsl_job_graph_decode(bytes, size, &copy, err);
    free(bytes);
    WSL_TRY(status);
    WSL_TRY(wsl_job_plan_new(copy, default_parallelism, &plan, err));
    copy = NULL; /* the plan's */
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        if (is_collect(plan->graph->operators[i])) {
            WSL_TRY(add_sink(sinks, plan->graph, plan->graph->operators[i], err));
        }
    }
    return WSL_OK;
}

void cli_sinks_put_row(const cli_sinks *sinks, const cli_sink *sink, const wsl_row *row, wsl_strbuf *out)
{
    if (sinks->n == 1) {
        wsl_format_encode(sink->format, row, out);
        return;
    }
    wsl_strbuf_putc(out, '{');
    wsl_strbuf_json(out, sink->name, strlen(sink->name));
    wsl_strbuf_putc(out, ':');
    wsl_format_encode(sink->format, row, out);
    if (out->size > 0 && out->data[out->size - 1] == '\n') {
        out->data[--out->size] = '\0';
    }
    wsl_strbuf_puts(out, "}\n");
}
