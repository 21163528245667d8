/*
 * Life, rows and timers of the general window operator.
 *
 * A timer's work may make more timers that are due at once; a turn ends after TIMERS_PER_TURN of them, when so many windows and
 * rows have been touched that others should have their turn (WORK_PER_TURN), or when the output has no room, and goes on in
 * resume. A row can lie in so many windows that it takes several turns: it then waits in front of those behind it, and goes on
 * with the window it had come to. The watermark is passed on after all its timers have fired.
 */
#include "taskmanager/window/general.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/window/assigner.h"

enum { TIMERS_PER_TURN = 512, WORK_PER_TURN = 1 << 13 };

static const wsl_field number_fields[] = {{"number", {.id = WSL_T_INT64}}};
static const wsl_schema number_schema = {"number", 1, number_fields};

static bool is_session(const tm_general *g) { return g->spec->assigner == WSL_WINDOWS_SESSION; }

/* ---- timers ---- */

void tm_general_arm(tm_general *g)
{
    int64_t next;
    tm_op *op = g->op;
    if (!tm_timers_next(&g->processing, &next) || next >= g->armed) {
        return;
    }
    g->armed = next;
    const int64_t now_ms = wsl_wall_ms(op->env.clock);
    const int64_t delay_ms = next < now_ms ? 0 : next - now_ms < INT32_MAX ? next - now_ms + 1 : INT32_MAX;
    op->env.host->wake_at(op->env.host, op, wsl_now_ns(op->env.clock) + delay_ms * WSL_NS_PER_MS);
}

void tm_general_timer_set(tm_general *g, bool event_time, int64_t timestamp)
{
    if (event_time) {
        tm_timers_set(&g->event, &g->key, g->timer_ns, timestamp);
    } else {
        tm_timers_set(&g->processing, &g->key, g->timer_ns, timestamp);
        if (timestamp < g->armed) {
            tm_general_arm(g);
        }
    }
}

void tm_general_timer_delete(tm_general *g, bool event_time, int64_t timestamp)
{
    tm_timers_delete(event_time ? &g->event : &g->processing, &g->key, g->timer_ns, timestamp);
}

void tm_general_set_cleanup(tm_general *g)
{
    const int64_t at = tm_window_cleanup(g->spec, &g->window);
    if (at != WSL_TIME_MAX) {
        tm_general_timer_set(g, g->spec->event_time, at);
    }
}

/* ---- a window ---- */

/* A time window's, or the global one's. */
static void take_window(tm_general *g, int64_t start, int64_t end)
{
    g->window = (wsl_window){.start = start, .end = end};
    g->contents_ns = g->trigger_ns = g->timer_ns = g->spec->assigner == WSL_WINDOWS_GLOBAL ? 0 : start;
}

wsl_status tm_general_act(tm_general *g, wsl_trigger_result result)
{
    if ((result & WSL_TRIGGER_FIRE) != 0) {
        WSL_TRY(tm_general_fire(g));
    }
    if ((result & WSL_TRIGGER_PURGE) != 0) {
        tm_contents_clear(g);
    }
    return WSL_OK;
}

wsl_status tm_general_element(tm_general *g, const wsl_row *row, uint32_t i)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    g->budget--;
    WSL_TRY(tm_contents_add(g, row, i));
    WSL_TRY(tm_trigger_element(g, row, &result));
    if (result != WSL_TRIGGER_CONTINUE) {
        WSL_TRY(tm_general_act(g, result));
    }
    tm_general_set_cleanup(g);
    return WSL_OK;
}

wsl_status tm_general_drop(tm_general *g)
{
    tm_contents_clear(g);
    WSL_TRY(tm_trigger_clear(g));
    if (tm_again_waits(&g->again)) {
        g->again.drop = true; /* of no other window: all others wait */
        return WSL_OK;
    }
    return tm_general_forget(g);
}

wsl_status tm_general_forget(tm_general *g)
{
    const wsl_function *fn = g->out.function;
    if (fn == NULL) {
        return WSL_OK;
    }
    const bool has_state = tm_face_is_open(&g->per_window);
    if (fn->window_clear != NULL) {
        wsl_window_ctx *w = tm_face_select(&g->out, 0);
        w->state = has_state ? &tm_face_select(&g->per_window, g->contents_ns)->k : NULL;
        tm_fn_ctx_no_row(&g->out.k.f, false, 0);
        const uint32_t n_out = g->out.k.f.k.ctx.n_out;
        wsl_status status = fn->window_clear(w);
        if (status != WSL_OK || g->out.k.f.attention) {
            status = tm_fn_ctx_after(&g->out.k.f, status);
        }
        WSL_TRY(status);
        if (g->out.k.f.k.ctx.n_out != n_out) {
            return tm_op_fail(g->op, WSL_USER, "a window that is given up emits nothing, but .window_clear of '%s' did",
                              fn->name);
        }
    }
    if (has_state) {
        tm_face_clear_states(&g->per_window, g->contents_ns);
    }
    return WSL_OK;
}

/* ---- rows ---- */

/* True: the output has no room, something has to be finished first, or it is the others' turn; the rest has to wait. */
static bool must_wait(tm_general *g)
{
    if (WSL_UNLIKELY(tm_pairs_wait(&g->pairs) || tm_again_waits(&g->again) || g->budget <= 0)) {
        return true;
    }
    if (WSL_LIKELY(!g->out.k.f.attention)) {
        return false;
    }
    g->out.k.f.attention = false;
    return tm_op_blocked(g->op);
}

static wsl_status into_time_windows(tm_general *g, const wsl_row *row, uint32_t i, int64_t ts, bool *out_late)
{
    const tm_window_spec *spec = g->spec;
    bool skipped = !g->walking;
    tm_window_walk walk = g->walking ? g->walk : tm_window_walk_begin(spec, ts);
    g->walking = false;
    while (tm_window_walk_next(&walk)) {
        if (spec->event_time && tm_window_cleanup(spec, &walk.window) <= g->watermark) {
            continue;
        }
        if (WSL_UNLIKELY(!skipped && must_wait(g))) { /* not before the first one: it goes on */
            walk.next = walk.window.start;
            walk.more = true;
            g->walk = walk;
            g->walking = true;
            break;
        }
        skipped = false;
        take_window(g, walk.window.start, walk.window.end);
        WSL_TRY(tm_general_element(g, row, i));
    }
    *out_late = skipped;
    return WSL_OK;
}

static wsl_status no_timestamp(tm_general *g, const wsl_row *row)
{
    g->op->current = row;
    return tm_op_fail(g->op, WSL_INVALID,
                      "a row without timestamp reached windows in event time: give rows timestamps (wsl_watermarks) "
                      "before it, or use processing time");
}

/* The key in hand is the row's. */
static wsl_status take_row(tm_general *g, const wsl_row *row, uint32_t i)
{
    const tm_window_spec *spec = g->spec;
    bool skipped = false;
    if (WSL_UNLIKELY(spec->event_time && !wsl_row_has_timestamp(row))) {
        return no_timestamp(g, row);
    }
    const int64_t ts = spec->event_time ? row->timestamp : g->now_ms;
    if (is_session(g)) {
        WSL_TRY(tm_general_session_row(g, row, i, &skipped));
    } else if (spec->assigner == WSL_WINDOWS_GLOBAL) {
        take_window(g, WSL_TIME_MIN, WSL_TIME_MAX);
        WSL_TRY(tm_general_element(g, row, i));
    } else {
        WSL_TRY(into_time_windows(g, row, i, ts, &skipped));
    }
    if (skipped && spec->event_time && tm_time_add(ts, spec->lateness_ms) <= g->watermark) {
        tm_late_add(&g->w->late, spec->all ? NULL : &g->key, row, tm_time_add(g->watermark, -ts));
    }
    return WSL_OK;
}

static wsl_status not_our_key(tm_general *g, const wsl_row *row)
{
    g->op->current = row;
    return tm_op_fail(g->op, WSL_INTERNAL,
                      "got a row of another subtask's key group (ours are %" PRIu32 " to %" PRIu32 " of %" PRIu32 ")",
                      g->key.first_group, g->key.first_group + g->key.n_groups - 1, g->key.max_parallelism);
}

/* rows[*io_at ..): a block of keys made ready, then row by row. */
static wsl_status take_block(tm_general *g, const wsl_row *const *rows, uint32_t n, uint32_t *io_at, bool *out_wait)
{
    uint32_t i = *io_at;
    uint32_t bad = 0;
    uint32_t end = n;
    if (!g->spec->all) {
        if (is_session(g)) {
            g->state->ops->use(g->state, 0);
        }
        if (WSL_UNLIKELY(!g->state->ops->load(g->state, rows, n, i, &bad))) {
            return not_our_key(g, rows[bad]);
        }
        g->loaded = g->key.owner;
        end = n - i < TM_KEY_BLOCK ? n : i + TM_KEY_BLOCK;
    }
    for (; i < end && !*out_wait; i++) {
        if (!g->spec->all) {
            tm_key_ctx_select(&g->key, i, rows[i]);
        }
        WSL_TRY(take_row(g, rows[i], i));
        *out_wait = g->walking || must_wait(g);
    }
    i -= g->walking; /* it goes on */
    *io_at = i;
    return WSL_OK;
}

static wsl_status general_rows(tm_window_op *w, const wsl_row *const *rows, uint32_t n)
{
    tm_general *g = tm_general_of(w);
    uint32_t i = 0;
    bool wait = false;
    g->budget = WORK_PER_TURN;
    g->now_ms = wsl_wall_ms(g->op->env.clock);
    if (!g->spec->all) {
        tm_key_ctx_set_input(&g->key, w->input);
    }
    if (g->folds && !g->spec->keeps_rows) {
        WSL_TRY(tm_fold_batch(&g->fold, rows, n));
    }
    while (i < n && !wait) {
        WSL_TRY(take_block(g, rows, n, &i, &wait));
    }
    WSL_TRY(tm_fn_ctx_flush(&g->out.k.f));
    return i == n ? WSL_OK : tm_op_suspend(g->op, w->input, rows + i, n - i);
}

/* ---- time ---- */

static wsl_status window_timer(tm_general *g, bool event_time, int64_t ns, int64_t timestamp)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    if (g->spec->assigner == WSL_WINDOWS_GLOBAL) {
        take_window(g, WSL_TIME_MIN, WSL_TIME_MAX);
    } else {
        take_window(g, ns, tm_time_add(ns, g->spec->size_ms));
    }
    WSL_TRY(tm_trigger_timer(g, event_time, timestamp, &result));
    WSL_TRY(tm_general_act(g, result));
    const bool cleanup = event_time == g->spec->event_time && timestamp == tm_window_cleanup(g->spec, &g->window);
    return cleanup && g->spec->assigner != WSL_WINDOWS_GLOBAL ? tm_general_drop(g) : WSL_OK;
}

/* Fires timers up to `up_to`, a limited number. *out_done: none are left. */
static wsl_status fire(tm_general *g, bool event_time, int64_t up_to, bool *out_done)
{
    tm_op *op = g->op;
    tm_timers *timers = event_time ? &g->event : &g->processing;
    *out_done = false;
    g->budget = WORK_PER_TURN;
    for (uint32_t i = 0; i < TIMERS_PER_TURN; i++) {
        int64_t ns = 0;
        int64_t timestamp = 0;
        if (!tm_timers_pop(timers, up_to, &g->key, &ns, &timestamp)) {
            *out_done = true;
            break;
        }
        op->current = g->key.row;
        op->current_is_key = true;
        WSL_TRY(is_session(g) ? tm_general_session_timer(g, event_time, ns, timestamp)
                              : window_timer(g, event_time, ns, timestamp));
        if (must_wait(g)) {
            break;
        }
    }
    op->current = NULL;
    op->current_is_key = false;
    return tm_fn_ctx_flush(&g->out.k.f);
}

static wsl_status advance(tm_general *g)
{
    bool done = true;
    if (tm_timers_any(&g->event)) {
        g->now_ms = wsl_wall_ms(g->op->env.clock);
        WSL_TRY(fire(g, true, g->watermark, &done));
    }
    g->advancing = !done;
    g->op->busy = !done;
    return done ? tm_op_emit_watermark(g->op, g->watermark) : WSL_OK;
}

static wsl_status general_watermark(tm_window_op *w, int64_t watermark)
{
    tm_general *g = tm_general_of(w);
    if (watermark > g->watermark) {
        g->watermark = watermark;
        g->fold.ctx.watermark = watermark;
        g->out.k.f.k.ctx.watermark = watermark;
    }
    if (WSL_UNLIKELY(g->op->shared->restoring)) {
        return tm_op_emit_watermark(g->op, watermark);
    }
    return advance(g);
}

static wsl_status fire_due(tm_general *g)
{
    bool done = false;
    g->now_ms = wsl_wall_ms(g->op->env.clock);
    WSL_TRY(fire(g, false, g->now_ms - 1, &done));
    g->op->busy = !done;
    if (!done) {
        return WSL_OK;
    }
    g->armed = WSL_TIME_MAX;
    tm_general_arm(g);
    return WSL_AGAIN;
}

static wsl_status general_resume(tm_window_op *w)
{
    tm_general *g = tm_general_of(w);
    if (tm_op_blocked(g->op)) {
        g->op->busy = true; /* a wake-up at a bad moment: remember it */
        return WSL_AGAIN;
    }
    if (tm_again_waits(&g->again)) {
        WSL_TRY(tm_again_resume(g));
        if (tm_again_waits(&g->again)) {
            g->op->busy = true;
            return WSL_OK;
        }
    }
    if (tm_pairs_wait(&g->pairs)) {
        WSL_TRY(tm_pairs_resume(g));
        if (tm_pairs_wait(&g->pairs)) {
            g->op->busy = true;
            return WSL_OK;
        }
    }
    if (g->advancing) {
        return advance(g);
    }
    if (!tm_timers_any(&g->processing)) {
        g->op->busy = false;
        g->armed = WSL_TIME_MAX; /* what was asked for has been deleted since */
        return WSL_AGAIN;
    }
    return fire_due(g);
}

static wsl_status general_end(tm_window_op *w)
{
    tm_general *g = tm_general_of(w);
    g->op->env.function = g->out.function;
    const wsl_status status = tm_fn_ctx_finish(&g->out.k.f);
    g->op->env.function = NULL;
    return status;
}

/* ---- life ---- */

static uint32_t add_state(tm_state_spec *states, uint32_t *n, tm_state_spec state)
{
    states[*n] = state;
    return (*n)++;
}

static wsl_status open_state(tm_general *g, wsl_error *err)
{
    const tm_window_spec *spec = g->spec;
    const tm_window_trigger t = spec->trigger;
    tm_state_spec states[5];
    uint32_t n = 0;
    const bool remembers = t == TM_TRIGGER_COUNT || t == TM_TRIGGER_DELTA || t == TM_TRIGGER_CONTINUOUS_EVENT_TIME ||
                           t == TM_TRIGGER_CONTINUOUS_PROCESSING_TIME;
    g->trigger_value = g->first_session = g->more_sessions = g->arrivals = TM_NO_STATE;
    g->contents =
        spec->keeps_rows
            ? add_state(states, &n, (tm_state_spec){.name = "contents", .kind = WSL_STATE_LIST,
                                                    .schema = g->op->env.input[0],
                                                    .second = spec->fn.pair != NULL ? g->op->env.input[1] : NULL,
                                                    .keeps_timestamps = true})
            : add_state(states, &n, (tm_state_spec){.name = "contents", .kind = WSL_STATE_VALUE, .schema = g->fold.acc});
    if (is_session(g)) {
        g->first_session = add_state(states, &n, (tm_state_spec){.name = "session", .kind = WSL_STATE_VALUE,
                                                                 .schema = tm_session_schema()});
    }
    if (is_session(g)) {
        g->more_sessions = add_state(states, &n, (tm_state_spec){.name = "more-sessions", .kind = WSL_STATE_LIST,
                                                                 .schema = tm_session_schema()});
    }
    if (is_session(g) && spec->keeps_rows) {
        g->arrivals = add_state(states, &n,
                                (tm_state_spec){.name = "arrivals", .kind = WSL_STATE_LIST, .schema = &number_schema});
    }
    if (remembers) {
        g->trigger_value = add_state(states, &n,
                                     (tm_state_spec){.name = "trigger", .kind = WSL_STATE_VALUE, .schema = &number_schema});
    }
    WSL_TRY(tm_mem_state_new(&g->key, states, n, true, &g->state, err));
    tm_state_report_add(g->op, g->state, states, n);
    g->contents_place = g->state->ops->value_place(g->state, g->contents);
    if (is_session(g)) {
        g->session_place = g->state->ops->value_place(g->state, g->first_session);
    }
    return WSL_OK;
}

static bool has_states(const wsl_function *fn) { return fn != NULL && fn->states != NULL && fn->states[0] != NULL; }

static wsl_status open_functions(tm_general *g, wsl_error *err)
{
    const wsl_window_functions *fn = &g->spec->fn;
    const wsl_function *out = fn->pair != NULL ? fn->pair : fn->window;
    WSL_TRY(tm_face_open(&g->out, g, out, false, err));
    tm_fn_ctx_stamp_all(&g->out.k.f);
    if (has_states(out) && !is_session(g)) {
        /* the same states once more, per window; its open and close have run for `out` */
        g->per_window_function = *out;
        g->per_window_function.open = NULL;
        g->per_window_function.close = NULL;
        WSL_TRY(tm_face_open(&g->per_window, g, &g->per_window_function, true, err));
    }
    if (fn->trigger != NULL) {
        WSL_TRY(tm_face_open(&g->trigger, g, fn->trigger, true, err));
        g->trigger.k.f.w.state = &g->trigger.k.f.k;
    }
    return fn->evictor != NULL ? tm_face_open(&g->evictor, g, fn->evictor, false, err) : WSL_OK;
}

static wsl_status general_open(tm_window_op *w, wsl_error *err)
{
    tm_general *g = tm_general_of(w);
    const tm_window_spec *spec = &w->spec;
    tm_op *op = &w->op;
    g->w = w;
    g->op = op;
    g->spec = spec;
    g->watermark = WSL_TIME_MIN;
    g->armed = WSL_TIME_MAX;
    g->own_trigger = is_session(g) && !spec->purging &&
                     spec->trigger == (spec->event_time ? TM_TRIGGER_EVENT_TIME : TM_TRIGGER_PROCESSING_TIME);
    tm_key_ctx_init(&g->key, op->env.key, op->env.subtask, op->env.parallelism, op->env.max_parallelism);
    if (op->env.key_1 != NULL) {
        tm_key_ctx_add_input(&g->key, op->env.key_1);
    }
    tm_timers_init(&g->event);
    tm_timers_init(&g->processing);
    if (spec->all) {
        tm_key_ctx_restore(&g->key, "", 0, 0, 0);
    }
    const wsl_function *fold = spec->fn.reduce != NULL ? spec->fn.reduce : spec->fn.aggregate;
    g->folds = fold != NULL || spec->select != NULL;
    if (g->folds) {
        WSL_TRY(tm_fold_open(&g->fold, op, fold, spec->select, err));
    }
    WSL_TRY(open_state(g, err));
    return open_functions(g, err);
}

static void general_close(tm_window_op *w)
{
    tm_general *g = tm_general_of(w);
    if (g->op == NULL) {
        return;
    }
    tm_face_close(&g->out);
    tm_face_close(&g->per_window);
    tm_face_close(&g->trigger);
    tm_face_close(&g->evictor);
    tm_fold_close(&g->fold);
    tm_state_report_fini(g->op);
    tm_state_free(g->state);
    tm_timers_fini(&g->event);
    tm_timers_fini(&g->processing);
    tm_key_ctx_fini(&g->key);
    wsl_vec_fini(&g->sessions.list);
    tm_pairs_fini(&g->pairs);
    tm_again_fini(&g->again);
    tm_row_list_fini(&g->rows);
    tm_row_list_fini(&g->more_rows);
    free(g->evicted);
}

const tm_window_way tm_window_general = {
    .name = "general",
    .size = sizeof(tm_general),
    .open = general_open,
    .on_rows = general_rows,
    .on_watermark = general_watermark,
    .resume = general_resume,
    .on_end = general_end,
    .snapshot = tm_general_snapshot,
    .restore = tm_general_restore,
    .close = general_close,
};
