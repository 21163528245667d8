/*
 * op_select - a SQL projection: one new row per row. A batch's rows are made in an arena that starts over with the
 * next.
 */
#include "base/arena.h"
#include "expr/expr.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"

enum { CHUNK_BYTES = 128 << 10 };

typedef struct op_select {
    tm_op op;
    wsl_expr *expr;
    wsl_arena *arena;
} op_select;

static op_select *self(tm_op *op) { return (op_select *)(void *)op; }

static wsl_status select_open(tm_op *op, wsl_error *err)
{
    op_select *s = self(op);
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    WSL_TRY(wsl_expr_projection(wsl_config_str(config, "expr"), op->env.input[0], &s->expr, err));
    if (op->env.output != NULL) {
        WSL_TRY(wsl_schema_check_assignable(wsl_expr_schema(s->expr), op->env.output, err));
    } else {
        op->env.output = wsl_expr_schema(s->expr);
    }
    s->arena = wsl_arena_new(CHUNK_BYTES);
    return WSL_OK;
}

static void *alloc_row(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

static wsl_status select_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    op_select *s = self(op);
    const wsl_row *made[TM_BATCH_ROWS];
    uint32_t bad = 0;
    wsl_error err = {0};
    const wsl_status status = wsl_expr_project(s->expr, rows, n, alloc_row, s->arena, made, &bad, &err);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        op->current = rows[bad];
        return tm_op_fail(op, status, "%s", err.text);
    }
    WSL_TRY(tm_op_emit_rows(op, made, n));
    wsl_arena_reset(s->arena);
    return WSL_OK;
}

static void select_close(tm_op *op)
{
    wsl_expr_free(self(op)->expr);
    wsl_arena_free(self(op)->arena);
}

const tm_op_class tm_op_select_class = {
    .kind = "select",
    .size = sizeof(op_select),
    .open = select_open,
    .on_rows = select_rows,
    .close = select_close,
};
