/*
 * slice_op.c - the fast window operator: tumbling and sliding windows, default trigger, rows folded as they come.
 *
 *     rows --> pieces of time --> table of the slice, by key: accumulator += row        one lookup, however many
 * windows watermark or clock --> windows that end: slices merged by key, emitted in order   slice_fire.c, slice_tree.c
 *
 * A batch is sorted into pieces first: consecutive timestamps that lie in the same windows. What the watermark means
 * for a piece (on time, late, ...) is found out once per piece, not per row. Rows that make fired windows fire again
 * end a group: they are done one by one, in the order in which they came.
 *
 * A late row can lie in thousands of windows that fire again: that goes on in resume after some, and what comes behind waits.
 *
 * There are no timers: a window is due when a table that belongs to it exists and its end has passed.
 *
 * Invariants: windows below `next` have fired; a table exists only while one of its windows may still fire or take
 * rows; while windows fire (stage), no row is added: rows wait in the operator's queue.
 */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/window/slice_internal.h"

static tm_slice_op *self(tm_window_op *w) { return w->state; }

/* ---- life ---- */

static tm_slice_mode mode_of(const tm_slices *s, const tm_fold *f)
{
    if (s->slide >= s->size) {
        return TM_SLICE_ALONE;
    }
    return f->merges && !f->order_matters ? TM_SLICE_SHARED : TM_SLICE_EACH;
}

static uint32_t levels_of(int64_t slices) { return 63 - (uint32_t)__builtin_clzll((uint64_t)slices); }

static void open_key(tm_slice_op *o)
{
    const tm_op_env *env = &o->op->env;
    tm_key_ctx_init(&o->key, env->key, env->subtask, env->parallelism, env->max_parallelism);
    if (o->all) {
        tm_key_ctx_restore(&o->key, "", 0, 0, 0);
    }
}

static wsl_status open_state(tm_slice_op *o, wsl_error *err)
{
    const tm_state_spec value = {.name = "window-contents", .kind = WSL_STATE_VALUE, .schema = o->fold.acc};
    WSL_TRY(tm_mem_state_new(&o->key, &value, 1, true, &o->state, err));
    tm_state_report_add(o->op, o->state, &value, 1);
    if (o->mode == TM_SLICE_SHARED) {
        o->levels = levels_of(o->slices.size);
        const tm_state_spec sums = {.name = "window-sums", .kind = WSL_STATE_VALUE, .schema = o->fold.acc};
        WSL_TRY(tm_mem_state_new(&o->key, &sums, 1, true, &o->tree, err));
        tm_state_report_add(o->op, o->tree, &sums, 1);
    }
    o->place = o->state->ops->value_place(o->state, 0);
    o->cache = wsl_zalloc(sizeof *o->cache);
    return WSL_OK;
}

static wsl_status slices_open(tm_window_op *w, wsl_error *err)
{
    tm_slice_op *o = self(w);
    const tm_window_spec *spec = &w->spec;
    o->w = w;
    o->op = &w->op;
    o->all = spec->all;
    o->event_time = spec->event_time;
    o->slices = tm_slices_of(spec->size_ms, spec->slide_ms, spec->offset_ms, spec->lateness_ms);
    o->now = WSL_TIME_MIN;
    o->next = o->cleared = INT64_MIN;
    o->armed = WSL_TIME_MAX;
    WSL_TRY(tm_fold_open(&o->fold, o->op, spec->fn.reduce != NULL ? spec->fn.reduce : spec->fn.aggregate, spec->select,
                         err));
    o->mode = mode_of(&o->slices, &o->fold);
    open_key(o);
    WSL_TRY(open_state(o, err));
    if (o->op->env.output == NULL) {
        o->op->env.output = o->fold.result;
    }
    return spec->fn.window != NULL ? tm_slice_function_open(o, spec->fn.window, err)
                                   : tm_fn_ctx_open(&o->out.f, o->op, err);
}

static void slices_close(tm_window_op *w)
{
    tm_slice_op *o = self(w);
    if (o->op == NULL) {
        return; /* never opened */
    }
    tm_slice_fire_stop(o);
    if (o->keyed) {
        tm_slice_function_close(o);
    } else {
        tm_fn_ctx_close(&o->out.f);
    }
    tm_fold_close(&o->fold);
    tm_state_report_fini(o->op);
    tm_state_free(o->state);
    tm_state_free(o->tree);
    tm_key_ctx_fini(&o->key);
    free(o->cache);
    free(o->floors);
    o->state = o->tree = NULL;
}

/* ---- pieces ---- */

static void bounds_of(tm_piece *p, int64_t first, int64_t last)
{
    p->from = (uint64_t)first;
    p->count = (uint64_t)last - (uint64_t)first;
    p->count += p->count < UINT64_MAX;
}

static void classify(const tm_slice_op *o, tm_piece *p)
{
    const tm_slices *s = &o->slices;
    if (tm_slices_cleanup(s, p->newest) <= o->now && o->event_time) {
        p->class = TM_PIECE_LATE;
        return;
    }
    p->class = tm_slice_last_time(s, p->oldest) <= o->now ? TM_PIECE_OPEN : TM_PIECE_ON_TIME;
    while (p->oldest < p->newest && tm_slices_cleanup(s, p->oldest) <= o->now) {
        p->oldest += s->slide;
    }
}

/* The piece that has a timestamp. */
static void find_piece(const tm_slice_op *o, int64_t timestamp, tm_piece *p)
{
    const tm_slices *s = &o->slices;
    const int64_t slice = tm_slice_at(s, timestamp);
    p->slice = slice;
    bounds_of(p, tm_slice_first_time(s, slice), tm_slice_last_time(s, slice));
    if (!tm_slices_windows(s, slice, &p->oldest, &p->newest)) {
        p->class = TM_PIECE_GAP;
        return;
    }
    if (o->mode == TM_SLICE_ALONE) {
        bounds_of(p, tm_slice_first_time(s, tm_slices_window_begin(s, p->newest)), tm_slice_last_time(s, p->newest));
    }
    classify(o, p);
}

static inline bool is_in(const tm_piece *p, const wsl_row *row)
{
    return (uint64_t)row->timestamp - p->from < p->count;
}

/* Rows of this piece make windows fire that fired before. */
static bool fires_again(const tm_slice_op *o, const tm_piece *p)
{
    return p->class == TM_PIECE_OPEN && p->oldest < o->next;
}

/* ---- a batch in event time ---- */

static wsl_status no_timestamp(tm_slice_op *o, const wsl_row *row)
{
    o->op->current = row;
    return tm_op_fail(o->op, WSL_INVALID,
                      "a row without a timestamp cannot be put into a window of event time: give the stream timestamps "
                      "(watermarks) before it");
}

wsl_status tm_slice_not_our_key(tm_slice_op *o, const wsl_row *row)
{
    o->op->current = row;
    return tm_op_fail(o->op, WSL_INTERNAL,
                      "got a row of another subtask's key group (ours are %" PRIu32 " to %" PRIu32 " of %" PRIu32 ")",
                      o->key.first_group, o->key.first_group + o->key.n_groups - 1, o->key.max_parallelism);
}

static wsl_status late(tm_slice_op *o, const wsl_row *row)
{
    int64_t behind = 0;
    if (__builtin_sub_overflow(o->now, row->timestamp, &behind)) {
        behind = INT64_MAX;
    }
    if (!o->all && !tm_key_ctx_make(&o->key, row)) {
        return tm_slice_not_our_key(o, row);
    }
    tm_late_add(&o->w->late, o->all ? NULL : &o->key, row, behind);
    return WSL_OK;
}

/* A row between windows is late if a window at its place would have been given up. */
static bool is_late_in_gap(const tm_slice_op *o, const wsl_row *row)
{
    int64_t until = 0;
    return !__builtin_add_overflow(row->timestamp, o->slices.lateness, &until) && until <= o->now;
}

/* The group that a row belongs to; TM_SLICE_GROUPS: there is no room for another one. */
static uint32_t group_of(tm_slice_op *o, const wsl_row *row)
{
    const bool any_order = o->mode != TM_SLICE_EACH; /* where each window has its own table, rows stay in order */
    for (uint32_t g = o->n_groups; any_order && g-- > 0;) {
        if (is_in(&o->groups[g].piece, row)) {
            return g;
        }
    }
    if (o->n_groups == TM_SLICE_GROUPS) {
        return TM_SLICE_GROUPS;
    }
    o->groups[o->n_groups] = (tm_slice_group){.piece = o->piece};
    return o->n_groups++;
}

/* Rows until one has to be looked at alone, or there are too many pieces; returns how many were looked at. */
static wsl_status collect(tm_slice_op *o, const wsl_row *const *rows, uint32_t n, uint32_t *out_taken,
                          uint32_t *out_accepted)
{
    uint32_t accepted = 0;
    uint32_t group = TM_SLICE_GROUPS;
    uint32_t i = 0;
    o->n_groups = 0;
    for (; i < n; i++) {
        const wsl_row *row = rows[i];
        if (WSL_UNLIKELY(!(row->flags & WSL_ROW_HAS_TIMESTAMP))) {
            return no_timestamp(o, row);
        }
        if (!is_in(&o->piece, row) || group == TM_SLICE_GROUPS) {
            find_piece(o, row->timestamp, &o->piece);
            group = TM_SLICE_GROUPS;
            if (fires_again(o, &o->piece)) {
                break;
            }
            if (o->piece.class == TM_PIECE_LATE || (o->piece.class == TM_PIECE_GAP && is_late_in_gap(o, row))) {
                WSL_TRY(late(o, row));
                continue;
            }
            if (o->piece.class == TM_PIECE_GAP) {
                continue;
            }
            group = group_of(o, row);
            if (group == TM_SLICE_GROUPS) {
                break;
            }
        }
        o->groups[group].n++;
        o->group_of[accepted] = (uint8_t)group;
        o->accepted[accepted++] = row;
    }
    *out_taken = i;
    *out_accepted = accepted;
    return WSL_OK;
}

/* The accepted rows by group, in their order within each. */
static void sort_by_group(tm_slice_op *o, uint32_t accepted)
{
    uint32_t at[TM_SLICE_GROUPS];
    uint32_t sum = 0;
    for (uint32_t g = 0; g < o->n_groups; g++) {
        o->groups[g].from = at[g] = sum;
        sum += o->groups[g].n;
    }
    for (uint32_t i = 0; i < accepted; i++) {
        o->sorted[at[o->group_of[i]]++] = o->accepted[i];
    }
}

static wsl_status add_groups(tm_slice_op *o, const wsl_row *const *rows, uint32_t n)
{
    WSL_TRY(tm_fold_batch(&o->fold, rows, n));
    for (uint32_t g = 0; g < o->n_groups; g++) {
        WSL_TRY(tm_slice_add_group(o, &o->groups[g], rows));
    }
    return WSL_OK;
}

/* A row that fires windows again, which o->piece says. */
static wsl_status add_alone(tm_slice_op *o, const wsl_row *const *row)
{
    o->groups[0] = (tm_slice_group){.piece = o->piece, .n = 1};
    o->n_groups = 1;
    WSL_TRY(add_groups(o, row, 1));
    return o->out.f.attention ? tm_fn_ctx_after(&o->out.f, WSL_OK) : WSL_OK;
}

/* Do all rows lie in the piece of the last one, which takes them without further ado? */
static bool all_in_piece(const tm_slice_op *o, const wsl_row *const *rows, uint32_t n)
{
    const uint64_t from = o->piece.from;
    const uint64_t count = o->piece.count;
    if (o->piece.class != TM_PIECE_ON_TIME || !is_in(&o->piece, rows[0]) || !is_in(&o->piece, rows[n - 1])) {
        return false;
    }
    uint32_t in = WSL_ROW_HAS_TIMESTAMP;
    for (uint32_t i = 0; i < n; i++) { /* without branches: nearly always all of them */
        in &= rows[i]->flags & (uint32_t) - ((uint64_t)rows[i]->timestamp - from < count);
    }
    return in != 0;
}

static wsl_status event_rows(tm_slice_op *o, const wsl_row *const *rows, uint32_t n)
{
    uint32_t i = 0;
    o->work = TM_SLICE_WORK_PER_TURN;
    if (WSL_LIKELY(all_in_piece(o, rows, n))) {
        o->groups[0] = (tm_slice_group){.piece = o->piece, .n = n};
        o->n_groups = 1;
        return add_groups(o, rows, n);
    }
    while (i < n) {
        uint32_t taken = 0;
        uint32_t accepted = 0;
        WSL_TRY(collect(o, rows + i, n - i, &taken, &accepted));
        sort_by_group(o, accepted);
        WSL_TRY(add_groups(o, o->sorted, accepted));
        i += taken;
        if (i < n && fires_again(o, &o->piece)) {
            WSL_TRY(add_alone(o, &rows[i]));
            i++;
            if (o->refiring || o->work <= 0 || (i < n && tm_op_blocked(o->op))) {
                WSL_TRY(tm_fn_ctx_flush(&o->out.f));
                return i < n ? tm_op_suspend(o->op, 0, rows + i, n - i) : WSL_OK;
            }
        }
    }
    return WSL_OK;
}

/* ---- processing time ---- */

/* The clock, which does not go back here: a window that has fired gets no more rows. */
static int64_t clock_ms(tm_slice_op *o)
{
    const int64_t now = wsl_wall_ms(o->op->env.clock);
    return now - 1 > o->now ? now : o->now + 1;
}

void tm_slice_arm(tm_slice_op *o)
{
    int64_t window = 0;
    tm_op *op = o->op;
    if (!tm_slice_next_window(o, o->next, &window)) {
        return;
    }
    const int64_t due = tm_slices_window(&o->slices, window).end;
    if (due >= o->armed) {
        return;
    }
    o->armed = due;
    const int64_t now = wsl_wall_ms(op->env.clock);
    const int64_t delay = due < now ? 0 : due - now < INT32_MAX ? due - now : INT32_MAX;
    op->env.host->wake_at(op->env.host, op, wsl_now_ns(op->env.clock) + delay * WSL_NS_PER_MS);
}

static wsl_status processing_rows(tm_slice_op *o, const wsl_row *const *rows, uint32_t n)
{
    tm_slice_group *g = &o->groups[0];
    *g = (tm_slice_group){.n = n};
    find_piece(o, clock_ms(o), &g->piece);
    if (g->piece.class == TM_PIECE_GAP) {
        return WSL_OK;
    }
    o->n_groups = 1;
    WSL_TRY(add_groups(o, rows, n));
    tm_slice_arm(o);
    return WSL_OK;
}

/* Windows whose end the clock has reached. */
static wsl_status advance_clock(tm_slice_op *o)
{
    bool done = false;
    if (o->stage == TM_FIRING_NOT) {
        o->now = clock_ms(o) - 1;
        o->has_target = tm_slices_window_done(&o->slices, o->now, &o->target);
    }
    WSL_TRY(tm_slice_advance(o, &done));
    o->op->busy = !done;
    if (!done) {
        return WSL_OK;
    }
    o->armed = WSL_TIME_MAX;
    tm_slice_arm(o);
    return WSL_AGAIN;
}

/* ---- event time ---- */

static wsl_status advance_watermark(tm_slice_op *o)
{
    bool done = false;
    WSL_TRY(tm_slice_advance(o, &done));
    o->passing_on = !done;
    o->op->busy = !done;
    return done ? tm_op_emit_watermark(o->op, o->now) : WSL_OK;
}

static wsl_status slices_watermark(tm_window_op *w, int64_t watermark)
{
    tm_slice_op *o = self(w);
    o->fold.ctx.watermark = watermark;
    tm_fn_ctx_of(&o->out.f)->watermark = watermark;
    if (!o->event_time) {
        return tm_op_emit_watermark(o->op, watermark);
    }
    o->now = watermark;
    o->piece.count = 0; /* what it said may not be true any more */
    if (WSL_UNLIKELY(o->op->shared->restoring)) {
        tm_slice_have_fired(o, watermark);
        return tm_op_emit_watermark(o->op, watermark);
    }
    o->has_target = tm_slices_window_done(&o->slices, watermark, &o->target);
    return advance_watermark(o);
}

/* ---- the way ---- */

static wsl_status slices_rows(tm_window_op *w, const wsl_row *const *rows, uint32_t n)
{
    tm_slice_op *o = self(w);
    WSL_TRY(o->event_time ? event_rows(o, rows, n) : processing_rows(o, rows, n));
    o->out.f.attention = false;
    WSL_TRY(tm_late_flush(&o->w->late));
    return tm_fn_ctx_flush(&o->out.f);
}

static wsl_status slices_resume(tm_window_op *w)
{
    tm_slice_op *o = self(w);
    if (tm_op_blocked(o->op)) {
        o->op->busy = o->passing_on || o->refiring || !o->event_time; /* a wake-up at a bad moment: remember it */
        return WSL_AGAIN;
    }
    if (o->refiring) {
        WSL_TRY(tm_slice_refire(o));
        o->op->busy = o->refiring;
        return o->refiring ? WSL_OK : WSL_AGAIN;
    }
    if (!o->event_time) {
        return advance_clock(o);
    }
    if (o->passing_on) {
        return advance_watermark(o);
    }
    o->op->busy = false;
    return WSL_AGAIN;
}

const tm_window_way tm_window_slices = {
    .name = "slices",
    .size = sizeof(tm_slice_op),
    .open = slices_open,
    .on_rows = slices_rows,
    .on_watermark = slices_watermark,
    .resume = slices_resume,
    .snapshot = tm_slice_snapshot,
    .restore = tm_slice_restore,
    .close = slices_close,
};
