/*
 * helpers - a few threads that run what must not run on a loop: blocking requests of async functions.
 *
 *     slot loops --submit--> job 1: [ group: work, work ] [ group: work ]   --by turns--> helper threads --run--> ... wsl_async_complete
 *                            job 2: [ group: work ]
 *
 * Work belongs to a group (of one task), groups belong to an owner (a job). Turns are fair: first among owners that have work, then
 * among the groups of each; within a group work is begun in the order in which it came. And nobody waits for others' work to end:
 * a group of which nothing runs gets a thread of its own if all of max_threads are busy, perhaps hanging. So there are at most
 * max_threads and one per open group. How much of a group can be under way is bounded by who submits (an operator's capacity).
 *
 * A closed group starts nothing any more; its owner hears when nothing of it runs, and only then lets go of what the work uses (the
 * job's library, its configuration).
 *
 * Threads: new, free on the control loop; the others from any. Threads are started when there is work for them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/id.h"
#include "base/waker.h"

typedef struct tm_helpers tm_helpers;
typedef struct tm_helper_group tm_helper_group;

typedef struct tm_helper_job tm_helper_job;
struct tm_helper_job {
    tm_helper_job *next;
    tm_helper_group *group;
    void (*run)(tm_helper_job *job);  /* on a helper thread; frees the job */
    void (*drop)(tm_helper_job *job); /* instead of run; any thread; frees the job */
};

/* Waits for what runs, drops the rest. */
void tm_helpers_free(tm_helpers *helpers);
/* max_threads 0: no threads, work runs inside submit. */
WSL_NEW_BY(tm_helpers_free) tm_helpers *tm_helpers_new(uint32_t max_threads);
/* No threads either: work waits for tm_helpers_run_one, and the waker tells that there is some. For the simulator, which decides when. */
WSL_NEW_BY(tm_helpers_free) tm_helpers *tm_helpers_new_stepped(wsl_waker waker);
WSL_DEFINE_AUTO(tm_helpers)
/* Runs the next piece of work here. False: there was none. */
bool tm_helpers_run_one(tm_helpers *helpers);

/* Closed, or never used, or after tm_helpers_free: nothing of it runs or waits any more. */
void tm_helper_group_free(tm_helper_group *group);
/* owner: groups of the same one share their turns. */
WSL_NEW_BY(tm_helper_group_free) tm_helper_group *tm_helper_group_new(tm_helpers *helpers, const wsl_id *owner);

/* Takes the job, also when it fails (WSL_NO_RESOURCE: not a single thread can be started); in a closed group it is
 * dropped. */
WSL_MUST_CHECK wsl_status tm_helpers_submit(tm_helper_group *group, tm_helper_job *job, wsl_error *err);
/* Drops what waits. */
void tm_helper_group_drop(tm_helper_group *group);
/* Drops what waits, for good. True: nothing runs; false: the thread that finishes last calls idle(arg), once. */
bool tm_helper_group_close(tm_helper_group *group, void (*idle)(void *arg), void *arg);
