#include "graph/job_options.h"

#include "graph/job_graph.h"

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
