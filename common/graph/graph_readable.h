/*
 * graph_readable - the form of a job graph that people write. Its rules are in README.md, "Jobs in JSON".
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>

#include "graph/job_graph.h"

/* The graph, shape and types checked. Errors begin with the place in the document. */
WSL_MUST_CHECK wsl_status wsl_graph_from_readable(const json_t *root, wsl_job_graph **out_graph, wsl_error *err);
