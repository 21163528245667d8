#include "jobmanager/jm_config.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "ckpt/storage.h"
#include "net/address.h"

enum { METRICS_INTERVAL_MAX_MS = 1000 }; /* a live view is never older than this */

void jm_config_fini(jm_config *c)
{
    free(c->rpc_address);
    free(c->artifact_dir);
    free(c->store_dir);
    free(c->web_dir);
    *c = (jm_config){0};
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

static wsl_status check_open(const wsl_config *config, const char *key, wsl_error *err)
{
    const char *host = wsl_config_str(config, key);
    if (is_loopback(host) || wsl_config_bool(config, "security.insecure")) {
        return WSL_OK;
    }
    return wsl_fail(
        err, WSL_INVALID,
        "%s is %s, which other hosts can reach, and connections are neither encrypted nor authenticated: use a "
        "loopback address, or set security.insecure to true if you trust everybody on that network",
        key, host);
}

static wsl_status check_heartbeat(const wsl_config *config, wsl_error *err)
{
    const int64_t interval = wsl_config_duration_ns(config, "heartbeat.interval");
    const int64_t timeout = wsl_config_duration_ns(config, "heartbeat.timeout");
    if (timeout > interval) {
        return WSL_OK;
    }
    return wsl_fail(err, WSL_INVALID,
                    "heartbeat.timeout (%" PRId64 " ms) has to be longer than heartbeat.interval (%" PRId64 " ms)",
                    timeout / WSL_NS_PER_MS, interval / WSL_NS_PER_MS);
}

/* The first of a list "a;b". */
static char *first_dir(const char *dirs) { return wsl_strndup(dirs, strcspn(dirs, ";,")); }

static char *tcp_address(const char *host, int64_t port)
{
    const bool v6 = strchr(host, ':') != NULL;
    return wsl_asprintf("tcp://%s%s%s:%" PRId64, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static wsl_status store_dir_of(const wsl_config *config, const char *data_dir, char **out_dir, wsl_error *err)
{
    const char *given = wsl_config_str(config, "high-availability.storageDir");
    *out_dir = NULL;
    if (strcmp(wsl_config_str(config, "high-availability.type"), "none") == 0) {
        return WSL_OK;
    }
    if (given != NULL) {
        const wsl_status status = wsl_ckpt_dir(given, out_dir, err);
        return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "high-availability.storageDir");
    }
    if (data_dir == NULL && wsl_config_is_set(config, "high-availability.type")) {
        return wsl_fail(err, WSL_INVALID,
                        "high-availability.type is file, but not where: set high-availability.storageDir, or start the "
                        "JobManager with --data-dir");
    }
    *out_dir = data_dir == NULL ? NULL : wsl_asprintf("%s/jobmanager", data_dir);
    return WSL_OK;
}

wsl_status jm_config_init(jm_config *c, const wsl_config *config, const jm_config_defaults *defaults, wsl_rng *rng,
                          wsl_error *err)
{
    char *store_dir = NULL;
    WSL_TRY(check_open(config, "rest.bind-address", err));
    WSL_TRY(check_open(config, "jobmanager.rpc.address", err));
    WSL_TRY(check_heartbeat(config, err));
    WSL_TRY(store_dir_of(config, defaults->data_dir, &store_dir, err));
    const int64_t metrics_max_ns = (int64_t)METRICS_INTERVAL_MAX_MS * WSL_NS_PER_MS;
    const int64_t metrics_ns = wsl_config_duration_ns(config, "metrics.fetcher.update-interval");
    const char *web_dir = wsl_config_str(config, "web.dir");
    char *tmp = first_dir(wsl_config_str(config, "io.tmp.dirs"));
    *c = (jm_config){
        .options = jm_options_default(),
        .rpc_address = tcp_address(wsl_config_str(config, "jobmanager.rpc.address"),
                                   wsl_config_int(config, "jobmanager.rpc.port")),
        .store_dir = store_dir,
        .artifact_dir = wsl_asprintf("%s/wiesel-jobmanager-%016" PRIx64, tmp, wsl_rng_next(rng)),
        .rest_address = wsl_config_str(config, "rest.bind-address"),
        .rest_port = (uint16_t)wsl_config_int(config, "rest.port"),
        .web_dir = web_dir != NULL             ? wsl_strdup(web_dir)
                   : defaults->web_dir == NULL ? NULL
                                               : wsl_strdup(defaults->web_dir),
    };
    free(tmp);
    c->options.listen_address = c->rpc_address;
    c->options.artifact_dir = c->artifact_dir;
    c->options.store_dir = c->store_dir;
    c->options.heartbeat_interval_ns = wsl_config_duration_ns(config, "heartbeat.interval");
    c->options.heartbeat_timeout_ns = wsl_config_duration_ns(config, "heartbeat.timeout");
    c->options.metrics_interval_ns = metrics_ns < metrics_max_ns ? metrics_ns : metrics_max_ns;
    c->options.slot_timeout_ns = wsl_config_duration_ns(config, "slot.request.timeout");
    c->options.disk_thread = true;
    c->options.job_defaults = config;
    c->options.default_parallelism = (uint32_t)wsl_config_int(config, "parallelism.default");
    return WSL_OK;
}
