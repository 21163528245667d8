/*
 * held_splits - answers of the JobManager that a source must not see before its snapshot was taken.
 *
 *     JobManager: enumerator's state, trigger 7, split A to us     A is in the enumerator's part of checkpoint 7 as nobody's
 *     task:       trigger 7 ... (rows are pending) ... snapshot of 7 ... A
 *
 * Were A in the reader's part of it too, a restore would read it twice. Answers that came before the trigger are in the reader's
 * part only. So what comes between a trigger and its snapshot waits.
 *
 * Threads: one slot loop. Embedded, zeroed.
 */
#pragma once
#include <wiesel/connector.h>

#include "base/vec.h"

typedef struct tm_held_split {
    uint64_t behind; /* the checkpoint that it came after */
    uint32_t operator_id;
    uint32_t number;
    bool is_split; /* else: there is none for the moment, or there will be none */
    bool no_more;
    wsl_split split;
} tm_held_split;

typedef WSL_VEC(tm_held_split) tm_held_splits;

void tm_held_splits_fini(tm_held_splits *h);
/* Copies. */
void tm_held_splits_add(tm_held_splits *h, uint64_t behind, uint32_t operator_id, const wsl_split *split, uint32_t number,
                        bool no_more);
/* The first one, if it did not come behind that checkpoint (0: whatever it is); its parts are the caller's to free with
 * tm_held_split_fini. False: there is none. */
bool tm_held_splits_take(tm_held_splits *h, uint64_t not_behind, tm_held_split *out);
void tm_held_split_fini(tm_held_split *held);
