/*
 * sim_trial - one seed: a job with checkpoints and exactly-once files on a cluster in which things break, and whether its output is
 * that of a run in which nothing does.
 *
 *     seed -> which job, parallelism, TaskManagers, options of checkpoints, which faults and how often
 *
 * What is checked:
 *   - the job ends FINISHED (nothing that breaks is for ever, and it may restart as often as it likes);
 *   - the lines of the visible files are those of a run of the same job without faults, each as often; no line is torn;
 *   - nothing is left hidden;
 *   - what is called a complete checkpoint can be read to its last record: each one when it has become the latest, all that are there
 *     after power was lost, and none that a restore found damaged.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "sim_cluster.h"

typedef struct sim_trial_result {
    bool ok;
    char job[16];
    char why[1500];
    uint64_t trace;
    uint64_t steps;
    int64_t virtual_ns;
    uint32_t restarts;
    uint32_t restored; /* restarts that began with a checkpoint */
    uint64_t checkpoints;
    uint32_t cuts, faults[SIM_FAULTS];
} sim_trial_result;

void sim_trial_run(uint64_t seed, sim_trial_result *out);
/* Frees what trials of this process share, which is the output of runs without faults. */
void sim_trial_end(void);
