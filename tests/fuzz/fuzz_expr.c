/*
 * fuzz_expr - expressions as text: compile, and run what compiles over a few rows.
 */
#include "expr/expr.h"
#include "fuzz.h"

static const wsl_field fields[] = {
    {"a", {.id = WSL_T_INT64}},  {"b", {.id = WSL_T_INT32}}, {"d", {.id = WSL_T_DOUBLE}},
    {"s", {.id = WSL_T_STRING}}, {"t", {.id = WSL_T_TIMESTAMP}}, {"f", {.id = WSL_T_BOOL}},
};
static const wsl_schema schema = {"in", WSL_ARRAY_LEN(fields), fields};

enum { ROWS = 3 };

static void *take(void *arg, uint32_t size)
{
    uint8_t **tip = arg;
    static uint64_t memory[1 << 13];
    if (*tip == NULL) {
        *tip = (uint8_t *)memory;
    }
    if (size > (size_t)((uint8_t *)memory + sizeof memory - *tip)) {
        return NULL;
    }
    void *p = *tip;
    *tip += size;
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t memory[ROWS][32];
    const wsl_row *rows[ROWS];
    for (int i = 0; i < ROWS; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], schema.n_fields);
        if (i < 2) {
            wsl_row_set_int64(&w, 0, i == 0 ? 7 : INT64_MIN);
            wsl_row_set_int64(&w, 1, i == 0 ? -3 : 0);
            wsl_row_set_double(&w, 2, i == 0 ? 2.5 : -0.0);
            wsl_row_set_str(&w, 3, wsl_str_of(i == 0 ? "hello, W\xc3\xa4lt" : ""));
            wsl_row_set_int64(&w, 4, 1700000000000);
            wsl_row_set_bool(&w, 5, i == 0);
        }
        rows[i] = w.row;
    }
    if (size > 4096) {
        return 0;
    }
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    wsl_expr *e = NULL;
    wsl_error err = {0};
    uint32_t n = 0, bad = 0;
    const wsl_row *out[ROWS];
    if (wsl_expr_predicate(text, &schema, &e, &err) == WSL_OK) {
        if (wsl_expr_filter(e, rows, ROWS, out, &n, &bad, &err) == WSL_OK) {
            FUZZ_CHECK(n <= ROWS);
        } else {
            FUZZ_CHECK(bad < ROWS && err.text[0] != 0);
        }
        wsl_expr_free(e);
    } else {
        FUZZ_CHECK(err.text[0] != 0);
    }
    e = NULL;
    if (wsl_expr_projection(text, &schema, &e, &err) == WSL_OK) {
        uint8_t *tip = NULL;
        if (wsl_expr_project(e, rows, ROWS, take, &tip, out, &bad, &err) == WSL_OK) {
            for (int i = 0; i < ROWS; i++) {
                FUZZ_CHECK(wsl_row_check(out[i], out[i]->size, wsl_expr_schema(e), &err) == WSL_OK);
            }
        }
        wsl_expr_free(e);
    }
    free(text);
    return 0;
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    const fuzz_seed seeds[] = {
        FUZZ_TEXT("a > 0 AND s IN ('x', 'hello', NULL) OR NOT f"),
        FUZZ_TEXT("s, CASE WHEN f THEN a ELSE -a END AS delta, a * b + 3 % 2, d / 0.5"),
        FUZZ_TEXT("a BETWEEN 1 AND 10 AND s LIKE 'h_l%' ESCAPE '\\' AND d IS NOT NULL"),
        FUZZ_TEXT("CAST(a AS STRING) || '-' || UPPER(s), TRY_CAST(s AS BIGINT), COALESCE(b, 1)"),
        FUZZ_TEXT("SUBSTRING(s, 2, 3), POSITION('l' IN s), EXTRACT(HOUR FROM t), ROUND(d, 1), ABS(b), MOD(a, 3)"),
        FUZZ_TEXT("((((((((a + 1)))))))) = 2 -- a comment"),
        FUZZ_TEXT("*, t + INTERVAL '1' DAY AS later, TIMESTAMP '2024-01-01 00:00:00' < t AS f2"),
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(seeds) && i < max; i++) {
        out[i] = seeds[i];
    }
    return WSL_ARRAY_LEN(seeds);
}
