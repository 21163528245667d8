#include "cli/rest_link.h"

static wsl_status link_poll(void *arg, cli_job_status *out_status, wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_poll(job->rest, job->id, out_status, err);
}

static wsl_status link_collect(void *arg, uint64_t from, void (*print)(void *to, const char *json), void *to,
                               uint64_t *out_next, bool *out_end, wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_collect(job->rest, job->id, from, print, to, out_next, out_end, err);
}

static wsl_status link_cancel(void *arg, wsl_error *err)
{
    const cli_rest_job *job = arg;

    return cli_job_cancel(job->rest, job->id, err);
}

static char *link_root_cause(void *arg)
{
    const cli_rest_job *job = arg;

    return cli_job_root_cause(job->rest, job->id);
}

cli_job_link cli_rest_link(cli_rest_job *job)
{
    return (cli_job_link){.arg = job,
                          .poll = link_poll,
                          .collect = link_collect,
                          .cancel = link_cancel,
                          .wait = cli_wait_quietly,
                          .root_cause = link_root_cause};
}
