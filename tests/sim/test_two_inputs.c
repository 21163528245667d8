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

#include "base/alloc.h"
#include "base/clock.h"
#include "sim_job.h"

WSL_ROW(pair, (int64, a), (int64, b)); /* and tally: both have two INT64 */

enum { EVENTS = 600, KEYS = 10, ROWS = 3 * EVENTS, SEEDS = 40 };

typedef struct experiment {
    sim_cluster *c;
    const char *job_name;
    sim_job job;
    bool wrong;
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

static void submit(experiment *x, uint32_t parallelism)
{
    char n[16], keys[16];
    snprintf(n, sizeof n, "%d", EVENTS);
    snprintf(keys, sizeof keys, "%d", KEYS);
    const char *const args[] = {"--job", x->job_name, "--n", n, "--keys", keys, NULL};
    sim_job_submit_library(&x->job, &(sim_library_job){.library = SIM_JOBS, .parallelism = parallelism, .args = args});
    x->rows = 0;
    x->wrong = false;
    memset(x->seen, 0, sizeof x->seen);
}

static experiment *experiment_new(const char *job, const sim_cluster_options *options)
{
    experiment *x = wsl_zalloc(sizeof *x);
    x->job_name = job;
    x->c = sim_cluster_new(options);
    sim_job_init(&x->job, x->c, options->seed, on_row, x);
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
    sim_job_run(&x->job);
    cr_assert_not(x->wrong, "seed %llu: a row that cannot be", (unsigned long long)seed);
}

static sim_cluster_options with_seed(uint64_t seed)
{
    static const char *overrides[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb",
                                      "pipeline.auto-watermark-interval=10 ms", NULL, NULL};
    overrides[3] = sim_job_temporary();
    return (sim_cluster_options){.seed = seed, .task_managers = 2, .slots = 2, .overrides = overrides};
}

static void run_calm(const char *job)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const sim_cluster_options o = with_seed(seed);
        experiment *x = experiment_new(job, &o);
        run(x, seed);
        cr_assert_str_eq(x->job.state, "FINISHED", "seed %llu: %s", (unsigned long long)seed, x->job.failure);
        cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
        experiment_free(x);
    }
    sim_job_remove_temporary();
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
        o.faults[SIM_KILL].per_million = 1000;
        o.faults[SIM_KILL].max = 1;
        experiment *x = experiment_new(job, &o);
        run(x, seed);
        if (strcmp(x->job.state, "FAILED") == 0) {
            cr_assert_gt(strlen(x->job.failure), 10, "seed %llu: failed without a reason", (unsigned long long)seed);
            failed++;
        } else {
            cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
            finished++;
        }
        for (int attempt = 0; attempt < 8; attempt++) { /* what broke has broken; the rest must go well */
            cr_assert(sim_cluster_settle(x->c, 300 * WSL_NS_PER_S), "seed %llu: the cluster does not recover",
                      (unsigned long long)seed);
            run(x, seed);
            if (strcmp(x->job.state, "FINISHED") == 0) {
                break;
            }
        }
        cr_assert_str_eq(x->job.state, "FINISHED", "seed %llu: %s", (unsigned long long)seed, x->job.failure);
        cr_assert(is_whole(x), "seed %llu: %u rows", (unsigned long long)seed, x->rows);
        experiment_free(x);
    }
    sim_job_remove_temporary();
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
    sim_job_remove_temporary();
}
