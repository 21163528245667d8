/*
 * Random expressions over random rows, evaluated twice: by the program under test, a batch at a time, and by the
 * dullest possible interpreter below, which walks a tree of its own row by row and knows nothing of masks, slices or
 * registers. They must agree on every value, on every null, and on the first row that fails.
 */
#include "harness/wsl_test.h"

#include <math.h>

#include "base/rng.h"
#include "expr_kit.h"

enum { ROWS = 700, ROUNDS = 1500, TEXT_MAX = 6000 };

static const char row_type[] = "ROW<a INT64, b INT64, c INT32, x DOUBLE, y DOUBLE, s STRING, t STRING, p BOOL, q BOOL>";

/* ---- trees ---- */

typedef enum kind { K_INT, K_DBL, K_STR, K_BOOL } kind;
typedef struct value {
    kind kind;
    bool null;
    bool failed;
    int64_t i; /* and bool */
    double d;
    char s[64];
    uint32_t size;
} value;

typedef enum op {
    O_COLUMN,
    O_LITERAL,
    O_NULL,
    O_ADD,
    O_SUB,
    O_MUL,
    O_DIV,
    O_MOD,
    O_NEG,
    O_CMP,
    O_AND,
    O_OR,
    O_NOT,
    O_IS_NULL,
    O_IS_TRUE,
    O_IS_FALSE,
    O_IN,
    O_BETWEEN,
    O_CASE,
    O_COALESCE,
    O_DISTINCT,
    O_TO_DOUBLE,
    O_TO_INT,
    O_TRY,
    O_UPPER,
    O_LENGTH,
    O_LEFT,
    O_CONCAT,
} op;

typedef struct tree {
    op op;
    kind kind;
    uint32_t column;
    value literal;
    uint32_t n;
    struct tree *arg[7];
    int compare; /* of O_CMP */
    bool negated;
} tree;

static tree *leaf(wsl_arena *arena, wsl_rng *rng, kind k)
{
    static const uint32_t columns[4][3] = {{0, 1, 2}, {3, 4, 3}, {5, 6, 5}, {7, 8, 7}};
    tree *t = wsl_arena_zalloc(arena, sizeof *t);
    t->kind = k;
    const uint64_t dice = wsl_rng_below(rng, 10);
    if (dice < 6) {
        t->op = O_COLUMN;
        t->column = columns[k][wsl_rng_below(rng, k == K_INT ? 2 : 3)];
        return t;
    }
    t->literal.kind = k;
    t->op = dice == 9 ? O_NULL : O_LITERAL;
    static const int64_t ints[] = {0, 1, -1, 2, 3, 7, -10, 100, INT64_MAX, 4611686018427387904};
    static const char *const strs[] = {"", "a", "Bc", "zebra", "longer than a word"};
    t->literal.i = k == K_BOOL ? (int64_t)wsl_rng_below(rng, 2) : ints[wsl_rng_below(rng, 10)];
    t->literal.d = (double)(int64_t)wsl_rng_below(rng, 41) / 4 - 5;
    strcpy(t->literal.s, strs[wsl_rng_below(rng, 5)]);
    t->literal.size = (uint32_t)strlen(t->literal.s);
    return t;
}

static tree *grow(wsl_arena *arena, wsl_rng *rng, kind k, int depth);

static tree *node(wsl_arena *arena, wsl_rng *rng, op o, kind k, uint32_t n, const kind *kinds, int depth)
{
    tree *t = wsl_arena_zalloc(arena, sizeof *t);
    t->op = o;
    t->kind = k;
    t->n = n;
    for (uint32_t i = 0; i < n; i++) {
        t->arg[i] = grow(arena, rng, kinds[i], depth - 1);
    }
    t->negated = wsl_rng_below(rng, 2);
    t->compare = (int)wsl_rng_below(rng, 6);
    return t;
}

static tree *grow(wsl_arena *arena, wsl_rng *rng, kind k, int depth)
{
    if (depth <= 0 || wsl_rng_below(rng, 8) == 0) {
        return leaf(arena, rng, k);
    }
    const uint64_t dice = wsl_rng_below(rng, 12);
    const kind any = (kind)wsl_rng_below(rng, 4);
    if (dice == 0) {
        return node(arena, rng, O_CASE, k, 5, (kind[]){K_BOOL, k, K_BOOL, k, k}, depth);
    }
    if (dice == 1) {
        return node(arena, rng, O_COALESCE, k, 2, (kind[]){k, k}, depth);
    }
    switch (k) {
    case K_INT:
        if (dice == 2) {
            return node(arena, rng, O_NEG, k, 1, (kind[]){k}, depth);
        }
        if (dice == 3) {
            return node(arena, rng, O_TO_INT, k, 1, (kind[]){K_DBL}, depth);
        }
        if (dice == 4) {
            return node(arena, rng, O_LENGTH, k, 1, (kind[]){K_STR}, depth);
        }
        if (dice == 5) {
            return node(arena, rng, O_TRY, k, 1, (kind[]){k}, depth);
        }
        return node(arena, rng, (op)(O_ADD + wsl_rng_below(rng, 5)), k, 2, (kind[]){k, k}, depth);
    case K_DBL:
        if (dice < 4) {
            return node(arena, rng, O_TO_DOUBLE, k, 1, (kind[]){K_INT}, depth);
        }
        return node(arena, rng, (op)(O_ADD + wsl_rng_below(rng, 4)), k, 2, (kind[]){k, k}, depth);
    case K_STR:
        if (dice < 5) {
            return node(arena, rng, O_UPPER, k, 1, (kind[]){k}, depth);
        }
        if (dice < 9) {
            return node(arena, rng, O_LEFT, k, 2, (kind[]){k, K_INT}, depth);
        }
        return leaf(arena, rng, k);
    default:
        switch (dice) {
        case 2:
            return node(arena, rng, O_NOT, k, 1, (kind[]){k}, depth);
        case 3:
            return node(arena, rng, O_IS_NULL, k, 1, (kind[]){any}, depth);
        case 4:
            return node(arena, rng, wsl_rng_below(rng, 2) ? O_IS_TRUE : O_IS_FALSE, k, 1, (kind[]){K_BOOL}, depth);
        case 5:
            return node(arena, rng, O_IN, k, 4, (kind[]){any, any, any, any}, depth);
        case 6:
            return node(arena, rng, O_BETWEEN, k, 3, (kind[]){any, any, any}, depth);
        case 7:
            return node(arena, rng, O_DISTINCT, k, 2, (kind[]){any, any}, depth);
        case 8:
        case 9:
            return node(arena, rng, O_CMP, k, 2, (kind[]){any, any}, depth);
        default:
            return node(arena, rng, wsl_rng_below(rng, 2) ? O_AND : O_OR, k, 2, (kind[]){k, k}, depth);
        }
    }
}

/* ---- as text ---- */

static const char *const names[] = {"a", "b", "c", "x", "y", "s", "t", "p", "q"};

static void put(char *out, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + used, TEXT_MAX - used, format, args);
    va_end(args);
}

static void write_tree(const tree *t, char *out);

static void write_args(const tree *t, char *out, uint32_t from, const char *between)
{
    for (uint32_t i = from; i < t->n; i++) {
        put(out, "%s", i > from ? between : "");
        write_tree(t->arg[i], out);
    }
}

static void write_literal(const tree *t, char *out)
{
    static const char *const types[] = {"INT64", "DOUBLE", "STRING", "BOOL"};
    if (t->op == O_NULL) {
        put(out, "CAST(NULL AS %s)", types[t->kind]);
    } else if (t->kind == K_INT) {
        put(out, "CAST(%lld AS INT64)", (long long)t->literal.i);
    } else if (t->kind == K_DBL) {
        put(out, "CAST(%.2f AS DOUBLE)", t->literal.d);
    } else if (t->kind == K_STR) {
        put(out, "'%s'", t->literal.s);
    } else {
        put(out, "%s", t->literal.i ? "TRUE" : "FALSE");
    }
}

static void write_tree(const tree *t, char *out)
{
    static const char *const signs[] = {"+", "-", "*", "/", "%"};
    const char *not_text = t->negated ? "NOT " : "";
    switch (t->op) {
    case O_COLUMN:
        put(out, "%s", names[t->column]);
        return;
    case O_LITERAL:
    case O_NULL:
        write_literal(t, out);
        return;
    case O_CASE:
        put(out, "CASE WHEN ");
        write_tree(t->arg[0], out);
        put(out, " THEN ");
        write_tree(t->arg[1], out);
        put(out, " WHEN ");
        write_tree(t->arg[2], out);
        put(out, " THEN ");
        write_tree(t->arg[3], out);
        put(out, " ELSE ");
        write_tree(t->arg[4], out);
        put(out, " END");
        return;
    case O_COALESCE:
        put(out, "COALESCE(");
        write_args(t, out, 0, ", ");
        put(out, ")");
        return;
    case O_TO_DOUBLE:
    case O_TO_INT:
        put(out, "CAST(");
        write_tree(t->arg[0], out);
        put(out, t->op == O_TO_DOUBLE ? " AS DOUBLE)" : " AS INT64)");
        return;
    case O_TRY:
        put(out, "TRY_CAST(");
        write_tree(t->arg[0], out);
        put(out, " AS INT64)");
        return;
    case O_UPPER:
    case O_LENGTH:
    case O_LEFT:
        put(out, t->op == O_UPPER ? "UPPER(" : t->op == O_LENGTH ? "CAST(CHAR_LENGTH(" : "LEFT(");
        write_args(t, out, 0, ", ");
        put(out, t->op == O_LENGTH ? ") AS INT64)" : ")");
        return;
    default:
        break;
    }
    put(out, "(");
    switch (t->op) {
    case O_NEG:
        put(out, "- ");
        write_tree(t->arg[0], out);
        break;
    case O_NOT:
        put(out, "NOT ");
        write_tree(t->arg[0], out);
        break;
    case O_IS_NULL:
    case O_IS_TRUE:
    case O_IS_FALSE:
        write_tree(t->arg[0], out);
        put(out, " IS %s%s", not_text, t->op == O_IS_NULL ? "NULL" : t->op == O_IS_TRUE ? "TRUE" : "FALSE");
        break;
    case O_IN:
        write_tree(t->arg[0], out);
        put(out, " %sIN (", not_text);
        write_args(t, out, 1, ", ");
        put(out, ")");
        break;
    case O_BETWEEN:
        write_tree(t->arg[0], out);
        put(out, " %sBETWEEN ", not_text);
        write_tree(t->arg[1], out);
        put(out, " AND ");
        write_tree(t->arg[2], out);
        break;
    case O_DISTINCT:
        write_tree(t->arg[0], out);
        put(out, " IS %sDISTINCT FROM ", not_text);
        write_tree(t->arg[1], out);
        break;
    case O_CMP:
        write_args(t, out, 0,
                   t->compare == 0   ? " = "
                   : t->compare == 1 ? " <> "
                   : t->compare == 2 ? " < "
                   : t->compare == 3 ? " <= "
                   : t->compare == 4 ? " > "
                                     : " >= ");
        break;
    case O_AND:
        write_args(t, out, 0, " AND ");
        break;
    case O_OR:
        write_args(t, out, 0, " OR ");
        break;
    default:
        put(out, " ");
        write_tree(t->arg[0], out);
        put(out, " %s ", signs[t->op - O_ADD]);
        write_tree(t->arg[1], out);
        break;
    }
    put(out, ")");
}

/* ---- the dull interpreter ---- */

static value eval(const tree *t, const wsl_row *row);

static value null_of(kind k) { return (value){.kind = k, .null = true}; }
static value failed(kind k) { return (value){.kind = k, .failed = true}; }
static value bool_of(bool b) { return (value){.kind = K_BOOL, .i = b}; }

static int compare_values(const value *a, const value *b)
{
    if (a->kind == K_STR) {
        const uint32_t n = a->size < b->size ? a->size : b->size;
        const int order = memcmp(a->s, b->s, n);
        return order != 0 ? (order < 0 ? -1 : 1) : (a->size > b->size) - (a->size < b->size);
    }
    if (a->kind == K_DBL) {
        return a->d < b->d ? -1 : a->d > b->d ? 1 : a->d == b->d ? 0 : 2; /* 2: NaN is in play */
    }
    return a->i < b->i ? -1 : a->i > b->i;
}

/* SQL's comparison: null if either is. */
static value compare_sql(int how, const value *a, const value *b)
{
    if (a->null || b->null) {
        return null_of(K_BOOL);
    }
    const int order = compare_values(a, b);
    if (order == 2) {
        return bool_of(how == 1);
    }
    const bool answers[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    return bool_of(answers[how]);
}

static value arith(const tree *t, const value *a, const value *b)
{
    value v = {.kind = t->kind};
    if (a->null || b->null) {
        return null_of(t->kind);
    }
    if (t->kind == K_DBL) {
        v.d = t->op == O_ADD ? a->d + b->d : t->op == O_SUB ? a->d - b->d : t->op == O_MUL ? a->d * b->d : a->d / b->d;
        return v;
    }
    __int128 r;
    if ((t->op == O_DIV || t->op == O_MOD) && b->i == 0) {
        return failed(t->kind);
    }
    switch (t->op) {
    case O_ADD:
        r = (__int128)a->i + b->i;
        break;
    case O_SUB:
        r = (__int128)a->i - b->i;
        break;
    case O_MUL:
        r = (__int128)a->i * b->i;
        break;
    case O_DIV:
        r = (__int128)a->i / b->i;
        break;
    default:
        r = (__int128)a->i % b->i;
        break;
    }
    if (r > INT64_MAX || r < INT64_MIN) {
        return failed(t->kind);
    }
    v.i = (int64_t)r;
    return v;
}

/* AND and OR as SQL has them, the right side only if the left does not decide. */
static value logic(bool is_and, value a, const tree *right, const wsl_row *row)
{
    if (a.failed || (!a.null && (a.i != 0) != is_and)) {
        return a;
    }
    const value b = eval(right, row);
    if (b.failed || (!b.null && (b.i != 0) != is_and)) {
        return b;
    }
    return a.null || b.null ? null_of(K_BOOL) : bool_of(is_and);
}

static value turned(value v, bool negated)
{
    if (negated && !v.failed && !v.null) {
        v.i = !v.i;
    }
    return v;
}

static value column_of(const tree *t, const wsl_row *row)
{
    value v = {.kind = t->kind, .null = wsl_row_is_null(row, t->column, 9)};
    if (!v.null) {
        v.i = wsl_row_int64(row, t->column);
        if (t->kind == K_DBL) {
            v.d = wsl_row_double(row, t->column);
        } else if (t->kind == K_STR) {
            const wsl_str s = wsl_row_str(row, t->column);
            memcpy(v.s, s.data, s.size);
            v.size = s.size;
        }
    }
    return v;
}

static value eval_in(const tree *t, const wsl_row *row)
{
    const value a = eval(t->arg[0], row);
    if (a.failed) {
        return failed(K_BOOL);
    }
    value any = bool_of(false);
    for (uint32_t i = 1; i < t->n; i++) {
        const value b = eval(t->arg[i], row);
        if (b.failed) {
            return failed(K_BOOL);
        }
        const value equal = compare_sql(0, &a, &b);
        if (!equal.null && equal.i) {
            return equal;
        }
        any = equal.null ? equal : any;
    }
    return any;
}

static value eval_between(const tree *t, const wsl_row *row)
{
    const value a = eval(t->arg[0], row);
    const value low = a.failed ? a : eval(t->arg[1], row);
    if (a.failed || low.failed) {
        return failed(K_BOOL);
    }
    const value left = compare_sql(5, &a, &low);
    if (!left.null && !left.i) {
        return left;
    }
    const value high = eval(t->arg[2], row);
    if (high.failed) {
        return failed(K_BOOL);
    }
    const value right = compare_sql(3, &a, &high);
    if (!right.null && !right.i) {
        return right;
    }
    return left.null || right.null ? null_of(K_BOOL) : bool_of(true);
}

static value eval_strict(const tree *t, const wsl_row *row)
{
    value a = eval(t->arg[0], row);
    value b = {0};
    if (t->n > 1 && !a.failed) {
        b = eval(t->arg[1], row);
    }
    if (a.failed || b.failed) {
        return failed(t->kind);
    }
    switch (t->op) {
    case O_CMP:
        return compare_sql(t->compare, &a, &b);
    case O_DISTINCT: {
        const bool same = a.null || b.null ? a.null && b.null : compare_values(&a, &b) == 0;
        return bool_of(same == t->negated);
    }
    case O_IS_NULL:
        return bool_of(a.null != t->negated);
    case O_IS_TRUE:
        return bool_of((!a.null && a.i) != t->negated);
    case O_IS_FALSE:
        return bool_of((!a.null && !a.i) != t->negated);
    default:
        break;
    }
    if (a.null || (t->n > 1 && b.null)) {
        return null_of(t->kind);
    }
    value v = {.kind = t->kind};
    switch (t->op) {
    case O_NEG:
        v.i = a.i == INT64_MIN ? 0 : -a.i;
        v.failed = a.i == INT64_MIN;
        return v;
    case O_NOT:
        return bool_of(!a.i);
    case O_TO_DOUBLE:
        v.d = (double)a.i;
        return v;
    case O_TO_INT:
        if (isnan(a.d) || a.d >= 9223372036854775808.0 || a.d < -9223372036854775808.0) {
            return failed(t->kind);
        }
        v.i = (int64_t)a.d;
        return v;
    case O_UPPER:
        v = a;
        for (uint32_t i = 0; i < v.size; i++) {
            v.s[i] = v.s[i] >= 'a' && v.s[i] <= 'z' ? (char)(v.s[i] - 32) : v.s[i];
        }
        return v;
    case O_LENGTH:
        v.i = a.size;
        return v;
    case O_LEFT:
        v = a;
        v.size = b.i <= 0 ? 0 : b.i < a.size ? (uint32_t)b.i : a.size;
        return v;
    default:
        return arith(t, &a, &b);
    }
}

static value eval(const tree *t, const wsl_row *row)
{
    switch (t->op) {
    case O_COLUMN:
        return column_of(t, row);
    case O_LITERAL:
        return t->literal;
    case O_NULL:
        return null_of(t->kind);
    case O_AND:
    case O_OR:
        return logic(t->op == O_AND, eval(t->arg[0], row), t->arg[1], row);
    case O_CASE:
        for (uint32_t i = 0; i < 4; i += 2) {
            const value when = eval(t->arg[i], row);
            if (when.failed) {
                return failed(t->kind);
            }
            if (!when.null && when.i) {
                return eval(t->arg[i + 1], row);
            }
        }
        return eval(t->arg[4], row);
    case O_COALESCE: {
        const value a = eval(t->arg[0], row);
        return a.failed || !a.null ? a : eval(t->arg[1], row);
    }
    case O_TRY: {
        /* What fails inside is null where it fails; what is made of it goes on from there. */
        const value a = eval(t->arg[0], row);
        return a.failed ? null_of(t->kind) : a;
    }
    case O_IN:
        return turned(eval_in(t, row), t->negated);
    case O_BETWEEN:
        return turned(eval_between(t, row), t->negated);
    default:
        return eval_strict(t, row);
    }
}

/* Inside TRY_CAST each failing part is null by itself (COALESCE sees it), which differs from failing as a whole; only
 * trees where that makes no difference are compared. */
static bool has_try_over_choice(const tree *t, bool inside)
{
    const bool sees = t->op == O_CASE || t->op == O_COALESCE || t->op == O_IS_NULL || t->op == O_IS_TRUE ||
                      t->op == O_IS_FALSE || t->op == O_DISTINCT || t->op == O_AND || t->op == O_OR || t->op == O_IN ||
                      t->op == O_BETWEEN;
    if (inside && sees) {
        return true;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        if (has_try_over_choice(t->arg[i], inside || t->op == O_TRY)) {
            return true;
        }
    }
    return false;
}

/* ---- the comparison ---- */

static void random_row(wsl_rng *rng, uint64_t *memory, uint32_t size, uint32_t nulls)
{
    static const char *const strs[] = {"", "a", "Bc", "zebra", "ZEBRA", "longer than a word", "12345678"};
    static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1 << 20};
    wsl_row_writer w;
    wsl_row_writer_init(&w, memory, size, 9);
    for (uint32_t f = 0; f < 9; f++) {
        if (nulls > 0 && wsl_rng_below(rng, nulls) == 0) {
            continue;
        }
        if (f < 3) {
            const bool odd = wsl_rng_below(rng, 40) == 0;
            wsl_row_set_int64(&w, f,
                              f == 2 || !odd ? (int64_t)wsl_rng_below(rng, 30) - 8 : ints[wsl_rng_below(rng, 6)]);
        } else if (f < 5) {
            wsl_row_set_double(&w, f,
                               wsl_rng_below(rng, 30) == 0 ? NAN : (double)(int64_t)wsl_rng_below(rng, 100) / 4 - 12);
        } else if (f < 7) {
            wsl_row_set_str(&w, f, wsl_str_of(strs[wsl_rng_below(rng, 7)]));
        } else {
            wsl_row_set_bool(&w, f, wsl_rng_below(rng, 2));
        }
    }
}

static bool agrees(const value *want, const wsl_row *out)
{
    if (want->null || wsl_row_is_null(out, 0, 1)) {
        return want->null && wsl_row_is_null(out, 0, 1);
    }
    switch (want->kind) {
    case K_DBL:
        return wsl_row_double(out, 0) == want->d || (isnan(want->d) && isnan(wsl_row_double(out, 0)));
    case K_STR:
        return wsl_str_equal(wsl_row_str(out, 0), (wsl_str){want->s, want->size});
    default:
        return wsl_row_int64(out, 0) == want->i;
    }
}

static void one_round(wsl_rng *rng, const wsl_schema *schema, int *evaluated, int *failures)
{
    static uint64_t memory[ROWS][24];
    const wsl_row *rows[ROWS];
    const wsl_row *out[ROWS];
    char text[TEXT_MAX] = "";
    wsl_error err = {0};
    uint32_t fail_row = UINT32_MAX;
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(65536);
    WSL_AUTO(wsl_expr) e = NULL;
    const tree *t = grow(arena, rng, (kind)wsl_rng_below(rng, 4), 5);
    const uint32_t n = 1 + (uint32_t)wsl_rng_below(rng, wsl_rng_below(rng, 4) == 0 ? ROWS : 40);
    const uint32_t nulls = (uint32_t)wsl_rng_below(rng, 3) * 4;
    if (has_try_over_choice(t, false)) {
        return;
    }
    write_tree(t, text);
    if (strlen(text) > TEXT_MAX - 10) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        random_row(rng, memory[i], sizeof memory[i], nulls);
        rows[i] = (const wsl_row *)memory[i];
    }
    cr_assert_eq(wsl_expr_projection(text, schema, &e, &err), WSL_OK, "%s\n%s", text, err.text);
    const wsl_status status = wsl_expr_project(e, rows, n, kit_alloc, arena, out, &fail_row, &err);
    for (uint32_t i = 0; i < n; i++) {
        const value want = eval(t, rows[i]);
        if (want.failed) {
            cr_assert_neq(status, WSL_OK, "row %u should fail\n%s", i, text);
            cr_assert_eq(fail_row, i, "row %u should fail, row %u does: %s\n%s", i, fail_row, err.text, text);
            (*failures)++;
            return;
        }
        if (status == WSL_OK) {
            char row[300];
            char got[100];
            wsl_row_text(rows[i], schema, row, sizeof row);
            wsl_row_text(out[i], wsl_expr_schema(e), got, sizeof got);
            cr_assert(agrees(&want, out[i]), "row %u of %u: %s\n%s\ngives %s, expected null %d, %lld, %g, %.*s", i, n,
                      row, text, got, want.null, (long long)want.i, want.d, (int)want.size, want.s);
        }
        (*evaluated)++;
    }
    cr_assert_eq(status, WSL_OK, "row %u should not fail: %s\n%s", fail_row, err.text, text);
}

Test(model, programs_agree_with_a_row_at_a_time_interpreter)
{
    wsl_rng rng;
    int evaluated = 0;
    int failures = 0;
    WSL_AUTO(wsl_schema) schema = kit_schema(row_type);
    wsl_rng_seed(&rng, 20240229);
    for (int round = 0; round < ROUNDS; round++) {
        one_round(&rng, schema, &evaluated, &failures);
    }
    cr_assert_gt(evaluated, 20000);
    cr_assert_gt(failures, 50);
}
