/*
 * json_plan - a schema made ready for decoding JSON objects: names to fields, and the order of the keys seen last.
 *
 * Lines of one source mostly have the same keys in the same order, so the key at position k is compared with the one at
 * position k of the line before: one 16-byte compare in the usual case. Keys that are no field are learned as well.
 *
 * Threads: as wsl_format. A plan is not re-entered: a schema cannot contain itself.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/type.h>

#include "base/strbuf.h"

typedef struct wsl_json_plan wsl_json_plan;

/* What a value must be. */
typedef struct wsl_json_type {
    const wsl_type *type;
    struct wsl_json_type *element; /* array element, map value */
    wsl_json_plan *row;            /* nested row */
} wsl_json_type;

enum {
    WSL_JSON_UNKNOWN = -1,    /* a key that is no field */
    WSL_JSON_KEY_INLINE = 16, /* name and closing quote: compared with one load */
    WSL_JSON_EXTRA_KEYS = 32, /* positions beyond the number of fields that are remembered */
};

typedef struct wsl_json_key {
    char token[WSL_JSON_KEY_INLINE]; /* the name, its closing quote, a colon; zeros behind */
    uint32_t mask;                   /* a bit per byte of the token; 0: nothing learned, or a long name */
    uint32_t size;                   /* of the token */
    int32_t field;
} wsl_json_key;

struct wsl_json_plan {
    const wsl_schema *schema;
    wsl_json_type *types; /* of the fields */
    uint32_t *name_size;
    wsl_strbuf *labels; /* for encoding: `,"name":` of each field */
    bool all_flat;
    uint32_t first_not_null; /* bit per NOT NULL field among the first 32 */
    bool late_not_null;      /* are there NOT NULL fields behind those? */
    uint32_t n_order;
    wsl_json_key *order; /* by position in the object */
    uint32_t table_mask;
    int32_t *table; /* open addressing: name -> field, -1 = empty */
};

wsl_json_plan *wsl_json_plan_new(const wsl_schema *schema);
void wsl_json_plan_free(wsl_json_plan *plan);

/* The field of that name, or WSL_JSON_UNKNOWN. */
int32_t wsl_json_plan_find(const wsl_json_plan *plan, const char *name, uint32_t size);
/* Remembers the key seen at a position. */
void wsl_json_plan_learn(wsl_json_plan *plan, uint32_t position, const char *name, uint32_t size, int32_t field);
