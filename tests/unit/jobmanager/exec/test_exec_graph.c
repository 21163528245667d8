#include "jobmanager/exec/exec_graph.h"

#include "harness/wsl_test.h"

typedef struct fixture {
    wsl_vertex vertices[2];
    wsl_job_plan plan;
    jm_exec_graph graph;
} fixture;

static char name[] = "words";

static void setup(fixture *f)
{
    *f = (fixture){.vertices = {{.name = name, .parallelism = 3}, {.name = name, .parallelism = 1}}};
    f->plan = (wsl_job_plan){.vertices = f->vertices, .n_vertices = 2};
    jm_exec_graph_init(&f->graph, &f->plan, 1000);
}

static void move(fixture *f, uint32_t subtask, jm_task_event event, int64_t at_ms)
{
    cr_assert(jm_exec_graph_move(&f->graph, 0, subtask, event, at_ms));
}

static void run(fixture *f, uint32_t subtask, int64_t at_ms)
{
    move(f, subtask, JM_TASK_SCHEDULE, at_ms);
    move(f, subtask, JM_TASK_DEPLOY, at_ms);
    move(f, subtask, JM_TASK_RUN, at_ms + 1);
}

Test(exec_graph, a_move_counts_states_and_keeps_the_time)
{
    fixture f;
    setup(&f);
    cr_assert_eq(f.graph.n_tasks, 4u);
    cr_assert_eq(f.graph.vertices[0].in_state[JM_TASK_CREATED], 3u);
    run(&f, 1, 2000);
    const jm_subtask *t = jm_exec_graph_find(&f.graph, 0, 1);
    cr_assert_eq(t->state, JM_TASK_RUNNING);
    cr_assert_eq(t->entered_ms[JM_TASK_CREATED], 1000);
    cr_assert_eq(t->entered_ms[JM_TASK_DEPLOYING], 2000);
    cr_assert_eq(t->entered_ms[JM_TASK_RUNNING], 2001);
    cr_assert_eq(t->entered_ms[JM_TASK_FAILED], 0);
    cr_assert_eq(f.graph.vertices[0].in_state[JM_TASK_CREATED], 2u);
    cr_assert_eq(f.graph.vertices[0].in_state[JM_TASK_RUNNING], 1u);
    cr_assert_eq(f.graph.n_live, 4u);
    move(&f, 1, JM_TASK_FINISH, 3000);
    cr_assert_eq(f.graph.n_live, 3u);
    cr_assert_not(jm_exec_graph_move(&f.graph, 0, 1, JM_TASK_RUN, 4000));
    cr_assert_eq(t->state, JM_TASK_FINISHED);
    jm_exec_graph_fini(&f.graph);
}

Test(exec_graph, a_repeated_report_changes_neither_count_nor_time)
{
    fixture f;
    setup(&f);
    run(&f, 0, 2000);
    move(&f, 0, JM_TASK_RUN, 9000);
    cr_assert_eq(f.graph.vertices[0].subtasks[0].entered_ms[JM_TASK_RUNNING], 2001);
    cr_assert_eq(f.graph.vertices[0].in_state[JM_TASK_RUNNING], 1u);
    jm_exec_graph_fini(&f.graph);
}

Test(exec_graph, a_vertex_is_in_the_worst_state_of_its_subtasks)
{
    fixture f;
    setup(&f);
    const jm_vertex *v = &f.graph.vertices[0];
    cr_assert_eq(jm_vertex_state(v), JM_TASK_CREATED);
    move(&f, 0, JM_TASK_SCHEDULE, 1);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_CREATED, "scheduling still counts as created");
    move(&f, 0, JM_TASK_DEPLOY, 1);
    move(&f, 0, JM_TASK_RUN, 1);
    run(&f, 1, 1);
    run(&f, 2, 1);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_RUNNING);
    move(&f, 0, JM_TASK_FINISH, 2);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_RUNNING, "not all have finished");
    move(&f, 1, JM_TASK_CANCEL, 2);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_CANCELING);
    move(&f, 1, JM_TASK_CANCEL_DONE, 2);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_CANCELED);
    move(&f, 2, JM_TASK_FAIL, 2);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_FAILED);
    jm_exec_graph_fini(&f.graph);
}

Test(exec_graph, a_vertex_lasts_from_its_first_deployment_to_its_last_end)
{
    fixture f;
    setup(&f);
    const jm_vertex *v = &f.graph.vertices[0];
    cr_assert_eq(jm_vertex_start_ms(v), -1);
    run(&f, 1, 3000);
    run(&f, 0, 2000);
    run(&f, 2, 4000);
    cr_assert_eq(jm_vertex_start_ms(v), 2000);
    move(&f, 0, JM_TASK_FINISH, 9000);
    move(&f, 1, JM_TASK_FINISH, 7000);
    cr_assert_eq(jm_vertex_end_ms(v), -1);
    move(&f, 2, JM_TASK_FINISH, 8000);
    cr_assert_eq(jm_vertex_end_ms(v), 9000);
    cr_assert_eq(jm_vertex_state(v), JM_TASK_FINISHED);
    jm_exec_graph_fini(&f.graph);
}

Test(exec_graph, tasks_are_found_and_named_for_people)
{
    fixture f;
    char text[64];
    setup(&f);
    cr_assert_null(jm_exec_graph_find(&f.graph, 2, 0));
    cr_assert_null(jm_exec_graph_find(&f.graph, 0, 3));
    cr_assert_null(jm_exec_graph_find(&f.graph, UINT32_MAX, UINT32_MAX));
    cr_assert_not_null(jm_exec_graph_find(&f.graph, 1, 0));
    jm_task_name(&f.graph.vertices[0], 1, text, sizeof text);
    cr_assert_str_eq(text, "words (2/3)");
    jm_exec_graph_fini(&f.graph);
}
