/*
 * task_kit - one task with a `where` operator over input channels that the test fills, under a clock that goes on by a price
 * per row.
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "taskmanager/task/task_internal.h"

WSL_ROW(kit_row, (int64, n));

enum { KIT_CHANNELS_MAX = 8, KIT_CREDITS = 8, KIT_ROW_BYTES = 32 };

typedef struct task_kit {
    wsl_clock clock; /* first */
    int64_t now_ns;
    int64_t row_ns; /* what a row costs */
    uint64_t rows_paid;
    wsl_rng rng;
    wsl_mailbox box;
    tm_channel *channels[KIT_CHANNELS_MAX];
    uint32_t n_channels;
    tm_task *task;
    uint32_t states; /* bits of those it has reported */
} task_kit;

static int64_t kit_monotonic(wsl_clock *clock)
{
    task_kit *k = (task_kit *)(void *)clock;
    const uint64_t rows = k->task != NULL && k->task->chain != NULL ? tm_chain_head(k->task->chain)->rows_in : 0;
    k->now_ns += (int64_t)(rows - k->rows_paid) * k->row_ns;
    k->rows_paid = rows;
    return k->now_ns;
}
static int64_t kit_wall(wsl_clock *clock) { return kit_monotonic(clock) / WSL_NS_PER_MS; }

static void kit_state_changed(void *arg, tm_task *task, Wsl__Pb__TaskState state)
{
    (void)task;
    ((task_kit *)arg)->states |= 1u << state;
}

static Wsl__Pb__DeployTask *kit_deployment(uint32_t n_channels, const char *predicate)
{
    static uint8_t job[16] = {1};
    Wsl__Pb__TaskId id = WSL__PB__TASK_ID__INIT;
    Wsl__Pb__DeployTask deploy = WSL__PB__DEPLOY_TASK__INIT;
    Wsl__Pb__Operator op = WSL__PB__OPERATOR__INIT;
    Wsl__Pb__Option expr = WSL__PB__OPTION__INIT;
    Wsl__Pb__Edge edge = WSL__PB__EDGE__INIT;
    Wsl__Pb__InputGate gate = WSL__PB__INPUT_GATE__INIT;
    Wsl__Pb__Peer peers[KIT_CHANNELS_MAX];
    Wsl__Pb__Peer *peer_list[KIT_CHANNELS_MAX];
    Wsl__Pb__Option *options[] = {&expr};
    Wsl__Pb__Operator *operators[] = {&op};
    Wsl__Pb__InputGate *gates[] = {&gate};
    id.job = (ProtobufCBinaryData){sizeof job, job};
    expr.key = (char *)(uintptr_t)"expr";
    expr.value = (char *)(uintptr_t)predicate;
    op.kind = (char *)(uintptr_t)"where";
    op.name = (char *)(uintptr_t)"keep";
    op.n_options = 1;
    op.options = options;
    op.output = wsl_schema_to_pb(&kit_row_schema);
    for (uint32_t i = 0; i < n_channels; i++) {
        wsl__pb__peer__init(&peers[i]);
        peers[i].subtask = i;
        peer_list[i] = &peers[i];
    }
    gate.edge = &edge;
    gate.n_producers = n_channels;
    gate.producers = peer_list;
    deploy.task = &id;
    deploy.parallelism = 1;
    deploy.max_parallelism = 128;
    deploy.n_operators = 1;
    deploy.operators = operators;
    deploy.n_inputs = 1;
    deploy.inputs = gates;
    deploy.input_schema = op.output;
    Wsl__Pb__DeployTask *copy = (Wsl__Pb__DeployTask *)(void *)wsl_pb_copy(&deploy.base);
    wsl__pb__schema__free_unpacked(op.output, NULL);
    return copy;
}

static inline void kit_open(task_kit *k, uint32_t n_channels, const char *predicate)
{
    *k = (task_kit){.clock = {.monotonic_ns = kit_monotonic, .wall_ms = kit_wall}, .now_ns = WSL_NS_PER_S, .n_channels = n_channels};
    const wsl_option *tables[] = {wsl_job_options};
    wsl_rng_seed(&k->rng, 1);
    wsl_mailbox_init(&k->box, (wsl_waker){0});
    for (uint32_t i = 0; i < n_channels; i++) {
        k->channels[i] = tm_channel_new(&(tm_channel_key){.from = i}, KIT_CREDITS);
        tm_channel_bind_producer(k->channels[i], &k->box);
        tm_channel_bind_consumer(k->channels[i], &k->box);
    }
    const tm_task_spec spec = {
        .deploy = kit_deployment(n_channels, predicate),
        .inputs = k->channels,
        .config = wsl_config_new(tables, 1),
        .exclusive_buffers = KIT_CREDITS,
        .seams = {.clock = &k->clock, .rng = &k->rng},
    };
    k->task = tm_task_new(&spec);
    tm_task_open(k->task, &(tm_task_services){.arg = k, .state_changed = kit_state_changed});
    cr_assert_eq(tm_task_state(k->task), WSL__PB__TASK_STATE__TASK_RUNNING, "%s", tm_task_error(k->task)->text);
}

/* News of channels to the task. */
static inline void kit_mail(task_kit *k)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&k->box), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_end *end = tm_channel_end_open(l);
        if (end == &end->channel->consumer && end->owner != NULL) {
            tm_task_on_channel(k->task, end);
        }
        tm_channel_unref(end->channel);
    }
}

static inline void kit_close(task_kit *k)
{
    tm_task_cancel(k->task);
    kit_mail(k);
    tm_task_free(k->task);
    k->task = NULL;
    for (uint32_t i = 0; i < k->n_channels; i++) {
        tm_channel_unref(k->channels[i]);
    }
}

static inline void kit_put(wsl_buffer *b, wsl_row_kind kind, int64_t value)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, b->data + b->used, KIT_ROW_BYTES, 1);
    kit_row_set_n(&w, value);
    w.row->kind = (uint8_t)kind;
    w.row->timestamp = value;
    b->used += w.row->size;
}

/* One buffer of rows first, first + 1, ... on that channel. */
static inline void kit_send(task_kit *k, uint32_t channel, uint32_t n, int64_t first)
{
    wsl_buffer *b = wsl_buffer_new_large(n * KIT_ROW_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        kit_put(b, WSL_KIND_DATA, first + i);
    }
    tm_channel_send(k->channels[channel], b);
    kit_mail(k);
}

static inline void kit_send_mark(task_kit *k, uint32_t channel, wsl_row_kind kind, int64_t timestamp)
{
    wsl_buffer *b = wsl_buffer_new_large(KIT_ROW_BYTES);
    kit_put(b, kind, timestamp);
    tm_channel_send(k->channels[channel], b);
    kit_mail(k);
}

/* One step; how many rows it took. */
static inline uint64_t kit_step(task_kit *k, tm_step *out_step)
{
    const uint64_t before = k->task->rows_in;
    int64_t now = kit_monotonic(&k->clock);
    *out_step = tm_task_step(k->task, &now);
    return k->task != NULL ? k->task->rows_in - before : 0;
}
