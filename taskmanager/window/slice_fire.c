/*
 * Firing. Windows fire in the order of their ends, and within a window keys follow each other by key group and key
 * bytes:
 *
 *     plan --> merge nodes that are to be built --> merge the window's parts --> emit key by key --> drop what is done
 *              `-------------------- a bounded number of keys per turn --------------------'
 *
 * A window whose rows all lie in one table is emitted from there.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/slice_internal.h"

enum { MERGES_PER_TURN = 4096, KEYS_PER_TURN = TM_BATCH_ROWS };

static tm_state *state_of(const tm_slice_op *o, const tm_slice_part *part) { return part->node ? o->tree : o->state; }

/* ---- which window is next ---- */

bool tm_slice_next_window(tm_slice_op *o, int64_t from, int64_t *out_window)
{
    tm_state *s = o->state;
    if (o->mode != TM_SLICE_SHARED) {
        return s->ops->next_namespace(s, from, out_window);
    }
    int64_t window = 0;
    int64_t slice = 0;
    if (!tm_slices_window_from(&o->slices, from, &window) ||
        !s->ops->next_namespace(s, tm_slices_window_begin(&o->slices, window), &slice)) {
        return false;
    }
    *out_window = window;
    return slice <= window || tm_slices_window_from(&o->slices, slice, out_window);
}

/* ---- merging ---- */

static const wsl_row *copy_of(tm_slice_op *o, const wsl_row *acc)
{
    if (o->copy_size < acc->size) {
        free(o->copy);
        o->copy_size = 2 * acc->size;
        o->copy = wsl_alloc(o->copy_size);
    }
    return memcpy(o->copy, acc, acc->size);
}

static void end_walk(tm_slice_op *o)
{
    tm_state *s = state_of(o, &o->walked);
    s->ops->walk_keys_end(s, &o->walk);
    o->walk = (tm_state_walk){0};
}

static void begin_walk(tm_slice_op *o, tm_slice_part part)
{
    o->walked = part;
    o->walk = (tm_state_walk){0};
}

/* Goes on with the walk over a part; false: it has ended. The key is the current one, its state ready to be asked. */
static bool next_key(tm_slice_op *o)
{
    tm_state *s = state_of(o, &o->walked);
    if (o->walk.at[0] == 0) {
        s->ops->use(s, o->walked.ns);
    }
    return s->ops->walk_keys(s, &o->walk);
}

/* Some keys of the walked part into the table `to` of the tree. *out_done: all of them. */
static wsl_status merge_some(tm_slice_op *o, int64_t to, uint32_t *io_budget, bool *out_done)
{
    tm_state *from = state_of(o, &o->walked);
    for (; *io_budget > 0; --*io_budget) {
        if (!next_key(o)) {
            end_walk(o);
            *out_done = true;
            return WSL_OK;
        }
        const wsl_row *acc = copy_of(o, from->ops->value_get(from, 0));
        o->tree->ops->use(o->tree, to);
        WSL_TRY(tm_fold_merge_into(&o->fold, o->tree, 0, acc));
    }
    *out_done = false;
    return WSL_OK;
}

static wsl_status run_steps(tm_slice_op *o, bool *out_done)
{
    uint32_t budget = MERGES_PER_TURN;
    while (o->step < o->plan.n_steps) {
        bool done = false;
        const tm_slice_step *step = &o->plan.steps[o->step];
        if (o->walk.at[0] == 0) {
            begin_walk(o, step->from);
        }
        WSL_TRY(merge_some(o, step->to, &budget, &done));
        if (!done) {
            *out_done = false;
            return WSL_OK;
        }
        o->step++;
    }
    *out_done = true;
    return WSL_OK;
}

/* ---- emitting ---- */

/* Once per window, not per key. */
static inline void find_bounds(tm_slice_op *o, int64_t window)
{
    if (!o->has_bounds || o->emitted != window) {
        o->has_bounds = true;
        o->emitted = window;
        o->bounds = tm_slices_window(&o->slices, window);
        o->last_time = tm_slice_last_time(&o->slices, window);
    }
}

static wsl_status emit(tm_slice_op *o, const wsl_row *acc, int64_t window)
{
    const wsl_row *row = NULL;
    tm_fn_ctx *f = &o->out.f;
    find_bounds(o, window);
    tm_fn_ctx_no_row(f, true, o->last_time);
    if (o->function != NULL) {
        WSL_TRY(tm_fold_result(&o->fold, acc, o->key.row, &o->bounds, NULL, &row));
        return tm_slice_function_call(o, window, row);
    }
    WSL_TRY(tm_fold_result(&o->fold, acc, o->key.row, &o->bounds, f, &row));
    return tm_fn_ctx_emit(tm_fn_ctx_of(f), row);
}

/* The current key of the window in hand. */
static wsl_status do_key(tm_slice_op *o)
{
    tm_state *s = state_of(o, &o->walked);
    if (o->job == TM_JOB_FIRE && !tm_slice_is_below_floor(o, o->firing)) {
        WSL_TRY(emit(o, s->ops->value_get(s, 0), o->firing));
    }
    const bool given_up = o->job == TM_JOB_CLEAR || o->slices.lateness == 0;
    return o->clears && given_up ? tm_slice_function_clear(o, o->firing) : WSL_OK;
}

/* Some keys of the window in hand. */
static wsl_status do_keys(tm_slice_op *o, bool *out_done)
{
    tm_op *op = o->op;
    *out_done = false;
    for (uint32_t i = 0; i < KEYS_PER_TURN; i++) {
        if (!next_key(o)) {
            *out_done = true;
            break;
        }
        const wsl_status status = do_key(o);
        o->keys_done++;
        if (WSL_UNLIKELY(status != WSL_OK || o->out.f.attention)) {
            WSL_TRY(status);
            WSL_TRY(tm_fn_ctx_after(&o->out.f, WSL_OK));
            if (tm_op_blocked(op)) {
                break;
            }
        }
    }
    op->current = NULL;
    op->current_is_key = false;
    return tm_fn_ctx_flush(&o->out.f);
}

/* ---- one window ---- */

/* Windows that fire one after the other often have the same rows: those of an hour that has seconds of data. */
static bool is_merged(const tm_slice_op *o)
{
    const tm_slice_plan *p = &o->plan;
    if (p->n_steps != 0 || p->n_parts != o->n_merged_parts || o->merged_at != o->changes) {
        return false;
    }
    for (uint32_t i = 0; i < p->n_parts; i++) {
        if (p->parts[i].ns != o->merged_parts[i].ns || p->parts[i].node != o->merged_parts[i].node) {
            return false;
        }
    }
    return true;
}

static void remember_parts(tm_slice_op *o)
{
    const tm_slice_plan *p = &o->plan;
    if (o->merged_capacity < p->n_parts) {
        o->merged_capacity = p->parts_capacity;
        o->merged_parts = wsl_realloc(o->merged_parts, o->merged_capacity * sizeof *o->merged_parts);
    }
    memcpy(o->merged_parts, p->parts, p->n_parts * sizeof *p->parts);
    o->n_merged_parts = p->n_parts;
    o->merged_at = o->changes;
}

static void start(tm_slice_op *o, int64_t window, tm_firing_job job)
{
    tm_slice_plan *p = &o->plan;
    o->firing = window;
    o->job = job;
    o->keys_done = 0;
    o->step = 0;
    o->stage = TM_FIRING_EMIT;
    if (o->mode != TM_SLICE_SHARED) {
        begin_walk(o, (tm_slice_part){.ns = window});
        return;
    }
    tm_slice_plan_window(o, tm_slices_window_begin(&o->slices, window), window, true);
    const bool one = p->n_parts == 1;
    if (!one && !is_merged(o)) {
        o->tree->ops->drop_namespace(o->tree, TM_SLICE_RESULT);
        for (uint32_t i = 0; i < p->n_parts; i++) {
            tm_slice_plan_step(p, (tm_slice_step){.from = p->parts[i], .to = TM_SLICE_RESULT});
        }
        remember_parts(o);
    }
    begin_walk(o, one ? p->parts[0] : (tm_slice_part){.node = true, .ns = TM_SLICE_RESULT});
    o->result = o->walked;
    o->stage = p->n_steps == 0 ? TM_FIRING_EMIT : TM_FIRING_MERGE;
}

/* Slices that no window will ask for again: all of theirs have fired, and take no late rows any more. */
static void drop_old(tm_slice_op *o)
{
    tm_state *s = o->state;
    tm_slice_function_drop(o);
    int64_t ns = 0;
    while (s->ops->next_namespace(s, INT64_MIN, &ns)) {
        int64_t newest = ns;
        if (o->mode == TM_SLICE_SHARED) {
            int64_t oldest = 0;
            const bool in_window = tm_slices_windows(&o->slices, ns, &oldest, &newest);
            WSL_ASSERT(in_window);
        }
        const bool unfinished = newest >= o->next || (o->clears && newest >= o->cleared);
        if (unfinished || tm_slices_cleanup(&o->slices, newest) > o->now) {
            return;
        }
        s->ops->drop_namespace(s, ns);
        o->cache->owner = NULL;
        if (o->mode == TM_SLICE_SHARED) {
            tm_slice_drop_nodes(o, ns);
        }
    }
}

static int64_t behind(int64_t window) { return window == INT64_MAX ? INT64_MAX : window + 1; }

static void finish(tm_slice_op *o)
{
    end_walk(o);
    o->active = o->keys_done;
    o->stage = TM_FIRING_NOT;
    if (o->job == TM_JOB_FIRE) {
        o->next = behind(o->firing);
    }
    if (o->job == TM_JOB_CLEAR || o->slices.lateness == 0) {
        o->cleared = behind(o->firing);
    }
}

/* Goes on with the window in hand. *out_done: that is finished; else the turn is over. */
static wsl_status go_on(tm_slice_op *o, bool *out_done)
{
    *out_done = false;
    if (o->stage == TM_FIRING_MERGE) {
        bool merged = false;
        WSL_TRY(run_steps(o, &merged));
        if (!merged) {
            return WSL_OK;
        }
        begin_walk(o, o->result);
        o->stage = TM_FIRING_EMIT;
    }
    WSL_TRY(do_keys(o, out_done));
    if (*out_done) {
        finish(o);
    }
    return WSL_OK;
}

/* What comes next in time: a window that ends, or one that is given up. False: nothing until the watermark or clock
 * moves. */
static bool next_job(tm_slice_op *o, int64_t *out_window, tm_firing_job *out_job)
{
    int64_t due = 0;
    int64_t old = 0;
    const bool fires = o->has_target && tm_slice_next_window(o, o->next, &due) && due <= o->target;
    const bool clears = o->clears && o->slices.lateness != 0 && tm_slice_next_window(o, o->cleared, &old) &&
                        old < o->next && tm_slices_cleanup(&o->slices, old) <= o->now;
    const bool clear = clears && (!fires || tm_slices_cleanup(&o->slices, old) < tm_slice_last_time(&o->slices, due));
    *out_window = clear ? old : due;
    *out_job = clear ? TM_JOB_CLEAR : TM_JOB_FIRE;
    return fires || clears;
}

/* No more windows for now: rows will come before the next one. */
static void drop_result(tm_slice_op *o)
{
    if (o->n_merged_parts != 0) {
        o->tree->ops->drop_namespace(o->tree, TM_SLICE_RESULT);
        o->n_merged_parts = 0;
    }
}

wsl_status tm_slice_advance(tm_slice_op *o, bool *out_done)
{
    for (uint64_t keys = 0;; keys += o->keys_done) {
        int64_t window = 0;
        tm_firing_job job = TM_JOB_FIRE;
        bool done = false;
        *out_done = false;
        if (o->stage == TM_FIRING_NOT) {
            if (!next_job(o, &window, &job)) {
                break;
            }
            if (keys >= KEYS_PER_TURN || tm_op_blocked(o->op)) {
                return WSL_OK;
            }
            start(o, window, job);
        }
        WSL_TRY(go_on(o, &done));
        if (!done) {
            return WSL_OK;
        }
        drop_old(o);
    }
    if (o->has_target && o->target >= o->next) {
        o->next = behind(o->target);
    }
    drop_old(o);
    drop_result(o);
    *out_done = true;
    return WSL_OK;
}

void tm_slice_fire_stop(tm_slice_op *o)
{
    if (o->stage != TM_FIRING_NOT) {
        end_walk(o);
    }
    free(o->plan.parts);
    free(o->plan.steps);
    free(o->merged_parts);
    free(o->copy);
    free(o->refire_key);
}

/* ---- one key ---- */

/* What the parts of a window have for the current key; NULL: nothing. */
static wsl_status merge_key(tm_slice_op *o, const wsl_row **out_acc)
{
    const wsl_row *sum = NULL;
    for (uint32_t i = 0; i < o->plan.n_parts; i++) {
        const tm_slice_part *part = &o->plan.parts[i];
        tm_state *s = state_of(o, part);
        s->ops->use(s, part->ns);
        const wsl_row *acc = s->ops->value_get(s, 0);
        if (acc == NULL) {
            continue;
        }
        if (sum == NULL) {
            sum = copy_of(o, acc);
        } else {
            WSL_TRY(tm_fold_merge(&o->fold, sum, acc, &sum));
        }
    }
    *out_acc = sum;
    return WSL_OK;
}

wsl_status tm_slice_fire_key(tm_slice_op *o, int64_t window)
{
    const wsl_row *acc = NULL;
    if (o->mode == TM_SLICE_SHARED) {
        tm_slice_plan_window(o, tm_slices_window_begin(&o->slices, window), window, false);
        WSL_TRY(merge_key(o, &acc));
    } else {
        o->state->ops->use(o->state, window);
        acc = o->state->ops->value_get(o->state, 0);
    }
    WSL_ASSERT(acc != NULL); /* a row has just been added */
    return emit(o, acc, window);
}
