/*
 * key_ctx - whose turn it is: the current key of a keyed operator, its hash and key group, and what the state backend
 * found for it last.
 *
 * A key is kept as the row of its key fields (data/key.h). Two forms go around:
 *   fast      one integer-like fixed-size field among the first 32: the 64-bit slot and whether it is NULL; nothing is
 *             extracted per row
 *   general   the row's bytes behind the header, and its null bits
 *
 * A batch is worked on in blocks: the backend's load() sees to it that what belongs to the keys of a block is on its
 * way before select() makes one key after the other current.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <wiesel/row.h>

#include "data/key.h"

enum {
    TM_KEY_BLOCK = 32,
    TM_KEY_BATCH = 512,   /* rows of a batch at most */
    TM_KEY_PREFETCH = 24, /* select prefetches the entry of the row that far ahead */
    TM_KEY_NO_PLACE = UINT32_MAX,
};

/* How entries of fast keys begin, in every backend, so that select can tell whose entry it is. */
typedef struct tm_entry_fast {
    uint64_t slot;
    uint32_t hash;
    uint32_t bits; /* the backend's, but for TM_ENTRY_NULL_KEY */
} tm_entry_fast;
#define TM_ENTRY_NULL_KEY (UINT32_C(1) << 31)

typedef struct tm_key_ctx {
    const wsl_key_spec *spec; /* of the input in hand */
    uint32_t max_parallelism;
    uint32_t first_group;
    uint32_t n_groups;
    bool fast;
    uint16_t fast_field;
    const wsl_key_spec *specs[2]; /* by input; [1] is NULL if there is one only */

    /* the current key */
    wsl_row *row;      /* all of it */
    uint32_t capacity; /* of row */
    uint32_t hash;
    uint32_t place; /* in the batch, or TM_KEY_NO_PLACE */
    void *entry;    /* the backend's; NULL: not looked up yet, or there is none. A general key's may be another key's */
    const void *owner; /* the table that entry and row_entry are of */
    uint32_t moves;    /* goes up when entries of that table may have moved or gone */

    /* the batch, filled by the backend */
    uint32_t n_loaded; /* rows for which row_entry is known */
    uint32_t row_hash[TM_KEY_BATCH];
    bool two_lines; /* entries are larger than a cache line */
    void *row_entry[TM_KEY_BATCH +
                    TM_KEY_PREFETCH]; /* one that is likely the key's; NULL: none, or it may have moved or gone since */
} tm_key_ctx;

void tm_key_ctx_init(tm_key_ctx *kc, const wsl_key_spec *spec, uint32_t subtask, uint32_t parallelism,
                     uint32_t max_parallelism);
/* Rows of a second input have their key elsewhere; its fields have the same types. Before any state is opened. */
void tm_key_ctx_add_input(tm_key_ctx *kc, const wsl_key_spec *spec);
void tm_key_ctx_fini(tm_key_ctx *kc);

/* The next batch is of that input. */
static inline void tm_key_ctx_set_input(tm_key_ctx *kc, uint32_t input)
{
    kc->spec = kc->specs[input];
    kc->fast_field = kc->spec->field[0];
}

void tm_key_ctx_extract(tm_key_ctx *kc, const wsl_row *row);

static inline void tm_key_ctx_prefetch(const tm_key_ctx *kc, uint32_t i)
{
    const char *entry = kc->row_entry[i]; /* whatever is there does no harm */
    __builtin_prefetch(entry, 1);
    if (kc->two_lines) {
        __builtin_prefetch(entry + 64, 1);
    }
}

/* Entries may have moved: the rows behind the current one look theirs up. */
void tm_key_ctx_entries_moved(tm_key_ctx *kc);
/* This entry is gone. */
void tm_key_ctx_entry_gone(tm_key_ctx *kc, const void *entry);
/* What was loaded is of another table than the one that is asked from now on. */
void tm_key_ctx_take_over(tm_key_ctx *kc, const void *owner);

/* Makes the key of the batch's row i current, which was loaded. */
static inline void tm_key_ctx_select(tm_key_ctx *kc, uint32_t i, const wsl_row *row)
{
    tm_key_ctx_prefetch(kc, i + TM_KEY_PREFETCH);
    kc->hash = kc->row_hash[i];
    kc->place = i;
    if (WSL_LIKELY(kc->fast)) {
        const uint64_t slot = row->slot[kc->fast_field];
        const uint32_t is_null = row->nulls >> kc->fast_field & 1;
        tm_entry_fast *e = kc->row_entry[i];
        kc->entry = e != NULL && e->slot == slot && e->bits >> 31 == is_null ? e : NULL;
        kc->row->slot[0] = slot;
        kc->row->nulls = is_null;
    } else {
        kc->entry = kc->row_entry[i];
        tm_key_ctx_extract(kc, row);
    }
}

/* Makes the row's key current though nothing was loaded. False: its key group is not ours. */
bool tm_key_ctx_make(tm_key_ctx *kc, const wsl_row *row);

/* Makes a key current that was kept: its bytes behind the header, its null bits and hash. */
void tm_key_ctx_restore(tm_key_ctx *kc, const void *bytes, uint32_t size, uint32_t nulls, uint32_t hash);

/* The current key's bytes behind the header, and how many. */
static inline const void *tm_key_ctx_bytes(const tm_key_ctx *kc) { return kc->row->slot; }
static inline uint32_t tm_key_ctx_size(const tm_key_ctx *kc) { return kc->row->size - (uint32_t)sizeof(wsl_row); }
static inline uint32_t tm_key_ctx_group(const tm_key_ctx *kc) { return wsl_key_group(kc->hash, kc->max_parallelism); }
