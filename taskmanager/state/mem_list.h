/*
 * mem_list - rows in order of arrival, in chunks out of a slab.
 *
 *     head ──> | prev | next | capacity | end | dead | row | row (removed) | row ... |   <──>   | ... |
 *
 * A short list is one chunk, which moves to a larger one when it is full; a long one has several. A removed row stays as a
 * hole until holes are more than half of its chunk, or all of it. With `stamped` each row has 8 bytes before it for the
 * time of its last use. The head may move, it is plain bytes; {0} is the empty list.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/row.h>

#include "taskmanager/state/slab.h"

typedef struct tm_list_chunk tm_list_chunk;

typedef struct tm_mem_list {
    tm_list_chunk *first, *last;
    uint32_t n;
    uint32_t reserved;
    uint64_t bytes; /* of the rows that are there */
} tm_mem_list;

/* The next row is the one at `offset` of `chunk`; the one in hand is before it. */
typedef struct tm_list_at {
    tm_list_chunk *chunk;
    uint32_t offset;
    uint32_t in_hand; /* offset of the row in hand, in `chunk`; 0: none */
} tm_list_at;

/* A copy of the row; it may be one of this list. keeps: timestamp and whether there is one; the rest of the header is
 * cleared in any case. used: for stamped lists. */
void tm_mem_list_add(tm_mem_list *l, tm_slab *slab, const wsl_row *row, bool keeps, bool stamped, int64_t used);
void tm_mem_list_clear(tm_mem_list *l, tm_slab *slab);

void tm_mem_list_walk(const tm_mem_list *l, tm_list_at *at);
/* NULL: no more. The row stays where it is until the list changes. */
wsl_row *tm_mem_list_next(tm_list_at *at, bool stamped);
/* Takes the row in hand out of the list. */
void tm_mem_list_remove(tm_mem_list *l, tm_slab *slab, tm_list_at *at, bool stamped);

/* Time of last use of a row of a stamped list, or of an item of a stamped map. */
static inline int64_t *tm_stamp_of(const wsl_row *row) { return (int64_t *)(uintptr_t)row - 1; }

/* The row as states keep it: without what belongs to a stream. */
static inline void tm_keep_row(wsl_row *to, const wsl_row *row, bool keeps)
{
    memmove(to, row, row->size); /* a value may be put back in place */
    to->kind = WSL_KIND_DATA;
    to->key_hash = 0;
    to->flags = keeps ? to->flags & WSL_ROW_HAS_TIMESTAMP : 0;
    to->timestamp = to->flags != 0 ? to->timestamp : 0;
}
