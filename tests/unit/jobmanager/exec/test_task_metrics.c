#include "base/alloc.h"
#include "base/clock.h"
#include "harness/wsl_test.h"
#include "jobmanager/exec/task_metrics.h"

static Wsl__Pb__TaskMetrics *sample(uint64_t in, uint64_t out, uint64_t busy_ms)
{
    Wsl__Pb__TaskMetrics *m = wsl_zalloc(sizeof *m);
    wsl__pb__task_metrics__init(m);
    m->records_in = in;
    m->records_out = out;
    m->busy_ns = busy_ms * WSL_NS_PER_MS;
    return m;
}

Test(task_metrics, a_rate_is_the_difference_of_two_samples_per_second)
{
    jm_task_metrics m = {0};
    jm_task_metrics_begin(&m, 0);
    jm_task_metrics_update(&m, sample(500, 250, 100), WSL_NS_PER_S / 2);
    cr_assert_float_eq(m.rates.records_in, 1000, 1e-6);
    cr_assert_float_eq(m.rates.records_out, 500, 1e-6);
    cr_assert_float_eq(m.rates.busy_ms, 200, 1e-6);
    jm_task_metrics_update(&m, sample(1500, 250, 100), WSL_NS_PER_S * 3 / 2);
    cr_assert_float_eq(m.rates.records_in, 1000, 1e-6);
    cr_assert_float_eq(m.rates.records_out, 0, 1e-6);
    jm_task_metrics_fini(&m);
}

Test(task_metrics, samples_close_together_share_a_window)
{
    jm_task_metrics m = {0};
    jm_task_metrics_begin(&m, 0);
    jm_task_metrics_update(&m, sample(1, 0, 0), WSL_NS_PER_MS);
    cr_assert_float_eq(m.rates.records_in, 0, 1e-9, "one millisecond is no window");
    cr_assert_eq(m.last->records_in, 1u);
    jm_task_metrics_update(&m, sample(1000, 0, 0), WSL_NS_PER_S);
    cr_assert_float_eq(m.rates.records_in, 1000, 1e-6, "counted from the window's start");
    jm_task_metrics_fini(&m);
}

Test(task_metrics, counters_that_go_back_open_a_new_window_instead_of_a_huge_rate)
{
    jm_task_metrics m = {0};
    jm_task_metrics_begin(&m, 0);
    jm_task_metrics_update(&m, sample(1000, 0, 0), WSL_NS_PER_S);
    jm_task_metrics_update(&m, sample(10, 0, 0), 2 * WSL_NS_PER_S);
    jm_task_metrics_update(&m, sample(110, 0, 0), 3 * WSL_NS_PER_S);
    cr_assert_float_eq(m.rates.records_in, 100, 1e-6);
    jm_task_metrics_fini(&m);
}

Test(task_metrics, an_ended_task_has_counters_but_no_rates)
{
    jm_task_metrics m = {0};
    jm_task_metrics_begin(&m, 0);
    jm_task_metrics_update(&m, sample(1000, 0, 500), WSL_NS_PER_S);
    jm_task_metrics_end(&m);
    cr_assert_eq(m.rates.records_in, 0);
    cr_assert_eq(m.rates.busy_ms, 0);
    cr_assert_eq(m.last->records_in, 1000u);
    jm_task_metrics_fini(&m);
}
