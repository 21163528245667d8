#include "harness/wsl_test.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/mem_table.h"
#include "taskmanager/state/tag_group.h"

WSL_ROW(number, (int64, id));
WSL_ROW(text, (string, name));

static wsl_key_spec spec;
static tm_key_ctx kc;
static tm_region region;
static tm_slab slab;
static tm_mem_table table;
static tm_mem_ahead *ahead;

enum { PAYLOAD = 8 };

static void begin_with(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism, bool small)
{
    wsl_error err = {0};
    const char *const names[] = {"id"};
    cr_assert_eq(wsl_key_spec_init(&spec, &number_schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, subtask, parallelism, max_parallelism);
    tm_region_init(&region);
    tm_slab_init(&slab, &region);
    ahead = tm_mem_ahead_new();
    tm_mem_table_init(&table, &region, &slab, ahead, &kc, PAYLOAD, small);
}

static void begin(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism)
{
    begin_with(subtask, parallelism, max_parallelism, false);
}

static void end(void)
{
    tm_mem_table_fini(&table);
    tm_mem_ahead_free(ahead);
    tm_slab_fini(&slab);
    tm_region_fini(&region);
    tm_key_ctx_fini(&kc);
}

static void key_with_hash(int64_t id, uint32_t hash)
{
    const uint64_t slot = (uint64_t)id;
    tm_key_ctx_restore(&kc, &slot, sizeof slot, 0, hash);
}

static void key(int64_t id) { key_with_hash(id, wsl_key_hash_slot((uint64_t)id)); }

static uint64_t *payload(uint8_t *entry) { return (uint64_t *)(void *)(entry + TM_ENTRY_FAST_HEADER); }

Test(mem_table, finds_what_was_added_and_nothing_else)
{
    begin(0, 1, 128);
    key(1);
    cr_assert_null(tm_mem_table_find(&table, &kc), "an empty table has nothing");
    *payload(tm_mem_table_add(&table, &kc)) = 77;
    cr_assert_eq(*payload(tm_mem_table_find(&table, &kc)), 77);
    key(2);
    cr_assert_null(tm_mem_table_find(&table, &kc));
    end();
}

Test(mem_table, keeps_null_apart_from_zero)
{
    begin(0, 1, 128);
    const uint64_t zero = 0;
    const uint32_t hash = wsl_key_hash_slot(0);
    tm_key_ctx_restore(&kc, &zero, sizeof zero, 1, hash);
    *payload(tm_mem_table_add(&table, &kc)) = 1;
    key_with_hash(0, hash);
    cr_assert_null(tm_mem_table_find(&table, &kc));
    *payload(tm_mem_table_add(&table, &kc)) = 2;
    tm_key_ctx_restore(&kc, &zero, sizeof zero, 1, hash);
    cr_assert_eq(*payload(tm_mem_table_find(&table, &kc)), 1);
    end();
}

/* Of the keys in hand: key group, then key bytes, and each one once. */
static void check_walk(const uint64_t *model, uint64_t n_present)
{
    tm_mem_walk walk;
    tm_mem_walk_init(&walk, &table);
    uint64_t n = 0, last_bytes = 0;
    uint32_t last_group = 0;
    for (uint8_t *entry; (entry = tm_mem_walk_next(&walk, &kc)) != NULL; n++) {
        const uint64_t id = kc.row->slot[0];
        const uint64_t bytes = __builtin_bswap64(id);
        const uint32_t group = tm_key_ctx_group(&kc);
        cr_assert_neq(model[id], 0);
        cr_assert_eq(*payload(entry), model[id]);
        cr_assert_eq(kc.entry, entry);
        cr_assert(n == 0 || group > last_group || (group == last_group && bytes > last_bytes));
        last_bytes = bytes;
        last_group = group;
    }
    cr_assert_eq(n, n_present);
    cr_assert_null(tm_mem_walk_next(&walk, &kc), "and it stays at its end");
    tm_mem_walk_fini(&walk);
}

/* Adds, finds and removes at random, next to an array that is indexed by the key. */
static void run_model_with(uint32_t max_parallelism, uint64_t n_keys, uint64_t n_steps, uint32_t hash_mask, bool small)
{
    uint64_t *model = wsl_calloc(n_keys, sizeof *model); /* 0: absent */
    uint64_t n_present = 0;
    wsl_rng rng;
    wsl_rng_seed(&rng, n_keys);
    begin_with(0, 1, max_parallelism, small);
    for (uint64_t step = 1; step <= n_steps; step++) {
        const uint64_t id = wsl_rng_below(&rng, n_keys);
        /* phases in which the table mostly grows, then mostly shrinks */
        const bool shrinking = step / (n_steps / 4 + 1) % 2 == 1;
        const uint64_t what = wsl_rng_below(&rng, 10);
        key_with_hash((int64_t)id, wsl_key_hash_slot(id) & ~hash_mask);
        uint8_t *entry = tm_mem_table_find(&table, &kc);
        cr_assert_eq(entry != NULL, model[id] != 0);
        if (entry != NULL) {
            cr_assert_eq(*payload(entry), model[id]);
        }
        if (what < (shrinking ? 7u : 2u)) {
            if (entry != NULL) {
                tm_mem_table_remove(&table, &kc, entry);
                model[id] = 0;
                n_present--;
            }
        } else if (what < 9) {
            if (entry == NULL) {
                entry = tm_mem_table_add(&table, &kc);
                n_present++;
            }
            *payload(entry) = model[id] = step;
        }
        cr_assert_eq(table.n_keys, n_present);
        if (step % (n_steps / 8) == 0) {
            check_walk(model, n_present);
        }
    }
    for (uint64_t id = 0; id < n_keys; id++) {
        key_with_hash((int64_t)id, wsl_key_hash_slot(id) & ~hash_mask);
        uint8_t *entry = tm_mem_table_find(&table, &kc);
        cr_assert_eq(entry == NULL ? 0 : *payload(entry), model[id]);
    }
    end();
    free(model);
}

static void run_model(uint32_t max_parallelism, uint64_t n_keys, uint64_t n_steps, uint32_t hash_mask)
{
    run_model_with(max_parallelism, n_keys, n_steps, hash_mask, false);
    run_model_with(max_parallelism, n_keys, n_steps / 2, hash_mask, true);
}

Test(mem_table, agrees_with_an_array_over_few_keys) { run_model(128, 200, 1000000, 0); }
Test(mem_table, agrees_with_an_array_over_many_keys) { run_model(128, 300000, 3000000, 0); }
Test(mem_table, agrees_with_an_array_in_one_key_group) { run_model(1, 100000, 1000000, 0); }
Test(mem_table, agrees_with_an_array_when_max_parallelism_is_no_power_of_two) { run_model(100, 50000, 500000, 0); }
Test(mem_table, agrees_with_an_array_with_the_most_key_groups) { run_model(32768, 50000, 500000, 0); }
Test(mem_table, agrees_with_an_array_when_hashes_collide) { run_model(128, 20000, 200000, 0x00FFFFFF); }

Test(mem_table, takes_keys_that_all_have_the_same_hash)
{
    enum { N = 3000 };
    begin(0, 1, 128);
    for (int64_t id = 0; id < N; id++) {
        key_with_hash(id, 12345);
        cr_assert_null(tm_mem_table_find(&table, &kc));
        *payload(tm_mem_table_add(&table, &kc)) = (uint64_t)id;
    }
    for (int64_t id = 0; id < N; id++) {
        key_with_hash(id, 12345);
        cr_assert_eq(*payload(tm_mem_table_find(&table, &kc)), (uint64_t)id);
    }
    end();
}

static void walk_texts(const char *beginning)
{
    enum { N = 3000 };
    static const char *const names[] = {"name"};
    wsl_error err = {0};
    cr_assert_eq(wsl_key_spec_init(&spec, &text_schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 8);
    tm_region_init(&region);
    tm_slab_init(&slab, &region);
    ahead = tm_mem_ahead_new();
    tm_mem_table_init(&table, &region, &slab, ahead, &kc, PAYLOAD, true);
    for (uint32_t i = 0; i < N; i++) {
        uint64_t memory[16];
        char name[64];
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory, sizeof memory, text_n_fields);
        const int size = snprintf(name, sizeof name, "%s%*u", beginning, (int)(i % 20), i);
        if (i != 0) { /* key 0 is NULL, key 1 the empty string */
            text_set_name(&w, (wsl_str){name, i == 1 ? 0 : (uint32_t)size});
        }
        cr_assert(tm_key_ctx_make(&kc, w.row));
        cr_assert_null(tm_mem_table_find(&table, &kc));
        (void)tm_mem_table_add(&table, &kc);
    }
    for (int round = 0; round < 2; round++) {
        static uint8_t last[128];
        uint32_t n = 0, last_group = 0, last_size = 0;
        tm_mem_walk walk;
        tm_mem_walk_init(&walk, &table);
        for (uint8_t *entry; (entry = tm_mem_walk_next(&walk, &kc)) != NULL; n++) {
            const uint32_t size = tm_key_ctx_size(&kc);
            const int order = memcmp(last, tm_key_ctx_bytes(&kc), size < last_size ? size : last_size);
            const uint32_t group = tm_key_ctx_group(&kc);
            cr_assert(n == 0 || group > last_group ||
                      (group == last_group && (order < 0 || (order == 0 && last_size < size))));
            memcpy(last, tm_key_ctx_bytes(&kc), size);
            last_size = size;
            last_group = group;
            if (round == 0 && n % 3 != 0) {
                tm_mem_table_remove(&table, &kc, entry);
            }
        }
        tm_mem_walk_fini(&walk);
        cr_assert_eq(n, round == 0 ? N : N / 3);
    }
    end();
}

Test(mem_table, walks_keys_of_any_length_in_order_and_forgets_those_removed_in_hand) { walk_texts("a common beginning "); }
Test(mem_table, walks_short_keys_in_order) { walk_texts(""); }

Test(mem_table, stays_within_its_memory_when_keys_come_and_go)
{
    begin(0, 1, 128);
    uint64_t bytes = 0;
    for (int64_t id = 0; id < 1000000; id++) {
        key(id);
        (void)tm_mem_table_add(&table, &kc);
        if (id >= 1000) {
            key(id - 1000);
            tm_mem_table_remove(&table, &kc, tm_mem_table_find(&table, &kc));
        }
        if (id == 100000) {
            bytes = region.bytes;
        }
    }
    cr_assert_eq(table.n_keys, 1000);
    cr_assert_eq(region.bytes, bytes, "1000 keys at a time need no more memory after a million of them");
    end();
}

Test(mem_table, load_finds_entries_and_refuses_foreign_key_groups)
{
    enum { N = 64 };
    uint64_t memory[N][4];
    const wsl_row *rows[N];
    begin(1, 2, 128); /* the upper half of the key groups */
    uint32_t n_ours = 0;
    for (int64_t id = 0; n_ours < N; id++) {
        const uint32_t hash = wsl_key_hash_slot((uint64_t)id);
        if (wsl_key_group(hash, 128) < 64) {
            continue;
        }
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[n_ours], sizeof memory[n_ours], 1);
        number_set_id(&w, id);
        if (n_ours % 2 == 0) { /* a producer has set the hash for some */
            w.row->key_hash = hash;
            w.row->flags |= WSL_ROW_KEYED;
        }
        rows[n_ours++] = w.row;
        if (n_ours % 3 != 0) {
            key(id);
            *payload(tm_mem_table_add(&table, &kc)) = (uint64_t)id;
        }
    }
    uint32_t bad = 0;
    for (uint32_t i = 0; i < N; i++) {
        cr_assert(i % TM_KEY_BLOCK != 0 || tm_mem_table_load(&table, &kc, rows, N, i, &bad));
        tm_key_ctx_select(&kc, i, rows[i]);
        uint8_t *entry = tm_mem_table_find(&table, &kc);
        cr_assert_eq(entry == NULL, (i + 1) % 3 == 0);
        cr_assert(kc.entry == NULL || kc.entry == entry, "what load found is right");
        cr_assert(entry == NULL || *payload(entry) == rows[i]->slot[0]);
    }
    wsl_row_writer w;
    uint64_t other[4];
    (void)wsl_row_writer_init(&w, other, sizeof other, 1);
    for (int64_t id = 0;; id++) {
        if (wsl_key_group(wsl_key_hash_slot((uint64_t)id), 128) < 64) {
            number_set_id(&w, id);
            break;
        }
    }
    rows[5] = w.row;
    cr_assert_not(tm_mem_table_load(&table, &kc, rows, N, 0, &bad));
    cr_assert_eq(bad, 5);
    end();
}

/* ---- giving memory back ---- */

static uint8_t *entry_of(int64_t id)
{
    key(id);
    return tm_mem_table_find(&table, &kc);
}

Test(mem_table, a_table_whose_keys_went_away_shrinks_in_small_steps)
{
    enum { KEYS = 200000, LEFT = 100 }; /* one of so many is left */
    begin(0, 1, 16);
    for (int round = 0; round < 2; round++) {
        for (int64_t id = 0; id < KEYS; id++) {
            if (entry_of(id) == NULL) {
                *payload(tm_mem_table_add(&table, &kc)) = (uint64_t)id;
            }
        }
        cr_assert_not(tm_mem_table_is_sparse(&table));
        const uint64_t in_use = table.n_places * table.stride;
        for (int64_t id = 0; id < KEYS; id++) {
            if (id % LEFT != 0) {
                tm_mem_table_remove(&table, &kc, entry_of(id));
            }
        }
        cr_assert(tm_mem_table_is_sparse(&table));
        uint32_t steps = 0;
        for (; tm_mem_table_is_sparse(&table); steps++) {
            const uint64_t places = table.n_places;
            tm_mem_table_shrink(&table, &kc);
            cr_assert_leq(places - table.n_places, (uint64_t)TM_TAGS << TM_SEGMENT_LOG_GROUPS, "a segment per step");
            cr_assert_lt(steps, 10000);
        }
        cr_assert_gt(steps, 50);
        cr_assert_gt(table.returned, in_use / 2, "%llu of %llu bytes went back: whole pages of places of 24 KiB",
                     (unsigned long long)table.returned, (unsigned long long)in_use);
        for (int64_t id = 0; id < KEYS; id++) {
            uint8_t *entry = entry_of(id);
            cr_assert_eq(entry != NULL, id % LEFT == 0);
            cr_assert(entry == NULL || *payload(entry) == (uint64_t)id);
        }
    }
    cr_assert_eq(table.n_keys, KEYS / LEFT);
    end();
}

Test(mem_table, a_small_table_is_left_alone)
{
    begin(0, 1, 16);
    for (int64_t id = 0; id < 4000; id++) {
        key(id);
        (void)tm_mem_table_add(&table, &kc);
    }
    for (int64_t id = 0; id < 4000; id++) {
        tm_mem_table_remove(&table, &kc, entry_of(id));
    }
    cr_assert_not(tm_mem_table_is_sparse(&table), "what it would save is not worth a look");
    end();
}
