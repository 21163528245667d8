/*
 * time - timestamps and watermarks of a stream.
 *
 *     wsl_stream *timed = wsl_watermarks(trades, "on-time", wsl_bounded_out_of_orderness("ts", 15000));
 *
 * A timestamp is in milliseconds since 1970-01-01 UTC. A watermark t promises that no row with timestamp <= t follows. The
 * timestamp is given as an expression over the row, usually just the name of a TIMESTAMP or INT64 field; a row for which it
 * is NULL has no timestamp and does not move the watermark. NULL instead of an expression keeps the timestamps that rows have.
 *
 * Right behind a source (nothing between them, and chained to it) a strategy judges each split of the source by itself:
 * the watermark is the minimum over the splits being read that are not idle; a finished split leaves it. Anywhere else
 * there is one judgement per subtask, and a subtask that never gets a row stays without a watermark and holds everything
 * behind it back, unless it has an idleness.
 *
 * Threads: values, while a job is built.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum wsl_watermark_kind {
    WSL_WATERMARKS_BOUNDED,    /* max timestamp - bound - 1 */
    WSL_WATERMARKS_MONOTONOUS, /* max timestamp - 1: timestamps never go back */
    WSL_WATERMARKS_NONE,       /* timestamps only; watermarks come from upstream */
    WSL_WATERMARKS_CUSTOM,     /* a WSL_WATERMARKS function */
} wsl_watermark_kind;

struct wsl_function;

typedef struct wsl_watermark_strategy {
    wsl_watermark_kind kind;
    const char *timestamp; /* expression, or NULL */
    int64_t bound_ms;
    int64_t idleness_ms;   /* without rows for so long a split or subtask does not hold others back; 0: never. Judged each
                            * pipeline.auto-watermark-interval; time in which it could not send or read does not count */
    const struct wsl_function *function; /* custom */
    const char *alignment_group; /* sources of one group wait for each other; NULL: none */
    int64_t max_drift_ms;        /* how far a split may be ahead of the group's slowest one */
    bool per_record;       /* emit after each row that raises it instead of periodically (pipeline.auto-watermark-interval) */
} wsl_watermark_strategy;

static inline wsl_watermark_strategy wsl_bounded_out_of_orderness(const char *timestamp, int64_t bound_ms)
{
    return (wsl_watermark_strategy){.kind = WSL_WATERMARKS_BOUNDED, .timestamp = timestamp, .bound_ms = bound_ms};
}
static inline wsl_watermark_strategy wsl_monotonous_timestamps(const char *timestamp)
{
    return (wsl_watermark_strategy){.kind = WSL_WATERMARKS_MONOTONOUS, .timestamp = timestamp};
}
static inline wsl_watermark_strategy wsl_timestamps_only(const char *timestamp)
{
    return (wsl_watermark_strategy){.kind = WSL_WATERMARKS_NONE, .timestamp = timestamp};
}

/* Variations: wsl_with_idleness(wsl_monotonous_timestamps("ts"), 60000). */
static inline wsl_watermark_strategy wsl_with_idleness(wsl_watermark_strategy strategy, int64_t idleness_ms)
{
    strategy.idleness_ms = idleness_ms;
    return strategy;
}
static inline wsl_watermark_strategy wsl_per_record(wsl_watermark_strategy strategy)
{
    strategy.per_record = true;
    return strategy;
}
/* A generator of your own: a WSL_WATERMARKS function. */
static inline wsl_watermark_strategy wsl_custom_watermarks(const char *timestamp, const struct wsl_function *function)
{
    return (wsl_watermark_strategy){.kind = WSL_WATERMARKS_CUSTOM, .timestamp = timestamp, .function = function};
}
/* Splits that are more than max_drift_ms ahead of the slowest source of the group are not read until it has caught up. */
static inline wsl_watermark_strategy wsl_with_alignment(wsl_watermark_strategy strategy, const char *group,
                                                        int64_t max_drift_ms)
{
    strategy.alignment_group = group;
    strategy.max_drift_ms = max_drift_ms;
    return strategy;
}

/* What a WSL_WATERMARKS function gets: one context per split (or per subtask, behind an operator that is no source). What
 * on_event emits follows its row at once. on_periodic is called each pipeline.auto-watermark-interval while the split is not
 * idle, or after every row when watermarks are emitted per record. Rows without a timestamp are not shown. open and close
 * are not called.
 *
 *     static void on_event(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms)
 *     {
 *         if (marker_is_last(row)) wsl_emit_watermark(w, timestamp_ms);
 *     }
 *     WSL_WATERMARKS(by_marker, .in = &marker_schema, .on_event = on_event);
 */
struct wsl_watermark_ctx {
    void *local;       /* local_size bytes, zeroed, of this split's own; kept in checkpoints as they are: no pointers */
    const void *config;
    uint32_t config_size;
    int64_t watermark; /* the last one emitted; INT64_MIN before the first */
    int64_t now_ms;    /* processing time, of this batch of rows or this interval */
    void (*emit)(struct wsl_watermark_ctx *w, int64_t watermark_ms);
};
/* Smaller ones than before are ignored. INT64_MAX is for the end of the input, which is not a generator's to say. */
#define wsl_emit_watermark(w, watermark_ms) ((w)->emit((w), (watermark_ms)))
