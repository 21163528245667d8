/*
 * mini_cluster - see mini_cluster.h.
 */
#include "harness/mini_cluster.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/job_build.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/cluster_options.h"
#include "base/strbuf.h"
#include "graph/graph_json.h"
#include "plugin/plugin.h"

enum { TASK_MANAGERS_MAX = 8, LIBRARY_MAX = 64 << 20 };

struct mini_cluster {
    wsl_config *config;
    wsl_inproc_hub *hub;
    wsl_transport *jm_transport;
    wsl_transport *tm_transport[TASK_MANAGERS_MAX];
    wsl_rng rng[TASK_MANAGERS_MAX + 1];
    tm_run *tm[TASK_MANAGERS_MAX];
    uint32_t n;
    jm *jm;
    int wake_fd;
    char dir[64];
    pthread_mutex_t out_lock;
    wsl_strbuf out;
    char *out_copy;
    char failure[WSL_ERROR_TEXT_MAX];
    wsl_id collecting;
    uint64_t collected;
    wsl_plugin *plugins[16]; /* kept: rows' schemas and functions may point into them */
    uint32_t n_plugins;
};

static void wake(void *arg)
{
    const uint64_t one = 1;
    (void)!write(((mini_cluster *)arg)->wake_fd, &one, sizeof one);
}

static wsl_status keep_stdout(void *arg, const char *data, size_t size)
{
    mini_cluster *c = arg;
    pthread_mutex_lock(&c->out_lock);
    wsl_strbuf_add(&c->out, data, size);
    pthread_mutex_unlock(&c->out_lock);
    return WSL_OK;
}

static void must(wsl_status status, const wsl_error *err)
{
    if (status != WSL_OK) {
        fprintf(stderr, "mini_cluster: %s\n", err->text);
        abort();
    }
}

static void make_jm(mini_cluster *c)
{
    wsl_error err = {0};
    jm_options options = jm_options_default();
    options.listen_address = "inproc://jobmanager";
    options.slot_timeout_ns = wsl_config_duration_ns(c->config, "slot.request.timeout");
    options.artifact_dir = c->dir;
    options.waker = (wsl_waker){wake, c};
    options.store_dir = wsl_config_str(c->config, "high-availability.storageDir");
    options.disk_thread = options.store_dir != NULL;
    const wsl_seams jm_seams = {.clock = wsl_clock_real(),
                                .rng = &c->rng[TASK_MANAGERS_MAX],
                                .fs = wsl_fs_posix(),
                                .transport = c->jm_transport};
    must(jm_new(&options, &jm_seams, &c->jm, &err), &err);
}

mini_cluster *mini_cluster_start(uint32_t task_managers, uint32_t slots, const char *const *overrides)
{
    WSL_ASSERT(task_managers <= TASK_MANAGERS_MAX);
    mini_cluster *c = wsl_zalloc(sizeof *c);
    wsl_error err = {0};
    char text[32];
    c->n = task_managers;
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&c->out_lock, NULL);
    wsl_strbuf_init(&c->out);
    c->config = wsl_cluster_config_new();
    snprintf(text, sizeof text, "%u", slots);
    must(wsl_config_set(c->config, "taskmanager.numberOfTaskSlots", text, "test", &err), &err);
    for (; overrides != NULL && *overrides != NULL; overrides++) {
        must(wsl_config_set_pair(c->config, *overrides, "test", &err), &err);
    }
    snprintf(c->dir, sizeof c->dir, "/tmp/wiesel-mini-%d", (int)getpid());
    c->hub = wsl_inproc_hub_new();
    c->jm_transport = wsl_transport_inproc_new(c->hub);
    /* tests run side by side: their TaskManagers need names of their own */
    const uint64_t seed = (uint64_t)getpid() << 16;
    wsl_rng_seed(&c->rng[TASK_MANAGERS_MAX], seed);
    make_jm(c);
    for (uint32_t i = 0; i < task_managers; i++) {
        char data[64];
        snprintf(data, sizeof data, "inproc://taskmanager-%u", i);
        c->tm_transport[i] = wsl_transport_inproc_new(c->hub);
        wsl_rng_seed(&c->rng[i], seed + 1 + i);
        const tm_options tm = {
            .config = c->config,
            .seams = {.clock = wsl_clock_real(),
                      .rng = &c->rng[i],
                      .fs = wsl_fs_posix(),
                      .transport = c->tm_transport[i]},
            .jobmanager = "inproc://jobmanager",
            .data_address = data,
            .write_stdout = keep_stdout,
            .stdout_arg = c,
        };
        must(tm_run_start(&tm, &c->tm[i], &err), &err);
    }
    return c;
}

void mini_cluster_new_jm(mini_cluster *c)
{
    jm_free(c->jm);
    make_jm(c);
}

void mini_cluster_stop(mini_cluster *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        tm_run_stop(c->tm[i]);
    }
    jm_free(c->jm);
    for (uint32_t i = 0; i < c->n; i++) {
        wsl_transport_free(c->tm_transport[i]);
    }
    wsl_transport_free(c->jm_transport);
    wsl_inproc_hub_free(c->hub);
    for (uint32_t i = 0; i < c->n_plugins; i++) {
        wsl_plugin_free(c->plugins[i]);
    }
    wsl_config_free(c->config);
    wsl_strbuf_fini(&c->out);
    free(c->out_copy);
    pthread_mutex_destroy(&c->out_lock);
    close(c->wake_fd);
    free(c);
}

wsl_status mini_cluster_submit(mini_cluster *c, const char *library, uint32_t parallelism, const char *const *arguments,
                               const char *const *job_overrides, wsl_id *out_job, wsl_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    WSL_ASSERT(c->n_plugins < WSL_ARRAY_LEN(c->plugins));
    WSL_TRY(wsl_plugin_open(wsl_fs_posix(), library, &c->plugins[c->n_plugins], err));
    const wsl_plugin *plugin = c->plugins[c->n_plugins++];
    uint32_t n_arguments = 0, n_settings = 0;
    while (arguments != NULL && arguments[n_arguments] != NULL) {
        n_arguments++;
    }
    while (job_overrides != NULL && job_overrides[n_settings] != NULL) {
        n_settings++;
    }
    WSL_TRY(wsl_fs_read_all(wsl_fs_posix(), library, LIBRARY_MAX, &bytes, &size, err));
    wsl_id hash;
    const wsl_status put = jm_put_artifact(c->jm, bytes, size, &hash, err);
    free(bytes);
    WSL_TRY(put);
    const wsl_job_build_options options = {
        .args = arguments,
        .n_args = n_arguments,
        .config = job_overrides,
        .n_config = n_settings,
        .parallelism = parallelism,
        .fs = wsl_fs_posix(),
    };
    wsl_job_graph *graph = NULL;
    WSL_TRY(wsl_job_build(plugin, &options, &graph, err));
    const wsl_status status = jm_submit(c->jm, graph, out_job, err);
    if (status != WSL_OK) {
        wsl_job_graph_free(graph);
    }
    c->collecting = *out_job;
    c->collected = 0;
    return status;
}

wsl_status mini_cluster_submit_json(mini_cluster *c, const char *json, wsl_id *out_job, wsl_error *err)
{
    wsl_job_graph *graph = NULL;
    WSL_TRY(wsl_job_graph_from_json(json, strlen(json), &graph, err));
    const wsl_status status = jm_submit(c->jm, graph, out_job, err);
    if (status != WSL_OK) {
        wsl_job_graph_free(graph);
    }
    c->collecting = *out_job;
    c->collected = 0;
    return status;
}

bool mini_cluster_run(mini_cluster *c, bool (*until)(void *arg), void *arg, int64_t timeout_ms)
{
    wsl_clock *clock = wsl_clock_real();
    const int64_t end = wsl_now_ns(clock) + timeout_ms * WSL_NS_PER_MS;
    for (;;) {
        const int64_t deadline = jm_step(c->jm);
        if (until(arg)) {
            return true;
        }
        const int64_t now = wsl_now_ns(clock);
        if (now >= end) {
            return false;
        }
        int64_t wait_ns = deadline < end ? deadline - now : end - now;
        const int64_t most = 5 * WSL_NS_PER_MS; /* `until` may look at things that wake nobody */
        wait_ns = wait_ns < 0 ? 0 : wait_ns > most ? most : wait_ns;
        struct pollfd fd = {.fd = c->wake_fd, .events = POLLIN};
        (void)poll(&fd, 1, (int)((wait_ns + WSL_NS_PER_MS - 1) / WSL_NS_PER_MS));
        uint64_t count;
        (void)!read(c->wake_fd, &count, sizeof count);
    }
}

typedef struct awaiting {
    mini_cluster *c;
    const wsl_id *job;
    const char *state;
    bool reached;
} awaiting;

static bool reached(void *arg)
{
    awaiting *a = arg;
    jm_job_info info;
    wsl_error err = {0};
    if (jm_job_info_get(a->c->jm, a->job, &info, &err) != WSL_OK) {
        return true;
    }
    a->reached = strcmp(info.state, a->state) == 0;
    if (strcmp(a->state, "RUNNING") == 0) {
        a->reached = a->reached && info.tasks_running == info.tasks;
    }
    return a->reached || info.ended;
}

bool mini_cluster_await(mini_cluster *c, const wsl_id *job, const char *state, int64_t timeout_ms)
{
    awaiting a = {c, job, state, false};
    (void)mini_cluster_run(c, reached, &a, timeout_ms);
    return a.reached;
}

bool mini_cluster_collect(mini_cluster *c, const wsl_id *job, void (*fn)(void *arg, const wsl_row *row), void *arg)
{
    wsl_error err = {0};
    bool end = false;
    (void)jm_collect_rows(c->jm, job, UINT32_MAX, c->collected, 1 << 20, fn, arg, &c->collected, &end, &err);
    return end;
}

jm *mini_cluster_jm(mini_cluster *c) { return c->jm; }
tm_run *mini_cluster_tm(mini_cluster *c, uint32_t i) { return c->tm[i]; }

const char *mini_cluster_failure(mini_cluster *c, const wsl_id *job)
{
    jm_job_info info;
    wsl_error err = {0};
    if (jm_job_info_get(c->jm, job, &info, &err) != WSL_OK) {
        return err.text[0] != 0 ? "no such job" : "";
    }
    snprintf(c->failure, sizeof c->failure, "%s", info.failure);
    return c->failure;
}

const char *mini_cluster_stdout(mini_cluster *c)
{
    pthread_mutex_lock(&c->out_lock);
    free(c->out_copy);
    c->out_copy = wsl_strdup(c->out.data);
    pthread_mutex_unlock(&c->out_lock);
    return c->out_copy;
}
