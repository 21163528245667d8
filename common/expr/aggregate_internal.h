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
    enum { AGG_OUT_KEY, AGG_OUT_WIDE_KEY, AGG_OUT_STATE, AGG_OUT_AVERAGE, AGG_OUT_BOUND } kind;
    uint32_t source; /* field of the row that has the keys, or of the state; a bound of the window */
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
    wsl_schema *middle;  /* keys in use, bounds of the window, then aggregates */
    bool windowed;       /* results are made of a row of the keys and a window instead of an input row */
    uint32_t n_keys;
    uint32_t n_bounds;   /* 2 if windowed */
    uint32_t *key_field; /* of the row that has the keys */
    uint32_t key_fields; /* fields of that row */
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

/* ---- aggregate_run.c, for aggregate_window.c ---- */

/* A row of the state's schema with these values. */
wsl_status wsl_agg_make_state(const wsl_aggregate *a, const wsl_value *values, wsl_expr_alloc_fn alloc, void *alloc_arg,
                              wsl_row **out, wsl_error *err);
wsl_status wsl_agg_fail(const wsl_aggregate *a, const agg *g, wsl_error *err, const char *what);
/* sum += v or -= v; false: it left its type. */
bool wsl_agg_add_to(const wsl_type *type, wsl_value *sum, const wsl_value *v, bool back);
/* Does the value take the place of the one kept so far? */
bool wsl_agg_replaces(const agg *g, const wsl_value *kept, const wsl_value *v);
bool wsl_agg_replaces_bits(const agg *g, uint64_t kept, uint64_t bits);
/* The result row of a state: keys of `in`, bounds of a window (NULL unless windowed). */
wsl_status wsl_agg_make_result(wsl_aggregate *a, const wsl_row *in, const int64_t *bounds, const wsl_row *state,
                               wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, wsl_error *err);
