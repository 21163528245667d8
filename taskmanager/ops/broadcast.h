/*
 * broadcast - the broadcast states of one operator, and how its function sees them.
 *
 *     rows of input 1 --> .broadcast(wsl_broadcast_ctx)          reads and writes
 *     rows of input 0 --> .element(wsl_broadcast_view), or
 *                         .keyed_element(wsl_keyed_broadcast_view)   reads
 *
 * The three contexts have one layout and are the same memory, the function's context (fn_ctx). Which side has its turn is kept
 * here: a write from the other side fails, should somebody have kept the pointer.
 *
 * Threads: one slot loop. Embedded in its operator, behind the tm_op.
 */
#pragma once
#include "taskmanager/ops/keyed.h"
#include "taskmanager/state/broadcast_state.h"

typedef struct tm_broadcast {
    tm_op op; /* first */
    tm_broadcast_state **maps; /* in the order of the function's broadcast_states */
    uint32_t n_maps;
    tm_fn_ctx *f;
    tm_keyed *keyed; /* NULL: the other side has no key */
    bool writing;    /* .broadcast runs */
} tm_broadcast;

/* After the context was opened; keyed may be NULL. */
WSL_MUST_CHECK wsl_status tm_broadcast_open(tm_broadcast *b, tm_fn_ctx *f, tm_keyed *keyed, wsl_error *err);
void tm_broadcast_close(tm_broadcast *b);
/* Before the context is opened: the function's open may look at broadcast states, which are empty. */
void tm_broadcast_attach(tm_fn_ctx *f);

/* A section of kind BROADCAST per state, entries in order. */
void tm_broadcast_snapshot(tm_broadcast *b, struct tm_snapshot *out);
/* Takes a section if it is one of those; *out_taken says whether. */
struct tm_restore_piece;
WSL_MUST_CHECK wsl_status tm_broadcast_restore_piece(tm_broadcast *b, const struct tm_restore_piece *piece,
                                                     bool *out_taken, wsl_error *err);

/* A batch of input 1. */
wsl_status tm_broadcast_rows(tm_broadcast *b, const wsl_row *const *rows, uint32_t n);
