/*
 * text_value - one flat value and its text: what a CSV cell, a JSON string or a JSON map key holds.
 *
 *   BOOL       true, false (any case; 1 and 0 are read)
 *   INTn       digits; also 1.0 and 1e3 (whole values in n bits only)
 *   FLOAT, DOUBLE  shortest text that reads back the same; NaN, Infinity, -Infinity
 *   DECIMAL    all digits of the scale; further digits are rounded when read
 *   STRING     itself, well-formed UTF-8
 *   BYTES      base64
 *   DATE       2024-02-29; read also as days since 1970
 *   TIME       23:59:59[.999]; read also as milliseconds since midnight
 *   TIMESTAMP  milliseconds since 1970, or 2024-02-29T23:59:59[.999]Z; both are read
 *
 * Threads: any; no state but the caller's scratch.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/type.h>

#include "base/strbuf.h"
#include "data/row_nested.h"

/* Field i of a row, or element i of an array. */
typedef struct wsl_dest {
    wsl_row_writer *row;     /* this ... */
    wsl_array_writer *array; /* ... or that */
    uint32_t i;
} wsl_dest;

static inline void wsl_dest_slot(wsl_dest d, uint64_t slot)
{
    if (d.row != NULL) {
        wsl_row_set_slot(d.row, d.i, slot);
    } else {
        wsl_array_set_slot(d.array, d.i, slot);
    }
}
static inline void wsl_dest_bytes(wsl_dest d, const void *data, uint32_t size)
{
    if (d.row != NULL) {
        wsl_row_set_bytes(d.row, d.i, data, size);
    } else {
        wsl_array_set_bytes(d.array, d.i, data, size);
    }
}
static inline bool wsl_dest_overflow(wsl_dest d) { return d.row != NULL ? d.row->overflow : d.array->overflow; }

bool wsl_type_is_flat(const wsl_type *type); /* no array, map or row */

/* Writes the value. WSL_FORMAT: the text is no value of the type. WSL_NO_RESOURCE: no room. `scratch` is for base64.
 * STRING text was checked to be UTF-8 by the caller. */
WSL_MUST_CHECK wsl_status wsl_text_to_value(const wsl_type *type, const char *text, size_t size, wsl_dest dest,
                                            wsl_strbuf *scratch);

/* An integer type's range check and slot; false if v is out of range. */
static inline bool wsl_int_fits(wsl_type_id id, int64_t v)
{
    switch (id) {
    case WSL_T_INT8:
        return v == (int8_t)v;
    case WSL_T_INT16:
        return v == (int16_t)v;
    case WSL_T_INT32:
    case WSL_T_DATE:
        return v == (int32_t)v;
    case WSL_T_TIME:
        return v >= 0 && v < 86400000;
    default:
        return true;
    }
}

/* Appends the text of the value in `slot` of the row or array that starts at `base`. STRING as it is. */
void wsl_value_to_text(const wsl_type *type, const void *base, uint64_t slot, bool iso, wsl_strbuf *out);
