#include "harness/wsl_test.h"
#include "graph_fixture.h"

#include "graph/graph_text.h"

static const char *text_at(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

Test(graph_text, the_plan_has_flinks_shape_sinks_first)
{
    wsl_job_graph *g = gf_keyed();
    g->operators[2]->parallelism = 3;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
    json_t *json = wsl_job_plan_json(plan, "bb88b0105002155c0f80734df5a769aa");
    cr_assert_str_eq(text_at(json, "jid"), "bb88b0105002155c0f80734df5a769aa");
    cr_assert_str_eq(text_at(json, "name"), "keyed");
    cr_assert_str_eq(text_at(json, "type"), "STREAMING");
    const json_t *nodes = json_object_get(json, "nodes");
    cr_assert_eq(json_array_size(nodes), 3);
    const json_t *sink = json_array_get(nodes, 0);
    const json_t *count = json_array_get(nodes, 1);
    const json_t *source = json_array_get(nodes, 2);
    cr_assert_str_eq(text_at(sink, "description"), "Sink: out<br/>");
    cr_assert_str_eq(text_at(count, "description"), "count<br/>");
    cr_assert_str_eq(text_at(source, "description"), "Source: words<br/>+- tidy<br/>");
    cr_assert_eq(json_integer_value(json_object_get(count, "parallelism")), 3);
    cr_assert_str_eq(text_at(count, "operator"), "");
    cr_assert_str_eq(text_at(count, "operator_strategy"), "");
    cr_assert_eq(json_object_size(json_object_get(count, "optimizer_properties")), 0);
    cr_assert_null(json_object_get(source, "inputs"), "a source has no key inputs");
    const json_t *input = json_array_get(json_object_get(count, "inputs"), 0);
    cr_assert_eq(json_array_size(json_object_get(count, "inputs")), 1);
    cr_assert_eq(json_integer_value(json_object_get(input, "num")), 0);
    cr_assert_str_eq(text_at(input, "id"), text_at(source, "id"));
    cr_assert_str_eq(text_at(input, "ship_strategy"), "HASH");
    cr_assert_str_eq(text_at(input, "exchange"), "pipelined_bounded");
    const json_t *to_sink = json_array_get(json_object_get(sink, "inputs"), 0);
    cr_assert_str_eq(text_at(to_sink, "ship_strategy"), "REBALANCE");
    json_decref(json);
}

Test(graph_text, node_ids_are_the_vertex_ids_in_hex)
{
    char id[WSL_ID_TEXT_SIZE];
    WSL_AUTO(wsl_job_plan) plan = gf_plan(gf_keyed(), 1);
    json_t *json = wsl_job_plan_json(plan, "");
    const json_t *nodes = json_object_get(json, "nodes");
    cr_assert_eq(json_array_size(nodes), 2);
    cr_assert_str_eq(text_at(json_array_get(nodes, 1), "id"), wsl_id_text(&plan->vertices[0].id, id));
    cr_assert_str_eq(text_at(json_array_get(nodes, 0), "id"), wsl_id_text(&plan->vertices[1].id, id));
    json_decref(json);
}

Test(graph_text, names_in_descriptions_are_no_html)
{
    wsl_job_graph *g = gf_line();
    wsl_pb_set(&g->operators[1]->name, "a < b & c");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    json_t *json = wsl_job_plan_json(plan, "");
    cr_assert_str_eq(text_at(json_array_get(json_object_get(json, "nodes"), 0), "description"),
                     "Source: words<br/>+- a &lt; b &amp; c<br/>   +- Sink: out<br/>");
    json_decref(json);
}

Test(graph_text, the_plan_for_people_names_vertices_inputs_and_operators)
{
    wsl_job_graph *g = gf_keyed();
    wsl_pb_set(&g->operators[0]->uid, "u0");
    wsl_pb_set(&g->operators[1]->uid, "u1");
    wsl_pb_set(&g->operators[2]->uid, "u2");
    wsl_pb_set(&g->operators[3]->uid, "u3");
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 2);
    char *text = wsl_job_plan_text(plan);
    cr_assert_str_eq(text,
                     "Job 'keyed': 2 vertices, 4 subtasks, needs 2 slots\n"
                     "\n"
                     "   1   Source: words -> tidy\n"
                     "       parallelism 2 (at most 128), slot group default\n"
                     "       words: (word STRING, n INT64)  [source file, uid u0]\n"
                     "       tidy: (word STRING, n INT64)  [filter, uid u1]\n"
                     "\n"
                     "   2   count -> Sink: out\n"
                     "       parallelism 2 (at most 128), slot group default\n"
                     "       <- 1 HASH by word\n"
                     "       count: (word STRING, n INT64)  [keyed_process, uid u2]\n"
                     "       out  [sink blackhole, uid u3]\n",
                     "%s", text);
    free(text);
}

Test(graph_text, every_partitioner_has_flinks_name)
{
    static const char *const names[] = {"FORWARD", "HASH",      "REBALANCE", "RESCALE",
                                        "SHUFFLE", "BROADCAST", "GLOBAL",    "CUSTOM"};
    for (int i = 0; i < 8; i++) {
        cr_assert_str_eq(wsl_partition_text((Wsl__Pb__Partition)i), names[i]);
    }
}
