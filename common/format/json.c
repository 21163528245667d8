/*
 * json.c - the json codec: construction, and rows to lines. Decoding is json_decode.c.
 *
 * Every field is written, in the schema's order, null as null. What JSON has no number for (NaN, infinities) is a
 * string, as are dates, times, bytes (base64) and, with timestamp-format = iso, timestamps. Map keys are strings.
 * Strings that are not UTF-8 (user code can make such) are written with U+FFFD, so that a line is always JSON.
 */
#include "format/json_decode.h"
#include "format/text_scan.h"
#include "format/text_value.h"
#include "data/row_nested.h"

static void encode_value(const wsl_format *f, const wsl_json_type *t, const void *base, uint64_t slot, wsl_strbuf *out);

/* ---- schema ---- */

static wsl_status check_type(const wsl_type *type, const char *name, wsl_error *err)
{
    if (type->id == WSL_T_MAP) {
        if (!wsl_type_is_flat(type->key)) {
            return wsl_fail(err, WSL_TYPE,
                            "field '%s': format json cannot hold a map whose keys are arrays, maps or rows", name);
        }
        return check_type(type->element, name, err);
    }
    if (type->id == WSL_T_ARRAY) {
        return check_type(type->element, name, err);
    }
    if (type->id == WSL_T_ROW) {
        for (uint32_t i = 0; i < type->row->n_fields; i++) {
            WSL_TRY(check_type(&type->row->fields[i].type, type->row->fields[i].name, err));
        }
    }
    return WSL_OK;
}

static wsl_status json_check(const wsl_schema *schema, const wsl_config *config, wsl_error *err)
{
    (void)config;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        WSL_TRY(check_type(&schema->fields[i].type, schema->fields[i].name, err));
    }
    return WSL_OK;
}

static void json_open(wsl_format *f, const wsl_config *config)
{
    wsl_json_format *json = (wsl_json_format *)f;
    json->plan = wsl_json_plan_new(f->schema);
    json->ignore_unknown = wsl_config_bool(config, "json.ignore-unknown");
}

static void json_close(wsl_format *f) { wsl_json_plan_free(((wsl_json_format *)f)->plan); }

static void json_reset(wsl_format *f) { (void)f; }

/* ---- encoding ---- */

/* Appends without asking the allocator each time: room was reserved. */
static inline void put(wsl_strbuf *out, const void *data, size_t size)
{
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static inline void make_room(wsl_strbuf *out, size_t more)
{
    if (WSL_UNLIKELY(out->capacity - out->size <= more)) {
        wsl_strbuf_reserve(out, more);
    }
}

/* Leaves the text without end; whoever called first puts it. */
static void encode_string(const char *text, size_t size, wsl_strbuf *out)
{
    static const char stop[16] = {'"'};
    make_room(out, size + 18);
    char *to = out->data + out->size;
    *to = '"';
    memcpy(to + 1, text, size);
    memcpy(to + 1 + size, stop, sizeof stop); /* the closing quote ends the scan, too */
    const char *odd = wsl_scan_string(to + 1, to + 1 + size + sizeof stop);
    if (WSL_LIKELY(odd == to + 1 + size)) {
        out->size += size + 2;
    } else {
        wsl_strbuf_json(out, text, size);
    }
}

static bool is_quoted(const wsl_format *f, const wsl_type *type, uint64_t slot)
{
    double d;
    float v;
    const uint32_t low = (uint32_t)slot;
    switch (type->id) {
    case WSL_T_DOUBLE:
        memcpy(&d, &slot, sizeof d);
        return d - d != 0;
    case WSL_T_FLOAT:
        memcpy(&v, &low, sizeof v);
        return v - v != 0;
    case WSL_T_TIMESTAMP:
        return f->iso;
    case WSL_T_BYTES:
    case WSL_T_DATE:
    case WSL_T_TIME:
        return true;
    default:
        return false;
    }
}

static void encode_flat(const wsl_format *f, const wsl_type *type, const void *base, uint64_t slot, bool quoted,
                        wsl_strbuf *out)
{
    if (type->id == WSL_T_STRING) {
        encode_string((const char *)base + (uint32_t)slot, slot >> 32, out);
        return;
    }
    if (quoted) {
        wsl_strbuf_putc(out, '"');
    }
    wsl_value_to_text(type, base, slot, f->iso, out);
    if (quoted) {
        wsl_strbuf_putc(out, '"');
    }
}

static void encode_element(const wsl_format *f, const wsl_json_type *t, wsl_array a, uint32_t i, wsl_strbuf *out)
{
    if (wsl_array_is_null(a, i)) {
        wsl_strbuf_add(out, "null", 4);
    } else {
        encode_value(f, t, a.base, wsl_array_slot(a, i), out);
    }
}

static void encode_array(const wsl_format *f, const wsl_json_type *t, wsl_array a, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, '[');
    for (uint32_t i = 0; i < a.n; i++) {
        if (i != 0) {
            wsl_strbuf_putc(out, ',');
        }
        encode_element(f, t->element, a, i, out);
    }
    wsl_strbuf_putc(out, ']');
}

static void encode_map(const wsl_format *f, const wsl_json_type *t, wsl_map m, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, '{');
    for (uint32_t i = 0; i < m.keys.n; i++) {
        if (i != 0) {
            wsl_strbuf_putc(out, ',');
        }
        encode_flat(f, t->type->key, m.keys.base, wsl_array_slot(m.keys, i), true, out);
        wsl_strbuf_putc(out, ':');
        encode_element(f, t->element, m.values, i, out);
    }
    wsl_strbuf_putc(out, '}');
}

static void encode_row(const wsl_format *f, const wsl_json_plan *plan, const wsl_row *row, wsl_strbuf *out)
{
    const wsl_schema *schema = plan->schema;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const wsl_strbuf *label = &plan->labels[i];
        make_room(out, label->size + 40);
        put(out, label->data, label->size);
        if (WSL_UNLIKELY(wsl_row_is_null(row, i, schema->n_fields))) {
            put(out, "null", 4);
        } else {
            encode_value(f, &plan->types[i], row, row->slot[i], out);
        }
    }
    if (schema->n_fields == 0) {
        wsl_strbuf_putc(out, '{');
    }
    wsl_strbuf_putc(out, '}');
}

/* The row or array at base + offset that a slot points at. */
static wsl_array array_at(const void *bytes)
{
    uint32_t n;
    memcpy(&n, bytes, sizeof n);
    return (wsl_array){(const uint8_t *)bytes, n};
}

static wsl_map map_at(const void *bytes)
{
    uint32_t keys_size;
    memcpy(&keys_size, bytes, sizeof keys_size);
    const uint8_t *keys = (const uint8_t *)bytes + 8;
    return (wsl_map){array_at(keys), array_at(keys + keys_size)};
}

static void encode_value(const wsl_format *f, const wsl_json_type *t, const void *base, uint64_t slot, wsl_strbuf *out)
{
    const void *at = (const char *)base + (uint32_t)slot;
    switch (t->type->id) {
    case WSL_T_STRING:
        encode_string((const char *)at, slot >> 32, out);
        break;
    case WSL_T_ARRAY:
        encode_array(f, t, array_at(at), out);
        break;
    case WSL_T_MAP:
        encode_map(f, t, map_at(at), out);
        break;
    case WSL_T_ROW:
        encode_row(f, t->row, (const wsl_row *)at, out);
        break;
    default:
        encode_flat(f, t->type, base, slot, is_quoted(f, t->type, slot), out);
        break;
    }
}

static void json_encode(wsl_format *f, const wsl_row *row, wsl_strbuf *out)
{
    encode_row(f, ((const wsl_json_format *)f)->plan, row, out);
    wsl_strbuf_putc(out, '\n');
}

static void json_encode_header(wsl_format *f, wsl_strbuf *out)
{
    (void)f;
    (void)out;
}

const wsl_codec wsl_json_codec = {
    .name = "json",
    .size = sizeof(wsl_json_format),
    .check = json_check,
    .open = json_open,
    .close = json_close,
    .decode = wsl_json_decode,
    .reset = json_reset,
    .encode = json_encode,
    .encode_header = json_encode_header,
};
