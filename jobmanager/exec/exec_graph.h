/*
 * exec_graph - the subtasks of one job: their states, when each state was entered, where they run, their numbers.
 *
 * Passive: it keeps states and counts and answers questions. job.c decides what happens.
 *
 *     plan (vertices, chains)  ->  jm_vertex[v]  ->  jm_subtask[i]
 *
 * Threads: the JobManager's loop. Subtasks are numbered from 0.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "graph/job_graph.h"
#include "jobmanager/exec/lifecycle.h"
#include "jobmanager/exec/task_metrics.h"

typedef struct jm_subtask {
    jm_task_state state;
    uint32_t slot;                           /* index in the job's slots */
    uint32_t region;                         /* it restarts with the others of its number; regions.h */
    uint32_t attempt;                        /* the job's when it was deployed last; 0: never */
    uint32_t tries;                          /* how often it was deployed */
    bool restarting;                         /* the job is RESTARTING, and this is one of those that start again */
    uint64_t worker;                         /* where it runs or ran; 0: nowhere yet */
    char *tm_id;                             /* the same in words, kept when the worker is gone; NULL: nowhere yet */
    char *endpoint;                          /* "host:port" of that TaskManager; NULL: nowhere yet */
    int64_t entered_ms[JM_TASK_STATE_COUNT]; /* wall clock; 0: never */
    jm_task_metrics metrics;
} jm_subtask;

typedef struct jm_vertex {
    const wsl_vertex *plan;
    jm_subtask *subtasks; /* plan->parallelism of them */
    uint32_t in_state[JM_TASK_STATE_COUNT];
} jm_vertex;

typedef struct jm_exec_graph {
    const wsl_job_plan *plan; /* outlives us */
    jm_vertex *vertices;      /* plan->n_vertices */
    uint32_t n_tasks;
    uint32_t n_live; /* not in a final state */
    uint32_t n_regions;
} jm_exec_graph;

/* All subtasks CREATED at now_ms, in one region. */
void jm_exec_graph_init(jm_exec_graph *graph, const wsl_job_plan *plan, int64_t now_ms);
void jm_exec_graph_fini(jm_exec_graph *graph);

/* NULL: no such subtask. */
jm_subtask *jm_exec_graph_find(const jm_exec_graph *graph, uint32_t vertex, uint32_t subtask);

/* False: not a move. Same state again is a move that changes nothing. */
bool jm_exec_graph_move(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, jm_task_event event, int64_t now_ms);

/* A subtask in a final state begins anew, CREATED. It keeps its region, how often it was deployed, and where it ran. */
void jm_exec_graph_reset(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, int64_t now_ms);
/* A CREATED subtask of a job that is read back from disk is in that final state. */
void jm_exec_graph_recall(jm_exec_graph *graph, uint32_t vertex, uint32_t subtask, jm_task_state state);

/* One state for a vertex, by Flink's rule: the worst state any subtask is in, RUNNING while some have finished. */
jm_task_state jm_vertex_state(const jm_vertex *v);
int64_t jm_subtask_start_ms(const jm_subtask *t); /* when it was deployed; -1: not yet */
int64_t jm_subtask_end_ms(const jm_subtask *t);   /* -1: not yet */
int64_t jm_vertex_start_ms(const jm_vertex *v);
int64_t jm_vertex_end_ms(const jm_vertex *v);

/* "Source: trades (2/4)": for people, counted from 1 as Flink does. */
void jm_task_name(const jm_vertex *v, uint32_t subtask, char *out, uint32_t size);
