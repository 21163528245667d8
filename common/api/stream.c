/*
 * Streams: views (partitioners, keys, unions, side outputs) and operators between sources and sinks.
 */
#include <stdio.h>
#include <string.h>

#include "api/builder.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "graph/graph_check.h"
#include "graph/pb.h"

/* ---- views ---- */

static wsl_stream *partitioned(wsl_stream *stream, Wsl__Pb__Partition partition, const char *const *keys,
                               const char *function)
{
    WSL_ASSERT(stream != NULL);
    wsl_origin *origins = NULL;
    wsl_env *env = stream->env;
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    wsl_stream *view = wsl_env_view(stream, &origins);
    for (uint32_t i = 0; i < view->n_origins; i++) {
        origins[i].partition = partition;
        origins[i].keys = keys;
        origins[i].function = function;
    }
    return view;
}

wsl_stream *wsl_forward(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__FORWARD, NULL, NULL); }
wsl_stream *wsl_rebalance(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__REBALANCE, NULL, NULL); }
wsl_stream *wsl_rescale(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__RESCALE, NULL, NULL); }
wsl_stream *wsl_shuffle(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__SHUFFLE, NULL, NULL); }
wsl_stream *wsl_broadcast(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__BROADCAST, NULL, NULL); }
wsl_stream *wsl_global(wsl_stream *stream) { return partitioned(stream, WSL__PB__PARTITION__GLOBAL, NULL, NULL); }

wsl_stream *wsl_hash_fields(wsl_stream *stream, const char *const *fields)
{
    return partitioned(stream, WSL__PB__PARTITION__HASH, wsl_env_texts(stream->env, fields), NULL);
}

wsl_keyed_stream *wsl_key_by_fields(wsl_stream *stream, const char *const *fields)
{
    wsl_stream *view = wsl_hash_fields(stream, fields);
    return (wsl_keyed_stream *)(void *)view; /* every view, and `nothing`, is the first member of a keyed stream */
}

wsl_stream *wsl_partition(wsl_stream *stream, const wsl_function *partitioner)
{
    if (!wsl_env_check_function(stream->env, "partitioner", partitioner, WSL_FN_PARTITION)) {
        return &stream->env->nothing.stream;
    }
    const char *symbol = wsl_arena_strdup(stream->env->arena, partitioner->name);
    return partitioned(stream, WSL__PB__PARTITION__CUSTOM, NULL, symbol);
}

wsl_stream *wsl_union_of(wsl_stream *const *streams)
{
    WSL_ASSERT(streams[0] != NULL);
    wsl_env *env = streams[0]->env;
    uint32_t n = 0;
    for (uint32_t i = 0; streams[i] != NULL; i++) {
        n += streams[i]->n_origins;
    }
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    wsl_keyed_stream *view = wsl_arena_zalloc(env->arena, sizeof *view);
    wsl_origin *origins = wsl_arena_zalloc(env->arena, (n + 1) * sizeof *origins);
    view->stream = (wsl_stream){
        .env = env, .op = WSL_NO_OPERATOR, .n_origins = n, .origins = origins, .schema = streams[0]->schema};
    for (uint32_t i = 0; streams[i] != NULL; i++) {
        memcpy(origins, streams[i]->origins, streams[i]->n_origins * sizeof *origins);
        origins += streams[i]->n_origins;
    }
    return &view->stream;
}

/* ---- side outputs ---- */

static wsl_stream *no_side(wsl_env *env, const Wsl__Pb__Operator *op, const char *tag)
{
    wsl_strbuf known;
    wsl_strbuf_init(&known);
    for (size_t i = 0; i < op->n_sides; i++) {
        wsl_strbuf_printf(&known, "%s'%s'", i > 0 ? ", " : "; it has ", op->sides[i]->tag);
    }
    if (op->n_sides == 0 && strcmp(op->kind, "source") == 0) {
        wsl_strbuf_puts(&known, "; set its option on-error to side-output for " WSL_BAD_RECORDS);
    }
    (void)wsl_env_fail(env, "'%s' has no side output '%s'%s", op->name, tag, known.data);
    wsl_strbuf_fini(&known);
    return &env->nothing.stream;
}

wsl_stream *wsl_side_output(wsl_stream *stream, const char *tag)
{
    wsl_env *env = stream->env;
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    if (stream->op == WSL_NO_OPERATOR) {
        (void)wsl_env_fail(env, "side output '%s': take it from the stream that the operator itself returned", tag);
        return &env->nothing.stream;
    }
    const Wsl__Pb__Operator *op = env->graph->operators[stream->op];
    const Wsl__Pb__SideOutput *side = NULL;
    for (size_t i = 0; i < op->n_sides; i++) {
        side = strcmp(op->sides[i]->tag, tag) == 0 ? op->sides[i] : side;
    }
    wsl_schema *schema = NULL;
    if (side == NULL) {
        return no_side(env, op, tag);
    }
    if (wsl_schema_from_pb(side->schema, &schema, &env->error) != WSL_OK) {
        return &env->nothing.stream;
    }
    env->sides = wsl_realloc(env->sides, (env->n_sides + 1) * sizeof(env->sides[0]));
    env->sides[env->n_sides++] = schema;
    wsl_origin *origins = NULL;
    wsl_stream *view = wsl_env_view(stream, &origins);
    origins[0].side = wsl_arena_strdup(env->arena, tag);
    view->schema = schema;
    return view;
}

const wsl_schema *wsl_stream_schema(const wsl_stream *stream) { return stream->schema; }

/* ---- operators with a function ---- */

static wsl_stream *apply(wsl_stream *stream, const char *kind, const char *name, const wsl_function *fn,
                         wsl_function_kind fn_kind)
{
    WSL_ASSERT(stream != NULL);
    wsl_env *env = stream->env;
    if (!wsl_env_check_function(env, name, fn, fn_kind) || !wsl_env_check_input(env, stream, name, fn->in)) {
        return &env->nothing.stream;
    }
    const bool same_out = fn_kind == WSL_FN_FILTER || fn_kind == WSL_FN_REDUCE;
    if (same_out && fn->out != NULL &&
        wsl_graph_check_fits(name, fn->out, name, stream->schema, &env->error) != WSL_OK) {
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_function_operator(env, kind, name, fn);
    op->output = same_out ? NULL : wsl_schema_to_pb(fn->out != NULL ? fn->out : stream->schema);
    wsl_env_connect(env, stream, op);
    return wsl_env_output(env, op);
}

wsl_stream *wsl_process(wsl_stream *stream, const char *name, const wsl_function *function)
{
    return apply(stream, "process", name, function, WSL_FN_PROCESS);
}

wsl_stream *wsl_map(wsl_stream *stream, const char *name, const wsl_function *function)
{
    return wsl_process(stream, name, function);
}

wsl_stream *wsl_flat_map(wsl_stream *stream, const char *name, const wsl_function *function)
{
    return wsl_process(stream, name, function);
}

wsl_stream *wsl_filter(wsl_stream *stream, const char *name, const wsl_function *function)
{
    return apply(stream, "filter", name, function, WSL_FN_FILTER);
}

wsl_stream *wsl_keyed_process(wsl_keyed_stream *stream, const char *name, const wsl_function *function)
{
    return apply(&stream->stream, "keyed_process", name, function, WSL_FN_KEYED_PROCESS);
}

wsl_stream *wsl_reduce(wsl_keyed_stream *stream, const char *name, const wsl_function *function)
{
    return apply(&stream->stream, "reduce", name, function, WSL_FN_REDUCE);
}

/* ---- operators with options only ---- */

static wsl_stream *with_options(wsl_stream *stream, const char *kind, const char *name, const wsl_setting *first,
                                const wsl_setting *more)
{
    WSL_ASSERT(stream != NULL);
    wsl_env *env = stream->env;
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_operator(env, kind, name);
    wsl_env_settings(op, first);
    wsl_env_settings(op, more);
    wsl_env_connect(env, stream, op);
    return wsl_env_output(env, op);
}

wsl_stream *wsl_where(wsl_stream *stream, const char *name, const char *predicate)
{
    return with_options(stream, "where", name, WSL_OPTIONS({"expr", predicate}), NULL);
}

wsl_stream *wsl_select(wsl_stream *stream, const char *name, const char *projection)
{
    return with_options(stream, "select", name, WSL_OPTIONS({"expr", projection}), NULL);
}

wsl_stream *wsl_aggregate(wsl_keyed_stream *stream, const char *name, const char *aggregates)
{
    return with_options(&stream->stream, "aggregate", name, WSL_OPTIONS({"expr", aggregates}), NULL);
}

wsl_stream *wsl_split_text(wsl_stream *stream, const char *name, const char *field, const char *as,
                           const wsl_setting *options)
{
    return with_options(stream, "split", name, WSL_OPTIONS({"field", field}, {"as", as}), options);
}

/* The strategy's own function, if it is custom. */
static bool generator_is_usable(const wsl_stream *stream, const char *name, const wsl_watermark_strategy *strategy)
{
    wsl_env *env = stream->env;
    const wsl_function *fn = strategy->function;
    if (strategy->kind != WSL_WATERMARKS_CUSTOM) {
        return true;
    }
    if (!wsl_env_check_function(env, name, fn, WSL_FN_WATERMARKS)) {
        return false;
    }
    if (fn->on_event == NULL && fn->on_periodic == NULL) {
        (void)wsl_env_fail(env, "'%s': '%s' has neither on_event nor on_periodic", name, fn->name);
        return false;
    }
    return wsl_env_check_input(env, stream, name, fn->in);
}

static bool alignment_is_possible(const wsl_stream *stream, const char *name, const wsl_watermark_strategy *strategy)
{
    wsl_env *env = stream->env;
    if (strategy->alignment_group == NULL) {
        return true;
    }
    const bool at_source = stream->n_origins == 1 &&
                           strcmp(env->graph->operators[stream->origins[0].op]->kind, "source") == 0 &&
                           strategy->kind != WSL_WATERMARKS_NONE;
    if (!at_source || strategy->alignment_group[0] == '\0' || strategy->max_drift_ms < 0) {
        (void)wsl_env_fail(env, "'%s': alignment needs a strategy that makes watermarks right behind a source, the name of "
                                "a group and a drift that is not negative",
                           name);
        return false;
    }
    return true;
}

wsl_stream *wsl_watermarks(wsl_stream *stream, const char *name, wsl_watermark_strategy strategy)
{
    static const char *const kinds[] = {"bounded", "monotonous", "none", "custom"};
    wsl_env *env = stream->env;
    char bound[32];
    char idleness[32];
    char drift[32];
    (void)snprintf(bound, sizeof bound, "%lld ms", (long long)strategy.bound_ms);
    (void)snprintf(idleness, sizeof idleness, "%lld ms", (long long)strategy.idleness_ms);
    (void)snprintf(drift, sizeof drift, "%lld ms", (long long)strategy.max_drift_ms);
    if (wsl_env_failed(env)) {
        return &env->nothing.stream;
    }
    if ((size_t)strategy.kind >= WSL_ARRAY_LEN(kinds) || strategy.bound_ms < 0 || strategy.idleness_ms < 0) {
        (void)wsl_env_fail(env, "'%s': a watermark strategy with bound %s and idleness %s is not possible", name, bound,
                           idleness);
        return &env->nothing.stream;
    }
    if (!generator_is_usable(stream, name, &strategy) || !alignment_is_possible(stream, name, &strategy)) {
        return &env->nothing.stream;
    }
    Wsl__Pb__Operator *op = wsl_env_operator(env, "watermarks", name);
    if (strategy.kind == WSL_WATERMARKS_CUSTOM) {
        wsl_pb_set(&op->function, strategy.function->name);
    }
    wsl_env_settings(op, WSL_OPTIONS({"timestamp", strategy.timestamp}, {"strategy", kinds[strategy.kind]},
                                     {"bound", strategy.bound_ms > 0 ? bound : NULL},
                                     {"idleness", strategy.idleness_ms > 0 ? idleness : NULL},
                                     {"emit", strategy.per_record ? "per-record" : NULL},
                                     {"alignment-group", strategy.alignment_group},
                                     {"max-drift", strategy.max_drift_ms > 0 ? drift : NULL}));
    wsl_env_connect(env, stream, op);
    return wsl_env_output(env, op);
}
