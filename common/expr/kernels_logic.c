/*
 * kernels_logic.c - comparison, three-valued logic, masks and choice. Booleans are bytes of 0 and 1, 0 where they are
 * null, so logic is arithmetic on bytes.
 */
#include <string.h>

#include "expr/kernels_internal.h"

/* ---- comparison ---- */

#define CMP_LOOP(expr)                                                                                                 \
    EACH(i) { out[i] = (uint8_t)(expr); }                                                                              \
    break

#define CMP_SWITCH(x, y)                                                                                               \
    switch ((wsl_compare_op)ins->op) {                                                                                 \
    case WSL_CMP_EQ:                                                                                                   \
        CMP_LOOP(x == y);                                                                                              \
    case WSL_CMP_NE:                                                                                                   \
        CMP_LOOP(x != y);                                                                                              \
    case WSL_CMP_LT:                                                                                                   \
        CMP_LOOP(x < y);                                                                                               \
    case WSL_CMP_LE:                                                                                                   \
        CMP_LOOP(x <= y);                                                                                              \
    case WSL_CMP_GT:                                                                                                   \
        CMP_LOOP(x > y);                                                                                               \
    case WSL_CMP_GE:                                                                                                   \
        CMP_LOOP(x >= y);                                                                                              \
    }

#define CMP_KERNEL(name, type)                                                                                         \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        uint8_t *restrict out = OUT(uint8_t);                                                                          \
        const type *a = VALUES(type, a);                                                                               \
        const type *b = VALUES(type, b);                                                                               \
        const uint32_t n = vm->n;                                                                                      \
        CMP_SWITCH(a[i], b[i])                                                                                         \
        wsl_merge_nulls(vm, ins);                                                                                      \
        wsl_clear_null_bools(vm, ins);                                                                                 \
        return true;                                                                                                   \
    }

#define CMP_CONST_KERNEL(name, type, constant)                                                                         \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        uint8_t *restrict out = OUT(uint8_t);                                                                          \
        const type *a = VALUES(type, a);                                                                               \
        const type k = constant;                                                                                       \
        const uint32_t n = vm->n;                                                                                      \
        CMP_SWITCH(a[i], k)                                                                                            \
        wsl_copy_nulls(vm, ins);                                                                                       \
        wsl_clear_null_bools(vm, ins);                                                                                 \
        return true;                                                                                                   \
    }

CMP_KERNEL(wsl_k_cmp_int, int64_t)
CMP_KERNEL(wsl_k_cmp_dbl, double)
CMP_KERNEL(wsl_k_cmp_bool, uint8_t)
CMP_KERNEL(wsl_k_cmp_dec, __int128)
CMP_CONST_KERNEL(wsl_k_cmp_int_const, int64_t, ins->k.i)
CMP_CONST_KERNEL(wsl_k_cmp_dbl_const, double, ins->k.d)

int wsl_str_compare(wsl_str a, wsl_str b)
{
    const uint32_t n = a.size < b.size ? a.size : b.size;
    const int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool wsl_k_cmp_str(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_str *a = VALUES(wsl_str, a);
    const wsl_str *b = VALUES(wsl_str, b);
    const uint32_t n = vm->n;
    switch ((wsl_compare_op)ins->op) {
    case WSL_CMP_EQ:
        CMP_LOOP(wsl_str_equal(a[i], b[i]));
    case WSL_CMP_NE:
        CMP_LOOP(!wsl_str_equal(a[i], b[i]));
    case WSL_CMP_LT:
        CMP_LOOP(wsl_str_compare(a[i], b[i]) < 0);
    case WSL_CMP_LE:
        CMP_LOOP(wsl_str_compare(a[i], b[i]) <= 0);
    case WSL_CMP_GT:
        CMP_LOOP(wsl_str_compare(a[i], b[i]) > 0);
    case WSL_CMP_GE:
        CMP_LOOP(wsl_str_compare(a[i], b[i]) >= 0);
    }
    wsl_merge_nulls(vm, ins);
    wsl_clear_null_bools(vm, ins);
    return true;
}

/* Strings in rows are 8-aligned and padded with zeros, so a short one is one word. op 1: not equal. The constant's
 * bytes are in k.i, its size in c. */
bool wsl_k_eq_short_str(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_str *a = VALUES(wsl_str, a);
    const uint64_t want = (uint64_t)ins->k.i;
    const uint32_t size = ins->c;
    const uint8_t turn = ins->op;
    const uint32_t n = vm->n;
    EACH(i)
    {
        uint64_t word = 0;
        if (a[i].size == size) {
            memcpy(&word, a[i].data, sizeof word);
        }
        out[i] = (uint8_t)(word == want && a[i].size == size) ^ turn;
    }
    wsl_copy_nulls(vm, ins);
    wsl_clear_null_bools(vm, ins);
    return true;
}

/* What is not found in a list that has a NULL is NULL. */
static void null_unless_found(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_reg *dst = REG(dst);
    const uint8_t *v = dst->v;
    const uint32_t n = vm->n;
    if (!dst->has_null) {
        memset(dst->null, 0, n);
        dst->has_null = true;
    }
    EACH(i) { dst->null[i] |= (uint8_t)(v[i] ^ 1); }
}

bool wsl_k_in_int(wsl_vm *vm, const wsl_ins *ins)
{
    enum { LINEAR_MAX = 12 };
    const wsl_int_list *list = ins->k.p;
    uint8_t *restrict out = OUT(uint8_t);
    const int64_t *a = VALUES(int64_t, a);
    const uint32_t n = vm->n;
    memset(out, 0, n);
    if (list->n <= LINEAR_MAX) {
        for (uint32_t k = 0; k < list->n; k++) {
            const int64_t want = list->items[k];
            EACH(i) { out[i] |= (uint8_t)(a[i] == want); }
        }
    } else {
        EACH(i)
        {
            const int64_t *base = list->items;
            for (uint32_t rest = list->n; rest > 1;) {
                const uint32_t half = rest / 2;
                base += base[half] <= a[i] ? half : 0;
                rest -= half;
            }
            out[i] = *base == a[i];
        }
    }
    wsl_copy_nulls(vm, ins);
    wsl_clear_null_bools(vm, ins);
    if (list->has_null) {
        null_unless_found(vm, ins);
    }
    return true;
}

bool wsl_k_in_str(wsl_vm *vm, const wsl_ins *ins)
{
    const wsl_str_list *list = ins->k.p;
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_str *a = VALUES(wsl_str, a);
    const uint32_t n = vm->n;
    EACH(i)
    {
        uint32_t low = 0;
        uint32_t high = list->n;
        out[i] = 0;
        while (low < high && out[i] == 0) {
            const uint32_t middle = low + (high - low) / 2;
            const int order = wsl_str_compare(a[i], list->items[middle]);
            out[i] = order == 0;
            high = order < 0 ? middle : high;
            low = order > 0 ? middle + 1 : low;
        }
    }
    wsl_copy_nulls(vm, ins);
    wsl_clear_null_bools(vm, ins);
    if (list->has_null) {
        null_unless_found(vm, ins);
    }
    return true;
}

/* ---- logic ---- */

/* x AND y: 0 if either is 0 for sure, else null if either is null. Values of nulls are 0. */
bool wsl_k_and(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const uint8_t *a = VALUES(uint8_t, a);
    const uint8_t *b = VALUES(uint8_t, b);
    const uint32_t n = vm->n;
    wsl_reg *dst = REG(dst);
    EACH(i) { out[i] = a[i] & b[i]; }
    dst->has_null = REG(a)->has_null || REG(b)->has_null;
    if (!dst->has_null) {
        return true;
    }
    static const uint8_t none[WSL_EXPR_SLICE];
    const uint8_t *an = REG(a)->has_null ? REG(a)->null : none;
    const uint8_t *bn = REG(b)->has_null ? REG(b)->null : none;
    uint8_t *restrict null = dst->null;
    EACH(i) { null[i] = (uint8_t)((an[i] & bn[i]) | (an[i] & b[i]) | (bn[i] & a[i])); }
    return true;
}

bool wsl_k_or(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const uint8_t *a = VALUES(uint8_t, a);
    const uint8_t *b = VALUES(uint8_t, b);
    const uint32_t n = vm->n;
    EACH(i) { out[i] = a[i] | b[i]; }
    wsl_merge_nulls(vm, ins);
    const wsl_reg *dst = REG(dst);
    if (dst->has_null) {
        uint8_t *null = dst->null;
        EACH(i) { null[i] &= (uint8_t)(out[i] ^ 1); }
    }
    return true;
}

bool wsl_k_not(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const uint8_t *a = VALUES(uint8_t, a);
    const uint32_t n = vm->n;
    EACH(i) { out[i] = a[i] ^ 1; }
    wsl_copy_nulls(vm, ins);
    wsl_clear_null_bools(vm, ins);
    return true;
}

bool wsl_k_is_null(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_reg *a = REG(a);
    const uint32_t n = vm->n;
    const uint8_t turn = ins->op;
    if (a->has_null) {
        const uint8_t *null = a->null;
        EACH(i) { out[i] = null[i] ^ turn; }
    } else {
        memset(out, turn, n);
    }
    REG(dst)->has_null = false;
    return true;
}

bool wsl_k_is_true(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const uint8_t *a = VALUES(uint8_t, a);
    const uint32_t n = vm->n;
    const uint8_t turn = ins->op;
    EACH(i) { out[i] = a[i] ^ turn; }
    REG(dst)->has_null = false;
    return true;
}

bool wsl_k_is_false(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_reg *a = REG(a);
    const uint8_t *v = a->v;
    const uint32_t n = vm->n;
    const uint8_t turn = ins->op;
    if (a->has_null) {
        const uint8_t *null = a->null;
        EACH(i) { out[i] = (uint8_t)((v[i] ^ 1) & (null[i] ^ 1)) ^ turn; }
    } else {
        EACH(i) { out[i] = v[i] ^ 1 ^ turn; }
    }
    REG(dst)->has_null = false;
    return true;
}

bool wsl_k_distinct(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_reg *a = REG(a);
    const wsl_reg *b = REG(b);
    const uint8_t *equal = VALUES(uint8_t, c);
    const uint32_t n = vm->n;
    const uint8_t turn = ins->op ^ 1;
    EACH(i)
    {
        const uint8_t both_null = a->has_null && b->has_null ? a->null[i] & b->null[i] : 0;
        out[i] = (uint8_t)(equal[i] | both_null) ^ turn;
    }
    REG(dst)->has_null = false;
    return true;
}

bool wsl_k_mask(wsl_vm *vm, const wsl_ins *ins)
{
    uint8_t *restrict out = OUT(uint8_t);
    const wsl_reg *a = REG(a);
    const uint8_t *v = a->v;
    const uint32_t n = vm->n;
    if (ins->op == 0) {
        memcpy(out, v, n);
    } else if (ins->op == 1 || !a->has_null) {
        const uint8_t turn = ins->op == 1;
        EACH(i) { out[i] = v[i] ^ turn; }
    } else {
        const uint8_t *null = a->null;
        EACH(i) { out[i] = v[i] | null[i]; }
    }
    if (ins->b != WSL_NO_REG) {
        const uint8_t *outer = VALUES(uint8_t, b);
        EACH(i) { out[i] &= outer[i]; }
    }
    REG(dst)->has_null = false;
    return true;
}

#define SELECT_LOOP(type)                                                                                              \
    do {                                                                                                               \
        type *restrict out = OUT(type);                                                                                \
        const type *yes = VALUES(type, b);                                                                             \
        const type *no = VALUES(type, c);                                                                              \
        EACH(i) { out[i] = when[i] != 0 ? yes[i] : no[i]; }                                                            \
    } while (0)

bool wsl_k_select(wsl_vm *vm, const wsl_ins *ins)
{
    const uint8_t *when = VALUES(uint8_t, a);
    const wsl_reg *b = REG(b);
    const wsl_reg *c = REG(c);
    wsl_reg *dst = REG(dst);
    const uint32_t n = vm->n;
    switch (ins->phys) {
    case WSL_PHYS_BOOL:
        SELECT_LOOP(uint8_t);
        break;
    case WSL_PHYS_INT:
        SELECT_LOOP(int64_t);
        break;
    case WSL_PHYS_DBL:
        SELECT_LOOP(double);
        break;
    case WSL_PHYS_DEC:
        SELECT_LOOP(__int128);
        break;
    case WSL_PHYS_STR:
        SELECT_LOOP(wsl_str);
        break;
    }
    dst->has_null = b->has_null || c->has_null;
    if (dst->has_null) {
        static const uint8_t none[WSL_EXPR_SLICE];
        const uint8_t *bn = b->has_null ? b->null : none;
        const uint8_t *cn = c->has_null ? c->null : none;
        uint8_t *restrict null = dst->null;
        EACH(i) { null[i] = when[i] != 0 ? bn[i] : cn[i]; }
    }
    return true;
}
