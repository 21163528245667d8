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
    char *store_dir; /* NULL: nothing outlives the JobManager */
    const char *rest_address;
    uint16_t rest_port;
    char *web_dir; /* NULL: no page */
} jm_config;

void jm_config_fini(jm_config *c);
/* What stands in for options that are not set; each may be NULL. */
typedef struct jm_config_defaults {
    const char *web_dir;  /* web.dir */
    const char *data_dir; /* high-availability.storageDir is a directory in there */
} jm_config_defaults;

/* `config` outlives c. Errors name the option. */
WSL_MUST_CHECK wsl_status jm_config_init(jm_config *c, const wsl_config *config, const jm_config_defaults *defaults,
                                         wsl_rng *rng, wsl_error *err);
