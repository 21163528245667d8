#include "harness/wsl_test.h"
#include "graph_fixture.h"

#include <wiesel/state.h>

#include "graph/graph_json.h"
#include "graph/graph_text.h"

static Wsl__Pb__Edge *second(wsl_job_graph *g, uint32_t from, uint32_t to, Wsl__Pb__Partition partition)
{
    Wsl__Pb__Edge *edge = gf_edge(g, from, to, partition);
    edge->input = 1;
    return edge;
}

/* words =hash=> both <=hash= more; both -> out */
static wsl_job_graph *keyed_pair(const char *kind)
{
    wsl_job_graph *g = gf_graph("pair");
    (void)gf_op(g, "source", "words");
    (void)gf_op(g, "source", "more");
    (void)gf_op(g, kind, "both");
    (void)gf_op(g, "sink", "out");
    (void)gf_edge(g, 0, 2, WSL__PB__PARTITION__HASH);
    (void)second(g, 1, 2, WSL__PB__PARTITION__HASH);
    (void)gf_edge(g, 2, 3, WSL__PB__PARTITION__UNSTATED);
    return g;
}

static wsl_job_graph *co_graph(void) { return keyed_pair("keyed_co_process"); }

/* words -> both <=broadcast= more */
static wsl_job_graph *broadcast_graph(void)
{
    wsl_job_graph *g = gf_graph("rules");
    (void)gf_op(g, "source", "words");
    (void)gf_op(g, "source", "rules");
    (void)gf_op(g, "broadcast_process", "both");
    (void)gf_edge(g, 0, 2, WSL__PB__PARTITION__UNSTATED);
    (void)second(g, 1, 2, WSL__PB__PARTITION__BROADCAST);
    return g;
}

static void add_state(Wsl__Pb__StateDesc ***states, size_t *n, wsl_state_kind kind, bool with_key)
{
    Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
    wsl__pb__state_desc__init(state);
    wsl_pb_set(&state->name, "rules");
    state->kind = kind;
    state->value = wsl_schema_to_pb(&gf_word_schema);
    state->key = with_key ? wsl_schema_to_pb(&gf_word_schema) : NULL;
    *WSL_PB_APPEND(*states, *n) = state;
}

Test(two_inputs, the_operator_heads_a_chain_whatever_feeds_it)
{
    wsl_job_graph *g = broadcast_graph();
    (void)gf_op(g, "filter", "tidy");
    (void)gf_edge(g, 2, 3, WSL__PB__PARTITION__UNSTATED);
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
    cr_assert_eq(plan->n_vertices, 3);
    cr_assert_str_eq(plan->vertices[2].name, "both -> tidy");
    cr_assert_eq(plan->graph->edges[0]->partition, WSL__PB__PARTITION__FORWARD);
    cr_assert_eq(plan->vertices[2].n_inputs, 2);
}

Test(two_inputs, a_stream_may_be_joined_with_itself)
{
    wsl_job_graph *g = co_graph();
    g->edges[1]->from = 0;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
    cr_assert_eq(plan->vertices[0].n_outputs, 2);
    cr_assert_eq(plan->vertices[1].n_outputs, 0, "'more' is read by nobody");
    cr_assert_eq(plan->vertices[2].n_inputs, 2);
}

Test(two_inputs, plans_name_the_second_input_and_keep_the_order)
{
    WSL_AUTO(wsl_job_plan) plan = gf_plan(co_graph(), 2);
    char *text = wsl_job_plan_text(plan);
    cr_assert(has_text(text, "<- 1 HASH by word\n"), "%s", text);
    cr_assert(has_text(text, "<- 2 HASH by word (second input)\n"), "%s", text);
    free(text);
    json_t *json = wsl_job_plan_json(plan, "");
    const json_t *both = json_array_get(json_object_get(json, "nodes"), 0);
    const json_t *inputs = json_object_get(both, "inputs");
    cr_assert_eq(json_array_size(inputs), 2);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(inputs, 1), "num")), 1);
    json_decref(json);
}

Test(two_inputs, the_machine_form_loses_nothing)
{
    wsl_error err = {0};
    wsl_job_graph *back = NULL;
    WSL_AUTO(wsl_job_graph) g = broadcast_graph();
    add_state(&g->operators[2]->broadcast_states, &g->operators[2]->n_broadcast_states, WSL_STATE_MAP, true);
    json_t *json = wsl_job_graph_to_json(g);
    char *text = json_dumps(json, 0);
    json_decref(json);
    cr_assert_eq(wsl_job_graph_from_json(text, strlen(text), &back, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(back->edges[1]->input, 1);
    cr_assert_eq(back->operators[2]->n_broadcast_states, 1);
    cr_assert_eq(back->operators[2]->broadcast_states[0]->key->n_fields, 2);
    wsl_job_graph_free(back);
    free(text);
}

/* ---- mistakes ---- */

static void third_input(wsl_job_graph *g) { g->edges[1]->input = 2; }
static void one_input(wsl_job_graph *g) { g->edges[1]->input = 0; }
static void only_second(wsl_job_graph *g) { g->edges[0]->input = 1; }
static void second_without_key(wsl_job_graph *g)
{
    free(g->edges[1]->keys[0]);
    g->edges[1]->n_keys = 0;
    g->edges[1]->partition = WSL__PB__PARTITION__UNSTATED;
}
static void other_key_type(wsl_job_graph *g) { wsl_pb_set(&g->edges[1]->keys[0], "n"); }
static void more_keys(wsl_job_graph *g) { wsl_pb_add_string(&g->edges[1]->keys, &g->edges[1]->n_keys, "n"); }
static void broadcast_state(wsl_job_graph *g)
{
    add_state(&g->operators[2]->broadcast_states, &g->operators[2]->n_broadcast_states, WSL_STATE_MAP, true);
}
static void map_without_key(wsl_job_graph *g)
{
    add_state(&g->operators[2]->states, &g->operators[2]->n_states, WSL_STATE_MAP, false);
}
static void not_broadcast(wsl_job_graph *g) { g->edges[1]->partition = WSL__PB__PARTITION__REBALANCE; }
static void list_in_broadcast(wsl_job_graph *g)
{
    add_state(&g->operators[2]->broadcast_states, &g->operators[2]->n_broadcast_states, WSL_STATE_LIST, false);
}
static void keyed_state_without_key(wsl_job_graph *g)
{
    add_state(&g->operators[2]->states, &g->operators[2]->n_states, WSL_STATE_VALUE, false);
}
static void operator_state_of_no_kind(wsl_job_graph *g)
{
    add_state(&g->operators[2]->operator_states, &g->operators[2]->n_operator_states, WSL_STATE_LIST, false);
}
static void mortal_operator_state(wsl_job_graph *g)
{
    add_state(&g->operators[2]->operator_states, &g->operators[2]->n_operator_states, WSL_STATE_OPERATOR_LIST, false);
    wsl_pb_set(&g->operators[2]->operator_states[0]->ttl, "5 s");
}
static void operator_state_twice(wsl_job_graph *g)
{
    add_state(&g->operators[2]->operator_states, &g->operators[2]->n_operator_states, WSL_STATE_OPERATOR_LIST, false);
    add_state(&g->operators[2]->operator_states, &g->operators[2]->n_operator_states, WSL_STATE_OPERATOR_UNION, false);
}
static void interval(wsl_job_graph *g, const char *lower, const char *upper, const char *bounds)
{
    Wsl__Pb__Operator *op = g->operators[2];
    wsl_pb_set(&op->kind, "interval_join");
    wsl_pb_add_option(&op->options, &op->n_options, "lower", lower);
    wsl_pb_add_option(&op->options, &op->n_options, "upper", upper);
    wsl_pb_add_option(&op->options, &op->n_options, "bounds", bounds);
}
static void empty_interval(wsl_job_graph *g) { interval(g, "5", "4", "inclusive"); }
static void empty_open_interval(wsl_job_graph *g) { interval(g, "5", "6", "exclusive"); }
static void no_late_side(wsl_job_graph *g)
{
    interval(g, "0", "4", "inclusive");
    wsl_pb_add_option(&g->operators[2]->options, &g->operators[2]->n_options, "late-left", "late");
}

Test(two_inputs, mistakes_are_told_in_words)
{
    static const struct {
        wsl_job_graph *(*graph)(void);
        void (*breaks)(wsl_job_graph *g);
        const char *sentence;
    } table[] = {
        {co_graph, third_input, "'both' has no input 2"},
        {co_graph, one_input, "'both' (keyed_co_process) has no second input"},
        {co_graph, only_second, "'both' has no input; say which operator it reads from"},
        {co_graph, second_without_key,
         "'both' (keyed_co_process) keeps state per key, but reads 'more' without a key; say key_by before it"},
        {co_graph, other_key_type,
         "'both' compares the key 'word' of 'words' (STRING) with 'n' of 'more' (INT64); the types must be the same"},
        {co_graph, more_keys, "'both' reads 'words' by 1 key fields but 'more' by 2"},
        {co_graph, broadcast_state,
         "'both' has the broadcast state 'rules', but a keyed_co_process has no broadcast input"},
        {co_graph, map_without_key, "'both' has a state 'rules' without name or type, or of a kind unknown here"},
        {co_graph, empty_interval, "'both': no time lies between 5 and 4 ms (inclusive); set lower below upper"},
        {co_graph, empty_open_interval, "'both': no time lies between 5 and 6 ms (exclusive); set lower below upper"},
        {co_graph, no_late_side,
         "'both': option 'late-left' names the side output 'late', which it does not have"},
        {broadcast_graph, not_broadcast,
         "'both' (broadcast_process) reads 'rules' as its broadcast input, which must go to all subtasks; say "
         "wsl_broadcast"},
        {broadcast_graph, list_in_broadcast,
         "'both' has a broadcast state 'rules' that is not a map state with a name and both types"},
        {co_graph, operator_state_of_no_kind,
         "'both' has an operator state 'rules' that is not a list with a name and a type"},
        {co_graph, mortal_operator_state,
         "'both': the operator state 'rules' has a time to live; only keyed state has one"},
        {co_graph, operator_state_twice, "'both' has two states 'rules'"},
        {broadcast_graph, keyed_state_without_key,
         "'both' keeps state 'rules' but its input is not keyed; key it with key_by"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        wsl_job_graph *g = table[i].graph();
        table[i].breaks(g);
        const char *got = gf_refused(g, 2, &err);
        cr_assert_str_eq(got, table[i].sentence, "%zu: %s", i, got);
    }
}

Test(two_inputs, not_null_of_a_key_makes_no_difference)
{
    wsl_job_graph *g = co_graph();
    g->operators[1]->output->fields[0]->type->not_null = true;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
    cr_assert_eq(plan->n_vertices, 3);
}
