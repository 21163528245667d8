/*
 * window_past - what a window operator has to remember that belongs to no key: how its windows lay, so that state of others is not
 * taken for its own, and a few numbers.
 *
 *     each old subtask's --UNION section "windows"--> every new subtask sees those of all, and takes what concerns its key groups
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/state/key_ctx.h"
#include "taskmanager/window/window_op.h"

/* Part of the format: as it lies here. */
typedef struct tm_window_past {
    int64_t way; /* 1: general; 2: slices, a table per window; 3: slices, a table per slice */
    int64_t assigner, event_time;
    int64_t size_ms, slide_ms, offset_ms, lateness_ms;
    int64_t first_group, n_groups; /* whose numbers these are */
    int64_t numbers[2];            /* the way's business */
} tm_window_past;

void tm_window_past_put(tm_snapshot *out, tm_window_op *w, int64_t way, const tm_key_ctx *kc, const int64_t numbers[2]);
/* Is that the section? */
bool tm_window_past_is(const tm_restore_piece *piece);
/* The next of its elements, checked: windows have to lie as they did, what a lateness may change is for the way to say.
 * WSL_END: no more. */
WSL_MUST_CHECK wsl_status tm_window_past_next(const tm_restore_piece *piece, const tm_window_op *w, int64_t way,
                                              bool lateness_may_change, tm_window_past *out_past, wsl_error *err);
