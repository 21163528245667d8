/*
 * A table whose keys went away: the search goes round its segments, some per step; one that has hardly any keys left moves to a
 * quarter of its places (or less), where it is less than half full, so it does not grow again at once. The pages of the old place
 * go back to the system; its addresses stay in the free list of its size. So a step moves some hundred entries at most, and
 * memory follows the number of keys at a distance. Directories keep their size: they are small, and keys tend to come back.
 */
#include <sys/mman.h>

#include "taskmanager/state/mem_segment.h"

enum { SEGMENTS_PER_STEP = 8, PAGE_BYTES = 4096 };

/* What a segment of so many keys should have: less than half full, or the smallest there is. */
static uint32_t fitting(const tm_segment *s)
{
    uint32_t log_groups = s->log_groups;
    while (log_groups > 0 && s->used < tm_places_of(log_groups - 1) / 2) {
        log_groups--;
    }
    return log_groups;
}

/* The pages of a block that has just been freed, but for the one with its link. */
static void give_back(tm_mem_table *t, tm_free_block *block, size_t bytes)
{
    const uintptr_t first = ((uintptr_t)block + sizeof *block + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    const uintptr_t end = ((uintptr_t)block + bytes) & ~(uintptr_t)(PAGE_BYTES - 1);
    if (end > first && madvise((void *)first, end - first, MADV_DONTNEED) == 0) { /* if not, it is only kept for longer */
        block->returned = end - first;
        t->returned += block->returned;
    }
}

static void shrink_segment(tm_mem_table *t, tm_key_ctx *kc, uint32_t directory, uint32_t place, const tm_segment *s)
{
    uint8_t *const entries = s->entries;
    const uint32_t old = s->log_groups;
    tm_segment_resize(t, directory, place, fitting(s));
    t->moves++;
    if (old <= TM_SEGMENT_LOG_GROUPS) {
        give_back(t, (tm_free_block *)(void *)entries, (size_t)tm_places_of(old) * t->stride);
    }
    if (kc->owner == t) {
        tm_key_ctx_entries_moved(kc);
        kc->n_loaded = 0;
    }
}

void tm_mem_table_shrink(tm_mem_table *t, tm_key_ctx *kc)
{
    struct tm_mem_shrinking *at = &t->shrinking;
    for (uint32_t n = 0; n < SEGMENTS_PER_STEP && tm_mem_table_is_sparse(t); n++) {
        at->directory = at->directory < tm_n_directories(t) ? at->directory : 0;
        const tm_mem_group *g = &t->groups[at->directory];
        const tm_segment *s = tm_segment_of(&g->directory[(uint64_t)at->place >> g->shift]);
        const uint32_t place = at->place;
        const uint32_t directory = at->directory;
        const uint64_t span = UINT64_C(1) << (32 - s->depth);
        const uint64_t next = (place & ~(span - 1)) + span;
        at->place = (uint32_t)next;
        at->directory += next >> 32 != 0;
        if (s->log_groups > 0 && s->used < tm_places_of(s->log_groups) / TM_SPARSE) {
            shrink_segment(t, kc, directory, place, s);
            break; /* one per step: what it moves is in nobody's way */
        }
    }
}
