#include "harness/wsl_test.h"

#include <stdio.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "graph/pb.h"

static wsl_schema *parse(const char *fields)
{
    wsl_error err;
    wsl_type type;
    char text[512];
    (void)snprintf(text, sizeof text, "ROW<%s>", fields);
    cr_assert_eq(wsl_type_parse(text, &type, &err), WSL_OK, "%s", err.text);
    wsl_schema *schema = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return schema;
}

Test(schema_pb, every_type_survives)
{
    static const char *const all[] = {
        "a BOOL, b INT8, c INT16, d INT32, e INT64, f FLOAT, g DOUBLE, h STRING NOT NULL, i BYTES, j DATE, k TIME",
        "a TIMESTAMP NOT NULL, b DECIMAL(10,2), c DECIMAL(38,0), d ARRAY<STRING NOT NULL> NOT NULL",
        "a MAP<STRING, ARRAY<INT64>>, b ROW<x INT64, y ROW<z DOUBLE>>",
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        wsl_error err;
        WSL_AUTO(wsl_schema) schema = parse(all[i]);
        WSL_AUTO(wsl_schema) back = NULL;
        Wsl__Pb__Schema *pb = wsl_schema_to_pb(schema);
        cr_assert_eq(wsl_schema_from_pb(pb, &back, &err), WSL_OK, "%s", err.text);
        cr_assert(wsl_schema_equal(schema, back), "%s", all[i]);
        wsl__pb__schema__free_unpacked(pb, NULL);
    }
}

typedef struct bad {
    const char *fields;
    void (*breaks)(Wsl__Pb__Schema *pb);
    const char *sentence;
} bad;

static void unknown_type(Wsl__Pb__Schema *pb) { pb->fields[0]->type->id = 17; }
static void type_zero(Wsl__Pb__Schema *pb) { pb->fields[0]->type->id = 0; }
static void precision(Wsl__Pb__Schema *pb) { pb->fields[0]->type->precision = 39; }
static void scale(Wsl__Pb__Schema *pb) { pb->fields[0]->type->scale = 11; }
static void no_element(Wsl__Pb__Schema *pb) { pb->fields[0]->type->id = WSL_T_ARRAY; }
static void odd_element(Wsl__Pb__Schema *pb) { pb->fields[0]->type->id = WSL_T_INT64; }
static void no_type(Wsl__Pb__Schema *pb)
{
    wsl__pb__type__free_unpacked(pb->fields[0]->type, NULL);
    pb->fields[0]->type = NULL;
}
static void no_fields(Wsl__Pb__Schema *pb)
{
    wsl__pb__field__free_unpacked(pb->fields[0], NULL);
    pb->n_fields = 0;
}
static void same_name(Wsl__Pb__Schema *pb) { wsl_pb_set(&pb->fields[1]->name, "a"); }

Test(schema_pb, what_is_no_type_is_refused)
{
    static const bad table[] = {
        {"a INT64", unknown_type, "there is no type number 17"},
        {"a INT64", type_zero, "there is no type number 0"},
        {"a DECIMAL(10,2)", precision, "DECIMAL(39,2) is not possible: precision is 1 to 38, scale at most that"},
        {"a DECIMAL(10,2)", scale, "DECIMAL(10,11) is not possible: precision is 1 to 38, scale at most that"},
        {"a INT64", no_element, "a type of kind 14 has the wrong parts"},
        {"a ARRAY<INT64>", odd_element, "a type of kind 5 has the wrong parts"},
        {"a INT64", no_type, "field 'a' has no type"},
        {"a INT64", no_fields, "has no fields"},
        {"a INT64, b INT64", same_name, "'a'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        wsl_schema *back = NULL;
        WSL_AUTO(wsl_schema) schema = parse(table[i].fields);
        Wsl__Pb__Schema *pb = wsl_schema_to_pb(schema);
        table[i].breaks(pb);
        cr_assert_neq(wsl_schema_from_pb(pb, &back, &err), WSL_OK, "%s", table[i].sentence);
        cr_assert(has_text(err.text, table[i].sentence), "%s", err.text);
        cr_assert_null(back);
        wsl__pb__schema__free_unpacked(pb, NULL);
    }
}

Test(schema_pb, types_nested_deeper_than_the_maximum_are_refused)
{
    wsl_error err;
    wsl_schema *back = NULL;
    Wsl__Pb__Type *type = NULL;
    for (int depth = 0; depth < WSL_TYPE_DEPTH_MAX + 1; depth++) {
        Wsl__Pb__Type *outer = wsl_alloc(sizeof *outer);
        wsl__pb__type__init(outer);
        outer->id = type != NULL ? WSL_T_ARRAY : WSL_T_INT64;
        outer->element = type;
        type = outer;
    }
    Wsl__Pb__Field *field = wsl_alloc(sizeof *field);
    wsl__pb__field__init(field);
    wsl_pb_set(&field->name, "a");
    field->type = type;
    Wsl__Pb__Schema pb = WSL__PB__SCHEMA__INIT;
    pb.n_fields = 1;
    pb.fields = &field;
    cr_assert_eq(wsl_schema_from_pb(&pb, &back, &err), WSL_TOO_LARGE);
    cr_assert_str_eq(err.text, "types are nested more than 16 deep");
    wsl__pb__field__free_unpacked(field, NULL);
}
