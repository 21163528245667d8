/*
 * cmd_run - `wiesel run`: build the graph here, ship it, and, unless detached, stay until the job ends.
 *
 * What people read goes to the standard output in Flink's words, unless the job collects rows: then the standard output
 * is for the rows alone and the words go to the standard error output.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/attach.h"
#include "cli/cmd.h"
#include "cli/job_file.h"
#include "cli/local_cluster.h"
#include "cli/rest_link.h"

typedef struct submitted {
    cli *c;
    const char *id;
    const cli_job_link *link;
    FILE *words;
} submitted;

/* ---- the end ---- */

static void say_end_json(const submitted *s, const cli_attach_result *r)
{
    json_t *document =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "jobid", s->id, "state", r->status.state, "runtime_ms",
                  (json_int_t)r->status.duration_ms, "records_in", (json_int_t)r->status.total_in, "records_out",
                  (json_int_t)r->status.total_out, "rows_collected", (json_int_t)r->rows);

    if (r->status.failure[0] != '\0') {
        (void)json_object_set_new(document, "failure", json_string(r->status.failure));
    }
    cli_print_json(s->c, document);
}

static int say_end(const submitted *s, const cli_attach_result *r)
{
    const bool finished = strcmp(r->status.state, "FINISHED") == 0, failed = strcmp(r->status.state, "FAILED") == 0;

    if (s->c->args.json) {
        say_end_json(s, r);
    } else if (finished) {
        (void)fprintf(s->words, "Program execution finished\nJob with JobID %s has finished.\nJob Runtime: %lld ms\n",
                      s->id, (long long)r->status.duration_ms);
    } else if (!failed) {
        (void)fprintf(s->words, "Job with JobID %s was canceled.\n", s->id);
    }
    if (failed) {
        (void)fflush(s->words);
        (void)fprintf(s->c->err, "wiesel run: job %s failed: %s\n", s->id,
                      r->status.failure[0] != '\0' ? r->status.failure : "the JobManager gives no reason");
    }
    if (r->interrupted && !finished && !failed) {
        return CLI_EXIT_INTERRUPTED;
    }
    return finished ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static wsl_status stay(const submitted *s, cli_sinks *sinks, int *out_exit, wsl_error *err)
{
    cli_attach_result result;

    WSL_TRY(cli_attach(s->c, s->link, s->id, sinks, &result, err));
    *out_exit = say_end(s, &result);
    return WSL_OK;
}

/* ---- the beginning ---- */

static void say_submitted(const submitted *s)
{
    if (!s->c->args.json) {
        (void)fprintf(s->words, "Job has been submitted with JobID %s\n", s->id);
        (void)fflush(s->words);
    } else if (s->c->args.detached) {
        cli_print_json(s->c, json_pack("{s:s}", "jobid", s->id));
    }
}

static wsl_status run_on_cluster(cli *c, cli_job_file *job, cli_sinks *sinks, int *out_exit, wsl_error *err)
{
    cli_rest_job rest_job = {0};
    const cli_job_link link = cli_rest_link(&rest_job);
    const submitted s = {
        .c = c, .id = rest_job.id, .link = &link, .words = sinks->n > 0 && !c->args.detached ? c->err : c->out};

    WSL_TRY(cli_connect(c, err));
    rest_job.rest = c->rest;
    cli_block_interrupts(); /* from here on Ctrl-C is about the job */
    WSL_TRY(cli_job_submit(c, job, rest_job.id, err));
    say_submitted(&s);
    return c->args.detached ? WSL_OK : stay(&s, sinks, out_exit, err);
}

static wsl_status run_here(cli *c, cli_job_file *job, cli_sinks *sinks, int *out_exit, wsl_error *err)
{
    WSL_AUTO(cli_local_cluster) local = NULL;
    char id[WSL_ID_TEXT_SIZE] = "";

    cli_block_interrupts(); /* before there are threads */
    WSL_TRY(cli_local_cluster_start(c, job->graph, &local, err));
    WSL_TRY(cli_local_cluster_submit(local, job, id, err));
    const cli_job_link link = cli_local_cluster_link(local);
    const submitted s = {.c = c, .id = id, .link = &link, .words = sinks->n > 0 ? c->err : c->out};
    say_submitted(&s);
    return stay(&s, sinks, out_exit, err);
}

wsl_status cmd_run(cli *c, int *out_exit, wsl_error *err)
{
    const char *path = NULL;
    cli_job_file job;
    cli_sinks sinks = {0};

    WSL_TRY(cli_one_argument(c, "a job (.so, .c or .json)", &path, err));
    if (c->args.local && (c->args.detached || c->args.jobmanager != NULL)) {
        return wsl_fail(err, WSL_INVALID, "--local runs in this process and ends with it: leave out -d and -m");
    }
    WSL_TRY(cli_load_config(c, err));
    wsl_status status = cli_job_file_load(c, path, &job, err);
    if (status == WSL_OK) {
        status = cli_sinks_init(&sinks, job.graph, (uint32_t)wsl_config_int(c->config, "parallelism.default"), err);
    }
    if (status == WSL_OK) {
        status =
            c->args.local ? run_here(c, &job, &sinks, out_exit, err) : run_on_cluster(c, &job, &sinks, out_exit, err);
    }
    cli_sinks_fini(&sinks);
    cli_job_file_fini(&job);
    return status;
}
