/*
 * harness - runs one operator without a cluster, for tests of job authors: push rows and watermarks, move the clock,
 * look at what came out. A harness takes some 20 microseconds to make.
 *
 *     wsl_harness *h = NULL;
 *     wsl_error err = {0};
 *     wsl_harness_new(&(wsl_harness_options){.function = &positions, .keys = WSL_HARNESS_KEYS("symbol")}, &h, &err);
 *
 *     wsl_row_writer *w = wsl_harness_row(h, &trade_schema);
 *     trade_set_symbol(w, wsl_str_of("ACME"));
 *     trade_set_quantity(w, 5);
 *     wsl_harness_push_at(h, w, 1000);
 *     wsl_harness_watermark(h, 2000);
 *
 *     assert(position_net_qty(wsl_harness_out(h, 0)) == 5);
 *     assert(strcmp(wsl_harness_text(h), "{symbol=ACME, net_qty=5}@1000, watermark 2000") == 0);
 *     wsl_harness_free(h);
 *
 * The clock stands still until wsl_harness_advance. A function that returns WSL_AGAIN is called again at once, as it
 * would be when its output has drained.
 *
 * A call that makes the operator fail gives the status; wsl_harness_error has the sentence a job would fail with.
 * Only wsl_harness_free makes sense then.
 *
 * Operators with two inputs: rows, watermarks, idleness and the end of one input go in with the calls that end in _to and take its
 * number; wsl_harness_push goes to input 0, wsl_harness_watermark, _idle and _end to both.
 *
 * Link with -lwiesel-harness. Threads: one at a time. Rows and texts that are returned live until the next call that
 * pushes, advances, clears or frees.
 */
#pragma once
#include <wiesel/function.h>
#include <wiesel/window.h>

typedef struct wsl_harness wsl_harness;
typedef struct wsl_harness_snapshot wsl_harness_snapshot;

typedef struct wsl_harness_options {
    /* A user function ... */
    const wsl_function *function;
    /* ... or a built-in operator: its kind ("where", "select", "aggregate", "split", "watermarks") and options. With a
     * function, too, where its kind alone does not say which operator it runs in (a WSL_JOIN: "interval_join"). */
    const char *kind;
    /* ... or windows, with what the calls of window.h are given: by key if there are .keys, else over all rows. */
    const wsl_windowing *windows;
    const wsl_function *reduce;    /* one of reduce, aggregate and select, or none of them and a window function */
    const wsl_function *aggregate;
    const wsl_function *window;
    const char *select;

    const char *const *options;     /* key, value, key, value, ..., NULL: WSL_HARNESS_OPTIONS("expr", "quantity > 0") */
    const char *const *job_options; /* likewise: "watermark.emit", "task.overdraft.max"... */

    const char *const *keys;  /* key fields of a keyed operator, NULL-terminated: WSL_HARNESS_KEYS("symbol") */
    const char *const *keys2; /* ... of its second input; NULL: called as those of the first */
    const wsl_schema *in;     /* NULL: the function's .in */
    const wsl_schema *in2;    /* two inputs; NULL: the function's .in2 */
    const wsl_schema *out;   /* NULL: the function's .out, or the schema of `in`; of windows: what they give */
    const void *config;      /* what the function finds in ctx->config */
    uint32_t config_size;
    uint32_t subtask;         /* 0 */
    uint32_t parallelism;     /* 0: 1 */
    uint32_t max_parallelism; /* 0: 128 */
    int64_t clock_ms;         /* what wsl_processing_time says at first; 0 = 1970 */
    /* State to begin with: snapshots of the old subtasks 0, 1, ..., dealt out to this one as after a checkpoint; how many new
     * ones there are is `parallelism`. max_parallelism is what it was. */
    const wsl_harness_snapshot *const *restore;
    uint32_t n_restore; /* 0: begins without state, and wsl_is_restored says no */
} wsl_harness_options;

#define WSL_HARNESS_KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define WSL_HARNESS_OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

void wsl_harness_free(wsl_harness *h); /* runs the function's close; NULL is fine */
/* Makes and opens the operator. The function and schemas outlive the harness. */
WSL_MUST_CHECK wsl_status wsl_harness_new(const wsl_harness_options *options, wsl_harness **out_h, wsl_error *err);
WSL_DEFINE_AUTO(wsl_harness)

/* ---- snapshots ----
 *
 *     wsl_harness_take(old[0], &part[0]);  wsl_harness_take(old[1], &part[1]);
 *     for (uint32_t i = 0; i < 3; i++) {
 *         wsl_harness_new(&(wsl_harness_options){.function = &hold, .subtask = i, .parallelism = 3, .restore = part, .n_restore = 2}, ...);
 *     }
 *
 * What a checkpoint keeps of this subtask, after the function's .snapshot: keyed state, timers, windows, broadcast state, operator
 * lists, watermark generators, requests under way, and how far the watermark was. What a function has in ctx->local is not in it. A
 * harness that begins with it goes on where the old one was: what came out before does not come out again, and what was late is
 * late. The clock is where .clock_ms says; timers by the clock that are overdue fire with the first wsl_harness_advance.
 *
 * A snapshot lives on without harness and function. The new function may have other schemas, as far as state may change
 * (state.h); state that it does not know is an error. */
void wsl_harness_snapshot_free(wsl_harness_snapshot *snapshot);
/* WSL_STATE: the input has ended. */
wsl_status wsl_harness_take(wsl_harness *h, wsl_harness_snapshot **out_snapshot);
WSL_DEFINE_AUTO(wsl_harness_snapshot)
/* The same as bytes, to be kept in a file beside a test: that today's function still reads what last year's wrote. They live as
 * long as the snapshot. WSL_CORRUPT: not such bytes; damage within them is found when a harness begins with it. */
const void *wsl_harness_snapshot_bytes(wsl_harness_snapshot *snapshot, size_t *out_size);
WSL_MUST_CHECK wsl_status wsl_harness_snapshot_read(const void *bytes, size_t size, wsl_harness_snapshot **out_snapshot,
                                                    wsl_error *err);
/* The elements of an operator list as text, "[{id=1}, {id=2}]"; NULL: there is no such state. Until the next call for this harness. */
const char *wsl_harness_operator_state(wsl_harness *h, const char *name);

/* ---- in ---- */

/* Begins a row with all fields null and ample room; the writer is valid until the row is pushed or another one begun. */
wsl_row_writer *wsl_harness_row(wsl_harness *h, const wsl_schema *schema);
/* Takes the writer, or any row (which is not changed). */
#define wsl_harness_push(h, what) wsl_harness_push_row(h, WSL_HARNESS_ROW_(what))
#define wsl_harness_push_at(h, what, timestamp_ms) wsl_harness_push_row_at(h, WSL_HARNESS_ROW_(what), timestamp_ms)
/* The same to input 0 or 1. */
#define wsl_harness_push_to(h, input, what) wsl_harness_push_row_to(h, input, WSL_HARNESS_ROW_(what))
#define wsl_harness_push_to_at(h, input, what, timestamp_ms)                                                           \
    wsl_harness_push_row_to_at(h, input, WSL_HARNESS_ROW_(what), timestamp_ms)
#define WSL_HARNESS_ROW_(what)                                                                                         \
    _Generic((what), wsl_row_writer * : wsl_harness_written, default : wsl_harness_same)((const void *)(what))
wsl_status wsl_harness_push_row(wsl_harness *h, const wsl_row *row);
wsl_status wsl_harness_push_row_at(wsl_harness *h, const wsl_row *row, int64_t timestamp_ms);
wsl_status wsl_harness_push_row_to(wsl_harness *h, uint32_t input, const wsl_row *row);
wsl_status wsl_harness_push_row_to_at(wsl_harness *h, uint32_t input, const wsl_row *row, int64_t timestamp_ms);
/* Several at once: one batch of at most 512 rows, as an operator gets them in a job. */
wsl_status wsl_harness_push_batch(wsl_harness *h, const wsl_row *const *rows, uint32_t n);
wsl_status wsl_harness_push_batch_to(wsl_harness *h, uint32_t input, const wsl_row *const *rows, uint32_t n);

wsl_status wsl_harness_watermark(wsl_harness *h, int64_t timestamp_ms);
wsl_status wsl_harness_idle(wsl_harness *h, bool idle); /* the input says that it is idle, or active again */
/* The input ends: final watermark, then the function's finish. Nothing can be pushed any more. */
wsl_status wsl_harness_end(wsl_harness *h);
/* One input of two: the operator gets what both together say, the smaller watermark and the end once both have ended. */
wsl_status wsl_harness_watermark_to(wsl_harness *h, uint32_t input, int64_t timestamp_ms);
wsl_status wsl_harness_idle_to(wsl_harness *h, uint32_t input, bool idle);
wsl_status wsl_harness_end_to(wsl_harness *h, uint32_t input);
/* Async functions: waits until every request that is under way has its answer (30 s of real time at most, then WSL_TIMEOUT)
 * and sends on what may leave. Requests that wait for their next attempt are not waited for: that is what advance is for.
 * The end of the input waits for all of it, moving the clock itself. Answers that came meanwhile are looked at by await, advance
 * (also by 0 ms) and end, so what a test of a function with threads of its own sees does not depend on their speed if it calls
 * await first. wsl_async_run runs its work before it returns: no threads at all. */
wsl_status wsl_harness_await(wsl_harness *h);
/* Moves the clock; what was due in between fires in order, each at its time. */
wsl_status wsl_harness_advance(wsl_harness *h, int64_t ms);

/* ---- out ---- */

uint32_t wsl_harness_count(const wsl_harness *h);                 /* rows of the main output */
const wsl_row *wsl_harness_out(const wsl_harness *h, uint32_t i); /* the i-th; NULL if there are fewer */
uint32_t wsl_harness_side_count(const wsl_harness *h, const char *tag);
const wsl_row *wsl_harness_side(const wsl_harness *h, const char *tag, uint32_t i);
/* The last watermark that came out; WSL_TIME_MIN before the first. */
int64_t wsl_harness_out_watermark(const wsl_harness *h);

/* All that came out, in order, rows of side outputs among them with "tag: " in front:
 *     {symbol=ACME, net_qty=5}@1000, late: {symbol=IBM}, watermark 2000, idle, active, end
 * A row's timestamp stands behind the @. */
const char *wsl_harness_text(wsl_harness *h);
void wsl_harness_clear(wsl_harness *h); /* forgets what came out */

/* Of wsl_count, or what there is of state ("stateKeys", "stateBytes", "state.<name>.keys", "state.<name>.elements" of operator
 * state); 0 if never counted. */
int64_t wsl_harness_metric(const wsl_harness *h, const char *name);
const wsl_error *wsl_harness_error(const wsl_harness *h);           /* status WSL_OK: nothing has failed */

static inline const wsl_row *wsl_harness_written(const void *writer)
{
    const wsl_row_writer *w = (const wsl_row_writer *)writer;
    return w->overflow ? NULL : w->row; /* NULL is refused by push */
}
static inline const wsl_row *wsl_harness_same(const void *row) { return (const wsl_row *)row; }
