/*
 * What tasks answer.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/metadata.h"
#include "jobmanager/ckpt/coordinator_core.h"

static bool is_shared(const Wsl__Pb__StateFile *f) { return strncmp(f->path, "shared/", 7) == 0; }

/* A shared file was written for this checkpoint, or is known from an earlier acknowledgement: else it may be gone. */
static bool shared_files_ok(const jm_coordinator *c, const Wsl__Pb__CheckpointAck *ack, wsl_error *err)
{
    for (size_t i = 0; i < ack->snapshot->n_files; i++) {
        const Wsl__Pb__StateFile *f = ack->snapshot->files[i];
        if (!is_shared(f)) {
            continue;
        }
        if (jm_shared_checkpoint(f->path) != f->checkpoint || f->checkpoint > ack->checkpoint) {
            (void)wsl_fail(err, WSL_INVALID, "the shared file '%.200s' does not say which checkpoint it was written for", f->path);
            return false;
        }
        if (f->checkpoint < ack->checkpoint && !jm_registry_has(c->registry, f->path)) {
            (void)wsl_fail(err, WSL_INVALID, "the shared file '%.200s' of an earlier checkpoint is not there any more", f->path);
            return false;
        }
    }
    return true;
}

static bool checks_out(const jm_coordinator *c, uint32_t vertex, uint32_t subtask, const Wsl__Pb__CheckpointAck *ack,
                       wsl_error *err)
{
    const wsl_job_plan *plan = c->options.plan;
    if (wsl_task_snapshot_check(ack->snapshot, err) != WSL_OK) {
        return false;
    }
    if (!jm_snapshot_paths_ok(ack->snapshot, ack->checkpoint)) {
        (void)wsl_fail(err, WSL_INVALID, "it names files outside of the checkpoint's directory");
        return false;
    }
    if (!shared_files_ok(c, ack, err)) {
        return false;
    }
    for (size_t i = 0; i < ack->snapshot->n_operators; i++) {
        const Wsl__Pb__OperatorState *op = ack->snapshot->operators[i];
        for (size_t k = 0; k < i; k++) {
            if (ack->snapshot->operators[k]->operator_ == op->operator_) {
                (void)wsl_fail(err, WSL_INVALID, "it holds state of operator %u twice", op->operator_);
                return false;
            }
        }
        if (op->operator_ >= plan->graph->n_operators || plan->vertex_of[op->operator_] != vertex ||
            op->subtask != subtask) {
            (void)wsl_fail(err, WSL_INVALID, "it holds state of operator %u, subtask %u, which does not run there",
                           op->operator_, op->subtask);
            return false;
        }
    }
    return true;
}

static void note_shared(jm_coordinator *c, const Wsl__Pb__CheckpointAck *ack)
{
    for (size_t i = 0; i < ack->snapshot->n_files; i++) {
        if (is_shared(ack->snapshot->files[i])) {
            jm_registry_use(c->registry, ack->snapshot->files[i]->path, ack->checkpoint);
        }
    }
}

static void note_ack(jm_coordinator *c, jm_pending *p, uint32_t index, const Wsl__Pb__CheckpointAck *ack)
{
    uint64_t state_bytes = 0;
    for (size_t i = 0; i < ack->snapshot->n_files; i++) {
        const Wsl__Pb__StateFile *f = ack->snapshot->files[i];
        state_bytes += f->size;
    }
    note_shared(c, ack);
    jm_checkpoint_task_stats *s = &p->stats->tasks[index];
    *s = (jm_checkpoint_task_stats){
        .acked = true,
        .ack_ms = wsl_wall_ms(c->options.clock),
        .bytes = ack->bytes,
        .state_bytes = state_bytes,
        .sync_ns = ack->sync_ns,
        .async_ns = ack->async_ns,
        .alignment_ns = ack->alignment_ns,
        .start_delay_ms = ack->start_delay_ms,
        .in_flight_bytes = ack->persisted_in_flight_bytes,
        .longest_step_ns = ack->longest_step_ns,
    };
    p->stats->n_acked++;
    p->stats->last_ack_ms = s->ack_ms;
    p->stats->state_bytes += state_bytes;
    p->stats->written_bytes += ack->bytes;
}

void jm_settle(jm_coordinator *c, jm_pending *p)
{
    if (p->n_missing == 0 && p->state == JM_CHECKPOINT_PENDING && p->prepared) {
        p->state = p->stats->state = JM_CHECKPOINT_PUBLISHING;
        jm_slow_publish(c, p);
    }
}

void jm_coordinator_on_ack(jm_coordinator *c, uint32_t vertex, uint32_t subtask, Wsl__Pb__CheckpointAck *ack)
{
    jm_pending *p = jm_pending_find(c, ack->checkpoint);
    wsl_error err = {0};
    if (p == NULL || !p->prepared) {
        /* It was given up before. The task does not know, and goes on from the shared files that it has named. */
        if (ack->checkpoint <= c->last_id && ack->checkpoint != 0 && checks_out(c, vertex, subtask, ack, &err)) {
            note_shared(c, ack);
        }
        jm_coordinator_on_stray_ack(c, ack->checkpoint);
        return;
    }
    const uint32_t index = jm_task_index(c, vertex, subtask);
    if (p->tasks[index].done) {
        return; /* once more; its files are those of the first time, or go with the directory */
    }
    if (!checks_out(c, vertex, subtask, ack, &err)) {
        char name[256];
        jm_checkpoint_task_name(c, index, name, sizeof name);
        jm_pending_fail(c, p, true, "the acknowledgement of task '%s' is not usable: %s", name, err.text);
        return;
    }
    note_ack(c, p, index, ack);
    p->tasks[index].done = true;
    p->tasks[index].snapshot = WSL_TAKE(ack->snapshot);
    p->n_missing--;
    jm_settle(c, p);
}

void jm_coordinator_on_stray_ack(jm_coordinator *c, uint64_t checkpoint)
{
    if (c->dir[0] == '\0' || checkpoint > c->last_id || jm_pending_find(c, checkpoint) != NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (c->retained[i].in_job && c->retained[i].id == checkpoint) {
            return;
        }
    }
    char *dir = jm_chk_dir(c, checkpoint);
    jm_slow_discard(c, dir); /* it was given up, and these files came after it was cleared */
    free(dir);
}

void jm_coordinator_on_declined(jm_coordinator *c, uint32_t vertex, uint32_t subtask, uint64_t checkpoint,
                                const char *reason)
{
    jm_pending *p = jm_pending_find(c, checkpoint);
    if (p == NULL || p->state != JM_CHECKPOINT_PENDING || !p->prepared) {
        return;
    }
    char name[256];
    const bool counts = !jm_pending_has_older(c, p); /* else it may only have come too early */
    jm_checkpoint_task_name(c, jm_task_index(c, vertex, subtask), name, sizeof name);
    jm_pending_fail(c, p, counts, "task '%s' declined: %s", name, reason[0] == '\0' ? "it gave no reason" : reason);
}
