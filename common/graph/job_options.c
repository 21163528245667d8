#include "graph/job_options.h"

#include "graph/job_graph.h"

/* clang-format off */
const wsl_option wsl_job_options[] = {
    {.name = "pipeline.name", .type = WSL_OPT_STRING,
     .help = "Name of the job, before the one its code gives."},
    {.name = "parallelism.default", .type = WSL_OPT_INT, .min = "1", .max = "4096",
     .help = "Parallelism of operators that do not set one."},
    {.name = "pipeline.max-parallelism", .type = WSL_OPT_INT, .min = "1", .max = "32768",
     .help = "Number of key groups, the upper bound of every later parallelism; unset: from the parallelism, at least 128."},
    {.name = "pipeline.operator-chaining.enabled", .type = WSL_OPT_BOOL, .default_value = "true",
     .help = "Whether forward-connected operators run as one task."},
    {.name = "pipeline.auto-watermark-interval", .type = WSL_OPT_DURATION, .default_value = "200 ms", .min = "1 ms", .max = "1 h",
     .help = "How often periodic watermark generators emit."},
    {.name = "watermark.emit", .type = WSL_OPT_ENUM, .default_value = "periodic", .choices = "periodic|per-record",
     .help = "When watermarks are emitted: each interval, or after each record that raises them."},
    {.name = "execution.buffer-timeout.interval", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0", .max = "1 h",
     .help = "How long a buffer that is not full may wait; 0: until its producer has nothing else to do."},
    {.name = "task.overdraft.max", .type = WSL_OPT_SIZE, .default_value = "16 mb", .min = "64 kb", .max = "1 gb",
     .help = "Output that one call of a user function may produce beyond its credits."},
    {.name = NULL},
};
/* clang-format on */

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
