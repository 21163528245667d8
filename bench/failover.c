/*
 * One JobManager, P TaskManagers with a slot each, and a spare one. The job (failover_job.c) fills its state, then works at a fixed
 * rate and writes down when its last operator was opened and handled rows. Again and again, once a checkpoint was taken and the spare
 * one is there:
 *
 *     kill -9 --notice--> RESTARTING --stop--> deployed, RUNNING --restore--> all tasks RUNNING --first_row--> a row of the new
 *        |                                                                                                   attempt
 *        `----------------------------- new_row: the first row that was never written before ---------------> ... past those
 *                                                                                                            written before
 *
 * The first three are taken from the JobManager's times (milliseconds), rows from the board (nanoseconds). A task may give rows before
 * the JobManager hears that it runs, so first_row may be below 0.
 */
#include "bench/failover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <wiesel/version.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "bench/failover_board.h"
#include "bench/processes.h"

enum { KILLS_MAX = 1000, LOOK_US = 200, PATIENCE_S = 300 };

typedef struct phases {
    double notice, stop, restore, first_row, new_row, all_new_rows; /* ms; the last two from the kill on */
} phases;

typedef struct failover {
    bench_cluster cluster;
    unsigned parallelism, kills;
    unsigned long long keys, rate;
    const char *state;
    const char *interval;
    char dir[64], board_path[96];
    board *board;
    char job[64];
    wsl_rng rng;
    bench_usage used;
    phases seen[KILLS_MAX];
} failover;

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the job ---- */

static void make_board(failover *f)
{
    strcpy(f->dir, "/tmp/wiesel-failover-XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        bench_die("cannot make a directory: %s", strerror(errno));
    }
    (void)snprintf(f->board_path, sizeof f->board_path, "%s/board", f->dir);
    const int fd = open(f->board_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(board)) == 0) {
        at = mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (at == MAP_FAILED) {
        bench_die("cannot make '%s': %s", f->board_path, strerror(errno));
    }
    close(fd);
    f->board = at;
}

static void remove_directory(failover *f)
{
    char *const argv[] = {(char[]){"/bin/rm"}, (char[]){"-rf"}, f->dir, NULL};
    bench_child rm = bench_spawn(argv, false);
    (void)munmap(f->board, sizeof *f->board);
    (void)bench_reap(&rm, &(bench_usage){0});
}

static void submit(failover *f)
{
    char **argv = wsl_calloc(64 + 2 * BENCH_OVERRIDES_MAX, sizeof *argv);
    unsigned n = 0;
    argv[n++] = wsl_asprintf("%s/wiesel", f->cluster.bin);
    const char *const words[] = {"run", "-d", "--json", "-m", f->cluster.rest};
    for (size_t i = 0; i < WSL_ARRAY_LEN(words); i++) {
        argv[n++] = wsl_strdup(words[i]);
    }
    argv[n++] = wsl_strdup("-p");
    argv[n++] = wsl_asprintf("%u", f->parallelism);
    argv[n++] = wsl_strdup("-D");
    argv[n++] = wsl_asprintf("execution.checkpointing.interval=%s", f->interval);
    argv[n++] = wsl_strdup("-D");
    argv[n++] = wsl_asprintf("execution.checkpointing.dir=%s/checkpoints", f->dir);
    /* each kill is to be a first failure: the pause is not to grow from one to the next */
    argv[n++] = wsl_strdup("-D");
    argv[n++] = wsl_strdup("restart-strategy.exponential-delay.reset-backoff-threshold=1 ms");
    for (unsigned i = 0; i < f->cluster.n_overrides; i++) {
        argv[n++] = wsl_strdup("-D");
        argv[n++] = wsl_strdup(f->cluster.overrides[i]);
    }
    argv[n++] = wsl_asprintf("%s/../lib/wiesel/bench_failover_job.so", f->cluster.bin);
    argv[n++] = wsl_strdup("--");
    argv[n++] = wsl_strdup("--board");
    argv[n++] = wsl_strdup(f->board_path);
    argv[n++] = wsl_strdup("--keys");
    argv[n++] = wsl_asprintf("%llu", f->keys);
    argv[n++] = wsl_strdup("--rate");
    argv[n++] = wsl_asprintf("%llu", f->rate);
    bench_child client = bench_spawn(argv, true);
    bench_free_argv(argv);
    json_t *answer = json_loadf(client.out, JSON_DISABLE_EOF_CHECK, NULL);
    const char *id = json_string_value(json_object_get(answer, "jobid"));
    if (id == NULL) {
        bench_die("the job was not submitted");
    }
    (void)snprintf(f->job, sizeof f->job, "%s", id);
    json_decref(answer);
    if (bench_reap(&client, &f->used) != 0) {
        bench_die("the job was not submitted");
    }
}

/* ---- waiting ---- */

static int64_t patience_ends(void) { return bench_now_ns() + (int64_t)PATIENCE_S * 1000000000; }

static void look_again(int64_t until, const char *what)
{
    if (bench_now_ns() > until) {
        bench_die("not within %d s: %s", PATIENCE_S, what);
    }
    usleep(LOOK_US);
}

static void await_filled(const failover *f)
{
    const int64_t until = patience_ends();
    while (atomic_load(&f->board->paced_since_ns) == 0) {
        look_again(until, "all keys have their state");
    }
}

static json_int_t completed(const failover *f, json_int_t *out_bytes)
{
    char *path = wsl_asprintf("/jobs/%s/checkpoints", f->job);
    json_t *answer = bench_get(&f->cluster, path);
    const json_int_t n = json_integer_value(json_object_get(json_object_get(answer, "counts"), "completed"));
    *out_bytes = json_integer_value(
        json_object_get(json_object_get(json_object_get(answer, "latest"), "completed"), "state_size"));
    json_decref(answer);
    free(path);
    return n;
}

/* Of checkpoints that were begun after now, at least one. */
static json_int_t await_checkpoint(const failover *f)
{
    const int64_t until = patience_ends();
    json_int_t bytes = 0;
    const json_int_t before = completed(f, &bytes);
    while (completed(f, &bytes) < before + 2) { /* the first may have been under way */
        look_again(until, "a checkpoint is complete");
        usleep(10000);
    }
    return bytes;
}

/* ---- one kill ---- */

static bool is_new(const board_subtask *s, int64_t killed_ns)
{
    return atomic_load(&s->opened_ns) > killed_ns && atomic_load(&s->first_new_ns) != 0;
}

static int64_t earlier(int64_t a, int64_t b) { return a == 0 || b < a ? b : a; }

static json_int_t time_of(const json_t *job, const char *state)
{
    return json_integer_value(json_object_get(json_object_get(job, "timestamps"), state));
}

/* When the last task became RUNNING; ms of the wall clock. */
static json_int_t last_task_running(const failover *f, const json_t *job)
{
    json_int_t last = 0;
    size_t i, k;
    const json_t *v, *t;
    json_array_foreach(json_object_get(job, "vertices"), i, v)
    {
        char *path = wsl_asprintf("/jobs/%s/vertices/%s/subtasktimes", f->job, json_string_value(json_object_get(v, "id")));
        json_t *times = bench_get(&f->cluster, path);
        json_array_foreach(json_object_get(times, "subtasks"), k, t)
        {
            const json_int_t at = time_of(t, "RUNNING");
            last = at > last ? at : last;
        }
        json_decref(times);
        free(path);
    }
    return last;
}

static void reap_victim(failover *f, pid_t pid)
{
    for (unsigned i = 0; i < f->cluster.n_processes; i++) {
        if (f->cluster.processes[i].pid == pid) {
            (void)bench_reap(&f->cluster.processes[i], &f->used);
            return;
        }
    }
}

static phases kill_one(failover *f, unsigned number)
{
    const pid_t victim = (pid_t)atomic_load(&f->board->subtasks[number % f->parallelism].pid);
    const int64_t killed_ms_ns = wall_ns(), killed_ns = bench_now_ns();
    if (kill(victim, SIGKILL) != 0) {
        bench_die("cannot kill TaskManager %d: %s", (int)victim, strerror(errno));
    }
    const int64_t until = patience_ends();
    int64_t first_ns = 0, first_new_ns = 0, last_new_ns = 0;
    for (unsigned i = 0; i < f->parallelism; i++) {
        const board_subtask *s = &f->board->subtasks[i];
        while (!is_new(s, killed_ns)) {
            look_again(until, "each subtask gives new rows after a kill");
        }
        const int64_t new_ns = atomic_load(&s->first_new_ns);
        first_ns = earlier(first_ns, atomic_load(&s->first_ns));
        first_new_ns = earlier(first_new_ns, new_ns);
        last_new_ns = new_ns > last_new_ns ? new_ns : last_new_ns;
    }
    reap_victim(f, victim);
    char *path = wsl_asprintf("/jobs/%s", f->job);
    json_t *job = bench_get(&f->cluster, path);
    const double killed_ms = (double)killed_ms_ns / 1e6;
    const double noticed = (double)time_of(job, "RESTARTING"), deployed = (double)time_of(job, "RUNNING");
    const double running = (double)last_task_running(f, job);
    const double first_row = killed_ms + (double)(first_ns - killed_ns) / 1e6;
    json_decref(job);
    free(path);
    return (phases){
        .notice = noticed - killed_ms,
        .stop = deployed - noticed,
        .restore = running - deployed,
        .first_row = first_row - running,
        .new_row = (double)(first_new_ns - killed_ns) / 1e6,
        .all_new_rows = (double)(last_new_ns - killed_ns) / 1e6,
    };
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_phase(const failover *f, const char *name, size_t offset, bool last)
{
    double values[KILLS_MAX];
    for (unsigned i = 0; i < f->kills; i++) {
        memcpy(&values[i], (const char *)&f->seen[i] + offset, sizeof values[i]);
    }
    qsort(values, f->kills, sizeof values[0], by_size);
    printf("\"%s\": {\"median\": %.1f, \"min\": %.1f, \"max\": %.1f}%s", name,
           (values[(f->kills - 1) / 2] + values[f->kills / 2]) / 2, values[0], values[f->kills - 1], last ? "" : ", ");
}

static void print_figures(const failover *f, json_int_t state_bytes)
{
    static const struct {
        const char *name;
        size_t offset;
    } names[] = {{"new_row", offsetof(phases, new_row)},     {"all_new_rows", offsetof(phases, all_new_rows)},
                 {"notice", offsetof(phases, notice)},       {"stop", offsetof(phases, stop)},
                 {"restore", offsetof(phases, restore)},     {"first_row", offsetof(phases, first_row)}};
    printf("{\"engine\": \"wiesel\", \"workload\": \"failover\", \"state\": \"%s\", \"parallelism\": %u, \"kills\": %u, \"rate\": %llu, "
           "\"state_bytes\": %lld, \"ms\": {",
           f->state, f->parallelism, f->kills, f->rate, (long long)state_bytes);
    for (size_t i = 0; i < WSL_ARRAY_LEN(names); i++) {
        print_phase(f, names[i].name, names[i].offset, i + 1 == WSL_ARRAY_LEN(names));
    }
    printf("}, \"cpu_seconds\": %.3f}\n", f->used.cpu_seconds);
    fflush(stdout);
}

/* ---- arguments ---- */

static void usage(FILE *out)
{
    fputs("usage: wiesel-bench failover [options]\n\n"
          "Kills TaskManagers of a running job and prints how long it takes until it gives new rows, in ms, as one JSON line.\n\n"
          "  --state small|500m  a thousand keys, or 3 million with some 168 bytes in a checkpoint each (small)\n"
          "  --keys K            so many instead\n"
          "  -p P                parallelism, and TaskManagers in use; there is one more (2)\n"
          "  --kills N           (20)\n"
          "  --rate R            events per second (10000)\n"
          "  --interval D        of checkpoints (small: 500 ms, 500m: 5 s)\n"
          "  -D key=value        a configuration option, for the processes and the job\n",
          out);
}

static unsigned long long number(const char *name, const char *text, unsigned long long max)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || text[0] == '-' || v == 0 || v > max) {
        bench_die("%s takes a number from 1 to %llu, not '%s'", name, max, text);
    }
    return v;
}

static void parse(failover *f, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (v == NULL) {
            bench_die("%s needs a value; see failover --help", a);
        } else if (strcmp(a, "--state") == 0 && (strcmp(v, "small") == 0 || strcmp(v, "500m") == 0)) {
            f->state = v;
        } else if (strcmp(a, "-p") == 0) {
            f->parallelism = (unsigned)number(a, v, BENCH_PROCESSES_MAX - 2);
        } else if (strcmp(a, "--kills") == 0) {
            f->kills = (unsigned)number(a, v, KILLS_MAX);
        } else if (strcmp(a, "--keys") == 0) {
            f->keys = number(a, v, UINT64_C(1) << 40);
        } else if (strcmp(a, "--rate") == 0) {
            f->rate = number(a, v, 100000000);
        } else if (strcmp(a, "--interval") == 0) {
            f->interval = v;
        } else if (strcmp(a, "-D") == 0 && f->cluster.n_overrides < BENCH_OVERRIDES_MAX) {
            f->cluster.overrides[f->cluster.n_overrides++] = v;
        } else {
            bench_die("'%s %s' is no option; see failover --help", a, v);
        }
    }
    const bool large = strcmp(f->state, "500m") == 0;
    f->keys = f->keys != 0 ? f->keys : large ? 3000000 : 1000;
    f->interval = f->interval != NULL ? f->interval : large ? "5 s" : "500 ms";
}

int bench_failover(int argc, char **argv)
{
    static failover f = {.parallelism = 2, .kills = 20, .rate = 10000, .state = "small", .cluster.slots = 1};
    parse(&f, argc, argv);
    wsl_rng_seed(&f.rng, 1);
    bench_find_programs(&f.cluster);
    make_board(&f);
    if (f.cluster.n_overrides + 2 <= BENCH_OVERRIDES_MAX) { /* what is killed leaves its temporary files, and all complain */
        f.cluster.overrides[f.cluster.n_overrides++] = wsl_asprintf("io.tmp.dirs=%s", f.dir);
        f.cluster.overrides[f.cluster.n_overrides++] = wsl_asprintf("env.log.dir=%s", f.dir);
    }
    bench_start_jobmanager(&f.cluster);
    for (unsigned i = 0; i < f.parallelism + 1; i++) {
        (void)bench_start_task_manager(&f.cluster);
    }
    bench_await_slots(&f.cluster, f.parallelism + 1);
    submit(&f);
    await_filled(&f);
    json_int_t state_bytes = 0;
    for (unsigned k = 0; k < f.kills; k++) {
        state_bytes = await_checkpoint(&f);
        usleep((useconds_t)wsl_rng_below(&f.rng, 500000)); /* at any moment between two checkpoints */
        f.seen[k] = kill_one(&f, k);
        (void)bench_start_task_manager(&f.cluster);
        bench_await_slots(&f.cluster, f.parallelism + 1);
    }
    bench_stop(&f.cluster, &f.used);
    print_figures(&f, state_bytes);
    remove_directory(&f);
    return 0;
}
