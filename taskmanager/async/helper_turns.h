/*
 * helper_turns - inside of helpers: whose work is next.
 *
 *     turns ──> owner ──> owner          those with work that waits, the one whose turn it is first
 *                 └─> group ──> group    likewise
 *                       └─> job ──> job  in order of arrival
 *
 * Taking a job sends its group to the end of its owner's line and the owner to the end of the line of owners.
 *
 * Threads: whoever holds the lock of the helpers.
 */
#pragma once
#include "taskmanager/async/helpers.h"

typedef struct tm_helper_owner {
    wsl_id id;
    struct tm_helper_owner *next;
    tm_helper_group *first, **last; /* never empty while it is in line */
} tm_helper_owner;

struct tm_helper_group {
    tm_helpers *helpers;
    wsl_id owner;
    tm_helper_group *next; /* in line */
    tm_helper_job *first, **last;
    uint32_t running;
    bool closed;
    void (*idle)(void *arg);
    void *idle_arg;
};

typedef struct tm_helper_turns {
    tm_helper_owner *first, **last;
} tm_helper_turns;

void tm_helper_turns_init(tm_helper_turns *t);
void tm_helper_turns_add(tm_helper_turns *t, tm_helper_group *group, tm_helper_job *job);
/* The next job. only_waiting: of groups of which nothing runs. NULL: there is none. */
tm_helper_job *tm_helper_turns_take(tm_helper_turns *t, bool only_waiting);
/* Is there one? */
bool tm_helper_turns_has(const tm_helper_turns *t, bool only_waiting);
/* All jobs of a group, out of the line. */
tm_helper_job *tm_helper_turns_take_all(tm_helper_turns *t, tm_helper_group *group);
