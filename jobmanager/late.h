/*
 * late - rows that came too late, of each operator of a job: how many, and the last JM_LATE_ROWS of them.
 *
 * TaskManagers send counts, and samples they did not send before, with the numbers of their tasks.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include "control.pb-c.h"
#include "jobmanager/split_names.h"

enum { JM_LATE_ROWS = 100 };

typedef struct jm_late_row {
    uint32_t subtask;
    int64_t timestamp, watermark, lateness_ms;
    char *key;   /* as text */
    char *split; /* its name, or which subtask of a source read the row; "": not known */
} jm_late_row;

typedef struct jm_late_operator {
    uint32_t operator_id;
    uint64_t *counts; /* by subtask */
    uint32_t parallelism;
    uint64_t n_rows; /* samples so far; row i, of the last JM_LATE_ROWS, is at i % JM_LATE_ROWS */
    jm_late_row rows[JM_LATE_ROWS];
} jm_late_operator;

typedef struct jm_late {
    jm_late_operator **operators; /* that had late rows */
    uint32_t n;
} jm_late;

void jm_late_fini(jm_late *late);
/* What a subtask of an operator with that parallelism sent. splits: what its numbers of splits mean. */
void jm_late_add(jm_late *late, uint32_t parallelism, uint32_t subtask, const Wsl__Pb__LateMetrics *m,
                 const jm_split_names *splits);

/* The subtask starts again, and with it its count. Samples stay. */
void jm_late_restart(const jm_late *late, uint32_t operator_id, uint32_t subtask);

const jm_late_operator *jm_late_find(const jm_late *late, uint32_t operator_id); /* NULL: it had none */
uint64_t jm_late_count(const jm_late_operator *op);
/* The i-th sample, oldest first; NULL: there are not that many. */
const jm_late_row *jm_late_row_at(const jm_late_operator *op, uint32_t i);
