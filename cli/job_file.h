/*
 * job_file - from what `wiesel run` is given (job.so, job.c, graph.json) to a checked job graph.
 *
 * A library is opened and its entry point called here, in the client; a source is compiled first. Nothing of the
 * cluster is touched.
 *
 * Threads: one.
 */
#pragma once
#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "cli/cmd.h"
#include "graph/job_graph.h"
#include "plugin/plugin.h"

typedef struct cli_job_file {
    wsl_job_graph *graph; /* checked; the artifact is not set yet for a graph from JSON */
    wsl_plugin *plugin;   /* NULL for a graph from JSON */
    char *library;        /* path of the shared library; NULL for a graph from JSON */
} cli_job_file;

void cli_job_file_fini(cli_job_file *job);
/* Takes -p, --name, -D and the job's arguments from c->args. WSL_NOT_FOUND: there is no file `path`. */
WSL_MUST_CHECK wsl_status cli_job_file_load(cli *c, const char *path, cli_job_file *job, wsl_error *err);
