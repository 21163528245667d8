/* What windows ask of aggregates: states merged in any pieces give what one state of all rows gives; results of a key
 * and a window. */
#include "harness/wsl_test.h"

#include "base/rng.h"
#include "expr/aggregate.h"
#include "expr_kit.h"

static const char row_type[] = "ROW<k STRING, v INT64, d DOUBLE, s STRING, dec DECIMAL(30,2), g INT64>";
static const char key_type[] = "ROW<g INT64, k STRING>";
static const char *const keys[] = {"g", "k"};

typedef struct fixture {
    wsl_schema *schema;
    wsl_schema *key_schema;
    wsl_aggregate *agg;
    wsl_arena *arena;
    wsl_error err;
} fixture;

static void fixture_done(fixture *x)
{
    wsl_aggregate_free(x->agg);
    wsl_schema_free(x->schema);
    wsl_schema_free(x->key_schema);
    wsl_arena_free(x->arena);
}
#define FIXTURE(name)                                                                                                  \
    __attribute__((cleanup(fixture_done)))                                                                             \
    fixture name = {.schema = kit_schema(row_type), .key_schema = kit_schema(key_type), .arena = wsl_arena_new(65536)}

static wsl_status compile(fixture *x, const char *list)
{
    wsl_aggregate_free(x->agg);
    x->agg = NULL;
    x->err = (wsl_error){0};
    return wsl_aggregate_new_windowed(list, x->schema, keys, 2, &x->agg, &x->err);
}

/* v of INT64_MIN: all values null. */
static const wsl_row *row_of(fixture *x, int64_t v)
{
    wsl_row_writer w;
    char text[32];
    wsl_row_writer_init(&w, wsl_arena_alloc(x->arena, 256), 256, 6);
    wsl_row_set_str(&w, 0, wsl_str_of("key"));
    wsl_row_set_int64(&w, 5, 9);
    if (v != INT64_MIN) {
        wsl_row_set_int64(&w, 1, v);
        wsl_row_set_double(&w, 2, (double)v / 2);
        snprintf(text, sizeof text, "%lld", (long long)v);
        wsl_row_set_str(&w, 3, wsl_str_of(text));
        wsl_row_set_decimal(&w, 4, &x->schema->fields[4].type, v);
    }
    return w.row;
}

static const wsl_row *key_of(fixture *x)
{
    wsl_row_writer w;
    wsl_row_writer_init(&w, wsl_arena_alloc(x->arena, 256), 256, 2);
    wsl_row_set_int64(&w, 0, 9);
    wsl_row_set_str(&w, 1, wsl_str_of("key"));
    return w.row;
}

static const wsl_row *first_state(fixture *x)
{
    const uint32_t size = wsl_row_fixed_size(wsl_aggregate_state_schema(x->agg)->n_fields);
    wsl_row *state = wsl_arena_zalloc(x->arena, size);
    state->size = size;
    wsl_aggregate_first(x->agg, state);
    return state;
}

/* The state of rows[from .. to), which are the batch. */
static const wsl_row *fold(fixture *x, uint32_t from, uint32_t to)
{
    const wsl_row *state = NULL;
    for (uint32_t i = from; i < to; i++) {
        if (wsl_aggregate_in_place(x->agg) && i % 2 == 0) {
            state = state == NULL ? first_state(x) : state;
            cr_assert_eq(wsl_aggregate_fold_in_place(x->agg, i, (wsl_row *)(uintptr_t)state, &x->err), WSL_OK);
        } else {
            cr_assert_eq(wsl_aggregate_fold(x->agg, i, state, kit_alloc, x->arena, &state, &x->err), WSL_OK);
        }
    }
    return state;
}

static const wsl_row *merge(fixture *x, const wsl_row *a, const wsl_row *b)
{
    const wsl_row *made = NULL;
    cr_assert_eq(wsl_aggregate_merge(x->agg, a, b, kit_alloc, x->arena, &made, &x->err), WSL_OK, "%s", x->err.text);
    cr_assert_eq(wsl_row_check(made, made->size, wsl_aggregate_state_schema(x->agg), &x->err), WSL_OK, "%s",
                 x->err.text);
    if (wsl_aggregate_in_place(x->agg)) {
        wsl_row *mine = memcpy(wsl_arena_alloc(x->arena, a->size), a, a->size);
        cr_assert_eq(wsl_aggregate_merge_in_place(x->agg, mine, b, &x->err), WSL_OK);
        cr_assert_eq(memcmp(mine, made, made->size), 0, "both ways of merging give the same state");
    }
    return made;
}

static const char *result(fixture *x, const wsl_row *state)
{
    static char out[2][WSL_ERROR_TEXT_MAX];
    static int turn;
    char *answer = out[turn ^= 1];
    const wsl_row *made = NULL;
    const wsl_status status =
        wsl_aggregate_window_result(x->agg, key_of(x), -30000, 60000, state, kit_alloc, x->arena, &made, &x->err);
    cr_assert_eq(status, WSL_OK, "%s", x->err.text);
    cr_assert_eq(wsl_row_check(made, made->size, wsl_aggregate_schema(x->agg), &x->err), WSL_OK, "%s", x->err.text);
    cr_assert_eq(made->flags, 0, "its timestamp is up to the operator");
    wsl_row_text(made, wsl_aggregate_schema(x->agg), answer, sizeof out[0]);
    return answer;
}

enum { ROWS = 40 };

static void check_pieces(const char *list, uint64_t seed)
{
    FIXTURE(x);
    wsl_rng rng;
    uint32_t bad;
    const wsl_row *rows[ROWS];
    wsl_rng_seed(&rng, seed);
    cr_assert_eq(compile(&x, list), WSL_OK, "%s", x.err.text);
    for (uint32_t round = 0; round < 50; round++) {
        const uint32_t n = 2 + (uint32_t)wsl_rng_below(&rng, ROWS - 1);
        for (uint32_t i = 0; i < n; i++) {
            rows[i] = row_of(&x, wsl_rng_below(&rng, 4) == 0 ? INT64_MIN : (int64_t)wsl_rng_below(&rng, 2000) - 1000);
        }
        cr_assert_eq(wsl_aggregate_evaluate(x.agg, rows, n, &bad, &x.err), WSL_OK);
        const char *want = result(&x, fold(&x, 0, n));
        const uint32_t cut = 1 + (uint32_t)wsl_rng_below(&rng, n - 1);
        const uint32_t cut_2 = cut + (uint32_t)wsl_rng_below(&rng, n - cut);
        const wsl_row *merged = merge(&x, fold(&x, 0, cut), fold(&x, cut, cut_2 > cut ? cut_2 : n));
        if (cut_2 > cut) {
            merged = merge(&x, merged, fold(&x, cut_2, n));
        }
        const char *got = result(&x, merged);
        cr_assert(strcmp(got, want) == 0, "merged   %s\nat once  %s", got, want);
    }
}

Test(aggregate_window, merged_pieces_are_the_whole_in_place)
{
    check_pieces(
        "k, COUNT(*) AS n, COUNT(v), SUM(v) AS s, AVG(v), MIN(v), MAX(d), SUM(d), FIRST_VALUE(v), LAST_VALUE(d), g", 1);
}

Test(aggregate_window, merged_pieces_are_the_whole_for_strings_and_decimals)
{
    check_pieces(
        "k, COUNT(s), SUM(dec), AVG(dec), MIN(s), MAX(s), FIRST_VALUE(s), LAST_VALUE(dec), SUM(v) / COUNT(*) + g", 2);
}

Test(aggregate_window, keys_alone_merge) { check_pieces("g, k", 3); }

Test(aggregate_window, the_bounds_of_the_window_are_columns)
{
    FIXTURE(x);
    uint32_t bad;
    const wsl_row *row = row_of(&x, 7);
    cr_assert_eq(compile(&x, "k, WINDOW_START AS a, window_end, SUM(v) AS v, g"), WSL_OK, "%s", x.err.text);
    cr_assert_eq(wsl_aggregate_evaluate(x.agg, &row, 1, &bad, &x.err), WSL_OK);
    const char *got = result(&x, fold(&x, 0, 1));
    cr_assert_str_eq(got, "{k=key, a=1969-12-31 23:59:30, window_end=1970-01-01 00:01:00, v=7, g=9}", "%s",
                     got);
    cr_assert_eq(wsl_aggregate_schema(x.agg)->fields[2].type.id, WSL_T_TIMESTAMP);
    /* in an expression: the second program */
    cr_assert_eq(compile(&x, "g, CAST(WINDOW_END AS BIGINT) - CAST(WINDOW_START AS BIGINT) AS width, COUNT(*) AS n"),
                 WSL_OK, "%s", x.err.text);
    cr_assert_eq(wsl_aggregate_evaluate(x.agg, &row, 1, &bad, &x.err), WSL_OK);
    got = result(&x, fold(&x, 0, 1));
    cr_assert_str_eq(got, "{g=9, width=90000, n=1}", "%s", got);
}

Test(aggregate_window, windows_have_no_bounds_outside_of_windows)
{
    FIXTURE(x);
    cr_assert_eq(wsl_aggregate_new("k, WINDOW_START", x.schema, keys, 2, &x.agg, &x.err), WSL_INVALID);
    cr_assert_neq(strstr(x.err.text, "WINDOW_START"), NULL);
    cr_assert_neq(compile(&x, "k, SUM(WINDOW_END)"), WSL_OK, "a row that comes in has no window yet");
}

Test(aggregate_window, order_matters_to_first_and_last_only)
{
    FIXTURE(x);
    cr_assert_eq(compile(&x, "SUM(v), COUNT(*), AVG(d), MIN(s), MAX(v)"), WSL_OK);
    cr_assert(!wsl_aggregate_order_matters(x.agg));
    cr_assert_eq(compile(&x, "SUM(v), LAST_VALUE(d)"), WSL_OK);
    cr_assert(wsl_aggregate_order_matters(x.agg));
}

Test(aggregate_window, a_merged_sum_that_leaves_its_type_is_an_error)
{
    FIXTURE(x);
    uint32_t bad;
    const wsl_row *rows[2] = {row_of(&x, INT64_MAX), row_of(&x, 1)};
    const wsl_row *made = NULL;
    cr_assert_eq(compile(&x, "SUM(v)"), WSL_OK);
    cr_assert_eq(wsl_aggregate_evaluate(x.agg, rows, 2, &bad, &x.err), WSL_OK);
    const wsl_row *a = fold(&x, 0, 1);
    const wsl_row *b = fold(&x, 1, 2);
    cr_assert_eq(wsl_aggregate_merge(x.agg, a, b, kit_alloc, x.arena, &made, &x.err), WSL_INVALID);
    cr_assert_neq(strstr(x.err.text, "overflow"), NULL);
    cr_assert_eq(wsl_aggregate_merge_in_place(x.agg, (wsl_row *)(uintptr_t)a, b, &x.err), WSL_INVALID);
}
