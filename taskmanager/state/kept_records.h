/*
 * kept_records - pieces of records that wait for their key group's turn in a section.
 *
 *     add(group 3) add(group 0) add(group 3) ...  -->  take(0) take(3) take(3)      per group in the order they came
 *
 * They lie in chunks that are freed one by one as they are taken, so neither adding nor taking nor the end costs more than a
 * chunk at once.
 *
 * Threads: one slot loop. Embedded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tm_kept_item tm_kept_item;
typedef struct tm_kept_chunk tm_kept_chunk;

typedef struct tm_kept_records {
    uint32_t n_groups;
    struct tm_kept_list {
        tm_kept_item *first, **end;
    } *lists; /* by group; NULL: nothing was ever added */
    tm_kept_chunk *filling, *chunks; /* all: doubly linked */
    tm_kept_chunk *emptied; /* what was taken last lies in it */
    uint64_t bytes; /* of records that are in it */
} tm_kept_records;

void tm_kept_init(tm_kept_records *k, uint32_t n_groups);
void tm_kept_fini(tm_kept_records *k);
void tm_kept_add(tm_kept_records *k, uint32_t group, const void *records, size_t size, uint32_t n);
/* The first one of that group, valid until the next call; false: there is none. */
bool tm_kept_take(tm_kept_records *k, uint32_t group, const void **out_records, size_t *out_size, uint32_t *out_n);
