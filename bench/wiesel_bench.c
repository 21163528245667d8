/*
 * wiesel-bench - runs one workload on a cluster of its own and prints one JSON line.
 *
 *     wiesel-bench WORKLOAD -p P -n N [--taskmanagers T --slots S | --local] [-D key=value]... [--runs R]
 *
 * The cluster is separate processes on free ports of this machine: one JobManager, T TaskManagers; the job goes through
 * the command-line client like any other. `seconds` is the job's run time as the JobManager has it (deployment included,
 * start of the cluster not); CPU and memory are those of all processes from their start to their end.
 *
 * Threads: one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <wiesel/version.h>

#include "base/alloc.h"
#include "cli/rest_client.h"

enum { PROCESSES_MAX = 34, OVERRIDES_MAX = 64, LINE_MAX_BYTES = 1 << 16, START_TIMEOUT_MS = 20000, BUCKETS = 200001 };

typedef struct child {
    pid_t pid;
    FILE *out; /* its standard output; NULL: ours */
    bool is_task_manager;
} child;

typedef struct bench {
    const char *workload;
    unsigned parallelism, task_managers, slots, runs;
    unsigned long long n, rate;
    unsigned tick_us;
    bool local;
    const char *keys, *size, *slide, *per_ms;
    const char *in; /* workloads over files: directory */
    char out[64];   /* ... and where they write: a new one, removed at the end */
    const char *overrides[OVERRIDES_MAX];
    unsigned n_overrides;
    char bin[4096];
    char jobs[4200];

    child processes[PROCESSES_MAX];
    unsigned n_processes;
    char rest[256], rpc[256];
} bench;

typedef struct outcome {
    double seconds, cpu_seconds, task_managers_cpu_seconds;
    long peak_rss_kb;
    unsigned long long results, checksum, r2;
    unsigned long long histogram[2][BUCKETS];
} outcome;

static _Noreturn void die(const char *format, ...) WSL_PRINTF(1, 2);
static _Noreturn void die(const char *format, ...)
{
    va_list args;
    fputs("wiesel-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- processes ---- */

static child spawn(char *const *argv, bool read_output)
{
    int ends[2] = {-1, -1};
    if (read_output && pipe2(ends, O_CLOEXEC) != 0) {
        die("cannot make a pipe: %s", strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        die("cannot start a process: %s", strerror(errno));
    }
    if (pid == 0) {
        if (read_output) {
            dup2(ends[1], STDOUT_FILENO);
        }
        if (getppid() != parent) {
            _exit(1);
        }
        execv(argv[0], argv);
        fprintf(stderr, "wiesel-bench: cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    child c = {.pid = pid};
    if (read_output) {
        close(ends[1]);
        c.out = fdopen(ends[0], "r");
    }
    return c;
}

/* Waits for its end; adds what it used. Returns its exit status. */
static int reap(child *c, outcome *o)
{
    int status = 0;
    struct rusage used;
    while (wait4(c->pid, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            die("waiting failed: %s", strerror(errno));
        }
    }
    c->pid = 0;
    if (c->out != NULL) {
        fclose(c->out);
        c->out = NULL;
    }
    const double cpu_seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                               1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    o->cpu_seconds += cpu_seconds;
    o->task_managers_cpu_seconds += c->is_task_manager ? cpu_seconds : 0;
    o->peak_rss_kb += used.ru_maxrss;
    return status;
}

static void stop_cluster(bench *b, outcome *o)
{
    for (unsigned i = b->n_processes; i-- > 0;) {
        if (b->processes[i].pid > 0) {
            kill(b->processes[i].pid, SIGTERM);
        }
    }
    for (unsigned i = b->n_processes; i-- > 0;) {
        if (b->processes[i].pid > 0) {
            (void)reap(&b->processes[i], o);
        }
    }
    b->n_processes = 0;
}

/* argv for a server: program, our settings, the user's. Ended by NULL; strings live for ever. */
static char **server_argv(const bench *b, const char *program, const char *const *settings)
{
    char **argv = wsl_calloc(2 * (16 + b->n_overrides), sizeof *argv);
    unsigned n = 0;
    argv[n++] = wsl_asprintf("%s/%s", b->bin, program);
    for (; *settings != NULL; settings++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(*settings);
    }
    for (unsigned i = 0; i < b->n_overrides; i++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(b->overrides[i]);
    }
    return argv;
}

static void free_argv(char **argv)
{
    for (char **a = argv; *a != NULL; a++) {
        free(*a);
    }
    free(argv);
}

static void start_jobmanager(bench *b)
{
    const char *const settings[] = {"rest.port=0", "jobmanager.rpc.port=0", "log.level=warn", NULL};
    char **argv = server_argv(b, "wiesel-jobmanager", settings);
    child c = spawn(argv, true);
    free_argv(argv);
    char line[1024];
    if (fgets(line, sizeof line, c.out) == NULL) {
        die("the JobManager did not start");
    }
    if (sscanf(line, "ready rest=%250s rpc=%250s", b->rest, b->rpc) != 2) {
        die("the JobManager said '%s' instead of its addresses", line);
    }
    b->processes[b->n_processes++] = c;
}

static void start_task_manager(bench *b)
{
    const char *port = strrchr(b->rpc, ':');
    char *rpc = wsl_asprintf("jobmanager.rpc.port=%s", port != NULL ? port + 1 : "");
    char *slots = wsl_asprintf("taskmanager.numberOfTaskSlots=%u", b->slots);
    const char *const settings[] = {rpc, slots, "log.level=warn", NULL};
    char **argv = server_argv(b, "wiesel-taskmanager", settings);
    b->processes[b->n_processes] = spawn(argv, false);
    b->processes[b->n_processes++].is_task_manager = true;
    free_argv(argv);
    free(rpc);
    free(slots);
}

static void await_slots(const bench *b)
{
    cli_rest *rest = NULL;
    wsl_error err = {0};
    const int64_t until = now_ns() + (int64_t)START_TIMEOUT_MS * 1000000;
    if (cli_rest_new(b->rest, 1000, 5000, &rest, &err) != WSL_OK) {
        die("%s", err.text);
    }
    for (;;) {
        json_t *answer = NULL;
        if (cli_rest_call(rest, "GET", "/overview", NULL, &answer, &err) != WSL_OK) {
            die("%s", err.text);
        }
        const json_int_t slots = json_integer_value(json_object_get(answer, "slots-total"));
        json_decref(answer);
        if (slots >= (json_int_t)(b->task_managers * b->slots)) {
            break;
        }
        if (now_ns() > until) {
            die("only %lld of %u slots came within %d ms", (long long)slots, b->task_managers * b->slots,
                START_TIMEOUT_MS);
        }
        usleep(1000);
    }
    cli_rest_free(rest);
}

/* ---- one run ---- */

static char **client_argv(const bench *b, const char *t0)
{
    char **argv = wsl_calloc(64 + 2 * b->n_overrides, sizeof *argv);
    unsigned n = 0;
    argv[n++] = wsl_asprintf("%s/wiesel", b->bin);
    argv[n++] = wsl_strdup("run");
    argv[n++] = wsl_strdup("--json");
    argv[n++] = wsl_strdup("-p");
    argv[n++] = wsl_asprintf("%u", b->parallelism);
    if (b->local) {
        argv[n++] = wsl_strdup("--local");
    } else {
        argv[n++] = wsl_strdup("-m");
        argv[n++] = wsl_strdup(b->rest);
    }
    for (unsigned i = 0; i < b->n_overrides; i++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(b->overrides[i]);
    }
    argv[n++] = wsl_strdup(b->jobs);
    argv[n++] = wsl_strdup("--");
    argv[n++] = wsl_strdup("--workload");
    argv[n++] = wsl_strdup(b->workload);
    if (b->in == NULL) {
        argv[n++] = wsl_strdup("--n");
        argv[n++] = wsl_asprintf("%llu", b->n);
    }
    const struct {
        const char *name, *value;
    } more[] = {{"--keys", b->keys},     {"--size", b->size}, {"--slide", b->slide},
                {"--per-ms", b->per_ms}, {"--in", b->in},     {"--out", b->out[0] != 0 ? b->out : NULL}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(more); i++) {
        if (more[i].value != NULL) {
            argv[n++] = wsl_strdup(more[i].name);
            argv[n++] = wsl_strdup(more[i].value);
        }
    }
    if (t0 != NULL) {
        argv[n++] = wsl_strdup("--t0");
        argv[n++] = wsl_strdup(t0);
        argv[n++] = wsl_strdup("--rate");
        argv[n++] = wsl_asprintf("%llu", b->rate);
        argv[n++] = wsl_strdup("--warmup");
        argv[n++] = wsl_asprintf("%llu", b->n / 4);
        argv[n++] = wsl_strdup("--tick-us");
        argv[n++] = wsl_asprintf("%u", b->tick_us);
    }
    return argv;
}

static unsigned long long number(const json_t *row, const char *name)
{
    return (unsigned long long)json_integer_value(json_object_get(row, name));
}

static void read_answer(const json_t *row, outcome *o)
{
    if (json_object_get(row, "runtime_ms") != NULL) {
        o->seconds = (double)number(row, "runtime_ms") / 1000;
    } else if (json_object_get(row, "us") != NULL) {
        const unsigned long long us = number(row, "us");
        o->histogram[number(row, "crossed") != 0][us < BUCKETS ? us : BUCKETS - 1] += number(row, "n");
    } else if (json_object_get(row, "checksum") != NULL) {
        o->results += number(row, "results");
        o->checksum += number(row, "checksum");
        o->r2 += number(row, "r2");
    }
}

static void run_job(bench *b, outcome *o)
{
    char t0[32];
    const bool is_latency = strcmp(b->workload, "latency") == 0;
    snprintf(t0, sizeof t0, "%lld", (long long)now_ns() + 1000000000);
    char **argv = client_argv(b, is_latency ? t0 : NULL);
    child client = spawn(argv, true);
    free_argv(argv);
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, client.out) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        if (row != NULL) {
            read_answer(row, o);
            json_decref(row);
        }
    }
    const int status = reap(&client, o);
    if (status != 0) {
        outcome ignored = {0};
        stop_cluster(b, &ignored);
        die("the job did not finish (exit status %d)", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
}

static unsigned long long percentile(const outcome *o, int from, int to, double p, unsigned long long *out_n)
{
    unsigned long long total = 0, seen = 0;
    for (int c = from; c <= to; c++) {
        for (int us = 0; us < BUCKETS; us++) {
            total += o->histogram[c][us];
        }
    }
    *out_n = total;
    for (int us = 0; us < BUCKETS; us++) {
        for (int c = from; c <= to; c++) {
            seen += o->histogram[c][us];
        }
        if (total > 0 && (double)seen >= p * (double)total) {
            return (unsigned long long)us;
        }
    }
    return 0;
}

static void print_latency(const bench *b, const outcome *o)
{
    unsigned long long n = 0;
    printf("{\"engine\": \"wiesel\", \"workload\": \"latency\", \"parallelism\": %u, \"events\": %llu, \"rate\": %llu, ",
           b->parallelism, b->n, b->rate);
    const char *const names[] = {"local", "crossed", "all"};
    for (int k = 0; k < 3; k++) {
        const int from = k == 1 ? 1 : 0, to = k == 0 ? 0 : 1;
        printf("\"%s\": {\"p50_us\": %llu, \"p99_us\": %llu, \"p999_us\": %llu, \"max_us\": %llu, ", names[k],
               percentile(o, from, to, 0.5, &n), percentile(o, from, to, 0.99, &n), percentile(o, from, to, 0.999, &n),
               percentile(o, from, to, 1.0, &n));
        printf("\"n\": %llu}, ", n);
    }
    printf("\"cpu_seconds\": %.3f, \"cpu_us_per_event\": %.2f, \"taskmanagers_cpu_us_per_event\": %.2f, "
           "\"peak_rss_mb\": %.1f}\n",
           o->cpu_seconds, o->cpu_seconds * 1e6 / (double)b->n, o->task_managers_cpu_seconds * 1e6 / (double)b->n,
           (double)o->peak_rss_kb / 1024);
}

static bool is_over_files(const bench *b)
{
    return strcmp(b->workload, "wordcount") == 0 || strcmp(b->workload, "json") == 0;
}

/* The files of a directory and itself. */
static void remove_directory(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        if (d->d_type == DT_REG) {
            (void)unlinkat(dirfd(dir), d->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
}

static void print_outcome(bench *b, const outcome *o)
{
    if (is_over_files(b)) {
        b->n = o->r2; /* it was counted */
    }
    if (strcmp(b->workload, "latency") == 0) {
        print_latency(b, o);
        return;
    }
    const bool stateless = strcmp(b->workload, "stateless") == 0;
    printf("{\"engine\": \"wiesel\", \"workload\": \"%s\", \"parallelism\": %u, \"events\": %llu, \"seconds\": %.3f, "
           "\"events_per_second\": %.0f, \"cpu_seconds\": %.3f, \"peak_rss_mb\": %.1f, \"results\": %llu, "
           "\"checksum\": %llu, \"r2\": %llu, \"cluster\": \"%s\"}\n",
           b->workload, b->parallelism, b->n, o->seconds, o->seconds > 0 ? (double)b->n / o->seconds : 0,
           o->cpu_seconds, (double)o->peak_rss_kb / 1024, stateless ? 1 : o->results, o->checksum, o->r2,
           b->local ? "local" : "processes");
}

/* ---- arguments ---- */

static void usage(FILE *out)
{
    fputs("usage: wiesel-bench WORKLOAD [options]\n\n"
          "Runs a workload on a cluster of its own on this machine and prints one JSON line per run.\n\n"
          "  WORKLOAD            stateless, running, tumbling, sliding, session, latency, wordcount or json\n"
          "  -p P                parallelism (1)\n"
          "  -n N                events (10000000; latency: 1000000)\n"
          "  --taskmanagers T    TaskManager processes (P)\n"
          "  --slots S           slots of each (1)\n"
          "  --local             whole cluster in one process instead\n"
          "  --keys K            number of keys (as the workload says)\n"
          "  --size D --slide D  tumbling (1s), sliding (10s, 1s): windows; session (1s): gap\n"
          "  --per-ms E          tumbling, sliding: events of one ms of event time (1000)\n"
          "  --in DIR            wordcount, json: the input files, all of them; r2 is the number of events in them\n"
          "  --rate R            latency: events per second (50000)\n"
          "  --tick-us US        latency: at least so long from one wake-up of the source to the next (0: at each event)\n"
          "  --runs R            so many runs, each on a fresh cluster (1)\n"
          "  -D key=value        a configuration option, for the processes and the job\n",
          out);
}

static unsigned long long parse_number(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || text[0] == '-') {
        fprintf(stderr, "wiesel-bench: %s takes a number, not '%s'\n", name, text);
        exit(2);
    }
    return v;
}

static void parse(bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (strcmp(a, "--local") == 0) {
            b->local = true;
            continue;
        }
        if (a[0] != '-') {
            b->workload = a;
            continue;
        }
        if (i + 1 == argc) {
            fprintf(stderr, "wiesel-bench: %s needs a value; see --help\n", a);
            exit(2);
        }
        const char *v = argv[++i];
        if (strcmp(a, "-p") == 0) {
            b->parallelism = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "-n") == 0) {
            b->n = parse_number(a, v);
        } else if (strcmp(a, "--taskmanagers") == 0) {
            b->task_managers = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "--slots") == 0) {
            b->slots = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "--keys") == 0) {
            b->keys = v;
        } else if (strcmp(a, "--size") == 0) {
            b->size = v;
        } else if (strcmp(a, "--slide") == 0) {
            b->slide = v;
        } else if (strcmp(a, "--per-ms") == 0) {
            b->per_ms = v;
        } else if (strcmp(a, "--in") == 0) {
            b->in = v;
        } else if (strcmp(a, "--rate") == 0) {
            b->rate = parse_number(a, v);
        } else if (strcmp(a, "--tick-us") == 0) {
            b->tick_us = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "--runs") == 0) {
            b->runs = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "-D") == 0 && b->n_overrides < OVERRIDES_MAX) {
            b->overrides[b->n_overrides++] = v;
        } else {
            fprintf(stderr, "wiesel-bench: '%s' is not an option; see --help\n", a);
            exit(2);
        }
    }
    const char *const known[] = {"stateless", "running", "tumbling", "sliding", "session", "latency", "wordcount", "json"};
    for (size_t i = 0; b->workload != NULL && i < WSL_ARRAY_LEN(known); i++) {
        if (strcmp(b->workload, known[i]) == 0) {
            return;
        }
    }
    usage(stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static bench b = {.parallelism = 1, .slots = 1, .runs = 1, .rate = 50000};
    static outcome o;
    parse(&b, argc, argv);
    if (b.n == 0) {
        b.n = strcmp(b.workload, "latency") == 0 ? 1000000 : 10000000;
    }
    if (b.task_managers == 0) {
        b.task_managers = b.parallelism;
    }
    if (b.task_managers + 1 > PROCESSES_MAX || b.rate == 0) {
        die("at most %d TaskManagers, and a rate above 0", PROCESSES_MAX - 1);
    }
    const ssize_t n = readlink("/proc/self/exe", b.bin, sizeof b.bin - 1);
    char *slash = n > 0 ? strrchr(b.bin, '/') : NULL;
    if (slash == NULL) {
        die("cannot find my own directory");
    }
    *slash = 0;
    if (is_over_files(&b) != (b.in != NULL)) {
        die("--in names the input of the workloads wordcount and json, and only of those");
    }
    snprintf(b.jobs, sizeof b.jobs, "%s/../lib/wiesel/bench_%sworkloads.so", b.bin, is_over_files(&b) ? "text_" : "");

    for (unsigned run = 0; run < b.runs; run++) {
        memset(&o, 0, sizeof o);
        if (!b.local) {
            start_jobmanager(&b);
            for (unsigned i = 0; i < b.task_managers; i++) {
                start_task_manager(&b);
            }
            await_slots(&b);
        }
        const bool writes = strcmp(b.workload, "json") == 0;
        if (writes) {
            strcpy(b.out, "/tmp/wiesel-bench-XXXXXX");
            if (mkdtemp(b.out) == NULL) {
                die("cannot make a directory for the results: %s", strerror(errno));
            }
        }
        run_job(&b, &o);
        stop_cluster(&b, &o);
        if (writes) {
            remove_directory(b.out);
        }
        print_outcome(&b, &o);
        fflush(stdout);
    }
    return 0;
}
