#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "graph/graph_check.h"
#include "graph/job_options.h"
#include "graph/pb.h"

static const wsl_schema empty_schema = {"", 0, NULL};

enum { ARENA_CHUNK = 4096 };

wsl_env *wsl_env_new(const wsl_plugin *plugin, const char *artifact, const char *const *argv, uint32_t argc)
{
    wsl_env *env = wsl_zalloc(sizeof *env);
    env->graph = wsl_alloc(sizeof *env->graph);
    wsl__pb__job_graph__init(env->graph);
    env->graph->chaining = true;
    wsl_pb_set(&env->graph->artifact, artifact != NULL ? artifact : "");
    wsl_pb_set(&env->graph->plan_version, WSL_VERSION);
    env->plugin = plugin;
    env->arena = wsl_arena_new(ARENA_CHUNK);
    wsl_args_init(&env->args, env, argv, argc);
    env->nothing = (wsl_keyed_stream){{.env = env, .op = WSL_NO_OPERATOR, .schema = &empty_schema}};
    env->no_sink = (wsl_sink){.env = env, .op = WSL_NO_OPERATOR};
    return env;
}

void wsl_env_free(wsl_env *env)
{
    if (env == NULL) {
        return;
    }
    for (size_t i = 0; env->schemas != NULL && i < env->graph->n_operators; i++) {
        wsl_schema_free(env->schemas[i]);
    }
    for (uint32_t i = 0; i < env->n_sides; i++) {
        wsl_schema_free(env->sides[i]);
    }
    free(env->schemas);
    free(env->sides);
    wsl_args_fini(&env->args);
    wsl_arena_free(env->arena);
    wsl_job_graph_free(env->graph);
    free(env);
}

/* ---- settings and errors ---- */

wsl_status wsl_env_status(const wsl_env *env) { return env->error.status; }

wsl_status wsl_env_fail(wsl_env *env, const char *format, ...)
{
    if (!wsl_env_failed(env)) {
        va_list args;
        va_start(args, format);
        (void)wsl_vfail(&env->error, WSL_INVALID, format, args);
        va_end(args);
    }
    return env->error.status;
}

void wsl_env_set(wsl_env *env, const char *key, const char *value)
{
    if (!wsl_env_failed(env)) {
        (void)wsl_job_graph_set_option(env->graph, key, value, "the job's code", &env->error);
    }
}

void wsl_env_set_name(wsl_env *env, const char *name)
{
    if (!wsl_env_failed(env)) {
        wsl_pb_set(&env->graph->name, name);
    }
}

static void set_number(wsl_env *env, const char *what, uint32_t value, uint32_t max, uint32_t *field)
{
    if (value < 1 || value > max) {
        (void)wsl_env_fail(env, "the job's %s is %u; it must be 1 to %u", what, value, max);
    } else if (!wsl_env_failed(env)) {
        *field = value;
    }
}

void wsl_env_set_parallelism(wsl_env *env, uint32_t parallelism)
{
    set_number(env, "parallelism", parallelism, WSL_PARALLELISM_MAX, &env->graph->parallelism);
}

void wsl_env_set_max_parallelism(wsl_env *env, uint32_t max_parallelism)
{
    set_number(env, "maximum parallelism", max_parallelism, 32768, &env->graph->max_parallelism);
}

void wsl_env_disable_chaining(wsl_env *env)
{
    if (!wsl_env_failed(env)) {
        env->graph->chaining = false;
    }
}

/* ---- building ---- */

Wsl__Pb__Operator *wsl_env_operator(wsl_env *env, const char *kind, const char *name)
{
    wsl_job_graph *graph = env->graph;
    Wsl__Pb__Operator *op = wsl_alloc(sizeof *op);
    wsl__pb__operator__init(op);
    op->id = (uint32_t)graph->n_operators;
    wsl_pb_set(&op->kind, kind);
    wsl_pb_set(&op->name, name != NULL ? name : "");
    env->schemas = wsl_realloc(env->schemas, (graph->n_operators + 1) * sizeof(env->schemas[0]));
    env->schemas[graph->n_operators] = NULL;
    *WSL_PB_APPEND(graph->operators, graph->n_operators) = op;
    if (graph->n_operators > WSL_GRAPH_OPERATORS_MAX) {
        (void)wsl_env_fail(env, "the job has more than %d operators", WSL_GRAPH_OPERATORS_MAX);
    }
    return op;
}

void wsl_env_connect_input(wsl_env *env, const wsl_stream *stream, const Wsl__Pb__Operator *op, uint32_t input)
{
    wsl_job_graph *graph = env->graph;
    for (uint32_t i = 0; i < stream->n_origins; i++) {
        const wsl_origin *origin = &stream->origins[i];
        Wsl__Pb__Edge *edge = wsl_alloc(sizeof *edge);
        wsl__pb__edge__init(edge);
        edge->id = (uint32_t)graph->n_edges;
        edge->from = origin->op;
        edge->to = op->id;
        edge->input = input;
        edge->partition = origin->partition;
        wsl_pb_set(&edge->side, origin->side);
        wsl_pb_set(&edge->function, origin->function != NULL ? origin->function : "");
        for (const char *const *key = origin->keys; key != NULL && *key != NULL; key++) {
            wsl_pb_add_string(&edge->keys, &edge->n_keys, *key);
        }
        *WSL_PB_APPEND(graph->edges, graph->n_edges) = edge;
    }
}

wsl_status wsl_env_edge_schema(wsl_env *env, const Wsl__Pb__Edge *edge, wsl_schema **out_schema)
{
    const Wsl__Pb__Operator *from = env->graph->operators[edge->from];
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, edge->side) == 0) {
            return wsl_schema_from_pb(from->sides[i]->schema, out_schema, &env->error);
        }
    }
    *out_schema = wsl_schema_copy(env->schemas[edge->from]);
    return WSL_OK;
}

static bool check(wsl_env *env, const Wsl__Pb__Operator *op)
{
    return !wsl_env_failed(env) &&
           wsl_graph_check_operator(env->graph, op->id, env->plugin, env->schemas, &env->error) == WSL_OK;
}

wsl_stream *wsl_env_output(wsl_env *env, const Wsl__Pb__Operator *op)
{
    if (!check(env, op)) {
        return &env->nothing.stream;
    }
    wsl_stream *stream = wsl_arena_zalloc(env->arena, sizeof *stream);
    wsl_origin *origin = wsl_arena_zalloc(env->arena, sizeof *origin);
    *origin = (wsl_origin){.op = op->id, .side = "", .partition = WSL__PB__PARTITION__UNSTATED};
    *stream = (wsl_stream){.env = env, .op = op->id, .n_origins = 1, .origins = origin, .schema = env->schemas[op->id]};
    return stream;
}

wsl_sink *wsl_env_sink(wsl_env *env, const Wsl__Pb__Operator *op)
{
    if (!check(env, op)) {
        return &env->no_sink;
    }
    wsl_sink *sink = wsl_arena_zalloc(env->arena, sizeof *sink);
    *sink = (wsl_sink){.env = env, .op = op->id};
    return sink;
}

void wsl_env_settings(Wsl__Pb__Operator *op, const wsl_setting *settings)
{
    for (; settings != NULL && settings->key != NULL; settings++) {
        if (settings->value != NULL) {
            wsl_pb_add_option(&op->options, &op->n_options, settings->key, settings->value);
        }
    }
}

wsl_stream *wsl_env_view(const wsl_stream *input, wsl_origin **out_origins)
{
    wsl_arena *arena = input->env->arena;
    /* room for a whole keyed stream, so that key_by can return one */
    wsl_keyed_stream *view = wsl_arena_zalloc(arena, sizeof *view);
    wsl_origin *origins = wsl_arena_zalloc(arena, (input->n_origins + 1) * sizeof *origins);
    if (input->n_origins > 0) {
        memcpy(origins, input->origins, input->n_origins * sizeof *origins);
    }
    view->stream = *input;
    view->stream.op = WSL_NO_OPERATOR;
    view->stream.origins = origins;
    *out_origins = origins;
    return &view->stream;
}

const char *const *wsl_env_texts(wsl_env *env, const char *const *texts)
{
    size_t n = 0;
    while (texts[n] != NULL) {
        n++;
    }
    const char **copy = wsl_arena_zalloc(env->arena, (n + 1) * sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i] = wsl_arena_strdup(env->arena, texts[i]);
    }
    return copy;
}
