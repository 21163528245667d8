/*
 * cmd_savepoint - `wiesel savepoint JOB [DIR]`, `wiesel savepoint --dispose PATH`, `wiesel stop JOB [-p DIR] [--drain]`: ask, and
 * come back to ask how it went, in Flink's words.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cmd.h"
#include "cli/operation.h"

static wsl_status dispose(cli *c, const char *given, wsl_error *err)
{
    char request[WSL_ID_TEXT_SIZE], *path = NULL;
    json_t *result = NULL;
    WSL_TRY(cli_whole_directory(given, &path, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Disposing savepoint '%s'.\nWaiting for response...\n", path);
        (void)fflush(c->out);
    }
    wsl_status status = cli_connect(c, err);
    if (status == WSL_OK) {
        status = cli_operation_begin(c, "/savepoint-disposal", json_pack("{s:s}", "savepoint-path", path), request, err);
    }
    if (status == WSL_OK) {
        status = cli_operation_await(c, "/savepoint-disposal", request, &result, err);
    }
    json_decref(result);
    if (status != WSL_OK) {
        status = wsl_fail_prefix(err, status, "savepoint '%s' is not disposed", path);
    } else if (c->args.json) {
        cli_print_json(c, json_pack("{s:s}", "disposed", path));
    } else {
        (void)fprintf(c->out, "Savepoint '%s' disposed.\n", path);
    }
    free(path);
    return status;
}

static wsl_status check_format(const cli *c, wsl_error *err)
{
    const char *format = c->args.format;
    return format == NULL || strcasecmp(format, "canonical") == 0 || strcasecmp(format, "native") == 0
               ? WSL_OK
               : wsl_fail(err, WSL_INVALID, "--type is canonical or native, not '%.60s'", format);
}

wsl_status cmd_savepoint(cli *c, int *out_exit, wsl_error *err)
{
    char id[WSL_ID_TEXT_SIZE], *dir = NULL;
    const uint32_t n = c->args.n_positionals;

    (void)out_exit;
    if (c->args.dispose != NULL) {
        return n == 0 ? dispose(c, c->args.dispose, err)
                      : wsl_fail(err, WSL_INVALID, "--dispose takes the path alone, no job");
    }
    if (n < 1 || n > 2) {
        return wsl_fail(err, WSL_INVALID, "give the id of a job, and a directory if the job has none configured");
    }
    WSL_TRY(check_format(c, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, c->args.positionals[0], id, err));
    WSL_TRY(cli_whole_directory(n == 2 ? c->args.positionals[1] : NULL, &dir, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Triggering savepoint %sfor job %s.\n", c->args.detached ? "in detached mode " : "", id);
    }
    const wsl_status status = cli_take_savepoint(c, id, "savepoints", json_pack("{s:s?}", "target-directory", dir), NULL, err);
    free(dir);
    WSL_TRY(status);
    if (!c->args.json && !c->args.detached) {
        (void)fprintf(c->out, "You can resume your program from this savepoint with the run command.\n");
    }
    return WSL_OK;
}

wsl_status cmd_stop(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL;
    char id[WSL_ID_TEXT_SIZE], *dir = NULL;

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "the id of the job to stop", &prefix, err));
    WSL_TRY(check_format(c, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    WSL_TRY(cli_whole_directory(c->args.savepoint_path, &dir, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Suspending job \"%s\" with a CANONICAL savepoint.\nTriggering stop-with-savepoint for job %s.\n", id, id);
    }
    const wsl_status status =
        cli_take_savepoint(c, id, "stop", json_pack("{s:s?, s:b}", "targetDirectory", dir, "drain", (int)c->args.drain), NULL, err);
    free(dir);
    return status;
}
