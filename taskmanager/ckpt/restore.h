/*
 * restore - what the operators of a task begin with: sections of a TaskSnapshot, dealt out to this task already.
 *
 *     operator lists (ops/op_lists.h) are filled before open, by tm_restore_lists
 *     for each operator, consumers first, after open: cls->restore(op, r):
 *         while (tm_restore_next(r, &piece) == WSL_OK)      sections of this operator, in the order of old subtasks
 *             while (wsl_section_reader_next(piece.reader, ...) == WSL_OK) ...
 *
 * A section that an operator does not take is an error ("state 'x' of operator 'y' is not known any more"): state is never
 * dropped silently. Schemas as they were written are in the reader; rows are brought to today's schemas with data/migrate.h.
 *
 * Threads: one slot loop. Reads block.
 */
#pragma once
#include "base/fs.h"
#include "ckpt/section_reader.h"
#include "taskmanager/ops/operator.h"

typedef struct tm_restore tm_restore;

typedef struct tm_restore_piece {
    const Wsl__Pb__Section *section;
    uint32_t subtask; /* old */
    wsl_section_reader *reader;
} tm_restore_piece;

/* WSL_END: no more. The last piece's reader ends with the next call. */
WSL_MUST_CHECK wsl_status tm_restore_next(tm_restore *r, tm_restore_piece *out_piece);
/* All sections, one by one: those that take does not take are an error. */
typedef wsl_status (*tm_restore_take)(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err);
WSL_MUST_CHECK wsl_status tm_restore_pieces(tm_restore *r, tm_restore_take take, void *arg);
/* The operator had ended when the checkpoint was taken, in all old subtasks that this one takes over from; there are no sections. */
bool tm_restore_finished(const tm_restore *r);
/* Puts the sentence of a reader's failure into the task's error. */
wsl_status tm_restore_failed(tm_restore *r, wsl_status status);
wsl_error *tm_restore_error(tm_restore *r);

/* ---- for the task and the harness ---- */

/* Checks all files first. snapshot outlives it. Paths in it are absolute (or content). */
WSL_MUST_CHECK wsl_status tm_restore_new(wsl_fs *fs, const Wsl__Pb__TaskSnapshot *snapshot, tm_restore **out_restore,
                                         wsl_error *err);
void tm_restore_free(tm_restore *r);
struct tm_chain;
/* Before the chain is opened: puts elements into operator lists, and says that they are restored. */
WSL_MUST_CHECK wsl_status tm_restore_lists(tm_restore *r, struct tm_chain *chain);
/* After: calls cls->restore of each operator of the chain that was in the checkpoint, consumers first, though there may be no sections
 * for this subtask (it had ended, or there were fewer); sections for an operator without that function are an error. What an operator emits then are watermarks that were there before: nothing fires. */
WSL_MUST_CHECK wsl_status tm_restore_chain(tm_restore *r, struct tm_chain *chain);
/* How far that operator's input was: the smallest of the old subtasks it takes over from; WSL_TIME_MIN: nothing known. The task
 * gives it to the head before the first row (tm_chain_restore_watermark), so that what was late before the failure is late after
 * it. A watermark strategy emits its own in its restore. */
int64_t tm_restore_watermark(const tm_restore *r, const tm_op *op);
