/*
 * time - timestamps and watermarks of a stream.
 *
 *     wsl_stream *timed = wsl_watermarks(trades, "on-time", wsl_bounded_out_of_orderness("ts", 15000));
 *
 * A timestamp is in milliseconds since 1970-01-01 UTC. A watermark t promises that no row with timestamp <= t follows. The
 * timestamp is given as an expression over the row, usually just the name of a TIMESTAMP or INT64 field; a row for which it
 * is NULL has no timestamp and does not move the watermark. NULL instead of an expression keeps the timestamps that rows have.
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
} wsl_watermark_kind;

typedef struct wsl_watermark_strategy {
    wsl_watermark_kind kind;
    const char *timestamp; /* expression, or NULL */
    int64_t bound_ms;
    int64_t idleness_ms;   /* without rows for so long a subtask does not hold others back; 0: never */
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
