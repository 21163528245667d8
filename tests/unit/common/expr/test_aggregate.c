/* Rolling aggregates: rows of one key are folded one after the other, as the operator does it. */
#include "harness/wsl_test.h"

#include <math.h>

#include "base/rng.h"
#include "expr/aggregate.h"
#include "expr_kit.h"

static const char row_type[] =
    "ROW<k STRING, v INT64, d DOUBLE, f FLOAT, s STRING, dec DECIMAL(10,2), small INT8, g INT64, ts "
    "TIMESTAMP>";
static const char *const keys[] = {"k", "g"};

typedef struct fixture {
    wsl_schema *schema;
    wsl_aggregate *agg;
    wsl_arena *arena;
    const wsl_row *state;
    wsl_error err;
} fixture;

static void fixture_free(fixture *x)
{
    wsl_aggregate_free(x->agg);
    wsl_schema_free(x->schema);
    wsl_arena_free(x->arena);
}
static void fixture_done(fixture *x) { fixture_free(x); }
#define FIXTURE(name, list)                                                                                            \
    __attribute__((cleanup(fixture_done)))                                                                             \
    fixture name = {.schema = kit_schema(row_type), .arena = wsl_arena_new(65536)};                                    \
    cr_assert_eq(wsl_aggregate_new(list, name.schema, keys, 2, &name.agg, &name.err), WSL_OK, "%s", name.err.text)

/* k='key', g=9, v and d as given (INT64_MIN: null), f = d, s = letter, dec = v / 100, small = v. */
static const wsl_row *row_of(fixture *x, int64_t v, const char *s, wsl_row_op op)
{
    wsl_row_writer w;
    wsl_row_writer_init(&w, wsl_arena_alloc(x->arena, 512), 512, 9);
    wsl_row_set_str(&w, 0, wsl_str_of("key"));
    wsl_row_set_int64(&w, 7, 9);
    if (v != INT64_MIN) {
        wsl_row_set_int64(&w, 1, v);
        wsl_row_set_double(&w, 2, (double)v / 2);
        wsl_row_set_float(&w, 3, (float)v / 4);
        wsl_row_set_decimal(&w, 5, &x->schema->fields[5].type, v % 100000);
        wsl_row_set_int64(&w, 6, v % 100);
        wsl_row_set_int64(&w, 8, v);
    }
    if (s != NULL) {
        wsl_row_set_str(&w, 4, wsl_str_of(s));
    }
    wsl_row_set_timestamp(w.row, 5000 + v % 1000);
    w.row->op = (uint8_t)op;
    return w.row;
}

/* Folds one row and gives the result as text, or the error. */
static const char *fold(fixture *x, const wsl_row *row)
{
    static char out[4][WSL_ERROR_TEXT_MAX];
    static int turn;
    char *answer = out[turn = (turn + 1) % 4];
    uint32_t bad;
    const wsl_row *made;
    x->err = (wsl_error){0};
    if (wsl_aggregate_evaluate(x->agg, &row, 1, &bad, &x->err) != WSL_OK ||
        wsl_aggregate_fold(x->agg, 0, x->state, kit_alloc, x->arena, &x->state, &x->err) != WSL_OK ||
        wsl_aggregate_result(x->agg, 0, x->state, kit_alloc, x->arena, &made, &x->err) != WSL_OK) {
        snprintf(answer, sizeof out[0], "%s", x->err.text);
        return answer;
    }
    const wsl_status state_ok = wsl_row_check(x->state, x->state->size, wsl_aggregate_state_schema(x->agg), &x->err);
    cr_assert_eq(state_ok, WSL_OK, "state: %s", x->err.text);
    const wsl_status row_ok = wsl_row_check(made, made->size, wsl_aggregate_schema(x->agg), &x->err);
    cr_assert_eq(row_ok, WSL_OK, "result: %s", x->err.text);
    cr_assert_eq(made->timestamp, row->timestamp);
    wsl_row_text(made, wsl_aggregate_schema(x->agg), answer, sizeof out[0]);
    return answer;
}

#define gives(x, v, s, want)                                                                                           \
    do {                                                                                                               \
        const char *got_ = fold(&x, row_of(&x, v, s, WSL_OP_INSERT));                                                  \
        cr_assert(strcmp(got_, want) == 0, "gives    %s\nexpected %s", got_, want);                                    \
    } while (0)

Test(aggregate, sums_counts_and_extremes_of_integers)
{
    FIXTURE(x, "k, SUM(v) AS total, COUNT(*) AS n, COUNT(v) AS nv, MIN(v), MAX(v), AVG(v) AS mean, g");
    gives(x, 5, "a", "{k=key, total=5, n=1, nv=1, _5=5, _6=5, mean=5, g=9}");
    gives(x, -2, "b", "{k=key, total=3, n=2, nv=2, _5=-2, _6=5, mean=1.5, g=9}");
    gives(x, INT64_MIN, NULL, "{k=key, total=3, n=3, nv=2, _5=-2, _6=5, mean=1.5, g=9}");
    gives(x, 9, "c", "{k=key, total=12, n=4, nv=3, _5=-2, _6=9, mean=4, g=9}");
    char text[400];
    wsl_schema_text(wsl_aggregate_schema(x.agg), text, sizeof text);
    cr_assert_str_eq(
        text, "k STRING, total INT64, n INT64 NOT NULL, nv INT64 NOT NULL, _5 INT64, _6 INT64, mean DOUBLE, g INT64");
}

Test(aggregate, of_nothing_is_null_but_a_count_is_zero)
{
    FIXTURE(x, "k, SUM(v), AVG(d), MIN(s), MAX(dec), COUNT(v), FIRST_VALUE(v), LAST_VALUE(s)");
    gives(x, INT64_MIN, NULL, "{k=key, _2=NULL, _3=NULL, _4=NULL, _5=NULL, _6=0, _7=NULL, _8=NULL}");
    gives(x, 4, "q", "{k=key, _2=4, _3=2, _4=q, _5=0.04, _6=1, _7=4, _8=q}");
    gives(x, INT64_MIN, NULL, "{k=key, _2=4, _3=2, _4=q, _5=0.04, _6=1, _7=4, _8=q}");
}

Test(aggregate, strings_decimals_floats_and_times_have_extremes_too)
{
    FIXTURE(x, "MIN(s) AS a, MAX(s) AS z, SUM(dec) AS dec, AVG(dec) AS m, SUM(f) AS f, MAX(f) AS mf, MAX(ts) AS ts, "
               "MIN(small) AS i");
    gives(x, 125, "mid", "{a=mid, z=mid, dec=1.25, m=1.250000, f=31.25, mf=31.25, ts=1970-01-01 00:00:00.125, i=25}");
    gives(x, 10, "a rather long string",
          "{a=a rather long string, z=mid, dec=1.35, m=0.675000, f=33.75, mf=31.25, "
          "ts=1970-01-01 00:00:00.125, i=10}");
    gives(x, 200, "z",
          "{a=a rather long string, z=z, dec=3.35, m=1.116667, f=83.75, mf=50, ts=1970-01-01 00:00:00.200, i=0}");
    char text[400];
    wsl_schema_text(wsl_aggregate_schema(x.agg), text, sizeof text);
    cr_assert_str_eq(
        text, "a STRING, z STRING, dec DECIMAL(38,2), m DECIMAL(38,6), f DOUBLE, mf FLOAT, ts TIMESTAMP, i INT8");
}

Test(aggregate, first_and_last_follow_the_order_of_arrival)
{
    FIXTURE(x, "FIRST_VALUE(v) AS f, LAST_VALUE(v) AS l, FIRST_VALUE(s) AS fs, LAST_VALUE(s) AS ls");
    gives(x, INT64_MIN, "x", "{f=NULL, l=NULL, fs=x, ls=x}");
    gives(x, 3, NULL, "{f=3, l=3, fs=x, ls=x}");
    gives(x, 1, "y", "{f=3, l=1, fs=x, ls=y}");
}

Test(aggregate, arguments_are_expressions_and_results_may_be_too)
{
    FIXTURE(x, "UPPER(k) AS k, SUM(CASE WHEN s = 'buy' THEN v ELSE -v END) AS net, SUM(v) / COUNT(*) AS mean, "
               "COALESCE(MAX(v), 0) - MIN(v) AS spread, COUNT(*) > 2 AS many");
    gives(x, 10, "buy", "{k=KEY, net=10, mean=10, spread=0, many=false}");
    gives(x, 4, "sell", "{k=KEY, net=6, mean=7, spread=6, many=false}");
    gives(x, 1, "buy", "{k=KEY, net=7, mean=5, spread=9, many=true}");
}

Test(aggregate, rows_that_are_taken_back_are_taken_out)
{
    FIXTURE(x, "SUM(v) AS s, COUNT(*) AS n, AVG(d) AS a");
    gives(x, 10, "a", "{s=10, n=1, a=5}");
    gives(x, 20, "a", "{s=30, n=2, a=7.5}");
    cr_assert_str_eq(fold(&x, row_of(&x, 10, "a", WSL_OP_UPDATE_BEFORE)), "{s=20, n=1, a=10}");
    cr_assert_str_eq(fold(&x, row_of(&x, 12, "a", WSL_OP_UPDATE_AFTER)), "{s=32, n=2, a=8}");
    cr_assert_str_eq(fold(&x, row_of(&x, 20, "a", WSL_OP_DELETE)), "{s=12, n=1, a=6}");
    cr_assert_str_eq(fold(&x, row_of(&x, 12, "a", WSL_OP_DELETE)), "{s=NULL, n=0, a=NULL}");
    FIXTURE(y, "MAX(v)");
    gives(y, 1, "a", "{_1=1}");
    cr_assert(has_text(fold(&y, row_of(&y, 1, "a", WSL_OP_DELETE)), "taken out again"));
    FIXTURE(z, "MAX(s), SUM(v)");
    gives(z, 1, "a", "{_1=a, _2=1}");
    cr_assert(has_text(fold(&z, row_of(&z, 1, "a", WSL_OP_UPDATE_BEFORE)), "taken out again"));
}

Test(aggregate, op_and_timestamp_come_from_the_row)
{
    FIXTURE(x, "COUNT(*)");
    const wsl_row_op ops[4] = {WSL_OP_INSERT, WSL_OP_UPDATE_AFTER, WSL_OP_UPDATE_AFTER, WSL_OP_UPDATE_AFTER};
    for (uint32_t op = 0; op < 4; op++) {
        const wsl_row *row = row_of(&x, 1, "a", (wsl_row_op)op);
        const wsl_row *made;
        uint32_t bad;
        cr_assert_eq(wsl_aggregate_evaluate(x.agg, &row, 1, &bad, &x.err), WSL_OK);
        cr_assert_eq(wsl_aggregate_fold(x.agg, 0, x.state, kit_alloc, x.arena, &x.state, &x.err), WSL_OK);
        cr_assert_eq(wsl_aggregate_result(x.agg, 0, x.state, kit_alloc, x.arena, &made, &x.err), WSL_OK);
        cr_assert_eq(made->op, ops[op]);
        cr_assert_eq(made->timestamp, 5001);
        cr_assert_eq(made->key_hash, 0);
    }
}

Test(aggregate, a_sum_that_leaves_its_type_is_an_error_and_leaves_the_state)
{
    FIXTURE(x, "SUM(v) AS s, COUNT(*) AS n");
    gives(x, INT64_MAX, "a", "{s=9223372036854775807, n=1}");
    const wsl_row *before = x.state;
    const char *got = fold(&x, row_of(&x, 1, "a", WSL_OP_INSERT));
    cr_assert_str_eq(got, "overflow in \"SUM(v)\" (column 1)\n    SUM(v) AS s, COUNT(*) AS n\n    ^");
    cr_assert_eq((const void *)x.state, (const void *)before);
    gives(x, -7, "a", "{s=9223372036854775800, n=2}");
    FIXTURE(y, "SUM(v) AS s, MIN(s) AS t");
    gives(y, INT64_MAX, "a", "{s=9223372036854775807, t=a}");
    cr_assert(has_text(fold(&y, row_of(&y, 1, "a", WSL_OP_INSERT)), "overflow in \"SUM(v)\""));
}

Test(aggregate, an_argument_that_fails_names_its_row)
{
    FIXTURE(x, "SUM(100 / v)");
    const wsl_row *rows[3] = {row_of(&x, 1, "a", WSL_OP_INSERT), row_of(&x, 0, "a", WSL_OP_INSERT),
                              row_of(&x, 0, "a", WSL_OP_INSERT)};
    uint32_t bad = 9;
    cr_assert_eq(wsl_aggregate_evaluate(x.agg, rows, 3, &bad, &x.err), WSL_INVALID);
    cr_assert_eq(bad, 1);
    cr_assert(has_text(x.err.text, "division by zero in \"100 / v\" (column 5)"), "%s", x.err.text);
}

static const char *error_of(const char *text)
{
    static wsl_error err;
    WSL_AUTO(wsl_schema) schema = kit_schema(row_type);
    WSL_AUTO(wsl_aggregate) a = NULL;
    err = (wsl_error){0};
    return wsl_aggregate_new(text, schema, keys, 2, &a, &err) == WSL_OK ? "fine" : err.text;
}

Test(aggregate, mistakes_are_explained)
{
    cr_assert(has_text(error_of("v, COUNT(*)"), "'v' is neither a key (k, g) nor inside an aggregate; MAX(...) or "
                                                "LAST_VALUE(...) could say which value is meant (column 1)"));
    cr_assert(has_text(error_of("SUM(s)"), "SUM takes a number, but this is STRING (column 5)"));
    cr_assert(has_text(error_of("SUM(vv)"), "there is no column 'vv'; did you mean 'v'? (column 5)"));
    cr_assert(has_text(error_of("SUM(COUNT(*))"), "an aggregate cannot be inside SUM (column 5)"));
    cr_assert(has_text(error_of("SUM(v, d)"), "SUM takes one argument, but there are 2"));
    cr_assert(has_text(error_of("COUNT()"), "COUNT takes one argument or *, but there are 0"));
    cr_assert(has_text(error_of("SUM(*)"), "'*' stands for all columns"));
    cr_assert(has_text(error_of("*"), "name the keys"));
    cr_assert(has_text(error_of("k, COUNT(*) AS k"), "'k' is used by field 1 and field 2"));
    cr_assert(has_text(error_of("SUM(v) + k"), "'+' cannot be applied to INT64 and STRING"));
    cr_assert(has_text(error_of("SUM(v"), "is expected"));
    cr_assert_str_eq(error_of("k"), "fine");
    cr_assert_str_eq(error_of("count(*), Sum(v), COUNT(NULL)"), "fine");
}

Test(aggregate, batches_larger_than_a_slice_fold_in_any_order)
{
    FIXTURE(x, "SUM(v + 1) AS s, COUNT(*) AS n");
    enum { N = 1300 };
    const wsl_row *rows[N];
    uint32_t bad;
    int64_t want = 0;
    for (int i = 0; i < N; i++) {
        rows[i] = row_of(&x, i, "a", WSL_OP_INSERT);
    }
    cr_assert_eq(wsl_aggregate_evaluate(x.agg, rows, N, &bad, &x.err), WSL_OK);
    for (uint32_t k = 0; k < N; k++) {
        const uint32_t i = k * 700 % N == 0 && k > 0 ? k : (k * 701) % N;
        const wsl_row *made;
        cr_assert_eq(wsl_aggregate_fold(x.agg, i, x.state, kit_alloc, x.arena, &x.state, &x.err), WSL_OK);
        cr_assert_eq(wsl_aggregate_result(x.agg, i, x.state, kit_alloc, x.arena, &made, &x.err), WSL_OK);
        want += i + 1;
        cr_assert_eq(wsl_row_int64(made, 0), want);
    }
}

/* The short way (plain slots) and the general one (forced by an aggregate of strings) must agree, and both with sums
 * made by hand. */
Test(aggregate, model_both_ways_agree_with_plain_arithmetic)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    for (int round = 0; round < 50; round++) {
        FIXTURE(
            fast,
            "k, SUM(v) AS a, COUNT(v) AS b, MIN(d) AS c, MAX(v) AS e, AVG(d) AS h, LAST_VALUE(v) AS l, SUM(f) AS sf");
        FIXTURE(
            general,
            "k, SUM(v) AS a, COUNT(v) AS b, MIN(d) AS c, MAX(v) AS e, AVG(d) AS h, LAST_VALUE(v) AS l, SUM(f) AS sf, "
            "MAX(s) AS s");
        int64_t sum = 0;
        int64_t n = 0;
        for (int i = 0; i < 60; i++) {
            const bool null = wsl_rng_below(&rng, 4) == 0;
            const int64_t v = null ? INT64_MIN : (int64_t)wsl_rng_below(&rng, 2001) - 1000;
            sum += null ? 0 : v;
            n += !null;
            char a[500];
            char b[500];
            char start[100];
            snprintf(a, sizeof a, "%s", fold(&fast, row_of(&fast, v, "x", WSL_OP_INSERT)));
            snprintf(b, sizeof b, "%s", fold(&general, row_of(&general, v, "x", WSL_OP_INSERT)));
            a[strlen(a) - 1] = '\0';
            cr_assert_eq(strncmp(a, b, strlen(a)), 0, "%s\n%s", a, b);
            if (n > 0) {
                snprintf(start, sizeof start, "{k=key, a=%lld, b=%lld,", (long long)sum, (long long)n);
                cr_assert_eq(strncmp(a, start, strlen(start)), 0, "%s", a);
            }
        }
    }
}
