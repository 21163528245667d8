/*
 * split_names - numbers for what a job's sources read from, so that rows can say where they come from.
 *
 *     1 ... n           subtasks of sources, in the order of the graph: rows of readers that have no splits
 *     n + 1 ... 16383   splits, in the order in which they are handed out; when all are used, the oldest number is
 *                       used again
 *
 * The number goes to the TaskManager with the split (or the subtask's deployment), travels in the header of each row, and
 * comes back with the samples of late rows. 0 is no number. A row that is older than some 16000 splits can come back with a
 * number that means another split by now.
 *
 * Threads: the JobManager's loop. Embedded in the job.
 */
#pragma once
#include <stdint.h>

#include "graph/job_graph.h"

typedef struct jm_split_names {
    char **names;  /* by number; those of splits are made when needed */
    uint32_t room; /* elements of names */
    uint32_t first_split, next;
    uint32_t *subtasks; /* by vertex: the number of its subtask 0; 0: it is no source, or there are too many */
} jm_split_names;

void jm_split_names_init(jm_split_names *s, const wsl_job_plan *plan);
void jm_split_names_fini(jm_split_names *s);

/* A number for a split that is handed out. */
uint32_t jm_split_names_give(jm_split_names *s, const char *name);
/* Of a subtask of a source's vertex; 0: it has none. */
uint32_t jm_split_names_subtask(const jm_split_names *s, const wsl_job_plan *plan, uint32_t vertex, uint32_t subtask);
/* "" if the number says nothing: any number may be asked for. */
const char *jm_split_names_get(const jm_split_names *s, uint32_t number);
