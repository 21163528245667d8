/*
 * What TaskManagers say: one row per kind of envelope. A peer must be registered for all of them but `register`, and
 * its envelopes must carry this JobManager's fencing token; who fails that is answered with a refusal and may register
 * again.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "jobmanager/jm_core.h"

typedef void (*handler_fn)(jm *self, jm_worker *from, wsl_envelope *e);

/* ---- refusals ---- */

static void refuse(jm *self, const char *peer, bool fatal, const char *reason)
{
    Wsl__Pb__Refused refused = WSL__PB__REFUSED__INIT;
    refused.reason = wsl_pb_text(reason);
    refused.fatal = fatal;
    wsl_log(self->seams.log, WSL_LOG_WARN, "control.refused", "peer=%s fatal=%d reason=%s", peer, fatal, reason);
    (void)wsl_control_send(self->endpoint, peer, NULL, 0, WSL__PB__ENVELOPE__BODY_REFUSED, &refused);
}

/* ---- registration ---- */

static void accept(jm *self, jm_worker *worker)
{
    char id[WSL_ID_TEXT_SIZE];
    Wsl__Pb__RegisterAccepted m = WSL__PB__REGISTER_ACCEPTED__INIT;
    m.fencing = wsl_pb_bytes(self->fencing.bytes, sizeof self->fencing.bytes);
    m.jm_id = wsl_pb_text(wsl_id_text(&self->fencing, id));
    if (self->store != NULL) {
        m.epoch = jm_store_epoch(self->store);
        m.cluster = wsl_pb_bytes(jm_store_cluster(self->store)->bytes, sizeof self->fencing.bytes);
    }
    m.heartbeat_interval_ms = (uint32_t)(self->options.heartbeat_interval_ns / WSL_NS_PER_MS);
    m.heartbeat_timeout_ms = (uint32_t)(self->options.heartbeat_timeout_ns / WSL_NS_PER_MS);
    m.metrics_interval_ms = (uint32_t)(self->options.metrics_interval_ns / WSL_NS_PER_MS);
    (void)jm_send(self, worker, WSL__PB__ENVELOPE__BODY_REGISTER_ACCEPTED, &m);
}

static void add_worker(jm *self, const char *peer, wsl_envelope *e)
{
    Wsl__Pb__Register *info = WSL_TAKE(e->register_);
    e->body_case = WSL__PB__ENVELOPE__BODY__NOT_SET;
    const uint64_t number = jm_slot_pool_add(self->pool, info->slots);
    jm_worker *w = jm_workers_add(&self->workers, number, peer, info, wsl_now_ns(self->seams.clock),
                                  wsl_wall_ms(self->seams.clock));
    wsl_log(self->seams.log, WSL_LOG_INFO, "taskmanager.registered",
            "tm=%s slots=%u data=%s pid=%" PRId64 " version=%s", info->tm_id, info->slots, info->data_address,
            info->pid, info->version);
    if (self->workers.n == 1) {
        self->next_heartbeat_ns = w->heard_ns + self->options.heartbeat_interval_ns;
    }
    accept(self, w);
    self->schedule_wanted = true;
}

static void on_register(jm *self, const char *peer, wsl_envelope *e)
{
    jm_worker *same_peer = jm_workers_by_peer(&self->workers, peer);
    if (same_peer != NULL) {
        if (strcmp(same_peer->info->tm_id, e->register_->tm_id) != 0 ||
            strcmp(same_peer->info->incarnation, e->register_->incarnation) != 0) {
            refuse(self, peer, false, "this connection is registered for another TaskManager");
            return;
        }
        accept(self, same_peer); /* our first answer was lost */
        return;
    }
    if (jm_workers_by_id(&self->workers, e->register_->tm_id) != NULL) {
        refuse(self, peer, false,
               "a TaskManager with this id is registered and alive; give each its own taskmanager.resource-id, or wait "
               "until "
               "the old one is noticed as lost");
        return;
    }
    add_worker(self, peer, e);
}

/* ---- messages of registered TaskManagers ---- */

/* The job a task id names; logs reports about jobs that are gone. */
static jm_job *job_of(const jm *self, const Wsl__Pb__TaskId *task)
{
    const wsl_id id = wsl_pb_task_job(task);
    return jm_find_job(self, &id);
}

static void on_heartbeat(jm *self, jm_worker *from, wsl_envelope *e)
{
    Wsl__Pb__TmHeartbeat *h = e->tm_heartbeat;
    if (h->process != NULL) {
        jm_worker_sample(from, h->process, from->heard_ns);
    }
    for (size_t i = 0; i < h->n_tasks; i++) {
        jm_job *job = job_of(self, h->tasks[i]->task);
        if (job != NULL) {
            jm_job_on_metrics(job, from, WSL_TAKE(h->tasks[i]));
        }
    }
    for (size_t i = 0; i < h->n_lost; i++) {
        wsl_log(self->seams.log, WSL_LOG_WARN, "taskmanager.peer_lost", "tm=%s peer=%s reason=%s", from->info->tm_id,
                h->lost[i]->tm_id, h->lost[i]->reason);
    }
}

static void on_task_state(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->task_state->task);
    if (job != NULL) {
        jm_job_on_task_state(job, from, e->task_state);
    }
}

static void on_artifact_request(jm *self, jm_worker *from, wsl_envelope *e)
{
    wsl_id hash;
    wsl_error err = {0};
    uint8_t *bytes = wsl_alloc(WSL_ARTIFACT_CHUNK_MAX);
    size_t got = 0;
    uint64_t total = 0;
    const bool parsed = wsl_id_parse(e->artifact_request->hash, &hash);
    Wsl__Pb__ArtifactChunk m = WSL__PB__ARTIFACT_CHUNK__INIT;
    m.hash = e->artifact_request->hash;
    if (!parsed || jm_artifacts_read(self->artifacts, &hash, e->artifact_request->offset, bytes, WSL_ARTIFACT_CHUNK_MAX,
                                     &got, &total, &err) != WSL_OK) {
        wsl_log(self->seams.log, WSL_LOG_WARN, "artifact.missing", "tm=%s hash=%s reason=%s", from->info->tm_id, m.hash,
                err.text);
        m.missing = true;
    } else {
        m.offset = e->artifact_request->offset < total ? e->artifact_request->offset : total;
        m.total = total;
        m.data = wsl_pb_bytes(bytes, got);
    }
    (void)jm_send(self, from, WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK, &m);
    free(bytes);
}

static void on_split_request(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->split_request->task);
    if (job != NULL) {
        jm_job_on_split_request(job, from, e->split_request);
    }
}

static void on_collect_data(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->collect_data->task);
    if (job != NULL) {
        jm_job_on_collect(job, from, e->collect_data);
    }
}

static void on_alignment_report(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->alignment_report->task);
    if (job != NULL) {
        jm_job_on_alignment_report(job, from, e->alignment_report);
    }
}

static void on_checkpoint_ack(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->checkpoint_ack->task);
    if (job != NULL) {
        jm_job_on_checkpoint_ack(job, from, e->checkpoint_ack);
    }
}

static void on_checkpoint_declined(jm *self, jm_worker *from, wsl_envelope *e)
{
    jm_job *job = job_of(self, e->checkpoint_declined->task);
    if (job != NULL) {
        jm_job_on_checkpoint_declined(job, from, e->checkpoint_declined);
    }
}

static void on_goodbye(jm *self, jm_worker *from, wsl_envelope *e)
{
    char *reason = wsl_asprintf("it said goodbye%s%s", e->goodbye->reason[0] == '\0' ? "" : ": ", e->goodbye->reason);
    jm_doom(self, from, reason);
    free(reason);
}

/* clang-format off */
static const struct {
    wsl_control_kind kind;
    handler_fn handle;
} handlers[] = {
    {WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT,     on_heartbeat},
    {WSL__PB__ENVELOPE__BODY_TASK_STATE,       on_task_state},
    {WSL__PB__ENVELOPE__BODY_ARTIFACT_REQUEST, on_artifact_request},
    {WSL__PB__ENVELOPE__BODY_SPLIT_REQUEST,    on_split_request},
    {WSL__PB__ENVELOPE__BODY_COLLECT_DATA,     on_collect_data},
    {WSL__PB__ENVELOPE__BODY_ALIGNMENT_REPORT, on_alignment_report},
    {WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK,   on_checkpoint_ack},
    {WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, on_checkpoint_declined},
    {WSL__PB__ENVELOPE__BODY_GOODBYE,          on_goodbye},
};
/* clang-format on */

static void handle(jm *self, const char *peer, wsl_envelope *e)
{
    jm_worker *from = jm_workers_by_peer(&self->workers, peer);
    if (from == NULL || from->doomed != NULL) {
        refuse(self, peer, false, "not registered here; register again");
        return;
    }
    if (!wsl_control_fenced(e, &self->fencing)) {
        refuse(self, peer, false, "the message carries the fencing token of another JobManager; register again");
        return;
    }
    from->heard_ns = wsl_now_ns(self->seams.clock);
    from->heard_ms = wsl_wall_ms(self->seams.clock);
    for (size_t i = 0; i < WSL_ARRAY_LEN(handlers); i++) {
        if (handlers[i].kind == e->body_case) {
            handlers[i].handle(self, from, e);
            return;
        }
    }
}

void jm_control_receive(jm *self, const char *peer, wsl_message *message)
{
    WSL_AUTO(wsl_envelope) e = NULL;
    wsl_error err = {0};
    const wsl_status status = wsl_control_decode(message->data, message->size, WSL_TO_JOBMANAGER, &e, &err);
    wsl_message_release(message);
    if (status != WSL_OK) {
        refuse(self, peer, status == WSL_UNSUPPORTED, err.text);
        return;
    }
    if (e->body_case == WSL__PB__ENVELOPE__BODY_REGISTER) {
        on_register(self, peer, e);
        return;
    }
    handle(self, peer, e);
}
