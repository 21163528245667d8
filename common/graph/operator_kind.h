/*
 * operator_kind - the table of operator kinds: what each reads, gives and needs. README.md, "Operator kinds", in code.
 *
 * Threads: any; the table is constant.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/function.h>
#include <wiesel/type.h>

#include "job_graph.pb-c.h"
#include "plugin/plugin.h"

typedef enum wsl_output_rule {
    WSL_OUTPUT_NONE,     /* a sink */
    WSL_OUTPUT_DECLARED, /* the graph says */
    WSL_OUTPUT_SAME,     /* the input's */
    WSL_OUTPUT_DERIVED,  /* follows from options and input; of a window from its functions, too */
} wsl_output_rule;

typedef struct wsl_operator_kind {
    const char *name;  /* "where" */
    const char *label; /* before the operator's name in vertex names: "Source: " */
    bool source;
    bool sink;
    bool two_inputs;     /* has input 1 too */
    bool broadcast;      /* input 1 goes to all subtasks, without a key */
    bool keyed;          /* input (both, if it has two and none is broadcast) by key; keeps state */
    bool single;         /* one subtask, whatever the job's parallelism is */
    bool takes_function; /* a symbol of `function_kind` in the job's library */
    wsl_function_kind function_kind; /* without takes_function: may name one of this kind; 0: none */
    bool heads_chain;    /* never chained to what it reads from */
    wsl_output_rule output;
    const wsl_option *options; /* NULL: none, or the connector's */
} wsl_operator_kind;

/* NULL if there is none of that name. */
const wsl_operator_kind *wsl_operator_kind_find(const char *name);
/* What kind of function a FunctionRef's role asks for; 0 if the role is not known. */
wsl_function_kind wsl_function_role_kind(const char *role);
/* All, ended by a NULL name. */
const wsl_operator_kind *wsl_operator_kinds(void);

/* The output schema of an operator of rule SAME or DERIVED. `keys` are those of its input edges. Errors do not name the
 * operator. Also checks options whose meaning depends on the input (fields, expressions). */
WSL_MUST_CHECK wsl_status wsl_operator_derive(const wsl_operator_kind *kind, const wsl_config *config,
                                              const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                                              wsl_schema **out_schema, wsl_error *err);
