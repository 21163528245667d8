/*
 * kernels.c - columns and numbers: loops the compiler can turn into vector code: straight, without branches on values,
 * results in memory that nothing else points to.
 *
 * Failing rows are found in two steps. The loop computes all rows, masked and null ones too, and only remembers whether
 * anything looked wrong; if so, `recheck` goes through the rows that count, one by one, with an exact test.
 */
#include "expr/kernels_internal.h"

#include <math.h>
#include <string.h>

#include "data/row_nested.h"

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

bool wsl_kernel_fail(wsl_vm *vm, const wsl_ins *ins, uint32_t i, const char *what)
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
    const uint8_t *mask = wsl_kernel_mask(vm, ins);
    const wsl_reg *dst = REG(dst);
    for (uint32_t i = 0; i < vm->n; i++) {
        if ((mask != NULL && mask[i] == 0) || (dst->has_null && dst->null[i] != 0)) {
            continue;
        }
        const char *what = test(vm, ins, i);
        if (what != NULL) {
            if (!ins->attempt) {
                return wsl_kernel_fail(vm, ins, i, what);
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
        wsl_merge_nulls(vm, ins);                                                                                      \
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
    wsl_merge_nulls(vm, ins);
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
    wsl_merge_nulls(vm, ins);
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
    wsl_merge_nulls(vm, ins);
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
    wsl_copy_nulls(vm, ins);
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
    wsl_copy_nulls(vm, ins);
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
    wsl_copy_nulls(vm, ins);
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
    wsl_copy_nulls(vm, ins);
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
        wsl_merge_nulls(vm, ins);                                                                                      \
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
        wsl_copy_nulls(vm, ins);                                                                                       \
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
    wsl_copy_nulls(vm, ins);
    return true;
}
