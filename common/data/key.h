/*
 * key - hashing of keys, key groups, and which subtask owns them.
 *
 * The hash is part of the checkpoint format and never changes. Definition, over the key fields in key_by order:
 *
 *     h = 0x9E3779B97F4A7C15
 *     for each field:  v = null ? 0x6E756C6C : fixed-size type ? the 64-bit slot (-0.0 as 0.0, every NaN as one NaN)
 *                                             : XXH3_64bits(bytes of the value)
 *                      h = fold(h ^ v), fold(x) = low64(x * K) ^ high64(x * K),  K = 0xD6E8FEB86659FD93
 *     hash = h >> 32                                              (32 bits, in the row header)
 *
 * key group = hash * max_parallelism >> 32;  subtask = key group * parallelism / max_parallelism.
 * Equal values of one field have equal hashes whatever row they stand in. Arrays and rows hash their bytes; a map
 * cannot be a key, its entries have no order.
 */
#pragma once
#include <stdint.h>

#include <wiesel/row.h>

enum { WSL_KEY_FIELDS_MAX = 16, WSL_MAX_PARALLELISM_MAX = 32768 };

typedef struct wsl_key_spec {
    uint32_t n_fields;
    uint32_t row_fields; /* fields of the whole row, for null bits beyond 32 */
    uint16_t field[WSL_KEY_FIELDS_MAX];
    uint8_t type[WSL_KEY_FIELDS_MAX]; /* wsl_type_id */
    bool wide[WSL_KEY_FIELDS_MAX];    /* value in the variable part */
} wsl_key_spec;

/* Names to spec; unknown names and unusable types are errors that list the schema's fields. */
WSL_MUST_CHECK wsl_status wsl_key_spec_init(wsl_key_spec *spec, const wsl_schema *schema, const char *const *names,
                                            uint32_t n_names, wsl_error *err);
uint32_t wsl_key_hash(const wsl_key_spec *spec, const wsl_row *row);
/* One 64-bit fixed-size key, for tight loops: the same value as wsl_key_hash. */
static inline uint32_t wsl_key_hash_slot(uint64_t slot)
{
    const unsigned __int128 x = (unsigned __int128)(UINT64_C(0x9E3779B97F4A7C15) ^ slot) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(((uint64_t)x ^ (uint64_t)(x >> 64)) >> 32);
}

static inline uint32_t wsl_key_group(uint32_t hash, uint32_t max_parallelism)
{
    return (uint32_t)((uint64_t)hash * max_parallelism >> 32);
}
static inline uint32_t wsl_key_group_owner(uint32_t key_group, uint32_t max_parallelism, uint32_t parallelism)
{
    return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}
/* First key group of subtask i; the range of i ends before the first of i+1. */
static inline uint32_t wsl_key_group_first(uint32_t subtask, uint32_t max_parallelism, uint32_t parallelism)
{
    return (uint32_t)(((uint64_t)subtask * max_parallelism + parallelism - 1) / parallelism);
}
uint32_t wsl_default_max_parallelism(uint32_t parallelism); /* clamp(2^ceil(log2(1.5 p)), 128, 32768) */

/* Writes the key as a row of its own (key fields only, header zero but size and nulls) to `out`: the form in which state
 * keeps keys, compared with memcmp. Returns its size, or 0 if it is larger than capacity. */
uint32_t wsl_key_extract(const wsl_key_spec *spec, const wsl_row *row, void *out, uint32_t capacity);

/* The schema of the rows that wsl_key_extract writes: the key fields, in key_by order. Free with wsl_schema_free. */
wsl_schema *wsl_key_schema_new(const wsl_key_spec *spec, const wsl_schema *schema);
