/*
 * task - see task.h. Building and taking apart is in task_build.c; this file is the life between open and end.
 *
 *     step:  1 what is pending in the chain      (nothing else is fed before it is done)
 *            2 room in every output, or blocked
 *            3 one poll of the source, or one input buffer
 *
 * Time is booked from state changes: what passed since the last step belongs to the condition that step left behind.
 */
#include "taskmanager/task/task_internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/control.h"

enum {
    CHANNEL_SAMPLE_NS = 50 * WSL_NS_PER_MS,
    STEP_LONG_NS = 20 * WSL_NS_PER_MS, /* steps that take longer get fewer rows */
    ROWS_PER_STEP_MAX = 1 << 20,
};

/* ---- state ---- */

/* Every move of a task's life. Rows: from; a bit per state it may go to. */
static const uint16_t allowed_moves[] = {
    [WSL__PB__TASK_STATE__TASK_DEPLOYING] =
        1 << WSL__PB__TASK_STATE__TASK_INITIALIZING | 1 << WSL__PB__TASK_STATE__TASK_CANCELED,
    [WSL__PB__TASK_STATE__TASK_INITIALIZING] = 1 << WSL__PB__TASK_STATE__TASK_RUNNING |
                                               1 << WSL__PB__TASK_STATE__TASK_FAILED |
                                               1 << WSL__PB__TASK_STATE__TASK_CANCELED,
    [WSL__PB__TASK_STATE__TASK_RUNNING] = 1 << WSL__PB__TASK_STATE__TASK_FINISHED |
                                          1 << WSL__PB__TASK_STATE__TASK_FAILED |
                                          1 << WSL__PB__TASK_STATE__TASK_CANCELED,
    [WSL__PB__TASK_STATE__TASK_FAILED] = 0,
};

static void move_to(tm_task *t, Wsl__Pb__TaskState state)
{
    WSL_ASSERT(t->state < (int)WSL_ARRAY_LEN(allowed_moves) && (allowed_moves[t->state] >> state & 1));
    t->state = state;
    if (t->services.state_changed != NULL) {
        t->services.state_changed(t->services.arg, t, state);
    }
}

bool tm_task_has_ended(const tm_task *t)
{
    return t->state == WSL__PB__TASK_STATE__TASK_FINISHED || t->state == WSL__PB__TASK_STATE__TASK_CANCELED ||
           t->state == WSL__PB__TASK_STATE__TASK_FAILED;
}

Wsl__Pb__TaskState tm_task_state(const tm_task *t) { return t->state; }
const wsl_error *tm_task_error(const tm_task *t) { return &t->error; }
const char *tm_task_error_operator(const tm_task *t) { return t->error_operator != NULL ? t->error_operator : ""; }

static void end(tm_task *t, Wsl__Pb__TaskState state)
{
    tm_task_teardown(t);
    t->deadline = WSL_NEVER;
    move_to(t, state);
}

static void fail_with_error(tm_task *t, wsl_status status)
{
    if (t->error.text[0] == 0) {
        (void)wsl_fail(&t->error, status, "%s", wsl_status_text(status));
    }
    end(t, WSL__PB__TASK_STATE__TASK_FAILED);
}

void tm_task_fail(tm_task *t, wsl_status status, const char *reason)
{
    if (tm_task_has_ended(t)) {
        return;
    }
    (void)wsl_fail(&t->error, status, "%s", reason);
    t->error.retriable = true; /* from outside: a lost peer, not the job's own doing */
    if (t->state == WSL__PB__TASK_STATE__TASK_DEPLOYING) {
        t->state = WSL__PB__TASK_STATE__TASK_INITIALIZING;
    }
    end(t, WSL__PB__TASK_STATE__TASK_FAILED);
}

void tm_task_cancel(tm_task *t)
{
    if (!tm_task_has_ended(t)) {
        tm_task_publish(t);
        end(t, WSL__PB__TASK_STATE__TASK_CANCELED);
    }
}

static wsl_status restore(tm_task *t);

void tm_task_open(tm_task *t, const tm_task_services *services)
{
    t->services = *services;
    move_to(t, WSL__PB__TASK_STATE__TASK_INITIALIZING);
    const wsl_status status = tm_task_build(t);
    if (status != WSL_OK) {
        fail_with_error(t, status);
        return;
    }
    t->error = (wsl_error){0}; /* what was tried in vain on the way */
    if (t->gate != NULL) {
        tm_gate_open(t->gate);
    }
    const wsl_status restored = restore(t);
    if (restored != WSL_OK) {
        fail_with_error(t, restored);
        return;
    }
    const int64_t now = wsl_now_ns(t->seams.clock);
    atomic_store(&t->shared.since_ns, now);
    atomic_store(&t->shared.condition, TM_STEP_IDLE);
    t->next_sample_ns = now;
    move_to(t, WSL__PB__TASK_STATE__TASK_RUNNING);
}

/* ---- input ---- */

static wsl_status pass_on(tm_task *t, const tm_valve_out *out)
{
    tm_op *head = tm_chain_head(t->chain);
    if (out->became_active) {
        WSL_TRY(tm_op_deliver_idle(head, false));
    }
    if (out->advanced) {
        WSL_TRY(tm_op_deliver_watermark(head, out->watermark));
    }
    if (out->became_idle) {
        WSL_TRY(tm_op_deliver_idle(head, true));
    }
    return WSL_OK;
}

static wsl_status on_end(tm_task *t, uint32_t channel)
{
    tm_valve_out out = {0};
    if (tm_input_valves_has_ended(&t->valves, channel)) {
        return wsl_fail(&t->error, WSL_FORMAT, "an input channel ended twice");
    }
    const bool input_ended = tm_input_valves_end(&t->valves, channel, &out);
    WSL_TRY(pass_on(t, &out));
    tm_task_checkpoint_on_end(t, channel);
    if (!input_ended) {
        return WSL_OK;
    }
    t->input_ended = tm_input_valves_all_ended(&t->valves);
    return tm_op_deliver_end(tm_chain_head(t->chain), tm_gate_channel(t->gate, channel)->input);
}

/* What the chain begins with: its state, and how far its input was, so that what was late stays late. */
static wsl_status restore(tm_task *t)
{
    int64_t watermark;
    WSL_TRY(tm_task_restore_chain(t, &watermark));
    for (uint32_t i = 0; t->gate != NULL && watermark != WSL_TIME_MIN && i < t->n_in_channels; i++) {
        tm_valve_out out = {0};
        tm_input_valves_watermark(&t->valves, i, watermark, &out);
        WSL_TRY(out.advanced ? tm_chain_restore_watermark(t->chain, out.watermark) : WSL_OK);
    }
    return WSL_OK;
}

static wsl_status on_mark(tm_task *t, uint32_t channel, const wsl_row *row)
{
    tm_valve_out out = {0};
    switch ((wsl_row_kind)row->kind) {
    case WSL_KIND_WATERMARK:
        tm_input_valves_watermark(&t->valves, channel, row->timestamp, &out);
        return pass_on(t, &out);
    case WSL_KIND_IDLE:
        tm_input_valves_idle(&t->valves, channel, &out);
        return pass_on(t, &out);
    case WSL_KIND_ACTIVE:
        tm_input_valves_active(&t->valves, channel, &out);
        return pass_on(t, &out);
    case WSL_KIND_END:
        return on_end(t, channel);
    case WSL_KIND_BARRIER:
        return tm_task_on_barrier(t, channel, row);
    case WSL_KIND_MARKER:
    case WSL_KIND_DATA:
        break;
    }
    return wsl_fail(&t->error, WSL_FORMAT, "a mark of kind %u is not known to this version", row->kind);
}

/* Goes on in the buffer in work, by rows_per_step rows at most (and the marks between them). */
static wsl_status run_held(tm_task *t)
{
    const wsl_row *rows[TM_BATCH_ROWS];
    tm_op *head = tm_chain_head(t->chain);
    const wsl_buffer *b = t->held;
    const uint32_t channel = t->held_channel;
    const uint32_t input = tm_gate_channel(t->gate, channel)->input;
    const uint32_t batch = t->rows_per_step < TM_BATCH_ROWS ? t->rows_per_step : TM_BATCH_ROWS;
    uint32_t n = 0;
    uint64_t total = 0;
    uint32_t at = t->held_at;
    uint32_t size = 0;
    while (at < b->used) {
        const wsl_row *row = wsl_buffer_row_at(b, at);
        at += wsl_row_size_guessed(row, &size);
        if (WSL_LIKELY(row->kind == WSL_KIND_DATA)) {
            rows[n++] = row;
            if (n == batch) {
                WSL_TRY(tm_op_deliver_rows(head, input, rows, n));
                total += n;
                n = 0;
                if (total >= t->rows_per_step) {
                    break;
                }
            }
            continue;
        }
        if (n > 0) {
            WSL_TRY(tm_op_deliver_rows(head, input, rows, n));
            total += n;
            n = 0;
        }
        WSL_TRY(on_mark(t, channel, row));
        if (WSL_UNLIKELY(row->kind == WSL_KIND_BARRIER && at < b->used)) {
            return wsl_fail(&t->error, WSL_FORMAT, "rows follow a barrier in its buffer");
        }
    }
    if (n > 0) {
        WSL_TRY(tm_op_deliver_rows(head, input, rows, n));
        total += n;
    }
    t->held_at = at;
    t->rows_in += total;
    return WSL_OK;
}

static wsl_status run_input(tm_task *t, tm_step *out_step)
{
    if (t->held == NULL) {
        t->held_at = 0;
        t->held = tm_gate_next(t->gate, &t->held_channel);
        if (t->held == NULL) {
            *out_step = TM_STEP_IDLE;
            return WSL_OK;
        }
    }
    const wsl_status status = run_held(t);
    if (status != WSL_OK || t->held_at >= t->held->used) {
        tm_gate_done(t->gate, t->held_channel, WSL_TAKE(t->held));
        if (status == WSL_OK && !tm_gate_has_input(t->gate) && !t->input_ended && !tm_chain_has_pending(t->chain) &&
            !tm_task_checkpoint_waits(&t->checkpoint)) {
            *out_step = TM_STEP_IDLE; /* without another step that finds nothing */
        }
    }
    return status;
}

/* ---- stepping ---- */

static bool outputs_have_room(tm_task *t)
{
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        if (!tm_output_has_room(t->outputs[i])) {
            /* credit may have come; a large row may wait alone in its buffer */
            (void)tm_output_flush(t->outputs[i]);
            if (!tm_output_has_room(t->outputs[i])) {
                return false;
            }
        }
    }
    return true;
}

static bool outputs_are_sent(tm_task *t)
{
    bool sent = true;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        sent &= tm_output_flush(t->outputs[i]);
    }
    return sent;
}

static wsl_status fire_wakes(tm_task *t, int64_t now_ns)
{
    if (now_ns < t->deadline) {
        return WSL_OK;
    }
    int64_t next = WSL_NEVER;
    for (uint32_t i = 0; i < t->n_wakes; i++) {
        tm_task_wake *w = &t->wakes[i];
        if (w->at_ns > now_ns) {
            next = w->at_ns < next ? w->at_ns : next;
            continue;
        }
        w->at_ns = WSL_NEVER;
        if (w->op == tm_chain_head(t->chain) && t->is_source) {
            t->source_waits = false; /* the poll below is its resume */
            continue;
        }
        const wsl_status status = tm_op_resume(w->op);
        if (status != WSL_OK && status != WSL_AGAIN) {
            return status;
        }
        next = w->at_ns < next ? w->at_ns : next;
    }
    t->deadline = next;
    return WSL_OK;
}

/* Something has come for the operator that asked for it; it looks itself whether there is room behind it. */
static wsl_status take_poke(tm_task *t)
{
    if (!atomic_load_explicit(&t->poked, memory_order_relaxed)) {
        return WSL_OK;
    }
    (void)atomic_exchange_explicit(&t->poked, false, memory_order_acquire);
    const wsl_status status = tm_op_resume(t->poked_op);
    return status == WSL_AGAIN ? WSL_OK : status;
}

static wsl_status step_once(tm_task *t, int64_t now_ns, tm_step *out_step)
{
    *out_step = TM_STEP_RAN;
    t->no_room = false;
    if (WSL_UNLIKELY(t->checkpoint.stop != 0)) {
        return tm_task_step_stopped(t, out_step);
    }
    WSL_TRY(take_poke(t));
    if (WSL_UNLIKELY(tm_task_checkpoint_waits(&t->checkpoint)) && tm_chain_can_snapshot(t->chain)) {
        return tm_task_take_snapshot(t);
    }
    if (WSL_UNLIKELY(t->held_splits.n > 0) && !tm_task_checkpoint_waits(&t->checkpoint)) {
        WSL_TRY(tm_task_release_splits(t, 0)); /* the checkpoint they waited for was given up */
    }
    if (tm_chain_has_pending(t->chain)) {
        if (!outputs_have_room(t)) {
            t->no_room = true;
            *out_step = TM_STEP_BLOCKED;
            return WSL_OK;
        }
        const wsl_status status = tm_chain_resume(t->chain);
        if (status == WSL_AGAIN) {
            *out_step = tm_chain_waits_outside(t->chain) ? TM_STEP_OUTSIDE : TM_STEP_BLOCKED;
            return fire_wakes(t, now_ns);
        }
        return status;
    }
    if (t->input_ended) {
        const bool sent = outputs_are_sent(t);
        const bool waits = tm_task_checkpoint_active(&t->checkpoint) || tm_chain_uncommitted(t->chain);
        t->deadline = WSL_NEVER; /* nothing that operators wanted to be woken for matters any more */
        *out_step = !sent ? TM_STEP_BLOCKED : waits ? TM_STEP_IDLE : TM_STEP_ENDED;
        return WSL_OK;
    }
    if (!outputs_have_room(t)) {
        t->no_room = true;
        *out_step = TM_STEP_BLOCKED;
        return WSL_OK;
    }
    WSL_TRY(fire_wakes(t, now_ns));
    if (tm_chain_has_pending(t->chain)) {
        return WSL_OK; /* timers that were due left work behind */
    }
    if (t->is_source) {
        if (t->source_waits) {
            *out_step = TM_STEP_IDLE;
            return WSL_OK;
        }
        const wsl_status status = tm_op_resume(tm_chain_head(t->chain));
        if (status == WSL_AGAIN) {
            t->source_waits = true;
            *out_step = TM_STEP_IDLE;
            return WSL_OK;
        }
        if (status == WSL_END) {
            t->input_ended = true;
            return WSL_OK;
        }
        return status;
    }
    return run_input(t, out_step);
}

/* Rows that were taken in, by whichever way they come. */
static uint64_t rows_taken(tm_task *t) { return t->is_source ? tm_chain_head(t->chain)->rows_out : t->rows_in; }

/*
 * How many rows the next step may take. A step is not interrupted, and a cancel waits for its end: it begins with one
 * row, doubles while steps are short and shrinks when the operators take their time (user code that waits for
 * something).
 */
static void pace(tm_task *t, uint64_t rows, int64_t took_ns)
{
    if (took_ns > STEP_LONG_NS && rows > 0) {
        const uint64_t fewer = rows * (STEP_LONG_NS / 2) / (uint64_t)took_ns;
        t->rows_per_step = fewer < 1 ? 1 : fewer < ROWS_PER_STEP_MAX ? (uint32_t)fewer : ROWS_PER_STEP_MAX;
    } else if (t->rows_per_step < ROWS_PER_STEP_MAX && took_ns < STEP_LONG_NS / 4 && rows > 0) {
        t->rows_per_step *= 2;
    } else {
        return;
    }
    tm_chain_set_rows_per_step(t->chain, t->rows_per_step);
}

static void book_time(tm_task *t, int64_t from_ns, int64_t to_ns, tm_step step)
{
    tm_task_shared *s = &t->shared;
    const int64_t since = atomic_load_explicit(&s->since_ns, memory_order_relaxed);
    const uint64_t waited = from_ns > since ? (uint64_t)(from_ns - since) : 0;
    const tm_step last = (tm_step)atomic_load_explicit(&s->condition, memory_order_relaxed);
    /* with work at hand, but others of its slot were at it: busy, as a thread that waits for a core */
    _Atomic(uint64_t) *waiting = last == TM_STEP_BLOCKED ? &s->backpressured_ns
                                 : last == TM_STEP_IDLE  ? &s->idle_ns
                                                         : &s->busy_ns;
    if (waited > 0) {
        atomic_store_explicit(waiting, atomic_load_explicit(waiting, memory_order_relaxed) + waited,
                              memory_order_relaxed);
    }
    const uint64_t busy = atomic_load_explicit(&s->busy_ns, memory_order_relaxed) + (uint64_t)(to_ns - from_ns);
    atomic_store_explicit(&s->busy_ns, busy, memory_order_relaxed);
    atomic_store_explicit(&s->since_ns, to_ns, memory_order_relaxed);
    atomic_store_explicit(&s->condition, step, memory_order_relaxed);
}

static void publish(tm_task *t, int64_t now_ns)
{
    if (now_ns < t->next_sample_ns) {
        t->unpublished = true; /* tm_task_deadline brings us back, should nothing else do so */
        return;
    }
    t->unpublished = false;
    t->next_sample_ns = now_ns + CHANNEL_SAMPLE_NS;
    tm_task_publish(t);
}

static void watch_fd(tm_task *t);

/* The earliest time for which a step is wanted, but for a flush. */
static int64_t next_time(const tm_task *t)
{
    int64_t at = t->no_room ? WSL_NEVER : t->deadline;
    at = t->unpublished && t->next_sample_ns < at ? t->next_sample_ns : at;
    const int64_t walk = tm_task_walk_deadline(t);
    return walk < at ? walk : at;
}

/* A task that a step cannot bring forward: what could has said so to none of the tm_task_on functions, and no time is
 * up. A slot steps all its tasks whatever woke it, so this is asked often. */
static bool rests(const tm_task *t, int64_t now_ns)
{
    return t->resting && now_ns < t->rest_until && !tm_chain_has_pending(t->chain) &&
           !atomic_load_explicit(&t->poked, memory_order_acquire);
}

tm_step tm_task_step(tm_task *t, int64_t *now_ns)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return TM_STEP_ENDED;
    }
    if (rests(t, *now_ns)) {
        return TM_STEP_IDLE;
    }
    const int64_t before = *now_ns;
    atomic_store_explicit(&t->shared.stepping_since_ns, before, memory_order_relaxed);
    tm_step step = TM_STEP_RAN;
    const uint64_t rows_before = rows_taken(t);
    const wsl_status status = step_once(t, before, &step);
    int64_t after = wsl_now_ns(t->seams.clock);
    if (WSL_UNLIKELY(tm_task_checkpoint_active(&t->checkpoint)) && status == WSL_OK && step != TM_STEP_ENDED &&
        tm_task_walk(t, false, &after)) {
        step = TM_STEP_RAN;
    }
    atomic_store_explicit(&t->shared.stepping_since_ns, 0, memory_order_relaxed);
    *now_ns = after;
    if (status != WSL_OK) {
        tm_task_publish(t);
        fail_with_error(t, status);
        return TM_STEP_ENDED;
    }
    tm_task_checkpoint_note_step(&t->checkpoint, after - before);
    book_time(t, before, after, step);
    pace(t, rows_taken(t) - rows_before, after - before);
    if (step == TM_STEP_ENDED) {
        tm_task_publish(t);
        end(t, WSL__PB__TASK_STATE__TASK_FINISHED);
        return step;
    }
    publish(t, after);
    t->resting = step == TM_STEP_IDLE;
    if (t->resting) {
        t->rest_until = next_time(t);
    }
    watch_fd(t);
    t->ran = step == TM_STEP_RAN;
    t->wants_flush |= !t->ran;
    return step;
}

bool tm_task_walk_idle(tm_task *t, int64_t *now_ns)
{
    const int64_t before = *now_ns;
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING || !tm_task_checkpoint_active(&t->checkpoint) ||
        !tm_task_walk(t, true, now_ns)) {
        return false;
    }
    tm_task_checkpoint_note_step(&t->checkpoint, *now_ns - before);
    t->resting = false;
    return true;
}

void tm_task_flush(tm_task *t)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING || !t->wants_flush || t->ran || t->checkpoint.stop != 0) {
        return;
    }
    const int64_t now = t->flush_interval_ns > 0 ? wsl_now_ns(t->seams.clock) : 0;
    if (now < t->next_flush_ns) {
        return; /* tm_task_deadline brings us back */
    }
    t->wants_flush = false;
    t->next_flush_ns = now + t->flush_interval_ns;
    const wsl_status status = tm_chain_flush(t->chain);
    if (status != WSL_OK && status != WSL_AGAIN) {
        fail_with_error(t, status);
        return;
    }
    (void)outputs_are_sent(t);
}

int64_t tm_task_deadline(const tm_task *t)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return WSL_NEVER;
    }
    const int64_t deadline = t->resting ? t->rest_until : next_time(t);
    return t->wants_flush && t->flush_interval_ns > 0 && t->next_flush_ns < deadline ? t->next_flush_ns : deadline;
}

/* ---- news ---- */

void tm_task_on_channel(tm_task *t, tm_channel_end *end_of)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return;
    }
    t->resting = false;
    if (end_of == &end_of->channel->consumer) {
        tm_gate_on_news(t->gate, end_of->channel);
        return;
    }
    /* credit: what waited goes; partly filled buffers go with the next flush */
    tm_output_send_queued(t->outputs[end_of->index]);
    t->wants_flush = true;
}

static wsl_status give_split(tm_task *t, uint32_t operator_id, const wsl_split *split, uint32_t number, bool no_more)
{
    tm_op *op = tm_chain_find(t->chain, operator_id);
    t->source_waits = t->resting = false;
    return op == NULL || op->cls->on_split == NULL ? WSL_OK : op->cls->on_split(op, split, number, no_more);
}

wsl_status tm_task_release_splits(tm_task *t, uint64_t not_behind)
{
    tm_held_split held;
    wsl_status status = WSL_OK;
    while (status == WSL_OK && tm_held_splits_take(&t->held_splits, not_behind, &held)) {
        status = t->input_ended ? WSL_OK
                                : give_split(t, held.operator_id, held.is_split ? &held.split : NULL, held.number, held.no_more);
        tm_held_split_fini(&held);
    }
    return status;
}

void tm_task_on_split(tm_task *t, uint32_t operator_id, const wsl_split *split, uint32_t number, bool no_more)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return;
    }
    if (tm_task_checkpoint_waits(&t->checkpoint) || t->held_splits.n > 0) {
        tm_held_splits_add(&t->held_splits, t->checkpoint.wanted, operator_id, split, number, no_more);
        return;
    }
    const wsl_status status = give_split(t, operator_id, split, number, no_more);
    if (status != WSL_OK) {
        fail_with_error(t, status);
    }
}

void tm_task_on_limit(tm_task *t, uint32_t operator_id, int64_t limit)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return;
    }
    tm_op *op = tm_chain_find(t->chain, operator_id);
    if (op == NULL || op->cls->on_limit == NULL) {
        return;
    }
    t->resting = false;
    const wsl_status status = op->cls->on_limit(op, limit);
    if (status != WSL_OK) {
        fail_with_error(t, status);
    }
}

void tm_task_on_checkpoint_ended(tm_task *t, uint64_t checkpoint, bool complete)
{
    if (t->state != WSL__PB__TASK_STATE__TASK_RUNNING) {
        return;
    }
    t->resting = false;
    if (!complete) {
        tm_task_tell_aborted(t, checkpoint);
        return;
    }
    const wsl_status status = tm_task_tell_complete(t, checkpoint);
    if (status != WSL_OK) {
        fail_with_error(t, status);
        return;
    }
    t->checkpoint.stop_complete = t->checkpoint.stop_complete || checkpoint == t->checkpoint.stop;
}

/* ---- what the chain asks of us ---- */

static tm_task *task_of(tm_op_host *host) { return (tm_task *)(void *)((char *)host - offsetof(tm_task, host)); }

static void host_wake_at(tm_op_host *host, tm_op *op, int64_t at_ns)
{
    tm_task *t = task_of(host);
    uint32_t i = 0;
    while (i < t->n_wakes && t->wakes[i].op != op) {
        i++;
    }
    WSL_ASSERT(i < tm_chain_size(t->chain));
    if (i == t->n_wakes) {
        t->wakes[t->n_wakes++] = (tm_task_wake){.op = op, .fd = -1};
    }
    t->wakes[i].at_ns = at_ns;
    t->deadline = WSL_NEVER;
    for (i = 0; i < t->n_wakes; i++) {
        t->deadline = t->wakes[i].at_ns < t->deadline ? t->wakes[i].at_ns : t->deadline;
    }
    t->rest_until = t->deadline < t->rest_until ? t->deadline : t->rest_until; /* it may be resting: a flush that wants to come back */
}

static void poke(void *arg)
{
    tm_task *t = arg;
    atomic_store_explicit(&t->poked, true, memory_order_release);
    wsl_wake(&t->services.poke);
}

static wsl_waker host_waker(tm_op_host *host, tm_op *op)
{
    tm_task *t = task_of(host);
    WSL_ASSERT(t->poked_op == NULL || t->poked_op == op);
    t->poked_op = op;
    return (wsl_waker){poke, t};
}

/* Watched only while the source waits: a readable socket must not wake a task that cannot take anything. */
static void watch_fd(tm_task *t)
{
    const bool wanted = t->fd >= 0 && t->source_waits;
    if (wanted == t->fd_watched) {
        return;
    }
    t->fd_watched = wanted;
    void (*how)(void *arg, int fd) = wanted ? t->services.watch_fd : t->services.unwatch_fd;
    if (how != NULL) {
        how(t->services.arg, t->fd);
    }
}

static void host_wake_on_fd(tm_op_host *host, tm_op *op, int fd)
{
    tm_task *t = task_of(host);
    (void)op; /* only sources have descriptors, and a chain has one source */
    if (fd == t->fd) {
        return;
    }
    tm_task_unwatch(t);
    t->fd = fd;
}

/* The descriptor may be closed after this. */
void tm_task_unwatch(tm_task *t)
{
    if (t->fd_watched && t->services.unwatch_fd != NULL) {
        t->services.unwatch_fd(t->services.arg, t->fd);
    }
    t->fd_watched = false;
    t->fd = -1;
}

void tm_task_on_fd(tm_task *t) { t->source_waits = t->resting = false; }
int tm_task_fd(const tm_task *t) { return t->fd; }

static void host_request_split(tm_op_host *host, tm_op *op, const char *finished)
{
    tm_task *t = task_of(host);
    t->services.request_split(t->services.arg, t, op->env.desc->id, finished);
}

static void host_report_watermark(tm_op_host *host, tm_op *op, int64_t watermark, bool idle)
{
    tm_task *t = task_of(host);
    if (t->services.report_watermark != NULL) {
        t->services.report_watermark(t->services.arg, t, op->env.desc->id, watermark, idle);
    }
}

static wsl_status host_write_stdout(tm_op_host *host, const char *data, size_t size)
{
    tm_task *t = task_of(host);
    return t->services.write_stdout(t->services.arg, data, size);
}

static tm_task_collect *find_collect(tm_task *t, uint32_t operator_id)
{
    for (uint32_t i = 0; i < t->n_collects; i++) {
        if (t->collects[i].operator_id == operator_id) {
            return &t->collects[i];
        }
    }
    return NULL;
}

static wsl_status host_send_to_client(tm_op_host *host, tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    tm_task *t = task_of(host);
    tm_task_collect *c = find_collect(t, op->env.desc->id);
    if (c == NULL) {
        return WSL_NOT_FOUND;
    }
    if (c->unacknowledged_bytes >= WSL_COLLECT_WINDOW || c->sent - c->acknowledged >= TM_COLLECT_MESSAGES_MAX) {
        return WSL_AGAIN;
    }
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < n; k++) {
        bytes += rows[k]->size;
    }
    c->sent++;
    c->bytes[c->sent % TM_COLLECT_MESSAGES_MAX] = bytes;
    c->unacknowledged_bytes += bytes;
    return t->services.send_to_client(t->services.arg, t, c->operator_id, rows, n, c->sent);
}

static void host_end_of_client_data(tm_op_host *host, tm_op *op)
{
    tm_task *t = task_of(host);
    tm_task_collect *c = find_collect(t, op->env.desc->id);
    if (c != NULL) {
        (void)t->services.send_to_client(t->services.arg, t, c->operator_id, NULL, 0, ++c->sent);
    }
}

void tm_task_on_collect_ack(tm_task *t, uint32_t operator_id, uint64_t sequence)
{
    tm_task_collect *c = find_collect(t, operator_id);
    t->resting = false;
    while (c != NULL && c->acknowledged < sequence && c->acknowledged < c->sent) {
        c->acknowledged++;
        c->unacknowledged_bytes -= c->bytes[c->acknowledged % TM_COLLECT_MESSAGES_MAX];
        c->bytes[c->acknowledged % TM_COLLECT_MESSAGES_MAX] = 0;
    }
}

void tm_task_init_host(tm_task *t)
{
    t->host = (tm_op_host){
        .wake_at = host_wake_at,
        .wake_on_fd = host_wake_on_fd,
        .request_split = host_request_split,
        .write_stdout = host_write_stdout,
        .send_to_client = host_send_to_client,
        .end_of_client_data = host_end_of_client_data,
        .waker = host_waker,
        .report_watermark = host_report_watermark,
        .error = &t->error,
    };
}
