/*
 * kernels_internal - what the files of kernels share: shorthands for registers and the handling of null bytes.
 *
 * Threads: as the program.
 */
#pragma once
#include "expr/kernels.h"

#define REG(r) (&vm->reg[ins->r])
#define VALUES(type, r) ((const type *)vm->reg[ins->r].v)
#define OUT(type) ((type *)vm->reg[ins->dst].v)
#define EACH(i) for (uint32_t i = 0; i < n; i++)

static inline const uint8_t *wsl_kernel_mask(const wsl_vm *vm, const wsl_ins *ins)
{
    return ins->mask == WSL_NO_REG ? NULL : (const uint8_t *)vm->reg[ins->mask].v;
}

/* dst is null where a or b is. */
static inline void wsl_merge_nulls(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_reg *dst = REG(dst);
    const wsl_reg *a = REG(a);
    const wsl_reg *b = REG(b);
    const uint32_t n = vm->n;
    dst->has_null = a->has_null || b->has_null;
    if (!dst->has_null) {
        return;
    }
    uint8_t *restrict out = dst->null;
    if (a->has_null && b->has_null) {
        const uint8_t *x = a->null;
        const uint8_t *y = b->null;
        EACH(i) { out[i] = x[i] | y[i]; }
    } else {
        memcpy(out, a->has_null ? a->null : b->null, n);
    }
}

static inline void wsl_copy_nulls(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_reg *dst = REG(dst);
    const wsl_reg *a = REG(a);
    dst->has_null = a->has_null;
    if (a->has_null) {
        memcpy(dst->null, a->null, vm->n);
    }
}

/* A boolean's value is 0 where it is null. */
static inline void wsl_clear_null_bools(wsl_vm *vm, const wsl_ins *ins)
{
    const wsl_reg *dst = REG(dst);
    if (dst->has_null) {
        uint8_t *restrict v = dst->v;
        const uint8_t *null = dst->null;
        const uint32_t n = vm->n;
        EACH(i) { v[i] &= (uint8_t)(null[i] ^ 1); }
    }
}

/* Ends the program: row i fails. Returns false. */
bool wsl_kernel_fail(wsl_vm *vm, const wsl_ins *ins, uint32_t i, const char *what);
