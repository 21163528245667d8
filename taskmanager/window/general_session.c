/*
 * Session windows. A row opens a window [ts, ts + gap); it becomes one with all that it overlaps or touches.
 *
 * A session whose trigger is its own (fire at the end, and at each late row) has one timer at a time, `timer`, that is never
 * after what the session waits for (its end, then its cleanup): a row that makes the session longer leaves the timer alone,
 * and when that comes too early, it is set again. So a session costs two or three timers, not one per row. Any other timer
 * that is left over from before a merge finds no session that waits for it.
 *
 * Other triggers see each change: the session gets a new serial number (so timers of before are dead) and a new slot for
 * the trigger's state, into which the trigger's merge folds what the merged windows had.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/assigner.h"
#include "taskmanager/window/general.h"

/* ---- sessions as rows of state ---- */

/* others_end: of the key's first row, the latest end of its other sessions, or WSL_TIME_MIN if it has none. What each row of
 * input looks at comes first. */
WSL_ROW(session_row, (int64, start), (int64, end), (int64, timer), (int64, slots), (int64, others_end), (int64, serial));

const wsl_schema *tm_session_schema(void) { return &session_row_schema; }

static tm_session from_row(const wsl_row *row)
{
    const uint64_t slots = (uint64_t)session_row_slots(row);
    return (tm_session){.start = session_row_start(row),
                        .end = session_row_end(row),
                        .timer = session_row_timer(row),
                        .serial = session_row_serial(row),
                        .slot = (uint32_t)slots,
                        .trigger_slot = (uint32_t)(slots >> 32)};
}

static bool has_others(const wsl_row *first) { return session_row_others_end(first) != WSL_TIME_MIN; }

static void to_row(const tm_session *s, int64_t others_end, wsl_row *row)
{
    row->slot[session_row_f_start] = (uint64_t)s->start;
    row->slot[session_row_f_end] = (uint64_t)s->end;
    row->slot[session_row_f_timer] = (uint64_t)s->timer;
    row->slot[session_row_f_serial] = (uint64_t)s->serial;
    row->slot[session_row_f_slots] = (uint64_t)s->trigger_slot << 32 | s->slot;
    row->slot[session_row_f_others_end] = (uint64_t)others_end;
}

static void load(tm_general *g)
{
    tm_state *state = g->state;
    state->ops->use(state, 0);
    wsl_vec_clear(&g->sessions.list);
    const wsl_row *first = state->ops->value_get(state, g->first_session);
    if (first == NULL) {
        return;
    }
    const bool more = has_others(first);
    wsl_vec_push(&g->sessions.list, from_row(first));
    if (more) {
        tm_state_walk walk = {0};
        state->ops->walk(state, g->more_sessions, &walk);
        while (state->ops->walk_next(state, &walk)) {
            wsl_vec_push(&g->sessions.list, from_row(walk.value));
        }
    }
}

static wsl_status store(tm_general *g)
{
    tm_state *state = g->state;
    const uint32_t n = g->sessions.list.n;
    state->ops->use(state, 0);
    const wsl_row *before = state->ops->value_get(state, g->first_session);
    if (before != NULL && has_others(before)) {
        state->ops->clear(state, g->more_sessions);
    }
    if (n == 0) {
        state->ops->clear(state, g->first_session);
        return WSL_OK;
    }
    int64_t others_end = WSL_TIME_MIN;
    for (uint32_t i = 1; i < n; i++) {
        tm_session *at = &g->sessions.list.items[i];
        if (at->slot == 0) { /* its contents lie beside the first row */
            const tm_session swap = g->sessions.list.items[0];
            g->sessions.list.items[0] = *at;
            *at = swap;
        }
        others_end = at->end > others_end ? at->end : others_end;
    }
    to_row(&g->sessions.list.items[0], others_end, state->ops->value_update(state, g->first_session));
    for (uint32_t i = 1; i < n; i++) {
        struct {
            wsl_row row;
            uint64_t slots[session_row_n_fields];
        } row = {.row = {.size = sizeof row}};
        to_row(&g->sessions.list.items[i], WSL_TIME_MIN, &row.row);
        WSL_TRY(state->ops->list_add(state, g->more_sessions, &row.row));
    }
    return WSL_OK;
}

/* ---- the window in hand ---- */

static void take_session(tm_general *g, const tm_session *s)
{
    g->window = (wsl_window){.start = s->start, .end = s->end};
    g->contents_ns = s->slot;
    g->trigger_ns = s->trigger_slot;
    g->timer_ns = s->serial;
}

/* What a session with its own trigger waits for next. */
static int64_t due(const tm_general *g, const wsl_window *window)
{
    const int64_t last = wsl_window_max_timestamp(window);
    return last > tm_general_clock(g, g->spec->event_time) ? last : tm_window_cleanup(g->spec, window);
}

static void set_timer(tm_general *g, tm_session *s)
{
    const int64_t at = due(g, &g->window);
    if (s->timer >= at) { /* setting it again does no harm; WSL_TIME_MAX is both "none" and a time */
        s->timer = at;
        tm_general_timer_set(g, g->spec->event_time, at);
    }
}

/* ---- a row ---- */

static wsl_status row_gap(tm_general *g, const wsl_row *row, int64_t *out_gap)
{
    const wsl_function *fn = g->spec->fn.gap;
    *out_gap = fn != NULL ? fn->session_gap(row) : g->spec->size_ms;
    if (WSL_UNLIKELY(*out_gap <= 0)) {
        g->op->current = row;
        return tm_op_fail(g->op, WSL_USER, "the session gap '%s' gave %lld ms; a gap is above 0", fn->name,
                          (long long)*out_gap);
    }
    return WSL_OK;
}

/* The newest session of a key is the one that most rows are for, so it gets slot 0; a folded value that lies there moves. */
static wsl_status vacate_first_slot(tm_general *g)
{
    for (uint32_t i = 0; i < g->sessions.list.n && g->own_trigger && !g->spec->keeps_rows; i++) {
        tm_session *s = &g->sessions.list.items[i];
        if (s->slot == 0) {
            s->slot = tm_sessions_free_slot(&g->sessions);
            return tm_contents_move(g, s->slot, 0);
        }
    }
    return WSL_OK;
}

static tm_session *add_session(tm_general *g, int64_t start, int64_t end)
{
    const tm_session s = {
        .start = start,
        .end = end,
        .timer = WSL_TIME_MAX,
        .serial = g->next_serial++,
        .slot = tm_sessions_free_slot(&g->sessions),
        .trigger_slot = g->own_trigger ? 0 : tm_sessions_free_trigger_slot(&g->sessions),
    };
    wsl_vec_push(&g->sessions.list, s);
    return &g->sessions.list.items[g->sessions.list.n - 1];
}

/* The trigger is told, by windows; those of before are given up. */
static wsl_status tell_trigger(tm_general *g, const tm_session *before, uint32_t n, const tm_session *after)
{
    take_session(g, after);
    WSL_TRY(tm_trigger_merge(g, before, n));
    for (uint32_t i = 0; i < n; i++) {
        take_session(g, &before[i]);
        WSL_TRY(tm_trigger_clear(g));
        const int64_t cleanup = tm_window_cleanup(g->spec, &g->window);
        tm_general_timer_delete(g, g->spec->event_time, cleanup);
    }
    return WSL_OK;
}

/* The first n sessions of the list and [start, end) become one, the list's first. */
static wsl_status merge(tm_general *g, uint32_t n, int64_t start, int64_t end)
{
    tm_session *list = g->sessions.list.items;
    const bool same = n == 1 && list[0].start <= start && end <= list[0].end;
    if (same) {
        return WSL_OK;
    }
    tm_session few[8];
    tm_session *before = n <= WSL_ARRAY_LEN(few) ? few : wsl_calloc(n, sizeof *before);
    memcpy(before, list, n * sizeof *before);
    tm_session result = list[0];
    wsl_status status = WSL_OK;
    result.start = start;
    result.end = end;
    for (uint32_t i = 0; i < n; i++) {
        result.start = list[i].start < result.start ? list[i].start : result.start;
        result.end = list[i].end > result.end ? list[i].end : result.end;
    }
    if (!g->own_trigger) {
        result.serial = g->next_serial++;
        result.trigger_slot = tm_sessions_free_trigger_slot(&g->sessions);
        status = tell_trigger(g, before, n, &result);
    }
    for (uint32_t i = 1; i < n && status == WSL_OK; i++) {
        status = tm_contents_merge(g, before[0].slot, before[i].slot);
    }
    list = g->sessions.list.items;
    list[0] = result;
    memmove(&list[1], &list[n], (g->sessions.list.n - n) * sizeof *list);
    g->sessions.list.n -= n - 1;
    if (before != few) {
        free(before);
    }
    return status;
}

static wsl_status into_session(tm_general *g, tm_session *s, const wsl_row *row, uint32_t i)
{
    take_session(g, s);
    if (!g->own_trigger) {
        WSL_TRY(tm_general_element(g, row, i));
        return store(g);
    }
    WSL_TRY(tm_contents_add(g, row, i));
    const bool late = g->spec->event_time && wsl_window_max_timestamp(&g->window) <= g->watermark;
    if (late) {
        WSL_TRY(tm_general_fire(g));
    }
    set_timer(g, s);
    return store(g);
}

static __attribute__((noinline)) wsl_status slow_row(tm_general *g, const wsl_row *row, uint32_t i, int64_t start,
                                                     int64_t end, bool *out_late)
{
    load(g);
    const uint32_t n = tm_sessions_touching(&g->sessions, start, end);
    if (n > 0) {
        WSL_TRY(merge(g, n, start, end));
        return into_session(g, &g->sessions.list.items[0], row, i);
    }
    const wsl_window window = {.start = start, .end = end};
    if (g->spec->event_time && tm_window_cleanup(g->spec, &window) <= g->watermark) {
        *out_late = true;
        return WSL_OK;
    }
    WSL_TRY(vacate_first_slot(g));
    return into_session(g, add_session(g, start, end), row, i);
}

/*
 * The usual row: it makes the session in slot 0 longer or falls into it, and is after all others of its key (which wait for
 * the watermark); then nothing moves but the end of the window. Quickest if all of that lies in the key's entry, which load
 * has found.
 */
static inline wsl_row *session_in_entry(const tm_general *g, wsl_row **out_acc)
{
    uint8_t *entry = g->key.entry;
    const tm_value_place *s = &g->session_place;
    const tm_value_place *c = &g->contents_place;
    const uint32_t both = s->bit | c->bit;
    const uint32_t mask = s->writable | c->writable;
    if (WSL_UNLIKELY(entry == NULL || g->key.owner != g->loaded || s->bit == 0 || c->bit == 0 || !g->fold.in_place)) {
        return NULL;
    }
    const uint32_t bits = *(const uint32_t *)(const void *)(entry + s->bits_offset);
    if (WSL_UNLIKELY((bits & mask) != both)) {
        return NULL;
    }
    *out_acc = (wsl_row *)(void *)(entry + c->offset);
    return (wsl_row *)(void *)(entry + s->offset);
}

static inline bool grow_usual(const tm_general *g, wsl_row *s, int64_t start, int64_t end)
{
    const int64_t s_start = session_row_start(s);
    const int64_t s_end = session_row_end(s);
    const int64_t new_end = end > s_end ? end : s_end;
    const bool touches = start <= s_end && s_start <= end;
    /* open still, and its timer is not after its end */
    const bool waits = new_end - 1 > tm_general_clock(g, g->spec->event_time) && session_row_timer(s) < new_end;
    const bool alone = session_row_slots(s) == 0 && start > session_row_others_end(s);
    if (WSL_UNLIKELY(!touches || !waits || !alone || new_end == WSL_TIME_MAX)) {
        return false;
    }
    s->slot[session_row_f_start] = (uint64_t)(start < s_start ? start : s_start);
    s->slot[session_row_f_end] = (uint64_t)new_end;
    return true;
}

/* The same by asking the state: keys or contents of variable size. */
static wsl_status other_row(tm_general *g, const wsl_row *row, uint32_t i, int64_t start, int64_t end, bool *out_late)
{
    tm_state *state = g->state;
    state->ops->use(state, 0);
    if (g->own_trigger && state->ops->value_get(state, g->first_session) != NULL &&
        grow_usual(g, state->ops->value_update(state, g->first_session), start, end)) {
        g->contents_ns = 0;
        return tm_contents_add(g, row, i);
    }
    return slow_row(g, row, i, start, end, out_late);
}

wsl_status tm_general_session_row(tm_general *g, const wsl_row *row, uint32_t i, bool *out_late)
{
    const int64_t start = g->spec->event_time ? row->timestamp : g->now_ms;
    int64_t gap = g->spec->size_ms;
    if (g->spec->fn.gap != NULL) {
        WSL_TRY(row_gap(g, row, &gap));
    }
    const int64_t end = tm_time_add(start, gap);
    wsl_row *acc = NULL;
    wsl_row *s = g->own_trigger ? session_in_entry(g, &acc) : NULL;
    if (WSL_LIKELY(s != NULL && grow_usual(g, s, start, end))) {
        return tm_fold_add_in_place(&g->fold, acc, i);
    }
    return other_row(g, row, i, start, end, out_late);
}

/* ---- timers ---- */

static wsl_status drop_session(tm_general *g, tm_session *s)
{
    WSL_TRY(tm_general_drop(g));
    wsl_vec_remove(&g->sessions.list, (uint32_t)(s - g->sessions.list.items));
    return WSL_OK;
}

static wsl_status own_timer(tm_general *g, tm_session *s, int64_t timestamp)
{
    const int64_t last = wsl_window_max_timestamp(&g->window);
    const int64_t cleanup = tm_window_cleanup(g->spec, &g->window);
    if (s->timer != timestamp) {
        return WSL_OK; /* left over */
    }
    s->timer = WSL_TIME_MAX;
    if (timestamp < last) {
        s->timer = last; /* it has grown since */
    } else {
        if (timestamp == last) {
            WSL_TRY(tm_general_fire(g));
        }
        if (timestamp >= cleanup) {
            return drop_session(g, s);
        }
        s->timer = cleanup;
    }
    if (s->timer != WSL_TIME_MAX) {
        tm_general_timer_set(g, g->spec->event_time, s->timer);
    }
    return WSL_OK;
}

wsl_status tm_general_session_timer(tm_general *g, bool event_time, int64_t serial, int64_t timestamp)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    load(g);
    tm_session *s = tm_sessions_find(&g->sessions, serial);
    if (s == NULL) {
        return WSL_OK; /* of a window that has become another one */
    }
    take_session(g, s);
    if (g->own_trigger) {
        WSL_TRY(own_timer(g, s, timestamp));
        return store(g);
    }
    WSL_TRY(tm_trigger_timer(g, event_time, timestamp, &result));
    WSL_TRY(tm_general_act(g, result));
    if (event_time == g->spec->event_time && timestamp == tm_window_cleanup(g->spec, &g->window)) {
        WSL_TRY(drop_session(g, s));
    }
    return store(g);
}
