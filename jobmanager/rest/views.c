#include "jobmanager/rest/views.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/assert.h"

/* ---- IO ---- */

void jm_io_add(jm_io *io, const jm_subtask *t)
{
    const Wsl__Pb__TaskMetrics *m = t->metrics.last;
    io->read_bytes += (int64_t)m->bytes_in;
    io->write_bytes += (int64_t)m->bytes_out;
    io->read_records += (int64_t)m->records_in;
    io->write_records += (int64_t)m->records_out;
    io->backpressured_ms += (int64_t)(m->backpressured_ns / WSL_NS_PER_MS);
    io->idle_ms += (int64_t)(m->idle_ns / WSL_NS_PER_MS);
    io->busy_ms += (int64_t)(m->busy_ns / WSL_NS_PER_MS);
}

const char *jm_io_key(uint32_t number)
{
    static const char *const keys[JM_IO_NUMBERS] = {
        "read-bytes",
        "write-bytes",
        "read-records",
        "write-records",
        "accumulated-backpressured-time",
        "accumulated-idle-time",
        "accumulated-busy-time",
    };
    WSL_ASSERT(number < JM_IO_NUMBERS);
    return keys[number];
}

int64_t jm_io_number(const jm_io *io, uint32_t number)
{
    const int64_t numbers[JM_IO_NUMBERS] = {
        io->read_bytes,       io->write_bytes, io->read_records, io->write_records,
        io->backpressured_ms, io->idle_ms,     io->busy_ms,
    };
    WSL_ASSERT(number < JM_IO_NUMBERS);
    return numbers[number];
}

void jm_json_io(jm_json *j, const char *key, const jm_io *io)
{
    jm_json_open(j, key, '{');
    for (uint32_t i = 0; i < JM_IO_NUMBERS; i++) {
        jm_json_int(j, jm_io_key(i), jm_io_number(io, i));
    }
    jm_json_bool(j, "read-bytes-complete", true);
    jm_json_bool(j, "write-bytes-complete", true);
    jm_json_bool(j, "read-records-complete", true);
    jm_json_bool(j, "write-records-complete", true);
    jm_json_close(j);
}

/* ---- distributions ---- */

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that `percent` of all do not exceed. */
static int64_t percentile(const jm_dist *d, uint32_t percent)
{
    if (d->n == 0) {
        return 0;
    }
    const uint64_t rank = ((uint64_t)d->n * percent + 99) / 100;
    return d->values[rank == 0 ? 0 : rank - 1];
}

void jm_json_dist(jm_json *j, const char *key, jm_dist *d)
{
    int64_t sum = 0;
    if (d->n > 0) {
        qsort(d->values, d->n, sizeof *d->values, by_value);
    }
    for (uint32_t i = 0; i < d->n; i++) {
        sum += d->values[i];
    }
    jm_json_open(j, key, '{');
    jm_json_int(j, "min", d->n == 0 ? 0 : d->values[0]);
    jm_json_int(j, "avg", d->n == 0 ? 0 : sum / d->n);
    jm_json_int(j, "max", d->n == 0 ? 0 : d->values[d->n - 1]);
    jm_json_int(j, "sum", sum);
    jm_json_int(j, "median", percentile(d, 50));
    jm_json_int(j, "p25", percentile(d, 25));
    jm_json_int(j, "p75", percentile(d, 75));
    jm_json_int(j, "p95", percentile(d, 95));
    jm_json_close(j);
}

/* ---- states and times ---- */

void jm_json_task_counts(jm_json *j, const char *key, const uint32_t counts[JM_TASK_STATE_COUNT], bool lower,
                         int64_t total)
{
    jm_json_open(j, key, '{');
    if (total >= 0) {
        jm_json_int(j, "total", total);
    }
    for (uint32_t s = 0; s < JM_TASK_STATE_COUNT; s++) {
        char name[32] = "";
        const char *upper = jm_task_state_name((jm_task_state)s);
        for (uint32_t i = 0; upper[i] != '\0' && i < sizeof name - 1; i++) {
            name[i] = lower ? (char)tolower((unsigned char)upper[i]) : upper[i];
        }
        jm_json_int(j, name, counts[s]);
    }
    jm_json_close(j);
}

void jm_json_job_times(jm_json *j, const char *key, const jm_job *job)
{
    jm_json_open(j, key, '{');
    for (uint32_t s = 0; s < JM_JOB_STATE_COUNT; s++) {
        jm_json_int(j, jm_job_state_name((jm_job_state)s), job->entered_ms[s]);
    }
    jm_json_close(j);
}

void jm_json_span(jm_json *j, jm_span span, int64_t now_ms)
{
    const int64_t end = span.end_ms == -1 ? now_ms : span.end_ms;
    jm_json_int(j, "start-time", span.start_ms);
    jm_json_int(j, "end-time", span.end_ms);
    jm_json_int(j, "duration", span.start_ms == -1 ? -1 : end - span.start_ms);
}

jm_span jm_job_span(const jm_job *job) { return (jm_span){jm_job_start_ms(job), jm_job_end_ms(job)}; }

jm_span jm_vertex_span(const jm_vertex *v) { return (jm_span){jm_vertex_start_ms(v), jm_vertex_end_ms(v)}; }

jm_span jm_subtask_span(const jm_subtask *t) { return (jm_span){jm_subtask_start_ms(t), jm_subtask_end_ms(t)}; }

const char *jm_backpressure_level(double ratio) { return ratio <= 0.10 ? "ok" : ratio <= 0.50 ? "low" : "high"; }
