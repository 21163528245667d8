/*
 * window_oracle - windows as the semantics describe them, in the dullest way: arrays, no timers that are lazy, no state that
 * is shared. What it gives for a row, a watermark or a move of the clock are lines in no order, which the caller sorts.
 */
#pragma once
#include "unit/taskmanager/window/window_kit.h"

#include <math.h>

#include "base/alloc.h"
#include "base/vec.h"

typedef struct o_row {
    int64_t ts, v, arrival;
} o_row;

typedef struct o_timer {
    bool event;
    int64_t ts;
} o_timer;

typedef struct o_window {
    int key;
    int64_t start, end;
    WSL_VEC(o_row) rows;
    WSL_VEC(o_timer) timers;
    bool has_number;
    int64_t number; /* count, next firing, last value */
} o_window;

typedef struct oracle {
    const wsl_windowing *w;
    bool event;    /* of the assigner */
    bool sums;     /* else lists */
    int64_t wm, clock, arrivals;
    wsl_trigger_kind trigger;
    int64_t trigger_count;
    bool purging;
    wsl_evictor evictor;
    WSL_VEC(o_window *) windows;
    WSL_VEC(char *) out;
    uint64_t late;
} oracle;

static inline void o_init(oracle *o, const wsl_windowing *w, bool sums, int64_t clock)
{
    *o = (oracle){.w = w, .sums = sums, .wm = WSL_TIME_MIN, .clock = clock};
    const wsl_assigner *a = &w->assigner;
    const bool global = a->kind == WSL_WINDOWS_GLOBAL || a->kind == WSL_WINDOWS_COUNT;
    o->event = !global && !a->processing_time;
    o->trigger = w->trigger.kind;
    o->trigger_count = w->trigger.count;
    o->purging = w->trigger.purging;
    o->evictor = w->evictor;
    if (o->trigger == WSL_TRIGGER_DEFAULT && !global) {
        o->trigger = o->event ? WSL_TRIGGER_EVENT_TIME : WSL_TRIGGER_PROCESSING_TIME;
    }
    if (a->kind == WSL_WINDOWS_COUNT) {
        o->trigger = WSL_TRIGGER_COUNT;
        o->trigger_count = a->slide_ms != 0 ? a->slide_ms : a->size_ms;
        o->purging = a->slide_ms == 0;
        o->evictor = a->slide_ms != 0 ? wsl_count_evictor(a->size_ms) : (wsl_evictor){0};
    }
}

static inline int64_t o_max(const o_window *w) { return w->end == WSL_TIME_MAX ? WSL_TIME_MAX : w->end - 1; }
static inline int64_t o_cleanup(const oracle *o, const o_window *w)
{
    return o_max(w) == WSL_TIME_MAX ? WSL_TIME_MAX : o_max(w) + (o->event ? o->w->lateness_ms : 0);
}

static inline void o_timer_set(o_window *w, bool event, int64_t ts)
{
    for (uint32_t i = 0; i < w->timers.n; i++) {
        if (w->timers.items[i].event == event && w->timers.items[i].ts == ts) {
            return;
        }
    }
    wsl_vec_push(&w->timers, ((o_timer){event, ts}));
}

static inline void o_free_window(oracle *o, uint32_t at)
{
    o_window *w = o->windows.items[at];
    wsl_vec_fini(&w->rows);
    wsl_vec_fini(&w->timers);
    free(w);
    wsl_vec_remove(&o->windows, at);
}

static inline void o_fini(oracle *o)
{
    while (o->windows.n > 0) {
        o_free_window(o, 0);
    }
    for (uint32_t i = 0; i < o->out.n; i++) {
        free(o->out.items[i]);
    }
    wsl_vec_fini(&o->windows);
    wsl_vec_fini(&o->out);
}

/* ---- firing ---- */

static inline void o_evict(const oracle *o, o_window *w)
{
    const wsl_evictor *e = &o->evictor;
    int64_t youngest = WSL_TIME_MIN;
    for (uint32_t i = 0; i < w->rows.n; i++) {
        youngest = w->rows.items[i].ts > youngest ? w->rows.items[i].ts : youngest;
    }
    const uint32_t n = w->rows.n;
    const int64_t last = n > 0 ? w->rows.items[n - 1].v : 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const o_row r = w->rows.items[i];
        const bool gone = (e->kind == WSL_EVICTOR_COUNT && n - i > (uint64_t)e->count) ||
                          (e->kind == WSL_EVICTOR_TIME && r.ts <= youngest - e->duration_ms) ||
                          (e->kind == WSL_EVICTOR_DELTA && fabs((double)(r.v - last)) >= e->threshold);
        w->rows.items[kept] = r;
        kept += !gone;
    }
    w->rows.n = kept;
}

static inline void o_fire(oracle *o, o_window *w)
{
    wsl_strbuf s;
    if (o->evictor.kind != WSL_EVICTOR_NONE && !o->evictor.after) {
        o_evict(o, w);
    }
    if (w->rows.n == 0) {
        return;
    }
    wsl_strbuf_init(&s);
    wsl_strbuf_puts(&s, "[");
    kit_time(&s, w->start);
    wsl_strbuf_puts(&s, ",");
    kit_time(&s, w->end);
    wsl_strbuf_puts(&s, o->sums ? ")=" : ")=[");
    int64_t sum = 0;
    for (uint32_t i = 0; i < w->rows.n; i++) {
        sum += w->rows.items[i].v;
        if (!o->sums) {
            wsl_strbuf_printf(&s, "%s%" PRId64, i > 0 ? "," : "", w->rows.items[i].v);
        }
    }
    if (o->sums) {
        wsl_strbuf_printf(&s, "%" PRId64, sum);
    } else {
        wsl_strbuf_puts(&s, "]");
    }
    char *line = wsl_strbuf_take(&s);
    wsl_vec_push(&o->out, line);
    if (o->evictor.kind != WSL_EVICTOR_NONE && o->evictor.after) {
        o_evict(o, w);
    }
}

static inline void o_act(oracle *o, o_window *w, bool fire)
{
    if (fire) {
        o_fire(o, w);
    }
    if (fire && o->purging) {
        wsl_vec_clear(&w->rows);
    }
}

/* ---- triggers ---- */

static inline int64_t o_floor(int64_t t, int64_t step)
{
    const int64_t rest = t % step;
    return t - (rest < 0 ? rest + step : rest);
}

static inline void o_next(const oracle *o, o_window *w, bool event, int64_t from)
{
    const bool at_end = event && o->wm == WSL_TIME_MAX && o_max(w) == WSL_TIME_MAX;
    const int64_t next = at_end ? WSL_TIME_MAX : from + o->w->trigger.interval_ms;
    w->has_number = true;
    w->number = next < o_max(w) ? next : o_max(w);
    o_timer_set(w, event, w->number);
}

static inline bool o_on_row(const oracle *o, o_window *w, int64_t ts, int64_t v)
{
    const bool event = o->trigger == WSL_TRIGGER_EVENT_TIME || o->trigger == WSL_TRIGGER_CONTINUOUS_EVENT_TIME;
    bool fire = false;
    switch (o->trigger) {
    case WSL_TRIGGER_EVENT_TIME:
    case WSL_TRIGGER_CONTINUOUS_EVENT_TIME:
    case WSL_TRIGGER_PROCESSING_TIME:
    case WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME: {
        const bool continuous =
            o->trigger == WSL_TRIGGER_CONTINUOUS_EVENT_TIME || o->trigger == WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME;
        if (event && o_max(w) <= o->wm) {
            return true;
        }
        if (event || !continuous) {
            o_timer_set(w, event, o_max(w));
        }
        if (continuous && !w->has_number) {
            o_next(o, w, event, o_floor(event ? ts : o->clock, o->w->trigger.interval_ms));
        }
        return false;
    }
    case WSL_TRIGGER_COUNT:
        w->number = w->has_number ? w->number + 1 : 1;
        fire = w->number >= o->trigger_count;
        w->has_number = !fire;
        return fire;
    case WSL_TRIGGER_DELTA:
        fire = w->has_number && fabs((double)(v - w->number)) > o->w->trigger.threshold;
        w->number = !w->has_number || fire ? v : w->number;
        w->has_number = true;
        return fire;
    default:
        return false;
    }
}

static inline bool o_on_timer(const oracle *o, o_window *w, bool event, int64_t ts)
{
    switch (o->trigger) {
    case WSL_TRIGGER_EVENT_TIME:
        return event && ts == o_max(w);
    case WSL_TRIGGER_PROCESSING_TIME:
        return !event && ts == o_max(w);
    case WSL_TRIGGER_CONTINUOUS_EVENT_TIME:
    case WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME:
        if (event != (o->trigger == WSL_TRIGGER_CONTINUOUS_EVENT_TIME)) {
            return false;
        }
        if (event && ts == o_max(w)) {
            return true;
        }
        if (!w->has_number || w->number != ts) {
            return false;
        }
        w->has_number = false;
        if (ts < o_max(w)) {
            o_next(o, w, event, ts);
        }
        return true;
    default:
        return false;
    }
}

/* `from` is given up in favour of `to`. */
static inline void o_trigger_merge(const oracle *o, o_window *to, const o_window *from)
{
    const bool count = o->trigger == WSL_TRIGGER_COUNT;
    if (from->has_number) {
        to->number = !to->has_number                                  ? from->number
                     : count                                          ? to->number + from->number
                     : from->number < to->number                      ? from->number
                                                                      : to->number;
        to->has_number = true;
    }
}

static inline void o_trigger_merged(const oracle *o, o_window *w)
{
    const bool event = o->trigger == WSL_TRIGGER_EVENT_TIME || o->trigger == WSL_TRIGGER_CONTINUOUS_EVENT_TIME;
    if (o->trigger == WSL_TRIGGER_EVENT_TIME && o_max(w) > o->wm) {
        o_timer_set(w, true, o_max(w));
    } else if (o->trigger == WSL_TRIGGER_PROCESSING_TIME && o_max(w) > o->clock - 1) {
        o_timer_set(w, false, o_max(w));
    } else if (w->has_number && o->trigger != WSL_TRIGGER_COUNT) {
        o_timer_set(w, event, w->number);
    }
}

/* ---- rows ---- */

static inline o_window *o_find(oracle *o, int key, int64_t start, int64_t end)
{
    for (uint32_t i = 0; i < o->windows.n; i++) {
        o_window *w = o->windows.items[i];
        if (w->key == key && w->start == start && w->end == end) {
            return w;
        }
    }
    o_window *w = wsl_zalloc(sizeof *w);
    w->key = key;
    w->start = start;
    w->end = end;
    wsl_vec_push(&o->windows, w);
    return w;
}

static inline void o_element(oracle *o, o_window *w, int64_t ts, int64_t v)
{
    wsl_vec_push(&w->rows, ((o_row){ts, v, o->arrivals}));
    o_act(o, w, o_on_row(o, w, ts, v));
    if (o_cleanup(o, w) != WSL_TIME_MAX) {
        o_timer_set(w, o->event, o_cleanup(o, w));
    }
}

static inline int o_by_arrival(const void *a, const void *b)
{
    const int64_t x = ((const o_row *)a)->arrival;
    const int64_t y = ((const o_row *)b)->arrival;
    return x < y ? -1 : x > y;
}

/* NULL: it is late. */
static inline o_window *o_session(oracle *o, int key, int64_t start, int64_t end)
{
    o_window merged = {.key = key, .start = start, .end = end};
    uint32_t n = 0;
    o_window *only = NULL;
    for (uint32_t i = 0; i < o->windows.n; i++) { /* sessions of a key neither overlap nor touch: once round is enough */
        o_window *w = o->windows.items[i];
        if (w->key == key && w->start <= end && start <= w->end) {
            n++;
            only = w;
            merged.start = w->start < merged.start ? w->start : merged.start;
            merged.end = w->end > merged.end ? w->end : merged.end;
        }
    }
    if (n == 1 && only->start == merged.start && only->end == merged.end) {
        return only;
    }
    if (n == 0 && o->event && o_cleanup(o, &merged) <= o->wm) {
        return NULL;
    }
    o_window *result = wsl_zalloc(sizeof *result);
    *result = merged;
    for (uint32_t i = 0; i < o->windows.n;) {
        o_window *w = o->windows.items[i];
        if (w->key != key || w->start > end || start > w->end) {
            i++;
            continue;
        }
        o_trigger_merge(o, result, w);
        for (uint32_t r = 0; r < w->rows.n; r++) {
            wsl_vec_push(&result->rows, w->rows.items[r]);
        }
        o_free_window(o, i);
    }
    if (result->rows.n > 0) {
        qsort(result->rows.items, result->rows.n, sizeof(o_row), o_by_arrival);
    }
    if (n > 0) {
        o_trigger_merged(o, result);
    }
    wsl_vec_push(&o->windows, result);
    return result;
}

static inline void o_row_in(oracle *o, int key, int64_t ts, int64_t v)
{
    const wsl_assigner *a = &o->w->assigner;
    const int64_t at = o->event ? ts : o->clock;
    bool skipped = true;
    o->arrivals++;
    if (a->kind == WSL_WINDOWS_SESSION) {
        o_window *w = o_session(o, key, at, at + a->size_ms);
        skipped = w == NULL;
        if (w != NULL) {
            o_element(o, w, ts, v);
        }
    } else if (a->kind == WSL_WINDOWS_GLOBAL || a->kind == WSL_WINDOWS_COUNT) {
        skipped = false;
        o_element(o, o_find(o, key, WSL_TIME_MIN, WSL_TIME_MAX), ts, v);
    } else {
        const int64_t slide = a->kind == WSL_WINDOWS_SLIDING ? a->slide_ms : a->size_ms;
        for (int64_t start = o_floor(at - a->offset_ms, slide) + a->offset_ms; start > at - a->size_ms; start -= slide) {
            const o_window probe = {.start = start, .end = start + a->size_ms};
            if (o->event && o_cleanup(o, &probe) <= o->wm) {
                continue;
            }
            skipped = false;
            o_element(o, o_find(o, key, probe.start, probe.end), ts, v);
        }
    }
    if (skipped && o->event && ts + o->w->lateness_ms <= o->wm) {
        char *line = wsl_asprintf("late:%" PRId64, v);
        wsl_vec_push(&o->out, line);
        o->late++;
    }
}

/* ---- time ---- */

static inline bool o_first_timer(const oracle *o, bool event, int64_t up_to, uint32_t *out_w, uint32_t *out_t)
{
    bool found = false;
    int64_t best = 0;
    for (uint32_t i = 0; i < o->windows.n; i++) {
        const o_window *w = o->windows.items[i];
        for (uint32_t t = 0; t < w->timers.n; t++) {
            const o_timer *timer = &w->timers.items[t];
            if (timer->event == event && timer->ts <= up_to && (!found || timer->ts < best)) {
                found = true;
                best = timer->ts;
                *out_w = i;
                *out_t = t;
            }
        }
    }
    return found;
}

static inline void o_timers(oracle *o, bool event, int64_t up_to)
{
    uint32_t at = 0;
    uint32_t t = 0;
    while (o_first_timer(o, event, up_to, &at, &t)) {
        o_window *w = o->windows.items[at];
        const int64_t ts = w->timers.items[t].ts;
        wsl_vec_remove(&w->timers, t);
        if (!event) {
            o->clock = ts + 1 > o->clock ? ts + 1 : o->clock;
        }
        o_act(o, w, o_on_timer(o, w, event, ts));
        if (event == o->event && ts == o_cleanup(o, w) && ts != WSL_TIME_MAX) {
            o_free_window(o, at);
        }
    }
}

static inline void o_watermark(oracle *o, int64_t wm)
{
    o->wm = wm > o->wm ? wm : o->wm;
    o_timers(o, true, o->wm);
}

static inline void o_clock(oracle *o, int64_t to)
{
    o_timers(o, false, to - 1);
    o->clock = to;
}
