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
 * it is called again with the same row after its output has drained (keep the position in ctx->local). So may some functions of
 * windows: see window.h.
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
    WSL_FN_AGGREGATE = 6,     /* folds rows into an accumulator: windows, aggregating state */
    WSL_FN_WINDOW = 7,        /* what a window gives when it fires; see window.h */
    WSL_FN_TRIGGER = 8,       /* when a window fires; see window.h */
    WSL_FN_EVICTOR = 9,       /* what leaves a window before or after it fires; see window.h */
    WSL_FN_SESSION_GAP = 10,  /* how long a row keeps its session open; see window.h */
    WSL_FN_CO_PROCESS = 11,   /* two inputs without a key; see connect.h */
    WSL_FN_KEYED_CO_PROCESS = 12, /* two inputs that share keyed state and timers */
    WSL_FN_BROADCAST_PROCESS = 13,       /* rows, and a broadcast stream that fills broadcast state */
    WSL_FN_KEYED_BROADCAST_PROCESS = 14, /* ... with keyed state and timers on the keyed side */
    WSL_FN_JOIN = 15,         /* a pair of rows of a window or interval join */
    WSL_FN_CO_GROUP = 16,     /* all rows of one key and window of two inputs */
    WSL_FN_ASYNC = 17,        /* asks somebody else and goes on when the answer comes; see async.h */
    WSL_FN_WATERMARKS = 18,   /* a custom watermark generator; see time.h */
} wsl_function_kind;

/* Contexts of the kinds that have headers of their own. */
typedef struct wsl_rows wsl_rows;
typedef struct wsl_window wsl_window;
typedef struct wsl_async wsl_async;                               /* async.h */
typedef struct wsl_watermark_ctx wsl_watermark_ctx;               /* time.h */

/* What a trigger says; see window.h. */
typedef enum wsl_trigger_result {
    WSL_TRIGGER_CONTINUE = 0,
    WSL_TRIGGER_FIRE = 1,           /* emit, keep the contents */
    WSL_TRIGGER_PURGE = 2,          /* drop the contents */
    WSL_TRIGGER_FIRE_AND_PURGE = 3,
} wsl_trigger_result;

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
    const wsl_schema *in2;               /* two inputs: rows of the second; NULL: any */
    const wsl_schema *acc;               /* aggregate: the accumulator */
    const wsl_state_desc *const *broadcast_states; /* broadcast process: map states, WSL_STATES(&rules) */

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

    /* ---- aggregate: one of add and update ---- */
    /* Initial value of an accumulator, whose fields are 0 and not null. May be NULL. */
    wsl_status (*create)(wsl_ctx *ctx, wsl_row *acc);
    /* Folds `in` into `acc` in place. Accumulators of fixed-size fields only. */
    wsl_status (*add)(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in);
    /* The same for accumulators with strings and the like: emit exactly one row, the new accumulator. acc: NULL at first. */
    wsl_status (*update)(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in);
    /* Folds `other` into `acc` in place (with add), or emits the merged accumulator (with update). Needed by session windows;
     * sliding windows are cheaper with it. May be NULL elsewhere. */
    wsl_status (*merge)(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other);
    /* Emits exactly one row of .out. NULL: the accumulator is the result. */
    wsl_status (*result)(wsl_ctx *ctx, const wsl_row *acc);

    /* ---- window, trigger, evictor, session gap: window.h ---- */
    wsl_status (*window)(wsl_window_ctx *w, wsl_rows *rows);
    wsl_status (*window_clear)(wsl_window_ctx *w); /* the window is given up: clear its state. May be NULL. Triggers too. */
    wsl_status (*on_element)(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out);
    wsl_status (*on_event_time)(wsl_window_ctx *w, int64_t timestamp_ms, wsl_trigger_result *out);
    wsl_status (*on_processing_time)(wsl_window_ctx *w, int64_t timestamp_ms, wsl_trigger_result *out);
    /* Windows were merged into w->window: combine the trigger's state. NULL: the trigger cannot be used with session windows. */
    wsl_status (*on_merge)(wsl_window_ctx *w, const wsl_window *merged, uint32_t n);
    /* Sets out_evict[i] for rows that leave the window; rows[i] in order of arrival. */
    wsl_status (*evict)(wsl_window_ctx *w, const wsl_row *const *rows, uint32_t n, bool *out_evict);
    int64_t (*session_gap)(const wsl_row *row); /* ms; not above 0: the job fails */

    /* ---- two inputs: connect.h ---- */
    wsl_status (*co_process)(wsl_ctx *ctx, uint32_t input, const wsl_row *in);               /* input: 0 or 1 */
    wsl_status (*keyed_co_process)(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in);
    wsl_status (*element)(wsl_broadcast_view *b, const wsl_row *in);                          /* broadcast process */
    wsl_status (*keyed_element)(wsl_keyed_broadcast_view *b, const wsl_row *in);              /* keyed broadcast process */
    wsl_status (*broadcast)(wsl_broadcast_ctx *b, const wsl_row *in);                         /* both: the broadcast side */
    wsl_status (*join)(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right);
    wsl_status (*co_group)(wsl_window_ctx *w, wsl_rows *left, wsl_rows *right);

    /* ---- async: async.h ---- */
    wsl_status (*invoke)(wsl_ctx *ctx, const wsl_row *in, wsl_async *request);
    wsl_status (*timeout)(wsl_ctx *ctx, const wsl_row *in, wsl_async *request); /* NULL: a timeout fails the job */

    /* ---- watermark generator: time.h ---- */
    void (*on_event)(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms);
    void (*on_periodic)(wsl_watermark_ctx *w); /* each pipeline.auto-watermark-interval. May be NULL. */

    /* ---- operator state: state.h; any function but partitioners, session gaps and watermark generators ---- */
    const wsl_operator_state *const *operator_states; /* NULL-terminated: WSL_OPERATOR_STATES(&held) */
    /* State is about to be kept as that of a checkpoint: writes down in operator state what the function has in ctx->local.
     * No key is current, nothing may be emitted. Of an operator's own function, not of those of windows. May be NULL. */
    wsl_status (*snapshot)(wsl_ctx *ctx, uint64_t checkpoint_id);
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
#define WSL_AGGREGATE(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_AGGREGATE, __VA_ARGS__)
#define WSL_WINDOW(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_WINDOW, __VA_ARGS__)
#define WSL_TRIGGER(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_TRIGGER, __VA_ARGS__)
#define WSL_EVICTOR(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_EVICTOR, __VA_ARGS__)
#define WSL_SESSION_GAP(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_SESSION_GAP, __VA_ARGS__)
#define WSL_CO_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_CO_PROCESS, __VA_ARGS__)
#define WSL_KEYED_CO_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_KEYED_CO_PROCESS, __VA_ARGS__)
#define WSL_BROADCAST_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_BROADCAST_PROCESS, __VA_ARGS__)
#define WSL_KEYED_BROADCAST_PROCESS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_KEYED_BROADCAST_PROCESS, __VA_ARGS__)
#define WSL_JOIN(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_JOIN, __VA_ARGS__)
#define WSL_CO_GROUP(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_CO_GROUP, __VA_ARGS__)
#define WSL_ASYNC(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_ASYNC, __VA_ARGS__)
#define WSL_WATERMARKS(symbol, ...) WSL_FUNCTION_(symbol, WSL_FN_WATERMARKS, __VA_ARGS__)
