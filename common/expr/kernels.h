/*
 * kernels - the instructions of a program: loops over whole columns. What each computes is in its name; operands are
 * the registers a, b, c and the constant k of the instruction. See program.h for the rules they keep.
 *
 * Threads: as the program.
 */
#pragma once
#include "expr/program.h"

/* columns: k.i is the field */
bool wsl_k_load_bool(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_double(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_float(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_decimal(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_wide_decimal(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_load_str(wsl_vm *vm, const wsl_ins *ins);

/* integers: the result must be within the node's type */
bool wsl_k_add_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_sub_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_mul_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_div_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_mod_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_neg_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_div_const(wsl_vm *vm, const wsl_ins *ins); /* k.p: wsl_divisor */
bool wsl_k_mod_const(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_narrow(wsl_vm *vm, const wsl_ins *ins); /* is a within the node's type? */

/* doubles; FLOAT results are rounded to 24 bits when the node's type says so */
bool wsl_k_add_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_sub_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_mul_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_div_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_mod_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_neg_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_int_to_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_round_float(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_neg_dec(wsl_vm *vm, const wsl_ins *ins);

/* comparison: op is a wsl_compare_op; result 0 where either side is null */
bool wsl_k_cmp_int(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_cmp_int_const(wsl_vm *vm, const wsl_ins *ins); /* a with k.i */
bool wsl_k_cmp_dbl(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_cmp_dbl_const(wsl_vm *vm, const wsl_ins *ins); /* a with k.d */
bool wsl_k_cmp_bool(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_cmp_dec(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_cmp_str(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_eq_short_str(wsl_vm *vm, const wsl_ins *ins); /* a, loaded from rows, with a constant of 1 to 8 bytes */
bool wsl_k_in_int(wsl_vm *vm, const wsl_ins *ins);       /* k.p: wsl_int_list */
bool wsl_k_in_str(wsl_vm *vm, const wsl_ins *ins);       /* k.p: wsl_str_list */

/* logic */
bool wsl_k_and(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_or(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_not(wsl_vm *vm, const wsl_ins *ins);
bool wsl_k_is_null(wsl_vm *vm, const wsl_ins *ins);  /* op 1: IS NOT NULL */
bool wsl_k_is_true(wsl_vm *vm, const wsl_ins *ins);  /* op 1: IS NOT TRUE */
bool wsl_k_is_false(wsl_vm *vm, const wsl_ins *ins); /* op 1: IS NOT FALSE */
bool wsl_k_distinct(wsl_vm *vm, const wsl_ins *ins); /* a, b: the values, c: their equality; op 1: NOT DISTINCT */

/* Rows of mask b (or all) where a is true (op 0), not true (1), or not false (2). */
bool wsl_k_mask(wsl_vm *vm, const wsl_ins *ins);
/* Where a is true b, else c. */
bool wsl_k_select(wsl_vm *vm, const wsl_ins *ins);

/* ins->call for every row that is not masked. */
bool wsl_k_call(wsl_vm *vm, const wsl_ins *ins);

/* ---- prepared constants ---- */

/* Division by a constant as a multiplication (Granlund and Montgomery 1994), on magnitudes. */
typedef struct wsl_divisor {
    uint64_t d;     /* magnitude */
    uint64_t magic; /* 0: d is a power of two */
    uint32_t shift;
    bool negative;
} wsl_divisor;
wsl_divisor wsl_divisor_of(int64_t d); /* not 0 */

typedef struct wsl_int_list {
    uint32_t n;
    bool has_null;  /* a NULL in the list: what is not found is NULL */
    int64_t *items; /* ascending */
} wsl_int_list;

typedef struct wsl_str_list {
    uint32_t n;
    bool has_null;
    wsl_str *items; /* ascending */
} wsl_str_list;

int wsl_str_compare(wsl_str a, wsl_str b); /* bytes, then length */
