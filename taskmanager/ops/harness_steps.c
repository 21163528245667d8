/*
 * With WIESEL_HARNESS_RESTORE=1 in the environment a harness takes a snapshot of its operator after every step, throws the operator
 * away and goes on with a new one that begins with the snapshot: a test that passes like that as well shows that nothing which
 * matters is forgotten. Our own tests of operators run both ways.
 *
 *     step --> nothing pending? --> snapshot --> close, free --> new operator: lists, open, state, watermark --> the same as before?
 *
 * What a test sees of an operator but is no state moves over by hand: metrics and samples of late rows. What a function keeps in
 * ctx->local is lost, as it should be. After many steps, and with much state, only some steps are such steps.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "taskmanager/ops/harness_internal.h"
#include "taskmanager/ops/op_async.h"
#include "taskmanager/window/late_samples.h"

enum { STEPS_AT_FULL_RATE = 500, BYTES_PER_SKIPPED_STEP = 32 << 10 };

void tm_harness_steps_init(tm_harness_steps *s)
{
    const char *wish = getenv("WIESEL_HARNESS_RESTORE");
    s->on = wish != NULL && strcmp(wish, "1") == 0;
}

/* What outlives an operator without being state. */
typedef struct memory {
    int64_t watermark, out_watermark;
    bool out_idle, input_ended[2];
    uint64_t rows_in, rows_out;
    tm_op_count *counts;
    uint32_t n_counts;
    struct tm_late_samples *late;
} memory;

static memory take_out(tm_op *op)
{
    const memory m = {
        .watermark = op->watermark,
        .out_watermark = op->out_watermark,
        .out_idle = op->out_idle,
        .input_ended = {op->input_ended[0], op->input_ended[1]},
        .rows_in = op->rows_in,
        .rows_out = op->rows_out,
        .counts = op->counts,
        .n_counts = op->n_counts,
        .late = op->late,
    };
    op->counts = NULL;
    op->n_counts = 0;
    op->late = NULL;
    return m;
}

static void free_counts(tm_op_count *counts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(counts[i].name);
    }
    free(counts);
}

static void put_back(tm_op *op, memory *m)
{
    op->input_ended[0] = m->input_ended[0];
    op->input_ended[1] = m->input_ended[1];
    op->rows_in = m->rows_in;
    op->rows_out = m->rows_out;
    free_counts(op->counts, op->n_counts);
    op->counts = WSL_TAKE(m->counts);
    op->n_counts = m->n_counts;
    tm_late_samples_free(op->late);
    op->late = WSL_TAKE(m->late);
}

/* In a cluster, those before it say again whether they are idle. */
static wsl_status tell_idleness(wsl_harness *h)
{
    tm_collector_mute(h->collector, true);
    const wsl_status status = h->head_idle ? tm_op_deliver_idle(tm_chain_head(h->chain), true) : WSL_OK;
    tm_collector_mute(h->collector, false);
    return status;
}

static wsl_status compare(wsl_harness *h, const memory *m)
{
    const tm_op *op = tm_chain_head(h->chain);
    if (op->watermark == m->watermark && op->out_watermark == m->out_watermark && op->out_idle == m->out_idle) {
        return WSL_OK;
    }
    return wsl_fail(&h->error, WSL_INTERNAL,
                    "the restored operator is not where it was: watermark in %lld, was %lld; out %lld, was %lld; %s, was %s",
                    (long long)op->watermark, (long long)m->watermark, (long long)op->out_watermark,
                    (long long)m->out_watermark, op->out_idle ? "idle" : "active", m->out_idle ? "idle" : "active");
}

static wsl_status restore_into_new(wsl_harness *h, const Wsl__Pb__TaskSnapshot *snapshot, memory *m)
{
    wsl_error err = {0};
    tm_collector_detach(h->collector);
    tm_chain_free(WSL_TAKE(h->chain));
    h->wake_ns = WSL_NEVER;
    wsl_status status = tm_harness_make_chain(h, &err);
    if (status == WSL_OK) {
        status = tm_harness_open(h, snapshot, &err);
        put_back(tm_chain_head(h->chain), m);
    }
    if (status != WSL_OK) {
        return h->error.status != WSL_OK ? h->error.status : wsl_fail(&h->error, status, "%s", err.text);
    }
    WSL_TRY(tell_idleness(h));
    return compare(h, m);
}

static bool is_turn(tm_harness_steps *s)
{
    if (s->skip > 0) {
        s->skip--;
        return false;
    }
    s->restores++;
    s->skip = s->restores / STEPS_AT_FULL_RATE;
    return true;
}

wsl_status tm_harness_stepped(wsl_harness *h, wsl_status status)
{
    tm_op *op = tm_chain_head(h->chain);
    Wsl__Pb__TaskSnapshot *snapshot = NULL;
    /* requests under way are asked again, which tests of async functions would notice: they have tests of their own */
    const bool at_end = op->ended || op->watermark == WSL_TIME_MAX;
    if (status != WSL_OK || !h->steps.on || h->error.status != WSL_OK || at_end || tm_chain_has_pending(h->chain) ||
        tm_op_async_holds(op) || !is_turn(&h->steps)) {
        return status;
    }
    WSL_TRY(tm_harness_snapshot(h, &snapshot));
    const uint64_t bytes = snapshot->n_files > 0 ? snapshot->files[0]->size : 0;
    h->steps.skip = bytes / BYTES_PER_SKIPPED_STEP > h->steps.skip ? bytes / BYTES_PER_SKIPPED_STEP : h->steps.skip;
    memory m = take_out(op);
    status = restore_into_new(h, snapshot, &m);
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    free_counts(m.counts, m.counts != NULL ? m.n_counts : 0); /* if there is no operator to have them */
    tm_late_samples_free(m.late);
    return status;
}
