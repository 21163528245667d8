#include "jobmanager/exec/task_metrics.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "base/clock.h"

void jm_task_metrics_fini(jm_task_metrics *m)
{
    if (m->last != NULL) {
        wsl__pb__task_metrics__free_unpacked(m->last, NULL);
    }
    *m = (jm_task_metrics){0};
}

/* Only the numbers of a sample; what it points to stays its own. */
static Wsl__Pb__TaskMetrics numbers_of(const Wsl__Pb__TaskMetrics *s)
{
    return (Wsl__Pb__TaskMetrics){
        .records_in = s->records_in,
        .records_out = s->records_out,
        .bytes_in = s->bytes_in,
        .bytes_out = s->bytes_out,
        .buffers_in = s->buffers_in,
        .buffers_out = s->buffers_out,
        .busy_ns = s->busy_ns,
        .backpressured_ns = s->backpressured_ns,
        .idle_ns = s->idle_ns,
    };
}

void jm_task_metrics_begin(jm_task_metrics *m, int64_t now_ns)
{
    jm_task_metrics_fini(m);
    m->last = wsl_zalloc(sizeof *m->last);
    wsl__pb__task_metrics__init(m->last);
    m->last->input_watermark = INT64_MIN;
    m->last->output_watermark = INT64_MIN;
    m->base_ns = now_ns;
}

static bool went_back(const Wsl__Pb__TaskMetrics *from, const Wsl__Pb__TaskMetrics *to)
{
    return to->records_in < from->records_in || to->records_out < from->records_out || to->bytes_in < from->bytes_in ||
           to->bytes_out < from->bytes_out || to->buffers_in < from->buffers_in ||
           to->buffers_out < from->buffers_out || to->busy_ns < from->busy_ns ||
           to->backpressured_ns < from->backpressured_ns || to->idle_ns < from->idle_ns;
}

static jm_rates rates_between(const Wsl__Pb__TaskMetrics *from, const Wsl__Pb__TaskMetrics *to, int64_t ns)
{
    const double per_s = (double)WSL_NS_PER_S / (double)ns;
    const double ms_per_s = per_s / WSL_NS_PER_MS;
    return (jm_rates){
        .records_in = (double)(to->records_in - from->records_in) * per_s,
        .records_out = (double)(to->records_out - from->records_out) * per_s,
        .bytes_in = (double)(to->bytes_in - from->bytes_in) * per_s,
        .bytes_out = (double)(to->bytes_out - from->bytes_out) * per_s,
        .buffers_in = (double)(to->buffers_in - from->buffers_in) * per_s,
        .buffers_out = (double)(to->buffers_out - from->buffers_out) * per_s,
        .busy_ms = (double)(to->busy_ns - from->busy_ns) * ms_per_s,
        .backpressured_ms = (double)(to->backpressured_ns - from->backpressured_ns) * ms_per_s,
        .idle_ms = (double)(to->idle_ns - from->idle_ns) * ms_per_s,
    };
}

void jm_task_metrics_update(jm_task_metrics *m, Wsl__Pb__TaskMetrics *sample, int64_t now_ns)
{
    if (m->last != NULL) {
        wsl__pb__task_metrics__free_unpacked(m->last, NULL);
    }
    m->last = sample;
    if (went_back(&m->base, sample)) {
        m->base = numbers_of(sample);
        m->base_ns = now_ns;
        return;
    }
    const int64_t passed = now_ns - m->base_ns;
    if (passed >= (int64_t)JM_RATE_WINDOW_MS * WSL_NS_PER_MS) {
        m->rates = rates_between(&m->base, sample, passed);
        m->base = numbers_of(sample);
        m->base_ns = now_ns;
    }
}

void jm_task_metrics_end(jm_task_metrics *m) { m->rates = (jm_rates){0}; }
