/*
 * deploy - the DeployTask message of one subtask: its chain, its edges, who is at their other ends.
 *
 * Everything in the message but its arrays is borrowed from the plan, the execution graph and the workers: send it,
 * then jm_deployment_fini, before any of those change.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "base/id.h"
#include "jobmanager/exec/exec_graph.h"
#include "jobmanager/sched/slot_pool.h"
#include "jobmanager/sched/worker.h"

typedef struct jm_deployment {
    Wsl__Pb__DeployTask message;
    Wsl__Pb__TaskId task;
    void **blocks; /* what to free */
    uint32_t n_blocks;
} jm_deployment;

typedef struct jm_deploy_scene {
    const wsl_id *job;
    const char *job_name;
    uint32_t attempt;
    const jm_exec_graph *graph;
    const jm_slot *slots; /* of the job; every subtask's slot is assigned */
    const jm_workers *workers;
} jm_deploy_scene;

/* False: a worker in the scene is gone (its tasks are about to fail). */
bool jm_deployment_init(jm_deployment *d, const jm_deploy_scene *scene, uint32_t vertex, uint32_t subtask);
void jm_deployment_fini(jm_deployment *d);

/* Rows on an edge: the producer's output, or that of its side output. NULL: the edge names a side output that is not
 * there. */
Wsl__Pb__Schema *jm_edge_schema(const wsl_job_plan *plan, const Wsl__Pb__Edge *edge);
