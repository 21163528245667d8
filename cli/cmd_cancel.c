/*
 * cmd_cancel - `wiesel cancel JOB`: asks, and waits until the job is over; with -s it takes a savepoint first.
 */
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/job_watch.h"
#include "cli/operation.h"

/* `cancel -s JOB`: as with Flink, what follows -s is the job if there is nothing else. */
static wsl_status take_arguments(const cli *c, const char **out_job, const char **out_dir, wsl_error *err)
{
    const bool alone = c->args.savepoint_path != NULL && c->args.n_positionals == 0;
    *out_dir = alone ? NULL : c->args.savepoint_path;
    if (alone) {
        *out_job = c->args.savepoint_path;
        return WSL_OK;
    }
    return cli_one_argument(c, "the id of the job to cancel", out_job, err);
}

static wsl_status save(cli *c, const char *id, const char *given, char **out_location, wsl_error *err)
{
    char *dir = NULL;
    WSL_TRY(cli_whole_directory(given, &dir, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Cancelling job %s with a savepoint.\n", id);
    }
    json_t *body = json_pack("{s:s?, s:b}", "target-directory", dir, "cancel-job", 1);
    free(dir);
    return cli_take_savepoint(c, id, "savepoints", body, out_location, err);
}

static wsl_status cancel(cli *c, const char *id, wsl_error *err)
{
    if (!c->args.json) {
        (void)fprintf(c->out, "Cancelling job %s.\n", id);
        (void)fflush(c->out);
    }
    return cli_job_cancel(c->rest, id, err) == WSL_OK ? WSL_OK
                                                       : wsl_fail_prefix(err, WSL_STATE, "could not cancel job %s", id);
}

static void say(cli *c, const char *id, const char *state, const char *location)
{
    if (c->args.json) {
        json_t *document = json_pack("{s:s, s:s}", "jobid", id, "state", state);
        if (location != NULL) {
            (void)json_object_set_new(document, "location", json_string(location));
        }
        cli_print_json(c, document);
    } else if (location != NULL) {
        (void)fprintf(c->out, "Cancelled job %s. Savepoint stored in %s.\n", id, location);
    } else {
        (void)fprintf(c->out, "Cancelled job %s.\n", id);
    }
}

wsl_status cmd_cancel(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL, *dir = NULL;
    char id[WSL_ID_TEXT_SIZE], *location = NULL;
    cli_job_status job;

    (void)out_exit;
    WSL_TRY(take_arguments(c, &prefix, &dir, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    wsl_status status = c->args.savepoint_path != NULL ? save(c, id, dir, &location, err) : cancel(c, id, err);
    if (status == WSL_OK) {
        status = cli_job_await_end(c->rest, c->clock, id, CLI_CANCEL_TIMEOUT_MS, &job, err);
    }
    if (status == WSL_OK) {
        say(c, id, job.state, location);
    }
    free(location);
    return status;
}
