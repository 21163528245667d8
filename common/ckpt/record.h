/*
 * record - state as a stream of records, in the order of memory a multiple of 8 each; rows in them can be read in place.
 *
 *     | u32 size | u8 tag | u8 state | u16 0 | i64 number |  rows or bytes ... |
 *
 *     section       records
 *     KEYED         KEY begins a key; SPACE n: what follows is of namespace n, of this and the next keys, until the next SPACE or the
 *                   next key group (0 at its beginning);
 *                   VALUE, ELEMENT, ENTRY are of state `state` of that key and namespace.
 *                   In layers above 0: REPLACE: what lower layers (and records before it) have of that key and namespace does not
 *                   count, what follows is all of it, maybe nothing. DROP n, before the first KEY of a key group: what lower
 *                   layers have of namespace n, of any key of that group, does not count
 *     timers        TIMER: number = time; a u64 namespace, then the key row
 *     LIST, UNION   ELEMENT
 *     BROADCAST     ENTRY, in the order of their first put
 *     SUBTASK       BYTES; what they mean is the operator's business, `state` and `number` are free for it
 *
 *     tag           number                                    body
 *     KEY           its hash                                  key row
 *     SPACE         the namespace                             -
 *     REPLACE       0                                         -
 *     DROP          the namespace                             -
 *     VALUE         time of last use; 0 without TTL           row
 *     ELEMENT       as VALUE                                  row
 *     ENTRY         as VALUE                                  key row, value row
 *     BYTES         for the operator                          u64 length, then that many bytes
 *
 * A row of an element that keeps its timestamp has it in its header, as everywhere.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stddef.h>

#include <wiesel/row.h>

typedef enum wsl_record_tag {
    WSL_RECORD_KEY = 1,
    WSL_RECORD_SPACE,
    WSL_RECORD_VALUE,
    WSL_RECORD_ELEMENT,
    WSL_RECORD_ENTRY,
    WSL_RECORD_TIMER,
    WSL_RECORD_BYTES,
    WSL_RECORD_REPLACE,
    WSL_RECORD_DROP,
} wsl_record_tag;

typedef struct wsl_record {
    uint32_t size; /* of all of it, a multiple of 8 */
    uint8_t tag;
    uint8_t state;
    uint16_t reserved;
    int64_t number;
} wsl_record;

_Static_assert(sizeof(wsl_record) == 16, "part of the format");

enum { WSL_RECORD_SIZE_MAX = 128 << 20 };

static inline const void *wsl_record_body(const wsl_record *r) { return r + 1; }
static inline uint32_t wsl_record_body_size(const wsl_record *r) { return r->size - (uint32_t)sizeof *r; }
/* The first row of a KEY, VALUE, ELEMENT or ENTRY. */
static inline const wsl_row *wsl_record_row(const wsl_record *r) { return (const wsl_row *)(const void *)(r + 1); }
/* ENTRY: the value. */
static inline const wsl_row *wsl_record_second_row(const wsl_record *r)
{
    const wsl_row *first = wsl_record_row(r);
    return (const wsl_row *)(const void *)((const uint8_t *)first + first->size);
}
/* TIMER */
static inline int64_t wsl_record_namespace(const wsl_record *r) { return *(const int64_t *)wsl_record_body(r); }
static inline const wsl_row *wsl_record_timer_key(const wsl_record *r)
{
    return (const wsl_row *)(const void *)((const int64_t *)wsl_record_body(r) + 1);
}
/* BYTES */
static inline wsl_str wsl_record_bytes(const wsl_record *r)
{
    const uint64_t *length = wsl_record_body(r);
    return (wsl_str){(const char *)(length + 1), (uint32_t)*length};
}
