/*
 * test_async - the async operator: order, capacity, time, retries. Answers that nobody waits for: test_async_answers.c.
 */
#include "harness/wsl_test.h"

#include "async_kit.h"

/* ---- order ---- */

Test(async, ex42_unordered_never_crosses_a_watermark)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("mode", "unordered"));
    push(h, 1, 10);
    push(h, 2, 20);
    cr_assert_eq(wsl_harness_watermark(h, 25), WSL_OK);
    push(h, 3, 30);
    answer(2);
    cr_assert_eq(wsl_harness_watermark(h, 25), WSL_OK);
    cr_assert_str_eq(out(h), "", "3 has to wait behind the watermark");
    answer(1);
    look(h);
    cr_assert_str_eq(out(h), "2");
    answer(0);
    look(h);
    cr_assert_str_eq(out(h), "2 1 w25 3");
    wsl_harness_free(h);
}

Test(async, ex42_ordered_keeps_the_order_of_the_input)
{
    wsl_harness *h = open_harness(&later, NULL);
    push(h, 1, 10);
    push(h, 2, 20);
    cr_assert_eq(wsl_harness_watermark(h, 25), WSL_OK);
    push(h, 3, 30);
    answer(2);
    answer(1);
    look(h);
    cr_assert_str_eq(out(h), "");
    answer(0);
    look(h);
    cr_assert_str_eq(out(h), "1 2 w25 3");
    cr_assert_str_eq(wsl_harness_text(h),
                     "{value=1, key=NULL}@10, {value=2, key=NULL}@20, watermark 25, {value=3, key=NULL}@30",
                     "results have their row's timestamp: %s", wsl_harness_text(h));
    wsl_harness_free(h);
}

Test(async, ex42_in_one_batch)
{
    for (int ordered = 0; ordered < 2; ordered++) {
        kit k;
        kit_init(&k, &num_schema);
        forget_asked();
        const uint32_t op = kit_add(&k, "async", "later", &later, &num_schema);
        kit_option(&k, op, "mode", ordered ? "ordered" : "unordered");
        kit_open(&k);
        cr_assert_eq(kit_push(&k, 1, 2), WSL_OK);
        cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 7), WSL_OK);
        cr_assert_eq(kit_push(&k, 3, 1), WSL_OK);
        answer(2);
        answer(1);
        answer(0);
        (void)tm_op_resume(kit_head(&k));
        cr_assert_str_eq(kit_text(&k), ordered ? "1 2 w7 3" : "2 1 w7 3");
        kit_fini(&k);
    }
}

Test(async, marks_wait_together_and_idle_is_one_of_them)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("mode", "unordered"));
    cr_assert_eq(wsl_harness_watermark(h, 1), WSL_OK);
    cr_assert_str_eq(out(h), "w1", "nothing is under way: it goes on at once");
    push(h, 1, 10);
    cr_assert_eq(wsl_harness_watermark(h, 2), WSL_OK);
    cr_assert_eq(wsl_harness_watermark(h, 3), WSL_OK);
    cr_assert_eq(wsl_harness_idle(h, true), WSL_OK);
    push(h, 2, 10);
    cr_assert_eq(wsl_harness_idle(h, false), WSL_OK);
    cr_assert_eq(wsl_harness_watermark(h, 9), WSL_OK);
    answer(1);
    look(h);
    cr_assert_str_eq(out(h), "w1");
    answer(0);
    look(h);
    cr_assert_str_eq(out(h), "w1 1 w3 idle 2 active w9");
    wsl_harness_free(h);
}

Test(async, the_end_waits_for_all_that_is_under_way)
{
    kit k;
    kit_init(&k, &num_schema);
    forget_asked();
    (void)kit_add(&k, "async", "later", &later, &num_schema);
    kit_open(&k);
    tm_op *op = kit_head(&k);
    cr_assert_eq(kit_push(&k, 1, 3), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(op, WSL_TIME_MAX), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(op, 0), WSL_OK);
    cr_assert(op->pending && !op->ended);
    answer(0);
    answer(2);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    cr_assert_str_eq(kit_text(&k), "1");
    answer(1);
    (void)tm_chain_resume(k.chain);
    cr_assert_str_eq(kit_text(&k), "1 2 3 wMAX end");
    cr_assert(op->ended && !tm_chain_has_pending(k.chain));
    kit_fini(&k);
}

/* ---- capacity ---- */

Test(async, at_most_capacity_requests_are_under_way)
{
    kit k;
    kit_init(&k, &num_schema);
    forget_asked();
    const uint32_t id = kit_add(&k, "async", "later", &later, &num_schema);
    kit_option(&k, id, "capacity", "3");
    kit_option(&k, id, "mode", "unordered");
    kit_open(&k);
    tm_op *op = kit_head(&k);
    cr_assert_eq(kit_push(&k, 1, 10), WSL_OK);
    cr_assert_eq(asked.n, 3);
    cr_assert(op->pending, "the task gives it nothing more");
    cr_assert_eq(tm_op_deliver_watermark(op, 5), WSL_OK);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN, "nothing to do until woken");
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(asked.n, i < 7 ? i + 3 : 10);
        answer(i);
        (void)tm_op_resume(op);
    }
    cr_assert(!op->pending);
    cr_assert_str_eq(kit_text(&k), "1 2 3 4 5 6 7 8 9 10 w5");
    kit_fini(&k);
}

static wsl_status answer_on_the_spot(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    wsl_row_writer w = wsl_begin(ctx, &num_schema, 0);
    num_set_value(&w, num_value(in) * 10);
    wsl_async_complete_row(request, &w);
    return WSL_OK;
}
WSL_ASYNC(at_once, .in = &num_schema, .invoke = answer_on_the_spot);

Test(async, answers_inside_invoke_need_no_room_and_no_wake)
{
    kit k;
    kit_init(&k, &num_schema);
    const uint32_t id = kit_add(&k, "async", "at_once", &at_once, &num_schema);
    kit_option(&k, id, "capacity", "1");
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 1, 500), WSL_OK);
    cr_assert(!kit_head(&k)->pending);
    cr_assert_eq(tm_collector_count(k.out), 500);
    for (uint32_t i = 0; i < 500; i++) {
        cr_assert_eq(wsl_row_int64(tm_collector_at(k.out, i)->row, 0), (i + 1) * 10);
    }
    kit_fini(&k);
}

static wsl_status answer_many(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    static uint64_t memory[2000][5];
    static const wsl_row *rows[2000];
    (void)ctx;
    for (uint32_t i = 0; i < 2000; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], num_n_fields);
        num_set_value(&w, num_value(in) * 10000 + i);
        rows[i] = w.row;
    }
    wsl_async_complete(request, rows, 2000);
    return WSL_OK;
}
WSL_ASYNC(many, .in = &num_schema, .invoke = answer_many);

Test(async, a_large_answer_waits_for_room_behind_and_marks_wait_with_it)
{
    for (uint32_t room = 1; room <= 1024; room *= 4) {
        kit k;
        kit_init(&k, &num_schema);
        const uint32_t id = kit_add(&k, "async", "many", &many, &num_schema);
        kit_option(&k, id, "mode", room % 2 ? "ordered" : "unordered");
        kit_open(&k);
        tm_collector_limit(k.out, 0);
        cr_assert_eq(kit_push(&k, 1, 3), WSL_OK);
        cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 5), WSL_OK);
        cr_assert_eq(kit_push(&k, 4, 1), WSL_OK);
        cr_assert_leq(tm_collector_count(k.out), 2 * TM_BATCH_ROWS, "it does not pour everything out");
        cr_assert_eq(kit_settle(&k, room), WSL_OK);
        cr_assert_eq(tm_collector_count(k.out), 4 * 2000 + 1);
        for (uint32_t i = 0; i < 4 * 2000 + 1; i++) {
            const wsl_row *row = tm_collector_at(k.out, i)->row;
            if (i == 3 * 2000) {
                cr_assert_eq(row->kind, WSL_KIND_WATERMARK);
            } else {
                const uint32_t r = i < 3 * 2000 ? i : i - 1;
                cr_assert_eq(wsl_row_int64(row, 0), (int64_t)(r / 2000 + 1) * 10000 + r % 2000);
            }
        }
        kit_fini(&k);
    }
}

/* ---- time ---- */

Test(async, no_answer_in_time_fails_the_job_with_the_row)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("timeout", "100 ms"));
    push(h, 41, 1);
    cr_assert_eq(wsl_harness_advance(h, 60), WSL_OK);
    push(h, 42, 2);
    answer(0);
    cr_assert_eq(wsl_harness_advance(h, 99), WSL_OK);
    cr_assert_str_eq(out(h), "41");
    cr_assert_eq(wsl_harness_advance(h, 1), WSL_TIMEOUT);
    const char *text = wsl_harness_error(h)->text;
    cr_assert(has_text(text, "operator 'later'") && has_text(text, "no answer within 100 ms") &&
                  has_text(text, "value=42"),
              "%s", text);
    wsl_harness_free(h);
}

static wsl_status stand_in(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    uint64_t memory[8];
    wsl_row_writer w;
    (void)ctx;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, num_n_fields);
    num_set_value(&w, -num_value(in));
    wsl_async_complete_row(request, &w);
    return WSL_OK;
}
WSL_ASYNC(patient, .in = &num_schema, .invoke = remember, .timeout = stand_in);

Test(async, a_timeout_callback_answers_and_what_comes_later_is_ignored)
{
    wsl_harness *h = open_harness(&patient, WSL_HARNESS_OPTIONS("timeout", "100 ms", "capacity", "2"));
    push(h, 1, 10);
    push(h, 2, 20);
    push(h, 3, 30);
    cr_assert_eq(asked.n, 2);
    cr_assert_eq(wsl_harness_advance(h, 100), WSL_OK);
    cr_assert_str_eq(out(h), "-1 -2");
    cr_assert_eq(asked.n, 3, "the third has a seat now, and its time begins");
    answer(0);
    answer(1);
    answer_with(asked.request[0], 7);
    look(h);
    cr_assert_str_eq(out(h), "-1 -2", "too late, whoever sits there now");
    answer(2);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(out(h), "-1 -2 3 wMAX end");
    cr_assert_eq(wsl_harness_metric(h, "asyncTimeouts"), 2);
    wsl_harness_free(h);
}

static wsl_status do_nothing(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx, (void)in, (void)request;
    return WSL_OK;
}
WSL_ASYNC(undecided, .in = &num_schema, .invoke = do_nothing, .timeout = do_nothing);

Test(async, a_timeout_callback_that_does_not_answer_fails_the_job)
{
    wsl_harness *h = open_harness(&undecided, WSL_HARNESS_OPTIONS("timeout", "1 s"));
    push(h, 1, 10);
    cr_assert_neq(wsl_harness_advance(h, 1000), WSL_OK);
    cr_assert(has_text(wsl_harness_error(h)->text, "timeout callback"), "%s", wsl_harness_error(h)->text);
    wsl_harness_free(h);
}

Test(async, an_answer_that_waits_for_its_turn_has_come_in_time)
{
    wsl_harness *h = open_harness(&patient, WSL_HARNESS_OPTIONS("timeout", "100 ms"));
    push(h, 1, 10);
    cr_assert_eq(wsl_harness_advance(h, 50), WSL_OK);
    push(h, 2, 20);
    answer(1);
    look(h);
    cr_assert_eq(wsl_harness_advance(h, 200), WSL_OK);
    cr_assert_str_eq(out(h), "-1 2");
    wsl_harness_free(h);
}

/* ---- retries ---- */

Test(async, a_failure_fails_the_job_with_the_text_and_the_row)
{
    wsl_harness *h = open_harness(&later, NULL);
    push(h, 5, 10);
    wsl_async_fail(asked.request[0], "status %d", 503);
    cr_assert_eq(wsl_harness_await(h), WSL_USER);
    const char *text = wsl_harness_error(h)->text;
    cr_assert(has_text(text, "status 503") && has_text(text, "value=5") && has_text(text, "attempt 1 of 1"), "%s",
              text);
    wsl_harness_free(h);
}

Test(async, a_fixed_retry_waits_the_same_time_before_each_attempt)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "3", "delay", "100 ms"));
    push(h, 5, 10);
    for (uint32_t attempt = 1; attempt < 3; attempt++) {
        wsl_async_fail(asked.request[attempt - 1], "no");
        look(h);
        cr_assert_eq(wsl_harness_advance(h, 99), WSL_OK);
        cr_assert_eq(asked.n, attempt);
        cr_assert_eq(wsl_harness_advance(h, 1), WSL_OK);
        cr_assert_eq(asked.n, attempt + 1);
    }
    wsl_async_fail(asked.request[2], "no");
    cr_assert_eq(wsl_harness_advance(h, 0), WSL_USER);
    cr_assert(has_text(wsl_harness_error(h)->text, "attempt 3 of 3"), "%s", wsl_harness_error(h)->text);
    cr_assert_eq(wsl_harness_metric(h, "asyncRetries"), 2);
    wsl_harness_free(h);
}

Test(async, an_exponential_retry_waits_longer_each_time_up_to_a_limit)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("retry", "exponential", "attempts", "6", "delay", "10 ms",
                                                              "multiplier", "3", "max-delay", "100 ms"));
    const int64_t pauses[] = {10, 30, 90, 100, 100};
    push(h, 5, 10);
    for (uint32_t i = 0; i < 5; i++) {
        wsl_async_fail(asked.request[i], "no");
        look(h);
        cr_assert_eq(wsl_harness_advance(h, pauses[i] - 1), WSL_OK);
        cr_assert_eq(asked.n, i + 1);
        cr_assert_eq(wsl_harness_advance(h, 1), WSL_OK);
        cr_assert_eq(asked.n, i + 2);
    }
    answer(5);
    cr_assert_eq(wsl_harness_await(h), WSL_OK);
    cr_assert_str_eq(out(h), "5");
    wsl_harness_free(h);
}

Test(async, an_empty_answer_is_asked_for_again_only_if_said_so)
{
    wsl_harness *h = open_harness(&later, NULL);
    push(h, 5, 10);
    wsl_async_complete(asked.request[0], NULL, 0);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(out(h), "wMAX end");
    wsl_harness_free(h);

    h = open_harness(&later,
                     WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "2", "retry-empty", "true", "delay", "1 s"));
    push(h, 5, 10);
    wsl_async_complete(asked.request[0], NULL, 0);
    cr_assert_eq(wsl_harness_advance(h, 0), WSL_OK);
    cr_assert_eq(wsl_harness_advance(h, 1000), WSL_OK);
    cr_assert_eq(asked.n, 2);
    wsl_async_complete(asked.request[1], NULL, 0);
    cr_assert_eq(wsl_harness_end(h), WSL_OK, "%s", wsl_harness_error(h)->text);
    cr_assert_str_eq(out(h), "wMAX end", "the last attempt counts as it is");
    wsl_harness_free(h);
}

Test(async, the_timeout_is_for_all_attempts_together)
{
    wsl_harness *h = open_harness(
        &patient, WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "100", "delay", "40 ms", "timeout", "100 ms"));
    push(h, 5, 10);
    for (uint32_t i = 0; i < 3; i++) { /* at 0, 40, 80 */
        cr_assert_eq(asked.n, i + 1);
        wsl_async_fail(asked.request[i], "no");
        look(h);
        cr_assert_eq(wsl_harness_advance(h, i < 2 ? 40 : 19), WSL_OK);
    }
    cr_assert_str_eq(out(h), "");
    cr_assert_eq(wsl_harness_advance(h, 1), WSL_OK);
    cr_assert_str_eq(out(h), "-5", "while it waits for its fourth attempt");
    cr_assert_eq(asked.n, 3);
    wsl_harness_free(h);
}

Test(async, the_end_of_the_input_waits_for_attempts_that_are_due_later)
{
    wsl_harness *h = open_harness(&at_once, WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "3", "delay", "100 ms"));
    wsl_harness_free(h);
    h = open_harness(&later,
                     WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "2", "delay", "1 h", "timeout", "30 min"));
    push(h, 5, 10);
    wsl_async_fail(asked.request[0], "no");
    cr_assert_eq(wsl_harness_end(h), WSL_TIMEOUT, "the clock was moved to what is due next, its time");
    wsl_harness_free(h);
}
