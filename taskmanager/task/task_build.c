/*
 * task_build - makes a task's gate, outputs and chain from its deployment, and takes them apart.
 *
 * Everything in a deployment was checked by the JobManager's plan, but it came over a socket: what is used as an index or
 * a size is checked again here, and a message that does not hold together fails the task with a sentence.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/job_graph.h"
#include "plugin/plugin.h"
#include "taskmanager/task/task_internal.h"
#include "taskmanager/window/late_samples.h"

enum { OUTPUT_QUEUE_MAX = 2 };

bool tm_task_key_equal(const tm_task_key *a, const tm_task_key *b)
{
    return wsl_id_equal(&a->job, &b->job) && a->vertex == b->vertex && a->subtask == b->subtask &&
           a->attempt == b->attempt;
}

const tm_task_key *tm_task_get_key(const tm_task *t) { return &t->key; }
const Wsl__Pb__DeployTask *tm_task_deployment(const tm_task *t) { return t->deploy; }
tm_task_shared *tm_task_get_shared(tm_task *t) { return &t->shared; }
const void *tm_task_artifact(const tm_task *t) { return t->artifact; }

tm_task *tm_task_new(const tm_task_spec *spec)
{
    tm_task *t = wsl_zalloc(sizeof *t);
    t->key = spec->key;
    t->deploy = spec->deploy;
    t->artifact = spec->artifact;
    t->config = spec->config;
    t->region = spec->region;
    t->exclusive_buffers = spec->exclusive_buffers;
    t->floating_buffers = spec->floating_buffers;
    t->seams = spec->seams;
    t->helpers = spec->helpers;
    t->checkpoint.writers = spec->writers;
    t->fd = -1;
    t->deadline = WSL_NEVER;
    t->state = WSL__PB__TASK_STATE__TASK_DEPLOYING;
    wsl_rng_seed(&t->rng, wsl_rng_next(spec->seams.rng));
    (void)wsl_id_text(&t->key.job, t->job_id);
    atomic_store(&t->shared.input_watermark, WSL_TIME_MIN);
    atomic_store(&t->shared.output_watermark, WSL_TIME_MIN);
    for (size_t i = 0; i < t->deploy->n_inputs; i++) {
        t->n_in_channels += (uint32_t)t->deploy->inputs[i]->n_producers;
    }
    for (size_t i = 0; i < t->deploy->n_outputs; i++) {
        t->n_out_channels += (uint32_t)t->deploy->outputs[i]->n_consumers;
    }
    t->in_channels = wsl_calloc(t->n_in_channels + 1, sizeof(tm_channel *));
    t->out_channels = wsl_calloc(t->n_out_channels + 1, sizeof(tm_channel *));
    for (uint32_t i = 0; i < t->n_in_channels; i++) {
        t->in_channels[i] = spec->inputs[i];
    }
    for (uint32_t i = 0; i < t->n_out_channels; i++) {
        t->out_channels[i] = spec->outputs[i];
    }
    tm_task_checkpoint_init(t);
    tm_task_init_host(t);
    return t;
}

/* ---- building ---- */

static wsl_status build_gate(tm_task *t)
{
    if (t->n_in_channels == 0) {
        return WSL_OK;
    }
    tm_gate_input *inputs = wsl_calloc(t->n_in_channels, sizeof *inputs);
    uint32_t *input_of = wsl_calloc(t->n_in_channels, sizeof *input_of);
    uint32_t n = 0;
    for (size_t i = 0; i < t->deploy->n_inputs; i++) {
        const Wsl__Pb__InputGate *in = t->deploy->inputs[i];
        if (in->edge == NULL || in->edge->input > 1) {
            free(inputs);
            free(input_of);
            return wsl_fail(&t->error, WSL_FORMAT, "the deployment's input %zu has no valid edge", i);
        }
        for (size_t k = 0; k < in->n_producers; k++, n++) {
            input_of[n] = in->edge->input;
            inputs[n] = (tm_gate_input){.channel = t->in_channels[n],
                                        .edge = in->edge->id,
                                        .input = in->edge->input,
                                        .peer = in->producers[k]->subtask};
        }
    }
    t->gate = tm_gate_new(inputs, n, t->exclusive_buffers, t->floating_buffers, t);
    memset(t->in_channels, 0, t->n_in_channels * sizeof *t->in_channels); /* the gate has them */
    tm_input_valves_init(&t->valves, input_of, n);
    free(inputs);
    free(input_of);
    return WSL_OK;
}

static const Wsl__Pb__Operator *find_operator(const tm_task *t, uint32_t id)
{
    for (size_t i = 0; i < t->deploy->n_operators; i++) {
        if (t->deploy->operators[i]->id == id) {
            return t->deploy->operators[i];
        }
    }
    return NULL;
}

/* The schema of what flows on an edge of this chain. */
static const Wsl__Pb__Schema *edge_schema(const tm_task *t, const Wsl__Pb__Edge *edge)
{
    const Wsl__Pb__Operator *from = find_operator(t, edge->from);
    if (from == NULL) {
        return NULL;
    }
    if (edge->side == NULL || edge->side[0] == 0) {
        return from->output;
    }
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, edge->side) == 0) {
            return from->sides[i]->schema;
        }
    }
    return NULL;
}

static wsl_status build_output(tm_task *t, const Wsl__Pb__OutputEdge *out, uint32_t index, uint32_t first_channel)
{
    const Wsl__Pb__Edge *edge = out->edge;
    if (edge == NULL || out->n_consumers == 0 || edge->partition == WSL__PB__PARTITION__UNSTATED) {
        return wsl_fail(&t->error, WSL_FORMAT, "the deployment's output %u is not complete", index);
    }
    wsl_key_spec key = {0};
    const wsl_function *custom = NULL;
    if (edge->partition == WSL__PB__PARTITION__HASH) {
        const Wsl__Pb__Schema *pb = edge_schema(t, edge);
        if (pb == NULL || out->max_parallelism < out->n_consumers ||
            out->max_parallelism > WSL_MAX_PARALLELISM_MAX) {
            return wsl_fail(&t->error, WSL_FORMAT, "the deployment's output %u cannot be partitioned by key", index);
        }
        wsl_schema *schema = NULL;
        WSL_TRY(wsl_schema_from_pb(pb, &schema, &t->error));
        const wsl_status status =
            wsl_key_spec_init(&key, schema, (const char *const *)edge->keys, (uint32_t)edge->n_keys, &t->error);
        wsl_schema_free(schema);
        WSL_TRY(status);
    }
    if (edge->partition == WSL__PB__PARTITION__CUSTOM) {
        custom = wsl_plugin_function(t->artifact, edge->function, WSL_FN_PARTITION, &t->error);
        if (custom == NULL) {
            return t->error.status;
        }
    }
    uint32_t *peers = wsl_calloc(out->n_consumers, sizeof *peers);
    for (size_t k = 0; k < out->n_consumers; k++) {
        peers[k] = out->consumers[k]->subtask;
    }
    const tm_output_spec spec = {
        .edge = edge->id,
        .partition = edge->partition,
        .n_channels = (uint32_t)out->n_consumers,
        .channels = t->out_channels + first_channel,
        .peers = peers,
        .key = &key,
        .max_parallelism = out->max_parallelism,
        .custom = custom,
        .rng = &t->rng,
        .region = t->region,
        .buffers_per_channel = t->exclusive_buffers,
        .floating_buffers = t->floating_buffers,
        .queue_max = OUTPUT_QUEUE_MAX,
        .overdraft_max = wsl_config_size(t->config, "task.overdraft.max"),
        .row_size_max = wsl_config_size(t->config, "execution.row-size-max"),
        .owner = t,
        .index = index,
    };
    const wsl_status status = tm_output_new(&spec, &t->outputs[index], &t->error);
    free(peers);
    WSL_TRY(status);
    memset(t->out_channels + first_channel, 0, out->n_consumers * sizeof *t->out_channels); /* the output has them */
    t->n_outputs = index + 1;
    return WSL_OK;
}

static wsl_status build_outputs(tm_task *t)
{
    t->outputs = wsl_calloc(t->deploy->n_outputs + 1, sizeof(tm_output *));
    uint32_t first_channel = 0;
    for (uint32_t i = 0; i < t->deploy->n_outputs; i++) {
        WSL_TRY(build_output(t, t->deploy->outputs[i], i, first_channel));
        first_channel += (uint32_t)t->deploy->outputs[i]->n_consumers;
    }
    return WSL_OK;
}

static wsl_status build_chain(tm_task *t)
{
    Wsl__Pb__DeployTask *d = t->deploy;
    if (d->n_operators == 0) {
        return wsl_fail(&t->error, WSL_FORMAT, "the deployment has no operators");
    }
    if (d->input_schema != NULL) {
        WSL_TRY(wsl_schema_from_pb(d->input_schema, &t->input_schema[0], &t->error));
    }
    if (d->input_schema_1 != NULL) {
        WSL_TRY(wsl_schema_from_pb(d->input_schema_1, &t->input_schema[1], &t->error));
    }
    Wsl__Pb__Edge **out_edges = wsl_calloc(d->n_outputs + 1, sizeof(Wsl__Pb__Edge *));
    for (size_t i = 0; i < d->n_outputs; i++) {
        out_edges[i] = d->outputs[i]->edge;
    }
    const tm_chain_spec spec = {
        .operators = d->operators,
        .n_operators = d->n_operators,
        .edges = d->chained_edges,
        .n_edges = d->n_chained_edges,
        .out_edges = out_edges,
        .outputs = t->outputs,
        .n_outputs = d->n_outputs,
        .input = {t->input_schema[0], t->input_schema[1]},
        .keys = d->keys,
        .n_keys = d->n_keys,
        .keys_1 = d->keys_1,
        .n_keys_1 = d->n_keys_1,
        .subtask = t->key.subtask,
        .parallelism = d->parallelism,
        .max_parallelism = d->max_parallelism,
        .split_number = d->split_number,
        .attempt = t->key.attempt,
        .job_id = t->job_id,
        .job_name = d->job_name,
        .artifact = t->artifact,
        .job_config = t->config,
        .clock = t->seams.clock,
        .fs = t->seams.fs,
        .rng = &t->rng,
        .log = t->seams.log,
        .host = &t->host,
        .helpers = t->helpers,
    };
    wsl_status status = tm_chain_new(&spec, &t->chain, &t->error);
    free(out_edges);
    WSL_TRY(status);
    const uint32_t n = tm_chain_size(t->chain);
    t->wakes = wsl_calloc(n, sizeof *t->wakes);
    t->collects = wsl_calloc(n, sizeof *t->collects);
    for (size_t i = 0; i < d->n_operators; i++) {
        const Wsl__Pb__Operator *op = d->operators[i];
        if (strcmp(op->kind, "sink") == 0 && strcmp(op->connector, "collect") == 0) {
            t->collects[t->n_collects++].operator_id = op->id;
        }
    }
    t->is_source = tm_chain_is_source(t->chain);
    t->rows_per_step = 1;
    tm_chain_set_rows_per_step(t->chain, t->rows_per_step);
    if (t->is_source != (t->gate == NULL)) {
        return wsl_fail(&t->error, WSL_FORMAT, "the deployment has %s", t->is_source ? "a source with inputs"
                                                                                      : "an operator without inputs");
    }
    WSL_TRY(tm_task_restore_lists(t));
    return tm_chain_open(t->chain, &t->error);
}

/* Late rows are read by others: from here on they are the task's, not the operators'. */
static void build_late(tm_task *t)
{
    t->late = wsl_calloc(tm_chain_size(t->chain), sizeof *t->late);
    for (uint32_t i = 0; i < tm_chain_size(t->chain); i++) {
        const tm_op *op = tm_chain_op(t->chain, i);
        if (op->late != NULL) {
            t->late[t->n_late++] = (tm_task_late){.operator_id = op->env.desc->id, .samples = op->late};
        }
    }
    atomic_store_explicit(&t->n_late_ready, t->n_late, memory_order_release);
}

static void keep_late(tm_task *t)
{
    for (uint32_t i = 0; i < t->n_late; i++) {
        tm_chain_find(t->chain, t->late[i].operator_id)->late = NULL;
    }
}

static void build_samples(tm_task *t)
{
    const uint32_t n_in = t->gate != NULL ? tm_gate_channels(t->gate) : 0;
    uint32_t n = n_in;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        n += tm_output_channels(t->outputs[i]);
    }
    t->samples = wsl_calloc(n + 1, sizeof *t->samples);
    t->n_samples = n;
    for (uint32_t i = 0; i < n_in; i++) {
        t->samples[i].edge = tm_gate_channel(t->gate, i)->edge;
        t->samples[i].peer = tm_gate_channel(t->gate, i)->peer;
        t->samples[i].inbound = true;
    }
    uint32_t at = n_in;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        for (uint32_t k = 0; k < tm_output_channels(t->outputs[i]); k++, at++) {
            uint32_t credits, queue;
            t->samples[at].edge = tm_output_edge(t->outputs[i]);
            tm_output_channel_state(t->outputs[i], k, &t->samples[at].peer, &credits, &queue);
        }
    }
    tm_task_publish(t);
    atomic_store_explicit(&t->n_samples_ready, n, memory_order_release);
}

wsl_status tm_task_build(tm_task *t)
{
    const int64_t interval = wsl_config_duration_ns(t->config, "execution.buffer-timeout.interval");
    t->flush_interval_ns = interval > 0 ? interval : 0;
    WSL_TRY(build_gate(t));
    WSL_TRY(build_outputs(t));
    WSL_TRY(build_chain(t));
    build_late(t);
    build_samples(t);
    return WSL_OK;
}

/* ---- taking apart ---- */

void tm_task_teardown(tm_task *t)
{
    tm_task_unwatch(t);
    tm_task_checkpoint_stop(t);
    if (t->chain != NULL) {
        tm_chain_close(t->chain);
        keep_late(t);
        tm_chain_free(t->chain);
        t->chain = NULL;
    }
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        tm_output_free(t->outputs[i]);
        t->outputs[i] = NULL;
    }
    t->n_outputs = 0;
    if (t->held != NULL) {
        wsl_buffer_release(t->held);
        t->held = NULL;
    }
    tm_gate_free(t->gate);
    t->gate = NULL;
    for (uint32_t i = 0; i < t->n_in_channels; i++) {
        tm_channel_unref(t->in_channels[i]);
        t->in_channels[i] = NULL;
    }
    for (uint32_t i = 0; i < t->n_out_channels; i++) {
        tm_channel_unref(t->out_channels[i]);
        t->out_channels[i] = NULL;
    }
}

void tm_task_free(tm_task *t)
{
    if (t == NULL) {
        return;
    }
    tm_task_teardown(t);
    tm_task_checkpoint_fini(t);
    tm_held_splits_fini(&t->held_splits);
    tm_input_valves_fini(&t->valves);
    wsl_schema_free(t->input_schema[0]);
    wsl_schema_free(t->input_schema[1]);
    free(t->outputs);
    free(t->in_channels);
    free(t->out_channels);
    free(t->wakes);
    free(t->collects);
    free(t->samples);
    tm_task_counts_fini(&t->counts);
    tm_time_box_fini(&t->times);
    for (uint32_t i = 0; i < t->n_late; i++) {
        tm_late_samples_free(t->late[i].samples);
    }
    free(t->late);
    free(t->error_operator);
    wsl_config_free(t->config);
    wsl__pb__deploy_task__free_unpacked(t->deploy, NULL);
    free(t);
}

/* ---- numbers ---- */

static void put(_Atomic(uint64_t) *to, uint64_t value) { atomic_store_explicit(to, value, memory_order_relaxed); }

/* Publishes a watermark and, if it advanced since the last time, when. */
static void put_watermark(_Atomic(int64_t) *to, _Atomic(int64_t) *since_ms, int64_t watermark, int64_t now_ms)
{
    if (watermark > atomic_load_explicit(to, memory_order_relaxed)) {
        atomic_store_explicit(since_ms, now_ms, memory_order_relaxed);
    }
    atomic_store_explicit(to, watermark, memory_order_relaxed);
}

void tm_task_publish(tm_task *t)
{
    if (t->chain == NULL) {
        return;
    }
    tm_task_shared *s = &t->shared;
    const int64_t now_ms = wsl_wall_ms(t->seams.clock);
    uint64_t rows_out = 0, bytes_out = 0, buffers_out = 0;
    uint32_t at = 0;
    if (t->gate != NULL) {
        const tm_gate_stats in = tm_gate_get_stats(t->gate);
        put(&s->rows_in, t->rows_in);
        put(&s->bytes_in, in.bytes);
        put(&s->buffers_in, in.buffers);
        for (; at < tm_gate_channels(t->gate); at++) {
            tm_task_channel_sample *c = &t->samples[at];
            atomic_store_explicit(&c->credits, tm_gate_credits(t->gate, at), memory_order_relaxed);
            atomic_store_explicit(&c->queue, tm_channel_queued(tm_gate_channel(t->gate, at)->channel),
                                  memory_order_relaxed);
            const tm_valve_channel *vc = tm_input_valves_channel(&t->valves, at);
            put_watermark(&c->watermark, &c->since_ms, vc->watermark, now_ms);
            atomic_store_explicit(&c->idle, vc->idle, memory_order_relaxed);
            atomic_store_explicit(&c->ended, vc->finished, memory_order_relaxed);
            atomic_store_explicit(&c->catching_up, !vc->idle && !vc->finished && !vc->aligned, memory_order_relaxed);
        }
        const tm_valve *all = t->valves.n_inputs > 1 ? &t->valves.both : &t->valves.input[0];
        put_watermark(&s->input_watermark, &s->input_since_ms, all->watermark, now_ms);
    } else {
        put(&s->rows_in, tm_chain_head(t->chain)->rows_out); /* a source: what it read */
    }
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        const tm_output_stats out = tm_output_get_stats(t->outputs[i]);
        rows_out += out.rows;
        bytes_out += out.bytes;
        buffers_out += out.buffers;
        for (uint32_t k = 0; k < tm_output_channels(t->outputs[i]); k++, at++) {
            uint32_t peer, credits, queue;
            tm_output_channel_state(t->outputs[i], k, &peer, &credits, &queue);
            atomic_store_explicit(&t->samples[at].credits, credits, memory_order_relaxed);
            atomic_store_explicit(&t->samples[at].queue, queue, memory_order_relaxed);
        }
    }
    int64_t watermark = WSL_TIME_MAX;
    for (uint32_t i = 0; i < tm_chain_size(t->chain); i++) {
        const tm_op *op = tm_chain_op(t->chain, i);
        const bool is_sink = op->main.n == 0 && op->n_sides == 0;
        bool leaves = is_sink;
        for (uint32_t k = 0; k < op->main.n; k++) {
            leaves |= op->main.target[k].output != NULL;
        }
        rows_out += is_sink && t->n_outputs == 0 ? op->rows_in : 0; /* what a sink wrote */
        const int64_t reached = is_sink ? op->watermark : op->out_watermark;
        watermark = leaves && reached < watermark ? reached : watermark;
    }
    tm_task_counts_publish(&t->counts, t->chain);
    tm_time_box_publish(&t->times, t->chain, now_ms);
    put(&s->rows_out, rows_out);
    put(&s->bytes_out, bytes_out);
    put(&s->buffers_out, buffers_out);
    put_watermark(&s->output_watermark, &s->output_since_ms, watermark, now_ms);
}

/* Samples that were not sent before, oldest first. */
static Wsl__Pb__LateMetrics *late_metrics(tm_task_late *late)
{
    tm_late_sample latest[TM_LATE_SAMPLES];
    Wsl__Pb__LateMetrics *m = wsl_alloc(sizeof *m);
    wsl__pb__late_metrics__init(m);
    m->operator_ = late->operator_id;
    m->count = tm_late_samples_total(late->samples);
    uint32_t n = tm_late_samples_read(late->samples, latest, TM_LATE_SAMPLES);
    m->samples = wsl_calloc(n + 1, sizeof *m->samples);
    while (n-- > 0) {
        if (latest[n].number <= late->sent) {
            continue;
        }
        late->sent = latest[n].number;
        Wsl__Pb__LateSample *sample = wsl_alloc(sizeof *sample);
        wsl__pb__late_sample__init(sample);
        sample->key = wsl_strdup(latest[n].key);
        sample->split = (uint32_t)latest[n].split;
        sample->timestamp = latest[n].timestamp;
        sample->watermark = latest[n].watermark;
        sample->lateness_ms = latest[n].lateness_ms;
        m->samples[m->n_samples++] = sample;
    }
    return m;
}

static void fill_late(tm_task *t, Wsl__Pb__TaskMetrics *m)
{
    const uint32_t n = atomic_load_explicit(&t->n_late_ready, memory_order_acquire);
    m->late = wsl_calloc(n + 1, sizeof *m->late);
    for (uint32_t i = 0; i < n; i++) {
        if (tm_late_samples_total(t->late[i].samples) > 0) {
            m->late[m->n_late++] = late_metrics(&t->late[i]);
        }
    }
}

static uint64_t get(_Atomic(uint64_t) *from) { return atomic_load_explicit(from, memory_order_relaxed); }

void tm_task_fill_metrics(tm_task *t, int64_t now_ns, Wsl__Pb__TaskMetrics *m)
{
    tm_task_shared *s = &t->shared;
    wsl__pb__task_metrics__init(m);
    m->records_in = get(&s->rows_in);
    m->records_out = get(&s->rows_out);
    m->bytes_in = get(&s->bytes_in);
    m->bytes_out = get(&s->bytes_out);
    m->buffers_in = get(&s->buffers_in);
    m->buffers_out = get(&s->buffers_out);
    m->busy_ns = get(&s->busy_ns);
    m->backpressured_ns = get(&s->backpressured_ns);
    m->idle_ns = get(&s->idle_ns);
    m->input_watermark = atomic_load_explicit(&s->input_watermark, memory_order_relaxed);
    m->output_watermark = atomic_load_explicit(&s->output_watermark, memory_order_relaxed);
    m->input_since_ms = atomic_load_explicit(&s->input_since_ms, memory_order_relaxed);
    m->output_since_ms = atomic_load_explicit(&s->output_since_ms, memory_order_relaxed);

    /* what goes on right now is not booked yet */
    const int64_t stepping = atomic_load_explicit(&s->stepping_since_ns, memory_order_relaxed);
    const int64_t since = atomic_load_explicit(&s->since_ns, memory_order_relaxed);
    if (stepping != 0 && now_ns > stepping) {
        m->busy_ns += (uint64_t)(now_ns - stepping);
    } else if (stepping == 0 && since != 0 && now_ns > since) {
        const tm_step last = (tm_step)atomic_load_explicit(&s->condition, memory_order_relaxed);
        *(last == TM_STEP_BLOCKED ? &m->backpressured_ns
          : last == TM_STEP_IDLE  ? &m->idle_ns
                                  : &m->busy_ns) += (uint64_t)(now_ns - since);
    }

    tm_task_counts_fill(&t->counts, m);
    tm_time_box_fill(&t->times, m);
    fill_late(t, m);
    const uint32_t n = atomic_load_explicit(&t->n_samples_ready, memory_order_acquire);
    m->inputs = wsl_calloc(n + 1, sizeof *m->inputs);
    m->outputs = wsl_calloc(n + 1, sizeof *m->outputs);
    for (uint32_t i = 0; i < n; i++) {
        tm_task_channel_sample *c = &t->samples[i];
        Wsl__Pb__ChannelMetrics *cm = wsl_zalloc(sizeof *cm);
        wsl__pb__channel_metrics__init(cm);
        cm->edge = c->edge;
        cm->peer_subtask = c->peer;
        cm->credits = atomic_load_explicit(&c->credits, memory_order_relaxed);
        cm->queue = atomic_load_explicit(&c->queue, memory_order_relaxed);
        cm->watermark = atomic_load_explicit(&c->watermark, memory_order_relaxed);
        cm->idle = atomic_load_explicit(&c->idle, memory_order_relaxed);
        cm->ended = atomic_load_explicit(&c->ended, memory_order_relaxed);
        cm->catching_up = atomic_load_explicit(&c->catching_up, memory_order_relaxed);
        cm->since_ms = atomic_load_explicit(&c->since_ms, memory_order_relaxed);
        if (c->inbound) {
            m->inputs[m->n_inputs++] = cm;
        } else {
            m->outputs[m->n_outputs++] = cm;
        }
    }
}
