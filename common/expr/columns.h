/*
 * columns - a list of typed expressions compiled to one program, and rows made of their values.
 *
 * Used by projections and by the arguments of aggregates. An expression that is just a column takes no part in the
 * program: its value is copied from row to row.
 *
 * Threads: one owner.
 */
#pragma once
#include "expr/expr.h"
#include "expr/program.h"

typedef struct wsl_columns {
    uint32_t n;
    wsl_type *type;  /* of each value */
    int32_t *direct; /* the input column it is, or -1 */
    uint32_t *reg;   /* register otherwise */
    uint32_t in_fields;
    wsl_program *program; /* NULL if all are direct */
} wsl_columns;

void wsl_columns_fini(wsl_columns *c);
/* Typed nodes; arrays live in the arena. */
WSL_MUST_CHECK wsl_status wsl_columns_init(wsl_columns *c, const wsl_expr_source *src, wsl_arena *arena,
                                           const wsl_schema *input, wsl_node *const *nodes, uint32_t n, wsl_error *err);

/* Computes the first rows (at most WSL_EXPR_SLICE, *out_done of them). */
WSL_MUST_CHECK wsl_status wsl_columns_run(wsl_columns *c, const wsl_row *const *rows, uint32_t n, uint32_t *out_done,
                                          uint32_t *out_fail_row, wsl_error *err);

/* Value k of row i of the run above. */
void wsl_columns_value(const wsl_columns *c, const wsl_row *const *rows, uint32_t k, uint32_t i, wsl_value *out);

/* Field f of a row. */
void wsl_field_value(const wsl_row *row, uint32_t f, uint32_t n_fields, const wsl_type *type, wsl_value *out);

/* Makes rows of the values of the run above, n of them, in memory of alloc; op and timestamp are those of the inputs.
 */
WSL_MUST_CHECK wsl_status wsl_columns_write(const wsl_columns *c, const wsl_row *const *rows, uint32_t n,
                                            wsl_expr_alloc_fn alloc, void *alloc_arg, const wsl_row **out_rows,
                                            uint32_t *out_fail_row, wsl_error *err);
