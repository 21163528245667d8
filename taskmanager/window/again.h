/*
 * again - a window or co-group function that said WSL_AGAIN: it has more output than it wants to give at once, and is called
 * again for the same window with the same rows.
 *
 *     fire --> function --WSL_AGAIN--> rows, window and key are kept --resume--> function --WSL_OK--> (the window is given up)
 *
 * Meanwhile nothing else of the operator does (op->busy): rows and watermarks wait in its queue, so there is one such call at
 * most. What would forget the window while the call waits, its cleanup, is put off until it is finished.
 *
 * Threads: one slot loop. Embedded in its operator, zeroed.
 */
#pragma once
#include <wiesel/status.h>
#include <wiesel/window.h>

#include "taskmanager/window/row_list.h"

struct tm_general;

typedef struct tm_again {
    bool waits;
    bool drop; /* the window has been given up meanwhile */
    tm_row_list rows;
    uint32_t n_left; /* co-group: rows of the first input; they come first */
    wsl_window window;
    int64_t contents_ns;
    uint8_t *key; /* bytes behind the header */
    uint32_t key_size, key_capacity, key_nulls, key_hash;
} tm_again;

void tm_again_fini(tm_again *a);
/* The function of the window in hand, called with these rows, has not finished. */
void tm_again_keep(struct tm_general *g, const wsl_row *const *rows, uint32_t n_left, uint32_t n);
static inline bool tm_again_waits(const tm_again *a) { return a->waits; }
/* Calls it again, until it has finished, the output has no room, or the turn is over. */
WSL_MUST_CHECK wsl_status tm_again_resume(struct tm_general *g);
