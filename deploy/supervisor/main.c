/*
 * wiesel-supervisor - what start-cluster.sh leaves running.
 *
 *     wiesel-supervisor --run-dir DIR --log-dir DIR [--daemonize] {--child NAME PROGRAM ARG... --}...
 *     wiesel-supervisor --run-dir DIR --stop
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "deploy/supervisor/supervisor.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_RUNNING = 4, STOP_TIMEOUT_MS = 15000, LOG_KEEP = 3 };
#define LOG_ROTATE_BYTES (UINT64_C(10) << 20)

static const char help[] =
    "usage: wiesel-supervisor --run-dir DIR --log-dir DIR [--daemonize] {--child NAME PROGRAM ARG... --}...\n"
    "       wiesel-supervisor --run-dir DIR --stop\n"
    "\n"
    "Starts the processes of a cluster and restarts those that die. --daemonize returns when it holds the run "
    "directory.\n"
    "--stop ends the supervisor of that directory with all of its children and returns when they are gone.\n"
    "Exit code 0: done; 1: failed; 2: wrong options; 4: --stop found nothing running.\n";

typedef struct options {
    const char *run_dir, *log_dir;
    bool daemonize, stop, help;
    const char *names[SV_CHILDREN_MAX];
    char **argvs[SV_CHILDREN_MAX];
    uint32_t n_children;
} options;

/* --child NAME PROGRAM ARG... up to a lone "--" (which becomes the NULL that ends the child's argv) or the end. */
static wsl_status take_child(int argc, char **argv, int *i, options *o, wsl_error *err)
{
    if (*i + 2 >= argc || o->n_children == SV_CHILDREN_MAX) {
        return wsl_fail(err, WSL_INVALID, "--child needs a name and a program, and there are at most %d",
                        SV_CHILDREN_MAX);
    }
    o->names[o->n_children] = argv[*i + 1];
    o->argvs[o->n_children++] = &argv[*i + 2];
    *i += 2;
    while (*i < argc && strcmp(argv[*i], "--") != 0) {
        (*i)++;
    }
    argv[*i] = NULL;
    return WSL_OK;
}

static wsl_status parse(int argc, char **argv, options *o, wsl_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--child") == 0) {
            WSL_TRY(take_child(argc, argv, &i, o, err));
        } else if (strcmp(argv[i], "--run-dir") == 0 && i + 1 < argc) {
            o->run_dir = argv[++i];
        } else if (strcmp(argv[i], "--log-dir") == 0 && i + 1 < argc) {
            o->log_dir = argv[++i];
        } else if (strcmp(argv[i], "--daemonize") == 0) {
            o->daemonize = true;
        } else if (strcmp(argv[i], "--stop") == 0) {
            o->stop = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            o->help = true;
        } else {
            return wsl_fail(err, WSL_INVALID, "unknown or incomplete option '%.60s': see wiesel-supervisor --help",
                            argv[i]);
        }
    }
    if (!o->help && (o->run_dir == NULL || (!o->stop && (o->log_dir == NULL || o->n_children == 0)))) {
        return wsl_fail(err, WSL_INVALID,
                        "--run-dir, --log-dir and a --child are needed: see wiesel-supervisor --help");
    }
    return WSL_OK;
}

/* In the child of the fork: returns the pipe on which the parent waits for our answer. In the parent: does not return.
 */
static int detach(void)
{
    int answer[2];

    if (pipe2(answer, O_CLOEXEC) != 0) {
        return -1;
    }
    const pid_t pid = fork();
    if (pid < 0) {
        return -1;
    }
    if (pid == 0) {
        (void)setsid();
        (void)close(answer[0]);
        return answer[1];
    }
    (void)close(answer[1]);
    char text[WSL_ERROR_TEXT_MAX];
    const ssize_t got = read(answer[0], text, sizeof text - 1);
    if (got == 1 && text[0] == '+') {
        exit(0);
    }
    text[got > 0 ? got : 0] = '\0';
    (void)fprintf(stderr, "wiesel-supervisor: %s\n", got > 0 ? text : "ended before it began");
    exit(EXIT_FAILED);
}

/* Tells the waiting parent, if there is one, and lets go of its terminal. */
static void answer_parent(int answer_fd, const char *text)
{
    if (answer_fd < 0) {
        return;
    }
    if (write(answer_fd, text, strlen(text)) < 0) {
        _exit(EXIT_FAILED);
    }
    (void)close(answer_fd);
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(null_fd, STDERR_FILENO);
}

static wsl_status supervise(const options *o, wsl_log_sink **out_sink, int *answer_fd, wsl_error *err)
{
    wsl_fs *fs = wsl_fs_posix();
    WSL_AUTO(sv_run_dir) dir = NULL;

    WSL_TRY(sv_run_dir_take(fs, o->run_dir, &dir, err));
    WSL_TRY(fs->make_dirs(fs, o->log_dir, err));
    char *log_path = wsl_asprintf("%s/supervisor.log", o->log_dir);
    const wsl_status status = wsl_log_sink_file(fs, log_path, LOG_ROTATE_BYTES, LOG_KEEP, out_sink, err);
    free(log_path);
    WSL_TRY(status);
    WSL_AUTO(wsl_logger) logger = wsl_logger_new(*out_sink, wsl_clock_real(), WSL_LOG_INFO);
    WSL_AUTO(sv_supervisor) sv = sv_supervisor_new(dir, fs, wsl_clock_real(), logger, o->log_dir);
    for (uint32_t i = 0; i < o->n_children; i++) {
        WSL_TRY(sv_supervisor_add(sv, o->names[i], o->argvs[i], err));
    }
    answer_parent(*answer_fd, "+");
    *answer_fd = -1;
    return sv_supervisor_run(sv, err);
}

static void block_signals(void)
{
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int stop_cluster(const options *o)
{
    wsl_error err = {0};
    const wsl_status status = sv_run_dir_stop(o->run_dir, STOP_TIMEOUT_MS, &err);

    if (status == WSL_OK) {
        return 0;
    }
    (void)fprintf(stderr, "wiesel-supervisor: %s\n", err.text);
    return status == WSL_NOT_FOUND ? EXIT_NOT_RUNNING : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    options o = {0};
    wsl_error err = {0};
    wsl_log_sink *sink = NULL;
    int answer_fd = -1;

    if (parse(argc, argv, &o, &err) != WSL_OK) {
        (void)fprintf(stderr, "wiesel-supervisor: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (o.help) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (o.stop) {
        return stop_cluster(&o);
    }
    if (o.daemonize) {
        answer_fd = detach();
        if (answer_fd < 0) {
            (void)fprintf(stderr, "wiesel-supervisor: cannot detach: %s\n", strerror(errno));
            return EXIT_FAILED;
        }
    }
    block_signals();
    const wsl_status status = supervise(&o, &sink, &answer_fd, &err);
    if (status != WSL_OK) {
        if (answer_fd < 0) {
            (void)fprintf(stderr, "wiesel-supervisor: %s\n", err.text);
        }
        answer_parent(answer_fd, err.text);
    }
    wsl_log_sink_free(sink);
    return status == WSL_OK ? 0 : EXIT_FAILED;
}
