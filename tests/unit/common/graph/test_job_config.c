#include "graph/graph_json.h"
#include "graph/job_graph.h"
#include "graph/pb.h"
#include "harness/wsl_test.h"

static const char text[] = "{\"name\":\"as-coded\",\"schemas\":{\"s\":{\"k\":\"STRING\"}},\"operators\":["
                           "{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},"
                           "{\"name\":\"out\",\"sink\":\"blackhole\"}]}";

static wsl_status plan_with(const char *key, const char *value, uint32_t parallelism, wsl_job_plan **out,
                            wsl_error *err)
{
    wsl_job_graph *graph = NULL;
    cr_assert_eq(wsl_job_graph_from_json(text, sizeof text - 1, &graph, err), WSL_OK, "%s", err->text);
    graph->parallelism = parallelism;
    if (key != NULL) {
        wsl_pb_add_option(&graph->config, &graph->n_config, key, value);
    }
    const wsl_status status = wsl_job_plan_new(graph, 3, out, err);
    if (status != WSL_OK) {
        wsl_job_graph_free(graph);
    }
    return status;
}

static wsl_job_plan *plan_of(const char *key, const char *value, uint32_t parallelism)
{
    wsl_job_plan *plan = NULL;
    wsl_error err = {0};
    cr_assert_eq(plan_with(key, value, parallelism, &plan, &err), WSL_OK, "%s", err.text);
    return plan;
}

Test(job_config, without_configuration_a_graph_is_as_coded)
{
    WSL_AUTO(wsl_job_plan) plan = plan_of(NULL, NULL, 0);
    cr_assert_str_eq(plan->graph->name, "as-coded");
    cr_assert_eq(plan->n_vertices, 1u);
    cr_assert_eq(plan->vertices[0].parallelism, 3u);
}

Test(job_config, name_chaining_and_max_parallelism_of_the_configuration_win)
{
    WSL_AUTO(wsl_job_plan) named = plan_of("pipeline.name", "renamed", 0);
    WSL_AUTO(wsl_job_plan) unchained = plan_of("pipeline.operator-chaining.enabled", "false", 0);
    WSL_AUTO(wsl_job_plan) wide = plan_of("pipeline.max-parallelism", "500", 0);
    cr_assert_str_eq(named->graph->name, "renamed");
    cr_assert_eq(unchained->n_vertices, 2u);
    cr_assert_eq(wide->vertices[0].max_parallelism, 500u);
}

Test(job_config, the_default_parallelism_gives_way_to_the_one_a_graph_asks_for)
{
    WSL_AUTO(wsl_job_plan) by_default = plan_of("parallelism.default", "5", 0);
    WSL_AUTO(wsl_job_plan) asked = plan_of("parallelism.default", "5", 2);
    cr_assert_eq(by_default->vertices[0].parallelism, 5u);
    cr_assert_eq(asked->vertices[0].parallelism, 2u);
}

Test(job_config, an_option_that_is_none_of_a_job_is_refused_with_its_name)
{
    wsl_job_plan *plan = NULL;
    wsl_error err = {0};
    cr_assert_neq(plan_with("rest.port", "1", 0, &plan, &err), WSL_OK);
    cr_assert(has_text(err.text, "rest.port"), "%s", err.text);
    cr_assert_null(plan);
}
