/*
 * rest_link - attach.h's link to a job of a cluster that is reached by REST.
 *
 * Threads: one.
 */
#pragma once
#include "cli/attach.h"

typedef struct cli_rest_job {
    cli_rest *rest;
    char id[WSL_ID_TEXT_SIZE];
} cli_rest_job;

/* `job` outlives the link. */
cli_job_link cli_rest_link(cli_rest_job *job);
