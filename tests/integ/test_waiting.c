/*
 * test_waiting - async functions and functions that block, on clusters inside this process.
 */
#include <stdlib.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

#define JOBS INTEG_WAITING_JOBS /* path of the job library, from CMake */

WSL_ROW(result, (int64, value), (int64, extra));

enum { SECONDS = 1000, ROWS_MAX = 30000 };

typedef struct results {
    int64_t value[ROWS_MAX], extra[ROWS_MAX];
    uint32_t n;
    int64_t sum;
} results;

static results got;

static void add_result(void *arg, const wsl_row *row)
{
    (void)arg;
    cr_assert_lt(got.n, ROWS_MAX);
    got.value[got.n] = result_value(row);
    got.extra[got.n++] = result_extra(row);
    got.sum += result_value(row);
}

typedef struct gathering {
    mini_cluster *c;
    const wsl_id *job;
} gathering;

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, g->job, add_result, NULL);
}

/* Runs a job to its end; its rows are in `got`. */
static void run_job(mini_cluster *c, uint32_t parallelism, const char *const *args)
{
    wsl_id job;
    wsl_error err = {0};
    memset(&got, 0, sizeof got);
    cr_assert_eq(mini_cluster_submit(c, JOBS, parallelism, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    gathering g = {c, &job};
    cr_assert(mini_cluster_run(c, gathered, &g, 60 * SECONDS), "rows did not end: %s", mini_cluster_failure(c, &job));
    cr_assert(mini_cluster_await(c, &job, "FINISHED", 20 * SECONDS), "%s", mini_cluster_failure(c, &job));
}

/* ---- async ---- */

static void check_ex42(const char *mode, uint32_t parallelism, int64_t first, int64_t second)
{
    mini_cluster *c = mini_cluster_start(parallelism == 1 ? 1 : 2, 2, NULL);
    const char *const args[] = {"--job", "ex42", "--mode", mode, NULL};
    run_job(c, parallelism, args);
    cr_assert_eq(got.n, 3);
    cr_assert(got.value[0] == first && got.value[1] == second && got.value[2] == 3, "%lld %lld %lld",
              (long long)got.value[0], (long long)got.value[1], (long long)got.value[2]);
    cr_assert(got.extra[0] < 24 && got.extra[1] < 24 && got.extra[2] == 24,
              "the watermark comes before the third row only");
    mini_cluster_stop(c);
}

Test(waiting, ex42_unordered_at_parallelism_1) { check_ex42("unordered", 1, 2, 1); }
Test(waiting, ex42_unordered_at_parallelism_3) { check_ex42("unordered", 3, 2, 1); }
Test(waiting, ex42_ordered_at_parallelism_1) { check_ex42("ordered", 1, 1, 2); }
Test(waiting, ex42_ordered_at_parallelism_3) { check_ex42("ordered", 3, 1, 2); }

static void check_times(const char *mode, uint32_t parallelism)
{
    mini_cluster *c = mini_cluster_start(parallelism == 1 ? 1 : 2, 2, NULL);
    const char *const args[] = {"--job", "times", "--mode", mode, "--n", "20000", NULL};
    int64_t late = 0;
    bool in_order = true;
    run_job(c, parallelism, args);
    cr_assert_eq(got.n, 20000);
    cr_assert_eq(got.sum, (int64_t)20000 * 19999 / 2);
    for (uint32_t i = 0; i < got.n; i++) {
        late += got.extra[i];
        in_order &= i == 0 || got.value[i] > got.value[i - 1];
    }
    cr_assert_eq(late, 0, "no row comes after a watermark that it came before");
    cr_assert(in_order || parallelism > 1 || strcmp(mode, "unordered") == 0);
    mini_cluster_stop(c);
}

Test(waiting, answers_of_threads_in_order_at_parallelism_1) { check_times("ordered", 1); }
Test(waiting, answers_of_threads_in_order_at_parallelism_3) { check_times("ordered", 3); }
Test(waiting, answers_of_threads_as_they_come_at_parallelism_1) { check_times("unordered", 1); }
Test(waiting, answers_of_threads_as_they_come_at_parallelism_3) { check_times("unordered", 3); }

static uint32_t threads_seen(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < got.n; i++) {
        bool is_new = true;
        for (uint32_t k = 0; k < i && is_new; k++) {
            is_new = got.extra[k] != got.extra[i];
        }
        n += is_new;
    }
    return n;
}

static void check_pool(uint32_t parallelism)
{
    const char *const overrides[] = {"taskmanager.async.threads=3", NULL};
    mini_cluster *c = mini_cluster_start(1, 3, overrides);
    const char *const args[] = {"--job", "pool", "--n", "2000", "--us", "200", NULL};
    run_job(c, parallelism, args);
    cr_assert_eq(got.n, 2000);
    cr_assert_eq(got.sum, 2000 * 1999);
    const uint32_t threads = threads_seen();
    cr_assert(threads >= 1 && threads <= 3 + 3, "%u threads: three, and one for each task that would get none", threads);
    mini_cluster_stop(c);
}

Test(waiting, blocking_work_runs_on_the_helper_pool_at_parallelism_1) { check_pool(1); }
Test(waiting, blocking_work_runs_on_the_helper_pool_at_parallelism_3) { check_pool(3); }

/* ---- cancel ---- */

static int64_t now_ms(void) { return wsl_now_ns(wsl_clock_real()) / 1000000; }

static void cancel_quickly(mini_cluster *c, const wsl_id *job)
{
    wsl_error err = {0};
    const int64_t start = now_ms();
    cr_assert_eq(jm_cancel(mini_cluster_jm(c), job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, job, "CANCELED", 30 * SECONDS));
    const int64_t took = now_ms() - start;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_assert_lt(took, 1000, "it took %lld ms", (long long)took);
#else
    cr_assert_lt(took, 10000, "it took %lld ms", (long long)took);
#endif
}

Test(waiting, cancel_does_not_wait_for_work_that_runs)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const args[] = {"--job", "pool", "--n", "0", "--us", "2500000", NULL};
    const char *const next[] = {"--job", "times", "--n", "100", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "RUNNING", 20 * SECONDS));
    cancel_quickly(c, &job);
    run_job(c, 2, next); /* its slots are free, though helper threads are not */
    cr_assert_eq(got.n, 100);
    mini_cluster_stop(c); /* the library stays until they are */
}

/* ---- functions that block ---- */

static void check_blocking(uint32_t task_managers, uint32_t parallelism)
{
    mini_cluster *c = mini_cluster_start(task_managers, 3, NULL);
    const char *const args[] = {"--job", "blocking", "--n", "300", "--us", "1000", NULL};
    run_job(c, parallelism, args);
    cr_assert_eq(got.n, 600);
    cr_assert_eq(got.sum, -300, "value and -1 - value");
    for (uint32_t i = 0; i < got.n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            cr_assert((got.value[i] < 0) == (got.value[k] < 0) || got.extra[i] != got.extra[k],
                      "what sleeps has a thread of its own");
        }
    }
    mini_cluster_stop(c);
}

Test(waiting, a_function_that_blocks_has_a_thread_of_its_own) { check_blocking(1, 1); }
Test(waiting, functions_that_block_have_threads_of_their_own_at_parallelism_3) { check_blocking(2, 3); }

Test(waiting, cancel_waits_for_one_call_of_a_function_that_blocks)
{
    mini_cluster *c = mini_cluster_start(1, 2, NULL);
    const char *const args[] = {"--job", "asleep", "--n", "0", "--us", "300000", NULL};
    const char *const next[] = {"--job", "blocking", "--n", "10", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "RUNNING", 20 * SECONDS));
    cancel_quickly(c, &job);
    for (int i = 0; i < 12; i++) { /* lanes come and go */
        run_job(c, 2, next);
        cr_assert_eq(got.n, 20);
    }
    mini_cluster_stop(c);
}

Test(waiting, a_cluster_stops_with_a_job_that_blocks)
{
    mini_cluster *c = mini_cluster_start(2, 1, NULL);
    const char *const args[] = {"--job", "asleep", "--n", "0", "--us", "50000", NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, NULL, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "RUNNING", 20 * SECONDS));
    mini_cluster_stop(c);
}
