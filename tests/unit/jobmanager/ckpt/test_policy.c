#include "jobmanager/ckpt/policy.h"

#include "base/clock.h"
#include "base/cluster_options.h"
#include "harness/wsl_test.h"
#include "jobmanager/ckpt/registry.h"

#define S(x) ((int64_t)(x) * WSL_NS_PER_S)

static jm_policy policy(const char *interval, const char *pause, const char *concurrent, const char *tolerable)
{
    const wsl_option *const tables[] = {wsl_job_options};
    WSL_AUTO(wsl_config) c = wsl_config_new(tables, 1);
    jm_policy p;
    cr_assert_eq(wsl_config_set(c, "execution.checkpointing.interval", interval, "t", NULL), WSL_OK);
    cr_assert_eq(wsl_config_set(c, "execution.checkpointing.min-pause", pause, "t", NULL), WSL_OK);
    cr_assert_eq(wsl_config_set(c, "execution.checkpointing.max-concurrent-checkpoints", concurrent, "t", NULL), WSL_OK);
    cr_assert_eq(wsl_config_set(c, "execution.checkpointing.tolerable-failed-checkpoints", tolerable, "t", NULL), WSL_OK);
    jm_policy_init(&p, c);
    return p;
}

Test(policy, example_50_interval_60_pause_30_duration_50)
{
    jm_policy p = policy("60 s", "30 s", "1", "0");
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    jm_policy_on_running(&p, 0, &rng);
    const int64_t first = jm_policy_next_ns(&p, 0);
    cr_assert(first >= S(30) && first <= S(60), "%lld", (long long)first);
    static const int64_t behind[] = {0, 80, 160};
    for (size_t i = 0; i < 3; i++) {
        const int64_t at = jm_policy_next_ns(&p, 0);
        cr_assert_eq(at - first, S(behind[i]), "%lld", (long long)(at - first) / S(1));
        jm_policy_on_trigger(&p, at);
        cr_assert_eq(jm_policy_next_ns(&p, 1), WSL_NEVER);
        jm_policy_on_completed(&p, at + S(50));
    }
}

Test(policy, several_may_be_under_way_unless_there_is_a_pause)
{
    jm_policy p = policy("10 s", "0", "2", "0");
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    jm_policy_on_running(&p, 0, &rng);
    const int64_t first = jm_policy_next_ns(&p, 0);
    jm_policy_on_trigger(&p, first);
    cr_assert_eq(jm_policy_next_ns(&p, 1), first + S(10));
    jm_policy_on_trigger(&p, first + S(10));
    cr_assert_eq(jm_policy_next_ns(&p, 2), WSL_NEVER);
    cr_assert_eq(policy("10 s", "1 ms", "2", "0").max_concurrent, 1u);
}

Test(policy, the_pause_is_the_least_interval)
{
    jm_policy p = policy("1 s", "5 s", "1", "0");
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    jm_policy_on_running(&p, 0, &rng);
    cr_assert_eq(jm_policy_next_ns(&p, 0), S(5));
}

Test(policy, failures_are_counted_in_a_row)
{
    jm_policy p = policy("1 s", "0", "1", "2");
    cr_assert_not(jm_policy_on_failed(&p));
    cr_assert_not(jm_policy_on_failed(&p));
    jm_policy_on_completed(&p, 0);
    cr_assert_not(jm_policy_on_failed(&p));
    cr_assert_not(jm_policy_on_failed(&p));
    cr_assert(jm_policy_on_failed(&p));
}

static uint32_t release(jm_registry *r, uint64_t oldest, char *out)
{
    char **paths = NULL;
    uint32_t n = 0;
    out[0] = '\0';
    jm_registry_release(r, oldest, &paths, &n);
    for (uint32_t i = 0; i < n; i++) {
        strcat(out, paths[i]);
        free(paths[i]);
    }
    free(paths);
    return n;
}

Test(registry, example_49_files_go_when_no_retained_checkpoint_uses_them)
{
    char gone[64];
    jm_registry *r = jm_registry_new();
    jm_registry_use(r, "a", 1);
    jm_registry_use(r, "b", 1);
    (void)release(r, 1, gone);
    cr_assert_str_eq(gone, "");
    jm_registry_use(r, "b", 2);
    jm_registry_use(r, "c", 2);
    (void)release(r, 2, gone);
    cr_assert_str_eq(gone, "a");
    jm_registry_use(r, "c", 3);
    jm_registry_use(r, "d", 3); /* 3 aborts: nothing goes, d stays registered */
    cr_assert(jm_registry_has(r, "d"));
    jm_registry_use(r, "c", 4);
    jm_registry_use(r, "e", 4);
    (void)release(r, 4, gone);
    cr_assert_str_eq(gone, "bd");
    cr_assert_eq(jm_registry_size(r), 2u);
    cr_assert(jm_registry_has(r, "c") && jm_registry_has(r, "e"));
    jm_registry_free(r);
}
