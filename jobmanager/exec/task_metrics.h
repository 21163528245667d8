/*
 * task_metrics - the numbers of one subtask: what its TaskManager sent last, and rates between samples.
 *
 * Counters are cumulative since the attempt began, so a lost sample costs nothing. A rate is the difference between a
 * sample and the one at least JM_RATE_WINDOW_MS before it. Counters that go backwards (a sample that overtook another)
 * start a new window.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include "control.pb-c.h"

enum { JM_RATE_WINDOW_MS = 400 };

typedef struct jm_rates { /* per second */
    double records_in, records_out;
    double bytes_in, bytes_out;
    double buffers_in, buffers_out;
    double busy_ms, backpressured_ms, idle_ms;
} jm_rates;

typedef struct jm_task_metrics {
    Wsl__Pb__TaskMetrics *last; /* never NULL after begin */
    Wsl__Pb__TaskMetrics base;  /* scalars of the sample that opened the window */
    int64_t base_ns;
    jm_rates rates;
} jm_task_metrics;

void jm_task_metrics_fini(jm_task_metrics *m);
void jm_task_metrics_begin(jm_task_metrics *m, int64_t now_ns); /* a new attempt: everything is 0 */
/* Takes the message. */
void jm_task_metrics_update(jm_task_metrics *m, Wsl__Pb__TaskMetrics *sample, int64_t now_ns);
void jm_task_metrics_end(jm_task_metrics *m); /* the task runs no more: rates are 0, counters stay */
