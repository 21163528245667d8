/*
 * type - logical types and schemas of rows.
 *
 * A schema is an immutable list of named, typed fields. Schemas declared with WSL_ROW
 * (row.h) are constants that live for ever; others are made with a wsl_schema_builder
 * and freed by whoever holds them. Rows do not carry a schema pointer: the channel,
 * operator or state that holds a row knows its schema.
 *
 * Threads: any, schemas do not change after they were made.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

/* Numbers are part of the wire and checkpoint format: append, never renumber. */
typedef enum wsl_type_id {
    WSL_T_BOOL = 1,
    WSL_T_INT8 = 2,
    WSL_T_INT16 = 3,
    WSL_T_INT32 = 4,
    WSL_T_INT64 = 5,
    WSL_T_FLOAT = 6,     /* IEEE 754, 32 bits; kept in the low half of the slot */
    WSL_T_DOUBLE = 7,    /* IEEE 754, 64 bits */
    WSL_T_DECIMAL = 8,   /* precision up to 18: unscaled int64 in the slot; to 38: 16 bytes, variable part */
    WSL_T_STRING = 9,    /* UTF-8 */
    WSL_T_BYTES = 10,
    WSL_T_DATE = 11,     /* days since 1970-01-01 */
    WSL_T_TIME = 12,     /* milliseconds since midnight */
    WSL_T_TIMESTAMP = 13, /* milliseconds since 1970-01-01 00:00 UTC */
    WSL_T_ARRAY = 14,
    WSL_T_MAP = 15,
    WSL_T_ROW = 16,
} wsl_type_id;

enum {
    WSL_FIELDS_MAX = 1024,        /* fields of one schema */
    WSL_TYPE_DEPTH_MAX = 16,      /* nesting of arrays, maps and rows */
    WSL_FIELD_NAME_MAX = 255,     /* bytes of a field name */
    WSL_DECIMAL_PRECISION_MAX = 38,
    WSL_DECIMAL_SLOT_PRECISION_MAX = 18,
};

typedef struct wsl_type wsl_type;
typedef struct wsl_schema wsl_schema;

struct wsl_type {
    wsl_type_id id;
    bool not_null;
    uint8_t precision;        /* decimal */
    uint8_t scale;            /* decimal */
    const wsl_type *element;  /* array element, map value */
    const wsl_type *key;      /* map key */
    const wsl_schema *row;    /* nested row */
};

typedef struct wsl_field {
    const char *name;
    wsl_type type;
} wsl_field;

struct wsl_schema {
    const char *name; /* for messages; may be "" */
    uint32_t n_fields;
    const wsl_field *fields;
};

/* "INT64", "DECIMAL(10,2)", "ARRAY<STRING>", "ROW<a INT64, b STRING>", each " NOT NULL" where so; of a schema what stands
 * inside ROW<...>. Always terminated; returns the length it would need, like snprintf. */
size_t wsl_type_text(const wsl_type *type, char *out, size_t out_size);
size_t wsl_schema_text(const wsl_schema *schema, char *out, size_t out_size);

/* Reads what wsl_type_text writes, and SQL's names (BIGINT, INT, VARCHAR, TIMESTAMP(3), ...). Nested parts belong to
 * the result; free them with wsl_type_clear. */
wsl_status wsl_type_parse(const char *text, wsl_type *out_type, wsl_error *err);
void wsl_type_clear(wsl_type *type);

bool wsl_type_equal(const wsl_type *a, const wsl_type *b); /* names of nested rows do not count, nullability does */
bool wsl_type_is_fixed(const wsl_type *type);              /* whole value in the 8-byte slot */

/* The field's index, or -1. Names are case-sensitive. */
int wsl_schema_find(const wsl_schema *schema, const char *name);
bool wsl_schema_equal(const wsl_schema *a, const wsl_schema *b);

/* Can rows of `from` be handed to something that expects `to`, field by field, without change? Same number, order,
 * names and types; a NOT NULL field may feed a nullable one. Says the first difference in err. */
wsl_status wsl_schema_check_assignable(const wsl_schema *from, const wsl_schema *to, wsl_error *err);

/* Can state written with `from` be read as `to`? Fields are matched by name; may be added (nullable), removed,
 * reordered, or widened (int8 < int16 < int32 < int64, float < double, decimal precision). */
wsl_status wsl_schema_check_readable(const wsl_schema *from, const wsl_schema *to, wsl_error *err);

/* What a field was before, for rows that an older version of a job kept (state.h, "Changing the rows of a state"). */
typedef struct wsl_field_past {
    const char *field; /* as it is called today; NULL ends a list */
    const char *was;   /* what it was called; NULL: always the same */
    const char *value; /* what it is in rows that have neither, as text: "0", "EUR", "2024-02-29"; NULL: null */
} wsl_field_past;

/* A deep copy on the heap. wsl_schema_free(NULL) is fine; never free a WSL_ROW constant. */
void wsl_schema_free(wsl_schema *schema);
wsl_schema *wsl_schema_copy(const wsl_schema *schema);
WSL_DEFINE_AUTO(wsl_schema)

typedef struct wsl_schema_builder wsl_schema_builder;
void wsl_schema_builder_free(wsl_schema_builder *b);
WSL_NEW_BY(wsl_schema_builder_free) wsl_schema_builder *wsl_schema_builder_new(const char *name);
WSL_DEFINE_AUTO(wsl_schema_builder)
/* Copies name and type. Errors (duplicate or bad name, too many fields) are kept and reported by finish. */
void wsl_schema_builder_add(wsl_schema_builder *b, const char *name, const wsl_type *type);
WSL_MUST_CHECK wsl_status wsl_schema_builder_finish(wsl_schema_builder *b, wsl_schema **out_schema, wsl_error *err);
