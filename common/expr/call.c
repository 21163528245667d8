/*
 * call.c - functions, row by row: what is too dear or too rare for a kernel of its own. Arguments are gathered from
 * their columns, masked rows are skipped, nulls answered here unless the function wants to see them.
 */
#include <string.h>

#include "expr/kernels_internal.h"

enum { CALL_ARGS_FAST = 8 };

void wsl_reg_value(const wsl_reg *reg, uint32_t i, wsl_value *out)
{
    out->null = reg->has_null && reg->null[i] != 0;
    switch (reg->phys) {
    case WSL_PHYS_BOOL:
        out->i = ((const uint8_t *)reg->v)[i];
        break;
    case WSL_PHYS_INT:
        out->i = ((const int64_t *)reg->v)[i];
        break;
    case WSL_PHYS_DBL:
        out->d = ((const double *)reg->v)[i];
        break;
    case WSL_PHYS_DEC:
        out->dec = ((const __int128 *)reg->v)[i];
        break;
    case WSL_PHYS_STR:
        out->s = ((const wsl_str *)reg->v)[i];
        break;
    }
}

static void store(wsl_reg *dst, uint32_t i, const wsl_value *v)
{
    switch (dst->phys) {
    case WSL_PHYS_BOOL:
        ((uint8_t *)dst->v)[i] = v->i != 0 && !v->null;
        break;
    case WSL_PHYS_INT:
        ((int64_t *)dst->v)[i] = v->i;
        break;
    case WSL_PHYS_DBL:
        ((double *)dst->v)[i] = v->d;
        break;
    case WSL_PHYS_DEC:
        ((__int128 *)dst->v)[i] = v->dec;
        break;
    case WSL_PHYS_STR:
        ((wsl_str *)dst->v)[i] = v->s;
        break;
    }
    dst->null[i] = v->null;
}

static const wsl_value *no_value(wsl_phys phys)
{
    static const wsl_value zero = {.dec = 0, .null = false};
    static const wsl_value empty = {.s = {"", 0}, .null = false};
    return phys == WSL_PHYS_STR ? &empty : &zero;
}

bool wsl_call_fail(wsl_call *c, wsl_status status, const char *format, ...)
{
    va_list args;
    wsl_error why;
    c->vm->fail_row = c->row;
    if (c->ins->attempt && status != WSL_NO_RESOURCE) {
        return false;
    }
    va_start(args, format);
    (void)wsl_vfail(&why, status, format, args);
    va_end(args);
    (void)wsl_kernel_fail(c->vm, c->ins, c->row, why.text);
    c->vm->err->status = status;
    return false;
}

/* One row: false if it ends the program. */
static bool call_row(wsl_call *c, wsl_value *args, wsl_reg *dst, bool *any_null)
{
    const wsl_ins *ins = c->ins;
    const uint32_t i = c->row;
    wsl_value out = *no_value(dst->phys);
    bool null = false;
    for (uint32_t k = 0; k < c->n; k++) {
        wsl_reg_value(&c->vm->reg[ins->args[k]], i, &args[k]);
        null |= args[k].null;
    }
    if (null && !ins->sees_nulls) {
        out.null = true;
    } else if (!ins->call(c, args, &out)) {
        if (!ins->attempt || c->vm->err->status == WSL_NO_RESOURCE) {
            return false;
        }
        out.null = true;
    }
    if (out.null) {
        out = *no_value(dst->phys);
        out.null = true;
        *any_null = true;
    }
    store(dst, i, &out);
    return true;
}

bool wsl_k_call(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_value few[CALL_ARGS_FAST];
    wsl_value *args = few;
    const uint8_t *mask = wsl_kernel_mask(vm, ins);
    wsl_reg *dst = REG(dst);
    bool any_null = false;
    wsl_call c = {.vm = vm, .ins = ins, .node = ins->node, .n = ins->n_args};
    if (ins->n_args > CALL_ARGS_FAST) {
        args = wsl_arena_alloc(vm->scratch, ins->n_args * sizeof *args + 16);
        args = (wsl_value *)(((uintptr_t)args + 15) & ~(uintptr_t)15);
    }
    for (uint32_t i = 0; i < vm->n; i++) {
        c.row = i;
        if (mask != NULL && mask[i] == 0) {
            store(dst, i, no_value(dst->phys));
        } else if (!call_row(&c, args, dst, &any_null)) {
            return false;
        }
    }
    dst->has_null = any_null;
    return true;
}
