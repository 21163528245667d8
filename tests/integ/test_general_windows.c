/*
 * test_general_windows - windows that are not slices on clusters inside this process, at parallelism one and three: results
 * as a set against loops in this file (jobs: window_jobs.c), and sessions of the benchmark, whose sums are known.
 */
#include <stdlib.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

WSL_ROW(result, (int64, key), (int64, end), (int64, n), (int64, sum));

enum { SECONDS = 1000, ROWS = 3000, KEYS = 13 };

/* A sum over results that no order changes. */
typedef struct tally {
    uint64_t n, sum;
} tally;

static void count_in(tally *t, int64_t key, int64_t end, int64_t n, int64_t sum)
{
    uint64_t h = (uint64_t)key * 31 + (uint64_t)end * 1000003 + (uint64_t)n * 7919 + (uint64_t)sum;
    h = (h ^ (h >> 31)) * UINT64_C(0x9E3779B97F4A7C15);
    t->n++;
    t->sum += h ^ (h >> 29);
}

typedef struct gathering {
    mini_cluster *c;
    wsl_id job;
    tally got;
} gathering;

static void take(void *arg, const wsl_row *row)
{
    gathering *g = arg;
    count_in(&g->got, result_key(row), result_end(row), result_n(row), result_sum(row));
}

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, take, g);
}

static void run(uint32_t task_managers, uint32_t slots, const char *job, tally wanted)
{
    const char *const args[] = {"--job", job, NULL};
    wsl_error err = {0};
    gathering g = {.c = mini_cluster_start(task_managers, slots, NULL)};
    cr_assert_eq(mini_cluster_submit(g.c, INTEG_WINDOW_JOBS, task_managers * slots, args, NULL, &g.job, &err), WSL_OK,
                 "%s", err.text);
    cr_assert(mini_cluster_run(g.c, gathered, &g, 200 * SECONDS), "rows did not end: %s",
              mini_cluster_failure(g.c, &g.job));
    cr_assert(mini_cluster_await(g.c, &g.job, "FINISHED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    cr_assert_eq(g.got.n, wanted.n, "%llu results, not %llu", (unsigned long long)g.got.n, (unsigned long long)wanted.n);
    cr_assert_eq(g.got.sum, wanted.sum, "other results than wanted");
    mini_cluster_stop(g.c);
}

static void everywhere(const char *job, tally wanted)
{
    run(1, 1, job, wanted);
    run(1, 3, job, wanted);
    run(3, 1, job, wanted);
}

/* Ids of the rows of one key (-1: all) and window of `size` rows' time, in order. */
static int64_t ids_of(int64_t key, int64_t window, int64_t size, int64_t *out)
{
    int64_t n = 0;
    for (int64_t i = window * size; i < (window + 1) * size && i < ROWS; i++) {
        if (key < 0 || i % KEYS == key) {
            out[n++] = i;
        }
    }
    return n;
}

static int64_t sum_of(const int64_t *ids, int64_t from, int64_t to)
{
    int64_t sum = 0;
    for (int64_t i = from; i < to; i++) {
        sum += ids[i];
    }
    return sum;
}

Test(general_windows, process_functions_see_all_rows)
{
    tally t = {0};
    int64_t ids[200];
    for (int64_t w = 0; w < ROWS / 200; w++) {
        for (int64_t k = 0; k < KEYS; k++) {
            const int64_t n = ids_of(k, w, 200, ids);
            count_in(&t, k, (w + 1) * 2000, n, sum_of(ids, 0, n));
        }
    }
    everywhere("rows", t);
}

Test(general_windows, count_windows)
{
    tally t = {0};
    static int64_t ids[ROWS];
    for (int64_t k = 0; k < KEYS; k++) {
        const int64_t n = ids_of(k, 0, ROWS, ids);
        for (int64_t i = 0; i + 7 <= n; i += 7) {
            count_in(&t, k, WSL_TIME_MAX, 7, sum_of(ids, i, i + 7));
        }
    }
    everywhere("count", t);
}

Test(general_windows, custom_triggers)
{
    tally t = {0};
    int64_t ids[200];
    for (int64_t w = 0; w < ROWS / 200; w++) {
        for (int64_t k = 0; k < KEYS; k++) {
            const int64_t n = ids_of(k, w, 200, ids);
            for (int64_t i = 5; i <= n; i += 5) {
                count_in(&t, k, (w + 1) * 2000, i, sum_of(ids, 0, i));
            }
            count_in(&t, k, (w + 1) * 2000, n, sum_of(ids, 0, n));
        }
    }
    everywhere("trigger", t);
}

Test(general_windows, evictors)
{
    tally t = {0};
    int64_t ids[200];
    for (int64_t w = 0; w < ROWS / 200; w++) {
        for (int64_t k = 0; k < KEYS; k++) {
            const int64_t n = ids_of(k, w, 200, ids);
            count_in(&t, k, (w + 1) * 2000, 3, sum_of(ids, n - 3, n));
        }
    }
    everywhere("evict", t);
}

Test(general_windows, over_all_rows_by_one_subtask)
{
    tally t = {0};
    int64_t ids[200];
    for (int64_t w = 0; w < ROWS / 200; w++) {
        const int64_t n = ids_of(-1, w, 200, ids);
        count_in(&t, -1, (w + 1) * 2000, n, sum_of(ids, 0, n));
    }
    everywhere("all", t);
}

Test(general_windows, late_rows_leave_by_the_side)
{
    tally t = {0};
    for (int64_t w = 0; w < ROWS / 100; w++) {
        for (int64_t k = 0; k < KEYS; k++) {
            int64_t n = 0;
            int64_t sum = 0;
            for (int64_t i = w * 100; i < (w + 1) * 100; i++) {
                const bool in_order = i < 100 || i % 50 != 0;
                n += in_order && i % KEYS == k;
                sum += in_order && i % KEYS == k ? i : 0;
            }
            const int64_t next = (w + 1) * 100; /* this row's window is still open when it comes */
            n += next < ROWS && next % KEYS == k;
            sum += next < ROWS && next % KEYS == k ? next - 100 : 0;
            count_in(&t, k, (w + 1) * 1000, n, sum);
        }
    }
    for (int64_t i = 150; i < ROWS; i += 100) {
        count_in(&t, -2, 0, 1, i - 100);
    }
    everywhere("late", t);
}

/* ---- sessions ---- */

WSL_ROW(sums, (int64, results), (int64, checksum), (int64, r2));

static void take_sums(void *arg, const wsl_row *row)
{
    tally *t = &((gathering *)arg)->got;
    t->n += (uint64_t)sums_results(row);
    t->sum += (uint64_t)sums_checksum(row);
}

static bool gathered_sums(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, take_sums, g);
}

static void sessions(uint32_t task_managers, uint32_t slots)
{
    static const char *const args[] = {"--workload", "session", "--n", "1000000", NULL};
    wsl_error err = {0};
    gathering g = {.c = mini_cluster_start(task_managers, slots, NULL)};
    cr_assert_eq(mini_cluster_submit(g.c, INTEG_BENCH_JOBS, task_managers * slots, args, NULL, &g.job, &err), WSL_OK,
                 "%s", err.text);
    cr_assert(mini_cluster_run(g.c, gathered_sums, &g, 200 * SECONDS), "rows did not end: %s",
              mini_cluster_failure(g.c, &g.job));
    cr_assert(mini_cluster_await(g.c, &g.job, "FINISHED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    cr_assert_eq(g.got.n, 500, "%llu sessions", (unsigned long long)g.got.n);
    cr_assert_eq(g.got.sum, UINT64_C(8383702289930), "sum %llu", (unsigned long long)g.got.sum);
    mini_cluster_stop(g.c);
}

Test(general_windows, sessions_at_parallelism_one) { sessions(1, 1); }
Test(general_windows, sessions_at_parallelism_three) { sessions(3, 1); }
