/*
 * Operators that run a function of the job's library: what all of them check, and what of the function goes into the graph.
 */
#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "data/evolution.h"
#include "graph/graph_check.h"
#include "graph/pb.h"

static bool sides_are_whole(wsl_env *env, const char *name, const wsl_function *fn)
{
    for (const wsl_side *side = fn->sides; side != NULL && side->tag != NULL; side++) {
        if (side->schema == NULL) {
            (void)wsl_env_fail(env, "'%s': side output '%s' of '%s' has no row type", name, side->tag, fn->name);
            return false;
        }
    }
    return true;
}

static bool state_is_whole(wsl_env *env, const char *name, const wsl_function *fn, const wsl_state_desc *s)
{
    const bool folds = s->kind == WSL_STATE_REDUCING || s->kind == WSL_STATE_AGGREGATING;
    wsl_error why = {0};
    const char *lacks = s->name == NULL || s->value == NULL             ? "no name or no row type"
                        : s->kind == WSL_STATE_MAP && s->key == NULL    ? "no row type for its keys"
                        : folds && (s->fold == NULL || *s->fold == NULL) ? "no function that folds rows into it"
                                                                         : NULL;
    if (lacks != NULL) {
        (void)wsl_env_fail(env, "'%s': a state of '%s' has %s", name, fn->name, lacks);
    } else if (wsl_field_pasts_check(s->value, s->pasts, &why) != WSL_OK) {
        (void)wsl_env_fail(env, "'%s': state '%s': %s", name, s->name, why.text);
    }
    return lacks == NULL && !wsl_env_failed(env);
}

static bool states_are_whole(wsl_env *env, const char *name, const wsl_function *fn,
                             const wsl_state_desc *const *states)
{
    bool whole = true;
    for (; states != NULL && *states != NULL && whole; states++) {
        whole = state_is_whole(env, name, fn, *states);
    }
    return whole;
}

static bool operator_states_are_whole(wsl_env *env, const char *name, const wsl_function *fn)
{
    for (const wsl_operator_state *const *s = fn->operator_states; s != NULL && *s != NULL; s++) {
        if ((*s)->name == NULL || (*s)->element == NULL) {
            (void)wsl_env_fail(env, "'%s': an operator state of '%s' has no name or no row type", name, fn->name);
            return false;
        }
        wsl_error why = {0};
        if (wsl_field_pasts_check((*s)->element, (*s)->pasts, &why) != WSL_OK) {
            (void)wsl_env_fail(env, "'%s': operator state '%s': %s", name, (*s)->name, why.text);
            return false;
        }
    }
    return true;
}

bool wsl_env_check_function(wsl_env *env, const char *name, const wsl_function *fn, wsl_function_kind kind)
{
    if (wsl_env_failed(env)) {
        return false;
    }
    if (fn == NULL || fn->abi != WSL_ABI_VERSION || fn->name == NULL) {
        (void)wsl_env_fail(env, "'%s': its function was not declared with %s", name, wsl_function_kind_text(kind));
        return false;
    }
    if (fn->kind != kind) {
        (void)wsl_env_fail(env, "'%s': '%s' is a %s, but a %s is needed here%s", name, fn->name,
                           wsl_function_kind_text(fn->kind), wsl_function_kind_text(kind),
                           fn->kind == WSL_FN_KEYED_PROCESS ? "; use wsl_keyed_process on a stream with wsl_key_by"
                                                            : "");
        return false;
    }
    return sides_are_whole(env, name, fn) && states_are_whole(env, name, fn, fn->states) &&
           states_are_whole(env, name, fn, fn->broadcast_states) && operator_states_are_whole(env, name, fn);
}

bool wsl_env_check_input(wsl_env *env, const wsl_stream *stream, const char *name, const wsl_schema *wanted)
{
    const char *producer =
        stream->n_origins > 0 ? stream->env->graph->operators[stream->origins[0].op]->name : "";
    return !wsl_env_failed(env) &&
           (wanted == NULL || wsl_graph_check_fits(producer, stream->schema, name, wanted, &env->error) == WSL_OK);
}

void wsl_env_add_side(Wsl__Pb__Operator *op, const char *tag, const wsl_schema *schema)
{
    Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
    wsl__pb__side_output__init(side);
    wsl_pb_set(&side->tag, tag);
    side->schema = wsl_schema_to_pb(schema);
    *WSL_PB_APPEND(op->sides, op->n_sides) = side;
}

static void add_past(Wsl__Pb__StateDesc *state, const char *was, const wsl_field_past *pasts)
{
    wsl_pb_set(&state->was, was != NULL ? was : "");
    for (; pasts != NULL && pasts->field != NULL; pasts++) {
        Wsl__Pb__FieldPast *past = wsl_alloc(sizeof *past);
        wsl__pb__field_past__init(past);
        wsl_pb_set(&past->field, pasts->field);
        wsl_pb_set(&past->was, pasts->was != NULL ? pasts->was : "");
        wsl_pb_set(&past->value, pasts->value != NULL ? pasts->value : "");
        past->has_value = pasts->value != NULL;
        *WSL_PB_APPEND(state->pasts, state->n_pasts) = past;
    }
}

Wsl__Pb__StateDesc *wsl_env_state(const wsl_state_desc *s)
{
    Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
    wsl__pb__state_desc__init(state);
    wsl_pb_set(&state->name, s->name);
    state->kind = (uint32_t)s->kind;
    state->value = wsl_schema_to_pb(s->value);
    state->key = s->key != NULL ? wsl_schema_to_pb(s->key) : NULL;
    wsl_pb_set(&state->fold, s->fold != NULL && *s->fold != NULL ? (*s->fold)->name : "");
    if (s->ttl.ttl_ms > 0) {
        char ttl[32];
        (void)snprintf(ttl, sizeof ttl, "%lld ms", (long long)s->ttl.ttl_ms);
        wsl_pb_set(&state->ttl, ttl);
        state->ttl_on_read = s->ttl.update == WSL_TTL_ON_READ_AND_WRITE;
        state->ttl_return_expired = s->ttl.return_expired;
        state->ttl_event_time = s->ttl.event_time;
    }
    add_past(state, s->was, s->pasts);
    return state;
}

void wsl_env_add_operator_states(Wsl__Pb__Operator *op, const wsl_function *fn)
{
    for (const wsl_operator_state *const *s = fn->operator_states; s != NULL && *s != NULL; s++) {
        Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
        wsl__pb__state_desc__init(state);
        wsl_pb_set(&state->name, (*s)->name);
        state->kind = (uint32_t)(*s)->kind;
        state->value = wsl_schema_to_pb((*s)->element);
        add_past(state, (*s)->was, (*s)->pasts);
        *WSL_PB_APPEND(op->operator_states, op->n_operator_states) = state;
    }
}

Wsl__Pb__Operator *wsl_env_function_operator(wsl_env *env, const char *kind, const char *name, const wsl_function *fn)
{
    Wsl__Pb__Operator *op = wsl_env_operator(env, kind, name);
    wsl_pb_set(&op->function, fn->name);
    op->blocking = fn->blocking;
    for (const wsl_side *side = fn->sides; side != NULL && side->tag != NULL; side++) {
        wsl_env_add_side(op, side->tag, side->schema);
    }
    for (const wsl_state_desc *const *s = fn->states; s != NULL && *s != NULL; s++) {
        *WSL_PB_APPEND(op->states, op->n_states) = wsl_env_state(*s);
    }
    for (const wsl_state_desc *const *s = fn->broadcast_states; s != NULL && *s != NULL; s++) {
        *WSL_PB_APPEND(op->broadcast_states, op->n_broadcast_states) = wsl_env_state(*s);
    }
    wsl_env_add_operator_states(op, fn);
    return op;
}
