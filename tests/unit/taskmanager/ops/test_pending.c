#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/ops/pending.h"

WSL_ROW(item, (int64, id), (string, text));

static wsl_row *make_row(int64_t id, uint32_t text_size)
{
    char *text = wsl_zalloc(text_size + 1);
    memset(text, 'x', text_size);
    const uint32_t room = wsl_row_fixed_size(item_n_fields) + text_size + 8;
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, wsl_alloc(room), room, item_n_fields);
    item_set_id(&w, id);
    item_set_text(&w, (wsl_str){text, text_size});
    free(text);
    return w.row;
}

Test(pending, gives_back_rows_and_marks_in_order)
{
    WSL_AUTO(tm_pending) q = tm_pending_new();
    const wsl_row *out[8];
    uint32_t input = 9;
    wsl_row *a = make_row(1, 3), *b = make_row(2, 100), *c = make_row(3, 0);
    const wsl_row *first[] = {a, b}, *second[] = {c};
    cr_assert(tm_pending_is_empty(q));
    tm_pending_push_rows(q, 0, first, 2);
    tm_pending_push_mark(q, 0, WSL_KIND_WATERMARK, 77);
    tm_pending_push_rows(q, 1, second, 1);
    cr_assert_null(tm_pending_front_mark(q, &input));
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 8), 2);
    cr_assert_eq(input, 0);
    cr_assert_eq(item_id(out[1]), 2);
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 1), 1);
    tm_pending_pop_rows(q, 1);
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 8), 1);
    cr_assert_eq(item_id(out[0]), 2);
    tm_pending_pop_rows(q, 1);
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 8), 0);
    cr_assert_eq(tm_pending_front_mark(q, &input)->timestamp, 77);
    tm_pending_pop_mark(q);
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 8), 1);
    cr_assert_eq(input, 1);
    tm_pending_pop_rows(q, 1);
    cr_assert(tm_pending_is_empty(q));
    cr_assert_eq(tm_pending_bytes(q), 0);
    free(a), free(b), free(c);
}

Test(pending, keeps_rows_of_two_inputs_apart)
{
    WSL_AUTO(tm_pending) q = tm_pending_new();
    const wsl_row *out[8];
    uint32_t input = 9;
    wsl_row *a = make_row(1, 0);
    const wsl_row *rows[] = {a};
    tm_pending_push_rows(q, 1, rows, 1);
    tm_pending_push_rows(q, 0, rows, 1);
    cr_assert_eq(tm_pending_front_rows(q, &input, out, 8), 1);
    cr_assert_eq(input, 1);
    free(a);
}

Test(pending, agrees_with_a_counter_over_rows_of_all_sizes)
{
    WSL_AUTO(tm_pending) q = tm_pending_new();
    static const uint32_t sizes[] = {0, 50, 3000, 200000};
    wsl_rng rng;
    wsl_rng_seed(&rng, 2);
    int64_t pushed = 0, popped = 0;
    uint64_t bytes = 0;
    for (int step = 0; step < 20000; step++) {
        if (pushed - popped < 500 && wsl_rng_below(&rng, 2) == 0) {
            if (wsl_rng_below(&rng, 5) == 0) {
                tm_pending_push_mark(q, 0, WSL_KIND_WATERMARK, pushed++);
                bytes += sizeof(wsl_row);
                continue;
            }
            wsl_row *row = make_row(pushed++, (uint32_t)wsl_rng_below(&rng, 1 + sizes[wsl_rng_below(&rng, 4)]));
            const wsl_row *rows[] = {row};
            tm_pending_push_rows(q, 0, rows, 1);
            bytes += row->size;
            free(row);
        } else {
            const wsl_row *out[4];
            uint32_t input = 0;
            const uint32_t n = tm_pending_front_rows(q, &input, out, 4);
            const wsl_row *mark = tm_pending_front_mark(q, &input);
            cr_assert_eq(n == 0 && mark == NULL, pushed == popped);
            for (uint32_t i = 0; i < n; i++) {
                cr_assert_eq(item_id(out[i]), popped++);
                bytes -= out[i]->size;
            }
            tm_pending_pop_rows(q, n);
            if (n == 0 && mark != NULL) {
                cr_assert_eq(mark->timestamp, popped++);
                bytes -= mark->size;
                tm_pending_pop_mark(q);
            }
        }
        cr_assert_eq(tm_pending_bytes(q), bytes);
    }
}
