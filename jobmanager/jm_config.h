/*
 * jm_config - what the JobManager takes from the cluster's configuration, checked as a whole.
 *
 * Threads: any.
 */
#pragma once
#include "base/rng.h"
#include "jobmanager/jm.h"

typedef struct jm_config {
    jm_options options; /* borrows the texts below */
    char *rpc_address;  /* "tcp://127.0.0.1:6123" */
    char *artifact_dir;
    const char *rest_address;
    uint16_t rest_port;
    char *web_dir; /* NULL: no page */
} jm_config;

void jm_config_fini(jm_config *c);
/* `config` outlives c. web_dir_default: where the page is when web.dir is not set; may be NULL. Errors name the option.
 */
WSL_MUST_CHECK wsl_status jm_config_init(jm_config *c, const wsl_config *config, const char *web_dir_default,
                                         wsl_rng *rng, wsl_error *err);
