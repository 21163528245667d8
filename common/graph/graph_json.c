#include "graph/graph_json.h"

#include <string.h>

#include "base/fs.h"
#include "graph/graph_check.h"
#include "graph/graph_machine.h"
#include "graph/graph_readable.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

static const char machine_key[] = "wiesel_job_graph";
enum { MACHINE_VERSION = 1 };

json_t *wsl_job_graph_to_json(const wsl_job_graph *graph)
{
    return json_pack("{s:i, s:o}", machine_key, MACHINE_VERSION, "graph", wsl_pb_to_json(&graph->base));
}

static wsl_status check_whole(wsl_job_graph *graph, wsl_error *err)
{
    WSL_TRY(wsl_graph_check_shape(graph, err));
    wsl_schema **schemas = wsl_schemas_new(graph->n_operators);
    const wsl_status status = wsl_graph_check_types(graph, NULL, schemas, err);
    wsl_schemas_free(schemas, graph->n_operators);
    return status;
}

static wsl_status from_machine(const json_t *root, wsl_job_graph **out_graph, wsl_error *err)
{
    const json_t *version = json_object_get(root, machine_key);
    if (json_integer_value(version) != MACHINE_VERSION || json_object_size(root) != 2 ||
        json_object_get(root, "graph") == NULL) {
        return wsl_fail(err, WSL_UNSUPPORTED,
                        "a machine-written job graph is {\"%s\": %d, \"graph\": {...}}; this is not", machine_key,
                        MACHINE_VERSION);
    }
    ProtobufCMessage *message = NULL;
    WSL_TRY(wsl_pb_from_json(&wsl__pb__job_graph__descriptor, json_object_get(root, "graph"), "graph", &message, err));
    WSL_AUTO(wsl_job_graph) graph = (wsl_job_graph *)message;
    WSL_TRY(check_whole(graph, err));
    *out_graph = WSL_TAKE(graph);
    return WSL_OK;
}

wsl_status wsl_job_graph_from_json(const char *text, size_t size, wsl_job_graph **out_graph, wsl_error *err)
{
    if (size > WSL_GRAPH_JSON_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "a job of %zu bytes of JSON is larger than the %d allowed", size,
                        WSL_GRAPH_JSON_MAX);
    }
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        return wsl_fail(err, WSL_FORMAT, "line %d, column %d: %s", why.line, why.column, why.text);
    }
    const wsl_status status = json_object_get(root, machine_key) != NULL
                                  ? from_machine(root, out_graph, err)
                                  : wsl_graph_from_readable(root, out_graph, err);
    json_decref(root);
    return status;
}

/* ---- do the connectors find what they need? ---- */

typedef wsl_status (*validate_fn)(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema,
                                  wsl_error *err);

/* What runs into a sink: the output, or side output, of the operator before it. */
static const Wsl__Pb__Schema *sink_input(const wsl_job_graph *graph, uint32_t op)
{
    for (size_t e = 0; e < graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = graph->edges[e];
        const Wsl__Pb__Operator *from = graph->operators[edge->from];
        if (edge->to != op) {
            continue;
        }
        for (size_t s = 0; s < from->n_sides && wsl_pb_is_set(edge->side); s++) {
            if (strcmp(from->sides[s]->tag, edge->side) == 0) {
                return from->sides[s]->schema;
            }
        }
        return from->output;
    }
    return NULL;
}

static wsl_status validate_one(wsl_fs *fs, const wsl_job_graph *graph, const Wsl__Pb__Operator *op,
                               const wsl_plugin *plugin, wsl_error *err)
{
    validate_fn validate = NULL;
    const Wsl__Pb__Schema *pb = NULL;
    if (strcmp(op->kind, "source") == 0) {
        const wsl_source_class *cls = wsl_find_source(plugin, op->connector, err);
        validate = cls != NULL ? cls->validate : NULL;
        pb = op->output;
    } else if (strcmp(op->kind, "sink") == 0) {
        const wsl_sink_class *cls = wsl_find_sink(plugin, op->connector, err);
        validate = cls != NULL ? cls->validate : NULL;
        pb = sink_input(graph, op->id);
    }
    if (validate == NULL || pb == NULL) {
        return WSL_OK; /* connectors that are not there were refused before */
    }
    WSL_AUTO(wsl_schema) schema = NULL;
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_schema_from_pb(pb, &schema, err));
    WSL_TRY(wsl_operator_config_new(op, plugin, &config, err));
    const wsl_status status = validate(fs, config, schema, err);
    return status != WSL_OK ? wsl_fail_prefix(err, status, "'%s'", op->name) : WSL_OK;
}

wsl_status wsl_job_graph_validate_connectors(wsl_fs *fs, const wsl_job_graph *graph, const wsl_plugin *plugin,
                                             wsl_error *err)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        WSL_TRY(validate_one(fs, graph, graph->operators[i], plugin, err));
    }
    return WSL_OK;
}
