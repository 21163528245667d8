/*
 * records - records (ckpt/record.h) one after the other in memory that grows.
 *
 * Threads: one owner. Embedded, zeroed.
 */
#pragma once
#include "ckpt/record.h"

typedef struct tm_records {
    uint8_t *data;
    size_t size, capacity;
    uint64_t n; /* put so far, also those that have left */
} tm_records;

void tm_records_fini(tm_records *r);
/* A record with room for `body` bytes behind its header, which are brought to a multiple of 8 with zeros; valid until the next. */
uint8_t *tm_records_put(tm_records *r, wsl_record_tag tag, uint32_t state, int64_t number, size_t body);
void tm_records_key(tm_records *r, uint32_t hash, const wsl_row *key);
void tm_records_space(tm_records *r, int64_t ns);
void tm_records_row(tm_records *r, wsl_record_tag tag, uint32_t state, int64_t number, const wsl_row *row);
void tm_records_entry(tm_records *r, uint32_t state, int64_t number, const wsl_row *key, const wsl_row *value);
void tm_records_timer(tm_records *r, int64_t timestamp, int64_t ns, const wsl_row *key);
void tm_records_bytes(tm_records *r, uint32_t state, int64_t number, const void *bytes, size_t size);
