/*
 * A stop with a savepoint, without drain: behind its barrier nothing happens any more that the savepoint does not know.
 *
 *     barrier of the stop --snapshot--> FROZEN: no rows, no timers, no answers, no flushes; only what is written goes on
 *                                          |-- complete: commit; sources send END --> others pass END on --> task ends
 *                                          `-- aborted: the job fails, and goes on from its last checkpoint
 *
 * Operators do not hear of the end: their last words (finish, windows that are still open) belong to the run that goes on from the
 * savepoint. Whatever they had under way is in the snapshot.
 */
#include "base/assert.h"
#include "taskmanager/task/task_internal.h"

static wsl_status send_ends(tm_task *t)
{
    t->input_ended = true;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        const tm_op *from = tm_chain_find(t->chain, t->deploy->outputs[i]->edge->from);
        if (from == NULL || !from->ended) {
            WSL_TRY(tm_output_mark(t->outputs[i], WSL_KIND_END, 0));
        }
    }
    return WSL_OK;
}

static wsl_status take_end(tm_task *t, uint32_t channel)
{
    tm_valve_out out = {0};
    if (tm_input_valves_has_ended(&t->valves, channel)) {
        return wsl_fail(&t->error, WSL_FORMAT, "an input channel ended twice");
    }
    (void)tm_input_valves_end(&t->valves, channel, &out);
    return tm_input_valves_all_ended(&t->valves) ? send_ends(t) : WSL_OK;
}

static wsl_status read_held(tm_task *t)
{
    for (uint32_t at = t->held_at; at < t->held->used;) {
        const wsl_row *row = wsl_buffer_row_at(t->held, at);
        at += row->size;
        if (row->kind == WSL_KIND_DATA || row->kind == WSL_KIND_BARRIER) {
            return wsl_fail(&t->error, WSL_FORMAT, "rows came behind the barrier of a stop");
        }
        WSL_TRY(row->kind == WSL_KIND_END ? take_end(t, t->held_channel) : WSL_OK);
    }
    return WSL_OK;
}

static wsl_status read_inputs(tm_task *t)
{
    while (!t->input_ended) {
        if (t->held == NULL) {
            t->held_at = 0;
            t->held = tm_gate_next(t->gate, &t->held_channel);
        }
        if (t->held == NULL) {
            return WSL_OK;
        }
        const wsl_status status = read_held(t);
        tm_gate_done(t->gate, t->held_channel, WSL_TAKE(t->held));
        WSL_TRY(status);
    }
    return WSL_OK;
}

wsl_status tm_task_step_stopped(tm_task *t, tm_step *out_step)
{
    tm_task_checkpoint *c = &t->checkpoint;
    WSL_ASSERT(c->stop != 0);
    t->deadline = WSL_NEVER; /* nothing that operators wanted to be woken for matters any more */
    if (!t->input_ended && t->is_source && c->stop_complete) {
        WSL_TRY(send_ends(t));
    } else if (!t->input_ended && !t->is_source) {
        WSL_TRY(read_inputs(t));
    }
    bool sent = true;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        sent &= tm_output_flush(t->outputs[i]);
    }
    const bool over = t->input_ended && c->stop_complete && !tm_task_checkpoint_active(c);
    *out_step = !sent ? TM_STEP_BLOCKED : over ? TM_STEP_ENDED : TM_STEP_IDLE;
    return WSL_OK;
}
