#include "jobmanager/ckpt/policy.h"

#include "base/clock.h"

void jm_policy_init(jm_policy *p, const wsl_config *c)
{
    *p = (jm_policy){
        .interval_ns = wsl_config_duration_ns(c, "execution.checkpointing.interval"),
        .min_pause_ns = wsl_config_duration_ns(c, "execution.checkpointing.min-pause"),
        .timeout_ns = wsl_config_duration_ns(c, "execution.checkpointing.timeout"),
        .max_concurrent = (uint32_t)wsl_config_int(c, "execution.checkpointing.max-concurrent-checkpoints"),
        .tolerable = (uint32_t)wsl_config_int(c, "execution.checkpointing.tolerable-failed-checkpoints"),
        .after_finish = wsl_config_bool(c, "execution.checkpointing.checkpoints-after-tasks-finish.enabled"),
        .due_ns = WSL_NEVER,
    };
    if (p->min_pause_ns > 0) {
        p->max_concurrent = 1; /* a pause after an end means that nothing else is under way */
    }
    if (p->interval_ns > 0 && p->interval_ns < p->min_pause_ns) {
        p->interval_ns = p->min_pause_ns;
    }
}

void jm_policy_on_running(jm_policy *p, int64_t now_ns, wsl_rng *rng)
{
    p->pause_until_ns = 0;
    p->failed_in_row = 0;
    if (p->interval_ns > 0) {
        const uint64_t range = (uint64_t)(p->interval_ns - p->min_pause_ns) + 1;
        p->due_ns = now_ns + p->min_pause_ns + (int64_t)wsl_rng_below(rng, range);
    }
}

void jm_policy_on_stopped(jm_policy *p) { p->due_ns = WSL_NEVER; }

int64_t jm_policy_next_ns(const jm_policy *p, uint32_t in_progress)
{
    if (p->due_ns == WSL_NEVER || in_progress >= p->max_concurrent) {
        return WSL_NEVER;
    }
    return p->due_ns > p->pause_until_ns ? p->due_ns : p->pause_until_ns;
}

void jm_policy_on_trigger(jm_policy *p, int64_t now_ns)
{
    if (p->due_ns != WSL_NEVER) {
        p->due_ns = now_ns + p->interval_ns;
    }
}

void jm_policy_on_completed(jm_policy *p, int64_t now_ns)
{
    p->failed_in_row = 0;
    p->pause_until_ns = now_ns + p->min_pause_ns;
}

bool jm_policy_on_failed(jm_policy *p) { return ++p->failed_in_row > p->tolerable; }
