/*
 * key_ctx - whose turn it is: the current key of a keyed operator, its hash and key group, and what the state backend
 * found for it last.
 *
 * A key is kept as the row of its key fields (data/key.h). Two forms go around:
 *   fast      one integer-like fixed-size field among the first 32: the 64-bit slot and whether it is NULL; nothing is
 *             extracted per row
 *   general   the row's bytes behind the header, and its null bits
 *
 * A batch is worked on in blocks: the backend's load() notes the hashes of a block's rows and prefetches the entries that
 * are likely theirs; then select() makes one after the other current.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <wiesel/row.h>

#include "data/key.h"

enum { TM_KEY_BLOCK = 64, TM_KEY_NO_PLACE = UINT32_MAX };

/* How entries of fast keys begin, in every backend, so that select can tell whose entry it is. */
typedef struct tm_entry_fast {
    uint64_t slot;
    uint32_t hash;
    uint32_t bits; /* the backend's, but for TM_ENTRY_NULL_KEY */
} tm_entry_fast;
#define TM_ENTRY_NULL_KEY (UINT32_C(1) << 31)

typedef struct tm_key_ctx {
    const wsl_key_spec *spec;
    uint32_t max_parallelism;
    uint32_t first_group;
    uint32_t n_groups;
    bool fast;
    uint16_t fast_field;

    /* the current key */
    wsl_row *row;      /* all of it */
    uint32_t capacity; /* of row */
    uint32_t hash;
    uint32_t place;    /* in the block, or TM_KEY_NO_PLACE */
    void *entry;       /* the backend's; NULL: not looked up yet, or there is none. A general key's may be another key's */

    /* the block, filled by the backend */
    uint32_t n;
    uint32_t block_hash[TM_KEY_BLOCK];
    void *block_entry[TM_KEY_BLOCK]; /* one that is likely the key's; NULL: none, or it may have moved or gone since */
} tm_key_ctx;

void tm_key_ctx_init(tm_key_ctx *kc, const wsl_key_spec *spec, uint32_t subtask, uint32_t parallelism,
                     uint32_t max_parallelism);
void tm_key_ctx_fini(tm_key_ctx *kc);

void tm_key_ctx_extract(tm_key_ctx *kc, const wsl_row *row);

/* The backend's entries may have moved or gone. */
static inline void tm_key_ctx_forget_entries(tm_key_ctx *kc)
{
    kc->entry = NULL;
    memset(kc->block_entry, 0, sizeof kc->block_entry);
}

/* Makes the key of the block's row i current. */
static inline void tm_key_ctx_select(tm_key_ctx *kc, uint32_t i, const wsl_row *row)
{
    kc->hash = kc->block_hash[i];
    kc->place = i;
    if (WSL_LIKELY(kc->fast)) {
        const uint64_t slot = row->slot[kc->fast_field];
        const uint32_t is_null = row->nulls >> kc->fast_field & 1;
        tm_entry_fast *e = kc->block_entry[i];
        kc->entry = e != NULL && e->slot == slot && e->bits >> 31 == is_null ? e : NULL;
        kc->row->slot[0] = slot;
        kc->row->nulls = is_null;
    } else {
        kc->entry = kc->block_entry[i];
        tm_key_ctx_extract(kc, row);
    }
}

/* Makes a key current that was kept: its bytes behind the header, its null bits and hash. */
void tm_key_ctx_restore(tm_key_ctx *kc, const void *bytes, uint32_t size, uint32_t nulls, uint32_t hash);

/* The current key's bytes behind the header, and how many. */
static inline const void *tm_key_ctx_bytes(const tm_key_ctx *kc) { return kc->row->slot; }
static inline uint32_t tm_key_ctx_size(const tm_key_ctx *kc) { return kc->row->size - (uint32_t)sizeof(wsl_row); }
static inline uint32_t tm_key_ctx_group(const tm_key_ctx *kc) { return wsl_key_group(kc->hash, kc->max_parallelism); }
