/*
 * sinks - the collect sinks of a job: what their rows look like, how far they were read, and how a row is printed.
 *
 * One line per row: the row as JSON, or {"<name of the sink>": row} if the job has several collect sinks.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/row.h>

#include "base/strbuf.h"
#include "format/format.h"
#include "graph/job_graph.h"

typedef struct cli_sink {
    uint32_t operator_id;
    char *name;
    wsl_schema *schema;
    wsl_format *format;
    uint64_t next; /* number of the next row to read */
    bool ended;
} cli_sink;

typedef struct cli_sinks {
    cli_sink *sinks;
    uint32_t n;
} cli_sinks;

void cli_sinks_fini(cli_sinks *sinks);
/* Also checks the whole graph as the JobManager will. *sinks is to be finished in either case. */
WSL_MUST_CHECK wsl_status cli_sinks_init(cli_sinks *sinks, const wsl_job_graph *graph, uint32_t default_parallelism,
                                         wsl_error *err);
bool cli_sinks_ended(const cli_sinks *sinks);

/* Appends the line with its line break. */
void cli_sinks_put_row(const cli_sinks *sinks, const cli_sink *sink, const wsl_row *row, wsl_strbuf *out);
