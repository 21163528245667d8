#include "cli/job_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/job_build.h"
#include "base/alloc.h"
#include "cli/compile.h"
#include "cli/operation.h"
#include "graph/graph_json.h"
#include "graph/pb.h"

void cli_job_file_fini(cli_job_file *job)
{
    wsl_job_graph_free(job->graph);
    wsl_plugin_free(job->plugin);
    free(job->library);
    *job = (cli_job_file){0};
}

static bool ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text), end_size = strlen(end);

    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* "job" of "/some/where/job.so"; malloc'ed. */
static char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = wsl_strdup(slash != NULL ? slash + 1 : path);
    char *dot = strrchr(name, '.');

    if (dot != NULL && dot != name) {
        *dot = '\0';
    }
    return name;
}

static wsl_status check_file(const cli *c, const char *path, wsl_error *err)
{
    wsl_file_info info;
    const wsl_status status = c->fs->stat(c->fs, path, &info, err);

    if (status == WSL_NOT_FOUND) {
        return wsl_fail(err, WSL_NOT_FOUND, "there is no file '%s': give the path of a job (.so, .c or .json)", path);
    }
    WSL_TRY(status);
    if (!info.is_regular) {
        return wsl_fail(err, WSL_INVALID, "'%s' is not a file: give the path of a job (.so, .c or .json)", path);
    }
    return WSL_OK;
}

/* -D options that are not the client's own are the job's. */
static uint32_t job_defines(const cli *c, const char **out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->args.n_defines; i++) {
        char *key = wsl_strdup(c->args.defines[i]);
        *strchr(key, '=') = '\0';
        if (!cli_is_client_option(key)) {
            out[n++] = c->args.defines[i];
        }
        free(key);
    }
    return n;
}

static wsl_status load_library(cli *c, const char *path, const wsl_job_build_options *options, cli_job_file *job,
                               wsl_error *err)
{
    job->library = wsl_strdup(path);
    WSL_TRY(wsl_plugin_open(c->fs, path, &job->plugin, err));
    return wsl_job_build(job->plugin, options, &job->graph, err);
}

static wsl_status load_source(cli *c, const char *path, const wsl_job_build_options *options, cli_job_file *job,
                              wsl_error *err)
{
    const char *cc = getenv("CC");
    char *cache = cli_cache_dir(), *library = NULL;
    const cli_compiler compiler = {.fs = c->fs,
                                   .self = c->self,
                                   .headers = WSL_SOURCE_HEADERS,
                                   .cc = cc != NULL && cc[0] != '\0' ? cc : "cc",
                                   .cflags = getenv("CFLAGS"),
                                   .cache_dir = cache};
    wsl_status status = cli_compile(&compiler, path, &library, err);

    if (status == WSL_OK) {
        status = load_library(c, library, options, job, err);
    }
    free(cache);
    free(library);
    return status;
}

static wsl_status load_json(cli *c, const char *path, const wsl_job_build_options *options, cli_job_file *job,
                            wsl_error *err)
{
    char *text = NULL;
    size_t size = 0;

    if (c->args.n_job_args > 0) {
        return wsl_fail(err, WSL_INVALID, "a job graph in JSON takes no arguments: remove what follows '--'");
    }
    WSL_TRY(wsl_fs_read_all(c->fs, path, WSL_GRAPH_JSON_MAX, &text, &size, err));
    wsl_status status = wsl_job_graph_from_json(text, size, &job->graph, err);
    free(text);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "%s", path);
    }
    WSL_TRY(wsl_job_graph_override(job->graph, options, err));
    status = wsl_job_graph_validate_connectors(c->fs, job->graph, NULL, err);
    return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "%s", path);
}

/* The processes of the cluster have working directories of their own: relative paths of files are meant from here. */
static wsl_status make_paths_absolute(wsl_job_graph *graph, wsl_error *err)
{
    char here[PATH_MAX];

    if (getcwd(here, sizeof here) == NULL) {
        return wsl_fail(err, WSL_IO, "the working directory cannot be told: %s", strerror(errno));
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        const Wsl__Pb__Operator *op = graph->operators[i];
        for (size_t k = 0; strcmp(op->connector, "file") == 0 && k < op->n_options; k++) {
            Wsl__Pb__Option *option = op->options[k];
            if (strcmp(option->key, "path") == 0 && option->value[0] != '/' && strstr(option->value, "://") == NULL) {
                char *whole = wsl_asprintf("%s/%s", here, option->value);
                wsl_pb_set(&option->value, whole);
                free(whole);
            }
        }
    }
    return WSL_OK;
}

/* So is what the job begins with. */
static wsl_status make_recovery_absolute(wsl_job_graph *graph, wsl_error *err)
{
    for (size_t i = 0; i < graph->n_config; i++) {
        Wsl__Pb__Option *option = graph->config[i];
        const bool path = strcmp(option->key, "execution.state-recovery.path") == 0 || strcmp(option->key, "execution.savepoint.path") == 0;
        if (path && strcmp(option->value, "latest") != 0 && option->value[0] != '\0') {
            char *whole = NULL;
            WSL_TRY(cli_whole_directory(option->value, &whole, err));
            wsl_pb_set(&option->value, whole);
            free(whole);
        }
    }
    return WSL_OK;
}

wsl_status cli_job_file_load(cli *c, const char *path, cli_job_file *job, wsl_error *err)
{
    *job = (cli_job_file){0};
    WSL_TRY(check_file(c, path, err));

    char *name = base_name(path);
    const char **defines = wsl_calloc(c->args.n_defines + 1, sizeof *defines);
    const wsl_job_build_options options = {.name = c->args.name,
                                           .fallback_name = name,
                                           .parallelism = (uint32_t)c->args.parallelism,
                                           .config = defines,
                                           .n_config = job_defines(c, defines),
                                           .args = (const char *const *)c->args.job_args,
                                           .n_args = (uint32_t)c->args.n_job_args,
                                           .fs = c->fs};
    wsl_status status;
    if (ends_with(path, ".so")) {
        status = load_library(c, path, &options, job, err);
    } else if (ends_with(path, ".c")) {
        status = load_source(c, path, &options, job, err);
    } else if (ends_with(path, ".json")) {
        status = load_json(c, path, &options, job, err);
    } else {
        status = wsl_fail(err, WSL_INVALID, "'%s' is no job: its name must end in .so, .c or .json", path);
    }
    free(name);
    free(defines);
    WSL_TRY(cli_as_usage(status));
    WSL_TRY(make_paths_absolute(job->graph, err));
    return make_recovery_absolute(job->graph, err);
}
