/*
 * row - one record (or one mark in the stream) as bytes.
 *
 *   0      4     5   6      8          12      16          24
 *   | size | kind| op| flags| key_hash | nulls | timestamp | slot 0 | slot 1 | ... | more nulls | variable part |
 *
 * Little-endian, 8-byte aligned, `size` counts everything and is a multiple of 8. `nulls` has a bit per field 0..31
 * (1 = null); fields from 32 on have theirs in 64-bit words right behind the last slot. A slot holds a fixed-size
 * value, or `offset | length << 32` of bytes in the variable part, offset counted from the start of the row. A null
 * field's slot is 0. Bytes between the values are 0, so equal rows are equal bytes.
 *
 * Variable values: STRING and BYTES are the bytes; DECIMAL beyond 18 digits is a little-endian 16-byte integer; ROW is
 * a whole nested row (own header, kind DATA); ARRAY is `u32 n, u32 0, null words (64 bits each), n slots, variable`
 * with offsets from the start of the array; MAP is two arrays, keys then values, behind `u32 keys_size, u32 values_size`.
 *
 * Watermarks, idle marks, barriers and end-of-input are rows of other kinds with zero or one slot.
 *
 * Threads: a row belongs to whoever owns the memory it is in; readers treat it as const.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

typedef enum wsl_row_kind {
    WSL_KIND_DATA = 0,
    WSL_KIND_WATERMARK = 1, /* timestamp = watermark */
    WSL_KIND_IDLE = 2,      /* the channel gives no watermarks until ACTIVE */
    WSL_KIND_ACTIVE = 3,
    WSL_KIND_MARKER = 4,    /* latency marker, slot 0 = source id, slot 1 = ns */
    WSL_KIND_BARRIER = 5,   /* slot 0 = checkpoint id, slot 1 = options; timestamp = trigger time */
    WSL_KIND_END = 6,       /* end of input; nothing follows on this channel */
} wsl_row_kind;

typedef enum wsl_row_op {
    WSL_OP_INSERT = 0,        /* +I */
    WSL_OP_UPDATE_BEFORE = 1, /* -U */
    WSL_OP_UPDATE_AFTER = 2,  /* +U */
    WSL_OP_DELETE = 3,        /* -D */
} wsl_row_op;

enum {
    WSL_ROW_HAS_TIMESTAMP = 1u << 0,
    WSL_ROW_KEYED = 1u << 1, /* key_hash is set */
    /* The other 14 bits: number of the source's split that the row comes from, for those who ask about late rows; 0: not
     * known. Rows made from a row have its number; what many rows are folded to has none. */
    WSL_ROW_SPLIT_SHIFT = 2,
    WSL_ROW_SPLITS = 1 << 14,
    WSL_ROW_SPLIT_MASK = (WSL_ROW_SPLITS - 1) << WSL_ROW_SPLIT_SHIFT,
};

#define WSL_TIME_MIN INT64_MIN
#define WSL_TIME_MAX INT64_MAX
enum { WSL_ROW_SIZE_MAX_DEFAULT = 16 << 20 };

typedef struct wsl_row {
    uint32_t size;
    uint8_t kind;
    uint8_t op;
    uint16_t flags;
    uint32_t key_hash;
    uint32_t nulls;
    int64_t timestamp; /* milliseconds; 0 without WSL_ROW_HAS_TIMESTAMP */
    uint64_t slot[];
} wsl_row;

_Static_assert(sizeof(wsl_row) == 24, "the row header is part of the wire format");

/* Bytes with a length, not terminated. Points into a row: valid as long as the row. */
typedef struct wsl_str {
    const char *data;
    uint32_t size;
} wsl_str;

static inline wsl_str wsl_str_of(const char *text)
{
    return (wsl_str){text, (uint32_t)strlen(text)};
}
static inline bool wsl_str_equal(wsl_str a, wsl_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- reading; `i` is trusted, rows from outside were checked by wsl_row_check when they came in ---- */

static inline bool wsl_row_has_timestamp(const wsl_row *row) { return row->flags & WSL_ROW_HAS_TIMESTAMP; }

/* n_fields only matters for i >= 32. */
static inline bool wsl_row_is_null(const wsl_row *row, uint32_t i, uint32_t n_fields)
{
    if (WSL_LIKELY(i < 32)) {
        return row->nulls >> i & 1;
    }
    return row->slot[n_fields + (i - 32) / 64] >> ((i - 32) % 64) & 1;
}
static inline int64_t wsl_row_int64(const wsl_row *row, uint32_t i) { return (int64_t)row->slot[i]; }
static inline bool wsl_row_bool(const wsl_row *row, uint32_t i) { return row->slot[i] != 0; }
static inline double wsl_row_double(const wsl_row *row, uint32_t i)
{
    double v;
    memcpy(&v, &row->slot[i], sizeof v);
    return v;
}
static inline float wsl_row_float(const wsl_row *row, uint32_t i)
{
    float v;
    const uint32_t bits = (uint32_t)row->slot[i];
    memcpy(&v, &bits, sizeof v);
    return v;
}
static inline wsl_str wsl_row_str(const wsl_row *row, uint32_t i)
{
    const uint64_t s = row->slot[i];
    return (wsl_str){(const char *)row + (uint32_t)s, (uint32_t)(s >> 32)};
}

/* Size of the part before the variable one. */
static inline uint32_t wsl_row_fixed_size(uint32_t n_fields)
{
    const uint32_t more_nulls = n_fields > 32 ? (n_fields - 32 + 63) / 64 : 0;
    return (uint32_t)sizeof(wsl_row) + 8 * (n_fields + more_nulls);
}

/* Is this a well-formed row of `schema` within `available` bytes? For everything that comes from a socket or a file. Marks
 * (other kinds than DATA) are well-formed too if they have at most two slots; look at `kind` where none may come. */
WSL_MUST_CHECK wsl_status wsl_row_check(const void *bytes, uint32_t available, const wsl_schema *schema, wsl_error *err);

/* ---- writing: a row is built in place in memory that has room; see context.h for where it comes from ---- */

typedef struct wsl_row_writer {
    wsl_row *row;
    uint32_t n_fields;
    uint32_t capacity; /* bytes available at row */
    bool overflow;     /* a value did not fit; the row must not be used */
} wsl_row_writer;      /* row NULL: there was no memory at all; setters do nothing */

/* All fields null, no timestamp, op +I. False if even the fixed part does not fit. `memory` is 8-byte aligned. */
static inline bool wsl_row_writer_init(wsl_row_writer *w, void *memory, uint32_t capacity, uint32_t n_fields)
{
    const uint32_t size = wsl_row_fixed_size(n_fields);
    *w = (wsl_row_writer){(wsl_row *)memory, n_fields, capacity, false};
    if (WSL_UNLIKELY(size > capacity)) {
        w->row = NULL; /* nobody takes what is there for a row */
        w->overflow = true;
        return false;
    }
    memset(w->row, 0, size);
    w->row->size = size;
    w->row->nulls = n_fields >= 32 ? UINT32_MAX : (1u << n_fields) - 1;
    for (uint32_t i = 32; i < n_fields; i++) {
        w->row->slot[n_fields + (i - 32) / 64] |= (uint64_t)1 << ((i - 32) % 64);
    }
    return true;
}

/* For assigning to fixed-size fields of a row that is there: an accumulator, or what wsl_value_update gave. */
static inline wsl_row_writer wsl_row_edit(wsl_row *row, uint32_t n_fields)
{
    return (wsl_row_writer){row, n_fields, row != NULL ? row->size : 0, row == NULL};
}

static inline void wsl_row_set_slot(wsl_row_writer *w, uint32_t i, uint64_t v)
{
    if (WSL_UNLIKELY(w->row == NULL)) {
        return;
    }
    w->row->slot[i] = v;
    if (WSL_LIKELY(i < 32)) {
        w->row->nulls &= ~(1u << i);
    } else {
        w->row->slot[w->n_fields + (i - 32) / 64] &= ~((uint64_t)1 << ((i - 32) % 64));
    }
}
static inline void wsl_row_set_int64(wsl_row_writer *w, uint32_t i, int64_t v) { wsl_row_set_slot(w, i, (uint64_t)v); }
static inline void wsl_row_set_bool(wsl_row_writer *w, uint32_t i, bool v) { wsl_row_set_slot(w, i, v); }
static inline void wsl_row_set_double(wsl_row_writer *w, uint32_t i, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    wsl_row_set_slot(w, i, bits);
}
static inline void wsl_row_set_float(wsl_row_writer *w, uint32_t i, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    wsl_row_set_slot(w, i, bits);
}
/* Copies bytes to where a value of the variable part goes, and zeros up to the next multiple of 8; nothing if there are
 * none. Short ones go as whole words: no call, and who reads the value next does not wait for the writes of its parts. */
static inline void wsl_row_put_bytes(uint8_t *to, const void *data, uint32_t size)
{
    const uint8_t *from = (const uint8_t *)data;
    uint64_t word = 0;
    if (size >= 8) {
        const uint32_t last = (size - 1) & ~UINT32_C(7); /* where the last word goes */
        if (size <= 16) {
            memcpy(&word, from, 8);
            memcpy(to, &word, 8);
        } else {
            memcpy(to, from, last);
        }
        memcpy(&word, from + size - 8, 8);
        word >>= 8 * (last + 8 - size);
        memcpy(to + last, &word, 8);
        return;
    }
    if (size >= 4) {
        uint32_t low, high;
        memcpy(&low, from, 4);
        memcpy(&high, from + size - 4, 4);
        word = low | (uint64_t)high << (8 * (size - 4));
    } else if (size != 0) {
        word = from[0] | (uint64_t)from[size / 2] << (8 * (size / 2)) | (uint64_t)from[size - 1] << (8 * (size - 1));
    } else {
        return;
    }
    memcpy(to, &word, 8);
}
/* Appends to the variable part; a field may be set once. Sets overflow instead of writing past the end. */
static inline void wsl_row_set_bytes(wsl_row_writer *w, uint32_t i, const void *data, uint32_t size)
{
    if (WSL_UNLIKELY(w->row == NULL)) {
        return;
    }
    const uint64_t padded = ((uint64_t)size + 7) & ~(uint64_t)7;
    const uint32_t at = w->row->size;
    if (WSL_UNLIKELY(padded > w->capacity - at)) {
        w->overflow = true;
        return;
    }
    wsl_row_put_bytes((uint8_t *)w->row + at, data, size);
    w->row->size = at + (uint32_t)padded;
    wsl_row_set_slot(w, i, (uint64_t)size << 32 | at);
}
static inline void wsl_row_set_str(wsl_row_writer *w, uint32_t i, wsl_str v)
{
    wsl_row_set_bytes(w, i, v.data, v.size);
}
static inline void wsl_row_set_timestamp(wsl_row *row, int64_t timestamp_ms)
{
    row->timestamp = timestamp_ms;
    row->flags |= WSL_ROW_HAS_TIMESTAMP;
}

/* ---- declaring a row once ----
 *
 *   WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));
 *
 * gives `trade_schema` (a const wsl_schema), `trade_f_symbol`... (field numbers), `trade_n_fields`, readers
 * `trade_quantity(row)` and `trade_quantity_is_null(row)`, setters `trade_set_quantity(writer, value)`, and `trade_edit(row)`, the
 * writer that sets fixed-size fields of a row that is there.
 * Kinds: bool int8 int16 int32 int64 float double string bytes date time timestamp. Up to 250 fields.
 */
#define WSL_ROW(name, ...)                                                                         \
    enum { WSL_EACH(WSL_ROW_ENUM_, name, __VA_ARGS__) name##_n_fields };                           \
    WSL_EACH(WSL_ROW_ACCESS_, name, __VA_ARGS__)                                                   \
    __attribute__((unused)) static inline wsl_row_writer name##_edit(wsl_row *row)                 \
    {                                                                                              \
        return wsl_row_edit(row, name##_n_fields);                                                 \
    }                                                                                              \
    static const wsl_field name##_fields_[] = {WSL_EACH(WSL_ROW_FIELD_, name, __VA_ARGS__)};       \
    __attribute__((unused)) static const wsl_schema name##_schema = {                              \
        #name, name##_n_fields, name##_fields_}

#define WSL_ROW_ENUM_(name, field) WSL_ROW_ENUM_2_(name, WSL_UNPAREN field)
#define WSL_ROW_ENUM_2_(...) WSL_ROW_ENUM_3_(__VA_ARGS__)
#define WSL_ROW_ENUM_3_(name, kind, field) name##_f_##field,

#define WSL_ROW_FIELD_(name, field) WSL_ROW_FIELD_2_(name, WSL_UNPAREN field)
#define WSL_ROW_FIELD_2_(...) WSL_ROW_FIELD_3_(__VA_ARGS__)
#define WSL_ROW_FIELD_3_(name, kind, field) {#field, {.id = WSL_ID_##kind}},

#define WSL_ROW_ACCESS_(name, field) WSL_ROW_ACCESS_2_(name, WSL_UNPAREN field)
#define WSL_ROW_ACCESS_2_(...) WSL_ROW_ACCESS_3_(__VA_ARGS__)
#define WSL_ROW_ACCESS_3_(name, kind, field)                                                       \
    __attribute__((unused)) static inline WSL_C_##kind name##_##field(const wsl_row *row)          \
    {                                                                                              \
        return WSL_GET_##kind(row, name##_f_##field);                                              \
    }                                                                                              \
    __attribute__((unused)) static inline bool name##_##field##_is_null(const wsl_row *row)        \
    {                                                                                              \
        return wsl_row_is_null(row, name##_f_##field, name##_n_fields);                            \
    }                                                                                              \
    __attribute__((unused)) static inline void name##_set_##field(wsl_row_writer *writer,          \
                                                                  WSL_C_##kind value)              \
    {                                                                                              \
        WSL_SET_##kind(writer, name##_f_##field, value);                                           \
    }

/* `bool` is a macro of <stdbool.h>, so the kind arrives here under its other name too. */
#define WSL_C__Bool bool
#define WSL_ID__Bool WSL_T_BOOL
#define WSL_GET__Bool(row, i) wsl_row_bool(row, i)
#define WSL_SET__Bool(w, i, v) wsl_row_set_bool(w, i, v)
#define WSL_C_bool bool
#define WSL_C_int8 int8_t
#define WSL_C_int16 int16_t
#define WSL_C_int32 int32_t
#define WSL_C_int64 int64_t
#define WSL_C_float float
#define WSL_C_double double
#define WSL_C_string wsl_str
#define WSL_C_bytes wsl_str
#define WSL_C_date int32_t
#define WSL_C_time int32_t
#define WSL_C_timestamp int64_t

#define WSL_ID_bool WSL_T_BOOL
#define WSL_ID_int8 WSL_T_INT8
#define WSL_ID_int16 WSL_T_INT16
#define WSL_ID_int32 WSL_T_INT32
#define WSL_ID_int64 WSL_T_INT64
#define WSL_ID_float WSL_T_FLOAT
#define WSL_ID_double WSL_T_DOUBLE
#define WSL_ID_string WSL_T_STRING
#define WSL_ID_bytes WSL_T_BYTES
#define WSL_ID_date WSL_T_DATE
#define WSL_ID_time WSL_T_TIME
#define WSL_ID_timestamp WSL_T_TIMESTAMP

#define WSL_GET_bool(row, i) wsl_row_bool(row, i)
#define WSL_GET_int8(row, i) ((int8_t)(row)->slot[i])
#define WSL_GET_int16(row, i) ((int16_t)(row)->slot[i])
#define WSL_GET_int32(row, i) ((int32_t)(row)->slot[i])
#define WSL_GET_int64(row, i) ((int64_t)(row)->slot[i])
#define WSL_GET_float(row, i) wsl_row_float(row, i)
#define WSL_GET_double(row, i) wsl_row_double(row, i)
#define WSL_GET_string(row, i) wsl_row_str(row, i)
#define WSL_GET_bytes(row, i) wsl_row_str(row, i)
#define WSL_GET_date(row, i) ((int32_t)(row)->slot[i])
#define WSL_GET_time(row, i) ((int32_t)(row)->slot[i])
#define WSL_GET_timestamp(row, i) ((int64_t)(row)->slot[i])

/* Integers narrower than 64 bits are sign-extended in the slot. */
#define WSL_SET_bool(w, i, v) wsl_row_set_bool(w, i, v)
#define WSL_SET_int8(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_int16(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_int32(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_int64(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_float(w, i, v) wsl_row_set_float(w, i, v)
#define WSL_SET_double(w, i, v) wsl_row_set_double(w, i, v)
#define WSL_SET_string(w, i, v) wsl_row_set_str(w, i, v)
#define WSL_SET_bytes(w, i, v) wsl_row_set_str(w, i, v)
#define WSL_SET_date(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_time(w, i, v) wsl_row_set_int64(w, i, v)
#define WSL_SET_timestamp(w, i, v) wsl_row_set_int64(w, i, v)
