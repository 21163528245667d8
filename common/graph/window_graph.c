/*
 * A window operator as it stands in a graph: functions are names that a library resolves.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"
#include "graph/window_options.h"

static void name_function(Wsl__Pb__Operator *op, const char *role, const wsl_function *fn)
{
    if (fn != NULL) {
        Wsl__Pb__FunctionRef *ref = wsl_alloc(sizeof *ref);
        wsl__pb__function_ref__init(ref);
        wsl_pb_set(&ref->role, role);
        wsl_pb_set(&ref->symbol, fn->name);
        *WSL_PB_APPEND(op->functions, op->n_functions) = ref;
    }
}

void wsl_window_name_functions(const wsl_window_functions *functions, Wsl__Pb__Operator *op)
{
    name_function(op, "reduce", functions->reduce);
    name_function(op, "aggregate", functions->aggregate);
    name_function(op, "window", functions->window);
    name_function(op, "trigger", functions->trigger);
    name_function(op, "evictor", functions->evictor);
    name_function(op, "gap", functions->gap);
}

static wsl_status find_functions(const Wsl__Pb__Operator *op, const wsl_plugin *plugin, wsl_window_functions *out,
                                 wsl_error *err)
{
    for (size_t i = 0; i < op->n_functions; i++) {
        const Wsl__Pb__FunctionRef *ref = op->functions[i];
        const wsl_function **at = wsl_window_function_at(out, ref->role);
        if (at == NULL) {
            return wsl_fail(err, WSL_INVALID, "a window has no use for a function as '%.60s'", ref->role);
        }
        if (*at != NULL) {
            return wsl_fail(err, WSL_INVALID, "a window has one %s function, not two", ref->role);
        }
        *at = wsl_plugin_function(plugin, ref->symbol, wsl_function_role_kind(ref->role), err);
        if (*at == NULL) {
            return wsl_fail_prefix(err, WSL_NOT_FOUND, "the %s function", ref->role);
        }
    }
    return WSL_OK;
}

/* Late rows leave as they came. */
static wsl_status check_late_side(Wsl__Pb__Operator *op, const char *tag, const wsl_schema *input, wsl_error *err)
{
    for (size_t i = 0; tag != NULL && i < op->n_sides; i++) {
        if (strcmp(op->sides[i]->tag, tag) == 0) {
            WSL_AUTO(wsl_schema) schema = NULL;
            WSL_TRY(wsl_schema_from_pb(op->sides[i]->schema, &schema, err));
            const wsl_status status = wsl_schema_check_assignable(input, schema, err);
            return status != WSL_OK ? wsl_fail_prefix(err, status, "side output '%s' of late rows", tag) : WSL_OK;
        }
    }
    if (tag != NULL) {
        Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
        wsl__pb__side_output__init(side);
        wsl_pb_set(&side->tag, tag);
        side->schema = wsl_schema_to_pb(input);
        *WSL_PB_APPEND(op->sides, op->n_sides) = side;
    }
    return WSL_OK;
}

wsl_status wsl_window_check_operator(Wsl__Pb__Operator *op, const wsl_config *config, const wsl_plugin *plugin,
                                     const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                                     wsl_schema **out_schema, wsl_error *err)
{
    wsl_windowing windows;
    const char *select = NULL;
    wsl_window_functions functions = {0};
    WSL_TRY(wsl_window_from_config(config, &windows, &select, err));
    WSL_TRY(check_late_side(op, windows.late_tag, input, err));
    const bool two_inputs = wsl_pb_is_set(op->function);
    if (!two_inputs && (wsl_config_str(config, "late-left") != NULL || wsl_config_str(config, "late-right") != NULL)) {
        return wsl_fail(err, WSL_INVALID, "late-left and late-right are for windows of two inputs; say late-tag");
    }
    if (plugin == NULL && (op->n_functions > 0 || two_inputs)) {
        *out_schema = NULL;
        return wsl_window_check(&windows, err);
    }
    WSL_TRY(find_functions(op, plugin, &functions, err));
    if (two_inputs) {
        const wsl_operator_kind *kind = wsl_operator_kind_find(op->kind);
        functions.pair = wsl_plugin_function(plugin, op->function, kind->function_kind, err);
        if (functions.pair == NULL) {
            return WSL_NOT_FOUND;
        }
    }
    return wsl_window_check_types(&windows, select, &functions, input, keys, n_keys, out_schema, err);
}
