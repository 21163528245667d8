/*
 * mem_segment - inside of mem_table: what a segment is and where a hash leads.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/mem_table.h"
#include "taskmanager/state/tag_group.h"

enum { TM_LOG_MASK = 63 };

typedef struct tm_segment {
    uint8_t *entries;
    uint32_t used;
    uint32_t deleted;
    uint32_t log_groups;
    uint32_t depth; /* bits of the place that all its keys share */
    uint32_t limit; /* of used + deleted */
    uint32_t padding[9];
    _Alignas(64) uint8_t tags[];
} tm_segment;

/* The beginning of a block in a free list. */
typedef struct tm_free_block {
    void *next;
    size_t returned; /* bytes of it that the system has back */
} tm_free_block;

_Static_assert(sizeof(tm_segment) == TM_SEGMENT_HEADER, "tags begin behind the header");

/* Where the hash is among ours: key group (counted from our first) and 32 bits of place in it, shifted by the key groups that
 * share a directory. */
static inline uint64_t tm_position_of(const tm_mem_table *t, uint32_t hash)
{
    return ((uint64_t)hash * t->max_parallelism - ((uint64_t)t->first_group << 32)) >> t->shift;
}

static inline uint32_t tm_n_directories(const tm_mem_table *t) { return t->shift == 0 ? t->n_groups : 1; }

static inline tm_segment *tm_segment_of(const tm_mem_cell *cell)
{
    return (tm_segment *)(uintptr_t)(cell->segment & ~(uint64_t)TM_LOG_MASK);
}
static inline uint32_t tm_places_of(uint32_t log_groups) { return TM_TAGS << log_groups; }

static inline uint8_t *tm_entry_at(const tm_mem_table *t, const tm_segment *s, uint32_t i)
{
    return s->entries + (size_t)i * t->stride;
}

static inline uint32_t tm_hash_of(const tm_mem_table *t, const uint8_t *entry)
{
    return t->fast ? ((const tm_entry_fast *)(const void *)entry)->hash
                   : ((const tm_entry_general *)(const void *)entry)->hash;
}

/* Moves the entries of the segment that `place` of that directory leads to into one of 1 << log_groups groups of places, which
 * has room for them. The key_ctx is told by the caller. */
void tm_segment_resize(tm_mem_table *t, uint32_t directory, uint32_t place, uint32_t log_groups);

#define TM_EACH_ENTRY(t, s, i, entry)                                                                                     \
    for (uint32_t i = 0; i < tm_places_of((s)->log_groups); i++)                                                          \
        for (uint8_t *entry = (s)->tags[i] < TM_TAG_EMPTY ? tm_entry_at(t, s, i) : NULL; entry != NULL; entry = NULL)
