/*
 * Background cleanup goes round: space after space, segment after segment in the order of places, entry after entry. Where it
 * stopped is kept as a namespace, a place and numbers, not as pointers, so the tables may change in between; an entry that is
 * moved past it waits for the next round.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_snapshot.h"
#include "taskmanager/state/mem_segment.h"

const wsl_row *tm_mem_keep_expired(tm_mem_state *m, const wsl_row *row)
{
    if (row->size > m->expired_capacity) {
        free(m->expired);
        m->expired = wsl_alloc(row->size);
        m->expired_capacity = row->size;
    }
    memcpy(m->expired, row, row->size);
    return m->expired;
}

/* ---- one entry ---- */

static void clean_value(tm_mem_state *m, uint8_t *entry, uint32_t state, uint32_t *io_left)
{
    const tm_mem_area *a = &m->areas[state];
    *io_left -= 1;
    if (tm_mem_is_expired(m, a, *tm_stamp_of(tm_mem_value_in(entry, a)))) {
        tm_mem_clear_in(m, entry, state);
    }
}

/* Where the cleanup of a list that was not finished goes on; at its beginning if the chunk it was at is gone or was packed, or if
 * the entry may be another key's by now. While the slab watches the chunk and no entry has moved, the chunk is of this list. */
static void find_place(tm_mem_state *m, const tm_mem_list *l, tm_list_at *out_at)
{
    const struct tm_mem_cleaning *c = &m->cleaning;
    tm_slab *slab = &m->now->slab;
    tm_mem_list_walk(l, out_at);
    if (c->chunk != NULL && slab->watched == c->chunk && c->moves == m->now->table.moves) {
        *out_at = (tm_list_at){.chunk = c->chunk, .offset = c->offset};
    }
    slab->watched = NULL; /* what is removed now is looked after by *out_at */
}

/* False: there is more of it. */
static bool clean_list(tm_mem_state *m, uint8_t *entry, uint32_t state, uint32_t *io_left)
{
    struct tm_mem_cleaning *c = &m->cleaning;
    tm_mem_area *a = &m->areas[state];
    tm_mem_list *l = tm_mem_list_in(entry, a);
    tm_slab *slab = &m->now->slab;
    tm_list_at at;
    find_place(m, l, &at);
    c->chunk = NULL;
    const wsl_row *row = NULL;
    while (*io_left > 0 && (row = tm_mem_list_next(&at, true)) != NULL) {
        *io_left -= 1;
        if (tm_mem_is_expired(m, a, *tm_stamp_of(row))) {
            tm_mem_list_remove(l, slab, &at, true);
            tm_mem_dirty(m, entry);
            a->changes++;
        }
    }
    if (l->n == 0) {
        tm_mem_clear_in(m, entry, state);
        return true;
    }
    if (row == NULL && *io_left > 0) {
        return true; /* it was the last one */
    }
    if (at.chunk == NULL) {
        return true; /* the last chunk went with its last row */
    }
    c->chunk = at.chunk;
    c->offset = at.offset;
    c->moves = m->now->table.moves;
    slab->watched = at.chunk;
    return false;
}

/* False: there is more of it. */
static bool clean_map(tm_mem_state *m, uint8_t *entry, uint32_t state, uint32_t *io_left)
{
    tm_mem_area *a = &m->areas[state];
    tm_mem_map *map = tm_mem_map_in(entry, a);
    uint32_t at = m->cleaning.inner;
    for (const tm_map_item *item; *io_left > 0 && (item = tm_mem_map_next(map, &at)) != NULL;) {
        *io_left -= 1;
        if (tm_mem_is_expired(m, a, item->used)) {
            tm_mem_map_remove_at(map, &m->now->slab, &at);
            tm_mem_dirty(m, entry);
            a->changes++;
        }
    }
    if (map->n == 0) {
        tm_mem_clear_in(m, entry, state);
    } else if (*io_left == 0) {
        m->cleaning.inner = at;
        return false;
    } else {
        tm_mem_map_shrink(map, &m->now->slab);
    }
    m->cleaning.inner = 0;
    return true;
}

/* False: there is more of it. */
static bool clean_entry(tm_mem_state *m, uint8_t *entry, uint32_t *io_left)
{
    const uint32_t *bits = tm_mem_bits(m, entry);
    uint32_t *i = &m->cleaning.state;
    for (; *i < m->n_states && (*bits & ~TM_ENTRY_MARKS) != 0; *i += 1) {
        if (!m->areas[*i].stamped || !(*bits >> *i & 1)) {
            continue;
        }
        if (*io_left == 0) {
            return false;
        }
        switch (m->areas[*i].kind) {
        case WSL_STATE_LIST:
            if (!clean_list(m, entry, *i, io_left)) {
                return false;
            }
            break;
        case WSL_STATE_MAP:
            if (!clean_map(m, entry, *i, io_left)) {
                return false;
            }
            break;
        default:
            clean_value(m, entry, *i, io_left);
        }
    }
    *i = 0;
    return true;
}

/* ---- all of them ---- */

/* On with the current space; false: the budget was not enough. */
static bool clean_space(tm_mem_state *m, uint32_t *io_left)
{
    struct tm_mem_cleaning *c = &m->cleaning;
    tm_mem_table *t = &m->now->table;
    while (c->directory < tm_n_directories(t)) {
        const tm_mem_group *g = &t->groups[c->directory];
        const tm_segment *s = tm_segment_of(&g->directory[(uint64_t)c->place >> g->shift]);
        for (; s->used != 0 && c->entry < tm_places_of(s->log_groups); c->entry++) {
            if (s->tags[c->entry] < TM_TAG_EMPTY && !clean_entry(m, tm_entry_at(t, s, c->entry), io_left)) {
                return false;
            }
        }
        const uint64_t span = UINT64_C(1) << (32 - s->depth);
        const uint64_t next = (c->place & ~(span - 1)) + span;
        c->entry = 0;
        c->place = (uint32_t)next;
        c->directory += next >> 32 != 0;
        if (*io_left == 0) {
            return false;
        }
        *io_left -= 1; /* empty segments cost a little, too */
    }
    c->directory = 0;
    c->place = 0;
    return true;
}

void tm_mem_clean_up(tm_state *s, uint32_t max_entries)
{
    tm_mem_state *m = tm_mem_self(s);
    if (m->snapshot != NULL) {
        return; /* it would copy all that it looks at */
    }
    const int64_t in_use = m->ns;
    uint32_t left = max_entries;
    if (!m->has_ttl) {
        return;
    }
    int64_t ns = m->cleaning.ns;
    while (tm_mem_next_namespace(s, ns, &ns)) {
        if (ns != m->cleaning.ns) {
            m->cleaning = (struct tm_mem_cleaning){.ns = ns};
        }
        tm_mem_use(s, ns);
        if (m->now->n_walks == 0 && !clean_space(m, &left)) {
            break;
        }
        m->cleaning = (struct tm_mem_cleaning){.ns = ns == INT64_MAX ? INT64_MIN : ns + 1};
        if (ns == INT64_MAX) {
            break;
        }
        ns++;
    }
    if (left > 0) {
        m->cleaning = (struct tm_mem_cleaning){.ns = INT64_MIN}; /* from the beginning next time */
    }
    tm_mem_use(s, in_use);
}
