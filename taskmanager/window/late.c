#include "taskmanager/window/late.h"

#include <string.h>

#include "base/assert.h"
#include "data/row_text.h"

void tm_late_init(tm_late *late, tm_op *op, uint32_t side)
{
    late->op = op;
    late->side = side;
    late->n = 0;
    if (op->late == NULL) {
        op->late = tm_late_samples_new();
    }
}

void tm_late_add(tm_late *late, const tm_key_ctx *key, const wsl_row *row, int64_t lateness_ms)
{
    tm_op *op = late->op;
    tm_late_sample sample;
    memset(&sample, 0, sizeof sample);
    sample.timestamp = row->timestamp;
    sample.watermark = op->watermark;
    sample.lateness_ms = lateness_ms;
    sample.split = row->flags >> WSL_ROW_SPLIT_SHIFT;
    if (key != NULL && op->env.key_schema != NULL) {
        (void)wsl_row_text(key->row, op->env.key_schema, sample.key, sizeof sample.key);
    }
    tm_late_samples_add(op->late, &sample);
    if (late->side == UINT32_MAX) {
        tm_op_count_add(op, "numLateRecordsDropped", 1);
        return;
    }
    WSL_ASSERT(late->n < TM_BATCH_ROWS);
    late->rows[late->n++] = row;
}

wsl_status tm_late_flush(tm_late *late)
{
    const uint32_t n = late->n;
    late->n = 0;
    return n == 0 ? WSL_OK : tm_op_emit_side(late->op, late->side, late->rows, n);
}
