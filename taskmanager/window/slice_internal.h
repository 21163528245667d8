/*
 * slice_internal - the slice operator: what its files share. See slice_op.c for how it works.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/keyed.h"
#include "taskmanager/window/fold.h"
#include "taskmanager/window/slice.h"
#include "taskmanager/window/window_op.h"

/* What a table (a namespace of the state) has. */
typedef enum tm_slice_mode {
    TM_SLICE_ALONE,  /* a window; a row lies in one at most */
    TM_SLICE_SHARED, /* a slice; windows are merged from theirs when they fire */
    TM_SLICE_EACH,   /* a window; a row is added to each of its windows, since accumulators cannot be merged */
} tm_slice_mode;

typedef enum tm_piece_class {
    TM_PIECE_ON_TIME, /* none of its windows has fired */
    TM_PIECE_OPEN,    /* some have fired, at least one still takes rows */
    TM_PIECE_LATE,    /* no window takes rows any more */
    TM_PIECE_GAP,     /* between windows */
} tm_piece_class;

/* Timestamps that lie in the same windows, and what becomes of them under the watermark of now. */
typedef struct tm_piece {
    uint64_t from;  /* first timestamp ... */
    uint64_t count; /* ... and how many; UINT64_MAX may be one too few; 0: nothing is in it */
    tm_piece_class class;
    int64_t slice;
    int64_t oldest; /* window that takes rows */
    int64_t newest;
} tm_piece;

enum { TM_SLICE_CACHE_BITS = 13, TM_SLICE_CACHE = 1 << TM_SLICE_CACHE_BITS };

/* Entries of a table of few keys, by key: see slice_add.c. */
typedef struct tm_slice_cache {
    int64_t ns;
    const void *owner; /* the table; NULL: nothing is cached */
    uint32_t moves;    /* of key_ctx, when nothing had moved yet */
    uint32_t rest;     /* groups for which it is not worth looking */
    uint8_t *entry[TM_SLICE_CACHE];
} tm_slice_cache;

enum { TM_SLICE_GROUPS = 64 }; /* pieces of one batch that are told apart at once */

/* Rows of one batch and one piece. */
typedef struct tm_slice_group {
    tm_piece piece;
    uint32_t from;
    uint32_t n;
} tm_slice_group;

/* Where accumulators lie: a slice's table, or a node of the tree. */
typedef struct tm_slice_part {
    bool node;
    int64_t ns;
    uint64_t keys; /* about how many */
} tm_slice_part;

/* One merge of all keys of a part. */
typedef struct tm_slice_step {
    tm_slice_part from;
    int64_t to; /* of the tree's tables */
} tm_slice_step;

/* What is needed to fire a window: nodes to build, then parts to merge. */
typedef struct tm_slice_plan {
    tm_slice_part *parts;
    uint32_t n_parts, parts_capacity;
    tm_slice_step *steps;
    uint32_t n_steps, steps_capacity;
} tm_slice_plan;

typedef enum tm_firing_stage { TM_FIRING_NOT, TM_FIRING_MERGE, TM_FIRING_EMIT } tm_firing_stage;
typedef enum tm_firing_job {
    TM_JOB_FIRE,
    TM_JOB_CLEAR, /* the window is given up: the window function's window_clear, key by key */
} tm_firing_job;

typedef struct tm_slice_op {
    tm_window_op *w;
    tm_op *op;
    tm_slices slices;
    tm_slice_mode mode;
    bool event_time;
    bool all; /* one key */
    tm_keyed out; /* what is emitted; keyed, with the window function's states, if there is one */
    tm_key_ctx key;
    tm_fold fold;
    tm_state *state; /* value 0: the accumulator; namespace: number of the slice or window */
    tm_value_place place;
    tm_slice_cache *cache;

    /* the window function, if there is one */
    const wsl_function *function;
    wsl_function per_window_function; /* the same without open and close */
    tm_keyed per_window;
    bool keyed; /* out was opened as keyed */
    bool has_window_state;
    bool clears; /* it has window_clear */

    /* time */
    int64_t now;    /* the watermark, or one before the clock: windows up to here are done */
    int64_t target; /* windows up to this one are to fire */
    bool has_target;
    int64_t next;    /* windows below have fired */
    int64_t cleared; /* windows below have been given up, if the function wants to know */
    bool passing_on; /* the watermark waits for windows */
    int64_t *floors; /* processing time, restored by others than wrote it: by key group, windows below have fired for its keys. NULL:
                        next says it for all */
    int64_t armed;   /* processing time for which a wake-up was asked; WSL_TIME_MAX: none */

    /* the batch */
    tm_piece piece; /* of the last row */
    uint32_t n_groups;
    tm_slice_group groups[TM_SLICE_GROUPS];
    uint8_t group_of[TM_BATCH_ROWS];
    const wsl_row *accepted[TM_BATCH_ROWS];
    const wsl_row *sorted[TM_BATCH_ROWS];

    /* a late row that fires windows again, more than one turn has time for */
    int64_t work; /* windows and parts that may still be touched before others get their turn */
    bool refiring;
    int64_t refire_next, refire_oldest;
    uint8_t *refire_key; /* bytes behind the header */
    uint32_t refire_key_size, refire_key_capacity, refire_key_nulls, refire_key_hash;

    /* TM_SLICE_SHARED: nodes, see slice_tree.c */
    tm_state *tree;
    uint32_t levels;
    uint64_t active; /* keys of the window that fired last */
    tm_slice_plan plan;

    /* the window that fires */
    tm_firing_stage stage;
    tm_firing_job job;
    int64_t firing;
    uint32_t step;
    tm_slice_part walked;
    tm_state_walk walk;
    uint64_t changes; /* goes up when rows are added */
    uint64_t merged_at; /* changes when merged_parts were merged into TM_SLICE_RESULT */
    tm_slice_part *merged_parts;
    uint32_t n_merged_parts, merged_capacity;
    int64_t emitted; /* window that is emitted, ... */
    bool has_bounds; /* ... whose bounds are known: */
    wsl_window bounds;
    int64_t last_time;
    tm_slice_part result; /* where the window's accumulators are in the end */
    uint64_t keys_done;
    uint8_t *copy; /* of an accumulator that is merged into another table */
    uint32_t copy_size;
} tm_slice_op;

/* ---- slice_op.c ---- */
/* Fails the operator for a row of a key group that is not ours. */
wsl_status tm_slice_not_our_key(tm_slice_op *o, const wsl_row *row);
/* Processing time: asks to be woken for the next window that has rows. */
void tm_slice_arm(tm_slice_op *o);

/* ---- slice_snapshot.c ---- */
WSL_MUST_CHECK wsl_status tm_slice_snapshot(tm_window_op *w, struct tm_snapshot *out);
WSL_MUST_CHECK wsl_status tm_slice_restore(tm_window_op *w, struct tm_restore *in);
/* Event time: this watermark came before the state was stored, so windows have fired and been given up by it. */
void tm_slice_have_fired(tm_slice_op *o, int64_t watermark);
/* Have the current key's windows up to this one fired before the state was stored, though `next` does not say so? */
static inline bool tm_slice_is_below_floor(const tm_slice_op *o, int64_t window)
{
    return WSL_UNLIKELY(o->floors != NULL) && window < o->floors[tm_key_ctx_group(&o->key) - o->key.first_group];
}

/* ---- slice_add.c: rows into tables ---- */
WSL_MUST_CHECK wsl_status tm_slice_add_group(tm_slice_op *o, const tm_slice_group *g, const wsl_row *const *rows);
/* Goes on with o->refiring. */
WSL_MUST_CHECK wsl_status tm_slice_refire(tm_slice_op *o);
enum { TM_SLICE_WORK_PER_TURN = 1 << 11 };

/* ---- slice_fire.c ---- */
/* Fires windows up to o->target and drops what is not needed any more. *out_done: all of them; else it is to be called
 * again. */
WSL_MUST_CHECK wsl_status tm_slice_advance(tm_slice_op *o, bool *out_done);
/* The smallest window that is not below `from` and has rows; false: none. */
bool tm_slice_next_window(tm_slice_op *o, int64_t from, int64_t *out_window);
/* The current key's result for this window, if it has one. */
WSL_MUST_CHECK wsl_status tm_slice_fire_key(tm_slice_op *o, int64_t window);
void tm_slice_fire_stop(tm_slice_op *o); /* when the operator closes */

/* ---- slice_function.c ---- */
WSL_MUST_CHECK wsl_status tm_slice_function_open(tm_slice_op *o, const wsl_function *fn, wsl_error *err);
void tm_slice_function_close(tm_slice_op *o);
/* For the operator's current key. */
WSL_MUST_CHECK wsl_status tm_slice_function_call(tm_slice_op *o, int64_t window, const wsl_row *row);
WSL_MUST_CHECK wsl_status tm_slice_function_clear(tm_slice_op *o, int64_t window);
/* Forgets the states of windows that have been given up. */
void tm_slice_function_drop(tm_slice_op *o);

/* ---- slice_tree.c ---- */
/* Parts that hold the rows of the slices from .. to, which no more rows are expected for; `build`: nodes that are worth it
 * are planned and used. Fills o->plan. */
void tm_slice_plan_window(tm_slice_op *o, int64_t from, int64_t to, bool build);
void tm_slice_plan_step(tm_slice_plan *plan, tm_slice_step step);
/* Number of the node at `level` (from 1) that has this slice, as a namespace of o->tree. */
int64_t tm_slice_node(uint32_t level, int64_t slice);
bool tm_slice_node_exists(const tm_slice_op *o, int64_t node);
/* The slice is gone, and so are windows that have the nodes above it. */
void tm_slice_drop_nodes(tm_slice_op *o, int64_t slice);
enum { TM_SLICE_RESULT = 0 }; /* namespace of o->tree in which the window that fires is put together; no node's */
