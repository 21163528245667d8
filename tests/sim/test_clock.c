/*
 * Example 55 of the semantics, as a job: a processing-time window of 5000 ms, rows that arrive at 1000, 4999 and 5000, the end at 7000
 * (behind 20 s of a minute, where simulated clocks begin).
 * [0, 5000) has two rows and fires when the clock is there, not before; the second window is lost at the end.
 */
#include "harness/wsl_test.h"

#include <inttypes.h>

#include "base/clock.h"
#include "sim_job.h"

enum { SEEDS = 30 };

typedef struct experiment {
    sim_cluster *c;
    uint32_t rows;
    int64_t start, count, at_ms;
} experiment;

static int64_t clock_ms(const sim_cluster *c) { return sim_cluster_now_ns(c) / WSL_NS_PER_MS; }

static void on_row(void *arg, const wsl_row *row)
{
    experiment *x = arg;
    x->rows++;
    x->start = wsl_row_int64(row, 1);
    x->count = wsl_row_int64(row, 2);
    x->at_ms = clock_ms(x->c);
}

static void run(uint64_t seed, uint32_t parallelism)
{
    static const char *overrides[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb", NULL, NULL};
    overrides[2] = sim_job_temporary();
    experiment x = {.c = sim_cluster_new(&(sim_cluster_options){.seed = seed, .task_managers = 1, .slots = 2, .overrides = overrides})};
    sim_job job;
    sim_job_init(&job, x.c, seed, on_row, &x);
    cr_assert(sim_cluster_settle(x.c, 60 * WSL_NS_PER_S));
    const int64_t into_minute_ms = wsl_wall_ms(&sim_cluster_clock(x.c)->clock) % 60000;
    cr_assert_lt(into_minute_ms, 900 + 20000, "the rows come in this minute");
    const char *const args[] = {"--job", "clock", "--at", "21000,24999,25000", "--end", "27000", NULL};
    sim_job_submit_library(&job, &(sim_library_job){.library = SIM_OWN_JOBS, .parallelism = parallelism, .args = args});
    sim_job_run(&job);
    sim_job_expect_finished(&job);
    cr_assert_eq(x.rows, 1, "seed %" PRIu64 ": %u windows fired", seed, x.rows);
    cr_assert_eq(x.start, 20000);
    cr_assert_eq(x.count, 2, "seed %" PRIu64 ": %" PRId64 " rows", seed, x.count);
    cr_assert(x.at_ms >= 5000 && x.at_ms < 7000, "seed %" PRIu64 ": after %" PRId64 " ms", seed, x.at_ms);
    sim_cluster_free(x.c);
    sim_job_remove_temporary();
}

Test(clock, example_55_a_window_by_the_clock_fires_when_it_is_over_and_the_last_one_is_lost)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed, 1);
    }
}
