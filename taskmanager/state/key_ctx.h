/*
 * key_ctx - whose turn it is: the current key of a keyed operator, its hash and key group, and what the state backend
 * found for it last.
 *
 * A key is kept as the row of its key fields (data/key.h). Two forms go around:
 *   fast      one integer-like fixed-size field among the first 32: the 64-bit slot and whether it is NULL; nothing is
 *             extracted per row
 *   bytes     one field of variable size (a string) among the first 32: its bytes; short ones are copied as two words
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

/* How entries begin, in every backend, so that select can tell whose entry it is: of fast keys ... */
typedef struct tm_entry_fast {
    uint64_t slot;
    uint32_t hash;
    uint32_t bits; /* the backend's, but for TM_ENTRY_NULL_KEY */
} tm_entry_fast;
#define TM_ENTRY_NULL_KEY (UINT32_C(1) << 31)

/* ... and of others. A key of up to TM_ENTRY_INLINE_KEY bytes lies in it, zeros behind; else key[0] points to the bytes. */
enum { TM_ENTRY_INLINE_KEY = 16 };
typedef struct tm_entry_general {
    uint64_t key[2];
    uint32_t hash;
    uint32_t bits; /* the backend's */
    uint32_t key_size;
    uint32_t key_nulls;
} tm_entry_general;

typedef struct tm_key_ctx {
    const wsl_key_spec *spec; /* of the input in hand */
    uint32_t max_parallelism;
    uint32_t first_group;
    uint32_t n_groups;
    bool fast;
    bool bytes;
    uint16_t fast_field; /* of fast keys and those that are bytes */
    const wsl_key_spec *specs[2]; /* by input; [1] is NULL if there is one only */

    /* the current key */
    wsl_row *row;      /* all of it */
    uint32_t capacity; /* of row */
    uint32_t hash;
    uint32_t place; /* in the batch, or TM_KEY_NO_PLACE */
    void *entry;    /* the backend's, this key's; NULL: not looked up yet, or there is none */
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
/* Is the entry, of another form than fast, the current key's? */
bool tm_key_ctx_owns(const tm_key_ctx *kc, const tm_entry_general *entry);
/* Makes the row's key current, of whatever form; the entry is it if it is that key's. */
void tm_key_ctx_select_any(tm_key_ctx *kc, const wsl_row *row, tm_entry_general *entry);

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

/* A value of 1 to 16 bytes: one word or two, without a branch between them. What is behind a value is 0 up to the next
 * multiple of 8, in rows and in entries. */
static inline void tm_key_ctx_select_short(tm_key_ctx *kc, const wsl_row *row, uint64_t slot, tm_entry_general *entry)
{
    const uint32_t size = (uint32_t)(slot >> 32);
    const uint32_t second = (size - 1) / 8; /* 1 if there is a second word */
    const uint64_t *value = (const uint64_t *)(const void *)((const char *)row + (uint32_t)slot);
    const uint64_t low = value[0];
    const uint64_t high = value[second] & (0 - (uint64_t)second);
    wsl_row *key = kc->row;
    key->size = (uint32_t)(sizeof *key + 16) + 8 * second;
    key->nulls = 0;
    key->slot[0] = (uint64_t)size << 32 | (sizeof *key + 8);
    key->slot[1] = low;
    key->slot[2] = high;
    kc->entry = entry != NULL && ((entry->key[0] ^ low) | (entry->key[1] ^ high)) == 0 && entry->key_size == size
                    ? entry
                    : NULL;
}

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
        const uint64_t slot = row->slot[kc->fast_field];
        const uint64_t size = slot >> 32; /* 0 for NULL, too */
        if (WSL_LIKELY(kc->bytes && size - 1 < TM_ENTRY_INLINE_KEY)) {
            tm_key_ctx_select_short(kc, row, slot, kc->row_entry[i]);
        } else {
            tm_key_ctx_select_any(kc, row, kc->row_entry[i]);
        }
    }
}

/* Makes the row's key current though nothing was loaded. False: its key group is not ours. */
bool tm_key_ctx_make(tm_key_ctx *kc, const wsl_row *row);

/* Makes a key current that was kept: its bytes behind the header, its null bits and hash. */
void tm_key_ctx_restore(tm_key_ctx *kc, const void *bytes, uint32_t size, uint32_t nulls, uint32_t hash);

/* A key as entries of another form than fast keep it; points into where it was taken from. */
typedef struct tm_kept_key {
    const void *bytes;
    uint32_t size;
    uint32_t nulls;
} tm_kept_key;

static inline tm_kept_key tm_key_ctx_kept(const tm_key_ctx *kc)
{
    const wsl_row *row = kc->row;
    return kc->bytes ? (tm_kept_key){&row->slot[1], (uint32_t)(row->slot[0] >> 32), row->nulls}
                     : (tm_kept_key){row->slot, row->size - (uint32_t)sizeof *row, row->nulls};
}
static inline tm_kept_key tm_entry_kept(const tm_entry_general *e)
{
    return (tm_kept_key){e->key_size <= TM_ENTRY_INLINE_KEY ? (const void *)e->key : (const void *)(uintptr_t)e->key[0],
                         e->key_size, e->key_nulls};
}
/* The row of key fields of such an entry: its size, and the row itself, written to memory of that size. */
static inline uint32_t tm_entry_row_size(bool bytes, const tm_entry_general *e)
{
    return (uint32_t)sizeof(wsl_row) + (bytes ? 8 + ((e->key_size + 7) & ~UINT32_C(7)) : e->key_size);
}
void tm_entry_row(bool bytes, const tm_entry_general *e, wsl_row *out);
/* Makes the key of an entry of another form than fast current. */
void tm_key_ctx_restore_kept(tm_key_ctx *kc, const tm_entry_general *entry);

/* The current key's bytes behind the header, and how many. */
static inline const void *tm_key_ctx_bytes(const tm_key_ctx *kc) { return kc->row->slot; }
static inline uint32_t tm_key_ctx_size(const tm_key_ctx *kc) { return kc->row->size - (uint32_t)sizeof(wsl_row); }
static inline uint32_t tm_key_ctx_group(const tm_key_ctx *kc) { return wsl_key_group(kc->hash, kc->max_parallelism); }
