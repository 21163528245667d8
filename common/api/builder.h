/*
 * builder - what the files of the DataStream API share: the inside of environments and streams.
 *
 * A stream is a list of origins: which operator's output (or side output), partitioned how. Operators go into the
 * protobuf graph as they are made, and their types are checked at once, so that the first error is the one nearest to
 * its cause.
 *
 * Threads: one. Ownership: everything hangs off the environment; streams and texts lie in its arena.
 */
#pragma once
#include <wiesel/env.h>
#include <wiesel/stream.h>

#include "api/args.h"
#include "base/arena.h"
#include "graph/job_graph.h"
#include "plugin/plugin.h"

enum { WSL_NO_OPERATOR = UINT16_MAX };

typedef struct wsl_origin {
    uint32_t op;
    const char *side; /* "" = main output */
    Wsl__Pb__Partition partition;
    const char *const *keys; /* HASH; ended by NULL */
    const char *function;    /* CUSTOM */
} wsl_origin;

struct wsl_stream {
    wsl_env *env;
    uint32_t op; /* the operator that settings go to, or WSL_NO_OPERATOR */
    uint32_t n_origins;
    const wsl_origin *origins;
    const wsl_schema *schema;
};

struct wsl_keyed_stream {
    wsl_stream stream;
};

struct wsl_sink {
    wsl_env *env;
    uint32_t op;
};

struct wsl_env {
    wsl_job_graph *graph;
    wsl_schema **schemas; /* output of each operator; NULL for sinks */
    wsl_schema **sides;   /* of side output streams */
    uint32_t n_sides;
    const wsl_plugin *plugin; /* NULL for an entry point that is linked in */
    wsl_arena *arena;
    wsl_args args;
    wsl_error error;          /* the first one */
    wsl_keyed_stream nothing; /* what is returned after an error: harmless as any stream */
    wsl_sink no_sink;
};

void wsl_env_free(wsl_env *env);
/* argv is borrowed for the life of the environment. */
WSL_NEW_BY(wsl_env_free)
wsl_env *wsl_env_new(const wsl_plugin *plugin, const char *artifact, const char *const *argv, uint32_t argc);
WSL_DEFINE_AUTO(wsl_env)

static inline bool wsl_env_failed(const wsl_env *env) { return env->error.status != WSL_OK; }

/* A new operator, last in the graph. Only while the environment has not failed. */
Wsl__Pb__Operator *wsl_env_operator(wsl_env *env, const char *kind, const char *name);
/* Edges from all origins of the stream to input 0 (connect), or to another one. */
void wsl_env_connect_input(wsl_env *env, const wsl_stream *stream, const Wsl__Pb__Operator *op, uint32_t input);
static inline void wsl_env_connect(wsl_env *env, const wsl_stream *stream, const Wsl__Pb__Operator *op)
{
    wsl_env_connect_input(env, stream, op, 0);
}
/* What runs on an edge; free it. */
WSL_MUST_CHECK wsl_status wsl_env_edge_schema(wsl_env *env, const Wsl__Pb__Edge *edge, wsl_schema **out_schema);
/* Checks the operator's types. The stream of its output, or a harmless one. */
wsl_stream *wsl_env_output(wsl_env *env, const Wsl__Pb__Operator *op);
wsl_sink *wsl_env_sink(wsl_env *env, const Wsl__Pb__Operator *op);
/* Adds those with a value. */
void wsl_env_settings(Wsl__Pb__Operator *op, const wsl_setting *settings);
/* A view: the input's origins, to be changed by the caller before anyone sees them. */
wsl_stream *wsl_env_view(const wsl_stream *input, wsl_origin **out_origins);
/* Copies a list ended by NULL into the arena. */
const char *const *wsl_env_texts(wsl_env *env, const char *const *texts);

/* ---- operators with a function; function_operator.c ---- */

/* Is it a function of that kind, whole in itself? If not the environment has failed. */
bool wsl_env_check_function(wsl_env *env, const char *name, const wsl_function *fn, wsl_function_kind kind);
/* Can `name` take the stream's rows as `wanted` (NULL: any)? If not the environment has failed. */
bool wsl_env_check_input(wsl_env *env, const wsl_stream *stream, const char *name, const wsl_schema *wanted);
/* A new operator with the function's symbol, side outputs and states; its output is the caller's to set. */
Wsl__Pb__Operator *wsl_env_function_operator(wsl_env *env, const char *kind, const char *name, const wsl_function *fn);
void wsl_env_add_side(Wsl__Pb__Operator *op, const char *tag, const wsl_schema *schema);
Wsl__Pb__StateDesc *wsl_env_state(const wsl_state_desc *state);
void wsl_env_add_operator_states(Wsl__Pb__Operator *op, const wsl_function *fn);

/* ---- windows; window.c ---- */

struct wsl_windowing;
struct wsl_window_functions;
/* Are they of the kinds their roles ask for? If not the environment has failed. */
bool wsl_env_check_windowing(wsl_env *env, const char *name, const struct wsl_window_functions *functions);
/* Options, functions by role, and what these bring along: side outputs and states. */
void wsl_env_add_windowing(Wsl__Pb__Operator *op, const struct wsl_windowing *windows, const char *select,
                           const struct wsl_window_functions *functions);
