/*
 * json_plan - a schema made ready for decoding JSON objects: names to fields, and the keys in the order they came last.
 *
 * Lines of one source mostly have the same keys in the same order, written with the same blanks, so where the key after
 * `"quantity":` begins, `,"price":` is expected: one compare of up to 32 bytes says that it is there and where its
 * value begins. A key that is not the expected one is looked for among the next few (a field was left out), then by
 * name, and is learned. Keys that are no field are learned as well.
 *
 * Threads: as wsl_format. A plan is not re-entered: a schema cannot contain itself.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/row.h>
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
    WSL_JSON_TOKEN = 32,      /* bytes from one value to the next that are compared at once */
    WSL_JSON_EXTRA_KEYS = 32, /* positions beyond the number of fields that are remembered */
    WSL_JSON_BLANK_STEP = 32, /* bytes of an empty row that are copied at once */
    WSL_JSON_LOOK_AHEAD = 4,  /* expected keys that may be left out before the key is searched by its name */
};

/* What is to be done with the value behind a key. */
typedef enum wsl_json_use {
    WSL_JSON_SKIP, /* no field of ours */
    WSL_JSON_INT,  /* INT8..INT64, TIMESTAMP */
    WSL_JSON_DOUBLE,
    WSL_JSON_STRING,
    WSL_JSON_BOOL,
    WSL_JSON_OTHER,
    WSL_JSON_LATE, /* a field behind the first 64 */
} wsl_json_use;

typedef struct wsl_json_key {
    /* `?"name":` with the blanks there were between the values, zeros behind. The first byte ('{' or ',') is not
     * compared: any key may come first. */
    char token[WSL_JSON_TOKEN];
    uint32_t mask; /* a bit per byte to compare */
    uint32_t size; /* of the token */
    int32_t field;
    wsl_json_use use;
    uint32_t spare_bits; /* of the 64 in the slot that are not the integer's */
    uint64_t bit; /* of fields 0..63 */
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
    wsl_json_key *order; /* as they are expected; one more at the end, which matches nothing */
    wsl_row *blank;      /* all fields null; blank_size bytes */
    uint32_t blank_size; /* a row's fixed part, up to a multiple of WSL_JSON_BLANK_STEP */
    uint32_t table_mask;
    int32_t *table; /* open addressing: name -> field, -1 = empty */
};

wsl_json_plan *wsl_json_plan_new(const wsl_schema *schema);
void wsl_json_plan_free(wsl_json_plan *plan);

/* The field of that name, or WSL_JSON_UNKNOWN. */
int32_t wsl_json_plan_find(const wsl_json_plan *plan, const char *name, uint32_t size);
/* What is to be done with that field, or WSL_JSON_UNKNOWN, wherever its key stands: all but the token. */
wsl_json_key wsl_json_plan_key(const wsl_json_plan *plan, int32_t field);
/* Expects this key at a position from now on. [text, text+size) is what stands between the value before it and its own:
 * one byte, blanks, the key in quotes without escapes, colon, blanks. */
void wsl_json_plan_learn(wsl_json_plan *plan, uint32_t position, const char *text, size_t size,
                         const wsl_json_key *key);
