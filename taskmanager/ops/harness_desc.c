/*
 * The descriptor of the operator that a harness runs, as a job graph would have it.
 */
#include <string.h>

#include "base/alloc.h"
#include "graph/graph_check.h"
#include "graph/job_graph.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"
#include "taskmanager/ops/harness_internal.h"

enum { OPTIONS_MAX = 64 };

/* The kind of operator that runs such a function as its only one; NULL: there is none. */
static const char *kind_of(const wsl_function *fn)
{
    for (const wsl_operator_kind *k = wsl_operator_kinds(); k->name != NULL; k++) {
        if (k->function_kind == fn->kind && (k->takes_function || fn->kind == WSL_FN_WATERMARKS)) {
            return k->name;
        }
    }
    return NULL;
}

static wsl_status add_options(Wsl__Pb__Operator *desc, const char *const *pairs, wsl_error *err)
{
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2) {
        if (pairs[i + 1] == NULL || desc->n_options == OPTIONS_MAX) {
            return wsl_fail(err, WSL_INVALID, "options are pairs of key and value, at most %d; '%s' has no value",
                            OPTIONS_MAX, pairs[i]);
        }
        Wsl__Pb__Option *o = wsl_alloc(sizeof *o);
        wsl__pb__option__init(o);
        o->key = wsl_strdup(pairs[i]);
        o->value = wsl_strdup(pairs[i + 1]);
        desc->options[desc->n_options++] = o;
    }
    return WSL_OK;
}

static void add_sides(Wsl__Pb__Operator *desc, const wsl_side *sides)
{
    size_t n = 0;
    while (sides != NULL && sides[n].tag != NULL) {
        n++;
    }
    desc->sides = wsl_calloc(n + 1, sizeof(Wsl__Pb__SideOutput *));
    for (; desc->n_sides < n; desc->n_sides++) {
        Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
        wsl__pb__side_output__init(side);
        side->tag = wsl_strdup(sides[desc->n_sides].tag);
        side->schema = wsl_schema_to_pb(sides[desc->n_sides].schema);
        desc->sides[desc->n_sides] = side;
    }
}

static bool has_side(const Wsl__Pb__Operator *desc, const char *tag)
{
    bool found = false;
    for (size_t i = 0; i < desc->n_sides && !found; i++) {
        found = strcmp(desc->sides[i]->tag, tag) == 0;
    }
    return found;
}

/* Side outputs that the graph gives an operator because of an option: late rows, of the type of an input. */
static void add_option_side(wsl_harness *h, const char *option, const wsl_schema *schema)
{
    Wsl__Pb__Operator *desc = h->desc;
    const char *tag = wsl_pb_option(desc->options, desc->n_options, option);
    if (tag == NULL || schema == NULL || has_side(desc, tag)) {
        return;
    }
    Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
    wsl__pb__side_output__init(side);
    side->tag = wsl_strdup(tag);
    side->schema = wsl_schema_to_pb(schema);
    *WSL_PB_APPEND(desc->sides, desc->n_sides) = side;
}

static wsl_status find_inputs(wsl_harness *h, const wsl_harness_options *o, const char *kind, wsl_error *err)
{
    const wsl_function *fn = o->function != NULL    ? o->function
                             : o->reduce != NULL    ? o->reduce
                             : o->aggregate != NULL ? o->aggregate
                                                    : o->window;
    const wsl_operator_kind *k = wsl_operator_kind_find(kind);
    h->in[0] = o->in != NULL ? o->in : fn != NULL ? fn->in : NULL;
    h->in[1] = o->in2 != NULL ? o->in2 : fn != NULL ? fn->in2 : NULL;
    const bool two = k != NULL && k->two_inputs;
    if (h->in[0] == NULL || (two && h->in[1] == NULL)) {
        return wsl_fail(err, WSL_INVALID, "give the harness the schema of the input (%s), '%s' does not say it",
                        h->in[0] == NULL ? ".in" : ".in2", h->desc->name);
    }
    if (two) {
        tm_input_valves_init(&h->valves, (const uint32_t[]){0, 1}, 2);
    } else {
        h->in[1] = NULL;
    }
    return WSL_OK;
}

static wsl_status add_windows(wsl_harness *h, const wsl_harness_options *o, wsl_error *err)
{
    uint32_t n_keys = 0;
    wsl_windowing windows = *o->windows;
    h->windows = (wsl_window_functions){.reduce = o->reduce,
                                        .aggregate = o->aggregate,
                                        .window = o->window,
                                        .pair = o->function,
                                        .trigger = windows.trigger.function,
                                        .evictor = windows.evictor.function,
                                        .gap = windows.assigner.gap};
    while (o->keys != NULL && o->keys[n_keys] != NULL) {
        n_keys++;
    }
    wsl_schema *out = NULL;
    WSL_TRY(wsl_window_check_types(&windows, o->select, &h->windows, h->in[0], o->keys, n_keys, &out, err));
    h->desc->output = wsl_schema_to_pb(out);
    wsl_schema_free(out);
    wsl_window_to_options(&windows, o->select, h->desc);
    wsl_window_name_functions(&h->windows, h->desc);
    add_option_side(h, "late-tag", h->in[0]);
    return WSL_OK;
}

static const char *windows_kind(const wsl_harness_options *o)
{
    return o->function != NULL ? (o->function->kind == WSL_FN_JOIN ? "window_join" : "co_group")
           : o->keys != NULL   ? "window"
                               : "window_all";
}

wsl_status tm_harness_make_desc(wsl_harness *h, const wsl_harness_options *o, wsl_error *err)
{
    const wsl_function *fn = o->function;
    const char *kind = o->windows != NULL              ? windows_kind(o)
                       : o->kind != NULL || fn == NULL ? o->kind
                                                       : kind_of(fn);
    if (kind == NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "a harness needs a function (not a partitioner) or the kind of a built-in operator");
    }
    if (fn != NULL && fn->abi != WSL_ABI_VERSION) {
        return wsl_fail(err, WSL_INVALID, "function '%s' was compiled for ABI %u, this is %u", fn->name, fn->abi,
                        WSL_ABI_VERSION);
    }
    Wsl__Pb__Operator *desc = wsl_alloc(sizeof *desc);
    wsl__pb__operator__init(desc);
    h->desc = desc;
    desc->kind = wsl_strdup(kind);
    desc->uid = wsl_strdup("operator");
    desc->name = wsl_strdup(fn != NULL ? fn->name : kind);
    desc->function = wsl_strdup(fn != NULL ? fn->name : "");
    desc->options = wsl_calloc(OPTIONS_MAX + 1, sizeof(Wsl__Pb__Option *));
    if (o->config_size != 0) {
        desc->config.data = wsl_memdup(o->config, o->config_size);
        desc->config.len = o->config_size;
    }
    desc->keyed = o->keys != NULL;
    add_sides(desc, fn != NULL ? fn->sides : o->windows != NULL && o->window != NULL ? o->window->sides : NULL);
    WSL_TRY(find_inputs(h, o, kind, err));
    if (o->windows != NULL) {
        WSL_TRY(add_options(desc, o->options, err));
        WSL_TRY(add_windows(h, o, err));
        add_option_side(h, "late-left", h->in[0]);
        add_option_side(h, "late-right", h->in[1]);
        return WSL_OK;
    }
    const wsl_schema *out = o->out != NULL ? o->out : fn != NULL && fn->out != NULL ? fn->out : NULL;
    const bool as_input = fn != NULL || strcmp(kind, "where") == 0 || strcmp(kind, "watermarks") == 0;
    if (out != NULL || as_input) {
        desc->output = wsl_schema_to_pb(out != NULL ? out : h->in[0]);
    }
    WSL_TRY(add_options(desc, o->options, err));
    add_option_side(h, "late-left", h->in[0]);
    add_option_side(h, "late-right", h->in[1]);
    wsl_graph_add_option_sides(desc);
    return WSL_OK;
}
