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
 * Unordered: as they come, but never across a watermark, in either direction. Results get the timestamp of their row. At the
 * end of the input, and before each watermark, the operator waits for what is under way. After a failure rows under way are
 * asked again: at least once.
 *
 * A request is over once it was completed or has failed for good, when its time is up, when it is made again (retry: the new
 * attempt has a handle of its own), and when the operator is closed. A handle may be kept and used for as long as one likes: what
 * comes for a request that is over is ignored, also from a thread that outlives the job.
 *
 * Metrics of the operator: asyncRetries, asyncTimeouts. At its capacity the operator shows as busy, what is before it as
 * backpressured.
 *
 * The timeout callback completes its request before it returns (with rows that stand for an answer, with none, or with
 * wsl_async_fail). It is not retried.
 *
 * Threads: invoke and timeout run on the subtask's loop: they must not block (see wsl_async_run, and .blocking of a function).
 * wsl_async_complete and wsl_async_fail may be called by any thread, also inside invoke; ctx only inside the callbacks. `in` is
 * valid during the callback: a thread that needs more of it later has to copy it. A function's own threads must be gone when
 * its close returns, for the library is unloaded with the job.
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
    int64_t timeout_ms; /* for a row, all its attempts together; 0: none. Then the timeout callback, or the job fails */
    wsl_async_retry retry;
    uint32_t attempts;  /* at most, the first one included */
    int64_t delay_ms, max_delay_ms; /* max_delay_ms 0: no limit */
    double multiplier;  /* 0: 2 */
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

/* One row, from a writer over memory of the caller's, or of wsl_begin inside a callback. */
static inline void wsl_async_complete_row(wsl_async *request, const wsl_row_writer *w)
{
    const wsl_row *const row = w->row;
    if (w->overflow || row == NULL) {
        wsl_async_fail(request, "a row's strings need more room than its memory has");
        return;
    }
    wsl_async_complete(request, &row, 1);
}

/*
 * For code that blocks: runs `work` on a thread of the TaskManager's helper pool (taskmanager.async.threads, shared by all
 * jobs there); it ends with wsl_async_complete or wsl_async_fail. `in` and `config` (of the function) are valid until it
 * returns. It may still run when the request is over, and after the job was canceled; what it says then is ignored. No
 * order is promised between pieces of work, and there is no more memory of the subtask than the config: what threads share
 * (connections...) the job keeps in thread-local or locked variables of its library.
 */
typedef void (*wsl_async_work)(wsl_async *request, const wsl_row *in, const void *config, uint32_t config_size);
wsl_status wsl_async_run(wsl_ctx *ctx, wsl_async *request, wsl_async_work work);
