/*
 * sim_job - a job on a simulated cluster: how it gets there, its end, the rows that come back.
 *
 *     sim_job_init -> sim_job_submit_... -> sim_job_run (or sim_cluster_run with sim_job_has_ended)
 *
 * Failures are those of the test that calls.
 *
 * Threads: one.
 */
#pragma once
#include <wiesel/row.h>

#include "sim_cluster.h"

typedef struct sim_job {
    sim_cluster *cluster;
    uint64_t seed;
    void (*on_row)(void *arg, const wsl_row *row); /* of its collect sink; NULL: it has none */
    void *arg;
    wsl_id id;
    uint64_t next; /* collected row */
    bool rows_ended, ended;
    char state[32];
    char failure[1024];
    uint32_t restarts;
    uint32_t asked; /* how often whether it has ended */
} sim_job;

void sim_job_init(sim_job *j, sim_cluster *c, uint64_t seed, void (*on_row)(void *arg, const wsl_row *row), void *arg);

void sim_job_submit_json(sim_job *j, const char *json);

typedef struct sim_library_job {
    const char *library; /* path on the disk */
    uint32_t parallelism;
    const char *const *args;   /* ended by NULL */
    const char *const *config; /* "key=value", ended by NULL; may be NULL */
} sim_library_job;
void sim_job_submit_library(sim_job *j, const sim_library_job *what);
/* The override that such a cluster's TaskManagers need: "io.tmp.dirs=..." of this process. */
const char *sim_job_temporary(void);
void sim_job_remove_temporary(void);

/* Takes the rows there are; true once it and they have ended. */
bool sim_job_has_ended(void *job);
/* Until then; the test fails if that does not come. */
void sim_job_run(sim_job *j);
void sim_job_expect_finished(const sim_job *j);
