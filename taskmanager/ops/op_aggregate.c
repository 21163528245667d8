/*
 * op_aggregate - rolling SQL aggregates by key: each row updates its key's accumulators and gives one row with their
 * new values. Arguments are evaluated for a batch at once, then folded row by row.
 */
#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "expr/aggregate.h"
#include "graph/operator_options.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"

enum { CHUNK_BYTES = 128 << 10 };

typedef struct op_aggregate {
    tm_op op;
    tm_keyed k;
    wsl_aggregate *aggregate;
    wsl_arena *arena; /* of one batch */
} op_aggregate;

static op_aggregate *self(tm_op *op) { return (op_aggregate *)(void *)op; }

static wsl_status aggregate_open(tm_op *op, wsl_error *err)
{
    op_aggregate *a = self(op);
    const char *keys[WSL_KEY_FIELDS_MAX];
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    if (op->env.key == NULL) {
        return wsl_fail(err, WSL_INVALID, "its input is not keyed: put a key_by before it");
    }
    for (uint32_t i = 0; i < op->env.key->n_fields; i++) {
        keys[i] = op->env.key_schema->fields[i].name;
    }
    WSL_TRY(wsl_aggregate_new(wsl_config_str(config, "expr"), op->env.input[0], keys, op->env.key->n_fields,
                              &a->aggregate, err));
    if (op->env.output != NULL) {
        WSL_TRY(wsl_schema_check_assignable(wsl_aggregate_schema(a->aggregate), op->env.output, err));
    } else {
        op->env.output = wsl_aggregate_schema(a->aggregate);
    }
    a->arena = wsl_arena_new(CHUNK_BYTES);
    return tm_keyed_open(&a->k, op, wsl_aggregate_state_schema(a->aggregate), err);
}

static void *alloc_row(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

static wsl_status fold_row(op_aggregate *a, uint32_t i, const wsl_row *row, const wsl_row **out)
{
    tm_state *state = a->k.state;
    const wsl_row *updated = NULL;
    wsl_error err;
    wsl_error_none(&err);
    tm_keyed_select(&a->k, i, row);
    const wsl_row *before = state->ops->value_get(state, 0);
    wsl_status status = wsl_aggregate_fold(a->aggregate, i, before, alloc_row, a->arena, &updated, &err);
    if (status == WSL_OK) {
        status = wsl_aggregate_result(a->aggregate, i, updated, alloc_row, a->arena, out, &err);
    }
    if (WSL_UNLIKELY(status != WSL_OK)) {
        tm_fn_ctx_name_row(&a->k.f);
        return tm_op_fail(&a->op, status, "%s", err.text);
    }
    status = state->ops->value_put(state, 0, updated);
    WSL_ASSERT(status == WSL_OK);
    return WSL_OK;
}

static wsl_status aggregate_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    op_aggregate *a = self(op);
    const wsl_row *made[TM_BATCH_ROWS];
    uint32_t bad = 0;
    wsl_error err;
    wsl_error_none(&err);
    const wsl_status status = wsl_aggregate_evaluate(a->aggregate, rows, n, &bad, &err);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        op->current = rows[bad];
        return tm_op_fail(op, status, "%s", err.text);
    }
    for (uint32_t i = 0; i < n;) {
        uint32_t end = 0;
        WSL_TRY(tm_keyed_block(&a->k, rows, n, i, &end));
        for (; i < end; i++) {
            WSL_TRY(fold_row(a, i, rows[i], &made[i]));
        }
    }
    WSL_TRY(tm_op_emit_rows(op, made, n));
    wsl_arena_reset(a->arena);
    return WSL_OK;
}

static wsl_status aggregate_watermark(tm_op *op, int64_t watermark)
{
    return tm_keyed_watermark(&self(op)->k, watermark);
}

static void aggregate_close(tm_op *op)
{
    op_aggregate *a = self(op);
    tm_keyed_close(&a->k);
    wsl_aggregate_free(a->aggregate);
    wsl_arena_free(a->arena);
}

static wsl_status aggregate_snapshot(tm_op *op, tm_snapshot *out)
{
    tm_keyed_snapshot(&self(op)->k, out);
    return WSL_OK;
}
static wsl_status aggregate_restore(tm_op *op, tm_restore *in) { return tm_keyed_restore(&self(op)->k, in); }

const tm_op_class tm_op_aggregate_class = {
    .kind = "aggregate",
    .size = sizeof(op_aggregate),
    .open = aggregate_open,
    .on_rows = aggregate_rows,
    .on_watermark = aggregate_watermark,
    .snapshot = aggregate_snapshot,
    .restore = aggregate_restore,
    .close = aggregate_close,
};
