/*
 * clock - the operating system's clock and one that is moved by hand.
 */
#include "base/clock.h"

#include <time.h>

#include "base/assert.h"

static int64_t real_monotonic_ns(wsl_clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * WSL_NS_PER_S + t.tv_nsec;
}

static int64_t real_wall_ms(wsl_clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / WSL_NS_PER_MS;
}

wsl_clock *wsl_clock_real(void)
{
    static wsl_clock real = {.monotonic_ns = real_monotonic_ns, .wall_ms = real_wall_ms}; /* never written */
    return &real;
}

static int64_t manual_monotonic_ns(wsl_clock *clock) { return ((wsl_manual_clock *)clock)->now_ns; }

static int64_t manual_wall_ms(wsl_clock *clock)
{
    const wsl_manual_clock *const m = (wsl_manual_clock *)clock;
    return m->wall_base_ms + m->now_ns / WSL_NS_PER_MS;
}

void wsl_manual_clock_init(wsl_manual_clock *m, int64_t wall_base_ms)
{
    *m = (wsl_manual_clock){
        .clock = {.monotonic_ns = manual_monotonic_ns, .wall_ms = manual_wall_ms},
        .wall_base_ms = wall_base_ms,
    };
}

void wsl_manual_clock_advance(wsl_manual_clock *m, int64_t ns)
{
    WSL_ASSERT(ns >= 0);
    WSL_ASSERT(!__builtin_add_overflow(m->now_ns, ns, &m->now_ns));
}
