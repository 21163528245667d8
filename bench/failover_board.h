/*
 * failover_board - what the last operator of the job `failover` writes down about rows, and wiesel-bench reads: a file that all
 * processes map. Times are CLOCK_MONOTONIC, the same in all processes of a machine.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

enum { BOARD_SUBTASKS_MAX = 64 };

typedef struct board_subtask {
    _Alignas(64) _Atomic int64_t opened_ns; /* the present instance */
    _Atomic int64_t first_ns;      /* ... its first row; 0: none yet */
    _Atomic int64_t first_new_ns;  /* ... its first row that no instance before has written; 0: none yet */
    _Atomic int64_t pid;           /* ... its process */
    _Atomic uint64_t rows_through; /* greatest id of all rows that any instance wrote, plus one */
} board_subtask;

typedef struct board {
    _Atomic int64_t paced_since_ns; /* all keys have state; 0: not yet */
    board_subtask subtasks[BOARD_SUBTASKS_MAX];
} board;
