/*
 * parts - the arithmetic of dealing out lists: which parts of those of old subtasks a new one gets.
 *
 *     old lists        [a b c]  [d e]
 *     3 new ones       [a b] [c d] [e]        all elements in the order of old subtasks, cut into even contiguous parts, the
 *                                             first ones get what is left over; at the same parallelism each keeps its own
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdint.h>

/* `n` elements of old subtask `subtask`, from number `from` on. */
typedef struct wsl_part {
    uint32_t subtask;
    uint64_t from;
    uint64_t n;
} wsl_part;

/* What new subtask `subtask` of n_new gets of the lists of n_old subtasks, which have sizes[i] elements. out has room for n_old
 * parts; how many there are is returned. Parts are not empty, and in order. */
uint32_t wsl_parts_of_list(const uint64_t *sizes, uint32_t n_old, uint32_t subtask, uint32_t n_new, wsl_part *out);
