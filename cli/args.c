#include "cli/args.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/suggest.h"

/* ARG_OPTION, ARG_OPTION_FLAG: stands for -D <option>=<value>, -D <option>=true. */
typedef enum arg_type { ARG_FLAG, ARG_TEXT, ARG_COUNT, ARG_PAIR, ARG_OPTION, ARG_OPTION_FLAG } arg_type;

typedef struct arg_row {
    const char *name;   /* "--name"; NULL: only the letter */
    const char *letter; /* "-n", or Flink's spelling with one dash and more letters; NULL: only the name */
    arg_type type;
    size_t at;
    uint32_t verbs;
    uint64_t min, max;
    const char *value; /* what the help calls it */
    const char *help;  /* NULL: another spelling of the row before, not told of */
} arg_row;

static bool is_flag(const arg_row *row) { return row->type == ARG_FLAG || row->type == ARG_OPTION_FLAG; }

#define AT(field) offsetof(cli_args, field)

/* clang-format off */
static const arg_row rows[] = {
    {"--parallelism",  "-p", ARG_COUNT, AT(parallelism),  CLI_RUN | CLI_INFO | CLI_PLAN, 1, CLI_PARALLELISM_MAX, "N", "subtasks of operators that do not say themselves"},
    {"--detached",     "-d", ARG_FLAG,  AT(detached),     CLI_RUN, 0, 0, NULL, "submit and return"},
    {"--name",         NULL, ARG_TEXT,  AT(name),         CLI_RUN | CLI_INFO | CLI_PLAN, 0, 0, "TEXT", "the job's name"},
    {"--local",        NULL, ARG_FLAG,  AT(local),        CLI_RUN, 0, 0, NULL, "run in this process, without a cluster"},
    {"--fromSavepoint", "-s", ARG_OPTION, 0,              CLI_RUN, 0, 0, "PATH", "begin with the state of a savepoint or checkpoint"},
    {"--resume",       NULL, ARG_OPTION, 0,               CLI_RUN, 0, 0, "latest", "begin with the newest checkpoint of an ended job of this name"},
    {"--allowNonRestoredState", "-n", ARG_OPTION_FLAG, 0, CLI_RUN, 0, 0, NULL, "leave out state of operators that the job does not have"},
    {"--claimMode",    "-cm", ARG_OPTION, 0,              CLI_RUN, 0, 0, "MODE", "claim: what it begins with becomes the job's own; no_claim (default); legacy is no_claim"},
    {"--claim-mode",   NULL, ARG_OPTION, 0,               CLI_RUN, 0, 0, "MODE", NULL},
    {"--restoreMode",  "-rm", ARG_OPTION, 0,              CLI_RUN, 0, 0, "MODE", NULL},
    {"--against",      NULL, ARG_TEXT,  AT(against),      CLI_PLAN, 0, 0, "PATH|JOBID", "a savepoint, a checkpoint, or a running job: its newest checkpoint"},
    {"--allowNonRestoredState", "-n", ARG_OPTION_FLAG, 0, CLI_PLAN, 0, 0, NULL, "as for run: state that nothing of the job takes is no reason to refuse"},
    {"--detached",     "-detached", ARG_FLAG, AT(detached), CLI_SAVEPOINT | CLI_STOP, 0, 0, NULL, "ask and return, with the id to ask about over REST"},
    {"--type",         "-type", ARG_TEXT, AT(format),     CLI_SAVEPOINT | CLI_STOP, 0, 0, "FORMAT", "canonical or native: both are the canonical format here, which every backend reads"},
    {"--dispose",      "-d", ARG_TEXT,  AT(dispose),      CLI_SAVEPOINT, 0, 0, "PATH", "remove that savepoint"},
    {"--withSavepoint", "-s", ARG_TEXT, AT(savepoint_path), CLI_CANCEL, 0, 0, "DIR", "first take a savepoint; without DIR where execution.checkpointing.savepoint-dir says (stop does it better)"},
    {"--savepointPath", "-p", ARG_TEXT, AT(savepoint_path), CLI_STOP, 0, 0, "DIR", "where the savepoint goes; default execution.checkpointing.savepoint-dir"},
    {"--drain",        "-d", ARG_FLAG,  AT(drain),        CLI_STOP, 0, 0, NULL, "first let all windows and timers fire, as at the end of input"},
    {"--running",      "-r", ARG_FLAG,  AT(running),      CLI_LIST, 0, 0, NULL, "only jobs that run or restart"},
    {"--scheduled",    "-s", ARG_FLAG,  AT(scheduled),    CLI_LIST, 0, 0, NULL, "only jobs that wait"},
    {"--all",          "-a", ARG_FLAG,  AT(all),          CLI_LIST, 0, 0, NULL, "also jobs that ended"},
    {"--taskmanagers", NULL, ARG_COUNT, AT(taskmanagers), CLI_WAIT, 0, 100000, "N", "until that many TaskManagers are registered; default 1"},
    {"--slots",        NULL, ARG_COUNT, AT(slots),        CLI_WAIT, 0, 1000000, "N", "until there are that many slots"},
    {"--timeout",      NULL, ARG_COUNT, AT(timeout_ms),   CLI_WAIT, 1, 86400000, "MS", "give up after so many milliseconds; default 30000"},
    {"--pid",          NULL, ARG_COUNT, AT(pid),          CLI_WAIT, 1, INT32_MAX, "PID", "give up when this process is gone"},
    {"--operator",     NULL, ARG_TEXT,  AT(operator_name), CLI_LATE, 0, 0, "NAME", "only this operator"},
    {"--operator",     NULL, ARG_TEXT,  AT(operator_name), CLI_STATE, 0, 0, "UID", "only state of this operator"},
    {"--state",        NULL, ARG_TEXT,  AT(state_name),   CLI_STATE, 0, 0, "NAME", "only this state"},
    {"--jobmanager",   "-m", ARG_TEXT,  AT(jobmanager),   CLI_CLUSTER, 0, 0, "HOST:PORT", "where the JobManager answers; default rest.address and rest.port"},
    {"--conf",         NULL, ARG_TEXT,  AT(conf),         CLI_CLUSTER | CLI_INFO, 0, 0, "PATH", "configuration file, or directory with wiesel.yaml"},
    {"--define",       "-D", ARG_PAIR,  AT(defines),      CLI_CLUSTER | CLI_INFO, 0, 0, "KEY=VALUE", "set an option; may be repeated"},
    {"--json",         NULL, ARG_FLAG,  AT(json),         CLI_ALL, 0, 0, NULL, "print JSON"},
    {"--help",         "-h", ARG_FLAG,  AT(help),         CLI_ALL, 0, 0, NULL, "print this"},
    {0},
};
/* clang-format on */

/* Switches that are another spelling of an option. */
static const struct {
    const char *name, *option;
} spellings[] = {
    {"--fromSavepoint", "execution.state-recovery.path"},
    {"--resume", "execution.state-recovery.path"},
    {"--allowNonRestoredState", "execution.state-recovery.ignore-unclaimed-state"},
    {"--claimMode", "execution.state-recovery.claim-mode"},
    {"--claim-mode", "execution.state-recovery.claim-mode"},
    {"--restoreMode", "execution.state-recovery.claim-mode"},
};

static const char *option_of(const arg_row *row)
{
    size_t i = 0;
    while (strcmp(spellings[i].name, row->name) != 0) {
        i++; /* every row of that type is there */
    }
    return spellings[i].option;
}

static bool is_end(const arg_row *row) { return row->name == NULL && row->letter == NULL; }

void cli_args_fini(cli_args *args)
{
    for (uint32_t i = 0; i < args->n_owned; i++) {
        free(args->owned[i]);
    }
    free(args->owned);
    args->owned = NULL;
    args->n_owned = 0;
    free(args->defines);
    args->defines = NULL;
    args->n_defines = 0;
}

void cli_args_help(cli_verb_bit verb, void (*line)(void *arg, const char *text), void *arg)
{
    for (const arg_row *row = rows; !is_end(row); row++) {
        char spelled[64], text[200];
        if (!(row->verbs & verb) || row->help == NULL) {
            continue;
        }
        (void)snprintf(spelled, sizeof spelled, "%s%s%s%s%s", row->letter != NULL ? row->letter : "    ",
                       row->letter != NULL ? ", " : "", row->name, row->value != NULL ? " " : "",
                       row->value != NULL ? row->value : "");
        (void)snprintf(text, sizeof text, "  %-28s %s", spelled, row->help);
        line(arg, text);
    }
}

static wsl_status unknown_option(cli_verb_bit verb, const char *arg, wsl_error *err)
{
    wsl_suggest nearest;
    char hint[WSL_SUGGEST_TEXT_MAX];

    wsl_suggest_init(&nearest, arg);
    for (const arg_row *row = rows; !is_end(row); row++) {
        if (row->verbs & verb) {
            wsl_suggest_offer(&nearest, row->name);
        }
    }
    return wsl_fail(err, WSL_INVALID, "unknown option '%.100s'%s", arg, wsl_suggest_text(&nearest, hint));
}

/* The row that arg names, and where its value begins if it is in the same word: --name=value, -p4, -Dkey=value. */
static const arg_row *find_row(cli_verb_bit verb, const char *arg, const char **out_value)
{
    const char *equals = strchr(arg, '=');
    const size_t name_size = equals != NULL ? (size_t)(equals - arg) : strlen(arg);

    *out_value = NULL;
    for (const arg_row *row = rows; !is_end(row); row++) {
        if (!(row->verbs & verb)) {
            continue;
        }
        if (strlen(row->name) == name_size && strncmp(row->name, arg, name_size) == 0) {
            *out_value = equals != NULL ? equals + 1 : NULL;
            return row;
        }
        const size_t letters = row->letter != NULL ? strlen(row->letter) : 0;
        if (letters > 0 && strncmp(row->letter, arg, letters) == 0 &&
            (arg[letters] == '\0' || (letters == 2 && !is_flag(row)))) {
            *out_value = arg[letters] != '\0' ? arg + letters : NULL;
            return row;
        }
    }
    return NULL;
}

static void add_define(cli_args *args, const char *pair)
{
    args->defines = wsl_realloc(args->defines, (args->n_defines + 1) * sizeof *args->defines);
    args->defines[args->n_defines++] = pair;
}

static void add_owned_define(cli_args *args, const char *key, const char *value)
{
    args->owned = wsl_realloc(args->owned, (args->n_owned + 1) * sizeof(char *));
    args->owned[args->n_owned] = wsl_asprintf("%s=%s", key, value);
    add_define(args, args->owned[args->n_owned++]);
}

static wsl_status set_value(const arg_row *row, const char *value, cli_args *args, wsl_error *err)
{
    void *at = (char *)args + row->at;
    int64_t number = 0;

    switch (row->type) {
    case ARG_FLAG:
        *(bool *)at = true;
        return WSL_OK;
    case ARG_TEXT:
        *(const char **)at = value;
        return value[0] != '\0' ? WSL_OK : wsl_fail(err, WSL_INVALID, "%s needs a value that is not empty", row->name);
    case ARG_COUNT:
        if (!wsl_parse_whole_int64(value, strlen(value), &number) || number < (int64_t)row->min ||
            number > (int64_t)row->max) {
            return wsl_fail(err, WSL_INVALID, "%s takes a whole number from %llu to %llu, not '%.60s'", row->name,
                            (unsigned long long)row->min, (unsigned long long)row->max, value);
        }
        *(uint64_t *)at = (uint64_t)number;
        return WSL_OK;
    case ARG_PAIR:
        if (strchr(value, '=') == NULL || value[0] == '=') {
            return wsl_fail(err, WSL_INVALID, "-D takes key=value, not '%.100s'", value);
        }
        add_define(args, value);
        return WSL_OK;
    case ARG_OPTION:
    case ARG_OPTION_FLAG:
        add_owned_define(args, option_of(row), row->type == ARG_OPTION ? value : "true");
        return WSL_OK;
    }
    return WSL_OK;
}

static wsl_status take_option(cli_verb_bit verb, int argc, char **argv, int *i, cli_args *args, wsl_error *err)
{
    const char *value = NULL;
    const arg_row *row = find_row(verb, argv[*i], &value);

    if (row == NULL) {
        return unknown_option(verb, argv[*i], err);
    }
    if (is_flag(row) && value != NULL) {
        return wsl_fail(err, WSL_INVALID, "%s takes no value", row->name);
    }
    if (!is_flag(row) && value == NULL) {
        if (*i + 1 >= argc) {
            return wsl_fail(err, WSL_INVALID, "%s needs a value", row->name);
        }
        value = argv[++*i];
    }
    return set_value(row, value, args, err);
}

wsl_status cli_args_parse(cli_verb_bit verb, int argc, char **argv, cli_args *args, wsl_error *err)
{
    *args = (cli_args){.taskmanagers = 1, .timeout_ms = 30000};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            args->job_args = argv + i + 1;
            args->n_job_args = argc - i - 1;
            break;
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            WSL_TRY(take_option(verb, argc, argv, &i, args, err));
        } else if (args->n_positionals == CLI_POSITIONALS_MAX) {
            return wsl_fail(err, WSL_INVALID, "more than %d arguments", CLI_POSITIONALS_MAX);
        } else {
            args->positionals[args->n_positionals++] = argv[i];
        }
    }
    return WSL_OK;
}
