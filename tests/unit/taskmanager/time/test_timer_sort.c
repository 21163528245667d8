#include "harness/wsl_test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/time/timer_sort.h"

typedef struct numbered {
    tm_timer timer;
    uint32_t at;
} numbered;

static int by_order(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    const int order = tm_timer_compare(&x->timer, &y->timer);
    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* How many values the parts of a timer take; 0: all of 64 bits. */
typedef struct spread {
    uint64_t times, groups, prefixes, rests, spaces;
} spread;

static uint64_t below(wsl_rng *rng, uint64_t n) { return n == 0 ? wsl_rng_next(rng) : wsl_rng_below(rng, n); }

static void run(uint32_t n, const spread *s)
{
    const uint32_t n_blocks = n / TM_TIMER_BLOCK + 1;
    tm_timer **blocks = wsl_calloc(n_blocks, sizeof *blocks);
    numbered *model = wsl_calloc(n + 1, sizeof *model);
    tm_timer_item *items = wsl_calloc(n + 1, sizeof *items);
    tm_timer_item *scratch = wsl_calloc(n + 1, sizeof *scratch);
    wsl_rng rng;
    wsl_rng_seed(&rng, n + s->times);
    for (uint32_t i = 0; i < n_blocks; i++) {
        blocks[i] = wsl_calloc(TM_TIMER_BLOCK, sizeof **blocks);
    }
    for (uint32_t i = 0; i < n; i++) {
        tm_timer *t = tm_timer_at(blocks, i);
        t->timestamp = (int64_t)below(&rng, s->times) - (s->times == 3 ? 1 : 0);
        if (s->times == 7 && t->timestamp == 5) {
            t->timestamp = wsl_rng_below(&rng, 2) == 0 ? INT64_MAX : INT64_MIN;
        }
        t->bits = (uint32_t)below(&rng, s->groups) << TM_TIMER_GROUP_SHIFT | 16u << TM_TIMER_SIZE_SHIFT;
        t->key[0] = below(&rng, s->prefixes);
        t->key[1] = below(&rng, s->rests);
        t->ns = (int64_t)below(&rng, s->spaces);
        model[i] = (numbered){*t, i};
    }
    tm_timer_sort(blocks, n, items, scratch);
    qsort(model, n, sizeof *model, by_order);
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(items[i].at, model[i].at, "place %u of %u", i, n);
        if (i > 0 && items[i].key != items[i - 1].key) {
            cr_assert_not(tm_timer_same(tm_timer_at(blocks, items[i].at), tm_timer_at(blocks, items[i - 1].at)));
        }
    }
    for (uint32_t i = 0; i < n_blocks; i++) {
        free(blocks[i]);
    }
    free(blocks);
    free(model);
    free(items);
    free(scratch);
}

static void run_sizes(const spread *s)
{
    static const uint32_t sizes[] = {0, 1, 2, 24, 25, 300, 1023, 5000, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run(sizes[i], s);
    }
}

Test(timer_sort, agrees_with_qsort_at_times_from_all_of_time) { run_sizes(&(spread){0, 128, 0, 0, 1}); }
Test(timer_sort, agrees_with_qsort_at_times_of_an_hour) { run_sizes(&(spread){3600000, 128, 1000, 1, 1}); }
Test(timer_sort, agrees_with_qsort_at_few_times) { run_sizes(&(spread){3, 32768, 0, 0, 1}); }
Test(timer_sort, agrees_with_qsort_when_some_are_at_the_ends_of_time) { run_sizes(&(spread){7, 4, 100, 2, 2}); }
Test(timer_sort, agrees_with_qsort_when_only_keys_differ) { run_sizes(&(spread){1, 1, 0, 1, 1}); }
Test(timer_sort, agrees_with_qsort_when_only_the_ends_of_keys_differ) { run_sizes(&(spread){1, 1, 1, 0, 1}); }
Test(timer_sort, agrees_with_qsort_when_only_namespaces_differ) { run_sizes(&(spread){1, 1, 1, 1, 0}); }
Test(timer_sort, keeps_the_order_of_the_same_timer) { run_sizes(&(spread){1, 1, 1, 1, 1}); }
Test(timer_sort, keeps_the_order_of_twins_among_others) { run_sizes(&(spread){50, 2, 2, 2, 2}); }

Test(timer_sort, compares_as_bytes_do)
{
    static const struct {
        uint64_t bytes;
        uint32_t size;
    } sorted[] = {{0, 8}, {0, 12}, {0, 16}, {1, 16}, {256, 16}, {2, 16}};
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t k = 0; k < 6; k++) {
            /* bytes are in memory from the lowest: 256 is 00 01, before the 01 of 1 */
            const uint64_t a = __builtin_bswap64(sorted[i].bytes), b = __builtin_bswap64(sorted[k].bytes);
            const tm_timer x = {.key = {7, sorted[i].bytes}, .bits = sorted[i].size << TM_TIMER_SIZE_SHIFT};
            const tm_timer y = {.key = {7, sorted[k].bytes}, .bits = sorted[k].size << TM_TIMER_SIZE_SHIFT};
            const int order = tm_timer_compare(&x, &y);
            const bool less = a != b ? a < b : sorted[i].size < sorted[k].size;
            cr_assert_eq(order < 0, less);
            cr_assert_eq(order == 0, i == k);
        }
    }
}
