/*
 * executor - see executor.h.
 */
#include "taskmanager/executor.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cluster_options.h"
#include "net/control.h"
#include "taskmanager/async/lane.h"
#include "taskmanager/channel_table.h"

enum { CREDITS_MARGIN = 2, TASK_CHANNELS_MAX = 1 << 16 };

/* From the network loop or a helper thread: it has let go of a task. */
typedef struct closed_letter {
    tm_report report; /* first; CLOSED_KIND tells it from a slot's */
    tm_executor *executor;
    uint64_t tag;
} closed_letter;

/* From the network loop: a channel has failed. */
typedef struct failure_letter {
    tm_report report; /* first; FAILURE_KIND; its text is the reason */
    tm_channel_key channel;
    bool inbound;
} failure_letter;

enum { CLOSED_KIND = 1000, FAILURE_KIND };

/* A lane, and whose: that of one task, kept while others of its job attempt are here. */
typedef struct kept_lane {
    struct kept_lane *next;
    tm_lane *lane;
    wsl_id job;
    uint32_t attempt;
} kept_lane;

typedef struct deployed {
    struct deployed *next;
    tm_executor *executor;
    uint64_t tag; /* names the task to the network loop; never 0, never used again */
    tm_task_key key;
    tm_slot *home;               /* its slot, or its lane's */
    Wsl__Pb__DeployTask *deploy; /* until the task has it */
    tm_task *task;
    wsl_plugin *artifact;
    wsl_buffer_pool *inbound_pool;
    bool started;           /* posted to the slot */
    bool uses_net;
    bool ended;             /* terminal state reported */
    bool cancel_requested;
    int64_t cancel_deadline_ns;
    uint32_t exclusive, floating; /* credits: per channel, per gate */
    tm_helper_group *helpers;
    uint32_t holders;       /* once ended: network loop, helper threads, and ourselves while we ask them */
    closed_letter net_closed, helpers_closed;
} deployed;

struct tm_executor {
    tm_executor_options options;
    char *tm_id;
    deployed *first;
    uint32_t n;
    uint64_t next_tag;
    tm_channel_table *channels;
    kept_lane *lanes;
    uint32_t next_lane;
    char stuck[300];
};

tm_executor *tm_executor_new(const tm_executor_options *options)
{
    tm_executor *e = wsl_zalloc(sizeof *e);
    e->options = *options;
    e->tm_id = wsl_strdup(options->tm_id);
    e->options.tm_id = e->tm_id;
    e->channels = tm_channel_table_new();
    return e;
}

static void deployed_free(deployed *d)
{
    if (d->task != NULL) {
        tm_task_free(d->task);
    } else if (d->deploy != NULL) {
        wsl__pb__deploy_task__free_unpacked(d->deploy, NULL);
    }
    wsl_buffer_pool_free(d->inbound_pool);
    tm_helper_group_free(d->helpers);
    tm_artifact_cache_release(d->executor->options.artifacts, d->artifact);
    free(d);
}

void tm_executor_free(tm_executor *e)
{
    if (e == NULL) {
        return;
    }
    while (e->first != NULL) {
        deployed *d = e->first;
        e->first = d->next;
        if (d->started && !d->ended) {
            d->task = NULL; /* went with its slot */
            d->deploy = NULL;
        }
        deployed_free(d);
    }
    tm_channel_table_free(e->channels);
    free(e->tm_id);
    free(e);
}

static deployed *find(const tm_executor *e, const tm_task_key *key)
{
    deployed *d = e->first;
    while (d != NULL && (d->ended || !tm_task_key_equal(&d->key, key))) {
        d = d->next;
    }
    return d;
}

static tm_task_key key_of(const Wsl__Pb__TaskId *id)
{
    return (tm_task_key){wsl_pb_task_job(id), id->vertex, id->subtask, id->attempt};
}

static uint64_t job_word(const wsl_id *job)
{
    uint64_t word;
    memcpy(&word, job->bytes, sizeof word);
    return word;
}

/* ---- to the JobManager ---- */

/* malloc'ed; free with free_unpacked. */
static Wsl__Pb__TaskMetrics *task_metrics(deployed *d)
{
    Wsl__Pb__TaskMetrics *m = wsl_alloc(sizeof *m);
    tm_task_fill_metrics(d->task, wsl_now_ns(d->executor->options.seams.clock), m);
    m->task = wsl_alloc(sizeof *m->task);
    wsl_pb_task_id_init(m->task, &d->key.job, d->key.vertex, d->key.subtask, d->key.attempt);
    m->task->job.data = wsl_memdup(d->key.job.bytes, sizeof d->key.job.bytes);
    return m;
}

static void report_state(deployed *d, Wsl__Pb__TaskState state, const wsl_error *error, const char *operator_name)
{
    tm_executor *e = d->executor;
    Wsl__Pb__TaskStateChanged body;
    Wsl__Pb__TaskId id;
    wsl__pb__task_state_changed__init(&body);
    wsl_pb_task_id_init(&id, &d->key.job, d->key.vertex, d->key.subtask, d->key.attempt);
    body.task = &id;
    body.state = state;
    body.error = wsl_pb_text(error != NULL ? error->text : "");
    body.retriable = error != NULL && error->retriable;
    body.state_damaged = d->task != NULL && tm_task_state_is_damaged(d->task);
    body.operator_name = wsl_pb_text(operator_name);
    const bool with_metrics = d->task != NULL && (state == WSL__PB__TASK_STATE__TASK_FINISHED ||
                                                  state == WSL__PB__TASK_STATE__TASK_FAILED ||
                                                  state == WSL__PB__TASK_STATE__TASK_CANCELED);
    if (with_metrics) {
        body.final_metrics = task_metrics(d);
    }
    e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_TASK_STATE, &body);
    if (with_metrics) {
        wsl__pb__task_metrics__free_unpacked(body.final_metrics, NULL);
    }
}

/* ---- lanes ---- */

static bool may_block(const Wsl__Pb__DeployTask *d)
{
    bool blocks = false;
    for (size_t i = 0; i < d->n_operators; i++) {
        blocks = blocks || d->operators[i]->blocking;
    }
    return blocks;
}

/* Where the task is to run. */
static wsl_status find_home(deployed *d, wsl_error *err)
{
    tm_executor *e = d->executor;
    if (e->options.lanes == NULL || !may_block(d->deploy)) {
        d->home = e->options.slots[d->deploy->slot];
        return WSL_OK;
    }
    tm_slot_options options = *e->options.lanes;
    tm_lane *lane = NULL;
    options.index = d->deploy->slot;
    WSL_TRY(tm_lane_start(&options, e->next_lane, &lane, err));
    e->next_lane++;
    kept_lane *kept = wsl_alloc(sizeof *kept);
    *kept = (kept_lane){.next = e->lanes, .lane = lane, .job = d->key.job, .attempt = d->key.attempt};
    e->lanes = kept;
    d->home = tm_lane_slot(lane);
    return WSL_OK;
}

/* Of that attempt; of all without job. */
static void free_lanes(tm_executor *e, const wsl_id *job, uint32_t attempt)
{
    for (kept_lane **at = &e->lanes; *at != NULL;) {
        kept_lane *kept = *at;
        if (job != NULL && (!wsl_id_equal(&kept->job, job) || kept->attempt != attempt)) {
            at = &kept->next;
            continue;
        }
        *at = kept->next;
        tm_lane_free(kept->lane);
        free(kept);
    }
}

void tm_executor_stop_lanes(tm_executor *e)
{
    for (const kept_lane *kept = e->lanes; kept != NULL; kept = kept->next) {
        tm_lane_stop(kept->lane);
    }
}

void tm_executor_free_lanes(tm_executor *e) { free_lanes(e, NULL, 0); }

void tm_executor_post_failure(tm_executor *e, const tm_channel_key *key, bool inbound, const char *reason)
{
    if (e->options.lanes == NULL) {
        return;
    }
    failure_letter *letter = wsl_zalloc(sizeof *letter);
    letter->report.kind = (tm_report_kind)FAILURE_KIND;
    letter->report.text = wsl_strdup(reason);
    letter->channel = *key;
    letter->inbound = inbound;
    wsl_mailbox_post(e->options.control, &letter->report.letter);
}

/* ---- end of a task ---- */

static void remove_deployed(tm_executor *e, deployed *d)
{
    deployed **at = &e->first;
    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    e->n--;
    bool last = true;
    for (const deployed *o = e->first; o != NULL; o = o->next) {
        last = last && !(wsl_id_equal(&o->key.job, &d->key.job) && o->key.attempt == d->key.attempt);
    }
    if (last) {
        tm_channel_table_drop(e->channels, job_word(&d->key.job), d->key.attempt);
        free_lanes(e, &d->key.job, d->key.attempt);
    }
    deployed_free(d);
}

static void let_go(deployed *d)
{
    if (--d->holders == 0) {
        remove_deployed(d->executor, d);
    }
}

/* Network loop or helper thread: post ourselves a letter. */
static void on_closed(void *arg)
{
    closed_letter *letter = arg;
    wsl_mailbox_post(letter->executor->options.control, &letter->report.letter);
}

static void ended(deployed *d)
{
    tm_executor *e = d->executor;
    const closed_letter letter = {.report.kind = (tm_report_kind)CLOSED_KIND, .executor = e, .tag = d->tag};
    d->ended = true;
    d->holders = 1;
    if (d->uses_net) {
        d->holders++;
        d->net_closed = letter;
        tm_net_close_task(e->options.net, d->tag, on_closed, &d->net_closed);
    }
    if (d->helpers != NULL) {
        d->helpers_closed = letter;
        d->holders += !tm_helper_group_close(d->helpers, on_closed, &d->helpers_closed);
    }
    let_go(d);
}

/* Before it was posted. */
static void refuse(deployed *d, const wsl_error *error)
{
    report_state(d, WSL__PB__TASK_STATE__TASK_FAILED, error, "");
    ended(d);
}

/* ---- deployment ---- */

static bool is_here(const tm_executor *e, const Wsl__Pb__Peer *peer) { return strcmp(peer->tm_id, e->tm_id) == 0; }

static wsl_status check_deployment(const tm_executor *e, const Wsl__Pb__DeployTask *d, wsl_error *err)
{
    size_t channels = 0;
    if (d->slot >= e->options.n_slots) {
        return wsl_fail(err, WSL_FORMAT, "there is no slot %u here, only %u", d->slot, e->options.n_slots);
    }
    if (d->parallelism == 0 || d->task->subtask >= d->parallelism || d->max_parallelism > WSL_MAX_PARALLELISM_MAX ||
        d->max_parallelism < d->parallelism) {
        return wsl_fail(err, WSL_FORMAT, "subtask %u of %u (max %u) makes no sense", d->task->subtask, d->parallelism,
                        d->max_parallelism);
    }
    for (size_t i = 0; i < d->n_inputs; i++) {
        if (d->inputs[i]->edge == NULL || d->inputs[i]->n_producers == 0) {
            return wsl_fail(err, WSL_FORMAT, "input %zu has no producers", i);
        }
        channels += d->inputs[i]->n_producers;
        for (size_t k = 0; k < d->inputs[i]->n_producers; k++) {
            const Wsl__Pb__Peer *peer = d->inputs[i]->producers[k];
            if (is_here(e, peer) && peer->slot >= e->options.n_slots) {
                return wsl_fail(err, WSL_FORMAT, "a producer is in slot %u, which is not there", peer->slot);
            }
        }
    }
    for (size_t i = 0; i < d->n_outputs; i++) {
        if (d->outputs[i]->edge == NULL || d->outputs[i]->n_consumers == 0) {
            return wsl_fail(err, WSL_FORMAT, "output %zu has no consumers", i);
        }
        channels += d->outputs[i]->n_consumers;
        for (size_t k = 0; k < d->outputs[i]->n_consumers; k++) {
            const Wsl__Pb__Peer *peer = d->outputs[i]->consumers[k];
            if (is_here(e, peer) && peer->slot >= e->options.n_slots) {
                return wsl_fail(err, WSL_FORMAT, "a consumer is in slot %u, which is not there", peer->slot);
            }
        }
    }
    if (channels > TASK_CHANNELS_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "a task with %zu channels; at most %d are allowed", channels,
                        TASK_CHANNELS_MAX);
    }
    return WSL_OK;
}

/* What a task needs of channels, and which of them the network loop is to be told of. */
typedef struct channel_set {
    tm_channel **inputs, **outputs;
    size_t n_inputs, n_outputs;
    struct remote_end {
        tm_channel *channel; /* the network loop's reference */
        const Wsl__Pb__Peer *peer;
        bool outbound;
    } *remote;
    size_t n_remote;
} channel_set;

static void channel_set_init(channel_set *set, const Wsl__Pb__DeployTask *t)
{
    *set = (channel_set){0};
    for (size_t i = 0; i < t->n_inputs; i++) {
        set->n_inputs += t->inputs[i]->n_producers;
    }
    for (size_t i = 0; i < t->n_outputs; i++) {
        set->n_outputs += t->outputs[i]->n_consumers;
    }
    set->inputs = wsl_calloc(set->n_inputs + 1, sizeof *set->inputs);
    set->outputs = wsl_calloc(set->n_outputs + 1, sizeof *set->outputs);
    set->remote = wsl_calloc(set->n_inputs + set->n_outputs + 1, sizeof *set->remote);
}

static void channel_set_fini(channel_set *set)
{
    free(set->inputs);
    free(set->outputs);
    free(set->remote);
}

static void channel_set_give_back(channel_set *set)
{
    for (size_t i = 0; i < set->n_inputs; i++) {
        tm_channel_unref(set->inputs[i]);
    }
    for (size_t i = 0; i < set->n_outputs; i++) {
        tm_channel_unref(set->outputs[i]);
    }
    for (size_t i = 0; i < set->n_remote; i++) {
        tm_channel_unref(set->remote[i].channel);
    }
}

/* One end of a channel. Local: shared with the other task; else the other half is for the network loop. NULL: taken. */
static tm_channel *open_end(deployed *d, channel_set *set, const Wsl__Pb__Peer *peer, const tm_channel_key *key,
                            bool producer)
{
    tm_executor *e = d->executor;
    wsl_mailbox *own = tm_slot_inbox(d->home);
    const uint32_t max_credits = d->exclusive + d->floating + CREDITS_MARGIN;
    if (is_here(e, peer)) {
        return tm_channel_table_take(e->channels, key, producer, max_credits, own);
    }
    tm_channel *ch = tm_channel_new(key, max_credits);
    if (producer) {
        tm_channel_bind_producer(ch, own);
    } else {
        tm_channel_bind_consumer(ch, own);
    }
    set->remote[set->n_remote++] = (struct remote_end){ch, peer, producer};
    return ch;
}

static wsl_status open_channels(deployed *d, channel_set *set, wsl_error *err)
{
    const Wsl__Pb__DeployTask *t = d->deploy;
    tm_channel_key key = {.job = job_word(&d->key.job), .attempt = d->key.attempt};
    size_t n = 0;
    for (size_t i = 0; i < t->n_inputs; i++) {
        key.edge = t->inputs[i]->edge->id;
        key.to = d->key.subtask;
        for (size_t k = 0; k < t->inputs[i]->n_producers; k++, n++) {
            key.from = t->inputs[i]->producers[k]->subtask;
            set->inputs[n] = open_end(d, set, t->inputs[i]->producers[k], &key, false);
            if (set->inputs[n] == NULL) {
                return wsl_fail(err, WSL_EXISTS, "the channel %u->%u of edge %u is in use already", key.from, key.to,
                                key.edge);
            }
        }
    }
    n = 0;
    for (size_t i = 0; i < t->n_outputs; i++) {
        key.edge = t->outputs[i]->edge->id;
        key.from = d->key.subtask;
        for (size_t k = 0; k < t->outputs[i]->n_consumers; k++, n++) {
            key.to = t->outputs[i]->consumers[k]->subtask;
            set->outputs[n] = open_end(d, set, t->outputs[i]->consumers[k], &key, true);
            if (set->outputs[n] == NULL) {
                return wsl_fail(err, WSL_EXISTS, "the channel %u->%u of edge %u is in use already", key.from, key.to,
                                key.edge);
            }
        }
    }
    return WSL_OK;
}

/* Buffers for what arrives over the network. */
static wsl_status reserve_inbound(deployed *d, const channel_set *set, wsl_error *err)
{
    const tm_executor *e = d->executor;
    uint32_t inbound = 0;
    for (size_t i = 0; i < set->n_remote; i++) {
        inbound += !set->remote[i].outbound;
    }
    if (inbound == 0) {
        return WSL_OK;
    }
    return wsl_buffer_pool_new(e->options.region, inbound * d->exclusive + d->floating, &d->inbound_pool, err);
}

static void tell_net(deployed *d, const channel_set *set)
{
    tm_net *net = d->executor->options.net;
    for (size_t i = 0; i < set->n_remote; i++) {
        const struct remote_end *r = &set->remote[i];
        if (r->outbound) {
            tm_net_open_outbound(net, r->channel, r->peer->data_address, d->tag);
        } else {
            char identity[WSL_PEER_ID_MAX];
            (void)snprintf(identity, sizeof identity, "%s/%s", r->peer->tm_id, r->peer->incarnation);
            tm_net_open_inbound(net, r->channel, d->inbound_pool, identity, d->tag);
        }
    }
}

static wsl_status job_config(const Wsl__Pb__DeployTask *t, wsl_config **out_config, wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_job_options};
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    for (size_t i = 0; i < t->n_job_config; i++) {
        WSL_TRY(wsl_config_set(config, t->job_config[i]->key, t->job_config[i]->value, "job", err));
    }
    *out_config = WSL_TAKE(config);
    return WSL_OK;
}

/*
 * The task is posted before the network loop hears of its channels: a failure the network loop has to report then always
 * finds the task in its slot.
 */
static wsl_status start(deployed *d, wsl_error *err)
{
    tm_executor *e = d->executor;
    wsl_config *config = NULL;
    WSL_TRY(job_config(d->deploy, &config, err));
    d->exclusive = (uint32_t)wsl_config_int(config, "taskmanager.network.memory.buffers-per-channel");
    d->floating = (uint32_t)wsl_config_int(config, "taskmanager.network.memory.floating-buffers-per-gate");
    channel_set set;
    channel_set_init(&set, d->deploy);
    wsl_status status = find_home(d, err);
    if (status == WSL_OK) {
        status = open_channels(d, &set, err);
    }
    if (status == WSL_OK) {
        status = reserve_inbound(d, &set, err);
    }
    if (status == WSL_OK) {
        const tm_task_spec spec = {
            .key = d->key,
            .deploy = d->deploy,
            .inputs = set.inputs,
            .outputs = set.outputs,
            .artifact = d->artifact,
            .config = config,
            .region = e->options.region,
            .exclusive_buffers = d->exclusive,
            .floating_buffers = d->floating,
            .seams = e->options.seams,
            .writers = e->options.writers,
            .helpers = d->helpers = tm_helper_group_new(e->options.helpers, &d->key.job),
        };
        d->uses_net = set.n_remote > 0;
        d->task = tm_task_new(&spec);
        d->deploy = NULL;
        d->started = true;
        tm_slot_post_deploy(d->home, d->task);
        tell_net(d, &set);
    } else {
        channel_set_give_back(&set);
        wsl_config_free(config);
    }
    channel_set_fini(&set);
    return status;
}

/* Starts the task if its artifact is there; true unless it still waits. */
static bool try_start(deployed *d)
{
    wsl_error error = {0};
    wsl_status status = WSL_OK;
    if (d->deploy->artifact[0] != 0) {
        status = tm_artifact_cache_get(d->executor->options.artifacts, d->deploy->artifact, &d->artifact, &error);
        if (status == WSL_AGAIN) {
            return false;
        }
    }
    if (status == WSL_OK) {
        status = start(d, &error);
    }
    if (status != WSL_OK) {
        refuse(d, &error);
    }
    return true;
}

void tm_executor_deploy(tm_executor *e, Wsl__Pb__DeployTask *deploy)
{
    deployed *d = wsl_zalloc(sizeof *d);
    d->executor = e;
    d->tag = ++e->next_tag;
    d->key = key_of(deploy->task);
    d->deploy = deploy;
    d->cancel_deadline_ns = WSL_NEVER;
    wsl_error error = {0};
    wsl_status status = check_deployment(e, deploy, &error);
    if (status == WSL_OK && find(e, &d->key) != NULL) {
        status = wsl_fail(&error, WSL_EXISTS, "this task is deployed already");
    }
    d->next = e->first;
    e->first = d;
    e->n++;
    if (status != WSL_OK) {
        refuse(d, &error);
        return;
    }
    (void)try_start(d);
}

void tm_executor_on_artifact(tm_executor *e)
{
    for (deployed *d = e->first, *next; d != NULL; d = next) {
        next = d->next;
        if (!d->started && !d->ended) {
            (void)try_start(d);
        }
    }
}

/* ---- cancel ---- */

static void cancel(deployed *d)
{
    tm_executor *e = d->executor;
    if (d->ended || d->cancel_requested) {
        return;
    }
    if (!d->started) {
        report_state(d, WSL__PB__TASK_STATE__TASK_CANCELED, NULL, "");
        ended(d);
        return;
    }
    d->cancel_requested = true;
    const int64_t timeout = wsl_config_duration_ns(e->options.config, "task.cancellation.timeout");
    d->cancel_deadline_ns = timeout > 0 ? wsl_now_ns(e->options.seams.clock) + timeout : WSL_NEVER;
    tm_slot_post_cancel(d->home, &d->key);
}

void tm_executor_cancel(tm_executor *e, const Wsl__Pb__TaskId *task)
{
    const tm_task_key key = key_of(task);
    deployed *d = find(e, &key);
    if (d != NULL) {
        cancel(d);
    }
}

void tm_executor_cancel_all(tm_executor *e)
{
    for (deployed *d = e->first, *next; d != NULL; d = next) {
        next = d->next;
        cancel(d);
    }
}

const char *tm_executor_stuck(tm_executor *e, int64_t *deadline_ns)
{
    const int64_t now = e->first != NULL ? wsl_now_ns(e->options.seams.clock) : 0;
    for (const deployed *d = e->first; d != NULL; d = d->next) {
        if (!d->cancel_requested || d->ended) {
            continue;
        }
        if (now >= d->cancel_deadline_ns) {
            (void)snprintf(e->stuck, sizeof e->stuck,
                           "subtask %u of '%.100s' does not react to cancel (task.cancellation.timeout)",
                           d->key.subtask, tm_task_deployment(d->task)->vertex_name);
            return e->stuck;
        }
        *deadline_ns = d->cancel_deadline_ns < *deadline_ns ? d->cancel_deadline_ns : *deadline_ns;
    }
    return NULL;
}

/* ---- letters ---- */

static void on_report(tm_executor *e, tm_report *r)
{
    const tm_task_key *key = tm_task_get_key(r->task);
    deployed *d = find(e, key);
    WSL_ASSERT(d != NULL && d->task == r->task);
    Wsl__Pb__TaskId id;
    wsl_pb_task_id_init(&id, &d->key.job, d->key.vertex, d->key.subtask, d->key.attempt);
    if (r->kind == TM_REPORT_STATE) {
        const bool failed = r->state == WSL__PB__TASK_STATE__TASK_FAILED;
        const bool over = failed || r->state == WSL__PB__TASK_STATE__TASK_FINISHED ||
                          r->state == WSL__PB__TASK_STATE__TASK_CANCELED;
        report_state(d, r->state, failed ? tm_task_error(d->task) : NULL,
                     failed ? tm_task_error_operator(d->task) : "");
        wsl_log(e->options.seams.log, failed ? WSL_LOG_WARN : WSL_LOG_INFO, "task.state",
                "vertex=%s subtask=%u attempt=%u state=%s error=%s", tm_task_deployment(d->task)->vertex_name,
                d->key.subtask, d->key.attempt,
                protobuf_c_enum_descriptor_get_value(&wsl__pb__task_state__descriptor, (int)r->state)->name + 5,
                failed ? tm_task_error(d->task)->text : "");
        if (over) {
            ended(d);
        }
        return;
    }
    if (r->kind == TM_REPORT_SPLIT_REQUEST) {
        Wsl__Pb__SplitRequest body;
        wsl__pb__split_request__init(&body);
        body.task = &id;
        body.operator_ = r->operator_id;
        body.finished = wsl_pb_text(r->text);
        e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_SPLIT_REQUEST, &body);
        return;
    }
    if (r->kind == TM_REPORT_WATERMARK) {
        Wsl__Pb__AlignmentReport body;
        wsl__pb__alignment_report__init(&body);
        body.task = &id;
        body.operator_ = r->operator_id;
        body.watermark = r->watermark;
        body.idle = r->idle;
        e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_ALIGNMENT_REPORT, &body);
        return;
    }
    if (r->kind == TM_REPORT_CHECKPOINT && r->ack != NULL) {
        r->ack->task = &id;
        e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, r->ack);
        r->ack->task = NULL;
        return;
    }
    if (r->kind == TM_REPORT_CHECKPOINT) {
        Wsl__Pb__CheckpointDeclined body;
        wsl__pb__checkpoint_declined__init(&body);
        body.task = &id;
        body.checkpoint = r->sequence;
        body.reason = wsl_pb_text(r->text);
        e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, &body);
        return;
    }
    Wsl__Pb__CollectData body;
    wsl__pb__collect_data__init(&body);
    body.task = &id;
    body.operator_ = r->operator_id;
    body.sequence = r->sequence;
    body.rows = wsl_pb_bytes(r->rows, r->rows_size);
    body.count = r->n_rows;
    body.end = r->end;
    e->options.send(e->options.arg, WSL__PB__ENVELOPE__BODY_COLLECT_DATA, &body);
}

void tm_executor_on_letter(tm_executor *e, wsl_letter *letter)
{
    tm_report *r = (tm_report *)(void *)letter;
    if ((int)r->kind == FAILURE_KIND) {
        const failure_letter *failure = (const failure_letter *)(const void *)r;
        for (const kept_lane *kept = e->lanes; kept != NULL; kept = kept->next) {
            tm_slot_post_fail(tm_lane_slot(kept->lane), &failure->channel, failure->inbound, r->text);
        }
        tm_report_free(r);
        return;
    }
    if ((int)r->kind != CLOSED_KIND) {
        on_report(e, r);
        tm_report_free(r);
        return;
    }
    const uint64_t tag = ((closed_letter *)(void *)letter)->tag;
    for (deployed *d = e->first; d != NULL; d = d->next) {
        if (d->tag == tag) {
            let_go(d);
            return;
        }
    }
    WSL_ASSERT(!"a closed task is one of ours");
}

void tm_executor_drop_letter(tm_executor *e, wsl_letter *letter)
{
    tm_report *r = (tm_report *)(void *)letter;
    if ((int)r->kind == CLOSED_KIND) {
        return; /* part of its task */
    }
    /* Only a terminal report gives the task back; of any other the slot has freed it by now. */
    const bool terminal = r->kind == TM_REPORT_STATE && (r->state == WSL__PB__TASK_STATE__TASK_FINISHED ||
                                                         r->state == WSL__PB__TASK_STATE__TASK_CANCELED ||
                                                         r->state == WSL__PB__TASK_STATE__TASK_FAILED);
    if (terminal) {
        deployed *d = find(e, tm_task_get_key(r->task));
        if (d != NULL) {
            d->ended = true; /* the slot has let go of it */
        }
    }
    tm_report_free(r);
}

void tm_executor_on_split(tm_executor *e, const Wsl__Pb__SplitAssigned *s)
{
    const tm_task_key key = key_of(s->task);
    const deployed *d = find(e, &key);
    if (d == NULL || !d->started) {
        return;
    }
    const wsl_split split = {s->name, s->split.data, (uint32_t)s->split.len};
    const bool none = s->no_more || s->none_yet;
    tm_slot_post_split(d->home, &key, s->operator_, none ? NULL : &split, s->number, s->no_more);
}

void tm_executor_on_limit(tm_executor *e, const Wsl__Pb__AlignmentLimit *limit)
{
    const tm_task_key key = key_of(limit->task);
    const deployed *d = find(e, &key);
    if (d != NULL && d->started) {
        tm_slot_post_limit(d->home, &key, limit->operator_, limit->limit);
    }
}

void tm_executor_on_trigger(tm_executor *e, const Wsl__Pb__TriggerCheckpoint *trigger)
{
    const tm_task_key key = key_of(trigger->task);
    const deployed *d = find(e, &key);
    if (d != NULL && d->started) {
        tm_slot_post_trigger(d->home, &key, trigger);
    }
}

void tm_executor_on_checkpoint_ended(tm_executor *e, const Wsl__Pb__CheckpointEnded *over)
{
    const tm_task_key key = key_of(over->task);
    const deployed *d = find(e, &key);
    if (d != NULL && d->started) {
        tm_slot_post_checkpoint_ended(d->home, &key, over->checkpoint, over->complete);
    }
}

void tm_executor_on_collect_ack(tm_executor *e, const Wsl__Pb__CollectAck *ack)
{
    const tm_task_key key = key_of(ack->task);
    const deployed *d = find(e, &key);
    if (d != NULL && d->started) {
        tm_slot_post_collect_ack(d->home, &key, ack->operator_, ack->sequence);
    }
}

/* ---- numbers ---- */

uint32_t tm_executor_tasks(const tm_executor *e) { return e->n; }

void tm_executor_fill_metrics(tm_executor *e, Wsl__Pb__TmHeartbeat *heartbeat)
{
    heartbeat->tasks = wsl_calloc(e->n + 1, sizeof *heartbeat->tasks);
    for (deployed *d = e->first; d != NULL; d = d->next) {
        if (d->task == NULL || d->ended) {
            continue;
        }
        heartbeat->tasks[heartbeat->n_tasks++] = task_metrics(d);
    }
}
