#include "harness/wsl_test.h"

#include <string.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/rng.h"

Test(metric, the_tables_carry_flinks_names)
{
    cr_assert_str_eq(wsl_task_metrics[WSL_TASK_NUM_RECORDS_IN].name, "numRecordsIn");
    cr_assert_eq(wsl_task_metrics[WSL_TASK_NUM_RECORDS_IN].kind, WSL_METRIC_COUNTER);
    cr_assert_str_eq(wsl_task_metrics[WSL_TASK_OUTPUT_CREDITS].name, "outputCredits");
    cr_assert_str_eq(wsl_jobmanager_metrics[WSL_JOBMANAGER_NUM_RUNNING_JOBS].name, "numRunningJobs");
    cr_assert_eq(wsl_metric_find(wsl_task_metrics, WSL_N_TASK_METRICS, "backPressuredTimeMsPerSecond"),
                 WSL_TASK_BACK_PRESSURED_TIME_MS_PER_SECOND);
    cr_assert_eq(wsl_metric_find(wsl_task_metrics, WSL_N_TASK_METRICS, "buffers.inputQueueLength"),
                 WSL_TASK_INPUT_QUEUE_LENGTH, "by the older spelling");
    cr_assert_eq(wsl_metric_find(wsl_task_metrics, WSL_N_TASK_METRICS, "nonsense"), -1);
}

static void check_table(const wsl_metric *table, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_not_null(table[i].name);
        cr_assert_not_null(table[i].unit);
        cr_assert_eq(table[i].help[strlen(table[i].help) - 1], '.', "%s", table[i].name);
        cr_assert_eq(wsl_metric_find(table, n, table[i].name), (int)i, "%s is there once", table[i].name);
    }
}

Test(metric, every_metric_is_described_once)
{
    check_table(wsl_task_metrics, WSL_N_TASK_METRICS);
    check_table(wsl_process_metrics, WSL_N_PROCESS_METRICS);
    check_table(wsl_taskmanager_metrics, WSL_N_TASKMANAGER_METRICS);
    check_table(wsl_jobmanager_metrics, WSL_N_JOBMANAGER_METRICS);
    check_table(wsl_job_metrics, WSL_N_JOB_METRICS);
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    wsl_metrics_markdown(wsl_jobmanager_metrics, WSL_N_JOBMANAGER_METRICS, &s);
    cr_assert(has_text(s.data, "| `taskSlotsTotal` | gauge | slots | Slots of all TaskManagers. |\n"));
    wsl_strbuf_fini(&s);
}

#define S WSL_NS_PER_S

Test(rate, needs_two_samples)
{
    wsl_rate r = {.n = 0};
    cr_assert_eq(wsl_rate_per_second(&r), 0);
    wsl_rate_add(&r, 5 * S, 100, 60 * S);
    cr_assert_eq(wsl_rate_per_second(&r), 0);
    wsl_rate_add(&r, 7 * S, 300, 60 * S);
    cr_assert_float_eq(wsl_rate_per_second(&r), 100, 1e-9);
}

Test(rate, a_counter_that_fell_begins_again)
{
    wsl_rate r = {.n = 0};
    wsl_rate_add(&r, 0, 1000, 60 * S);
    wsl_rate_add(&r, 1 * S, 2000, 60 * S);
    wsl_rate_add(&r, 2 * S, 10, 60 * S);
    cr_assert_eq(wsl_rate_per_second(&r), 0);
    wsl_rate_add(&r, 4 * S, 30, 60 * S);
    cr_assert_float_eq(wsl_rate_per_second(&r), 10, 1e-9);
}

Test(rate, equal_and_backward_times_give_no_nonsense)
{
    wsl_rate r = {.n = 0};
    wsl_rate_add(&r, 5 * S, 1, 60 * S);
    wsl_rate_add(&r, 5 * S, 2, 60 * S);
    cr_assert_eq(wsl_rate_per_second(&r), 0);
    wsl_rate_add(&r, 3 * S, 3, 60 * S);
    cr_assert_eq(wsl_rate_per_second(&r), 0);
    wsl_rate_add(&r, 6 * S, 13, 60 * S);
    cr_assert_float_eq(wsl_rate_per_second(&r), 12, 1e-9);
}

Test(rate, follows_a_change_within_the_window_however_often_it_is_sampled)
{
    const int64_t windows[] = {10 * S, S, 20, 1};
    for (int w = 0; w < 4; w++) {
        const int64_t window = windows[w];
        wsl_rng rng;
        wsl_rng_seed(&rng, 41 + (uint64_t)w);
        wsl_rate r = {.n = 0};
        uint64_t value = 0;
        int64_t now = 0, changed = 0;
        uint64_t per_unit = 3;
        for (int i = 0; i < 20000; i++) {
            const int64_t step = 1 + (int64_t)wsl_rng_below(&rng, (uint64_t)(window / 100 + 2));
            now += step;
            value += per_unit * (uint64_t)step;
            wsl_rate_add(&r, now, value, window);
            if (now - changed > window * 5 / 4 + step + 2) { /* the window holds only the new rate */
                cr_assert_float_eq(wsl_rate_per_second(&r), (double)per_unit * 1e9, (double)per_unit * 1e3,
                                   "window %lld", (long long)window);
                if (i % 3 == 0) {
                    per_unit = 1 + wsl_rng_below(&rng, 50);
                    changed = now;
                }
            }
        }
    }
}
