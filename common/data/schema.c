/*
 * schema.c - lists of named fields: building, copying, and the two questions asked of a pair of schemas.
 *
 * assignable: may rows of one flow into the other unchanged? (between operators)
 * readable:   may stored rows of one be turned into rows of the other? (state, by name; data/migrate.h does it)
 *
 * A schema made here is one struct, one array of fields and a string per name; nested types are copies of their own.
 */
#include <stdio.h>
#include <string.h>

#include <wiesel/type.h>

#include "base/alloc.h"
#include "data/type_internal.h"

/* ---- finding, comparing, copying ---- */

int wsl_schema_find(const wsl_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool wsl_schema_equal(const wsl_schema *a, const wsl_schema *b)
{
    if (a->n_fields != b->n_fields) {
        return false;
    }
    for (uint32_t i = 0; i < a->n_fields; i++) {
        if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
            !wsl_type_equal(&a->fields[i].type, &b->fields[i].type)) {
            return false;
        }
    }
    return true;
}

void wsl_schema_free(wsl_schema *schema)
{
    if (schema == NULL) {
        return;
    }
    wsl_field *fields = (wsl_field *)(uintptr_t)schema->fields;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        free((void *)(uintptr_t)fields[i].name);
        wsl_type_clear(&fields[i].type);
    }
    free(fields);
    free((void *)(uintptr_t)schema->name);
    free(schema);
}

wsl_schema *wsl_schema_copy(const wsl_schema *schema)
{
    wsl_schema *copy = wsl_zalloc(sizeof *copy);
    wsl_field *fields = wsl_calloc(schema->n_fields > 0 ? schema->n_fields : 1, sizeof *fields);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        fields[i].name = wsl_strdup(schema->fields[i].name);
        fields[i].type = wsl_type_copy(&schema->fields[i].type);
    }
    copy->name = wsl_strdup(schema->name != NULL ? schema->name : "");
    copy->n_fields = schema->n_fields;
    copy->fields = fields;
    return copy;
}

/* ---- building ---- */

struct wsl_schema_builder {
    char *name;
    uint32_t n;
    uint32_t capacity;
    wsl_field *fields;
    wsl_error first; /* the first mistake, reported by finish */
};

wsl_schema_builder *wsl_schema_builder_new(const char *name)
{
    wsl_schema_builder *b = wsl_zalloc(sizeof *b);
    b->name = wsl_strdup(name != NULL ? name : "");
    return b;
}

void wsl_schema_builder_free(wsl_schema_builder *b)
{
    if (b == NULL) {
        return;
    }
    for (uint32_t i = 0; i < b->n; i++) {
        free((void *)(uintptr_t)b->fields[i].name);
        wsl_type_clear(&b->fields[i].type);
    }
    free(b->fields);
    free(b->name);
    free(b);
}

/* How deep the type is nested, 0 for a plain one; stops counting beyond the maximum. Says what is wrong in `why`. */
static uint32_t type_depth(const wsl_type *type, uint32_t depth, const char **why)
{
    if (depth > WSL_TYPE_DEPTH_MAX) {
        *why = "types are nested more than 16 deep";
        return depth;
    }
    switch (type->id) {
    case WSL_T_ARRAY:
    case WSL_T_MAP:
        if (type->element == NULL || (type->id == WSL_T_MAP && type->key == NULL)) {
            *why = "an ARRAY or MAP has no element type";
            return depth;
        }
        if (type->id == WSL_T_MAP) {
            (void)type_depth(type->key, depth + 1, why);
        }
        return type_depth(type->element, depth + 1, why);
    case WSL_T_ROW:
        if (type->row == NULL) {
            *why = "a ROW has no fields";
            return depth;
        }
        for (uint32_t i = 0; i < type->row->n_fields && *why == NULL; i++) {
            (void)type_depth(&type->row->fields[i].type, depth + 1, why);
        }
        return depth;
    case WSL_T_DECIMAL:
        if (type->precision < 1 || type->precision > WSL_DECIMAL_PRECISION_MAX || type->scale > type->precision) {
            *why = "a DECIMAL has 1 to 38 digits, at most all of them behind the point";
        }
        return depth;
    default:
        if ((uint32_t)type->id < WSL_T_BOOL || (uint32_t)type->id > WSL_T_ROW) {
            *why = "the type's number is unknown";
        }
        return depth;
    }
}

static void check_field(wsl_schema_builder *b, const char *name, const wsl_type *type)
{
    const size_t size = strlen(name);
    const char *why = NULL;
    (void)type_depth(type, 0, &why);
    if (size == 0) {
        (void)wsl_fail(&b->first, WSL_INVALID, "field %u has no name", b->n + 1);
    } else if (size > WSL_FIELD_NAME_MAX) {
        (void)wsl_fail(&b->first, WSL_INVALID, "the name of field %u has %zu bytes, at most %d are allowed", b->n + 1,
                       size, WSL_FIELD_NAME_MAX);
    } else if (why != NULL) {
        (void)wsl_fail(&b->first, WSL_INVALID, "field '%s': %s", name, why);
    } else if (b->n >= WSL_FIELDS_MAX) {
        (void)wsl_fail(&b->first, WSL_INVALID, "more than %d fields; group some of them into a ROW", WSL_FIELDS_MAX);
    } else {
        for (uint32_t i = 0; i < b->n; i++) {
            if (strcmp(b->fields[i].name, name) == 0) {
                (void)wsl_fail(&b->first, WSL_INVALID, "the name '%s' is used by field %u and field %u; rename one",
                               name, i + 1, b->n + 1);
                return;
            }
        }
    }
}

void wsl_schema_builder_add(wsl_schema_builder *b, const char *name, const wsl_type *type)
{
    if (b->first.status == WSL_OK) {
        check_field(b, name, type);
    }
    if (b->first.status != WSL_OK) {
        return;
    }
    if (b->n == b->capacity) {
        b->capacity = b->capacity == 0 ? 8 : b->capacity * 2;
        b->fields = wsl_realloc(b->fields, b->capacity * sizeof *b->fields);
    }
    b->fields[b->n++] = (wsl_field){wsl_strdup(name), wsl_type_copy(type)};
}

wsl_status wsl_schema_builder_finish(wsl_schema_builder *b, wsl_schema **out_schema, wsl_error *err)
{
    if (b->first.status != WSL_OK) {
        return wsl_fail(err, b->first.status, "schema '%s': %s", b->name, b->first.text);
    }
    if (b->n == 0) {
        return wsl_fail(err, WSL_INVALID, "schema '%s' has no fields", b->name);
    }
    wsl_schema *schema = wsl_zalloc(sizeof *schema);
    *schema = (wsl_schema){WSL_TAKE(b->name), b->n, WSL_TAKE(b->fields)};
    b->name = wsl_strdup(schema->name);
    b->n = 0;
    b->capacity = 0;
    *out_schema = schema;
    return WSL_OK;
}

/* ---- the two questions ---- */

enum { TYPE_TEXT_SHOWN = 160 };

static bool types_fit(const wsl_type *from, const wsl_type *to)
{
    wsl_type a = *from;
    wsl_type b = *to;
    if (a.not_null && !b.not_null) {
        a.not_null = false; /* a field that is never null may feed one that may be */
    }
    return wsl_type_equal(&a, &b);
}

wsl_status wsl_schema_check_assignable(const wsl_schema *from, const wsl_schema *to, wsl_error *err)
{
    for (uint32_t i = 0; i < from->n_fields && i < to->n_fields; i++) {
        const wsl_field *a = &from->fields[i];
        const wsl_field *b = &to->fields[i];
        if (strcmp(a->name, b->name) != 0) {
            return wsl_fail(err, WSL_TYPE, "field %u is called '%s', but '%s' is expected", i + 1, a->name, b->name);
        }
        if (!types_fit(&a->type, &b->type)) {
            char have[TYPE_TEXT_SHOWN];
            char want[TYPE_TEXT_SHOWN];
            wsl_type_text(&a->type, have, sizeof have);
            wsl_type_text(&b->type, want, sizeof want);
            return wsl_fail(err, WSL_TYPE, "field '%s' is %s, but %s is expected", a->name, have, want);
        }
    }
    if (from->n_fields < to->n_fields) {
        return wsl_fail(err, WSL_TYPE, "field '%s' is expected, but the rows end after %u fields",
                        to->fields[from->n_fields].name, from->n_fields);
    }
    if (from->n_fields > to->n_fields) {
        return wsl_fail(err, WSL_TYPE, "field '%s' is not expected, only %u fields are",
                        from->fields[to->n_fields].name, to->n_fields);
    }
    return WSL_OK;
}

static bool is_integer(wsl_type_id id) { return id >= WSL_T_INT8 && id <= WSL_T_INT64; }

wsl_status wsl_type_check_readable(const char *name, const wsl_type *from, const wsl_type *to, wsl_error *err)
{
    bool fits = from->id == to->id;
    if (is_integer(from->id) && is_integer(to->id)) {
        fits = from->id <= to->id;
    } else if (from->id == WSL_T_FLOAT && to->id == WSL_T_DOUBLE) {
        fits = true;
    } else if (fits && from->id == WSL_T_DECIMAL) {
        fits = from->scale == to->scale && from->precision <= to->precision;
    }
    if (!fits || (to->not_null && !from->not_null)) {
        char have[TYPE_TEXT_SHOWN];
        char want[TYPE_TEXT_SHOWN];
        wsl_type_text(from, have, sizeof have);
        wsl_type_text(to, want, sizeof want);
        return wsl_fail(err, WSL_TYPE, "field '%s' was written as %s and cannot be read as %s", name, have, want);
    }
    wsl_status status = WSL_OK;
    if (from->id == WSL_T_ROW) {
        status = wsl_schema_check_readable(from->row, to->row, err);
        return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "field '%s'", name);
    }
    if (from->id == WSL_T_MAP) {
        WSL_TRY(wsl_type_check_readable(name, from->key, to->key, err));
    }
    if (from->id == WSL_T_ARRAY || from->id == WSL_T_MAP) {
        WSL_TRY(wsl_type_check_readable(name, from->element, to->element, err));
    }
    return WSL_OK;
}

wsl_status wsl_schema_check_readable(const wsl_schema *from, const wsl_schema *to, wsl_error *err)
{
    for (uint32_t i = 0; i < to->n_fields; i++) {
        const wsl_field *want = &to->fields[i];
        const int have = wsl_schema_find(from, want->name);
        if (have >= 0) {
            WSL_TRY(wsl_type_check_readable(want->name, &from->fields[have].type, &want->type, err));
        } else if (want->type.not_null) {
            return wsl_fail(err, WSL_TYPE,
                            "the new field '%s' is NOT NULL, but rows written before do not have it; make it nullable",
                            want->name);
        }
    }
    return WSL_OK;
}
