/*
 * rest_client - requests to one JobManager over one kept connection.
 *
 * Every failure comes as one sentence: nobody answers there, something else answers there, it took too long, or what
 * the JobManager itself says is wrong (the first of "errors" in its answer).
 *
 * Threads: one.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef struct cli_rest cli_rest;

enum { CLI_REST_ANSWER_MAX = 64 << 20 };

typedef struct cli_body {
    const char *type; /* content type */
    const void *data;
    size_t size;
} cli_body;

void cli_rest_free(cli_rest *rest);
/* address: "host:port" or "http://host:port". WSL_INVALID if it is neither. */
WSL_MUST_CHECK wsl_status cli_rest_new(const char *address, uint32_t connect_timeout_ms, uint32_t timeout_ms,
                                       cli_rest **out_rest, wsl_error *err);
WSL_DEFINE_AUTO(cli_rest)

/* "http://127.0.0.1:8081" */
const char *cli_rest_address(const cli_rest *rest);

/* method: GET, POST, PATCH. body may be NULL. The answer's JSON (json_decref it) if it says success.
 * WSL_UNREACHABLE, WSL_TIMEOUT: no answer; WSL_NOT_FOUND: 404; WSL_INVALID: 400; WSL_STATE: 409; WSL_TOO_LARGE: 413;
 * WSL_FORMAT: what answers is no JobManager; WSL_INTERNAL: any other. */
WSL_MUST_CHECK wsl_status cli_rest_call(cli_rest *rest, const char *method, const char *path, const cli_body *body,
                                        json_t **out_answer, wsl_error *err);

/* The bytes of an answer that is not JSON (rows), asked for as application/octet-stream; valid until the next call,
 * aligned to 8. Errors as above. */
WSL_MUST_CHECK wsl_status cli_rest_get_bytes(cli_rest *rest, const char *path, const uint8_t **out_bytes,
                                             size_t *out_size, wsl_error *err);

/* A number in a header of the last answer; false: there is none. */
bool cli_rest_header_number(cli_rest *rest, const char *name, uint64_t *out_number);

/* The first text of {"errors": [...]}; NULL if it is not of that form. Borrowed from the document. */
const char *cli_rest_error_text(const json_t *answer);
