/* What becomes of rows that were written with an older schema. */
#include "harness/wsl_test.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "data/evolution.h"
#include "data/migrate.h"
#include "data/row_text.h"

#define PASTS(...) ((const wsl_field_past[]){__VA_ARGS__, {NULL, NULL, NULL}})

static wsl_schema *schema_of(const char *text)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse(text, &type, &err), WSL_OK, "%s", err.text);
    wsl_schema *schema = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return schema;
}

static void add_change(void *arg, wsl_change_kind kind, const char *field, const char *sentence)
{
    static const char *const kinds[] = {"added", "removed", "renamed", "widened", "impossible"};
    wsl_strbuf_printf(arg, "%s %s: %s\n", kinds[kind], field, sentence);
}

static void changes(const char *from, const char *to, const wsl_field_past *pasts, const char *expected)
{
    WSL_AUTO(wsl_schema) a = schema_of(from);
    WSL_AUTO(wsl_schema) b = schema_of(to);
    wsl_strbuf text;
    wsl_error err = {0};
    wsl_strbuf_init(&text);
    wsl_evolution_each(a, b, pasts, add_change, &text);
    cr_assert_str_eq(text.data, expected);
    const bool impossible = has_text(expected, "impossible");
    cr_assert_eq(wsl_evolution_check(a, b, pasts, &err), impossible ? WSL_TYPE : WSL_OK);
    wsl_migration *m = NULL;
    cr_assert_eq(wsl_migration_new_with(a, b, pasts, &m, NULL), impossible ? WSL_TYPE : WSL_OK);
    wsl_migration_free(m);
    wsl_strbuf_fini(&text);
}

Test(evolution, each_difference_is_one_sentence)
{
    changes("ROW<a INT64, b STRING>", "ROW<b STRING, a INT64>", NULL, "");
    changes("ROW<a INT32>", "ROW<a INT64, c STRING>", NULL,
            "widened a: field 'a' was INT32 and is INT64\nadded c: field 'c' is new: null in what was kept\n");
    changes("ROW<a INT32, gone STRING>", "ROW<b INT64, c STRING>", PASTS({"b", "a", NULL}, {"c", NULL, "x"}),
            "renamed b: field 'b' was called 'a'\nwidened b: field 'b' was INT32 and is INT64\n"
            "added c: field 'c' is new: 'x' in what was kept\nremoved gone: field 'gone' is left out\n");
    changes("ROW<a INT64>", "ROW<b INT64>", NULL, "added b: field 'b' is new: null in what was kept\nremoved a: field 'a' is left out\n");
}

Test(evolution, todays_name_goes_before_the_one_it_had)
{
    changes("ROW<a INT64, b INT64>", "ROW<b INT64>", PASTS({"b", "a", NULL}), "removed a: field 'a' is left out\n");
}

Test(evolution, what_cannot_be_names_the_field)
{
    changes("ROW<a INT64>", "ROW<a INT32>", NULL, "impossible a: field 'a' was written as INT64 and cannot be read as INT32\n");
    changes("ROW<a INT64>", "ROW<b STRING>", PASTS({"b", "a", NULL}),
            "impossible b: field 'a' was written as INT64 and cannot be read as STRING\n");
    changes("ROW<a INT64>", "ROW<a INT64, n INT64 NOT NULL>", NULL,
            "impossible n: the new field 'n' is NOT NULL, but rows written before do not have it; make it nullable or declare a value "
            "for them\n");
    changes("ROW<a INT64>", "ROW<a INT64, n INT64 NOT NULL>", PASTS({"n", NULL, "7"}), "added n: field 'n' is new: '7' in what was kept\n");
}

static void value_is(const char *type, const char *text, const char *expected)
{
    char *to = wsl_asprintf("ROW<v %s>", type);
    WSL_AUTO(wsl_schema) none = schema_of("ROW<other INT64>");
    WSL_AUTO(wsl_schema) one = schema_of(to);
    WSL_AUTO(wsl_migration) m = NULL;
    _Alignas(8) uint8_t before[256], after[256];
    wsl_row_writer w;
    wsl_strbuf shown;
    wsl_error err = {0};
    const wsl_field_past *pasts = PASTS({"v", NULL, text});
    cr_assert_eq(wsl_field_pasts_check(one, pasts, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_migration_new_with(none, one, pasts, &m, &err), WSL_OK, "%s", err.text);
    cr_assert(wsl_row_writer_init(&w, before, sizeof before, 1));
    cr_assert_gt(wsl_migration_run(m, w.row, after, sizeof after), 0);
    wsl_strbuf_init(&shown);
    wsl_row_print((const wsl_row *)(const void *)after, one, &shown);
    cr_assert(has_text(shown.data, expected), "%s of %s is %s", text, type, shown.data);
    wsl_strbuf_fini(&shown);
    free(to);
}

Test(evolution, values_for_rows_without_the_field_are_of_every_type)
{
    value_is("BOOL", "true", "true");
    value_is("INT8", "-128", "-128");
    value_is("INT64", "9223372036854775807", "9223372036854775807");
    value_is("FLOAT", "0.5", "0.5");
    value_is("DOUBLE", "-1e30", "1e+30");
    value_is("DECIMAL(10,2)", "12.5", "12.50");
    value_is("DECIMAL(30,2)", "12.5", "12.50");
    value_is("STRING", "EUR", "EUR");
    value_is("DATE", "2024-02-29", "2024-02-29");
    value_is("TIME", "12:30:00", "12:30:00");
    value_is("TIMESTAMP", "2024-02-29 12:30:00", "2024-02-29");
}

static void refused(const char *schema, const wsl_field_past *pasts, const char *says)
{
    WSL_AUTO(wsl_schema) s = schema_of(schema);
    wsl_error err = {0};
    cr_assert_neq(wsl_field_pasts_check(s, pasts, &err), WSL_OK);
    cr_assert(has_text(err.text, says), "'%s' does not say '%s'", err.text, says);
}

Test(evolution, declarations_are_about_fields_that_there_are)
{
    refused("ROW<a INT64>", PASTS({"b", "c", NULL}), "no such field");
    refused("ROW<a INT64>", PASTS({"a", "c", NULL}, {"a", NULL, "1"}), "declared twice");
    refused("ROW<a INT8>", PASTS({"a", NULL, "128"}), "the past of field 'a': '128' is no value of type INT8");
    refused("ROW<a BOOL>", PASTS({"a", NULL, "yes"}), "'yes' is no value of type BOOL");
    refused("ROW<a ARRAY<INT64>>", PASTS({"a", NULL, "[]"}), "cannot be given a value");
    WSL_AUTO(wsl_schema) s = schema_of("ROW<a INT64>");
    cr_assert_eq(wsl_field_pasts_check(s, NULL, NULL), WSL_OK);
}

static void keys(const char *from, const char *to, wsl_status expected, bool same)
{
    WSL_AUTO(wsl_schema) a = schema_of(from);
    WSL_AUTO(wsl_schema) b = schema_of(to);
    wsl_error err = {0};
    bool is_same = false;
    cr_assert_eq(wsl_evolution_check_key(a, b, &is_same, &err), expected, "%s -> %s: %s", from, to, err.text);
    cr_assert(expected != WSL_OK || is_same == same, "%s -> %s", from, to);
}

Test(evolution, keys_of_entries_keep_their_types_or_their_names)
{
    keys("ROW<symbol STRING>", "ROW<ticker STRING>", WSL_OK, true);
    keys("ROW<id INT32>", "ROW<id INT64>", WSL_OK, false);
    keys("ROW<id INT32>", "ROW<number INT64>", WSL_TYPE, false);
    keys("ROW<id INT64>", "ROW<id INT64, more STRING>", WSL_TYPE, false);
    keys("ROW<id INT64>", "ROW<id STRING>", WSL_TYPE, false);
}
