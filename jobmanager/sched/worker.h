/*
 * worker - one registered TaskManager as the JobManager knows it.
 *
 * A worker lives from its accepted registration until it is lost or says goodbye; then it is freed and its number never
 * comes back. Who sends to it and finds it dead does not remove it on the spot: it dooms it, and the JobManager's step
 * removes doomed workers when nobody is in the middle of something (jm_core.h).
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "control.pb-c.h"

typedef struct jm_worker {
    uint64_t number;         /* in the slot pool */
    char *peer;              /* identity of its connection */
    Wsl__Pb__Register *info; /* what it said of itself, checked by net/control */
    int64_t heard_ns;        /* monotonic: last message */
    int64_t heard_ms;        /* wall clock: the same, for people */
    char *doomed;            /* why it will be removed; NULL: alive */
    Wsl__Pb__ProcessMetrics process;
    bool has_process;
    double cpu_load; /* cores busy, between the last two samples */
    int64_t sampled_ns;
} jm_worker;

typedef struct jm_workers {
    jm_worker **all; /* in order of registration */
    uint32_t n;
    uint32_t capacity;
} jm_workers;

void jm_workers_fini(jm_workers *workers);
/* Takes info. */
jm_worker *jm_workers_add(jm_workers *workers, uint64_t number, const char *peer, Wsl__Pb__Register *info,
                          int64_t now_ns, int64_t now_ms);
void jm_workers_remove(jm_workers *workers, jm_worker *worker); /* frees it */

jm_worker *jm_workers_by_number(const jm_workers *workers, uint64_t number);
jm_worker *jm_workers_by_peer(const jm_workers *workers, const char *peer);
jm_worker *jm_workers_by_id(const jm_workers *workers, const char *tm_id);

/* The first reason counts. */
void jm_worker_doom(jm_worker *worker, const char *reason);
void jm_worker_sample(jm_worker *worker, const Wsl__Pb__ProcessMetrics *process, int64_t now_ns);

/* "host:port" of its data listener, by TCP; its id if that is not known. The caller frees it. */
char *jm_worker_endpoint(const jm_worker *worker);
