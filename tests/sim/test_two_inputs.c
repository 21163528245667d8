/*
 * Connected streams on a simulated cluster: a keyed co-process and an interval join of the library of tests/integ over two
 * TaskManagers, many seeds.
 *
 * What must hold for every seed:
 *   - nothing breaks: the job ends FINISHED, and its rows are those of any other run, in some order;
 *   - something breaks: it ends so, or FAILED with a reason, and gave no row that such a run would not have given;
 *   - the same seed is the same run, step by step.
 */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/job_build.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "plugin/plugin.h"
#include "sim_cluster.h"

WSL_ROW(pair, (int64, a), (int64, b)); /* and tally: both have two INT64 */

enum { EVENTS = 600, KEYS = 10, ROWS = 3 * EVENTS, SEEDS = 40, LIBRARY_MAX = 64 << 20 };

typedef struct experiment {
    sim_cluster *c;
    const char *job_name;
    wsl_id job;
    uint64_t next; /* collected row */
    bool rows_ended, ended, wrong;
    char state[32];
    char failure[1024];
    uint32_t rows;
    uint8_t seen[EVENTS][3]; /* interval: partner before, same, behind; co: keys */
} experiment;

static void on_pair(experiment *x, int64_t left, int64_t right)
{
    const int64_t apart = (right - left) / KEYS + 1;
    if (left < 0 || left >= EVENTS || right < 0 || right >= EVENTS || (right - left) % KEYS != 0 || apart < 0 ||
        apart > 2 || x->seen[left][apart]++ != 0) {
        x->wrong = true;
    }
}

static void on_tally(experiment *x, int64_t key, int64_t n)
{
    if (key < 0 || key >= KEYS || n != (int64_t)EVENTS / KEYS * 1000000 + EVENTS / KEYS || x->seen[key][0]++ != 0) {
        x->wrong = true;
    }
}

static void on_row(void *arg, const wsl_row *row)
{
    experiment *x = arg;
    x->rows++;
    (strcmp(x->job_name, "interval") == 0 ? on_pair : on_tally)(x, pair_a(row), pair_b(row));
}

static bool is_whole(const experiment *x)
{
    return !x->wrong && x->rows == (strcmp(x->job_name, "interval") == 0 ? 3 * EVENTS - 2 * KEYS : KEYS);
}

static bool has_ended(void *arg)
{
    experiment *x = arg;
    jm *jm = sim_cluster_jm(x->c);
    jm_job_info info;
    wsl_error err = {0};
    if (!x->rows_ended) {
        cr_assert_eq(
            jm_collect_rows(jm, &x->job, UINT32_MAX, x->next, 1 << 20, on_row, x, &x->next, &x->rows_ended, &err),
            WSL_OK, "%s", err.text);
    }
    cr_assert_eq(jm_job_info_get(jm, &x->job, &info, &err), WSL_OK, "%s", err.text);
    x->ended = info.ended;
    snprintf(x->state, sizeof x->state, "%s", info.state);
    snprintf(x->failure, sizeof x->failure, "%s", info.failure);
    return x->ended && x->rows_ended;
}

static void submit(experiment *x, uint32_t parallelism)
{
    char *bytes = NULL;
    size_t size = 0;
    char n[16], keys[16];
    wsl_error err = {0};
    wsl_id hash;
    wsl_plugin *plugin = NULL;
    wsl_job_graph *graph = NULL;
    snprintf(n, sizeof n, "%d", EVENTS);
    snprintf(keys, sizeof keys, "%d", KEYS);
    const char *const args[] = {"--job", x->job_name, "--n", n, "--keys", keys};
    const wsl_job_build_options options = {.args = args, .n_args = 6, .parallelism = parallelism};
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), SIM_JOBS, &plugin, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), SIM_JOBS, LIBRARY_MAX, &bytes, &size, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_put_artifact(sim_cluster_jm(x->c), bytes, size, &hash, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_submit(sim_cluster_jm(x->c), graph, &x->job, &err), WSL_OK, "%s", err.text);
    wsl_plugin_free(plugin);
    free(bytes);
    x->next = 0;
    x->rows = 0;
    x->rows_ended = x->ended = x->wrong = false;
    memset(x->seen, 0, sizeof x->seen);
}

static experiment *experiment_new(const char *job, const sim_cluster_options *options)
{
    experiment *x = wsl_zalloc(sizeof *x);
    x->job_name = job;
    x->c = sim_cluster_new(options);
    cr_assert(sim_cluster_settle(x->c, 60 * WSL_NS_PER_S), "seed %llu: the cluster did not come up",
              (unsigned long long)options->seed);
    return x;
}

static void experiment_free(experiment *x)
{
    sim_cluster_free(x->c);
    free(x);
}

static void run(experiment *x, uint64_t seed)
{
    submit(x, 1 + (uint32_t)wsl_rng_below(sim_cluster_rng(x->c), 4));
    cr_assert(sim_cluster_run(x->c, has_ended, x, 600 * WSL_NS_PER_S), "seed %llu: the job hangs in %s (%s), rows %s",
              (unsigned long long)seed, x->state, x->failure, x->rows_ended ? "ended" : "not ended");
    cr_assert_not(x->wrong, "seed %llu: a row that cannot be", (unsigned long long)seed);
}

static char temporary[128]; /* "io.tmp.dirs=..." */
static const char *const overrides[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb",
                                        "pipeline.auto-watermark-interval=10 ms", temporary, NULL};

static sim_cluster_options with_seed(uint64_t seed)
{
    snprintf(temporary, sizeof temporary, "io.tmp.dirs=/tmp/wiesel-sim-%ld", (long)getpid());
    return (sim_cluster_options){.seed = seed, .task_managers = 2, .slots = 2, .overrides = overrides};
}

static void remove_temporary(void) { (void)rmdir(strchr(temporary, '=') + 1); }

static void run_calm(const char *job)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const sim_cluster_options o = with_seed(seed);
        experiment *x = experiment_new(job, &o);
        run(x, seed);
        cr_assert_str_eq(x->state, "FINISHED", "seed %llu: %s", (unsigned long long)seed, x->failure);
        cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
        experiment_free(x);
    }
    remove_temporary();
}

Test(two_inputs, a_keyed_co_process_gives_the_same_whatever_the_order_of_events) { run_calm("co"); }
Test(two_inputs, an_interval_join_gives_the_same_whatever_the_order_of_events) { run_calm("interval"); }

static void run_stormy(const char *job)
{
    uint32_t failed = 0, finished = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_cluster_options o = with_seed(seed);
        o.cut_per_million = 8000;
        o.cuts_max = 2;
        o.crash_per_million = 1000;
        o.crashes_max = 1;
        experiment *x = experiment_new(job, &o);
        run(x, seed);
        if (strcmp(x->state, "FAILED") == 0) {
            cr_assert_gt(strlen(x->failure), 10, "seed %llu: failed without a reason", (unsigned long long)seed);
            failed++;
        } else {
            cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
            finished++;
        }
        for (int attempt = 0; attempt < 8; attempt++) { /* what broke has broken; the rest must go well */
            cr_assert(sim_cluster_settle(x->c, 300 * WSL_NS_PER_S), "seed %llu: the cluster does not recover",
                      (unsigned long long)seed);
            run(x, seed);
            if (strcmp(x->state, "FINISHED") == 0) {
                break;
            }
        }
        cr_assert_str_eq(x->state, "FINISHED", "seed %llu: %s", (unsigned long long)seed, x->failure);
        cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
        experiment_free(x);
    }
    remove_temporary();
    cr_assert_gt(failed, 2, "too calm to prove anything");
    cr_assert_gt(finished, 2);
}

Test(two_inputs, what_breaks_gives_the_same_or_a_reason_1) { run_stormy("co"); }
Test(two_inputs, what_breaks_gives_the_same_or_a_reason_2) { run_stormy("interval"); }

Test(two_inputs, the_same_seed_is_the_same_run)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        uint64_t trace[2];
        for (int i = 0; i < 2; i++) {
            const sim_cluster_options o = with_seed(seed);
            experiment *x = experiment_new("interval", &o);
            run(x, seed);
            trace[i] = sim_cluster_trace(x->c);
            experiment_free(x);
        }
        cr_assert_eq(trace[0], trace[1], "seed %llu", (unsigned long long)seed);
    }
    remove_temporary();
}
