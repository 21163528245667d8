#include "jobmanager/exec/lifecycle.h"

#include <stdint.h>

#include "base/assert.h"

/* Entries are the next state plus one, so that what nobody wrote down is "no move". */
/* clang-format off */
#define J(next) (JM_JOB_##next + 1)
static const uint8_t job_moves[JM_JOB_STATE_COUNT][JM_JOB_EVENT_COUNT] = {
    [JM_JOB_INITIALIZING] = {
        [JM_JOB_ACCEPT] = J(CREATED), [JM_JOB_FAIL] = J(FAILING), [JM_JOB_CANCEL] = J(CANCELLING),
        [JM_JOB_SUSPEND] = J(SUSPENDED), [JM_JOB_RECOVER] = J(RESTARTING),
    },
    [JM_JOB_CREATED] = {
        [JM_JOB_START] = J(RUNNING), [JM_JOB_FAIL] = J(FAILING), [JM_JOB_CANCEL] = J(CANCELLING),
        [JM_JOB_SUSPEND] = J(SUSPENDED),
    },
    [JM_JOB_RUNNING] = {
        [JM_JOB_RESTART] = J(RESTARTING), [JM_JOB_FAIL] = J(FAILING), [JM_JOB_CANCEL] = J(CANCELLING),
        [JM_JOB_TASKS_DONE] = J(FINISHED), [JM_JOB_SUSPEND] = J(SUSPENDED),
    },
    [JM_JOB_RESTARTING] = {
        [JM_JOB_START] = J(RUNNING), [JM_JOB_RESTART] = J(RESTARTING), [JM_JOB_FAIL] = J(FAILING),
        [JM_JOB_CANCEL] = J(CANCELLING), [JM_JOB_TASKS_DONE] = J(RESTARTING), [JM_JOB_SUSPEND] = J(SUSPENDED),
    },
    [JM_JOB_FAILING] = {
        [JM_JOB_FAIL] = J(FAILING), [JM_JOB_CANCEL] = J(CANCELLING), [JM_JOB_TASKS_DONE] = J(FAILED),
        [JM_JOB_SUSPEND] = J(SUSPENDED),
    },
    [JM_JOB_CANCELLING] = {
        [JM_JOB_FAIL] = J(CANCELLING), [JM_JOB_CANCEL] = J(CANCELLING), [JM_JOB_TASKS_DONE] = J(CANCELED),
        [JM_JOB_SUSPEND] = J(SUSPENDED),
    },
    [JM_JOB_CANCELED] = {
        [JM_JOB_CANCEL] = J(CANCELED), /* asking again is no mistake */
    },
};
#undef J

#define T(next) (JM_TASK_##next + 1)
static const uint8_t task_moves[JM_TASK_STATE_COUNT][JM_TASK_EVENT_COUNT] = {
    [JM_TASK_CREATED] = {
        [JM_TASK_SCHEDULE] = T(SCHEDULED), [JM_TASK_CANCEL] = T(CANCELED),
    },
    [JM_TASK_SCHEDULED] = {
        [JM_TASK_DEPLOY] = T(DEPLOYING), [JM_TASK_CANCEL] = T(CANCELED), [JM_TASK_LOSE] = T(FAILED),
    },
    [JM_TASK_DEPLOYING] = {
        [JM_TASK_INITIALIZE] = T(INITIALIZING), [JM_TASK_RUN] = T(RUNNING), [JM_TASK_FINISH] = T(FINISHED),
        [JM_TASK_FAIL] = T(FAILED), [JM_TASK_CANCEL] = T(CANCELING), [JM_TASK_LOSE] = T(FAILED),
    },
    [JM_TASK_INITIALIZING] = {
        [JM_TASK_INITIALIZE] = T(INITIALIZING), [JM_TASK_RUN] = T(RUNNING), [JM_TASK_FINISH] = T(FINISHED),
        [JM_TASK_FAIL] = T(FAILED), [JM_TASK_CANCEL] = T(CANCELING), [JM_TASK_LOSE] = T(FAILED),
    },
    [JM_TASK_RUNNING] = {
        [JM_TASK_RUN] = T(RUNNING), [JM_TASK_FINISH] = T(FINISHED), [JM_TASK_FAIL] = T(FAILED),
        [JM_TASK_CANCEL] = T(CANCELING), [JM_TASK_LOSE] = T(FAILED),
    },
    [JM_TASK_CANCELING] = { /* reports from before the cancel reached it may still come */
        [JM_TASK_INITIALIZE] = T(CANCELING), [JM_TASK_RUN] = T(CANCELING), [JM_TASK_FINISH] = T(FINISHED),
        [JM_TASK_FAIL] = T(FAILED), [JM_TASK_CANCEL] = T(CANCELING), [JM_TASK_CANCEL_DONE] = T(CANCELED),
        [JM_TASK_LOSE] = T(CANCELED),
    },
};
#undef T
/* clang-format on */

bool jm_job_next(jm_job_state state, jm_job_event event, jm_job_state *out_next)
{
    WSL_ASSERT(state < JM_JOB_STATE_COUNT && event < JM_JOB_EVENT_COUNT);
    const uint8_t next = job_moves[state][event];
    if (next == 0) {
        return false;
    }
    *out_next = (jm_job_state)(next - 1);
    return true;
}

bool jm_task_next(jm_task_state state, jm_task_event event, jm_task_state *out_next)
{
    WSL_ASSERT(state < JM_TASK_STATE_COUNT && event < JM_TASK_EVENT_COUNT);
    const uint8_t next = task_moves[state][event];
    if (next == 0) {
        return false;
    }
    *out_next = (jm_task_state)(next - 1);
    return true;
}

bool jm_job_state_is_final(jm_job_state state)
{
    return state == JM_JOB_FINISHED || state == JM_JOB_FAILED || state == JM_JOB_CANCELED;
}

bool jm_task_state_is_final(jm_task_state state)
{
    return state == JM_TASK_FINISHED || state == JM_TASK_CANCELED || state == JM_TASK_FAILED;
}

const char *jm_job_state_name(jm_job_state state)
{
#define JM_X(name) #name,
    static const char *const names[] = {JM_JOB_STATES(JM_X)};
#undef JM_X
    WSL_ASSERT(state < JM_JOB_STATE_COUNT);
    return names[state];
}

const char *jm_task_state_name(jm_task_state state)
{
#define JM_X(name) #name,
    static const char *const names[] = {JM_TASK_STATES(JM_X)};
#undef JM_X
    WSL_ASSERT(state < JM_TASK_STATE_COUNT);
    return names[state];
}
