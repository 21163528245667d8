#include "graph/job_graph.h"

#include "base/alloc.h"
#include "data/pb_check.h"
#include "graph/chain.h"
#include "graph/graph_check.h"
#include "graph/job_options.h"
#include "graph/pb.h"

enum {
    GRAPH_DEPTH_MAX = 64,        /* graph, operator, schema, field, type, and types in types */
    GRAPH_MEMBERS_MAX = 1 << 20, /* fields of all messages: what WSL_GRAPH_BYTES_MAX of honest graph holds, and more */
};

void wsl_job_graph_free(wsl_job_graph *graph)
{
    if (graph != NULL) {
        wsl__pb__job_graph__free_unpacked(graph, NULL);
    }
}

wsl_status wsl_job_graph_decode(const void *bytes, size_t size, wsl_job_graph **out_graph, wsl_error *err)
{
    static const wsl_pb_limits limits = {.depth = GRAPH_DEPTH_MAX, .members = GRAPH_MEMBERS_MAX};
    if (size > WSL_GRAPH_BYTES_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "a job graph of %zu bytes is larger than the %d allowed", size,
                        WSL_GRAPH_BYTES_MAX);
    }
    WSL_TRY(wsl_pb_check(&wsl__pb__job_graph__descriptor, bytes, size, &limits, err));
    wsl_job_graph *graph = wsl__pb__job_graph__unpack(NULL, size, bytes);
    if (graph == NULL) {
        return wsl_fail(err, WSL_FORMAT, "the bytes are not a job graph");
    }
    *out_graph = graph;
    return WSL_OK;
}

void wsl_job_graph_encode(const wsl_job_graph *graph, uint8_t **out_bytes, size_t *out_size)
{
    const size_t size = wsl__pb__job_graph__get_packed_size(graph);
    uint8_t *bytes = wsl_alloc(size + 1);
    *out_size = wsl__pb__job_graph__pack(graph, bytes);
    *out_bytes = bytes;
}

/* ---- the plan ---- */

void wsl_job_plan_free(wsl_job_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        free(plan->vertices[i].name);
        free(plan->vertices[i].operators);
        free(plan->vertices[i].inputs);
        free(plan->vertices[i].outputs);
    }
    wsl_schemas_free(plan->schemas, plan->graph->n_operators);
    free(plan->vertices);
    free(plan->vertex_of);
    wsl_job_graph_free(plan->graph);
    free(plan);
}

/* What the job's configuration says of the graph as a whole goes before what its code said, but -p before
 * parallelism.default. */
static wsl_status apply_config(wsl_job_graph *graph, uint32_t *default_parallelism, wsl_error *err)
{
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_job_config_new(graph, &config, err));
    if (wsl_config_is_set(config, "pipeline.name")) {
        wsl_pb_set(&graph->name, wsl_config_str(config, "pipeline.name"));
    }
    if (wsl_config_is_set(config, "pipeline.operator-chaining.enabled")) {
        graph->chaining = wsl_config_bool(config, "pipeline.operator-chaining.enabled");
    }
    if (wsl_config_is_set(config, "pipeline.max-parallelism")) {
        graph->max_parallelism = (uint32_t)wsl_config_int(config, "pipeline.max-parallelism");
    }
    if (wsl_config_is_set(config, "parallelism.default")) {
        *default_parallelism = (uint32_t)wsl_config_int(config, "parallelism.default");
    }
    return WSL_OK;
}

static wsl_status build(wsl_job_plan *plan, uint32_t default_parallelism, wsl_error *err)
{
    wsl_job_graph *graph = plan->graph;
    WSL_TRY(apply_config(graph, &default_parallelism, err));
    WSL_TRY(wsl_graph_check_shape(graph, err));
    plan->schemas = wsl_schemas_new(graph->n_operators);
    WSL_TRY(wsl_graph_check_types(graph, NULL, plan->schemas, err));
    WSL_TRY(wsl_graph_resolve_uids(graph, err));
    WSL_TRY(wsl_graph_resolve(graph, default_parallelism, err));
    wsl_plan_cut(plan);
    return WSL_OK;
}

/* Works on a copy, so that a refused graph goes back to its owner as it was. */
wsl_status wsl_job_plan_new(wsl_job_graph *graph, uint32_t default_parallelism, wsl_job_plan **out_plan, wsl_error *err)
{
    if (default_parallelism < 1 || default_parallelism > WSL_PARALLELISM_MAX) {
        return wsl_fail(err, WSL_INVALID, "the default parallelism is %u; it must be 1 to %d", default_parallelism,
                        WSL_PARALLELISM_MAX);
    }
    WSL_AUTO(wsl_job_plan) plan = wsl_zalloc(sizeof *plan);
    plan->graph = (wsl_job_graph *)wsl_pb_copy(&graph->base);
    WSL_TRY(build(plan, default_parallelism, err));
    wsl_job_graph_free(graph);
    *out_plan = WSL_TAKE(plan);
    return WSL_OK;
}
