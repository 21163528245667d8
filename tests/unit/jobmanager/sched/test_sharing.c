#include "jobmanager/sched/sharing.h"

#include "harness/wsl_test.h"

static wsl_job_plan plan_of(wsl_vertex *vertices, uint32_t n, uint32_t slots)
{
    return (wsl_job_plan){.vertices = vertices, .n_vertices = n, .slots_needed = slots};
}

Test(sharing, vertices_of_one_group_share_as_many_slots_as_the_widest_has_subtasks)
{
    wsl_vertex v[] = {
        {.parallelism = 2, .slot_group = "default"}, {.parallelism = 4, .slot_group = ""}, {.parallelism = 1}};
    const wsl_job_plan plan = plan_of(v, 3, 4);
    jm_sharing s;
    jm_sharing_init(&s, &plan);
    cr_assert_eq(s.n_slots, 4u);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(s.first[i], 0u);
    }
    jm_sharing_fini(&s);
}

Test(sharing, other_groups_have_slots_of_their_own_and_the_job_needs_the_sum)
{
    wsl_vertex v[] = {{.parallelism = 2, .slot_group = "a"},
                      {.parallelism = 3, .slot_group = "b"},
                      {.parallelism = 5, .slot_group = "a"},
                      {.parallelism = 1, .slot_group = "c"}};
    const wsl_job_plan plan = plan_of(v, 4, 9);
    jm_sharing s;
    jm_sharing_init(&s, &plan);
    cr_assert_eq(s.n_slots, 9u);
    cr_assert_eq(s.first[0], 0u);
    cr_assert_eq(s.first[1], 5u);
    cr_assert_eq(s.first[2], 0u);
    cr_assert_eq(s.first[3], 8u);
    jm_sharing_fini(&s);
}
