/*
 * task_checkpoint - see task_checkpoint.h.
 */
#include "taskmanager/task/task_checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/task/task_internal.h"

enum {
    WALK_PIECE = 128 << 10,
    WALK_SHARE = 14,                   /* rows get this many times the time that walks get */
    WALK_IDLE_SHARE = 3,               /* ... and as many a slot that has nothing else to do: rows may come at any time */
    WALK_RETRY_NS = WSL_NS_PER_MS,     /* the disk was behind */
};

static bool is_stop(uint64_t options)
{
    return (options & TM_BARRIER_KIND) == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

void tm_task_checkpoint_init(tm_task *t)
{
    tm_task_checkpoint *c = &t->checkpoint;
    const char *mode = wsl_config_str(t->config, "execution.checkpointing.mode");
    if (wsl_config_bool(t->config, "execution.checkpointing.incremental")) {
        c->layers = tm_layers_new();
    }
    tm_align_init(&c->align, t->n_in_channels, mode == NULL || strcmp(mode, "AT_LEAST_ONCE") != 0);
}

void tm_task_checkpoint_fini(tm_task *t)
{
    tm_task_checkpoint_stop(t);
    tm_restore_free(WSL_TAKE(t->checkpoint.restore));
    tm_layers_free(WSL_TAKE(t->checkpoint.layers));
    tm_align_fini(&t->checkpoint.align);
}

/* ---- giving up ---- */

static void drop_snapshot(tm_task_checkpoint *c)
{
    tm_snapshot_free(WSL_TAKE(c->snapshot)); /* before the writer: walks are cancelled */
    tm_writer_close(WSL_TAKE(c->writer));
    c->written_out = false;
}

void tm_task_checkpoint_stop(tm_task *t)
{
    drop_snapshot(&t->checkpoint);
    t->checkpoint.wanted = 0;
}

static void decline(tm_task *t, uint64_t checkpoint, const char *reason)
{
    if (t->services.checkpoint_declined != NULL) {
        t->services.checkpoint_declined(t->services.arg, t, checkpoint, reason);
    }
}

static void unblock(tm_task *t)
{
    if (t->gate != NULL) {
        tm_gate_unblock_all(t->gate);
    }
}

/* ---- barriers ---- */

static void want(tm_task *t, uint64_t checkpoint, uint64_t options, int64_t trigger_ms)
{
    t->checkpoint.wanted = checkpoint;
    t->checkpoint.options = options;
    t->checkpoint.trigger_ms = trigger_ms;
    t->resting = false;
}

static void note_first_barrier(tm_task *t, int64_t trigger_ms)
{
    const int64_t late_ms = wsl_wall_ms(t->seams.clock) - trigger_ms;
    t->checkpoint.start_delay_ms = late_ms > 0 ? (uint64_t)late_ms : 0;
    t->checkpoint.aligning_since_ns = wsl_now_ns(t->seams.clock);
}

static void note_last_barrier(tm_task *t)
{
    const int64_t took = wsl_now_ns(t->seams.clock) - t->checkpoint.aligning_since_ns;
    t->checkpoint.alignment_ns = took > 0 ? (uint64_t)took : 0;
}

wsl_status tm_task_on_barrier(tm_task *t, uint32_t channel, const wsl_row *row)
{
    if (row->size < sizeof *row + 2 * sizeof row->slot[0]) {
        return wsl_fail(&t->error, WSL_FORMAT, "a barrier of %u bytes came, which is too short", row->size);
    }
    tm_task_checkpoint *c = &t->checkpoint;
    uint64_t aborted;
    bool block;
    const bool alone = c->align.current == 0;
    const tm_align_answer answer = tm_align_barrier(&c->align, channel, row->slot[0], &aborted, &block);
    if (aborted != 0) {
        tm_gate_unblock_all(t->gate);
        decline(t, aborted, "a newer checkpoint's barrier came before all of this one's");
    }
    if (block) {
        tm_gate_block(t->gate, channel);
    }
    if (answer == TM_ALIGN_BEGIN || (answer == TM_ALIGN_SNAPSHOT && alone)) {
        note_first_barrier(t, row->timestamp);
    }
    if (answer == TM_ALIGN_SNAPSHOT) {
        note_last_barrier(t);
    }
    if (answer != TM_ALIGN_IGNORE) {
        c->options = row->slot[1];
        c->trigger_ms = row->timestamp;
    }
    if (answer == TM_ALIGN_SNAPSHOT) {
        want(t, row->slot[0], row->slot[1], row->timestamp);
    }
    return WSL_OK;
}

void tm_task_checkpoint_on_end(tm_task *t, uint32_t channel)
{
    tm_task_checkpoint *c = &t->checkpoint;
    if (tm_align_end(&c->align, channel) == TM_ALIGN_SNAPSHOT) {
        note_last_barrier(t);
        want(t, c->align.last, c->options, c->trigger_ms);
    }
}

/* Sources have no channels; of others all producers have ended, and their ends count as barriers. False: it is known already (its
 * barriers have come, or it was given up). */
static bool trigger_by_ends(tm_task *t, uint64_t checkpoint)
{
    uint64_t aborted;
    const tm_align_answer answer = tm_align_trigger(&t->checkpoint.align, checkpoint, &aborted);
    if (aborted != 0) {
        unblock(t);
        decline(t, aborted, "a newer checkpoint was triggered before all barriers of this one came");
    }
    return answer != TM_ALIGN_IGNORE;
}

void tm_task_on_trigger(tm_task *t, const Wsl__Pb__TriggerCheckpoint *trigger)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        decline(t, trigger->checkpoint, "the task is not running");
        return;
    }
    if (t->checkpoint.stop != 0) {
        decline(t, trigger->checkpoint, "the job is being stopped with a savepoint");
        return;
    }
    tm_task_checkpoint *c = &t->checkpoint;
    const uint64_t options = (uint64_t)trigger->kind | (trigger->drain ? (uint64_t)TM_BARRIER_DRAIN : 0) |
                             (trigger->alone ? (uint64_t)TM_BARRIER_ALONE : 0);
    if (!trigger_by_ends(t, trigger->checkpoint)) {
        return;
    }
    note_first_barrier(t, trigger->trigger_ms);
    c->alignment_ns = 0;
    c->options = options;
    c->trigger_ms = trigger->trigger_ms;
    if (c->align.current == 0) { /* else the last end does it */
        want(t, trigger->checkpoint, options, trigger->trigger_ms);
    }
}

/* ---- the snapshot ---- */

static wsl_status ask_operators(tm_task *t, tm_snapshot *s)
{
    for (uint32_t i = 0; i < tm_chain_size(t->chain); i++) {
        WSL_TRY(tm_snapshot_ask(s, tm_chain_op(t->chain, i)));
    }
    return WSL_OK;
}

static wsl_status send_barrier(tm_task *t, uint64_t checkpoint)
{
    _Alignas(8) uint8_t memory[sizeof(wsl_row) + 2 * sizeof(uint64_t)] = {0};
    wsl_row *barrier = (wsl_row *)(void *)memory;
    barrier->size = sizeof memory;
    barrier->kind = WSL_KIND_BARRIER;
    barrier->timestamp = t->checkpoint.trigger_ms;
    barrier->slot[0] = checkpoint;
    barrier->slot[1] = t->checkpoint.options;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        const tm_op *from = tm_chain_find(t->chain, t->deploy->outputs[i]->edge->from);
        if (from == NULL || !from->ended) { /* nothing follows an end, which counts as a barrier */
            WSL_TRY(tm_output_barrier(t->outputs[i], barrier));
        }
    }
    return WSL_OK;
}

/* What later checkpoints may build on goes to shared/, with the checkpoint before its name. */
static tm_writer *open_writer(tm_task *t, uint64_t checkpoint, bool shared)
{
    const size_t room = strlen(t->deploy->checkpoint_dir) + 32;
    char *dir = wsl_alloc(room);
    char stem[96], before[24];
    (void)snprintf(before, sizeof before, "%" PRIu64 "-", checkpoint);
    if (shared) {
        (void)snprintf(dir, room, "%s/shared", t->deploy->checkpoint_dir);
    } else {
        (void)snprintf(dir, room, "%s/chk-%" PRIu64, t->deploy->checkpoint_dir, checkpoint);
    }
    (void)snprintf(stem, sizeof stem, "%s%u-%u-%016" PRIx64, shared ? before : "", t->key.vertex, t->key.subtask,
                   wsl_rng_next(&t->rng));
    const uint32_t inline_max = (uint32_t)wsl_config_size(t->config, "execution.checkpointing.data-inline-threshold");
    tm_writer *w = tm_writer_open(t->checkpoint.writers, dir, stem, inline_max, t->services.written);
    free(dir);
    return w;
}

/* A drain is the end of the source, and its snapshot comes behind that: nothing is held back any more, sinks have finished what
 * they write, and all of it is in the checkpoint. Those behind us take their part when all their inputs have ended. */
static wsl_status drain_source(tm_task *t)
{
    if (!t->is_source || t->input_ended || (t->checkpoint.options & TM_BARRIER_DRAIN) == 0) {
        return WSL_OK;
    }
    t->input_ended = true;
    WSL_TRY(tm_op_emit_watermark(tm_chain_head(t->chain), WSL_TIME_MAX));
    return tm_op_emit_end(tm_chain_head(t->chain));
}

static wsl_status begin_snapshot(tm_task *t, uint64_t checkpoint)
{
    tm_task_checkpoint *c = &t->checkpoint;
    if (c->snapshot != NULL && (c->options & TM_BARRIER_ALONE) == 0) {
        decline(t, checkpoint, "the one before it is still being written");
        return WSL_OK;
    }
    drop_snapshot(c);
    if (c->writers == NULL || t->deploy->checkpoint_dir[0] == '\0') {
        decline(t, checkpoint, "the task was deployed without a directory for checkpoints");
        return WSL_OK;
    }
    c->snapshot = tm_snapshot_new(checkpoint, &(tm_snapshot_sink){0});
    c->written_out = false;
    c->longest_step_ns = 0;
    if (c->layers != NULL && (c->options & TM_BARRIER_KIND) == WSL__PB__CHECKPOINT_KIND__CHECKPOINT) {
        tm_snapshot_build_on(c->snapshot, c->layers);
    }
    const wsl_status status = ask_operators(t, c->snapshot);
    if (status != WSL_OK) {
        drop_snapshot(c);
        return status;
    }
    c->writer = open_writer(t, checkpoint, tm_snapshot_wants_shared(c->snapshot));
    const tm_snapshot_sink sink = tm_writer_sink(c->writer);
    tm_snapshot_set_sink(c->snapshot, &sink);
    return WSL_OK;
}

wsl_status tm_task_take_snapshot(tm_task *t)
{
    tm_task_checkpoint *c = &t->checkpoint;
    const uint64_t checkpoint = c->wanted;
    const int64_t begin = wsl_now_ns(t->seams.clock);
    WSL_TRY(tm_task_release_splits(t, checkpoint));
    WSL_TRY(drain_source(t));
    if (!tm_chain_can_snapshot(t->chain)) {
        return WSL_OK; /* the drain made work; again when that is done */
    }
    c->wanted = 0;
    WSL_TRY(begin_snapshot(t, checkpoint));
    WSL_TRY(send_barrier(t, checkpoint));
    unblock(t);
    WSL_TRY(tm_task_release_splits(t, 0));
    if (c->snapshot != NULL && tm_snapshot_checkpoint(c->snapshot) == checkpoint) {
        c->snapshot_ns = wsl_now_ns(t->seams.clock);
        c->sync_ns = (uint64_t)(c->snapshot_ns - begin);
        c->next_walk_ns = c->idle_walk_ns = c->snapshot_ns;
    }
    c->stop = is_stop(c->options) && (c->options & TM_BARRIER_DRAIN) == 0 ? checkpoint : c->stop;
    return WSL_OK;
}

bool tm_task_walk(tm_task *t, bool idle, int64_t *now_ns)
{
    tm_task_checkpoint *c = &t->checkpoint;
    if (c->snapshot == NULL || c->written_out || *now_ns < (idle ? c->idle_walk_ns : c->next_walk_ns)) {
        return false;
    }
    const int64_t begin = *now_ns;
    const bool done = tm_snapshot_step(c->snapshot, WALK_PIECE);
    *now_ns = wsl_now_ns(t->seams.clock);
    if (done) {
        c->written_out = true;
        tm_writer_finish(c->writer);
        return true;
    }
    const bool rested = tm_snapshot_rests(c->snapshot) && *now_ns - begin < WALK_RETRY_NS / WALK_SHARE;
    c->next_walk_ns = rested ? *now_ns + WALK_RETRY_NS : *now_ns + WALK_SHARE * (*now_ns - begin);
    c->idle_walk_ns = rested ? *now_ns + WALK_RETRY_NS : *now_ns + WALK_IDLE_SHARE * (*now_ns - begin);
    return !rested;
}

int64_t tm_task_walk_deadline(const tm_task *t)
{
    const tm_task_checkpoint *c = &t->checkpoint;
    return c->snapshot != NULL && !c->written_out ? c->idle_walk_ns : WSL_NEVER;
}

/* ---- the result ---- */

static void acknowledge(tm_task *t, tm_writer_result *result)
{
    tm_task_checkpoint *c = &t->checkpoint;
    Wsl__Pb__CheckpointAck *ack = wsl_alloc(sizeof *ack);
    wsl__pb__checkpoint_ack__init(ack);
    ack->checkpoint = tm_snapshot_checkpoint(c->snapshot);
    ack->bytes = tm_snapshot_bytes(c->snapshot);
    if (wsl_pb_is_set(result->file.path) && tm_snapshot_wants_shared(c->snapshot)) {
        result->file.checkpoint = ack->checkpoint;
    }
    ack->snapshot = tm_snapshot_handles(c->snapshot, &result->file);
    if (tm_snapshot_is_layered(c->snapshot)) {
        tm_layers_complete(c->layers, ack->snapshot);
        tm_layers_acknowledged(c->layers, ack->checkpoint, ack->snapshot);
    }
    result->file = (Wsl__Pb__StateFile)WSL__PB__STATE_FILE__INIT; /* the handles have its parts */
    ack->sync_ns = c->sync_ns;
    ack->alignment_ns = c->alignment_ns;
    ack->start_delay_ms = c->start_delay_ms;
    ack->longest_step_ns = (uint64_t)c->longest_step_ns;
    const int64_t took = wsl_now_ns(t->seams.clock) - c->snapshot_ns;
    ack->async_ns = took > 0 ? (uint64_t)took : 0;
    t->services.checkpoint_ack(t->services.arg, t, ack);
}

bool tm_task_on_written(tm_task *t, tm_writer_result *result)
{
    tm_task_checkpoint *c = &t->checkpoint;
    if (c->writer == NULL || tm_writer_number(c->writer) != result->writer) {
        return false;
    }
    t->resting = false;
    if (result->status == WSL_OK) {
        acknowledge(t, result);
    } else {
        decline(t, tm_snapshot_checkpoint(c->snapshot),
                result->error.text[0] != '\0' ? result->error.text : wsl_status_text(result->status));
    }
    drop_snapshot(c);
    return true;
}

/* ---- the end of a checkpoint ---- */

wsl_status tm_task_tell_complete(tm_task *t, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < tm_chain_size(t->chain); i++) {
        tm_op *op = tm_chain_op(t->chain, i);
        if (op->cls->checkpoint_complete != NULL) {
            WSL_TRY(op->cls->checkpoint_complete(op, checkpoint));
        }
    }
    return WSL_OK;
}

void tm_task_tell_aborted(tm_task *t, uint64_t checkpoint)
{
    tm_task_checkpoint *c = &t->checkpoint;
    if (tm_align_give_up(&c->align, checkpoint)) {
        unblock(t);
    }
    if (c->wanted == checkpoint) {
        c->wanted = 0;
        unblock(t);
    }
    if (c->snapshot != NULL && tm_snapshot_checkpoint(c->snapshot) == checkpoint) {
        drop_snapshot(c);
    }
    for (uint32_t i = 0; i < tm_chain_size(t->chain); i++) {
        tm_op *op = tm_chain_op(t->chain, i);
        if (op->cls->checkpoint_aborted != NULL) {
            op->cls->checkpoint_aborted(op, checkpoint);
        }
    }
}

/* ---- restore ---- */

bool tm_task_state_is_damaged(const tm_task *t) { return t->checkpoint.damaged; }

static wsl_status noted(tm_task *t, wsl_status status)
{
    t->checkpoint.damaged = status == WSL_CORRUPT || status == WSL_NOT_FOUND;
    return status;
}

wsl_status tm_task_restore_lists(tm_task *t)
{
    if (t->deploy->restore == NULL) {
        return WSL_OK;
    }
    WSL_TRY(noted(t, tm_restore_new(t->seams.fs, t->deploy->restore, &t->checkpoint.restore, &t->error)));
    return noted(t, tm_restore_lists(t->checkpoint.restore, t->chain));
}

wsl_status tm_task_restore_chain(tm_task *t, int64_t *out_watermark)
{
    tm_restore *r = t->checkpoint.restore;
    *out_watermark = WSL_TIME_MIN;
    if (r == NULL) {
        return WSL_OK;
    }
    WSL_TRY(noted(t, tm_restore_chain(r, t->chain)));
    *out_watermark = tm_restore_watermark(r, tm_chain_head(t->chain));
    tm_restore_free(WSL_TAKE(t->checkpoint.restore));
    return WSL_OK;
}
