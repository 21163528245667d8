/*
 * context - what a running user function may call.
 *
 * A plain function gets a wsl_ctx, a function on a keyed stream a wsl_keyed_ctx (whose first member is a wsl_ctx).
 * State and timers take a wsl_keyed_ctx, so using them outside a keyed function does not compile.
 *
 *     wsl_row_writer w = wsl_begin(ctx, &position_schema, symbol.size);
 *     position_set_symbol(&w, symbol);
 *     position_set_net_qty(&w, net);
 *     return wsl_emit(ctx, &w);
 *
 * Threads: a context belongs to one subtask and is used only inside its callbacks, never kept.
 * Ownership: rows handed to a function, and rows read from state, are borrowed for the call.
 */
#pragma once
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/row.h>
#include <wiesel/status.h>

typedef struct wsl_ctx wsl_ctx;
typedef struct wsl_keyed_ctx wsl_keyed_ctx;
typedef struct wsl_ctx_ops wsl_ctx_ops;
typedef struct wsl_keyed_ops wsl_keyed_ops;
typedef struct wsl_state_desc wsl_state_desc;
typedef struct wsl_state_iter wsl_state_iter;
typedef struct wsl_operator_states wsl_operator_states; /* state.h */

struct wsl_ctx {
    const wsl_ctx_ops *ops;
    void *local;           /* the function's `local_size` bytes, zeroed before open */
    const void *config;    /* configuration bytes given when the job was built; may be NULL */
    uint32_t config_size;
    uint32_t subtask;      /* 0 .. parallelism-1 */
    uint32_t parallelism;
    uint32_t max_parallelism;
    int64_t timestamp;     /* of the record or timer being processed, ms; meaningless without has_timestamp */
    bool has_timestamp;
    int64_t watermark;     /* current, ms; WSL_TIME_MIN before the first */
    uint8_t *out_tip;      /* free memory for the next output row: [out_tip, out_end) */
    uint8_t *out_end;
    wsl_operator_states *operator_states; /* state that belongs to the subtask, not to a key */
    const wsl_row **out_rows; /* emitted and not sent on yet: n_out of them */
    uint32_t n_out;
    uint32_t n_out_max; /* wsl_emit of the row just begun needs no call below that; 0: always */
    uint16_t out_split; /* WSL_ROW_SPLIT_MASK: of the row in hand, and so of rows made from it */
};

struct wsl_keyed_ctx {
    wsl_ctx ctx;
    const wsl_keyed_ops *keyed_ops;
    const wsl_row *key; /* the current key: a row of the key fields, in key_by order */
};

/* Supplied by whoever runs the function (task or test harness). */
struct wsl_ctx_ops {
    wsl_status (*emit)(wsl_ctx *ctx, const wsl_row *row);
    wsl_status (*emit_side)(wsl_ctx *ctx, const char *tag, const wsl_row *row);
    wsl_status (*make_room)(wsl_ctx *ctx, uint32_t bytes);
    int64_t (*processing_time)(wsl_ctx *ctx);
    void (*count)(wsl_ctx *ctx, const char *metric, int64_t delta);
    wsl_status (*fail)(wsl_ctx *ctx, const char *format, va_list args);
    wsl_status (*emit_at)(wsl_ctx *ctx, const wsl_row *row, int64_t timestamp_ms);
};

struct wsl_keyed_ops {
    const wsl_row *(*value_get)(wsl_keyed_ctx *k, const wsl_state_desc *state);
    wsl_row *(*value_update)(wsl_keyed_ctx *k, const wsl_state_desc *state);
    wsl_status (*value_put)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row);
    void (*value_clear)(wsl_keyed_ctx *k, const wsl_state_desc *state); /* of any kind */
    /* list */
    wsl_status (*list_add)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row);
    wsl_status (*list_set)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *const *rows, uint32_t n);
    uint32_t (*list_size)(wsl_keyed_ctx *k, const wsl_state_desc *state);
    /* map */
    const wsl_row *(*map_get)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key);
    wsl_status (*map_put)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key, const wsl_row *value);
    void (*map_remove)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *key);
    /* reducing, aggregating */
    wsl_status (*fold)(wsl_keyed_ctx *k, const wsl_state_desc *state, const wsl_row *row);
    const wsl_row *(*folded)(wsl_keyed_ctx *k, const wsl_state_desc *state);
    /* list and map: *it is set up by iterate */
    void (*iterate)(wsl_keyed_ctx *k, const wsl_state_desc *state, wsl_state_iter *it);
    bool (*iter_next)(wsl_state_iter *it);
    void (*iter_remove)(wsl_state_iter *it);
    wsl_status (*timer_set)(wsl_keyed_ctx *k, bool event_time, int64_t timestamp_ms);
    void (*timer_delete)(wsl_keyed_ctx *k, bool event_time, int64_t timestamp_ms);
};

/* Contexts of other functions; each begins with one of the two. */
typedef struct wsl_window_ctx wsl_window_ctx;         /* window.h */
typedef struct wsl_broadcast_ctx wsl_broadcast_ctx;   /* connect.h */
typedef struct wsl_broadcast_view wsl_broadcast_view;
typedef struct wsl_keyed_broadcast_view wsl_keyed_broadcast_view;

/* Accepts all of them. */
#define WSL_CTX(c)                                                                                                     \
    _Generic((c),                                                                                                      \
        wsl_ctx *: (c),                                                                                                \
        wsl_keyed_ctx *: (wsl_ctx *)(void *)(c),                                                                       \
        wsl_window_ctx *: (wsl_ctx *)(void *)(c),                                                                      \
        wsl_broadcast_ctx *: (wsl_ctx *)(void *)(c),                                                                   \
        wsl_broadcast_view *: (wsl_ctx *)(void *)(c),                                                                  \
        wsl_keyed_broadcast_view *: (wsl_ctx *)(void *)(c))

/* ---- output ---- */

enum { WSL_BEGIN_ROOM_MIN = 1024 };

/* Starts a row of `schema` with all fields null and room for at least `variable_bytes` of strings and bytes (each value
 * rounded up to 8; 1024 bytes are always there). One row at a time: the next begin before an emit starts over in the same
 * memory. On failure the writer's overflow is set and wsl_emit says so. */
#define wsl_begin(c, schema, variable_bytes) wsl_ctx_begin(WSL_CTX(c), schema, variable_bytes)
static inline wsl_row_writer wsl_ctx_begin(wsl_ctx *ctx, const wsl_schema *schema, uint32_t variable_bytes)
{
    wsl_row_writer w;
    const uint32_t room = variable_bytes < WSL_BEGIN_ROOM_MIN ? WSL_BEGIN_ROOM_MIN : variable_bytes + 8 * schema->n_fields;
    const uint32_t need = wsl_row_fixed_size(schema->n_fields) + room;
    if (WSL_UNLIKELY((size_t)(ctx->out_end - ctx->out_tip) < need) && ctx->ops->make_room(ctx, need) != WSL_OK) {
        w = (wsl_row_writer){.row = NULL, .overflow = true};
        return w;
    }
    wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), schema->n_fields);
    return w;
}

/* Sends a row on: a writer just filled, or any row (it is copied unless it was the last one begun). Never blocks. The row
 * gets the current timestamp unless it has one. WSL_NO_RESOURCE: more output from one call than task.overdraft.max
 * allows. */
#define wsl_emit(c, what)                                                                          \
    _Generic((what), wsl_row_writer *: wsl_ctx_emit_writer, default: wsl_ctx_emit_row)(WSL_CTX(c), (const void *)(what))

wsl_status wsl_ctx_fail(wsl_ctx *ctx, const char *format, ...) WSL_PRINTF(2, 3);

static inline wsl_status wsl_ctx_emit_row(wsl_ctx *ctx, const void *row)
{
    return ctx->ops->emit(ctx, (const wsl_row *)row);
}
static inline wsl_status wsl_ctx_emit_writer(wsl_ctx *ctx, const void *writer)
{
    const wsl_row_writer *w = (const wsl_row_writer *)writer;
    if (WSL_UNLIKELY(w->overflow)) {
        return wsl_ctx_fail(ctx, "a row's strings need more room than was asked for with wsl_begin");
    }
    wsl_row *const row = w->row;
    if (WSL_UNLIKELY(ctx->n_out >= ctx->n_out_max || (const uint8_t *)row != ctx->out_tip)) {
        return ctx->ops->emit(ctx, row);
    }
    if (ctx->has_timestamp && !wsl_row_has_timestamp(row)) {
        wsl_row_set_timestamp(row, ctx->timestamp);
    }
    if ((row->flags & WSL_ROW_SPLIT_MASK) == 0) {
        row->flags = (uint16_t)(row->flags | ctx->out_split);
    }
    ctx->out_tip += row->size;
    ctx->out_rows[ctx->n_out++] = row;
    return WSL_OK;
}

/* The same with this timestamp, whatever the row's own and the current one are: the row of a timer may be of another time than
 * the timer. Watermarks are not asked: a row below the current one is late for whoever is behind. The row given is not
 * changed. */
#define wsl_emit_at(c, what, timestamp_ms)                                                                             \
    _Generic((what), wsl_row_writer *: wsl_ctx_emit_writer_at, default: wsl_ctx_emit_row_at)(                          \
        WSL_CTX(c), (const void *)(what), (timestamp_ms))

static inline wsl_status wsl_ctx_emit_row_at(wsl_ctx *ctx, const void *row, int64_t timestamp_ms)
{
    return ctx->ops->emit_at(ctx, (const wsl_row *)row, timestamp_ms);
}
static inline wsl_status wsl_ctx_emit_writer_at(wsl_ctx *ctx, const void *writer, int64_t timestamp_ms)
{
    const wsl_row_writer *w = (const wsl_row_writer *)writer;
    if (WSL_UNLIKELY(w->overflow)) {
        return wsl_ctx_emit_writer(ctx, writer); /* says what is wrong */
    }
    return ctx->ops->emit_at(ctx, w->row, timestamp_ms);
}

/* Sends a row to the side output `tag`, declared in the function's .sides. Copied. */
#define wsl_emit_side(c, tag, row) (WSL_CTX(c)->ops->emit_side(WSL_CTX(c), (tag), (row)))

/* ---- everything else ---- */

#define wsl_processing_time(c) (WSL_CTX(c)->ops->processing_time(WSL_CTX(c))) /* ms since 1970 */
#define wsl_watermark(c) (WSL_CTX(c)->watermark)
#define wsl_timestamp(c) (WSL_CTX(c)->timestamp)

/* Adds to a user metric of this operator; it appears under its name in REST. */
#define wsl_count(c, metric, delta) (WSL_CTX(c)->ops->count(WSL_CTX(c), (metric), (delta)))

/* `return wsl_error_here(ctx, "price %g is negative", p);` fails the job with operator, subtask and row added. */
#define wsl_error_here(c, ...) wsl_ctx_fail(WSL_CTX(c), __VA_ARGS__)
