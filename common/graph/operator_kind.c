#include "graph/operator_kind.h"

#include <string.h>

#include "base/alloc.h"
#include "expr/aggregate.h"
#include "expr/expr.h"
#include "graph/operator_options.h"
#include "graph/window_options.h"

/* clang-format off */
static const wsl_operator_kind kinds[] = {
    {.name = "source",        .label = "Source: ", .source = true, .output = WSL_OUTPUT_DECLARED},
    {.name = "sink",          .label = "Sink: ", .sink = true, .output = WSL_OUTPUT_NONE},
    {.name = "process",       .label = "", .takes_function = true, .function_kind = WSL_FN_PROCESS, .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "filter",        .label = "", .takes_function = true, .function_kind = WSL_FN_FILTER, .output = WSL_OUTPUT_SAME, .options = wsl_function_options},
    {.name = "keyed_process", .label = "", .takes_function = true, .function_kind = WSL_FN_KEYED_PROCESS, .keyed = true,
     .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "reduce",        .label = "", .takes_function = true, .function_kind = WSL_FN_REDUCE, .keyed = true,
     .output = WSL_OUTPUT_SAME},
    {.name = "where",         .label = "", .output = WSL_OUTPUT_SAME, .options = wsl_where_options},
    {.name = "select",        .label = "", .output = WSL_OUTPUT_DERIVED, .options = wsl_select_options},
    {.name = "aggregate",     .label = "", .keyed = true, .output = WSL_OUTPUT_DERIVED, .options = wsl_aggregate_options},
    {.name = "split",         .label = "", .output = WSL_OUTPUT_DERIVED, .options = wsl_split_options},
    {.name = "watermarks",    .label = "", .function_kind = WSL_FN_WATERMARKS, .output = WSL_OUTPUT_SAME,
     .options = wsl_watermarks_options},
    {.name = "co_process",    .label = "", .takes_function = true, .function_kind = WSL_FN_CO_PROCESS, .two_inputs = true,
     .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "keyed_co_process", .label = "", .takes_function = true, .function_kind = WSL_FN_KEYED_CO_PROCESS,
     .two_inputs = true, .keyed = true, .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "broadcast_process", .label = "", .takes_function = true, .function_kind = WSL_FN_BROADCAST_PROCESS,
     .two_inputs = true, .broadcast = true, .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "keyed_broadcast_process", .label = "", .takes_function = true,
     .function_kind = WSL_FN_KEYED_BROADCAST_PROCESS, .two_inputs = true, .broadcast = true, .keyed = true,
     .output = WSL_OUTPUT_DECLARED, .options = wsl_function_options},
    {.name = "interval_join", .label = "", .takes_function = true, .function_kind = WSL_FN_JOIN, .two_inputs = true,
     .keyed = true, .output = WSL_OUTPUT_DECLARED, .options = wsl_interval_join_options},
    {.name = "window_join",   .label = "", .takes_function = true, .function_kind = WSL_FN_JOIN, .two_inputs = true,
     .keyed = true, .output = WSL_OUTPUT_DECLARED, .options = wsl_window_options},
    {.name = "co_group",      .label = "", .takes_function = true, .function_kind = WSL_FN_CO_GROUP, .two_inputs = true,
     .keyed = true, .output = WSL_OUTPUT_DECLARED, .options = wsl_window_options},
    {.name = "window",        .label = "", .keyed = true, .output = WSL_OUTPUT_DERIVED, .options = wsl_window_options},
    {.name = "window_all",    .label = "", .single = true, .output = WSL_OUTPUT_DERIVED, .options = wsl_window_options},
    {.name = "async",         .label = "", .takes_function = true, .function_kind = WSL_FN_ASYNC, .heads_chain = true,
     .output = WSL_OUTPUT_DECLARED, .options = wsl_async_operator_options},
    {.name = NULL},
};
/* clang-format on */

const wsl_operator_kind *wsl_operator_kinds(void) { return kinds; }

const wsl_operator_kind *wsl_operator_kind_find(const char *name)
{
    for (const wsl_operator_kind *k = kinds; k->name != NULL; k++) {
        if (strcmp(k->name, name) == 0) {
            return k;
        }
    }
    return NULL;
}

wsl_function_kind wsl_function_role_kind(const char *role)
{
    static const struct {
        const char *role;
        wsl_function_kind kind;
    } roles[] = {{"window", WSL_FN_WINDOW},   {"aggregate", WSL_FN_AGGREGATE}, {"reduce", WSL_FN_REDUCE},
                 {"trigger", WSL_FN_TRIGGER}, {"evictor", WSL_FN_EVICTOR},     {"gap", WSL_FN_SESSION_GAP}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].role, role) == 0) {
            return roles[i].kind;
        }
    }
    return (wsl_function_kind)0;
}

/* ---- output schemas ---- */

static wsl_status derive_where(const char *expr, const wsl_schema *input, wsl_schema **out_schema, wsl_error *err)
{
    WSL_AUTO(wsl_expr) predicate = NULL;
    WSL_TRY(wsl_expr_predicate(expr, input, &predicate, err));
    *out_schema = wsl_schema_copy(input);
    return WSL_OK;
}

static wsl_status derive_select(const char *expr, const wsl_schema *input, wsl_schema **out_schema, wsl_error *err)
{
    WSL_AUTO(wsl_expr) projection = NULL;
    WSL_TRY(wsl_expr_projection(expr, input, &projection, err));
    *out_schema = wsl_schema_copy(wsl_expr_schema(projection));
    return WSL_OK;
}

static wsl_status derive_aggregate(const char *expr, const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                                   wsl_schema **out_schema, wsl_error *err)
{
    WSL_AUTO(wsl_aggregate) aggregate = NULL;
    WSL_TRY(wsl_aggregate_new(expr, input, keys, n_keys, &aggregate, err));
    *out_schema = wsl_schema_copy(wsl_aggregate_schema(aggregate));
    return WSL_OK;
}

static wsl_status derive_split(const wsl_config *config, const wsl_schema *input, wsl_schema **out_schema,
                               wsl_error *err)
{
    const char *field = wsl_config_str(config, "field");
    const char *separator = wsl_config_str(config, "separator");
    const int at = wsl_schema_find(input, field);
    if (at < 0 || input->fields[at].type.id != WSL_T_STRING) {
        char text[WSL_ERROR_TEXT_MAX / 2];
        (void)wsl_schema_text(input, text, sizeof text);
        return wsl_fail(err, WSL_TYPE, "option 'field': the input has no STRING field '%s', only (%s)", field, text);
    }
    if (separator != NULL && separator[0] == '\0') {
        return wsl_fail(err, WSL_INVALID, "option 'separator' is empty; leave it out to split at white space");
    }
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new("split");
    const wsl_type string = {.id = WSL_T_STRING};
    wsl_schema_builder_add(b, wsl_config_str(config, "as"), &string);
    return wsl_schema_builder_finish(b, out_schema, err);
}

static wsl_status derive_watermarks(const wsl_config *config, const wsl_schema *input, wsl_schema **out_schema,
                                    wsl_error *err)
{
    const char *timestamp = wsl_config_str(config, "timestamp");
    if (timestamp != NULL) {
        WSL_AUTO(wsl_expr) expr = NULL;
        wsl_status status = wsl_expr_projection(timestamp, input, &expr, err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "option 'timestamp'");
        }
        const wsl_schema *schema = wsl_expr_schema(expr);
        if (schema->n_fields != 1 ||
            (schema->fields[0].type.id != WSL_T_TIMESTAMP && schema->fields[0].type.id != WSL_T_INT64)) {
            char text[128];
            (void)wsl_type_text(&schema->fields[0].type, text, sizeof text);
            return wsl_fail(err, WSL_TYPE,
                            "option 'timestamp': '%s' is %s; it must be one TIMESTAMP, or INT64 in milliseconds",
                            timestamp, schema->n_fields != 1 ? "a list" : text);
        }
    }
    *out_schema = wsl_schema_copy(input);
    return WSL_OK;
}

wsl_status wsl_operator_derive(const wsl_operator_kind *kind, const wsl_config *config, const wsl_schema *input,
                               const char *const *keys, uint32_t n_keys, wsl_schema **out_schema, wsl_error *err)
{
    if (kind->options == wsl_where_options) {
        return derive_where(wsl_config_str(config, "expr"), input, out_schema, err);
    }
    if (kind->options == wsl_select_options) {
        return derive_select(wsl_config_str(config, "expr"), input, out_schema, err);
    }
    if (kind->options == wsl_aggregate_options) {
        return derive_aggregate(wsl_config_str(config, "expr"), input, keys, n_keys, out_schema, err);
    }
    if (kind->options == wsl_split_options) {
        return derive_split(config, input, out_schema, err);
    }
    if (kind->options == wsl_watermarks_options) {
        return derive_watermarks(config, input, out_schema, err);
    }
    *out_schema = wsl_schema_copy(input); /* filter, reduce */
    return WSL_OK;
}
