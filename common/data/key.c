/*
 * key.c - the hash of a key and the row form of a key. See key.h for the definition, which never changes; the tests pin
 * its values.
 *
 * Canonical bits: a float that equals another must hash and compare like it, so -0.0 becomes 0.0 and every NaN becomes
 * the quiet NaN without payload, both in the hash and in an extracted key.
 */
#include "data/key.h"

#include <stdio.h>

#define XXH_INLINE_ALL /* most keys are short: a call costs as much as their hash */
#include <xxhash.h>

#include "data/type_internal.h"

static const uint64_t HASH_START = UINT64_C(0x9E3779B97F4A7C15);
static const uint64_t HASH_FACTOR = UINT64_C(0xD6E8FEB86659FD93);
static const uint64_t HASH_NULL = UINT64_C(0x6E756C6C);
static const uint64_t DOUBLE_NAN = UINT64_C(0x7FF8000000000000);
static const uint64_t FLOAT_NAN = UINT64_C(0x7FC00000);

/* ---- spec ---- */

/* "symbol, side, price" of the schema, as far as it fits. */
static void list_fields(const wsl_schema *schema, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < schema->n_fields && at < size; i++) {
        const int n = snprintf(out + at, size - at, "%s%s", i > 0 ? ", " : "", schema->fields[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
}

wsl_status wsl_key_spec_init(wsl_key_spec *spec, const wsl_schema *schema, const char *const *names, uint32_t n_names,
                             wsl_error *err)
{
    wsl_key_spec made = {.n_fields = n_names, .row_fields = schema->n_fields};
    if (n_names == 0) {
        return wsl_fail(err, WSL_INVALID, "a key needs at least one field");
    }
    if (n_names > WSL_KEY_FIELDS_MAX) {
        return wsl_fail(err, WSL_INVALID, "a key of %u fields; at most %d are allowed", n_names, WSL_KEY_FIELDS_MAX);
    }
    for (uint32_t k = 0; k < n_names; k++) {
        const int i = wsl_schema_find(schema, names[k]);
        if (i < 0) {
            char fields[512];
            list_fields(schema, fields, sizeof fields);
            return wsl_fail(err, WSL_NOT_FOUND, "key field '%s' does not exist; there are: %s", names[k], fields);
        }
        const wsl_type *type = &schema->fields[i].type;
        if (type->id == WSL_T_MAP) {
            char fields[512];
            list_fields(schema, fields, sizeof fields);
            return wsl_fail(err, WSL_TYPE,
                            "field '%s' is a MAP, whose entries have no order, so it cannot be a key; there are: %s",
                            names[k], fields);
        }
        for (uint32_t before = 0; before < k; before++) {
            if (made.field[before] == i) {
                return wsl_fail(err, WSL_INVALID, "key field '%s' is named twice", names[k]);
            }
        }
        made.field[k] = (uint16_t)i;
        made.type[k] = (uint8_t)type->id;
        made.wide[k] = !wsl_type_is_fixed(type);
    }
    *spec = made;
    return WSL_OK;
}

wsl_schema *wsl_key_schema_new(const wsl_key_spec *spec, const wsl_schema *schema)
{
    wsl_field fields[WSL_KEY_FIELDS_MAX];
    const wsl_schema key = {schema->name, spec->n_fields, fields};
    for (uint32_t k = 0; k < spec->n_fields; k++) {
        fields[k] = schema->fields[spec->field[k]];
    }
    return wsl_schema_copy(&key);
}

/* ---- hash ---- */

static inline uint64_t fold(uint64_t x)
{
    const unsigned __int128 p = (unsigned __int128)x * HASH_FACTOR;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t canonical_slot(uint8_t type, uint64_t slot)
{
    if (type == WSL_T_DOUBLE) {
        const uint64_t magnitude = slot & INT64_MAX;
        return magnitude > UINT64_C(0x7FF0000000000000) ? DOUBLE_NAN : magnitude == 0 ? 0 : slot;
    }
    if (type == WSL_T_FLOAT) {
        const uint64_t magnitude = slot & 0x7FFFFFFF;
        return magnitude > 0x7F800000 ? FLOAT_NAN : magnitude == 0 ? 0 : slot;
    }
    return slot;
}

/* XXH3_64bits; up to 16 bytes without its dispatch. */
static inline uint64_t hash_bytes(wsl_str s)
{
    return WSL_LIKELY(s.size <= 16) ? XXH3_len_0to16_64b((const xxh_u8 *)s.data, s.size, XXH3_kSecret, 0)
                                    : XXH3_64bits(s.data, s.size);
}

static inline uint64_t value_of(const wsl_key_spec *spec, uint32_t k, const wsl_row *row)
{
    const uint32_t i = spec->field[k];
    if (WSL_UNLIKELY(wsl_row_is_null(row, i, spec->row_fields))) {
        return HASH_NULL;
    }
    if (spec->wide[k]) {
        const wsl_str s = wsl_row_str(row, i);
        return hash_bytes(s);
    }
    return canonical_slot(spec->type[k], row->slot[i]);
}

uint32_t wsl_key_hash(const wsl_key_spec *spec, const wsl_row *row)
{
    uint64_t h = HASH_START;
    for (uint32_t k = 0; k < spec->n_fields; k++) {
        h = fold(h ^ value_of(spec, k, row));
    }
    return (uint32_t)(h >> 32);
}

uint32_t wsl_default_max_parallelism(uint32_t parallelism)
{
    uint32_t max = 128;
    while (max < WSL_MAX_PARALLELISM_MAX && 2 * (uint64_t)max < 3 * (uint64_t)parallelism) {
        max *= 2;
    }
    return max;
}

/* ---- the key as a row ---- */

uint32_t wsl_key_extract(const wsl_key_spec *spec, const wsl_row *row, void *out, uint32_t capacity)
{
    wsl_row_writer w;
    if (!wsl_row_writer_init(&w, out, capacity, spec->n_fields)) {
        return 0;
    }
    for (uint32_t k = 0; k < spec->n_fields; k++) {
        const uint32_t i = spec->field[k];
        if (wsl_row_is_null(row, i, spec->row_fields)) {
            continue;
        }
        if (spec->wide[k]) {
            wsl_row_set_str(&w, k, wsl_row_str(row, i));
        } else {
            wsl_row_set_slot(&w, k, canonical_slot(spec->type[k], row->slot[i]));
        }
    }
    return w.overflow ? 0 : w.row->size;
}
