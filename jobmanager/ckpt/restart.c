#include "jobmanager/ckpt/restart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

static void init_exponential(jm_restart *r, const wsl_config *c)
{
    r->kind = JM_RESTART_EXPONENTIAL;
    r->initial_ns = wsl_config_duration_ns(c, "restart-strategy.exponential-delay.initial-backoff");
    r->max_ns = wsl_config_duration_ns(c, "restart-strategy.exponential-delay.max-backoff");
    r->max_ns = r->max_ns < r->initial_ns ? r->initial_ns : r->max_ns;
    r->reset_ns = wsl_config_duration_ns(c, "restart-strategy.exponential-delay.reset-backoff-threshold");
    r->multiplier = wsl_config_double(c, "restart-strategy.exponential-delay.backoff-multiplier");
    r->jitter = wsl_config_double(c, "restart-strategy.exponential-delay.jitter-factor");
    r->attempts_max = (uint32_t)wsl_config_int(c, "restart-strategy.exponential-delay.attempts-before-reset-backoff");
    r->current_ns = r->initial_ns;
}

static void init_fixed(jm_restart *r, const wsl_config *c)
{
    r->kind = JM_RESTART_FIXED;
    r->attempts_max = (uint32_t)wsl_config_int(c, "restart-strategy.fixed-delay.attempts");
    r->delay_ns = wsl_config_duration_ns(c, "restart-strategy.fixed-delay.delay");
}

static void init_rate(jm_restart *r, const wsl_config *c)
{
    r->kind = JM_RESTART_RATE;
    r->attempts_max = (uint32_t)wsl_config_int(c, "restart-strategy.failure-rate.max-failures-per-interval");
    r->interval_ns = wsl_config_duration_ns(c, "restart-strategy.failure-rate.failure-rate-interval");
    r->delay_ns = wsl_config_duration_ns(c, "restart-strategy.failure-rate.delay");
    r->failures = wsl_calloc(r->attempts_max, sizeof *r->failures);
}

void jm_restart_init(jm_restart *r, const wsl_config *job_config, bool checkpoints, uint64_t seed)
{
    const char *type = wsl_config_str(job_config, "restart-strategy.type");
    *r = (jm_restart){.kind = JM_RESTART_NONE};
    wsl_rng_seed(&r->rng, seed);
    if (type == NULL) {
        if (checkpoints) {
            init_exponential(r, job_config);
        }
    } else if (strncmp(type, "exponential", 11) == 0) {
        init_exponential(r, job_config);
    } else if (strncmp(type, "fixed", 5) == 0) {
        init_fixed(r, job_config);
    } else if (strncmp(type, "failure", 7) == 0) {
        init_rate(r, job_config);
    }
}

void jm_restart_fini(jm_restart *r)
{
    free(r->failures);
    *r = (jm_restart){0};
}

/* After `from`, without running over. */
static int64_t after(int64_t from, int64_t delay_ns) { return delay_ns > WSL_NEVER - from ? WSL_NEVER : from + delay_ns; }

static int64_t with_jitter(jm_restart *r, int64_t delay_ns)
{
    const double factor = 1 + r->jitter * (2 * wsl_rng_double(&r->rng) - 1);
    const double ns = (double)delay_ns * factor;
    return ns >= (double)r->max_ns ? r->max_ns : (int64_t)ns;
}

static bool on_exponential(jm_restart *r, int64_t now_ns, int64_t *out_at_ns)
{
    /* the time of its pause does not count as running well */
    if (r->attempts > 0 && now_ns - r->last_failure_ns >= after(r->reset_ns, r->current_ns)) {
        r->current_ns = r->initial_ns;
        r->attempts = 0;
    }
    if (r->attempts_max > 0 && r->attempts >= r->attempts_max) {
        return false;
    }
    if (r->attempts > 0) {
        const double longer = (double)r->current_ns * r->multiplier;
        r->current_ns = longer >= (double)r->max_ns ? r->max_ns : (int64_t)longer;
    }
    r->attempts++;
    *out_at_ns = after(now_ns, r->jitter > 0 ? with_jitter(r, r->current_ns) : r->current_ns);
    return true;
}

/* The failure `attempts_max` back: if it is still in the interval, this one is one too many. */
static bool on_rate(jm_restart *r, int64_t now_ns, int64_t *out_at_ns)
{
    int64_t *oldest = &r->failures[r->n_failures % r->attempts_max];
    const bool full = r->n_failures >= r->attempts_max;
    const bool too_many = full && now_ns - *oldest <= r->interval_ns;
    *oldest = now_ns;
    r->n_failures = r->n_failures + 1 < 2 * r->attempts_max ? r->n_failures + 1 : r->attempts_max;
    if (too_many) {
        return false;
    }
    r->attempts++;
    *out_at_ns = after(now_ns, r->delay_ns);
    return true;
}

bool jm_restart_on_failure(jm_restart *r, int64_t now_ns, int64_t *out_at_ns)
{
    bool again = false;
    switch (r->kind) {
    case JM_RESTART_NONE:
        break;
    case JM_RESTART_FIXED:
        again = r->attempts < r->attempts_max;
        if (again) {
            r->attempts++;
            *out_at_ns = after(now_ns, r->delay_ns);
        }
        break;
    case JM_RESTART_EXPONENTIAL:
        again = on_exponential(r, now_ns, out_at_ns);
        break;
    case JM_RESTART_RATE:
        again = on_rate(r, now_ns, out_at_ns);
        break;
    }
    r->last_failure_ns = now_ns;
    return again;
}

void jm_restart_describe(const jm_restart *r, char *to, uint32_t size)
{
    static const char *const names[] = {"none", "fixed-delay", "exponential-delay", "failure-rate"};
    if (r->kind == JM_RESTART_NONE) {
        (void)snprintf(to, size, "no restart strategy");
    } else if (r->attempts_max > 0 && r->kind != JM_RESTART_RATE) {
        (void)snprintf(to, size, "%s, attempt %u of %u", names[r->kind], r->attempts, r->attempts_max);
    } else if (r->kind == JM_RESTART_RATE) {
        (void)snprintf(to, size, "failure-rate, attempt %u, at most %u in %" PRId64 " ms", r->attempts,
                       r->attempts_max, r->interval_ns / WSL_NS_PER_MS);
    } else {
        (void)snprintf(to, size, "%s, attempt %u", names[r->kind], r->attempts);
    }
}
