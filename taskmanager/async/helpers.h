/*
 * helpers - a few threads that run what must not run on a loop: blocking requests of async functions.
 *
 *     slot loops --submit--> [ queue ] --> helper threads --run--> ... wsl_async_complete
 *
 * Work belongs to a group (of one task). A closed group starts nothing any more; its owner hears when nothing of it
 * runs, and only then lets go of what the work uses (the job's library, its configuration).
 *
 * Threads: new, free on the control loop; the others from any. Threads are started when there is work for them. No
 * order is promised between pieces of work.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

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
WSL_DEFINE_AUTO(tm_helpers)

/* Nothing of it runs or waits any more; may be called after tm_helpers_free. */
void tm_helper_group_free(tm_helper_group *group);
WSL_NEW_BY(tm_helper_group_free) tm_helper_group *tm_helper_group_new(tm_helpers *helpers);

/* Takes the job, also when it fails (WSL_NO_RESOURCE: not a single thread can be started); in a closed group it is
 * dropped. */
WSL_MUST_CHECK wsl_status tm_helpers_submit(tm_helper_group *group, tm_helper_job *job, wsl_error *err);
/* Drops what waits. */
void tm_helper_group_drop(tm_helper_group *group);
/* Drops what waits, for good. True: nothing runs; false: the thread that finishes last calls idle(arg), once. */
bool tm_helper_group_close(tm_helper_group *group, void (*idle)(void *arg), void *arg);
