/*
 * Windows: a wsl_windowing becomes options of an operator, its functions are named by role.
 */
#include <wiesel/window.h>

#include <stdio.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "graph/pb.h"
#include "graph/window_options.h"

/* A window operator in the making. */
typedef struct request {
    wsl_env *env;
    const wsl_stream *input;
    const char *name;
    bool all;
    wsl_windowing windows;
    const char *select;
    wsl_window_functions fn;
} request;

static bool check_role(wsl_env *env, const char *name, const wsl_function *fn, wsl_function_kind kind)
{
    return fn == NULL || wsl_env_check_function(env, name, fn, kind);
}

bool wsl_env_check_windowing(wsl_env *env, const char *name, const wsl_window_functions *f)
{
    return check_role(env, name, f->reduce, WSL_FN_REDUCE) && check_role(env, name, f->aggregate, WSL_FN_AGGREGATE) &&
           check_role(env, name, f->window, WSL_FN_WINDOW) && check_role(env, name, f->trigger, WSL_FN_TRIGGER) &&
           check_role(env, name, f->evictor, WSL_FN_EVICTOR) && check_role(env, name, f->gap, WSL_FN_SESSION_GAP);
}

static wsl_status derive(request *r, wsl_schema **out_schema)
{
    const wsl_origin *first = r->input->n_origins > 0 ? &r->input->origins[0] : NULL;
    const char *const *keys = !r->all && first != NULL ? first->keys : NULL;
    uint32_t n_keys = 0;
    while (keys != NULL && keys[n_keys] != NULL) {
        n_keys++;
    }
    wsl_error *err = &r->env->error;
    const wsl_status status = wsl_window_check_types(&r->windows, r->select, &r->fn, r->input->schema, keys, n_keys,
                                                     out_schema, err);
    return status != WSL_OK ? wsl_fail_prefix(err, status, "'%s'", r->name) : WSL_OK;
}

static void add_states(Wsl__Pb__Operator *op, const char *prefix, const wsl_function *fn)
{
    for (const wsl_state_desc *const *s = fn->states; s != NULL && *s != NULL; s++) {
        Wsl__Pb__StateDesc *state = wsl_env_state(*s);
        char *name = wsl_asprintf("%s%s", prefix, (*s)->name);
        wsl_pb_set(&state->name, name);
        free(name);
        *WSL_PB_APPEND(op->states, op->n_states) = state;
    }
}

/* What it brings along. */
static void add_function(Wsl__Pb__Operator *op, const char *state_prefix, const wsl_function *fn)
{
    if (fn == NULL) {
        return;
    }
    op->blocking = op->blocking || fn->blocking;
    for (const wsl_side *side = fn->sides; side != NULL && side->tag != NULL; side++) {
        wsl_env_add_side(op, side->tag, side->schema);
    }
    add_states(op, state_prefix, fn);
    wsl_env_add_operator_states(op, fn);
}

void wsl_env_add_windowing(Wsl__Pb__Operator *op, const wsl_windowing *windows, const char *select,
                           const wsl_window_functions *fn)
{
    wsl_window_to_options(windows, select, op);
    wsl_window_name_functions(fn, op);
    add_function(op, "", fn->reduce);
    add_function(op, "", fn->aggregate);
    add_function(op, "", fn->window);
    add_function(op, "trigger.", fn->trigger);
    add_function(op, "", fn->evictor);
}

static wsl_stream *build(request *r)
{
    wsl_env *env = r->env;
    wsl_schema *output = NULL;
    if (wsl_env_failed(env) || !wsl_env_check_windowing(env, r->name, &r->fn) || derive(r, &output) != WSL_OK) {
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_operator(env, r->all ? "window_all" : "window", r->name);
    wsl_env_add_windowing(op, &r->windows, r->select, &r->fn);
    op->output = wsl_schema_to_pb(output);
    wsl_schema_free(output);
    if (r->windows.late_tag != NULL) {
        wsl_env_add_side(op, r->windows.late_tag, r->input->schema);
    }
    wsl_env_connect(env, r->input, op);
    return wsl_env_output(env, op);
}

static wsl_stream *window(const wsl_stream *input, bool all, const char *name, const wsl_windowing *windows,
                          const wsl_window_functions *fn, const char *select)
{
    WSL_ASSERT(input != NULL && windows != NULL);
    request r = {.env = input->env,
                 .input = input,
                 .name = name,
                 .all = all,
                 .windows = *windows,
                 .select = select,
                 .fn = *fn};
    r.fn.trigger = windows->trigger.function;
    r.fn.evictor = windows->evictor.function;
    r.fn.gap = windows->assigner.gap;
    return build(&r);
}

/* A call that must name a function, given none. */
static wsl_stream *nothing_to_call(wsl_env *env, const char *name, const char *what)
{
    (void)wsl_env_fail(env, "'%s': a window needs the %s it was asked for, not NULL", name, what);
    return &env->nothing.stream;
}

static wsl_stream *reduce(const wsl_stream *input, bool all, const char *name, const wsl_windowing *windows,
                          const wsl_function *fold, const wsl_function *then)
{
    return fold == NULL ? nothing_to_call(input->env, name, "reduce function")
                        : window(input, all, name, windows, &(wsl_window_functions){.reduce = fold, .window = then}, NULL);
}

static wsl_stream *aggregate(const wsl_stream *input, bool all, const char *name, const wsl_windowing *windows,
                             const wsl_function *fold, const wsl_function *then)
{
    return fold == NULL
               ? nothing_to_call(input->env, name, "aggregate function")
               : window(input, all, name, windows, &(wsl_window_functions){.aggregate = fold, .window = then}, NULL);
}

static wsl_stream *process(const wsl_stream *input, bool all, const char *name, const wsl_windowing *windows,
                           const wsl_function *then)
{
    return then == NULL ? nothing_to_call(input->env, name, "window function")
                        : window(input, all, name, windows, &(wsl_window_functions){.window = then}, NULL);
}

static wsl_stream *select_list(const wsl_stream *input, bool all, const char *name, const wsl_windowing *windows,
                               const char *aggregates)
{
    return aggregates == NULL ? nothing_to_call(input->env, name, "aggregate list")
                              : window(input, all, name, windows, &(wsl_window_functions){0}, aggregates);
}

wsl_stream *wsl_window_reduce(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                              const wsl_function *fold, const wsl_function *then)
{
    return reduce(&stream->stream, false, name, windows, fold, then);
}

wsl_stream *wsl_window_aggregate(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                                 const wsl_function *fold, const wsl_function *then)
{
    return aggregate(&stream->stream, false, name, windows, fold, then);
}

wsl_stream *wsl_window_process(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                               const wsl_function *then)
{
    return process(&stream->stream, false, name, windows, then);
}

wsl_stream *wsl_window_select(wsl_keyed_stream *stream, const char *name, const wsl_windowing *windows,
                              const char *aggregates)
{
    return select_list(&stream->stream, false, name, windows, aggregates);
}

wsl_stream *wsl_window_all_reduce(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                  const wsl_function *fold, const wsl_function *then)
{
    return reduce(stream, true, name, windows, fold, then);
}

wsl_stream *wsl_window_all_aggregate(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                     const wsl_function *fold, const wsl_function *then)
{
    return aggregate(stream, true, name, windows, fold, then);
}

wsl_stream *wsl_window_all_process(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                   const wsl_function *then)
{
    return process(stream, true, name, windows, then);
}

wsl_stream *wsl_window_all_select(wsl_stream *stream, const char *name, const wsl_windowing *windows,
                                  const char *aggregates)
{
    return select_list(stream, true, name, windows, aggregates);
}
