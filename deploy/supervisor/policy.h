/*
 * policy - what to do about a child that ended.
 *
 * A clean end is final. A death by signal, or a failure of a child that has been up before, is answered with a new
 * start: at once the first time, then with pauses that double, until it has lived long enough to be forgiven. A child
 * that refuses to start at all (exits by itself with an error soon after its very first start) would refuse again: the
 * cluster is not started. Once the cluster is known to be up nothing counts as a refusal any more: then it is a job
 * whose code ended its process.
 *
 * Threads: one. Pure: knows no clock and no processes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SV_REFUSAL_NS INT64_C(3000000000)   /* an error sooner than this after the very first start is a refusal */
#define SV_FORGIVEN_NS INT64_C(10000000000) /* up this long: earlier deaths are forgotten */
#define SV_PAUSE_FIRST_NS INT64_C(100000000)
#define SV_PAUSE_MAX_NS INT64_C(5000000000)

typedef struct sv_history {
    uint32_t starts; /* so far, counting the one that just ended */
    uint32_t deaths; /* in a row, not forgiven */
    bool up;         /* the cluster was complete since */
} sv_history;

typedef enum sv_verdict { SV_ENDED, SV_START_AGAIN, SV_REFUSED } sv_verdict;

/* by_signal: `code` is the signal's number, else the exit code. *out_pause_ns only for SV_START_AGAIN. */
sv_verdict sv_decide(sv_history *history, bool by_signal, int code, int64_t lived_ns, int64_t *out_pause_ns);
