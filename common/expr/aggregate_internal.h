/*
 * aggregate_internal - what compiling (aggregate.c) and running (aggregate_run.c) share.
 *
 * Threads: as aggregate.h.
 */
#pragma once
#include "expr/aggregate.h"
#include "expr/columns.h"

enum { AGG_ARENA_CHUNK = 4096 };
#define AGG_NO_ARGUMENT UINT32_MAX

typedef enum agg_kind { AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_FIRST, AGG_LAST } agg_kind;

typedef struct agg {
    agg_kind kind;
    const char *name;
    uint32_t argument; /* position among the arguments; AGG_NO_ARGUMENT: COUNT(*) */
    uint32_t state;    /* first state field */
    wsl_type sum;      /* SUM, AVG: type of the sum */
    wsl_type result;
    bool fast; /* state and argument are single slots of integers or doubles */
    const wsl_node *node;
} agg;

/* Where a field of the result comes from when all of them are plain. */
typedef struct agg_output {
    enum { AGG_OUT_KEY, AGG_OUT_WIDE_KEY, AGG_OUT_STATE, AGG_OUT_AVERAGE } kind;
    uint32_t source; /* field of the input or of the state */
    const agg *agg;
} agg_output;

struct wsl_aggregate {
    wsl_arena *arena;
    wsl_expr_source src;
    wsl_schema *input;
    uint32_t n_aggs;
    agg *aggs;
    wsl_columns arguments;
    bool has_arguments;
    wsl_schema *state;
    wsl_schema *middle; /* keys in use, then aggregates */
    uint32_t n_keys;
    uint32_t *key_field; /* of the input */
    wsl_columns items;   /* over the middle row */
    bool plain;          /* every item is a column of the middle row */
    uint32_t *order;     /* plain: which one */
    wsl_schema *output;
    bool fast_fold;      /* every aggregate is fast */
    bool fast_result;    /* and plain */
    agg_output *outputs; /* fast_result */
    wsl_arena *scratch;  /* of one middle row */
    wsl_value *values;   /* room for the fields of any of the rows */
    /* the batch */
    const wsl_row *const *rows;
    uint32_t n;
    uint32_t from; /* registers hold the arguments of rows [from, to) */
    uint32_t to;
};
