/*
 * text_value.c - see the header.
 */
#include "format/text_value.h"

#include <strings.h>

#include "base/number.h"
#include "data/civil.h"
#include "data/decimal.h"
#include "format/base64.h"
#include "format/text_number.h"

bool wsl_type_is_flat(const wsl_type *type)
{
    return type->id != WSL_T_ARRAY && type->id != WSL_T_MAP && type->id != WSL_T_ROW;
}

static wsl_status put(wsl_dest dest, bool ok, uint64_t slot)
{
    if (!ok) {
        return WSL_FORMAT;
    }
    wsl_dest_slot(dest, slot);
    return WSL_OK;
}

static wsl_status put_bytes(wsl_dest dest, const void *data, size_t size)
{
    if (size > UINT32_MAX) {
        return WSL_FORMAT;
    }
    wsl_dest_bytes(dest, data, (uint32_t)size);
    return wsl_dest_overflow(dest) ? WSL_NO_RESOURCE : WSL_OK;
}

static wsl_status bool_value(const char *s, size_t n, wsl_dest dest)
{
    const bool yes = (n == 4 && strncasecmp(s, "true", 4) == 0) || (n == 1 && *s == '1');
    const bool no = (n == 5 && strncasecmp(s, "false", 5) == 0) || (n == 1 && *s == '0');
    return put(dest, yes || no, yes);
}

static wsl_status int_value(const wsl_type *type, const char *s, size_t n, wsl_dest dest)
{
    int64_t v = 0;
    const bool ok = wsl_text_to_int64(s, n, &v) && wsl_int_fits(type->id, v);
    return put(dest, ok, (uint64_t)v);
}

static wsl_status float_value(const char *s, size_t n, wsl_dest dest)
{
    float v;
    uint32_t bits = 0;
    const bool ok = wsl_text_to_float(s, n, true, &v);
    if (ok) {
        memcpy(&bits, &v, sizeof bits);
    }
    return put(dest, ok, bits);
}

static wsl_status double_value(const char *s, size_t n, wsl_dest dest)
{
    double v;
    uint64_t bits = 0;
    const bool ok = wsl_text_to_double(s, n, true, &v);
    if (ok) {
        memcpy(&bits, &v, sizeof bits);
    }
    return put(dest, ok, bits);
}

static wsl_status decimal_value(const wsl_type *type, const char *s, size_t n, wsl_dest dest)
{
    __int128 v;
    if (!wsl_decimal_parse(s, n, type->precision, type->scale, &v)) {
        return WSL_FORMAT;
    }
    return wsl_type_is_fixed(type) ? put(dest, true, (uint64_t)v) : put_bytes(dest, &v, sizeof v);
}

static wsl_status bytes_value(const char *s, size_t n, wsl_dest dest, wsl_strbuf *scratch)
{
    wsl_strbuf_clear(scratch);
    wsl_strbuf_reserve(scratch, wsl_base64_decoded_max(n) + 1);
    size_t size = 0;
    if (!wsl_base64_decode(s, n, (uint8_t *)scratch->data, &size)) {
        return WSL_FORMAT;
    }
    return put_bytes(dest, scratch->data, size);
}

static bool is_integer(const char *s, size_t n)
{
    size_t i = n > 0 && *s == '-';
    if (i == n) {
        return false;
    }
    while (i < n && wsl_is_digit(s[i])) {
        i++;
    }
    return i == n;
}

static wsl_status time_value(const wsl_type *type, const char *s, size_t n, wsl_dest dest)
{
    if (is_integer(s, n)) {
        return int_value(type, s, n, dest);
    }
    int64_t v = 0;
    int32_t v32 = 0;
    bool ok;
    if (type->id == WSL_T_TIMESTAMP) {
        ok = wsl_civil_parse_timestamp(s, n, &v);
    } else {
        ok = type->id == WSL_T_DATE ? wsl_civil_parse_date(s, n, &v32) : wsl_civil_parse_time(s, n, &v32);
        v = v32;
    }
    return put(dest, ok, (uint64_t)v);
}

wsl_status wsl_text_to_value(const wsl_type *type, const char *s, size_t n, wsl_dest dest, wsl_strbuf *scratch)
{
    if (type->id == WSL_T_STRING) {
        return put_bytes(dest, s, n);
    }
    while (n > 0 && (*s == ' ' || *s == '\t')) {
        s++;
        n--;
    }
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) {
        n--;
    }
    switch (type->id) {
    case WSL_T_BOOL:
        return bool_value(s, n, dest);
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
    case WSL_T_INT64:
        return int_value(type, s, n, dest);
    case WSL_T_FLOAT:
        return float_value(s, n, dest);
    case WSL_T_DOUBLE:
        return double_value(s, n, dest);
    case WSL_T_DECIMAL:
        return decimal_value(type, s, n, dest);
    case WSL_T_BYTES:
        return bytes_value(s, n, dest, scratch);
    case WSL_T_DATE:
    case WSL_T_TIME:
    case WSL_T_TIMESTAMP:
        return time_value(type, s, n, dest);
    case WSL_T_STRING:
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        break;
    }
    return WSL_FORMAT;
}

/* ---- to text ---- */

static void add_double(double v, wsl_strbuf *out)
{
    if (v != v) {
        wsl_strbuf_puts(out, "NaN");
    } else if (v - v != 0) {
        wsl_strbuf_puts(out, v < 0 ? "-Infinity" : "Infinity");
    } else {
        wsl_strbuf_reserve(out, 32);
        out->size += wsl_print_double(v, out->data + out->size);
        out->data[out->size] = '\0';
    }
}

static void add_float(float v, wsl_strbuf *out)
{
    if (v != v || v - v != 0) {
        add_double((double)v, out);
    } else {
        wsl_strbuf_reserve(out, 32);
        out->size += wsl_print_float(v, out->data + out->size);
        out->data[out->size] = '\0';
    }
}

static void add_int64(int64_t v, wsl_strbuf *out)
{
    wsl_strbuf_reserve(out, 32);
    out->size += wsl_print_int64(v, out->data + out->size);
    out->data[out->size] = '\0';
}

static void add_decimal(const wsl_type *type, const void *base, uint64_t slot, wsl_strbuf *out)
{
    char text[WSL_DECIMAL_TEXT_MAX];
    __int128 v = (int64_t)slot;
    if (!wsl_type_is_fixed(type)) {
        memcpy(&v, (const char *)base + (uint32_t)slot, sizeof v);
    }
    wsl_strbuf_add(out, text, wsl_decimal_print(v, type->scale, text));
}

static void add_time(const wsl_type *type, int64_t v, bool iso, wsl_strbuf *out)
{
    char text[WSL_CIVIL_TEXT_MAX];
    switch (type->id) {
    case WSL_T_DATE:
        wsl_strbuf_add(out, text, wsl_civil_print_date(v, text));
        break;
    case WSL_T_TIME:
        wsl_strbuf_add(out, text, wsl_civil_print_time(v, text));
        break;
    default:
        if (iso) {
            wsl_strbuf_add(out, text, wsl_civil_print_timestamp(v, 'T', text));
            wsl_strbuf_putc(out, 'Z');
        } else {
            add_int64(v, out);
        }
        break;
    }
}

void wsl_value_to_text(const wsl_type *type, const void *base, uint64_t slot, bool iso, wsl_strbuf *out)
{
    const char *data = (const char *)base + (uint32_t)slot;
    const size_t size = slot >> 32;
    double d;
    float f;
    const uint32_t low = (uint32_t)slot;
    switch (type->id) {
    case WSL_T_BOOL:
        wsl_strbuf_puts(out, slot != 0 ? "true" : "false");
        break;
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
    case WSL_T_INT64:
        add_int64((int64_t)slot, out);
        break;
    case WSL_T_FLOAT:
        memcpy(&f, &low, sizeof f);
        add_float(f, out);
        break;
    case WSL_T_DOUBLE:
        memcpy(&d, &slot, sizeof d);
        add_double(d, out);
        break;
    case WSL_T_DECIMAL:
        add_decimal(type, base, slot, out);
        break;
    case WSL_T_STRING:
        wsl_strbuf_add(out, data, size);
        break;
    case WSL_T_BYTES:
        wsl_base64_encode(data, size, out);
        break;
    case WSL_T_DATE:
    case WSL_T_TIME:
    case WSL_T_TIMESTAMP:
        add_time(type, (int64_t)slot, iso, out);
        break;
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        break;
    }
}
