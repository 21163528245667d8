/*
 * restart - restart strategies: whether a job that failed is started again, and when.
 *
 *     none                never
 *     fixed-delay         `attempts` times, each after `delay`
 *     exponential-delay   after initial, x multiplier, ... up to max; jitter; back to initial after `reset` without failure
 *     failure-rate        while there are at most `max` failures in `interval`, each after `delay`
 *
 * Without checkpointing the default is none, with it exponential-delay (1 s x 1.5 up to 1 min, jitter 0.1, reset 1 h).
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/config.h>

#include "base/rng.h"

typedef struct jm_restart {
    enum { JM_RESTART_NONE, JM_RESTART_FIXED, JM_RESTART_EXPONENTIAL, JM_RESTART_RATE } kind;
    uint32_t attempts_max, attempts; /* exponential: 0 = no limit */
    int64_t delay_ns, initial_ns, max_ns, reset_ns, interval_ns;
    double multiplier, jitter;
    int64_t current_ns;      /* exponential: the next delay, without jitter */
    int64_t last_failure_ns;
    int64_t *failures; /* rate: a ring of the last attempts_max ones */
    uint32_t n_failures;
    wsl_rng rng;
} jm_restart;

void jm_restart_init(jm_restart *r, const wsl_config *job_config, bool checkpoints, uint64_t seed);
void jm_restart_fini(jm_restart *r);
/* A failure at that time (monotonic). False: no restart; true: *out_at_ns. */
bool jm_restart_on_failure(jm_restart *r, int64_t now_ns, int64_t *out_at_ns);
/* "exponential-delay, attempt 3": for people. */
void jm_restart_describe(const jm_restart *r, char *to, uint32_t size);
