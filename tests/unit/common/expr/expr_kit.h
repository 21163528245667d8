/*
 * expr_kit - for tests of expressions: one standard row, evaluate a text against it and read the answer as text.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>

#include "base/arena.h"
#include "data/row_nested.h"
#include "data/row_text.h"
#include "expr/expr.h"

static const char kit_type[] =
    "ROW<b BOOL, i8 INT8, i16 INT16, i32 INT32, i64 INT64, f FLOAT, d DOUBLE, s STRING, raw BYTES, day DATE, clock "
    "TIME, "
    "ts TIMESTAMP, dec DECIMAL(10,2), big DECIMAL(30,4), n INT64, ns STRING, nb BOOL, must INT64 NOT NULL, "
    "tags ARRAY<STRING>, `odd name` INT64, nd DOUBLE, nt TIMESTAMP>";

__attribute__((unused)) static wsl_schema *kit_schema(const char *row_type)
{
    wsl_type type;
    wsl_error err;
    if (wsl_type_parse(row_type, &type, &err) != WSL_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    wsl_schema *copy = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return copy;
}

/* b=true i8=-8 i16=16 i32=32 i64=64 f=1.5 d=2.5 s="Hello" raw=x'0a' day=2024-02-29 clock=13:14:15.016
 * ts=2024-02-29 13:14:15.016 dec=12.50 big=-3.1415; n, ns, nb, nd, nt are NULL; must=7, tags=[x], "odd name"=9 */
__attribute__((unused)) static wsl_row *kit_row(const wsl_schema *schema, void *memory, uint32_t size)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, size, schema->n_fields);
    wsl_row_set_bool(&w, 0, true);
    wsl_row_set_int64(&w, 1, -8);
    wsl_row_set_int64(&w, 2, 16);
    wsl_row_set_int64(&w, 3, 32);
    wsl_row_set_int64(&w, 4, 64);
    wsl_row_set_float(&w, 5, 1.5f);
    wsl_row_set_double(&w, 6, 2.5);
    wsl_row_set_str(&w, 7, wsl_str_of("Hello"));
    wsl_row_set_bytes(&w, 8, "\n", 1);
    wsl_row_set_int64(&w, 9, 19782);
    wsl_row_set_int64(&w, 10, 47655016);
    wsl_row_set_int64(&w, 11, 19782 * INT64_C(86400000) + 47655016);
    wsl_row_set_decimal(&w, 12, &schema->fields[12].type, 1250);
    wsl_row_set_decimal(&w, 13, &schema->fields[13].type, -31415);
    wsl_row_set_int64(&w, 17, 7);
    wsl_array_writer a = wsl_row_begin_array(&w, 1);
    wsl_array_set_str(&a, 0, wsl_str_of("x"));
    wsl_row_end_array(&w, 18, &a);
    wsl_row_set_int64(&w, 19, 9);
    return w.row;
}

__attribute__((unused)) static void *kit_alloc(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

/* The value of `text` for the standard row ("NULL", "5", "abc"), or the error's text. Valid until a few calls later. */
__attribute__((unused)) static const char *kit_eval(const char *text)
{
    static char out[8][2048];
    static int turn;
    char *answer = out[turn = (turn + 1) % 8];
    uint64_t memory[256];
    wsl_error err = {0};
    uint32_t fail_row = 99;
    const wsl_row *made = NULL;
    WSL_AUTO(wsl_schema) schema = kit_schema(kit_type);
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(4096);
    WSL_AUTO(wsl_expr) e = NULL;
    const wsl_row *row = kit_row(schema, memory, sizeof memory);
    if (wsl_expr_projection(text, schema, &e, &err) != WSL_OK ||
        wsl_expr_project(e, &row, 1, kit_alloc, arena, &made, &fail_row, &err) != WSL_OK) {
        snprintf(answer, sizeof out[0], "%s", err.text);
        return answer;
    }
    if (wsl_row_check(made, made->size, wsl_expr_schema(e), &err) != WSL_OK) {
        snprintf(answer, sizeof out[0], "BAD ROW: %s", err.text);
        return answer;
    }
    wsl_strbuf sb;
    wsl_strbuf_init(&sb);
    for (uint32_t i = 0; i < wsl_expr_schema(e)->n_fields; i++) {
        wsl_strbuf_puts(&sb, i > 0 ? ", " : "");
        wsl_row_print_field(made, wsl_expr_schema(e), i, &sb);
    }
    snprintf(answer, sizeof out[0], "%s", sb.data);
    wsl_strbuf_fini(&sb);
    return answer;
}

/* The type of the first item, as text. */
__attribute__((unused)) static const char *kit_typeof(const char *text)
{
    static char out[8][256];
    static int turn;
    char *answer = out[turn = (turn + 1) % 8];
    wsl_error err = {0};
    WSL_AUTO(wsl_schema) schema = kit_schema(kit_type);
    WSL_AUTO(wsl_expr) e = NULL;
    if (wsl_expr_projection(text, schema, &e, &err) != WSL_OK) {
        snprintf(answer, sizeof out[0], "%.250s", err.text);
        return answer;
    }
    wsl_type_text(&wsl_expr_schema(e)->fields[0].type, answer, sizeof out[0]);
    return answer;
}

#define is(text, want)                                                                                                 \
    do {                                                                                                               \
        const char *got_ = kit_eval(text);                                                                             \
        cr_assert(strcmp(got_, want) == 0, "%s\n  gives    %s\n  expected %s", text, got_, want);                      \
    } while (0)
#define has_type(text, want)                                                                                           \
    do {                                                                                                               \
        const char *got_ = kit_typeof(text);                                                                           \
        cr_assert(strcmp(got_, want) == 0, "%s\n  is       %s\n  expected %s", text, got_, want);                      \
    } while (0)
