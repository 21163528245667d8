/*
 * supervisor - one loop over a signalfd:
 *
 *     SIGCHLD --> who ended? --> policy --> start again now, or when its pause is over
 *     SIGUSR1 --> the cluster is up (start-cluster.sh has seen all of it): from here on nobody refuses to start
 *     SIGTERM --> SIGTERM to every child; SIGKILL to those left after the grace --> all gone --> return
 *
 * Every child leads a process group of its own (a Ctrl-C in the terminal does not reach it) and is told by the kernel
 * when the supervisor dies, so that nothing is left behind even then.
 */
#include "deploy/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "deploy/supervisor/policy.h"

enum { LAST_LINE_MAX = 600 };

typedef struct sv_child {
    char name[SV_NAME_MAX];
    char *const *argv;
    char *out_path;
    pid_t pid; /* 0: not running */
    bool ended;
    int64_t started_ns;
    int64_t start_at_ns; /* WSL_NEVER: no start is due */
    sv_history history;
} sv_child;

struct sv_supervisor {
    sv_run_dir *dir;
    wsl_fs *fs;
    wsl_clock *clock;
    const wsl_logger *logger;
    const char *log_dir;
    sv_child *children[SV_CHILDREN_MAX];
    uint32_t n_children;
    bool stopping;
    int64_t kill_at_ns;
    wsl_status result;
};

void sv_supervisor_free(sv_supervisor *sv)
{
    if (sv == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sv->n_children; i++) {
        free(sv->children[i]->out_path);
        free(sv->children[i]);
    }
    free(sv);
}

sv_supervisor *sv_supervisor_new(sv_run_dir *dir, wsl_fs *fs, wsl_clock *clock, const wsl_logger *logger,
                                 const char *log_dir)
{
    sv_supervisor *sv = wsl_zalloc(sizeof *sv);

    sv->dir = dir;
    sv->fs = fs;
    sv->clock = clock;
    sv->logger = logger;
    sv->log_dir = log_dir;
    sv->kill_at_ns = WSL_NEVER;
    return sv;
}

wsl_status sv_supervisor_add(sv_supervisor *sv, const char *name, char *const *argv, wsl_error *err)
{
    const size_t size = strlen(name);

    if (size == 0 || size >= SV_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != size) {
        return wsl_fail(err, WSL_INVALID, "'%.80s' is no name for a child: use up to %d of a-z, 0-9 and -", name,
                        SV_NAME_MAX - 1);
    }
    if (sv->n_children == SV_CHILDREN_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "more than %d processes in one cluster", SV_CHILDREN_MAX);
    }
    sv_child *child = wsl_zalloc(sizeof *child);
    (void)snprintf(child->name, sizeof child->name, "%s", name);
    child->argv = argv;
    child->out_path = wsl_asprintf("%s/%s.out", sv->log_dir, name);
    sv->children[sv->n_children++] = child;
    return WSL_OK;
}

/* ---- starting ---- */

/* In the child, between fork and exec: only calls that are safe there. */
_Noreturn static void become(const sv_child *child, pid_t supervisor, int out_fd)
{
    sigset_t none;
    const int null_fd = open("/dev/null", O_RDONLY);

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) {
        _exit(0); /* it died before the line above could see it */
    }
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(out_fd, STDERR_FILENO);
    (void)execv(child->argv[0], child->argv);
    (void)dprintf(STDERR_FILENO, "cannot run '%s': %s\n", child->argv[0], strerror(errno));
    _exit(127);
}

static void put_pid_file(sv_supervisor *sv, const sv_child *child)
{
    char name[SV_NAME_MAX + 8], text[32];
    wsl_error err = {0};

    (void)snprintf(name, sizeof name, "%s.pid", child->name);
    if (child->pid == 0) {
        sv_run_dir_drop(sv->dir, name);
        return;
    }
    (void)snprintf(text, sizeof text, "%ld\n", (long)child->pid);
    if (sv_run_dir_put(sv->dir, name, text, &err) != WSL_OK) {
        wsl_log(sv->logger, WSL_LOG_WARN, "pidfile.failed", "name=%s error=%s", child->name, err.text);
    }
}

static wsl_status child_start(sv_supervisor *sv, sv_child *child, wsl_error *err)
{
    const pid_t supervisor = getpid();
    const int out_fd = open(child->out_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (out_fd < 0) {
        return wsl_fail(err, WSL_IO, "cannot open '%s': %s", child->out_path, strerror(errno));
    }
    child->started_ns = wsl_now_ns(sv->clock);
    child->start_at_ns = WSL_NEVER;
    const pid_t pid = fork();
    if (pid == 0) {
        become(child, supervisor, out_fd);
    }
    (void)close(out_fd);
    if (pid < 0) {
        return wsl_fail(err, WSL_IO, "cannot start %s: %s", child->name, strerror(errno));
    }
    child->pid = pid;
    child->history.starts++;
    put_pid_file(sv, child);
    wsl_log(sv->logger, WSL_LOG_INFO, "child.started", "name=%s pid=%ld start=%u", child->name, (long)pid,
            child->history.starts);
    return WSL_OK;
}

/* A start that fails for want of a process or a file is tried again like a child that dies. */
static void start_due(sv_supervisor *sv, int64_t now)
{
    for (uint32_t i = 0; i < sv->n_children && !sv->stopping; i++) {
        sv_child *child = sv->children[i];
        wsl_error err = {0};
        if (child->pid != 0 || child->ended || child->start_at_ns > now) {
            continue;
        }
        if (child_start(sv, child, &err) != WSL_OK) {
            child->start_at_ns = now + SV_PAUSE_MAX_NS;
            wsl_log(sv->logger, WSL_LOG_ERROR, "child.start_failed", "name=%s error=%s", child->name, err.text);
        }
    }
}

/* ---- ending ---- */

/* SIGKILL goes to the child's whole group: whatever it started goes with it. */
static void signal_all(sv_supervisor *sv, int signal_number)
{
    for (uint32_t i = 0; i < sv->n_children; i++) {
        const pid_t pid = sv->children[i]->pid;
        if (pid != 0) {
            (void)kill(pid, signal_number);
        }
        if (pid != 0 && signal_number == SIGKILL) {
            (void)kill(-pid, SIGKILL);
        }
    }
}

static void begin_stop(sv_supervisor *sv, const char *reason)
{
    if (sv->stopping) {
        return;
    }
    sv->stopping = true;
    sv->kill_at_ns = wsl_now_ns(sv->clock) + SV_STOP_GRACE_NS;
    wsl_log(sv->logger, WSL_LOG_INFO, "cluster.stopping", "reason=%s", reason);
    signal_all(sv, SIGTERM);
}

/* The last line that the child wrote, for the sentence about why it did not start. */
static void last_line(sv_supervisor *sv, const sv_child *child, char *out, size_t size)
{
    WSL_AUTO(wsl_file) file = NULL;
    char tail[4096];
    uint64_t total = 0;
    size_t got = 0;

    out[0] = '\0';
    if (sv->fs->open(sv->fs, child->out_path, WSL_OPEN_READ, &file, NULL) != WSL_OK ||
        file->size(file, &total, NULL) != WSL_OK ||
        file->read_at(file, total > sizeof tail - 1 ? total - (sizeof tail - 1) : 0, tail, sizeof tail - 1, &got,
                      NULL) != WSL_OK) {
        return;
    }
    while (got > 0 && (tail[got - 1] == '\n' || tail[got - 1] == '\r')) {
        got--;
    }
    tail[got] = '\0';
    const char *line = strrchr(tail, '\n');
    line = line != NULL ? line + 1 : tail;
    const size_t length = strlen(line) < size ? strlen(line) : size - 1;
    memcpy(out, line, length);
    out[length] = '\0';
}

static void refuse(sv_supervisor *sv, const sv_child *child, int code, wsl_error *err)
{
    char line[LAST_LINE_MAX];

    last_line(sv, child, line, sizeof line);
    sv->result = wsl_fail(err, WSL_REFUSED, "%s did not start (exit code %d): %s", child->name, code,
                          line[0] != '\0' ? line : "it said nothing");
    wsl_log(sv->logger, WSL_LOG_ERROR, "child.refused", "name=%s code=%d output=%s", child->name, code, line);
    if (err != NULL && sv_run_dir_put(sv->dir, "failure", err->text, NULL) != WSL_OK) {
        wsl_log(sv->logger, WSL_LOG_WARN, "failure.not_written", "dir=%s", sv_run_dir_path(sv->dir));
    }
    begin_stop(sv, "a process did not start");
}

static void child_ended(sv_supervisor *sv, sv_child *child, int wait_status, wsl_error *err)
{
    const int64_t now = wsl_now_ns(sv->clock);
    const int64_t lived = now - child->started_ns;
    const bool by_signal = WIFSIGNALED(wait_status);
    const int code = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    int64_t pause = 0;

    wsl_log(sv->logger, code == 0 || sv->stopping ? WSL_LOG_INFO : WSL_LOG_WARN, "child.ended",
            "name=%s pid=%ld %s=%d lived_ms=%lld", child->name, (long)child->pid, by_signal ? "signal" : "code", code,
            (long long)(lived / WSL_NS_PER_MS));
    child->pid = 0;
    put_pid_file(sv, child);
    if (sv->stopping) {
        return;
    }
    switch (sv_decide(&child->history, by_signal, code, lived, &pause)) {
    case SV_ENDED:
        child->ended = true;
        break;
    case SV_REFUSED:
        refuse(sv, child, code, err);
        break;
    case SV_START_AGAIN:
        child->start_at_ns = now + pause;
        break;
    }
}

static void reap(sv_supervisor *sv, wsl_error *err)
{
    for (uint32_t i = 0; i < sv->n_children; i++) {
        sv_child *child = sv->children[i];
        int wait_status = 0;
        if (child->pid != 0 && waitpid(child->pid, &wait_status, WNOHANG) == child->pid) {
            child_ended(sv, child, wait_status, err);
        }
    }
}

/* ---- the loop ---- */

static void cluster_is_up(sv_supervisor *sv)
{
    for (uint32_t i = 0; i < sv->n_children; i++) {
        sv->children[i]->history.up = true;
    }
    wsl_log(sv->logger, WSL_LOG_INFO, "cluster.up", "processes=%u", sv->n_children);
}

static bool all_gone(const sv_supervisor *sv)
{
    for (uint32_t i = 0; i < sv->n_children; i++) {
        const sv_child *child = sv->children[i];
        if (child->pid != 0 || (!sv->stopping && !child->ended)) {
            return false;
        }
    }
    return true;
}

static int timeout_ms(const sv_supervisor *sv, int64_t now)
{
    int64_t next = sv->kill_at_ns;

    for (uint32_t i = 0; i < sv->n_children && !sv->stopping; i++) {
        const sv_child *child = sv->children[i];
        if (child->pid == 0 && !child->ended && child->start_at_ns < next) {
            next = child->start_at_ns;
        }
    }
    if (next == WSL_NEVER) {
        return -1;
    }
    return next <= now ? 0 : (int)((next - now) / WSL_NS_PER_MS + 1);
}

static void take_signals(sv_supervisor *sv, int signal_fd)
{
    struct signalfd_siginfo info;

    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1) {
            cluster_is_up(sv);
        } else if (info.ssi_signo != SIGCHLD) {
            begin_stop(sv, "asked to");
        }
    }
}

wsl_status sv_supervisor_run(sv_supervisor *sv, wsl_error *err)
{
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR1);
    const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_fd < 0) {
        return wsl_fail(err, WSL_IO, "signalfd: %s", strerror(errno));
    }
    for (;;) {
        const int64_t now = wsl_now_ns(sv->clock);
        start_due(sv, now);
        if (now >= sv->kill_at_ns) {
            signal_all(sv, SIGKILL);
            sv->kill_at_ns = WSL_NEVER;
        }
        if (all_gone(sv)) {
            break;
        }
        struct pollfd p = {.fd = signal_fd, .events = POLLIN};
        (void)poll(&p, 1, timeout_ms(sv, now));
        take_signals(sv, signal_fd);
        reap(sv, err);
    }
    (void)close(signal_fd);
    wsl_log(sv->logger, WSL_LOG_INFO, "cluster.stopped", "processes=%u", sv->n_children);
    return sv->result;
}
