/*
 * row_time - gives rows their timestamp: a field, an expression over the row, or the one they have.
 *
 * Rows get it in a copy, because others may read the same row, and the copies live until the next call; or, if the owner
 * knows that nobody else reads them (a source's rows that go to one operator), where they are.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

struct wsl_arena;
struct wsl_expr;

typedef struct tm_row_time {
    struct wsl_expr *expr; /* NULL: a field, or rows keep theirs */
    int field;             /* -1: none */
    uint32_t n_fields;
    bool in_place; /* rows may be written to */
    struct wsl_arena *arena;
} tm_row_time;

void tm_row_time_fini(tm_row_time *t); /* zeroed, or whatever init left */
/* text: name of a field or expression of type TIMESTAMP or INT64; NULL or "": rows keep theirs. */
WSL_MUST_CHECK wsl_status tm_row_time_init(tm_row_time *t, const char *text, const wsl_schema *in, wsl_error *err);
/* *out_rows has n rows with their timestamps; it is `rows` itself (always with in_place), or `room` (place for n). A row whose value is NULL
 * has no timestamp. An error of the expression: *out_bad is the row it is about. */
WSL_MUST_CHECK wsl_status tm_row_time_stamp(tm_row_time *t, const wsl_row *const *rows, uint32_t n,
                                            const wsl_row **room, const wsl_row *const **out_rows, uint32_t *out_bad,
                                            wsl_error *err);
