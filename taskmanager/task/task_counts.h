/*
 * task_counts - user metrics of a task's operators, where other threads can read them.
 *
 * An operator counts into its own table (tm_op_count); the slot loop copies the values into a list that only grows. Its
 * entries live as long as the task, so a reader never meets one that goes away.
 *
 * Threads: publish on the slot's loop, fill on any, fini when neither runs any more.
 */
#pragma once
#include <stdint.h>

#include "control.pb-c.h"
#include "taskmanager/ops/chain.h"

typedef struct tm_task_count tm_task_count;

typedef struct tm_task_counts {
    tm_task_count *_Atomic first; /* the latest */

    /* slot loop: entry k of operator i belongs to that operator's count k */
    struct tm_task_counts_of {
        tm_task_count **entries;
        uint32_t n;
    } * operators;
    uint32_t n_operators;
} tm_task_counts;

void tm_task_counts_fini(tm_task_counts *counts);
void tm_task_counts_publish(tm_task_counts *counts, tm_chain *chain);
/* Sets counts ("<operator>.<metric>"; messages and names are malloc'ed) and records_in_errors, their sum. */
void tm_task_counts_fill(tm_task_counts *counts, Wsl__Pb__TaskMetrics *m);
