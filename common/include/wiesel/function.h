/*
 * function - user functions: exported constants that TaskManagers find by symbol in the job's shared library.
 *
 *     static wsl_status to_delta(wsl_ctx *ctx, const wsl_row *in) { ... return wsl_emit(ctx, &w); }
 *     WSL_PROCESS(delta, .in = &trade_schema, .out = &delta_schema, .process = to_delta);
 *
 * `delta` is the function's name in the graph. Declared types are checked against the streams when the job is built.
 *
 * A callback returns WSL_OK, or the status of a call that failed, or wsl_error_here(ctx, ...), which fails the job with
 * operator, subtask and row. A process callback that has more output than it wants to emit at once may return WSL_AGAIN:
 * it is called again with the same row after its output has drained (keep the position in ctx->local).
 *
 * Threads: all callbacks of one subtask run on one thread; several subtasks run the same function at once, so it keeps
 * nothing in static variables: per-subtask memory is ctx->local (local_size bytes).
 */
#pragma once
#include <wiesel/context.h>
#include <wiesel/row.h>
#include <wiesel/state.h>
#include <wiesel/version.h>

typedef enum wsl_function_kind {
    WSL_FN_PROCESS = 1,       /* map, flat_map, process: any number of outputs per row */
    WSL_FN_FILTER = 2,
    WSL_FN_KEYED_PROCESS = 3, /* with state and timers */
    WSL_FN_REDUCE = 4,        /* rolling reduce on a keyed stream: emits the new value for every row */
    WSL_FN_PARTITION = 5,     /* custom partitioner */
} wsl_function_kind;

typedef struct wsl_side {
    const char *tag;
    const wsl_schema *schema;
} wsl_side;

typedef struct wsl_function {
    uint32_t abi;                 /* WSL_ABI_VERSION the library was compiled with */
    wsl_function_kind kind;
    const char *name;             /* its symbol */
    const wsl_schema *in;         /* NULL: any */
    const wsl_schema *out;        /* NULL: same as in */
    size_t local_size;
    const wsl_state_desc *const *states; /* NULL-terminated: WSL_STATES(&a, &b) */
    const wsl_side *sides;               /* ended by a NULL tag: WSL_SIDES({"late", &trade_schema}) */
    bool blocking;                       /* may block: gets a thread of its own */

    wsl_status (*open)(wsl_ctx *ctx, wsl_error *err);
    void (*close)(wsl_ctx *ctx);

    wsl_status (*process)(wsl_ctx *ctx, const wsl_row *in);
    wsl_status (*filter)(wsl_ctx *ctx, const wsl_row *in, bool *out_keep);
    wsl_status (*keyed_process)(wsl_keyed_ctx *k, const wsl_row *in);
    wsl_status (*on_timer)(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time);
    /* Folds `in` into `acc`; emit exactly one row of the stream's type: the new accumulator. */
    wsl_status (*reduce)(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in);
    /* The channel, 0 .. n_channels-1. */
    uint32_t (*partition)(const wsl_row *in, uint32_t n_channels);
    /* Input has ended (bounded): a last chance to emit. May be NULL. */
    wsl_status (*finish)(wsl_ctx *ctx);
} wsl_function;

#define WSL_STATES(...) ((const wsl_state_desc *const[]){__VA_ARGS__, NULL})
#define WSL_SIDES(...) ((const wsl_side[]){__VA_ARGS__, {NULL, NULL}})

#define WSL_FUNCTION_(symbol, fn_kind, ...)                                                        \
    extern const wsl_function symbol;                                                              \
    WSL_EXPORT const wsl_function symbol = {                                                       \
        .abi = WSL_ABI_VERSION, .kind = fn_kind, .name = #symbol, __VA_ARGS__}

#define WSL_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_PROCESS, __VA_ARGS__)
#define WSL_FILTER(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_FILTER, __VA_ARGS__)
#define WSL_KEYED_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_KEYED_PROCESS, __VA_ARGS__)
#define WSL_REDUCE(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_REDUCE, __VA_ARGS__)
#define WSL_PARTITION(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_PARTITION, __VA_ARGS__)
