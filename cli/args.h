/*
 * args - the command line of one verb, taken apart.
 *
 * One table of switches serves all verbs; each switch says which verbs know it. Options may stand before and behind the
 * positional argument; everything behind "--" belongs to the job.
 *
 * Threads: one. Ownership: texts are borrowed from argv; cli_args_fini frees the lists.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

typedef enum cli_verb_bit {
    CLI_RUN = 1u << 0,
    CLI_INFO = 1u << 1,
    CLI_LIST = 1u << 2,
    CLI_CANCEL = 1u << 3,
    CLI_WAIT = 1u << 4,
    CLI_VERSION = 1u << 5,
    CLI_WATERMARKS = 1u << 6,
    CLI_LATE = 1u << 7,
    CLI_CHECKPOINT = 1u << 8,
    CLI_STATE = 1u << 9,
    CLI_SAVEPOINT = 1u << 10,
    CLI_STOP = 1u << 11,
    CLI_PLAN = 1u << 12,
    CLI_CLUSTER = CLI_RUN | CLI_LIST | CLI_CANCEL | CLI_WAIT | CLI_WATERMARKS | CLI_LATE | CLI_SAVEPOINT | CLI_STOP |
                  CLI_CHECKPOINT | CLI_PLAN,
    CLI_ALL = (1u << 13) - 1,
} cli_verb_bit;

enum { CLI_PARALLELISM_MAX = 4096, CLI_POSITIONALS_MAX = 16 };

typedef struct cli_args {
    bool help, json;
    const char *jobmanager; /* -m; NULL: from the configuration */
    const char *conf;       /* --conf: file or directory */
    const char **defines;   /* -D key=value */
    uint32_t n_defines;
    char **owned; /* texts of defines that a switch of its own stands for: -s PATH */
    uint32_t n_owned;
    const char *name;             /* --name */
    uint64_t parallelism;         /* -p; 0: not given */
    bool detached;                /* run -d; savepoint, stop --detached */
    bool local;                   /* --local */
    bool running, scheduled, all; /* list */
    uint64_t taskmanagers;        /* wait */
    uint64_t slots;
    uint64_t timeout_ms;
    uint64_t pid;
    const char *operator_name; /* late: name; state: uid */
    const char *state_name;    /* state */
    const char *against;    /* plan */
    const char *dispose;    /* savepoint */
    const char *format;     /* savepoint, stop */
    const char *savepoint_path; /* stop, cancel */
    bool drain;
    const char *positionals[CLI_POSITIONALS_MAX];
    uint32_t n_positionals;
    char **job_args; /* behind "--" */
    int n_job_args;
} cli_args;

void cli_args_fini(cli_args *args);
/* argv[0] is the first word behind the verb. WSL_INVALID with one sentence; args is to be finished in either case. */
WSL_MUST_CHECK wsl_status cli_args_parse(cli_verb_bit verb, int argc, char **argv, cli_args *args, wsl_error *err);
/* The switches that a verb knows, for its --help. */
void cli_args_help(cli_verb_bit verb, void (*line)(void *arg, const char *text), void *arg);
