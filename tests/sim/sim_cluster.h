/*
 * sim_cluster - a JobManager and TaskManagers on one thread, in virtual time, from one seed.
 *
 *     actors:  JobManager and its disk thread; for each TaskManager its control loop, network loop, disk threads and slots
 *     run:     a random one of those that are woken or due takes a step; when none is, time jumps to the next event
 *              (a deadline, or a message that arrives)
 *
 * The same code as in real processes, with the seams in simulated form: manual clock, seeded randomness, files in
 * memory, the simulated network. The seed decides which actor goes first, how long messages and disks take, which connections
 * break and what becomes of processes; `trace` is a hash over all steps and messages, so two runs can be compared.
 *
 * A process that dies does so between two steps (SIM_KILL), before or after a call that changes something on the disk, in the middle
 * of a step (SIM_KILL_AT_DISK), or with all TaskManagers and what was not synced (SIM_POWER). Nothing of it is heard any more, and
 * none of its code that tidies up has any effect. Its supervisor starts it again some time later.
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

typedef enum sim_fault {
    SIM_KILL,         /* a TaskManager dies, as by SIGKILL */
    SIM_KILL_AT_DISK, /* ... in the middle of a step; per call that changes something on the disk */
    SIM_POWER,        /* all TaskManagers die at once, and the disk forgets what was not synced */
    SIM_FREEZE,       /* a TaskManager stands still for a time, and goes on: a zombie */
    SIM_PART,         /* two hosts do not reach each other for a time */
    SIM_DISK,         /* the disk of one process is full, or fails, for a time */
    SIM_FAULTS
} sim_fault;

typedef struct sim_cluster_options {
    uint64_t seed;
    uint32_t task_managers, slots; /* slots of each */
    uint32_t cut_per_million;      /* messages that break their connection */
    uint32_t cuts_max;
    struct {
        uint32_t per_million; /* steps */
        uint32_t max;
    } faults[SIM_FAULTS];
    int64_t fault_max_ns;         /* how long those last that end by themselves; 0: 1 s */
    int64_t disk_max_ns;          /* disk threads take up to this long for a piece of work; 0: it is done inside the steps */
    int64_t heartbeat_timeout_ns; /* 0: the JobManager's default. The interval is a fifth of it */
    const char *const *overrides; /* "key=value" configuration, ended by NULL; may be NULL */
} sim_cluster_options;

/* Aborts when it cannot start. WIESEL_SIM_LOG=1: what the processes log goes to standard error. */
sim_cluster *sim_cluster_new(const sim_cluster_options *options);
void sim_cluster_free(sim_cluster *c);

/* false: from now on nothing breaks, what stands still goes on, what is apart comes together. At first things break. */
void sim_cluster_set_faults(sim_cluster *c, bool on);

wsl_fs *sim_cluster_fs(sim_cluster *c); /* shared by all */
jm *sim_cluster_jm(sim_cluster *c);
wsl_sim_network *sim_cluster_network(sim_cluster *c);
wsl_rng *sim_cluster_rng(sim_cluster *c);
wsl_manual_clock *sim_cluster_clock(sim_cluster *c);
uint32_t sim_cluster_crashes(const sim_cluster *c); /* TaskManagers that died */
uint32_t sim_cluster_faults(const sim_cluster *c, sim_fault fault);
/* Lines logged as errors that hold this text. */
uint32_t sim_cluster_errors(sim_cluster *c, const char *text);

/* Until `until` is true, or virtual time has gone on by limit_ns (then false). */
bool sim_cluster_run(sim_cluster *c, bool (*until)(void *arg), void *arg, int64_t limit_ns);
/* Until all TaskManagers are registered and all their slots are free. */
bool sim_cluster_settle(sim_cluster *c, int64_t limit_ns);

uint64_t sim_cluster_trace(const sim_cluster *c);
uint64_t sim_cluster_steps(const sim_cluster *c);
int64_t sim_cluster_now_ns(const sim_cluster *c);
