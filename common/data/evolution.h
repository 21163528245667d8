/*
 * evolution - rows that were written with an older schema, and what becomes of each of their fields.
 *
 *     field of today's schema      where its value comes from
 *     of the same name             that field, widened if need be
 *     was called otherwise         the field of that name
 *     neither                      the value declared for such rows, else null (then it must not be NOT NULL)
 *
 * Fields that today's schema does not have are left out. Names and values are declared by wsl_field_past (<wiesel/type.h>), of the
 * outermost fields; in nested rows fields are matched by their names alone.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/row.h>

/* A value for rows that do not have the field. */
typedef struct wsl_past_value {
    uint64_t slot;   /* of fixed types */
    wsl_str text;    /* STRING, BYTES: borrowed from the declaration */
    __int128 number; /* DECIMAL */
} wsl_past_value;

/* The declaration of that field, or NULL. pasts: ended by one without field; NULL: there are none. */
const wsl_field_past *wsl_field_past_find(const wsl_field_past *pasts, const char *field);
/* Its value as one of that type. WSL_INVALID: it is none; WSL_UNSUPPORTED: arrays, maps and rows have none. */
WSL_MUST_CHECK wsl_status wsl_past_value_of(const wsl_type *type, const char *text, wsl_past_value *out_value, wsl_error *err);
/* Are the declarations about fields that the schema has, once each, with values of their types? WSL_INVALID. */
WSL_MUST_CHECK wsl_status wsl_field_pasts_check(const wsl_schema *schema, const wsl_field_past *pasts, wsl_error *err);
/* The field of the old schema that field i of the new one comes from, or -1. */
int wsl_evolution_source(const wsl_schema *from, const wsl_schema *to, uint32_t i, const wsl_field_past *pasts);

typedef enum wsl_change_kind {
    WSL_CHANGE_ADDED,
    WSL_CHANGE_REMOVED,
    WSL_CHANGE_RENAMED,
    WSL_CHANGE_WIDENED, /* also: something inside of an array, map or row changed */
    WSL_CHANGE_IMPOSSIBLE,
} wsl_change_kind;

/* One sentence per difference: "field 'currency' is new: 'EUR' in what was kept". */
typedef void (*wsl_change_fn)(void *arg, wsl_change_kind kind, const char *field, const char *sentence);
void wsl_evolution_each(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts, wsl_change_fn fn, void *arg);
/* The first IMPOSSIBLE change: WSL_TYPE. */
WSL_MUST_CHECK wsl_status wsl_evolution_check(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts,
                                              wsl_error *err);
/* The same types in the same order, whether null or not: keys are found again; names do not matter. */
bool wsl_evolution_same_key(const wsl_schema *a, const wsl_schema *b);
/* Keys of map entries are found again if they have the same types in the same order, whatever the fields are called; or the same
 * names, some of them widened. *out_same: the first, so rows are taken as they are. WSL_TYPE. */
WSL_MUST_CHECK wsl_status wsl_evolution_check_key(const wsl_schema *from, const wsl_schema *to, bool *out_same, wsl_error *err);
