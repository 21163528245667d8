#include "cli/cmd.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "base/config_file.h"
#include "base/proc.h"
#include "base/suggest.h"
#include "cli/job_table.h"

enum { CONNECT_TIMEOUT_MS = 5000, ANSWER_TIMEOUT_MS = 60000, CONFIG_NAMES_MAX = 4096 };

static const cli_verb verbs[] = {
    {"run", CLI_RUN, "run [options] JOB [-- job arguments]", "run a job: job.so, job.c (compiled first) or graph.json",
     "Without -d stays attached: shows a live line, prints the rows of collect sinks as JSON lines to the standard "
     "output,\n"
     "ends with the job; Ctrl-C cancels it. What follows -- goes to the job.\n",
     cmd_run},
    {"info", CLI_INFO, "info [options] JOB [-- job arguments]", "show the plan of a job; nothing is executed", NULL,
     cmd_info},
    {"plan", CLI_PLAN, "plan --against PATH|JOBID [options] JOB [-- job arguments]",
     "compare a job with a savepoint before the old job stops: what is kept, new, orphaned, incompatible",
     "Nothing is executed but the job's own entry point. With a PATH no cluster is needed. Exit code 0: run -s PATH JOB can begin\n"
     "with it; 1: it cannot, and why stands in the lines marked INCOMPATIBLE or ORPHANED.\n",
     cmd_plan},
    {"list", CLI_LIST, "list [options]", "list the jobs that run and wait", NULL, cmd_list},
    {"cancel", CLI_CANCEL, "cancel [options] JOBID", "cancel a job; the first digits of its id will do", NULL,
     cmd_cancel},
    {"stop", CLI_STOP, "stop [options] JOBID", "take a savepoint and end the job", NULL, cmd_stop},
    {"savepoint", CLI_SAVEPOINT, "savepoint [options] JOBID [DIR] | --dispose PATH",
     "take a savepoint of a job that runs on, or remove one", NULL, cmd_savepoint},
    {"wait", CLI_WAIT, "wait [options]", "wait until the cluster answers and its TaskManagers are there", NULL,
     cmd_wait},
    {"watermarks", CLI_WATERMARKS, "watermarks [options] JOBID", "where the watermarks of a job stand, and why", NULL,
     cmd_watermarks},
    {"late", CLI_LATE, "late [options] JOBID", "rows that came too late: counts, and the last 100 of each operator", NULL,
     cmd_late},
    {"checkpoint", CLI_CHECKPOINT, "checkpoint list DIR|JOBID | show PATH | verify PATH | JOBID",
     "list checkpoints in a directory, show what one holds, read one whole and say whether it is damaged; take one now",
     "Only the last form, which asks a running job for a checkpoint, needs a cluster. PATH is a checkpoint's or savepoint's directory, or its _metadata. DIR is a directory of checkpoints, or\n"
     "that of one job in it; of a JOBID the first digits will do, it is looked for in execution.checkpointing.dir.\n",
     cmd_checkpoint},
    {"state", CLI_STATE, "state export [options] PATH", "print the state in a checkpoint or savepoint as JSON lines",
     "One line for each value, element, entry and timer: operator, subtask, section, state, key, namespace, value. No cluster is\n"
     "needed. All files are checked first.\n",
     cmd_state},
    {"version", CLI_VERSION, "version", "print version and ABI number", NULL, cmd_version},
};

static const char exit_codes[] =
    "Exit codes: 0 done; 1 the job failed, or a checkpoint is damaged or does not fit; 2 wrong usage or a job that cannot be built, nothing was started;\n"
    "3 no JobManager answers; 4 no such job or file; 130 ended by Ctrl-C, the job is canceled.\n";

/* ---- help ---- */

static void print_line(void *arg, const char *text) { (void)fprintf((FILE *)arg, "%s\n", text); }

static void print_help(FILE *to)
{
    (void)fprintf(to, "usage: wiesel VERB [options] [arguments]\n\n");
    for (size_t i = 0; i < WSL_ARRAY_LEN(verbs); i++) {
        (void)fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fprintf(
        to,
        "\nwiesel VERB --help tells the options of a verb; every verb knows --json.\n"
        "Configuration: --conf PATH, else $WIESEL_CONF_DIR/wiesel.yaml, else conf/wiesel.yaml, else defaults.\n\n"
        "%s",
        exit_codes);
}

static void print_verb_help(const cli_verb *verb, FILE *to)
{
    (void)fprintf(to, "usage: wiesel %s\n\n%s\n\n", verb->usage, verb->summary);
    if (verb->details != NULL) {
        (void)fprintf(to, "%s\n", verb->details);
    }
    cli_args_help(verb->bit, print_line, to);
    (void)fprintf(to, "\n%s", exit_codes);
}

/* ---- configuration ---- */

static bool is_dir(const cli *c, const char *path)
{
    wsl_file_info info;

    return c->fs->stat(c->fs, path, &info, NULL) == WSL_OK && info.is_dir;
}

/* malloc'ed; NULL: there is none and none was asked for. */
static char *config_path(const cli *c)
{
    static const char fallback[] = "conf/wiesel.yaml";
    const char *dir = getenv("WIESEL_CONF_DIR");
    wsl_file_info info;

    if (c->args.conf != NULL) {
        return is_dir(c, c->args.conf) ? wsl_asprintf("%s/wiesel.yaml", c->args.conf) : wsl_strdup(c->args.conf);
    }
    if (dir != NULL && dir[0] != '\0') {
        return wsl_asprintf("%s/wiesel.yaml", dir);
    }
    return c->fs->stat(c->fs, fallback, &info, NULL) == WSL_OK ? wsl_strdup(fallback) : NULL;
}

bool cli_is_client_option(const char *key)
{
    for (const wsl_option *option = wsl_cluster_options; option->name != NULL; option++) {
        if (strcmp(option->name, key) == 0 || (option->also != NULL && strcmp(option->also, key) == 0)) {
            return true;
        }
    }
    return false;
}

wsl_status cli_as_usage(wsl_status status) { return status == WSL_NOT_FOUND ? WSL_INVALID : status; }

/* A file that is not there is not found; a key in it that is not known is a mistake. */
static wsl_status read_config_file(cli *c, const char *path, wsl_error *err)
{
    wsl_file_info info;

    if (c->fs->stat(c->fs, path, &info, err) != WSL_OK) {
        return wsl_fail_prefix(err, WSL_NOT_FOUND, "the configuration");
    }
    return cli_as_usage(wsl_config_read_file(c->config, c->fs, path, err));
}

wsl_status cli_load_config(cli *c, wsl_error *err)
{
    if (c->config != NULL) {
        return WSL_OK;
    }
    char *path = config_path(c);
    c->config = wsl_cluster_config_new();
    const wsl_status status = path != NULL ? read_config_file(c, path, err) : WSL_OK;
    free(path);
    WSL_TRY(status);
    for (uint32_t i = 0; i < c->args.n_defines; i++) {
        WSL_TRY(cli_as_usage(wsl_config_set_pair(c->config, c->args.defines[i], "-D", err)));
    }
    return WSL_OK;
}

wsl_status cli_connect(cli *c, wsl_error *err)
{
    WSL_TRY(cli_load_config(c, err));
    char *address = c->args.jobmanager != NULL ? wsl_strdup(c->args.jobmanager)
                                               : wsl_asprintf("%s:%lld", wsl_config_str(c->config, "rest.address"),
                                                              (long long)wsl_config_int(c->config, "rest.port"));
    const wsl_status status = cli_rest_new(address, CONNECT_TIMEOUT_MS, ANSWER_TIMEOUT_MS, &c->rest, err);
    free(address);
    return status;
}

/* ---- for the verbs ---- */

int cli_exit_code(wsl_status status)
{
    switch (status) {
    case WSL_OK:
        return CLI_EXIT_OK;
    case WSL_UNREACHABLE:
    case WSL_TIMEOUT:
        return CLI_EXIT_UNREACHABLE;
    case WSL_NOT_FOUND:
        return CLI_EXIT_NOT_FOUND;
    case WSL_INVALID:
    case WSL_FORMAT:
    case WSL_TYPE:
    case WSL_EXISTS:
    case WSL_TOO_LARGE:
    case WSL_UNSUPPORTED:
        return CLI_EXIT_USAGE;
    default:
        return CLI_EXIT_FAILED;
    }
}

wsl_status cli_one_argument(const cli *c, const char *what, const char **out_value, wsl_error *err)
{
    if (c->args.n_positionals == 0) {
        return wsl_fail(err, WSL_INVALID, "what is missing is %s", what);
    }
    if (c->args.n_positionals > 1) {
        return wsl_fail(err, WSL_INVALID, "unexpected argument '%.100s': arguments of a job stand behind --",
                        c->args.positionals[1]);
    }
    *out_value = c->args.positionals[0];
    return WSL_OK;
}

wsl_status cli_find_job(cli *c, const char *prefix, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err)
{
    cli_job_table table;
    const cli_job *job = NULL;
    json_t *answer = NULL;

    WSL_TRY(cli_rest_call(c->rest, "GET", "/jobs/overview", NULL, &answer, err));
    WSL_TRY(cli_job_table_init(&table, answer, err));
    const wsl_status status = cli_job_table_find(&table, prefix, &job, err);
    if (status == WSL_OK) {
        (void)snprintf(out_id, WSL_ID_TEXT_SIZE, "%s", job->id);
    }
    cli_job_table_fini(&table);
    return status;
}

void cli_print_json(cli *c, json_t *document)
{
    (void)json_dumpf(document, c->out, JSON_COMPACT);
    (void)fputc('\n', c->out);
    (void)fflush(c->out);
    json_decref(document);
}

/* ---- the program ---- */

static const cli_verb *verb_find(const char *name)
{
    for (size_t i = 0; i < WSL_ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int unknown_verb(const char *name, FILE *err)
{
    wsl_suggest nearest;
    char hint[WSL_SUGGEST_TEXT_MAX];

    wsl_suggest_init(&nearest, name);
    for (size_t i = 0; i < WSL_ARRAY_LEN(verbs); i++) {
        wsl_suggest_offer(&nearest, verbs[i].name);
    }
    (void)fprintf(err, "wiesel: \"%.60s\" is not a valid verb%s See wiesel --help.\n", name,
                  wsl_suggest_text(&nearest, hint)[0] != '\0' ? hint : ".");
    return CLI_EXIT_USAGE;
}

static int say_error(cli *c, const cli_verb *verb, const wsl_error *err, wsl_status status)
{
    const int code = cli_exit_code(status);

    (void)fflush(c->out);
    (void)fprintf(c->err, "wiesel %s: %s\n", verb->name, err->text);
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:i}", "error", err->text, "exit_code", code));
    }
    return code;
}

static int run_verb(cli *c, const cli_verb *verb, int argc, char **argv)
{
    wsl_error err = {0};
    int code = CLI_EXIT_OK;
    wsl_status status = cli_args_parse(verb->bit, argc, argv, &c->args, &err);

    if (status == WSL_OK && c->args.help) {
        print_verb_help(verb, c->out);
    } else {
        if (status == WSL_OK) {
            status = verb->run(c, &code, &err);
        }
        if (status != WSL_OK) {
            code = say_error(c, verb, &err, status);
        }
    }
    cli_rest_free(c->rest);
    wsl_config_free(c->config);
    cli_args_fini(&c->args);
    return code;
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    char self[PATH_MAX];

    if (argc < 2) {
        print_help(err);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(out);
        return CLI_EXIT_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0 ? "version" : argv[1];
    const cli_verb *verb = verb_find(name);
    if (verb == NULL) {
        return unknown_verb(argv[1], err);
    }
    const bool has_path = wsl_proc_program_path(self, sizeof self);
    cli c = {
        .fs = wsl_fs_posix(), .clock = wsl_clock_real(), .out = out, .err = err, .self = has_path ? self : argv[0]};
    return run_verb(&c, verb, argc - 2, argv + 2);
}
