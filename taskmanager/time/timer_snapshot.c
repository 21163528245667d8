#include "taskmanager/time/timer_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* An entry of the log, and its place there: of several of one timer the last counts. */
typedef struct entry {
    tm_timer timer;
    uint64_t number;
} entry;

typedef struct copied_timers {
    uint32_t first_group, n_groups;
    entry *entries; /* by key group once begin is there */
    uint64_t n, capacity;
    uint64_t *begin; /* of each key group, n_groups + 1 */
    uint32_t group;  /* the next one to be put */
    tm_timer_key **keys; /* copies of long ones */
    uint64_t n_keys, keys_capacity;
    wsl_row *row;
    uint32_t row_capacity;
} copied_timers;

/* ---- copying ---- */

static uint64_t copy_long_key(copied_timers *c, const tm_timer_key *key)
{
    if (c->n_keys == c->keys_capacity) {
        c->keys_capacity = c->keys_capacity == 0 ? 64 : 2 * c->keys_capacity;
        c->keys = wsl_realloc(c->keys, c->keys_capacity * sizeof(tm_timer_key *));
    }
    tm_timer_key *copy = wsl_memdup(key, sizeof *key + key->size);
    c->keys[c->n_keys++] = copy;
    return (uint64_t)(uintptr_t)copy;
}

static void copy(copied_timers *c, const tm_timer *timer, uint64_t number)
{
    WSL_ASSERT(c->n < c->capacity);
    entry *e = &c->entries[c->n++];
    *e = (entry){.timer = *timer, .number = number};
    if (tm_timer_has_long_key(timer)) {
        e->timer.key[1] = copy_long_key(c, tm_timer_long_key(timer));
    }
}

/* In the order of the log: front, leaves, then what came before the first leaf since. */
static void copy_all(copied_timers *c, const tm_timer_queue *q)
{
    uint64_t number = 0;
    for (uint32_t i = q->front_at; i < q->front_n; i++) {
        copy(c, tm_timer_at(q->front_blocks.block, q->front[i].at), number++);
    }
    for (uint32_t i = 0; i < q->n_leaves; i++) {
        const tm_timer_leaf *leaf = &q->leaves[q->first_leaf + i];
        for (uint32_t k = 0; k < leaf->n; k++) {
            copy(c, tm_timer_at(leaf->blocks.block, k), number++);
        }
    }
    for (uint32_t i = 0; i < q->near_n; i++) {
        copy(c, &q->near[i].timer, number + q->near[i].number);
    }
    if (q->has_head) {
        copy(c, &q->head.timer, number + q->head.number);
    }
}

static uint64_t count_all(const tm_timer_queue *q)
{
    uint64_t n = q->front_n - q->front_at + q->near_n + (q->has_head ? 1 : 0);
    for (uint32_t i = 0; i < q->n_leaves; i++) {
        n += q->leaves[q->first_leaf + i].n;
    }
    return n;
}

/* ---- the walk ---- */

static void copied_free(copied_timers *c)
{
    for (uint64_t i = 0; i < c->n_keys; i++) {
        free(c->keys[i]);
    }
    free(c->keys);
    free(c->entries);
    free(c->begin);
    free(c->row);
    free(c);
}

static void sort_by_group(copied_timers *c)
{
    c->begin = wsl_calloc(c->n_groups + 2, sizeof *c->begin);
    for (uint64_t i = 0; i < c->n; i++) {
        c->begin[tm_timer_group(&c->entries[i].timer) - c->first_group + 2]++;
    }
    for (uint32_t g = 0; g < c->n_groups; g++) {
        c->begin[g + 2] += c->begin[g + 1];
    }
    entry *sorted = wsl_calloc(c->n + 1, sizeof *sorted);
    for (uint64_t i = 0; i < c->n; i++) {
        sorted[c->begin[tm_timer_group(&c->entries[i].timer) - c->first_group + 1]++] = c->entries[i];
    }
    free(c->entries);
    c->entries = sorted;
}

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = tm_timer_compare(&x->timer, &y->timer);
    return order != 0 ? order : x->number < y->number ? -1 : x->number > y->number;
}

static void put_timer(copied_timers *c, tm_section *section, const tm_timer *timer)
{
    const uint32_t size = tm_timer_key_size(timer);
    if (c->row_capacity < sizeof(wsl_row) + size) {
        c->row_capacity = (uint32_t)sizeof(wsl_row) + size + 64;
        c->row = wsl_realloc(c->row, c->row_capacity);
    }
    *c->row = (wsl_row){.size = (uint32_t)sizeof(wsl_row) + size,
                        .flags = WSL_ROW_KEYED,
                        .key_hash = timer->hash,
                        .nulls = tm_timer_key_nulls(timer)};
    memcpy(c->row->slot, tm_timer_key_bytes(timer), size);
    tm_section_timer(section, timer->timestamp, timer->ns, c->row);
}

static bool walk_step(void *arg, tm_section *section, uint32_t max_bytes)
{
    copied_timers *c = arg;
    if (c->begin == NULL) {
        sort_by_group(c);
        return false;
    }
    const uint64_t before = tm_section_size(section);
    for (; c->group < c->n_groups; c->group++) {
        if (tm_section_size(section) - before >= max_bytes) {
            return false;
        }
        entry *from = c->entries + c->begin[c->group];
        const uint64_t n = c->begin[c->group + 1] - c->begin[c->group];
        tm_section_group(section, c->first_group + c->group);
        qsort(from, n, sizeof *from, compare);
        for (uint64_t i = 0; i < n; i++) {
            const bool is_last = i + 1 == n || !tm_timer_same(&from[i].timer, &from[i + 1].timer);
            if (is_last && !tm_timer_is_deleted(&from[i].timer)) {
                put_timer(c, section, &from[i].timer);
            }
        }
    }
    copied_free(c);
    return true;
}

static void walk_cancel(void *arg) { copied_free(arg); }

void tm_timers_snapshot(const tm_timers *t, const tm_key_ctx *kc, bool event_time, tm_snapshot *out, tm_op *op,
                        const char *name)
{
    const uint64_t n = count_all(&t->queue);
    if (n == 0) {
        return;
    }
    const tm_section_spec spec = {
        .kind = event_time ? WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS
                           : WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS,
        .name = name,
        .version = 1,
        .key = op->env.key_schema->n_fields > 0 ? op->env.key_schema : NULL, /* windows over all rows: one key */
    };
    copied_timers *c = wsl_zalloc(sizeof *c);
    c->first_group = kc->first_group;
    c->n_groups = kc->n_groups;
    c->capacity = n;
    c->entries = wsl_calloc(n, sizeof *c->entries);
    copy_all(c, &t->queue);
    tm_snapshot_add_walk(out, tm_snapshot_section(out, op, &spec),
                         &(tm_snapshot_walk){.arg = c, .step = walk_step, .cancel = walk_cancel});
}

/* ---- restore ---- */

wsl_status tm_timers_restore(tm_timers *t, tm_key_ctx *kc, const tm_restore_piece *piece, wsl_error *err)
{
    for (;;) {
        const wsl_record *record = NULL;
        uint32_t group = 0;
        const wsl_status status = wsl_section_reader_next(piece->reader, &record, &group, err);
        if (status != WSL_OK) {
            return status == WSL_END ? WSL_OK : status;
        }
        if (record->tag != WSL_RECORD_TIMER) {
            return wsl_fail(err, WSL_CORRUPT, "a section of timers has a record of another kind");
        }
        const wsl_row *key = wsl_record_timer_key(record);
        tm_key_ctx_restore(kc, key->slot, key->size - (uint32_t)sizeof *key, key->nulls, key->key_hash);
        if (tm_key_ctx_group(kc) != group || group - kc->first_group >= kc->n_groups) {
            return wsl_fail(err, WSL_CORRUPT, "a timer of key group %u is stored in group %u", tm_key_ctx_group(kc), group);
        }
        tm_timers_set(t, kc, wsl_record_namespace(record), record->number);
    }
}
