/*
 * test_async_enrich - the function of async_enrich.c by itself. libcurl reads files, too, so the folder beside this
 * file is the server: instruments/ACME and instruments/IBM are there, others fail.
 *
 *     cd examples/async-enrich && cc -std=gnu17 test_async_enrich.c -lwiesel-harness -lcurl -o test && ./test
 *
 * Answers come from another thread: wsl_harness_await waits for them, so that what came out does not depend on its
 * speed. Time stands still but for wsl_harness_advance.
 */
#include "../check.h"
#include "async_enrich.c"

#include <unistd.h>

static wsl_harness *enricher(const char *const *options)
{
    char here[URL_SIZE - 40];
    server server = {.timeout_ms = 20000};

    if (getcwd(here, sizeof here) == NULL) {
        exit(1);
    }
    (void)snprintf(server.url, sizeof server.url, "file://%s/instruments", here);
    return harness_of(&(wsl_harness_options){
        .function = &enrich, .options = options, .config = &server, .config_size = sizeof server});
}

static void trade_of(wsl_harness *h, const char *symbol, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);

    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_side(w, wsl_str_of("buy"));
    trade_set_quantity(w, 5);
    trade_set_price(w, 9.5);
    trade_set_ts(w, ts);
    (void)wsl_harness_push_at(h, w, ts);
}

#define ACME(time, at)                                                                                                 \
    "{symbol=ACME, side=buy, quantity=5, price=9.5, ts=1970-01-01 00:00:" time                                         \
    ", name=ACME Corporation, sector=machines}@" at
#define IBM(time, at)                                                                                                  \
    "{symbol=IBM, side=buy, quantity=5, price=9.5, ts=1970-01-01 00:00:" time                                          \
    ", name=International Business Machines, sector=services}@" at

static void results_keep_order_and_time(void)
{
    wsl_harness *h = enricher(NULL);

    trade_of(h, "ACME", 1000);
    (void)wsl_harness_watermark(h, 1500);
    trade_of(h, "IBM", 2000);
    trade_of(h, "ACME", 1000);
    (void)wsl_harness_await(h);
    came_out(h, "ordered", ACME("01", "1000") ", watermark 1500, " IBM("02", "2000") ", " ACME("01", "1000"));
    (void)wsl_harness_end(h);
    came_out(h, "the end", "watermark MAX, end");
    wsl_harness_free(h);
}

static void what_fails_is_asked_again(void)
{
    wsl_harness *h = enricher(WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "3", "delay", "100 ms"));

    trade_of(h, "NOBODY", 1000);
    for (int attempt = 1; attempt < 3; attempt++) {
        (void)wsl_harness_await(h);
        came_out(h, "a failure is no result", "");
        (void)wsl_harness_advance(h, 100);
    }
    if (wsl_harness_await(h) == WSL_OK || strstr(wsl_harness_error(h)->text, "attempt 3 of 3") == NULL) {
        (void)fprintf(stderr, "the third failure fails the job: %s\n", wsl_harness_error(h)->text);
        exit(1);
    }
    wsl_harness_free(h);
}

static void who_is_not_answered_in_time_leaves_without(void)
{
    wsl_harness *h =
        enricher(WSL_HARNESS_OPTIONS("retry", "fixed", "attempts", "1000", "delay", "60 ms", "timeout", "100 ms"));

    trade_of(h, "NOBODY", 1000);
    (void)wsl_harness_await(h);
    (void)wsl_harness_advance(h, 60);
    (void)wsl_harness_await(h);
    (void)wsl_harness_advance(h, 40);
    came_out(h, "its time was up before the third attempt",
             "{symbol=NOBODY, side=buy, quantity=5, price=9.5, ts=1970-01-01 00:00:01, name=NULL, sector=NULL}@1000");
    wsl_harness_free(h);
}

int main(void)
{
    results_keep_order_and_time();
    what_fails_is_asked_again();
    who_is_not_answered_in_time_leaves_without();
    return 0;
}
