#include "taskmanager/state/kept_records.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { FIRST_CHUNK = 4 << 10, CHUNK = 256 << 10 };

struct tm_kept_item {
    tm_kept_item *next;
    tm_kept_chunk *chunk;
    uint32_t size, n;
    uint64_t records[];
};

struct tm_kept_chunk {
    tm_kept_chunk *next, *before;
    size_t size, capacity;
    uint32_t n_items; /* that were not taken yet */
    uint32_t reserved;
    uint64_t data[];
};

void tm_kept_init(tm_kept_records *k, uint32_t n_groups) { *k = (tm_kept_records){.n_groups = n_groups}; }

static void free_chunk(tm_kept_records *k, tm_kept_chunk *c)
{
    *(c->before != NULL ? &c->before->next : &k->chunks) = c->next;
    if (c->next != NULL) {
        c->next->before = c->before;
    }
    free(c);
}

void tm_kept_fini(tm_kept_records *k)
{
    while (k->chunks != NULL) {
        free_chunk(k, k->chunks);
    }
    free(k->lists);
    *k = (tm_kept_records){0};
}

static tm_kept_chunk *room_for(tm_kept_records *k, size_t size)
{
    tm_kept_chunk *c = k->filling;
    if (c == NULL || c->capacity - c->size < size) {
        const size_t usual = k->chunks == NULL ? FIRST_CHUNK : CHUNK;
        const size_t capacity = size > usual ? size : usual;
        if (c != NULL && c->n_items == 0 && c != k->emptied) {
            free_chunk(k, c);
        }
        c = wsl_alloc(sizeof *c + capacity);
        *c = (tm_kept_chunk){.next = k->chunks, .capacity = capacity};
        if (k->chunks != NULL) {
            k->chunks->before = c;
        }
        k->chunks = k->filling = c;
    }
    return c;
}

void tm_kept_add(tm_kept_records *k, uint32_t group, const void *records, size_t size, uint32_t n)
{
    WSL_ASSERT(group < k->n_groups && size % 8 == 0 && size <= UINT32_MAX);
    if (k->lists == NULL) {
        k->lists = wsl_calloc(k->n_groups, sizeof *k->lists);
    }
    const size_t all = sizeof(tm_kept_item) + size;
    tm_kept_chunk *c = room_for(k, all);
    tm_kept_item *item = (tm_kept_item *)(void *)((uint8_t *)c->data + c->size);
    *item = (tm_kept_item){.chunk = c, .size = (uint32_t)size, .n = n};
    memcpy(item->records, records, size);
    c->size += all;
    c->n_items++;
    k->bytes += size;
    struct tm_kept_list *list = &k->lists[group];
    *(list->first != NULL ? list->end : &list->first) = item;
    list->end = &item->next;
}

bool tm_kept_take(tm_kept_records *k, uint32_t group, const void **out_records, size_t *out_size, uint32_t *out_n)
{
    if (k->emptied != NULL && k->emptied->n_items == 0 && k->emptied != k->filling) {
        free_chunk(k, k->emptied);
    }
    k->emptied = NULL;
    WSL_ASSERT(group < k->n_groups);
    tm_kept_item *item = k->lists != NULL ? k->lists[group].first : NULL;
    if (item == NULL) {
        return false;
    }
    k->lists[group].first = item->next;
    item->chunk->n_items--;
    k->emptied = item->chunk;
    k->bytes -= item->size;
    if (item->next != NULL) { /* it lies anywhere */
        __builtin_prefetch(item->next);
        __builtin_prefetch((const char *)item->next + 64);
        __builtin_prefetch((const char *)item->next + 128);
        __builtin_prefetch((const char *)item->next + 192);
    }
    *out_records = item->records;
    *out_size = item->size;
    *out_n = item->n;
    return true;
}
