/*
 * async - ask somebody else (a database, a web service) for each row without stopping the stream.
 *
 *     static wsl_status ask(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
 *     {
 *         ... start the question, keep `request`; later, from any thread: wsl_async_complete(request, rows, n) ...
 *         return WSL_OK;
 *     }
 *     WSL_ASYNC(enrich, .in = &trade_schema, .out = &enriched_schema, .invoke = ask);
 *     wsl_async_ordered(trades, "enrich", &enrich, &(wsl_async_options){.capacity = 100, .timeout_ms = 1000});
 *
 * At most `capacity` requests are under way; then the stream waits. Ordered: results leave in the order of the rows.
 * Unordered: as they come, but never across a watermark. After a failure rows under way are asked again: at least once.
 *
 * Threads: invoke and timeout run on the subtask's loop; wsl_async_complete and wsl_async_fail may be called by any thread, also
 * inside invoke. `in` is valid until the request is completed. A completion after the timeout, after the end or a second one
 * is ignored.
 */
#pragma once
#include <wiesel/function.h>
#include <wiesel/stream.h>

typedef enum wsl_async_retry {
    WSL_RETRY_NONE = 0,
    WSL_RETRY_FIXED,       /* `delay` between attempts */
    WSL_RETRY_EXPONENTIAL, /* delay, delay * multiplier, ... up to max_delay */
} wsl_async_retry;

typedef struct wsl_async_options {
    uint32_t capacity;  /* 0: 100 */
    int64_t timeout_ms; /* for a row, all its attempts together; 0: none */
    wsl_async_retry retry;
    uint32_t attempts;  /* at most, the first one included */
    int64_t delay_ms, max_delay_ms;
    double multiplier;
    bool retry_empty;   /* a result without rows is tried again too */
} wsl_async_options;

wsl_stream *wsl_async_ordered(wsl_stream *stream, const char *name, const wsl_function *function,
                              const wsl_async_options *options);
wsl_stream *wsl_async_unordered(wsl_stream *stream, const char *name, const wsl_function *function,
                                const wsl_async_options *options);

/* The answer: n rows (copied), 0 for none. */
void wsl_async_complete(wsl_async *request, const wsl_row *const *rows, uint32_t n);
/* No answer: retried if the options say so, else the job fails with the text. */
void wsl_async_fail(wsl_async *request, const char *format, ...) WSL_PRINTF(2, 3);

/* For code that blocks: runs `work` on a thread of the TaskManager's helper pool (taskmanager.async.threads); it ends with
 * wsl_async_complete or wsl_async_fail. */
typedef void (*wsl_async_work)(wsl_async *request, const wsl_row *in, const void *config, uint32_t config_size);
wsl_status wsl_async_run(wsl_ctx *ctx, wsl_async *request, wsl_async_work work);

