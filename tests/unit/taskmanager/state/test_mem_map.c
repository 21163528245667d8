#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/mem_map.h"

WSL_ROW(name, (string, text));
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

static const wsl_row *key_row(uint64_t id)
{
    static uint64_t memory[32];
    char text[64];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, name_n_fields);
    if (id != 0) { /* key 0 is NULL */
        (void)snprintf(text, sizeof text, "%*d", (int)(1 + id % 30), (int)id);
        name_set_text(&w, wsl_str_of(text));
    }
    return w.row;
}

static const wsl_row *value_row(int64_t n)
{
    static uint64_t memory[128];
    static char text[500];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, note_n_fields);
    note_set_n(&w, n);
    note_set_text(&w, (wsl_str){text, (uint32_t)(n % 450)});
    return w.row;
}

static void put(tm_mem_map *m, uint64_t id, int64_t n)
{
    const tm_map_item *item = tm_mem_map_put(m, &slab, key_row(id), value_row(n), false, n);
    cr_assert_eq(item->used, n);
    cr_assert_eq(note_n(tm_map_value(item)), n);
}

/* What a walk sees: the keys in its order. */
static uint32_t keys_of(const tm_mem_map *m, uint64_t *out)
{
    uint32_t n = 0;
    uint32_t at = 0;
    for (const tm_map_item *item; (item = tm_mem_map_next(m, &at)) != NULL;) {
        const wsl_row *key = tm_map_key(item);
        char text[64] = "0";
        if (key->nulls == 0) {
            (void)snprintf(text, sizeof text, "%.*s", (int)name_text(key).size, name_text(key).data);
        }
        out[n++] = strtoull(text, NULL, 10);
    }
    return n;
}

enum { KEYS = 3000 };

/* Puts and removes at random next to an array; phases in which it mostly grows or mostly shrinks. */
static void run_model(uint64_t n_keys, uint64_t seed, tm_mem_map *m, int64_t *model)
{
    static uint64_t seen[KEYS];
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    uint32_t n = 0;
    for (int step = 1; step <= 100000; step++) {
        const uint64_t id = wsl_rng_below(&rng, n_keys);
        const bool shrinking = step / 15000 % 2 == 1;
        const tm_map_item *item = tm_mem_map_find(m, key_row(id));
        cr_assert_eq(item == NULL ? -1 : note_n(tm_map_value(item)), model[id]);
        if (wsl_rng_below(&rng, 10) < (shrinking ? 8u : 3u)) {
            cr_assert_eq(tm_mem_map_remove(m, &slab, key_row(id)), model[id] >= 0);
            n -= model[id] >= 0;
            model[id] = -1;
        } else {
            n += model[id] < 0;
            model[id] = (int64_t)wsl_rng_below(&rng, 100000);
            put(m, id, model[id]);
        }
        cr_assert_eq(m->n, n);
        if (step % 5000 == 0) {
            cr_assert_eq(keys_of(m, seen), n);
            for (uint32_t i = 0; i < n; i++) {
                cr_assert_geq(model[seen[i]], 0);
            }
        }
    }
}

static void run(uint64_t n_keys)
{
    static int64_t model[KEYS];
    memset(model, -1, sizeof model);
    begin();
    tm_mem_map m = {0};
    run_model(n_keys, n_keys, &m, model);
    tm_mem_map_clear(&m, &slab);
    cr_assert_eq(slab.used, 0, "a cleared map has no memory");
    end();
}

Test(mem_map, agrees_with_an_array_when_small) { run(12); }
Test(mem_map, agrees_with_an_array_around_the_change_of_form) { run(24); }
Test(mem_map, agrees_with_an_array_when_large) { run(KEYS); }

Test(mem_map, walks_equal_contents_in_equal_order_whatever_happened_before)
{
    static uint64_t seen[2][KEYS];
    for (uint32_t size = 1; size < 2000; size = size * 3 / 2 + 1) {
        begin();
        tm_mem_map a = {0}, b = {0};
        for (uint64_t id = 0; id < KEYS; id++) {
            put(&a, id, 1);
        }
        for (uint64_t id = KEYS; id-- > size;) {
            cr_assert(tm_mem_map_remove(&a, &slab, key_row(id)));
        }
        for (uint64_t id = size; id-- > 0;) {
            put(&b, id, 2);
        }
        cr_assert_eq(keys_of(&a, seen[0]), size);
        cr_assert_eq(keys_of(&b, seen[1]), size);
        cr_assert_eq(memcmp(seen[0], seen[1], size * sizeof(uint64_t)), 0, "%u entries", size);
        tm_mem_map_clear(&a, &slab);
        tm_mem_map_clear(&b, &slab);
        end();
    }
}

Test(mem_map, items_may_be_removed_as_a_walk_comes_to_them)
{
    static const uint32_t sizes[] = {1, 3, 16, 17, 40, 2000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        begin();
        tm_mem_map m = {0};
        for (uint64_t id = 0; id < sizes[s]; id++) {
            put(&m, id, (int64_t)id);
        }
        uint32_t n = 0, at = 0;
        for (tm_map_item *item; (item = tm_mem_map_next(&m, &at)) != NULL; n++) {
            if (note_n(tm_map_value(item)) % 3 != 0) {
                tm_mem_map_remove_at(&m, &slab, &at);
            }
        }
        cr_assert_eq(n, sizes[s], "each is seen once");
        cr_assert_eq(m.n, (sizes[s] + 2) / 3);
        tm_mem_map_shrink(&m, &slab);
        for (uint64_t id = 0; id < sizes[s]; id++) {
            cr_assert_eq(tm_mem_map_find(&m, key_row(id)) != NULL, id % 3 == 0);
        }
        tm_mem_map_clear(&m, &slab);
        cr_assert_eq(slab.used, 0);
        end();
    }
}

Test(mem_map, a_value_of_its_own_may_be_put)
{
    begin();
    tm_mem_map m = {0};
    put(&m, 1, 400);
    put(&m, 2, 7);
    const wsl_row *value = tm_map_value(tm_mem_map_find(&m, key_row(1)));
    cr_assert_eq(note_n(tm_map_value(tm_mem_map_put(&m, &slab, key_row(2), value, false, 0))), 400);
    const tm_map_item *two = tm_mem_map_find(&m, key_row(2));
    cr_assert_eq(note_n(tm_map_value(tm_mem_map_put(&m, &slab, tm_map_key(two), tm_map_value(two), false, 0))), 400);
    const tm_map_item *one = tm_mem_map_find(&m, key_row(1));
    cr_assert(tm_mem_map_remove(&m, &slab, tm_map_key(one)), "nor need a key be a copy");
    tm_mem_map_clear(&m, &slab);
    end();
}

Test(mem_map, gives_memory_back_as_it_shrinks)
{
    begin();
    tm_mem_map m = {0};
    for (uint64_t id = 0; id < KEYS; id++) {
        put(&m, id, 1);
    }
    for (uint64_t id = KEYS; id-- > 10;) {
        (void)tm_mem_map_remove(&m, &slab, key_row(id));
    }
    cr_assert_lt(slab.used, 4096);
    tm_mem_map_clear(&m, &slab);
    end();
}
