/* Types as text, parsed, compared; schemas built, copied and compared. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>
#include <wiesel/type.h>

#include "data/type_internal.h"

WSL_ROW(trade, (string, symbol), (int64, quantity), (double, price), (timestamp, ts));

/* Parses `text`, prints the type again and expects `want`. */
static void expect_text(const char *text, const char *want)
{
    wsl_error err = {0};
    wsl_type type;
    char got[512];
    cr_assert_eq(wsl_type_parse(text, &type, &err), WSL_OK, "%s: %s", text, err.text);
    cr_assert_eq(wsl_type_text(&type, got, sizeof got), strlen(want));
    cr_assert_str_eq(got, want);
    wsl_type_clear(&type);
}

static void expect_error(const char *text, const char *needle)
{
    wsl_error err = {0};
    wsl_type type = {.id = WSL_T_BOOL};
    cr_assert_neq(wsl_type_parse(text, &type, &err), WSL_OK, "%s was accepted", text);
    cr_assert(has_text(err.text, needle), "%s", err.text);
    cr_assert_eq(type.id, WSL_T_BOOL, "a type that was not parsed is left alone");
}

Test(type, every_type_prints_as_it_parses)
{
    static const char *const texts[] = {
        "BOOL",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(10,2)",
        "DECIMAL(38,38)",
        "STRING",
        "BYTES",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "ARRAY<STRING>",
        "ARRAY<INT8 NOT NULL> NOT NULL",
        "MAP<STRING, ARRAY<DOUBLE>>",
        "ROW<a INT64, b STRING NOT NULL>",
        "ROW<`a b` INT64, `x``y` ROW<z DATE>>",
        "INT64 NOT NULL",
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(texts); i++) {
        expect_text(texts[i], texts[i]);
    }
}

Test(type, names_of_sql_are_understood)
{
    expect_text("bigint", "INT64");
    expect_text(" integer ", "INT32");
    expect_text("smallint not null", "INT16 NOT NULL");
    expect_text("TINYINT NULL", "INT8");
    expect_text("varchar(2147483)", "STRING");
    expect_text("CHAR(3)", "STRING");
    expect_text("double precision", "DOUBLE");
    expect_text("decimal", "DECIMAL(10,0)");
    expect_text("numeric(5)", "DECIMAL(5,0)");
    expect_text("TIMESTAMP(3)", "TIMESTAMP");
    expect_text("timestamp(3) without time zone", "TIMESTAMP");
    expect_text("timestamp_ltz(3)", "TIMESTAMP");
    expect_text("timestamp with local time zone not null", "TIMESTAMP NOT NULL");
    expect_text("time(0) without time zone", "TIME");
    expect_text("row(a int, \"b c\" string)", "ROW<a INT32, `b c` STRING>");
}

Test(type, bad_types_say_what_and_where)
{
    expect_error("", "is not a type");
    expect_error("INT65", "\"INT65\" at column 1 is not a type; known are BOOL");
    expect_error("ARRAY<FOO>", "\"FOO\" at column 7 is not a type");
    expect_error("ARRAY<INT64", "'>' is expected at column 12");
    expect_error("ARRAY", "'<' is expected");
    expect_error("MAP<STRING>", "',' is expected at column 11");
    expect_error("DECIMAL(39,2)", "1 to 38 digits");
    expect_error("DECIMAL(5,6)", "1 to 38 digits");
    expect_error("DECIMAL(5", "')' is expected");
    expect_error("DECIMAL(x)", "a number is expected at column 9");
    expect_error("DECIMAL(99999999999)", "too large");
    expect_error("TIMESTAMP(6)", "milliseconds");
    expect_error("INT64 NOT", "NULL is expected behind NOT");
    expect_error("INT64 x", "something behind the type at column 7");
    expect_error("ROW<a INT64, a STRING>", "'a' is used by field 1 and field 2");
    expect_error("ROW<INT64>", "is not a type");
    expect_error("ROW<`a INT64>", "a quoted name does not end");
}

Test(type, nesting_is_limited_so_that_a_hostile_text_cannot_use_up_the_stack)
{
    char text[20000];
    text[0] = '\0';
    for (int i = 0; i < 3000; i++) {
        strcat(text, "ARRAY<");
    }
    expect_error(text, "more than 16 deep");
    expect_text("ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<INT8>>>>>>>>",
                "ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<INT8>>>>>>>>");
}

Test(type, text_is_cut_and_terminated_like_snprintf)
{
    char out[6];
    const wsl_type type = {.id = WSL_T_TIMESTAMP, .not_null = true};
    memset(out, 'x', sizeof out);
    cr_assert_eq(wsl_type_text(&type, out, sizeof out), strlen("TIMESTAMP NOT NULL"));
    cr_assert_str_eq(out, "TIMES");
    cr_assert_eq(wsl_type_text(&type, NULL, 0), strlen("TIMESTAMP NOT NULL"));
    char whole[128];
    wsl_schema_text(&trade_schema, whole, sizeof whole);
    cr_assert_str_eq(whole, "symbol STRING, quantity INT64, price DOUBLE, ts TIMESTAMP");
}

Test(type, equality_counts_nullability_but_not_names_of_nested_rows)
{
    wsl_type a;
    wsl_type b;
    cr_assert_eq(wsl_type_parse("ROW<x INT64>", &a, NULL), WSL_OK);
    cr_assert_eq(wsl_type_parse("ROW<x INT64>", &b, NULL), WSL_OK);
    wsl_schema renamed = {"other", a.row->n_fields, a.row->fields};
    const wsl_type c = {.id = WSL_T_ROW, .row = &renamed};
    cr_assert(wsl_type_equal(&a, &b));
    cr_assert(wsl_type_equal(&a, &c));
    b.not_null = true;
    cr_assert_not(wsl_type_equal(&a, &b));
    cr_assert_not(wsl_type_equal(&(wsl_type){.id = WSL_T_DECIMAL, .precision = 10, .scale = 2},
                                 &(wsl_type){.id = WSL_T_DECIMAL, .precision = 10, .scale = 3}));
    wsl_type_clear(&a);
    wsl_type_clear(&b);
}

Test(type, only_small_decimals_are_fixed)
{
    cr_assert(wsl_type_is_fixed(&(wsl_type){.id = WSL_T_DECIMAL, .precision = 18}));
    cr_assert_not(wsl_type_is_fixed(&(wsl_type){.id = WSL_T_DECIMAL, .precision = 19}));
    cr_assert(wsl_type_is_fixed(&(wsl_type){.id = WSL_T_TIMESTAMP}));
    cr_assert_not(wsl_type_is_fixed(&(wsl_type){.id = WSL_T_STRING}));
}

static wsl_schema *schema_of(const char *row_type)
{
    wsl_type type;
    wsl_error err;
    cr_assert_eq(wsl_type_parse(row_type, &type, &err), WSL_OK, "%s", err.text);
    wsl_schema *copy = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return copy;
}

Test(schema, fields_are_found_by_name_with_case)
{
    cr_assert_eq(wsl_schema_find(&trade_schema, "price"), 2);
    cr_assert_eq(wsl_schema_find(&trade_schema, "Price"), -1);
    cr_assert_eq(wsl_schema_find(&trade_schema, ""), -1);
}

Test(schema, a_copy_is_equal_and_independent)
{
    WSL_AUTO(wsl_schema) copy = wsl_schema_copy(&trade_schema);
    cr_assert(wsl_schema_equal(copy, &trade_schema));
    cr_assert_neq((const void *)copy->fields[0].name, (const void *)trade_schema.fields[0].name);
    cr_assert_str_eq(copy->name, "trade");
    WSL_AUTO(wsl_schema) deep = schema_of("ROW<a MAP<STRING, ROW<b ARRAY<INT8>>>>");
    WSL_AUTO(wsl_schema) again = wsl_schema_copy(deep);
    cr_assert(wsl_schema_equal(deep, again));
}

Test(schema, the_builder_keeps_the_first_mistake_for_finish)
{
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new("t");
    wsl_schema *made = NULL;
    wsl_error err = {0};
    wsl_schema_builder_add(b, "a", &(wsl_type){.id = WSL_T_INT64});
    wsl_schema_builder_add(b, "", &(wsl_type){.id = WSL_T_INT64});
    wsl_schema_builder_add(b, "a", &(wsl_type){.id = WSL_T_INT64});
    cr_assert_eq(wsl_schema_builder_finish(b, &made, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "schema 't': field 2 has no name");
    cr_assert_null(made);
}

Test(schema, the_builder_refuses_duplicates_long_names_bad_types_and_too_many_fields)
{
    wsl_error err = {0};
    wsl_schema *made = NULL;
    char name[WSL_FIELD_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';

    WSL_AUTO(wsl_schema_builder) dup = wsl_schema_builder_new("t");
    wsl_schema_builder_add(dup, "a", &(wsl_type){.id = WSL_T_INT64});
    wsl_schema_builder_add(dup, "a", &(wsl_type){.id = WSL_T_STRING});
    cr_assert_eq(wsl_schema_builder_finish(dup, &made, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'a' is used by field 1 and field 2"));

    WSL_AUTO(wsl_schema_builder) lng = wsl_schema_builder_new("t");
    wsl_schema_builder_add(lng, name, &(wsl_type){.id = WSL_T_INT64});
    cr_assert_eq(wsl_schema_builder_finish(lng, &made, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "256 bytes"));

    WSL_AUTO(wsl_schema_builder) odd = wsl_schema_builder_new("t");
    wsl_schema_builder_add(odd, "a", &(wsl_type){.id = (wsl_type_id)99});
    cr_assert_eq(wsl_schema_builder_finish(odd, &made, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "number is unknown"));

    WSL_AUTO(wsl_schema_builder) none = wsl_schema_builder_new("t");
    cr_assert_eq(wsl_schema_builder_finish(none, &made, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "has no fields"));

    WSL_AUTO(wsl_schema_builder) many = wsl_schema_builder_new("t");
    for (int i = 0; i <= WSL_FIELDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        wsl_schema_builder_add(many, name, &(wsl_type){.id = WSL_T_INT64});
    }
    cr_assert_eq(wsl_schema_builder_finish(many, &made, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "more than 1024 fields"));
    cr_assert_null(made);
}

static void expect_assignable(const char *from, const char *to, const char *error)
{
    WSL_AUTO(wsl_schema) a = schema_of(from);
    WSL_AUTO(wsl_schema) b = schema_of(to);
    wsl_error err = {0};
    const wsl_status status = wsl_schema_check_assignable(a, b, &err);
    cr_assert_eq(status, error == NULL ? WSL_OK : WSL_TYPE);
    if (error != NULL) {
        cr_assert_str_eq(err.text, error);
    }
}

Test(schema, assignable_means_the_same_fields_in_the_same_order)
{
    expect_assignable("ROW<a INT64, b STRING>", "ROW<a INT64, b STRING>", NULL);
    expect_assignable("ROW<a INT64 NOT NULL>", "ROW<a INT64>", NULL);
    expect_assignable("ROW<a INT64>", "ROW<a INT64 NOT NULL>", "field 'a' is INT64, but INT64 NOT NULL is expected");
    expect_assignable("ROW<a INT64>", "ROW<b INT64>", "field 1 is called 'a', but 'b' is expected");
    expect_assignable("ROW<a INT32>", "ROW<a INT64>", "field 'a' is INT32, but INT64 is expected");
    expect_assignable("ROW<a INT32>", "ROW<a INT32, b STRING>",
                      "field 'b' is expected, but the rows end after 1 fields");
    expect_assignable("ROW<a INT32, b STRING>", "ROW<a INT32>", "field 'b' is not expected, only 1 fields are");
}

static void expect_readable(const char *from, const char *to, const char *error)
{
    WSL_AUTO(wsl_schema) a = schema_of(from);
    WSL_AUTO(wsl_schema) b = schema_of(to);
    wsl_error err = {0};
    const wsl_status status = wsl_schema_check_readable(a, b, &err);
    cr_assert_eq(status, error == NULL ? WSL_OK : WSL_TYPE, "%s -> %s: %s", from, to, err.text);
    if (error != NULL) {
        cr_assert(has_text(err.text, error), "%s", err.text);
    }
}

Test(schema, readable_allows_to_add_remove_reorder_and_widen)
{
    expect_readable("ROW<a INT8, b STRING>", "ROW<b STRING, a INT64>", NULL);
    expect_readable("ROW<a INT8, b STRING>", "ROW<a INT8>", NULL);
    expect_readable("ROW<a INT8>", "ROW<a INT8, new STRING>", NULL);
    expect_readable("ROW<a FLOAT>", "ROW<a DOUBLE>", NULL);
    expect_readable("ROW<a DECIMAL(10,2)>", "ROW<a DECIMAL(30,2)>", NULL);
    expect_readable("ROW<a ARRAY<ROW<x INT8>>>", "ROW<a ARRAY<ROW<y STRING, x INT16>>>", NULL);
    expect_readable("ROW<a INT8 NOT NULL>", "ROW<a INT8>", NULL);

    expect_readable("ROW<a INT64>", "ROW<a INT32>", "'a' was written as INT64 and cannot be read as INT32");
    expect_readable("ROW<a DOUBLE>", "ROW<a FLOAT>", "cannot be read as FLOAT");
    expect_readable("ROW<a INT32>", "ROW<a DOUBLE>", "cannot be read as DOUBLE");
    expect_readable("ROW<a DECIMAL(10,2)>", "ROW<a DECIMAL(12,3)>", "cannot be read");
    expect_readable("ROW<a DECIMAL(10,2)>", "ROW<a DECIMAL(9,2)>", "cannot be read");
    expect_readable("ROW<a INT8>", "ROW<a INT8 NOT NULL>", "cannot be read");
    expect_readable("ROW<a INT8>", "ROW<a INT8, b STRING NOT NULL>", "new field 'b' is NOT NULL");
    expect_readable("ROW<a ROW<x INT64>>", "ROW<a ROW<x INT8>>", "field 'a': field 'x'");
    expect_readable("ROW<a MAP<STRING, INT64>>", "ROW<a MAP<STRING, INT8>>", "cannot be read");
}
