/*
 * mem_snapshot - what the memory backend held when a snapshot began, while rows go on.
 *
 *     walk:   group 0: space 1, space 2, ... | group 1: space 1, ...      a segment at a time, straight into the section; of a layer
 *             (mem_changes.h) what is gone first, then what is not CLEAN
 *     touch:  an entry that is about to be looked at by an operator and was not walked yet is copied aside first and marked;
 *             new ones are only marked. What is marked the walk passes over (and takes the mark away).
 *
 * So whoever gets an entry out of the table (find, load, walk, add) is what counts; nobody writes to one without. Copies follow in
 * a section of their own behind the walk's ("state+" behind "state"). Being copied whole, an entry with a very long list or map costs its size at once.
 *
 * Invariants: each entry that was there at the beginning is in exactly one of both sections, as it was then; marks are only on
 * entries at or behind a watch's boundary; a space with a watch is not freed before the watch is done with it.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/state/mem_table.h"

struct tm_mem_space;
struct tm_mem_snapshot;

/* One table's part in a running snapshot. */
typedef struct tm_mem_watch {
    struct tm_mem_snapshot *snapshot;
    struct tm_mem_space *space;
    uint64_t boundary; /* position in the table (tm_position_of): what lies before was walked */
    bool dropped;      /* the space is not the state's any more: it goes with the watch */
} tm_mem_watch;

/* An entry of a watched table is about to be seen. */
void tm_mem_watch_touch(tm_mem_watch *watch, uint8_t *entry);
/* One was added. */
void tm_mem_watch_added(tm_mem_watch *watch, uint8_t *entry);
