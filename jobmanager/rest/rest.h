/*
 * rest - the REST interface without sockets: a request in, a response out.
 *
 *     server (libmicrohttpd) -> jm_rest_handle -> router: table of method, pattern, handler -> JSON
 *
 * Every path also answers below /v1 and with a slash at its end. What no route knows is a file of the web page (GET) or
 * 404. Errors are {"errors": ["one sentence"]}.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/config.h>
#include <wiesel/macros.h>

#include "base/proc.h"
#include "base/strbuf.h"
#include "jobmanager/jm.h"

enum {
    JM_REST_PATH_MAX = 2048,
    JM_REST_SEGMENTS_MAX = 16,
    JM_REST_PARAMS_MAX = 4,
    JM_REST_BODY_MAX = 65 << 20, /* an artifact and a little */
    JM_REST_FILE_MAX = 8 << 20,  /* a file of the web page */
};

/* What handlers work with; outlives every request. */
typedef struct jm_rest {
    jm *jm;
    const wsl_config *config; /* the cluster's, for /jobmanager/config */
    const char *web_dir;      /* NULL: no page */
    wsl_proc *proc;
    const char *const *arguments; /* of the process, ended by NULL */
} jm_rest;

typedef struct jm_request {
    const char *method;                                /* "GET" */
    const char *path;                                  /* decoded, without query: "/v1/jobs/overview" */
    const char *(*query)(void *arg, const char *name); /* decoded value; NULL: not there */
    void *query_arg;
    const char *content_type; /* "" if not given */
    const char *accept;
    const void *body;
    size_t body_size;
    const char *params[JM_REST_PARAMS_MAX]; /* filled by the router: the pattern's :names, in order */
} jm_request;

typedef struct jm_response {
    int status;
    const char *content_type;
    wsl_strbuf body;
    int64_t modified_ms; /* files: for last-modified; 0: not a file */
    bool has_rows;       /* collect as bytes: the two below go into headers */
    uint64_t next;
    bool end;
    bool holds;     /* not to be sent before what was asked for is in the store (jm_is_kept) ... */
    wsl_id holds_for; /* ... of that job */
} jm_response;

void jm_response_init(jm_response *response);
void jm_response_fini(jm_response *response);

/* Always gives an answer. */
void jm_rest_handle(const jm_rest *rest, jm_request *request, jm_response *response);

/* ---- for handlers ---- */

typedef void (*jm_handler)(const jm_rest *rest, const jm_request *request, jm_response *response);

typedef struct jm_route {
    const char *method;
    const char *pattern; /* "/jobs/:jobid/plan"; a segment with ':' matches anything */
    jm_handler handle;
} jm_route;

/* The first route of a table that fits, with request->params filled from `segments` (kept by the caller). */
const jm_route *jm_route_find(const jm_route *routes, const char *method, char *const *segments, uint32_t n_segments,
                              const char **out_params);
/* Cuts a path in place; empty segments (a slash at the end, double slashes) are left out. UINT32_MAX: too many. */
uint32_t jm_path_split(char *path, char *out_segments[JM_REST_SEGMENTS_MAX]);

extern const jm_route jm_routes[]; /* ended by a NULL method */

/* Replaces whatever the response held. */
void jm_rest_error(jm_response *response, int status, const char *format, ...) WSL_PRINTF(3, 4);
/* 400, 404, 409, 413, 503 or 500 by status code. */
void jm_rest_error_of(jm_response *response, const wsl_error *err);
const char *jm_request_query(const jm_request *request, const char *name); /* NULL: not there */
/* False: the value is there but no number from 0 to max; the response is an error then. */
bool jm_request_query_uint(const jm_request *request, const char *name, uint64_t fallback, uint64_t max,
                           uint64_t *out_value, jm_response *response);

/* The job or vertex that params[0], params[1] name; NULL: the response says why not. */
struct jm_job;
struct jm_vertex;
struct jm_job *jm_rest_job(const jm_rest *rest, const jm_request *request, jm_response *response);
const struct jm_vertex *jm_rest_vertex(const jm_rest *rest, const jm_request *request, struct jm_job **out_job,
                                       jm_response *response);
/* Subtask in params[2]; UINT32_MAX: the response says why not. */
uint32_t jm_rest_subtask(const jm_request *request, const struct jm_vertex *vertex, jm_response *response);
