/*
 * The second pass of graph_check.h: options, schemas, keys.
 */
#include <stdlib.h>
#include <string.h>

#include <wiesel/bad_record.h>
#include <wiesel/poison_row.h>

#include "base/alloc.h"
#include "data/evolution.h"
#include "data/key.h"
#include "graph/graph_check.h"
#include "graph/operator_kind.h"
#include "graph/operator_options.h"
#include "graph/pb.h"
#include "graph/window_options.h"
#include "plugin/registry.h"

enum { SCHEMA_SHOWN = 300 }; /* characters of a schema in an error; two fit into a sentence */

typedef struct check {
    wsl_job_graph *graph;
    Wsl__Pb__Operator *op;
    const wsl_operator_kind *kind;
    const wsl_plugin *plugin;
    wsl_schema **schemas;
    const wsl_schema *input[2];    /* of the first edge of each input; NULL: there is none */
    const Wsl__Pb__Edge *first[2]; /* that edge */
    wsl_error *err;
} check;

static const char *producer_name(const check *c, const Wsl__Pb__Edge *edge)
{
    return c->graph->operators[edge->from]->name;
}

static void show(const wsl_schema *schema, char out[SCHEMA_SHOWN])
{
    if (wsl_schema_text(schema, out, SCHEMA_SHOWN) >= SCHEMA_SHOWN) {
        memcpy(out + SCHEMA_SHOWN - 4, "...", 4);
    }
}

wsl_status wsl_graph_check_fits(const char *producer, const wsl_schema *from, const char *consumer,
                                const wsl_schema *to, wsl_error *err)
{
    wsl_error why;
    const wsl_status status = wsl_schema_check_assignable(from, to, &why);
    if (status != WSL_OK) {
        char have[SCHEMA_SHOWN];
        char want[SCHEMA_SHOWN];
        show(from, have);
        show(to, want);
        return wsl_fail(err, status, "'%s' produces (%s) but '%s' expects (%s): %s", producer, have, consumer, want,
                        why.text);
    }
    return WSL_OK;
}

/* ---- inputs ---- */

static const Wsl__Pb__Schema *side_schema(const Wsl__Pb__Operator *op, const char *tag)
{
    for (size_t i = 0; i < op->n_sides; i++) {
        if (strcmp(op->sides[i]->tag, tag) == 0) {
            return op->sides[i]->schema;
        }
    }
    return NULL; /* not after check_shape */
}

/* What runs on an edge; the caller frees it. */
static wsl_status edge_schema(const check *c, const Wsl__Pb__Edge *edge, wsl_schema **out_schema)
{
    if (!wsl_pb_is_set(edge->side)) {
        *out_schema = wsl_schema_copy(c->schemas[edge->from]);
        return WSL_OK;
    }
    const Wsl__Pb__Operator *from = c->graph->operators[edge->from];
    const Wsl__Pb__Schema *pb = side_schema(from, edge->side);
    const wsl_status status =
        pb != NULL ? wsl_schema_from_pb(pb, out_schema, c->err) : wsl_fail(c->err, WSL_NOT_FOUND, "it does not exist");
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "side output '%s' of '%s'", edge->side, from->name)
                            : WSL_OK;
}

static wsl_status check_keys(const check *c, const Wsl__Pb__Edge *edge, const wsl_schema *schema)
{
    wsl_key_spec spec;
    const wsl_status status =
        wsl_key_spec_init(&spec, schema, (const char *const *)edge->keys, (uint32_t)edge->n_keys, c->err);
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "the key of '%s' over '%s'", c->op->name,
                                              c->graph->operators[edge->from]->name)
                            : WSL_OK;
}

static bool same_keys(const Wsl__Pb__Edge *a, const Wsl__Pb__Edge *b)
{
    bool same = a->n_keys == b->n_keys;
    for (size_t i = 0; i < a->n_keys && same; i++) {
        same = strcmp(a->keys[i], b->keys[i]) == 0;
    }
    return same;
}

static wsl_status check_keyed(const check *c, const Wsl__Pb__Edge *edge)
{
    if (edge->partition != WSL__PB__PARTITION__HASH) {
        return wsl_fail(c->err, WSL_INVALID,
                        "'%s' (%s) keeps state per key, but reads '%s' without a key; say key_by before it",
                        c->op->name, c->kind->name, producer_name(c, edge));
    }
    if (!same_keys(c->first[edge->input], edge)) {
        return wsl_fail(c->err, WSL_INVALID,
                        "'%s' reads '%s' by other key fields than '%s'; all its inputs need the same", c->op->name,
                        producer_name(c, edge), producer_name(c, c->first[edge->input]));
    }
    return WSL_OK;
}

/* Streams that are united have one type. */
static wsl_status check_union(const check *c, const Wsl__Pb__Edge *edge, const wsl_schema *schema)
{
    const wsl_schema *first = c->input[edge->input];
    if (wsl_schema_equal(schema, first)) {
        return WSL_OK;
    }
    const wsl_status status = wsl_graph_check_fits(producer_name(c, edge), schema,
                                                   producer_name(c, c->first[edge->input]), first, c->err);
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "'%s' unites streams of different types", c->op->name)
                            : wsl_fail(c->err, WSL_TYPE, "'%s' unites streams whose types differ in NOT NULL",
                                       c->op->name);
}

static wsl_status check_edge(check *c, const Wsl__Pb__Edge *edge, wsl_schema *out_inputs[2])
{
    WSL_AUTO(wsl_schema) schema = NULL;
    WSL_TRY(edge_schema(c, edge, &schema));
    if (c->first[edge->input] == NULL) {
        c->first[edge->input] = edge;
        out_inputs[edge->input] = wsl_schema_copy(schema);
        c->input[edge->input] = out_inputs[edge->input];
    } else {
        WSL_TRY(check_union(c, edge, schema));
    }
    if (edge->partition == WSL__PB__PARTITION__HASH) {
        WSL_TRY(check_keys(c, edge, schema));
    }
    if (c->kind->keyed && !(c->kind->broadcast && edge->input == 1)) {
        WSL_TRY(check_keyed(c, edge));
    }
    if (edge->partition == WSL__PB__PARTITION__CUSTOM && c->plugin != NULL &&
        wsl_plugin_function(c->plugin, edge->function, WSL_FN_PARTITION, c->err) == NULL) {
        return wsl_fail_prefix(c->err, WSL_NOT_FOUND, "the partitioner before '%s'", c->op->name);
    }
    return WSL_OK;
}

static bool same_key_type(const wsl_type *a, const wsl_type *b)
{
    wsl_type left = *a;
    wsl_type right = *b;
    left.not_null = right.not_null = false;
    return wsl_type_equal(&left, &right);
}

/* Rows of both inputs with equal keys share state, so they must hash and compare alike. */
static wsl_status check_both_keys(const check *c)
{
    const Wsl__Pb__Edge *a = c->first[0];
    const Wsl__Pb__Edge *b = c->first[1];
    if (!c->kind->keyed || !c->kind->two_inputs || c->kind->broadcast) {
        return WSL_OK;
    }
    if (a->n_keys != b->n_keys) {
        return wsl_fail(c->err, WSL_INVALID, "'%s' reads '%s' by %zu key fields but '%s' by %zu", c->op->name,
                        producer_name(c, a), a->n_keys, producer_name(c, b), b->n_keys);
    }
    for (size_t i = 0; i < a->n_keys; i++) {
        const wsl_type *left = &c->input[0]->fields[wsl_schema_find(c->input[0], a->keys[i])].type;
        const wsl_type *right = &c->input[1]->fields[wsl_schema_find(c->input[1], b->keys[i])].type;
        if (!same_key_type(left, right)) {
            char have[SCHEMA_SHOWN];
            char want[SCHEMA_SHOWN];
            (void)wsl_type_text(left, have, sizeof have);
            (void)wsl_type_text(right, want, sizeof want);
            return wsl_fail(c->err, WSL_TYPE,
                            "'%s' compares the key '%s' of '%s' (%s) with '%s' of '%s' (%s); the types must be the same",
                            c->op->name, a->keys[i], producer_name(c, a), have, b->keys[i], producer_name(c, b), want);
        }
    }
    return WSL_OK;
}

/* All edges into the operator; what the first one of each input brings goes to out_inputs, for the caller to free. */
static wsl_status check_inputs(check *c, wsl_schema *out_inputs[2])
{
    for (size_t e = 0; e < c->graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = c->graph->edges[e];
        if (edge->to == c->op->id && edge->input <= 1) {
            WSL_TRY(check_edge(c, edge, out_inputs));
        }
    }
    if (c->kind->two_inputs && (c->first[0] == NULL || c->first[1] == NULL)) {
        return wsl_fail(c->err, WSL_INVALID, "'%s' (%s) needs two inputs", c->op->name, c->kind->name);
    }
    return check_both_keys(c);
}

/* ---- the operator itself ---- */

static wsl_status check_function(const check *c)
{
    if (!wsl_pb_is_set(c->op->function) || c->plugin == NULL) {
        return WSL_OK;
    }
    const wsl_function *fn = wsl_plugin_function(c->plugin, c->op->function, c->kind->function_kind, c->err);
    if (fn == NULL) {
        return wsl_fail_prefix(c->err, WSL_NOT_FOUND, "'%s'", c->op->name);
    }
    const wsl_schema *const wanted[2] = {fn->in, fn->in2};
    for (uint32_t i = 0; i < 2; i++) {
        if (wanted[i] != NULL && c->first[i] != NULL) {
            WSL_TRY(
                wsl_graph_check_fits(producer_name(c, c->first[i]), c->input[i], c->op->name, wanted[i], c->err));
        }
    }
    return WSL_OK;
}

void wsl_graph_add_option_sides(Wsl__Pb__Operator *op)
{
    const bool source = strcmp(op->kind, "source") == 0;
    const char *on_error = wsl_pb_option(op->options, op->n_options, "on-error");
    const char *tag = source ? WSL_BAD_RECORDS : WSL_POISON_ROWS;
    if (on_error == NULL || strcmp(on_error, "side-output") != 0 || side_schema(op, tag) != NULL) {
        return;
    }
    Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
    wsl__pb__side_output__init(side);
    wsl_pb_set(&side->tag, tag);
    side->schema = wsl_schema_to_pb(source ? &wsl_bad_record_schema : &wsl_poison_row_schema);
    *WSL_PB_APPEND(op->sides, op->n_sides) = side;
}

static wsl_status check_source(const check *c)
{
    Wsl__Pb__Operator *op = c->op;
    const wsl_source_class *cls = wsl_find_source(c->plugin, op->connector, c->err);
    if (cls == NULL) {
        return wsl_fail_prefix(c->err, WSL_NOT_FOUND, "'%s'", op->name);
    }
    if (cls->enumerator != NULL && wsl_source_class_find(op->connector) != cls) {
        return wsl_fail(c->err, WSL_UNSUPPORTED,
                        "'%s': source '%s' of the job's library has an enumerator, which would run in the JobManager, where no code of "
                        "jobs runs; leave it out and have each reader take its share by subtask and parallelism",
                        op->name, cls->name);
    }
    if (cls->single && op->parallelism > 1) {
        return wsl_fail(
            c->err, WSL_INVALID,
            "'%s' has parallelism %u, but a %s source has one reader only; set it to 1, and rebalance after it",
            op->name, op->parallelism, cls->name);
    }
    if (cls->single) {
        op->parallelism = 1;
    }
    return WSL_OK;
}

/* Late rows go out as they came, so their side output has the type of that input. */
static wsl_status check_late_side(const check *c, const wsl_config *config, const char *option, uint32_t input)
{
    const char *tag = wsl_config_str(config, option);
    WSL_AUTO(wsl_schema) schema = NULL;
    if (tag == NULL) {
        return WSL_OK;
    }
    const Wsl__Pb__Schema *pb = side_schema(c->op, tag);
    if (pb == NULL) {
        return wsl_fail(c->err, WSL_NOT_FOUND, "'%s': option '%s' names the side output '%s', which it does not have",
                        c->op->name, option, tag);
    }
    WSL_TRY(wsl_schema_from_pb(pb, &schema, c->err));
    const wsl_status status =
        wsl_graph_check_fits(producer_name(c, c->first[input]), c->input[input], c->op->name, schema, c->err);
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "side output '%s' of '%s'", tag, c->op->name) : WSL_OK;
}

static wsl_status check_interval_join(const check *c, const wsl_config *config)
{
    wsl_interval interval;
    const wsl_status status = wsl_interval_of(config, &interval, c->err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(c->err, status, "'%s'", c->op->name);
    }
    WSL_TRY(check_late_side(c, config, "late-left", 0));
    return check_late_side(c, config, "late-right", 1);
}

/* The output as the graph declares it, NULL if it does not. */
static wsl_status declared_output(const check *c, wsl_schema **out_schema)
{
    if (c->op->output == NULL) {
        return WSL_OK;
    }
    const wsl_status status = wsl_schema_from_pb(c->op->output, out_schema, c->err);
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "the output of '%s'", c->op->name) : WSL_OK;
}

static wsl_status check_state_type(const check *c, const Wsl__Pb__StateDesc *state, const Wsl__Pb__Schema *pb)
{
    WSL_AUTO(wsl_schema) schema = NULL;
    const wsl_status status = pb != NULL ? wsl_schema_from_pb(pb, &schema, c->err) : WSL_OK;
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "state '%s' of '%s'", state->name, c->op->name) : WSL_OK;
}

static wsl_status check_state_past(const check *c, const Wsl__Pb__StateDesc *state)
{
    WSL_AUTO(wsl_schema) schema = NULL;
    if (state->n_pasts == 0) {
        return WSL_OK;
    }
    if (state->n_pasts > WSL_FIELDS_MAX) {
        return wsl_fail(c->err, WSL_TOO_LARGE, "state '%s' of '%s' tells of the past of more fields than there can be", state->name,
                        c->op->name);
    }
    WSL_TRY(wsl_schema_from_pb(state->value, &schema, c->err));
    wsl_field_past *pasts = wsl_field_pasts_from_pb(state);
    const wsl_status status = wsl_field_pasts_check(schema, pasts, c->err);
    free(pasts);
    return status != WSL_OK ? wsl_fail_prefix(c->err, status, "state '%s' of '%s'", state->name, c->op->name) : WSL_OK;
}

static wsl_status check_declared_states(const check *c, Wsl__Pb__StateDesc *const *states, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        WSL_TRY(check_state_type(c, states[i], states[i]->value));
        WSL_TRY(check_state_type(c, states[i], states[i]->key));
        WSL_TRY(check_state_past(c, states[i]));
    }
    return WSL_OK;
}

static wsl_status check_declared_sides(const check *c)
{
    for (size_t i = 0; i < c->op->n_sides; i++) {
        WSL_AUTO(wsl_schema) schema = NULL;
        const wsl_status status = wsl_schema_from_pb(c->op->sides[i]->schema, &schema, c->err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(c->err, status, "side output '%s' of '%s'", c->op->sides[i]->tag, c->op->name);
        }
    }
    WSL_TRY(check_declared_states(c, c->op->states, c->op->n_states));
    WSL_TRY(check_declared_states(c, c->op->broadcast_states, c->op->n_broadcast_states));
    return check_declared_states(c, c->op->operator_states, c->op->n_operator_states);
}

/* *out_schema NULL: what the operator gives is known to its functions only, and their library is not here. */
static wsl_status derive(const check *c, const wsl_config *config, wsl_schema **out_schema)
{
    const char *const *keys = (const char *const *)c->first[0]->keys;
    const uint32_t n_keys = (uint32_t)c->first[0]->n_keys;
    if (c->kind->options == wsl_window_options) {
        return wsl_window_check_operator(c->op, config, c->plugin, c->input[0], keys, c->kind->keyed ? n_keys : 0,
                                         out_schema, c->err);
    }
    return wsl_operator_derive(c->kind, config, c->input[0], keys, n_keys, out_schema, c->err);
}

/* A window whose output is declared: that of two inputs. */
static wsl_status check_paired_windows(const check *c, const wsl_config *config)
{
    WSL_AUTO(wsl_schema) derived = NULL;
    const wsl_status status =
        wsl_window_check_operator(c->op, config, c->plugin, c->input[0], (const char *const *)c->first[0]->keys,
                                  (uint32_t)c->first[0]->n_keys, &derived, c->err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(c->err, status, "'%s'", c->op->name);
    }
    WSL_TRY(check_late_side(c, config, "late-left", 0));
    return check_late_side(c, config, "late-right", 1);
}

static wsl_status derive_output(const check *c, const wsl_config *config, wsl_schema **out_schema)
{
    WSL_AUTO(wsl_schema) declared = NULL;
    WSL_AUTO(wsl_schema) derived = NULL;
    WSL_TRY(declared_output(c, &declared));
    if (c->kind->output == WSL_OUTPUT_DECLARED) {
        if (declared == NULL) {
            return wsl_fail(c->err, WSL_INVALID, "'%s' has no schema; say what rows it produces", c->op->name);
        }
        *out_schema = WSL_TAKE(declared);
        return WSL_OK;
    }
    const wsl_status status = derive(c, config, &derived);
    if (status != WSL_OK) {
        return wsl_fail_prefix(c->err, status, "'%s'", c->op->name);
    }
    if (derived == NULL && declared == NULL) {
        return wsl_fail(c->err, WSL_INVALID, "'%s' has no schema, and the library that knows it is not here",
                        c->op->name);
    }
    if (derived == NULL) {
        *out_schema = WSL_TAKE(declared);
        return WSL_OK;
    }
    if (declared != NULL && !wsl_schema_equal(declared, derived)) {
        char have[SCHEMA_SHOWN];
        char want[SCHEMA_SHOWN];
        show(derived, have);
        show(declared, want);
        return wsl_fail(c->err, WSL_TYPE, "'%s' gives (%s), but the graph says (%s)", c->op->name, have, want);
    }
    if (declared == NULL) {
        c->op->output = wsl_schema_to_pb(derived);
    }
    *out_schema = WSL_TAKE(derived);
    return WSL_OK;
}

/* A connector of the job's own library, and no library at hand to ask. */
static bool on_trust(const check *c)
{
    if (c->plugin != NULL || !wsl_pb_is_set(c->graph->artifact)) {
        return false;
    }
    return (c->kind->source && wsl_source_class_find(c->op->connector) == NULL) ||
           (c->kind->sink && wsl_sink_class_find(c->op->connector) == NULL);
}

static wsl_status check_single(const check *c)
{
    if (c->op->parallelism > 1) {
        return wsl_fail(c->err, WSL_INVALID,
                        "'%s' has parallelism %u, but it is about the whole stream, which one subtask has to see; key "
                        "the stream, or set it to 1",
                        c->op->name, c->op->parallelism);
    }
    c->op->parallelism = 1;
    return WSL_OK;
}

static wsl_status check_one(check *c)
{
    if (c->kind->single) {
        WSL_TRY(check_single(c));
    }
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(check_function(c));
    WSL_TRY(check_declared_sides(c));
    if (!on_trust(c)) {
        WSL_TRY(wsl_operator_config_new(c->op, c->plugin, &config, c->err));
        if (c->kind->source) {
            WSL_TRY(check_source(c));
        }
        if (c->kind->options == wsl_interval_join_options) {
            WSL_TRY(check_interval_join(c, config));
        }
        if (c->kind->options == wsl_window_options && c->kind->two_inputs) {
            WSL_TRY(check_paired_windows(c, config));
        }
    }
    return c->kind->output == WSL_OUTPUT_NONE ? WSL_OK : derive_output(c, config, &c->schemas[c->op->id]);
}

wsl_status wsl_graph_check_operator(wsl_job_graph *graph, uint32_t op, const wsl_plugin *plugin, wsl_schema **schemas,
                                    wsl_error *err)
{
    wsl_error local;
    check c = {.graph = graph,
               .op = graph->operators[op],
               .kind = wsl_operator_kind_find(graph->operators[op]->kind),
               .plugin = plugin,
               .schemas = schemas,
               .err = err != NULL ? err : &local};
    wsl_schema *inputs[2] = {NULL, NULL};
    wsl_graph_add_option_sides(c.op);
    wsl_status status = check_inputs(&c, inputs);
    if (status == WSL_OK) {
        status = check_one(&c);
    }
    wsl_schema_free(inputs[0]);
    wsl_schema_free(inputs[1]);
    return status;
}

wsl_status wsl_graph_check_types(wsl_job_graph *graph, const wsl_plugin *plugin, wsl_schema **schemas, wsl_error *err)
{
    for (uint32_t i = 0; i < graph->n_operators; i++) {
        WSL_TRY(wsl_graph_check_operator(graph, i, plugin, schemas, err));
    }
    return WSL_OK;
}

wsl_schema **wsl_schemas_new(size_t n) { return wsl_calloc(n + 1, sizeof(wsl_schema *)); }

void wsl_schemas_free(wsl_schema **schemas, size_t n)
{
    for (size_t i = 0; schemas != NULL && i < n; i++) {
        wsl_schema_free(schemas[i]);
    }
    free(schemas);
}
