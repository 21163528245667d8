/*
 * graph_check - is this graph a job? What people (and strangers' bytes) get wrong, said in one sentence with names.
 *
 * Two passes in order: the shape (numbers, names, edges), then the types (options, schemas, keys).
 *
 * Threads: any.
 */
#pragma once
#include "graph/job_graph.h"
#include "plugin/plugin.h"

/* Limits, ids, kinds, edges, uids. Fills in empty names and sets `keyed` where the kind is. */
WSL_MUST_CHECK wsl_status wsl_graph_check_shape(wsl_job_graph *graph, wsl_error *err);

/* Options, output schemas and keys, operator by operator. Fills in outputs that follow from the input, into the graph
 * and as schemas[operator]. The caller frees what is in `schemas` (zeroed, n_operators long) whatever comes back.
 * plugin: the job's library, or NULL: then connectors that are not built in and functions are taken on trust if the
 * graph names an artifact. */
WSL_MUST_CHECK wsl_status wsl_graph_check_types(wsl_job_graph *graph, const wsl_plugin *plugin, wsl_schema **schemas,
                                                wsl_error *err);

/* One operator of the second pass, given the schemas of those before it: for builders that want to know at once. */
WSL_MUST_CHECK wsl_status wsl_graph_check_operator(wsl_job_graph *graph, uint32_t op, const wsl_plugin *plugin,
                                                   wsl_schema **schemas, wsl_error *err);

/* "'a' produces (...) but 'b' expects (...): field 2 is called ...", if rows of `from` are not good for `to`. */
WSL_MUST_CHECK wsl_status wsl_graph_check_fits(const char *producer, const wsl_schema *from, const char *consumer,
                                               const wsl_schema *to, wsl_error *err);

/* Side outputs that an option makes (on-error=side-output of a source); both passes call it. */
void wsl_graph_add_option_sides(Wsl__Pb__Operator *op);

/* n schemas, all NULL at first; for the passes above. */
wsl_schema **wsl_schemas_new(size_t n);
void wsl_schemas_free(wsl_schema **schemas, size_t n);
