#include "harness/wsl_test.h"
#include "jobmanager/exec/lifecycle.h"

/* The whole of both tables a second time, as text: state, event, next. What is not here is no move. */
typedef struct move {
    int state, event, next;
} move;

static const move job_moves[] = {
    {JM_JOB_INITIALIZING, JM_JOB_ACCEPT, JM_JOB_CREATED},    {JM_JOB_INITIALIZING, JM_JOB_FAIL, JM_JOB_FAILING},
    {JM_JOB_INITIALIZING, JM_JOB_CANCEL, JM_JOB_CANCELLING}, {JM_JOB_INITIALIZING, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},
    {JM_JOB_INITIALIZING, JM_JOB_RECOVER, JM_JOB_RESTARTING},
    {JM_JOB_CREATED, JM_JOB_START, JM_JOB_RUNNING},          {JM_JOB_CREATED, JM_JOB_FAIL, JM_JOB_FAILING},
    {JM_JOB_CREATED, JM_JOB_CANCEL, JM_JOB_CANCELLING},      {JM_JOB_CREATED, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},
    {JM_JOB_RUNNING, JM_JOB_RESTART, JM_JOB_RESTARTING},     {JM_JOB_RUNNING, JM_JOB_FAIL, JM_JOB_FAILING},
    {JM_JOB_RUNNING, JM_JOB_CANCEL, JM_JOB_CANCELLING},      {JM_JOB_RUNNING, JM_JOB_TASKS_DONE, JM_JOB_FINISHED},
    {JM_JOB_RUNNING, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},      {JM_JOB_RESTARTING, JM_JOB_START, JM_JOB_RUNNING},
    {JM_JOB_RESTARTING, JM_JOB_RESTART, JM_JOB_RESTARTING},  {JM_JOB_RESTARTING, JM_JOB_FAIL, JM_JOB_FAILING},
    {JM_JOB_RESTARTING, JM_JOB_CANCEL, JM_JOB_CANCELLING},   {JM_JOB_RESTARTING, JM_JOB_TASKS_DONE, JM_JOB_RESTARTING},
    {JM_JOB_RESTARTING, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},   {JM_JOB_FAILING, JM_JOB_FAIL, JM_JOB_FAILING},
    {JM_JOB_FAILING, JM_JOB_CANCEL, JM_JOB_CANCELLING},      {JM_JOB_FAILING, JM_JOB_TASKS_DONE, JM_JOB_FAILED},
    {JM_JOB_FAILING, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},      {JM_JOB_CANCELLING, JM_JOB_FAIL, JM_JOB_CANCELLING},
    {JM_JOB_CANCELLING, JM_JOB_CANCEL, JM_JOB_CANCELLING},   {JM_JOB_CANCELLING, JM_JOB_TASKS_DONE, JM_JOB_CANCELED},
    {JM_JOB_CANCELLING, JM_JOB_SUSPEND, JM_JOB_SUSPENDED},   {JM_JOB_CANCELED, JM_JOB_CANCEL, JM_JOB_CANCELED},
};

static const move task_moves[] = {
    {JM_TASK_CREATED, JM_TASK_SCHEDULE, JM_TASK_SCHEDULED},
    {JM_TASK_CREATED, JM_TASK_CANCEL, JM_TASK_CANCELED},
    {JM_TASK_SCHEDULED, JM_TASK_DEPLOY, JM_TASK_DEPLOYING},
    {JM_TASK_SCHEDULED, JM_TASK_CANCEL, JM_TASK_CANCELED},
    {JM_TASK_SCHEDULED, JM_TASK_LOSE, JM_TASK_FAILED},
    {JM_TASK_DEPLOYING, JM_TASK_INITIALIZE, JM_TASK_INITIALIZING},
    {JM_TASK_DEPLOYING, JM_TASK_RUN, JM_TASK_RUNNING},
    {JM_TASK_DEPLOYING, JM_TASK_FINISH, JM_TASK_FINISHED},
    {JM_TASK_DEPLOYING, JM_TASK_FAIL, JM_TASK_FAILED},
    {JM_TASK_DEPLOYING, JM_TASK_CANCEL, JM_TASK_CANCELING},
    {JM_TASK_DEPLOYING, JM_TASK_LOSE, JM_TASK_FAILED},
    {JM_TASK_INITIALIZING, JM_TASK_INITIALIZE, JM_TASK_INITIALIZING},
    {JM_TASK_INITIALIZING, JM_TASK_RUN, JM_TASK_RUNNING},
    {JM_TASK_INITIALIZING, JM_TASK_FINISH, JM_TASK_FINISHED},
    {JM_TASK_INITIALIZING, JM_TASK_FAIL, JM_TASK_FAILED},
    {JM_TASK_INITIALIZING, JM_TASK_CANCEL, JM_TASK_CANCELING},
    {JM_TASK_INITIALIZING, JM_TASK_LOSE, JM_TASK_FAILED},
    {JM_TASK_RUNNING, JM_TASK_RUN, JM_TASK_RUNNING},
    {JM_TASK_RUNNING, JM_TASK_FINISH, JM_TASK_FINISHED},
    {JM_TASK_RUNNING, JM_TASK_FAIL, JM_TASK_FAILED},
    {JM_TASK_RUNNING, JM_TASK_CANCEL, JM_TASK_CANCELING},
    {JM_TASK_RUNNING, JM_TASK_LOSE, JM_TASK_FAILED},
    {JM_TASK_CANCELING, JM_TASK_INITIALIZE, JM_TASK_CANCELING},
    {JM_TASK_CANCELING, JM_TASK_RUN, JM_TASK_CANCELING},
    {JM_TASK_CANCELING, JM_TASK_FINISH, JM_TASK_FINISHED},
    {JM_TASK_CANCELING, JM_TASK_FAIL, JM_TASK_FAILED},
    {JM_TASK_CANCELING, JM_TASK_CANCEL, JM_TASK_CANCELING},
    {JM_TASK_CANCELING, JM_TASK_CANCEL_DONE, JM_TASK_CANCELED},
    {JM_TASK_CANCELING, JM_TASK_LOSE, JM_TASK_CANCELED},
};

static int expected(const move *moves, size_t n, int state, int event)
{
    for (size_t i = 0; i < n; i++) {
        if (moves[i].state == state && moves[i].event == event) {
            return moves[i].next;
        }
    }
    return -1;
}

Test(lifecycle, every_job_state_and_event_moves_as_written_here)
{
    for (int s = 0; s < JM_JOB_STATE_COUNT; s++) {
        for (int e = 0; e < JM_JOB_EVENT_COUNT; e++) {
            jm_job_state next = JM_JOB_RECONCILING;
            const bool moved = jm_job_next((jm_job_state)s, (jm_job_event)e, &next);
            const int want = expected(job_moves, WSL_ARRAY_LEN(job_moves), s, e);
            cr_assert_eq(moved, want != -1, "%s event %d", jm_job_state_name((jm_job_state)s), e);
            cr_assert_eq((int)next, moved ? want : (int)JM_JOB_RECONCILING, "%s event %d",
                         jm_job_state_name((jm_job_state)s), e);
        }
    }
}

Test(lifecycle, every_task_state_and_event_moves_as_written_here)
{
    for (int s = 0; s < JM_TASK_STATE_COUNT; s++) {
        for (int e = 0; e < JM_TASK_EVENT_COUNT; e++) {
            jm_task_state next = JM_TASK_RECONCILING;
            const bool moved = jm_task_next((jm_task_state)s, (jm_task_event)e, &next);
            const int want = expected(task_moves, WSL_ARRAY_LEN(task_moves), s, e);
            cr_assert_eq(moved, want != -1, "%s event %d", jm_task_state_name((jm_task_state)s), e);
            cr_assert_eq((int)next, moved ? want : (int)JM_TASK_RECONCILING);
        }
    }
}

Test(lifecycle, no_event_leaves_a_final_state)
{
    for (int s = 0; s < JM_JOB_STATE_COUNT; s++) {
        for (int e = 0; e < JM_JOB_EVENT_COUNT && jm_job_state_is_final((jm_job_state)s); e++) {
            jm_job_state next = (jm_job_state)s;
            (void)jm_job_next((jm_job_state)s, (jm_job_event)e, &next);
            cr_assert_eq((int)next, s);
        }
    }
    for (int s = 0; s < JM_TASK_STATE_COUNT; s++) {
        for (int e = 0; e < JM_TASK_EVENT_COUNT && jm_task_state_is_final((jm_task_state)s); e++) {
            jm_task_state next;
            cr_assert_not(jm_task_next((jm_task_state)s, (jm_task_event)e, &next));
        }
    }
}

Test(lifecycle, names_are_those_of_the_rest_interface)
{
    cr_assert_str_eq(jm_job_state_name(JM_JOB_CANCELLING), "CANCELLING");
    cr_assert_str_eq(jm_job_state_name(JM_JOB_RECONCILING), "RECONCILING");
    cr_assert_str_eq(jm_task_state_name(JM_TASK_CANCELING), "CANCELING");
    cr_assert_str_eq(jm_task_state_name(JM_TASK_CREATED), "CREATED");
}
