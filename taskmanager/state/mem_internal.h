/*
 * mem_internal - inside of the memory backend: what its files share.
 *
 *     mem_state ──> spaces, by namespace ──> table (entries), slab (what does not fit into entries), region of both
 *
 * An entry's payload has an area per state. Bit i of the entry's `bits` says whether state i is set; an entry without any
 * bit is removed.
 *
 *     VALUE   the row itself if its size is fixed and small; else a pointer to a block of the slab
 *
 * Without namespaces there is one space for ever. With them a space is made when something is first written to it, and
 * goes when it is dropped, or when it is found empty as another one is used.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/backend.h"
#include "taskmanager/state/mem_table.h"

typedef struct tm_mem_area {
    wsl_state_kind kind;
    uint32_t offset; /* in the entry */
    uint32_t size;   /* of an inline row; 0: a pointer to it */
    uint32_t fixed;  /* the smallest size of a row of the schema */
    bool has_variable;
} tm_mem_area;

typedef struct tm_mem_space {
    int64_t ns;
    uint32_t n_walks; /* that go through its keys */
    tm_region region;
    tm_slab slab;
    tm_mem_table table;
} tm_mem_space;

typedef struct tm_mem_state {
    tm_state state;
    tm_mem_space *now; /* of the current namespace; NULL: nothing was written to it */
    bool fast;
    bool has_namespaces;
    uint32_t n_states;
    uint32_t payload; /* bytes of an entry behind its header */
    tm_mem_area areas[TM_STATES_MAX];
    int64_t ns;             /* the current one */
    tm_mem_space **spaces;  /* those there are, by namespace ... */
    uint32_t first_space;   /* ... from here ... */
    uint32_t n_spaces;      /* ... this many */
    uint32_t spaces_capacity;
    tm_chunk_pool pool; /* of their memory */
    tm_mem_ahead *ahead;
    tm_mem_walk spare_walk; /* memory of the last walk that ended */
} tm_mem_state;

static inline tm_mem_state *tm_mem_self(tm_state *s) { return (tm_mem_state *)(void *)s; }
static inline const tm_mem_state *tm_mem_self_const(const tm_state *s) { return (const tm_mem_state *)(const void *)s; }

static inline uint32_t *tm_mem_bits(const tm_mem_state *m, uint8_t *entry)
{
    return m->fast ? &((tm_entry_fast *)(void *)entry)->bits : &((tm_entry_general *)(void *)entry)->bits;
}

/* The current key's entry, or NULL. What load left for a general key has the right tag, but may be another key's. */
static inline uint8_t *tm_mem_entry(tm_mem_state *m)
{
    tm_key_ctx *kc = m->state.key;
    if (WSL_UNLIKELY(m->now == NULL)) {
        return NULL;
    }
    tm_mem_table *t = &m->now->table;
    if (WSL_UNLIKELY(kc->owner != t)) {
        return tm_mem_table_find(t, kc);
    }
    uint8_t *entry = kc->entry;
    if (entry == NULL || (!m->fast && !tm_mem_key_equal(t, entry, kc))) {
        entry = tm_mem_table_find(t, kc);
        kc->entry = entry;
    }
    return entry;
}

uint8_t *tm_mem_entry_or_new(tm_mem_state *m);
/* Takes the state's bit away, and the entry if that was the last. */
void tm_mem_unset(tm_mem_state *m, uint8_t *entry, uint32_t state);

/* ---- mem_spaces.c ---- */

tm_mem_space *tm_mem_space_make_now(tm_mem_state *m); /* of the current namespace */
void tm_mem_spaces_free(tm_mem_state *m);
void tm_mem_use(tm_state *s, int64_t ns);
bool tm_mem_next_namespace(tm_state *s, int64_t from, int64_t *out_ns);
void tm_mem_drop_namespace(tm_state *s, int64_t ns);
bool tm_mem_walk_keys(tm_state *s, tm_state_walk *walk);
void tm_mem_walk_keys_end(tm_state *s, tm_state_walk *walk);
uint64_t tm_mem_keys(const tm_state *s);
uint64_t tm_mem_keys_here(const tm_state *s);
uint64_t tm_mem_bytes(const tm_state *s);
