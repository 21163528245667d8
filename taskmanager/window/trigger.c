/*
 * When windows fire: the built-in triggers, and custom ones through their face. Built-in triggers keep one number per window,
 * if any, in the value state trigger_value: how many rows came, when to fire next, or the field's value at the last firing.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "taskmanager/window/assigner.h"
#include "taskmanager/window/evictor.h"
#include "taskmanager/window/general.h"

/* ---- the number ---- */

static const wsl_row *value_row(tm_general *g)
{
    g->state->ops->use(g->state, g->trigger_ns);
    return g->state->ops->value_get(g->state, g->trigger_value);
}

static bool get_number(tm_general *g, int64_t *out)
{
    const wsl_row *row = value_row(g);
    if (row != NULL) {
        *out = wsl_row_int64(row, 0);
    }
    return row != NULL;
}

static void set_number(tm_general *g, int64_t value)
{
    g->state->ops->use(g->state, g->trigger_ns);
    g->state->ops->value_update(g->state, g->trigger_value)->slot[0] = (uint64_t)value;
}

static void clear_number(tm_general *g)
{
    if (g->trigger_value != TM_NO_STATE) {
        g->state->ops->use(g->state, g->trigger_ns);
        g->state->ops->clear(g->state, g->trigger_value);
    }
}

/* ---- at the end ---- */

static wsl_trigger_result at_end_element(tm_general *g, bool event_time)
{
    const int64_t last = wsl_window_max_timestamp(&g->window);
    if (event_time && last <= g->watermark) {
        return WSL_TRIGGER_FIRE;
    }
    tm_general_timer_set(g, event_time, last);
    return WSL_TRIGGER_CONTINUE;
}

static void at_end_merge(tm_general *g, bool event_time)
{
    const int64_t last = wsl_window_max_timestamp(&g->window);
    if (last > tm_general_clock(g, event_time)) {
        tm_general_timer_set(g, event_time, last);
    }
}

/* ---- every so often ---- */

static void set_next(tm_general *g, bool event_time, int64_t from)
{
    const int64_t last = wsl_window_max_timestamp(&g->window);
    int64_t next = tm_time_add(from, g->spec->trigger_interval_ms);
    if (event_time && g->watermark == WSL_TIME_MAX && last == WSL_TIME_MAX) {
        next = last; /* the end of the input: not step by step through all of time */
    }
    next = next < last ? next : last;
    set_number(g, next);
    tm_general_timer_set(g, event_time, next);
}

static wsl_trigger_result continuous_element(tm_general *g, bool event_time, int64_t timestamp)
{
    int64_t next = 0;
    if (event_time) {
        const int64_t last = wsl_window_max_timestamp(&g->window);
        if (last <= g->watermark) {
            return WSL_TRIGGER_FIRE;
        }
        tm_general_timer_set(g, true, last);
    }
    if (!get_number(g, &next)) {
        set_next(g, event_time, tm_time_add(timestamp, -tm_time_mod(timestamp, g->spec->trigger_interval_ms)));
    }
    return WSL_TRIGGER_CONTINUE;
}

static wsl_trigger_result continuous_timer(tm_general *g, bool event_time, int64_t timestamp)
{
    int64_t next = 0;
    const int64_t last = wsl_window_max_timestamp(&g->window);
    if (event_time && timestamp == last) {
        return WSL_TRIGGER_FIRE;
    }
    if (!get_number(g, &next) || next != timestamp) {
        return WSL_TRIGGER_CONTINUE;
    }
    if (timestamp >= last) { /* by the clock, of a window that is past: once, not again and again */
        clear_number(g);
    } else {
        set_next(g, event_time, timestamp);
    }
    return WSL_TRIGGER_FIRE;
}

/* ---- rows ---- */

static wsl_trigger_result count_element(tm_general *g)
{
    int64_t count = 0;
    (void)get_number(g, &count);
    if (count + 1 < g->spec->trigger_count) {
        set_number(g, count + 1);
        return WSL_TRIGGER_CONTINUE;
    }
    clear_number(g);
    return WSL_TRIGGER_FIRE;
}

static wsl_trigger_result delta_element(tm_general *g, const wsl_row *row)
{
    const double value = tm_field_as_double(g->op->env.input[0], g->spec->trigger_field, row);
    int64_t bits = 0;
    double last;
    const bool first = !get_number(g, &bits);
    memcpy(&last, &bits, sizeof last);
    if (!first && !(fabs(value - last) > g->spec->trigger_threshold)) {
        return WSL_TRIGGER_CONTINUE;
    }
    memcpy(&bits, &value, sizeof bits);
    set_number(g, bits);
    return first ? WSL_TRIGGER_CONTINUE : WSL_TRIGGER_FIRE;
}

/* ---- custom ---- */

static wsl_status custom_said(tm_general *g, wsl_status status, wsl_trigger_result result, wsl_trigger_result *out)
{
    WSL_TRY(tm_face_after(&g->trigger, status, "a trigger"));
    if ((unsigned)result > WSL_TRIGGER_FIRE_AND_PURGE) {
        return tm_op_fail(g->op, WSL_USER, "the trigger '%s' said %d, which is no wsl_trigger_result",
                          g->trigger.function->name, (int)result);
    }
    *out = result;
    return WSL_OK;
}

static wsl_status custom_element(tm_general *g, const wsl_row *row, wsl_trigger_result *out)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    wsl_window_ctx *w = tm_face_select(&g->trigger, g->trigger_ns);
    tm_fn_ctx_row(&g->trigger.k.f, row);
    const wsl_status status = g->trigger.function->on_element(w, row, &result);
    return custom_said(g, status, result, out);
}

static wsl_status custom_timer(tm_general *g, bool event_time, int64_t timestamp, wsl_trigger_result *out)
{
    const wsl_function *fn = g->trigger.function;
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    wsl_status (*const call)(wsl_window_ctx *, int64_t, wsl_trigger_result *) =
        event_time ? fn->on_event_time : fn->on_processing_time;
    if (call == NULL) {
        return WSL_OK; /* the timer that drops the window */
    }
    wsl_window_ctx *w = tm_face_select(&g->trigger, g->trigger_ns);
    tm_fn_ctx_no_row(&g->trigger.k.f, event_time, event_time ? timestamp : 0);
    const wsl_status status = call(w, timestamp, &result);
    return custom_said(g, status, result, out);
}

static wsl_status custom_merge(tm_general *g, const tm_session *merged, uint32_t n)
{
    wsl_window few[8];
    wsl_window *windows = n <= WSL_ARRAY_LEN(few) ? few : wsl_calloc(n, sizeof *windows);
    for (uint32_t i = 0; i < n; i++) {
        windows[i] = (wsl_window){.start = merged[i].start, .end = merged[i].end};
    }
    g->merged = merged;
    g->n_merged = n;
    wsl_window_ctx *w = tm_face_select(&g->trigger, g->trigger_ns);
    tm_fn_ctx_no_row(&g->trigger.k.f, false, 0);
    const wsl_status status = g->trigger.function->on_merge(w, windows, n);
    g->n_merged = 0;
    if (windows != few) {
        free(windows);
    }
    return tm_face_after(&g->trigger, status, "a trigger");
}

static wsl_status custom_clear(tm_general *g)
{
    const wsl_function *fn = g->trigger.function;
    if (fn->window_clear != NULL) {
        wsl_window_ctx *w = tm_face_select(&g->trigger, g->trigger_ns);
        tm_fn_ctx_no_row(&g->trigger.k.f, false, 0);
        WSL_TRY(tm_face_after(&g->trigger, fn->window_clear(w), "a trigger"));
    }
    tm_face_clear_states(&g->trigger, g->trigger_ns);
    return WSL_OK;
}

/* ---- all of them ---- */

static wsl_trigger_result purged(const tm_general *g, wsl_trigger_result result)
{
    return g->spec->purging && (result & WSL_TRIGGER_FIRE) != 0 ? WSL_TRIGGER_FIRE_AND_PURGE : result;
}

wsl_status tm_trigger_element(tm_general *g, const wsl_row *row, wsl_trigger_result *out)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    switch (g->spec->trigger) {
    case TM_TRIGGER_NEVER:
        break;
    case TM_TRIGGER_EVENT_TIME:
    case TM_TRIGGER_PROCESSING_TIME:
        result = at_end_element(g, g->spec->trigger == TM_TRIGGER_EVENT_TIME);
        break;
    case TM_TRIGGER_CONTINUOUS_EVENT_TIME:
        result = continuous_element(g, true, row->timestamp);
        break;
    case TM_TRIGGER_CONTINUOUS_PROCESSING_TIME:
        result = continuous_element(g, false, g->now_ms);
        break;
    case TM_TRIGGER_COUNT:
        result = count_element(g);
        break;
    case TM_TRIGGER_DELTA:
        result = delta_element(g, row);
        break;
    case TM_TRIGGER_CUSTOM:
        WSL_TRY(custom_element(g, row, &result));
        break;
    }
    *out = purged(g, result);
    return WSL_OK;
}

wsl_status tm_trigger_timer(tm_general *g, bool event_time, int64_t timestamp, wsl_trigger_result *out)
{
    wsl_trigger_result result = WSL_TRIGGER_CONTINUE;
    switch (g->spec->trigger) {
    case TM_TRIGGER_EVENT_TIME:
        result = event_time && timestamp == wsl_window_max_timestamp(&g->window) ? WSL_TRIGGER_FIRE : result;
        break;
    case TM_TRIGGER_PROCESSING_TIME:
        result = !event_time && timestamp == wsl_window_max_timestamp(&g->window) ? WSL_TRIGGER_FIRE : result;
        break;
    case TM_TRIGGER_CONTINUOUS_EVENT_TIME:
        result = event_time ? continuous_timer(g, true, timestamp) : result;
        break;
    case TM_TRIGGER_CONTINUOUS_PROCESSING_TIME:
        result = event_time ? result : continuous_timer(g, false, timestamp);
        break;
    case TM_TRIGGER_CUSTOM:
        WSL_TRY(custom_timer(g, event_time, timestamp, &result));
        break;
    case TM_TRIGGER_NEVER:
    case TM_TRIGGER_COUNT:
    case TM_TRIGGER_DELTA:
        break;
    }
    *out = purged(g, result);
    return WSL_OK;
}

/* Counts are added up; of firings to come the earliest counts. */
static void merge_numbers(tm_general *g, const tm_session *merged, uint32_t n)
{
    const int64_t mine = g->trigger_ns;
    const bool count = g->spec->trigger == TM_TRIGGER_COUNT;
    int64_t sum = 0;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        int64_t value = 0;
        g->trigger_ns = merged[i].trigger_slot;
        if (get_number(g, &value)) {
            sum = !any ? value : count ? sum + value : value < sum ? value : sum;
            any = true;
            clear_number(g);
        }
    }
    g->trigger_ns = mine;
    if (any) {
        set_number(g, sum);
        if (!count) {
            tm_general_timer_set(g, g->spec->trigger == TM_TRIGGER_CONTINUOUS_EVENT_TIME, sum);
        }
    }
}

wsl_status tm_trigger_merge(tm_general *g, const tm_session *merged, uint32_t n)
{
    switch (g->spec->trigger) {
    case TM_TRIGGER_EVENT_TIME:
    case TM_TRIGGER_PROCESSING_TIME:
        at_end_merge(g, g->spec->trigger == TM_TRIGGER_EVENT_TIME);
        break;
    case TM_TRIGGER_CONTINUOUS_EVENT_TIME:
    case TM_TRIGGER_CONTINUOUS_PROCESSING_TIME:
    case TM_TRIGGER_COUNT:
        merge_numbers(g, merged, n);
        break;
    case TM_TRIGGER_CUSTOM:
        return custom_merge(g, merged, n);
    case TM_TRIGGER_NEVER:
    case TM_TRIGGER_DELTA: /* refused when the job is built */
        break;
    }
    return WSL_OK;
}

wsl_status tm_trigger_clear(tm_general *g)
{
    int64_t next = 0;
    switch (g->spec->trigger) {
    case TM_TRIGGER_EVENT_TIME:
        tm_general_timer_delete(g, true, wsl_window_max_timestamp(&g->window));
        break;
    case TM_TRIGGER_PROCESSING_TIME:
        tm_general_timer_delete(g, false, wsl_window_max_timestamp(&g->window));
        break;
    case TM_TRIGGER_CONTINUOUS_EVENT_TIME:
    case TM_TRIGGER_CONTINUOUS_PROCESSING_TIME: {
        const bool event_time = g->spec->trigger == TM_TRIGGER_CONTINUOUS_EVENT_TIME;
        if (get_number(g, &next)) {
            tm_general_timer_delete(g, event_time, next);
        }
        if (event_time) {
            tm_general_timer_delete(g, true, wsl_window_max_timestamp(&g->window));
        }
        break;
    }
    case TM_TRIGGER_CUSTOM:
        return custom_clear(g);
    case TM_TRIGGER_NEVER:
    case TM_TRIGGER_COUNT:
    case TM_TRIGGER_DELTA:
        break;
    }
    clear_number(g);
    return WSL_OK;
}
