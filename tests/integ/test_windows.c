/*
 * test_windows - tumbling and sliding windows on clusters inside this process, whatever the parallelism: the
 * benchmark's workloads, whose sums are known from programs that have nothing to do with this one.
 */
#include <stdlib.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

WSL_ROW(sums, (int64, results), (int64, checksum), (int64, r2));

enum { SECONDS = 1000 };

typedef struct gathering {
    mini_cluster *c;
    wsl_id job;
    uint64_t results, checksum;
} gathering;

static void add_sums(void *arg, const wsl_row *row)
{
    gathering *g = arg;
    g->results += (uint64_t)sums_results(row);
    g->checksum += (uint64_t)sums_checksum(row);
}

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, add_sums, g);
}

static void check(uint32_t task_managers, uint32_t slots, const char *workload, uint64_t results, uint64_t checksum)
{
    const char *const args[] = {"--workload", workload, "--n", "1000000", NULL};
    wsl_error err = {0};
    gathering g = {.c = mini_cluster_start(task_managers, slots, NULL)};
    cr_assert_eq(mini_cluster_submit(g.c, INTEG_BENCH_JOBS, task_managers * slots, args, NULL, &g.job, &err), WSL_OK,
                 "%s", err.text);
    cr_assert(mini_cluster_run(g.c, gathered, &g, 200 * SECONDS), "rows did not end: %s",
              mini_cluster_failure(g.c, &g.job));
    cr_assert(mini_cluster_await(g.c, &g.job, "FINISHED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    cr_assert_eq(g.results, results, "%llu results", (unsigned long long)g.results);
    cr_assert_eq(g.checksum, checksum, "sum %llu", (unsigned long long)g.checksum);
    mini_cluster_stop(g.c);
}

Test(windows, tumbling_at_parallelism_one) { check(1, 1, "tumbling", 99997, UINT64_C(8540374456674)); }
Test(windows, tumbling_at_parallelism_three) { check(1, 3, "tumbling", 99997, UINT64_C(8540374456674)); }
Test(windows, sliding_at_parallelism_one) { check(1, 1, "sliding", 10000, UINT64_C(83837904431800)); }
Test(windows, sliding_at_parallelism_three) { check(3, 1, "sliding", 10000, UINT64_C(83837904431800)); }
