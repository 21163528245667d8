/*
 * waiting_jobs - jobs whose functions wait for something: --job picks one.
 *
 *     ex42      three rows and a watermark between the second and the third, answered backwards; all go to subtask 0
 * (--mode) times     rows and watermarks through an async function with threads of its own; rows that come late are
 * counted
 *               -> rows, late -> collect                                                                  (--n, --mode)
 *     pool      value -> wsl_async_run -> value * 2 -> collect                                             (--n, --us)
 *     blocking  a map that sleeps -> thread ids -> collect, beside a chain that does not sleep              (--n, --us)
 *     asleep    the same without end
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <wiesel/async.h>
#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, value), (timestamp, ts));
WSL_ROW(result, (int64, value), (int64, extra));

static void complete(wsl_async *request, int64_t value, int64_t extra)
{
    uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, result_n_fields);
    result_set_value(&w, value);
    result_set_extra(&w, extra);
    wsl_async_complete_row(request, &w);
}

/* ---- example 42 ---- */

typedef struct three {
    wsl_async *request[3];
    int64_t n;
} three;

static wsl_status keep(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    three *t = ctx->local;
    (void)in;
    t->request[t->n++] = request;
    for (int64_t i = 3; t->n == 3 && i-- > 0;) {
        complete(t->request[i], i + 1, 0);
    }
    return WSL_OK;
}
WSL_ASYNC(backwards, .in = &number_schema, .out = &result_schema, .local_size = sizeof(three), .invoke = keep);

static wsl_status say_watermark(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &result_schema, 0);
    result_set_value(&w, result_value(in));
    result_set_extra(&w, wsl_watermark(ctx));
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(with_watermark, .in = &result_schema, .out = &result_schema, .process = say_watermark);

/* ---- answers of threads ---- */

enum { SERVERS = 3, LINE = 1024 };

typedef struct desk {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t threads[SERVERS];
    wsl_async *request[LINE];
    int64_t value[LINE];
    uint32_t head, tail;
    bool stop;
} desk;

static void *serve(void *arg)
{
    desk *d = arg;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (d->head == d->tail && !d->stop) {
            pthread_cond_wait(&d->more, &d->lock);
        }
        if (d->stop) {
            break;
        }
        wsl_async *request = d->request[d->tail % LINE];
        const int64_t value = d->value[d->tail++ % LINE];
        pthread_mutex_unlock(&d->lock);
        if (value % 50 == 0) {
            usleep(1000); /* so that others overtake */
        }
        complete(request, value, 0);
        if (value % 3 == 0) {
            complete(request, -1, 0); /* once too often */
        }
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static wsl_status open_desk(wsl_ctx *ctx, wsl_error *err)
{
    desk *d = ctx->local;
    (void)err;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    for (int i = 0; i < SERVERS; i++) {
        pthread_create(&d->threads[i], NULL, serve, d);
    }
    return WSL_OK;
}

static wsl_status into_line(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    desk *d = ctx->local;
    pthread_mutex_lock(&d->lock);
    d->request[d->head % LINE] = request; /* the capacity is smaller than LINE */
    d->value[d->head++ % LINE] = number_value(in);
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
    return WSL_OK;
}

static void close_desk(wsl_ctx *ctx)
{
    desk *d = ctx->local;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_broadcast(&d->more);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < SERVERS; i++) {
        pthread_join(d->threads[i], NULL);
    }
}
WSL_ASYNC(served, .in = &number_schema, .out = &result_schema, .local_size = sizeof(desk), .open = open_desk,
          .invoke = into_line, .close = close_desk);

/* extra: 1 if the row is late. */
static wsl_status judge(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &result_schema, 0);
    result_set_value(&w, result_value(in));
    result_set_extra(&w, !ctx->has_timestamp || wsl_timestamp(ctx) <= wsl_watermark(ctx));
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(is_late, .in = &result_schema, .out = &result_schema, .process = judge);

/* ---- the helper pool ---- */

typedef struct pause {
    int64_t us;
} pause_config;

static void work(wsl_async *request, const wsl_row *in, const void *config, uint32_t config_size)
{
    const pause_config *p = config;
    (void)config_size;
    usleep((useconds_t)p->us);
    complete(request, number_value(in) * 2, (int64_t)syscall(SYS_gettid));
}

static wsl_status to_pool(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)in;
    return wsl_async_run(ctx, request, work);
}
WSL_ASYNC(pooled, .in = &number_schema, .out = &result_schema, .invoke = to_pool);

/* ---- a map that sleeps ---- */

static wsl_status sleep_on_it(wsl_ctx *ctx, const wsl_row *in)
{
    const pause_config *p = ctx->config;
    usleep((useconds_t)p->us);
    wsl_count(ctx, "slept", 1);
    wsl_row_writer w = wsl_begin(ctx, &result_schema, 0);
    result_set_value(&w, number_value(in));
    result_set_extra(&w, (int64_t)syscall(SYS_gettid));
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(sleepy, .in = &number_schema, .out = &result_schema, .blocking = true, .process = sleep_on_it);

static wsl_status say_thread(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &result_schema, 0);
    result_set_value(&w, -1 - number_value(in));
    result_set_extra(&w, (int64_t)syscall(SYS_gettid));
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(awake, .in = &number_schema, .out = &result_schema, .process = say_thread);

/* ---- numbers 0 .. n-1, ten to the millisecond ---- */

typedef struct numbers {
    int64_t next, n;
} numbers;

static const wsl_option numbers_options[] = {
    {.name = "n", .type = WSL_OPT_INT, .default_value = "1000", .help = "How many; 0: for ever."},
    {0},
};

static wsl_status numbers_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    numbers *s = self;
    (void)err;
    s->next = ctx->subtask;
    s->n = wsl_config_int(ctx->config, "n");
    return WSL_OK;
}

static wsl_status numbers_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    numbers *s = self;
    const uint32_t size = wsl_row_fixed_size(number_n_fields);
    (void)err;
    for (uint32_t i = 0; i < max_rows && (s->n == 0 || s->next < s->n); i++) {
        wsl_row_writer w;
        wsl_status status = WSL_OK;
        if ((size_t)(ctx->out_end - ctx->out_tip) < size) {
            status = ctx->ops->make_room(ctx, size);
        }
        if (status != WSL_OK || !wsl_row_writer_init(&w, ctx->out_tip, size, number_n_fields)) {
            return status;
        }
        number_set_value(&w, s->next);
        number_set_ts(&w, s->next / 10);
        status = ctx->ops->emit(ctx, w.row);
        if (status != WSL_OK) {
            return status;
        }
        s->next += ctx->parallelism;
    }
    return s->n == 0 || s->next < s->n ? WSL_OK : WSL_END;
}

static void numbers_close(void *self, wsl_source_ctx *ctx) { (void)self, (void)ctx; }

static const wsl_reader_class numbers_reader = {
    .size = sizeof(numbers), .open = numbers_open, .poll = numbers_poll, .close = numbers_close};
WSL_SOURCE_CONNECTOR(numbers, .help = "Numbered rows.", .options = numbers_options, .reader = &numbers_reader);

/* ---- jobs ---- */

static wsl_stream *asked(wsl_stream *in, const char *mode, const wsl_function *fn)
{
    const wsl_async_options options = {.capacity = 200};
    return strcmp(mode, "unordered") == 0 ? wsl_async_unordered(in, "ask", fn, &options)
                                          : wsl_async_ordered(in, "ask", fn, &options);
}

static void two_chains(wsl_env *env, const wsl_args *args, const pause_config *p)
{
    const wsl_setting *const n = WSL_OPTIONS({"n", wsl_arg(args, "n", "1000")});
    wsl_stream *slow = wsl_map(wsl_from(env, "numbers", "numbers", &number_schema, n), "sleepy", &sleepy);
    wsl_set_config(slow, p, sizeof *p);
    if (strcmp(wsl_arg(args, "job", ""), "asleep") == 0) {
        (void)wsl_blackhole(slow, "nothing");
        return;
    }
    wsl_stream *quick = wsl_map(wsl_from(env, "more", "numbers", &number_schema, n), "awake", &awake);
    (void)wsl_collect(wsl_union(slow, quick), "out");
}

WSL_JOB(env, args)
{
    const char *job = wsl_arg(args, "job", "");
    const char *mode = wsl_arg(args, "mode", "ordered");
    const pause_config pause_us = {wsl_arg_int(args, "us", 100)};
    if (strcmp(job, "ex42") == 0) {
        wsl_stream *in = wsl_from_json(env, "rows", &number_schema,
                                       "{\"value\": 1} {\"value\": 2, \"ts\": 25} {\"value\": 3, \"ts\": 30}");
        wsl_set_parallelism(in, 1);
        in = wsl_watermarks(in, "time", (wsl_watermark_strategy){.timestamp = "ts", .per_record = true});
        wsl_set_parallelism(in, 1);
        (void)wsl_collect(wsl_process(asked(wsl_global(in), mode, &backwards), "watermark", &with_watermark), "out");
        return WSL_OK;
    }
    if (strcmp(job, "blocking") == 0 || strcmp(job, "asleep") == 0) {
        two_chains(env, args, &pause_us);
        return WSL_OK;
    }
    wsl_stream *in =
        wsl_from(env, "numbers", "numbers", &number_schema, WSL_OPTIONS({"n", wsl_arg(args, "n", "1000")}));
    if (strcmp(job, "times") == 0) {
        in = wsl_watermarks(
            in, "time",
            (wsl_watermark_strategy){.timestamp = "ts", .kind = WSL_WATERMARKS_MONOTONOUS, .per_record = true});
        (void)wsl_collect(wsl_process(asked(wsl_rebalance(in), mode, &served), "late?", &is_late), "out");
        return WSL_OK;
    }
    wsl_stream *answers = asked(in, mode, &pooled);
    wsl_set_config(answers, &pause_us, sizeof pause_us);
    (void)wsl_collect(answers, "out");
    return WSL_OK;
}
