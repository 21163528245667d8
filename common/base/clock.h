/*
 * clock - seam: where time comes from. Nobody else calls clock_gettime.
 *
 * `monotonic_ns` drives timeouts and measurements, `wall_ms` is what processing-time semantics and people see. The manual
 * clock moves only when told to, for tests and the simulator.
 *
 * Threads: the real clock from any; a manual clock belongs to one thread.
 */
#pragma once
#include <stdint.h>

typedef struct wsl_clock {
    int64_t (*monotonic_ns)(struct wsl_clock *clock);
    int64_t (*wall_ms)(struct wsl_clock *clock);
} wsl_clock;

static inline int64_t wsl_now_ns(wsl_clock *clock) { return clock->monotonic_ns(clock); }
static inline int64_t wsl_wall_ms(wsl_clock *clock) { return clock->wall_ms(clock); }

wsl_clock *wsl_clock_real(void); /* a constant object, never freed */

typedef struct wsl_manual_clock {
    wsl_clock clock; /* first: &m->clock is the seam */
    int64_t now_ns;
    int64_t wall_base_ms; /* wall = base + now_ns / 1e6 */
} wsl_manual_clock;

void wsl_manual_clock_init(wsl_manual_clock *m, int64_t wall_base_ms);
void wsl_manual_clock_advance(wsl_manual_clock *m, int64_t ns); /* ns >= 0 */

enum { WSL_NS_PER_MS = 1000000 };
#define WSL_NS_PER_S INT64_C(1000000000)
#define WSL_NEVER INT64_MAX /* a deadline that does not come */
