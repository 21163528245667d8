/*
 * lifecycle - what a job and a task can be, and which event moves them where. Two tables, nothing else.
 *
 *   job    INITIALIZING -> CREATED -> RUNNING -> FINISHED
 *          anything live -> FAILING -> FAILED          (FAILING -> CANCELLING if somebody cancels meanwhile)
 *          anything live -> CANCELLING -> CANCELED
 *          RUNNING -> RESTARTING -> RUNNING            (restart strategies)
 *          INITIALIZING -> RESTARTING                  (it ran under an earlier JobManager)
 *          anything live -> SUSPENDED                  (leadership lost)
 *
 *   task   CREATED -> SCHEDULED -> DEPLOYING -> INITIALIZING -> RUNNING -> FINISHED
 *          deployed -> CANCELING -> CANCELED, FAILED or FINISHED (whichever report was first)
 *          not deployed -> CANCELED
 *
 * A pair that is not in the table is no move: our own code asserts that it never asks for one; for a peer's report it
 * is an answer (false) that the caller turns into a sentence.
 *
 * Names are those of Flink's REST: a job is CANCELLING, a task CANCELING.
 *
 * Threads: any; constants.
 */
#pragma once
#include <stdbool.h>

#include <wiesel/macros.h>

/* clang-format off */
#define JM_JOB_STATES(X) \
    X(INITIALIZING) X(CREATED) X(RUNNING) X(FAILING) X(FAILED) X(CANCELLING) X(CANCELED) X(FINISHED) \
    X(RESTARTING) X(SUSPENDED) X(RECONCILING)
#define JM_TASK_STATES(X) \
    X(CREATED) X(SCHEDULED) X(DEPLOYING) X(INITIALIZING) X(RUNNING) X(FINISHED) X(CANCELING) X(CANCELED) \
    X(FAILED) X(RECONCILING)
/* clang-format on */

typedef enum jm_job_state {
#define JM_X(name) JM_JOB_##name,
    JM_JOB_STATES(JM_X)
#undef JM_X
        JM_JOB_STATE_COUNT
} jm_job_state;

typedef enum jm_task_state {
#define JM_X(name) JM_TASK_##name,
    JM_TASK_STATES(JM_X)
#undef JM_X
        JM_TASK_STATE_COUNT
} jm_task_state;

typedef enum jm_job_event {
    JM_JOB_ACCEPT,     /* the graph is fine */
    JM_JOB_START,      /* it has its slots */
    JM_JOB_RESTART,    /* a failure that the restart strategy answers */
    JM_JOB_FAIL,       /* a failure that ends it */
    JM_JOB_CANCEL,     /* somebody asked */
    JM_JOB_TASKS_DONE, /* every task is in a final state */
    JM_JOB_SUSPEND,    /* this JobManager leads no more */
    JM_JOB_RECOVER,    /* it ran under an earlier JobManager */
    JM_JOB_EVENT_COUNT
} jm_job_event;

typedef enum jm_task_event {
    JM_TASK_SCHEDULE,    /* ours: has a slot */
    JM_TASK_DEPLOY,      /* ours: the deployment was sent */
    JM_TASK_INITIALIZE,  /* report */
    JM_TASK_RUN,         /* report */
    JM_TASK_FINISH,      /* report */
    JM_TASK_FAIL,        /* report */
    JM_TASK_CANCEL,      /* ours */
    JM_TASK_CANCEL_DONE, /* report */
    JM_TASK_LOSE,        /* its TaskManager was lost */
    JM_TASK_EVENT_COUNT
} jm_task_event;

/* False: not a move, *out_next untouched. */
bool jm_job_next(jm_job_state state, jm_job_event event, jm_job_state *out_next);
bool jm_task_next(jm_task_state state, jm_task_event event, jm_task_state *out_next);

bool jm_job_state_is_final(jm_job_state state);   /* FINISHED, FAILED, CANCELED */
bool jm_task_state_is_final(jm_task_state state); /* FINISHED, CANCELED, FAILED */

const char *jm_job_state_name(jm_job_state state); /* "RUNNING" */
const char *jm_task_state_name(jm_task_state state);
