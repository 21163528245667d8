/* Numbers for splits, which rows carry, and back to names. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include <wiesel/row.h>

#include "graph/graph_json.h"
#include "jobmanager/split_names.h"

static wsl_job_plan *plan_of(uint32_t a, uint32_t b)
{
    char json[1024];
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    wsl_job_plan *plan = NULL;
    (void)snprintf(json, sizeof json,
                   "{\"name\":\"flow\",\"parallelism\":%u,\"operators\":["
                   "{\"name\":\"a\",\"source\":\"datagen\",\"schema\":{\"k\":\"STRING\"}},"
                   "{\"name\":\"b\",\"source\":\"datagen\",\"schema\":{\"k\":\"STRING\"},\"parallelism\":%u},"
                   "{\"name\":\"n\",\"from\":[\"a\",\"b\"],\"key_by\":\"k\",\"aggregate\":\"k, COUNT(*) AS n\"},"
                   "{\"name\":\"out\",\"sink\":\"blackhole\"}]}",
                   a, b);
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_plan_new(graph, 1, &plan, &err), WSL_OK, "%s", err.text);
    return plan;
}

Test(split_names, subtasks_of_sources_come_first_and_then_splits_as_they_are_handed_out)
{
    jm_split_names s;
    wsl_job_plan *plan = plan_of(2, 1);
    jm_split_names_init(&s, plan);
    cr_assert_str_eq(jm_split_names_get(&s, 0), "");
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        const char *head = plan->graph->operators[plan->vertices[v].operators[0]]->name;
        const uint32_t number = jm_split_names_subtask(&s, plan, v, 0);
        cr_assert_eq(number == 0, strcmp(head, "a") != 0 && strcmp(head, "b") != 0, "%s", head);
    }
    cr_assert_str_eq(jm_split_names_get(&s, 1), "a, subtask 0");
    cr_assert_str_eq(jm_split_names_get(&s, 2), "a, subtask 1");
    cr_assert_str_eq(jm_split_names_get(&s, 3), "b, subtask 0");
    cr_assert_eq(jm_split_names_give(&s, "one.json"), 4);
    cr_assert_eq(jm_split_names_give(&s, "two.json"), 5);
    cr_assert_str_eq(jm_split_names_get(&s, 4), "one.json");
    cr_assert_str_eq(jm_split_names_get(&s, 6), "", "not given yet");
    cr_assert_str_eq(jm_split_names_get(&s, UINT32_MAX), "");
    jm_split_names_fini(&s);
    wsl_job_plan_free(plan);
}

Test(split_names, numbers_are_used_again_but_never_those_of_subtasks)
{
    jm_split_names s;
    wsl_job_plan *plan = plan_of(2, 1);
    char name[32];
    jm_split_names_init(&s, plan);
    for (uint32_t i = 0; i < 3 * WSL_ROW_SPLITS; i++) {
        (void)snprintf(name, sizeof name, "split %u", i);
        const uint32_t number = jm_split_names_give(&s, name);
        cr_assert(number > 3 && number < WSL_ROW_SPLITS);
        cr_assert_str_eq(jm_split_names_get(&s, number), name);
    }
    cr_assert_str_eq(jm_split_names_get(&s, 3), "b, subtask 0");
    jm_split_names_fini(&s);
    wsl_job_plan_free(plan);
}

Test(split_names, more_subtasks_than_numbers_have_none_and_splits_still_do)
{
    jm_split_names s;
    wsl_job_plan *plan = plan_of(4096, 4096);
    uint32_t without = 0;
    jm_split_names_init(&s, plan);
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        without += jm_split_names_subtask(&s, plan, v, 4095) == 0;
    }
    cr_assert_eq(without, plan->n_vertices - 1, "one source's subtasks have numbers");
    const uint32_t number = jm_split_names_give(&s, "one.json");
    cr_assert(number > 4096 && number < WSL_ROW_SPLITS);
    cr_assert_str_eq(jm_split_names_get(&s, number), "one.json");
    jm_split_names_fini(&s);
    wsl_job_plan_free(plan);
}
