#include "taskmanager/state/mem_list.h"

#include "base/assert.h"

enum { SHORT_MAX = 1024, CHUNK_MAX = 8 << 10, HOLE = 0xFF };

struct tm_list_chunk {
    tm_list_chunk *prev, *next;
    uint32_t capacity; /* of the block */
    uint32_t end;      /* offset behind the last row */
    uint32_t dead;     /* bytes of holes */
    uint32_t reserved;
};

enum { HEADER = sizeof(tm_list_chunk), STAMP = 8 };

_Static_assert(HEADER == 32, "rows begin at a multiple of 8");

static wsl_row *row_at(tm_list_chunk *c, uint32_t offset, bool stamped)
{
    return (wsl_row *)(void *)((uint8_t *)c + offset + (stamped ? STAMP : 0));
}

/* What a row takes in its chunk. */
static uint32_t span_of(const wsl_row *row, bool stamped) { return row->size + (stamped ? STAMP : 0); }

static bool is_hole(const wsl_row *row) { return row->kind == HOLE; }

static tm_list_chunk *chunk_new(tm_slab *slab, uint64_t room)
{
    const uint32_t capacity = tm_slab_capacity((uint32_t)(HEADER + room));
    tm_list_chunk *c = tm_slab_alloc(slab, capacity);
    *c = (tm_list_chunk){.capacity = capacity, .end = HEADER};
    return c;
}

static void append(tm_list_chunk *c, const wsl_row *row, bool keeps, bool stamped, int64_t used)
{
    wsl_row *to = row_at(c, c->end, stamped);
    tm_keep_row(to, row, keeps);
    if (stamped) {
        *tm_stamp_of(to) = used;
    }
    c->end += span_of(to, stamped);
    WSL_DEBUG_ASSERT(c->end <= c->capacity);
}

/* Closes the holes. *io_next: an offset behind which rows move; it moves with them. */
static void compact(tm_list_chunk *from, tm_list_chunk *to, bool stamped, uint32_t *io_next)
{
    uint32_t end = HEADER;
    uint32_t next = *io_next;
    for (uint32_t at = HEADER; at < from->end;) {
        const wsl_row *row = row_at(from, at, stamped);
        const uint32_t span = span_of(row, stamped);
        next = at == *io_next ? end : next;
        if (!is_hole(row)) {
            memmove((uint8_t *)to + end, (const uint8_t *)from + at, span);
            end += span;
        }
        at += span;
    }
    *io_next = *io_next >= from->end ? end : next;
    to->end = end;
    to->dead = 0;
}

static void unlink_chunk(tm_mem_list *l, tm_list_chunk *c)
{
    *(c->prev != NULL ? &c->prev->next : &l->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &l->last) = c->prev;
}

static void link_last(tm_mem_list *l, tm_list_chunk *c)
{
    c->prev = l->last;
    *(l->last != NULL ? &l->last->next : &l->first) = c;
    l->last = c;
}

void tm_mem_list_add(tm_mem_list *l, tm_slab *slab, const wsl_row *row, bool keeps, bool stamped, int64_t used)
{
    const uint32_t span = span_of(row, stamped);
    tm_list_chunk *c = l->last;
    tm_list_chunk *old = NULL;
    if (c == NULL || c->capacity - c->end < span) {
        const uint64_t live = l->bytes + span;
        if (c != NULL && c == l->first && c->capacity < SHORT_MAX) {
            old = c; /* what is in it moves */
            unlink_chunk(l, old);
        }
        uint64_t room = old != NULL ? 2 * live : live;
        room = room > CHUNK_MAX ? CHUNK_MAX : room;
        c = chunk_new(slab, room < span ? span : room);
        if (old != NULL) {
            uint32_t nothing = 0;
            compact(old, c, stamped, &nothing);
        }
        link_last(l, c);
    }
    append(c, row, keeps, stamped, used); /* may be a row of the old chunk */
    if (old != NULL) {
        tm_slab_release(slab, old, old->capacity);
    }
    l->n++;
    l->bytes += span;
}

void tm_mem_list_clear(tm_mem_list *l, tm_slab *slab)
{
    for (tm_list_chunk *c = l->first; c != NULL;) {
        tm_list_chunk *next = c->next;
        tm_slab_release(slab, c, c->capacity);
        c = next;
    }
    *l = (tm_mem_list){0};
}

void tm_mem_list_walk(const tm_mem_list *l, tm_list_at *at)
{
    *at = (tm_list_at){.chunk = l->first, .offset = HEADER};
}

wsl_row *tm_mem_list_next(tm_list_at *at, bool stamped)
{
    while (at->chunk != NULL) {
        if (at->offset >= at->chunk->end) {
            if (at->chunk->next == NULL) {
                break;
            }
            at->chunk = at->chunk->next;
            at->offset = HEADER;
            continue;
        }
        wsl_row *row = row_at(at->chunk, at->offset, stamped);
        at->in_hand = at->offset;
        at->offset += span_of(row, stamped);
        if (!is_hole(row)) {
            return row;
        }
    }
    at->in_hand = 0;
    return NULL;
}

void tm_mem_list_remove(tm_mem_list *l, tm_slab *slab, tm_list_at *at, bool stamped)
{
    tm_list_chunk *c = at->chunk;
    WSL_ASSERT(at->in_hand != 0);
    wsl_row *row = row_at(c, at->in_hand, stamped);
    const uint32_t span = span_of(row, stamped);
    WSL_ASSERT(!is_hole(row));
    row->kind = HOLE;
    c->dead += span;
    l->n--;
    l->bytes -= span;
    at->in_hand = 0;
    if (c->dead == c->end - HEADER) {
        at->chunk = c->next;
        at->offset = HEADER;
        unlink_chunk(l, c);
        tm_slab_release(slab, c, c->capacity);
    } else if (c->dead > (c->end - HEADER) / 2) {
        compact(c, c, stamped, &at->offset);
        slab->watched = slab->watched == c ? NULL : slab->watched;
    }
}
