/*
 * slice_snapshot.c - what a slice operator gives to a checkpoint:
 *
 *     "windows"     how its windows lie; by the clock, which have fired and how far the clock was (window_past.h)
 *     "contents"    accumulators by key and namespace: the number of the slice or window
 *     "function", "function-windows"    states of the window function
 *
 * Nodes of the tree are made again when windows want them. In event time the watermark says which windows have fired: the task
 * gives it to the operator again before the first row. By the clock subtasks may have come to different windows: after a change of
 * the parallelism windows below a key group's floor do not fire for its keys.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/slice_internal.h"
#include "taskmanager/window/window_past.h"

enum { WAY_WINDOWS = 2, WAY_SLICES = 3 };

static const char *const contents_name = "contents";
static const char *const function_name = "function";
static const char *const function_windows_name = "function-windows";

static tm_slice_op *self(tm_window_op *w) { return w->state; }
static int64_t way_of(const tm_slice_op *o) { return o->mode == TM_SLICE_SHARED ? WAY_SLICES : WAY_WINDOWS; }

wsl_status tm_slice_snapshot(tm_window_op *w, tm_snapshot *out)
{
    tm_slice_op *o = self(w);
    WSL_ASSERT(o->stage == TM_FIRING_NOT && !o->passing_on && !o->refiring);
    tm_window_past_put(out, w, way_of(o), &o->key, (const int64_t[2]){o->next, o->now});
    o->state->ops->snapshot(o->state, out, o->op, contents_name);
    o->cache->owner = NULL; /* its entries must be asked for again */
    if (o->has_window_state) {
        tm_keyed_snapshot_state(&o->out, out, function_name);
        tm_keyed_snapshot_state(&o->per_window, out, function_windows_name);
    }
    return WSL_OK;
}

/* ---- positions ---- */

static int64_t behind(int64_t window) { return window == INT64_MAX ? INT64_MAX : window + 1; }

void tm_slice_have_fired(tm_slice_op *o, int64_t watermark)
{
    int64_t window = 0;
    int64_t given_up = 0;
    if (tm_slices_window_done(&o->slices, watermark, &window)) {
        o->next = behind(window);
    }
    if (!__builtin_sub_overflow(watermark, o->slices.lateness, &given_up) &&
        tm_slices_window_done(&o->slices, given_up, &window)) {
        o->cleared = behind(window);
    }
}

/* What one old subtask says of the key groups that are ours now. */
static void take_floor(tm_slice_op *o, const tm_window_past *past)
{
    const int64_t first = o->key.first_group;
    const int64_t from = past->first_group > first ? past->first_group - first : 0;
    const int64_t end = past->first_group + past->n_groups - first;
    for (int64_t i = from; i < end && i < (int64_t)o->key.n_groups; i++) {
        o->floors[i] = past->numbers[0];
        o->now = past->numbers[1] > o->now ? past->numbers[1] : o->now;
    }
}

static void make_floors(tm_slice_op *o)
{
    o->floors = wsl_calloc(o->key.n_groups, sizeof *o->floors);
    for (uint32_t i = 0; i < o->key.n_groups; i++) {
        o->floors[i] = INT64_MIN;
    }
}

/* The lowest is where firing goes on; if all are the same nothing else is to be remembered. */
static void settle_floors(tm_slice_op *o)
{
    bool same = true;
    o->next = o->floors[0];
    for (uint32_t i = 1; i < o->key.n_groups; i++) {
        same = same && o->floors[i] == o->floors[0];
        o->next = o->floors[i] < o->next ? o->floors[i] : o->next;
    }
    o->cleared = o->next;
    if (same) {
        free(o->floors);
        o->floors = NULL;
    }
}

static wsl_status take_past(tm_slice_op *o, const tm_restore_piece *piece, wsl_error *err)
{
    tm_window_past past;
    wsl_status status;
    if (!o->event_time && o->floors == NULL) {
        make_floors(o);
    }
    while ((status = tm_window_past_next(piece, o->w, way_of(o), true, &past, err)) == WSL_OK) {
        if (past.first_group < 0 || past.n_groups < 0 || past.n_groups > INT32_MAX || past.first_group > INT32_MAX) {
            return wsl_fail(err, WSL_CORRUPT, "it remembers key groups that cannot be");
        }
        if (!o->event_time) {
            take_floor(o, &past);
        }
    }
    return status == WSL_END ? WSL_OK : status;
}

/* ---- restore ---- */

static wsl_status take_piece(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    tm_slice_op *o = arg;
    *out_taken = tm_window_past_is(piece);
    if (*out_taken) {
        return take_past(o, piece, err);
    }
    wsl_status status = tm_state_restore_piece(o->state, piece, contents_name, out_taken, err);
    if (status == WSL_OK && !*out_taken && o->has_window_state) {
        status = tm_keyed_restore_state(&o->out, piece, function_name, out_taken, err);
    }
    if (status == WSL_OK && !*out_taken && o->has_window_state) {
        status = tm_keyed_restore_state(&o->per_window, piece, function_windows_name, out_taken, err);
    }
    return status;
}

wsl_status tm_slice_restore(tm_window_op *w, tm_restore *in)
{
    tm_slice_op *o = self(w);
    WSL_TRY(tm_restore_pieces(in, take_piece, o));
    if (o->all) {
        tm_key_ctx_restore(&o->key, "", 0, 0, 0);
    }
    if (!o->event_time) {
        if (o->floors != NULL) {
            settle_floors(o);
        }
        tm_slice_arm(o);
    }
    return WSL_OK;
}
