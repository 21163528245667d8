/*
 * job_options - options of a whole job: `-D key=value`, "config" of a JSON graph, wsl_env_set.
 *
 * Threads: any, constants.
 */
#pragma once
#include <wiesel/config.h>

#include "base/cluster_options.h"

#include "job_graph.pb-c.h"

/* The graph's config, checked against wsl_job_options. */
WSL_MUST_CHECK wsl_status wsl_job_config_new(const Wsl__Pb__JobGraph *graph, wsl_config **out_config, wsl_error *err);

/* Puts one setting into the graph's config, in the place of an earlier one; settings that have a field of their own in
 * the graph (name, parallelism, ...) fill it as well. */
WSL_MUST_CHECK wsl_status wsl_job_graph_set_option(Wsl__Pb__JobGraph *graph, const char *key, const char *value,
                                                   const char *origin, wsl_error *err);
