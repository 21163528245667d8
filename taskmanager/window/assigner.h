/*
 * assigner - arithmetic of windows, without overflow: times near the ends of int64 give windows that end there.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/window.h>

#include "taskmanager/window/window_spec.h"

static inline int64_t tm_time_add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? WSL_TIME_MAX : WSL_TIME_MIN) : sum;
}

/* a mod b, 0 <= result < b. */
static inline int64_t tm_time_mod(int64_t a, int64_t b)
{
    const int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

/* The last start of a window that is not after ts: windows start at multiples of `period` plus offset, 0 <= |offset| <
 * period. */
static inline int64_t tm_window_last_start(int64_t ts, int64_t offset, int64_t period)
{
    /* (ts - offset) mod period without leaving int64 */
    const int64_t rest = tm_time_mod(tm_time_mod(ts, period) - tm_time_mod(offset, period), period);
    return tm_time_add(ts, -rest);
}

/* Goes through the windows that ts belongs to, the one that starts last first:
 *     tm_window_walk w = tm_window_walk_begin(spec, ts);
 *     while (tm_window_walk_next(&w)) ... w.window ... */
typedef struct tm_window_walk {
    wsl_window window;
    int64_t ts, size, slide;
    int64_t next;
    bool more;
} tm_window_walk;

static inline tm_window_walk tm_window_walk_begin(const tm_window_spec *spec, int64_t ts)
{
    return (tm_window_walk){.ts = ts,
                            .size = spec->size_ms,
                            .slide = spec->slide_ms,
                            .next = tm_window_last_start(ts, spec->offset_ms, spec->slide_ms),
                            .more = true};
}

static inline bool tm_window_walk_next(tm_window_walk *w)
{
    const int64_t end = tm_time_add(w->next, w->size);
    if (!w->more || (end <= w->ts && end != WSL_TIME_MAX)) {
        return false;
    }
    w->window = (wsl_window){.start = w->next, .end = end};
    w->more = !__builtin_sub_overflow(w->next, w->slide, &w->next);
    return true;
}

/* When a window's contents are dropped: its last timestamp and the lateness on top; WSL_TIME_MAX: never. */
static inline int64_t tm_window_cleanup(const tm_window_spec *spec, const wsl_window *window)
{
    return tm_time_add(wsl_window_max_timestamp(window), spec->lateness_ms);
}
