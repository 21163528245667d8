#include "graph/job_options.h"

#include <string.h>

#include "graph/pb.h"

wsl_status wsl_job_config_new(const Wsl__Pb__JobGraph *graph, wsl_config **out_config, wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_job_options};
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    for (size_t i = 0; i < graph->n_config; i++) {
        WSL_TRY(wsl_config_set(config, graph->config[i]->key, graph->config[i]->value, "job configuration", err));
    }
    WSL_TRY(wsl_config_check(config, err));
    *out_config = WSL_TAKE(config);
    return WSL_OK;
}

static void store(Wsl__Pb__JobGraph *graph, const char *key, const char *value)
{
    for (size_t i = 0; i < graph->n_config; i++) {
        if (strcmp(graph->config[i]->key, key) == 0) {
            wsl_pb_set(&graph->config[i]->value, value);
            return;
        }
    }
    wsl_pb_add_option(&graph->config, &graph->n_config, key, value);
}

wsl_status wsl_job_graph_set_option(Wsl__Pb__JobGraph *graph, const char *key, const char *value, const char *origin,
                                    wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_job_options};
    WSL_AUTO(wsl_config) one = wsl_config_new(tables, 1);
    WSL_TRY(wsl_config_set(one, key, value, origin, err));
    store(graph, key, value);
    if (strcmp(key, "pipeline.name") == 0) {
        wsl_pb_set(&graph->name, value);
    } else if (strcmp(key, "parallelism.default") == 0) {
        graph->parallelism = (uint32_t)wsl_config_int(one, key);
    } else if (strcmp(key, "pipeline.max-parallelism") == 0) {
        graph->max_parallelism = (uint32_t)wsl_config_int(one, key);
    } else if (strcmp(key, "pipeline.operator-chaining.enabled") == 0) {
        graph->chaining = wsl_config_bool(one, key);
    }
    return WSL_OK;
}
