/*
 * general - the window operator that takes every assigner, trigger, evictor and function.
 *
 *     row --> its windows --> contents of (key, window) += row --> trigger --> fire: evict, fold, window function, emit
 *                                                                     ^
 *                             timers of (key, window) ----------------'
 *
 * State of a window lies in a namespace of one tm_state: the window's start (time windows), 0 (global windows), or for
 * sessions, which come and go key by key, the number of a slot: a key with three open sessions uses the slots 0, 1, 2. The
 * key's list of sessions lies in namespace 0, so that the session that most rows are for, in slot 0, has all of it in one
 * entry.
 *
 * Timers are (key, namespace, time); a session's namespace is its serial number, which it changes whenever it grows if its
 * trigger could tell.
 *
 * general_op.c: life, rows, timers. general_session.c: merging. firing.c: contents and what becomes of them. again.c: a
 * function that goes on later. trigger.c: when. face.c: what user functions see. general_snapshot.c: checkpoints.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/keyed.h"
#include "taskmanager/window/again.h"
#include "taskmanager/window/assigner.h"
#include "taskmanager/window/fold.h"
#include "taskmanager/window/pairs.h"
#include "taskmanager/window/row_list.h"
#include "taskmanager/window/sessions.h"
#include "taskmanager/window/window_op.h"

enum { TM_NO_STATE = UINT32_MAX };

typedef struct tm_general tm_general;

/* What one user function sees: its context, and states of its own on the current key (and namespace). */
typedef struct tm_face {
    tm_keyed k;
    const wsl_function *function;
    tm_general *owner;
    wsl_keyed_ops ops; /* those of keyed.c, with timers of windows */
    bool spaces;       /* states per window */
} tm_face;

struct tm_general {
    tm_window_op *w;
    tm_op *op;
    const tm_window_spec *spec;
    tm_key_ctx key;
    tm_state *state;
    uint32_t contents, trigger_value, first_session, more_sessions, arrivals; /* states, or TM_NO_STATE */
    tm_timers event, processing;
    int64_t armed;  /* processing time for which a wake-up was asked; WSL_TIME_MAX: none */
    bool advancing; /* the watermark waits for timers */
    int64_t watermark;
    int64_t now_ms; /* the clock at the beginning of this batch or timer */
    int64_t budget; /* windows and rows that may still be touched before others get their turn */
    tm_window_walk walk; /* of a row that is in more windows than one turn has time for ... */
    bool walking;        /* ... and is in some of them; it is the next one to come */

    tm_fold fold;
    bool folds;
    tm_face out;        /* emits; the window function, with states per key */
    tm_face per_window; /* its states per window */
    wsl_function per_window_function;
    tm_face trigger;
    tm_face evictor;

    /* the window in hand */
    wsl_window window;
    int64_t contents_ns;
    int64_t trigger_ns;
    int64_t timer_ns;

    /* sessions of the key in hand */
    tm_sessions sessions;
    bool own_trigger; /* sessions that fire at their end and at late rows only: one timer per session is enough */
    int64_t next_serial;
    int64_t next_arrival;
    tm_value_place session_place, contents_place;
    const void *loaded; /* the table in which load found the keys' entries */
    const tm_session *merged; /* while a trigger is told of a merge */
    uint32_t n_merged;

    tm_pairs pairs;   /* of two inputs */
    tm_again again;   /* a call of the function that is to go on */
    tm_row_list rows; /* of a firing, or of a merge */
    tm_row_list more_rows;
    bool *evicted;
    uint32_t evicted_capacity;
};

static inline tm_general *tm_general_of(tm_window_op *w) { return w->state; }

/* What timers call "now" in that time domain. */
static inline int64_t tm_general_clock(const tm_general *g, bool event_time)
{
    return event_time ? g->watermark : g->now_ms - 1;
}

/* ---- general_op.c ---- */
/* Asks to be woken for the first processing-time timer, if nobody has for that time or an earlier one. */
void tm_general_arm(tm_general *g);
void tm_general_timer_set(tm_general *g, bool event_time, int64_t timestamp);
void tm_general_timer_delete(tm_general *g, bool event_time, int64_t timestamp);
/* Does what the trigger said to the window in hand. */
WSL_MUST_CHECK wsl_status tm_general_act(tm_general *g, wsl_trigger_result result);
/* Row i of the batch into the window in hand, trigger and all. */
WSL_MUST_CHECK wsl_status tm_general_element(tm_general *g, const wsl_row *row, uint32_t i);
/* The timer that drops the window in hand. */
void tm_general_set_cleanup(tm_general *g);
/* Drops the window in hand: contents, states; nothing is emitted. */
WSL_MUST_CHECK wsl_status tm_general_drop(tm_general *g);
/* What is left of that once its function has finished: what the function itself keeps. */
WSL_MUST_CHECK wsl_status tm_general_forget(tm_general *g);

/* ---- general_session.c ---- */
const wsl_schema *tm_session_schema(void);
WSL_MUST_CHECK wsl_status tm_general_session_row(tm_general *g, const wsl_row *row, uint32_t i, bool *out_late);
WSL_MUST_CHECK wsl_status tm_general_session_timer(tm_general *g, bool event_time, int64_t serial, int64_t timestamp);

/* ---- firing.c ---- */
WSL_MUST_CHECK wsl_status tm_contents_add(tm_general *g, const wsl_row *row, uint32_t i);
void tm_contents_clear(tm_general *g);
/* Those of slot `from` join those of `to`; `from` is left empty. */
WSL_MUST_CHECK wsl_status tm_contents_merge(tm_general *g, int64_t to, int64_t from);
/* A folded value changes its slot; `to` is empty. */
WSL_MUST_CHECK wsl_status tm_contents_move(tm_general *g, int64_t to, int64_t from);
WSL_MUST_CHECK wsl_status tm_general_fire(tm_general *g);
/* Before and after a call of the operator's function for the window in hand. WSL_AGAIN: it has not finished. */
wsl_window_ctx *tm_general_face(tm_general *g);
WSL_MUST_CHECK wsl_status tm_general_called(tm_general *g, wsl_status status);

/* ---- trigger.c ---- */
WSL_MUST_CHECK wsl_status tm_trigger_element(tm_general *g, const wsl_row *row, wsl_trigger_result *out);
WSL_MUST_CHECK wsl_status tm_trigger_timer(tm_general *g, bool event_time, int64_t timestamp, wsl_trigger_result *out);
/* The windows `merged` have become the one in hand. */
WSL_MUST_CHECK wsl_status tm_trigger_merge(tm_general *g, const tm_session *merged, uint32_t n);
/* The window in hand is given up. */
WSL_MUST_CHECK wsl_status tm_trigger_clear(tm_general *g);

/* ---- general_snapshot.c ---- */
WSL_MUST_CHECK wsl_status tm_general_snapshot(tm_window_op *w, struct tm_snapshot *out);
WSL_MUST_CHECK wsl_status tm_general_restore(tm_window_op *w, struct tm_restore *in);

/* ---- face.c ---- */
WSL_MUST_CHECK wsl_status tm_face_open(tm_face *face, tm_general *g, const wsl_function *function, bool spaces,
                                       wsl_error *err);
void tm_face_close(tm_face *face);
static inline bool tm_face_is_open(const tm_face *face) { return face->owner != NULL; }
/* The current key and the window in hand, with states of namespace ns, are what the function will see. */
wsl_window_ctx *tm_face_select(tm_face *face, int64_t ns);
/* Forgets all its states of the key in hand and that namespace. */
void tm_face_clear_states(tm_face *face, int64_t ns);
/* After a callback of a function that cannot say WSL_AGAIN nor emit. `what`: "a trigger". */
WSL_MUST_CHECK wsl_status tm_face_after(tm_face *face, wsl_status status, const char *what);
