#include "graph/parallelism.h"

#include "graph_fixture.h"

/* words -> (hash) tidy -> out, with these parallelisms and groups. */
static wsl_job_plan *plan_of(const uint32_t parallelism[3], const char *group_of_tidy)
{
    wsl_job_graph *g = gf_graph("shrinks");
    wsl_job_plan *plan = NULL;
    wsl_error err = {0};
    gf_op(g, "source", "words")->parallelism = parallelism[0];
    Wsl__Pb__Operator *tidy = gf_op(g, "process", "tidy");
    tidy->parallelism = parallelism[1];
    wsl_pb_set(&tidy->slot_group, group_of_tidy);
    Wsl__Pb__Operator *out = gf_op(g, "sink", "out");
    out->parallelism = parallelism[2];
    wsl_pb_set(&out->slot_group, "default");
    (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__HASH);
    (void)gf_edge(g, 1, 2, WSL__PB__PARTITION__UNSTATED);
    cr_assert_eq(wsl_job_plan_new(g, 1, &plan, &err), WSL_OK, "%s", err.text);
    return plan;
}

Test(parallelism, one_cap_holds_for_all_and_key_groups_stay)
{
    wsl_job_plan *plan = plan_of((const uint32_t[]){4, 4, 1}, "default");
    uint32_t *made_with = wsl_parallelism_of(plan);
    const uint32_t key_groups = plan->vertices[1].max_parallelism;
    cr_assert_eq(wsl_parallelism_widest(plan, made_with), 4u);
    cr_assert_eq(plan->slots_needed, 4u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 3), 3u);
    wsl_parallelism_cap(plan, made_with, 3);
    cr_assert_eq(plan->slots_needed, 3u);
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        const Wsl__Pb__Operator *head = plan->graph->operators[plan->vertices[v].operators[0]];
        cr_assert_eq(plan->vertices[v].parallelism, head->parallelism);
        cr_assert_eq(head->parallelism, strcmp(head->name, "out") == 0 ? 1u : 3u);
        cr_assert_eq(plan->vertices[v].max_parallelism, key_groups);
    }
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 100), 4u, "never more than it was made with");
    wsl_parallelism_cap(plan, made_with, 4);
    cr_assert_eq(plan->slots_needed, 4u);
    free(made_with);
    wsl_job_plan_free(plan);
}

Test(parallelism, groups_share_what_there_is_and_each_needs_a_slot)
{
    wsl_job_plan *plan = plan_of((const uint32_t[]){2, 8, 2}, "other");
    uint32_t *made_with = wsl_parallelism_of(plan);
    cr_assert_eq(plan->slots_needed, 10u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 10), 8u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 9), 7u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 5), 3u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 3), 1u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 2), 1u);
    cr_assert_eq(wsl_parallelism_fit(plan, made_with, 1), 0u);
    for (uint32_t cap = 1; cap <= 8; cap++) {
        wsl_parallelism_cap(plan, made_with, cap);
        cr_assert_eq(wsl_parallelism_fit(plan, made_with, plan->slots_needed), cap);
    }
    free(made_with);
    wsl_job_plan_free(plan);
}
