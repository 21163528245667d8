/*
 * test_cluster - whole jobs on clusters inside this process.
 */
#include <stdlib.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

#define JOBS INTEG_JOBS /* path of the job library, from CMake */

WSL_ROW(tally, (int64, key), (int64, n));
WSL_ROW(spread, (int64, subtask), (int64, n), (int64, sum));

enum { KEYS_MAX = 100, SECONDS = 1000 };

typedef struct tallies {
    int64_t last[KEYS_MAX];
    int64_t rows;
    bool in_order;
} tallies;

static void add_tally(void *arg, const wsl_row *row)
{
    tallies *t = arg;
    t->rows++;
    t->in_order &= tally_n(row) == t->last[tally_key(row)] + 1;
    t->last[tally_key(row)] = tally_n(row);
}

typedef struct gathering {
    mini_cluster *c;
    const wsl_id *job;
    void (*fn)(void *arg, const wsl_row *row);
    void *arg;
} gathering;

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, g->job, g->fn, g->arg);
}

/* Runs a job to its end, handing its collected rows to fn. */
static void run_job(mini_cluster *c, uint32_t parallelism, const char *const *args, const char *const *overrides,
                    void (*fn)(void *arg, const wsl_row *row), void *arg)
{
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, parallelism, args, overrides, &job, &err), WSL_OK, "%s", err.text);
    gathering g = {c, &job, fn, arg};
    cr_assert(mini_cluster_run(c, gathered, &g, 60 * SECONDS), "rows did not end: %s", mini_cluster_failure(c, &job));
    cr_assert(mini_cluster_await(c, &job, "FINISHED", 20 * SECONDS), "%s", mini_cluster_failure(c, &job));
}

static void check_count(uint32_t task_managers, uint32_t slots, uint32_t parallelism, const char *const *overrides)
{
    mini_cluster *c = mini_cluster_start(task_managers, slots, overrides);
    const char *const args[] = {"--job", "count", "--n", "20000", "--keys", "100", NULL};
    tallies t = {.in_order = true};
    run_job(c, parallelism, args, NULL, add_tally, &t);
    cr_assert_eq(t.rows, 20000);
    cr_assert(t.in_order, "each key counts 1, 2, 3...");
    for (int k = 0; k < KEYS_MAX; k++) {
        cr_assert_eq(t.last[k], 200, "key %d", k);
    }
    mini_cluster_stop(c);
}

Test(cluster, counts_per_key_on_one_slot) { check_count(1, 1, 1, NULL); }
Test(cluster, counts_per_key_on_two_slots_of_one_process) { check_count(1, 2, 2, NULL); }
Test(cluster, counts_per_key_on_two_task_managers) { check_count(2, 1, 2, NULL); }
Test(cluster, counts_per_key_at_parallelism_four_on_two_task_managers) { check_count(2, 2, 4, NULL); }

Test(cluster, counts_per_key_with_the_smallest_buffers_and_one_credit)
{
    const char *const small[] = {"taskmanager.memory.segment-size=4kb",
                                 "taskmanager.network.memory.buffers-per-channel=1",
                                 "taskmanager.network.memory.floating-buffers-per-gate=0", NULL};
    check_count(2, 2, 4, small);
}

typedef struct spreads {
    int64_t n[16], sum[16];
    int64_t rows, total, total_sum;
} spreads;

static void add_spread(void *arg, const wsl_row *row)
{
    spreads *s = arg;
    s->rows++;
    s->n[spread_subtask(row)] += spread_n(row);
    s->sum[spread_subtask(row)] += spread_sum(row);
    s->total += spread_n(row);
    s->total_sum += spread_sum(row);
}

Test(cluster, partitioners_lose_and_double_nothing)
{
    const struct {
        const char *partition;
        uint32_t producers;
        const char *consumers;
        int64_t copies;
    } cases[] = {{"forward", 4, "0", 1},  {"rebalance", 2, "4", 1}, {"rescale", 2, "4", 1}, {"rescale", 4, "2", 1},
                 {"shuffle", 4, "3", 1},  {"broadcast", 2, "4", 4}, {"global", 4, "4", 1},  {"custom", 2, "4", 1},
                 {"hash", 3, "4", 1}};
    mini_cluster *c = mini_cluster_start(2, 2, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const args[] = {"--job",     "partition",        "--n",         "3000", "--partition",
                                    cases[i].partition, "--consumers", cases[i].consumers, NULL};
        spreads s = {0};
        run_job(c, cases[i].producers, args, NULL, add_spread, &s);
        cr_assert_eq(s.total, 3000 * cases[i].copies, "%s gave %lld", cases[i].partition, (long long)s.total);
        cr_assert_eq(s.total_sum, (int64_t)3000 * 2999 / 2 * cases[i].copies, "%s", cases[i].partition);
        if (strcmp(cases[i].partition, "global") == 0) {
            cr_assert_eq(s.n[0], 3000);
        } else if (strcmp(cases[i].partition, "custom") == 0) {
            cr_assert(s.n[0] == 1000 && s.n[3] == 2000);
        } else if (strcmp(cases[i].partition, "rebalance") == 0) {
            for (int k = 0; k < 4; k++) {
                cr_assert(s.n[k] >= 748 && s.n[k] <= 752, "rebalance is even");
            }
        }
    }
    mini_cluster_stop(c);
}

Test(cluster, a_union_sees_all_of_both)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const args[] = {"--job", "union", "--n", "1000", NULL};
    spreads s = {0};
    run_job(c, 2, args, NULL, add_spread, &s);
    cr_assert_eq(s.total, 2000);
    cr_assert_eq(s.total_sum, 1000 * 999);
    mini_cluster_stop(c);
}

Test(cluster, side_outputs_and_main_output_part_the_rows)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const args[] = {"--job", "sides", "--n", "1001", NULL};
    spreads s = {0};
    run_job(c, 2, args, NULL, add_spread, &s);
    cr_assert_eq(s.rows, 4, "two functions, two subtasks");
    cr_assert_eq(s.total, 1001);
    mini_cluster_stop(c);
}

Test(cluster, event_timers_fire_once_per_key_when_the_input_ends)
{
    mini_cluster *c = mini_cluster_start(2, 1, NULL);
    const char *const args[] = {"--job", "timers", "--n", "5000", "--keys", "50", NULL};
    tallies t = {0};
    run_job(c, 2, args, NULL, add_tally, &t);
    cr_assert_eq(t.rows, 50);
    for (int k = 0; k < 50; k++) {
        cr_assert_eq(t.last[k], 100);
    }
    mini_cluster_stop(c);
}

Test(cluster, an_error_of_user_code_fails_the_job_with_operator_subtask_and_row)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const args[] = {"--job", "fail", "--n", "1000", "--at", "501", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "FAILED", 20 * SECONDS));
    const char *failure = mini_cluster_failure(c, &job);
    cr_assert(has_text(failure, "fail at"), "%s", failure);
    cr_assert(has_text(failure, "event 501 is not wanted"), "%s", failure);
    cr_assert(has_text(failure, "id=501"), "the row: %s", failure);
    cr_assert(has_text(failure, "2/2") || has_text(failure, "subtask 2"), "the subtask: %s", failure);
    /* the cluster goes on */
    const char *const count_args[] = {"--job", "count", "--n", "1000", NULL};
    tallies t = {.in_order = true};
    run_job(c, 2, count_args, NULL, add_tally, &t);
    cr_assert_eq(t.rows, 1000);
    mini_cluster_stop(c);
}

Test(cluster, a_job_without_enough_slots_says_so_and_starts_when_there_are)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const endless[] = {"--job", "slow", "--n", "0", NULL};
    const char *const count_args[] = {"--job", "count", "--n", "100", NULL};
    wsl_id first, second;
    wsl_error err = {0};
    jm_job_info info;
    cr_assert_eq(mini_cluster_submit(c, JOBS, 1, endless, NULL, &first, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &first, "RUNNING", 10 * SECONDS), "%s", mini_cluster_failure(c, &first));
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, count_args, NULL, &second, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_job_info_get(mini_cluster_jm(c), &second, &info, &err), WSL_OK);
    cr_assert_str_eq(info.waiting, "needs 2 slots, 1 free");
    cr_assert_eq(jm_cancel(mini_cluster_jm(c), &first, &err), WSL_OK);
    cr_assert(mini_cluster_await(c, &second, "FINISHED", 10 * SECONDS), "%s", mini_cluster_failure(c, &second));
    mini_cluster_stop(c);
}

Test(cluster, cancel_under_full_backpressure_takes_less_than_a_second)
{
    mini_cluster *c = mini_cluster_start(2, 1, NULL);
    const char *const args[] = {"--job", "slow", "--n", "0", "--pause-us", "500", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "RUNNING", 10 * SECONDS));
    /* a sink that takes half a millisecond for a row holds a source of millions back at once */
    const int64_t start = wsl_now_ns(wsl_clock_real());
    cr_assert_eq(jm_cancel(mini_cluster_jm(c), &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "CANCELED", 10 * SECONDS));
    const int64_t took_ms = (wsl_now_ns(wsl_clock_real()) - start) / 1000000;
    cr_assert_lt(took_ms, 1000, "it took %lld ms", (long long)took_ms);
    mini_cluster_stop(c);
}

Test(cluster, from_nothing_to_running_takes_less_than_a_tenth_of_a_second)
{
    const int64_t start = wsl_now_ns(wsl_clock_real());
    mini_cluster *c = mini_cluster_start(2, 1, NULL);
    const char *const args[] = {"--job", "slow", "--n", "0", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "RUNNING", 10 * SECONDS));
    const int64_t took_ms = (wsl_now_ns(wsl_clock_real()) - start) / 1000000;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_assert_lt(took_ms, 100, "it took %lld ms", (long long)took_ms);
#endif
    (void)took_ms;
    mini_cluster_stop(c);
}
