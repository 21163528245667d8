/*
 * jm_kit - a JobManager on a manual clock over inproc, and TaskManagers that do only what a test says.
 */
#pragma once
#include <stdio.h>

#include "base/fs_mem.h"
#include "graph/graph_json.h"
#include "harness/wsl_test.h"
#include "jobmanager/jm.h"
#include "net/control.h"

typedef struct kit {
    wsl_manual_clock clock;
    wsl_rng rng;
    wsl_mem_fs *files;
    wsl_inproc_hub *hub;
    wsl_transport *transport;
    wsl_log_sink *sink;
    wsl_logger *log;
    jm *jm;
    int64_t deadline; /* what the last step answered */
} kit;

enum { KIT_INBOX_MAX = 512 };

typedef struct fake_tm {
    kit *kit;
    wsl_transport *transport;
    wsl_endpoint *endpoint;
    char id[64];
    wsl_id fencing;
    bool registered;
    wsl_envelope *inbox[KIT_INBOX_MAX];
    uint32_t n;
} fake_tm;

static inline jm_options kit_options(void)
{
    jm_options o = jm_options_default();
    o.listen_address = "inproc://jm";
    o.artifact_dir = "/tmp/artifacts";
    return o;
}

static inline void kit_init_with(kit *k, const jm_options *options)
{
    *k = (kit){0};
    wsl_error err = {0};
    wsl_manual_clock_init(&k->clock, 1700000000000);
    wsl_manual_clock_advance(&k->clock, WSL_NS_PER_S);
    wsl_rng_seed(&k->rng, 1);
    k->files = wsl_mem_fs_new(&k->clock.clock);
    k->hub = wsl_inproc_hub_new();
    k->transport = wsl_transport_inproc_new(k->hub);
    k->sink = wsl_log_sink_memory(1000);
    k->log = wsl_logger_new(k->sink, &k->clock.clock, WSL_LOG_DEBUG);
    const wsl_seams seams = {&k->clock.clock, &k->rng, wsl_mem_fs_seam(k->files), k->transport, k->log};
    cr_assert_eq(jm_new(options, &seams, &k->jm, &err), WSL_OK, "%s", err.text);
}

static inline void kit_init(kit *k)
{
    const jm_options o = kit_options();
    kit_init_with(k, &o);
}

static inline void kit_fini(kit *k)
{
    jm_free(k->jm);
    wsl_transport_free(k->transport);
    wsl_inproc_hub_free(k->hub);
    wsl_mem_fs_free(k->files);
    wsl_logger_free(k->log);
    wsl_log_sink_free(k->sink);
}

static inline void kit_step(kit *k) { k->deadline = jm_step(k->jm); }

static inline void kit_advance(kit *k, int64_t ms)
{
    wsl_manual_clock_advance(&k->clock, ms * WSL_NS_PER_MS);
    kit_step(k);
}

/* ---- TaskManagers ---- */

static inline void tm_pump(fake_tm *t)
{
    kit_step(t->kit);
    wsl_net_event event = {0};
    while (t->endpoint != NULL && wsl_endpoint_receive(t->endpoint, &event) == WSL_OK) {
        if (event.kind == WSL_NET_MESSAGE) {
            wsl_error err = {0};
            cr_assert_lt(t->n, (uint32_t)KIT_INBOX_MAX);
            cr_assert_eq(
                wsl_control_decode(event.message.data, event.message.size, WSL_TO_TASKMANAGER, &t->inbox[t->n++], &err),
                WSL_OK, "%s", err.text);
        }
        wsl_message_release(&event.message);
    }
}

/* The oldest of that kind, or NULL; the caller frees it. */
static inline wsl_envelope *tm_take(fake_tm *t, wsl_control_kind kind)
{
    tm_pump(t);
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->inbox[i]->body_case == kind) {
            wsl_envelope *e = t->inbox[i];
            t->n--;
            memmove(&t->inbox[i], &t->inbox[i + 1], (t->n - i) * sizeof t->inbox[0]);
            return e;
        }
    }
    return NULL;
}

static inline uint32_t tm_count(fake_tm *t, wsl_control_kind kind)
{
    uint32_t n = 0;
    tm_pump(t);
    for (uint32_t i = 0; i < t->n; i++) {
        n += t->inbox[i]->body_case == kind;
    }
    return n;
}

static inline void tm_send_with(fake_tm *t, const wsl_id *fencing, wsl_control_kind kind, void *body)
{
    cr_assert_eq(wsl_control_send(t->endpoint, NULL, fencing, 0, kind, body), WSL_OK);
    kit_step(t->kit);
}

static inline void tm_send(fake_tm *t, wsl_control_kind kind, void *body) { tm_send_with(t, &t->fencing, kind, body); }

static inline void tm_connect(fake_tm *t, kit *k, const char *id, const char *incarnation)
{
    char identity[160];
    wsl_error err = {0};
    wsl_net_event event = {0};
    *t = (fake_tm){.kit = k};
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    (void)snprintf(identity, sizeof identity, "%s/%s", id, incarnation);
    t->transport = wsl_transport_inproc_new(k->hub);
    const wsl_endpoint_options o = {.identity = identity};
    cr_assert_eq(t->transport->ops->connect(t->transport, jm_address(k->jm), &o, &t->endpoint, &err), WSL_OK, "%s",
                 err.text);
    (void)wsl_endpoint_receive(t->endpoint, &event);
}

static inline void tm_send_register(fake_tm *t, const char *incarnation, uint32_t slots)
{
    Wsl__Pb__Register r = WSL__PB__REGISTER__INIT;
    char address[128];
    (void)snprintf(address, sizeof address, "tcp://%.*s", (int)strcspn(t->id, "-"), t->id);
    r.tm_id = t->id;
    r.incarnation = wsl_pb_text(incarnation);
    r.data_address = address;
    r.data_address_local = wsl_pb_text("ipc://local");
    r.host_id = wsl_pb_text("host");
    r.slots = slots;
    r.cores = 4;
    r.memory_bytes = UINT64_C(8) << 30;
    r.network_bytes = 64 << 20;
    r.pid = 77;
    r.version = wsl_pb_text("0.1.0");
    tm_send_with(t, NULL, WSL__PB__ENVELOPE__BODY_REGISTER, &r);
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_REGISTER_ACCEPTED);
    if (e != NULL) {
        memcpy(t->fencing.bytes, e->register_accepted->fencing.data, sizeof t->fencing.bytes);
        t->registered = true;
        wsl_envelope_free(e);
    }
}

static inline void tm_join(fake_tm *t, kit *k, const char *id, uint32_t slots)
{
    tm_connect(t, k, id, "i1");
    tm_send_register(t, "i1", slots);
    cr_assert(t->registered, "%s", id);
}

static inline void tm_fini(fake_tm *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        wsl_envelope_free(t->inbox[i]);
    }
    wsl_endpoint_close(t->endpoint);
    wsl_transport_free(t->transport);
    *t = (fake_tm){0};
}

static inline void tm_heartbeat(fake_tm *t)
{
    Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
    tm_send(t, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h);
}

static inline void tm_report(fake_tm *t, const wsl_id *job, uint32_t vertex, uint32_t subtask, Wsl__Pb__TaskState state,
                             const char *error)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    wsl_pb_task_id_init(&id, job, vertex, subtask, 1);
    s.task = &id;
    s.state = state;
    s.error = wsl_pb_text(error);
    tm_send(t, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
}

/* Answers every deployment in the inbox with this state (and keeps none of them). Returns how many there were. */
static inline uint32_t tm_answer_deployments(fake_tm *t, Wsl__Pb__TaskState state)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY)) {
        const wsl_id job = wsl_pb_task_job(e->deploy->task);
        tm_report(t, &job, e->deploy->task->vertex, e->deploy->task->subtask, state, "");
        wsl_envelope_free(e);
        n++;
    }
    return n;
}

static inline uint32_t tm_answer_cancels(fake_tm *t)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL)) {
        const wsl_id job = wsl_pb_task_job(e->cancel->task);
        tm_report(t, &job, e->cancel->task->vertex, e->cancel->task->subtask, WSL__PB__TASK_STATE__TASK_CANCELED, "");
        wsl_envelope_free(e);
        n++;
    }
    return n;
}

/* ---- jobs ---- */

/* Two vertices: datagen -> (hash) count -> blackhole. */
#define KIT_OPERATORS                                                                                                  \
    "\"schemas\":{\"s\":{\"k\":\"STRING\",\"v\":\"BIGINT\"}},\"operators\":["                                          \
    "{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},"                                                       \
    "{\"name\":\"count\",\"key_by\":[\"k\"],\"split\":{\"field\":\"k\",\"as\":\"word\"}},"                             \
    "{\"name\":\"out\",\"sink\":\"blackhole\"}]}"

static inline wsl_job_graph *kit_graph(const char *json)
{
    wsl_job_graph *graph = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    return graph;
}

static inline wsl_id kit_submit(kit *k, const char *json)
{
    wsl_id id = {0};
    wsl_error err = {0};
    cr_assert_eq(jm_submit(k->jm, kit_graph(json), &id, &err), WSL_OK, "%s", err.text);
    kit_step(k);
    return id;
}

static inline wsl_id kit_submit_counting(kit *k, uint32_t parallelism)
{
    char json[1024];
    (void)snprintf(json, sizeof json, "{\"name\":\"counting\",\"parallelism\":%u," KIT_OPERATORS, parallelism);
    return kit_submit(k, json);
}

static inline jm_job_info kit_info(kit *k, const wsl_id *id)
{
    jm_job_info info = {0};
    wsl_error err = {0};
    cr_assert_eq(jm_job_info_get(k->jm, id, &info, &err), WSL_OK, "%s", err.text);
    return info;
}

static inline void kit_expect_state(kit *k, const wsl_id *id, const char *state)
{
    const jm_job_info info = kit_info(k, id);
    cr_assert_str_eq(info.state, state, "'%s' is not '%s' (failure: %s)", info.state, state, info.failure);
}
