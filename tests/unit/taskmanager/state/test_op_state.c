#include "harness/wsl_test.h"

#include <stdio.h>

#include "base/rng.h"
#include "data/key.h"
#include "taskmanager/state/op_state.h"

WSL_ROW(split, (string, path), (int64, at));
WSL_ROW(number, (int64, n));

Test(op_list, keeps_copies_in_order)
{
    uint64_t memory[32];
    wsl_error err = {0};
    WSL_AUTO(tm_op_list) l = tm_op_list_new("splits", &split_schema, TM_OP_STATE_SPLIT);
    tm_op_list_walk walk = {0};
    cr_assert_null(tm_op_list_next(l, &walk));
    for (int64_t i = 0; i < 500; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory, sizeof memory, split_n_fields);
        split_set_path(&w, wsl_str_of("a file"));
        split_set_at(&w, i);
        wsl_row_set_timestamp(w.row, 5);
        cr_assert_eq(tm_op_list_add(l, w.row, &err), WSL_OK);
    }
    memset(memory, 0xEE, sizeof memory);
    cr_assert_eq(tm_op_list_size(l), 500);
    walk = (tm_op_list_walk){0};
    for (int64_t i = 0; i < 500; i++) {
        const wsl_row *row = tm_op_list_next(l, &walk);
        cr_assert_eq(split_at(row), i);
        cr_assert(wsl_str_equal(split_path(row), wsl_str_of("a file")));
        cr_assert_eq(row->flags, 0);
    }
    cr_assert_null(tm_op_list_next(l, &walk));
    tm_op_list_clear(l);
    cr_assert_eq(tm_op_list_size(l), 0);
}

Test(op_list, refuses_rows_of_another_type)
{
    uint64_t memory[8];
    wsl_error err = {0};
    WSL_AUTO(tm_op_list) l = tm_op_list_new("splits", &split_schema, TM_OP_STATE_UNION);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, number_n_fields);
    number_set_n(&w, 1);
    cr_assert_eq(tm_op_list_add(l, w.row, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "an element of the operator state 'splits' is not of its type"), "%s", err.text);
    cr_assert_eq(tm_op_list_size(l), 0);
}

/* ---- dealing out ---- */

enum { MOST = 64 };

/* What new subtasks get, as text: elements are letters, in the order of old subtasks. */
static const char *deal(tm_op_state_kind kind, const uint64_t *sizes, uint32_t n_old, uint32_t n_new)
{
    static char text[4096];
    int size = 0;
    for (uint32_t subtask = 0; subtask < n_new; subtask++) {
        tm_op_piece pieces[MOST];
        const uint32_t n = tm_deal_out_list(kind, sizes, n_old, subtask, n_new, pieces);
        size += snprintf(text + size, sizeof text - (size_t)size, "[");
        for (uint32_t i = 0; i < n; i++) {
            char letter = 'a';
            for (uint32_t before = 0; before < pieces[i].subtask; before++) {
                letter = (char)(letter + (int)sizes[before]);
            }
            cr_assert_gt(pieces[i].n, 0);
            for (uint64_t e = 0; e < pieces[i].n; e++) {
                text[size++] = (char)(letter + (int)(pieces[i].from + e));
            }
        }
        size += snprintf(text + size, sizeof text - (size_t)size, "]");
    }
    return text;
}

static const uint64_t three_two[] = {3, 2};

Test(deal_out, ex37_a_list_from_two_to_three)
{
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, three_two, 2, 3), "[ab][cd][e]");
    cr_assert_str_eq(deal(TM_OP_STATE_UNION, three_two, 2, 3), "[abcde][abcde][abcde]");
}

Test(deal_out, ex46_a_list_from_two_to_one)
{
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, three_two, 2, 1), "[abcde]");
}

Test(deal_out, at_the_same_parallelism_lists_stay_and_unions_do_not)
{
    static const uint64_t uneven[] = {0, 5, 1};
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, three_two, 2, 2), "[abc][de]");
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, uneven, 3, 3), "[][abcde][f]");
    cr_assert_str_eq(deal(TM_OP_STATE_UNION, three_two, 2, 2), "[abcde][abcde]");
}

Test(deal_out, fewer_elements_than_subtasks_and_none_at_all)
{
    static const uint64_t none[] = {0, 0, 0};
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, three_two, 2, 7), "[a][b][c][d][e][][]");
    cr_assert_str_eq(deal(TM_OP_STATE_SPLIT, none, 3, 2), "[][]");
    cr_assert_str_eq(deal(TM_OP_STATE_UNION, none, 3, 2), "[][]");
}

Test(deal_out, broadcast_state_comes_from_the_same_number_or_around)
{
    static const uint32_t expected[] = {0, 1, 2, 0, 1};
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(tm_deal_out_broadcast(3, i), expected[i]);
    }
    cr_assert_eq(tm_deal_out_broadcast(3, 1), 1, "fewer than before: the first ones");
}

Test(deal_out, ex36_key_groups_from_three_to_two)
{
    tm_op_piece p[MOST];
    cr_assert_eq(wsl_key_group_first(1, 128, 3), 43);
    cr_assert_eq(wsl_key_group_first(2, 128, 3), 86);
    cr_assert_eq(tm_deal_out_keyed(128, 3, 0, 2, p), 2);
    cr_assert(p[0].subtask == 0 && p[0].from == 0 && p[0].n == 43);
    cr_assert(p[1].subtask == 1 && p[1].from == 43 && p[1].n == 21);
    cr_assert_eq(tm_deal_out_keyed(128, 3, 1, 2, p), 2);
    cr_assert(p[0].subtask == 1 && p[0].from == 64 && p[0].n == 22);
    cr_assert(p[1].subtask == 2 && p[1].from == 86 && p[1].n == 42);
    cr_assert_eq(wsl_default_max_parallelism(85), 128);
    cr_assert_eq(wsl_default_max_parallelism(86), 256);
}

Test(deal_out, every_element_goes_to_exactly_one_and_parts_are_even)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 36);
    for (int round = 0; round < 2000; round++) {
        uint64_t sizes[MOST];
        tm_op_piece p[MOST];
        const uint32_t n_old = 1 + (uint32_t)wsl_rng_below(&rng, MOST);
        uint32_t n_new = 1 + (uint32_t)wsl_rng_below(&rng, MOST);
        n_new += n_new == n_old;
        uint64_t all = 0;
        for (uint32_t i = 0; i < n_old; i++) {
            sizes[i] = wsl_rng_below(&rng, 20);
            all += sizes[i];
        }
        uint32_t old = 0;
        uint64_t at = 0; /* the next element nobody has: of `old`, number `at` */
        for (uint32_t subtask = 0; subtask < n_new; subtask++) {
            uint64_t got = 0;
            const uint32_t n = tm_deal_out_list(TM_OP_STATE_SPLIT, sizes, n_old, subtask, n_new, p);
            for (uint32_t i = 0; i < n; i++) {
                while (at == sizes[old]) {
                    old++;
                    at = 0;
                }
                cr_assert(p[i].subtask == old && p[i].from == at && p[i].n <= sizes[old] - at);
                at += p[i].n;
                got += p[i].n;
            }
            cr_assert_eq(got, all / n_new + (subtask < all % n_new));
        }
        const uint32_t max_parallelism = MOST + (uint32_t)wsl_rng_below(&rng, 1000);
        uint64_t next_group = 0;
        for (uint32_t subtask = 0; subtask < n_new; subtask++) {
            const uint32_t n = tm_deal_out_keyed(max_parallelism, n_old, subtask, n_new, p);
            for (uint32_t i = 0; i < n; i++) {
                cr_assert_eq(p[i].from, next_group);
                next_group += p[i].n;
                cr_assert_eq(wsl_key_group_owner((uint32_t)p[i].from, max_parallelism, n_old), p[i].subtask);
                cr_assert_eq(wsl_key_group_owner((uint32_t)(p[i].from + p[i].n - 1), max_parallelism, n_new), subtask);
            }
        }
        cr_assert(n_new > max_parallelism || next_group == max_parallelism);
    }
}
