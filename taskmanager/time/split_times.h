/*
 * split_times - how far the splits of one source subtask have come, and the one watermark out of them.
 *
 *     split 0: generator --.
 *     split 1: generator ---+-- min over those being read that are not idle --> the subtask's watermark
 *     split 2: idle      --'
 *
 * A split is numbered by the source; numbers are used again. Behind an operator that is no source there is one split
 * without a name: the subtask itself.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "taskmanager/time/watermark_gen.h"

typedef struct tm_split_time {
    tm_watermark_gen gen;
    bool used;
    bool paused; /* told to wait, by alignment */
    char *name;
    void *local;      /* of a custom generator; NULL without one */
    int64_t seen;     /* watermark when it was last looked at for a report ... */
    int64_t since_ms; /* ... and since when it is that; 0: never advanced */
} tm_split_time;

/* The same for all splits. */
typedef struct tm_split_rule {
    int64_t bound_ms; /* or TM_GIVEN */
    int64_t idleness_ns;
    int64_t interval_ns;
    size_t local_size;
} tm_split_rule;

typedef struct tm_split_times {
    tm_split_rule rule;
    tm_split_time **split; /* by number; elements do not move */
    uint32_t capacity;
    uint32_t n_used;
} tm_split_times;

void tm_split_times_init(tm_split_times *st, const tm_split_rule *rule);
void tm_split_times_fini(tm_split_times *st);

/* NULL: that split is not being read. */
static inline tm_split_time *tm_split_times_get(const tm_split_times *st, uint32_t number)
{
    return number < st->capacity && st->split[number] != NULL && st->split[number]->used ? st->split[number] : NULL;
}
/* A split begins, without watermark. The number is not in use. */
tm_split_time *tm_split_times_start(tm_split_times *st, uint32_t number, const char *name, int64_t now_ns);
void tm_split_times_finish(tm_split_times *st, uint32_t number);

static inline int64_t tm_split_time_watermark(const tm_split_time *s) { return tm_watermark_gen_current(&s->gen); }

/* Minimum over those that are not idle, `except` left out (NULL: none is). WSL_TIME_MAX if there is none. */
int64_t tm_split_times_min(const tm_split_times *st, const tm_split_time *except);
/* Is any being read that is not idle? */
bool tm_split_times_any_active(const tm_split_times *st);
