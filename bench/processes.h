/*
 * processes - a cluster of separate processes on free ports of this machine, for the benchmark.
 *
 *     bench_find_programs, bench_start_jobmanager, bench_start_task_manager ..., bench_await_slots ... bench_stop
 *
 * Whatever cannot be ends the program with a sentence (bench_die). Threads: one.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <wiesel/macros.h>

enum { BENCH_PROCESSES_MAX = 34, BENCH_OVERRIDES_MAX = 64 };

typedef struct bench_child {
    pid_t pid; /* 0: reaped */
    FILE *out; /* its standard output; NULL: ours */
    bool is_task_manager;
} bench_child;

typedef struct bench_usage {
    double cpu_seconds, task_managers_cpu_seconds;
    long peak_rss_kb; /* of all processes, one on top of the other */
} bench_usage;

typedef struct bench_cluster {
    char bin[4096]; /* directory of the programs */
    const char *overrides[BENCH_OVERRIDES_MAX]; /* "key=value", for all processes */
    unsigned n_overrides;
    unsigned slots; /* of each TaskManager */
    bench_child processes[BENCH_PROCESSES_MAX];
    unsigned n_processes;
    char rest[256], rpc[256]; /* the JobManager's addresses */
} bench_cluster;

_Noreturn void bench_die(const char *format, ...) WSL_PRINTF(1, 2);
int64_t bench_now_ns(void); /* CLOCK_MONOTONIC */

/* argv[0] is a path. read_output: its standard output is for us. */
bench_child bench_spawn(char *const *argv, bool read_output);
void bench_free_argv(char **argv); /* of strings that were malloc'ed */
/* Waits for its end; adds what it used. Returns its exit status (wait). */
int bench_reap(bench_child *c, bench_usage *used);

void bench_find_programs(bench_cluster *c); /* where this one is */
void bench_start_jobmanager(bench_cluster *c);
bench_child *bench_start_task_manager(bench_cluster *c);
/* JSON of an answer; json_decref it. */
json_t *bench_get(const bench_cluster *c, const char *path);
void bench_await_slots(const bench_cluster *c, unsigned slots);
void bench_stop(bench_cluster *c, bench_usage *used);
