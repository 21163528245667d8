/*
 * kernels.c - loops the compiler can turn into vector code: straight, without branches on values, results in memory
 * that nothing else points to.
 *
 * Failing rows are found in two steps. The loop computes all rows, masked and null ones too, and only remembers whether
 * anything looked wrong; if so, `recheck` goes through the rows that count, one by one, with an exact test.
 */
#include "expr/kernels.h"

#include <math.h>
#include <string.h>

#include "data/decimal.h"
#include "data/row_nested.h"

/* ---- registers ---- */

#define REG(r) (&vm->reg[ins->r])
#define VALUES(type, r) ((const type *)vm->reg[ins->r].v)
#define OUT(type) ((type *)vm->reg[ins->dst].v)
#define EACH(i) for (uint32_t i = 0; i < n; i++)

static const uint8_t *mask_of(const wsl_vm *vm, const wsl_ins *ins)
{
    return ins->mask == WSL_NO_REG ? NULL : (const uint8_t *)vm->reg[ins->mask].v;
}

/* dst is null where a or b is. */
static void merge_nulls(wsl_vm *vm, const wsl_ins *ins)
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

static void copy_nulls(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_reg *dst = REG(dst);
    const wsl_reg *a = REG(a);
    dst->has_null = a->has_null;
    if (a->has_null) {
        memcpy(dst->null, a->null, vm->n);
    }
}

/* A boolean's value is 0 where it is null. */
static void clear_null_bools(wsl_vm *vm, const wsl_ins *ins)
{
    const wsl_reg *dst = REG(dst);
    if (dst->has_null) {
        uint8_t *restrict v = dst->v;
        const uint8_t *null = dst->null;
        const uint32_t n = vm->n;
        EACH(i) { v[i] &= (uint8_t)(null[i] ^ 1); }
    }
}

static void set_null(wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    wsl_reg *dst = REG(dst);
    if (!dst->has_null) {
        memset(dst->null, 0, vm->n);
        dst->has_null = true;
    }
    dst->null[i] = 1;
}

/* ---- failures ---- */

static bool fail_row(wsl_vm *vm, const wsl_ins *ins, uint32_t i, const char *what)
{
    const wsl_node *node = ins->node;
    const uint32_t size = node->end > node->at ? node->end - node->at : 0;
    vm->fail_row = i;
    (void)wsl_expr_fail_at(vm->src, node->at, vm->err, WSL_INVALID, "%s in \"%.*s%s\"", what,
                           (int)(size > 80 ? 80 : size), vm->src->text + node->at, size > 80 ? "..." : "");
    return false;
}

/* Why row i fails, NULL if it does not. */
typedef const char *(*row_test)(const wsl_vm *vm, const wsl_ins *ins, uint32_t i);

static bool recheck(wsl_vm *vm, const wsl_ins *ins, row_test test)
{
    const uint8_t *mask = mask_of(vm, ins);
    const wsl_reg *dst = REG(dst);
    for (uint32_t i = 0; i < vm->n; i++) {
        if ((mask != NULL && mask[i] == 0) || (dst->has_null && dst->null[i] != 0)) {
            continue;
        }
        const char *what = test(vm, ins, i);
        if (what != NULL) {
            if (!ins->attempt) {
                return fail_row(vm, ins, i, what);
            }
            set_null(vm, ins, i);
        }
    }
    return true;
}

/* ---- columns ---- */

static void load_nulls(wsl_vm *vm, const wsl_ins *ins)
{
    wsl_reg *dst = REG(dst);
    const uint32_t c = (uint32_t)ins->k.i;
    const uint32_t n = vm->n;
    uint8_t *restrict null = dst->null;
    if (c < 32) {
        dst->has_null = vm->nulls >> c & 1;
        if (dst->has_null) {
            EACH(i) { null[i] = (uint8_t)(vm->rows[i]->nulls >> c & 1); }
        }
        return;
    }
    const uint32_t word = vm->row_fields + (c - 32) / 64;
    const uint32_t bit = (c - 32) % 64;
    uint8_t any = 0;
    EACH(i)
    {
        null[i] = (uint8_t)(vm->rows[i]->slot[word] >> bit & 1);
        any |= null[i];
    }
    dst->has_null = any != 0;
}

#define LOAD_KERNEL(name, type, expr)                                                                                  \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        type *restrict out = OUT(type);                                                                                \
        const uint32_t n = vm->n;                                                                                      \
        const uint32_t c = (uint32_t)ins->k.i;                                                                         \
        const wsl_row *const *rows = vm->rows;                                                                         \
        EACH(i) { out[i] = expr; }                                                                                     \
        load_nulls(vm, ins);                                                                                           \
        return true;                                                                                                   \
    }

LOAD_KERNEL(wsl_k_load_bool, uint8_t, (uint8_t)rows[i]->slot[c])
LOAD_KERNEL(wsl_k_load_int, int64_t, (int64_t)rows[i]->slot[c])
LOAD_KERNEL(wsl_k_load_double, double, wsl_row_double(rows[i], c))
LOAD_KERNEL(wsl_k_load_float, double, (double)wsl_row_float(rows[i], c))
LOAD_KERNEL(wsl_k_load_decimal, __int128, (int64_t)rows[i]->slot[c])
LOAD_KERNEL(wsl_k_load_str, wsl_str, wsl_row_str(rows[i], c))

bool wsl_k_load_wide_decimal(wsl_vm *vm, const wsl_ins *ins)
{
    __int128 *restrict out = OUT(__int128);
    const uint32_t n = vm->n;
    const uint32_t c = (uint32_t)ins->k.i;
    load_nulls(vm, ins);
    EACH(i)
    {
        const wsl_str s = wsl_row_str(vm->rows[i], c);
        out[i] = 0;
        if (s.size == sizeof out[i]) {
            memcpy(&out[i], s.data, sizeof out[i]);
        }
    }
    return true;
}

/* ---- integers ---- */

static uint32_t bits_of(wsl_type_id id)
{
    switch (id) {
    case WSL_T_INT8:
        return 8;
    case WSL_T_INT16:
        return 16;
    case WSL_T_INT32:
        return 32;
    default:
        return 64;
    }
}

static bool in_type(int64_t v, const wsl_type *type)
{
    int64_t min;
    int64_t max;
    return !wsl_xt_range(type, &min, &max) || (v >= min && v <= max);
}

/* Not 0 if v does not fit `bits` of two's complement. */
static inline uint64_t beyond(int64_t v, uint32_t bits)
{
    return bits == 64 ? 0 : ((uint64_t)v + ((uint64_t)1 << (bits - 1))) >> bits;
}

static const char *test_add(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    int64_t r;
    const bool over = __builtin_add_overflow(VALUES(int64_t, a)[i], VALUES(int64_t, b)[i], &r);
    return over || !in_type(r, &ins->node->type) ? "overflow" : NULL;
}
static const char *test_sub(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    int64_t r;
    const bool over = __builtin_sub_overflow(VALUES(int64_t, a)[i], VALUES(int64_t, b)[i], &r);
    return over || !in_type(r, &ins->node->type) ? "overflow" : NULL;
}
static const char *test_mul(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    int64_t r;
    const bool over = __builtin_mul_overflow(VALUES(int64_t, a)[i], VALUES(int64_t, b)[i], &r);
    return over || !in_type(r, &ins->node->type) ? "overflow" : NULL;
}

#define SUM_KERNEL(name, op, overflow_bits, test)                                                                      \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        int64_t *restrict out = OUT(int64_t);                                                                          \
        const uint64_t *a = VALUES(uint64_t, a);                                                                       \
        const uint64_t *b = VALUES(uint64_t, b);                                                                       \
        const uint32_t n = vm->n;                                                                                      \
        const uint32_t bits = bits_of(ins->node->type.id);                                                             \
        uint64_t bad = 0;                                                                                              \
        if (bits == 64) {                                                                                              \
            EACH(i)                                                                                                    \
            {                                                                                                          \
                const uint64_t x = a[i];                                                                               \
                const uint64_t y = b[i];                                                                               \
                const uint64_t r = x op y;                                                                             \
                out[i] = (int64_t)r;                                                                                   \
                bad |= overflow_bits;                                                                                  \
            }                                                                                                          \
            bad >>= 63;                                                                                                \
        } else {                                                                                                       \
            EACH(i)                                                                                                    \
            {                                                                                                          \
                const uint64_t r = a[i] op b[i];                                                                       \
                out[i] = (int64_t)r;                                                                                   \
                bad |= beyond((int64_t)r, bits);                                                                       \
            }                                                                                                          \
        }                                                                                                              \
        merge_nulls(vm, ins);                                                                                          \
        return WSL_LIKELY(bad == 0) || recheck(vm, ins, test);                                                         \
    }

SUM_KERNEL(wsl_k_add_int, +, (x ^ r) & (y ^ r), test_add)
SUM_KERNEL(wsl_k_sub_int, -, (x ^ y) & (x ^ r), test_sub)

bool wsl_k_mul_int(wsl_vm *vm, const wsl_ins *ins)
{
    int64_t *restrict out = OUT(int64_t);
    const int64_t *a = VALUES(int64_t, a);
    const int64_t *b = VALUES(int64_t, b);
    const uint32_t n = vm->n;
    const uint32_t bits = bits_of(ins->node->type.id);
    uint64_t large = 0;
    uint64_t bad = 0;
    EACH(i) { large |= beyond(a[i], 32) | beyond(b[i], 32); }
    if (large == 0) {
        EACH(i) { out[i] = (int64_t)(int32_t)a[i] * (int32_t)b[i]; }
        if (bits < 64) {
            EACH(i) { bad |= beyond(out[i], bits); }
        }
    } else {
        EACH(i)
        {
            int64_t r;
            bad |= (uint64_t)__builtin_mul_overflow(a[i], b[i], &r);
            bad |= beyond(r, bits);
            out[i] = r;
        }
    }
    merge_nulls(vm, ins);
    return WSL_LIKELY(bad == 0) || recheck(vm, ins, test_mul);
}

static const char *test_div(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    const int64_t a = VALUES(int64_t, a)[i];
    const int64_t b = VALUES(int64_t, b)[i];
    if (b == 0) {
        return "division by zero";
    }
    if (b == -1) {
        return a == INT64_MIN || !in_type(-a, &ins->node->type) ? "overflow" : NULL;
    }
    return NULL;
}

static const char *test_mod(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    return VALUES(int64_t, b)[i] == 0 ? "division by zero" : NULL;
}

bool wsl_k_div_int(wsl_vm *vm, const wsl_ins *ins)
{
    int64_t *restrict out = OUT(int64_t);
    const int64_t *a = VALUES(int64_t, a);
    const int64_t *b = VALUES(int64_t, b);
    const uint32_t n = vm->n;
    bool odd = false;
    EACH(i)
    {
        const bool special = b[i] == 0 || b[i] == -1;
        odd |= special;
        out[i] = special ? (b[i] == 0 ? 0 : (int64_t)(0 - (uint64_t)a[i])) : a[i] / b[i];
    }
    merge_nulls(vm, ins);
    return WSL_LIKELY(!odd) || recheck(vm, ins, test_div);
}

bool wsl_k_mod_int(wsl_vm *vm, const wsl_ins *ins)
{
    int64_t *restrict out = OUT(int64_t);
    const int64_t *a = VALUES(int64_t, a);
    const int64_t *b = VALUES(int64_t, b);
    const uint32_t n = vm->n;
    bool odd = false;
    EACH(i)
    {
        const bool special = b[i] == 0 || b[i] == -1;
        odd |= special;
        out[i] = special ? 0 : a[i] % b[i];
    }
    merge_nulls(vm, ins);
    return WSL_LIKELY(!odd) || recheck(vm, ins, test_mod);
}

wsl_divisor wsl_divisor_of(int64_t d)
{
    wsl_divisor v = {.d = d < 0 ? 0 - (uint64_t)d : (uint64_t)d, .negative = d < 0};
    const uint32_t floor_log = 63 - (uint32_t)__builtin_clzll(v.d);
    if ((v.d & (v.d - 1)) == 0) {
        v.shift = floor_log;
        return v;
    }
    const uint32_t log = floor_log + 1; /* of the next power of two */
    const unsigned __int128 power = (unsigned __int128)1 << log;
    v.magic = (uint64_t)(((power - v.d) << 64) / v.d) + 1;
    v.shift = log - 1;
    return v;
}

static inline uint64_t divide(uint64_t x, const wsl_divisor *v)
{
    if (v->magic == 0) {
        return x >> v->shift;
    }
    const uint64_t high = (uint64_t)((unsigned __int128)v->magic * x >> 64);
    return (high + ((x - high) >> 1)) >> v->shift;
}

/* Only by -1 can the quotient leave its type. */
static const char *test_div_const(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    return !in_type(VALUES(int64_t, dst)[i], &ins->node->type) || VALUES(int64_t, a)[i] == INT64_MIN ? "overflow"
                                                                                                     : NULL;
}

bool wsl_k_div_const(wsl_vm *vm, const wsl_ins *ins)
{
    const wsl_divisor v = *(const wsl_divisor *)ins->k.p;
    int64_t *restrict out = OUT(int64_t);
    const int64_t *a = VALUES(int64_t, a);
    const uint32_t n = vm->n;
    EACH(i)
    {
        const uint64_t sign = (uint64_t)(a[i] >> 63);
        const uint64_t q = divide(((uint64_t)a[i] ^ sign) - sign, &v);
        const uint64_t turn = sign ^ (uint64_t)(-(int64_t)v.negative);
        out[i] = (int64_t)((q ^ turn) - turn);
    }
    copy_nulls(vm, ins);
    return !(v.negative && v.d == 1) || recheck(vm, ins, test_div_const);
}

bool wsl_k_mod_const(wsl_vm *vm, const wsl_ins *ins)
{
    const wsl_divisor v = *(const wsl_divisor *)ins->k.p;
    int64_t *restrict out = OUT(int64_t);
    const int64_t *a = VALUES(int64_t, a);
    const uint32_t n = vm->n;
    EACH(i)
    {
        const uint64_t sign = (uint64_t)(a[i] >> 63);
        const uint64_t x = ((uint64_t)a[i] ^ sign) - sign;
        const uint64_t r = x - divide(x, &v) * v.d;
        out[i] = (int64_t)((r ^ sign) - sign);
    }
    copy_nulls(vm, ins);
    return true;
}

static const char *test_neg(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    const int64_t a = VALUES(int64_t, a)[i];
    return a == INT64_MIN || !in_type(-a, &ins->node->type) ? "overflow" : NULL;
}

bool wsl_k_neg_int(wsl_vm *vm, const wsl_ins *ins)
{
    int64_t *restrict out = OUT(int64_t);
    const uint64_t *a = VALUES(uint64_t, a);
    const uint32_t n = vm->n;
    const uint32_t bits = bits_of(ins->node->type.id);
    uint64_t bad = 0;
    EACH(i)
    {
        const uint64_t r = 0 - a[i];
        out[i] = (int64_t)r;
        bad |= bits == 64 ? (r & a[i]) >> 63 : beyond((int64_t)r, bits);
    }
    copy_nulls(vm, ins);
    return WSL_LIKELY(bad == 0) || recheck(vm, ins, test_neg);
}

static const char *test_narrow(const wsl_vm *vm, const wsl_ins *ins, uint32_t i)
{
    return in_type(VALUES(int64_t, a)[i], &ins->node->type) ? NULL : "a value out of range";
}

bool wsl_k_narrow(wsl_vm *vm, const wsl_ins *ins)
{
    const int64_t *a = VALUES(int64_t, a);
    int64_t *restrict out = OUT(int64_t);
    const uint32_t n = vm->n;
    int64_t min = INT64_MIN;
    int64_t max = INT64_MAX;
    bool bad = false;
    (void)wsl_xt_range(&ins->node->type, &min, &max);
    EACH(i)
    {
        out[i] = a[i];
        bad |= a[i] < min || a[i] > max;
    }
    copy_nulls(vm, ins);
    return WSL_LIKELY(!bad) || recheck(vm, ins, test_narrow);
}

/* ---- doubles ---- */

static void round_floats(wsl_vm *vm, const wsl_ins *ins)
{
    if (ins->node->type.id == WSL_T_FLOAT) {
        double *v = OUT(double);
        const uint32_t n = vm->n;
        EACH(i) { v[i] = (double)(float)v[i]; }
    }
}

#define DBL_KERNEL(name, expr)                                                                                         \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        double *restrict out = OUT(double);                                                                            \
        const double *a = VALUES(double, a);                                                                           \
        const double *b = VALUES(double, b);                                                                           \
        const uint32_t n = vm->n;                                                                                      \
        EACH(i) { out[i] = expr; }                                                                                     \
        round_floats(vm, ins);                                                                                         \
        merge_nulls(vm, ins);                                                                                          \
        return true;                                                                                                   \
    }

DBL_KERNEL(wsl_k_add_dbl, a[i] + b[i])
DBL_KERNEL(wsl_k_sub_dbl, a[i] - b[i])
DBL_KERNEL(wsl_k_mul_dbl, a[i] * b[i])
DBL_KERNEL(wsl_k_div_dbl, a[i] / b[i])
DBL_KERNEL(wsl_k_mod_dbl, fmod(a[i], b[i]))

#define UNARY_KERNEL(name, from, to, expr)                                                                             \
    bool name(wsl_vm *vm, const wsl_ins *ins)                                                                          \
    {                                                                                                                  \
        to *restrict out = OUT(to);                                                                                    \
        const from *a = VALUES(from, a);                                                                               \
        const uint32_t n = vm->n;                                                                                      \
        EACH(i) { out[i] = expr; }                                                                                     \
        copy_nulls(vm, ins);                                                                                           \
        return true;                                                                                                   \
    }

UNARY_KERNEL(wsl_k_neg_dbl, double, double, -a[i])
UNARY_KERNEL(wsl_k_neg_dec, __int128, __int128, -a[i])
UNARY_KERNEL(wsl_k_round_float, double, double, (double)(float)a[i])

bool wsl_k_int_to_dbl(wsl_vm *vm, const wsl_ins *ins)
{
    double *restrict out = OUT(double);
    const int64_t *a = VALUES(int64_t, a);
    const uint32_t n = vm->n;
    if (ins->node->type.id == WSL_T_FLOAT) {
        EACH(i) { out[i] = (double)(float)a[i]; } /* one rounding, straight to 24 bits */
    } else {
        EACH(i) { out[i] = (double)a[i]; }
    }
    copy_nulls(vm, ins);
    return true;
}

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
        merge_nulls(vm, ins);                                                                                          \
        clear_null_bools(vm, ins);                                                                                     \
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
        copy_nulls(vm, ins);                                                                                           \
        clear_null_bools(vm, ins);                                                                                     \
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
    merge_nulls(vm, ins);
    clear_null_bools(vm, ins);
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
    copy_nulls(vm, ins);
    clear_null_bools(vm, ins);
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
    copy_nulls(vm, ins);
    clear_null_bools(vm, ins);
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
    copy_nulls(vm, ins);
    clear_null_bools(vm, ins);
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
    merge_nulls(vm, ins);
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
    copy_nulls(vm, ins);
    clear_null_bools(vm, ins);
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

/* ---- functions, row by row ---- */

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
    (void)fail_row(c->vm, c->ins, c->row, why.text);
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
    const uint8_t *mask = mask_of(vm, ins);
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
