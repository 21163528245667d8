#include "cli/rest_link.h"

static wsl_status link_poll(void *arg, cli_job_status *out_status, wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_poll(job->rest, job->id, out_status, err);
}

static wsl_status link_collect(void *arg, cli_sink *sink, void (*fn)(void *fn_arg, const wsl_row *row), void *fn_arg,
                               wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_collect(job->rest, job->id, sink, fn, fn_arg, err);
}

static wsl_status link_cancel(void *arg, wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_cancel(job->rest, job->id, err);
}

cli_job_link cli_rest_link(cli_rest_job *job)
{
    return (cli_job_link){
        .arg = job, .poll = link_poll, .collect = link_collect, .cancel = link_cancel, .wait = cli_wait_quietly};
}
