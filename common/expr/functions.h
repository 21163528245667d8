/*
 * functions - the table of SQL functions: names, what they take and give, who computes them.
 *
 * A signature is one letter per argument, '>' and the result; '*' behind a letter repeats it. Letters: b boolean, i any
 * integer, d any number as DOUBLE, n DECIMAL, s STRING, x anything as STRING, t TIMESTAMP (a DATE too), D DATE, T TIME,
 * v INTERVAL. Results also: j INT32, 0 the type of the first argument. The first entry that fits counts.
 *
 * Threads: any, constant data.
 */
#pragma once
#include "expr/program.h"

struct wsl_fn_def {
    const char *name;
    const char *signature;
    wsl_call_fn call;
    wsl_time_unit unit; /* YEAR(t) is EXTRACT(YEAR FROM t); else WSL_UNIT_NONE */
    bool sees_nulls;
};

/* The tables, each ending with a name of NULL. */
extern const wsl_fn_def wsl_string_functions[];
extern const wsl_fn_def wsl_number_functions[];
extern const wsl_fn_def wsl_time_functions[];

/* The first function of this name at or after position *io_at; NULL when there is none. Steps io_at behind it. */
const wsl_fn_def *wsl_fn_next(wsl_str name, uint32_t *io_at);
/* All names in turn, with repetitions; NULL at the end. */
const char *wsl_fn_name(uint32_t i);

/* The function that converts one type to the other row by row; NULL if there is no such cast. */
wsl_call_fn wsl_cast_fn(const wsl_type *from, const wsl_type *to);

/* Functions behind operators. */
bool wsl_call_concat(wsl_call *c, const wsl_value *a, wsl_value *out);
bool wsl_call_decimal_arith(wsl_call *c, const wsl_value *a, wsl_value *out);
bool wsl_call_time_arith(wsl_call *c, const wsl_value *a, wsl_value *out); /* node op + or -, by argument types */
bool wsl_call_like(wsl_call *c, const wsl_value *a, wsl_value *out);

/* LIKE with a constant pattern is taken apart once; the result is for ins->k.p and lives in the arena. */
wsl_status wsl_like_prepare(const wsl_expr_source *src, wsl_arena *arena, const wsl_node *like, const void **out,
                            wsl_error *err);
