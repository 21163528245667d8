#include "harness/wsl_test.h"

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
