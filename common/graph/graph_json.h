/*
 * graph_json - job graphs as JSON: a form for people and a lossless one for machines. Both are described in README.md.
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>

#include "graph/job_graph.h"

enum { WSL_GRAPH_JSON_MAX = 8 << 20, WSL_GRAPH_JSON_DEPTH_MAX = 64 };

/* Either form, told apart by the key "wiesel_job_graph". Errors begin with the place: "operators[2].selct: unknown
 * key...", "line 7, column 12: ...". The form for people is checked through to the last expression; the result has been
 * through both passes of graph_check.h. */
WSL_MUST_CHECK wsl_status wsl_job_graph_from_json(const char *text, size_t size, wsl_job_graph **out_graph,
                                                  wsl_error *err);

/* The machine form; a new reference. */
json_t *wsl_job_graph_to_json(const wsl_job_graph *graph);

/* Asks each connector whether it can do its work (a path that must exist...), before anything starts. `plugin` is the
 * job's library, NULL if it has none. */
struct wsl_fs;
struct wsl_plugin;
WSL_MUST_CHECK wsl_status wsl_job_graph_validate_connectors(struct wsl_fs *fs, const wsl_job_graph *graph,
                                                            const struct wsl_plugin *plugin, wsl_error *err);
