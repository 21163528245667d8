/*
 * op_async_internal - the async operator: what its files share. See op_async.c for how it works.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "api/async_desk.h"
#include "base/heap.h"
#include "taskmanager/ops/fn_ctx.h"

enum { TM_ASYNC_NO_SEAT = UINT32_MAX };

typedef enum tm_async_seat_state { SEAT_FREE, SEAT_ASKING, SEAT_PAUSED, SEAT_ENDING, SEAT_ANSWERED } tm_async_seat_state;

typedef struct tm_async_seat {
    wsl_heap_node alarm; /* first; held while alarm_ns is not WSL_NEVER */
    int64_t alarm_ns;
    int64_t timeout_ns; /* of all attempts; WSL_NEVER: none */
    tm_async_seat_state state;
    uint32_t next; /* in the list it is in: free seats, the segment's answered ones, those just emitted */
    uint32_t attempts;
    uint32_t emitted;   /* bytes of the answer that have left ... */
    uint32_t n_emitted; /* ... which are so many rows */
    uint32_t skip;      /* rows that had left before the state was restored */
    uint64_t number;    /* in order of arrival */
    uint64_t segment;
    wsl_async_answer *answer; /* ANSWERED */
    wsl_row *row;             /* a copy, in memory that stays with the seat */
    uint32_t row_room;
} tm_async_seat;

typedef struct tm_async_segment {
    uint32_t n_open;      /* seats not answered */
    uint32_t first, last; /* answered, in the order of the answers */
    bool has_watermark, has_status, idle;
    int64_t watermark;
} tm_async_segment;

typedef struct tm_async {
    tm_op op;
    tm_fn_ctx f;
    wsl_ctx_ops ctx_ops;         /* of invoke and timeout: without emit */
    const wsl_ctx_ops *emit_ops; /* of finish */
    wsl_async_desk *desk;
    bool ordered;
    uint32_t capacity;
    int64_t timeout_ns; /* WSL_NEVER: none */
    uint32_t attempts;  /* 1: no retry */
    int64_t delay_ns, max_delay_ns;
    double multiplier;
    bool retry_empty;
    tm_async_seat *seats;
    uint32_t free_seats; /* list */
    uint32_t n_taken;
    tm_async_segment *segments;    /* a ring */
    uint64_t first, last; /* segments in use, by number; last takes the next row */
    wsl_heap alarms;
    int64_t armed_ns; /* when the host will wake us at the latest */
    uint64_t next_number; /* of the next row */
    uint32_t *skips;      /* restored: of the next rows, what they have to skip ... */
    uint32_t n_skips, first_skip; /* ... as far as there are any */
} tm_async;

/* ---- op_async_snapshot.c ---- */
WSL_MUST_CHECK wsl_status tm_async_snapshot(tm_op *op, struct tm_snapshot *out);
WSL_MUST_CHECK wsl_status tm_async_restore(tm_op *op, struct tm_restore *in);
/* Of the row that is asked for now; there are some left. */
uint32_t tm_async_skip_of(tm_async *a);
