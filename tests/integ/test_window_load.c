/*
 * test_window_load - windows that give much at once: a join of 10^6 pairs, and a burst of results in front of something slow.
 * Nothing is lost, memory is bounded (task.overdraft.max), and a cancel does not wait for the rest. Jobs: window_jobs.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

WSL_ROW(result, (int64, key), (int64, end), (int64, n), (int64, sum));

enum { SECONDS = 1000, ROWS = 3000 };

typedef struct gathering {
    mini_cluster *c;
    wsl_id job;
    int64_t rows, n, sum;
} gathering;

static void take(void *arg, const wsl_row *row)
{
    gathering *g = arg;
    g->rows++;
    g->n += result_n(row);
    g->sum += result_sum(row);
}

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, take, g);
}

static bool has_begun(void *arg)
{
    gathering *g = arg;
    (void)mini_cluster_collect(g->c, &g->job, take, g);
    return g->rows >= 10;
}

static gathering begin(uint32_t task_managers, uint32_t slots, const char *job, const char *us)
{
    const char *const args[] = {"--job", job, "--us", us, NULL};
    const char *const config[] = {"task.overdraft.max=256k", NULL};
    wsl_error err = {0};
    gathering g = {.c = mini_cluster_start(task_managers, slots, config)};
    cr_assert_eq(mini_cluster_submit(g.c, INTEG_WINDOW_JOBS, task_managers * slots, args, NULL, &g.job, &err), WSL_OK,
                 "%s", err.text);
    return g;
}

static void run(uint32_t task_managers, uint32_t slots, const char *job, int64_t n, int64_t sum)
{
    gathering g = begin(task_managers, slots, job, "1");
    cr_assert(mini_cluster_run(g.c, gathered, &g, 250 * SECONDS), "rows did not end: %s", mini_cluster_failure(g.c, &g.job));
    cr_assert(mini_cluster_await(g.c, &g.job, "FINISHED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    cr_assert_eq(g.rows, 1);
    cr_assert_eq(g.n, n, "%lld results, not %lld", (long long)g.n, (long long)n);
    cr_assert_eq(g.sum, sum, "sum %lld, not %lld", (long long)g.sum, (long long)sum);
    mini_cluster_stop(g.c);
}

/* l and r are each of 0, 3, ..., 2997: the sum of 3 l + r over all pairs. */
static const int64_t ids = 3 * (999 * 1000 / 2);

Test(window_load, a_million_pairs_of_one_window_at_parallelism_one) { run(1, 1, "cross", 1000000, 4000 * ids); }
Test(window_load, a_million_pairs_of_one_window_at_parallelism_three) { run(3, 1, "cross", 1000000, 4000 * ids); }

Test(window_load, a_million_pairs_by_a_co_group_that_says_again)
{
    run(1, 1, "groups", 1000000, 4000 * ids);
    run(3, 1, "groups", 1000000, 4000 * ids);
}

static const int64_t numbers = ROWS * 50;
Test(window_load, a_burst_in_front_of_something_slow_loses_nothing)
{
    run(1, 1, "burst", numbers, numbers * (numbers - 1) / 2);
    run(3, 1, "burst", numbers, numbers * (numbers - 1) / 2);
}

Test(window_load, a_burst_that_is_held_up_can_be_canceled)
{
    gathering g = begin(3, 1, "flood", "200");
    wsl_error err = {0};
    wsl_clock *clock = wsl_clock_real();
    cr_assert(mini_cluster_run(g.c, has_begun, &g, 200 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    const int64_t from = wsl_now_ns(clock);
    cr_assert_eq(jm_cancel(mini_cluster_jm(g.c), &g.job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(g.c, &g.job, "CANCELED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    printf("canceled after %lld ms\n", (long long)((wsl_now_ns(clock) - from) / WSL_NS_PER_MS));
    cr_assert_lt(g.rows, numbers, "it was over before it was canceled");
    mini_cluster_stop(g.c);
}
