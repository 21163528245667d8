/*
 * lists_snapshot - operator lists (op_lists.h) into a snapshot and out of it: a section of kind LIST or UNION per list, with the
 * list's name.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/op_lists.h"

/* As the lists are now. */
void tm_op_lists_put(tm_op_lists *lists, tm_snapshot *out, tm_op *op);
/* Is that section of one of the lists, as they were declared then? */
bool tm_op_lists_know(tm_op_lists *lists, const Wsl__Pb__Section *section);
/* Adds the elements of such a section; rows of older schemas are brought to today's. WSL_TYPE: they cannot be, or the list was of
 * the other kind. */
WSL_MUST_CHECK wsl_status tm_op_lists_take(tm_op_lists *lists, const tm_restore_piece *piece, wsl_error *err);
