/*
 * sim_cluster - a JobManager and TaskManagers on one thread, in virtual time, from one seed.
 *
 *     actors:  JobManager, and for each TaskManager its control loop, network loop and slots
 *     run:     a random one of those that are woken or due takes a step; when none is, time jumps to the next event
 *              (a deadline, or a message that arrives)
 *
 * The same code as in real processes, with the seams in simulated form: manual clock, seeded randomness, files in
 * memory, the simulated network. The seed decides which actor goes first, how long messages take, which connections
 * break and which TaskManagers die; `trace` is a hash over all steps and messages, so two runs can be compared.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "jobmanager/jm.h"
#include "net/transport_sim.h"

typedef struct sim_cluster sim_cluster;

typedef struct sim_cluster_options {
    uint64_t seed;
    uint32_t task_managers, slots; /* slots of each */
    uint32_t cut_per_million;      /* messages that break their connection */
    uint32_t cuts_max;
    uint32_t crash_per_million; /* steps after which a TaskManager dies, to be started again by its supervisor */
    uint32_t crashes_max;
    const char *const *overrides; /* "key=value" configuration, ended by NULL; may be NULL */
} sim_cluster_options;

/* Aborts when it cannot start. */
sim_cluster *sim_cluster_new(const sim_cluster_options *options);
void sim_cluster_free(sim_cluster *c);

wsl_fs *sim_cluster_fs(sim_cluster *c); /* shared by all */
jm *sim_cluster_jm(sim_cluster *c);
wsl_sim_network *sim_cluster_network(sim_cluster *c);
wsl_rng *sim_cluster_rng(sim_cluster *c);
uint32_t sim_cluster_crashes(const sim_cluster *c);

/* Until `until` is true, or virtual time has gone on by limit_ns (then false). */
bool sim_cluster_run(sim_cluster *c, bool (*until)(void *arg), void *arg, int64_t limit_ns);
/* Until all TaskManagers are registered and all their slots are free. */
bool sim_cluster_settle(sim_cluster *c, int64_t limit_ns);

uint64_t sim_cluster_trace(const sim_cluster *c);
uint64_t sim_cluster_steps(const sim_cluster *c);
int64_t sim_cluster_now_ns(const sim_cluster *c);
