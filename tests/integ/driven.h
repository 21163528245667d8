/*
 * driven - sources that do what a test says, one step after the other, while the job runs.
 *
 *     test: driven_post --> [ steps of that source ] --fd wakes--> reader "driven" in a slot: rows, marks, splits that end
 *
 * A row of kind MARK makes its timestamp the watermark, if the job's strategy is by_marks (driven_kit.h). Between its steps a
 * source gives rows without a timestamp, which nobody sees, so that it is not idle; after QUIET it does not until its next step,
 * and so becomes idle if its strategy has an idleness. END ends it.
 *
 * The cluster is in the test's process, so the job is told the address of these structs as a number (option "control").
 *
 * Threads: the test posts, a slot's loop takes; the lock is for both.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <wiesel/row.h>

enum { DRIVEN_STEPS_MAX = 64 };

typedef enum driven_kind { DRIVEN_ROW, DRIVEN_MARK, DRIVEN_QUIET, DRIVEN_END } driven_kind;

typedef struct driven_step {
    driven_kind kind;
    int64_t ts, v;
} driven_step;

typedef struct driven_source {
    pthread_mutex_t lock;
    int fd;
    driven_step steps[DRIVEN_STEPS_MAX];
    uint32_t n, taken;
} driven_source;

static inline void driven_init(driven_source *s)
{
    *s = (driven_source){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    (void)pthread_mutex_init(&s->lock, NULL);
}

static inline void driven_fini(driven_source *s)
{
    (void)close(s->fd);
    (void)pthread_mutex_destroy(&s->lock);
}

static inline void driven_post(driven_source *s, driven_kind kind, int64_t ts, int64_t v)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&s->lock);
    s->steps[s->n++] = (driven_step){kind, ts, v};
    (void)pthread_mutex_unlock(&s->lock);
    (void)!write(s->fd, &one, sizeof one);
}

/* Steps that were carried out. */
static inline uint32_t driven_taken(driven_source *s)
{
    (void)pthread_mutex_lock(&s->lock);
    const uint32_t taken = s->taken;
    (void)pthread_mutex_unlock(&s->lock);
    return taken;
}

static inline bool driven_next(driven_source *s, driven_step *out)
{
    (void)pthread_mutex_lock(&s->lock);
    const bool any = s->taken < s->n;
    if (any) {
        *out = s->steps[s->taken];
    }
    (void)pthread_mutex_unlock(&s->lock);
    return any;
}

static inline void driven_done(driven_source *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->taken++;
    (void)pthread_mutex_unlock(&s->lock);
}

WSL_ROW(driven, (int64, v), (bool, is_mark), (timestamp, ts));
/* What jobs of driven_jobs.c collect: of each key, in order. */
WSL_ROW(seen, (string, key), (string, what), (int64, value), (int64, timestamp), (int64, watermark));

enum { DRIVEN_KEYS = 7 }; /* "key-0" ...: each row comes once for each, so that all subtasks have some */
