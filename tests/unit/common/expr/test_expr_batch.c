/* Filters and projections over batches: which rows, in which memory, and what happens when one fails. */
#include "harness/wsl_test.h"

#include "expr_kit.h"

enum { N = 1300 }; /* more than two slices */

static const char row_type[] = "ROW<id INT64, v INT64, s STRING>";

typedef struct batch {
    uint64_t memory[N][10];
    const wsl_row *rows[N];
    wsl_schema *schema;
} batch;

/* id = i, v = i % 7 (null where i % 5 == 0), s = "row <i>" */
static batch *batch_new(void)
{
    batch *b = calloc(1, sizeof *b);
    b->schema = kit_schema(row_type);
    for (int i = 0; i < N; i++) {
        wsl_row_writer w;
        char text[32];
        wsl_row_writer_init(&w, b->memory[i], sizeof b->memory[i], 3);
        wsl_row_set_int64(&w, 0, i);
        if (i % 5 != 0) {
            wsl_row_set_int64(&w, 1, i % 7);
        }
        snprintf(text, sizeof text, "row %d", i);
        wsl_row_set_str(&w, 2, wsl_str_of(text));
        wsl_row_set_timestamp(w.row, 1000 + i);
        w.row->op = (uint8_t)(i % 4);
        b->rows[i] = w.row;
    }
    return b;
}

static void batch_free(batch *b)
{
    wsl_schema_free(b->schema);
    free(b);
}
static void batch_auto(batch **b) { batch_free(*b); }

static wsl_expr *predicate(const batch *b, const char *text)
{
    wsl_expr *e = NULL;
    wsl_error err;
    cr_assert_eq(wsl_expr_predicate(text, b->schema, &e, &err), WSL_OK, "%s", err.text);
    return e;
}

static wsl_expr *projection(const batch *b, const char *text)
{
    wsl_expr *e = NULL;
    wsl_error err;
    cr_assert_eq(wsl_expr_projection(text, b->schema, &e, &err), WSL_OK, "%s", err.text);
    return e;
}

Test(batch, a_filter_keeps_exactly_the_rows_that_are_true_in_order)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = predicate(b, "v > 3 OR s = 'row 10'");
    const wsl_row *out[N];
    uint32_t n;
    uint32_t fail_row;
    wsl_error err;
    for (uint32_t size = 0; size <= N; size += size < 20 || (size > 505 && size < 520) ? 1 : 97) {
        uint32_t want = 0;
        cr_assert_eq(wsl_expr_filter(e, b->rows, size, out, &n, &fail_row, &err), WSL_OK);
        for (uint32_t i = 0; i < size; i++) {
            if ((i % 5 != 0 && i % 7 > 3) || i == 10) {
                cr_assert_lt(want, n);
                cr_assert_eq((const void *)out[want], (const void *)b->rows[i]);
                want++;
            }
        }
        cr_assert_eq(n, want);
    }
}

Test(batch, a_filter_may_write_over_its_input)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = predicate(b, "id % 3 = 1");
    uint32_t n;
    uint32_t fail_row;
    wsl_error err;
    cr_assert_eq(wsl_expr_filter(e, b->rows, N, b->rows, &n, &fail_row, &err), WSL_OK);
    cr_assert_eq(n, (N - 1 + 2) / 3);
    for (uint32_t k = 0; k < n; k++) {
        cr_assert_eq(wsl_row_int64(b->rows[k], 0), 3 * k + 1);
    }
}

Test(batch, the_first_row_that_fails_is_named_whatever_instruction_finds_it)
{
    WSL_AUTO(batch) b = batch_new();
    /* the second half runs first for row 700, the first half fails only at row 900 */
    WSL_AUTO(wsl_expr) e = predicate(b, "100 / (id - 900) > 0 AND 100 / (id - 700) > -1000 OR 100 / (id - 1001) = 0");
    const wsl_row *out[N];
    uint32_t n = 77;
    uint32_t fail_row = 0;
    wsl_error err = {0};
    cr_assert_eq(wsl_expr_filter(e, b->rows, N, out, &n, &fail_row, &err), WSL_INVALID);
    cr_assert_eq(fail_row, 900, "row %u: the left side keeps 700 from being evaluated: %s", fail_row, err.text);
    cr_assert(has_text(err.text, "division by zero in \"100 / (id - 900)\" (column 1)"), "%s", err.text);
    WSL_AUTO(wsl_expr) p = projection(b, "100 / (id - 650) AS a, 100 / (id - 600) AS b");
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(4096);
    cr_assert_eq(wsl_expr_project(p, b->rows, N, kit_alloc, arena, out, &fail_row, &err), WSL_INVALID);
    cr_assert_eq(fail_row, 600);
    cr_assert(has_text(err.text, "(column 24)"), "%s", err.text);
    /* and it still works afterwards */
    cr_assert_eq(wsl_expr_filter(e, b->rows, 900, out, &n, &fail_row, &err), WSL_OK);
    cr_assert_eq(wsl_expr_project(p, b->rows, 600, kit_alloc, arena, out, &fail_row, &err), WSL_OK);
}

Test(batch, a_projection_makes_a_row_of_every_row_with_op_and_timestamp)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = projection(b, "s, v + 1 AS w, s || '!' AS t, id * 1.5e0 AS d, id, v IS NULL AS gone");
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(65536);
    const wsl_row *out[N];
    uint32_t fail_row;
    wsl_error err;
    cr_assert_eq(wsl_expr_project(e, b->rows, N, kit_alloc, arena, out, &fail_row, &err), WSL_OK);
    const wsl_schema *schema = wsl_expr_schema(e);
    cr_assert_eq(schema->n_fields, 6);
    cr_assert_str_eq(schema->fields[1].name, "w");
    for (int i = 0; i < N; i++) {
        char want[200];
        char got[200];
        char w[20] = "NULL";
        if (i % 5 != 0) {
            snprintf(w, sizeof w, "%d", i % 7 + 1);
        }
        snprintf(want, sizeof want, "{s=row %d, w=%s, t=row %d!, d=%g, id=%d, gone=%s}", i, w, i, i * 1.5, i,
                 i % 5 == 0 ? "true" : "false");
        cr_assert_eq(wsl_row_check(out[i], out[i]->size, schema, &err), WSL_OK, "%s", err.text);
        wsl_row_text(out[i], schema, got, sizeof got);
        cr_assert_str_eq(got, want);
        cr_assert_eq(out[i]->timestamp, 1000 + i);
        cr_assert_eq(out[i]->op, i % 4);
        cr_assert_eq(out[i]->flags, WSL_ROW_HAS_TIMESTAMP);
    }
}

static void *alloc_few(void *left, uint32_t size)
{
    static uint64_t memory[64];
    return size <= sizeof memory && (*(int *)left)-- > 0 ? memory : NULL;
}

Test(batch, no_room_for_a_row_is_reported_with_the_row)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = projection(b, "id");
    const wsl_row *out[N];
    int left = 5;
    uint32_t fail_row = 0;
    wsl_error err = {0};
    cr_assert_eq(wsl_expr_project(e, b->rows, 10, alloc_few, &left, out, &fail_row, &err), WSL_NO_RESOURCE);
    cr_assert_eq(fail_row, 5);
}

Test(batch, names_default_to_the_column_or_the_position)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = projection(b, "id, id + 1, v AS x, s \"two words\", 5 five");
    const char *names[] = {"id", "_2", "x", "two words", "five"};
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_str_eq(wsl_expr_schema(e)->fields[i].name, names[i]);
    }
}

Test(batch, long_strings_are_worked_on_in_smaller_slices)
{
    WSL_AUTO(batch) b = batch_new();
    WSL_AUTO(wsl_expr) e = predicate(b, "CHAR_LENGTH(REPEAT(s, 40000)) > 0");
    WSL_AUTO(wsl_expr) never = predicate(b, "id <> 33 OR CHAR_LENGTH(REPEAT(s, 100000000)) > 0");
    const wsl_row *out[N];
    uint32_t n;
    uint32_t fail_row;
    wsl_error err = {0};
    cr_assert_eq(wsl_expr_filter(e, b->rows, 512, out, &n, &fail_row, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(n, 512, "512 strings of some 240 KB are more than there may be at a time");
    cr_assert_eq(wsl_expr_filter(never, b->rows, 512, out, &n, &fail_row, &err), WSL_NO_RESOURCE);
    cr_assert_eq(fail_row, 33);
    cr_assert(has_text(err.text, "600000000 bytes"), "%s", err.text);
}

Test(batch, fields_beyond_the_32nd_have_their_nulls_too)
{
    char type[2000] = "ROW<f0 INT64";
    char list[2000] = "f0 + 0 AS g0";
    uint64_t memory[200];
    for (int i = 1; i < 100; i++) {
        snprintf(type + strlen(type), sizeof type - strlen(type), ", f%d INT64", i);
        snprintf(list + strlen(list), sizeof list - strlen(list), ", f%d + %d AS g%d", i, i, i);
    }
    strcat(type, ">");
    WSL_AUTO(wsl_schema) schema = kit_schema(type);
    WSL_AUTO(wsl_expr) e = NULL;
    WSL_AUTO(wsl_expr) all = NULL;
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(4096);
    wsl_error err;
    uint32_t fail_row;
    const wsl_row *out;
    wsl_row_writer w;
    wsl_row_writer_init(&w, memory, sizeof memory, 100);
    for (uint32_t i = 0; i < 100; i += 3) {
        wsl_row_set_int64(&w, i, i);
    }
    const wsl_row *row = w.row;
    cr_assert_eq(wsl_expr_projection(list, schema, &e, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_expr_project(e, &row, 1, kit_alloc, arena, &out, &fail_row, &err), WSL_OK);
    cr_assert_eq(wsl_row_check(out, out->size, wsl_expr_schema(e), &err), WSL_OK, "%s", err.text);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(wsl_row_is_null(out, i, 100), i % 3 != 0);
        cr_assert_eq(wsl_row_int64(out, i), i % 3 == 0 ? 2 * i : 0);
    }
    cr_assert_eq(wsl_expr_projection("*", schema, &all, &err), WSL_OK);
    cr_assert_eq(wsl_expr_project(all, &row, 1, kit_alloc, arena, &out, &fail_row, &err), WSL_OK);
    cr_assert_eq(out->size, row->size);
    cr_assert_arr_eq(out, row, row->size, "a projection of all fields gives the same bytes");
}

Test(batch, division_by_constants_is_exact)
{
    static const int64_t divisors[] = {
        1, -1, 2, 3, -3, 5, 7, 10, -10, 641, 1000000007, INT64_MAX, INT64_MIN, INT64_MIN + 1, 4096, -4096};
    static const int64_t specials[] = {0, 1, -1, 2, 6, 7, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX - 1};
    WSL_AUTO(wsl_schema) schema = kit_schema("ROW<v INT64>");
    uint64_t seed = 99;
    for (size_t k = 0; k < WSL_ARRAY_LEN(divisors); k++) {
        uint64_t memory[600][4];
        const wsl_row *rows[512];
        const wsl_row *out[512];
        char text[100];
        wsl_error err;
        uint32_t fail_row;
        WSL_AUTO(wsl_expr) e = NULL;
        WSL_AUTO(wsl_arena) arena = wsl_arena_new(65536);
        for (uint32_t i = 0; i < 512; i++) {
            wsl_row_writer w;
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            int64_t v = i < WSL_ARRAY_LEN(specials) ? specials[i] : (int64_t)seed >> (seed >> 58);
            v = divisors[k] == -1 && v == INT64_MIN ? 0 : v;
            wsl_row_writer_init(&w, memory[i], sizeof memory[i], 1);
            wsl_row_set_int64(&w, 0, v);
            rows[i] = w.row;
        }
        snprintf(text, sizeof text, "v / (%lld) AS q, v %% (%lld) AS r", (long long)divisors[k],
                 (long long)divisors[k]);
        cr_assert_eq(wsl_expr_projection(text, schema, &e, &err), WSL_OK, "%s", err.text);
        cr_assert_eq(wsl_expr_project(e, rows, 512, kit_alloc, arena, out, &fail_row, &err), WSL_OK, "%s", err.text);
        for (uint32_t i = 0; i < 512; i++) {
            const int64_t v = wsl_row_int64(rows[i], 0);
            const int64_t r = divisors[k] == -1 ? 0 : v % divisors[k];
            cr_assert_eq(wsl_row_int64(out[i], 0), divisors[k] == -1 ? -v : v / divisors[k], "%ld / %ld", (long)v,
                         (long)divisors[k]);
            cr_assert_eq(wsl_row_int64(out[i], 1), r, "%ld %% %ld", (long)v, (long)divisors[k]);
        }
    }
}
