/*
 * watermark_gen - the watermark that follows the timestamps of one split: wm = largest timestamp - bound - 1. With
 * TM_GIVEN as the bound the watermark is what tm_watermark_gen_timestamp says (custom generators).
 *
 * Idleness is judged on ticks only. The countdown starts at the first tick without rows since the one before; the
 * split is idle once more than `idleness` has passed since then. Time in which nobody ticked (backpressure) does not
 * count: a tick adds at most one interval. A row makes it active again at once.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { TM_GIVEN = -1 };

typedef struct tm_watermark_gen {
    int64_t bound_ms;
    int64_t max_timestamp;
    int64_t idleness_ns; /* 0: never idle */
    int64_t interval_ns; /* between ticks */
    int64_t last_tick_ns;
    int64_t quiet_ns; /* counted so far; -1: the countdown has not begun */
    bool had_row;     /* since the last tick */
    bool idle;
} tm_watermark_gen;

void tm_watermark_gen_init(tm_watermark_gen *g, int64_t bound_ms, int64_t idleness_ns, int64_t interval_ns,
                           int64_t now_ns);

static inline void tm_watermark_gen_timestamp(tm_watermark_gen *g, int64_t timestamp)
{
    g->max_timestamp = timestamp > g->max_timestamp ? timestamp : g->max_timestamp;
}
/* Rows came. True if that ended idleness. */
static inline bool tm_watermark_gen_rows(tm_watermark_gen *g)
{
    const bool was_idle = g->idle;
    g->had_row = true;
    g->idle = false;
    return was_idle;
}
/* WSL_TIME_MIN before the first timestamp. */
static inline int64_t tm_watermark_gen_current(const tm_watermark_gen *g) { return g->max_timestamp - (g->bound_ms + 1); }

/* Called every interval. True if the split became idle. */
bool tm_watermark_gen_tick(tm_watermark_gen *g, int64_t now_ns);
/* Instead of a tick when no rows could come (backpressure, a split that is told to wait): nothing is counted. */
static inline void tm_watermark_gen_skip(tm_watermark_gen *g, int64_t now_ns) { g->last_tick_ns = now_ns; }
