/*
 * async_enrich - asks a web server about each trade's symbol while the stream goes on.
 *
 *     examples/async-enrich/server.py --port 8090 &
 *     wiesel-gen trades --seed 7 --count 1000 --out /tmp/trades
 *     wiesel run async_enrich.c -- --in /tmp/trades --bounded --url http://127.0.0.1:8090/instruments
 *
 * Each subtask has one thread of its own, which asks many questions at once (libcurl's multi interface) and completes
 * requests as the answers come. An answer is two lines of text: name and sector.
 *
 *     200           the trade leaves with name and sector
 *     404           there is no such instrument: it leaves without
 *     anything else it is asked again after 50 ms, 100 ms, 200 ms... 6 times in all; then the job fails
 *     no answer     within --timeout (5 s), attempts and pauses together: it leaves without
 *
 *     --in DIR  files of trades     --url URL  .../SYMBOL is asked
 *     --ordered  results in the order of the trades; else as the answers come
 *     --capacity N  questions of one subtask at once (100)     --timeout D     and what files.h names
 */
// wiesel: -lcurl
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "../files.h"

#include <wiesel/async.h>

WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));
WSL_ROW(enriched, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts), (string, name),
        (string, sector));

enum { URL_SIZE = 400, ANSWER_SIZE = 1024 };

typedef struct server {
    char url[URL_SIZE];
    int64_t timeout_ms;
} server;

/* One attempt. The trade is a copy: what invoke is given lives only as long as the call. */
typedef struct question {
    struct question *next;
    wsl_async *request;
    CURL *easy;
    char answer[ANSWER_SIZE];
    size_t size;
    wsl_row trade[];
} question;

/* A subtask's thread and what it shares with the subtask. */
typedef struct asker {
    pthread_t thread;
    CURLM *multi;
    const server *server;
    pthread_mutex_t lock;
    question *fresh; /* under lock: not asked yet */
    bool stop;       /* under lock */
    question *asked; /* the thread's */
} asker;

/* ---- what becomes of a question ---- */

/* Without name and sector if they are not known. */
static void complete(wsl_async *request, const wsl_row *trade, wsl_str name, wsl_str sector)
{
    const uint32_t size = wsl_row_fixed_size(enriched_n_fields) + trade->size + name.size + sector.size + 64;
    void *memory = malloc(size);
    wsl_row_writer w;

    (void)wsl_row_writer_init(&w, memory, size, enriched_n_fields);
    enriched_set_symbol(&w, trade_symbol(trade));
    enriched_set_side(&w, trade_side(trade));
    enriched_set_quantity(&w, trade_quantity(trade));
    enriched_set_price(&w, trade_price(trade));
    enriched_set_ts(&w, trade_ts(trade));
    if (name.data != NULL) {
        enriched_set_name(&w, name);
        enriched_set_sector(&w, sector);
    }
    wsl_async_complete_row(request, &w);
    free(memory);
}

static void on_answer(question *q)
{
    const char *line_end = memchr(q->answer, '\n', q->size);

    if (line_end == NULL) {
        wsl_async_fail(q->request, "the answer '%.*s' is not two lines", (int)q->size, q->answer);
        return;
    }
    const wsl_str name = {q->answer, (uint32_t)(line_end - q->answer)};
    const char *rest = line_end + 1;
    complete(q->request, q->trade, name, (wsl_str){rest, (uint32_t)strcspn(rest, "\r\n")});
}

static void on_end(question *q, CURLcode result)
{
    long code = 0;

    (void)curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &code);
    q->answer[q->size] = '\0';
    if (result != CURLE_OK) {
        wsl_async_fail(q->request, "%s", curl_easy_strerror(result));
    } else if (code == 404) {
        complete(q->request, q->trade, (wsl_str){0}, (wsl_str){0});
    } else if (code != 200 && code != 0) { /* 0: file:// */
        wsl_async_fail(q->request, "the server says %ld", code);
    } else {
        on_answer(q);
    }
}

/* ---- the thread ---- */

static size_t take_bytes(char *bytes, size_t one, size_t n, void *arg)
{
    question *q = arg;

    if (q->size + n >= ANSWER_SIZE) {
        return 0; /* which ends the transfer */
    }
    (void)one;
    memcpy(q->answer + q->size, bytes, n);
    q->size += n;
    return n;
}

static void ask(asker *a, question *q)
{
    char url[URL_SIZE + 600];

    q->easy = curl_easy_init();
    char *symbol = curl_easy_escape(q->easy, trade_symbol(q->trade).data, (int)trade_symbol(q->trade).size);
    (void)snprintf(url, sizeof url, "%s/%s", a->server->url, symbol);
    curl_free(symbol);
    (void)curl_easy_setopt(q->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, take_bytes);
    (void)curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    (void)curl_easy_setopt(q->easy, CURLOPT_TIMEOUT_MS, (long)a->server->timeout_ms);
    (void)curl_easy_setopt(q->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_multi_add_handle(a->multi, q->easy);
    q->next = a->asked;
    a->asked = q;
}

static void forget(asker *a, question *q)
{
    question **at = &a->asked;

    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
    (void)curl_multi_remove_handle(a->multi, q->easy);
    curl_easy_cleanup(q->easy);
    free(q);
}

/* All questions that came, oldest first. False: the subtask ends. */
static bool take_fresh(asker *a, question **out)
{
    question *oldest = NULL;

    (void)pthread_mutex_lock(&a->lock);
    for (question *q = a->fresh, *next; q != NULL; q = next) {
        next = q->next;
        q->next = oldest;
        oldest = q;
    }
    a->fresh = NULL;
    const bool go_on = !a->stop;
    (void)pthread_mutex_unlock(&a->lock);
    *out = oldest;
    return go_on;
}

static void *run(void *arg)
{
    asker *a = arg;
    question *fresh;
    int n = 0;

    while (take_fresh(a, &fresh)) {
        for (question *q = fresh, *next; q != NULL; q = next) {
            next = q->next;
            ask(a, q);
        }
        (void)curl_multi_perform(a->multi, &n);
        for (CURLMsg *m; (m = curl_multi_info_read(a->multi, &n)) != NULL;) {
            question *q = NULL;
            (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&q);
            on_end(q, m->data.result);
            forget(a, q);
        }
        (void)curl_multi_poll(a->multi, NULL, 0, 1000, NULL); /* until something comes, or a wakeup */
    }
    for (question *q = fresh, *next; q != NULL; q = next) {
        next = q->next;
        free(q);
    }
    while (a->asked != NULL) {
        forget(a, a->asked);
    }
    return NULL;
}

/* ---- the function ---- */

static void init_curl(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

static wsl_status start_asker(wsl_ctx *ctx, wsl_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    asker *a = ctx->local;

    (void)err;
    (void)pthread_once(&once, init_curl);
    a->server = ctx->config;
    a->multi = curl_multi_init();
    (void)pthread_mutex_init(&a->lock, NULL);
    if (pthread_create(&a->thread, NULL, run, a) != 0) {
        return wsl_error_here(ctx, "cannot start a thread");
    }
    return WSL_OK;
}

static wsl_status ask_later(wsl_ctx *ctx, const wsl_row *trade, wsl_async *request)
{
    asker *a = ctx->local;
    question *q = malloc(sizeof *q + trade->size);

    q->request = request;
    q->size = 0;
    memcpy(q->trade, trade, trade->size);
    (void)pthread_mutex_lock(&a->lock);
    q->next = a->fresh;
    a->fresh = q;
    (void)pthread_mutex_unlock(&a->lock);
    (void)curl_multi_wakeup(a->multi);
    return WSL_OK;
}

static wsl_status leave_without(wsl_ctx *ctx, const wsl_row *trade, wsl_async *request)
{
    wsl_count(ctx, "unanswered", 1);
    complete(request, trade, (wsl_str){0}, (wsl_str){0});
    return WSL_OK;
}

static void stop_asker(wsl_ctx *ctx)
{
    asker *a = ctx->local;

    if (a->thread == 0) {
        return; /* its open failed */
    }
    (void)pthread_mutex_lock(&a->lock);
    a->stop = true;
    (void)pthread_mutex_unlock(&a->lock);
    (void)curl_multi_wakeup(a->multi);
    (void)pthread_join(a->thread, NULL);
    (void)curl_multi_cleanup(a->multi);
    (void)pthread_mutex_destroy(&a->lock);
}
WSL_ASYNC(enrich, .in = &trade_schema, .out = &enriched_schema, .local_size = sizeof(asker), .open = start_asker,
          .invoke = ask_later, .timeout = leave_without, .close = stop_asker);

/* ---- the job ---- */

WSL_JOB(env, args)
{
    server server = {.timeout_ms = wsl_arg_duration(args, "timeout", 5000)};
    const wsl_async_options options = {.capacity = (uint32_t)wsl_arg_int(args, "capacity", 100),
                                       .timeout_ms = server.timeout_ms,
                                       .retry = WSL_RETRY_EXPONENTIAL,
                                       .attempts = 6,
                                       .delay_ms = 50,
                                       .max_delay_ms = 1000};

    wsl_env_set_name(env, "async-enrich");
    (void)snprintf(server.url, sizeof server.url, "%s", wsl_arg_required(args, "url"));
    wsl_stream *trades = read_files(env, args, "trades", wsl_arg_required(args, "in"), &trade_schema, "skip");
    wsl_stream *timed = in_event_time(trades, args, "ts", 15000);
    wsl_stream *results = wsl_arg_flag(args, "ordered") ? wsl_async_ordered(timed, "enrich", &enrich, &options)
                                                        : wsl_async_unordered(timed, "enrich", &enrich, &options);

    wsl_set_config(results, &server, sizeof server);
    write_rows(wsl_set_uid(results, "enrich"), args, "enriched");
    return WSL_OK;
}
