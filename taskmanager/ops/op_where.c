/*
 * op_where - keeps the rows for which a SQL predicate is true; they are passed on by reference.
 */
#include "expr/expr.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"

typedef struct op_where {
    tm_op op;
    wsl_expr *expr;
} op_where;

static op_where *self(tm_op *op) { return (op_where *)(void *)op; }

static wsl_status where_open(tm_op *op, wsl_error *err)
{
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    return wsl_expr_predicate(wsl_config_str(config, "expr"), op->env.input[0], &self(op)->expr, err);
}

static wsl_status where_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    const wsl_row *kept[TM_BATCH_ROWS];
    uint32_t n_kept = 0, bad = 0;
    wsl_error err = {0};
    const wsl_status status = wsl_expr_filter(self(op)->expr, rows, n, kept, &n_kept, &bad, &err);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        op->current = rows[bad];
        return tm_op_fail(op, status, "%s", err.text);
    }
    return tm_op_emit_rows(op, kept, n_kept);
}

static void where_close(tm_op *op) { wsl_expr_free(self(op)->expr); }

const tm_op_class tm_op_where_class = {
    .kind = "where",
    .size = sizeof(op_where),
    .open = where_open,
    .on_rows = where_rows,
    .close = where_close,
};
