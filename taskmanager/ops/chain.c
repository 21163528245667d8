/*
 * Operators are kept in the order of their descriptors, producers before consumers; so "consumers first" is backwards.
 */
#include "taskmanager/ops/chain.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/job_graph.h"
#include "graph/operator_kind.h"
#include "graph/operator_options.h"
#include "plugin/plugin.h"
#include "taskmanager/ops/op_lists.h"
#include "taskmanager/ops/pending.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/window/late_samples.h"

enum { OVERDRAFT_DEFAULT = 16 << 20 };

/* What an operator's environment points to. */
typedef struct node {
    tm_op *op;
    wsl_schema *output;
    wsl_schema **sides;
    size_t n_sides;
    const wsl_function **functions;
} node;

struct tm_chain {
    uint32_t n;
    node *nodes;
    tm_op_shared shared;
    wsl_key_spec key;
    wsl_key_spec key_1;
    wsl_schema *key_schema;
    bool keyed;
};

/* ---- making the operators ---- */

/* NULL: there is none of that kind; *err says so. */
static const wsl_function *find_function(const tm_chain_spec *spec, const Wsl__Pb__Operator *desc, const char *symbol,
                                         wsl_function_kind kind, wsl_error *err)
{
    if (spec->find_function != NULL) {
        const wsl_function *fn = spec->find_function(spec->find_function_arg, symbol);
        if (fn == NULL || fn->kind != kind) {
            (void)wsl_fail(err, WSL_NOT_FOUND, "operator '%s' needs a function '%s' made with %s", desc->name, symbol,
                           wsl_function_kind_text(kind));
            return NULL;
        }
        return fn;
    }
    if (spec->artifact == NULL) {
        (void)wsl_fail(err, WSL_NOT_FOUND, "operator '%s' calls the function '%s', but the job has no library",
                       desc->name, symbol);
        return NULL;
    }
    const wsl_function *fn = wsl_plugin_function(spec->artifact, symbol, kind, err);
    if (fn == NULL) {
        (void)wsl_fail_prefix(err, WSL_NOT_FOUND, "operator '%s'", desc->name);
    }
    return fn;
}

static wsl_status find_functions(const tm_chain_spec *spec, const Wsl__Pb__Operator *desc, node *nd, tm_op_env *env,
                                 wsl_error *err)
{
    const wsl_operator_kind *kind = wsl_operator_kind_find(desc->kind);
    const bool has_symbol = desc->function != NULL && desc->function[0] != '\0';
    if (kind != NULL && kind->function_kind != 0 && (kind->takes_function || has_symbol)) {
        env->function = find_function(spec, desc, desc->function, kind->function_kind, err);
        if (env->function == NULL) {
            return WSL_NOT_FOUND;
        }
    }
    nd->functions = wsl_calloc(desc->n_functions + 1, sizeof *nd->functions);
    env->functions = nd->functions;
    for (size_t i = 0; i < desc->n_functions; i++) {
        const wsl_function_kind role = wsl_function_role_kind(desc->functions[i]->role);
        if (role == 0) {
            return wsl_fail(err, WSL_UNSUPPORTED, "operator '%s' has a function for '%s', which is not known here",
                            desc->name, desc->functions[i]->role);
        }
        nd->functions[i] = find_function(spec, desc, desc->functions[i]->symbol, role, err);
        if (nd->functions[i] == NULL) {
            return WSL_NOT_FOUND;
        }
    }
    return WSL_OK;
}

static wsl_status find_connector(const tm_chain_spec *spec, const Wsl__Pb__Operator *desc, tm_op_env *env,
                                 wsl_error *err)
{
    if (strcmp(desc->kind, "source") == 0) {
        env->source = wsl_find_source(spec->artifact, desc->connector, err);
        return env->source != NULL ? WSL_OK : wsl_fail_prefix(err, WSL_NOT_FOUND, "operator '%s'", desc->name);
    }
    if (strcmp(desc->kind, "sink") == 0) {
        env->sink = wsl_find_sink(spec->artifact, desc->connector, err);
        return env->sink != NULL ? WSL_OK : wsl_fail_prefix(err, WSL_NOT_FOUND, "operator '%s'", desc->name);
    }
    return WSL_OK;
}

static wsl_status make_schemas(const Wsl__Pb__Operator *desc, node *nd, wsl_error *err)
{
    if (desc->output != NULL) {
        WSL_TRY(wsl_schema_from_pb(desc->output, &nd->output, err));
    }
    nd->n_sides = desc->n_sides;
    nd->sides = wsl_calloc(desc->n_sides + 1, sizeof *nd->sides);
    for (size_t i = 0; i < desc->n_sides; i++) {
        WSL_TRY(wsl_schema_from_pb(desc->sides[i]->schema, &nd->sides[i], err));
    }
    return WSL_OK;
}

static wsl_status make_node(tm_chain *chain, const tm_chain_spec *spec, uint32_t i, wsl_error *err)
{
    const Wsl__Pb__Operator *desc = spec->operators[i];
    node *nd = &chain->nodes[i];
    const tm_op_class *cls = tm_op_class_find(desc->kind);
    if (cls == NULL) {
        return wsl_fail(err, WSL_UNSUPPORTED, "operator '%s' is of kind '%s', which this TaskManager does not know",
                        desc->name, desc->kind);
    }
    WSL_TRY(make_schemas(desc, nd, err));
    tm_op *op = wsl_zalloc(cls->size);
    nd->op = op;
    op->cls = cls;
    op->name = desc->name;
    op->shared = &chain->shared;
    op->watermark = op->out_watermark = WSL_TIME_MIN;
    op->n_sides = (uint32_t)desc->n_sides;
    op->sides = wsl_calloc(desc->n_sides + 1, sizeof *op->sides);
    op->env = (tm_op_env){
        .desc = desc,
        .output = nd->output,
        .sides = (const wsl_schema *const *)nd->sides,
        .subtask = spec->subtask,
        .parallelism = spec->parallelism,
        .max_parallelism = spec->max_parallelism,
        .split_number = spec->split_number,
        .attempt = spec->attempt,
        .job_id = spec->job_id,
        .job_name = spec->job_name,
        .artifact = spec->artifact,
        .job_config = spec->job_config,
        .clock = spec->clock,
        .fs = spec->fs,
        .rng = spec->rng,
        .log = spec->log,
        .host = spec->host,
        .helpers = spec->helpers,
    };
    WSL_TRY(find_functions(spec, desc, nd, &op->env, err));
    WSL_TRY(find_connector(spec, desc, &op->env, err));
    return tm_op_lists_new(op, &op->lists, err);
}

/* ---- keys ---- */

/* Keys of both inputs meet in one state: the deployment was checked when the job was planned, but came over a socket. */
static wsl_status make_second_key(tm_chain *chain, const tm_chain_spec *spec, wsl_error *err)
{
    if (spec->input[1] == NULL) {
        return wsl_fail(err, WSL_INVALID, "there are keys of a second input, but there is none");
    }
    WSL_TRY(wsl_key_spec_init(&chain->key_1, spec->input[1], (const char *const *)spec->keys_1,
                              (uint32_t)spec->n_keys_1, err));
    bool same = chain->key.n_fields == chain->key_1.n_fields;
    for (uint32_t i = 0; i < chain->key.n_fields && same; i++) {
        same = chain->key.type[i] == chain->key_1.type[i];
    }
    return same ? WSL_OK : wsl_fail(err, WSL_INVALID, "the keys of both inputs are of different types");
}

static wsl_status make_key(tm_chain *chain, const tm_chain_spec *spec, wsl_error *err)
{
    if (spec->n_keys == 0) {
        return WSL_OK;
    }
    const wsl_schema *in = spec->input[0];
    WSL_TRY(wsl_key_spec_init(&chain->key, in, (const char *const *)spec->keys, (uint32_t)spec->n_keys, err));
    chain->key_schema = wsl_key_schema_new(&chain->key, in);
    chain->keyed = true;
    return spec->n_keys_1 != 0 ? make_second_key(chain, spec, err) : WSL_OK;
}

static wsl_status give_inputs_to_head(tm_chain *chain, const tm_chain_spec *spec, wsl_error *err)
{
    tm_op *head = chain->nodes[0].op;
    head->env.input[0] = spec->input[0];
    head->env.input[1] = spec->input[1];
    if (chain->keyed) {
        head->env.key = &chain->key;
        head->env.key_1 = spec->n_keys_1 != 0 ? &chain->key_1 : NULL;
        head->env.key_schema = chain->key_schema;
    }
    const wsl_operator_kind *kind = wsl_operator_kind_find(head->cls->kind);
    if (kind != NULL && kind->two_inputs != (spec->input[1] != NULL)) {
        return wsl_fail(err, WSL_INVALID, kind->two_inputs ? "operator '%s' (%s) has no second input"
                                                           : "operator '%s' (%s) has a second input",
                        head->name, head->cls->kind);
    }
    const bool is_source = strcmp(head->cls->kind, "source") == 0;
    if (is_source == (spec->input[0] != NULL)) {
        return wsl_fail(err, WSL_INVALID, is_source ? "source '%s' has an input" : "operator '%s' has no input",
                        head->name);
    }
    return WSL_OK;
}

/* ---- wiring ---- */

static uint32_t index_of(const tm_chain *chain, uint32_t operator_id)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        if (chain->nodes[i].op->env.desc->id == operator_id) {
            return i;
        }
    }
    return UINT32_MAX;
}

static void add_target(tm_targets *targets, tm_target target)
{
    targets->target = wsl_realloc(targets->target, (targets->n + 1) * sizeof *targets->target);
    targets->target[targets->n++] = target;
}

/* Where an edge begins: the main output or a side of its producer. */
static wsl_status edge_begin(tm_chain *chain, const Wsl__Pb__Edge *edge, tm_targets **out_targets,
                             const wsl_schema **out_schema, wsl_error *err)
{
    const uint32_t from = index_of(chain, edge->from);
    if (from == UINT32_MAX) {
        return wsl_fail(err, WSL_INVALID, "edge %" PRIu32 " begins at operator %" PRIu32 ", which is not in this chain",
                        edge->id, edge->from);
    }
    node *nd = &chain->nodes[from];
    if (edge->side == NULL || edge->side[0] == '\0') {
        *out_targets = &nd->op->main;
        *out_schema = nd->output;
        return WSL_OK;
    }
    const Wsl__Pb__Operator *desc = nd->op->env.desc;
    for (uint32_t i = 0; i < nd->op->n_sides; i++) {
        if (strcmp(desc->sides[i]->tag, edge->side) == 0) {
            *out_targets = &nd->op->sides[i];
            *out_schema = nd->sides[i];
            return WSL_OK;
        }
    }
    return wsl_fail(err, WSL_INVALID, "operator '%s' has no side output '%s'", nd->op->name, edge->side);
}

static wsl_status wire_chained(tm_chain *chain, const Wsl__Pb__Edge *edge, wsl_error *err)
{
    tm_targets *targets = NULL;
    const wsl_schema *schema = NULL;
    WSL_TRY(edge_begin(chain, edge, &targets, &schema, err));
    const uint32_t from = index_of(chain, edge->from);
    const uint32_t to = index_of(chain, edge->to);
    if (to == UINT32_MAX || to <= from || edge->input > 0) {
        return wsl_fail(err, WSL_INVALID, "edge %" PRIu32 " does not lead to a later operator of its chain", edge->id);
    }
    tm_op *op = chain->nodes[to].op;
    if (op->env.desc->keyed) {
        return wsl_fail(err, WSL_INVALID, "operator '%s' works by key and cannot be chained to '%s'", op->name,
                        chain->nodes[from].op->name);
    }
    op->env.input[edge->input] = schema;
    op->env.after_source = chain->nodes[from].op->env.source != NULL;
    add_target(targets, (tm_target){.op = op, .input = edge->input});
    return WSL_OK;
}

static wsl_status wire(tm_chain *chain, const tm_chain_spec *spec, wsl_error *err)
{
    for (size_t i = 0; i < spec->n_edges; i++) {
        WSL_TRY(wire_chained(chain, spec->edges[i], err));
    }
    for (size_t i = 0; i < spec->n_outputs; i++) {
        tm_targets *targets = NULL;
        const wsl_schema *schema = NULL;
        WSL_TRY(edge_begin(chain, spec->out_edges[i], &targets, &schema, err));
        add_target(targets, (tm_target){.output = spec->outputs[i]});
    }
    for (uint32_t i = 1; i < chain->n; i++) {
        if (chain->nodes[i].op->env.input[0] == NULL) {
            return wsl_fail(err, WSL_INVALID, "nothing in its chain leads to operator '%s'", chain->nodes[i].op->name);
        }
    }
    return WSL_OK;
}

wsl_status tm_chain_new(const tm_chain_spec *spec, tm_chain **out_chain, wsl_error *err)
{
    if (spec->n_operators == 0 || spec->n_operators > WSL_GRAPH_OPERATORS_MAX) {
        return wsl_fail(err, WSL_INVALID, "a chain has 1 to %d operators, not %zu", WSL_GRAPH_OPERATORS_MAX,
                        spec->n_operators);
    }
    WSL_AUTO(tm_chain) chain = wsl_zalloc(sizeof *chain);
    chain->n = (uint32_t)spec->n_operators;
    chain->nodes = wsl_calloc(chain->n, sizeof *chain->nodes);
    chain->shared.rows_per_step = TM_BATCH_ROWS;
    chain->shared.overdraft_bytes =
        spec->job_config != NULL ? wsl_config_size(spec->job_config, "task.overdraft.max") : OVERDRAFT_DEFAULT;
    for (uint32_t i = 0; i < chain->n; i++) {
        WSL_TRY(make_node(chain, spec, i, err));
    }
    WSL_TRY(make_key(chain, spec, err));
    WSL_TRY(give_inputs_to_head(chain, spec, err));
    WSL_TRY(wire(chain, spec, err));
    *out_chain = WSL_TAKE(chain);
    return WSL_OK;
}

/* ---- life ---- */

wsl_status tm_chain_open(tm_chain *chain, wsl_error *err)
{
    for (uint32_t i = chain->n; i-- > 0;) {
        tm_op *op = chain->nodes[i].op;
        op->opened = true;
        const wsl_status status = op->cls->open != NULL ? op->cls->open(op, err) : WSL_OK;
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "operator '%s' (subtask %" PRIu32 " of %" PRIu32 ") cannot be opened",
                                   op->name, op->env.subtask + 1, op->env.parallelism);
        }
    }
    return WSL_OK;
}

void tm_chain_close(tm_chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        tm_op *op = chain->nodes[i].op;
        if (op != NULL && op->opened) {
            op->opened = false;
            if (op->cls->close != NULL) {
                op->cls->close(op);
            }
        }
    }
}

static void free_op(tm_op *op)
{
    if (op == NULL) {
        return;
    }
    free(op->main.target);
    for (uint32_t i = 0; i < op->n_sides; i++) {
        free(op->sides[i].target);
    }
    free(op->sides);
    for (uint32_t i = 0; i < op->n_counts; i++) {
        free(op->counts[i].name);
    }
    free(op->counts);
    tm_pending_free(op->queue);
    tm_late_samples_free(op->late);
    tm_op_lists_free(op->lists);
    tm_state_report_fini(op);
    free(op);
}

void tm_chain_free(tm_chain *chain)
{
    if (chain == NULL) {
        return;
    }
    tm_chain_close(chain);
    for (uint32_t i = 0; i < chain->n; i++) {
        node *nd = &chain->nodes[i];
        for (size_t s = 0; s < nd->n_sides; s++) {
            wsl_schema_free(nd->sides[s]);
        }
        free(nd->sides);
        free(nd->functions);
        wsl_schema_free(nd->output);
        free_op(nd->op);
    }
    free(chain->nodes);
    wsl_schema_free(chain->key_schema);
    free(chain);
}

/* ---- looking ---- */

tm_op *tm_chain_head(tm_chain *chain) { return chain->nodes[0].op; }
uint32_t tm_chain_size(const tm_chain *chain) { return chain->n; }

tm_op *tm_chain_op(tm_chain *chain, uint32_t i)
{
    WSL_ASSERT(i < chain->n);
    return chain->nodes[i].op;
}

tm_op *tm_chain_find(tm_chain *chain, uint32_t operator_id)
{
    const uint32_t i = index_of(chain, operator_id);
    return i == UINT32_MAX ? NULL : chain->nodes[i].op;
}

bool tm_chain_is_source(const tm_chain *chain) { return chain->nodes[0].op->env.source != NULL; }

/* ---- running ---- */

void tm_chain_set_rows_per_step(tm_chain *chain, uint32_t rows)
{
    chain->shared.rows_per_step = rows < TM_BATCH_ROWS ? rows : TM_BATCH_ROWS;
}

bool tm_chain_has_pending(const tm_chain *chain) { return chain->shared.n_pending != 0; }

void tm_chain_set_restoring(tm_chain *chain, bool restoring) { chain->shared.restoring = restoring; }

/* An operator that had rows in hand has put the watermarks behind them where they belong. */
wsl_status tm_chain_restore_watermark(tm_chain *chain, int64_t watermark)
{
    tm_op *head = tm_chain_head(chain);
    if (watermark <= head->watermark) {
        return WSL_OK;
    }
    chain->shared.restoring = true;
    const wsl_status status = tm_op_deliver_watermark(head, watermark);
    chain->shared.restoring = false;
    return status;
}

bool tm_chain_can_snapshot(const tm_chain *chain)
{
    for (uint32_t i = 0; i < chain->n && chain->shared.n_pending != 0; i++) {
        const tm_op *op = chain->nodes[i].op;
        if (op->pending && !op->cls->holds_rows) {
            return false;
        }
    }
    return true;
}

bool tm_chain_uncommitted(const tm_chain *chain)
{
    bool uncommitted = false;
    for (uint32_t i = 0; i < chain->n; i++) {
        uncommitted = uncommitted || chain->nodes[i].op->uncommitted;
    }
    return uncommitted;
}

bool tm_chain_waits_outside(const tm_chain *chain)
{
    bool outside = false;
    for (uint32_t i = 0; i < chain->n; i++) {
        const tm_op *op = chain->nodes[i].op;
        outside = outside || (op->pending && op->waiting && op->outside);
    }
    return outside;
}

wsl_status tm_chain_resume(tm_chain *chain)
{
    bool progress = false;
    for (uint32_t i = chain->n; i-- > 0 && chain->shared.n_pending != 0;) {
        tm_op *op = chain->nodes[i].op;
        if (!op->pending) {
            continue;
        }
        const wsl_status status = tm_op_resume(op);
        if (status != WSL_OK && status != WSL_AGAIN) {
            return status;
        }
        progress = progress || status == WSL_OK;
        if (op->pending) {
            break; /* what is before it has to wait */
        }
    }
    return progress ? WSL_OK : WSL_AGAIN;
}

wsl_status tm_chain_flush(tm_chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++) {
        tm_op *op = chain->nodes[i].op;
        if (op->cls->flush != NULL) {
            WSL_TRY(op->cls->flush(op));
        }
    }
    return WSL_OK;
}
