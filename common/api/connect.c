/*
 * Operators with two inputs. Types and keys of both sides are checked as the operator's stream is made (graph_check).
 */
#include <wiesel/connect.h>

#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/assert.h"
#include "graph/pb.h"
#include "graph/window_options.h"

/* The operator over both streams, without a stream of its own yet; NULL after an error. */
static Wsl__Pb__Operator *over_both(wsl_stream *first, wsl_stream *second, const char *kind, const char *name,
                                    const wsl_function *fn, wsl_function_kind fn_kind)
{
    WSL_ASSERT(first != NULL && second != NULL);
    wsl_env *env = first->env;
    if (second->env != env) {
        (void)wsl_env_fail(env, "'%s' connects streams of two jobs", name);
    }
    if (!wsl_env_check_function(env, name, fn, fn_kind) || !wsl_env_check_input(env, first, name, fn->in) ||
        !wsl_env_check_input(env, second, name, fn->in2)) {
        return NULL;
    }
    Wsl__Pb__Operator *op = wsl_env_function_operator(env, kind, name, fn);
    op->output = wsl_schema_to_pb(fn->out != NULL ? fn->out : first->schema);
    wsl_env_connect_input(env, first, op, 0);
    wsl_env_connect_input(env, second, op, 1);
    return op;
}

static wsl_stream *connect(wsl_stream *first, wsl_stream *second, const char *kind, const char *name,
                           const wsl_function *fn, wsl_function_kind fn_kind)
{
    const Wsl__Pb__Operator *op = over_both(first, second, kind, name, fn, fn_kind);
    return op != NULL ? wsl_env_output(first->env, op) : &first->env->nothing.stream;
}

wsl_stream *wsl_co_process(wsl_stream *first, wsl_stream *second, const char *name, const wsl_function *function)
{
    return connect(first, second, "co_process", name, function, WSL_FN_CO_PROCESS);
}

wsl_stream *wsl_keyed_co_process(wsl_keyed_stream *first, wsl_keyed_stream *second, const char *name,
                                 const wsl_function *function)
{
    return connect(&first->stream, &second->stream, "keyed_co_process", name, function, WSL_FN_KEYED_CO_PROCESS);
}

wsl_stream *wsl_broadcast_process(wsl_stream *stream, wsl_stream *broadcast, const char *name,
                                  const wsl_function *function)
{
    return connect(stream, broadcast, "broadcast_process", name, function, WSL_FN_BROADCAST_PROCESS);
}

wsl_stream *wsl_keyed_broadcast_process(wsl_keyed_stream *stream, wsl_stream *broadcast, const char *name,
                                        const wsl_function *function)
{
    return connect(&stream->stream, broadcast, "keyed_broadcast_process", name, function,
                   WSL_FN_KEYED_BROADCAST_PROCESS);
}

/* ---- interval join ---- */

wsl_stream *wsl_interval_join(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name, int64_t lower_ms,
                              int64_t upper_ms, wsl_interval_bounds bounds, const wsl_function *join)
{
    static const char *const names[] = {"inclusive", "lower-exclusive", "upper-exclusive", "exclusive"};
    wsl_env *env = left->stream.env;
    char lower[32];
    char upper[32];
    if ((size_t)bounds >= WSL_ARRAY_LEN(names)) {
        (void)wsl_env_fail(env, "'%s': there are no bounds of kind %d", name, (int)bounds);
    }
    Wsl__Pb__Operator *op = over_both(&left->stream, &right->stream, "interval_join", name, join, WSL_FN_JOIN);
    if (op == NULL) {
        return &env->nothing.stream;
    }
    (void)snprintf(lower, sizeof lower, "%lld", (long long)lower_ms);
    (void)snprintf(upper, sizeof upper, "%lld", (long long)upper_ms);
    wsl_env_settings(op, WSL_OPTIONS({"lower", lower}, {"upper", upper}, {"bounds", names[bounds]}));
    return wsl_env_output(env, op);
}

static bool has_side(const Wsl__Pb__Operator *op, const char *tag)
{
    bool found = false;
    for (size_t i = 0; i < op->n_sides && !found; i++) {
        found = strcmp(op->sides[i]->tag, tag) == 0;
    }
    return found;
}

/* Late rows leave as they came: the side output has the type of what feeds that input. */
static void add_late_side(wsl_env *env, Wsl__Pb__Operator *op, uint32_t input, const char *option, const char *tag)
{
    wsl_pb_add_option(&op->options, &op->n_options, option, tag);
    for (size_t e = 0; e < env->graph->n_edges && !has_side(op, tag); e++) {
        const Wsl__Pb__Edge *edge = env->graph->edges[e];
        if (edge->to != op->id || edge->input != input) {
            continue;
        }
        wsl_schema *schema = NULL;
        if (wsl_env_edge_schema(env, edge, &schema) == WSL_OK) {
            wsl_env_add_side(op, tag, schema);
            wsl_schema_free(schema);
        }
    }
}

/* The operator behind a stream, if it is of one of these kinds. */
static Wsl__Pb__Operator *operator_of(const wsl_stream *stream, const char *kind, const char *other_kind)
{
    Wsl__Pb__Operator *op = stream->op != WSL_NO_OPERATOR ? stream->env->graph->operators[stream->op] : NULL;
    return op != NULL && (strcmp(op->kind, kind) == 0 || strcmp(op->kind, other_kind) == 0) ? op : NULL;
}

static wsl_stream *add_late_sides(wsl_stream *joined, Wsl__Pb__Operator *op, const char *left_tag, const char *right_tag)
{
    wsl_env *env = joined->env;
    if (left_tag != NULL) {
        add_late_side(env, op, 0, "late-left", left_tag);
    }
    if (right_tag != NULL) {
        add_late_side(env, op, 1, "late-right", right_tag);
    }
    return joined;
}

wsl_stream *wsl_interval_join_late(wsl_stream *joined, const char *left_tag, const char *right_tag)
{
    if (wsl_env_failed(joined->env)) {
        return joined;
    }
    Wsl__Pb__Operator *op = operator_of(joined, "interval_join", "interval_join");
    if (op == NULL) {
        (void)wsl_env_fail(joined->env,
                           "late rows: wsl_interval_join_late takes the stream that wsl_interval_join returned");
        return joined;
    }
    return add_late_sides(joined, op, left_tag, right_tag);
}

/* ---- windows of both ---- */

static wsl_status check_windows(const wsl_stream *left, const char *name, const wsl_windowing *windows,
                                const wsl_window_functions *fn)
{
    wsl_env *env = left->env;
    wsl_windowing copy = *windows;
    wsl_schema *output = NULL;
    const wsl_status status = wsl_window_check_types(&copy, NULL, fn, left->schema, NULL, 0, &output, &env->error);
    wsl_schema_free(output);
    return status != WSL_OK ? wsl_fail_prefix(&env->error, status, "'%s'", name) : WSL_OK;
}

static wsl_stream *pair_windows(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *kind, const char *name,
                                const wsl_windowing *windows, const wsl_function *function, wsl_function_kind fn_kind)
{
    WSL_ASSERT(left != NULL && right != NULL && windows != NULL);
    wsl_env *env = left->stream.env;
    const wsl_window_functions fn = {.pair = function,
                                     .trigger = windows->trigger.function,
                                     .evictor = windows->evictor.function,
                                     .gap = windows->assigner.gap};
    if (!wsl_env_check_function(env, name, function, fn_kind) || !wsl_env_check_windowing(env, name, &fn) ||
        check_windows(&left->stream, name, windows, &fn) != WSL_OK) {
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = over_both(&left->stream, &right->stream, kind, name, function, fn_kind);
    if (op == NULL) {
        return &env->nothing.stream;
    }
    wsl_env_add_windowing(op, windows, NULL, &fn);
    return wsl_env_output(env, op);
}

wsl_stream *wsl_window_join(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name,
                            const wsl_windowing *windows, const wsl_function *join)
{
    return pair_windows(left, right, "window_join", name, windows, join, WSL_FN_JOIN);
}

wsl_stream *wsl_co_group(wsl_keyed_stream *left, wsl_keyed_stream *right, const char *name, const wsl_windowing *windows,
                         const wsl_function *co_group)
{
    return pair_windows(left, right, "co_group", name, windows, co_group, WSL_FN_CO_GROUP);
}

wsl_stream *wsl_window_join_late(wsl_stream *joined, const char *left_tag, const char *right_tag)
{
    if (wsl_env_failed(joined->env)) {
        return joined;
    }
    Wsl__Pb__Operator *op = operator_of(joined, "window_join", "co_group");
    if (op == NULL) {
        (void)wsl_env_fail(
            joined->env,
            "late rows: wsl_window_join_late takes the stream that wsl_window_join or wsl_co_group returned");
        return joined;
    }
    return add_late_sides(joined, op, left_tag, right_tag);
}
