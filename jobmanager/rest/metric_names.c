#include "jobmanager/rest/metric_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

static jm_metric of_int(int64_t v) { return (jm_metric){.type = JM_METRIC_INT, .integer = v}; }
static jm_metric of_uint(uint64_t v) { return of_int(v > INT64_MAX ? INT64_MAX : (int64_t)v); }
static jm_metric of_double(double v) { return (jm_metric){.type = JM_METRIC_DOUBLE, .number = v}; }
static jm_metric of_bool(bool v) { return (jm_metric){.type = JM_METRIC_BOOL, .integer = v}; }

/* ---- tasks ---- */

static void task_counters(const jm_subtask *t, jm_metric_fn fn, void *arg)
{
    const Wsl__Pb__TaskMetrics *m = t->metrics.last;
    const jm_rates *r = &t->metrics.rates;
    fn(arg, "numRecordsIn", of_uint(m->records_in));
    fn(arg, "numRecordsOut", of_uint(m->records_out));
    fn(arg, "numRecordsInErrors", of_uint(m->records_in_errors));
    fn(arg, "numBytesIn", of_uint(m->bytes_in));
    fn(arg, "numBytesOut", of_uint(m->bytes_out));
    fn(arg, "numBuffersIn", of_uint(m->buffers_in));
    fn(arg, "numBuffersOut", of_uint(m->buffers_out));
    fn(arg, "numRecordsInPerSecond", of_double(r->records_in));
    fn(arg, "numRecordsOutPerSecond", of_double(r->records_out));
    fn(arg, "numBytesInPerSecond", of_double(r->bytes_in));
    fn(arg, "numBytesOutPerSecond", of_double(r->bytes_out));
    fn(arg, "numBuffersInPerSecond", of_double(r->buffers_in));
    fn(arg, "numBuffersOutPerSecond", of_double(r->buffers_out));
    fn(arg, "currentInputWatermark", of_int(m->input_watermark));
    fn(arg, "currentOutputWatermark", of_int(m->output_watermark));
}

static void task_load(const jm_subtask *t, jm_metric_fn fn, void *arg)
{
    const Wsl__Pb__TaskMetrics *m = t->metrics.last;
    const jm_rates *r = &t->metrics.rates;
    fn(arg, "busyTimeMsPerSecond", of_double(r->busy_ms));
    fn(arg, "idleTimeMsPerSecond", of_double(r->idle_ms));
    fn(arg, "backPressuredTimeMsPerSecond", of_double(r->backpressured_ms));
    fn(arg, "softBackPressuredTimeMsPerSecond", of_double(r->backpressured_ms));
    fn(arg, "hardBackPressuredTimeMsPerSecond", of_double(0));
    fn(arg, "accumulateBusyTimeMs", of_uint(m->busy_ns / WSL_NS_PER_MS));
    fn(arg, "accumulateIdleTimeMs", of_uint(m->idle_ns / WSL_NS_PER_MS));
    fn(arg, "accumulateBackPressuredTimeMs", of_uint(m->backpressured_ns / WSL_NS_PER_MS));
    fn(arg, "isBackPressured", of_bool(r->backpressured_ms > 500));
}

static void channel(const char *side, const Wsl__Pb__ChannelMetrics *c, bool input, jm_metric_fn fn, void *arg)
{
    char name[96];
    (void)snprintf(name, sizeof name, "channel.%s.%u.%u.queue", side, c->edge, c->peer_subtask);
    fn(arg, name, of_int(c->queue));
    (void)snprintf(name, sizeof name, "channel.%s.%u.%u.credits", side, c->edge, c->peer_subtask);
    fn(arg, name, of_int(c->credits));
    if (input) {
        (void)snprintf(name, sizeof name, "channel.%s.%u.%u.watermark", side, c->edge, c->peer_subtask);
        fn(arg, name, of_int(c->watermark));
        (void)snprintf(name, sizeof name, "channel.%s.%u.%u.idle", side, c->edge, c->peer_subtask);
        fn(arg, name, of_bool(c->idle));
    }
}

static void task_channels(const jm_subtask *t, jm_metric_fn fn, void *arg)
{
    const Wsl__Pb__TaskMetrics *m = t->metrics.last;
    int64_t in_queue = 0;
    int64_t out_queue = 0;
    for (size_t i = 0; i < m->n_inputs; i++) {
        in_queue += m->inputs[i]->queue;
        channel("input", m->inputs[i], true, fn, arg);
    }
    for (size_t i = 0; i < m->n_outputs; i++) {
        out_queue += m->outputs[i]->queue;
        channel("output", m->outputs[i], false, fn, arg);
    }
    fn(arg, "Shuffle.Netty.Input.Buffers.inputQueueLength", of_int(in_queue));
    fn(arg, "Shuffle.Netty.Output.Buffers.outputQueueLength", of_int(out_queue));
    fn(arg, "buffers.inputQueueLength", of_int(in_queue));
    fn(arg, "buffers.outputQueueLength", of_int(out_queue));
}

void jm_metrics_of_task(const jm_subtask *t, jm_metric_fn fn, void *arg)
{
    task_counters(t, fn, arg);
    task_load(t, fn, arg);
    task_channels(t, fn, arg);
    for (size_t i = 0; i < t->metrics.last->n_counts; i++) {
        const Wsl__Pb__NamedCount *c = t->metrics.last->counts[i];
        fn(arg, c->name, of_int(c->value));
    }
}

/* ---- jobs ---- */

/* Time spent in a state up to now, or until the job left it; 0 if never there. States without a row of their own end
 * when the next one began. */
static int64_t time_in(const jm_job *job, jm_job_state state, int64_t now_ms)
{
    const int64_t entered = job->entered_ms[state];
    int64_t left = now_ms;
    if (entered == 0) {
        return 0;
    }
    for (uint32_t s = 0; s < JM_JOB_STATE_COUNT; s++) {
        const int64_t other = job->entered_ms[s];
        if (s != (uint32_t)state && job->state != state && other >= entered && other < left) {
            left = other;
        }
    }
    return left - entered;
}

void jm_metrics_of_job(const jm_job *job, int64_t now_ms, jm_metric_fn fn, void *arg)
{
    const int64_t end = jm_job_ended(job) ? jm_job_end_ms(job) : now_ms;
    const bool runs = job->state == JM_JOB_RUNNING;
    fn(arg, "uptime", of_int(runs ? now_ms - job->entered_ms[JM_JOB_RUNNING] : -1));
    fn(arg, "downtime", of_int(0));
    fn(arg, "numRestarts", of_int(job->attempt - 1));
    fn(arg, "fullRestarts", of_int(job->attempt - 1));
    fn(arg, "initializingTime", of_int(time_in(job, JM_JOB_INITIALIZING, end)));
    fn(arg, "createdTime", of_int(time_in(job, JM_JOB_CREATED, end)));
    fn(arg, "runningTime", of_int(time_in(job, JM_JOB_RUNNING, end)));
    fn(arg, "restartingTime", of_int(time_in(job, JM_JOB_RESTARTING, end)));
    fn(arg, "cancellingTime", of_int(time_in(job, JM_JOB_CANCELLING, end)));
    fn(arg, "failingTime", of_int(time_in(job, JM_JOB_FAILING, end)));
}

/* ---- processes; a process without a JVM keeps the names and gives its own numbers ---- */

static void process_zeros(jm_metric_fn fn, void *arg)
{
    static const char *const zero[] = {
        "Status.JVM.Memory.NonHeap.Used",         "Status.JVM.Memory.NonHeap.Committed",
        "Status.JVM.Memory.NonHeap.Max",          "Status.JVM.Memory.Metaspace.Used",
        "Status.JVM.Memory.Metaspace.Committed",  "Status.JVM.Memory.Metaspace.Max",
        "Status.JVM.Memory.Mapped.Count",         "Status.JVM.Memory.Mapped.MemoryUsed",
        "Status.JVM.Memory.Mapped.TotalCapacity", "Status.JVM.GarbageCollector.All.Count",
        "Status.JVM.GarbageCollector.All.Time",   "Status.JVM.GarbageCollector.All.TimeMsPerSecond",
        "Status.JVM.ClassLoader.ClassesLoaded",   "Status.JVM.ClassLoader.ClassesUnloaded",
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(zero); i++) {
        fn(arg, zero[i], of_int(0));
    }
}

static void worker_network(const Wsl__Pb__ProcessMetrics *p, uint64_t segment_size, jm_metric_fn fn, void *arg)
{
    const uint64_t total = p->network_bytes_total;
    const uint64_t used = p->network_bytes_used < total ? p->network_bytes_used : total;
    fn(arg, "Status.Shuffle.Netty.TotalMemory", of_uint(total));
    fn(arg, "Status.Shuffle.Netty.UsedMemory", of_uint(used));
    fn(arg, "Status.Shuffle.Netty.AvailableMemory", of_uint(total - used));
    fn(arg, "Status.Shuffle.Netty.TotalMemorySegments", of_uint(total / segment_size));
    fn(arg, "Status.Shuffle.Netty.UsedMemorySegments", of_uint(used / segment_size));
    fn(arg, "Status.Shuffle.Netty.AvailableMemorySegments", of_uint((total - used) / segment_size));
    fn(arg, "Status.Shuffle.Netty.RequestedMemoryUsage", of_uint(total == 0 ? 0 : used * 100 / total));
    fn(arg, "Status.JVM.Memory.Direct.Count", of_uint(used / segment_size));
    fn(arg, "Status.JVM.Memory.Direct.MemoryUsed", of_uint(used));
    fn(arg, "Status.JVM.Memory.Direct.TotalCapacity", of_uint(total));
}

void jm_metrics_of_worker(const jm_worker *w, uint64_t segment_size, jm_metric_fn fn, void *arg)
{
    const Wsl__Pb__ProcessMetrics *p = &w->process;
    const uint64_t heap = p->rss_bytes > p->network_bytes_used ? p->rss_bytes - p->network_bytes_used : 0;
    fn(arg, "Status.JVM.CPU.Load", of_double(w->info->cores == 0 ? 0 : w->cpu_load / w->info->cores));
    fn(arg, "Status.JVM.CPU.Time", of_uint(p->cpu_ns));
    fn(arg, "Status.JVM.Threads.Count", of_int(p->threads));
    fn(arg, "Status.JVM.FileDescriptor.Open", of_int(p->open_files));
    fn(arg, "Status.JVM.Memory.Heap.Used", of_uint(heap));
    fn(arg, "Status.JVM.Memory.Heap.Committed", of_uint(heap));
    fn(arg, "Status.JVM.Memory.Heap.Max", of_uint(w->info->memory_bytes));
    fn(arg, "Status.Flink.Memory.Managed.Used", of_int(0));
    fn(arg, "Status.Flink.Memory.Managed.Total", of_int(0));
    worker_network(p, segment_size, fn, arg);
    process_zeros(fn, arg);
}

void jm_metrics_of_jm(const jm *self, const wsl_proc_stats *process, jm_metric_fn fn, void *arg)
{
    int64_t running = 0;
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        running += self->jobs[i]->state == JM_JOB_RUNNING;
    }
    fn(arg, "numRegisteredTaskManagers", of_int(self->workers.n));
    fn(arg, "numRunningJobs", of_int(running));
    fn(arg, "taskSlotsTotal", of_int(jm_slots_total(self)));
    fn(arg, "taskSlotsAvailable", of_int(jm_slots_available(self)));
    fn(arg, "Status.JVM.CPU.Time", of_int(process->cpu_ns));
    fn(arg, "Status.JVM.Threads.Count", of_int(process->threads));
    fn(arg, "Status.JVM.FileDescriptor.Open", of_int(process->open_files));
    fn(arg, "Status.JVM.FileDescriptor.Max", of_int(process->max_files));
    fn(arg, "Status.JVM.Memory.Heap.Used", of_uint(process->rss_bytes));
    fn(arg, "Status.JVM.Memory.Heap.Committed", of_uint(process->rss_bytes));
    fn(arg, "Status.JVM.Memory.Heap.Max", of_uint(process->peak_rss_bytes));
    fn(arg, "Status.JVM.Memory.Direct.Count", of_int(0));
    fn(arg, "Status.JVM.Memory.Direct.MemoryUsed", of_int(0));
    fn(arg, "Status.JVM.Memory.Direct.TotalCapacity", of_int(0));
    process_zeros(fn, arg);
}

/* ---- values ---- */

void jm_metric_text(jm_metric value, char *out, uint32_t size)
{
    char number[WSL_NUMBER_TEXT_MAX];
    switch (value.type) {
    case JM_METRIC_BOOL:
        (void)snprintf(out, size, "%s", value.integer != 0 ? "true" : "false");
        break;
    case JM_METRIC_DOUBLE:
        (void)snprintf(out, size, "%.*s", (int)wsl_print_double(value.number, number), number);
        break;
    default:
        (void)snprintf(out, size, "%" PRId64, value.integer);
        break;
    }
}

double jm_metric_number(jm_metric value)
{
    return value.type == JM_METRIC_DOUBLE ? value.number : (double)value.integer;
}
