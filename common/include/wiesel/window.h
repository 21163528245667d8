/*
 * window - finite pieces of a stream, by key or of the whole stream.
 *
 *     wsl_windowing w = {.assigner = wsl_tumbling(30000), .lateness_ms = 15000, .late_tag = "late-trades"};
 *     wsl_stream *notional = wsl_window_aggregate(wsl_key_by(trades, "symbol"), "notional", &w, &add_up, &with_bounds);
 *     wsl_stream *late = wsl_side_output(notional, "late-trades");
 *
 * A window is [start, end) in milliseconds. A row belongs to the windows that its timestamp (event time) or the clock
 * (processing time) falls into. When a trigger fires, the function behind the window gives its result, with timestamp
 * end - 1. Semantics are those of Flink's window operator; a late firing repeats the whole contents.
 *
 * Threads, errors, ownership: as in stream.h (building) and context.h (running).
 */
#pragma once

/* A window over a stream without a key must not compile where one is needed; see stream.h. */
#ifndef __cplusplus
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#endif

#include <wiesel/function.h>

typedef struct wsl_stream wsl_stream; /* stream.h */
typedef struct wsl_keyed_stream wsl_keyed_stream;

/* ---- which windows ---- */

typedef enum wsl_assigner_kind {
    WSL_WINDOWS_TUMBLING,
    WSL_WINDOWS_SLIDING,
    WSL_WINDOWS_SESSION,
    WSL_WINDOWS_GLOBAL, /* one window per key that never ends; needs a trigger */
    WSL_WINDOWS_COUNT,  /* every `size` rows of a key; with `slide`: at each `slide` rows the last `size` */
} wsl_assigner_kind;

typedef struct wsl_assigner {
    wsl_assigner_kind kind;
    bool processing_time;
    int64_t size_ms;         /* session: the gap; count: rows */
    int64_t slide_ms;        /* sliding; count: rows, or 0 */
    int64_t offset_ms;       /* tumbling: |offset| < size; sliding: |offset| < slide */
    const wsl_function *gap; /* session with a gap of each row's own: WSL_SESSION_GAP */
} wsl_assigner;

static inline wsl_assigner wsl_tumbling(int64_t size_ms)
{
    return (wsl_assigner){.kind = WSL_WINDOWS_TUMBLING, .size_ms = size_ms};
}
static inline wsl_assigner wsl_sliding(int64_t size_ms, int64_t slide_ms)
{
    return (wsl_assigner){.kind = WSL_WINDOWS_SLIDING, .size_ms = size_ms, .slide_ms = slide_ms};
}
/* Rows less than, or exactly, gap_ms apart share a session. */
static inline wsl_assigner wsl_session(int64_t gap_ms)
{
    return (wsl_assigner){.kind = WSL_WINDOWS_SESSION, .size_ms = gap_ms};
}
static inline wsl_assigner wsl_session_dynamic(const wsl_function *gap)
{
    return (wsl_assigner){.kind = WSL_WINDOWS_SESSION, .gap = gap};
}
static inline wsl_assigner wsl_global_window(void) { return (wsl_assigner){.kind = WSL_WINDOWS_GLOBAL}; }
/* Fires when a key has n new rows, and forgets them. */
static inline wsl_assigner wsl_count_window(int64_t n) { return (wsl_assigner){.kind = WSL_WINDOWS_COUNT, .size_ms = n}; }
/* Fires at every `slide` rows of a key, with its last n. */
static inline wsl_assigner wsl_count_window_sliding(int64_t n, int64_t slide)
{
    return (wsl_assigner){.kind = WSL_WINDOWS_COUNT, .size_ms = n, .slide_ms = slide};
}

/* Variations: wsl_in_processing_time(wsl_tumbling(5000)), wsl_with_offset(wsl_tumbling(86400000), -3600000). */
static inline wsl_assigner wsl_in_processing_time(wsl_assigner a)
{
    a.processing_time = true;
    return a;
}
static inline wsl_assigner wsl_with_offset(wsl_assigner a, int64_t offset_ms)
{
    a.offset_ms = offset_ms;
    return a;
}

/* ---- when they fire: replaces the assigner's own trigger ---- */

typedef enum wsl_trigger_kind {
    WSL_TRIGGER_DEFAULT = 0,           /* the assigner's: at the end of the window; global: never */
    WSL_TRIGGER_EVENT_TIME,            /* when the watermark passes the end, and at each late row */
    WSL_TRIGGER_PROCESSING_TIME,       /* when the clock passes the end */
    WSL_TRIGGER_CONTINUOUS_EVENT_TIME, /* each `interval`, and at the end */
    WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME,
    WSL_TRIGGER_COUNT,                 /* each n rows */
    WSL_TRIGGER_DELTA,                 /* when `field` is more than `threshold` away from its value at the last firing */
    WSL_TRIGGER_CUSTOM,                /* a WSL_TRIGGER function */
} wsl_trigger_kind;

typedef struct wsl_trigger {
    wsl_trigger_kind kind;
    int64_t interval_ms; /* continuous */
    int64_t count;
    const char *field;   /* delta: a numeric field of the input */
    double threshold;
    const wsl_function *function;
    bool purging;        /* what fires is forgotten */
} wsl_trigger;

static inline wsl_trigger wsl_event_time_trigger(void) { return (wsl_trigger){.kind = WSL_TRIGGER_EVENT_TIME}; }
static inline wsl_trigger wsl_processing_time_trigger(void) { return (wsl_trigger){.kind = WSL_TRIGGER_PROCESSING_TIME}; }
static inline wsl_trigger wsl_continuous_event_time_trigger(int64_t interval_ms)
{
    return (wsl_trigger){.kind = WSL_TRIGGER_CONTINUOUS_EVENT_TIME, .interval_ms = interval_ms};
}
static inline wsl_trigger wsl_continuous_processing_time_trigger(int64_t interval_ms)
{
    return (wsl_trigger){.kind = WSL_TRIGGER_CONTINUOUS_PROCESSING_TIME, .interval_ms = interval_ms};
}
static inline wsl_trigger wsl_count_trigger(int64_t n) { return (wsl_trigger){.kind = WSL_TRIGGER_COUNT, .count = n}; }
static inline wsl_trigger wsl_delta_trigger(const char *field, double threshold)
{
    return (wsl_trigger){.kind = WSL_TRIGGER_DELTA, .field = field, .threshold = threshold};
}
static inline wsl_trigger wsl_custom_trigger(const wsl_function *function)
{
    return (wsl_trigger){.kind = WSL_TRIGGER_CUSTOM, .function = function};
}
static inline wsl_trigger wsl_purging(wsl_trigger trigger)
{
    trigger.purging = true;
    return trigger;
}

/* ---- what leaves them: windows with an evictor keep all their rows ---- */

typedef enum wsl_evictor_kind {
    WSL_EVICTOR_NONE = 0,
    WSL_EVICTOR_COUNT, /* keeps the last n */
    WSL_EVICTOR_TIME,  /* keeps rows younger than the youngest - duration */
    WSL_EVICTOR_DELTA, /* drops rows whose `field` is threshold or more away from the last row's */
    WSL_EVICTOR_CUSTOM,
} wsl_evictor_kind;

typedef struct wsl_evictor {
    wsl_evictor_kind kind;
    int64_t count;
    int64_t duration_ms;
    const char *field;
    double threshold;
    const wsl_function *function; /* WSL_EVICTOR */
    bool after;                   /* after the function has seen the rows instead of before */
} wsl_evictor;

static inline wsl_evictor wsl_count_evictor(int64_t n) { return (wsl_evictor){.kind = WSL_EVICTOR_COUNT, .count = n}; }
static inline wsl_evictor wsl_time_evictor(int64_t duration_ms)
{
    return (wsl_evictor){.kind = WSL_EVICTOR_TIME, .duration_ms = duration_ms};
}
static inline wsl_evictor wsl_delta_evictor(const char *field, double threshold)
{
    return (wsl_evictor){.kind = WSL_EVICTOR_DELTA, .field = field, .threshold = threshold};
}
static inline wsl_evictor wsl_custom_evictor(const wsl_function *function)
{
    return (wsl_evictor){.kind = WSL_EVICTOR_CUSTOM, .function = function};
}
static inline wsl_evictor wsl_evict_after(wsl_evictor evictor)
{
    evictor.after = true;
    return evictor;
}

/* ---- windowing a stream ---- */

typedef struct wsl_windowing {
    wsl_assigner assigner;
    wsl_trigger trigger;
    wsl_evictor evictor;
    int64_t lateness_ms;  /* a window is kept so long after its end; rows later than that are late */
    const char *late_tag; /* side output of late rows; NULL: they are counted (numLateRecordsDropped) */
} wsl_windowing;

/* A WSL_REDUCE or WSL_AGGREGATE function folds each row as it comes; then a WSL_WINDOW function, if not NULL, is given the
 * one result and the window. wsl_window_process keeps all rows until the window fires.
 *
 * Sliding windows that overlap share their work: rows are folded by pieces of time, which are merged by .reduce or .merge. So
 * the result of these must not depend on the order of rows; an aggregate without .merge sees each window's rows in order of
 * arrival. */
wsl_stream *wsl_window_reduce(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                              const wsl_function *reduce, const wsl_function *window);
wsl_stream *wsl_window_aggregate(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                                 const wsl_function *aggregate, const wsl_function *window);
wsl_stream *wsl_window_process(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                               const wsl_function *window);
/* Expressions: "symbol, WINDOW_START AS window_start, WINDOW_END AS window_end, SUM(price * quantity) AS notional". */
wsl_stream *wsl_window_select(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                              const char *aggregates);

/* The same over all rows of a stream, by one subtask. */
wsl_stream *wsl_window_all_reduce(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                  const wsl_function *reduce, const wsl_function *window);
wsl_stream *wsl_window_all_aggregate(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                     const wsl_function *aggregate, const wsl_function *window);
wsl_stream *wsl_window_all_process(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                   const wsl_function *window);
wsl_stream *wsl_window_all_select(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                  const char *aggregates);

/* ---- inside window functions, triggers and evictors ---- */

struct wsl_window {
    int64_t start; /* ms; the global window: WSL_TIME_MIN */
    int64_t end;   /* ms, exclusive; the global window: WSL_TIME_MAX */
};

/* The last timestamp that belongs to the window. */
static inline int64_t wsl_window_max_timestamp(const wsl_window *w) { return w->end == WSL_TIME_MAX ? WSL_TIME_MAX : w->end - 1; }

/*
 * Window functions: wsl_emit(w, ...), wsl_watermark(w), wsl_processing_time(w) as in every function; state of the key that
 * outlives the window through &w->k (wsl_value_get(&w->k, &seen)), state of this window alone through w->state
 * (wsl_value_get(w->state, &firings)); clear the latter in .window_clear. Sessions have no w->state (NULL): they merge.
 *
 * A window function behind wsl_window_process, and a co-group function, may return WSL_AGAIN when they have more output than
 * they want to emit at once: they are called again with the same rows and window (keep in a state how far you are) when
 * the output has room, and nothing else of the operator happens in between. Joins need not: each pair is a call. Behind a
 * reduce or aggregate function a window function has one row, and gives its output at once.
 *
 * Triggers: their state and timers belong to key and window, both through w->state: wsl_timer_event(w->state, t) calls
 * .on_event_time with t. &w->k is not for them.
 */
struct wsl_window_ctx {
    wsl_keyed_ctx k;      /* first: the key's */
    wsl_keyed_ctx *state; /* the window's */
    wsl_window window;
    const struct wsl_window_ops *window_ops;
};

struct wsl_window_ops {
    /* Makes the windows' state one: what the reducing, aggregating (with .merge) or list state `state` holds for each merged
     * window is added to what it holds for the window they became. Values and maps are refused: nobody knows how. */
    wsl_status (*merge_state)(wsl_window_ctx *w, const wsl_state_desc *state);
};

/* Of a trigger's .on_merge. */
static inline wsl_status wsl_window_merge_state(wsl_window_ctx *w, const wsl_state_desc *state)
{
    return w->window_ops->merge_state(w, state);
}

/* Rows of a window, in order of arrival:   const wsl_row *row; while ((row = wsl_rows_next(rows)) != NULL) ... */
struct wsl_rows {
    const wsl_row *(*next)(wsl_rows *rows);
    void (*rewind)(wsl_rows *rows);
    uint32_t count;
};
static inline const wsl_row *wsl_rows_next(wsl_rows *rows) { return rows->next(rows); }
static inline void wsl_rows_rewind(wsl_rows *rows) { rows->rewind(rows); }
static inline uint32_t wsl_rows_count(const wsl_rows *rows) { return rows->count; }
