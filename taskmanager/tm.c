/*
 * tm - see tm.h.
 *
 *   CONNECTING --connected--> REGISTERING --accepted--> REGISTERED
 *       ^  ^                      |  refused: wait, again (fatal: give up)
 *       |  `----------------------'                        |
 *       `--------------- lost: cancel all tasks -----------'
 */
#include "taskmanager/tm.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/control.h"
#include "taskmanager/artifact_cache.h"
#include "taskmanager/ckpt/writer.h"
#include "taskmanager/executor.h"

enum {
    RETRY_NS = 200 * WSL_NS_PER_MS,   /* between attempts to register */
    GOING_S = 10,                     /* so long tasks of the JobManager that was lost may keep us from the next one */
    REGISTER_TIMEOUT_S = 5,
    WARN_FIRST_S = 2,                 /* nobody answers: this soon it is said, then again and again */
    WARN_AGAIN_S = 60,
    METRICS_INTERVAL_NS = 1000 * WSL_NS_PER_MS,
    CHECKPOINT_IN_FLIGHT_MAX = 16 << 20, /* bytes of one task's snapshot that wait for the disk */
    ADDRESS_MAX = 300,
};

typedef enum link_state { LINK_CONNECTING, LINK_REGISTERING, LINK_REGISTERED, LINK_WAITING } link_state;

typedef struct queued_message {
    struct queued_message *next;
    wsl_message message;
} queued_message;

struct tm {
    tm_options options;
    wsl_seams seams;
    wsl_rng net_rng;
    char id[WSL_PEER_ID_MAX / 2];
    char incarnation[17];
    char jobmanager[ADDRESS_MAX];
    char fatal[WSL_ERROR_TEXT_MAX];
    wsl_mailbox control; /* reports of slots and network loop */
    wsl_buffer_region *region;
    tm_net *net;
    tm_slot **slots;
    uint32_t n_slots;
    tm_artifact_cache *artifacts;
    tm_helpers *helpers;
    tm_writer_pool *writers;
    tm_slot_options lanes;
    tm_executor *executor;
    wsl_file *stdout_file;

    link_state link;
    wsl_endpoint *endpoint;
    uint32_t connections;        /* made so far: part of the identity */
    wsl_id fencing;
    uint64_t epoch;              /* of the JobManager we were registered with; 0: it said none */
    wsl_id cluster;
    queued_message *outbox_head, **outbox_tail;
    int64_t heard_ns;            /* last message of the JobManager */
    int64_t next_heartbeat_ns;
    int64_t retry_ns;
    int64_t going_ns;            /* WAITING: until then only when no task is left */
    int64_t warn_ns;             /* while connecting */
    int64_t heartbeat_ns, heartbeat_timeout_ns, metrics_ns;
};

const char *tm_id(const tm *t) { return t->id; }
uint32_t tm_slots(const tm *t) { return t->n_slots; }
tm_slot *tm_get_slot(tm *t, uint32_t i) { return t->slots[i]; }
tm_net *tm_get_net(tm *t) { return t->net; }
bool tm_step_disk(tm *t) { return tm_writer_pool_run_one(t->writers); }
bool tm_is_registered(const tm *t) { return t->link == LINK_REGISTERED; }
const char *tm_fatal(const tm *t) { return t->fatal[0] != 0 ? t->fatal : NULL; }

/* ---- sending ---- */

static void drop_outbox(tm *t)
{
    while (t->outbox_head != NULL) {
        queued_message *q = t->outbox_head;
        t->outbox_head = q->next;
        wsl_message_release(&q->message);
        free(q);
    }
    t->outbox_tail = &t->outbox_head;
}

static void flush_outbox(tm *t)
{
    while (t->outbox_head != NULL) {
        queued_message *q = t->outbox_head;
        if (wsl_endpoint_send(t->endpoint, NULL, &q->message) != WSL_OK) {
            return;
        }
        t->outbox_head = q->next;
        if (t->outbox_head == NULL) {
            t->outbox_tail = &t->outbox_head;
        }
        free(q);
    }
}

/* Keeps the order: what cannot be sent now waits in the outbox. */
static void send_body(void *arg, Wsl__Pb__Envelope__BodyCase kind, void *body)
{
    tm *t = arg;
    if (t->link != LINK_REGISTERED) {
        return; /* nobody listens; after a new registration the JobManager starts from nothing */
    }
    queued_message *q = wsl_zalloc(sizeof *q);
    if (wsl_control_encode(&t->fencing, 0, kind, body, &q->message) != WSL_OK) {
        wsl_log(t->seams.log, WSL_LOG_ERROR, "control.too-large", "kind=%s", wsl_control_kind_name(kind));
        free(q);
        return;
    }
    *t->outbox_tail = q;
    t->outbox_tail = &q->next;
    flush_outbox(t);
}

static wsl_status request_artifact(void *arg, const char *hash, uint64_t offset)
{
    tm *t = arg;
    Wsl__Pb__ArtifactRequest body;
    wsl__pb__artifact_request__init(&body);
    body.hash = wsl_pb_text(hash);
    body.offset = offset;
    send_body(t, WSL__PB__ENVELOPE__BODY_ARTIFACT_REQUEST, &body);
    return t->link == LINK_REGISTERED ? WSL_OK : WSL_UNREACHABLE;
}

/* ---- standard output of print sinks ---- */

static wsl_status write_to_file(void *arg, const char *data, size_t size)
{
    tm *t = arg;
    return t->stdout_file != NULL ? t->stdout_file->write(t->stdout_file, data, size, NULL) : WSL_OK;
}

static wsl_status open_stdout(tm *t, wsl_error *err)
{
    if (t->options.write_stdout != NULL || t->options.log_dir == NULL) {
        return WSL_OK;
    }
    char *path = wsl_asprintf("%s/taskmanager-%s.out", t->options.log_dir, t->id);
    const wsl_status status = t->seams.fs->open(t->seams.fs, path, WSL_OPEN_APPEND, &t->stdout_file, err);
    free(path);
    return status;
}

/* ---- making ---- */

static void on_net_failure(void *arg, const tm_channel_key *key, bool inbound, const char *peer, const char *reason)
{
    tm *t = arg;
    (void)peer; /* the reason names it */
    for (uint32_t i = 0; i < t->n_slots; i++) {
        tm_slot_post_fail(t->slots[i], key, inbound, reason);
    }
    tm_executor_post_failure(t->executor, key, inbound, reason);
}

static void make_names(tm *t)
{
    const wsl_config *c = t->options.config;
    (void)snprintf(t->incarnation, sizeof t->incarnation, "%016llx", (unsigned long long)wsl_rng_next(t->seams.rng));
    const char *given = wsl_config_str(c, "taskmanager.resource-id");
    if (given != NULL && given[0] != 0) {
        (void)snprintf(t->id, sizeof t->id, "%s", given);
    }
    if (t->options.jobmanager != NULL) {
        (void)snprintf(t->jobmanager, sizeof t->jobmanager, "%s", t->options.jobmanager);
    } else {
        (void)snprintf(t->jobmanager, sizeof t->jobmanager, "tcp://%s:%lld",
                       wsl_config_str(c, "jobmanager.rpc.address"),
                       (long long)wsl_config_int(c, "jobmanager.rpc.port"));
    }
}

static wsl_status make_net(tm *t, wsl_error *err)
{
    const wsl_config *c = t->options.config;
    char address[ADDRESS_MAX], identity[WSL_PEER_ID_MAX];
    if (t->options.data_address != NULL) {
        (void)snprintf(address, sizeof address, "%s", t->options.data_address);
    } else {
        (void)snprintf(address, sizeof address, "tcp://%s:%lld", wsl_config_str(c, "taskmanager.host"),
                       (long long)wsl_config_int(c, "taskmanager.data.port"));
    }
    /* peers know us as <id>/<incarnation> */
    (void)snprintf(identity, sizeof identity, "%s/%s", t->id, t->incarnation);
    wsl_seams seams = t->seams;
    seams.rng = &t->net_rng;
    const tm_net_options options = {
        .listen_address = address,
        .listen_address_local = t->options.data_address_local,
        .identity = identity,
        .heartbeat_ms = 1000,
        .heartbeat_timeout_ms = (uint32_t)(wsl_config_duration_ns(c, "heartbeat.timeout") / WSL_NS_PER_MS),
        .frame_bytes_max = (uint32_t)wsl_config_size(c, "taskmanager.network.frame-size-max"),
        .open_timeout_ms = 60000,
        .buffer_size = wsl_buffer_region_buffer_size(t->region),
        .polled = true, /* tm_run rests */
        .insecure = wsl_config_bool(c, "security.insecure"),
        .on_failure = on_net_failure,
        .on_failure_arg = t,
        .waker = t->options.net_waker,
    };
    return tm_net_new(&seams, &options, &t->net, err);
}

wsl_status tm_new(const tm_options *options, tm **out_tm, wsl_error *err)
{
    WSL_AUTO(tm) t = wsl_zalloc(sizeof *t);
    t->options = *options;
    if (t->options.proc == NULL) {
        t->options.proc = wsl_proc_real();
    }
    t->seams = options->seams;
    t->outbox_tail = &t->outbox_head;
    const wsl_config *c = options->config;
    wsl_mailbox_init(&t->control, options->control_waker);
    wsl_rng_seed(&t->net_rng, wsl_rng_next(t->seams.rng));
    make_names(t);
    WSL_TRY(wsl_buffer_region_new(wsl_config_size(c, "taskmanager.memory.network.size"),
                                  (uint32_t)wsl_config_size(c, "taskmanager.memory.segment-size"), &t->region, err));
    if (t->id[0] == 0) {
        (void)snprintf(t->id, sizeof t->id, "%s-%.6s", wsl_config_str(c, "taskmanager.host"), t->incarnation);
    }
    WSL_TRY(make_net(t, err));
    WSL_TRY(open_stdout(t, err));

    t->n_slots = (uint32_t)wsl_config_int(c, "taskmanager.numberOfTaskSlots");
    t->slots = wsl_calloc(t->n_slots, sizeof *t->slots);
    for (uint32_t i = 0; i < t->n_slots; i++) {
        const tm_slot_options slot = {
            .index = i,
            .clock = t->seams.clock,
            .control = &t->control,
            .stdout_arg = options->write_stdout != NULL ? options->stdout_arg : t,
            .write_stdout = options->write_stdout != NULL ? options->write_stdout : write_to_file,
        };
        t->slots[i] = tm_slot_new(&slot);
        t->lanes = slot;
    }
    t->helpers = tm_helpers_new(options->threads ? (uint32_t)wsl_config_int(c, "taskmanager.async.threads") : 0);
    const tm_writer_pool_options writers = {
        .fs = t->seams.fs,
        .threads = options->threads ? (uint32_t)wsl_config_int(c, "taskmanager.checkpoint.threads") : 0,
        .in_flight_max = CHECKPOINT_IN_FLIGHT_MAX,
        .stepped = options->stepped_disk,
        .stepped_waker = options->disk_waker,
    };
    t->writers = tm_writer_pool_new(&writers);
    char *dir = wsl_asprintf("%s/wiesel-taskmanager-%s", wsl_config_str(c, "io.tmp.dirs"), t->incarnation);
    t->artifacts = tm_artifact_cache_new(t->seams.fs, dir, request_artifact, t);
    free(dir);
    const tm_executor_options executor = {
        .config = c,
        .seams = t->seams,
        .slots = t->slots,
        .n_slots = t->n_slots,
        .net = t->net,
        .region = t->region,
        .artifacts = t->artifacts,
        .helpers = t->helpers,
        .writers = t->writers,
        .lanes = options->threads ? &t->lanes : NULL,
        .control = &t->control,
        .tm_id = t->id,
        .send = send_body,
        .arg = t,
    };
    t->executor = tm_executor_new(&executor);
    t->heartbeat_ns = wsl_config_duration_ns(c, "heartbeat.interval");
    t->heartbeat_timeout_ns = wsl_config_duration_ns(c, "heartbeat.timeout");
    *out_tm = WSL_TAKE(t);
    return WSL_OK;
}

void tm_free(tm *t)
{
    if (t == NULL) {
        return;
    }
    wsl_endpoint_close(t->endpoint);
    drop_outbox(t);
    if (t->executor != NULL) {
        tm_executor_stop_lanes(t->executor); /* whose tasks share channels with those of slots */
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (t->slots != NULL && t->slots[i] != NULL) {
            tm_slot_free(t->slots[i]);
        }
    }
    if (t->executor != NULL) {
        tm_executor_free_lanes(t->executor);
    }
    tm_net_free(t->net);
    tm_helpers_free(t->helpers); /* waits for what still runs there */
    if (t->executor != NULL) {
        for (wsl_letter *l = wsl_mailbox_take_all(&t->control), *next; l != NULL; l = next) {
            next = l->next;
            tm_executor_drop_letter(t->executor, l);
        }
    }
    tm_executor_free(t->executor);
    tm_writer_pool_free(t->writers); /* no task is left */
    tm_artifact_cache_free(t->artifacts);
    wsl_buffer_region_free(t->region);
    wsl_file_free(t->stdout_file);
    free(t->slots);
    free(t);
}

/* ---- the link to the JobManager ---- */

static void close_endpoint(tm *t)
{
    if (t->endpoint == NULL) {
        return;
    }
    const int fd = wsl_endpoint_fd(t->endpoint);
    if (fd >= 0 && t->options.unwatch != NULL) {
        t->options.unwatch(t->options.watch_arg, fd);
    }
    wsl_endpoint_close(t->endpoint);
    t->endpoint = NULL;
}

static void lose_link(tm *t, const char *reason, int64_t now)
{
    const bool was_registered = t->link == LINK_REGISTERED;
    close_endpoint(t);
    drop_outbox(t);
    t->link = LINK_WAITING; /* before tasks end: what they report is of no use to the next one */
    t->retry_ns = was_registered ? now : now + RETRY_NS; /* who died may be back already */
    if (was_registered) {
        wsl_log(t->seams.log, WSL_LOG_WARN, "jobmanager.lost", "address=%s reason=%s", t->jobmanager, reason);
        t->going_ns = now + GOING_S * WSL_NS_PER_S;
        tm_executor_cancel_all(t->executor);
        tm_artifact_cache_reset(t->artifacts);
    }
}

/* The next JobManager takes our slots for free ones: first they are. A task that hangs does not keep the others' slots for long. */
static bool may_connect(const tm *t, int64_t now)
{
    return t->endpoint == NULL && now >= t->retry_ns && t->fatal[0] == 0 &&
           (tm_executor_tasks(t->executor) == 0 || now >= t->going_ns);
}

static int64_t connect_deadline(const tm *t)
{
    return tm_executor_tasks(t->executor) == 0 || t->going_ns < t->retry_ns ? t->retry_ns : t->going_ns;
}

static void connect_link(tm *t, int64_t now)
{
    char identity[WSL_PEER_ID_MAX];
    (void)snprintf(identity, sizeof identity, "%s/%s.%u", t->id, t->incarnation, ++t->connections);
    const wsl_endpoint_options options = {
        .identity = identity,
        .heartbeat_ms = 1000,
        .heartbeat_timeout_ms = (uint32_t)(t->heartbeat_timeout_ns / WSL_NS_PER_MS),
        .high_water_mark = 10000,
        .linger_ms = 100, /* the goodbye */
        .waker = t->options.control_waker,
        .insecure = wsl_config_bool(t->options.config, "security.insecure"),
    };
    wsl_error error = {0};
    if (t->seams.transport->ops->connect(t->seams.transport, t->jobmanager, &options, &t->endpoint, &error) !=
        WSL_OK) {
        wsl_log(t->seams.log, WSL_LOG_WARN, "jobmanager.unreachable", "address=%s reason=%s", t->jobmanager,
                error.text);
        t->link = LINK_WAITING;
        t->retry_ns = now + RETRY_NS;
        return;
    }
    const int fd = wsl_endpoint_fd(t->endpoint);
    if (fd >= 0 && t->options.watch != NULL) {
        t->options.watch(t->options.watch_arg, fd);
    }
    t->link = LINK_CONNECTING;
    t->retry_ns = WSL_NEVER;
    t->warn_ns = now + WARN_FIRST_S * WSL_NS_PER_S;
}

/* The transport tries for ever. When to say so next. */
static int64_t warn_of_silence(tm *t, int64_t now)
{
    if (now >= t->warn_ns) {
        wsl_log(t->seams.log, WSL_LOG_WARN, "jobmanager.unreachable",
                "address=%s reason=\"no JobManager answers there; see jobmanager.rpc.address and "
                "jobmanager.rpc.port\"",
                t->jobmanager);
        t->warn_ns = now + WARN_AGAIN_S * WSL_NS_PER_S;
    }
    return t->warn_ns;
}

static void send_register(tm *t, int64_t now)
{
    wsl_machine machine;
    t->options.proc->machine(t->options.proc, &machine);
    Wsl__Pb__Register body;
    wsl__pb__register__init(&body);
    body.tm_id = t->id;
    body.incarnation = t->incarnation;
    body.data_address = wsl_pb_text(tm_net_address(t->net));
    body.data_address_local = wsl_pb_text(tm_net_address_local(t->net));
    body.host_id = wsl_pb_text(machine.host_id);
    body.slots = t->n_slots;
    body.memory_bytes = machine.memory_bytes;
    body.cores = machine.cores;
    body.network_bytes =
        (uint64_t)wsl_buffer_region_total(t->region) * wsl_buffer_region_buffer_size(t->region);
    body.pid = t->options.pid;
    body.version = wsl_pb_text(WSL_VERSION);
    body.log_dir = wsl_pb_text(t->options.log_dir);
    if (wsl_control_send(t->endpoint, NULL, NULL, 1, WSL__PB__ENVELOPE__BODY_REGISTER, &body) != WSL_OK) {
        lose_link(t, "registering failed", now);
        return;
    }
    t->link = LINK_REGISTERING;
    t->retry_ns = now + REGISTER_TIMEOUT_S * WSL_NS_PER_S;
}

static void on_accepted(tm *t, const Wsl__Pb__RegisterAccepted *a, int64_t now)
{
    if (t->link != LINK_REGISTERING) {
        return;
    }
    wsl_id cluster = {0};
    if (a->cluster.len == sizeof cluster.bytes) {
        memcpy(cluster.bytes, a->cluster.data, sizeof cluster.bytes);
    }
    if (a->epoch < t->epoch && wsl_id_equal(&cluster, &t->cluster)) {
        lose_link(t, "it was replaced by a JobManager that we know already", now);
        return;
    }
    t->epoch = a->epoch;
    t->cluster = cluster;
    memcpy(t->fencing.bytes, a->fencing.data, sizeof t->fencing.bytes);
    if (a->heartbeat_interval_ms > 0) {
        t->heartbeat_ns = (int64_t)a->heartbeat_interval_ms * WSL_NS_PER_MS;
    }
    if (a->heartbeat_timeout_ms > 0) {
        t->heartbeat_timeout_ns = (int64_t)a->heartbeat_timeout_ms * WSL_NS_PER_MS;
    }
    t->metrics_ns = a->metrics_interval_ms > 0 ? (int64_t)a->metrics_interval_ms * WSL_NS_PER_MS : METRICS_INTERVAL_NS;
    t->link = LINK_REGISTERED;
    t->retry_ns = WSL_NEVER;
    t->next_heartbeat_ns = now;
    wsl_log(t->seams.log, WSL_LOG_INFO, "jobmanager.registered", "address=%s id=%s slots=%u", t->jobmanager, t->id,
            t->n_slots);
}

static void on_refused(tm *t, const Wsl__Pb__Refused *r, int64_t now)
{
    wsl_log(t->seams.log, WSL_LOG_WARN, "jobmanager.refused", "reason=%s fatal=%d", r->reason, r->fatal);
    if (r->fatal) {
        (void)snprintf(t->fatal, sizeof t->fatal, "the JobManager at %s refused this TaskManager: %s", t->jobmanager,
                       r->reason);
    }
    lose_link(t, r->reason, now);
}

static void on_envelope(tm *t, wsl_envelope *e, int64_t now)
{
    if (e->body_case == WSL__PB__ENVELOPE__BODY_REGISTER_ACCEPTED) {
        on_accepted(t, e->register_accepted, now);
        return;
    }
    if (e->body_case == WSL__PB__ENVELOPE__BODY_REFUSED) {
        on_refused(t, e->refused, now);
        return;
    }
    if (t->link != LINK_REGISTERED || !wsl_control_fenced(e, &t->fencing)) {
        wsl_log(t->seams.log, WSL_LOG_WARN, "control.stale", "kind=%s", wsl_control_kind_name(e->body_case));
        return;
    }
    switch (e->body_case) {
    case WSL__PB__ENVELOPE__BODY_DEPLOY:
        tm_executor_deploy(t->executor, e->deploy);
        e->deploy = NULL; /* taken */
        e->body_case = WSL__PB__ENVELOPE__BODY__NOT_SET;
        return;
    case WSL__PB__ENVELOPE__BODY_CANCEL:
        tm_executor_cancel(t->executor, e->cancel->task);
        return;
    case WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK:
        tm_artifact_cache_on_chunk(t->artifacts, e->artifact_chunk);
        tm_executor_on_artifact(t->executor);
        return;
    case WSL__PB__ENVELOPE__BODY_SPLIT_ASSIGNED:
        tm_executor_on_split(t->executor, e->split_assigned);
        return;
    case WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT:
        tm_executor_on_trigger(t->executor, e->trigger_checkpoint);
        break;
    case WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED:
        tm_executor_on_checkpoint_ended(t->executor, e->checkpoint_ended);
        break;
    case WSL__PB__ENVELOPE__BODY_ALIGNMENT_LIMIT:
        tm_executor_on_limit(t->executor, e->alignment_limit);
        return;
    case WSL__PB__ENVELOPE__BODY_COLLECT_ACK:
        tm_executor_on_collect_ack(t->executor, e->collect_ack);
        return;
    default: /* a heartbeat: heard_ns is what counts */
        return;
    }
}

static void receive(tm *t, int64_t now)
{
    wsl_net_event event;
    while (t->endpoint != NULL && wsl_endpoint_receive(t->endpoint, &event) == WSL_OK) {
        if (event.kind == WSL_NET_CONNECTED) {
            send_register(t, now);
        } else if (event.kind == WSL_NET_GONE) {
            lose_link(t, event.reason, now);
        } else {
            t->heard_ns = now;
            wsl_envelope *e = NULL;
            wsl_error error = {0};
            const wsl_status status =
                wsl_control_decode(event.message.data, event.message.size, WSL_TO_TASKMANAGER, &e, &error);
            wsl_message_release(&event.message);
            if (status == WSL_OK) {
                on_envelope(t, e, now);
                wsl_envelope_free(e);
            } else {
                wsl_log(t->seams.log, WSL_LOG_WARN, "control.bad", "reason=%s", error.text);
            }
        }
    }
}

/* ---- heartbeats ---- */

static void send_heartbeat(tm *t)
{
    wsl_proc_stats proc;
    t->options.proc->stats(t->options.proc, &proc);
    Wsl__Pb__TmHeartbeat *h = wsl_alloc(sizeof *h);
    wsl__pb__tm_heartbeat__init(h);
    tm_executor_fill_metrics(t->executor, h);
    const uint64_t size = wsl_buffer_region_buffer_size(t->region);
    h->process = wsl_alloc(sizeof *h->process);
    wsl__pb__process_metrics__init(h->process);
    h->process->rss_bytes = proc.rss_bytes;
    h->process->cpu_ns = (uint64_t)proc.cpu_ns;
    h->process->threads = proc.threads;
    h->process->open_files = proc.open_files;
    h->process->network_bytes_total = size * wsl_buffer_region_total(t->region);
    h->process->network_bytes_used =
        size * (wsl_buffer_region_total(t->region) - wsl_buffer_region_free_count(t->region));
    send_body(t, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, h);
    wsl__pb__tm_heartbeat__free_unpacked(h, NULL);
}

static int64_t heartbeat(tm *t, int64_t now)
{
    if (now - t->heard_ns > t->heartbeat_timeout_ns) {
        lose_link(t, "no heartbeat of the JobManager within heartbeat.timeout", now);
        return now;
    }
    const int64_t interval = tm_executor_tasks(t->executor) > 0 && t->heartbeat_ns > t->metrics_ns
                                 ? t->metrics_ns
                                 : t->heartbeat_ns;
    if (t->next_heartbeat_ns > now + interval) {
        t->next_heartbeat_ns = now + interval; /* a task came: metrics more often */
    }
    if (now >= t->next_heartbeat_ns) {
        send_heartbeat(t);
        t->next_heartbeat_ns = now + interval;
    }
    const int64_t silence = t->heard_ns + t->heartbeat_timeout_ns + 1;
    return t->next_heartbeat_ns < silence ? t->next_heartbeat_ns : silence;
}

/* ---- the loop's step ---- */

int64_t tm_control_step(tm *t)
{
    const int64_t now = wsl_now_ns(t->seams.clock);
    if (may_connect(t, now)) {
        connect_link(t, now);
    }
    receive(t, now);
    for (wsl_letter *l = wsl_mailbox_take_all(&t->control), *next; l != NULL; l = next) {
        next = l->next;
        tm_executor_on_letter(t->executor, l);
    }
    if (may_connect(t, now)) { /* the last task has gone */
        connect_link(t, now);
    }
    int64_t deadline = t->endpoint == NULL ? connect_deadline(t) : WSL_NEVER;
    if (t->link == LINK_REGISTERING && now >= t->retry_ns) {
        lose_link(t, "the JobManager did not answer the registration", now);
        deadline = connect_deadline(t);
    }
    if (t->link == LINK_REGISTERING) {
        deadline = t->retry_ns;
    }
    if (t->link == LINK_CONNECTING) {
        deadline = warn_of_silence(t, now);
    }
    if (t->link == LINK_REGISTERED) {
        flush_outbox(t);
        deadline = heartbeat(t, now);
        if (t->outbox_head != NULL && now + WSL_NS_PER_MS < deadline) {
            deadline = now + WSL_NS_PER_MS; /* the socket's queue was full */
        }
    }
    const char *stuck = tm_executor_stuck(t->executor, &deadline);
    if (stuck != NULL && t->fatal[0] == 0) {
        (void)snprintf(t->fatal, sizeof t->fatal, "%s", stuck);
    }
    return deadline;
}

void tm_say_goodbye(tm *t, const char *reason)
{
    Wsl__Pb__Goodbye body;
    wsl__pb__goodbye__init(&body);
    body.reason = wsl_pb_text(reason);
    send_body(t, WSL__PB__ENVELOPE__BODY_GOODBYE, &body);
}
