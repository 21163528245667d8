/*
 * backend - keyed state of one operator subtask.
 *
 * A tm_state is a set of states that share one table: a lookup per record serves all of them. The current key is that of
 * key_ctx. States are known by their place in the list given at open; load tells beforehand which keys will come. Where a
 * set value lies in an entry may be told once (tm_value_place), so that whoever has the key's entry need not ask at all.
 *
 * A tm_state opened with `namespaces` keeps one table per namespace (a number: the end of a slice or window), made when it
 * is first written and dropped whole: what windows of many keys that begin and end together need. use() makes a namespace
 * the current one for all other calls; without namespaces there is just one, 0.
 *
 * Values are rows without timestamp unless the state keeps timestamps (tm_state_spec). A pointer that was returned is valid
 * until the next call for that state; what was returned is never changed by a call for another state.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/state.h>

#include "taskmanager/state/key_ctx.h"

enum { TM_STATES_MAX = 29 }; /* states of one operator */

typedef struct tm_state tm_state;
struct tm_op;            /* ops/operator.h */
struct tm_snapshot;      /* ckpt/snapshot.h */
struct tm_restore_piece; /* ckpt/restore.h */

typedef struct tm_state_spec {
    const char *name;
    wsl_state_kind kind;       /* REDUCING and AGGREGATING are kept as VALUE: who folds is above (keyed.h) */
    const wsl_schema *schema;  /* of the value, element or accumulator */
    const wsl_schema *key;     /* MAP: of an entry's key */
    wsl_ttl ttl;
    bool keeps_timestamps;     /* elements of a LIST, values of a MAP: have the timestamp they were added with */
    /* A LIST with rows of two schemas: those whose op has the bit TM_STATE_SECOND are of this one. In snapshots they are of a state
     * of their own, among the others as they lie in the list, and without the bit. NULL: all are of `schema`. */
    const wsl_schema *second;
    const char *was;             /* the name it had in what is restored; NULL: the same */
    const wsl_field_past *pasts; /* of its fields; NULL: nothing is declared */
} tm_state_spec;

enum { TM_STATE_SECOND = 0x80 };

/* A set value of fixed size lies at `offset` of the key's entry if `bit` of the u32 at `bits_offset` is 1. It may be written to if
 * tm_value_may_write says so; else value_update gives it. */
typedef struct tm_value_place {
    uint32_t bits_offset;
    uint32_t bit; /* 0: values of this state do not lie in entries, or expire */
    uint32_t writable;
    uint32_t offset;
    const void *owner; /* key_ctx's entries are those of this state if its owner is this one */
} tm_value_place;

/* Those of `writable` are just `bit`, which is the lower one of them, and there is one. */
static inline bool tm_value_may_write(const tm_value_place *p, uint32_t bits) { return (bits & p->writable) - 1 < p->bit; }

/* A walk over the elements of a list, the entries of a map, the keys of a namespace. */
typedef struct tm_state_walk {
    const wsl_row *key;   /* map: of the entry */
    const wsl_row *value;
    uint32_t state;
    uint64_t at[4]; /* the backend's */
} tm_state_walk;

typedef struct tm_state_ops {
    void (*free)(tm_state *s);
    /* Called for at = 0, TM_KEY_BLOCK, ... of a batch of n rows: the TM_KEY_BLOCK rows from `at` get ready for select,
     * those behind are looked at in passing. False if a row's key group is not ours (*out_bad is its index): it should
     * never have come. */
    bool (*load)(tm_state *s, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_bad);
    /* Keys that will be current soon, one by one and not of a batch (timers): what belongs to `far` and then, some keys
     * later, to `near` (hashes; NULL: not known) gets on its way. */
    void (*prefetch)(const tm_state *s, const uint32_t *far, const uint32_t *near);
    const wsl_row *(*value_get)(tm_state *s, uint32_t state);
    /* Made with all fields 0 and not null if unset. NULL: the schema has fields of variable size. */
    wsl_row *(*value_update)(tm_state *s, uint32_t state);
    /* WSL_TYPE, here and below: not a row of the state's schema. */
    wsl_status (*value_put)(tm_state *s, uint32_t state, const wsl_row *row);
    void (*clear)(tm_state *s, uint32_t state); /* any kind */
    tm_value_place (*value_place)(const tm_state *s, uint32_t state);

    wsl_status (*list_add)(tm_state *s, uint32_t state, const wsl_row *row);
    /* Copies of these instead of all there are; rows of the list itself may be among them. */
    wsl_status (*list_set)(tm_state *s, uint32_t state, const wsl_row *const *rows, uint32_t n);
    uint32_t (*list_size)(tm_state *s, uint32_t state);
    const wsl_row *(*map_get)(tm_state *s, uint32_t state, const wsl_row *key);
    wsl_status (*map_put)(tm_state *s, uint32_t state, const wsl_row *key, const wsl_row *value);
    void (*map_remove)(tm_state *s, uint32_t state, const wsl_row *key);
    /* Begins a walk over the current key's list (in order of arrival) or map (in an order that depends on its keys only).
     * False from next: no more. remove takes the element in hand away. Any other change of a list or map of that state ends
     * the walk. Key and namespace are those it began with whenever it goes on. */
    void (*walk)(tm_state *s, uint32_t state, tm_state_walk *walk);
    bool (*walk_next)(tm_state *s, tm_state_walk *walk);
    void (*walk_remove)(tm_state *s, tm_state_walk *walk);

    /* ---- namespaces ---- */
    /* Cheap if it is the current one. What load found is forgotten, so rows are best sorted by namespace first; a namespace
     * that is left without keys is dropped. */
    void (*use)(tm_state *s, int64_t ns);
    /* The smallest namespace there is that is not below `from`; false: none. */
    bool (*next_namespace)(tm_state *s, int64_t from, int64_t *out_ns);
    void (*drop_namespace)(tm_state *s, int64_t ns);
    /* Goes through the keys of the current namespace by key group, then key bytes; makes each the current one in key_ctx.
     * at[] zeroed begins. The key in hand may be cleared, no key may be added. A walk may pause: what it needs is in *walk
     * (freed by walk_keys_end, which is called once whether the walk was finished or not), and walks of several namespaces
     * may take turns: each call makes the walk's namespace the current one. A namespace is not dropped while it is walked. */
    bool (*walk_keys)(tm_state *s, tm_state_walk *walk);
    void (*walk_keys_end)(tm_state *s, tm_state_walk *walk);

    /* Is there a state with a time to live? */
    bool (*has_ttl)(const tm_state *s);
    /* Background cleanup of expired state: goes on where it stopped, looks at about max_entries values, elements or entries
     * of maps. Not while a batch or a walk is under way: it makes other keys current. */
    void (*clean_up)(tm_state *s, uint32_t max_entries);
    /* Gives memory of keys that are gone back to the system, a small step of it; cheap if there is nothing to do. Not while a
     * batch or a walk is under way: entries move. */
    void (*tidy)(tm_state *s);

    /* ---- checkpoints ---- */
    /* Puts all it holds now into a section of that name, as a walk: what is changed before its turn is copied first. One
     * snapshot at a time. What it has not changed since the last one may be left to lower layers (tm_snapshot_base). */
    void (*snapshot)(tm_state *s, struct tm_snapshot *out, struct tm_op *op, const char *name);
    /* Adds what the section holds (nothing of it is there yet). Rows of older schemas are brought to today's; a state that is not
     * known any more is an error. Several sections may be added one after the other. */
    wsl_status (*restore)(tm_state *s, const struct tm_restore_piece *piece, wsl_error *err);

    uint64_t (*keys)(const tm_state *s);  /* of all namespaces */
    uint64_t (*keys_of)(const tm_state *s, uint32_t state); /* that have something in that state */
    uint64_t (*keys_here)(const tm_state *s); /* of the current one */
    uint64_t (*bytes)(const tm_state *s); /* memory held */
} tm_state_ops;

/* For states with a time to live; the owner keeps it up to date. */
typedef struct tm_state_time {
    int64_t processing_ms; /* the clock */
    int64_t watermark;     /* the clock of states with event-time TTL ... */
    int64_t row_ms;        /* ... and their last use: the timestamp of the row in hand */
} tm_state_time;

struct tm_state {
    const tm_state_ops *ops;
    tm_key_ctx *key; /* outlives the state */
    tm_state_time time;
};

static inline void tm_state_free(tm_state *s)
{
    if (s != NULL) {
        s->ops->free(s);
    }
}
WSL_DEFINE_AUTO(tm_state)

/* In memory. The schemas live as long as the state. Several tm_state of one operator may share a key_ctx; the entries that
 * load finds (key_ctx's row_entry) belong to the one that loaded last. */
WSL_MUST_CHECK wsl_status tm_mem_state_new(tm_key_ctx *key, const tm_state_spec *states, uint32_t n_states,
                                           bool namespaces, tm_state **out_state, wsl_error *err);
