#include "jobmanager/jm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/repeating.h"

enum {
    MESSAGES_PER_STEP = 256,     /* then REST gets its turn */
    CONTROL_HIGH_WATER = 100000, /* a TaskManager that does not read that many messages is lost */
};

jm_options jm_options_default(void)
{
    return (jm_options){
        .heartbeat_interval_ns = 10 * WSL_NS_PER_S,
        .heartbeat_timeout_ns = 50 * WSL_NS_PER_S,
        .metrics_interval_ns = WSL_NS_PER_S / 2,
        .slot_timeout_ns = 300 * WSL_NS_PER_S,
        .default_parallelism = 1,
    };
}

wsl_status jm_new(const jm_options *options, const wsl_seams *seams, jm **out_jm, wsl_error *err)
{
    WSL_ASSERT(options->listen_address != NULL && (options->artifact_dir != NULL || options->store_dir != NULL));
    WSL_ASSERT(options->heartbeat_timeout_ns > options->heartbeat_interval_ns && options->heartbeat_interval_ns > 0);
    WSL_AUTO(jm) self = wsl_zalloc(sizeof *self);
    self->options = *options;
    self->seams = *seams;
    self->fencing = wsl_id_random(seams->rng);
    self->pool = jm_slot_pool_new();
    self->operations = jm_operations_new();
    if (options->disk_stepped) {
        self->disk = jm_disk_new_stepped(options->waker, options->disk_waker);
    } else {
        WSL_TRY(jm_disk_new(seams->clock, options->waker, options->disk_thread, &self->disk, err));
    }
    self->started_ms = wsl_wall_ms(seams->clock);
    const wsl_status recovered = jm_recover(self, err); /* before anybody can ask */
    if (recovered != WSL_OK) {
        return wsl_fail_prefix(err, recovered, "jobs cannot be kept in '%s' (high-availability.storageDir)", options->store_dir);
    }
    self->options.artifact_dir = self->options.store_dir = NULL; /* copied */
    self->next_heartbeat_ns = wsl_now_ns(seams->clock) + options->heartbeat_interval_ns;
    const wsl_endpoint_options endpoint = {
        .heartbeat_ms = (uint32_t)(options->heartbeat_interval_ns / WSL_NS_PER_MS),
        .heartbeat_timeout_ms = (uint32_t)(options->heartbeat_timeout_ns / WSL_NS_PER_MS),
        .high_water_mark = CONTROL_HIGH_WATER,
        .waker = options->waker,
    };
    const wsl_status status =
        seams->transport->ops->listen(seams->transport, options->listen_address, &endpoint, &self->endpoint, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "cannot listen for TaskManagers (jobmanager.rpc.address, jobmanager.rpc.port)");
    }
    self->options.listen_address = NULL;
    *out_jm = WSL_TAKE(self);
    return WSL_OK;
}

void jm_free(jm *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        jm_job_free(self->jobs[i]);
    }
    free(self->jobs);
    self->n_jobs = 0;
    jm_disk_free(self->disk); /* what it still has belongs to nobody */
    jm_operations_free(self->operations);
    wsl_endpoint_close(self->endpoint);
    jm_workers_fini(&self->workers);
    jm_slot_pool_free(self->pool);
    jm_artifacts_free(self->artifacts);
    jm_store_free(self->store);
    free(self);
}

bool jm_step_disk(jm *self) { return jm_disk_work(self->disk); }

int jm_fd(jm *self) { return wsl_endpoint_fd(self->endpoint); }
const char *jm_address(jm *self) { return wsl_endpoint_address(self->endpoint); }

/* ---- sending ---- */

static const char connection_broke[] = "its connection broke (the process ended, or the network to it failed)";

void jm_doom(jm *self, jm_worker *worker, const char *reason)
{
    jm_worker_doom(worker, reason);
    self->doomed_any = true;
}

wsl_status jm_send(jm *self, jm_worker *worker, wsl_control_kind kind, void *body)
{
    if (worker->doomed != NULL) {
        return WSL_UNREACHABLE;
    }
    const wsl_status status = wsl_control_send(self->endpoint, worker->peer, &self->fencing, 0, kind, body);
    if (status == WSL_OK || status == WSL_TOO_LARGE) {
        return status;
    }
    jm_doom(self, worker, status == WSL_AGAIN ? "it does not read its messages" : connection_broke);
    return status;
}

static void send_heartbeats(jm *self, int64_t now_ns)
{
    Wsl__Pb__JmHeartbeat heartbeat = WSL__PB__JM_HEARTBEAT__INIT;
    for (uint32_t i = 0; i < self->workers.n; i++) {
        (void)jm_send(self, self->workers.all[i], WSL__PB__ENVELOPE__BODY_JM_HEARTBEAT, &heartbeat);
    }
    self->next_heartbeat_ns = now_ns + self->options.heartbeat_interval_ns;
}

/* ---- workers that go ---- */

static int64_t check_silence(jm *self, int64_t now_ns)
{
    int64_t deadline = WSL_NEVER;
    for (uint32_t i = 0; i < self->workers.n; i++) {
        jm_worker *w = self->workers.all[i];
        const int64_t at = w->heard_ns + self->options.heartbeat_timeout_ns;
        if (now_ns >= at) {
            char reason[96];
            (void)snprintf(reason, sizeof reason, "nothing was heard of it for %" PRId64 " ms (heartbeat.timeout)",
                           (now_ns - w->heard_ns) / WSL_NS_PER_MS);
            jm_doom(self, w, reason);
        } else {
            deadline = at < deadline ? at : deadline;
        }
    }
    return deadline;
}

static jm_worker *first_doomed(const jm *self)
{
    for (uint32_t i = 0; i < self->workers.n; i++) {
        if (self->workers.all[i]->doomed != NULL) {
            return self->workers.all[i];
        }
    }
    return NULL;
}

static void bury_doomed(jm *self)
{
    for (jm_worker *w = first_doomed(self); w != NULL; w = first_doomed(self)) {
        wsl_log(self->seams.log, WSL_LOG_WARN, "taskmanager.lost", "tm=%s slots=%u reason=%s", w->info->tm_id,
                w->info->slots, w->doomed);
        jm_slot_pool_remove(self->pool, w->number);
        for (uint32_t i = 0; i < self->n_jobs; i++) {
            jm_job_on_worker_lost(self->jobs[i], w->number, w->info->tm_id, w->doomed);
        }
        jm_workers_remove(&self->workers, w);
    }
    self->doomed_any = false;
}

/* ---- jobs ---- */

jm_job *jm_find_job(const jm *self, const wsl_id *id)
{
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        if (wsl_id_equal(&self->jobs[i]->id, id)) {
            return self->jobs[i];
        }
    }
    return NULL;
}

void jm_add_job(jm *self, jm_job *job)
{
    self->jobs = wsl_realloc(self->jobs, (self->n_jobs + 1) * sizeof(jm_job *));
    self->jobs[self->n_jobs++] = job;
}

/* In order of submission; a job that does not fit does not keep a smaller one behind it from running. */
static void schedule(jm *self)
{
    self->schedule_wanted = false;
    for (uint32_t i = 0; i < self->n_jobs && !self->doomed_any; i++) {
        if (jm_job_wants_slots(self->jobs[i])) {
            (void)jm_job_try_start(self->jobs[i]);
        }
    }
    self->schedule_wanted |= self->doomed_any; /* those behind have not been looked at */
}

/* Forgets the oldest ended jobs beyond the maximum. */
static void retire(jm *self)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        ended += jm_job_ended(self->jobs[i]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        jm_job *job = self->jobs[i];
        if (ended > JM_TERMINAL_JOBS_MAX && jm_job_ended(job)) {
            jm_job_forget(job);
            jm_job_free(job);
            ended--;
        } else {
            self->jobs[kept++] = job;
        }
    }
    self->n_jobs = kept;
}

static wsl_status check_submission(const jm *self, const wsl_job_graph *graph, wsl_error *err)
{
    const uint32_t live = jm_jobs_live(self);
    if (live >= JM_JOBS_MAX) {
        return wsl_fail(err, WSL_NO_RESOURCE, "%u jobs are running or waiting; cancel some first", live);
    }
    wsl_id hash;
    if (graph->artifact[0] == '\0') {
        return WSL_OK;
    }
    if (!wsl_id_parse(graph->artifact, &hash) || !jm_artifacts_has(self->artifacts, &hash)) {
        return wsl_fail(err, WSL_NOT_FOUND,
                        "the job's library '%s' is not here; upload it first (POST /wiesel/v1/artifacts)",
                        graph->artifact);
    }
    return WSL_OK;
}

typedef struct defaults {
    wsl_job_graph *graph;
    wsl_status status;
    wsl_error *err;
} defaults;

static bool is_clusters(const char *key)
{
    static const char *const prefixes[] = {"execution.checkpointing.", "restart-strategy", "web.checkpoints.",
                                           "jobmanager.execution.", "jobmanager.scheduler",
                                           "jobmanager.adaptive-scheduler.", "pipeline.on-error"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(prefixes); i++) {
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* An option of the cluster's configuration, if it is one that jobs inherit and this one does not set. */
static void add_default(void *arg, const wsl_option *option, const char *value, const char *origin)
{
    defaults *d = arg;
    if (value == NULL || origin == NULL || !is_clusters(option->name) || d->status != WSL_OK) {
        return;
    }
    for (size_t i = 0; i < d->graph->n_config; i++) {
        const char *key = d->graph->config[i]->key;
        if (strcmp(key, option->name) == 0 || (option->also != NULL && strcmp(key, option->also) == 0)) {
            return;
        }
    }
    d->status = wsl_job_graph_set_option(d->graph, option->name, value, origin, d->err);
}

static wsl_status add_defaults(const jm *self, wsl_job_graph *graph, wsl_error *err)
{
    defaults d = {.graph = graph, .err = err};
    if (self->options.job_defaults != NULL) {
        wsl_config_each(self->options.job_defaults, add_default, &d);
    }
    return d.status;
}

wsl_status jm_submit(jm *self, wsl_job_graph *graph, wsl_id *out_job, wsl_error *err)
{
    WSL_AUTO(wsl_config) config = NULL;
    WSL_AUTO(wsl_job_plan) plan = NULL;
    WSL_TRY(check_submission(self, graph, err));
    WSL_AUTO(wsl_job_graph) copy = (wsl_job_graph *)wsl_pb_copy(&graph->base); /* a refused graph stays the caller's */
    WSL_TRY(add_defaults(self, copy, err));
    WSL_TRY(wsl_job_config_new(copy, &config, err));
    WSL_TRY(wsl_job_plan_new(copy, self->options.default_parallelism, &plan, err));
    (void)WSL_TAKE(copy);
    const wsl_id id = wsl_id_random(self->seams.rng);
    jm_job *job = NULL;
    wsl_status status = jm_job_new(self, &id, plan, config, &job, err);
    if (status != WSL_OK) {
        return status;
    }
    status = jm_job_keep_new(job, err);
    if (status != WSL_OK) {
        jm_job_unmake(job);
        return status;
    }
    (void)WSL_TAKE(plan);
    (void)WSL_TAKE(config);
    wsl_job_graph_free(graph);
    jm_add_job(self, job);
    self->schedule_wanted = true;
    wsl_log(job->log, WSL_LOG_INFO, "job.submitted", "name=%s vertices=%u tasks=%u slots=%u", jm_job_name(job),
            job->plan->n_vertices, job->graph.n_tasks, job->sharing.n_slots);
    jm_repeating_log(job);
    wsl_wake(&self->options.waker);
    *out_job = id;
    return WSL_OK;
}

wsl_status jm_put_artifact(jm *self, const void *bytes, size_t size, wsl_id *out_hash, wsl_error *err)
{
    return jm_artifacts_put(self->artifacts, bytes, size, out_hash, err);
}

static wsl_status no_job(const wsl_id *id, wsl_error *err)
{
    char text[WSL_ID_TEXT_SIZE];
    return wsl_fail(err, WSL_NOT_FOUND, "there is no job %s", wsl_id_text(id, text));
}

wsl_status jm_cancel(jm *self, const wsl_id *id, wsl_error *err)
{
    jm_job *job = jm_find_job(self, id);
    if (job == NULL) {
        return no_job(id, err);
    }
    if (!jm_job_cancel(job)) {
        return wsl_fail(err, WSL_STATE, "job %s cannot be canceled: it has already ended as %s", job->id_text,
                        jm_job_state_name(job->state));
    }
    wsl_wake(&self->options.waker);
    return WSL_OK;
}

wsl_status jm_collect_rows(jm *self, const wsl_id *id, uint32_t operator_id, uint64_t from, uint64_t max_bytes,
                           void (*fn)(void *arg, const wsl_row *row), void *arg, uint64_t *out_next, bool *out_end,
                           wsl_error *err)
{
    const jm_job *job = jm_find_job(self, id);
    if (job == NULL) {
        return no_job(id, err);
    }
    jm_collect *collect = jm_job_collect(job, operator_id);
    if (collect == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "job %s has no such collect sink", job->id_text);
    }
    return jm_collect_read(collect, from, max_bytes, fn, arg, out_next, out_end, err);
}

const wsl_schema *jm_collect_rows_schema(jm *self, const wsl_id *id, uint32_t operator_id)
{
    const jm_job *job = jm_find_job(self, id);
    const jm_collect *collect = job == NULL ? NULL : jm_job_collect(job, operator_id);
    return collect == NULL ? NULL : jm_collect_schema(collect);
}

uint32_t jm_jobs_live(const jm *self)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        live += !jm_job_ended(self->jobs[i]);
    }
    return live;
}

uint64_t jm_epoch(const jm *self) { return self->store == NULL ? 0 : jm_store_epoch(self->store); }
uint32_t jm_task_managers(const jm *self) { return self->workers.n; }
uint32_t jm_slots_total(const jm *self) { return jm_slot_pool_total(self->pool); }
uint32_t jm_slots_available(const jm *self) { return jm_slot_pool_available(self->pool); }

/* ---- the step ---- */

static void on_event(jm *self, wsl_net_event *event)
{
    if (event->kind == WSL_NET_MESSAGE) {
        jm_control_receive(self, event->peer, &event->message);
        return;
    }
    jm_worker *worker = event->kind == WSL_NET_GONE ? jm_workers_by_peer(&self->workers, event->peer) : NULL;
    if (worker != NULL) {
        wsl_log(self->seams.log, WSL_LOG_DEBUG, "control.gone", "peer=%s reason=%s", event->peer,
                event->reason == NULL ? "" : event->reason);
        jm_doom(self, worker, connection_broke);
    }
}

/* True: there may be more. */
static bool receive(jm *self)
{
    for (uint32_t i = 0; i < MESSAGES_PER_STEP; i++) {
        wsl_net_event event = {0};
        if (wsl_endpoint_receive(self->endpoint, &event) != WSL_OK) {
            return false;
        }
        on_event(self, &event);
    }
    return true;
}

static int64_t step_jobs(jm *self, int64_t now_ns)
{
    int64_t deadline = WSL_NEVER;
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        const int64_t at = jm_job_step(self->jobs[i], now_ns);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t jm_step(jm *self)
{
    const bool more = receive(self);
    jm_disk_step(self->disk);
    const int64_t now_ns = wsl_now_ns(self->seams.clock);
    if (self->workers.n > 0 && now_ns >= self->next_heartbeat_ns) {
        send_heartbeats(self, now_ns);
    }
    const int64_t silence_ns = check_silence(self, now_ns);
    int64_t deadline = WSL_NEVER;
    do {
        bury_doomed(self);
        if (self->schedule_wanted) {
            schedule(self);
        }
        deadline = step_jobs(self, now_ns);
    } while (self->doomed_any || self->schedule_wanted);
    retire(self);
    jm_step_keep_operations(self);
    if (more) {
        return now_ns;
    }
    deadline = earlier(deadline, silence_ns);
    return self->workers.n > 0 ? earlier(deadline, self->next_heartbeat_ns) : deadline;
}
