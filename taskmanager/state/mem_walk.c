/*
 * A unit is what is sorted at once: the entries of a whole key group, however many segments that has; or of one segment, if
 * the table has one directory for all key groups and the segment holds several of them. Units follow each other by key
 * group because places do.
 *
 * Sorting is by the first 8 key bytes as a number, digit by digit (most keys share their upper bytes, whose digits are
 * skipped), then by key group; keys that agree in both are few and compared in full. Key bytes are those of the row of key
 * fields, whatever an entry keeps: a string's first 8 are its slot, so the shorter one comes first.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_segment.h"
#include "taskmanager/state/mem_snapshot.h"

enum { DIGITS = 256, SMALL_SORT = 48 };

void tm_mem_walk_init(tm_mem_walk *w, tm_mem_table *t) { *w = (tm_mem_walk){.table = t}; }

void tm_mem_walk_fini(tm_mem_walk *w)
{
    free(w->items);
    free(w->scratch);
    *w = (tm_mem_walk){0};
}

/* ---- keys of entries ---- */

static const tm_entry_general *general(const uint8_t *entry) { return (const tm_entry_general *)(const void *)entry; }

static tm_kept_key key_in(const tm_mem_table *t, const uint8_t *entry)
{
    if (t->fast) {
        const tm_entry_fast *e = (const tm_entry_fast *)(const void *)entry;
        return (tm_kept_key){&e->slot, sizeof e->slot, e->bits >> 31};
    }
    return tm_entry_kept(general(entry));
}

static uint64_t prefix_of(const tm_mem_table *t, const uint8_t *entry)
{
    const tm_kept_key key = key_in(t, entry);
    uint64_t prefix = key.nulls != 0 ? 0 : (uint64_t)key.size << 32 | (sizeof(wsl_row) + sizeof prefix);
    if (!t->bytes) {
        memcpy(&prefix, key.bytes, sizeof prefix); /* a key has a field, so 8 bytes at least */
    }
    return __builtin_bswap64(prefix);
}

/* Of keys with the same prefix. */
static int compare_keys(const tm_mem_table *t, const uint8_t *a, const uint8_t *b)
{
    const tm_kept_key x = key_in(t, a);
    const tm_kept_key y = key_in(t, b);
    const int order = memcmp(x.bytes, y.bytes, x.size < y.size ? x.size : y.size);
    if (order != 0) {
        return order;
    }
    if (x.size != y.size) {
        return x.size < y.size ? -1 : 1;
    }
    return x.nulls < y.nulls ? -1 : x.nulls > y.nulls;
}

/* ---- sorting ---- */

static inline bool before(const tm_mem_table *t, const tm_mem_item *a, const tm_mem_item *b)
{
    if (a->group != b->group) {
        return a->group < b->group;
    }
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    return compare_keys(t, a->entry, b->entry) < 0;
}

static void insertion_sort(const tm_mem_table *t, tm_mem_item *items, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const tm_mem_item item = items[i];
        uint32_t to = i;
        while (to > 0 && before(t, &item, &items[to - 1])) {
            items[to] = items[to - 1];
            to--;
        }
        items[to] = item;
    }
}

/* Bottom-up merge sort of keys that agree in group and prefix, by their whole bytes. Needs scratch for n. */
static void merge_sort(const tm_mem_table *t, tm_mem_item *items, tm_mem_item *scratch, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += SMALL_SORT) {
        insertion_sort(t, items + i, n - i < SMALL_SORT ? n - i : SMALL_SORT);
    }
    for (uint32_t width = SMALL_SORT; width < n; width *= 2) {
        for (uint32_t i = 0; i < n; i += 2 * width) {
            uint32_t a = i, b = i + width < n ? i + width : n;
            const uint32_t a_end = b, b_end = i + 2 * width < n ? i + 2 * width : n;
            for (uint32_t to = i; to < b_end; to++) {
                const bool take_b = a == a_end || (b < b_end && before(t, &items[b], &items[a]));
                scratch[to] = take_b ? items[b++] : items[a++];
            }
        }
        memcpy(items, scratch, n * sizeof *items);
    }
}

/* Stable, by one digit; false: all have the same one. */
static bool by_digit(const tm_mem_item *from, tm_mem_item *to, uint32_t n, const uint32_t *count, uint32_t shift,
                     bool by_group)
{
    uint32_t at[DIGITS];
    uint32_t sum = 0;
    for (uint32_t d = 0; d < DIGITS; d++) {
        if (count[d] == n) {
            return false;
        }
        at[d] = sum;
        sum += count[d];
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t number = by_group ? from[i].group : from[i].prefix;
        to[at[number >> shift & (DIGITS - 1)]++] = from[i];
    }
    return true;
}

static void radix_sort(tm_mem_walk *w)
{
    static const uint32_t n_digits = 10; /* 8 of the prefix, 2 of the group */
    uint32_t count[10][DIGITS];
    memset(count, 0, sizeof count);
    for (uint32_t i = 0; i < w->n; i++) {
        const tm_mem_item *item = &w->items[i];
        for (uint32_t d = 0; d < 8; d++) {
            count[d][item->prefix >> (8 * d) & (DIGITS - 1)]++;
        }
        count[8][item->group & (DIGITS - 1)]++;
        count[9][item->group >> 8 & (DIGITS - 1)]++;
    }
    for (uint32_t d = 0; d < n_digits; d++) {
        const bool by_group = d >= 8;
        if (by_digit(w->items, w->scratch, w->n, count[d], 8 * (by_group ? d - 8 : d), by_group)) {
            tm_mem_item *sorted = w->scratch;
            w->scratch = w->items;
            w->items = sorted;
        }
    }
}

static void sort(tm_mem_walk *w)
{
    if (w->n <= SMALL_SORT) {
        insertion_sort(w->table, w->items, w->n);
        return;
    }
    radix_sort(w);
    for (uint32_t i = 0, end; i < w->n; i = end) {
        for (end = i + 1;
             end < w->n && w->items[end].prefix == w->items[i].prefix && w->items[end].group == w->items[i].group;) {
            end++;
        }
        if (end - i > 1) {
            merge_sort(w->table, w->items + i, w->scratch, end - i);
        }
    }
}

/* ---- units ---- */

static void make_room(tm_mem_walk *w, uint32_t more)
{
    if (w->capacity - w->n < more) {
        const uint32_t capacity = w->n + more < 2 * w->capacity ? 2 * w->capacity : w->n + more;
        w->items = wsl_realloc(w->items, capacity * sizeof *w->items);
        free(w->scratch);
        w->scratch = wsl_alloc(capacity * sizeof *w->scratch);
        w->capacity = capacity;
    }
}

static void collect_segment(tm_mem_walk *w, const tm_segment *s)
{
    const tm_mem_table *t = w->table;
    make_room(w, s->used);
    TM_EACH_ENTRY(t, s, i, entry)
    {
        w->items[w->n++] = (tm_mem_item){
            .prefix = prefix_of(t, entry),
            .group = wsl_key_group(tm_hash_of(t, entry), t->max_parallelism),
            .entry = entry,
        };
    }
}

/* The entries of the next unit that has any; false: there is none. */
static bool next_unit(tm_mem_walk *w)
{
    const tm_mem_table *t = w->table;
    w->n = w->at = 0;
    while (w->n == 0 && w->directory < tm_n_directories(t)) {
        const tm_mem_group *g = &t->groups[w->directory];
        const uint32_t depth = tm_segment_of(&g->directory[w->cell])->depth;
        const uint32_t end = w->cell + (1u << (g->depth - (depth < t->shift ? depth : t->shift)));
        while (w->cell < end) {
            const tm_segment *s = tm_segment_of(&g->directory[w->cell]);
            if (s->used != 0) {
                collect_segment(w, s);
            }
            w->cell += 1u << (g->depth - s->depth);
        }
        if (w->cell == 1u << g->depth) {
            w->cell = 0;
            w->directory++;
        }
    }
    sort(w);
    return w->n != 0;
}

void tm_mem_table_make_current(tm_mem_table *t, tm_key_ctx *kc, uint8_t *entry)
{
    if (kc->owner != t) {
        tm_key_ctx_take_over(kc, t);
    }
    if (t->fast) {
        const tm_kept_key key = key_in(t, entry);
        tm_key_ctx_restore(kc, key.bytes, key.size, key.nulls, tm_hash_of(t, entry));
    } else {
        tm_key_ctx_restore_kept(kc, general(entry));
    }
    kc->entry = entry;
}

uint8_t *tm_mem_walk_next(tm_mem_walk *w, tm_key_ctx *kc)
{
    if (w->at == w->n && !next_unit(w)) {
        return NULL;
    }
    uint8_t *entry = w->items[w->at++].entry;
    if (w->at < w->n) {
        __builtin_prefetch(w->items[w->at].entry, 1);
    }
    if (WSL_UNLIKELY(w->table->watch != NULL)) {
        tm_mem_watch_touch(w->table->watch, entry);
    }
    tm_mem_table_make_current(w->table, kc, entry);
    return entry;
}
