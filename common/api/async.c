/*
 * Async operators in the DataStream API: the options, checked where they are written. What a request's handle is:
 * async_desk.
 */
#include <wiesel/async.h>

#include <stdio.h>

#include "api/async_desk.h"
#include "api/builder.h"
#include "base/assert.h"

static bool options_are_possible(wsl_env *env, const char *name, const wsl_async_options *o)
{
    if (o->capacity > WSL_ASYNC_PLACES_MAX) {
        (void)wsl_env_fail(env, "'%s': a capacity of %u; at most %d requests can be under way", name, o->capacity,
                           WSL_ASYNC_PLACES_MAX);
    } else if (o->timeout_ms < 0 || o->delay_ms < 0 || o->max_delay_ms < 0) {
        (void)wsl_env_fail(env, "'%s': timeout, delay and max_delay are milliseconds, not below 0", name);
    } else if ((uint32_t)o->retry > WSL_RETRY_EXPONENTIAL) {
        (void)wsl_env_fail(env, "'%s': there is no retry %d", name, (int)o->retry);
    } else if (o->retry != WSL_RETRY_NONE && o->attempts == 0) {
        (void)wsl_env_fail(env, "'%s': say how often a request may be made: .attempts, the first one included", name);
    } else if (o->retry == WSL_RETRY_NONE && (o->attempts > 1 || o->delay_ms > 0 || o->retry_empty)) {
        (void)wsl_env_fail(
            env, "'%s': .attempts, .delay_ms and .retry_empty need .retry = WSL_RETRY_FIXED or WSL_RETRY_EXPONENTIAL",
            name);
    } else if (o->retry == WSL_RETRY_EXPONENTIAL && o->multiplier != 0 &&
               !(o->multiplier >= 1 && o->multiplier <= 1000)) {
        (void)wsl_env_fail(env, "'%s': a multiplier of %g; it is 1 to 1000 (0: 2)", name, o->multiplier);
    }
    return !wsl_env_failed(env);
}

static void add_options(Wsl__Pb__Operator *op, const char *mode, const wsl_async_options *o)
{
    static const char *const retries[] = {"none", "fixed", "exponential"};
    char capacity[32], timeout[32], attempts[32], delay[32], max_delay[32], multiplier[32];
    (void)snprintf(capacity, sizeof capacity, "%u", o->capacity);
    (void)snprintf(timeout, sizeof timeout, "%lld ms", (long long)o->timeout_ms);
    (void)snprintf(attempts, sizeof attempts, "%u", o->attempts);
    (void)snprintf(delay, sizeof delay, "%lld ms", (long long)o->delay_ms);
    (void)snprintf(max_delay, sizeof max_delay, "%lld ms", (long long)o->max_delay_ms);
    (void)snprintf(multiplier, sizeof multiplier, "%.17g", o->multiplier);
    wsl_env_settings(op, WSL_OPTIONS({"mode", mode}, {"capacity", o->capacity > 0 ? capacity : NULL},
                                     {"timeout", o->timeout_ms > 0 ? timeout : NULL}));
    if (o->retry != WSL_RETRY_NONE) {
        wsl_env_settings(op, WSL_OPTIONS({"retry", retries[o->retry]}, {"attempts", attempts}, {"delay", delay},
                                         {"max-delay", o->max_delay_ms > 0 ? max_delay : NULL},
                                         {"multiplier", o->multiplier > 0 ? multiplier : NULL},
                                         {"retry-empty", o->retry_empty ? "true" : NULL}));
    }
}

static wsl_stream *apply(wsl_stream *stream, const char *mode, const char *name, const wsl_function *fn,
                         const wsl_async_options *options)
{
    static const wsl_async_options defaults = {0};
    WSL_ASSERT(stream != NULL);
    wsl_env *env = stream->env;
    const wsl_async_options *o = options != NULL ? options : &defaults;
    if (!wsl_env_check_function(env, name, fn, WSL_FN_ASYNC) || !wsl_env_check_input(env, stream, name, fn->in) ||
        !options_are_possible(env, name, o)) {
        return &env->nothing.stream;
    }
    if (fn->sides != NULL && fn->sides->tag != NULL) {
        (void)wsl_env_fail(env, "'%s': an async function has no side outputs; put a process function behind it", name);
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_function_operator(env, "async", name, fn);
    op->output = wsl_schema_to_pb(fn->out != NULL ? fn->out : stream->schema);
    add_options(op, mode, o);
    wsl_env_connect(env, stream, op);
    return wsl_env_output(env, op);
}

wsl_stream *wsl_async_ordered(wsl_stream *stream, const char *name, const wsl_function *function,
                              const wsl_async_options *options)
{
    return apply(stream, "ordered", name, function, options);
}

wsl_stream *wsl_async_unordered(wsl_stream *stream, const char *name, const wsl_function *function,
                                const wsl_async_options *options)
{
    return apply(stream, "unordered", name, function, options);
}
