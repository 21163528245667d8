/*
 * Settings of one operator, through the stream or sink it gave.
 */
#include "api/builder.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "data/key.h"
#include "graph/graph_check.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

/* NULL: there is nothing to set, and the environment knows why. */
static Wsl__Pb__Operator *operator_of(wsl_env *env, uint32_t op, const char *setting)
{
    if (wsl_env_failed(env)) {
        return NULL;
    }
    if (op == WSL_NO_OPERATOR) {
        (void)wsl_env_fail(
            env,
            "%s: a stream that comes from a partitioner, union or side output has no operator of its own; "
            "set it on the operator before or after",
            setting);
        return NULL;
    }
    return env->graph->operators[op];
}

static void set_parallelism(wsl_env *env, uint32_t id, uint32_t n)
{
    Wsl__Pb__Operator *op = operator_of(env, id, "set_parallelism");
    if (op != NULL && (n < 1 || n > WSL_PARALLELISM_MAX)) {
        (void)wsl_env_fail(env, "'%s': parallelism %u is not possible; it is 1 to %d", op->name, n,
                           WSL_PARALLELISM_MAX);
    } else if (op != NULL) {
        op->parallelism = n;
    }
}

static void set_max_parallelism(wsl_env *env, uint32_t id, uint32_t n)
{
    Wsl__Pb__Operator *op = operator_of(env, id, "set_max_parallelism");
    if (op != NULL && (n < 1 || n > WSL_MAX_PARALLELISM_MAX)) {
        (void)wsl_env_fail(env, "'%s': maximum parallelism %u is not possible; it is 1 to %d", op->name, n,
                           WSL_MAX_PARALLELISM_MAX);
    } else if (op != NULL) {
        op->max_parallelism = n;
    }
}

static void set_text(wsl_env *env, uint32_t id, const char *setting, const char *value, size_t field_offset)
{
    Wsl__Pb__Operator *op = operator_of(env, id, setting);
    if (op != NULL && (value == NULL || value[0] == '\0')) {
        (void)wsl_env_fail(env, "'%s': %s needs a text that is not empty", op->name, setting);
    } else if (op != NULL) {
        wsl_pb_set((char **)(void *)((char *)op + field_offset), value);
    }
}

static void set_chain(wsl_env *env, uint32_t id, const char *setting, Wsl__Pb__ChainPolicy policy)
{
    Wsl__Pb__Operator *op = operator_of(env, id, setting);
    if (op != NULL) {
        op->chain = policy;
    }
}

/* clang-format off */
#define SETTERS(type, it)                                                                                              \
    wsl_##type *wsl_##type##_set_parallelism(wsl_##type *it, uint32_t parallelism)                                     \
    {                                                                                                                    \
        set_parallelism(it->env, it->op, parallelism);                                                               \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_set_max_parallelism(wsl_##type *it, uint32_t max_parallelism)                             \
    {                                                                                                                    \
        set_max_parallelism(it->env, it->op, max_parallelism);                                                       \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_set_uid(wsl_##type *it, const char *uid)                                                  \
    {                                                                                                                    \
        set_text(it->env, it->op, "set_uid", uid, offsetof(Wsl__Pb__Operator, uid));                                 \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_set_name(wsl_##type *it, const char *text)                                                \
    {                                                                                                                    \
        set_text(it->env, it->op, "set_name", text, offsetof(Wsl__Pb__Operator, name));                              \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_set_slot_group(wsl_##type *it, const char *group)                                         \
    {                                                                                                                    \
        set_text(it->env, it->op, "set_slot_group", group, offsetof(Wsl__Pb__Operator, slot_group));                 \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_start_new_chain(wsl_##type *it)                                                           \
    {                                                                                                                    \
        set_chain(it->env, it->op, "start_new_chain", WSL__PB__CHAIN_POLICY__CHAIN_HEAD);                            \
        return it;                                                                                                     \
    }                                                                                                                    \
    wsl_##type *wsl_##type##_disable_chaining(wsl_##type *it)                                                          \
    {                                                                                                                    \
        set_chain(it->env, it->op, "disable_chaining", WSL__PB__CHAIN_POLICY__CHAIN_NEVER);                          \
        return it;                                                                                                     \
    }
/* clang-format on */

SETTERS(stream, stream)
SETTERS(sink, sink)

wsl_stream *wsl_stream_set_config(wsl_stream *stream, const void *bytes, uint32_t size)
{
    wsl_env *env = stream->env;
    Wsl__Pb__Operator *op = operator_of(env, stream->op, "set_config");
    if (op == NULL) {
        return stream;
    }
    if (!wsl_pb_is_set(op->function) || size > WSL_FUNCTION_CONFIG_MAX) {
        (void)wsl_env_fail(env,
                           wsl_pb_is_set(op->function)
                               ? "'%s': %u bytes of configuration are too many; put them into a file"
                               : "'%s' has no function that could use %u bytes of configuration",
                           op->name, size);
        return stream;
    }
    free(op->config.data);
    op->config = (ProtobufCBinaryData){.len = size, .data = wsl_memdup(bytes, size)};
    return stream;
}

wsl_stream *wsl_stream_set_on_error(wsl_stream *stream, const char *policy)
{
    wsl_env *env = stream->env;
    Wsl__Pb__Operator *op = operator_of(env, stream->op, "set_on_error");
    if (op == NULL) {
        return stream;
    }
    if (wsl_pb_option(op->options, op->n_options, "on-error") != NULL) {
        (void)wsl_env_fail(env, "'%s': what to do with rows that fail is set already", op->name);
        return stream;
    }
    wsl_pb_add_option(&op->options, &op->n_options, "on-error", policy);
    WSL_AUTO(wsl_config) config = NULL; /* is it one of this operator's options, with a value that there is? */
    wsl_error err = {0};
    if (wsl_operator_config_new(op, NULL, &config, &err) != WSL_OK) {
        (void)wsl_env_fail(env, "%s", err.text);
        return stream;
    }
    wsl_graph_add_option_sides(op);
    return stream;
}
