/*
 * job_build - from a job library (or an entry point in this process) to a checked job graph.
 *
 * Threads: any, one build at a time per library.
 */
#pragma once
#include <wiesel/env.h>
#include <wiesel/stream.h>

#include "base/fs.h"
#include "graph/job_graph.h"
#include "plugin/plugin.h"

typedef struct wsl_job_build_options {
    const char *name;          /* --name; NULL: the job's own, else `fallback_name` */
    const char *fallback_name; /* such as the library's file name */
    uint32_t parallelism;      /* -p; 0: the job's own. Set it to the cluster's default only in wsl_job_plan_new */
    const char *const *config; /* "key=value" of -D */
    uint32_t n_config;
    const char *const *args; /* what follows `--` */
    uint32_t n_args;
    wsl_fs *fs; /* connectors check their paths with it; NULL: they are not asked */
} wsl_job_build_options;

/* Runs the library's entry point. The graph's artifact is the library's hash (wsl_plugin_hash). */
WSL_MUST_CHECK wsl_status wsl_job_build(const wsl_plugin *plugin, const wsl_job_build_options *options,
                                        wsl_job_graph **out_graph, wsl_error *err);

/* The same for an entry point that is linked in: functions are not looked up in a library, and the artifact is
 * `artifact`. */
WSL_MUST_CHECK wsl_status wsl_job_build_entry(wsl_job_entry entry, const char *artifact,
                                              const wsl_job_build_options *options, wsl_job_graph **out_graph,
                                              wsl_error *err);

/* What -p, --name and -D do to a graph that comes from JSON: they go before what the graph says. */
WSL_MUST_CHECK wsl_status wsl_job_graph_override(wsl_job_graph *graph, const wsl_job_build_options *options,
                                                 wsl_error *err);
