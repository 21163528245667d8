/*
 * attach - stays with a running job until it ends: shows how it does, prints collected rows, turns Ctrl-C into cancel.
 *
 * On a terminal one line is redrawn; otherwise a line is printed now and then. Both go to the standard error output,
 * rows to the standard output.
 *
 * A JobManager that does not answer any more may be started again: it is asked again for CLI_AWAY_MAX_MS, then this gives up (the job
 * goes on without us).
 *
 * Threads: one, which must have SIGINT and SIGTERM blocked (cli_block_interrupts).
 */
#pragma once
#include <stdbool.h>

#include "cli/job_watch.h"
#include "cli/sinks.h"

typedef struct cli_attach_result {
    cli_job_status status;
    uint64_t rows;    /* collected */
    bool interrupted; /* we canceled it */
} cli_attach_result;

void cli_block_interrupts(void);

/* The two ways to reach the job: REST, or a cluster in this process. `arg` is theirs. */
typedef struct cli_job_link {
    void *arg;
    wsl_status (*poll)(void *arg, cli_job_status *out_status, wsl_error *err);
    /* Rows of a collect sink from number sink->next on: calls fn for each, moves sink->next, sets sink->ended if no
     * more will come. */
    wsl_status (*collect)(void *arg, cli_sink *sink, void (*fn)(void *fn_arg, const wsl_row *row), void *fn_arg,
                          wsl_error *err);
    wsl_status (*cancel)(void *arg, wsl_error *err);
    /* Until pause_ms are over or signal_fd is readable, which it says. */
    bool (*wait)(void *arg, int signal_fd, uint32_t pause_ms);
} cli_job_link;

/* Poll signal_fd alone: `wait` for links that have nothing to do meanwhile. */
bool cli_wait_quietly(void *arg, int signal_fd, uint32_t pause_ms);

WSL_MUST_CHECK wsl_status cli_attach(cli *c, const cli_job_link *link, const char *id, cli_sinks *sinks,
                                     cli_attach_result *out_result, wsl_error *err);
