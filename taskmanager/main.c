/*
 * wiesel-taskmanager - a TaskManager process.
 *
 *     wiesel-taskmanager [-c FILE] [-D key=value]...
 *
 * Ends on SIGTERM or SIGINT; with exit code 1 when it cannot start, or when something happened that only a new process can
 * mend (its supervisor starts one).
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/daemon.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/signal.h"
#include "taskmanager/tm_run.h"

enum { EXIT_BY_A_JOB = 70 };

typedef struct process {
    wsl_daemon daemon;
    wsl_transport *transport;
    wsl_rng rng;
    char *local_address;
} process;

/*
 * exit() in the code of a job would look like an orderly end, after which nobody starts the process again. The flag is on the
 * heap because this runs when main's frame may be gone.
 */
static void on_process_exit(int code, void *arg)
{
    bool *orderly = arg;

    if (!*orderly) {
        fprintf(stderr, "wiesel-taskmanager: the code of a job called exit(%d)\n", code);
        _exit(EXIT_BY_A_JOB);
    }
    free(orderly);
}

/* The main thread waits for signals. */
static void wake_main(void *arg)
{
    (void)arg;
    (void)kill(getpid(), SIGTERM);
}

static int run(process *p, wsl_signals *signals, wsl_error *err)
{
    if (wsl_config_bool(p->daemon.config, "taskmanager.network.ipc")) {
        const bool zeromq = strcmp(wsl_config_str(p->daemon.config, "taskmanager.network.local"), "zeromq") == 0;
        p->local_address = wsl_asprintf("%s://%s/wiesel-tm-%d-%08x.sock", zeromq ? "ipc" : "unix",
                                        wsl_config_str(p->daemon.config, "io.tmp.dirs"), (int)getpid(),
                                        (unsigned)wsl_rng_next(&p->rng));
    }
    const tm_options options = {
        .config = p->daemon.config,
        .seams = {.clock = wsl_clock_real(),
                  .rng = &p->rng,
                  .fs = wsl_fs_posix(),
                  .transport = p->transport,
                  .log = p->daemon.log},
        .proc = wsl_proc_real(),
        .pid = getpid(),
        .data_address_local = p->local_address,
        .log_dir = wsl_config_str(p->daemon.config, "env.log.dir"),
    };
    tm_run *r = NULL;
    if (tm_run_start(&options, &r, err) != WSL_OK) {
        return 1;
    }
    wsl_log(p->daemon.log, WSL_LOG_INFO, "taskmanager.started", "id=%s slots=%u data=%s", tm_id(tm_run_tm(r)),
            tm_slots(tm_run_tm(r)), tm_net_address(tm_get_net(tm_run_tm(r))));
    tm_run_on_fatal(r, (wsl_waker){wake_main, NULL});
    while (wsl_signals_wait(signals, -1) == 0) {
    }
    const char *fatal = tm_run_fatal(r);
    if (fatal != NULL) {
        wsl_log(p->daemon.log, WSL_LOG_ERROR, "taskmanager.fatal", "reason=%s", fatal);
        fprintf(stderr, "wiesel-taskmanager: %s\n", fatal);
        _exit(1); /* a slot may hang: nothing can be joined */
    }
    wsl_log(p->daemon.log, WSL_LOG_INFO, "taskmanager.stopped", "id=%s", tm_id(tm_run_tm(r)));
    tm_run_stop(r);
    return 0;
}

int main(int argc, char **argv)
{
    /* buffers of messages come and go all the time: keep their memory instead of mapping it anew */
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 20);
    (void)mallopt(M_TOP_PAD, 1 << 20);
    process p = {.daemon = {.program = "wiesel-taskmanager",
                            .what_it_does = "Runs the tasks that a JobManager deploys into its slots."}};
    wsl_error err = {0};
    bool *orderly = wsl_zalloc(sizeof *orderly);
    (void)on_exit(on_process_exit, orderly);
    wsl_rng_seed_from_os(&p.rng);
    wsl_signals *signals = wsl_signals_new();
    int code = 1;
    if (wsl_daemon_only_asked(&p.daemon, argc, argv)) {
        code = 0;
    } else if (wsl_daemon_arguments(&p.daemon, argc, argv, &err) == WSL_OK &&
               wsl_daemon_open_log(&p.daemon, "taskmanager", &err) == WSL_OK &&
               wsl_transport_sockets_new(&p.transport, &err) == WSL_OK) {
        code = run(&p, signals, &err);
    }
    if (err.text[0] != 0) {
        fprintf(stderr, "wiesel-taskmanager: %s\n", err.text);
    }
    wsl_transport_free(p.transport);
    wsl_daemon_fini(&p.daemon);
    wsl_signals_free(signals);
    free(p.local_address);
    *orderly = true;
    return code;
}
