/*
 * window_op - what the window operators share: one operator class (kinds "window", "window_all", and of two inputs
 * "window_join" and "co_group") and two ways to run it, chosen when it opens.
 *
 *                     op_window.c
 *             slices /           \ general
 *     tm_window_slices            tm_window_general
 *     tumbling and sliding,       everything else: sessions, global windows, other triggers, evictors,
 *     default trigger, folding    functions that see all rows
 *
 * Both give the same output for what both can do.
 *
 * "window_all" (spec.all) has a key of no fields, the same for all rows: rows may carry the hash of another operator's key, so
 * batches are not loaded and rows not selected; the key is made current once, by tm_key_ctx_restore(&key, "", 0, 0, 0).
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/operator.h"
#include "taskmanager/window/late.h"
#include "taskmanager/window/window_spec.h"

typedef struct tm_window_op tm_window_op;

/* One way to run windows; its state is `size` zeroed bytes at tm_window_op.state. The functions are those of a
 * tm_op_class. */
typedef struct tm_window_way {
    const char *name;
    size_t size;
    wsl_status (*open)(tm_window_op *w, wsl_error *err);
    wsl_status (*on_rows)(tm_window_op *w, const wsl_row *const *rows, uint32_t n);
    wsl_status (*on_watermark)(tm_window_op *w, int64_t watermark);
    wsl_status (*resume)(tm_window_op *w); /* also at a wake-up for processing time */
    wsl_status (*on_end)(tm_window_op *w); /* NULL: nothing */
    wsl_status (*snapshot)(tm_window_op *w, struct tm_snapshot *out);
    wsl_status (*restore)(tm_window_op *w, struct tm_restore *in);
    void (*close)(tm_window_op *w);        /* called once if open was, even if that failed */
} tm_window_way;

struct tm_window_op {
    tm_op op; /* first */
    tm_window_spec spec;
    tm_late late;
    uint32_t input; /* that the batch in hand came by */
    const tm_window_way *way;
    void *state;
};

/* A window function behind a fold said WSL_AGAIN. */
#define TM_NOT_AGAIN_TEXT                                                                                              \
    "a window function behind a reduce or aggregate function gives its output at once, '%s' cannot return WSL_AGAIN; "  \
    "with wsl_window_process it can"

extern const tm_window_way tm_window_general;
extern const tm_window_way tm_window_slices; /* slice_op.c */

static inline tm_window_op *tm_window_op_of(tm_op *op) { return (tm_window_op *)(void *)op; }
