/* Sources and sinks around connectors made for the test: what of readers and writers goes into a checkpoint and comes back. */
#include "harness/wsl_test.h"

#include <wiesel/connector.h>

#include "chain_kit.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"

WSL_ROW(item, (int64, n));

/* ---- snapshots of a chain of one ---- */

static Wsl__Pb__TaskSnapshot *take(kit *k, uint64_t checkpoint)
{
    tm_memory_sink memory = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory);
    tm_snapshot *s = tm_snapshot_new(checkpoint, &sink);
    tm_snapshot_operator(s, kit_head(k));
    cr_assert_eq(kit_head(k)->cls->snapshot(kit_head(k), s), WSL_OK, "%s", k->error.text);
    return tm_snapshot_finish_in_memory(s, &memory);
}

static wsl_status give(kit *k, const Wsl__Pb__TaskSnapshot *snapshot)
{
    wsl_error err = {0};
    tm_restore *r = NULL;
    cr_assert_eq(tm_restore_new(wsl_fs_posix(), snapshot, &r, &err), WSL_OK, "%s", err.text);
    const wsl_status status = tm_restore_chain(r, k->chain);
    tm_restore_free(r);
    return status;
}

/* ---- a reader that has splits ---- */

static struct {
    char names[16][32];
    uint32_t n;        /* splits in its hands */
    int restored;      /* pieces; -1: not asked */
    bool ends;
} reading;

static wsl_status reader_add(void *self, wsl_source_ctx *ctx, const wsl_split *split, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    cr_assert_eq(split->size, 3);
    cr_assert_eq(memcmp(split->bytes, "xyz", 3), 0);
    (void)snprintf(reading.names[reading.n++], sizeof reading.names[0], "%s", split->name);
    return WSL_OK;
}

static wsl_status reader_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)self, (void)max_rows, (void)err;
    if (reading.n == 0 && !reading.ends) {
        ctx->ops->request_split(ctx);
    }
    return reading.ends ? WSL_END : WSL_AGAIN;
}

static wsl_status reader_snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    for (uint32_t i = 0; i < reading.n; i++) {
        save->add(save, &(wsl_split){reading.names[i], "xyz", 3});
    }
    return WSL_OK;
}

static wsl_status reader_restore(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)self, (void)ctx, (void)pieces, (void)err;
    reading.restored = (int)n;
    return WSL_OK;
}

static const wsl_reader_class splits_reader = {
    .size = 1, .add_split = reader_add, .poll = reader_poll, .snapshot = reader_snapshot};
static const wsl_reader_class plain_reader = {
    .size = 1, .poll = reader_poll, .snapshot = reader_snapshot, .restore = reader_restore};
static const wsl_enumerator_class enumerator = {.size = 1};
static const wsl_source_class splits_source = {
    .name = "test", .has_format = true, .enumerator = &enumerator, .reader = &splits_reader};
static const wsl_source_class plain_source = {.name = "test", .has_format = true, .reader = &plain_reader};

static void open_source(kit *k, const wsl_source_class *cls)
{
    wsl_error err = {0};
    memset(&reading, 0, sizeof reading);
    reading.restored = -1;
    kit_init(k, NULL);
    const uint32_t source = kit_add(k, "source", "numbers", NULL, &item_schema);
    wsl_pb_set(&k->ops[source]->uid, "numbers");
    kit_connector(k, source, "file");
    kit_option(k, source, "path", "/nowhere");
    kit_option(k, source, "format", "json");
    cr_assert_eq(kit_make(k, &err), WSL_OK, "%s", err.text);
    kit_head(k)->env.source = cls;
    kit_collect(k, 0);
    cr_assert_eq(tm_chain_open(k->chain, &err), WSL_OK, "%s", err.text);
}

static void hand_over(kit *k, const char *name, uint32_t number)
{
    const wsl_split split = {name, "xyz", 3};
    cr_assert_eq(kit_head(k)->cls->on_split(kit_head(k), &split, number, false), WSL_OK);
}

Test(connector_snapshots, splits_come_back_before_new_ones_are_asked_for)
{
    kit k;
    open_source(&k, &splits_source);
    hand_over(&k, "a", 5);
    hand_over(&k, "b", 6);
    Wsl__Pb__TaskSnapshot *snapshot = take(&k, 1);
    kit_fini(&k);
    open_source(&k, &splits_source);
    cr_assert_eq(give(&k, snapshot), WSL_OK, "%s", k.error.text);
    cr_assert_eq(reading.n, 2);
    cr_assert(strcmp(reading.names[0], "a") == 0 && strcmp(reading.names[1], "b") == 0);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_AGAIN);
    cr_assert_eq(k.requests, 0);
    cr_assert_str_eq(kit_text(&k), "", "a reader with splits is not idle");
    Wsl__Pb__TaskSnapshot *again = take(&k, 2);
    cr_assert_eq(snapshot->files[0]->content.len, again->files[0]->content.len);
    cr_assert_eq(memcmp(snapshot->files[0]->content.data, again->files[0]->content.data, again->files[0]->content.len), 0,
                 "the numbers of the splits, too");
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    wsl__pb__task_snapshot__free_unpacked(again, NULL);
    kit_fini(&k);
}

Test(connector_snapshots, a_reader_without_splits_asks_for_the_first)
{
    kit k;
    open_source(&k, &splits_source);
    Wsl__Pb__TaskSnapshot *snapshot = take(&k, 1);
    kit_fini(&k);
    open_source(&k, &splits_source);
    cr_assert_eq(give(&k, snapshot), WSL_OK);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_AGAIN);
    cr_assert_eq(k.requests, 1, "a question under way at the failure is asked again");
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    kit_fini(&k);
}

/* As the state of operator "numbers" in a subtask: no sections. */
static Wsl__Pb__TaskSnapshot *empty_state(bool finished)
{
    Wsl__Pb__TaskSnapshot *snapshot = wsl_alloc(sizeof *snapshot);
    wsl__pb__task_snapshot__init(snapshot);
    Wsl__Pb__OperatorState *state = wsl_alloc(sizeof *state);
    wsl__pb__operator_state__init(state);
    wsl_pb_set(&state->uid, "numbers");
    state->finished = finished;
    *WSL_PB_APPEND(snapshot->operators, snapshot->n_operators) = state;
    return snapshot;
}

Test(connector_snapshots, a_subtask_that_gets_nothing_is_told_so)
{
    kit k;
    Wsl__Pb__TaskSnapshot *snapshot = empty_state(false);
    open_source(&k, &plain_source);
    cr_assert_eq(give(&k, snapshot), WSL_OK);
    cr_assert_eq(reading.restored, 0, "it must not begin from the start");
    kit_fini(&k);
    snapshot->operators[0]->uid[0] = 'x';
    open_source(&k, &plain_source);
    cr_assert_eq(give(&k, snapshot), WSL_OK);
    cr_assert_eq(reading.restored, -1, "a source that was not in the checkpoint begins from the start");
    kit_fini(&k);
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
}

Test(connector_snapshots, a_source_that_had_ended_ends_again)
{
    kit k;
    Wsl__Pb__TaskSnapshot *snapshot = empty_state(true);
    open_source(&k, &plain_source);
    cr_assert_eq(give(&k, snapshot), WSL_OK);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_str_eq(kit_text(&k), "wMAX end");
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    kit_fini(&k);
}

/* ---- a writer in two steps ---- */

static struct {
    uint64_t prepared, committed;
    uint32_t pieces;
    bool checkpoints;
} writing;

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n, uint32_t *out_taken,
                               wsl_error *err)
{
    (void)self, (void)rows, (void)err;
    writing.checkpoints = ctx->checkpoints;
    *out_taken = n;
    return WSL_OK;
}

static wsl_status writer_prepare(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_saver *save, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    writing.prepared = checkpoint;
    save->add(save, &(wsl_split){"piece", "abc", 3});
    return WSL_OK;
}

static wsl_status writer_commit(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    writing.committed = checkpoint;
    return WSL_OK;
}

static wsl_status writer_restore(void *self, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    for (uint32_t i = 0; i < n; i++) {
        cr_assert(strcmp(pieces[i].name, "piece") == 0 && pieces[i].size == 3 && memcmp(pieces[i].bytes, "abc", 3) == 0);
    }
    writing.pieces = n;
    return WSL_OK;
}

static const wsl_writer_class two_steps_writer = {
    .size = 1, .write = writer_write, .prepare = writer_prepare, .commit = writer_commit, .restore = writer_restore};
static const wsl_sink_class two_steps_sink = {.name = "test", .writer = &two_steps_writer};

static wsl_config *open_sink(kit *k, bool checkpoints, const char *after_finish)
{
    static const wsl_option *tables[] = {wsl_job_options};
    wsl_config *config = wsl_config_new(tables, 1);
    wsl_error err = {0};
    memset(&writing, 0, sizeof writing);
    if (checkpoints) {
        cr_assert_eq(wsl_config_set(config, "execution.checkpointing.interval", "1s", "test", &err), WSL_OK, "%s", err.text);
    }
    cr_assert_eq(wsl_config_set(config, "execution.checkpointing.checkpoints-after-tasks-finish.enabled", after_finish, "test", &err),
                 WSL_OK, "%s", err.text);
    kit_init(k, &item_schema);
    const uint32_t sink = kit_add(k, "sink", "out", NULL, NULL);
    wsl_pb_set(&k->ops[sink]->uid, "out");
    kit_connector(k, sink, "blackhole");
    cr_assert_eq(kit_make(k, &err), WSL_OK, "%s", err.text);
    kit_head(k)->env.sink = &two_steps_sink;
    kit_head(k)->env.job_config = config;
    cr_assert_eq(tm_chain_open(k->chain, &err), WSL_OK, "%s", err.text);
    return config;
}

static void write_row(kit *k)
{
    uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, item_n_fields);
    item_set_n(&w, 1);
    const wsl_row *row = w.row;
    cr_assert_eq(tm_op_deliver_rows(kit_head(k), 0, &row, 1), WSL_OK);
}

static wsl_status complete(kit *k, uint64_t checkpoint)
{
    return kit_head(k)->cls->checkpoint_complete(kit_head(k), checkpoint);
}

Test(connector_snapshots, a_sink_waits_for_a_checkpoint_behind_its_end)
{
    kit k;
    wsl_config *config = open_sink(&k, true, "true");
    cr_assert_not(tm_chain_uncommitted(k.chain), "it has written nothing");
    write_row(&k);
    cr_assert(writing.checkpoints);
    cr_assert(tm_chain_uncommitted(k.chain));
    wsl__pb__task_snapshot__free_unpacked(take(&k, 3), NULL);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_eq(complete(&k, 3), WSL_OK);
    cr_assert_eq(writing.committed, 3);
    cr_assert(tm_chain_uncommitted(k.chain), "3 was taken before the end");
    wsl__pb__task_snapshot__free_unpacked(take(&k, 4), NULL);
    wsl__pb__task_snapshot__free_unpacked(take(&k, 5), NULL);
    cr_assert_eq(complete(&k, 3), WSL_OK, "a doubled notice");
    cr_assert(tm_chain_uncommitted(k.chain));
    cr_assert_eq(complete(&k, 5), WSL_OK, "the notice of 4 was lost");
    cr_assert_not(tm_chain_uncommitted(k.chain));
    kit_fini(&k);
    wsl_config_free(config);
}

Test(connector_snapshots, a_sink_does_not_wait_for_checkpoints_that_will_not_come)
{
    kit k;
    wsl_config *config = open_sink(&k, false, "true");
    write_row(&k);
    cr_assert(!writing.checkpoints && !tm_chain_uncommitted(k.chain), "the job takes none");
    kit_fini(&k);
    wsl_config_free(config);
    config = open_sink(&k, true, "false");
    write_row(&k);
    cr_assert(tm_chain_uncommitted(k.chain));
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_not(tm_chain_uncommitted(k.chain), "the job takes none when tasks have finished");
    kit_fini(&k);
    wsl_config_free(config);
}

Test(connector_snapshots, a_writer_gets_the_pieces_of_all_subtasks_it_takes_over_from)
{
    kit k;
    wsl_config *config = open_sink(&k, true, "true");
    write_row(&k);
    Wsl__Pb__TaskSnapshot *snapshot = take(&k, 1);
    kit_fini(&k);
    wsl_config_free(config);
    Wsl__Pb__OperatorState *other =
        (Wsl__Pb__OperatorState *)(void *)wsl_pb_copy(&snapshot->operators[0]->base);
    *WSL_PB_APPEND(snapshot->operators, snapshot->n_operators) = other;
    config = open_sink(&k, true, "true");
    cr_assert_eq(give(&k, snapshot), WSL_OK, "%s", k.error.text);
    cr_assert_eq(writing.pieces, 2);
    cr_assert(tm_chain_uncommitted(k.chain), "what came back waits for the last checkpoint, too");
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    kit_fini(&k);
    wsl_config_free(config);
}
