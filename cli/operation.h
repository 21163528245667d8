/*
 * operation - what a JobManager needs time for: savepoints, stops, checkpoints, disposals.
 *
 *     POST path -> request-id ... GET polled/request-id until it is done: a result, or why there is none
 *
 * Threads: one.
 */
#pragma once
#include "cli/cmd.h"

/* Takes the body. */
WSL_MUST_CHECK wsl_status cli_operation_begin(cli *c, const char *path, WSL_TAKES json_t *body,
                                              char out_request[WSL_ID_TEXT_SIZE], wsl_error *err);
/* Waits; *out_result is the operation's object, the caller's. What went wrong there comes with the JobManager's status and words. */
WSL_MUST_CHECK wsl_status cli_operation_await(cli *c, const char *polled, const char *request, json_t **out_result,
                                              wsl_error *err);
/* A directory as every process of the cluster finds it: one without '/' or scheme in front is meant from here. malloc'ed; NULL
 * stays NULL. */
WSL_MUST_CHECK wsl_status cli_whole_directory(const char *text, char **out_text, wsl_error *err);

/* A savepoint of that job: begins it (verb "savepoints" or "stop"), waits, and says in words or JSON where it is. With --detached
 * it says what to ask about instead. *out_location may be NULL: not wanted; else malloc'ed, and nothing is said. */
WSL_MUST_CHECK wsl_status cli_take_savepoint(cli *c, const char *id, const char *verb, WSL_TAKES json_t *body,
                                             char **out_location, wsl_error *err);
