#include "jobmanager/ckpt/restart.h"

#include "base/cluster_options.h"
#include "base/clock.h"
#include "harness/wsl_test.h"

#define MS(x) ((int64_t)(x) * WSL_NS_PER_MS)

static void set(wsl_config *c, const char *key, const char *value)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_config_set(c, key, value, "test", &err), WSL_OK, "%s", err.text);
}

static wsl_config *config(void)
{
    const wsl_option *const tables[] = {wsl_job_options};
    return wsl_config_new(tables, 1);
}

/* Flink's first pause; ours is shorter. */
static void set_flinks(wsl_config *c) { set(c, "restart-strategy.exponential-delay.initial-backoff", "1 s"); }

static int64_t fail_at(jm_restart *r, int64_t now_ns)
{
    int64_t at = 0;
    cr_assert(jm_restart_on_failure(r, now_ns, &at));
    return at - now_ns;
}

static void expect_end(jm_restart *r, int64_t now_ns)
{
    int64_t at = 0;
    cr_assert_not(jm_restart_on_failure(r, now_ns, &at));
}

Test(restart, without_checkpoints_the_first_failure_ends_the_job)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    jm_restart_init(&r, c, false, 1);
    expect_end(&r, MS(5));
    jm_restart_fini(&r);
}

Test(restart, example_47_exponential_delay_without_jitter)
{
    static const double seconds[] = {1, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 17.0859375,
                                     25.62890625, 38.443359375, 57.6650390625, 60, 60};
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    int64_t now = MS(1000);
    set(c, "restart-strategy.exponential-delay.jitter-factor", "0");
    set_flinks(c);
    jm_restart_init(&r, c, true, 1); /* the default with checkpoints */
    for (size_t i = 0; i < WSL_ARRAY_LEN(seconds); i++) {
        const int64_t delay = fail_at(&r, now);
        cr_assert_float_eq((double)delay / 1e9, seconds[i], 1e-6, "%zu: %f", i, (double)delay / 1e9);
        now += delay + MS(10);
    }
    jm_restart_fini(&r);
}

Test(restart, an_hour_without_failure_begins_with_the_first_pause_again)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    set(c, "restart-strategy.exponential-delay.jitter-factor", "0");
    set_flinks(c);
    jm_restart_init(&r, c, true, 1);
    cr_assert_eq(fail_at(&r, 0), MS(1000));
    cr_assert_eq(fail_at(&r, MS(2000)), MS(1500));
    const int64_t hour = MS(3600000);
    cr_assert_eq(fail_at(&r, MS(2000) + hour), MS(2250), "the pause itself does not count as running well");
    cr_assert_eq(fail_at(&r, MS(2000) + 2 * hour + MS(2250)), MS(1000));
    jm_restart_fini(&r);
}

Test(restart, jitter_stays_within_its_part_of_the_pause)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    bool differs = false;
    set_flinks(c);
    for (uint64_t seed = 1; seed < 200; seed++) {
        jm_restart_init(&r, c, true, seed);
        const int64_t delay = fail_at(&r, 0);
        cr_assert(delay >= MS(900) && delay <= MS(1100), "%lld", (long long)delay);
        differs |= delay != MS(1000);
        jm_restart_fini(&r);
    }
    cr_assert(differs);
}

Test(restart, exponential_attempts_can_be_limited)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    set(c, "restart-strategy.exponential-delay.attempts-before-reset-backoff", "2");
    jm_restart_init(&r, c, true, 1);
    (void)fail_at(&r, 0);
    (void)fail_at(&r, MS(10));
    expect_end(&r, MS(20));
    jm_restart_fini(&r);
}

Test(restart, fixed_delay_restarts_that_often)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    char text[100];
    set(c, "restart-strategy.type", "fixed-delay");
    set(c, "restart-strategy.fixed-delay.attempts", "2");
    set(c, "restart-strategy.fixed-delay.delay", "3 s");
    jm_restart_init(&r, c, false, 1);
    cr_assert_eq(fail_at(&r, 0), MS(3000));
    cr_assert_eq(fail_at(&r, MS(10000)), MS(3000));
    jm_restart_describe(&r, text, sizeof text);
    cr_assert_str_eq(text, "fixed-delay, attempt 2 of 2");
    expect_end(&r, MS(20000));
    jm_restart_fini(&r);
}

Test(restart, failure_rate_counts_those_of_the_interval)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    set(c, "restart-strategy.type", "failure-rate");
    set(c, "restart-strategy.failure-rate.max-failures-per-interval", "2");
    jm_restart_init(&r, c, false, 1);
    cr_assert_eq(fail_at(&r, 0), MS(1000));
    (void)fail_at(&r, MS(50000));
    (void)fail_at(&r, MS(61000)); /* the first is out of the minute */
    for (int64_t t = 112000; t < 1000000; t += 51000) { /* two in each minute, for long */
        (void)fail_at(&r, MS(t));
    }
    const int64_t last = 112000 + 17 * 51000;
    expect_end(&r, MS(last + 8000));
    jm_restart_fini(&r);
}

Test(restart, the_strategy_can_be_switched_off)
{
    WSL_AUTO(wsl_config) c = config();
    jm_restart r;
    set(c, "restart-strategy.type", "off");
    jm_restart_init(&r, c, true, 1);
    expect_end(&r, 0);
    jm_restart_fini(&r);
}
