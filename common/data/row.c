/*
 * row.c - is this a row? The one place that looks at bytes from a socket or a file before anybody reads fields.
 *
 * After WSL_OK every reader of row.h and row_nested.h stays inside the row, whatever the bytes are. Checked on top of
 * that is what the rest of Wiesel relies on: slots hold values of their type (sign-extended, 0 or 1, in range), null
 * fields have slot 0, NOT NULL fields are there, and the up to 7 bytes behind a value are 0, so that equal rows are
 * equal bytes. Not checked: that strings are UTF-8, and that two values do not share bytes.
 */
#include <wiesel/row.h>

#include "data/decimal.h"
#include "data/row_nested.h"
#include "data/type_internal.h"

enum { MARK_SLOTS_MAX = 2, DAY_MS = 24 * 60 * 60 * 1000 };

/* Where we are, for messages: the field on the outermost level, and the error to fill. */
typedef struct check {
    const char *field;
    wsl_error *err;
} check;

static wsl_status check_row(const check *c, const uint8_t *bytes, uint32_t available, const wsl_schema *schema);
static wsl_status check_value(const check *c, const wsl_type *type, uint64_t slot, const uint8_t *base, uint32_t fixed,
                              uint32_t size);

static wsl_status bad(const check *c, const char *what)
{
    return c->field != NULL ? wsl_fail(c->err, WSL_FORMAT, "bad row: field '%s' %s", c->field, what)
                            : wsl_fail(c->err, WSL_FORMAT, "bad row: %s", what);
}

static bool in_range(int64_t v, int64_t min, int64_t max) { return v >= min && v <= max; }

/* ---- values in slots ---- */

static bool slot_ok(const wsl_type *type, uint64_t slot)
{
    const int64_t v = (int64_t)slot;
    switch (type->id) {
    case WSL_T_BOOL:
        return slot <= 1;
    case WSL_T_INT8:
        return in_range(v, INT8_MIN, INT8_MAX);
    case WSL_T_INT16:
        return in_range(v, INT16_MIN, INT16_MAX);
    case WSL_T_INT32:
    case WSL_T_DATE:
        return in_range(v, INT32_MIN, INT32_MAX);
    case WSL_T_TIME:
        return in_range(v, 0, DAY_MS - 1);
    case WSL_T_FLOAT:
        return slot <= UINT32_MAX;
    case WSL_T_DECIMAL:
        return wsl_decimal_fits(v, type->precision);
    default:
        return true;
    }
}

/* ---- values in the variable part; `bytes` has `size` of them, all inside the row ---- */

/* Null words, slots and values of an array; its size must be exactly `size`. */
static wsl_status check_array(const check *c, const uint8_t *bytes, uint32_t size, const wsl_type *element,
                              uint32_t *out_n)
{
    uint32_t head[2];
    if (size < sizeof head) {
        return bad(c, "has an array without a head");
    }
    memcpy(head, bytes, sizeof head);
    const uint32_t n = head[0];
    const uint64_t fixed = 8 + 8 * (wsl_array_null_words(n) + n);
    if (head[1] != 0 || fixed > size || size % 8 != 0) {
        return bad(c, "has an array that is longer than its bytes");
    }
    const wsl_array a = {bytes, n};
    if (n % 64 != 0 && wsl_array_words(a)[n / 64] >> (n % 64) != 0) {
        return bad(c, "has an array with null bits beyond its end");
    }
    for (uint32_t j = 0; j < n; j++) {
        const uint64_t slot = wsl_array_slot(a, j);
        if (wsl_array_is_null(a, j)) {
            if (slot != 0 || element->not_null) {
                return bad(c, "has an array with a null where none may be");
            }
            continue;
        }
        WSL_TRY(check_value(c, element, slot, bytes, (uint32_t)fixed, size));
    }
    *out_n = n;
    return WSL_OK;
}

static wsl_status check_map(const check *c, const uint8_t *bytes, uint32_t size, const wsl_type *type)
{
    uint32_t part[2];
    uint32_t n_keys = 0;
    uint32_t n_values = 0;
    if (size < sizeof part) {
        return bad(c, "has a map without a head");
    }
    memcpy(part, bytes, sizeof part);
    if (part[0] % 8 != 0 || 8 + (uint64_t)part[0] + part[1] != size) {
        return bad(c, "has a map whose parts do not add up");
    }
    wsl_type key = *type->key;
    key.not_null = true;
    WSL_TRY(check_array(c, bytes + 8, part[0], &key, &n_keys));
    WSL_TRY(check_array(c, bytes + 8 + part[0], part[1], type->element, &n_values));
    return n_keys == n_values ? WSL_OK : bad(c, "has a map with more keys than values");
}

static wsl_status check_wide(const check *c, const wsl_type *type, const uint8_t *bytes, uint32_t size)
{
    uint32_t n;
    switch (type->id) {
    case WSL_T_DECIMAL: {
        __int128 v;
        if (size != sizeof v) {
            return bad(c, "has a DECIMAL that is not 16 bytes");
        }
        memcpy(&v, bytes, sizeof v);
        return wsl_decimal_fits(v, type->precision) ? WSL_OK : bad(c, "has a DECIMAL with too many digits");
    }
    case WSL_T_ARRAY:
        return check_array(c, bytes, size, type->element, &n);
    case WSL_T_MAP:
        return check_map(c, bytes, size, type);
    case WSL_T_ROW:
        WSL_TRY(check_row(c, bytes, size, type->row));
        return ((const wsl_row *)(const void *)bytes)->size == size ? WSL_OK
                                                                    : bad(c, "has a nested row of another size");
    default:
        return WSL_OK;
    }
}

static wsl_status check_value(const check *c, const wsl_type *type, uint64_t slot, const uint8_t *base, uint32_t fixed,
                              uint32_t size)
{
    if (wsl_type_is_fixed(type)) {
        return slot_ok(type, slot) ? WSL_OK : bad(c, "has a value that its type cannot have");
    }
    const uint32_t at = (uint32_t)slot;
    const uint64_t n = slot >> 32;
    const uint64_t padded = (n + 7) & ~(uint64_t)7;
    if (at < fixed || at % 8 != 0 || at + padded > size) {
        return bad(c, "points outside the row");
    }
    for (uint64_t i = n; i < padded; i++) {
        if (base[at + i] != 0) {
            return bad(c, "is followed by bytes that are not 0");
        }
    }
    return check_wide(c, type, base + at, (uint32_t)n);
}

/* ---- rows ---- */

static wsl_status check_head(const check *c, const wsl_row *row, uint32_t available)
{
    if (available < sizeof *row) {
        return bad(c, "it ends within its header");
    }
    if (row->size > available || row->size < sizeof *row || row->size % 8 != 0) {
        return bad(c, "its size does not fit the bytes it came in");
    }
    if (row->op > WSL_OP_DELETE || row->kind > WSL_KIND_END) {
        return bad(c, "kind or op are unknown");
    }
    return WSL_OK;
}

static wsl_status check_null_bits(const check *c, const wsl_row *row, uint32_t n_fields)
{
    if (n_fields < 32) {
        return row->nulls >> n_fields == 0 ? WSL_OK : bad(c, "it has null bits beyond its last field");
    }
    const uint32_t rest = (n_fields - 32) % 64;
    const uint32_t last = n_fields + (n_fields - 32) / 64;
    return rest == 0 || row->slot[last] >> rest == 0 ? WSL_OK : bad(c, "it has null bits beyond its last field");
}

/* Any bits in the slot are a value of it. */
static inline bool takes_any(const wsl_type *type)
{
    return type->id == WSL_T_INT64 || type->id == WSL_T_DOUBLE || type->id == WSL_T_TIMESTAMP;
}

static wsl_status check_row(const check *outer, const uint8_t *bytes, uint32_t available, const wsl_schema *schema)
{
    const wsl_row *row = (const wsl_row *)(const void *)bytes;
    const uint32_t fixed = wsl_row_fixed_size(schema->n_fields);
    WSL_TRY(check_head(outer, row, available));
    if (row->kind != WSL_KIND_DATA) {
        return bad(outer, "a mark stands where a row should be");
    }
    if (row->size < fixed) {
        return bad(outer, "it has fewer fields than its schema");
    }
    WSL_TRY(check_null_bits(outer, row, schema->n_fields));
    const bool no_nulls = schema->n_fields <= 32 && row->nulls == 0;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const wsl_field *f = &schema->fields[i];
        if (WSL_LIKELY(no_nulls && takes_any(&f->type))) {
            continue;
        }
        const check c = {outer->field != NULL ? outer->field : f->name, outer->err};
        if (wsl_row_is_null(row, i, schema->n_fields)) {
            if (f->type.not_null || row->slot[i] != 0) {
                return bad(&c, f->type.not_null ? "is null but NOT NULL" : "is null but has a value");
            }
            continue;
        }
        WSL_TRY(check_value(&c, &f->type, row->slot[i], bytes, fixed, row->size));
    }
    return WSL_OK;
}

wsl_status wsl_row_check(const void *bytes, uint32_t available, const wsl_schema *schema, wsl_error *err)
{
    const check c = {NULL, err};
    const wsl_row *row = (const wsl_row *)bytes;
    if ((uintptr_t)bytes % 8 != 0) {
        return bad(&c, "it does not begin at a multiple of 8 bytes");
    }
    WSL_TRY(check_head(&c, row, available));
    if (row->kind != WSL_KIND_DATA) {
        return row->size <= wsl_row_fixed_size(MARK_SLOTS_MAX) ? WSL_OK : bad(&c, "a mark has more than two slots");
    }
    return check_row(&c, (const uint8_t *)bytes, available, schema);
}
