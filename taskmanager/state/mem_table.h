/*
 * mem_table - keys to entries, in memory: the state of one operator subtask.
 *
 *     hash ---- key group ----> directory --more bits of the hash--> segment:  | header | tags ... |   | entries ... |
 *
 * Per key group extendible hashing over segments; a segment is an open-addressing table of 16 to 1024 places (more only
 * if hashes collide) with groups of 16 tags that are compared at once. A segment that is full doubles until it has 1024
 * places, then splits in two; so no insert moves more than a segment. A lookup touches one line of tags and the entry.
 * Tags are kept apart from entries, close together: they stay in the caches, and looking at them needs few pages.
 *
 * An entry is a header with the key, then what the backend keeps for it (`stride` bytes in all):
 *     fast     | u64 slot | u32 hash | u32 bits |                                        key is the slot
 *     other    | u64 key[2] | u32 hash | u32 bits | u32 key size | u32 key nulls |       key inline to 16 bytes, else
 * key[0] points to a block of the slab. `bits` belong to the backend but for the top one, which is a fast key's NULL. What
 * the key's bytes are, key_ctx says: those of the string, or of the row of key fields.
 *
 * When entries have moved or one is gone, the key_ctx is told, if what it holds is of this table.
 *
 * A small table (one of many, of a window) has one directory for all its key groups, so that few keys need little memory; the
 * place in it still grows with the key group.
 *
 * A walk goes by key group, then key bytes: it takes the entries of one key group (or of one segment, if that has several
 * groups) at a time and sorts them.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/key_ctx.h"
#include "taskmanager/state/slab.h"

enum {
    TM_ENTRY_FAST_HEADER = 16,
    TM_ENTRY_GENERAL_HEADER = 32,
    TM_SEGMENT_HEADER = 64,
    TM_SEGMENT_LOG_GROUPS = 6,      /* of a segment that splits rather than doubles: 64 groups of 16 */
    TM_SEGMENT_LOG_GROUPS_MAX = 22, /* of one full of colliding hashes */
    TM_SPARSE = 8,                  /* a segment with an eighth of its places in use is too large, and so is a table */
    TM_SPARSE_MIN = 4096,           /* ... with that many places per 8 that nobody would miss */
    TM_SMALL_REGION = 2 << 10,      /* first chunks of a small table: of entries ... */
    TM_SMALL_TAG_REGION = 512,      /* ... and of tags */
};

typedef struct tm_mem_cell {
    uint64_t segment; /* address | log2 of its groups (addresses are multiples of 64) */
    uint8_t *entries;
} tm_mem_cell;

/* Segments of one key group. */
typedef struct tm_mem_group {
    tm_mem_cell *directory; /* 1 << depth of them */
    tm_mem_cell one;        /* the directory while depth is 0 */
    uint32_t depth;
    uint32_t shift; /* 32 - depth */
} tm_mem_group;

/* What load knows of the rows to come; tables that take turns share it. */
typedef struct tm_mem_ahead tm_mem_ahead;
tm_mem_ahead *tm_mem_ahead_new(void);
void tm_mem_ahead_free(tm_mem_ahead *ahead);

typedef struct tm_mem_table {
    tm_region *region;
    tm_region tag_region;
    tm_slab *slab; /* for long keys */
    bool fast;
    bool bytes; /* the key's form: see key_ctx.h */
    uint32_t stride;
    uint32_t max_parallelism;
    uint32_t first_group;
    uint32_t n_groups; /* key groups that are ours */
    uint32_t shift;    /* log2 of the key groups that share a directory */
    uint64_t n_keys;
    uint32_t moves;    /* how often entries have moved */
    uint64_t n_places; /* of all segments but the smallest */
    uint64_t returned; /* bytes of the region that the system has back */
    struct tm_mem_shrinking {
        uint32_t directory;
        uint32_t place;
    } shrinking; /* where the search for sparse segments goes on */
    tm_mem_group *groups; /* directories; n_groups of them, or one */
    tm_mem_group one_group;
    void *free_segments[TM_SEGMENT_LOG_GROUPS + 1];
    void *free_entries[TM_SEGMENT_LOG_GROUPS + 1];
    tm_mem_ahead *ahead;
    struct tm_mem_watch *watch; /* mem_snapshot.h; NULL: no snapshot is being made of it */
} tm_mem_table;

/* `payload`: bytes per entry behind its header. Region, slab and `ahead` outlive the table. Small: its tags come from the
 * region's pool, if that has one. */
void tm_mem_table_init(tm_mem_table *t, tm_region *region, tm_slab *slab, tm_mem_ahead *ahead, const tm_key_ctx *kc,
                       uint32_t payload, bool small);
void tm_mem_table_fini(tm_mem_table *t);

/* See backend.h: the first entry of the right tag for each row. */
bool tm_mem_table_load(tm_mem_table *t, tm_key_ctx *kc, const wsl_row *const *rows, uint32_t n, uint32_t at,
                       uint32_t *out_bad);

/* The current key's entry; NULL if there is none. */
uint8_t *tm_mem_table_find(tm_mem_table *t, const tm_key_ctx *kc);

/* On the way to a key that will be current soon: first its tags, then, when those have come, its entry. */
void tm_mem_table_prefetch_tags(const tm_mem_table *t, uint32_t hash);
void tm_mem_table_prefetch_entry(const tm_mem_table *t, uint32_t hash);

/* Adds an entry for the current key, which has none: header filled, bits 0, payload not zeroed. */
uint8_t *tm_mem_table_add(tm_mem_table *t, tm_key_ctx *kc);
/* Removes an entry of this table; kc is told. */
void tm_mem_table_remove(tm_mem_table *t, tm_key_ctx *kc, uint8_t *entry);

/* Far more places than keys? Then some segment has, and tm_mem_table_shrink finds it. */
static inline bool tm_mem_table_is_sparse(const tm_mem_table *t)
{
    return t->n_places / TM_SPARSE > t->n_keys + TM_SPARSE_MIN;
}
/* One step: looks at some segments and moves what is left of one to a smaller place, whose memory goes back to the system. kc is
 * told. Not for small tables, and not while somebody has entries in hand. */
void tm_mem_table_shrink(tm_mem_table *t, tm_key_ctx *kc);

static inline bool tm_mem_key_equal(const tm_mem_table *t, const uint8_t *entry, const tm_key_ctx *kc)
{
    if (WSL_LIKELY(t->fast)) {
        const tm_entry_fast *e = (const tm_entry_fast *)(const void *)entry;
        return e->slot == kc->row->slot[0] && (e->bits >> 31) == kc->row->nulls;
    }
    return tm_key_ctx_owns(kc, (const tm_entry_general *)(const void *)entry);
}

/* ---- in order ---- */

typedef struct tm_mem_item {
    uint64_t prefix; /* the first 8 key bytes, ordered like them */
    uint32_t group;
    uint8_t *entry;
} tm_mem_item;

typedef struct tm_mem_walk {
    tm_mem_table *table;
    uint32_t directory; /* the next unit begins here ... */
    uint32_t cell;      /* ... in this directory */
    uint32_t n, at;     /* entries of this unit, in order */
    uint32_t capacity;
    tm_mem_item *items;
    tm_mem_item *scratch;
} tm_mem_walk;

void tm_mem_walk_init(tm_mem_walk *w, tm_mem_table *t);
void tm_mem_walk_fini(tm_mem_walk *w);
/* The next entry, made the current key's; NULL: none is left. Entries may be removed while they are in hand, none may be
 * added. */
uint8_t *tm_mem_walk_next(tm_mem_walk *w, tm_key_ctx *kc);
/* Makes the entry's key the current one. */
void tm_mem_table_make_current(tm_mem_table *t, tm_key_ctx *kc, uint8_t *entry);
