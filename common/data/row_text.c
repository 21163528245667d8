/*
 * row_text.c - prints any value by its type; arrays, maps and nested rows call themselves.
 */
#include "data/row_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "data/civil.h"
#include "data/decimal.h"
#include "data/number_text.h"
#include "data/row_nested.h"

static void print_row(wsl_strbuf *out, const wsl_row *row, const wsl_schema *schema);

static void print_hex(wsl_strbuf *out, wsl_str bytes)
{
    static const char hex[] = "0123456789abcdef";
    wsl_strbuf_puts(out, "x'");
    for (uint32_t i = 0; i < bytes.size; i++) {
        const uint8_t b = (uint8_t)bytes.data[i];
        wsl_strbuf_putc(out, hex[b >> 4]);
        wsl_strbuf_putc(out, hex[b & 15]);
    }
    wsl_strbuf_putc(out, '\'');
}

static void print_float(wsl_strbuf *out, uint64_t slot, bool is_double)
{
    char text[WSL_NUMBER_TEXT_MAX];
    size_t n;
    if (is_double) {
        double v;
        memcpy(&v, &slot, sizeof v);
        n = wsl_double_text(v, text);
    } else {
        const uint32_t bits = (uint32_t)slot;
        float v;
        memcpy(&v, &bits, sizeof v);
        n = wsl_float_text(v, text);
    }
    wsl_strbuf_add(out, text, n);
}

static void print_fixed(wsl_strbuf *out, const wsl_type *type, uint64_t slot)
{
    char text[64];
    size_t n;
    switch (type->id) {
    case WSL_T_BOOL:
        wsl_strbuf_puts(out, slot != 0 ? "true" : "false");
        return;
    case WSL_T_FLOAT:
    case WSL_T_DOUBLE:
        print_float(out, slot, type->id == WSL_T_DOUBLE);
        return;
    case WSL_T_DECIMAL:
        n = wsl_decimal_print((int64_t)slot, type->scale, text);
        break;
    case WSL_T_DATE:
        n = wsl_civil_print_date((int64_t)slot, text);
        break;
    case WSL_T_TIME:
        n = wsl_civil_print_time((int64_t)slot, text);
        break;
    case WSL_T_TIMESTAMP:
        n = wsl_civil_print_timestamp((int64_t)slot, ' ', text);
        break;
    default:
        n = (size_t)snprintf(text, sizeof text, "%" PRId64, (int64_t)slot);
        break;
    }
    wsl_strbuf_add(out, text, n);
}

static void print_value(wsl_strbuf *out, const wsl_type *type, uint64_t slot, const uint8_t *base);

static void print_array(wsl_strbuf *out, const wsl_type *element, wsl_array a)
{
    wsl_strbuf_putc(out, '[');
    for (uint32_t j = 0; j < a.n; j++) {
        wsl_strbuf_puts(out, j > 0 ? ", " : "");
        if (wsl_array_is_null(a, j)) {
            wsl_strbuf_puts(out, "NULL");
        } else {
            print_value(out, element, wsl_array_slot(a, j), a.base);
        }
    }
    wsl_strbuf_putc(out, ']');
}

static void print_map(wsl_strbuf *out, const wsl_type *type, const uint8_t *bytes)
{
    uint32_t keys_size;
    uint32_t n;
    memcpy(&keys_size, bytes, sizeof keys_size);
    memcpy(&n, bytes + 8, sizeof n);
    const wsl_array keys = {bytes + 8, n};
    const wsl_array values = {bytes + 8 + keys_size, n};
    wsl_strbuf_putc(out, '{');
    for (uint32_t j = 0; j < n; j++) {
        wsl_strbuf_puts(out, j > 0 ? ", " : "");
        print_value(out, type->key, wsl_array_slot(keys, j), keys.base);
        wsl_strbuf_puts(out, ": ");
        if (wsl_array_is_null(values, j)) {
            wsl_strbuf_puts(out, "NULL");
        } else {
            print_value(out, type->element, wsl_array_slot(values, j), values.base);
        }
    }
    wsl_strbuf_putc(out, '}');
}

/* The slot of a value that is not null; offsets in it count from `base`. */
static void print_value(wsl_strbuf *out, const wsl_type *type, uint64_t slot, const uint8_t *base)
{
    if (wsl_type_is_fixed(type)) {
        print_fixed(out, type, slot);
        return;
    }
    const uint8_t *bytes = base + (uint32_t)slot;
    const uint32_t size = (uint32_t)(slot >> 32);
    switch (type->id) {
    case WSL_T_DECIMAL: {
        char text[WSL_DECIMAL_TEXT_MAX];
        __int128 v;
        memcpy(&v, bytes, sizeof v);
        wsl_strbuf_add(out, text, wsl_decimal_print(v, type->scale, text));
        break;
    }
    case WSL_T_BYTES:
        print_hex(out, (wsl_str){(const char *)bytes, size});
        break;
    case WSL_T_ARRAY: {
        uint32_t n;
        memcpy(&n, bytes, sizeof n);
        print_array(out, type->element, (wsl_array){bytes, n});
        break;
    }
    case WSL_T_MAP:
        print_map(out, type, bytes);
        break;
    case WSL_T_ROW:
        print_row(out, (const wsl_row *)(const void *)bytes, type->row);
        break;
    default:
        wsl_strbuf_add(out, bytes, size);
        break;
    }
}

void wsl_row_print_field(const wsl_row *row, const wsl_schema *schema, uint32_t i, wsl_strbuf *out)
{
    if (wsl_row_is_null(row, i, schema->n_fields)) {
        wsl_strbuf_puts(out, "NULL");
    } else {
        print_value(out, &schema->fields[i].type, row->slot[i], (const uint8_t *)row);
    }
}

static void print_row(wsl_strbuf *out, const wsl_row *row, const wsl_schema *schema)
{
    wsl_strbuf_putc(out, '{');
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        wsl_strbuf_puts(out, i > 0 ? ", " : "");
        wsl_strbuf_puts(out, schema->fields[i].name);
        wsl_strbuf_putc(out, '=');
        wsl_row_print_field(row, schema, i, out);
    }
    wsl_strbuf_putc(out, '}');
}

void wsl_row_print(const wsl_row *row, const wsl_schema *schema, wsl_strbuf *out) { print_row(out, row, schema); }

size_t wsl_row_text(const wsl_row *row, const wsl_schema *schema, char *out, size_t out_size)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    print_row(&text, row, schema);
    const size_t size = text.size;
    if (out_size > 0) {
        const size_t n = size < out_size ? size : out_size - 1;
        memcpy(out, text.data, n);
        out[n] = '\0';
        if (n < size && n >= 3) {
            memcpy(out + n - 3, "...", 3);
        }
    }
    wsl_strbuf_fini(&text);
    return size;
}
