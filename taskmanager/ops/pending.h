/*
 * pending - rows and marks that an operator was handed while it could not take them, in order.
 *
 *     push_rows, push_mark --> [ chunk ][ chunk ][ chunk ] --> front_rows/pop_rows, front_mark/pop_mark
 *
 * Rows are copied into chunks of 64 KiB (a larger row gets a chunk of its own); one emptied chunk is kept for the next
 * time, so a queue that fills and drains all the time allocates nothing.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/macros.h>
#include <wiesel/row.h>

typedef struct tm_pending tm_pending;

void tm_pending_free(tm_pending *q);
WSL_NEW_BY(tm_pending_free) tm_pending *tm_pending_new(void);
WSL_DEFINE_AUTO(tm_pending)

void tm_pending_push_rows(tm_pending *q, uint32_t input, const wsl_row *const *rows, uint32_t n);
void tm_pending_push_mark(tm_pending *q, uint32_t input, wsl_row_kind kind, int64_t timestamp);

/* All of it in order, rows and marks, without taking anything out. Zeroed begins; NULL: no more. The queue does not change
 * meanwhile. */
typedef struct tm_pending_walk {
    const void *chunk;
    uint32_t at;
    bool begun;
} tm_pending_walk;
const wsl_row *tm_pending_next(const tm_pending *q, tm_pending_walk *walk, uint32_t *out_input);

bool tm_pending_is_empty(const tm_pending *q);
uint64_t tm_pending_bytes(const tm_pending *q); /* of rows and marks waiting */

/* The rows at the front that came by one input, at most `max`; 0 if a mark is there. They stay until popped. */
uint32_t tm_pending_front_rows(const tm_pending *q, uint32_t *out_input, const wsl_row **out_rows, uint32_t max);
void tm_pending_pop_rows(tm_pending *q, uint32_t n);
/* The mark at the front and the input it came by; NULL if there is none. */
const wsl_row *tm_pending_front_mark(const tm_pending *q, uint32_t *out_input);
void tm_pending_pop_mark(tm_pending *q);
