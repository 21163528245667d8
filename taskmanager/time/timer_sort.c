#include "taskmanager/time/timer_sort.h"

#include "base/assert.h"

enum {
    KEY_BITS = 22,
    DIGIT_BITS = 11,
    SMALL_DIGIT_BITS = 8, /* clearing and summing the counts is most of the work for few */
    SMALL = 1024,
    BY_COMPARING = 24,
    SPARE_BITS = 4, /* bits of keys beyond log2 n: then few agree by chance */
};

static uint32_t width(uint64_t x) { return x == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(x); }

/* ---- by comparing ---- */

static void insertion_sort(tm_timer *const *blocks, tm_timer_item *items, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const tm_timer_item item = items[i];
        const tm_timer *timer = tm_timer_at(blocks, item.at);
        uint32_t to = i;
        while (to > 0 && tm_timer_compare(timer, tm_timer_at(blocks, items[to - 1].at)) < 0) {
            items[to] = items[to - 1];
            to--;
        }
        items[to] = item;
    }
}

static void merge_sort(tm_timer *const *blocks, tm_timer_item *items, tm_timer_item *scratch, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const tm_timer *timer = tm_timer_at(blocks, items[i].at);
        if (tm_timer_has_long_key(timer)) {
            __builtin_prefetch(tm_timer_long_key(timer));
        }
    }
    for (uint32_t i = 0; i < n; i += BY_COMPARING) {
        insertion_sort(blocks, items + i, n - i < BY_COMPARING ? n - i : BY_COMPARING);
    }
    for (uint32_t run = BY_COMPARING; run < n; run *= 2) {
        for (uint32_t i = 0; i < n; i += 2 * run) {
            const uint32_t a_end = n - i < run ? n : i + run;
            const uint32_t b_end = n - i < 2 * run ? n : i + 2 * run;
            uint32_t a = i, b = a_end;
            if (b < b_end && tm_timer_compare(tm_timer_at(blocks, items[b - 1].at),
                                              tm_timer_at(blocks, items[b].at)) <= 0) {
                b = b_end; /* in order already, as the same timer many times is */
                a = a_end;
                memcpy(scratch + i, items + i, (b_end - i) * sizeof *items);
            }
            for (uint32_t to = i; (a < a_end || b < b_end) && to < b_end; to++) {
                const bool take_b = a == a_end || (b < b_end && tm_timer_compare(tm_timer_at(blocks, items[b].at),
                                                                                 tm_timer_at(blocks, items[a].at)) < 0);
                scratch[to] = take_b ? items[b++] : items[a++];
            }
        }
        memcpy(items, scratch, n * sizeof *items);
    }
}

/* ---- by keys ---- */

/* What orders timers, as numbers: the first part decides. */
static inline uint64_t part_of(const tm_timer *t, uint32_t part)
{
    switch (part) {
    case 0:
        return (uint64_t)t->timestamp ^ UINT64_C(1) << 63;
    case 1:
        return tm_timer_group(t);
    default:
        return tm_timer_prefix(t);
    }
}

/* Appends to the keys as many bits of a part as differ, `room` at most; how many. */
static inline __attribute__((always_inline)) uint32_t add_part(tm_timer *const *blocks, tm_timer_item *items,
                                                               uint32_t n, uint32_t part, uint32_t room, bool *out_all)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t x = part_of(tm_timer_at(blocks, items[i].at), part);
        least = x < least ? x : least;
        most = x > most ? x : most;
    }
    const uint32_t bits = width(most - least);
    const uint32_t take = bits < room ? bits : room;
    *out_all = take == bits;
    for (uint32_t i = 0; i < n && take != 0; i++) {
        const uint64_t x = part_of(tm_timer_at(blocks, items[i].at), part) - least;
        items[i].key = items[i].key << take | (uint32_t)(x >> (bits - take));
    }
    return take;
}

/* Makes keys of the first bits in which the timers differ; how many bits, 0: they agree in all parts. */
static uint32_t make_keys(tm_timer *const *blocks, tm_timer_item *items, uint32_t n)
{
    const uint32_t enough = width(n) + SPARE_BITS;
    bool all = true;
    for (uint32_t i = 0; i < n; i++) {
        items[i].key = 0;
    }
    uint32_t used = add_part(blocks, items, n, 0, KEY_BITS, &all);
    if (all && used < enough && used < KEY_BITS) {
        used += add_part(blocks, items, n, 1, KEY_BITS - used, &all);
    }
    if (all && used < enough && used < KEY_BITS) {
        used += add_part(blocks, items, n, 2, KEY_BITS - used, &all);
    }
    return used;
}

static bool in_order(const tm_timer_item *items, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (items[i].key < items[i - 1].key) {
            return false;
        }
    }
    return true;
}

static void by_digit(const tm_timer_item *from, tm_timer_item *to, uint32_t n, uint32_t shift, uint32_t bits)
{
    uint32_t at[1 << DIGIT_BITS];
    const uint32_t mask = (1u << bits) - 1;
    memset(at, 0, (mask + 1) * sizeof *at);
    for (uint32_t i = 0; i < n; i++) {
        at[from[i].key >> shift & mask]++;
    }
    uint32_t sum = 0;
    for (uint32_t d = 0; d <= mask; d++) {
        const uint32_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++) {
        to[at[from[i].key >> shift & mask]++] = from[i];
    }
}

static void sort_keys(tm_timer_item *items, tm_timer_item *scratch, uint32_t n, uint32_t bits)
{
    const uint32_t digit = n < SMALL ? SMALL_DIGIT_BITS : DIGIT_BITS;
    const uint32_t passes = (bits + digit - 1) / digit;
    const uint32_t each = (bits + passes - 1) / passes;
    tm_timer_item *from = items, *to = scratch;
    for (uint32_t shift = 0; shift < bits; shift += each) {
        by_digit(from, to, n, shift, each);
        tm_timer_item *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items) {
        memcpy(items, from, n * sizeof *items);
    }
}

/* Each level of it takes bits away in which the timers of a run differ: it ends after a few. */
static void sort_run(tm_timer *const *blocks, tm_timer_item *items, tm_timer_item *scratch, uint32_t n)
{
    if (n <= BY_COMPARING) {
        insertion_sort(blocks, items, n);
        return;
    }
    const uint32_t bits = make_keys(blocks, items, n);
    if (bits == 0) {
        merge_sort(blocks, items, scratch, n);
        return;
    }
    if (!in_order(items, n)) {
        sort_keys(items, scratch, n, bits);
    }
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && items[end].key == items[i].key;) {
            end++;
        }
        if (end - i > 1) {
            sort_run(blocks, items + i, scratch + i, end - i);
        }
    }
}

void tm_timer_sort(tm_timer *const *blocks, uint32_t n, tm_timer_item *items, tm_timer_item *scratch)
{
    for (uint32_t i = 0; i < n; i++) {
        items[i] = (tm_timer_item){.at = i};
    }
    sort_run(blocks, items, scratch, n);
}
