/*
 * cmd - the verbs of `wiesel`, and what they share: the configuration, the connection, exit codes, how errors are said.
 *
 *     main -> cli_main -> table of verbs -> cmd_run | cmd_info | cmd_list | cmd_cancel | cmd_wait | cmd_watermarks | cmd_checkpoint...
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <wiesel/config.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/id.h"
#include "cli/args.h"
#include "cli/rest_client.h"

/* In --help and README.md; scripts rely on them. */
enum {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILED = 1,        /* the job failed or was canceled by another; a checkpoint is damaged or does not fit */
    CLI_EXIT_USAGE = 2,         /* wrong options, or a job that cannot be built: nothing was started */
    CLI_EXIT_UNREACHABLE = 3,   /* no JobManager answers */
    CLI_EXIT_NOT_FOUND = 4,     /* no such job or file */
    CLI_EXIT_INTERRUPTED = 130, /* Ctrl-C: the job is canceled */
};

typedef struct cli {
    wsl_fs *fs;
    wsl_clock *clock;
    FILE *out, *err;
    const char *self; /* path of this program */
    cli_args args;
    wsl_config *config; /* made by cli_load_config */
    cli_rest *rest;     /* made by cli_connect */
} cli;

typedef struct cli_verb {
    const char *name;
    cli_verb_bit bit;
    const char *usage;   /* behind "wiesel " */
    const char *summary; /* one line */
    const char *details; /* may be NULL */
    /* *out_exit is CLI_EXIT_OK; an error's exit code follows from its status. */
    wsl_status (*run)(cli *c, int *out_exit, wsl_error *err);
} cli_verb;

wsl_status cmd_run(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_info(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_plan(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_list(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_cancel(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_wait(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_watermarks(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_late(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_savepoint(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_stop(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_checkpoint(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_state(cli *c, int *out_exit, wsl_error *err);
wsl_status cmd_version(cli *c, int *out_exit, wsl_error *err);

/* The whole program: parses, runs, says what went wrong, returns the exit code. */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

/* ---- for the verbs ---- */

int cli_exit_code(wsl_status status);
/* WSL_NOT_FOUND becomes WSL_INVALID: an unknown name inside of what the user wrote is a mistake, not a missing thing.
 */
wsl_status cli_as_usage(wsl_status status);

/* c->config from defaults, file and -D. */
WSL_MUST_CHECK wsl_status cli_load_config(cli *c, wsl_error *err);
/* Does the client know this option itself? Others are the job's. */
bool cli_is_client_option(const char *key);
/* c->rest to the JobManager named by -m or the configuration. */
WSL_MUST_CHECK wsl_status cli_connect(cli *c, wsl_error *err);

/* The one positional argument that is needed; WSL_INVALID says that `what` is missing or that there are more. */
WSL_MUST_CHECK wsl_status cli_one_argument(const cli *c, const char *what, const char **out_value, wsl_error *err);

/* The whole id of the job whose id begins with `prefix`, asked of the connected cluster. WSL_NOT_FOUND, WSL_INVALID: see
 * cli_job_table_find. */
WSL_MUST_CHECK wsl_status cli_find_job(cli *c, const char *prefix, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err);

/* Prints and forgets the document, as one line. */
void cli_print_json(cli *c, json_t *document);
