/*
 * poison - rows for which a function returns an error, when its operator is to go on without them (<wiesel/poison_row.h>).
 *
 *     loop: mark -- call --+-- fine                                       -> next row
 *                          +-- the function itself failed                 -> what it emitted since the mark is taken back, the
 *                          |                                                 row is counted and told of, next row
 *                          `-- anything else (an output, state, memory)   -> fails as ever
 *
 * An operator that is to fail has no tm_poison and pays one test per batch.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/fn_ctx.h"

void tm_poison_free(struct tm_poison *p);
/* NULL: it is to fail. */
WSL_MUST_CHECK wsl_status tm_poison_new(tm_op *op, struct tm_poison **out_poison, wsl_error *err);

/* Before a call for a row, and after it. *out_skipped: it failed, and the row is dealt with. */
void tm_poison_before(tm_fn_ctx *f);
wsl_status tm_poison_after(tm_fn_ctx *f, const wsl_row *row, wsl_status said, bool *out_skipped);
/* The function says why it fails, in the middle of a call for a row. False: it is not in one. */
bool tm_poison_reason(tm_fn_ctx *f, const char *format, va_list args) WSL_PRINTF(2, 0);
