/*
 * job_table - the jobs of a cluster as the CLI shows them, from GET /jobs/overview.
 *
 * Threads: one.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <wiesel/status.h>

#include "base/strbuf.h"

typedef enum cli_job_group { CLI_JOB_RUNNING, CLI_JOB_SCHEDULED, CLI_JOB_TERMINATED } cli_job_group;

typedef struct cli_job {
    const char *id, *name, *state; /* borrowed from the document */
    const char *waiting;           /* "needs 5 slots, 4 free"; NULL */
    int64_t start_ms;
    cli_job_group group;
} cli_job;

typedef struct cli_job_table {
    json_t *document;
    cli_job *jobs; /* by start, then id */
    uint32_t n;
} cli_job_table;

enum { CLI_JOBS_MAX = 100000 };

void cli_job_table_fini(cli_job_table *table);
/* Takes the document. WSL_FORMAT: not what /jobs/overview gives. */
WSL_MUST_CHECK wsl_status cli_job_table_init(cli_job_table *table, json_t *document, wsl_error *err);

bool cli_is_terminal(const char *state); /* FINISHED, FAILED, CANCELED */

/* Flink's layout; which: bits 1 << cli_job_group. */
void cli_job_table_print(const cli_job_table *table, uint32_t which, wsl_strbuf *out);

/* The job whose id begins with `prefix` (case does not matter). WSL_NOT_FOUND: none; WSL_INVALID: several, or not hex.
 */
WSL_MUST_CHECK wsl_status cli_job_table_find(const cli_job_table *table, const char *prefix, const cli_job **out_job,
                                             wsl_error *err);
