/*
 * Requests under way are part of a snapshot: they are asked again, and what they give comes in the order it would have come in.
 */
#include "harness/wsl_test.h"

#include "async_kit.h"

static wsl_harness *again(wsl_harness *old, const char *const *options)
{
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_take(old, &s), WSL_OK, "%s", wsl_harness_error(old)->text);
    wsl_harness_free(old);
    forget_asked();
    const wsl_harness_snapshot *const parts[] = {s};
    cr_assert_eq(wsl_harness_new(
                     &(wsl_harness_options){.function = &later, .options = options, .restore = parts, .n_restore = 1}, &h,
                     &err),
                 WSL_OK, "%s", err.text);
    return h;
}

/* Example 42, with a restart in the middle: rows 1 2, a watermark, row 3; the answers come 3 2 1. */
static void example_42(const char *const *options, const char *before, const char *after)
{
    wsl_harness *h = open_harness(&later, options);
    push(h, 7, 0);
    answer(0);
    look(h);
    push(h, 1, 1);
    push(h, 2, 2);
    cr_assert_eq(wsl_harness_watermark(h, 5), WSL_OK);
    push(h, 3, 6);
    cr_assert_str_eq(out(h), before);
    h = again(h, options);
    cr_assert_eq(asked.n, 3, "%u requests are asked again", asked.n);
    cr_assert(asked.value[0] == 1 && asked.value[1] == 2 && asked.value[2] == 3);
    for (uint32_t i = 3; i-- > 0;) {
        answer(i);
    }
    look(h);
    cr_assert_str_eq(out(h), after);
    cr_assert_eq(wsl_harness_out_watermark(h), 5);
    wsl_harness_free(h);
}

Test(async_snapshot, ex42_ordered) { example_42(WSL_HARNESS_OPTIONS("mode", "ordered"), "7", "1 2 w5 3"); }
Test(async_snapshot, ex42_unordered) { example_42(WSL_HARNESS_OPTIONS("mode", "unordered"), "7", "2 1 w5 3"); }

Test(async_snapshot, rows_and_marks_that_wait_for_a_seat_are_in_it)
{
    const char *const *options = WSL_HARNESS_OPTIONS("mode", "ordered", "capacity", "2");
    wsl_harness *h = open_harness(&later, options);
    for (int64_t i = 0; i < 5; i++) {
        push(h, i, i);
    }
    cr_assert_eq(wsl_harness_watermark(h, 3), WSL_OK);
    push(h, 5, 5);
    cr_assert_eq(asked.n, 2, "the others wait");
    answer(1); /* answered, but not its turn */
    look(h);
    for (uint32_t i = 0; i < 3; i++) { /* being restored more than once changes nothing */
        h = again(h, options);
    }
    for (uint32_t i = 0; i < 6; i++) {
        cr_assert_gt(asked.n, i);
        answer(i);
        look(h);
    }
    cr_assert_str_eq(out(h), "0 1 2 3 4 w3 5");
    wsl_harness_free(h);
}

Test(async_snapshot, another_parallelism_deals_the_rows_out)
{
    const char *const *options = WSL_HARNESS_OPTIONS("mode", "ordered");
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    wsl_harness *h = open_harness(&later, options);
    cr_assert_eq(wsl_harness_watermark(h, 0), WSL_OK);
    for (int64_t i = 0; i < 5; i++) {
        push(h, i, i + 1);
    }
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    wsl_harness_free(h);
    const wsl_harness_snapshot *const parts[] = {s};
    const char *const expected[] = {"0 1 2 w0", "3 4 w0"};
    for (uint32_t i = 0; i < 2; i++) {
        WSL_AUTO(wsl_harness) part = NULL;
        wsl_error err = {0};
        forget_asked();
        cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &later,
                                                            .options = options,
                                                            .subtask = i,
                                                            .parallelism = 2,
                                                            .restore = parts,
                                                            .n_restore = 1},
                                     &part, &err),
                     WSL_OK, "%s", err.text);
        const uint32_t n = asked.n;
        for (uint32_t k = 0; k < n; k++) {
            answer(k);
        }
        look(part);
        cr_assert_str_eq(out(part), expected[i]);
    }
}
