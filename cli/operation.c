#include "cli/operation.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/job_watch.h"

enum { POLL_MS = 50 };

static void rest_a_moment(void)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

wsl_status cli_operation_begin(cli *c, const char *path, json_t *body, char out_request[WSL_ID_TEXT_SIZE], wsl_error *err)
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

/* Of the failures that exit codes tell apart. */
static wsl_status status_named(const char *name)
{
    static const wsl_status told[] = {WSL_NOT_FOUND, WSL_INVALID, WSL_CORRUPT};
    for (size_t i = 0; name != NULL && i < WSL_ARRAY_LEN(told); i++) {
        if (strcmp(name, wsl_status_name(told[i])) == 0) {
            return told[i];
        }
    }
    return WSL_STATE;
}

/* Takes the answer about an operation that is done. */
static wsl_status result_of(json_t *answer, json_t **out_result, wsl_error *err)
{
    json_t *operation = json_object_get(answer, "operation");
    const json_t *cause = json_object_get(operation, "failure-cause");
    if (cause != NULL) {
        const char *why = json_string_value(json_object_get(cause, "stack-trace"));
        const wsl_status status =
            wsl_fail(err, status_named(json_string_value(json_object_get(cause, "status"))), "%s",
                     why != NULL ? why : "the JobManager gives no reason");
        json_decref(answer);
        return status;
    }
    *out_result = json_incref(operation);
    json_decref(answer);
    return WSL_OK;
}

wsl_status cli_operation_await(cli *c, const char *polled, const char *request, json_t **out_result, wsl_error *err)
{
    char *path = wsl_asprintf("%s/%s", polled, request);
    wsl_status status;
    int64_t away_ns = 0; /* since when nobody answers: a JobManager that is started again meanwhile still knows of it */
    for (;;) {
        json_t *answer = NULL;
        status = cli_rest_call(c->rest, "GET", path, NULL, &answer, err);
        const int64_t now_ns = wsl_now_ns(c->clock);
        away_ns = status == WSL_OK ? 0 : away_ns == 0 ? now_ns : away_ns;
        if (cli_is_away(status) && now_ns - away_ns < (int64_t)CLI_AWAY_MAX_MS * WSL_NS_PER_MS) {
            rest_a_moment();
            continue;
        }
        if (status != WSL_OK) {
            break;
        }
        const char *state = json_string_value(json_object_get(json_object_get(answer, "status"), "id"));
        if (state != NULL && strcmp(state, "COMPLETED") == 0) {
            status = result_of(answer, out_result, err);
            break;
        }
        json_decref(answer);
        rest_a_moment();
    }
    free(path);
    return status;
}

wsl_status cli_whole_directory(const char *text, char **out_text, wsl_error *err)
{
    char here[PATH_MAX];
    if (text == NULL || text[0] == '/' || strncmp(text, "file:", 5) == 0 || strstr(text, "://") != NULL) {
        *out_text = text == NULL ? NULL : wsl_strdup(text);
        return WSL_OK;
    }
    if (getcwd(here, sizeof here) == NULL) {
        return wsl_fail(err, WSL_IO, "the working directory cannot be told: %s", strerror(errno));
    }
    *out_text = wsl_asprintf("%s/%s", strcmp(here, "/") == 0 ? "" : here, text);
    return WSL_OK;
}

/* ---- savepoints ---- */

static void say_begun(cli *c, const char *id, const char *request)
{
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:s}", "jobid", id, "request-id", request));
    } else {
        (void)fprintf(c->out, "Successfully trigger manual savepoint, triggerId: %s\n", request);
    }
}

static void say_location(cli *c, const char *id, const char *location)
{
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:s}", "jobid", id, "location", location));
    } else {
        (void)fprintf(c->out, "Savepoint completed. Path: %s\n", location);
    }
}

static wsl_status await_savepoint(cli *c, const char *id, const char *request, char **out_location, wsl_error *err)
{
    json_t *result = NULL;
    if (!c->args.json) {
        (void)fprintf(c->out, "Waiting for response...\n");
        (void)fflush(c->out);
    }
    char *polled = wsl_asprintf("/jobs/%s/savepoints", id);
    wsl_status status = cli_operation_await(c, polled, request, &result, err);
    free(polled);
    WSL_TRY(status);
    const char *location = json_string_value(json_object_get(result, "location"));
    if (location == NULL) {
        status = wsl_fail(err, WSL_FORMAT, "the JobManager does not say where the savepoint is");
    } else if (out_location != NULL) {
        *out_location = wsl_strdup(location);
    } else {
        say_location(c, id, location);
    }
    json_decref(result);
    return status;
}

wsl_status cli_take_savepoint(cli *c, const char *id, const char *verb, json_t *body, char **out_location, wsl_error *err)
{
    char request[WSL_ID_TEXT_SIZE];
    char *path = wsl_asprintf("/jobs/%s/%s", id, verb);
    wsl_status status = cli_operation_begin(c, path, body, request, err);
    free(path);
    if (status == WSL_OK && c->args.detached) {
        say_begun(c, id, request);
        return WSL_OK;
    }
    if (status == WSL_OK) {
        status = await_savepoint(c, id, request, out_location, err);
    }
    return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "no savepoint of job %s", id);
}
