#include "taskmanager/window/row_list.h"

#include "base/alloc.h"

enum { KEEP_BYTES = 1 << 20, FIRST_BYTES = 4096 };

void tm_row_list_fini(tm_row_list *l)
{
    free(l->bytes);
    free(l->rows);
    wsl_vec_fini(&l->at);
    *l = (tm_row_list){0};
}

void tm_row_list_clear(tm_row_list *l)
{
    if (l->capacity > KEEP_BYTES) {
        tm_row_list_fini(l);
    }
    l->used = 0;
    wsl_vec_clear(&l->at);
}

void tm_row_list_add(tm_row_list *l, const wsl_row *row)
{
    if (l->capacity - l->used < row->size) {
        uint64_t capacity = l->capacity == 0 ? FIRST_BYTES : l->capacity;
        while (capacity - l->used < row->size) {
            capacity *= 2;
        }
        l->bytes = wsl_realloc(l->bytes, capacity);
        l->capacity = capacity;
    }
    wsl_vec_push(&l->at, l->used);
    memcpy(l->bytes + l->used, row, row->size);
    l->used += row->size;
}

void tm_row_list_seal(tm_row_list *l)
{
    if (l->rows_capacity < l->at.n) {
        free(l->rows);
        l->rows_capacity = l->at.capacity;
        l->rows = wsl_calloc(l->rows_capacity, sizeof *l->rows);
    }
    for (uint32_t i = 0; i < l->at.n; i++) {
        l->rows[i] = (const wsl_row *)(const void *)(l->bytes + l->at.items[i]);
    }
}

static const wsl_row *view_next(wsl_rows *rows)
{
    tm_rows_view *v = (tm_rows_view *)(void *)rows;
    return v->at < rows->count ? v->row[v->at++] : NULL;
}

static void view_rewind(wsl_rows *rows) { ((tm_rows_view *)(void *)rows)->at = 0; }

void tm_rows_view_init(tm_rows_view *v, const wsl_row *const *rows, uint32_t n)
{
    *v = (tm_rows_view){.rows = {.next = view_next, .rewind = view_rewind, .count = n}, .row = rows};
}
