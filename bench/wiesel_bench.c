/*
 * wiesel-bench - runs one workload on a cluster of its own and prints one JSON line.
 *
 *     wiesel-bench failover ...                                     (failover.h)
 *     wiesel-bench checkpoint -p P [--keys K]                       what checkpoints of a large state cost
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
#include "bench/checkpoints.h"
#include "bench/failover.h"
#include "bench/processes.h"

enum { LINE_MAX_BYTES = 1 << 16, BUCKETS = 200001 };

typedef struct bench {
    const char *workload;
    unsigned parallelism, task_managers, slots, runs;
    unsigned long long n, rate;
    unsigned tick_us;
    bool local;
    const char *keys, *size, *slide, *per_ms, *fill;
    const char *interval;  /* of checkpoints; NULL: none are taken */
    char checkpoints[64];  /* where they go: a new directory, removed at the end */
    char settings[4][128]; /* overrides of our own */
    const char *in; /* workloads over files: directory */
    char out[64];   /* ... and where they write: a new one, removed at the end */
    char jobs[4200];
    bench_cluster cluster;
} bench;

typedef struct outcome {
    double seconds;
    bench_usage used;
    unsigned long long results, checksum, r2;
    unsigned long long histogram[2][BUCKETS];
    bench_checkpoints checkpoints;
} outcome;

/* ---- one run ---- */

static char **client_argv(const bench *b, const char *t0)
{
    char **argv = wsl_calloc(64 + 2 * b->cluster.n_overrides, sizeof *argv);
    unsigned n = 0;
    argv[n++] = wsl_asprintf("%s/wiesel", b->cluster.bin);
    argv[n++] = wsl_strdup("run");
    argv[n++] = wsl_strdup("--json");
    argv[n++] = wsl_strdup("-p");
    argv[n++] = wsl_asprintf("%u", b->parallelism);
    if (b->local) {
        argv[n++] = wsl_strdup("--local");
    } else {
        argv[n++] = wsl_strdup("-m");
        argv[n++] = wsl_strdup(b->cluster.rest);
    }
    for (unsigned i = 0; i < b->cluster.n_overrides; i++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(b->cluster.overrides[i]);
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
                {"--per-ms", b->per_ms}, {"--fill", b->fill}, {"--in", b->in},     {"--out", b->out[0] != 0 ? b->out : NULL}};
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
    snprintf(t0, sizeof t0, "%lld", (long long)bench_now_ns() + 1000000000);
    char **argv = client_argv(b, is_latency ? t0 : NULL);
    bench_child client = bench_spawn(argv, true);
    bench_free_argv(argv);
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, client.out) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        if (row != NULL) {
            read_answer(row, o);
            json_decref(row);
        }
    }
    const int status = bench_reap(&client, &o->used);
    if (status != 0) {
        bench_usage ignored = {0};
        bench_stop(&b->cluster, &ignored);
        bench_die("the job did not finish (exit status %d)", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
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
           o->used.cpu_seconds, o->used.cpu_seconds * 1e6 / (double)b->n, o->used.task_managers_cpu_seconds * 1e6 / (double)b->n,
           (double)o->used.peak_rss_kb / 1024);
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
           "\"checksum\": %llu, \"r2\": %llu, \"cluster\": \"%s\"",
           b->workload, b->parallelism, b->n, o->seconds, o->seconds > 0 ? (double)b->n / o->seconds : 0,
           o->used.cpu_seconds, (double)o->used.peak_rss_kb / 1024, stateless ? 1 : o->results, o->checksum, o->r2,
           b->local ? "local" : "processes");
    if (b->interval != NULL && !b->local) {
        const bench_checkpoints *c = &o->checkpoints;
        printf(", \"checkpoints\": {\"interval\": \"%s\", \"completed\": %llu, \"failed\": %llu, \"largest_bytes\": %llu, "
               "\"longest_ms\": %.0f, \"busy_seconds\": %.2f, \"longest_step_ms\": %.2f}",
               b->interval, c->completed, c->failed, c->full_bytes, c->longest_ms, c->busy_seconds, c->longest_step_ms);
    }
    puts("}");
}

/* ---- arguments ---- */

static void usage(FILE *out)
{
    fputs("usage: wiesel-bench WORKLOAD [options]\n\n"
          "Runs a workload on a cluster of its own on this machine and prints one JSON line per run.\n\n"
          "  WORKLOAD            stateless, running, largestate, tumbling, sliding, session, latency, wordcount or json\n"
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
          "  --fill F            the first F events have their index as key (0)\n"
          "  --checkpoint-interval D  exactly-once checkpoints into a new directory below TMPDIR or /tmp (largestate: 5s, else none)\n"
          "  --backend B         state.backend.type: hashmap or rocksdb\n"
          "  --runs R            so many runs, each on a fresh cluster (1)\n"
          "  -D key=value        a configuration option, for the processes and the job\n\n"
          "wiesel-bench checkpoint -p P [--keys K]: full and layered checkpoints of K keys of 100 bytes (2600000: 500 MB), the longest\n"
          "step of a task beside them, throughput with and without.\n"
          "wiesel-bench failover --help: how long until a job gives new rows after kill -9 of a TaskManager.\n",
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
        } else if (strcmp(a, "--fill") == 0) {
            b->fill = v;
        } else if (strcmp(a, "--checkpoint-interval") == 0) {
            b->interval = v;
        } else if (strcmp(a, "--backend") == 0) {
            if (strcmp(v, "hashmap") != 0) { /* which is the default */
                snprintf(b->settings[0], sizeof b->settings[0], "state.backend.type=%s", v);
            }
        } else if (strcmp(a, "--runs") == 0) {
            b->runs = (unsigned)parse_number(a, v);
        } else if (strcmp(a, "-D") == 0 && b->cluster.n_overrides < BENCH_OVERRIDES_MAX) {
            b->cluster.overrides[b->cluster.n_overrides++] = v;
        } else {
            fprintf(stderr, "wiesel-bench: '%s' is not an option; see --help\n", a);
            exit(2);
        }
    }
    const char *const known[] = {"stateless", "running", "largestate", "checkpoint", "tumbling", "sliding", "session", "latency", "wordcount", "json"};
    for (size_t i = 0; b->workload != NULL && i < WSL_ARRAY_LEN(known); i++) {
        if (strcmp(b->workload, known[i]) == 0) {
            return;
        }
    }
    usage(stderr);
    exit(2);
}

/* Our own overrides, before those of the command line: these win. */
static void add_settings(bench *b)
{
    if (b->interval != NULL) {
        bench_make_directory(b->checkpoints);
        snprintf(b->settings[1], sizeof b->settings[1], "execution.checkpointing.interval=%s", b->interval);
        snprintf(b->settings[2], sizeof b->settings[2], "execution.checkpointing.dir=%s", b->checkpoints);
        snprintf(b->settings[3], sizeof b->settings[3], "%s", BENCH_REMEMBER);
    }
    for (size_t i = WSL_ARRAY_LEN(b->settings); i-- > 0;) {
        bench_cluster *c = &b->cluster;
        if (b->settings[i][0] == 0) {
            continue;
        }
        if (c->n_overrides == BENCH_OVERRIDES_MAX) {
            bench_die("more than %d options", BENCH_OVERRIDES_MAX);
        }
        memmove(c->overrides + 1, c->overrides, c->n_overrides * sizeof c->overrides[0]);
        c->overrides[0] = b->settings[i];
        c->n_overrides++;
    }
}

static void run_once(bench *b, outcome *o)
{
    memset(o, 0, sizeof *o);
    if (!b->local) {
        bench_start_jobmanager(&b->cluster);
        for (unsigned i = 0; i < b->task_managers; i++) {
            (void)bench_start_task_manager(&b->cluster);
        }
        bench_await_slots(&b->cluster, b->task_managers * b->slots);
    }
    const bool writes = strcmp(b->workload, "json") == 0;
    if (writes) {
        bench_make_directory(b->out);
    }
    run_job(b, o);
    if (b->interval != NULL && !b->local) {
        bench_read_checkpoints(&b->cluster, &o->checkpoints);
    }
    bench_stop(&b->cluster, &o->used);
    if (writes) {
        remove_directory(b->out);
    }
}

/* ---- checkpoint ---- */

/* The same job with other settings. */
static void run_with(const bench *b, const char *interval, const char *incremental, outcome *o)
{
    static bench copy;
    char setting[64];
    copy = *b;
    copy.interval = interval;
    snprintf(setting, sizeof setting, "execution.checkpointing.incremental=%s", incremental);
    if (copy.cluster.n_overrides == BENCH_OVERRIDES_MAX) {
        bench_die("more than %d options", BENCH_OVERRIDES_MAX);
    }
    copy.cluster.overrides[copy.cluster.n_overrides++] = setting;
    add_settings(&copy);
    run_once(&copy, o);
    if (interval != NULL) {
        bench_remove_tree(copy.checkpoints);
    }
}

/* One run without checkpoints; one with whole ones, one after the other all the time; one in which only a hundredth of the keys changes
 * once all are there. The job fills its state first: what it gives until then counts in all of them. */
static void run_checkpoint(bench *b)
{
    static outcome without, with, layered;
    const unsigned long long keys = b->keys != NULL ? parse_number("--keys", b->keys) : 2600000;
    char all[24], hundredth[24];
    snprintf(all, sizeof all, "%llu", keys);
    snprintf(hundredth, sizeof hundredth, "%llu", keys / 100 > 0 ? keys / 100 : 1);
    b->workload = "largestate";
    b->fill = b->keys = all;
    if (b->n == 0) {
        b->n = 40 * keys;
    }
    run_with(b, NULL, "false", &without);
    run_with(b, "100ms", "false", &with);
    b->keys = hundredth;
    run_with(b, "500ms", "true", &layered);
    const double rate = (double)b->n / without.seconds, rate_with = (double)b->n / with.seconds;
    const bench_checkpoints *w = &with.checkpoints, *l = &layered.checkpoints;
    const double share = w->busy_seconds < with.seconds ? w->busy_seconds / with.seconds : 1;
    printf("{\"engine\": \"wiesel\", \"workload\": \"checkpoint\", \"parallelism\": %u, \"keys\": %llu, \"events\": %llu, "
           "\"full_bytes\": %llu, \"full_longest_ms\": %.0f, \"delta_bytes\": %llu, \"delta_percent\": %.2f, "
           "\"longest_step_ms\": %.2f, \"longest_step_layered_ms\": %.2f, \"events_per_second\": %.0f, "
           "\"events_per_second_with\": %.0f, \"busy_share\": %.2f, \"throughput_during\": %.3f, \"completed\": [%llu, %llu], "
           "\"cpu_seconds\": [%.2f, %.2f, %.2f]}\n",
           b->parallelism, keys, b->n, w->full_bytes, w->longest_ms, l->delta_bytes,
           l->full_bytes > 0 ? 100 * (double)l->delta_bytes / (double)l->full_bytes : 0, w->longest_step_ms, l->longest_step_ms,
           rate, rate_with, share, share > 0 ? 1 - (1 - rate_with / rate) / share : 1, w->completed, l->completed,
           without.used.cpu_seconds, with.used.cpu_seconds, layered.used.cpu_seconds);
}

int main(int argc, char **argv)
{
    static bench b = {.parallelism = 1, .slots = 1, .runs = 1, .rate = 50000};
    static outcome o;
    if (argc > 1 && strcmp(argv[1], "failover") == 0) {
        return bench_failover(argc - 1, argv + 1);
    }
    parse(&b, argc, argv);
    if (b.n == 0 && strcmp(b.workload, "checkpoint") != 0) {
        b.n = strcmp(b.workload, "latency") == 0 ? 1000000 : 10000000;
    }
    if (b.task_managers == 0) {
        b.task_managers = b.parallelism;
    }
    if (b.task_managers + 1 > BENCH_PROCESSES_MAX || b.rate == 0) {
        bench_die("at most %d TaskManagers, and a rate above 0", BENCH_PROCESSES_MAX - 1);
    }
    bench_find_programs(&b.cluster);
    b.cluster.slots = b.slots;
    if (is_over_files(&b) != (b.in != NULL)) {
        bench_die("--in names the input of the workloads wordcount and json, and only of those");
    }
    snprintf(b.jobs, sizeof b.jobs, "%s/../lib/wiesel/bench_%sworkloads.so", b.cluster.bin, is_over_files(&b) ? "text_" : "");

    const bool is_checkpoint = strcmp(b.workload, "checkpoint") == 0;
    if (strcmp(b.workload, "largestate") == 0 && b.interval == NULL) {
        b.interval = "5s";
    }
    if (b.interval != NULL && strcmp(b.interval, "none") == 0) {
        b.interval = NULL;
    }
    if (!is_checkpoint) {
        add_settings(&b);
    }
    for (unsigned run = 0; run < b.runs; run++) {
        if (is_checkpoint) {
            bench again = b;
            run_checkpoint(&again);
        } else {
            run_once(&b, &o);
            print_outcome(&b, &o);
        }
        fflush(stdout);
    }
    if (b.checkpoints[0] != 0) {
        bench_remove_tree(b.checkpoints);
    }
    return 0;
}
