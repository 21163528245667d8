#include "taskmanager/time/watermark_gen.h"

void tm_watermark_gen_init(tm_watermark_gen *g, int64_t bound_ms, int64_t idleness_ns, int64_t interval_ns,
                           int64_t now_ns)
{
    *g = (tm_watermark_gen){
        .bound_ms = bound_ms,
        .max_timestamp = INT64_MIN + bound_ms + 1, /* so that current() is MIN without underflow */
        .idleness_ns = idleness_ns,
        .interval_ns = interval_ns,
        .last_tick_ns = now_ns,
        .quiet_ns = -1,
    };
}

bool tm_watermark_gen_tick(tm_watermark_gen *g, int64_t now_ns)
{
    const int64_t passed = now_ns - g->last_tick_ns;
    g->last_tick_ns = now_ns;
    if (g->had_row) {
        g->had_row = false;
        g->quiet_ns = -1;
        return false;
    }
    if (g->idleness_ns == 0 || g->idle) {
        return false;
    }
    if (g->quiet_ns < 0) {
        g->quiet_ns = 0;
        return false;
    }
    g->quiet_ns += passed < g->interval_ns ? passed : g->interval_ns;
    g->idle = g->quiet_ns > g->idleness_ns;
    return g->idle;
}
