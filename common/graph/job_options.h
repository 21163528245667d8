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
