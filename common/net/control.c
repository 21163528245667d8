/*
 * Checks are a table: one row per kind of envelope with its direction and a function over its body. A kind without a
 * row cannot pass.
 */
#include "net/control.h"

#include <string.h>

#include "base/alloc.h"
#include "data/pb_check.h"

typedef wsl_status (*check_fn)(const wsl_envelope *e, wsl_error *err);

/* ---- pieces ---- */

static wsl_status check_text(const char *what, const char *text, size_t max, wsl_error *err)
{
    const size_t size = strnlen(text, max + 1);
    if (size > max) {
        return wsl_fail(err, WSL_FORMAT, "%s is longer than %zu bytes", what, max);
    }
    return WSL_OK;
}

static wsl_status check_name(const char *what, const char *text, wsl_error *err)
{
    if (text[0] == '\0') {
        return wsl_fail(err, WSL_FORMAT, "%s is empty", what);
    }
    return check_text(what, text, WSL_CONTROL_NAME_MAX, err);
}

static wsl_status check_task(const Wsl__Pb__TaskId *task, wsl_error *err)
{
    if (task == NULL) {
        return wsl_fail(err, WSL_FORMAT, "the task id is missing");
    }
    if (task->job.len != sizeof(wsl_id)) {
        return wsl_fail(err, WSL_FORMAT, "the job id has %zu bytes instead of %zu", task->job.len, sizeof(wsl_id));
    }
    return WSL_OK;
}

static wsl_status check_hash(const char *hash, wsl_error *err)
{
    wsl_id id;
    if (!wsl_id_parse(hash, &id)) {
        return wsl_fail(err, WSL_FORMAT, "an artifact's hash is not 32 hex digits");
    }
    return WSL_OK;
}

static wsl_status check_metrics(const Wsl__Pb__TaskMetrics *m, wsl_error *err)
{
    WSL_TRY(check_task(m->task, err));
    for (size_t i = 0; i < m->n_counts; i++) {
        WSL_TRY(check_name("a metric's name", m->counts[i]->name, err));
    }
    for (size_t i = 0; i < m->n_generators; i++) {
        for (size_t k = 0; k < m->generators[i]->n_splits; k++) {
            WSL_TRY(check_text("a split's name", m->generators[i]->splits[k]->name, WSL_CONTROL_NAME_MAX, err));
        }
    }
    for (size_t i = 0; i < m->n_late; i++) {
        for (size_t k = 0; k < m->late[i]->n_samples; k++) {
            WSL_TRY(check_text("a late row's key", m->late[i]->samples[k]->key, WSL_CONTROL_NAME_MAX, err));
        }
    }
    return WSL_OK;
}

static wsl_status check_peers(const Wsl__Pb__Edge *edge, size_t n, Wsl__Pb__Peer **peers, wsl_error *err)
{
    if (edge == NULL || n == 0) {
        return wsl_fail(err, WSL_FORMAT, "a gate or output has no edge or no peers");
    }
    for (size_t i = 0; i < n; i++) {
        WSL_TRY(check_name("a peer's id", peers[i]->tm_id, err));
        WSL_TRY(check_name("a peer's data address", peers[i]->data_address, err));
    }
    return WSL_OK;
}

/* Texts only: what sections mean is checked by whoever uses them (wsl_task_snapshot_check, ckpt/metadata.h). */
static wsl_status check_snapshot(const Wsl__Pb__TaskSnapshot *s, wsl_error *err)
{
    for (size_t i = 0; i < s->n_files; i++) {
        WSL_TRY(check_text("a state file's path", s->files[i]->path, 4 * WSL_CONTROL_NAME_MAX, err));
    }
    for (size_t i = 0; i < s->n_operators; i++) {
        WSL_TRY(check_text("an operator's uid", s->operators[i]->uid, WSL_CONTROL_NAME_MAX, err));
        for (size_t k = 0; k < s->operators[i]->n_sections; k++) {
            WSL_TRY(check_text("a section's name", s->operators[i]->sections[k]->name, WSL_CONTROL_NAME_MAX, err));
        }
    }
    return WSL_OK;
}

/* ids begin with 1 */
static wsl_status check_checkpoint(const Wsl__Pb__TaskId *task, uint64_t checkpoint, wsl_error *err)
{
    WSL_TRY(check_task(task, err));
    return checkpoint != 0 ? WSL_OK : wsl_fail(err, WSL_FORMAT, "the checkpoint has no id");
}

/* ---- bodies ---- */

static wsl_status check_register(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__Register *r = e->register_;
    WSL_TRY(check_name("the TaskManager's id", r->tm_id, err));
    WSL_TRY(check_name("the incarnation", r->incarnation, err));
    WSL_TRY(check_name("the data address", r->data_address, err));
    WSL_TRY(check_text("the local data address", r->data_address_local, WSL_CONTROL_NAME_MAX, err));
    WSL_TRY(check_text("the host id", r->host_id, WSL_CONTROL_NAME_MAX, err));
    WSL_TRY(check_text("the version", r->version, WSL_CONTROL_NAME_MAX, err));
    WSL_TRY(check_text("the log directory", r->log_dir, 4 * WSL_CONTROL_NAME_MAX, err));
    if (r->slots == 0 || r->slots > 1024) {
        return wsl_fail(err, WSL_FORMAT, "a TaskManager offers 1 to 1024 slots, not %u", r->slots);
    }
    return WSL_OK;
}

static wsl_status check_tm_heartbeat(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__TmHeartbeat *h = e->tm_heartbeat;
    for (size_t i = 0; i < h->n_tasks; i++) {
        WSL_TRY(check_metrics(h->tasks[i], err));
    }
    for (size_t i = 0; i < h->n_lost; i++) {
        WSL_TRY(check_name("a lost peer's id", h->lost[i]->tm_id, err));
    }
    return WSL_OK;
}

static wsl_status check_task_state(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__TaskStateChanged *s = e->task_state;
    WSL_TRY(check_task(s->task, err));
    if ((int)s->state < (int)WSL__PB__TASK_STATE__TASK_CREATED ||
        (int)s->state > (int)WSL__PB__TASK_STATE__TASK_FAILED) {
        return wsl_fail(err, WSL_FORMAT, "task state %d does not exist", (int)s->state);
    }
    WSL_TRY(check_text("an error sentence", s->error, WSL_CONTROL_TEXT_MAX, err));
    WSL_TRY(check_text("an operator's name", s->operator_name, WSL_CONTROL_NAME_MAX, err));
    return s->final_metrics == NULL ? WSL_OK : check_metrics(s->final_metrics, err);
}

static wsl_status check_artifact_request(const wsl_envelope *e, wsl_error *err)
{
    return check_hash(e->artifact_request->hash, err);
}

static wsl_status check_split_request(const wsl_envelope *e, wsl_error *err)
{
    WSL_TRY(check_task(e->split_request->task, err));
    return check_text("a split's name", e->split_request->finished, WSL_CONTROL_NAME_MAX, err);
}

static wsl_status check_collect_data(const wsl_envelope *e, wsl_error *err)
{
    return check_task(e->collect_data->task, err);
}

static wsl_status check_alignment_report(const wsl_envelope *e, wsl_error *err)
{
    return check_task(e->alignment_report->task, err);
}

static wsl_status check_checkpoint_ack(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__CheckpointAck *a = e->checkpoint_ack;
    WSL_TRY(check_checkpoint(a->task, a->checkpoint, err));
    if (a->snapshot == NULL) {
        return wsl_fail(err, WSL_FORMAT, "the acknowledgement of checkpoint %llu has no snapshot",
                        (unsigned long long)a->checkpoint);
    }
    return check_snapshot(a->snapshot, err);
}

static wsl_status check_checkpoint_declined(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__CheckpointDeclined *d = e->checkpoint_declined;
    WSL_TRY(check_checkpoint(d->task, d->checkpoint, err));
    return check_text("the reason", d->reason, WSL_CONTROL_TEXT_MAX, err);
}

static wsl_status check_goodbye(const wsl_envelope *e, wsl_error *err)
{
    return check_text("the reason", e->goodbye->reason, WSL_CONTROL_TEXT_MAX, err);
}

static wsl_status check_register_accepted(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__RegisterAccepted *r = e->register_accepted;
    if (r->fencing.len != sizeof(wsl_id)) {
        return wsl_fail(err, WSL_FORMAT, "the fencing token has %zu bytes instead of %zu", r->fencing.len,
                        sizeof(wsl_id));
    }
    if (r->heartbeat_interval_ms == 0 || r->heartbeat_timeout_ms <= r->heartbeat_interval_ms) {
        return wsl_fail(err, WSL_FORMAT, "heartbeat timeout %u ms is not above the interval of %u ms",
                        r->heartbeat_timeout_ms, r->heartbeat_interval_ms);
    }
    return WSL_OK;
}

static wsl_status check_refused(const wsl_envelope *e, wsl_error *err)
{
    return check_text("the reason", e->refused->reason, WSL_CONTROL_TEXT_MAX, err);
}

static wsl_status check_jm_heartbeat(const wsl_envelope *e, wsl_error *err)
{
    (void)e;
    (void)err;
    return WSL_OK;
}

static wsl_status check_deploy(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__DeployTask *d = e->deploy;
    WSL_TRY(check_task(d->task, err));
    if (d->n_operators == 0) {
        return wsl_fail(err, WSL_FORMAT, "a deployment without operators");
    }
    if (d->parallelism == 0 || d->task->subtask >= d->parallelism || d->max_parallelism < d->parallelism) {
        return wsl_fail(err, WSL_FORMAT, "subtask %u of parallelism %u (at most %u) cannot be", d->task->subtask,
                        d->parallelism, d->max_parallelism);
    }
    for (size_t i = 0; i < d->n_inputs; i++) {
        WSL_TRY(check_peers(d->inputs[i]->edge, d->inputs[i]->n_producers, d->inputs[i]->producers, err));
    }
    for (size_t i = 0; i < d->n_outputs; i++) {
        WSL_TRY(check_peers(d->outputs[i]->edge, d->outputs[i]->n_consumers, d->outputs[i]->consumers, err));
    }
    WSL_TRY(check_text("the checkpoint directory", d->checkpoint_dir, 4 * WSL_CONTROL_NAME_MAX, err));
    if (d->restore != NULL) {
        WSL_TRY(check_snapshot(d->restore, err));
    }
    return d->artifact[0] == '\0' ? WSL_OK : check_hash(d->artifact, err);
}

static wsl_status check_cancel(const wsl_envelope *e, wsl_error *err) { return check_task(e->cancel->task, err); }

static wsl_status check_artifact_chunk(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__ArtifactChunk *c = e->artifact_chunk;
    WSL_TRY(check_hash(c->hash, err));
    if (c->data.len > WSL_ARTIFACT_CHUNK_MAX || c->offset > c->total || c->data.len > c->total - c->offset) {
        return wsl_fail(err, WSL_FORMAT, "an artifact's chunk of %zu bytes at %llu does not fit into %llu", c->data.len,
                        (unsigned long long)c->offset, (unsigned long long)c->total);
    }
    return WSL_OK;
}

static wsl_status check_split_assigned(const wsl_envelope *e, wsl_error *err)
{
    WSL_TRY(check_task(e->split_assigned->task, err));
    return check_text("a split's name", e->split_assigned->name, WSL_CONTROL_NAME_MAX, err);
}

static wsl_status check_collect_ack(const wsl_envelope *e, wsl_error *err)
{
    return check_task(e->collect_ack->task, err);
}

static wsl_status check_alignment_limit(const wsl_envelope *e, wsl_error *err)
{
    return check_task(e->alignment_limit->task, err);
}

static wsl_status check_trigger_checkpoint(const wsl_envelope *e, wsl_error *err)
{
    const Wsl__Pb__TriggerCheckpoint *t = e->trigger_checkpoint;
    WSL_TRY(check_checkpoint(t->task, t->checkpoint, err));
    if ((int)t->kind < (int)WSL__PB__CHECKPOINT_KIND__CHECKPOINT ||
        (int)t->kind > (int)WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT) {
        return wsl_fail(err, WSL_FORMAT, "checkpoint kind %d does not exist", (int)t->kind);
    }
    return WSL_OK;
}

static wsl_status check_checkpoint_ended(const wsl_envelope *e, wsl_error *err)
{
    return check_checkpoint(e->checkpoint_ended->task, e->checkpoint_ended->checkpoint, err);
}

/* ---- the table ---- */

typedef struct kind_row {
    wsl_control_kind kind;
    const char *name;
    wsl_control_direction direction;
    check_fn check;
} kind_row;

/* clang-format off */
static const kind_row kinds[] = {
    {WSL__PB__ENVELOPE__BODY_REGISTER,          "register",          WSL_TO_JOBMANAGER,  check_register},
    {WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT,      "tm_heartbeat",      WSL_TO_JOBMANAGER,  check_tm_heartbeat},
    {WSL__PB__ENVELOPE__BODY_TASK_STATE,        "task_state",        WSL_TO_JOBMANAGER,  check_task_state},
    {WSL__PB__ENVELOPE__BODY_ARTIFACT_REQUEST,  "artifact_request",  WSL_TO_JOBMANAGER,  check_artifact_request},
    {WSL__PB__ENVELOPE__BODY_SPLIT_REQUEST,     "split_request",     WSL_TO_JOBMANAGER,  check_split_request},
    {WSL__PB__ENVELOPE__BODY_COLLECT_DATA,      "collect_data",      WSL_TO_JOBMANAGER,  check_collect_data},
    {WSL__PB__ENVELOPE__BODY_GOODBYE,           "goodbye",           WSL_TO_JOBMANAGER,  check_goodbye},
    {WSL__PB__ENVELOPE__BODY_ALIGNMENT_REPORT,  "alignment_report",  WSL_TO_JOBMANAGER,  check_alignment_report},
    {WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK,    "checkpoint_ack",    WSL_TO_JOBMANAGER,  check_checkpoint_ack},
    {WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, "checkpoint_declined", WSL_TO_JOBMANAGER, check_checkpoint_declined},
    {WSL__PB__ENVELOPE__BODY_REGISTER_ACCEPTED, "register_accepted", WSL_TO_TASKMANAGER, check_register_accepted},
    {WSL__PB__ENVELOPE__BODY_REFUSED,           "refused",           WSL_TO_TASKMANAGER, check_refused},
    {WSL__PB__ENVELOPE__BODY_JM_HEARTBEAT,      "jm_heartbeat",      WSL_TO_TASKMANAGER, check_jm_heartbeat},
    {WSL__PB__ENVELOPE__BODY_DEPLOY,            "deploy",            WSL_TO_TASKMANAGER, check_deploy},
    {WSL__PB__ENVELOPE__BODY_CANCEL,            "cancel",            WSL_TO_TASKMANAGER, check_cancel},
    {WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK,    "artifact_chunk",    WSL_TO_TASKMANAGER, check_artifact_chunk},
    {WSL__PB__ENVELOPE__BODY_SPLIT_ASSIGNED,    "split_assigned",    WSL_TO_TASKMANAGER, check_split_assigned},
    {WSL__PB__ENVELOPE__BODY_COLLECT_ACK,       "collect_ack",       WSL_TO_TASKMANAGER, check_collect_ack},
    {WSL__PB__ENVELOPE__BODY_ALIGNMENT_LIMIT,   "alignment_limit",   WSL_TO_TASKMANAGER, check_alignment_limit},
    {WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT, "trigger_checkpoint", WSL_TO_TASKMANAGER, check_trigger_checkpoint},
    {WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED,  "checkpoint_ended",  WSL_TO_TASKMANAGER, check_checkpoint_ended},
};
/* clang-format on */

static const kind_row *row_of(wsl_control_kind kind)
{
    for (size_t i = 0; i < WSL_ARRAY_LEN(kinds); i++) {
        if (kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *wsl_control_kind_name(wsl_control_kind kind)
{
    const kind_row *row = row_of(kind);
    return row == NULL ? "nothing" : row->name;
}

/* ---- encode, decode ---- */

void wsl_envelope_free(wsl_envelope *envelope)
{
    if (envelope != NULL) {
        wsl__pb__envelope__free_unpacked(envelope, NULL);
    }
}

static wsl_status check_envelope(const wsl_envelope *e, wsl_control_direction direction, wsl_error *err)
{
    if (e->version != WSL_CONTROL_VERSION) {
        return wsl_fail(
            err, WSL_UNSUPPORTED,
            "the sender speaks control protocol version %u, this build speaks %d; run the same build everywhere",
            e->version, WSL_CONTROL_VERSION);
    }
    const kind_row *row = row_of(e->body_case);
    if (row == NULL) {
        return wsl_fail(err, WSL_FORMAT, "the envelope has no body that this build knows");
    }
    if (row->direction != direction) {
        return wsl_fail(err, WSL_FORMAT, "an envelope of kind %s does not go this way", row->name);
    }
    if (e->fencing.len != sizeof(wsl_id) && e->fencing.len != 0) {
        return wsl_fail(err, WSL_FORMAT, "the fencing token has %zu bytes instead of %zu", e->fencing.len,
                        sizeof(wsl_id));
    }
    const wsl_status status = row->check(e, err);
    return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "envelope of kind %s", row->name);
}

wsl_status wsl_control_decode(const void *bytes, size_t size, wsl_control_direction direction,
                              wsl_envelope **out_envelope, wsl_error *err)
{
    static const wsl_pb_limits limits = {.depth = WSL_CONTROL_DEPTH_MAX, .members = WSL_CONTROL_MEMBERS_MAX};
    if (size > WSL_CONTROL_SIZE_MAX) {
        return wsl_fail(err, WSL_FORMAT, "an envelope of %zu bytes is above the maximum of %d", size,
                        WSL_CONTROL_SIZE_MAX);
    }
    WSL_TRY(wsl_pb_check(&wsl__pb__envelope__descriptor, bytes, size, &limits, err));
    WSL_AUTO(wsl_envelope) envelope = wsl__pb__envelope__unpack(NULL, size, bytes);
    if (envelope == NULL) {
        return wsl_fail(err, WSL_FORMAT, "the bytes are not an envelope of the control protocol");
    }
    WSL_TRY(check_envelope(envelope, direction, err));
    *out_envelope = WSL_TAKE(envelope);
    return WSL_OK;
}

bool wsl_control_fenced(const wsl_envelope *envelope, const wsl_id *token)
{
    return envelope->fencing.len == sizeof *token && memcmp(envelope->fencing.data, token->bytes, sizeof *token) == 0;
}

static void release_packed(void *arg, const uint8_t *data)
{
    (void)data;
    free(arg);
}

wsl_status wsl_control_encode(const wsl_id *fencing, uint64_t request, wsl_control_kind kind, void *body,
                              wsl_message *out_message)
{
    wsl_envelope e = WSL__PB__ENVELOPE__INIT;
    e.version = WSL_CONTROL_VERSION;
    e.request = request;
    if (fencing != NULL) {
        e.fencing = wsl_pb_bytes(fencing->bytes, sizeof fencing->bytes);
    }
    e.body_case = kind;
    e.register_ = body; /* all members of the union are pointers to messages */
    const size_t size = wsl__pb__envelope__get_packed_size(&e);
    if (size > WSL_CONTROL_SIZE_MAX) {
        return WSL_TOO_LARGE;
    }
    uint8_t *packed = wsl_alloc(size);
    wsl__pb__envelope__pack(&e, packed);
    *out_message = (wsl_message){.data = packed, .size = size, .release = release_packed, .release_arg = packed};
    return WSL_OK;
}

wsl_status wsl_control_send(wsl_endpoint *endpoint, const char *peer, const wsl_id *fencing, uint64_t request,
                            wsl_control_kind kind, void *body)
{
    wsl_message message = {0};
    WSL_TRY(wsl_control_encode(fencing, request, kind, body, &message));
    const wsl_status status = wsl_endpoint_send(endpoint, peer, &message);
    if (status != WSL_OK) {
        wsl_message_release(&message);
    }
    return status;
}

/* ---- task ids ---- */

void wsl_pb_task_id_init(Wsl__Pb__TaskId *out, const wsl_id *job, uint32_t vertex, uint32_t subtask, uint32_t attempt)
{
    wsl__pb__task_id__init(out);
    out->job = wsl_pb_bytes(job->bytes, sizeof job->bytes);
    out->vertex = vertex;
    out->subtask = subtask;
    out->attempt = attempt;
}

wsl_id wsl_pb_task_job(const Wsl__Pb__TaskId *task)
{
    wsl_id id;
    memcpy(id.bytes, task->job.data, sizeof id.bytes);
    return id;
}
