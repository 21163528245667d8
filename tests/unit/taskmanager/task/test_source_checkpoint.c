/* A source task and its checkpoints: which splits are in it, and when the task ends. */
#include <stdio.h>

#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/fs_mem.h"
#include "ckpt/section_reader.h"
#include "graph/job_graph.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "taskmanager/task/task_internal.h"

WSL_ROW(item, (int64, n));

typedef struct world {
    wsl_manual_clock clock;
    wsl_mem_fs *mem;
    wsl_fs *fs;
    wsl_rng rng;
    wsl_mailbox written;
    tm_writer_pool *writers;
    tm_task *task;
    Wsl__Pb__CheckpointAck *ack; /* the last one */
    uint32_t acks, declines, requests;
    uint64_t declined; /* the last one */
    bool slow_disk;    /* writes when told to */
} world;

static void on_request(void *arg, tm_task *task, uint32_t operator_id, const char *finished)
{
    (void)task, (void)operator_id, (void)finished;
    ((world *)arg)->requests++;
}

static void on_ack(void *arg, tm_task *task, Wsl__Pb__CheckpointAck *ack)
{
    (void)task;
    world *w = arg;
    if (w->ack != NULL) {
        wsl__pb__checkpoint_ack__free_unpacked(w->ack, NULL);
    }
    w->ack = ack;
    w->acks++;
}

static void on_decline(void *arg, tm_task *task, uint64_t checkpoint, const char *reason)
{
    (void)task, (void)reason;
    ((world *)arg)->declines++;
    ((world *)arg)->declined = checkpoint;
}

static Wsl__Pb__Operator *operator_of(uint32_t id, const char *kind, const char *connector)
{
    Wsl__Pb__Operator *op = wsl_alloc(sizeof *op);
    wsl__pb__operator__init(op);
    op->id = id;
    wsl_pb_set(&op->kind, kind);
    wsl_pb_set(&op->name, kind);
    wsl_pb_set(&op->uid, kind);
    wsl_pb_set(&op->connector, connector);
    return op;
}

static void add_option(Wsl__Pb__Operator *op, const char *key, const char *value)
{
    Wsl__Pb__Option *o = wsl_alloc(sizeof *o);
    wsl__pb__option__init(o);
    wsl_pb_set(&o->key, key);
    wsl_pb_set(&o->value, value);
    *WSL_PB_APPEND(op->options, op->n_options) = o;
}

/* file source -> file sink */
static Wsl__Pb__DeployTask *deployment(void)
{
    Wsl__Pb__DeployTask *d = wsl_alloc(sizeof *d);
    wsl__pb__deploy_task__init(d);
    d->task = wsl_alloc(sizeof *d->task);
    wsl__pb__task_id__init(d->task);
    d->task->job.data = wsl_zalloc(16);
    d->task->job.len = 16;
    d->task->attempt = 1;
    d->parallelism = 1;
    d->max_parallelism = 128;
    wsl_pb_set(&d->checkpoint_dir, "/ckpt");
    Wsl__Pb__Operator *source = operator_of(1, "source", "file");
    source->output = wsl_schema_to_pb(&item_schema);
    add_option(source, "path", "/in");
    add_option(source, "format", "json");
    Wsl__Pb__Operator *sink = operator_of(2, "sink", "file");
    add_option(sink, "path", "/out");
    add_option(sink, "format", "json");
    *WSL_PB_APPEND(d->operators, d->n_operators) = source;
    *WSL_PB_APPEND(d->operators, d->n_operators) = sink;
    Wsl__Pb__Edge *edge = wsl_alloc(sizeof *edge);
    wsl__pb__edge__init(edge);
    edge->from = 1;
    edge->to = 2;
    *WSL_PB_APPEND(d->chained_edges, d->n_chained_edges) = edge;
    return d;
}

static void open_world_of(world *w, bool slow_disk)
{
    *w = (world){.slow_disk = slow_disk};
    wsl_manual_clock_init(&w->clock, 1700000000000);
    w->mem = wsl_mem_fs_new(&w->clock.clock);
    w->fs = wsl_mem_fs_seam(w->mem);
    wsl_rng_seed(&w->rng, 1);
    wsl_mailbox_init(&w->written, (wsl_waker){0});
    w->writers = tm_writer_pool_new(&(tm_writer_pool_options){.fs = w->fs, .in_flight_max = 1 << 20, .stepped = w->slow_disk});
    wsl_error err = {0};
    cr_assert_eq(wsl_fs_write_atomic(w->fs, "/in", "{\"n\":1}\n{\"n\":2}\n", 16, &err), WSL_OK, "%s", err.text);
    const wsl_option *tables[] = {wsl_job_options};
    wsl_config *config = wsl_config_new(tables, 1);
    cr_assert_eq(wsl_config_set(config, "execution.checkpointing.interval", "1s", "test", &err), WSL_OK, "%s", err.text);
    if (slow_disk) {
        cr_assert_eq(wsl_config_set(config, "execution.checkpointing.data-inline-threshold", "0", "test", &err), WSL_OK);
    }
    const tm_task_spec spec = {
        .key = {.attempt = 1},
        .deploy = deployment(),
        .config = config,
        .seams = {.clock = &w->clock.clock, .rng = &w->rng, .fs = w->fs},
        .writers = w->writers,
    };
    w->task = tm_task_new(&spec);
    const tm_task_services services = {.arg = w,
                                       .request_split = on_request,
                                       .written = &w->written,
                                       .checkpoint_ack = on_ack,
                                       .checkpoint_declined = on_decline};
    tm_task_open(w->task, &services);
    cr_assert_eq(tm_task_state(w->task), WSL__PB__TASK_STATE__TASK_RUNNING, "%s", tm_task_error(w->task)->text);
}

static void open_world(world *w) { open_world_of(w, false); }

/* Steps until there is nothing to do; delivers results of the writer. */
static tm_step run(world *w)
{
    for (int turn = 0; turn < 1000; turn++) {
        int64_t now = wsl_now_ns(&w->clock.clock);
        const tm_step step = tm_task_step(w->task, &now);
        bool mail = false;
        for (wsl_letter *l = wsl_mailbox_take_all(&w->written), *next; l != NULL; l = next) {
            next = l->next;
            tm_writer_result *result = (tm_writer_result *)(void *)l;
            (void)tm_task_on_written(w->task, result);
            tm_writer_result_free(result);
            mail = true;
        }
        if (step != TM_STEP_RAN && !mail) {
            return step;
        }
    }
    cr_assert(false, "it never rests");
    return TM_STEP_RAN;
}

static void close_world(world *w)
{
    tm_task_cancel(w->task);
    tm_task_free(w->task);
    tm_writer_pool_free(w->writers);
    if (w->ack != NULL) {
        wsl__pb__checkpoint_ack__free_unpacked(w->ack, NULL);
    }
    wsl_mem_fs_free(w->mem);
}

static void trigger_beside(world *w, uint64_t checkpoint, bool alone)
{
    Wsl__Pb__TriggerCheckpoint message = WSL__PB__TRIGGER_CHECKPOINT__INIT;
    char dir[32];
    (void)snprintf(dir, sizeof dir, "/ckpt/chk-%u", (unsigned)checkpoint);
    cr_assert_eq(w->fs->make_dirs(w->fs, dir, NULL), WSL_OK);
    message.checkpoint = checkpoint;
    message.alone = alone;
    tm_task_on_trigger(w->task, &message);
}

static void trigger(world *w, uint64_t checkpoint) { trigger_beside(w, checkpoint, true); }

static void give_split(world *w)
{
    static const char bytes[] = "\1"
                                "\0\0\0\0\0\0\0\0"
                                "\xff\xff\xff\xff\xff\xff\xff\xff"
                                "\x10\0\0\0\0\0\0\0"
                                "/in";
    const wsl_split split = {"/in", bytes, sizeof bytes - 1};
    tm_task_on_split(w->task, 1, &split, 1, false);
}

/* Records of that section in the last acknowledgement; 0: it is empty or not there. */
static uint64_t records_of(const world *w, const char *section)
{
    uint64_t n = 0;
    for (size_t i = 0; i < w->ack->snapshot->n_operators; i++) {
        const Wsl__Pb__OperatorState *state = w->ack->snapshot->operators[i];
        for (size_t k = 0; k < state->n_sections; k++) {
            n += strcmp(state->sections[k]->name, section) == 0 ? state->sections[k]->records : 0;
        }
    }
    return n;
}

Test(source_checkpoint, a_split_that_comes_behind_the_trigger_is_not_in_the_checkpoint)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    cr_assert_eq(w.requests, 1);
    trigger(&w, 1);
    give_split(&w); /* the enumerator's part of checkpoint 1 says that nobody has it */
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    cr_assert_eq(w.acks, 1);
    cr_assert_eq(records_of(&w, "splits"), 0);
    cr_assert_eq(w.requests, 2, "it was read then");
    close_world(&w);
}

Test(source_checkpoint, a_split_that_comes_before_the_trigger_is_in_the_checkpoint)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    give_split(&w);
    trigger(&w, 1);
    (void)run(&w);
    cr_assert_eq(w.acks, 1);
    cr_assert_eq(records_of(&w, "splits"), 1);
    close_world(&w);
}

Test(source_checkpoint, what_was_held_back_comes_when_the_checkpoint_is_given_up)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    trigger(&w, 1);
    give_split(&w);
    tm_task_on_checkpoint_ended(w.task, 1, false);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    cr_assert_eq(w.acks, 0);
    cr_assert_eq(w.requests, 2, "it was read");
    close_world(&w);
}

Test(source_checkpoint, a_newer_trigger_lets_in_what_came_before_it)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    trigger(&w, 1);
    give_split(&w);
    trigger(&w, 2); /* knows that we have the split */
    (void)run(&w);
    cr_assert_eq(w.ack->checkpoint, 2);
    cr_assert_eq(records_of(&w, "splits"), 1);
    close_world(&w);
}

static uint32_t visible;

static bool count_visible(void *arg, const char *name, const wsl_file_info *info)
{
    (void)arg, (void)info;
    visible += name[0] != '.';
    return true;
}

static uint32_t n_visible(const world *w)
{
    visible = 0;
    cr_assert_eq(w->fs->list(w->fs, "/out", count_visible, NULL, NULL), WSL_OK);
    return visible;
}

static void work_at_the_disk(world *w)
{
    while (tm_writer_pool_run_one(w->writers)) {
    }
    (void)run(w);
}

Test(source_checkpoint, a_checkpoint_that_is_being_written_is_not_lost_to_the_next)
{
    world w;
    open_world_of(&w, true);
    (void)run(&w);
    trigger(&w, 1);
    (void)run(&w);
    trigger_beside(&w, 2, false);
    (void)run(&w);
    cr_assert_eq(w.declined, 2);
    cr_assert_eq(w.acks, 0);
    work_at_the_disk(&w);
    cr_assert_eq(w.acks, 1);
    cr_assert_eq(w.ack->checkpoint, 1);
    trigger_beside(&w, 3, false);
    (void)run(&w);
    work_at_the_disk(&w);
    cr_assert_eq(w.acks, 2);
    cr_assert_eq(w.ack->checkpoint, 3);
    cr_assert_eq(w.declines, 1);
    close_world(&w);
}

Test(source_checkpoint, what_is_written_for_a_checkpoint_that_was_given_up_makes_way)
{
    world w;
    open_world_of(&w, true);
    (void)run(&w);
    trigger(&w, 1);
    (void)run(&w);
    trigger(&w, 2); /* alone: the news about 1 is still on its way */
    (void)run(&w);
    work_at_the_disk(&w);
    cr_assert_eq(w.declines, 0);
    cr_assert_eq(w.acks, 1);
    cr_assert_eq(w.ack->checkpoint, 2);
    close_world(&w);
}

Test(source_checkpoint, a_task_ends_when_a_checkpoint_behind_its_end_is_complete)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    give_split(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    trigger(&w, 1);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    tm_task_on_split(w.task, 1, NULL, 0, true);
    cr_assert_eq(run(&w), TM_STEP_IDLE, "its rows wait");
    cr_assert_eq(w.task->deadline, WSL_NEVER, "for a message, not for the time of a roll");
    tm_task_on_checkpoint_ended(w.task, 1, true);
    cr_assert_eq(run(&w), TM_STEP_IDLE, "1 was taken before the end");
    cr_assert_eq(n_visible(&w), 0);
    trigger(&w, 2);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    cr_assert_eq(w.acks, 2);
    cr_assert_eq(n_visible(&w), 0);
    tm_task_on_checkpoint_ended(w.task, 2, true);
    cr_assert_eq(n_visible(&w), 1);
    cr_assert_eq(run(&w), TM_STEP_ENDED);
    cr_assert_eq(tm_task_state(w.task), WSL__PB__TASK_STATE__TASK_FINISHED);
    cr_assert_eq(w.declines, 0);
    close_world(&w);
}

Test(source_checkpoint, a_drain_is_an_end_with_its_checkpoint_behind_it)
{
    world w;
    open_world(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    give_split(&w);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    Wsl__Pb__TriggerCheckpoint message = WSL__PB__TRIGGER_CHECKPOINT__INIT;
    message.checkpoint = 1;
    message.kind = WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT;
    message.drain = true;
    tm_task_on_trigger(w.task, &message);
    cr_assert_eq(run(&w), TM_STEP_IDLE);
    cr_assert_eq(w.acks, 1);
    cr_assert_eq(n_visible(&w), 0);
    tm_task_on_checkpoint_ended(w.task, 1, true);
    cr_assert_eq(n_visible(&w), 1, "all rows are in the savepoint");
    cr_assert_eq(run(&w), TM_STEP_ENDED);
    close_world(&w);
}
