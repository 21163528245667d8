#include "harness/wsl_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/vec.h"

/* ---- vec ---- */

Test(vec, does_what_an_array_does)
{
    enum { MAX = 3000 };
    static int model[MAX];
    uint32_t n = 0;
    WSL_VEC(int) v = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 21);
    for (int i = 0; i < 20000; i++) {
        const uint64_t what = wsl_rng_below(&rng, 10);
        if (what < 6 && n < MAX) {
            model[n++] = i;
            wsl_vec_push(&v, i);
        } else if (what < 8 && n > 0) {
            const uint32_t at = (uint32_t)wsl_rng_below(&rng, n);
            memmove(&model[at], &model[at + 1], (n - at - 1) * sizeof *model);
            n--;
            wsl_vec_remove(&v, at);
        } else if (what == 8 && n > 0) {
            const uint32_t at = (uint32_t)wsl_rng_below(&rng, n);
            model[at] = model[--n];
            wsl_vec_remove_swap(&v, at);
        } else if (what == 9 && n > 0) {
            cr_assert_eq(wsl_vec_last(&v), model[n - 1]);
            cr_assert_eq(wsl_vec_pop(&v), model[--n]);
        }
        cr_assert_eq(v.n, n);
    }
    cr_assert_gt(n, 100);
    cr_assert_arr_eq(v.items, model, n * sizeof *model);
    wsl_vec_clear(&v);
    cr_assert_eq(v.n, 0);
    wsl_vec_fini(&v);
    cr_assert_null(v.items);
}

Test(vec, may_push_one_of_its_own_items)
{
    WSL_VEC(int) v = {0};
    wsl_vec_push(&v, 7);
    for (int i = 0; i < 100; i++) {
        wsl_vec_push(&v, v.items[0]);
    }
    for (uint32_t i = 0; i < v.n; i++) {
        cr_assert_eq(v.items[i], 7);
    }
    wsl_vec_fini(&v);
}

/* ---- list ---- */

typedef struct item {
    int number;
    wsl_link link;
} item;

Test(list, keeps_order_and_lets_items_go_while_walking)
{
    wsl_list list;
    wsl_list_init(&list);
    cr_assert(wsl_list_is_empty(&list));
    cr_assert_null(wsl_list_pop_front(&list));
    item items[6] = {{0}};
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        cr_assert_not(wsl_link_is_linked(&items[i].link));
        wsl_list_push_back(&list, &items[i].link);
    }
    int expected = 0;
    WSL_LIST_EACH(item, it, &list, link)
    {
        cr_assert_eq(it->number, expected++);
        if (it->number % 2 == 1) {
            wsl_link_remove(&it->link);
            it->number = -1;
        }
    }
    cr_assert_eq(expected, 6);
    cr_assert_not(wsl_link_is_linked(&items[1].link));
    wsl_link_remove(&items[1].link); /* twice is fine */
    wsl_list_push_front(&list, &items[1].link);
    cr_assert_eq(WSL_CONTAINER(wsl_list_pop_front(&list), item, link), &items[1]);
    int seen = 0;
    WSL_LIST_EACH(item, it, &list, link)
    {
        if (it->number == 2) {
            break; /* ends the whole walk */
        }
        seen++;
    }
    cr_assert_eq(seen, 1);
    cr_assert_eq(wsl_list_first(&list), &items[0].link);
}

/* ---- heap ---- */

typedef struct entry {
    uint64_t key;
    wsl_heap_node node;
} entry;

static uint64_t key_of(const wsl_heap_node *node)
{
    return ((const entry *)(const void *)((const char *)node - offsetof(entry, node)))->key;
}

static bool entry_less(const wsl_heap_node *a, const wsl_heap_node *b) { return key_of(a) < key_of(b); }

Test(heap, gives_the_least_first_whatever_is_pushed_moved_and_removed)
{
    enum { N = 300 };
    static entry entries[N];
    wsl_heap heap;
    wsl_heap_init(&heap, entry_less);
    cr_assert_null(wsl_heap_pop(&heap));
    wsl_rng rng;
    wsl_rng_seed(&rng, 22);
    for (int i = 0; i < 50000; i++) {
        entry *const e = &entries[wsl_rng_below(&rng, N)];
        const uint64_t key = wsl_rng_below(&rng, 1000);
        if (!wsl_heap_holds(&e->node)) {
            e->key = key;
            wsl_heap_push(&heap, &e->node);
        } else if (i % 3 == 0) {
            wsl_heap_remove(&heap, &e->node);
            cr_assert_not(wsl_heap_holds(&e->node));
        } else {
            e->key = key;
            wsl_heap_update(&heap, &e->node);
        }
        if (i % 7 == 0) {
            uint64_t least = UINT64_MAX;
            uint32_t n = 0;
            for (int k = 0; k < N; k++) {
                if (wsl_heap_holds(&entries[k].node)) {
                    n++;
                    least = entries[k].key < least ? entries[k].key : least;
                }
            }
            cr_assert_eq(heap.n, n);
            const wsl_heap_node *const top = wsl_heap_pop(&heap);
            cr_assert_eq(n > 0, top != NULL);
            if (top != NULL) {
                cr_assert_eq(key_of(top), least);
            }
        }
    }
    wsl_heap_fini(&heap);
    for (int k = 0; k < N; k++) {
        cr_assert_not(wsl_heap_holds(&entries[k].node));
    }
}

/* ---- maps ---- */

typedef struct model_entry {
    uint64_t key;
    void *value;
    uint64_t order;
} model_entry;

static model_entry *model_find(model_entry *model, int n, uint64_t key)
{
    for (int i = 0; i < n; i++) {
        if (model[i].value != NULL && model[i].key == key) {
            return &model[i];
        }
    }
    return NULL;
}

static const char *key_text(uint64_t key, char out[64])
{
    (void)snprintf(out, 64, "%s%" PRIu64, key % 3 == 0 ? "taskmanager." : "", key);
    return out;
}

static void check_walk(const wsl_str_map *s, const wsl_u64_map *u, const model_entry *model, int n)
{
    uint32_t at_s = 0, at_u = 0;
    for (int i = 0; i < n; i++) { /* the model is in order of insertion */
        if (model[i].value == NULL) {
            continue;
        }
        char text[64];
        cr_assert(wsl_str_map_next(s, &at_s) && wsl_u64_map_next(u, &at_u));
        cr_assert_str_eq(wsl_str_map_key(s, at_s), key_text(model[i].key, text));
        cr_assert_eq(wsl_u64_map_key(u, at_u), model[i].key);
        cr_assert_eq(wsl_str_map_value(s, at_s), model[i].value);
        cr_assert_eq(wsl_u64_map_value(u, at_u), model[i].value);
    }
    cr_assert_not(wsl_str_map_next(s, &at_s));
    cr_assert_not(wsl_u64_map_next(u, &at_u));
}

Test(map, does_what_the_dullest_list_does_and_walks_in_order_of_insertion)
{
    enum { N = 8000, KEYS = 400 };
    static model_entry model[N];
    static char values[N + 1];
    int n = 0;
    uint32_t live = 0;
    wsl_str_map s = {0};
    wsl_u64_map u = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 23);
    for (int i = 0; i < N; i++) {
        const uint64_t key = wsl_rng_below(&rng, i / 1000 % 2 == 0 ? KEYS : KEYS / 20);
        char text[64];
        (void)key_text(key, text);
        model_entry *const known = model_find(model, n, key);
        void *const before = known != NULL ? known->value : NULL;
        cr_assert_eq(wsl_str_map_get(&s, text), before);
        cr_assert_eq(wsl_u64_map_get(&u, key), before);
        if (wsl_rng_below(&rng, 2) == 0) {
            void *const value = &values[i];
            cr_assert_eq(wsl_str_map_put(&s, text, value), before);
            cr_assert_eq(wsl_u64_map_put(&u, key, value), before);
            if (known != NULL) {
                known->value = value;
            } else {
                model[n++] = (model_entry){key, value, 0};
                live++;
            }
        } else {
            cr_assert_eq(wsl_str_map_remove(&s, text), before);
            cr_assert_eq(wsl_u64_map_remove(&u, key), before);
            if (known != NULL) {
                known->value = NULL;
                live--;
            }
        }
        cr_assert_eq(wsl_str_map_size(&s), live);
        cr_assert_eq(wsl_u64_map_size(&u), live);
        if (i % 500 == 0) {
            check_walk(&s, &u, model, n);
        }
    }
    check_walk(&s, &u, model, n);
    /* Removing while walking. */
    uint32_t at = 0;
    while (wsl_str_map_next(&s, &at)) {
        cr_assert_not_null(wsl_str_map_remove(&s, wsl_str_map_key(&s, at)));
    }
    cr_assert_eq(wsl_str_map_size(&s), 0);
    wsl_str_map_fini(&s);
    wsl_u64_map_fini(&u);
}

Test(map, keys_are_bytes_of_any_kind)
{
    wsl_str_map s = {0};
    int a = 1, b = 2, c = 3;
    cr_assert_null(wsl_str_map_put_bytes(&s, "x\0y", 3, &a));
    cr_assert_null(wsl_str_map_put_bytes(&s, "x\0z", 3, &b));
    cr_assert_null(wsl_str_map_put(&s, "", &c));
    cr_assert_eq(wsl_str_map_get_bytes(&s, "x\0y", 3), &a);
    cr_assert_eq(wsl_str_map_get_bytes(&s, "x\0z", 3), &b);
    cr_assert_null(wsl_str_map_get(&s, "x"));
    cr_assert_eq(wsl_str_map_get(&s, ""), &c);
    wsl_str_map_fini(&s);
}
