/*
 * compile.c - typed trees to instructions.
 *
 * Every instruction writes a register of its own, so register number = instruction number, and equal instructions (same
 * kernel, sources, constant, mask) are found and shared: each column is loaded once, each common part computed once.
 *
 * Masks. Where an argument may fail or is dear (node->guard) and SQL says it is not needed for every row, it is
 * compiled under a mask: a boolean register that is 1 for the rows that count. Arguments that cannot fail are simply
 * computed for all rows, which is cheaper than asking.
 */
#include "expr/compile.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "expr/functions.h"
#include "expr/kernels.h"

enum { BUCKETS = 1024, INSTRUCTIONS_MAX = 200000 };

typedef struct compiler {
    const wsl_expr_source *src;
    wsl_arena *arena;
    wsl_error *err;
    wsl_ins *ins;
    uint32_t n;
    uint32_t capacity;
    uint32_t *next; /* chains of equal hash */
    uint32_t bucket[BUCKETS];
    bool attempt; /* inside TRY_CAST */
} compiler;

static wsl_status compile(compiler *c, wsl_node *n, uint32_t mask, uint32_t *out);

/* ---- emitting ---- */

static uint32_t hash_of(const wsl_ins *i)
{
    uint64_t h = (uint64_t)(uintptr_t)i->run;
    const uint64_t parts[] = {i->a, i->b, i->c, i->mask, i->op, (uint64_t)i->k.i, i->attempt};
    for (size_t k = 0; k < WSL_ARRAY_LEN(parts); k++) {
        h = (h ^ parts[k]) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return (uint32_t)h % BUCKETS;
}

/* The types of results matter to kernels (overflow, float), so nodes must agree on them. Calls are not shared. */
static bool same(const wsl_ins *x, const wsl_ins *y)
{
    if (x->run != y->run || x->a != y->a || x->b != y->b || x->c != y->c || x->mask != y->mask || x->op != y->op ||
        x->attempt != y->attempt || x->k.i != y->k.i || x->phys != y->phys || x->call != NULL || y->call != NULL) {
        return false;
    }
    if (x->run == NULL) {
        return false; /* constants are told apart by their values */
    }
    return x->node == y->node || (x->node != NULL && y->node != NULL && wsl_xt_same(&x->node->type, &y->node->type));
}

static wsl_status emit(compiler *c, wsl_ins ins, uint32_t *out)
{
    const uint32_t h = hash_of(&ins);
    ins.attempt = ins.attempt || c->attempt;
    for (uint32_t i = c->bucket[h]; i != WSL_NO_REG; i = c->next[i]) {
        if (same(&c->ins[i], &ins)) {
            *out = i;
            return WSL_OK;
        }
    }
    if (c->n == INSTRUCTIONS_MAX) {
        return wsl_fail(c->err, WSL_TOO_LARGE, "the expression needs more than %d instructions; split it",
                        INSTRUCTIONS_MAX);
    }
    if (c->n == c->capacity) {
        c->capacity = c->capacity == 0 ? 32 : c->capacity * 2;
        c->ins = wsl_realloc(c->ins, c->capacity * sizeof *c->ins);
        c->next = wsl_realloc(c->next, c->capacity * sizeof *c->next);
    }
    ins.dst = c->n;
    c->ins[c->n] = ins;
    c->next[c->n] = c->bucket[h];
    c->bucket[h] = c->n;
    *out = c->n++;
    return WSL_OK;
}

static wsl_ins make(wsl_kernel run, const wsl_node *node, wsl_phys phys)
{
    return (wsl_ins){
        .run = run, .a = WSL_NO_REG, .b = WSL_NO_REG, .c = WSL_NO_REG, .mask = WSL_NO_REG, .node = node, .phys = phys};
}

static bool equal_values(wsl_phys phys, const wsl_value *a, const wsl_value *b)
{
    if (a->null || b->null) {
        return a->null && b->null;
    }
    return phys == WSL_PHYS_STR   ? wsl_str_equal(a->s, b->s)
           : phys == WSL_PHYS_DEC ? a->dec == b->dec
           : phys == WSL_PHYS_DBL ? memcmp(&a->d, &b->d, sizeof a->d) == 0
                                  : a->i == b->i;
}

static wsl_status compile_literal(compiler *c, const wsl_node *n, uint32_t *out)
{
    wsl_ins ins = make(NULL, n, wsl_phys_of(&n->type));
    const uint32_t h = hash_of(&ins);
    for (uint32_t i = c->bucket[h]; i != WSL_NO_REG; i = c->next[i]) {
        const wsl_ins *other = &c->ins[i];
        if (other->run == NULL && other->phys == ins.phys && equal_values(ins.phys, &other->node->value, &n->value)) {
            *out = i;
            return WSL_OK;
        }
    }
    return emit(c, ins, out);
}

static wsl_status unary(compiler *c, wsl_kernel run, const wsl_node *n, wsl_phys phys, uint32_t a, uint8_t op,
                        uint32_t *out)
{
    wsl_ins ins = make(run, n, phys);
    ins.a = a;
    ins.op = op;
    return emit(c, ins, out);
}

static wsl_status binary(compiler *c, wsl_kernel run, const wsl_node *n, wsl_phys phys, uint32_t a, uint32_t b,
                         uint8_t op, uint32_t mask, uint32_t *out)
{
    wsl_ins ins = make(run, n, phys);
    ins.a = a;
    ins.b = b;
    ins.op = op;
    ins.mask = mask;
    return emit(c, ins, out);
}

/* ---- masks ---- */

typedef enum mask_mode { MASK_TRUE = 0, MASK_NOT_TRUE = 1, MASK_NOT_FALSE = 2 } mask_mode;

static wsl_status mask_of(compiler *c, uint32_t condition, mask_mode mode, uint32_t outer, uint32_t *out)
{
    return binary(c, wsl_k_mask, NULL, WSL_PHYS_BOOL, condition, outer, (uint8_t)mode, WSL_NO_REG, out);
}

/* ---- columns ---- */

static wsl_status compile_column(compiler *c, const wsl_node *n, uint32_t *out)
{
    wsl_ins ins = make(NULL, n, wsl_phys_of(&n->type));
    ins.k.i = n->column;
    switch (n->type.id) {
    case WSL_T_BOOL:
        ins.run = wsl_k_load_bool;
        break;
    case WSL_T_FLOAT:
        ins.run = wsl_k_load_float;
        break;
    case WSL_T_DOUBLE:
        ins.run = wsl_k_load_double;
        break;
    case WSL_T_DECIMAL:
        ins.run = wsl_type_is_fixed(&n->type) ? wsl_k_load_decimal : wsl_k_load_wide_decimal;
        break;
    default:
        ins.run = ins.phys == WSL_PHYS_STR ? wsl_k_load_str : wsl_k_load_int;
        break;
    }
    return emit(c, ins, out);
}

/* ---- calls ---- */

static wsl_status emit_call(compiler *c, const wsl_node *n, wsl_call_fn call, const uint32_t *args, uint32_t n_args,
                            bool sees_nulls, const void *prepared, uint32_t mask, uint32_t *out)
{
    wsl_ins ins = make(wsl_k_call, n, wsl_phys_of(&n->type));
    uint32_t *copy = wsl_arena_alloc(c->arena, (n_args > 0 ? n_args : 1) * sizeof *copy);
    for (uint32_t i = 0; i < n_args; i++) {
        copy[i] = args[i];
    }
    ins.call = call;
    ins.args = copy;
    ins.n_args = n_args;
    ins.sees_nulls = sees_nulls;
    ins.k.p = prepared;
    ins.mask = mask;
    return emit(c, ins, out);
}

static wsl_status compile_call(compiler *c, const wsl_node *n, wsl_call_fn call, bool sees_nulls, const void *prepared,
                               uint32_t mask, uint32_t *out)
{
    uint32_t *args = wsl_arena_alloc(c->arena, (n->n > 0 ? n->n : 1) * sizeof *args);
    for (uint32_t i = 0; i < n->n; i++) {
        WSL_TRY(compile(c, n->arg[i], mask, &args[i]));
    }
    return emit_call(c, n, call, args, n->n, sees_nulls, prepared, mask, out);
}

/* ---- arithmetic ---- */

static bool is_literal(const wsl_node *n) { return n->kind == WSL_NODE_LITERAL && !n->value.null; }

static wsl_status compile_arith(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    const wsl_phys phys = wsl_phys_of(&n->type);
    const bool plain = wsl_type_is_integer(&n->arg[0]->type) && wsl_type_is_integer(&n->arg[1]->type);
    uint32_t a;
    uint32_t b;
    if (phys == WSL_PHYS_DEC) {
        return compile_call(c, n, wsl_call_decimal_arith, false, NULL, mask, out);
    }
    if (phys == WSL_PHYS_INT && !plain) {
        return compile_call(c, n, wsl_call_time_arith, false, NULL, mask, out);
    }
    WSL_TRY(compile(c, n->arg[0], mask, &a));
    if (phys == WSL_PHYS_INT && (n->op == '/' || n->op == '%') && is_literal(n->arg[1]) && n->arg[1]->value.i != 0) {
        const wsl_divisor d = wsl_divisor_of(n->arg[1]->value.i);
        wsl_divisor *kept = wsl_arena_alloc(c->arena, sizeof d);
        *kept = d;
        wsl_ins ins = make(n->op == '/' ? wsl_k_div_const : wsl_k_mod_const, n, phys);
        ins.a = a;
        ins.k.p = kept;
        ins.mask = mask;
        return emit(c, ins, out);
    }
    WSL_TRY(compile(c, n->arg[1], mask, &b));
    static const wsl_kernel kernels[2][5] = {
        {wsl_k_add_int, wsl_k_sub_int, wsl_k_mul_int, wsl_k_div_int, wsl_k_mod_int},
        {wsl_k_add_dbl, wsl_k_sub_dbl, wsl_k_mul_dbl, wsl_k_div_dbl, wsl_k_mod_dbl},
    };
    const char *ops = "+-*/%";
    const uint32_t op = (uint32_t)(strchr(ops, n->op) - ops);
    return binary(c, kernels[phys == WSL_PHYS_DBL][op], n, phys, a, b, 0, phys == WSL_PHYS_INT ? mask : WSL_NO_REG,
                  out);
}

static wsl_status compile_negate(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    const wsl_phys phys = wsl_phys_of(&n->type);
    uint32_t a;
    WSL_TRY(compile(c, n->arg[0], mask, &a));
    if (n->negated) { /* a plus sign */
        *out = a;
        return WSL_OK;
    }
    wsl_ins ins = make(phys == WSL_PHYS_INT   ? wsl_k_neg_int
                       : phys == WSL_PHYS_DBL ? wsl_k_neg_dbl
                                              : wsl_k_neg_dec,
                       n, phys);
    ins.a = a;
    ins.mask = phys == WSL_PHYS_INT ? mask : WSL_NO_REG;
    return emit(c, ins, out);
}

static wsl_status compile_cast(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    const wsl_type *from = &n->arg[0]->type;
    const wsl_phys phys = wsl_phys_of(&n->type);
    const wsl_phys from_phys = wsl_phys_of(from);
    const bool outer = c->attempt;
    uint32_t a;
    c->attempt = c->attempt || n->negated;
    WSL_TRY(compile(c, n->arg[0], mask, &a));
    if (wsl_xt_same(from, &n->type)) {
        *out = a;
    } else if ((wsl_type_is_integer(from) || from->id == WSL_XT_INTERVAL) && wsl_type_is_integer(&n->type)) {
        WSL_TRY(binary(c, wsl_k_narrow, n, phys, a, WSL_NO_REG, 0, mask, out));
    } else if (wsl_type_is_integer(from) && phys == WSL_PHYS_DBL) {
        WSL_TRY(unary(c, wsl_k_int_to_dbl, n, phys, a, 0, out));
    } else if (from_phys == WSL_PHYS_DBL && phys == WSL_PHYS_DBL) {
        if (n->type.id == WSL_T_DOUBLE) {
            *out = a;
        } else {
            WSL_TRY(unary(c, wsl_k_round_float, n, phys, a, 0, out));
        }
    } else if (from->id == WSL_XT_NULL) {
        wsl_node *null = wsl_arena_zalloc(c->arena, sizeof *null);
        *null = (wsl_node){.kind = WSL_NODE_LITERAL, .type = n->type, .value = {.null = true}};
        WSL_TRY(compile_literal(c, null, out));
    } else {
        WSL_TRY(emit_call(c, n, wsl_cast_fn(from, &n->type), &a, 1, false, NULL, mask, out));
    }
    c->attempt = outer;
    return WSL_OK;
}

/* ---- comparison ---- */

static wsl_compare_op turned(wsl_compare_op op)
{
    switch (op) {
    case WSL_CMP_LT:
        return WSL_CMP_GT;
    case WSL_CMP_LE:
        return WSL_CMP_GE;
    case WSL_CMP_GT:
        return WSL_CMP_LT;
    case WSL_CMP_GE:
        return WSL_CMP_LE;
    default:
        return op;
    }
}

/* A column of strings against a short constant. */
static bool is_short_equality(const wsl_node *a, const wsl_node *b, wsl_compare_op op)
{
    return (op == WSL_CMP_EQ || op == WSL_CMP_NE) && a->kind == WSL_NODE_COLUMN && is_literal(b) &&
           b->value.s.size >= 1 && b->value.s.size <= 8;
}

static wsl_status compare_const(compiler *c, const wsl_node *n, const wsl_node *a, const wsl_node *b, uint32_t ra,
                                wsl_compare_op op, uint32_t *out, bool *done)
{
    const wsl_phys phys = wsl_phys_of(&a->type);
    wsl_ins ins = make(NULL, n, WSL_PHYS_BOOL);
    ins.a = ra;
    ins.op = (uint8_t)op;
    *done = true;
    if (phys == WSL_PHYS_STR && is_short_equality(a, b, op)) {
        ins.run = wsl_k_eq_short_str;
        ins.op = op == WSL_CMP_NE;
        ins.c = b->value.s.size;
        memcpy(&ins.k.i, b->value.s.data, b->value.s.size);
    } else if (is_literal(b) && phys == WSL_PHYS_INT) {
        ins.run = wsl_k_cmp_int_const;
        ins.k.i = b->value.i;
    } else if (is_literal(b) && phys == WSL_PHYS_DBL) {
        ins.run = wsl_k_cmp_dbl_const;
        ins.k.d = b->value.d;
    } else {
        *done = false;
        return WSL_OK;
    }
    return emit(c, ins, out);
}

static wsl_status compile_compare(compiler *c, const wsl_node *n, wsl_compare_op op, uint32_t mask, uint32_t *out)
{
    static const wsl_kernel kernels[] = {[WSL_PHYS_BOOL] = wsl_k_cmp_bool,
                                         [WSL_PHYS_INT] = wsl_k_cmp_int,
                                         [WSL_PHYS_DBL] = wsl_k_cmp_dbl,
                                         [WSL_PHYS_DEC] = wsl_k_cmp_dec,
                                         [WSL_PHYS_STR] = wsl_k_cmp_str};
    wsl_node *x = n->arg[0];
    wsl_node *y = n->arg[1];
    uint32_t a;
    uint32_t b;
    bool done;
    if (is_literal(x) && !is_literal(y)) {
        x = n->arg[1];
        y = n->arg[0];
        op = turned(op);
    }
    WSL_TRY(compile(c, x, mask, &a));
    WSL_TRY(compare_const(c, n, x, y, a, op, out, &done));
    if (done) {
        return WSL_OK;
    }
    WSL_TRY(compile(c, y, mask, &b));
    return binary(c, kernels[wsl_phys_of(&x->type)], n, WSL_PHYS_BOOL, a, b, (uint8_t)op, WSL_NO_REG, out);
}

static wsl_status compile_distinct(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    uint32_t equal;
    wsl_ins ins = make(wsl_k_distinct, n, WSL_PHYS_BOOL);
    WSL_TRY(compile_compare(c, n, WSL_CMP_EQ, mask, &equal));
    WSL_TRY(compile(c, n->arg[0], mask, &ins.a));
    WSL_TRY(compile(c, n->arg[1], mask, &ins.b));
    ins.c = equal;
    ins.op = n->negated;
    return emit(c, ins, out);
}

static int order_ints(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static int order_strs(const void *a, const void *b)
{
    return wsl_str_compare(*(const wsl_str *)a, *(const wsl_str *)b);
}

/* A column against a few short strings: comparing words one after the other beats searching. */
static bool has_few_short_strings(const wsl_node *n)
{
    enum { FEW = 8 };
    bool all = n->n <= FEW + 1 && wsl_phys_of(&n->arg[0]->type) == WSL_PHYS_STR;
    for (uint32_t i = 1; all && i < n->n; i++) {
        all = is_short_equality(n->arg[0], n->arg[i], WSL_CMP_EQ);
    }
    return all;
}

static bool has_constant_list(const wsl_node *n)
{
    const wsl_phys phys = wsl_phys_of(&n->arg[0]->type);
    for (uint32_t i = 1; i < n->n; i++) {
        if (n->arg[i]->kind != WSL_NODE_LITERAL) {
            return false;
        }
    }
    return phys == WSL_PHYS_INT || phys == WSL_PHYS_STR;
}

static const void *int_list(compiler *c, const wsl_node *n)
{
    wsl_int_list *list = wsl_arena_zalloc(c->arena, sizeof *list);
    list->items = wsl_arena_zalloc(c->arena, n->n * sizeof *list->items);
    for (uint32_t i = 1; i < n->n; i++) {
        list->has_null = list->has_null || n->arg[i]->value.null;
        if (!n->arg[i]->value.null) {
            list->items[list->n++] = n->arg[i]->value.i;
        }
    }
    qsort(list->items, list->n, sizeof *list->items, order_ints);
    return list;
}

static const void *str_list(compiler *c, const wsl_node *n)
{
    wsl_str_list *list = wsl_arena_zalloc(c->arena, sizeof *list);
    list->items = wsl_arena_zalloc(c->arena, n->n * sizeof *list->items);
    for (uint32_t i = 1; i < n->n; i++) {
        list->has_null = list->has_null || n->arg[i]->value.null;
        if (!n->arg[i]->value.null) {
            list->items[list->n++] = n->arg[i]->value.s;
        }
    }
    qsort(list->items, list->n, sizeof *list->items, order_strs);
    return list;
}

/* Lists of constants are searched; anything else is a = b OR a = c OR ..., with the masks of OR. */
static wsl_status compile_in(compiler *c, wsl_node *n, uint32_t mask, uint32_t *out)
{
    if (has_constant_list(n) && n->n > 2 && !has_few_short_strings(n)) {
        const bool ints = wsl_phys_of(&n->arg[0]->type) == WSL_PHYS_INT;
        wsl_ins ins = make(ints ? wsl_k_in_int : wsl_k_in_str, n, WSL_PHYS_BOOL);
        WSL_TRY(compile(c, n->arg[0], mask, &ins.a));
        ins.k.p = ints ? int_list(c, n) : str_list(c, n);
        WSL_TRY(emit(c, ins, out));
    } else {
        wsl_node *any = wsl_arena_zalloc(c->arena, sizeof *any);
        *any =
            (wsl_node){.kind = WSL_NODE_OR, .typed = true, .at = n->at, .end = n->end, .type = n->type, .n = n->n - 1};
        any->arg = wsl_arena_alloc(c->arena, any->n * sizeof *any->arg);
        for (uint32_t i = 1; i < n->n; i++) {
            wsl_node *equal = wsl_arena_zalloc(c->arena, sizeof *equal);
            *equal = (wsl_node){.kind = WSL_NODE_COMPARE, .op = WSL_CMP_EQ, .typed = true, .at = n->at, .end = n->end};
            equal->type = n->type;
            equal->guard = n->arg[i]->guard;
            equal->n = 2;
            equal->arg = wsl_arena_alloc(c->arena, 2 * sizeof *equal->arg);
            equal->arg[0] = n->arg[0];
            equal->arg[1] = n->arg[i];
            any->arg[i - 1] = equal;
        }
        WSL_TRY(compile(c, any, mask, out));
    }
    return n->negated ? unary(c, wsl_k_not, n, WSL_PHYS_BOOL, *out, 0, out) : WSL_OK;
}

static wsl_status compile_like(compiler *c, wsl_node *n, uint32_t mask, uint32_t *out)
{
    const void *prepared = NULL;
    WSL_TRY(wsl_like_prepare(c->src, c->arena, n, &prepared, c->err));
    WSL_TRY(compile_call(c, n, wsl_call_like, false, prepared, mask, out));
    return n->negated ? unary(c, wsl_k_not, n, WSL_PHYS_BOOL, *out, 0, out) : WSL_OK;
}

/* ---- logic ---- */

static wsl_status compile_logic(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    const bool is_and = n->kind == WSL_NODE_AND;
    uint32_t left;
    WSL_TRY(compile(c, n->arg[0], mask, &left));
    for (uint32_t i = 1; i < n->n; i++) {
        uint32_t right;
        uint32_t needed = mask;
        if (n->arg[i]->guard) {
            WSL_TRY(mask_of(c, left, is_and ? MASK_NOT_FALSE : MASK_NOT_TRUE, mask, &needed));
        }
        WSL_TRY(compile(c, n->arg[i], needed, &right));
        WSL_TRY(binary(c, is_and ? wsl_k_and : wsl_k_or, n, WSL_PHYS_BOOL, left, right, 0, WSL_NO_REG, &left));
    }
    *out = left;
    return WSL_OK;
}

static wsl_status compile_is(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    static const wsl_kernel kernels[] = {
        [WSL_IS_NULL] = wsl_k_is_null, [WSL_IS_TRUE] = wsl_k_is_true, [WSL_IS_FALSE] = wsl_k_is_false};
    uint32_t a;
    WSL_TRY(compile(c, n->arg[0], mask, &a));
    return unary(c, kernels[n->op], n, WSL_PHYS_BOOL, a, n->negated, out);
}

/* Conditions and values in order, each under what the ones before left; then the choice, from the last to the first. */
static wsl_status compile_case(compiler *c, const wsl_node *n, uint32_t mask, uint32_t *out)
{
    const uint32_t pairs = n->n / 2;
    uint32_t *when = wsl_arena_alloc(c->arena, pairs * sizeof *when);
    uint32_t *then = wsl_arena_alloc(c->arena, pairs * sizeof *then);
    uint32_t rest = mask;
    uint32_t acc;
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t chosen = rest;
        WSL_TRY(compile(c, n->arg[2 * i], rest, &when[i]));
        if (n->arg[2 * i + 1]->guard) {
            WSL_TRY(mask_of(c, when[i], MASK_TRUE, rest, &chosen));
        }
        WSL_TRY(compile(c, n->arg[2 * i + 1], chosen, &then[i]));
        if (n->guard) {
            WSL_TRY(mask_of(c, when[i], MASK_NOT_TRUE, rest, &rest));
        }
    }
    WSL_TRY(compile(c, n->arg[n->n - 1], rest, &acc));
    for (uint32_t i = pairs; i-- > 0;) {
        wsl_ins ins = make(wsl_k_select, n, wsl_phys_of(&n->type));
        ins.a = when[i];
        ins.b = then[i];
        ins.c = acc;
        WSL_TRY(emit(c, ins, &acc));
    }
    *out = acc;
    return WSL_OK;
}

/* ---- the tree ---- */

static wsl_status compile_kind(compiler *c, wsl_node *n, uint32_t mask, uint32_t *out)
{
    uint32_t a;
    switch (n->kind) {
    case WSL_NODE_LITERAL:
        return compile_literal(c, n, out);
    case WSL_NODE_COLUMN:
        return compile_column(c, n, out);
    case WSL_NODE_NEGATE:
        return compile_negate(c, n, mask, out);
    case WSL_NODE_NOT:
        WSL_TRY(compile(c, n->arg[0], mask, &a));
        return unary(c, wsl_k_not, n, WSL_PHYS_BOOL, a, 0, out);
    case WSL_NODE_ARITH:
        return compile_arith(c, n, mask, out);
    case WSL_NODE_CONCAT:
        return compile_call(c, n, wsl_call_concat, false, NULL, mask, out);
    case WSL_NODE_COMPARE:
        return compile_compare(c, n, (wsl_compare_op)n->op, mask, out);
    case WSL_NODE_DISTINCT:
        return compile_distinct(c, n, mask, out);
    case WSL_NODE_AND:
    case WSL_NODE_OR:
        return compile_logic(c, n, mask, out);
    case WSL_NODE_IS:
        return compile_is(c, n, mask, out);
    case WSL_NODE_IN:
        return compile_in(c, n, mask, out);
    case WSL_NODE_LIKE:
        return compile_like(c, n, mask, out);
    case WSL_NODE_CASE:
        return compile_case(c, n, mask, out);
    case WSL_NODE_CAST:
        return compile_cast(c, n, mask, out);
    case WSL_NODE_CALL:
        return compile_call(c, n, n->fn->call, n->fn->sees_nulls, NULL, mask, out);
    case WSL_NODE_STAR:
        break;
    }
    return wsl_expr_fail_at(c->src, n->at, c->err, WSL_INTERNAL, "this cannot be compiled");
}

/* A node with two parents is compiled once. It is met first under the wider mask: its parents' rows are among those its
 * first parent asked for. */
static wsl_status compile(compiler *c, wsl_node *n, uint32_t mask, uint32_t *out)
{
    if (n->memo_reg != 0) {
        *out = n->memo_reg - 1;
        return WSL_OK;
    }
    WSL_TRY(compile_kind(c, n, mask, out));
    n->memo_reg = *out + 1;
    return WSL_OK;
}

wsl_status wsl_compile(const wsl_expr_source *src, wsl_arena *arena, wsl_node *const *roots, uint32_t n_roots,
                       uint32_t *out_regs, wsl_code *out_code, wsl_error *err)
{
    compiler c = {.src = src, .arena = arena, .err = err};
    wsl_status status = WSL_OK;
    memset(c.bucket, 0xff, sizeof c.bucket);
    for (uint32_t r = 0; r < n_roots && status == WSL_OK; r++) {
        status = compile(&c, roots[r], WSL_NO_REG, &out_regs[r]);
    }
    free(c.next);
    if (status != WSL_OK) {
        free(c.ins);
        return status;
    }
    *out_code = (wsl_code){c.ins, c.n};
    return WSL_OK;
}
