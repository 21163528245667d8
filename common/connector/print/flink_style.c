/*
 * flink_style.c - see the header.
 */
#include "connector/print/flink_style.h"

#include "format/text_value.h"

static void value(const wsl_type *type, const void *base, uint64_t slot, wsl_strbuf *out);

static wsl_array array_at(const void *bytes)
{
    uint32_t n;
    memcpy(&n, bytes, sizeof n);
    return (wsl_array){(const uint8_t *)bytes, n};
}

static void element(const wsl_type *type, wsl_array a, uint32_t i, wsl_strbuf *out)
{
    if (wsl_array_is_null(a, i)) {
        wsl_strbuf_puts(out, "null");
    } else {
        value(type, a.base, wsl_array_slot(a, i), out);
    }
}

static void array(const wsl_type *type, wsl_array a, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, '[');
    for (uint32_t i = 0; i < a.n; i++) {
        wsl_strbuf_puts(out, i != 0 ? ", " : "");
        element(type->element, a, i, out);
    }
    wsl_strbuf_putc(out, ']');
}

static void map(const wsl_type *type, const uint8_t *bytes, wsl_strbuf *out)
{
    uint32_t keys_size;
    memcpy(&keys_size, bytes, sizeof keys_size);
    const wsl_array keys = array_at(bytes + 8);
    const wsl_array values = array_at(bytes + 8 + keys_size);
    wsl_strbuf_putc(out, '{');
    for (uint32_t i = 0; i < keys.n; i++) {
        wsl_strbuf_puts(out, i != 0 ? ", " : "");
        element(type->key, keys, i, out);
        wsl_strbuf_putc(out, '=');
        element(type->element, values, i, out);
    }
    wsl_strbuf_putc(out, '}');
}

static void value(const wsl_type *type, const void *base, uint64_t slot, wsl_strbuf *out)
{
    const void *at = (const char *)base + (uint32_t)slot;
    switch (type->id) {
    case WSL_T_ARRAY:
        array(type, array_at(at), out);
        break;
    case WSL_T_MAP:
        map(type, (const uint8_t *)at, out);
        break;
    case WSL_T_ROW:
        wsl_flink_style_row((const wsl_row *)at, type->row, out);
        break;
    default:
        wsl_value_to_text(type, base, slot, true, out);
        break;
    }
}

void wsl_flink_style_row(const wsl_row *row, const wsl_schema *schema, wsl_strbuf *out)
{
    static const char *const ops[] = {"+I[", "-U[", "+U[", "-D["};
    wsl_strbuf_puts(out, ops[row->op & 3]);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        wsl_strbuf_puts(out, i != 0 ? ", " : "");
        if (wsl_row_is_null(row, i, schema->n_fields)) {
            wsl_strbuf_puts(out, "null");
        } else {
            value(&schema->fields[i].type, row, row->slot[i], out);
        }
    }
    wsl_strbuf_putc(out, ']');
}
