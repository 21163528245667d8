#include "cli/accumulator.h"

#include <string.h>

#include "ckpt/compat.h"
#include "expr/aggregate.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

/* Of the WSL_AGGREGATE function that folds rows. */
static wsl_schema *of_function(const wsl_plugin *plugin, const Wsl__Pb__Operator *op)
{
    for (size_t i = 0; plugin != NULL && i < op->n_functions; i++) {
        if (strcmp(op->functions[i]->role, "aggregate") == 0) {
            const wsl_function *fn = wsl_plugin_function(plugin, op->functions[i]->symbol, WSL_FN_AGGREGATE, NULL);
            return fn != NULL && fn->acc != NULL ? wsl_schema_copy(fn->acc) : NULL;
        }
    }
    return NULL;
}

static const Wsl__Pb__Edge *input_edge(const wsl_job_plan *plan, const Wsl__Pb__Operator *op)
{
    for (size_t e = 0; e < plan->graph->n_edges; e++) {
        if (plan->graph->edges[e]->to == op->id) {
            return plan->graph->edges[e];
        }
    }
    return NULL;
}

static wsl_schema *of_expression(const wsl_job_plan *plan, const Wsl__Pb__Operator *op, const char *text, bool windowed)
{
    const Wsl__Pb__Edge *edge = input_edge(plan, op);
    WSL_AUTO(wsl_schema) input = wsl_compat_input(plan, op, 0);
    WSL_AUTO(wsl_aggregate) aggregate = NULL;
    if (edge == NULL || input == NULL || text == NULL) {
        return NULL;
    }
    const char *const *keys = (const char *const *)edge->keys;
    const uint32_t n = (uint32_t)edge->n_keys;
    const wsl_status status = windowed ? wsl_aggregate_new_windowed(text, input, keys, n, &aggregate, NULL)
                                       : wsl_aggregate_new(text, input, keys, n, &aggregate, NULL);
    return status == WSL_OK ? wsl_schema_copy(wsl_aggregate_state_schema(aggregate)) : NULL;
}

wsl_schema *cli_accumulator(void *arg, const wsl_job_plan *plan, const Wsl__Pb__Operator *op)
{
    const char *select = wsl_pb_option(op->options, op->n_options, "select");
    if (strcmp(op->kind, "aggregate") == 0) {
        return of_expression(plan, op, wsl_pb_option(op->options, op->n_options, "expr"), false);
    }
    return wsl_pb_is_set(select) ? of_expression(plan, op, select, true) : of_function(arg, op);
}
