#include "harness/wsl_test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/mem_list.h"

WSL_ROW(note, (int64, n), (string, text));

static tm_region region;
static tm_slab slab;

static void begin(void)
{
    tm_region_init(&region);
    tm_slab_init(&slab, &region);
}

static void end(void)
{
    tm_slab_fini(&slab);
    tm_region_fini(&region);
}

static wsl_row *note_row(int64_t n, uint32_t text_size)
{
    static uint64_t memory[8 << 10];
    static char text[60000];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, note_n_fields);
    note_set_n(&w, n);
    note_set_text(&w, (wsl_str){text, text_size});
    cr_assert_not(w.overflow);
    return w.row;
}

Test(mem_list, keeps_rows_in_order_of_arrival)
{
    begin();
    tm_mem_list l = {0};
    for (int64_t i = 0; i < 1000; i++) {
        tm_mem_list_add(&l, &slab, note_row(i, (uint32_t)i % 100), false, false, 0);
    }
    cr_assert_eq(l.n, 1000);
    tm_list_at at;
    tm_mem_list_walk(&l, &at);
    for (int64_t i = 0; i < 1000; i++) {
        const wsl_row *row = tm_mem_list_next(&at, false);
        cr_assert_eq(note_n(row), i);
        cr_assert_eq(note_text(row).size, (uint32_t)i % 100);
    }
    cr_assert_null(tm_mem_list_next(&at, false));
    cr_assert_null(tm_mem_list_next(&at, false), "and it stays at the end");
    tm_mem_list_clear(&l, &slab);
    cr_assert_eq(slab.used, 0);
    end();
}

Test(mem_list, keeps_timestamps_if_asked_to_and_nothing_else_of_a_stream)
{
    begin();
    for (int keeps = 0; keeps < 2; keeps++) {
        tm_mem_list l = {0};
        wsl_row *row = note_row(1, 0);
        wsl_row_set_timestamp(row, 77);
        row->flags |= WSL_ROW_KEYED;
        row->key_hash = 5;
        tm_mem_list_add(&l, &slab, row, keeps, false, 0);
        tm_list_at at;
        tm_mem_list_walk(&l, &at);
        const wsl_row *got = tm_mem_list_next(&at, false);
        cr_assert_eq(got->timestamp, keeps ? 77 : 0);
        cr_assert_eq(got->flags, keeps ? WSL_ROW_HAS_TIMESTAMP : 0);
        cr_assert_eq(got->key_hash, 0);
        tm_mem_list_clear(&l, &slab);
    }
    end();
}

Test(mem_list, an_element_of_its_own_may_be_added)
{
    begin();
    tm_mem_list l = {0};
    tm_mem_list_add(&l, &slab, note_row(5, 30), false, true, 9);
    for (int i = 0; i < 200; i++) {
        tm_list_at at;
        tm_mem_list_walk(&l, &at);
        tm_mem_list_add(&l, &slab, tm_mem_list_next(&at, true), false, true, i);
    }
    tm_list_at at;
    tm_mem_list_walk(&l, &at);
    for (int i = -1; i < 200; i++) {
        const wsl_row *row = tm_mem_list_next(&at, true);
        cr_assert_eq(note_n(row), 5);
        cr_assert_eq(*tm_stamp_of(row), i < 0 ? 9 : i);
    }
    tm_mem_list_clear(&l, &slab);
    end();
}

Test(mem_list, of_few_elements_that_come_and_go_needs_little_memory)
{
    begin();
    tm_mem_list l = {0};
    for (int64_t i = 0; i < 100000; i++) {
        tm_mem_list_add(&l, &slab, note_row(i, 20), false, false, 0);
        if (l.n > 6) { /* the oldest goes, as in a list of the last minute */
            tm_list_at at;
            tm_mem_list_walk(&l, &at);
            cr_assert_eq(note_n(tm_mem_list_next(&at, false)), i - 6);
            tm_mem_list_remove(&l, &slab, &at, false);
        }
        cr_assert_lt(slab.used, 4096);
    }
    cr_assert_lt(region.bytes, 128 << 10);
    tm_mem_list_clear(&l, &slab);
    end();
}

/* ---- model ---- */

enum { MAX = 3000 };

static void run(bool stamped, uint32_t n_max, uint32_t text_max, uint64_t seed)
{
    static int64_t model[MAX];
    uint32_t n = 0;
    int64_t next = 0;
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    begin();
    tm_mem_list l = {0};
    for (int round = 0; round < 300; round++) {
        for (uint64_t more = wsl_rng_below(&rng, n_max); more > 0 && n < n_max; more--) {
            model[n++] = next;
            tm_mem_list_add(&l, &slab, note_row(next, (uint32_t)wsl_rng_below(&rng, text_max)), false, stamped, -next);
            next++;
        }
        cr_assert_eq(l.n, n);
        const uint64_t chance = wsl_rng_below(&rng, 4);
        const uint64_t stop = wsl_rng_below(&rng, 3) == 0 ? wsl_rng_below(&rng, n_max) : UINT64_MAX;
        uint32_t seen = 0, kept = 0;
        tm_list_at at;
        tm_mem_list_walk(&l, &at);
        while (seen < stop) {
            const wsl_row *row = tm_mem_list_next(&at, stamped);
            if (row == NULL) {
                cr_assert_eq(seen, n);
                break;
            }
            cr_assert_eq(note_n(row), model[seen]);
            cr_assert(!stamped || *tm_stamp_of(row) == -model[seen]);
            if (wsl_rng_below(&rng, 4) < chance) {
                tm_mem_list_remove(&l, &slab, &at, stamped);
            } else {
                model[kept++] = model[seen];
            }
            seen++;
        }
        memmove(model + kept, model + seen, (n - seen) * sizeof model[0]);
        n -= seen - kept;
        cr_assert_eq(l.n, n);
        cr_assert(n > 0 || (l.first == NULL && l.last == NULL && l.bytes == 0));
    }
    tm_mem_list_clear(&l, &slab);
    cr_assert_eq(slab.used, 0);
    end();
}

Test(mem_list, agrees_with_an_array_when_short) { run(false, 12, 60, 1); }
Test(mem_list, agrees_with_an_array_when_long) { run(false, MAX, 100, 2); }
Test(mem_list, agrees_with_an_array_with_stamps) { run(true, 100, 80, 3); }
Test(mem_list, agrees_with_an_array_of_large_rows) { run(true, 20, 50000, 4); }
