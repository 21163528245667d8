#include "taskmanager/state/key_ctx.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { KEY_ROOM = 256 };

/* Types whose value is the slot, equal exactly when the slots are. Not floating point: -0.0 equals 0.0. */
static bool is_plain_slot(const wsl_key_spec *spec)
{
    if (spec->n_fields != 1 || spec->wide[0] || spec->field[0] >= 32) {
        return false;
    }
    return spec->type[0] != WSL_T_FLOAT && spec->type[0] != WSL_T_DOUBLE;
}

static bool is_bytes(const wsl_key_spec *spec)
{
    return spec->n_fields == 1 && spec->wide[0] && spec->field[0] < 32;
}

void tm_key_ctx_init(tm_key_ctx *kc, const wsl_key_spec *spec, uint32_t subtask, uint32_t parallelism,
                     uint32_t max_parallelism)
{
    *kc =
        (tm_key_ctx){.spec = spec, .max_parallelism = max_parallelism, .capacity = KEY_ROOM, .place = TM_KEY_NO_PLACE};
    kc->first_group = wsl_key_group_first(subtask, max_parallelism, parallelism);
    kc->n_groups = wsl_key_group_first(subtask + 1, max_parallelism, parallelism) - kc->first_group;
    kc->row = wsl_zalloc(KEY_ROOM);
    kc->fast = is_plain_slot(spec);
    kc->bytes = is_bytes(spec);
    kc->fast_field = spec->field[0];
    kc->row->size = wsl_row_fixed_size(spec->n_fields);
    kc->specs[0] = spec;
}

void tm_key_ctx_add_input(tm_key_ctx *kc, const wsl_key_spec *spec)
{
    WSL_ASSERT(spec->n_fields == kc->spec->n_fields);
    kc->specs[1] = spec;
    kc->fast = kc->fast && is_plain_slot(spec);
    kc->bytes = kc->bytes && is_bytes(spec);
}

void tm_key_ctx_fini(tm_key_ctx *kc)
{
    free(kc->row);
    kc->row = NULL;
}

static void make_room(tm_key_ctx *kc, uint32_t bytes)
{
    if (bytes > kc->capacity) {
        free(kc->row);
        kc->capacity = bytes;
        kc->row = wsl_zalloc(bytes);
    }
}

void tm_key_ctx_extract(tm_key_ctx *kc, const wsl_row *row)
{
    if (wsl_key_extract(kc->spec, row, kc->row, kc->capacity) == 0) {
        /* the key's values are part of the row, so the key is no larger than the row and its own fixed part */
        make_room(kc, row->size + wsl_row_fixed_size(kc->spec->n_fields));
        const uint32_t size = wsl_key_extract(kc->spec, row, kc->row, kc->capacity);
        WSL_ASSERT(size != 0);
    }
}

bool tm_key_ctx_owns(const tm_key_ctx *kc, const tm_entry_general *entry)
{
    const tm_kept_key key = tm_key_ctx_kept(kc);
    return entry->hash == kc->hash && entry->key_size == key.size && entry->key_nulls == key.nulls &&
           memcmp(tm_entry_kept(entry).bytes, key.bytes, key.size) == 0;
}

void tm_key_ctx_select_any(tm_key_ctx *kc, const wsl_row *row, tm_entry_general *entry)
{
    tm_key_ctx_extract(kc, row);
    kc->entry = entry != NULL && tm_key_ctx_owns(kc, entry) ? entry : NULL;
}

bool tm_key_ctx_make(tm_key_ctx *kc, const wsl_row *row)
{
    kc->hash = row->flags & WSL_ROW_KEYED ? row->key_hash : wsl_key_hash(kc->spec, row);
    kc->place = TM_KEY_NO_PLACE;
    kc->entry = NULL;
    tm_key_ctx_extract(kc, row);
    return tm_key_ctx_group(kc) - kc->first_group < kc->n_groups;
}

void tm_key_ctx_restore(tm_key_ctx *kc, const void *bytes, uint32_t size, uint32_t nulls, uint32_t hash)
{
    make_room(kc, (uint32_t)sizeof(wsl_row) + size);
    *kc->row = (wsl_row){.size = (uint32_t)sizeof(wsl_row) + size, .nulls = nulls};
    memcpy(kc->row->slot, bytes, size);
    kc->hash = hash;
    kc->place = TM_KEY_NO_PLACE;
    kc->entry = NULL;
}

void tm_entry_row(bool bytes, const tm_entry_general *e, wsl_row *out)
{
    const tm_kept_key key = tm_entry_kept(e);
    *out = (wsl_row){.size = tm_entry_row_size(bytes, e), .nulls = key.nulls};
    if (!bytes) {
        memcpy(out->slot, key.bytes, key.size);
        return;
    }
    out->slot[0] = key.nulls != 0 ? 0 : (uint64_t)key.size << 32 | (sizeof *out + sizeof out->slot[0]);
    wsl_row_put_bytes((uint8_t *)&out->slot[1], key.bytes, key.size);
}

void tm_key_ctx_restore_kept(tm_key_ctx *kc, const tm_entry_general *entry)
{
    make_room(kc, tm_entry_row_size(kc->bytes, entry));
    tm_entry_row(kc->bytes, entry, kc->row);
    kc->hash = entry->hash;
    kc->place = TM_KEY_NO_PLACE;
    kc->entry = NULL;
}

static uint32_t next_row(const tm_key_ctx *kc) { return kc->place == TM_KEY_NO_PLACE ? 0 : kc->place + 1; }

void tm_key_ctx_entries_moved(tm_key_ctx *kc)
{
    kc->moves++;
    kc->entry = NULL;
    for (uint32_t i = next_row(kc); i < kc->n_loaded; i++) {
        kc->row_entry[i] = NULL;
    }
}

void tm_key_ctx_entry_gone(tm_key_ctx *kc, const void *entry)
{
    kc->moves++;
    kc->entry = NULL;
    for (uint32_t i = next_row(kc); i < kc->n_loaded; i++) {
        kc->row_entry[i] = kc->row_entry[i] == entry ? NULL : kc->row_entry[i];
    }
}

void tm_key_ctx_take_over(tm_key_ctx *kc, const void *owner)
{
    if (kc->owner != owner) {
        kc->entry = NULL;
        memset(kc->row_entry, 0, kc->n_loaded * sizeof(kc->row_entry[0]));
        kc->n_loaded = 0;
        kc->owner = owner;
    }
}
