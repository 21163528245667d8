/*
 * test_async_answers - answers that nobody waits for any more, what a function may not do, and answers of many threads.
 */
#include "harness/wsl_test.h"

#include <pthread.h>

#include "async_kit.h"

/* ---- answers nobody waits for ---- */

Test(async_answers, the_second_answer_is_ignored)
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

Test(async_answers, an_answer_to_an_earlier_attempt_is_ignored)
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

Test(async_answers, an_answer_after_close_is_ignored_by_whoever_sits_there_now)
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

Test(async_answers, a_thousand_desks_one_after_the_other_leave_nothing)
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

Test(async_answers, what_invoke_may_not_do_fails_with_a_sentence)
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

Test(async_answers, in_the_harness_work_is_done_on_the_spot)
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

Test(async_answers, a_hundred_thousand_answers_of_four_threads_ordered) { ask_many("ordered", REQUESTS); }
Test(async_answers, a_hundred_thousand_answers_of_four_threads_unordered) { ask_many("unordered", REQUESTS); }

/* Threads that answer while operators come and go. */
Test(async_answers, close_races_with_answers)
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
