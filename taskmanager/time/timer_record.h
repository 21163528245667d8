/*
 * timer_record - a timer, or the wish that there be none: 40 bytes that carry all that timers are ordered by.
 *
 *     | time | namespace | key: first 8 bytes | key: next 8, or a pointer to all of it | hash | group, size, flags |
 *
 * Timers are ordered by time, key group, key bytes (a key that is the beginning of another one is before it), null bits and
 * namespace, and are the same if they agree in all of that.
 *
 * Threads: plain data.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    TM_TIMER_INLINE_KEY = 16, /* bytes of a key that lies in the record */

    /* bits */
    TM_TIMER_DELETED = 1, /* it takes away what came before it */
    TM_TIMER_LONG_KEY = 2,
    TM_TIMER_NULLS_SHIFT = 2, /* null bits of a key in the record, which has two fields at most */
    TM_TIMER_SIZE_SHIFT = 4,  /* its size */
    TM_TIMER_GROUP_SHIFT = 16,
};

/* A key that is too long for the record, or has more null bits than go there. */
typedef struct tm_timer_key {
    uint32_t size, nulls;
    uint8_t bytes[];
} tm_timer_key;

typedef struct tm_timer {
    int64_t timestamp;
    int64_t ns;
    uint64_t key[2]; /* [1] of a long key is a pointer; zeros behind a short one */
    uint32_t hash;   /* of the key */
    uint32_t bits;
} tm_timer;
_Static_assert(sizeof(tm_timer) == 40, "no padding");

static inline uint32_t tm_timer_group(const tm_timer *t) { return t->bits >> TM_TIMER_GROUP_SHIFT; }
/* Orders like the bytes. */
static inline uint64_t tm_timer_prefix(const tm_timer *t) { return __builtin_bswap64(t->key[0]); }
static inline bool tm_timer_is_deleted(const tm_timer *t) { return (t->bits & TM_TIMER_DELETED) != 0; }

static inline bool tm_timer_has_long_key(const tm_timer *t) { return (t->bits & TM_TIMER_LONG_KEY) != 0; }
static inline tm_timer_key *tm_timer_long_key(const tm_timer *t) { return (tm_timer_key *)(uintptr_t)t->key[1]; }

static inline const void *tm_timer_key_bytes(const tm_timer *t)
{
    return tm_timer_has_long_key(t) ? (const void *)tm_timer_long_key(t)->bytes : (const void *)t->key;
}

static inline uint32_t tm_timer_key_size(const tm_timer *t)
{
    return tm_timer_has_long_key(t) ? tm_timer_long_key(t)->size : t->bits >> TM_TIMER_SIZE_SHIFT & 31;
}

static inline uint32_t tm_timer_key_nulls(const tm_timer *t)
{
    return tm_timer_has_long_key(t) ? tm_timer_long_key(t)->nulls : t->bits >> TM_TIMER_NULLS_SHIFT & 3;
}

/* Where leaves of a queue begin and end: between timers that differ in this. */
static inline bool tm_timer_same_triple(const tm_timer *a, const tm_timer *b)
{
    return a->timestamp == b->timestamp && a->key[0] == b->key[0] && tm_timer_group(a) == tm_timer_group(b);
}

static inline bool tm_timer_triple_before(const tm_timer *a, const tm_timer *b)
{
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp;
    }
    const uint32_t x = tm_timer_group(a), y = tm_timer_group(b);
    return x != y ? x < y : tm_timer_prefix(a) < tm_timer_prefix(b);
}

bool tm_timer_same_key(const tm_timer *a, const tm_timer *b);
/* Of timers of the same triple: < 0, 0, > 0. */
int tm_timer_compare_rest(const tm_timer *a, const tm_timer *b);

/* The same timer, whether set or deleted. */
static inline bool tm_timer_same(const tm_timer *a, const tm_timer *b)
{
    return a->timestamp == b->timestamp && a->key[0] == b->key[0] && a->ns == b->ns && tm_timer_same_key(a, b);
}

static inline int tm_timer_compare(const tm_timer *a, const tm_timer *b)
{
    if (tm_timer_same_triple(a, b)) {
        return tm_timer_compare_rest(a, b);
    }
    return tm_timer_triple_before(a, b) ? -1 : 1;
}
