#include "base/cluster_options.h"
#include "harness/wsl_test.h"
#include "jobmanager/jm_config.h"

static void set(wsl_config *c, const char *key, const char *value)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_config_set(c, key, value, "test", &err), WSL_OK, "%s", err.text);
}

Test(jm_config, defaults_bind_loopback_only)
{
    WSL_AUTO(wsl_config) config = wsl_cluster_config_new();
    wsl_rng rng;
    jm_config c = {0};
    wsl_error err = {0};
    wsl_rng_seed(&rng, 1);
    cr_assert_eq(jm_config_init(&c, config, &(jm_config_defaults){.web_dir = "/web"}, &rng, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(c.rpc_address, "tcp://127.0.0.1:6123");
    cr_assert_str_eq(c.rest_address, "127.0.0.1");
    cr_assert_eq(c.rest_port, 8081);
    cr_assert_str_eq(c.web_dir, "/web");
    cr_assert_eq(c.options.heartbeat_timeout_ns, 50 * WSL_NS_PER_S);
    cr_assert_leq(c.options.metrics_interval_ns, WSL_NS_PER_S);
    jm_config_fini(&c);
}

static void expect_error(const wsl_config *config, const char *key, const char *what_to_do)
{
    wsl_rng rng;
    jm_config c = {0};
    wsl_error err = {0};
    wsl_rng_seed(&rng, 1);
    cr_assert_eq(jm_config_init(&c, config, &(jm_config_defaults){0}, &rng, &err), WSL_INVALID);
    cr_assert(has_text(err.text, key) && has_text(err.text, what_to_do), "%s", err.text);
    jm_config_fini(&c);
}

Test(jm_config, open_addresses_need_security_insecure)
{
    WSL_AUTO(wsl_config) config = wsl_cluster_config_new();
    set(config, "rest.bind-address", "0.0.0.0");
    expect_error(config, "rest.bind-address", "security.insecure");
    set(config, "rest.bind-address", "127.0.0.1");
    set(config, "jobmanager.rpc.address", "10.0.0.1");
    expect_error(config, "jobmanager.rpc.address", "security.insecure");
    set(config, "security.insecure", "true");
    wsl_rng rng;
    jm_config c = {0};
    wsl_rng_seed(&rng, 1);
    cr_assert_eq(jm_config_init(&c, config, &(jm_config_defaults){0}, &rng, NULL), WSL_OK);
    cr_assert_str_eq(c.rpc_address, "tcp://10.0.0.1:6123");
    jm_config_fini(&c);
}

Test(jm_config, a_heartbeat_timeout_that_is_no_longer_than_the_interval_is_refused)
{
    WSL_AUTO(wsl_config) config = wsl_cluster_config_new();
    set(config, "heartbeat.interval", "1 s");
    set(config, "heartbeat.timeout", "1 s");
    expect_error(config, "heartbeat.timeout", "longer than heartbeat.interval");
}
