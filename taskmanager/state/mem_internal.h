/*
 * mem_internal - inside of the memory backend: what its files share.
 *
 *     mem_state ──> spaces, by namespace ──> table (entries), slab (what does not fit into entries), region of both
 *
 * An entry's payload has an area per state. Bit i of the entry's `bits` says whether state i is set; an entry without any
 * bit is removed.
 *
 *     VALUE   the row itself if its size is fixed and small; else a pointer to a block of the slab
 *     LIST    the head of a mem_list
 *     MAP     the head of a mem_map
 *
 * With a time to live each row (value, element, item of a map) has the time of its last use before it.
 *
 * Without namespaces there is one space for ever. With them a space is made when something is first written to it, and
 * goes when it is dropped, or when it is found empty as another one is used.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/backend.h"
#include "taskmanager/state/kept_records.h"
#include "taskmanager/state/mem_list.h"
#include "taskmanager/state/mem_map.h"
#include "taskmanager/state/mem_table.h"

/* Bits of an entry that are of no state: TM_ENTRY_NULL_KEY, and ... */
#define TM_ENTRY_TAKEN (UINT32_C(1) << 30) /* while a snapshot is made of it: not for the walk (mem_snapshot.h) */
#define TM_ENTRY_CLEAN (UINT32_C(1) << 29) /* as the last snapshot has it (mem_changes.h) */
#define TM_ENTRY_MARKS (TM_ENTRY_NULL_KEY | TM_ENTRY_TAKEN | TM_ENTRY_CLEAN)
_Static_assert(TM_STATES_MAX <= 29, "states have the bits below the marks");

/* What rows of a schema are. */
typedef struct tm_mem_shape {
    uint32_t fixed; /* the smallest size */
    bool has_variable;
} tm_mem_shape;

typedef struct tm_mem_area {
    char *name;
    const wsl_schema *schema;     /* of the value, element or accumulator */
    const wsl_schema *key_schema; /* MAP; else NULL */
    const wsl_schema *second_schema; /* LIST of rows of two schemas; else NULL */
    const char *was;                 /* of the state's declaration, as pasts */
    const wsl_field_past *pasts;
    wsl_state_kind kind; /* VALUE, LIST or MAP */
    uint32_t offset;     /* in the entry */
    uint32_t size;       /* VALUE: of an inline row; 0: a pointer to it */
    tm_mem_shape value;
    tm_mem_shape key;        /* MAP */
    wsl_key_spec *canonical; /* MAP: keys are brought into canonical form; NULL: their bytes are that already */
    bool keeps;       /* rows keep their timestamps */
    bool stamped;     /* has a time to live */
    wsl_ttl ttl;
    uint32_t changes; /* of lists and maps, so that walks can tell */
} tm_mem_area;

typedef struct tm_mem_space {
    int64_t ns;
    uint32_t n_walks; /* that go through its keys */
    bool in_layer;    /* a snapshot that layers count from knows of it */
    tm_region region;
    tm_slab slab;
    tm_mem_table table;
    uint64_t n_set[]; /* keys that have something in a state */
} tm_mem_space;

/* Keys that were removed, by group, and namespaces that were dropped. */
typedef struct tm_mem_gone {
    tm_kept_records keys;
    int64_t *dropped;
    uint32_t n_dropped;
} tm_mem_gone;

typedef struct tm_mem_state {
    tm_state state;
    tm_mem_space *now; /* of the current namespace; NULL: nothing was written to it */
    tm_mem_space *before; /* that of the namespace before it: two often take turns; may be NULL */
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
    struct tm_mem_snapshot *snapshot; /* that is being made; NULL: none */
    tm_mem_ahead *ahead;
    tm_mem_walk spare_walk; /* memory of the last walk that ended */
    struct tm_mem_changes { /* mem_changes.h */
        uint64_t since; /* the checkpoint that marks are about; 0: nobody asks */
        tm_mem_gone gone;
    } changes;
    uint8_t *scratch; /* for records */
    size_t scratch_capacity;
    wsl_row *scratch_key;
    uint32_t scratch_key_capacity;
    wsl_row *map_key; /* in canonical form */
    uint32_t map_key_capacity;
    wsl_row *expired;       /* a copy of a row that was returned for the last time */
    uint32_t expired_capacity;
    bool has_ttl;
    struct tm_mem_cleaning {
        int64_t ns;         /* the space it is at */
        uint32_t directory; /* ... */
        uint32_t place;     /* the segment that holds this place */
        uint32_t entry;     /* in the segment */
        uint32_t state;     /* of that entry */
        uint32_t inner;     /* in its map */
        uint32_t offset;    /* in its list: of the next row ... */
        tm_list_chunk *chunk; /* ... in this chunk, if the slab still watches that ... */
        uint32_t moves;     /* ... and the table's entries have not moved */
    } cleaning;
} tm_mem_state;

static inline tm_mem_state *tm_mem_self(tm_state *s) { return (tm_mem_state *)(void *)s; }
static inline const tm_mem_state *tm_mem_self_const(const tm_state *s) { return (const tm_mem_state *)(const void *)s; }

static inline uint32_t *tm_mem_bits(const tm_mem_state *m, uint8_t *entry)
{
    return m->fast ? &((tm_entry_fast *)(void *)entry)->bits : &((tm_entry_general *)(void *)entry)->bits;
}

/* The current key's entry, or NULL. */
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
    if (entry == NULL) {
        entry = tm_mem_table_find(t, kc);
        kc->entry = entry;
    }
    return entry;
}

uint8_t *tm_mem_entry_or_new(tm_mem_state *m);
/* Takes the state's bit away, and the entry if that was the last. */
void tm_mem_unset(tm_mem_state *m, uint8_t *entry, uint32_t state);
/* What is in the entry's area goes, too. */
void tm_mem_clear_in(tm_mem_state *m, uint8_t *entry, uint32_t state);

/* Something in it changes. */
static inline void tm_mem_dirty(const tm_mem_state *m, uint8_t *entry) { *tm_mem_bits(m, entry) &= ~TM_ENTRY_CLEAN; }

static inline bool tm_mem_is_set(const tm_mem_state *m, uint8_t *entry, uint32_t state)
{
    return *tm_mem_bits(m, entry) >> state & 1;
}
static inline bool tm_mem_fits(const tm_mem_shape *shape, const wsl_row *row)
{
    return shape->has_variable ? row->size >= shape->fixed : row->size == shape->fixed;
}

/* ---- mem_snapshot.c, mem_restore.c ---- */

void tm_mem_snapshot_begin(tm_state *s, struct tm_snapshot *out, struct tm_op *op, const char *name);
wsl_status tm_mem_restore(tm_state *s, const struct tm_restore_piece *piece, wsl_error *err);

/* ---- mem_value.c ---- */

const wsl_row *tm_mem_value_get(tm_state *s, uint32_t state);
wsl_row *tm_mem_value_update(tm_state *s, uint32_t state);
wsl_status tm_mem_value_put(tm_state *s, uint32_t state, const wsl_row *row);
/* The row of a value that is set. */
wsl_row *tm_mem_value_in(uint8_t *entry, const tm_mem_area *a);
/* Frees what lies outside of the entry. */
void tm_mem_value_release(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a);

/* ---- mem_collections.c ---- */

static inline tm_mem_list *tm_mem_list_in(uint8_t *entry, const tm_mem_area *a)
{
    return (tm_mem_list *)(void *)(entry + a->offset);
}
static inline tm_mem_map *tm_mem_map_in(uint8_t *entry, const tm_mem_area *a)
{
    return (tm_mem_map *)(void *)(entry + a->offset);
}
wsl_status tm_mem_list_state_add(tm_state *s, uint32_t state, const wsl_row *row);
wsl_status tm_mem_list_state_set(tm_state *s, uint32_t state, const wsl_row *const *rows, uint32_t n);
uint32_t tm_mem_list_state_size(tm_state *s, uint32_t state);
/* Restore: with the time of last use it had. */
wsl_status tm_mem_list_restore(tm_mem_state *m, uint32_t state, const wsl_row *row, int64_t used);
wsl_status tm_mem_map_restore(tm_mem_state *m, uint32_t state, const wsl_row *key, const wsl_row *value, int64_t used);
const wsl_row *tm_mem_map_state_get(tm_state *s, uint32_t state, const wsl_row *key);
wsl_status tm_mem_map_state_put(tm_state *s, uint32_t state, const wsl_row *key, const wsl_row *value);
void tm_mem_map_state_remove(tm_state *s, uint32_t state, const wsl_row *key);
void tm_mem_walk_begin(tm_state *s, uint32_t state, tm_state_walk *walk);
bool tm_mem_walk_step(tm_state *s, tm_state_walk *walk);
void tm_mem_walk_remove(tm_state *s, tm_state_walk *walk);

/* ---- mem_ttl.c ---- */

static inline bool tm_mem_is_expired(const tm_mem_state *m, const tm_mem_area *a, int64_t used)
{
    const int64_t now = a->ttl.event_time ? m->state.time.watermark : m->state.time.processing_ms;
    return now >= used && (uint64_t)now - (uint64_t)used >= (uint64_t)a->ttl.ttl_ms;
}
/* The time of a use that happens now. */
static inline int64_t tm_mem_use_time(const tm_mem_state *m, const tm_mem_area *a)
{
    return a->ttl.event_time ? m->state.time.row_ms : m->state.time.processing_ms;
}
/* Rows out of order do not make a life shorter. */
static inline void tm_mem_touch(const tm_mem_state *m, const tm_mem_area *a, int64_t *used)
{
    const int64_t now = tm_mem_use_time(m, a);
    *used = a->ttl.event_time && *used > now ? *used : now;
}
static inline bool tm_mem_reads_touch(const tm_mem_area *a) { return a->ttl.update == WSL_TTL_ON_READ_AND_WRITE; }
/* A copy of a row that is about to go, valid until the next one. */
const wsl_row *tm_mem_keep_expired(tm_mem_state *m, const wsl_row *row);
void tm_mem_clean_up(tm_state *s, uint32_t max_entries);

/* ---- mem_spaces.c ---- */

tm_mem_space *tm_mem_space_make_now(tm_mem_state *m); /* of the current namespace */
void tm_mem_space_free(tm_mem_state *m, tm_mem_space *space); /* it is not among the state's any more */
void tm_mem_spaces_free(tm_mem_state *m);
void tm_mem_use(tm_state *s, int64_t ns);
bool tm_mem_next_namespace(tm_state *s, int64_t from, int64_t *out_ns);
void tm_mem_drop_namespace(tm_state *s, int64_t ns);
bool tm_mem_walk_keys(tm_state *s, tm_state_walk *walk);
void tm_mem_walk_keys_end(tm_state *s, tm_state_walk *walk);
uint64_t tm_mem_keys(const tm_state *s);
uint64_t tm_mem_keys_of(const tm_state *s, uint32_t state);
uint64_t tm_mem_keys_here(const tm_state *s);
uint64_t tm_mem_bytes(const tm_state *s);
void tm_mem_tidy(tm_state *s);
