#include "harness/wsl_test.h"
#include "graph_fixture.h"

typedef struct broken {
    const char *what;
    void (*breaks)(wsl_job_graph *g);
    const char *sentence;
} broken;

/* Breaks gf_keyed() (words, tidy, count, out) and expects the sentence. */
static void run(const broken *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wsl_error err;
        wsl_job_graph *g = gf_keyed();
        table[i].breaks(g);
        const char *got = gf_refused(g, 2, &err);
        cr_assert_str_eq(got, table[i].sentence, "%s: %s", table[i].what, got);
    }
}

static void drop_operators(wsl_job_graph *g)
{
    for (size_t i = 0; i < g->n_operators; i++) {
        wsl__pb__operator__free_unpacked(g->operators[i], NULL);
    }
    g->n_operators = 0;
}
static void wrong_id(wsl_job_graph *g) { g->operators[2]->id = 7; }
static void wrong_edge_id(wsl_job_graph *g) { g->edges[2]->id = 7; }
static void unknown_kind(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->kind, "filtr"); }
static void strange_kind(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->kind, "teleport"); }
static void no_connector(wsl_job_graph *g) { wsl_pb_set(&g->operators[0]->connector, ""); }
static void odd_connector(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->connector, "file"); }
static void no_function(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->function, ""); }
static void odd_function(wsl_job_graph *g) { wsl_pb_set(&g->operators[0]->function, "f"); }
static void no_library(wsl_job_graph *g) { wsl_pb_set(&g->artifact, ""); }
static void sink_with_output(wsl_job_graph *g) { g->operators[3]->output = wsl_schema_to_pb(&gf_word_schema); }
static void control_character(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->name, "ti\ndy"); }
static void bad_utf8(wsl_job_graph *g)
{
    wsl_pb_set(&g->operators[1]->name, "ti\xff"
                                       "dy");
}
static void long_name(wsl_job_graph *g)
{
    char name[WSL_GRAPH_NAME_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    wsl_pb_set(&g->operators[1]->name, name);
}
static void huge_parallelism(wsl_job_graph *g) { g->operators[1]->parallelism = 4097; }
static void huge_max_parallelism(wsl_job_graph *g) { g->operators[1]->max_parallelism = 32769; }
static void huge_job_parallelism(wsl_job_graph *g) { g->parallelism = 100000; }
static void unknown_chain(wsl_job_graph *g) { g->operators[1]->chain = (Wsl__Pb__ChainPolicy)9; }
static void same_uid(wsl_job_graph *g)
{
    wsl_pb_set(&g->operators[1]->uid, "u");
    wsl_pb_set(&g->operators[3]->uid, "u");
}
static void add_state(wsl_job_graph *g, uint32_t op, const char *name)
{
    Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
    wsl__pb__state_desc__init(state);
    wsl_pb_set(&state->name, name);
    state->kind = 1;
    state->value = wsl_schema_to_pb(&gf_word_schema);
    *WSL_PB_APPEND(g->operators[op]->states, g->operators[op]->n_states) = state;
}
static void state_without_key(wsl_job_graph *g) { add_state(g, 1, "seen"); }
static void same_state(wsl_job_graph *g)
{
    add_state(g, 2, "seen");
    add_state(g, 2, "seen");
}
static void odd_state(wsl_job_graph *g)
{
    add_state(g, 2, "seen");
    g->operators[2]->states[0]->kind = 77;
}

Test(graph_check, operators_must_be_whole)
{
    static const broken table[] = {
        {"nothing in it", drop_operators, "the job has no operators; it needs a source at least"},
        {"ids", wrong_id, "operator 2 of the graph has id 7; ids are positions"},
        {"edge ids", wrong_edge_id, "edge 2 of the graph has id 7; ids are positions"},
        {"kind", unknown_kind, "'tidy': there is no operator kind 'filtr'; did you mean 'filter'?"},
        {"kind", strange_kind, "'tidy': there is no operator kind 'teleport'"},
        {"source", no_connector, "'words': a source needs a connector"},
        {"filter", odd_connector, "'tidy': a filter takes no connector"},
        {"filter", no_function, "'tidy': a filter needs a function"},
        {"source", odd_function, "'words': a source takes no function"},
        {"library", no_library, "'tidy' needs function 'tidy', but the job has no library"},
        {"sink", sink_with_output, "'out' is a sink: it has no output"},
        {"name", control_character, "operator 1: its name has a control character in it"},
        {"name", bad_utf8, "a text of the job graph (Operator.name) is not valid UTF-8"},
        {"name", long_name, "operator 1: its name is longer than 1000 bytes"},
        {"parallelism", huge_parallelism, "'tidy': parallelism 4097 is more than 4096"},
        {"max parallelism", huge_max_parallelism, "'tidy': maximum parallelism 32769 is more than 32768"},
        {"job", huge_job_parallelism, "the job: parallelism 100000 is more than 4096"},
        {"chain", unknown_chain, "'tidy' has chain policy 9, which there is not"},
        {"uid", same_uid, "'tidy' and 'out' have the same uid 'u'; a uid names one operator"},
        {"state", state_without_key, "'tidy' keeps state 'seen' but its input is not keyed; key it with key_by"},
        {"state", same_state, "'count' has two states 'seen'"},
        {"state", odd_state, "'count' has a state 'seen' without name or type, or of a kind unknown here"},
    };
    run(table, sizeof table / sizeof table[0]);
}

static void edge_nowhere(wsl_job_graph *g) { g->edges[0]->to = 99; }
static void edge_back(wsl_job_graph *g)
{
    g->edges[0]->from = 2;
    g->edges[0]->to = 1;
}
static void edge_to_self(wsl_job_graph *g) { g->edges[0]->from = 1; }
static void from_sink(wsl_job_graph *g)
{
    (void)gf_op(g, "filter", "late");
    (void)gf_edge(g, 3, 4, WSL__PB__PARTITION__UNSTATED);
}
static void to_source(wsl_job_graph *g)
{
    (void)gf_op(g, "source", "more");
    (void)gf_edge(g, 1, 4, WSL__PB__PARTITION__UNSTATED);
}
static void no_input(wsl_job_graph *g) { (void)gf_op(g, "filter", "lonely"); }
static void second_input(wsl_job_graph *g) { g->edges[0]->input = 1; }
static void no_side(wsl_job_graph *g) { wsl_pb_set(&g->edges[0]->side, "late"); }
static void no_keys(wsl_job_graph *g)
{
    free(g->edges[1]->keys[0]);
    g->edges[1]->n_keys = 0;
}
static void odd_keys(wsl_job_graph *g) { wsl_pb_add_string(&g->edges[0]->keys, &g->edges[0]->n_keys, "word"); }
static void many_keys(wsl_job_graph *g)
{
    for (int i = 0; i < 16; i++) {
        wsl_pb_add_string(&g->edges[1]->keys, &g->edges[1]->n_keys, "word");
    }
}
static void no_partitioner(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__CUSTOM; }
static void odd_partitioner(wsl_job_graph *g) { wsl_pb_set(&g->edges[0]->function, "p"); }
static void unknown_partition(wsl_job_graph *g) { g->edges[0]->partition = (Wsl__Pb__Partition)42; }

Test(graph_check, edges_go_forward_from_outputs_to_inputs)
{
    static const broken table[] = {
        {"end", edge_nowhere, "edge 0 joins operators 0 and 99, but there are only 4"},
        {"cycle", edge_back, "'tidy' reads from 'count', which comes after it: a job graph has no cycles"},
        {"cycle", edge_to_self, "'tidy' reads from 'tidy', which comes after it: a job graph has no cycles"},
        {"sink", from_sink, "'late' reads from 'out', which is a sink and has no output"},
        {"source", to_source, "'more' is a source and cannot read from 'tidy'"},
        {"input", no_input, "'lonely' has no input; say which operator it reads from"},
        {"input", second_input, "'tidy' has no input 1"},
        {"side", no_side, "'tidy' reads side output 'late' of 'words', which does not have it"},
        {"keys", no_keys, "the edge from 'tidy' to 'count' has 0 key fields; a hash partitioner needs 1 to 16"},
        {"keys", odd_keys, "the edge from 'words' to 'tidy' has 1 key fields; only a hash partitioner has any"},
        {"keys", many_keys, "the edge from 'tidy' to 'count' has 17 key fields; a hash partitioner needs 1 to 16"},
        {"custom", no_partitioner,
         "the edge from 'words' to 'tidy': a custom partitioner, and only that, names a function"},
        {"custom", odd_partitioner,
         "the edge from 'words' to 'tidy': a custom partitioner, and only that, names a function"},
        {"partition", unknown_partition, "the edge from 'words' to 'tidy' has partitioner 42, which there is not"},
    };
    run(table, sizeof table / sizeof table[0]);
}

static void unknown_source(wsl_job_graph *g)
{
    wsl_pb_set(&g->artifact, "");
    wsl_pb_set(&g->operators[0]->connector, "fiel");
    wsl_pb_set(&g->operators[1]->kind, "watermarks");
    wsl_pb_set(&g->operators[1]->function, "");
    wsl_pb_set(&g->operators[2]->kind, "watermarks");
    wsl_pb_set(&g->operators[2]->function, "");
}
static void no_output(wsl_job_graph *g)
{
    wsl__pb__schema__free_unpacked(g->operators[2]->output, NULL);
    g->operators[2]->output = NULL;
}
static void other_output(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->output->fields[1]->name, "count"); }
static void not_keyed(wsl_job_graph *g)
{
    no_keys(g);
    g->edges[1]->partition = WSL__PB__PARTITION__UNSTATED;
}
static void other_keys(wsl_job_graph *g)
{
    Wsl__Pb__Edge *edge = gf_edge(g, 0, 2, WSL__PB__PARTITION__HASH);
    wsl_pb_set(&edge->keys[0], "n");
}
static void key_unknown(wsl_job_graph *g) { wsl_pb_set(&g->edges[1]->keys[0], "wrod"); }
static void union_of_types(wsl_job_graph *g)
{
    Wsl__Pb__Operator *op = gf_op(g, "source", "numbers");
    wsl_pb_set(&op->output->fields[1]->name, "value");
    (void)gf_op(g, "sink", "both");
    (void)gf_edge(g, 1, 5, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 4, 5, WSL__PB__PARTITION__UNSTATED);
}
static void bad_type(wsl_job_graph *g) { g->operators[0]->output->fields[1]->type->id = 99; }

Test(graph_check, types_and_keys_must_fit)
{
    static const broken table[] = {
        {"connector", unknown_source,
         "'words': there is no source connector 'fiel' (there are file, socket, datagen, collection); did you mean "
         "'file'?"},
        {"schema", no_output, "'count' has no schema; say what rows it produces"},
        {"schema", other_output, "'tidy' gives (word STRING, n INT64), but the graph says (word STRING, count INT64)"},
        {"key", not_keyed,
         "'count' (keyed_process) keeps state per key, but reads 'tidy' without a key; say key_by before it"},
        {"key", other_keys, "'count' reads 'words' by other key fields than 'tidy'; all its inputs need the same"},
        {"union", union_of_types,
         "'both' unites streams of different types: 'numbers' produces (word STRING, value INT64) but 'tidy' expects "
         "(word "
         "STRING, n INT64): field 2 is called 'value', but 'n' is expected"},
        {"type", bad_type, "the output of 'words': there is no type number 99"},
    };
    run(table, sizeof table / sizeof table[0]);
}

Test(graph_check, a_key_field_that_does_not_exist_is_named_with_the_fields_there_are)
{
    wsl_error err;
    wsl_job_graph *g = gf_keyed();
    key_unknown(g);
    const char *text = gf_refused(g, 2, &err);
    cr_assert(has_text(text, "the key of 'count' over 'tidy': "), "%s", text);
    cr_assert(has_text(text, "wrod") && has_text(text, "word"), "%s", text);
}

Test(graph_check, a_single_source_has_parallelism_1_and_refuses_more)
{
    wsl_error err;
    wsl_job_graph *g = gf_line();
    wsl_pb_set(&g->operators[0]->connector, "socket");
    wsl_pb_set(&g->operators[0]->options[0]->key, "port");
    wsl_pb_set(&g->operators[0]->options[0]->value, "9999");
    WSL_AUTO(wsl_job_plan) plan = gf_plan((wsl_job_graph *)wsl_pb_copy(&g->base), 4);
    cr_assert_eq(plan->graph->operators[0]->parallelism, 1);
    cr_assert_eq(plan->graph->edges[0]->partition, WSL__PB__PARTITION__REBALANCE);
    g->operators[0]->parallelism = 2;
    cr_assert_str_eq(
        gf_refused(g, 4, &err),
        "'words' has parallelism 2, but a socket source has one reader only; set it to 1, and rebalance after it");
}

Test(graph_check, a_refused_graph_is_left_to_its_owner_as_it_was)
{
    wsl_error err;
    wsl_job_graph *g = gf_keyed();
    not_keyed(g);
    uint8_t *before = NULL;
    uint8_t *after = NULL;
    size_t n_before = 0;
    size_t n_after = 0;
    wsl_job_plan *plan = NULL;
    wsl_job_graph_encode(g, &before, &n_before);
    cr_assert_neq(wsl_job_plan_new(g, 1, &plan, &err), WSL_OK);
    cr_assert_null(plan);
    wsl_job_graph_encode(g, &after, &n_after);
    cr_assert_eq(n_before, n_after);
    cr_assert_arr_eq(before, after, n_before);
    free(before);
    free(after);
    wsl_job_graph_free(g);
}

Test(graph_check, connectors_of_the_jobs_library_are_taken_on_trust_where_the_library_is_not_at_hand)
{
    wsl_job_graph *g = gf_line();
    wsl_pb_set(&g->operators[0]->connector, "ticker");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_str_eq(plan->graph->operators[0]->connector, "ticker");
}

Test(graph_check, an_operator_without_a_name_is_called_like_its_connector_or_kind)
{
    wsl_job_graph *g = gf_line();
    wsl_pb_set(&g->operators[0]->name, "");
    wsl_pb_set(&g->operators[1]->name, "");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_str_eq(plan->vertices[0].name, "Source: file -> filter -> Sink: out");
}

Test(graph_check, bad_records_are_a_side_output_of_a_source_that_is_told_so)
{
    wsl_job_graph *g = gf_line();
    wsl_pb_add_option(&g->operators[0]->options, &g->operators[0]->n_options, "on-error", "side-output");
    (void)gf_op(g, "sink", "rejects");
    wsl_pb_set(&gf_edge(g, 0, 3, WSL__PB__PARTITION__UNSTATED)->side, "bad-records");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_eq(plan->graph->operators[0]->n_sides, 1);
    cr_assert_eq(plan->graph->operators[0]->sides[0]->schema->n_fields, 4);
}
