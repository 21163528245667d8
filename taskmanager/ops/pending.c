/*
 * An item is a word that names the input, then the row; marks are rows of their kind. Items of one chunk lie one behind
 * the other:
 *
 *     chunk: | next, used, capacity | u64 input | row ... | u64 input | row ... |
 *
 * `at` is the offset of the front item in the first chunk.
 */
#include "taskmanager/ops/pending.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { CHUNK_BYTES = 64 << 10, ITEM_HEADER = 8 };

typedef struct chunk {
    struct chunk *next;
    uint32_t used;
    uint32_t capacity;
    _Alignas(8) uint8_t data[];
} chunk;

struct tm_pending {
    chunk *first, *last;
    chunk *spare;
    uint32_t at;
    uint64_t bytes;
};

tm_pending *tm_pending_new(void) { return wsl_zalloc(sizeof(tm_pending)); }

void tm_pending_free(tm_pending *q)
{
    if (q == NULL) {
        return;
    }
    while (q->first != NULL) {
        chunk *c = q->first;
        q->first = c->next;
        free(c);
    }
    free(q->spare);
    free(q);
}

static chunk *chunk_for(tm_pending *q, uint32_t need)
{
    if (q->last != NULL && q->last->capacity - q->last->used >= need) {
        return q->last;
    }
    chunk *c = q->spare;
    if (c != NULL && c->capacity >= need) {
        q->spare = NULL;
    } else {
        const uint32_t capacity = need > CHUNK_BYTES ? need : CHUNK_BYTES;
        c = wsl_alloc(sizeof *c + capacity);
        c->capacity = capacity;
    }
    c->next = NULL;
    c->used = 0;
    if (q->last == NULL) {
        q->first = c;
        q->at = 0;
    } else {
        q->last->next = c;
    }
    q->last = c;
    return c;
}

static void push(tm_pending *q, uint64_t input, const wsl_row *row, uint32_t size)
{
    chunk *c = chunk_for(q, ITEM_HEADER + size);
    memcpy(c->data + c->used, &input, sizeof input);
    memcpy(c->data + c->used + ITEM_HEADER, row, size);
    c->used += ITEM_HEADER + size;
    q->bytes += size;
}

void tm_pending_push_rows(tm_pending *q, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        push(q, input, rows[i], rows[i]->size);
    }
}

void tm_pending_push_mark(tm_pending *q, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    wsl_row mark = {.size = sizeof mark, .kind = (uint8_t)kind, .timestamp = timestamp};
    push(q, input, &mark, sizeof mark);
}

bool tm_pending_is_empty(const tm_pending *q) { return q->first == NULL; }
uint64_t tm_pending_bytes(const tm_pending *q) { return q->bytes; }

static uint64_t input_at(const chunk *c, uint32_t at)
{
    uint64_t input;
    memcpy(&input, c->data + at, sizeof input);
    return input;
}

static const wsl_row *row_at(const chunk *c, uint32_t at)
{
    return (const wsl_row *)(const void *)(c->data + at + ITEM_HEADER);
}

uint32_t tm_pending_front_rows(const tm_pending *q, uint32_t *out_input, const wsl_row **out_rows, uint32_t max)
{
    const chunk *c = q->first;
    if (c == NULL) {
        return 0;
    }
    const uint64_t input = input_at(c, q->at);
    uint32_t n = 0;
    for (uint32_t at = q->at; at < c->used && n < max; n++) {
        const wsl_row *row = row_at(c, at);
        if (row->kind != WSL_KIND_DATA || input_at(c, at) != input) {
            break;
        }
        out_rows[n] = row;
        at += ITEM_HEADER + row->size;
    }
    *out_input = (uint32_t)input;
    return n;
}

static void drop_first_chunk(tm_pending *q)
{
    chunk *c = q->first;
    q->first = c->next;
    q->at = 0;
    if (q->first == NULL) {
        q->last = NULL;
    }
    if (q->spare == NULL && c->capacity == CHUNK_BYTES) {
        q->spare = c;
    } else {
        free(c);
    }
}

static void pop(tm_pending *q)
{
    WSL_ASSERT(q->first != NULL);
    const uint32_t size = row_at(q->first, q->at)->size;
    q->at += ITEM_HEADER + size;
    q->bytes -= size;
    if (q->at == q->first->used) {
        drop_first_chunk(q);
    }
}

void tm_pending_pop_rows(tm_pending *q, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        WSL_DEBUG_ASSERT(row_at(q->first, q->at)->kind == WSL_KIND_DATA);
        pop(q);
    }
}

const wsl_row *tm_pending_front_mark(const tm_pending *q, uint32_t *out_input)
{
    if (q->first == NULL) {
        return NULL;
    }
    const wsl_row *row = row_at(q->first, q->at);
    *out_input = (uint32_t)input_at(q->first, q->at);
    return row->kind == WSL_KIND_DATA ? NULL : row;
}

void tm_pending_pop_mark(tm_pending *q) { pop(q); }

/* ---- looking ---- */

const wsl_row *tm_pending_next(const tm_pending *q, tm_pending_walk *walk, uint32_t *out_input)
{
    if (!walk->begun) {
        *walk = (tm_pending_walk){.chunk = q->first, .at = q->at, .begun = true};
    }
    const chunk *c = walk->chunk;
    if (c != NULL && walk->at == c->used) {
        walk->chunk = c = c->next;
        walk->at = 0;
    }
    if (c == NULL) {
        return NULL;
    }
    const wsl_row *row = row_at(c, walk->at);
    *out_input = (uint32_t)input_at(c, walk->at);
    walk->at += ITEM_HEADER + row->size;
    return row;
}
