/*
 * fold - how rows become one result: a WSL_REDUCE or WSL_AGGREGATE function, or a list of SQL aggregates.
 *
 *     row --add--> accumulator --merge--> accumulator --result--> row to emit
 *
 *     kind        accumulator                  add                     merge                result
 *     reduce      a row of the input           .reduce                 .reduce              the accumulator
 *     aggregate   a row of .acc                .add in place, .update  .merge               .result, or the accumulator
 *     expression  wsl_aggregate_state_schema   by the argument values  always               key, window, values
 *
 * Accumulators are rows without timestamp. They are usually kept in a value state (tm_fold_into, tm_fold_merge_into: one
 * that has only fields of fixed size is changed where it lies); tm_fold_add and tm_fold_merge work on rows wherever they are.
 *
 * Failures are in the task's error, with the row in hand, when a status comes back.
 *
 * Threads: one slot loop. Embedded in its owner, zeroed.
 */
#pragma once
#include <wiesel/window.h>

#include "expr/aggregate.h"
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/state/backend.h"

typedef enum tm_fold_kind { TM_FOLD_REDUCE, TM_FOLD_AGGREGATE, TM_FOLD_EXPRESSION } tm_fold_kind;

/* Memory for one row. */
typedef struct tm_fold_scratch {
    uint8_t *data;
    uint32_t size;
} tm_fold_scratch;

typedef struct tm_fold {
    wsl_ctx ctx; /* first: what the function sees; the owner keeps ctx.watermark up to date */
    tm_op *op;
    tm_fold_kind kind;
    const wsl_function *function; /* NULL: an expression */
    wsl_aggregate *aggregate;
    const wsl_schema *acc;    /* of accumulators */
    const wsl_schema *result; /* of results */
    bool in_place;            /* accumulators have one size and are changed where they lie */
    bool merges;              /* accumulators can be merged */
    bool order_matters;       /* the result depends on the order of rows even if merging is possible */
    const wsl_row *const *rows; /* the batch */
    uint32_t n_rows;
    const wsl_row *row; /* in hand, for error messages; NULL: none */
    tm_fold_scratch scratch[2]; /* one holds the last accumulator given out, the next is built in the other */
    uint32_t building;
    tm_fn_ctx *lender; /* whose arena a result is built in; NULL: scratch */
    const wsl_row *emitted;
    uint32_t n_emitted;
    wsl_status failed; /* of a call whose status the function may have ignored */
} tm_fold;

/* function: of kind WSL_FN_REDUCE or WSL_FN_AGGREGATE; its open runs. NULL: expr is a list of aggregates over op's input, with
 * the keys of op->env.key_schema (none if that is NULL). */
WSL_MUST_CHECK wsl_status tm_fold_open(tm_fold *f, tm_op *op, const wsl_function *function, const char *expr,
                                       wsl_error *err);
void tm_fold_close(tm_fold *f); /* runs the function's close */

/* The rows that are going to be added next, by their place; they stay valid meanwhile. */
WSL_MUST_CHECK wsl_status tm_fold_batch(tm_fold *f, const wsl_row *const *rows, uint32_t n);

/* Row i of the batch into the accumulator that is value number `state` of the current key and namespace of `s`. */
WSL_MUST_CHECK wsl_status tm_fold_into(tm_fold *f, tm_state *s, uint32_t state, uint32_t i);
/* Merges `other`, which lies anywhere. */
WSL_MUST_CHECK wsl_status tm_fold_merge_into(tm_fold *f, tm_state *s, uint32_t state, const wsl_row *other);

/* The accumulator after row i of the batch; acc is the one before, NULL if there is none. *out_acc lies in memory of the fold
 * and is valid until the call after the next, so it may be given back as acc. */
WSL_MUST_CHECK wsl_status tm_fold_add(tm_fold *f, const wsl_row *acc, uint32_t i, const wsl_row **out_acc);
/* Two accumulators made one; acc has the earlier rows where that matters. */
WSL_MUST_CHECK wsl_status tm_fold_merge(tm_fold *f, const wsl_row *acc, const wsl_row *other, const wsl_row **out_acc);

/* The result: valid until the next call, and not stamped with a timestamp. key: a row of the key fields (may be NULL if there
 * are none). out: NULL, or the context the row is going to be emitted to, which then need not copy it. */
WSL_MUST_CHECK wsl_status tm_fold_result(tm_fold *f, const wsl_row *acc, const wsl_row *key, const wsl_window *window,
                                         tm_fn_ctx *out, const wsl_row **out_row);

/* ---- for loops over many rows of fixed-size accumulators (in_place) ---- */

/* A new accumulator: a row of `acc`, zeroed and of the right size, gets its first value. */
WSL_MUST_CHECK wsl_status tm_fold_first(tm_fold *f, wsl_row *acc);
/* Row i into it. */
WSL_MUST_CHECK wsl_status tm_fold_add_in_place(tm_fold *f, wsl_row *acc, uint32_t i);
WSL_MUST_CHECK wsl_status tm_fold_merge_in_place(tm_fold *f, wsl_row *acc, const wsl_row *other);
/* What an .add said, if that is not plain WSL_OK: the status that counts, told in the task's error. */
wsl_status tm_fold_said(tm_fold *f, wsl_status status, const wsl_row *row);
