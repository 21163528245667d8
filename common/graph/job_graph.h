/*
 * job_graph - what a job is, checked, and how its operators are cut into vertices.
 *
 * The in-memory model is the generated protobuf struct (Wsl__Pb__JobGraph); it comes from the C API (common/api), from
 * JSON (graph_json.h) or from bytes. wsl_job_plan_new validates it whole (limits, ids, types, partitioners, uids) and
 * cuts it into chains by the rules of Flink: one input edge, forward, equal parallelism, same slot group, both policies
 * allow, chaining enabled. A vertex is a chain: what one subtask runs. Vertices are numbered sources first.
 *
 * Threads: any; a plan does not change.
 */
#pragma once
#include <wiesel/status.h>
#include <wiesel/type.h>

#include "base/id.h"
#include "job_graph.pb-c.h"

enum {
    WSL_GRAPH_OPERATORS_MAX = 1000,
    WSL_GRAPH_EDGES_MAX = 4000,
    WSL_GRAPH_BYTES_MAX = 4 << 20,
    WSL_PARALLELISM_MAX = 4096,
    WSL_GRAPH_NAME_MAX = 1000,
};

typedef Wsl__Pb__JobGraph wsl_job_graph;

void wsl_job_graph_free(wsl_job_graph *graph);
WSL_DEFINE_AUTO(wsl_job_graph)
/* From protobuf bytes of a stranger: limits are checked; meaning is not (wsl_job_plan_new does). */
WSL_MUST_CHECK wsl_status wsl_job_graph_decode(const void *bytes, size_t size, wsl_job_graph **out_graph,
                                               wsl_error *err);
/* malloc'ed bytes. */
void wsl_job_graph_encode(const wsl_job_graph *graph, uint8_t **out_bytes, size_t *out_size);

wsl_status wsl_schema_from_pb(const Wsl__Pb__Schema *pb, wsl_schema **out_schema, wsl_error *err);
Wsl__Pb__Schema *wsl_schema_to_pb(const wsl_schema *schema); /* free with wsl__pb__schema__free_unpacked */
/* What is declared about the past of the state's fields: a list on the heap, ended by one without field; its texts are the
 * state's. NULL: nothing is. */
wsl_field_past *wsl_field_pasts_from_pb(const Wsl__Pb__StateDesc *state);

typedef struct wsl_vertex {
    wsl_id id;  /* stable: from the head's uid or the topology */
    char *name; /* "Source: trades -> delta -> Sink: print" */
    uint32_t n_operators;
    uint32_t *operators; /* ids in the graph, producers before consumers; [0] is the head */
    uint32_t parallelism;
    uint32_t max_parallelism;
    const char *slot_group;
    uint32_t n_inputs;
    uint32_t *inputs; /* edges that enter the chain (all go to the head) */
    uint32_t n_outputs;
    uint32_t *outputs; /* edges that leave it */
} wsl_vertex;

typedef struct wsl_job_plan {
    wsl_job_graph *graph; /* owned; parallelism and partition filled in everywhere */
    uint32_t n_vertices;
    wsl_vertex *vertices;
    uint32_t *vertex_of;   /* by operator id */
    wsl_schema **schemas;  /* output of each operator, NULL for sinks */
    uint32_t slots_needed; /* sum over slot groups of the largest parallelism */
} wsl_job_plan;

void wsl_job_plan_free(wsl_job_plan *plan);
WSL_DEFINE_AUTO(wsl_job_plan)
/* Takes the graph on WSL_OK. default_parallelism stands in where neither operator nor graph says. The
 * graph's config is applied to it (pipeline.name, pipeline.max-parallelism, operator chaining, parallelism.default). */
WSL_MUST_CHECK wsl_status wsl_job_plan_new(WSL_TAKES wsl_job_graph *graph, uint32_t default_parallelism,
                                           wsl_job_plan **out_plan, wsl_error *err);
