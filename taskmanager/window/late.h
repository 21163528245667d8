/*
 * late - what becomes of rows that come too late: to the side output, else they are counted; either way the last of them
 * are kept as samples (late_samples.h).
 *
 * Threads: one slot loop. Embedded in its operator.
 */
#pragma once
#include "taskmanager/ops/operator.h"
#include "taskmanager/state/key_ctx.h"
#include "taskmanager/window/late_samples.h"

typedef struct tm_late {
    tm_op *op;
    uint32_t side; /* UINT32_MAX: dropped and counted */
    uint32_t n;
    const wsl_row *rows[TM_BATCH_ROWS]; /* of this batch, for the side output */
} tm_late;

/* Makes op->late, the samples. side: the index of the side output, or UINT32_MAX. */
void tm_late_init(tm_late *late, tm_op *op, uint32_t side);
/* This row is late. It stays where it is until flush. lateness: how far behind the watermark its last chance was, ms.
 * key: the current one is the row's; NULL for windows over all rows. */
void tm_late_add(tm_late *late, const tm_key_ctx *key, const wsl_row *row, int64_t lateness_ms);
/* At the end of each batch in which rows were late. */
WSL_MUST_CHECK wsl_status tm_late_flush(tm_late *late);
