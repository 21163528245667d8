#include "harness/wsl_test.h"
#include "graph_fixture.h"

/* ---- what is chained ---- */

static void nothing(wsl_job_graph *g) { (void)g; }
static void chaining_off(wsl_job_graph *g) { g->chaining = false; }
static void other_parallelism(wsl_job_graph *g) { g->operators[1]->parallelism = 3; }
static void other_slot_group(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->slot_group, "mine"); }
static void consumer_head(wsl_job_graph *g) { g->operators[1]->chain = WSL__PB__CHAIN_POLICY__CHAIN_HEAD; }
static void consumer_never(wsl_job_graph *g) { g->operators[1]->chain = WSL__PB__CHAIN_POLICY__CHAIN_NEVER; }
static void producer_never(wsl_job_graph *g) { g->operators[0]->chain = WSL__PB__CHAIN_POLICY__CHAIN_NEVER; }
static void producer_head(wsl_job_graph *g) { g->operators[0]->chain = WSL__PB__CHAIN_POLICY__CHAIN_HEAD; }
static void blocking(wsl_job_graph *g) { g->operators[1]->blocking = true; }
static void async(wsl_job_graph *g) { wsl_pb_set(&g->operators[1]->kind, "async"); }
static void forward(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__FORWARD; }
static void rebalance(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__REBALANCE; }
static void rescale(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__RESCALE; }
static void shuffle(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__SHUFFLE; }
static void broadcast(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__BROADCAST; }
static void global(wsl_job_graph *g) { g->edges[0]->partition = WSL__PB__PARTITION__GLOBAL; }
static void hash(wsl_job_graph *g)
{
    g->edges[0]->partition = WSL__PB__PARTITION__HASH;
    wsl_pb_add_string(&g->edges[0]->keys, &g->edges[0]->n_keys, "word");
}
static void custom(wsl_job_graph *g)
{
    g->edges[0]->partition = WSL__PB__PARTITION__CUSTOM;
    wsl_pb_set(&g->edges[0]->function, "by_weight");
}
static void two_inputs(wsl_job_graph *g) { (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__UNSTATED); }

Test(chain, one_input_forward_equal_parallelism_same_group_and_both_policies_allow)
{
    static const struct {
        const char *what;
        void (*change)(wsl_job_graph *g);
        const char *vertices;
    } table[] = {
        {"as it is", nothing, "Source: words -> tidy -> Sink: out"},
        {"forward stated", forward, "Source: words -> tidy -> Sink: out"},
        {"chaining off", chaining_off, "Source: words|tidy|Sink: out"},
        {"other parallelism", other_parallelism, "Source: words|tidy|Sink: out"},
        {"other slot group, inherited by the sink", other_slot_group, "Source: words|tidy -> Sink: out"},
        {"consumer starts a chain", consumer_head, "Source: words|tidy -> Sink: out"},
        {"consumer is never chained", consumer_never, "Source: words|tidy|Sink: out"},
        {"producer is never chained", producer_never, "Source: words|tidy -> Sink: out"},
        {"producer starts a chain", producer_head, "Source: words -> tidy -> Sink: out"},
        {"a blocking operator heads its chain", blocking, "Source: words|tidy -> Sink: out"},
        {"an async operator heads its chain", async, "Source: words|tidy -> Sink: out"},
        {"rebalance", rebalance, "Source: words|tidy -> Sink: out"},
        {"rescale", rescale, "Source: words|tidy -> Sink: out"},
        {"shuffle", shuffle, "Source: words|tidy -> Sink: out"},
        {"broadcast", broadcast, "Source: words|tidy -> Sink: out"},
        {"global", global, "Source: words|tidy -> Sink: out"},
        {"hash", hash, "Source: words|tidy -> Sink: out"},
        {"custom", custom, "Source: words|tidy -> Sink: out"},
        {"two input edges", two_inputs, "Source: words|tidy -> Sink: out"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[256] = "";
        wsl_job_graph *g = gf_line();
        table[i].change(g);
        WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
        for (uint32_t v = 0; v < plan->n_vertices; v++) {
            strcat(got, v > 0 ? "|" : "");
            strcat(got, plan->vertices[v].name);
        }
        cr_assert_str_eq(got, table[i].vertices, "%s: %s", table[i].what, got);
    }
}

Test(chain, branches_of_a_chain_are_named_in_parentheses)
{
    wsl_job_graph *g = gf_line();
    (void)gf_op(g, "filter", "other");
    (void)gf_op(g, "sink", "elsewhere");
    (void)gf_edge(g, 0, 3, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 3, 4, WSL__PB__PARTITION__UNSTATED);
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_eq(plan->n_vertices, 1);
    cr_assert_str_eq(plan->vertices[0].name, "Source: words -> (tidy -> Sink: out, other -> Sink: elsewhere)");
    cr_assert_eq(plan->vertices[0].n_operators, 5);
    cr_assert_eq(plan->vertices[0].n_inputs, 0);
    cr_assert_eq(plan->vertices[0].n_outputs, 0);
}

Test(chain, a_vertex_knows_its_operators_and_the_edges_across_its_border)
{
    WSL_AUTO(wsl_job_plan) plan = gf_plan(gf_keyed(), 2);
    cr_assert_eq(plan->n_vertices, 2);
    const wsl_vertex *a = &plan->vertices[0];
    const wsl_vertex *b = &plan->vertices[1];
    cr_assert_str_eq(a->name, "Source: words -> tidy");
    cr_assert_str_eq(b->name, "count -> Sink: out");
    cr_assert_eq(a->n_outputs, 1);
    cr_assert_eq(a->outputs[0], 1);
    cr_assert_eq(b->n_inputs, 1);
    cr_assert_eq(b->inputs[0], 1);
    cr_assert_eq(b->operators[0], 2);
    cr_assert_eq(b->operators[1], 3);
    cr_assert_eq(plan->vertex_of[0], 0);
    cr_assert_eq(plan->vertex_of[3], 1);
}

Test(chain, vertices_are_numbered_sources_first_then_producers_before_consumers)
{
    wsl_job_graph *g = gf_graph("two sources");
    (void)gf_op(g, "source", "a");
    (void)gf_op(g, "filter", "fa");
    (void)gf_op(g, "source", "b");
    (void)gf_op(g, "filter", "both");
    (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__REBALANCE);
    (void)gf_edge(g, 1, 3, WSL__PB__PARTITION__REBALANCE);
    (void)gf_edge(g, 2, 3, WSL__PB__PARTITION__REBALANCE);
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    static const char *const names[] = {"Source: a", "Source: b", "fa", "both"};
    cr_assert_eq(plan->n_vertices, 4);
    for (uint32_t v = 0; v < 4; v++) {
        cr_assert_str_eq(plan->vertices[v].name, names[v]);
    }
}

/* ---- what was left open ---- */

Test(chain, an_unstated_partitioner_is_forward_if_parallelism_is_equal_else_rebalance)
{
    wsl_job_graph *g = gf_line();
    g->operators[2]->parallelism = 1;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 4);
    cr_assert_eq(plan->graph->edges[0]->partition, WSL__PB__PARTITION__FORWARD);
    cr_assert_eq(plan->graph->edges[1]->partition, WSL__PB__PARTITION__REBALANCE);
}

Test(chain, forward_with_unequal_parallelism_is_refused_and_names_both)
{
    wsl_error err;
    wsl_job_graph *g = gf_line();
    forward(g);
    g->operators[1]->parallelism = 3;
    cr_assert_str_eq(
        gf_refused(g, 2, &err),
        "'words' (parallelism 2) is forwarded to 'tidy' (parallelism 3): forward needs equal parallelism; set "
        "them equal, or use rebalance or rescale");
}

Test(chain, parallelism_comes_from_the_operator_else_the_job_else_the_cluster)
{
    wsl_job_graph *g = gf_line();
    g->operators[1]->parallelism = 5;
    WSL_AUTO(wsl_job_plan) cluster = gf_plan((wsl_job_graph *)wsl_pb_copy(&g->base), 2);
    g->parallelism = 3;
    WSL_AUTO(wsl_job_plan) job = gf_plan(g, 2);
    cr_assert_eq(cluster->graph->operators[0]->parallelism, 2);
    cr_assert_eq(cluster->graph->operators[1]->parallelism, 5);
    cr_assert_eq(job->graph->operators[0]->parallelism, 3);
    cr_assert_eq(job->graph->operators[1]->parallelism, 5);
}

Test(chain, maximum_parallelism_defaults_to_one_and_a_half_times_rounded_up_at_least_128)
{
    wsl_job_graph *g = gf_line();
    g->operators[1]->parallelism = 85;
    g->operators[2]->parallelism = 86;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_eq(plan->vertices[0].max_parallelism, 128);
    cr_assert_eq(plan->vertices[1].max_parallelism, 128);
    cr_assert_eq(plan->vertices[2].max_parallelism, 256);
}

Test(chain, parallelism_equal_to_the_maximum_is_fine_and_one_more_is_refused)
{
    wsl_error err;
    wsl_job_graph *g = gf_line();
    g->max_parallelism = 4;
    wsl_job_plan_free(gf_plan((wsl_job_graph *)wsl_pb_copy(&g->base), 4));
    cr_assert_str_eq(gf_refused(g, 5, &err),
                     "'words' has parallelism 5 but a maximum parallelism of 4; lower the first or raise the second");
}

Test(chain, slots_needed_are_the_sum_over_slot_groups_of_the_largest_parallelism)
{
    wsl_job_graph *g = gf_keyed();
    g->operators[2]->parallelism = 3;
    WSL_AUTO(wsl_job_plan) one = gf_plan((wsl_job_graph *)wsl_pb_copy(&g->base), 2);
    cr_assert_eq(one->slots_needed, 3);
    wsl_pb_set(&g->operators[3]->slot_group, "sinks");
    WSL_AUTO(wsl_job_plan) two = gf_plan(g, 2);
    cr_assert_eq(two->slots_needed, 3 + 2);
}

Test(chain, a_slot_group_is_inherited_if_all_inputs_share_it)
{
    wsl_job_graph *g = gf_graph("groups");
    wsl_pb_set(&gf_op(g, "source", "a")->slot_group, "x");
    wsl_pb_set(&gf_op(g, "source", "b")->slot_group, "x");
    wsl_pb_set(&gf_op(g, "source", "c")->slot_group, "y");
    (void)gf_op(g, "filter", "ab");
    (void)gf_op(g, "filter", "abc");
    (void)gf_edge(g, 0, 3, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 1, 3, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 2, 4, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 3, 4, WSL__PB__PARTITION__UNSTATED);
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_str_eq(plan->graph->operators[3]->slot_group, "x");
    cr_assert_str_eq(plan->graph->operators[4]->slot_group, "default");
}

/* ---- uids and vertex ids ---- */

Test(uid, a_topology_uid_does_not_change_with_parallelism_or_options)
{
    WSL_AUTO(wsl_job_plan) a = gf_plan(gf_keyed(), 1);
    wsl_job_graph *g = gf_keyed();
    wsl_pb_set(&g->operators[0]->options[0]->value, "{\"word\":\"x\"}");
    g->operators[2]->parallelism = 7;
    WSL_AUTO(wsl_job_plan) b = gf_plan(g, 4);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_str_eq(a->graph->operators[i]->uid, b->graph->operators[i]->uid);
        cr_assert(strncmp(a->graph->operators[i]->uid, "topology-", 9) == 0);
        cr_assert_eq(strlen(a->graph->operators[i]->uid), 9 + 32);
    }
    cr_assert(wsl_id_equal(&a->vertices[0].id, &b->vertices[0].id));
}

Test(uid, the_unstated_partitioner_of_equal_and_unequal_parallelism_gives_the_same_uid)
{
    wsl_job_graph *g = gf_keyed();
    g->operators[3]->parallelism = 1;
    WSL_AUTO(wsl_job_plan) equal = gf_plan((wsl_job_graph *)wsl_pb_copy(&g->base), 1);
    WSL_AUTO(wsl_job_plan) unequal = gf_plan(g, 2);
    cr_assert_str_eq(equal->graph->operators[3]->uid, unequal->graph->operators[3]->uid);
}

Test(uid, another_name_function_or_input_gives_another_uid)
{
    WSL_AUTO(wsl_job_plan) a = gf_plan(gf_keyed(), 1);
    wsl_job_graph *g = gf_keyed();
    wsl_pb_set(&g->operators[1]->function, "tidier");
    WSL_AUTO(wsl_job_plan) b = gf_plan(g, 1);
    cr_assert_str_eq(a->graph->operators[0]->uid, b->graph->operators[0]->uid);
    cr_assert_str_neq(a->graph->operators[1]->uid, b->graph->operators[1]->uid);
    cr_assert_str_neq(a->graph->operators[2]->uid, b->graph->operators[2]->uid, "it reads another operator now");
    g = gf_keyed();
    wsl_pb_set(&g->operators[2]->name, "tally");
    WSL_AUTO(wsl_job_plan) c = gf_plan(g, 1);
    cr_assert_str_neq(a->graph->operators[2]->uid, c->graph->operators[2]->uid);
}

Test(uid, a_given_uid_is_kept_and_makes_the_vertex_id_independent_of_the_topology)
{
    wsl_job_graph *g = gf_keyed();
    wsl_pb_set(&g->operators[2]->uid, "count-1");
    WSL_AUTO(wsl_job_plan) a = gf_plan(g, 1);
    g = gf_keyed();
    wsl_pb_set(&g->operators[2]->uid, "count-1");
    wsl_pb_set(&g->operators[2]->name, "renamed");
    wsl_pb_set(&g->operators[1]->function, "tidier");
    WSL_AUTO(wsl_job_plan) b = gf_plan(g, 1);
    cr_assert_str_eq(a->graph->operators[2]->uid, "count-1");
    cr_assert(wsl_id_equal(&a->vertices[1].id, &b->vertices[1].id));
    cr_assert_str_neq(a->graph->operators[1]->uid, b->graph->operators[1]->uid);
    cr_assert_str_neq(a->graph->operators[3]->uid, a->graph->operators[2]->uid);
}

static wsl_job_graph *twins(void)
{
    wsl_job_graph *g = gf_graph("twins");
    (void)gf_op(g, "source", "words");
    (void)gf_op(g, "filter", "tidy");
    (void)gf_op(g, "filter", "tidy");
    (void)gf_op(g, "keyed_process", "first");
    (void)gf_op(g, "keyed_process", "second");
    (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 0, 2, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 1, 3, WSL__PB__PARTITION__HASH);
    (void)gf_edge(g, 2, 4, WSL__PB__PARTITION__HASH);
    return g;
}

Test(uid, state_behind_operators_that_are_alike_is_refused_until_it_has_a_uid)
{
    wsl_error err;
    wsl_job_graph *g = twins();
    cr_assert_str_eq(
        gf_refused(g, 1, &err),
        "'second' keeps state, but its place in the job does not tell it apart ('tidy' and 'tidy' are alike): "
        "its state could not be restored; give it a uid");
    g = twins();
    wsl_pb_set(&g->operators[4]->uid, "second");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_str_neq(plan->graph->operators[1]->uid, plan->graph->operators[2]->uid, "numbered");
}

Test(uid, planning_a_planned_graph_again_changes_nothing)
{
    WSL_AUTO(wsl_job_plan) a = gf_plan(gf_keyed(), 2);
    WSL_AUTO(wsl_job_plan) b = gf_plan((wsl_job_graph *)wsl_pb_copy(&a->graph->base), 9);
    uint8_t *bytes_a = NULL;
    uint8_t *bytes_b = NULL;
    size_t size_a = 0;
    size_t size_b = 0;
    wsl_job_graph_encode(a->graph, &bytes_a, &size_a);
    wsl_job_graph_encode(b->graph, &bytes_b, &size_b);
    cr_assert_eq(size_a, size_b);
    cr_assert_arr_eq(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}
