/*
 * wiesel-jobmanager - the JobManager process: one loop over the control socket, the REST server and signals.
 *
 *     wiesel-jobmanager [-c FILE] [-D key=value]... [--pid-file FILE] [--ready-file FILE] [--data-dir DIR]
 *
 * When both ports are bound it prints one line, "ready rest=127.0.0.1:8081 rpc=tcp://127.0.0.1:6123", on standard
 * output and, if asked, into the ready file. Ends on SIGTERM or SIGINT; exit code 1 when it cannot start.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/daemon.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/proc.h"
#include "base/signal.h"
#include "jobmanager/jm_config.h"
#include "jobmanager/rest/server.h"
#include "jobmanager/store/dir_lock.h"

typedef struct process {
    wsl_daemon daemon;
    const char *pid_file, *ready_file, *data_dir;
    jm_dir_lock *lock;
    wsl_transport *transport;
    wsl_rng rng;
    wsl_signals *signals;
    wsl_loop *loop;
    jm_config settings;
    jm *jm;
    jm_rest rest;
    jm_server *server;
} process;

/* ---- parts ---- */

static bool is_dir(const char *path)
{
    wsl_file_info info;
    return wsl_fs_posix()->stat(wsl_fs_posix(), path, &info, NULL) == WSL_OK && info.is_dir;
}

/* The page beside the program: installed (bin/../share/wiesel/web) or in the source tree
 * (build/<preset>/bin/../../../web). */
static char *find_web_dir(void)
{
    static const char *const beside[] = {"../share/wiesel/web", "../../../web", "../../web"};
    char self[4096];
    if (!wsl_proc_program_path(self, sizeof self)) {
        return NULL;
    }
    char *slash = strrchr(self, '/');
    *slash = '\0';
    for (size_t i = 0; i < WSL_ARRAY_LEN(beside); i++) {
        char *path = wsl_asprintf("%s/%s", self, beside[i]);
        if (is_dir(path)) {
            return path;
        }
        free(path);
    }
    return NULL;
}

static int64_t step(void *arg)
{
    process *p = arg;
    if (wsl_signals_take(p->signals) != 0) {
        wsl_loop_ask_stop(p->loop);
        return WSL_NEVER;
    }
    const int64_t rest_deadline = jm_server_step(p->server, wsl_now_ns(wsl_clock_real()));
    const int64_t jm_deadline = jm_step(p->jm); /* after REST, which may have given it work */
    return rest_deadline < jm_deadline ? rest_deadline : jm_deadline;
}

/* Before the store is opened: that counts its epoch up. */
static wsl_status lock_store(process *p, wsl_error *err)
{
    const char *dir = p->settings.store_dir;
    if (dir == NULL) {
        wsl_log(p->daemon.log, WSL_LOG_INFO, "store.none",
                "what=\"jobs do not outlive this JobManager\" option=high-availability.storageDir");
        return WSL_OK;
    }
    WSL_TRY(wsl_fs_posix()->make_dirs(wsl_fs_posix(), dir, err));
    return jm_dir_lock_take(dir, &p->lock, err);
}

static wsl_status start_jm(process *p, wsl_error *err)
{
    const wsl_seams seams = {
        .clock = wsl_clock_real(), .rng = &p->rng, .fs = wsl_fs_posix(), .transport = p->transport, .log = p->daemon.log};
    p->settings.options.waker = wsl_loop_waker(p->loop);
    return jm_new(&p->settings.options, &seams, &p->jm, err);
}

static wsl_status start(process *p, char **argv, wsl_error *err)
{
    char *web_dir = find_web_dir();
    const jm_config_defaults defaults = {.web_dir = web_dir, .data_dir = p->data_dir};
    const wsl_status configured = jm_config_init(&p->settings, p->daemon.config, &defaults, &p->rng, err);
    free(web_dir);
    WSL_TRY(configured);
    if (wsl_config_bool(p->daemon.config, "security.insecure")) {
        wsl_log(p->daemon.log, WSL_LOG_WARN, "security.insecure", "rest=%s note=%s", p->settings.rest_address,
                "anybody who reaches these ports can run code here");
    }
    WSL_TRY(wsl_transport_zmq_new(&p->transport, err));
    p->loop = wsl_loop_new(wsl_clock_real(), step, p, 0);
    WSL_TRY(lock_store(p, err));
    WSL_TRY(start_jm(p, err));
    p->rest = (jm_rest){.jm = p->jm,
                        .config = p->daemon.config,
                        .web_dir = p->settings.web_dir,
                        .proc = wsl_proc_real(),
                        .arguments = (const char *const *)argv};
    WSL_TRY(jm_server_new(&p->rest, p->settings.rest_address, p->settings.rest_port, &p->server, err));
    if (jm_fd(p->jm) != -1) {
        wsl_loop_watch(p->loop, jm_fd(p->jm));
    }
    wsl_loop_watch(p->loop, jm_server_fd(p->server));
    wsl_loop_watch(p->loop, wsl_signals_fd(p->signals));
    return WSL_OK;
}

static wsl_status write_text(const char *path, const char *text, wsl_error *err)
{
    return path == NULL ? WSL_OK : wsl_fs_write_atomic(wsl_fs_posix(), path, text, strlen(text), err);
}

static wsl_status announce(process *p, wsl_error *err)
{
    char *pid = wsl_asprintf("%d\n", (int)getpid());
    char *ready = wsl_asprintf("ready rest=%s:%u rpc=%s\n", p->settings.rest_address, jm_server_port(p->server),
                               jm_address(p->jm));
    wsl_status status = write_text(p->pid_file, pid, err);
    if (status == WSL_OK) {
        status = write_text(p->ready_file, ready, err);
    }
    (void)fputs(ready, stdout);
    (void)fflush(stdout);
    wsl_log(p->daemon.log, WSL_LOG_INFO, "jobmanager.started", "rest=%s:%u rpc=%s web=%s", p->settings.rest_address,
            jm_server_port(p->server), jm_address(p->jm), p->settings.web_dir == NULL ? "" : p->settings.web_dir);
    free(ready);
    free(pid);
    return status;
}

static void stop(process *p)
{
    jm_server_free(p->server);
    jm_free(p->jm);
    wsl_transport_free(p->transport);
    wsl_loop_free(p->loop);
    jm_config_fini(&p->settings);
    wsl_daemon_fini(&p->daemon);
    jm_dir_lock_free(p->lock);
    wsl_signals_free(p->signals);
}

int main(int argc, char **argv)
{
    process p = {0};
    wsl_error err = {0};
    const wsl_daemon_option options[] = {
        {"--pid-file", "FILE", "where to write the process id", &p.pid_file},
        {"--data-dir", "DIR", "where jobs outlive this process, unless high-availability.storageDir says where", &p.data_dir},
        {"--ready-file", "FILE", "where to write the addresses once both ports are bound", &p.ready_file},
        {NULL, NULL, NULL, NULL},
    };
    p.daemon = (wsl_daemon){
        .program = "wiesel-jobmanager",
        .what_it_does =
            "Takes jobs, deploys them into the slots of TaskManagers, answers REST and serves the web page.",
        .options = options,
    };
    if (wsl_daemon_only_asked(&p.daemon, argc, argv)) {
        return 0;
    }
    wsl_rng_seed_from_os(&p.rng);
    p.signals = wsl_signals_new();
    wsl_status status = wsl_daemon_arguments(&p.daemon, argc, argv, &err);
    if (status == WSL_OK) {
        status = wsl_daemon_open_log(&p.daemon, "jobmanager", &err);
    }
    if (status == WSL_OK) {
        status = start(&p, argv, &err);
    }
    if (status == WSL_OK) {
        status = announce(&p, &err);
    }
    if (status == WSL_OK) {
        wsl_loop_run(p.loop);
        wsl_log(p.daemon.log, WSL_LOG_INFO, "jobmanager.stopped", "jobs=%u", jm_jobs_live(p.jm));
    } else {
        (void)fprintf(stderr, "wiesel-jobmanager: %s\n", err.text);
        if (p.daemon.log != NULL && wsl_config_str(p.daemon.config, "env.log.dir") != NULL) { /* not twice on standard error */
            wsl_log(p.daemon.log, WSL_LOG_ERROR, "jobmanager.failed", "reason=%s", err.text);
        }
    }
    stop(&p);
    return status == WSL_OK ? 0 : 1;
}
