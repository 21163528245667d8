#include "jobmanager/rest/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/rest/json.h"
#include "jobmanager/rest/static_files.h"

/* ---- paths ---- */

uint32_t jm_path_split(char *path, char *out_segments[JM_REST_SEGMENTS_MAX])
{
    uint32_t n = 0;
    for (char *at = path; *at != '\0';) {
        if (*at == '/') {
            *at++ = '\0';
            continue;
        }
        if (n == JM_REST_SEGMENTS_MAX) {
            return UINT32_MAX;
        }
        out_segments[n++] = at;
        at += strcspn(at, "/");
    }
    return n;
}

/* Does the pattern fit all the segments? Fills out_params on the way. */
static bool fits(const char *pattern, char *const *segments, uint32_t n_segments, const char **out_params)
{
    uint32_t n_params = 0;
    for (uint32_t i = 0; i < n_segments; i++) {
        if (*pattern != '/') {
            return false;
        }
        pattern++;
        const size_t size = strcspn(pattern, "/");
        if (*pattern == ':') {
            out_params[n_params++] = segments[i];
        } else if (strlen(segments[i]) != size || memcmp(segments[i], pattern, size) != 0) {
            return false;
        }
        pattern += size;
    }
    return *pattern == '\0';
}

const jm_route *jm_route_find(const jm_route *routes, const char *method, char *const *segments, uint32_t n_segments,
                              const char **out_params)
{
    for (const jm_route *r = routes; r->method != NULL; r++) {
        if (strcmp(r->method, method) == 0 && fits(r->pattern, segments, n_segments, out_params)) {
            return r;
        }
    }
    return NULL;
}

static bool known_path(char *const *segments, uint32_t n_segments)
{
    const char *params[JM_REST_PARAMS_MAX];
    for (const jm_route *r = jm_routes; r->method != NULL; r++) {
        if (fits(r->pattern, segments, n_segments, params)) {
            return true;
        }
    }
    return false;
}

void jm_rest_handle(const jm_rest *rest, jm_request *request, jm_response *response)
{
    char path[JM_REST_PATH_MAX];
    char *segments[JM_REST_SEGMENTS_MAX];
    const size_t size = strlen(request->path);
    if (size >= sizeof path) {
        jm_rest_error(response, 400, "The path is longer than %d bytes.", JM_REST_PATH_MAX);
        return;
    }
    memcpy(path, request->path, size + 1);
    uint32_t n = jm_path_split(path, segments);
    if (n == UINT32_MAX) {
        jm_rest_error(response, 404, "Not found: %s", request->path);
        return;
    }
    const bool v1 = n > 0 && strcmp(segments[0], "v1") == 0;
    char *const *from = v1 ? segments + 1 : segments;
    n -= v1;
    const jm_route *route = jm_route_find(jm_routes, request->method, from, n, request->params);
    if (route != NULL) {
        route->handle(rest, request, response);
    } else if (strcmp(request->method, "GET") == 0 && !known_path(from, n)) {
        jm_static_file(rest, request->path, response);
    } else {
        jm_rest_error(response, 404, "Not found: %s", request->path);
    }
}

/* ---- responses ---- */

void jm_response_init(jm_response *response)
{
    *response = (jm_response){.status = 200, .content_type = "application/json; charset=UTF-8"};
    wsl_strbuf_init(&response->body);
}

void jm_response_fini(jm_response *response) { wsl_strbuf_fini(&response->body); }

void jm_rest_error(jm_response *response, int status, const char *format, ...)
{
    char text[2 * WSL_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    jm_response_fini(response);
    jm_response_init(response);
    response->status = status;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "errors", '[');
    jm_json_str(&j, NULL, text);
    jm_json_close(&j);
    jm_json_close(&j);
}

static int http_status(wsl_status status)
{
    switch (status) {
    case WSL_NOT_FOUND:
        return 404;
    case WSL_STATE:
    case WSL_EXISTS:
        return 409;
    case WSL_TOO_LARGE:
        return 413;
    case WSL_NO_RESOURCE:
        return 503;
    case WSL_NO_SPACE:
        return 507;
    case WSL_IO:
    case WSL_INTERNAL:
        return 500;
    default:
        return 400;
    }
}

void jm_rest_error_of(jm_response *response, const wsl_error *err)
{
    jm_rest_error(response, http_status(err->status), "%s", err->text);
}

/* ---- requests ---- */

const char *jm_request_query(const jm_request *request, const char *name)
{
    return request->query == NULL ? NULL : request->query(request->query_arg, name);
}

bool jm_request_query_uint(const jm_request *request, const char *name, uint64_t fallback, uint64_t max,
                           uint64_t *out_value, jm_response *response)
{
    const char *text = jm_request_query(request, name);
    int64_t value = 0;
    if (text == NULL) {
        *out_value = fallback;
        return true;
    }
    if (!wsl_parse_whole_int64(text, strlen(text), &value) || value < 0 || (uint64_t)value > max) {
        jm_rest_error(response, 400, "The query parameter '%s' is '%s', not a number from 0 to %llu.", name, text,
                      (unsigned long long)max);
        return false;
    }
    *out_value = (uint64_t)value;
    return true;
}

jm_job *jm_rest_job(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    wsl_id id;
    if (!wsl_id_parse(request->params[0], &id)) {
        jm_rest_error(response, 400, "'%s' is not a job id: it has 32 hex digits.", request->params[0]);
        return NULL;
    }
    jm_job *job = jm_find_job(rest->jm, &id);
    if (job == NULL) {
        jm_rest_error(response, 404, "Job %s not found.", request->params[0]);
    }
    return job;
}

const jm_vertex *jm_rest_vertex(const jm_rest *rest, const jm_request *request, jm_job **out_job, jm_response *response)
{
    jm_job *job = jm_rest_job(rest, request, response);
    wsl_id id;
    if (job == NULL) {
        return NULL;
    }
    if (!wsl_id_parse(request->params[1], &id)) {
        jm_rest_error(response, 400, "'%s' is not a vertex id: it has 32 hex digits.", request->params[1]);
        return NULL;
    }
    const jm_vertex *v = jm_job_vertex(job, &id);
    if (v == NULL) {
        jm_rest_error(response, 404, "Vertex %s not found in job %s.", request->params[1], request->params[0]);
        return NULL;
    }
    *out_job = job;
    return v;
}

uint32_t jm_rest_subtask(const jm_request *request, const jm_vertex *vertex, jm_response *response)
{
    const char *text = request->params[2];
    int64_t index = 0;
    if (!wsl_parse_whole_int64(text, strlen(text), &index) || index < 0) {
        jm_rest_error(response, 400, "'%s' is not a subtask number.", text);
        return UINT32_MAX;
    }
    if (index >= vertex->plan->parallelism) {
        jm_rest_error(response, 404, "Subtask %s not found: the vertex has %u.", text, vertex->plan->parallelism);
        return UINT32_MAX;
    }
    return (uint32_t)index;
}
