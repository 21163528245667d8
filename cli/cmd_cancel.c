/*
 * cmd_cancel - `wiesel cancel JOB`: asks, and waits until the job is over.
 */
#include "cli/cmd.h"
#include "cli/job_watch.h"

wsl_status cmd_cancel(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL;
    char id[WSL_ID_TEXT_SIZE];
    cli_job_status status;

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "the id of the job to cancel", &prefix, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Cancelling job %s.\n", id);
        (void)fflush(c->out);
    }
    if (cli_job_cancel(c->rest, id, err) != WSL_OK) {
        return wsl_fail_prefix(err, WSL_STATE, "could not cancel job %s", id);
    }
    WSL_TRY(cli_job_await_end(c->rest, c->clock, id, CLI_CANCEL_TIMEOUT_MS, &status, err));
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:s}", "jobid", id, "state", status.state));
    } else {
        (void)fprintf(c->out, "Cancelled job %s.\n", id);
    }
    return WSL_OK;
}
