#include "harness/wsl_test.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/time/timer_service.h"

WSL_ROW(number, (int64, id));
WSL_ROW(text, (string, name));

static wsl_key_spec spec;
static tm_key_ctx kc;
static tm_timers timers;

static void begin(const wsl_schema *schema, const char *field)
{
    wsl_error err = {0};
    const char *const names[] = {field};
    cr_assert_eq(wsl_key_spec_init(&spec, schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 128);
    tm_timers_init(&timers);
}

static void end(void)
{
    tm_timers_fini(&timers);
    tm_key_ctx_fini(&kc);
}

static void number_key(int64_t id)
{
    const uint64_t slot = (uint64_t)id;
    tm_key_ctx_restore(&kc, &slot, sizeof slot, 0, wsl_key_hash_slot(slot));
}

static void text_key(const char *name)
{
    uint64_t memory[64];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, text_n_fields);
    text_set_name(&w, wsl_str_of(name));
    tm_key_ctx_restore(&kc, w.row->slot, w.row->size - (uint32_t)sizeof(wsl_row), 0, wsl_key_hash(&spec, w.row));
}

static int64_t pop(int64_t up_to)
{
    int64_t ns = -1, at = -1;
    return tm_timers_pop(&timers, up_to, &kc, &ns, &at) ? at : -1;
}

Test(timer_service, is_a_set_per_key_and_time)
{
    begin(&number_schema, "id");
    cr_assert_not(tm_timers_any(&timers));
    number_key(1);
    for (int i = 0; i < 100; i++) { /* example 27 */
        tm_timers_set(&timers, &kc, 0, 100);
    }
    number_key(2);
    tm_timers_set(&timers, &kc, 0, 100);
    cr_assert(tm_timers_any(&timers));
    cr_assert_eq(pop(100), 100);
    cr_assert_eq(pop(100), 100, "another key's timer is another timer");
    cr_assert_eq(pop(INT64_MAX), -1);
    cr_assert_not(tm_timers_any(&timers));
    end();
}

Test(timer_service, removes_with_one_delete_what_was_set_twice)
{
    begin(&number_schema, "id");
    number_key(7);
    tm_timers_set(&timers, &kc, 0, 5);
    tm_timers_set(&timers, &kc, 0, 5);
    tm_timers_delete(&timers, &kc, 0, 5);
    cr_assert_eq(pop(5), -1);
    tm_timers_delete(&timers, &kc, 0, 5);
    tm_timers_set(&timers, &kc, 0, 5);
    cr_assert_eq(pop(5), 5, "it can be set again");
    tm_timers_delete(&timers, &kc, 0, 5);
    tm_timers_set(&timers, &kc, 0, 5);
    cr_assert_eq(pop(5), 5, "what deletes one that has fired deletes none that is set later");
    end();
}

Test(timer_service, fires_in_order_of_time_and_not_before_it_is_due)
{
    begin(&number_schema, "id");
    number_key(1);
    tm_timers_set(&timers, &kc, 0, 30);
    tm_timers_set(&timers, &kc, 0, 10);
    tm_timers_set(&timers, &kc, 0, 20);
    cr_assert_eq(pop(9), -1);
    cr_assert_eq(pop(25), 10);
    tm_timers_set(&timers, &kc, 0, 15); /* as example 28 does in its callback */
    cr_assert_eq(pop(25), 15);
    cr_assert_eq(pop(25), 20);
    cr_assert_eq(pop(25), -1);
    int64_t next = 0;
    cr_assert(tm_timers_next(&timers, &next));
    cr_assert_eq(next, 30);
    end();
}

Test(timer_service, breaks_ties_by_key_group_and_then_by_key_bytes)
{
    enum { N = 500 };
    begin(&text_schema, "name");
    for (int i = 0; i < N; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "a key that is too long to be kept inline %d", (i * 7919) % N);
        text_key(name);
        tm_timers_set(&timers, &kc, 0, 1000);
    }
    uint32_t last_group = 0;
    uint8_t last[128] = {0};
    uint32_t last_size = 0;
    for (int i = 0; i < N; i++) {
        cr_assert_eq(pop(1000), 1000);
        const uint32_t group = tm_key_ctx_group(&kc);
        const uint32_t size = tm_key_ctx_size(&kc);
        cr_assert_geq(group, last_group);
        if (i > 0 && group == last_group) {
            const uint32_t common = size < last_size ? size : last_size;
            const int order = memcmp(last, tm_key_ctx_bytes(&kc), common);
            cr_assert(order < 0 || (order == 0 && last_size < size));
        }
        last_group = group;
        last_size = size;
        memcpy(last, tm_key_ctx_bytes(&kc), size);
    }
    cr_assert_eq(pop(INT64_MAX), -1);
    end();
}

Test(timer_service, makes_the_timers_key_current)
{
    begin(&text_schema, "name");
    text_key("ACME");
    const uint32_t hash = kc.hash;
    tm_timers_set(&timers, &kc, 0, 1);
    text_key("somebody else, whose name is much longer than sixteen bytes");
    cr_assert_eq(pop(1), 1);
    cr_assert_eq(kc.hash, hash);
    cr_assert(wsl_str_equal(text_name(kc.row), wsl_str_of("ACME")));
    end();
}

Test(timer_service, takes_the_ends_of_time)
{
    begin(&number_schema, "id");
    number_key(1);
    tm_timers_set(&timers, &kc, 0, INT64_MIN);
    tm_timers_set(&timers, &kc, 0, INT64_MAX);
    int64_t ns = 0, at = 0;
    cr_assert(tm_timers_pop(&timers, INT64_MIN, &kc, &ns, &at) && at == INT64_MIN);
    cr_assert_not(tm_timers_pop(&timers, INT64_MAX - 1, &kc, &ns, &at));
    cr_assert(tm_timers_pop(&timers, INT64_MAX, &kc, &ns, &at) && at == INT64_MAX);
    end();
}

Test(timer_service, keeps_namespaces_of_a_key_apart_and_orders_by_them_last)
{
    begin(&number_schema, "id");
    static const int64_t spaces[] = {5, INT64_MIN, 0, INT64_MAX, -3};
    static const int64_t sorted[] = {INT64_MIN, -3, 5, INT64_MAX};
    number_key(1);
    for (size_t i = 0; i < 5; i++) {
        tm_timers_set(&timers, &kc, spaces[i], 100);
        tm_timers_set(&timers, &kc, spaces[i], 100);
    }
    tm_timers_delete(&timers, &kc, 0, 100);
    tm_timers_delete(&timers, &kc, 1, 100);
    for (size_t i = 0; i < 4; i++) {
        int64_t ns = 0, at = 0;
        cr_assert(tm_timers_pop(&timers, 100, &kc, &ns, &at));
        cr_assert_eq(ns, sorted[i]);
    }
    cr_assert_eq(pop(100), -1);
    end();
}

Test(timer_service, does_not_grow_when_timers_are_pushed_back_all_the_time)
{
    begin(&number_schema, "id");
    for (int64_t i = 0; i < 1000000; i++) {
        number_key(i % 10);
        tm_timers_delete(&timers, &kc, 0, 1000000 + i - 10);
        tm_timers_set(&timers, &kc, 0, 1000000 + i);
    }
    cr_assert_lt(timers.queue.n, 4096, "deleted timers leave the queue");
    cr_assert_lt(timers.region.bytes, 1 << 20);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(pop(INT64_MAX), 1999990 + i);
    }
    cr_assert_eq(pop(INT64_MAX), -1);
    end();
}

Test(timer_service, does_not_grow_when_the_same_timers_are_set_again_and_again)
{
    begin(&text_schema, "name");
    for (int64_t i = 0; i < 1000000; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "a key that is too long to be kept inline %d", (int)(i % 1000));
        text_key(name);
        tm_timers_set(&timers, &kc, 0, i % 2);
    }
    cr_assert_lt(timers.queue.n, 17000, "twins leave the queue");
    cr_assert_lt(timers.region.bytes, 8 << 20);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(pop(INT64_MAX), i / 500);
    }
    cr_assert_eq(pop(INT64_MAX), -1);
    cr_assert_eq(timers.queue.n, 0);
    cr_assert_eq(timers.slab.used, 0, "no key is left");
    end();
}

Test(timer_service, finds_timers_of_keys_that_begin_alike_again)
{
    enum { N = 40000 };
    begin(&text_schema, "name");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            char name[64];
            (void)snprintf(name, sizeof name, "a key that is too long to be kept inline %05d", i);
            text_key(name);
            if (round == 1 && i % 2 == 0) {
                tm_timers_delete(&timers, &kc, 0, 1000);
            } else {
                tm_timers_set(&timers, &kc, 0, 1000 + (i % 2 == 0 && round == 2));
            }
        }
    }
    for (int i = 0; i < N; i++) {
        cr_assert_eq(pop(INT64_MAX), 1000 + (i >= N / 2));
    }
    cr_assert_eq(pop(INT64_MAX), -1);
    end();
}

Test(timer_service, does_not_look_long_for_the_first_of_many_deleted_ones)
{
    enum { N = 1000000 };
    begin(&number_schema, "id");
    for (int64_t i = 0; i < N; i++) {
        number_key(i);
        tm_timers_set(&timers, &kc, 0, i * 7919 % N);
    }
    for (int64_t i = 0; i < N; i++) {
        number_key(i);
        tm_timers_delete(&timers, &kc, 0, i * 7919 % N);
    }
    cr_assert_lt(timers.queue.n, 128000, "a leaf of which half are deletions has been sorted out");
    cr_assert_eq(pop(INT64_MAX), -1);
    cr_assert_eq(timers.queue.n, 0);
    end();
}

/* ---- against a list that is searched from end to end ---- */

typedef struct dull_timer {
    int64_t id, ns, at;
} dull_timer;

typedef struct dull_list {
    dull_timer item[4096];
    int n;
} dull_list;

static int find(const dull_list *l, int64_t id, int64_t ns, int64_t at)
{
    for (int i = 0; i < l->n; i++) {
        if (l->item[i].id == id && l->item[i].ns == ns && l->item[i].at == at) {
            return i;
        }
    }
    return -1;
}

static uint64_t byte_order(int64_t id) { return __builtin_bswap64((uint64_t)id); }

static bool is_before(const dull_timer *a, const dull_timer *b)
{
    const uint32_t ga = wsl_key_group(wsl_key_hash_slot((uint64_t)a->id), 128);
    const uint32_t gb = wsl_key_group(wsl_key_hash_slot((uint64_t)b->id), 128);
    if (a->at != b->at) {
        return a->at < b->at;
    }
    if (a->id != b->id) {
        return ga != gb ? ga < gb : byte_order(a->id) < byte_order(b->id);
    }
    return a->ns < b->ns;
}

Test(timer_service, agrees_with_a_dull_list)
{
    begin(&number_schema, "id");
    dull_list *l = wsl_zalloc(sizeof *l);
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    for (int step = 0; step < 200000; step++) {
        const int64_t id = (int64_t)wsl_rng_below(&rng, 300);
        const int64_t at = (int64_t)wsl_rng_below(&rng, 60);
        const int64_t ns = (int64_t)wsl_rng_below(&rng, 3) - 1;
        const uint64_t what = wsl_rng_below(&rng, 100);
        number_key(id);
        const int i = find(l, id, ns, at);
        if (what < 45 && l->n < 4096) {
            tm_timers_set(&timers, &kc, ns, at);
            if (i < 0) {
                l->item[l->n++] = (dull_timer){id, ns, at};
            }
        } else if (what < 75) {
            tm_timers_delete(&timers, &kc, ns, at);
            if (i >= 0) {
                l->item[i] = l->item[--l->n];
            }
        } else {
            int first = -1;
            for (int k = 0; k < l->n; k++) {
                if (l->item[k].at <= at / 4 && (first < 0 || is_before(&l->item[k], &l->item[first]))) {
                    first = k;
                }
            }
            int64_t got_ns = 0, got = -1;
            cr_assert_eq(tm_timers_pop(&timers, at / 4, &kc, &got_ns, &got), first >= 0);
            if (first >= 0) {
                cr_assert_eq(got, l->item[first].at);
                cr_assert_eq((int64_t)kc.row->slot[0], l->item[first].id);
                cr_assert_eq(got_ns, l->item[first].ns);
                l->item[first] = l->item[--l->n];
            }
        }
        cr_assert(l->n == 0 || tm_timers_any(&timers));
    }
    free(l);
    end();
}

static int by_order(const void *a, const void *b)
{
    return is_before(a, b) ? -1 : is_before(b, a) ? 1 : 0;
}

/* Many timers, set in a random order or by time, a third of them deleted again; more are set while they fire. */
static void run_many(uint32_t n, uint64_t n_times, bool by_time)
{
    dull_timer *all = wsl_zalloc((size_t)n * 2 * sizeof *all);
    wsl_rng rng;
    wsl_rng_seed(&rng, n_times);
    begin(&number_schema, "id");
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int64_t at = by_time ? i / 4 : (int64_t)wsl_rng_below(&rng, n_times);
        number_key(i);
        tm_timers_set(&timers, &kc, i % 2, at);
        if (i % 3 == 0) {
            tm_timers_delete(&timers, &kc, i % 2, at);
        } else {
            all[kept++] = (dull_timer){i, i % 2, at};
        }
    }
    qsort(all, kept, sizeof *all, by_order);
    for (uint32_t i = 0; i < kept; i++) {
        int64_t ns = 0, at = 0;
        cr_assert(tm_timers_pop(&timers, INT64_MAX, &kc, &ns, &at));
        cr_assert_eq(at, all[i].at);
        cr_assert_eq((int64_t)kc.row->slot[0], all[i].id);
        cr_assert_eq(ns, all[i].ns);
        if (i % 1000 == 7) { /* for this moment, and for one that has passed: they are next, in that order */
            number_key(-1);
            tm_timers_set(&timers, &kc, 0, at - 5);
            number_key(-2);
            tm_timers_set(&timers, &kc, 0, at - 6);
            cr_assert_eq(pop(INT64_MAX), at - 6);
            cr_assert_eq(pop(INT64_MAX), at - 5);
        }
    }
    cr_assert_eq(pop(INT64_MAX), -1);
    cr_assert_not(tm_timers_any(&timers));
    free(all);
    end();
}

Test(timer_service, keeps_the_order_of_many_at_random_times) { run_many(300000, 10000000, false); }
Test(timer_service, keeps_the_order_of_many_at_few_times) { run_many(200000, 3, false); }
Test(timer_service, keeps_the_order_of_many_set_by_time) { run_many(200000, 1, true); }

Test(timer_service, fires_a_million_timers_of_one_moment)
{
    enum { N = 1000000 };
    begin(&number_schema, "id");
    for (int64_t i = 0; i < N; i++) {
        number_key(i);
        tm_timers_set(&timers, &kc, 0, 1);
    }
    int n = 0;
    while (pop(1) == 1) {
        n++;
    }
    cr_assert_eq(n, N);
    end();
}
