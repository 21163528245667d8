/*
 * metric_names - all metrics we know, under Flink's names, as calls of a function with name and value.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "base/proc.h"
#include "jobmanager/jm_core.h"

typedef enum jm_metric_type { JM_METRIC_INT, JM_METRIC_DOUBLE, JM_METRIC_BOOL } jm_metric_type;

typedef struct jm_metric {
    jm_metric_type type;
    int64_t integer; /* INT, BOOL */
    double number;   /* DOUBLE */
} jm_metric;

typedef void (*jm_metric_fn)(void *arg, const char *name, jm_metric value);

void jm_metrics_of_task(const jm_subtask *t, jm_metric_fn fn, void *arg);
void jm_metrics_of_job(const jm_job *job, int64_t now_ms, jm_metric_fn fn, void *arg);
void jm_metrics_of_worker(const jm_worker *w, uint64_t segment_size, jm_metric_fn fn, void *arg);
void jm_metrics_of_jm(const jm *self, const wsl_proc_stats *process, jm_metric_fn fn, void *arg);

/* As REST shows it: always a text. */
void jm_metric_text(jm_metric value, char *out, uint32_t size);
double jm_metric_number(jm_metric value);
