#include "api/job_build.h"

#include <string.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "graph/graph_check.h"
#include "graph/graph_json.h"
#include "graph/job_options.h"
#include "graph/pb.h"

static wsl_status set_pair(wsl_job_graph *graph, const char *pair, wsl_error *err)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return wsl_fail(err, WSL_INVALID, "-D %s: write it as key=value", pair);
    }
    char *key = wsl_strndup(pair, (size_t)(equals - pair));
    const wsl_status status = wsl_job_graph_set_option(graph, key, equals + 1, "-D", err);
    free(key);
    return status;
}

wsl_status wsl_job_graph_override(wsl_job_graph *graph, const wsl_job_build_options *options, wsl_error *err)
{
    for (uint32_t i = 0; i < options->n_config; i++) {
        WSL_TRY(set_pair(graph, options->config[i], err));
    }
    if (options->parallelism > WSL_PARALLELISM_MAX) {
        return wsl_fail(err, WSL_INVALID, "parallelism %u is more than %d", options->parallelism, WSL_PARALLELISM_MAX);
    }
    if (options->parallelism > 0) {
        graph->parallelism = options->parallelism;
    }
    if (options->name != NULL) {
        wsl_pb_set(&graph->name, options->name);
    }
    if (!wsl_pb_is_set(graph->name) && options->fallback_name != NULL) {
        wsl_pb_set(&graph->name, options->fallback_name);
    }
    return WSL_OK;
}

static void record_arguments(wsl_job_graph *graph, const wsl_job_build_options *options)
{
    for (uint32_t i = 0; i < options->n_args; i++) {
        wsl_pb_add_option(&graph->arguments, &graph->n_arguments, "", options->args[i]);
    }
}

static wsl_status run_entry(wsl_env *env, wsl_job_entry entry, wsl_error *err)
{
    const wsl_status status = entry(env, &env->args);
    if (wsl_env_failed(env)) {
        return wsl_fail(err, env->error.status, "%s", env->error.text);
    }
    if (status != WSL_OK) {
        return wsl_fail(err, status, "the job's entry point gave up: %s", wsl_status_text(status));
    }
    return wsl_args_check(&env->args, err);
}

/* Once more from the first operator to the last: settings were made after operators had been checked. */
static wsl_status check_whole(wsl_env *env, wsl_error *err)
{
    wsl_job_graph *graph = env->graph;
    WSL_TRY(wsl_graph_check_shape(graph, err));
    for (size_t i = 0; i < graph->n_operators; i++) {
        wsl_schema_free(env->schemas[i]);
        env->schemas[i] = NULL;
    }
    WSL_TRY(wsl_graph_check_types(graph, env->plugin, env->schemas, err));
    const size_t size = wsl__pb__job_graph__get_packed_size(graph);
    if (size > WSL_GRAPH_BYTES_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE,
                        "the job graph takes %zu bytes, at most %d are possible; read rows from files "
                        "instead of making them part of the job",
                        size, WSL_GRAPH_BYTES_MAX);
    }
    return WSL_OK;
}

static wsl_status build(const wsl_plugin *plugin, wsl_job_entry entry, const char *artifact,
                        const wsl_job_build_options *options, wsl_job_graph **out_graph, wsl_error *err)
{
    WSL_AUTO(wsl_env) env = wsl_env_new(plugin, artifact, options->args, options->n_args);
    WSL_TRY(run_entry(env, entry, err));
    WSL_TRY(wsl_job_graph_override(env->graph, options, err));
    record_arguments(env->graph, options);
    WSL_TRY(check_whole(env, err));
    if (options->fs != NULL) {
        WSL_TRY(wsl_job_graph_validate_connectors(options->fs, env->graph, plugin, err));
    }
    *out_graph = (wsl_job_graph *)wsl_pb_copy(&env->graph->base);
    return WSL_OK;
}

wsl_status wsl_job_build(const wsl_plugin *plugin, const wsl_job_build_options *options, wsl_job_graph **out_graph,
                         wsl_error *err)
{
    const wsl_job_entry entry = wsl_plugin_entry(plugin, err);
    if (entry == NULL) {
        return WSL_NOT_FOUND;
    }
    return build(plugin, entry, wsl_plugin_hash(plugin), options, out_graph, err);
}

wsl_status wsl_job_build_entry(wsl_job_entry entry, const char *artifact, const wsl_job_build_options *options,
                               wsl_job_graph **out_graph, wsl_error *err)
{
    return build(NULL, entry, artifact, options, out_graph, err);
}
