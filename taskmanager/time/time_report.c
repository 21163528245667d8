#include "taskmanager/time/time_report.h"

#include <stdlib.h>

#include "base/alloc.h"

void tm_time_box_fini(tm_time_box *b)
{
    free(atomic_load(&b->box));
    free(b->taken);
    *b = (tm_time_box){0};
}

void tm_time_box_publish(tm_time_box *b, tm_chain *chain, int64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < tm_chain_size(chain); i++) {
        n += tm_chain_op(chain, i)->cls->report_time != NULL;
    }
    if (n == 0) {
        return;
    }
    tm_time_report *report = wsl_alloc(sizeof *report + n * sizeof report->generators[0]);
    report->n = n;
    tm_generator_report *to = report->generators;
    for (uint32_t i = 0; i < tm_chain_size(chain); i++) {
        tm_op *op = tm_chain_op(chain, i);
        if (op->cls->report_time != NULL) {
            op->cls->report_time(op, now_ms, to++);
        }
    }
    free(atomic_exchange_explicit(&b->box, report, memory_order_acq_rel));
}

static Wsl__Pb__SplitMetrics *split_metrics(const tm_split_report *from)
{
    Wsl__Pb__SplitMetrics *m = wsl_alloc(sizeof *m);
    wsl__pb__split_metrics__init(m);
    m->name = wsl_strdup(from->name);
    m->watermark = from->watermark;
    m->since_ms = from->since_ms;
    m->idle = from->idle;
    m->paused = from->paused;
    return m;
}

static Wsl__Pb__GeneratorMetrics *generator_metrics(const tm_generator_report *from)
{
    Wsl__Pb__GeneratorMetrics *m = wsl_alloc(sizeof *m);
    wsl__pb__generator_metrics__init(m);
    m->operator_ = from->operator_id;
    m->watermark = from->watermark;
    m->idle = from->idle;
    m->since_ms = from->since_ms;
    m->at_source = from->at_source;
    m->reading = from->reading;
    m->limit = from->limit;
    m->splits = wsl_calloc(from->n_splits + 1, sizeof *m->splits);
    for (; m->n_splits < from->n_splits; m->n_splits++) {
        m->splits[m->n_splits] = split_metrics(&from->splits[m->n_splits]);
    }
    return m;
}

void tm_time_box_fill(tm_time_box *b, Wsl__Pb__TaskMetrics *m)
{
    tm_time_report *latest = atomic_exchange_explicit(&b->box, NULL, memory_order_acq_rel);
    if (latest != NULL) {
        free(b->taken);
        b->taken = latest;
    }
    const uint32_t n = b->taken != NULL ? b->taken->n : 0;
    m->generators = wsl_calloc(n + 1, sizeof *m->generators);
    for (; m->n_generators < n; m->n_generators++) {
        m->generators[m->n_generators] = generator_metrics(&b->taken->generators[m->n_generators]);
    }
}
