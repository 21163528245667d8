/*
 * checkpoints - what the JobManager says of a job's checkpoints, and where they go, for the benchmark.
 *
 * Threads: one.
 */
#pragma once
#include "bench/processes.h"

typedef struct bench_checkpoints {
    unsigned long long completed, failed;
    unsigned long long full_bytes;  /* the largest that one has written */
    unsigned long long delta_bytes; /* the largest of the later half that was a layer: less than half of that; 0: none was */
    double busy_seconds;            /* in which one was under way */
    double longest_step_ms;         /* of a task while one was under way, and the state was all there */
    double longest_ms;              /* from trigger to complete */
} bench_checkpoints;

/* Of the cluster's only job, which may have ended; of those that it remembers (BENCH_REMEMBER). */
void bench_read_checkpoints(const bench_cluster *c, bench_checkpoints *out);
#define BENCH_REMEMBER "web.checkpoints.history=1000"

/* A new directory for checkpoints below $TMPDIR or /tmp. */
void bench_make_directory(char out[64]);
void bench_remove_tree(const char *dir);
