/*
 * metric - the tables from metric.h's lists, and the rate's ring of samples.
 */
#include "base/metric.h"

#include <string.h>

#include "base/assert.h"

#define ROW(scope_, name_, also_, kind_, unit_, help_)                                                                 \
    {.name = name_,                                                                                                    \
     .also = also_,                                                                                                    \
     .kind = WSL_METRIC_##kind_,                                                                                       \
     .scope = WSL_SCOPE_##scope_,                                                                                      \
     .unit = unit_,                                                                                                    \
     .help = help_},
#define TASK_ROW(id, name, also, kind, unit, help) ROW(TASK, name, also, kind, unit, help)
#define TASKMANAGER_ROW(id, name, also, kind, unit, help) ROW(TASKMANAGER, name, also, kind, unit, help)
#define JOBMANAGER_ROW(id, name, also, kind, unit, help) ROW(JOBMANAGER, name, also, kind, unit, help)
#define JOB_ROW(id, name, also, kind, unit, help) ROW(JOB, name, also, kind, unit, help)

const wsl_metric wsl_task_metrics[WSL_N_TASK_METRICS] = {WSL_TASK_METRIC_LIST(TASK_ROW)};
const wsl_metric wsl_process_metrics[WSL_N_PROCESS_METRICS] = {WSL_PROCESS_METRIC_LIST(TASKMANAGER_ROW)};
const wsl_metric wsl_taskmanager_metrics[WSL_N_TASKMANAGER_METRICS] = {WSL_TASKMANAGER_METRIC_LIST(TASKMANAGER_ROW)};
const wsl_metric wsl_jobmanager_metrics[WSL_N_JOBMANAGER_METRICS] = {WSL_JOBMANAGER_METRIC_LIST(JOBMANAGER_ROW)};
const wsl_metric wsl_job_metrics[WSL_N_JOB_METRICS] = {WSL_JOB_METRIC_LIST(JOB_ROW)};

int wsl_metric_find(const wsl_metric *table, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(table[i].name, name) == 0 || (table[i].also != NULL && strcmp(table[i].also, name) == 0)) {
            return (int)i;
        }
    }
    return -1;
}

void wsl_metrics_markdown(const wsl_metric *table, uint32_t n, wsl_strbuf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "rate"};
    wsl_strbuf_puts(out, "| Metric | Kind | Unit | Meaning |\n|---|---|---|---|\n");
    for (uint32_t i = 0; i < n; i++) {
        const wsl_metric *const m = &table[i];
        wsl_strbuf_printf(out, "| `%s`", m->name);
        if (m->also != NULL) {
            wsl_strbuf_printf(out, " (also `%s`)", m->also);
        }
        wsl_strbuf_printf(out, " | %s | %s | %s |\n", kinds[m->kind], m->unit, m->help);
    }
}

static uint32_t place(const wsl_rate *rate, uint32_t i) { return (rate->first + i) % WSL_RATE_SAMPLES; }

void wsl_rate_add(wsl_rate *rate, int64_t at_ns, uint64_t value, int64_t window_ns)
{
    if (rate->n != 0) {
        const uint32_t newest = place(rate, rate->n - 1);
        if (value < rate->samples[newest].value) {
            rate->n = 0;
        } else if (at_ns < rate->samples[newest].at_ns) {
            at_ns = rate->samples[newest].at_ns;
        }
    }
    /* The second oldest is outside the window too: the oldest is not needed as an end. */
    while (rate->n >= 2 && at_ns - rate->samples[place(rate, 1)].at_ns >= window_ns) {
        rate->first = place(rate, 1);
        rate->n--;
    }
    /* Samples are kept at least this far apart, so that as many as there is room for span the window. */
    const int64_t apart_ns = window_ns / (WSL_RATE_SAMPLES - 3) + 1;
    if (rate->n >= 2 &&
        rate->samples[place(rate, rate->n - 1)].at_ns - rate->samples[place(rate, rate->n - 2)].at_ns < apart_ns) {
        rate->n--; /* the newest is replaced */
    }
    WSL_ASSERT(rate->n < WSL_RATE_SAMPLES);
    const uint32_t at = place(rate, rate->n++);
    rate->samples[at].at_ns = at_ns;
    rate->samples[at].value = value;
}

double wsl_rate_per_second(const wsl_rate *rate)
{
    if (rate->n < 2) {
        return 0;
    }
    const uint32_t oldest = place(rate, 0), newest = place(rate, rate->n - 1);
    const int64_t ns = rate->samples[newest].at_ns - rate->samples[oldest].at_ns;
    if (ns <= 0) {
        return 0;
    }
    return (double)(rate->samples[newest].value - rate->samples[oldest].value) * 1e9 / (double)ns;
}
