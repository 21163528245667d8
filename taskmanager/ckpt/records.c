#include "taskmanager/ckpt/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

void tm_records_fini(tm_records *r)
{
    free(r->data);
    *r = (tm_records){0};
}

uint8_t *tm_records_put(tm_records *r, wsl_record_tag tag, uint32_t state, int64_t number, size_t body)
{
    const size_t size = sizeof(wsl_record) + ((body + 7) & ~(size_t)7);
    WSL_ASSERT(size <= WSL_RECORD_SIZE_MAX && state <= UINT8_MAX);
    if (r->size + size > r->capacity) {
        const size_t wanted = r->size + size;
        r->capacity = wanted < 2 * r->capacity ? 2 * r->capacity : wanted < 512 ? 512 : wanted;
        r->data = wsl_realloc(r->data, r->capacity);
    }
    wsl_record *record = (wsl_record *)(void *)(r->data + r->size);
    *record = (wsl_record){.size = (uint32_t)size, .tag = (uint8_t)tag, .state = (uint8_t)state, .number = number};
    r->size += size;
    r->n++;
    uint8_t *at = (uint8_t *)(record + 1);
    if (size > sizeof *record) {
        memset(at + size - sizeof *record - 8, 0, 8); /* what fills up to a multiple of 8 */
    }
    return at;
}

void tm_records_key(tm_records *r, uint32_t hash, const wsl_row *key)
{
    memcpy(tm_records_put(r, WSL_RECORD_KEY, 0, hash, key->size), key, key->size);
}

void tm_records_space(tm_records *r, int64_t ns) { (void)tm_records_put(r, WSL_RECORD_SPACE, 0, ns, 0); }

void tm_records_row(tm_records *r, wsl_record_tag tag, uint32_t state, int64_t number, const wsl_row *row)
{
    WSL_ASSERT(tag == WSL_RECORD_VALUE || tag == WSL_RECORD_ELEMENT);
    memcpy(tm_records_put(r, tag, state, number, row->size), row, row->size);
}

void tm_records_entry(tm_records *r, uint32_t state, int64_t number, const wsl_row *key, const wsl_row *value)
{
    uint8_t *at = tm_records_put(r, WSL_RECORD_ENTRY, state, number, (size_t)key->size + value->size);
    memcpy(at, key, key->size);
    memcpy(at + key->size, value, value->size);
}

void tm_records_timer(tm_records *r, int64_t timestamp, int64_t ns, const wsl_row *key)
{
    uint8_t *at = tm_records_put(r, WSL_RECORD_TIMER, 0, timestamp, sizeof ns + key->size);
    memcpy(at, &ns, sizeof ns);
    memcpy(at + sizeof ns, key, key->size);
}

void tm_records_bytes(tm_records *r, uint32_t state, int64_t number, const void *bytes, size_t size)
{
    uint8_t *at = tm_records_put(r, WSL_RECORD_BYTES, state, number, sizeof(uint64_t) + size);
    const uint64_t length = size;
    memcpy(at, &length, sizeof length);
    if (size > 0) {
        memcpy(at + sizeof length, bytes, size);
    }
}
