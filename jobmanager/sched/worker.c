#include "jobmanager/sched/worker.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static void worker_free(jm_worker *w)
{
    free(w->peer);
    free(w->doomed);
    wsl__pb__register__free_unpacked(w->info, NULL);
    free(w);
}

void jm_workers_fini(jm_workers *workers)
{
    for (uint32_t i = 0; i < workers->n; i++) {
        worker_free(workers->all[i]);
    }
    free(workers->all);
    *workers = (jm_workers){0};
}

jm_worker *jm_workers_add(jm_workers *workers, uint64_t number, const char *peer, Wsl__Pb__Register *info,
                          int64_t now_ns, int64_t now_ms)
{
    if (workers->n == workers->capacity) {
        workers->capacity = workers->capacity == 0 ? 8 : 2 * workers->capacity;
        workers->all = wsl_realloc(workers->all, workers->capacity * sizeof *workers->all);
    }
    jm_worker *w = wsl_zalloc(sizeof *w);
    w->number = number;
    w->peer = wsl_strdup(peer);
    w->info = info;
    w->heard_ns = now_ns;
    w->heard_ms = now_ms;
    wsl__pb__process_metrics__init(&w->process);
    workers->all[workers->n++] = w;
    return w;
}

void jm_workers_remove(jm_workers *workers, jm_worker *worker)
{
    uint32_t at = 0;
    while (at < workers->n && workers->all[at] != worker) {
        at++;
    }
    WSL_ASSERT(at < workers->n);
    workers->n--;
    memmove(&workers->all[at], &workers->all[at + 1], (workers->n - at) * sizeof(jm_worker *));
    worker_free(worker);
}

jm_worker *jm_workers_by_number(const jm_workers *workers, uint64_t number)
{
    for (uint32_t i = 0; i < workers->n; i++) {
        if (workers->all[i]->number == number) {
            return workers->all[i];
        }
    }
    return NULL;
}

jm_worker *jm_workers_by_peer(const jm_workers *workers, const char *peer)
{
    for (uint32_t i = 0; i < workers->n; i++) {
        if (strcmp(workers->all[i]->peer, peer) == 0) {
            return workers->all[i];
        }
    }
    return NULL;
}

jm_worker *jm_workers_by_id(const jm_workers *workers, const char *tm_id)
{
    for (uint32_t i = 0; i < workers->n; i++) {
        if (strcmp(workers->all[i]->info->tm_id, tm_id) == 0) {
            return workers->all[i];
        }
    }
    return NULL;
}

void jm_worker_doom(jm_worker *worker, const char *reason)
{
    if (worker->doomed == NULL) {
        worker->doomed = wsl_strdup(reason);
    }
}

void jm_worker_sample(jm_worker *worker, const Wsl__Pb__ProcessMetrics *process, int64_t now_ns)
{
    if (worker->has_process && now_ns > worker->sampled_ns && process->cpu_ns >= worker->process.cpu_ns) {
        worker->cpu_load = (double)(process->cpu_ns - worker->process.cpu_ns) / (double)(now_ns - worker->sampled_ns);
    }
    const ProtobufCMessage base = worker->process.base;
    worker->process = *process;
    worker->process.base = base; /* unknown fields stay with the message they came in */
    worker->has_process = true;
    worker->sampled_ns = now_ns;
}

char *jm_worker_endpoint(const jm_worker *worker)
{
    const char *address = worker->info->data_address;
    return wsl_strdup(strncmp(address, "tcp://", 6) == 0 ? address + 6 : worker->info->tm_id);
}
