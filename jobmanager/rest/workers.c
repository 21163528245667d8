/* Endpoints about TaskManagers. */
#include <string.h>

#include "base/alloc.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"

enum { MIB = 1 << 20 };

typedef struct worker_use {
    int64_t tasks; /* live ones */
    uint32_t slots_free;
} worker_use;

static int64_t live_tasks(const jm_job *job, uint64_t worker)
{
    int64_t n = 0;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            n += t->worker == worker && !jm_task_state_is_final(t->state);
        }
    }
    return n;
}

static worker_use use_of(const jm *self, const jm_worker *w)
{
    worker_use use = {.slots_free = jm_slot_pool_available_at(self->pool, w->number)};
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        use.tasks += live_tasks(self->jobs[i], w->number);
    }
    return use;
}

static void add_resource(jm_json *j, const char *key, const jm_worker *w, double share)
{
    jm_json_open(j, key, '{');
    jm_json_num(j, "cpuCores", (double)w->info->cores * share);
    jm_json_int(j, "taskHeapMemory", 0);
    jm_json_int(j, "taskOffHeapMemory", 0);
    jm_json_int(j, "managedMemory", 0);
    jm_json_int(j, "networkMemory", (int64_t)((double)w->info->network_bytes * share / MIB));
    jm_json_open(j, "extendedResources", '{');
    jm_json_close(j);
    jm_json_close(j);
}

static void add_hardware(jm_json *j, const jm_worker *w)
{
    const uint64_t rss = w->process.rss_bytes;
    jm_json_open(j, "hardware", '{');
    jm_json_int(j, "cpuCores", w->info->cores);
    jm_json_uint(j, "physicalMemory", w->info->memory_bytes);
    jm_json_uint(j, "freeMemory", rss < w->info->memory_bytes ? w->info->memory_bytes - rss : 0);
    jm_json_int(j, "managedMemory", 0);
    jm_json_close(j);
}

static void add_memory(jm_json *j, const jm_worker *w)
{
    static const char *const unknown[] = {"frameworkHeap", "taskHeap",         "frameworkOffHeap",
                                          "taskOffHeap",   "managedMemory",    "jvmMetaspace",
                                          "jvmOverhead",   "totalFlinkMemory", "totalProcessMemory"};
    jm_json_open(j, "memoryConfiguration", '{');
    for (size_t i = 0; i < WSL_ARRAY_LEN(unknown); i++) {
        jm_json_null(j, unknown[i]);
    }
    jm_json_uint(j, "networkMemory", w->info->network_bytes);
    jm_json_close(j);
}

/* The last part of an address: tcp://host:port. 0: it has no port. */
static int64_t port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon == NULL || strncmp(address, "tcp://", 6) != 0 ? 0 : strtol(colon + 1, NULL, 10);
}

/* The members of WORKER; the caller opens and closes. */
static void add_worker(jm_json *j, const jm *self, const jm_worker *w)
{
    const worker_use use = use_of(self, w);
    jm_json_str(j, "id", w->info->tm_id);
    jm_json_str(j, "path", w->info->data_address);
    jm_json_int(j, "dataPort", port_of(w->info->data_address));
    jm_json_int(j, "jmxPort", -1);
    jm_json_int(j, "timeSinceLastHeartbeat", w->heard_ms);
    jm_json_int(j, "slotsNumber", w->info->slots);
    jm_json_int(j, "freeSlots", use.slots_free);
    jm_json_int(j, "assignedTasks", use.tasks);
    add_resource(j, "totalResource", w, 1);
    add_resource(j, "freeResource", w, (double)use.slots_free / w->info->slots);
    add_hardware(j, w);
    add_memory(j, w);
    jm_json_int(j, "pid", w->info->pid);
    jm_json_num(j, "cpuLoad", w->cpu_load);
    jm_json_uint(j, "residentMemory", w->process.rss_bytes);
    jm_json_uint(j, "networkMemoryUsed", w->process.network_bytes_used);
}

void jm_h_taskmanagers(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "taskmanagers", '[');
    for (uint32_t i = 0; i < rest->jm->workers.n; i++) {
        jm_json_open(&j, NULL, '{');
        add_worker(&j, rest->jm, rest->jm->workers.all[i]);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_int(&j, "now", wsl_wall_ms(rest->jm->seams.clock)); /* to tell how long ago a heartbeat was */
    jm_json_close(&j);
}

static void add_slot(jm_json *j, const jm *self, const jm_worker *w, uint32_t index)
{
    const uint64_t owner = jm_slot_pool_owner(self->pool, (jm_slot){w->number, index});
    for (uint32_t i = 0; owner != 0 && i < self->n_jobs; i++) {
        const jm_job *job = self->jobs[i];
        if (job->number != owner) {
            continue;
        }
        uint32_t tasks = 0;
        for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
            tasks += job->slots[s].worker == w->number && job->slots[s].index == index ? job->slot_live[s] : 0;
        }
        jm_json_open(j, NULL, '{');
        jm_json_str(j, "jobId", job->id_text);
        add_resource(j, "resource", w, 1.0 / w->info->slots);
        jm_json_int(j, "assignedTasks", tasks);
        jm_json_close(j);
    }
}

/* Flink's names; heap is what this process keeps beside its network buffers, segments are counted in buffers. */
static void add_metrics(jm_json *j, const jm_rest *rest, const jm_worker *w)
{
    static const char *const zero[] = {"nonHeapUsed", "nonHeapCommitted", "nonHeapMax",
                                       "mappedCount", "mappedUsed",       "mappedMax"};
    const Wsl__Pb__ProcessMetrics *p = &w->process;
    const uint64_t heap = p->rss_bytes > p->network_bytes_used ? p->rss_bytes - p->network_bytes_used : 0;
    const uint64_t segment = wsl_config_size(rest->config, "taskmanager.memory.segment-size");
    const uint64_t available =
        p->network_bytes_total > p->network_bytes_used ? p->network_bytes_total - p->network_bytes_used : 0;
    jm_json_open(j, "metrics", '{');
    jm_json_uint(j, "heapUsed", heap);
    jm_json_uint(j, "heapCommitted", heap);
    jm_json_uint(j, "heapMax", w->info->memory_bytes);
    for (size_t i = 0; i < WSL_ARRAY_LEN(zero); i++) {
        jm_json_int(j, zero[i], 0);
    }
    jm_json_uint(j, "directCount", p->network_bytes_used / segment);
    jm_json_uint(j, "directUsed", p->network_bytes_used);
    jm_json_uint(j, "directMax", p->network_bytes_total);
    jm_json_uint(j, "nettyShuffleMemorySegmentsAvailable", available / segment);
    jm_json_uint(j, "nettyShuffleMemorySegmentsUsed", p->network_bytes_used / segment);
    jm_json_uint(j, "nettyShuffleMemorySegmentsTotal", p->network_bytes_total / segment);
    jm_json_uint(j, "nettyShuffleMemoryAvailable", available);
    jm_json_uint(j, "nettyShuffleMemoryUsed", p->network_bytes_used);
    jm_json_uint(j, "nettyShuffleMemoryTotal", p->network_bytes_total);
    jm_json_open(j, "garbageCollectors", '[');
    jm_json_close(j);
    jm_json_close(j);
}

void jm_h_taskmanager(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_worker *w = jm_workers_by_id(&rest->jm->workers, request->params[0]);
    if (w == NULL) {
        jm_rest_error(response, 404, "TaskManager %s not found.", request->params[0]);
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_worker(&j, rest->jm, w);
    jm_json_open(&j, "allocatedSlots", '[');
    for (uint32_t i = 0; i < w->info->slots; i++) {
        add_slot(&j, rest->jm, w, i);
    }
    jm_json_close(&j);
    add_metrics(&j, rest, w);
    jm_json_close(&j);
}
