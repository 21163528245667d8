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
#include "base/cluster_options.h"
#include "base/config_file.h"
#include "base/option_doc.h"
#include "base/proc.h"
#include "base/signal.h"
#include "taskmanager/tm_run.h"

enum { EXIT_BY_A_JOB = 70 };

typedef struct process {
    wsl_config *config;
    wsl_log_sink *sink;
    wsl_logger *log;
    wsl_transport *transport;
    wsl_rng rng;
    char *local_address;
} process;

static void usage(FILE *out)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_options_help(wsl_cluster_options, &text);
    fprintf(out,
            "usage: wiesel-taskmanager [-c FILE] [-D key=value]...\n\n"
            "Runs the tasks that a JobManager deploys into its slots.\n\n"
            "  -c, --config FILE   configuration (YAML); without it all options have their defaults\n"
            "  -D key=value        one option, goes before the file\n"
            "  -h, --help          this text\n"
            "  -V, --version       the version\n\nOptions of the configuration:\n\n%s",
            text.data);
    wsl_strbuf_fini(&text);
}

static wsl_log_level log_level(const wsl_config *config)
{
    const char *name = wsl_config_str(config, "log.level");
    return strcmp(name, "debug") == 0  ? WSL_LOG_DEBUG
           : strcmp(name, "warn") == 0 ? WSL_LOG_WARN
           : strcmp(name, "error") == 0 ? WSL_LOG_ERROR
                                        : WSL_LOG_INFO;
}

/* 0: go on; else the process's exit code + 1. */
static int read_arguments(process *p, int argc, char **argv, wsl_error *err)
{
    p->config = wsl_cluster_config_new();
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
            usage(stdout);
            return 1;
        }
        if (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0) {
            printf("wiesel %s\n", WSL_VERSION);
            return 1;
        }
        const bool takes_value = strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0 || strcmp(arg, "-D") == 0;
        if (!takes_value && strncmp(arg, "-D", 2) != 0) {
            (void)wsl_fail(err, WSL_INVALID, "'%s' is not an option; see wiesel-taskmanager --help", arg);
            return 3;
        }
        if (takes_value && i + 1 == argc) {
            (void)wsl_fail(err, WSL_INVALID, "%s needs a value", arg);
            return 3;
        }
        /* files first, so that -D goes before them wherever it stands */
        if (arg[1] == 'c' || arg[1] == '-') {
            if (wsl_config_read_file(p->config, wsl_fs_posix(), argv[++i], err) != WSL_OK) {
                return 3;
            }
        } else if (takes_value) {
            i++;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-D", 2) != 0) {
            i += argv[i][0] == '-';
            continue;
        }
        const char *pair = argv[i][2] != 0 ? argv[i] + 2 : argv[++i];
        if (wsl_config_set_pair(p->config, pair, "-D", err) != WSL_OK) {
            return 3;
        }
    }
    return wsl_config_check(p->config, err) == WSL_OK ? 0 : 3;
}

static wsl_status open_log(process *p, wsl_error *err)
{
    const char *dir = wsl_config_str(p->config, "env.log.dir");
    if (dir == NULL) {
        p->sink = wsl_log_sink_stderr();
    } else {
        char *path = wsl_asprintf("%s/taskmanager-%d.log", dir, (int)getpid());
        wsl_status status = wsl_fs_posix()->make_dirs(wsl_fs_posix(), dir, err);
        if (status == WSL_OK) {
            status = wsl_log_sink_file(wsl_fs_posix(), path, wsl_config_size(p->config, "log.rotate.size"),
                                       (uint32_t)wsl_config_int(p->config, "log.rotate.keep"), &p->sink, err);
        }
        free(path);
        WSL_TRY(status);
    }
    p->log = wsl_logger_new(p->sink, wsl_clock_real(), log_level(p->config));
    return WSL_OK;
}

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
    if (wsl_config_bool(p->config, "taskmanager.network.ipc")) {
        const bool zeromq = strcmp(wsl_config_str(p->config, "taskmanager.network.local"), "zeromq") == 0;
        p->local_address = wsl_asprintf("%s://%s/wiesel-tm-%d-%08x.sock", zeromq ? "ipc" : "unix",
                                        wsl_config_str(p->config, "io.tmp.dirs"), (int)getpid(),
                                        (unsigned)wsl_rng_next(&p->rng));
    }
    const tm_options options = {
        .config = p->config,
        .seams = {.clock = wsl_clock_real(),
                  .rng = &p->rng,
                  .fs = wsl_fs_posix(),
                  .transport = p->transport,
                  .log = p->log},
        .proc = wsl_proc_real(),
        .pid = getpid(),
        .data_address_local = p->local_address,
        .log_dir = wsl_config_str(p->config, "env.log.dir"),
    };
    tm_run *r = NULL;
    if (tm_run_start(&options, &r, err) != WSL_OK) {
        return 1;
    }
    wsl_log(p->log, WSL_LOG_INFO, "taskmanager.started", "id=%s slots=%u data=%s", tm_id(tm_run_tm(r)),
            tm_slots(tm_run_tm(r)), tm_net_address(tm_get_net(tm_run_tm(r))));
    tm_run_on_fatal(r, (wsl_waker){wake_main, NULL});
    while (wsl_signals_wait(signals, -1) == 0) {
    }
    const char *fatal = tm_run_fatal(r);
    if (fatal != NULL) {
        wsl_log(p->log, WSL_LOG_ERROR, "taskmanager.fatal", "reason=%s", fatal);
        fprintf(stderr, "wiesel-taskmanager: %s\n", fatal);
        _exit(1); /* a slot may hang: nothing can be joined */
    }
    wsl_log(p->log, WSL_LOG_INFO, "taskmanager.stopped", "id=%s", tm_id(tm_run_tm(r)));
    tm_run_stop(r);
    return 0;
}

int main(int argc, char **argv)
{
    /* buffers of messages come and go all the time: keep their memory instead of mapping it anew */
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 20);
    (void)mallopt(M_TOP_PAD, 1 << 20);
    process p = {0};
    wsl_error err = {0};
    bool *orderly = wsl_zalloc(sizeof *orderly);
    (void)on_exit(on_process_exit, orderly);
    wsl_rng_seed_from_os(&p.rng);
    wsl_signals *signals = wsl_signals_new();
    int code = read_arguments(&p, argc, argv, &err);
    code = code > 0 ? code - 1 : -1;
    if (code < 0) {
        code = 1;
        if (open_log(&p, &err) == WSL_OK && wsl_transport_sockets_new(&p.transport, &err) == WSL_OK) {
            code = run(&p, signals, &err);
        }
    }
    if (err.text[0] != 0) {
        fprintf(stderr, "wiesel-taskmanager: %s\n", err.text);
    }
    wsl_transport_free(p.transport);
    wsl_logger_free(p.log);
    wsl_log_sink_free(p.sink);
    wsl_config_free(p.config);
    wsl_signals_free(signals);
    free(p.local_address);
    *orderly = true;
    return code;
}
