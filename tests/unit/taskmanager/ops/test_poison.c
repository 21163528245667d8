/* Rows for which a function returns an error: on-error, pipeline.on-error. */
#include "harness/wsl_test.h"

#include <wiesel/harness.h>
#include <wiesel/poison_row.h>

WSL_ROW(number, (int64, key), (int64, n));
WSL_VALUE_STATE(sum_state, "sum", (int64, sum));

/* Emits n rows; fails for n = 13 after three of them, gives a status for n = 14, and emits where it must not for n = 15. */
static wsl_status multiply(wsl_ctx *ctx, const wsl_row *in)
{
    const int64_t n = number_n(in);
    for (int64_t i = 0; i < n; i++) {
        wsl_row_writer w = wsl_begin(ctx, &number_schema, 0);
        number_set_key(&w, number_key(in));
        number_set_n(&w, i);
        WSL_TRY(wsl_emit(ctx, &w));
        if (n == 13 && i == 2) {
            (void)wsl_emit_side(ctx, "other", in);
            return wsl_error_here(ctx, "%lld brings bad luck", (long long)n);
        }
    }
    return n == 14 ? WSL_FORMAT : n == 15 ? wsl_emit_side(ctx, "nowhere", in) : WSL_OK;
}
WSL_PROCESS(multiplies, .in = &number_schema, .sides = WSL_SIDES({"other", &number_schema}), .process = multiply);

/* Fails without saying so, too: what counts is that it was said. */
static wsl_status shrug(wsl_ctx *ctx, const wsl_row *in)
{
    if (number_n(in) == 13) {
        (void)wsl_error_here(ctx, "said, but not returned");
        return WSL_OK;
    }
    return wsl_emit(ctx, in);
}
WSL_PROCESS(shrugs, .in = &number_schema, .process = shrug);

static wsl_status is_even(wsl_ctx *ctx, const wsl_row *in, bool *keep)
{
    *keep = true;
    if (number_n(in) == 13) {
        return wsl_error_here(ctx, "13");
    }
    *keep = number_n(in) % 2 == 0;
    return WSL_OK;
}
WSL_FILTER(even, .in = &number_schema, .filter = is_even);

static wsl_status add_up(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t sum = 0;
    (void)wsl_value_get_int64(k, &sum_state, &sum);
    if (number_n(in) == 13) {
        return wsl_error_here(k, "13");
    }
    sum += number_n(in);
    WSL_TRY(wsl_value_set_int64(k, &sum_state, sum));
    wsl_row_writer w = wsl_begin(k, &number_schema, 0);
    number_set_key(&w, number_key(in));
    number_set_n(&w, sum);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(sums, .in = &number_schema, .out = &number_schema, .states = WSL_STATES(&sum_state), .keyed_process = add_up);

static wsl_harness *make(const wsl_function *function, const char *on_error, const char *job_on_error)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = function,
        .keys = function == &sums ? WSL_HARNESS_KEYS("key") : NULL,
        .subtask = 1,
        .parallelism = 2,
        .options = on_error == NULL ? NULL : WSL_HARNESS_OPTIONS("on-error", on_error),
        .job_options = job_on_error == NULL ? NULL : WSL_HARNESS_OPTIONS("pipeline.on-error", job_on_error),
    };
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

/* Keys of the second subtask of two. */
static wsl_status push(wsl_harness *h, int64_t n)
{
    wsl_row_writer *w = wsl_harness_row(h, &number_schema);
    number_set_key(w, 7);
    number_set_n(w, n);
    return wsl_harness_push_at(h, w, 1000 + n);
}

static void expect_fails(wsl_harness *h, int64_t n, const char *text)
{
    cr_assert_neq(push(h, n), WSL_OK);
    cr_assert(has_text(wsl_harness_error(h)->text, text), "%s", wsl_harness_error(h)->text);
}

Test(poison, a_row_that_fails_fails_the_task_unless_told_otherwise)
{
    WSL_AUTO(wsl_harness) plain = make(&multiplies, NULL, NULL);
    expect_fails(plain, 13, "13 brings bad luck; row: {key=7, n=13}");
    WSL_AUTO(wsl_harness) told = make(&multiplies, "fail", "skip");
    expect_fails(told, 13, "13 brings bad luck");
}

Test(poison, it_is_skipped_with_all_that_was_emitted_for_it)
{
    WSL_AUTO(wsl_harness) h = make(&multiplies, "skip", NULL);
    cr_assert_eq(push(h, 1), WSL_OK);
    cr_assert_eq(push(h, 13), WSL_OK);
    cr_assert_eq(push(h, 14), WSL_OK, "a status that it returns is an error as well");
    cr_assert_eq(push(h, 2), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{key=7, n=0}@1001, {key=7, n=0}@1002, {key=7, n=1}@1002");
    cr_assert_eq(wsl_harness_metric(h, "poisonRows"), 2);
    cr_assert_eq(wsl_harness_error(h)->status, WSL_OK);
}

Test(poison, in_the_middle_of_a_batch_only_that_row_is_missing)
{
    WSL_AUTO(wsl_harness) h = make(&shrugs, NULL, "skip");
    const wsl_row *rows[5];
    uint64_t memory[5][16];
    for (int64_t i = 0; i < 5; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], number_n_fields);
        number_set_key(&w, 1);
        number_set_n(&w, 11 + i);
        rows[i] = w.row;
    }
    cr_assert_eq(wsl_harness_push_batch(h, rows, 5), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{key=1, n=11}, {key=1, n=12}, {key=1, n=14}, {key=1, n=15}");
    cr_assert_eq(wsl_harness_metric(h, "poisonRows"), 1);
}

Test(poison, it_is_told_of_at_the_side_output)
{
    WSL_AUTO(wsl_harness) h = make(&multiplies, "side-output", NULL);
    cr_assert_eq(push(h, 13), WSL_OK);
    cr_assert_eq(push(h, 14), WSL_OK);
    cr_assert_eq(wsl_harness_count(h), 0u);
    cr_assert_eq(wsl_harness_side_count(h, "other"), 0u, "it was taken back, too");
    cr_assert_eq(wsl_harness_side_count(h, WSL_POISON_ROWS), 2u);
    const wsl_row *row = wsl_harness_side(h, WSL_POISON_ROWS, 0);
    cr_assert(wsl_str_equal(wsl_poison_row_reason(row), wsl_str_of("13 brings bad luck")));
    cr_assert(wsl_str_equal(wsl_poison_row_row(row), wsl_str_of("{key=7, n=13}")));
    cr_assert_eq(wsl_poison_row_subtask(row), 1);
    cr_assert_eq(wsl_poison_row_ts(row), 1013);
    cr_assert_eq(row->timestamp, 1013);
    cr_assert_gt(wsl_poison_row_name(row).size, 0u);
    const wsl_str said = wsl_poison_row_reason(wsl_harness_side(h, WSL_POISON_ROWS, 1));
    cr_assert(wsl_str_equal(said, wsl_str_of("its function returned WSL_FORMAT (bad format)")) || said.size > 20, "%.*s", (int)said.size,
              said.data);
}

Test(poison, what_is_no_rows_fault_still_fails_the_task)
{
    WSL_AUTO(wsl_harness) h = make(&multiplies, "skip", NULL);
    expect_fails(h, 15, "nowhere");
}

Test(poison, filters_and_keyed_functions_skip_as_well)
{
    WSL_AUTO(wsl_harness) f = make(&even, "skip", NULL);
    cr_assert_eq(push(f, 12), WSL_OK);
    cr_assert_eq(push(f, 13), WSL_OK);
    cr_assert_eq(push(f, 14), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(f), "{key=7, n=12}@1012, {key=7, n=14}@1014");

    wsl_harness *k = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = &sums, .keys = WSL_HARNESS_KEYS("key"), .options = WSL_HARNESS_OPTIONS("on-error", "side-output")};
    cr_assert_eq(wsl_harness_new(&options, &k, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(push(k, 1), WSL_OK);
    cr_assert_eq(push(k, 13), WSL_OK);
    cr_assert_eq(push(k, 2), WSL_OK);
    cr_assert_eq(number_n(wsl_harness_out(k, 1)), 3);
    cr_assert_eq(wsl_harness_side_count(k, WSL_POISON_ROWS), 1u);
    wsl_harness_free(k);
}
