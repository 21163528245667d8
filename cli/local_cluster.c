#include "cli/local_cluster.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "jobmanager/jm.h"
#include "taskmanager/tm_run.h"

enum { LIBRARY_SIZE_MAX = 64 << 20, COLLECT_BYTES = 1 << 20 };
#define METRICS_NS (INT64_C(200) * WSL_NS_PER_MS)

struct cli_local_cluster {
    cli *c;
    wsl_inproc_hub *hub;
    wsl_transport *jm_transport, *tm_transport;
    wsl_rng jm_rng, tm_rng;
    wsl_log_sink *log_sink;
    wsl_logger *log;
    char *artifact_dir;
    jm *jm;
    tm_run *tm;
    int wake_fd;
    wsl_id job;
};

void cli_local_cluster_free(cli_local_cluster *local)
{
    if (local == NULL) {
        return;
    }
    tm_run_stop(local->tm);
    jm_free(local->jm);
    wsl_transport_free(local->tm_transport);
    wsl_transport_free(local->jm_transport);
    wsl_inproc_hub_free(local->hub);
    wsl_logger_free(local->log);
    wsl_log_sink_free(local->log_sink);
    free(local->artifact_dir);
    if (local->wake_fd >= 0) {
        (void)close(local->wake_fd);
    }
    free(local);
}

/* ---- starting ---- */

static void wake(void *arg)
{
    const cli_local_cluster *local = arg;
    const uint64_t one = 1;

    if (write(local->wake_fd, &one, sizeof one) < 0) {
        return; /* the counter is full: it is awake */
    }
}

/* Slot loops call this; stdio has a lock. */
static wsl_status print_to_stdout(void *arg, const char *data, size_t size)
{
    FILE *out = arg;

    return fwrite(data, 1, size, out) == size && fflush(out) == 0 ? WSL_OK : WSL_IO;
}

static wsl_status set_slots(cli *c, const wsl_job_graph *graph, wsl_error *err)
{
    WSL_AUTO(wsl_job_graph) copy = NULL;
    WSL_AUTO(wsl_job_plan) plan = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char text[16];

    if (wsl_config_is_set(c->config, "taskmanager.numberOfTaskSlots")) {
        return WSL_OK;
    }
    wsl_job_graph_encode(graph, &bytes, &size);
    const wsl_status status = wsl_job_graph_decode(bytes, size, &copy, err);
    free(bytes);
    WSL_TRY(status);
    WSL_TRY(wsl_job_plan_new(copy, (uint32_t)wsl_config_int(c->config, "parallelism.default"), &plan, err));
    copy = NULL;
    (void)snprintf(text, sizeof text, "%u", plan->slots_needed);
    return wsl_config_set(c->config, "taskmanager.numberOfTaskSlots", text, "--local", err);
}

static wsl_status open_log(cli_local_cluster *local, wsl_error *err)
{
    cli *c = local->c;
    const char *dir = wsl_config_str(c->config, "env.log.dir");

    if (dir == NULL) {
        return WSL_OK;
    }
    WSL_TRY(c->fs->make_dirs(c->fs, dir, err));
    char *path = wsl_asprintf("%s/wiesel-local.log", dir);
    const wsl_status status =
        wsl_log_sink_file(c->fs, path, wsl_config_size(c->config, "log.rotate.size"),
                          (uint32_t)wsl_config_int(c->config, "log.rotate.keep"), &local->log_sink, err);
    free(path);
    WSL_TRY(status);
    local->log = wsl_logger_new(local->log_sink, c->clock, WSL_LOG_INFO);
    return WSL_OK;
}

static wsl_status start_jobmanager(cli_local_cluster *local, wsl_error *err)
{
    cli *c = local->c;
    jm_options options = jm_options_default();
    const wsl_seams seams = {
        .clock = c->clock, .rng = &local->jm_rng, .fs = c->fs, .transport = local->jm_transport, .log = local->log};

    options.listen_address = "inproc://jobmanager";
    options.metrics_interval_ns = METRICS_NS;
    options.slot_timeout_ns = wsl_config_duration_ns(c->config, "slot.request.timeout");
    options.default_parallelism = (uint32_t)wsl_config_int(c->config, "parallelism.default");
    options.artifact_dir = local->artifact_dir;
    options.disk_thread = true;
    options.job_defaults = c->config;
    options.waker = (wsl_waker){wake, local};
    return jm_new(&options, &seams, &local->jm, err);
}

static wsl_status start_taskmanager(cli_local_cluster *local, wsl_error *err)
{
    cli *c = local->c;
    const tm_options options = {.config = c->config,
                                .seams = {.clock = c->clock,
                                          .rng = &local->tm_rng,
                                          .fs = c->fs,
                                          .transport = local->tm_transport,
                                          .log = local->log},
                                .jobmanager = "inproc://jobmanager",
                                .data_address = "inproc://taskmanager",
                                .log_dir = wsl_config_str(c->config, "env.log.dir"),
                                .write_stdout = print_to_stdout,
                                .stdout_arg = c->out};

    return tm_run_start(&options, &local->tm, err);
}

wsl_status cli_local_cluster_start(cli *c, const wsl_job_graph *graph, cli_local_cluster **out_local, wsl_error *err)
{
    WSL_AUTO(cli_local_cluster) local = wsl_zalloc(sizeof *local);

    local->c = c;
    local->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (local->wake_fd < 0) {
        return wsl_fail(err, WSL_IO, "eventfd fails: too many open files");
    }
    WSL_TRY(set_slots(c, graph, err));
    WSL_TRY(open_log(local, err));
    local->hub = wsl_inproc_hub_new();
    local->jm_transport = wsl_transport_inproc_new(local->hub);
    local->tm_transport = wsl_transport_inproc_new(local->hub);
    wsl_rng_seed_from_os(&local->jm_rng);
    wsl_rng_seed_from_os(&local->tm_rng);
    local->artifact_dir = wsl_asprintf("%s/wiesel-local-%ld", wsl_config_str(c->config, "io.tmp.dirs"), (long)getpid());
    WSL_TRY(start_jobmanager(local, err));
    WSL_TRY(start_taskmanager(local, err));
    *out_local = WSL_TAKE(local);
    return WSL_OK;
}

/* ---- the job ---- */

wsl_status cli_local_cluster_submit(cli_local_cluster *local, cli_job_file *job, char out_id[WSL_ID_TEXT_SIZE],
                                    wsl_error *err)
{
    wsl_fs *fs = local->c->fs;

    if (job->library != NULL) {
        char *bytes = NULL;
        size_t size = 0;
        wsl_id hash;
        WSL_TRY(wsl_fs_read_all(fs, job->library, LIBRARY_SIZE_MAX, &bytes, &size, err));
        const wsl_status status = jm_put_artifact(local->jm, bytes, size, &hash, err);
        free(bytes);
        WSL_TRY(status);
    }
    WSL_TRY(jm_submit(local->jm, job->graph, &local->job, err));
    job->graph = NULL;
    (void)wsl_id_text(&local->job, out_id);
    return WSL_OK;
}

static wsl_status local_poll(void *arg, cli_job_status *out, wsl_error *err)
{
    cli_local_cluster *local = arg;
    jm_job_info info;

    WSL_TRY(jm_job_info_get(local->jm, &local->job, &info, err));
    const int64_t end_ms = info.end_ms >= 0 ? info.end_ms : wsl_wall_ms(local->c->clock);
    *out = (cli_job_status){.busiest_ratio = info.busiest_ratio,
                            .records_in = info.records_in_per_s,
                            .records_out = info.records_out_per_s,
                            .total_in = (int64_t)info.records_in,
                            .total_out = (int64_t)info.records_out,
                            .watermark_lag_ms = info.watermark_lag_ms,
                            .duration_ms = end_ms - info.start_ms,
                            .ended = info.ended};
    (void)snprintf(out->state, sizeof out->state, "%s", info.state);
    (void)snprintf(out->waiting, sizeof out->waiting, "%s", info.waiting);
    (void)snprintf(out->busiest, sizeof out->busiest, "%s", info.busiest);
    (void)snprintf(out->failure, sizeof out->failure, "%s", info.failure);
    return WSL_OK;
}

static wsl_status local_collect(void *arg, cli_sink *sink, void (*fn)(void *fn_arg, const wsl_row *row), void *fn_arg,
                                wsl_error *err)
{
    cli_local_cluster *local = arg;

    return jm_collect_rows(local->jm, &local->job, sink->operator_id, sink->next, COLLECT_BYTES, fn, fn_arg,
                           &sink->next, &sink->ended, err);
}

static wsl_status local_cancel(void *arg, wsl_error *err)
{
    cli_local_cluster *local = arg;

    return jm_cancel(local->jm, &local->job, err);
}

/* The JobManager's loop, as long as we have nothing else to do. */
static bool local_wait(void *arg, int signal_fd, uint32_t pause_ms)
{
    cli_local_cluster *local = arg;
    wsl_clock *clock = local->c->clock;
    const int64_t until = wsl_now_ns(clock) + (int64_t)pause_ms * WSL_NS_PER_MS;

    for (;;) {
        const int64_t deadline = jm_step(local->jm);
        const int64_t now = wsl_now_ns(clock);
        const int64_t next = deadline < until ? deadline : until;
        struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                               {.fd = local->wake_fd, .events = POLLIN},
                               {.fd = jm_fd(local->jm), .events = POLLIN}};
        (void)poll(fds, 3, next <= now ? 0 : (int)((next - now + WSL_NS_PER_MS - 1) / WSL_NS_PER_MS));
        if (fds[1].revents & POLLIN) {
            uint64_t n = 0;
            (void)!read(local->wake_fd, &n, sizeof n);
        }
        if (fds[0].revents & POLLIN) {
            return true;
        }
        if (wsl_now_ns(clock) >= until) {
            (void)jm_step(local->jm);
            return false;
        }
    }
}

cli_job_link cli_local_cluster_link(cli_local_cluster *local)
{
    return (cli_job_link){
        .arg = local, .poll = local_poll, .collect = local_collect, .cancel = local_cancel, .wait = local_wait};
}
