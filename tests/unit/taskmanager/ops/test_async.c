/*
 * test_async - the async operator: order, capacity, time, retries, and answers that nobody waits for any more.
 */
#include <wiesel/async.h>
#include <wiesel/harness.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "harness/wsl_test.h"

#include "chain_kit.h"

/* ---- a service that answers when the test says so ---- */

enum { ASKED_MAX = 4096 };

static struct {
    wsl_async *request[ASKED_MAX];
    int64_t value[ASKED_MAX];
    uint32_t n;
} asked;

static void forget_asked(void) { asked.n = 0; }

static wsl_status remember(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx;
    cr_assert_lt(asked.n, ASKED_MAX);
    asked.request[asked.n] = request;
    asked.value[asked.n++] = num_value(in);
    return WSL_OK;
}
WSL_ASYNC(later, .in = &num_schema, .invoke = remember);

static void answer_with(wsl_async *request, int64_t value)
{
    uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, num_n_fields);
    num_set_value(&w, value);
    wsl_async_complete_row(request, &w);
}

/* Answers the i-th question with its number. */
static void answer(uint32_t i) { answer_with(asked.request[i], asked.value[i]); }

static wsl_harness *open_harness(const wsl_function *fn, const char *const *options)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    forget_asked();
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = fn, .options = options}, &h, &err), WSL_OK, "%s",
                 err.text);
    return h;
}

static void push(wsl_harness *h, int64_t value, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &num_schema);
    num_set_value(w, value);
    cr_assert_eq(wsl_harness_push_at(h, w, timestamp), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* Lets the operator see what has come. */
static void look(wsl_harness *h) { cr_assert_eq(wsl_harness_advance(h, 0), WSL_OK, "%s", wsl_harness_error(h)->text); }

/* Values and marks that came out: "2 1 w5 3". */
static const char *out(wsl_harness *h)
{
    static char text[65536];
    const char *at = wsl_harness_text(h);
    size_t n = 0;
    while (*at != '\0') {
        if (strncmp(at, "{value=", 7) == 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", n > 0 ? " " : "", strtoll(at + 7, NULL, 10));
        } else if (strncmp(at, "watermark ", 10) == 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%sw%.*s", n > 0 ? " " : "", (int)strcspn(at + 10, ","),
                                  at + 10);
        } else {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? " " : "", (int)strcspn(at, ","), at);
        }
        int depth = 0; /* the next item is behind a comma at the outermost level */
        for (; *at != '\0' && (*at != ',' || depth > 0); at++) {
            depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        }
        at += *at == ',' ? 2 : 0;
    }
    text[n] = '\0';
    return text;
}

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

/* ---- answers nobody waits for ---- */

Test(async, the_second_answer_is_ignored)
{
    wsl_harness *h = open_harness(&later, NULL);
    push(h, 1, 10);
    answer_with(asked.request[0], 1);
    answer_with(asked.request[0], 2);
    wsl_async_fail(asked.request[0], "and a failure");
    look(h);
    answer_with(asked.request[0], 3);
    push(h, 4, 20);
    answer_with(asked.request[0], 5);
    cr_assert_eq(wsl_harness_advance(h, 0), WSL_OK);
    cr_assert_str_eq(out(h), "1", "the seat is the fourth row's, the handle is not");
    answer(1);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(out(h), "1 4 wMAX end");
    wsl_harness_free(h);
}

Test(async, an_answer_to_an_earlier_attempt_is_ignored)
{
    wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "2", "delay", "0 ms"));
    push(h, 1, 10);
    wsl_async_fail(asked.request[0], "no");
    look(h);
    look(h);
    cr_assert_eq(asked.n, 2);
    answer_with(asked.request[0], 99);
    look(h);
    cr_assert_str_eq(out(h), "");
    answer(1);
    look(h);
    cr_assert_str_eq(out(h), "1");
    wsl_harness_free(h);
}

Test(async, an_answer_after_close_is_ignored_by_whoever_sits_there_now)
{
    wsl_harness *h = open_harness(&later, NULL);
    push(h, 1, 10);
    wsl_async *old = asked.request[0];
    wsl_harness_free(h);
    answer_with(old, 1);
    wsl_async_fail(old, "nobody hears it");
    h = open_harness(&later, NULL);
    push(h, 2, 10);
    answer_with(old, 1);
    look(h);
    cr_assert_str_eq(out(h), "");
    wsl_harness_free(h);
    wsl_async_complete((wsl_async *)(uintptr_t)UINT64_MAX, NULL, 0);
    wsl_async_complete(NULL, NULL, 0);
}

Test(async, a_thousand_desks_one_after_the_other_leave_nothing)
{
    wsl_async *old[64] = {NULL};
    for (uint32_t i = 0; i < 70000; i += 64) {
        wsl_harness *h = open_harness(&later, WSL_HARNESS_OPTIONS("capacity", "1"));
        push(h, i, 1);
        for (uint32_t k = 0; k < 64; k++) {
            if (old[k] != NULL) {
                answer_with(old[k], -1);
            }
        }
        old[i / 64 % 64] = asked.request[0];
        look(h);
        cr_assert_str_eq(out(h), "");
        wsl_harness_free(h);
    }
}

/* ---- what a function may not do ---- */

static wsl_status emit_it(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)request;
    return wsl_emit(ctx, in);
}
WSL_ASYNC(emits, .in = &num_schema, .invoke = emit_it);

static wsl_status again(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx, (void)in, (void)request;
    return WSL_AGAIN;
}
WSL_ASYNC(says_again, .in = &num_schema, .invoke = again);

static wsl_status work_of_the_past(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)in;
    wsl_async_complete(request, NULL, 0);
    return wsl_async_run(ctx, request, NULL);
}
WSL_ASYNC(runs_late, .in = &num_schema, .invoke = work_of_the_past);

Test(async, what_invoke_may_not_do_fails_with_a_sentence)
{
    const struct {
        const wsl_function *fn;
        const char *text;
    } cases[] = {{&emits, "wsl_async_complete"}, {&says_again, "WSL_AGAIN"}, {&runs_late, "over already"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wsl_harness *h = open_harness(cases[i].fn, NULL);
        wsl_row_writer *w = wsl_harness_row(h, &num_schema);
        num_set_value(w, 8);
        cr_assert_neq(wsl_harness_push_at(h, w, 1), WSL_OK);
        cr_assert(has_text(wsl_harness_error(h)->text, cases[i].text), "%s", wsl_harness_error(h)->text);
        cr_assert(has_text(wsl_harness_error(h)->text, "value=8"), "%s", wsl_harness_error(h)->text);
        wsl_harness_free(h);
    }
}

static void double_it(wsl_async *request, const wsl_row *in, const void *config, uint32_t config_size)
{
    (void)config, (void)config_size;
    answer_with(request, num_value(in) * 2);
}
static wsl_status run_it(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)in;
    return wsl_async_run(ctx, request, double_it);
}
WSL_ASYNC(doubled, .in = &num_schema, .invoke = run_it);

Test(async, in_the_harness_work_is_done_on_the_spot)
{
    wsl_harness *h = open_harness(&doubled, NULL);
    push(h, 4, 1);
    cr_assert_str_eq(out(h), "8");
    wsl_harness_free(h);
}

/* ---- many threads ---- */

enum { THREADS = 4, REQUESTS = 100000, RING = 1 << 12 };

/* Questions on their way to the threads. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    wsl_async *request[RING];
    int64_t value[RING];
    uint32_t head, tail;
    bool stop;
} line;

static wsl_status into_line(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx;
    pthread_mutex_lock(&line.lock);
    line.request[line.head % RING] = request;
    line.value[line.head++ % RING] = num_value(in);
    pthread_cond_signal(&line.more);
    pthread_mutex_unlock(&line.lock);
    return WSL_OK;
}
WSL_ASYNC(served, .in = &num_schema, .invoke = into_line);

static void *serve(void *arg)
{
    wsl_async *last = NULL;
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&line.lock);
        while (line.head == line.tail && !line.stop) {
            pthread_cond_wait(&line.more, &line.lock);
        }
        if (line.head == line.tail) {
            pthread_mutex_unlock(&line.lock);
            return NULL;
        }
        wsl_async *request = line.request[line.tail % RING];
        const int64_t value = line.value[line.tail++ % RING];
        pthread_mutex_unlock(&line.lock);
        answer_with(request, value);
        if (value % 7 == 0) {
            answer_with(request, -1); /* twice */
        }
        if (value % 5 == 0 && last != NULL) {
            wsl_async_fail(last, "an old one");
        }
        last = request;
    }
}

static void ask_many(const char *mode, uint32_t n)
{
    pthread_t threads[THREADS];
    wsl_harness *h = open_harness(&served, WSL_HARNESS_OPTIONS("mode", mode, "capacity", "1000"));
    line.head = line.tail = 0;
    line.stop = false;
    pthread_mutex_init(&line.lock, NULL);
    pthread_cond_init(&line.more, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, serve, NULL);
    }
    int64_t sum = 0, seen = 0;
    bool in_order = true;
    for (uint32_t i = 0; i < n; i += 100) {
        for (uint32_t k = 0; k < 100; k++) {
            push(h, i + k, i);
        }
        cr_assert_eq(wsl_harness_watermark(h, i), WSL_OK);
        if (i % 1000 == 0 || i + 100 >= n) {
            cr_assert_eq(wsl_harness_await(h), WSL_OK, "%s", wsl_harness_error(h)->text);
        }
        const uint32_t count = wsl_harness_count(h);
        for (uint32_t k = 0; k < count && i % 1000 == 0; k++) {
            const int64_t value = num_value(wsl_harness_out(h, k));
            in_order &= value == seen;
            sum += value;
            seen++;
        }
        if (i % 1000 == 0) {
            wsl_harness_clear(h);
        }
    }
    const uint32_t count = wsl_harness_count(h);
    for (uint32_t k = 0; k < count; k++) {
        sum += num_value(wsl_harness_out(h, k));
        seen++;
    }
    cr_assert_eq(seen, n);
    cr_assert_eq(sum, (int64_t)n * (n - 1) / 2);
    cr_assert(in_order || strcmp(mode, "unordered") == 0);
    pthread_mutex_lock(&line.lock);
    line.stop = true;
    pthread_cond_broadcast(&line.more);
    pthread_mutex_unlock(&line.lock);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wsl_harness_free(h);
}

Test(async, a_hundred_thousand_answers_of_four_threads_ordered, .timeout = 120) { ask_many("ordered", REQUESTS); }
Test(async, a_hundred_thousand_answers_of_four_threads_unordered, .timeout = 120) { ask_many("unordered", REQUESTS); }

/* Threads that answer while operators come and go. */
Test(async, close_races_with_answers, .timeout = 120)
{
    pthread_t threads[THREADS];
    line.head = line.tail = 0;
    line.stop = false;
    pthread_mutex_init(&line.lock, NULL);
    pthread_cond_init(&line.more, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, serve, NULL);
    }
    for (int round = 0; round < 500; round++) {
        wsl_harness *h = open_harness(&served, WSL_HARNESS_OPTIONS("capacity", "64"));
        for (int64_t k = 0; k < 64; k++) {
            push(h, k, 1);
        }
        wsl_harness_free(h);
    }
    pthread_mutex_lock(&line.lock);
    line.stop = true;
    pthread_cond_broadcast(&line.more);
    pthread_mutex_unlock(&line.lock);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}
