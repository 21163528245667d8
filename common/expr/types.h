/*
 * types - how types of expressions meet: common types, results of arithmetic, names for messages.
 *
 * Threads: any.
 */
#pragma once
#include "expr/ast.h"

/* How values of a type are held in a column of the evaluator. */
typedef enum wsl_phys {
    WSL_PHYS_BOOL, /* uint8_t, 0 or 1 */
    WSL_PHYS_INT,  /* int64_t: integers, date, time, timestamp, intervals */
    WSL_PHYS_DBL,  /* double: float and double */
    WSL_PHYS_DEC,  /* __int128, unscaled */
    WSL_PHYS_STR,  /* wsl_str: string, bytes, and arrays, maps, rows as their bytes */
} wsl_phys;

wsl_phys wsl_phys_of(const wsl_type *type);

bool wsl_type_is_integer(const wsl_type *type);
bool wsl_type_is_numeric(const wsl_type *type); /* integers, decimal, float, double */
bool wsl_type_is_approximate(const wsl_type *type);
bool wsl_type_is_temporal(const wsl_type *type); /* date, time, timestamp */

enum { WSL_XT_TEXT_MAX = 96 };
/* For messages: without NOT NULL; "NULL" and "INTERVAL" for the inner ones. Returns out. */
const char *wsl_xt_text(const wsl_type *type, char out[WSL_XT_TEXT_MAX]);

/* Do both hold the same values, nullability aside? */
bool wsl_xt_same(const wsl_type *a, const wsl_type *b);

/* The type to which both can be brought without loss (but integers to double); false if there is none. */
bool wsl_xt_common(const wsl_type *a, const wsl_type *b, wsl_type *out);

/* A number's type as a DECIMAL: integers have scale 0. */
wsl_type wsl_xt_as_decimal(const wsl_type *type);
/* Result of a decimal operation, op is one of + - * / %. */
wsl_type wsl_xt_decimal_result(char op, const wsl_type *a, const wsl_type *b);

/* Largest and smallest value of an integer or date/time type; false for types without such limits. */
bool wsl_xt_range(const wsl_type *type, int64_t *out_min, int64_t *out_max);
