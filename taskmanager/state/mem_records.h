/*
 * mem_records - entries of the memory backend as records (ckpt/record.h), and the sections they go to.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/records.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/state/mem_internal.h"

/* Rows of a list's second schema (backend.h) are of a state with this behind its name. */
extern const char *const tm_second_suffix;

/* Embedded, zeroed but for m. */
typedef struct tm_entry_records {
    const tm_mem_state *m;
    wsl_row *key; /* scratch */
    uint32_t key_capacity;
} tm_entry_records;

void tm_entry_records_fini(tm_entry_records *s);
/* All that is in the entry. ns: the namespace, if it has to be said; replace: for a layer above the lowest. */
void tm_entry_records_put(tm_entry_records *s, tm_records *to, uint8_t *entry, const int64_t *ns, bool replace);
/* That the entry is not there any more. */
void tm_entry_records_gone(tm_entry_records *s, tm_records *to, const uint8_t *entry, const int64_t *ns);

tm_section *tm_mem_open_section(const tm_mem_state *m, tm_snapshot *out, tm_op *op, const char *name, uint32_t layer);
