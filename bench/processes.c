#include "bench/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/rest_client.h"

enum { START_TIMEOUT_MS = 20000 };

_Noreturn void bench_die(const char *format, ...)
{
    va_list args;
    fputs("wiesel-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

int64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bench_child bench_spawn(char *const *argv, bool read_output)
{
    int ends[2] = {-1, -1};
    if (read_output && pipe2(ends, O_CLOEXEC) != 0) {
        bench_die("cannot make a pipe: %s", strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        bench_die("cannot start a process: %s", strerror(errno));
    }
    if (pid == 0) {
        if (read_output) {
            dup2(ends[1], STDOUT_FILENO);
        }
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a benchmark that dies leaves nothing behind */
        if (getppid() != parent) {
            _exit(1);
        }
        execv(argv[0], argv);
        fprintf(stderr, "wiesel-bench: cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    bench_child c = {.pid = pid};
    if (read_output) {
        close(ends[1]);
        c.out = fdopen(ends[0], "r");
    }
    return c;
}

int bench_reap(bench_child *c, bench_usage *used)
{
    int status = 0;
    struct rusage r;
    while (wait4(c->pid, &status, 0, &r) < 0) {
        if (errno != EINTR) {
            bench_die("waiting failed: %s", strerror(errno));
        }
    }
    c->pid = 0;
    if (c->out != NULL) {
        fclose(c->out);
        c->out = NULL;
    }
    const double cpu_seconds = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                               1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
    used->cpu_seconds += cpu_seconds;
    used->task_managers_cpu_seconds += c->is_task_manager ? cpu_seconds : 0;
    used->peak_rss_kb += r.ru_maxrss;
    return status;
}

void bench_stop(bench_cluster *c, bench_usage *used)
{
    for (unsigned i = c->n_processes; i-- > 0;) {
        if (c->processes[i].pid > 0) {
            kill(c->processes[i].pid, SIGTERM);
        }
    }
    for (unsigned i = c->n_processes; i-- > 0;) {
        if (c->processes[i].pid > 0) {
            (void)bench_reap(&c->processes[i], used);
        }
    }
    c->n_processes = 0;
}

/* argv for a server: program, our settings, the user's. Ended by NULL; strings live for ever. */
static char **server_argv(const bench_cluster *c, const char *program, const char *const *settings)
{
    char **argv = wsl_calloc(2 * (16 + c->n_overrides), sizeof *argv);
    unsigned n = 0;
    argv[n++] = wsl_asprintf("%s/%s", c->bin, program);
    for (; *settings != NULL; settings++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(*settings);
    }
    for (unsigned i = 0; i < c->n_overrides; i++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(c->overrides[i]);
    }
    return argv;
}

void bench_free_argv(char **argv)
{
    for (char **a = argv; *a != NULL; a++) {
        free(*a);
    }
    free(argv);
}

void bench_start_jobmanager(bench_cluster *c)
{
    const char *const settings[] = {"rest.port=0", "jobmanager.rpc.port=0", "log.level=warn", NULL};
    char **argv = server_argv(c, "wiesel-jobmanager", settings);
    bench_child jm = bench_spawn(argv, true);
    bench_free_argv(argv);
    char line[1024];
    if (fgets(line, sizeof line, jm.out) == NULL) {
        bench_die("the JobManager did not start");
    }
    if (sscanf(line, "ready rest=%250s rpc=%250s", c->rest, c->rpc) != 2) {
        bench_die("the JobManager said '%s' instead of its addresses", line);
    }
    c->processes[c->n_processes++] = jm;
}

/* One that was reaped makes room. */
static void forget_reaped(bench_cluster *c)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < c->n_processes; i++) {
        if (c->processes[i].pid > 0) {
            c->processes[kept++] = c->processes[i];
        }
    }
    c->n_processes = kept;
}

bench_child *bench_start_task_manager(bench_cluster *c)
{
    forget_reaped(c);
    if (c->n_processes == BENCH_PROCESSES_MAX) {
        bench_die("at most %d TaskManagers", BENCH_PROCESSES_MAX - 1);
    }
    const char *port = strrchr(c->rpc, ':');
    char *rpc = wsl_asprintf("jobmanager.rpc.port=%s", port != NULL ? port + 1 : "");
    char *slots = wsl_asprintf("taskmanager.numberOfTaskSlots=%u", c->slots);
    const char *const settings[] = {rpc, slots, "log.level=warn", NULL};
    char **argv = server_argv(c, "wiesel-taskmanager", settings);
    bench_child *tm = &c->processes[c->n_processes++];
    *tm = bench_spawn(argv, false);
    tm->is_task_manager = true;
    bench_free_argv(argv);
    free(rpc);
    free(slots);
    return tm;
}

json_t *bench_get(const bench_cluster *c, const char *path)
{
    WSL_AUTO(cli_rest) rest = NULL;
    wsl_error err = {0};
    json_t *answer = NULL;
    if (cli_rest_new(c->rest, 1000, 30000, &rest, &err) != WSL_OK ||
        cli_rest_call(rest, "GET", path, NULL, &answer, &err) != WSL_OK) {
        bench_die("%s: %s", path, err.text);
    }
    return answer;
}

void bench_await_slots(const bench_cluster *c, unsigned wanted)
{
    const int64_t until = bench_now_ns() + (int64_t)START_TIMEOUT_MS * 1000000;
    for (;;) {
        json_t *answer = bench_get(c, "/overview");
        const json_int_t slots = json_integer_value(json_object_get(answer, "slots-total"));
        json_decref(answer);
        if (slots >= (json_int_t)wanted) {
            return;
        }
        if (bench_now_ns() > until) {
            bench_die("only %lld of %u slots came within %d ms", (long long)slots, wanted, START_TIMEOUT_MS);
        }
        usleep(1000);
    }
}

void bench_find_programs(bench_cluster *c)
{
    const ssize_t n = readlink("/proc/self/exe", c->bin, sizeof c->bin - 1);
    char *slash = n > 0 ? strrchr(c->bin, '/') : NULL;
    if (slash == NULL) {
        bench_die("cannot find my own directory");
    }
    *slash = 0;
}
