/*
 * row_list - copies of rows, to be looked at as an array: what a window holds while a function has it.
 *
 *     clear, add, add, ..., seal --> rows[0 .. at.n)
 *
 * Memory is kept for the next time, but for lists that were large.
 *
 * Threads: one owner. Embedded in its owner, zeroed.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/window.h>

#include "base/vec.h"

typedef struct tm_row_list {
    uint8_t *bytes;
    uint64_t used, capacity;
    WSL_VEC(uint64_t) at; /* offsets into bytes */
    const wsl_row **rows; /* once sealed */
    uint32_t rows_capacity;
} tm_row_list;

void tm_row_list_fini(tm_row_list *l);
void tm_row_list_clear(tm_row_list *l);
void tm_row_list_add(tm_row_list *l, const wsl_row *row);
void tm_row_list_seal(tm_row_list *l);

/* Rows of a window, as its function sees them. */
typedef struct tm_rows_view {
    wsl_rows rows; /* first */
    const wsl_row *const *row;
    uint32_t at;
} tm_rows_view;

void tm_rows_view_init(tm_rows_view *v, const wsl_row *const *rows, uint32_t n);
