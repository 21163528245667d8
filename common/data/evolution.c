/*
 * evolution.c - each difference is found once, here; checking is looking for the first that cannot be.
 */
#include "data/evolution.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "data/civil.h"
#include "data/decimal.h"
#include "data/number_text.h"
#include "data/type_internal.h"

enum { TYPE_SHOWN = 160, VALUE_SHOWN = 60 };

const wsl_field_past *wsl_field_past_find(const wsl_field_past *pasts, const char *field)
{
    for (; pasts != NULL && pasts->field != NULL; pasts++) {
        if (strcmp(pasts->field, field) == 0) {
            return pasts;
        }
    }
    return NULL;
}

/* ---- values ---- */

static bool integer_of(const wsl_type *type, const char *text, size_t size, uint64_t *out)
{
    const uint32_t bits = type->id == WSL_T_INT8 ? 8 : type->id == WSL_T_INT16 ? 16 : type->id == WSL_T_INT32 ? 32 : 64;
    const int64_t most = (int64_t)(UINT64_MAX >> (65 - bits));
    int64_t value = 0;
    if (!wsl_parse_whole_int64(text, size, &value) || value > most || value < -most - 1) {
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

static bool real_of(const wsl_type *type, const char *text, size_t size, uint64_t *out)
{
    float f = 0;
    double d = 0;
    if (type->id == WSL_T_DOUBLE) {
        const bool fine = wsl_double_of_text(text, size, &d);
        memcpy(out, &d, sizeof d);
        return fine;
    }
    const bool fine = wsl_float_of_text(text, size, &f);
    uint32_t bits = 0;
    memcpy(&bits, &f, sizeof bits);
    *out = bits;
    return fine;
}

static bool bool_of(const char *text, uint64_t *out)
{
    *out = strcmp(text, "true") == 0;
    return *out != 0 || strcmp(text, "false") == 0;
}

static bool time_of(const wsl_type *type, const char *text, size_t size, uint64_t *out)
{
    int32_t small = 0;
    int64_t ms = 0;
    bool fine = false;
    if (type->id == WSL_T_TIMESTAMP) {
        fine = wsl_civil_parse_timestamp(text, size, &ms);
    } else {
        fine = type->id == WSL_T_DATE ? wsl_civil_parse_date(text, size, &small) : wsl_civil_parse_time(text, size, &small);
        ms = small;
    }
    *out = (uint64_t)ms;
    return fine;
}

static bool parse_value(const wsl_type *type, const char *text, wsl_past_value *out)
{
    const size_t size = strlen(text);
    switch (type->id) {
    case WSL_T_BOOL:
        return bool_of(text, &out->slot);
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
    case WSL_T_INT64:
        return integer_of(type, text, size, &out->slot);
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
        return real_of(type, text, size, &out->slot);
    case WSL_T_DECIMAL:
        return wsl_decimal_parse(text, size, type->precision, type->scale, &out->number);
    case WSL_T_STRING:
    case WSL_T_BYTES:
        out->text = (wsl_str){text, (uint32_t)size};
        return size <= UINT32_MAX;
    default:
        return time_of(type, text, size, &out->slot);
    }
}

wsl_status wsl_past_value_of(const wsl_type *type, const char *text, wsl_past_value *out_value, wsl_error *err)
{
    char shown[TYPE_SHOWN];
    (void)wsl_type_text(type, shown, sizeof shown);
    *out_value = (wsl_past_value){0};
    if (type->id == WSL_T_ARRAY || type->id == WSL_T_MAP || type->id == WSL_T_ROW) {
        return wsl_fail(err, WSL_UNSUPPORTED, "a field of type %s cannot be given a value for rows that do not have it; they have null",
                        shown);
    }
    return parse_value(type, text, out_value)
               ? WSL_OK
               : wsl_fail(err, WSL_INVALID, "'%.*s' is no value of type %s", VALUE_SHOWN, text, shown);
}

wsl_status wsl_field_pasts_check(const wsl_schema *schema, const wsl_field_past *pasts, wsl_error *err)
{
    for (const wsl_field_past *p = pasts; p != NULL && p->field != NULL; p++) {
        wsl_past_value value;
        const int i = wsl_schema_find(schema, p->field);
        if (i < 0) {
            return wsl_fail(err, WSL_INVALID, "something is declared about the past of a field '%s', but the rows have no such field",
                            p->field);
        }
        if (wsl_field_past_find(pasts, p->field) != p) {
            return wsl_fail(err, WSL_INVALID, "the past of field '%s' is declared twice; one declaration says all of it", p->field);
        }
        if (p->value != NULL) {
            const wsl_status status = wsl_past_value_of(&schema->fields[i].type, p->value, &value, err);
            if (status != WSL_OK) {
                return wsl_fail_prefix(err, status, "the past of field '%s'", p->field);
            }
        }
    }
    return WSL_OK;
}

int wsl_evolution_source(const wsl_schema *from, const wsl_schema *to, uint32_t i, const wsl_field_past *pasts)
{
    const int same = wsl_schema_find(from, to->fields[i].name);
    const wsl_field_past *past = wsl_field_past_find(pasts, to->fields[i].name);
    return same >= 0 || past == NULL || past->was == NULL ? same : wsl_schema_find(from, past->was);
}

/* ---- differences ---- */

typedef struct telling {
    wsl_change_fn fn;
    void *arg;
} telling;

static void tell(const telling *t, wsl_change_kind kind, const char *field, const char *format, ...) WSL_PRINTF(4, 5);
static void tell(const telling *t, wsl_change_kind kind, const char *field, const char *format, ...)
{
    char text[WSL_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->fn(t->arg, kind, field, text);
}

static void tell_new(const telling *t, const wsl_field *field, const wsl_field_past *past)
{
    wsl_past_value value;
    wsl_error why = {0};
    if (past != NULL && past->value != NULL) {
        if (wsl_past_value_of(&field->type, past->value, &value, &why) == WSL_OK) {
            tell(t, WSL_CHANGE_ADDED, field->name, "field '%s' is new: '%.*s' in what was kept", field->name, VALUE_SHOWN, past->value);
        } else {
            tell(t, WSL_CHANGE_IMPOSSIBLE, field->name, "the new field '%s': %s", field->name, why.text);
        }
    } else if (field->type.not_null) {
        tell(t, WSL_CHANGE_IMPOSSIBLE, field->name,
             "the new field '%s' is NOT NULL, but rows written before do not have it; make it nullable or declare a value for them",
             field->name);
    } else {
        tell(t, WSL_CHANGE_ADDED, field->name, "field '%s' is new: null in what was kept", field->name);
    }
}

static void tell_old(const telling *t, const wsl_field *was, const wsl_field *is)
{
    char have[TYPE_SHOWN], want[TYPE_SHOWN];
    wsl_error why = {0};
    if (wsl_type_check_readable(was->name, &was->type, &is->type, &why) != WSL_OK) {
        tell(t, WSL_CHANGE_IMPOSSIBLE, is->name, "%s", why.text);
        return;
    }
    if (strcmp(was->name, is->name) != 0) {
        tell(t, WSL_CHANGE_RENAMED, is->name, "field '%s' was called '%s'", is->name, was->name);
    }
    wsl_type a = was->type, b = is->type;
    a.not_null = b.not_null = false;
    if (!wsl_type_equal(&a, &b)) {
        (void)wsl_type_text(&a, have, sizeof have);
        (void)wsl_type_text(&b, want, sizeof want);
        tell(t, WSL_CHANGE_WIDENED, is->name, "field '%s' was %s and is %s", is->name, have, want);
    }
}

static bool is_taken(const wsl_schema *from, uint32_t field, const wsl_schema *to, const wsl_field_past *pasts)
{
    for (uint32_t i = 0; i < to->n_fields; i++) {
        if (wsl_evolution_source(from, to, i, pasts) == (int)field) {
            return true;
        }
    }
    return false;
}

void wsl_evolution_each(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts, wsl_change_fn fn, void *arg)
{
    const telling t = {fn, arg};
    for (uint32_t i = 0; i < to->n_fields; i++) {
        const int at = wsl_evolution_source(from, to, i, pasts);
        if (at < 0) {
            tell_new(&t, &to->fields[i], wsl_field_past_find(pasts, to->fields[i].name));
        } else {
            tell_old(&t, &from->fields[at], &to->fields[i]);
        }
    }
    for (uint32_t i = 0; i < from->n_fields; i++) {
        if (!is_taken(from, i, to, pasts)) {
            tell(&t, WSL_CHANGE_REMOVED, from->fields[i].name, "field '%s' is left out", from->fields[i].name);
        }
    }
}

typedef struct first_impossible {
    wsl_status status;
    wsl_error *err;
} first_impossible;

static void note(void *arg, wsl_change_kind kind, const char *field, const char *sentence)
{
    first_impossible *first = arg;
    (void)field;
    if (kind == WSL_CHANGE_IMPOSSIBLE && first->status == WSL_OK) {
        first->status = wsl_fail(first->err, WSL_TYPE, "%s", sentence);
    }
}

wsl_status wsl_evolution_check(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts, wsl_error *err)
{
    first_impossible first = {.status = WSL_OK, .err = err};
    wsl_evolution_each(from, to, pasts, note, &first);
    return first.status;
}

/* ---- keys ---- */

bool wsl_evolution_same_key(const wsl_schema *a, const wsl_schema *b)
{
    bool same = a->n_fields == b->n_fields;
    for (uint32_t i = 0; same && i < a->n_fields; i++) {
        wsl_type left = a->fields[i].type, right = b->fields[i].type;
        left.not_null = right.not_null = false;
        same = wsl_type_equal(&left, &right);
    }
    return same;
}

static bool same_names(const wsl_schema *a, const wsl_schema *b)
{
    bool same = a->n_fields == b->n_fields;
    for (uint32_t i = 0; same && i < a->n_fields; i++) {
        same = wsl_schema_find(b, a->fields[i].name) >= 0;
    }
    return same;
}

wsl_status wsl_evolution_check_key(const wsl_schema *from, const wsl_schema *to, bool *out_same, wsl_error *err)
{
    char have[TYPE_SHOWN], want[TYPE_SHOWN];
    *out_same = wsl_evolution_same_key(from, to);
    if (*out_same) {
        return WSL_OK;
    }
    if (same_names(from, to)) {
        return wsl_evolution_check(from, to, NULL, err);
    }
    (void)wsl_schema_text(from, have, sizeof have);
    (void)wsl_schema_text(to, want, sizeof want);
    return wsl_fail(err, WSL_TYPE, "its entries were kept by %s and are looked for by %s: none would be found again", have, want);
}
