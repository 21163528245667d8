/*
 * connect - operators with two inputs, whose rows may differ in type.
 *
 *     // both inputs by the same key: shared keyed state and timers
 *     wsl_keyed_co_process(wsl_key_by(orders, "user"), wsl_key_by(logins, "user"), "match", &match);
 *     // prices to all subtasks, kept in broadcast state
 *     wsl_broadcast_process(trades, wsl_broadcast(prices), "value", &value);
 *     wsl_interval_join(wsl_key_by(orders, "id"), wsl_key_by(shipments, "order_id"), "join", -2000, 1000, WSL_BOUNDS_INCLUSIVE, &pair);
 *
 * No order is promised between the inputs. The watermark is the smaller of both.
 *
 * Broadcast state is a map that every subtask keeps a copy of. Only the broadcast side writes, and must do so in the same way
 * whatever the subtask; the other side reads. That is in the types: what changes it takes a wsl_broadcast_ctx. wsl_emit and
 * the like take all three contexts.
 *
 * Threads, errors, ownership: as in stream.h and context.h.
 */
#pragma once
#include <wiesel/function.h>
#include <wiesel/window.h>

typedef struct wsl_stream wsl_stream; /* stream.h */
typedef struct wsl_keyed_stream wsl_keyed_stream;

/* WSL_CO_PROCESS and WSL_KEYED_CO_PROCESS functions; `first` is input 0, `second` input 1. Keys of both sides have equal
 * types. */
wsl_stream *wsl_co_process(wsl_stream *first, wsl_stream *second, const char *name, const wsl_function *function);
wsl_stream *wsl_keyed_co_process(wsl_keyed_stream *first, wsl_keyed_stream *second, const char *name,
                                 const wsl_function *function);

/* WSL_BROADCAST_PROCESS and WSL_KEYED_BROADCAST_PROCESS functions; `broadcast` was made with wsl_broadcast. */
wsl_stream *wsl_broadcast_process(wsl_stream *stream, wsl_stream *broadcast, const char *name,
                                  const wsl_function *function);
wsl_stream *wsl_keyed_broadcast_process(wsl_keyed_stream *stream, wsl_stream *broadcast, const char *name,
                                        const wsl_function *function);

typedef enum wsl_interval_bounds {
    WSL_BOUNDS_INCLUSIVE = 0,
    WSL_LOWER_EXCLUSIVE = 1,
    WSL_UPPER_EXCLUSIVE = 2,
    WSL_BOUNDS_EXCLUSIVE = 3,
} wsl_interval_bounds;

/* Pairs with right.timestamp in [left.timestamp + lower, left.timestamp + upper], as soon as both are there; the result's
 * timestamp is the larger one. Late rows (below the watermark) are counted and dropped, or go to the side outputs of these
 * tags: wsl_interval_join_late. */
wsl_stream *wsl_interval_join(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name, int64_t lower_ms,
                              int64_t upper_ms, wsl_interval_bounds bounds, const wsl_function *join);
/* Tags of the late rows of either side; NULL: counted and dropped. The stream is the join's, which is returned again. */
wsl_stream *wsl_interval_join_late(wsl_stream *joined, const char *left_tag, const char *right_tag);

/* All pairs of equal key and window, when the window fires; timestamp end - 1. */
wsl_stream *wsl_window_join(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name,
                            const wsl_windowing *windows, const wsl_function *join);
/* A WSL_CO_GROUP function: all rows of both sides of equal key and window, also if one side has none. */
wsl_stream *wsl_co_group(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name, const wsl_windowing *windows,
                         const wsl_function *co_group);
/* Tags of the late rows of either side of these two; NULL: counted and dropped. The stream is the join's, which is returned
 * again. Triggers and evictors work as with one input, but for those that look at a field or are handed the rows as one type: a
 * delta trigger or evictor and a custom evictor are refused when the job is built. */
wsl_stream *wsl_window_join_late(wsl_stream *joined, const char *left_tag, const char *right_tag);

/* ---- inside broadcast functions ---- */

/* The broadcast side: writes broadcast state; no key, no timers. */
struct wsl_broadcast_ctx {
    wsl_ctx ctx;              /* first */
    const void *no_key[2];    /* where a keyed context has its state and key */
    const struct wsl_broadcast_ops *broadcast_ops;
};
/* The other side without a key: reads broadcast state. */
struct wsl_broadcast_view {
    wsl_ctx ctx;              /* first */
    const void *no_key[2];
    const struct wsl_broadcast_ops *broadcast_ops;
};
/* The other side with a key: reads broadcast state, has keyed state and timers through &b->k. on_timer gets a
 * wsl_keyed_ctx that is the first member of one of these: wsl_broadcast_view_of(k). */
struct wsl_keyed_broadcast_view {
    wsl_keyed_ctx k; /* first */
    const struct wsl_broadcast_ops *broadcast_ops;
};
static inline wsl_keyed_broadcast_view *wsl_broadcast_view_of(wsl_keyed_ctx *k) { return (wsl_keyed_broadcast_view *)(void *)k; }

typedef wsl_status (*wsl_broadcast_visit)(void *arg, const wsl_row *key, const wsl_row *value);
typedef wsl_status (*wsl_keyed_visit)(wsl_keyed_ctx *k, void *arg);

struct wsl_broadcast_ops {
    /* ctx: the wsl_ctx at the start of each of the three. Keys and values are rows of the state's schemas. */
    const wsl_row *(*get)(wsl_ctx *ctx, const wsl_state_desc *state, const wsl_row *key);
    wsl_status (*each)(wsl_ctx *ctx, const wsl_state_desc *state, wsl_broadcast_visit visit, void *arg);
    wsl_status (*put)(wsl_broadcast_ctx *b, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value);
    void (*remove)(wsl_broadcast_ctx *b, const wsl_state_desc *state, const wsl_row *key);
    wsl_status (*each_key)(wsl_broadcast_ctx *b, const wsl_state_desc *keyed_state, wsl_keyed_visit visit, void *arg);
};

/* Accepts all three contexts. NULL if the key is not there; valid until the next call on the context. */
#define wsl_broadcast_get(b, state, key) ((b)->broadcast_ops->get((wsl_ctx *)(void *)(b), (state), (key)))
#define wsl_broadcast_each(b, state, visit, arg) ((b)->broadcast_ops->each((wsl_ctx *)(void *)(b), (state), (visit), (arg)))

static inline wsl_status wsl_broadcast_put(wsl_broadcast_ctx *b, const wsl_state_desc *state, const wsl_row *key,
                                           const wsl_row *value)
{
    return b->broadcast_ops->put(b, state, key, value);
}
static inline void wsl_broadcast_remove(wsl_broadcast_ctx *b, const wsl_state_desc *state, const wsl_row *key)
{
    b->broadcast_ops->remove(b, state, key);
}
/* Keyed broadcast process only. Calls visit for each key of this subtask that has the keyed state, with that key current, by key
 * group and key. The visit may change any state of that key; it sets no timers. Anything but WSL_OK from it ends the walk and is
 * returned.
 *
 * With many keys it takes more than one turn: it returns WSL_AGAIN, and so must .broadcast:
 *
 *     static wsl_status on_rule(wsl_broadcast_ctx *b, const wsl_row *rule)
 *     {
 *         const wsl_status status = wsl_apply_to_keyed_state(b, &seen, forget, NULL);
 *         return status != WSL_OK ? status : wsl_broadcast_put(b, &rules, rule_key(rule), rule);
 *     }
 *
 * What a function may rely on: .broadcast is called again with the same row, and the same call of wsl_apply_to_keyed_state goes on
 * where it stopped; calls that have come to their end before it return WSL_OK at once, so several of them in a row are fine, if
 * they come in the same order each time. Each key is visited once. Until the last call has come to its end this operator does
 * nothing else: no rows of either side, no timers, no watermarks; other tasks go on, and the job can be cancelled at any time.
 * What stands before the call is done each time, so do there only what may be repeated; broadcast state is read and written as
 * it is then. arg is that of the running call: what visits gather in it is of that turn only, so sums belong into ctx->local. */
static inline wsl_status wsl_apply_to_keyed_state(wsl_broadcast_ctx *b, const wsl_state_desc *keyed_state,
                                                  wsl_keyed_visit visit, void *arg)
{
    return b->broadcast_ops->each_key(b, keyed_state, visit, arg);
}
