/* Savepoints, stops, checkpoints and disposals: asked for with POST, asked about with GET. */
#include <string.h>

#include <jansson.h>

#include "jobmanager/jm_core.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/json.h"

/* The body's object; NULL: the response says why not. An empty body is an empty object. */
static json_t *body_of(const jm_request *request, jm_response *response)
{
    json_error_t why;
    json_t *body = request->body_size == 0 ? json_object()
                                           : json_loadb(request->body, request->body_size, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(body)) {
        json_decref(body);
        jm_rest_error(response, 400, "The body is not a JSON object.");
        return NULL;
    }
    return body;
}

/* False: the response says that a member has the wrong type. */
static bool text_of(const json_t *body, const char *key, const char **out_text, jm_response *response)
{
    const json_t *value = json_object_get(body, key);
    if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
        jm_rest_error(response, 400, "'%s' in the body is not a text.", key);
        return false;
    }
    *out_text = json_string_value(value); /* NULL for what is not there */
    return true;
}

static bool bool_of(const json_t *body, const char *key, bool *out_value, jm_response *response)
{
    const json_t *value = json_object_get(body, key);
    if (value != NULL && !json_is_null(value) && !json_is_boolean(value)) {
        jm_rest_error(response, 400, "'%s' in the body is neither true nor false.", key);
        return false;
    }
    *out_value = json_is_true(value);
    return true;
}

static void answer_id(jm_response *response, int status, const wsl_id *id)
{
    char text[WSL_ID_TEXT_SIZE];
    response->status = status;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "request-id", wsl_id_text(id, text));
    jm_json_close(&j);
}

static void ask(const jm_rest *rest, const jm_request *request, const jm_ask *what, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    wsl_error err = {0};
    wsl_id id;
    if (job == NULL) {
        return;
    }
    if (jm_ask_checkpoint(rest->jm, &job->id, what, &id, &err) != WSL_OK) {
        jm_rest_error_of(response, &err);
        return;
    }
    answer_id(response, 202, &id);
    response->holds = true;
    response->holds_for = job->id;
}

void jm_h_job_savepoint(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    json_t *body = body_of(request, response);
    jm_ask what = {.what = JM_ASK_SAVEPOINT};
    if (body != NULL && text_of(body, "target-directory", &what.target, response) &&
        bool_of(body, "cancel-job", &what.cancel, response)) {
        ask(rest, request, &what, response);
    }
    json_decref(body);
}

void jm_h_job_stop(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    json_t *body = body_of(request, response);
    jm_ask what = {.what = JM_ASK_STOP};
    if (body != NULL && text_of(body, "targetDirectory", &what.target, response) &&
        bool_of(body, "drain", &what.drain, response)) {
        ask(rest, request, &what, response);
    }
    json_decref(body);
}

void jm_h_job_checkpoint(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_ask what = {.what = JM_ASK_CHECKPOINT};
    ask(rest, request, &what, response);
}

void jm_h_savepoint_disposal(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    json_t *body = body_of(request, response);
    const char *path = NULL;
    wsl_id id;
    if (body != NULL && text_of(body, "savepoint-path", &path, response)) {
        if (path == NULL || path[0] == '\0') {
            jm_rest_error(response, 400, "The body has no 'savepoint-path'.");
        } else {
            jm_dispose_savepoint(rest->jm, path, &id);
            answer_id(response, 200, &id);
        }
    }
    json_decref(body);
}

/* ---- how it went ---- */

static void add_operation(jm_json *j, const jm_operation *op)
{
    jm_json_open(j, "operation", '{');
    if (op->failure != NULL) {
        jm_json_open(j, "failure-cause", '{');
        jm_json_str(j, "class", "OperationFailed");
        jm_json_str(j, "status", wsl_status_name(op->status));
        jm_json_str(j, "stack-trace", op->failure);
        jm_json_str(j, "serialized-throwable", "");
        jm_json_close(j);
    } else if (op->kind == JM_OPERATION_CHECKPOINT) {
        jm_json_uint(j, "checkpointId", op->checkpoint);
    } else if (op->kind != JM_OPERATION_DISPOSAL) {
        wsl_strbuf location;
        wsl_strbuf_init(&location);
        wsl_strbuf_printf(&location, "file:%s", op->location);
        jm_json_str(j, "location", location.data);
        wsl_strbuf_fini(&location);
    }
    jm_json_close(j);
}

static void answer_operation(const jm_rest *rest, const char *text, const wsl_id *job, jm_response *response)
{
    wsl_id id;
    if (!wsl_id_parse(text, &id)) {
        jm_rest_error(response, 400, "'%s' is not the id of a request: it has 32 hex digits.", text);
        return;
    }
    const jm_operation *op = jm_operations_find(rest->jm->operations, &id);
    if (op == NULL || (job == NULL) != (op->kind == JM_OPERATION_DISPOSAL) ||
        (job != NULL && !wsl_id_equal(job, &op->job))) {
        jm_rest_error(response, 404, "Request %s is not known (any more).", text);
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "status", '{');
    jm_json_str(&j, "id", op->done ? "COMPLETED" : "IN_PROGRESS");
    jm_json_close(&j);
    if (op->done) {
        add_operation(&j, op);
    } else {
        jm_json_null(&j, "operation");
    }
    jm_json_close(&j);
}

void jm_h_job_operation(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job != NULL) {
        answer_operation(rest, request->params[1], &job->id, response);
    }
}

void jm_h_savepoint_disposal_status(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    answer_operation(rest, request->params[0], NULL, response);
}
