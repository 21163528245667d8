/*
 * cmd_savepoint - `wiesel savepoint JOB [DIR]`, `wiesel savepoint --dispose PATH`, `wiesel stop JOB [-p DIR] [--drain]`: ask, and
 * come back to ask how it went, in Flink's words.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/cmd.h"
#include "cli/job_watch.h"

enum { POLL_MS = 50 };

static void rest_a_moment(void)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* Takes the body. *out_request is the id to ask about. */
static wsl_status post(cli *c, const char *path, json_t *body, char out_request[WSL_ID_TEXT_SIZE], wsl_error *err)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const cli_body sent = {"application/json", text, strlen(text)};
    json_t *answer = NULL;
    json_decref(body);
    const wsl_status status = cli_rest_call(c->rest, "POST", path, &sent, &answer, err);
    free(text);
    WSL_TRY(status);
    const char *id = json_string_value(json_object_get(answer, "request-id"));
    if (id == NULL || strlen(id) != WSL_ID_TEXT_SIZE - 1) {
        json_decref(answer);
        return wsl_fail(err, WSL_FORMAT, "the JobManager's answer to POST %s has no request-id", path);
    }
    memcpy(out_request, id, WSL_ID_TEXT_SIZE);
    json_decref(answer);
    return WSL_OK;
}

/* The operation's object once it is done; WSL_STATE: it failed, and why. A JobManager that is started again meanwhile still knows
 * of it. */
static wsl_status await_done(cli *c, const char *path, json_t **out_operation, wsl_error *err)
{
    int64_t away_ns = 0;
    for (;;) {
        json_t *answer = NULL;
        const wsl_status called = cli_rest_call(c->rest, "GET", path, NULL, &answer, err);
        const int64_t now_ns = wsl_now_ns(c->clock);
        away_ns = called == WSL_OK ? 0 : away_ns == 0 ? now_ns : away_ns;
        if (cli_is_away(called) && now_ns - away_ns < (int64_t)CLI_AWAY_MAX_MS * WSL_NS_PER_MS) {
            rest_a_moment();
            continue;
        }
        WSL_TRY(called);
        const char *status = json_string_value(json_object_get(json_object_get(answer, "status"), "id"));
        if (status != NULL && strcmp(status, "COMPLETED") == 0) {
            json_t *operation = json_object_get(answer, "operation");
            const json_t *cause = json_object_get(operation, "failure-cause");
            const char *why = json_string_value(json_object_get(cause, "stack-trace"));
            if (cause != NULL) {
                (void)wsl_fail(err, WSL_STATE, "%s", why != NULL ? why : "the JobManager gives no reason");
                json_decref(answer);
                return WSL_STATE;
            }
            *out_operation = json_incref(operation);
            json_decref(answer);
            return WSL_OK;
        }
        json_decref(answer);
        rest_a_moment();
    }
}

/* POSTs to <base>, asks about <asked>/<request>. */
static wsl_status ask(cli *c, const char *base, const char *asked, json_t *body, json_t **out_operation, wsl_error *err)
{
    char request[WSL_ID_TEXT_SIZE];
    WSL_TRY(post(c, base, body, request, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Waiting for response...\n");
        (void)fflush(c->out);
    }
    char *path = wsl_asprintf("%s/%s", asked, request);
    const wsl_status status = await_done(c, path, out_operation, err);
    free(path);
    return status;
}

/* ask for a savepoint of that job; says where it is. */
static wsl_status take(cli *c, const char *id, const char *verb, json_t *body, wsl_error *err)
{
    json_t *operation = NULL;
    char *base = wsl_asprintf("/jobs/%s/%s", id, verb), *asked = wsl_asprintf("/jobs/%s/savepoints", id);
    const wsl_status status = ask(c, base, asked, body, &operation, err);
    free(base);
    free(asked);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "no savepoint of job %s", id);
    }
    const char *location = json_string_value(json_object_get(operation, "location"));
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:s?}", "jobid", id, "location", location));
    } else {
        (void)fprintf(c->out, "Savepoint completed. Path: %s\n", location != NULL ? location : "?");
    }
    json_decref(operation);
    return WSL_OK;
}

static wsl_status dispose(cli *c, const char *path, wsl_error *err)
{
    json_t *operation = NULL;
    if (!c->args.json) {
        (void)fprintf(c->out, "Disposing savepoint '%s'.\n", path);
    }
    WSL_TRY(cli_connect(c, err));
    const wsl_status status = ask(c, "/savepoint-disposal", "/savepoint-disposal",
                                  json_pack("{s:s}", "savepoint-path", path), &operation, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "savepoint '%s' is not disposed", path);
    }
    json_decref(operation);
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s}", "disposed", path));
    } else {
        (void)fprintf(c->out, "Savepoint '%s' disposed.\n", path);
    }
    return WSL_OK;
}

wsl_status cmd_savepoint(cli *c, int *out_exit, wsl_error *err)
{
    char id[WSL_ID_TEXT_SIZE];
    const uint32_t n = c->args.n_positionals;

    (void)out_exit;
    if (c->args.dispose != NULL) {
        return n == 0 ? dispose(c, c->args.dispose, err)
                      : wsl_fail(err, WSL_INVALID, "--dispose takes the path alone, no job");
    }
    if (n < 1 || n > 2) {
        return wsl_fail(err, WSL_INVALID, "give the id of a job, and a directory if the job has none configured");
    }
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, c->args.positionals[0], id, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Triggering savepoint for job %s.\n", id);
    }
    WSL_TRY(take(c, id, "savepoints",
                 json_pack("{s:s?}", "target-directory", n == 2 ? c->args.positionals[1] : NULL), err));
    if (!c->args.json) {
        (void)fprintf(c->out, "You can resume your program from this savepoint with the run command.\n");
    }
    return WSL_OK;
}

wsl_status cmd_stop(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL;
    char id[WSL_ID_TEXT_SIZE];

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "the id of the job to stop", &prefix, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Suspending job \"%s\" with a CANONICAL savepoint.\n", id);
    }
    return take(c, id, "stop",
                json_pack("{s:s?, s:b}", "targetDirectory", c->args.savepoint_path, "drain", (int)c->args.drain), err);
}
