#include "graph/graph_check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "data/key.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"

enum { OPTIONS_MAX = 200, SIDES_MAX = 64, STATES_MAX = 64 };

/* ---- shape: operators ---- */

/* owner: "operator 3: its name". */
static wsl_status check_text(const char *owner, const char *text, wsl_error *err)
{
    if (strlen(text) > WSL_GRAPH_NAME_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "%s is longer than %d bytes", owner, WSL_GRAPH_NAME_MAX);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ') {
            return wsl_fail(err, WSL_INVALID, "%s has a control character in it", owner);
        }
    }
    return WSL_OK;
}

/* NULL if there is no such kind. */
static const wsl_operator_kind *check_kind(const Wsl__Pb__Operator *op, wsl_error *err)
{
    const wsl_operator_kind *kind = wsl_operator_kind_find(op->kind);
    if (kind == NULL) {
        wsl_suggest near;
        char hint[WSL_SUGGEST_TEXT_MAX];
        wsl_suggest_init(&near, op->kind);
        for (const wsl_operator_kind *k = wsl_operator_kinds(); k->name != NULL; k++) {
            wsl_suggest_offer(&near, k->name);
        }
        (void)wsl_fail(err, WSL_NOT_FOUND, "'%s': there is no operator kind '%.60s'%s", op->name, op->kind,
                       wsl_suggest_text(&near, hint));
    }
    return kind;
}

static wsl_status check_parts(const Wsl__Pb__Operator *op, const wsl_operator_kind *kind, bool has_library,
                              wsl_error *err)
{
    const bool connects = kind->source || kind->sink;
    if (connects != wsl_pb_is_set(op->connector)) {
        return wsl_fail(err, WSL_INVALID, connects ? "'%s': a %s needs a connector" : "'%s': a %s takes no connector",
                        op->name, kind->name);
    }
    const bool may_name_one = kind->function_kind != 0 && !kind->takes_function;
    if (kind->takes_function != wsl_pb_is_set(op->function) && !may_name_one) {
        return wsl_fail(err, WSL_INVALID,
                        kind->takes_function ? "'%s': a %s needs a function" : "'%s': a %s takes no function", op->name,
                        kind->name);
    }
    if (wsl_pb_is_set(op->function) && !has_library) {
        return wsl_fail(err, WSL_INVALID, "'%s' needs function '%s', but the job has no library", op->name,
                        op->function);
    }
    if (op->n_states > 0 && !kind->keyed && !kind->single) {
        return wsl_fail(err, WSL_INVALID, "'%s' keeps state '%s' but its input is not keyed; key it with key_by",
                        op->name, op->states[0]->name);
    }
    if (op->n_broadcast_states > 0 && !kind->broadcast) {
        return wsl_fail(err, WSL_INVALID, "'%s' has the broadcast state '%s', but a %s has no broadcast input",
                        op->name, op->broadcast_states[0]->name, kind->name);
    }
    if (kind->sink && op->output != NULL) {
        return wsl_fail(err, WSL_INVALID, "'%s' is a sink: it has no output", op->name);
    }
    if (op->n_options > OPTIONS_MAX || op->n_sides > SIDES_MAX || op->n_states > STATES_MAX ||
        op->n_broadcast_states > STATES_MAX || op->n_operator_states > STATES_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "'%s' has more than %d options, %d side outputs or %d states", op->name,
                        OPTIONS_MAX, SIDES_MAX, STATES_MAX);
    }
    return WSL_OK;
}

static bool state_is_whole(const Wsl__Pb__StateDesc *state, bool broadcast)
{
    const bool folds = state->kind == WSL_STATE_REDUCING || state->kind == WSL_STATE_AGGREGATING;
    return wsl_pb_is_set(state->name) && state->value != NULL && state->kind >= WSL_STATE_VALUE &&
           state->kind <= WSL_STATE_AGGREGATING && (state->kind == WSL_STATE_MAP) == (state->key != NULL) &&
           folds == wsl_pb_is_set(state->fold) && (!broadcast || state->kind == WSL_STATE_MAP);
}

static wsl_status check_names(const Wsl__Pb__Operator *op, Wsl__Pb__StateDesc *const *states, size_t n, wsl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(states[i]->name, states[j]->name) == 0) {
                return wsl_fail(err, WSL_EXISTS, "'%s' has two states '%s'", op->name, states[i]->name);
            }
        }
    }
    return WSL_OK;
}

static wsl_status check_states(const Wsl__Pb__Operator *op, Wsl__Pb__StateDesc *const *states, size_t n, bool broadcast,
                               wsl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!state_is_whole(states[i], broadcast)) {
            return wsl_fail(err, WSL_INVALID,
                            broadcast ? "'%s' has a broadcast state '%s' that is not a map state with a name and both types"
                                      : "'%s' has a state '%s' without name or type, or of a kind unknown here",
                            op->name, states[i]->name);
        }
    }
    return check_names(op, states, n, err);
}

static wsl_status check_operator_states(const Wsl__Pb__Operator *op, wsl_error *err)
{
    for (size_t i = 0; i < op->n_operator_states; i++) {
        const Wsl__Pb__StateDesc *s = op->operator_states[i];
        const bool is_known = s->kind == WSL_STATE_OPERATOR_LIST || s->kind == WSL_STATE_OPERATOR_UNION;
        if (!wsl_pb_is_set(s->name) || !is_known || s->value == NULL || s->key != NULL) {
            return wsl_fail(err, WSL_INVALID, "'%s' has an operator state '%s' that is not a list with a name and a type",
                            op->name, s->name);
        }
        if (wsl_pb_is_set(s->ttl)) {
            return wsl_fail(err, WSL_UNSUPPORTED, "'%s': the operator state '%s' has a time to live; only keyed state has one",
                            op->name, s->name);
        }
    }
    return check_names(op, op->operator_states, op->n_operator_states, err);
}

static wsl_status check_sides_and_states(const Wsl__Pb__Operator *op, wsl_error *err)
{
    for (size_t i = 0; i < op->n_sides; i++) {
        if (!wsl_pb_is_set(op->sides[i]->tag) || op->sides[i]->schema == NULL) {
            return wsl_fail(err, WSL_INVALID, "'%s' has a side output without tag or schema", op->name);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(op->sides[i]->tag, op->sides[j]->tag) == 0) {
                return wsl_fail(err, WSL_EXISTS, "'%s' has two side outputs '%s'", op->name, op->sides[i]->tag);
            }
        }
    }
    WSL_TRY(check_states(op, op->states, op->n_states, false, err));
    WSL_TRY(check_states(op, op->broadcast_states, op->n_broadcast_states, true, err));
    return check_operator_states(op, err);
}

static wsl_status check_parallelism(uint32_t parallelism, uint32_t max_parallelism, wsl_error *err)
{
    if (parallelism > WSL_PARALLELISM_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "parallelism %u is more than %d", parallelism, WSL_PARALLELISM_MAX);
    }
    if (max_parallelism > WSL_MAX_PARALLELISM_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "maximum parallelism %u is more than %d", max_parallelism,
                        WSL_MAX_PARALLELISM_MAX);
    }
    return WSL_OK;
}

static wsl_status check_operator(wsl_job_graph *graph, uint32_t i, wsl_error *err)
{
    Wsl__Pb__Operator *op = graph->operators[i];
    char owner[64];
    if (op->id != i) {
        return wsl_fail(err, WSL_FORMAT, "operator %u of the graph has id %u; ids are positions", i, op->id);
    }
    if (!wsl_pb_is_set(op->name)) {
        wsl_pb_set(&op->name, wsl_pb_is_set(op->connector) ? op->connector : op->kind);
    }
    const char *const texts[] = {op->name, op->uid, op->slot_group};
    static const char *const what[] = {"name", "uid", "slot group"};
    for (size_t t = 0; t < WSL_ARRAY_LEN(texts); t++) {
        (void)snprintf(owner, sizeof owner, "operator %u: its %s", i, what[t]);
        WSL_TRY(check_text(owner, texts[t], err));
    }
    const wsl_operator_kind *kind = check_kind(op, err);
    if (kind == NULL) {
        return WSL_NOT_FOUND;
    }
    op->keyed = kind->keyed;
    WSL_TRY(check_parts(op, kind, wsl_pb_is_set(graph->artifact), err));
    wsl_graph_add_option_sides(op);
    WSL_TRY(check_sides_and_states(op, err));
    if ((uint32_t)op->chain > WSL__PB__CHAIN_POLICY__CHAIN_NEVER) {
        return wsl_fail(err, WSL_FORMAT, "'%s' has chain policy %u, which there is not", op->name, op->chain);
    }
    const wsl_status status = check_parallelism(op->parallelism, op->max_parallelism, err);
    return status != WSL_OK ? wsl_fail_prefix(err, status, "'%s'", op->name) : WSL_OK;
}

static wsl_status check_uids(const wsl_job_graph *graph, wsl_error *err)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        const Wsl__Pb__Operator *a = graph->operators[i];
        for (size_t j = 0; j < i && wsl_pb_is_set(a->uid); j++) {
            if (strcmp(a->uid, graph->operators[j]->uid) == 0) {
                return wsl_fail(err, WSL_EXISTS, "'%s' and '%s' have the same uid '%s'; a uid names one operator",
                                graph->operators[j]->name, a->name, a->uid);
            }
        }
    }
    return WSL_OK;
}

/* ---- shape: edges ---- */

static const Wsl__Pb__SideOutput *find_side(const Wsl__Pb__Operator *op, const char *tag)
{
    for (size_t i = 0; i < op->n_sides; i++) {
        if (strcmp(op->sides[i]->tag, tag) == 0) {
            return op->sides[i];
        }
    }
    return NULL;
}

/* A window's late rows: their type is known when the input is (graph_types). */
static bool is_late_side(const Wsl__Pb__Operator *op, const char *tag)
{
    const char *late = wsl_pb_option(op->options, op->n_options, "late-tag");
    return late != NULL && strcmp(late, tag) == 0;
}

static wsl_status check_ends(const wsl_job_graph *graph, const Wsl__Pb__Edge *edge, wsl_error *err)
{
    if (edge->from >= graph->n_operators || edge->to >= graph->n_operators) {
        return wsl_fail(err, WSL_FORMAT, "edge %u joins operators %u and %u, but there are only %zu", edge->id,
                        edge->from, edge->to, graph->n_operators);
    }
    const Wsl__Pb__Operator *from = graph->operators[edge->from];
    const Wsl__Pb__Operator *to = graph->operators[edge->to];
    if (edge->from >= edge->to) {
        return wsl_fail(err, WSL_INVALID, "'%s' reads from '%s', which comes after it: a job graph has no cycles",
                        to->name, from->name);
    }
    if (strcmp(from->kind, "sink") == 0) {
        return wsl_fail(err, WSL_INVALID, "'%s' reads from '%s', which is a sink and has no output", to->name,
                        from->name);
    }
    if (strcmp(to->kind, "source") == 0) {
        return wsl_fail(err, WSL_INVALID, "'%s' is a source and cannot read from '%s'", to->name, from->name);
    }
    const wsl_operator_kind *kind = wsl_operator_kind_find(to->kind);
    if (edge->input > (kind != NULL && kind->two_inputs ? 1u : 0u)) {
        return wsl_fail(err, WSL_INVALID, "'%s' has no input %u", to->name, edge->input);
    }
    if (edge->input == 1 && kind->broadcast && edge->partition != WSL__PB__PARTITION__BROADCAST) {
        return wsl_fail(err, WSL_INVALID,
                        "'%s' (%s) reads '%s' as its broadcast input, which must go to all subtasks; say wsl_broadcast",
                        to->name, to->kind, from->name);
    }
    if (wsl_pb_is_set(edge->side) && find_side(from, edge->side) == NULL && !is_late_side(from, edge->side)) {
        return wsl_fail(err, WSL_NOT_FOUND, "'%s' reads side output '%s' of '%s', which does not have it", to->name,
                        edge->side, from->name);
    }
    return WSL_OK;
}

static wsl_status check_partition(const wsl_job_graph *graph, const Wsl__Pb__Edge *edge, wsl_error *err)
{
    const char *from = graph->operators[edge->from]->name;
    const char *to = graph->operators[edge->to]->name;
    if ((uint32_t)edge->partition > WSL__PB__PARTITION__UNSTATED) {
        return wsl_fail(err, WSL_FORMAT, "the edge from '%s' to '%s' has partitioner %u, which there is not", from, to,
                        edge->partition);
    }
    const bool hash = edge->partition == WSL__PB__PARTITION__HASH;
    const bool custom = edge->partition == WSL__PB__PARTITION__CUSTOM;
    if (hash != (edge->n_keys > 0) || edge->n_keys > WSL_KEY_FIELDS_MAX) {
        return wsl_fail(err, WSL_INVALID, "the edge from '%s' to '%s' has %zu key fields; %s", from, to, edge->n_keys,
                        hash ? "a hash partitioner needs 1 to 16" : "only a hash partitioner has any");
    }
    if (custom != wsl_pb_is_set(edge->function)) {
        return wsl_fail(err, WSL_INVALID,
                        "the edge from '%s' to '%s': a custom partitioner, and only that, names a function", from, to);
    }
    if (custom && !wsl_pb_is_set(graph->artifact)) {
        return wsl_fail(err, WSL_INVALID, "the edge from '%s' to '%s' needs function '%s', but the job has no library",
                        from, to, edge->function);
    }
    return WSL_OK;
}

static bool is_fed(const wsl_job_graph *graph, uint32_t op, uint32_t input)
{
    for (size_t e = 0; e < graph->n_edges; e++) {
        if (graph->edges[e]->to == op && graph->edges[e]->input == input) {
            return true;
        }
    }
    return false;
}

static wsl_status check_inputs(const wsl_job_graph *graph, wsl_error *err)
{
    for (uint32_t i = 0; i < graph->n_operators; i++) {
        const Wsl__Pb__Operator *op = graph->operators[i];
        const wsl_operator_kind *kind = wsl_operator_kind_find(op->kind);
        if (!kind->source && !is_fed(graph, i, 0)) {
            return wsl_fail(err, WSL_INVALID, "'%s' has no input; say which operator it reads from", op->name);
        }
        if (kind->two_inputs && !is_fed(graph, i, 1)) {
            return wsl_fail(err, WSL_INVALID, "'%s' (%s) has no second input", op->name, op->kind);
        }
    }
    return WSL_OK;
}

wsl_status wsl_graph_check_shape(wsl_job_graph *graph, wsl_error *err)
{
    if (graph->n_operators == 0) {
        return wsl_fail(err, WSL_INVALID, "the job has no operators; it needs a source at least");
    }
    if (graph->n_operators > WSL_GRAPH_OPERATORS_MAX || graph->n_edges > WSL_GRAPH_EDGES_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "the job has %zu operators and %zu edges; at most %d and %d are possible",
                        graph->n_operators, graph->n_edges, WSL_GRAPH_OPERATORS_MAX, WSL_GRAPH_EDGES_MAX);
    }
    WSL_TRY(wsl_pb_check_texts(&graph->base, err));
    WSL_TRY(check_text("the job's name", graph->name, err));
    const wsl_status status = check_parallelism(graph->parallelism, graph->max_parallelism, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "the job");
    }
    for (uint32_t i = 0; i < graph->n_operators; i++) {
        WSL_TRY(check_operator(graph, i, err));
    }
    WSL_TRY(check_uids(graph, err));
    for (uint32_t i = 0; i < graph->n_edges; i++) {
        if (graph->edges[i]->id != i) {
            return wsl_fail(err, WSL_FORMAT, "edge %u of the graph has id %u; ids are positions", i,
                            graph->edges[i]->id);
        }
        WSL_TRY(check_ends(graph, graph->edges[i], err));
        WSL_TRY(check_partition(graph, graph->edges[i], err));
    }
    return check_inputs(graph, err);
}
