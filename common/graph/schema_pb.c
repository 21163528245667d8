#include <string.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "graph/pb.h"

/* ---- to protobuf ---- */

static Wsl__Pb__Type *type_to_pb(const wsl_type *type)
{
    Wsl__Pb__Type *pb = wsl_alloc(sizeof *pb);
    wsl__pb__type__init(pb);
    pb->id = (uint32_t)type->id;
    pb->not_null = type->not_null;
    pb->precision = type->precision;
    pb->scale = type->scale;
    pb->element = type->element != NULL ? type_to_pb(type->element) : NULL;
    pb->key = type->key != NULL ? type_to_pb(type->key) : NULL;
    pb->row = type->row != NULL ? wsl_schema_to_pb(type->row) : NULL;
    return pb;
}

Wsl__Pb__Schema *wsl_schema_to_pb(const wsl_schema *schema)
{
    Wsl__Pb__Schema *pb = wsl_alloc(sizeof *pb);
    wsl__pb__schema__init(pb);
    wsl_pb_set(&pb->name, schema->name != NULL ? schema->name : "");
    pb->fields = wsl_calloc(schema->n_fields + 1u, sizeof(pb->fields[0]));
    pb->n_fields = schema->n_fields;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        Wsl__Pb__Field *field = wsl_alloc(sizeof *field);
        wsl__pb__field__init(field);
        wsl_pb_set(&field->name, schema->fields[i].name);
        field->type = type_to_pb(&schema->fields[i].type);
        pb->fields[i] = field;
    }
    return pb;
}

/* ---- from protobuf, which may come from anybody ---- */

static wsl_status schema_from_pb(const Wsl__Pb__Schema *pb, uint32_t depth, wsl_schema **out_schema, wsl_error *err);

/* Nested parts of a type that was only partly built are freed with it. */
static wsl_status type_from_pb(const Wsl__Pb__Type *pb, uint32_t depth, wsl_type *out, wsl_error *err);

static wsl_status nested_from_pb(const Wsl__Pb__Type *pb, uint32_t depth, const wsl_type **out, wsl_error *err)
{
    wsl_type *nested = wsl_zalloc(sizeof *nested);
    const wsl_status status = type_from_pb(pb, depth + 1, nested, err);
    if (status != WSL_OK) {
        free(nested);
        return status;
    }
    *out = nested;
    return WSL_OK;
}

static wsl_status parts_from_pb(const Wsl__Pb__Type *pb, uint32_t depth, wsl_type *type, wsl_error *err)
{
    const bool has_element = type->id == WSL_T_ARRAY || type->id == WSL_T_MAP;
    if (has_element != (pb->element != NULL) || (type->id == WSL_T_MAP) != (pb->key != NULL) ||
        (type->id == WSL_T_ROW) != (pb->row != NULL)) {
        return wsl_fail(err, WSL_FORMAT, "a type of kind %u has the wrong parts", pb->id);
    }
    if (pb->element != NULL) {
        WSL_TRY(nested_from_pb(pb->element, depth, &type->element, err));
    }
    if (pb->key != NULL) {
        WSL_TRY(nested_from_pb(pb->key, depth, &type->key, err));
    }
    if (pb->row != NULL) {
        wsl_schema *row = NULL;
        WSL_TRY(schema_from_pb(pb->row, depth + 1, &row, err));
        type->row = row;
    }
    return WSL_OK;
}

static wsl_status type_from_pb(const Wsl__Pb__Type *pb, uint32_t depth, wsl_type *out, wsl_error *err)
{
    if (depth > WSL_TYPE_DEPTH_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "types are nested more than %d deep", WSL_TYPE_DEPTH_MAX);
    }
    if (pb->id < WSL_T_BOOL || pb->id > WSL_T_ROW) {
        return wsl_fail(err, WSL_FORMAT, "there is no type number %u", pb->id);
    }
    wsl_type type = {.id = (wsl_type_id)pb->id, .not_null = pb->not_null};
    if (type.id == WSL_T_DECIMAL) {
        if (pb->precision < 1 || pb->precision > WSL_DECIMAL_PRECISION_MAX || pb->scale > pb->precision) {
            return wsl_fail(err, WSL_FORMAT, "DECIMAL(%u,%u) is not possible: precision is 1 to %d, scale at most that",
                            pb->precision, pb->scale, WSL_DECIMAL_PRECISION_MAX);
        }
        type.precision = (uint8_t)pb->precision;
        type.scale = (uint8_t)pb->scale;
    }
    const wsl_status status = parts_from_pb(pb, depth, &type, err);
    if (status != WSL_OK) {
        wsl_type_clear(&type);
        return status;
    }
    *out = type;
    return WSL_OK;
}

static wsl_status schema_from_pb(const Wsl__Pb__Schema *pb, uint32_t depth, wsl_schema **out_schema, wsl_error *err)
{
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new(pb->name);
    if (pb->n_fields > WSL_FIELDS_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "a schema has %zu fields; at most %d are possible", pb->n_fields,
                        WSL_FIELDS_MAX);
    }
    for (size_t i = 0; i < pb->n_fields; i++) {
        const Wsl__Pb__Field *field = pb->fields[i];
        wsl_type type;
        if (field->type == NULL) {
            return wsl_fail(err, WSL_FORMAT, "field '%s' has no type", field->name);
        }
        WSL_TRY(type_from_pb(field->type, depth, &type, err));
        wsl_schema_builder_add(b, field->name, &type);
        wsl_type_clear(&type);
    }
    return wsl_schema_builder_finish(b, out_schema, err);
}

wsl_status wsl_schema_from_pb(const Wsl__Pb__Schema *pb, wsl_schema **out_schema, wsl_error *err)
{
    return schema_from_pb(pb, 1, out_schema, err);
}

wsl_field_past *wsl_field_pasts_from_pb(const Wsl__Pb__StateDesc *state)
{
    if (state->n_pasts == 0) {
        return NULL;
    }
    wsl_field_past *pasts = wsl_calloc(state->n_pasts + 1, sizeof *pasts);
    for (size_t i = 0; i < state->n_pasts; i++) {
        const Wsl__Pb__FieldPast *past = state->pasts[i];
        pasts[i] = (wsl_field_past){
            .field = past->field,
            .was = wsl_pb_is_set(past->was) ? past->was : NULL,
            .value = past->has_value ? past->value : NULL,
        };
    }
    return pasts;
}
