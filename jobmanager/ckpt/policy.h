/*
 * policy - when the next checkpoint is due, and how many may fail: arithmetic only.
 *
 *     running -> first one after a random time in [min-pause, interval]
 *     then: interval after the last trigger, min-pause after the last completion, while fewer than max-concurrent are under way
 *
 * Failures are counted in a row; a completion sets the count back. One more than tolerable fails the job.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/config.h>

#include "base/rng.h"

typedef struct jm_policy {
    int64_t interval_ns; /* 0: none is taken by itself */
    int64_t min_pause_ns, timeout_ns;
    uint32_t max_concurrent;
    uint32_t tolerable;
    bool after_finish; /* go on when tasks have finished */
    int64_t due_ns;    /* by the interval; WSL_NEVER: not running */
    int64_t pause_until_ns;
    uint32_t failed_in_row;
} jm_policy;

void jm_policy_init(jm_policy *p, const wsl_config *job_config);
void jm_policy_on_running(jm_policy *p, int64_t now_ns, wsl_rng *rng);
void jm_policy_on_stopped(jm_policy *p);
/* When the next one may begin while in_progress are under way; WSL_NEVER: not before one of them ends. */
int64_t jm_policy_next_ns(const jm_policy *p, uint32_t in_progress);
void jm_policy_on_trigger(jm_policy *p, int64_t now_ns);
void jm_policy_on_completed(jm_policy *p, int64_t now_ns);
/* True: that was one too many. */
bool jm_policy_on_failed(jm_policy *p);
