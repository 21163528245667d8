/*
 * helpers - see helpers.h. One lock: what is done under it is a few list operations, and what the threads run takes
 * milliseconds.
 *
 * Whenever work can be begun (after submit, and after a thread has taken something) either a thread that waits is woken or, if
 * none does, one is started; a thread that has finished looks for the next itself. So work that may begin never lies about while
 * a thread could be had. Threads above max_threads end when there are more than groups they may be needed for.
 */
#include "taskmanager/async/helpers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/async/helper_turns.h"

typedef enum helper_state { NO_THREAD, RUNS, HAS_ENDED } helper_state;

typedef struct helper {
    pthread_t thread;
    helper_state state;
} helper;

struct tm_helpers {
    pthread_mutex_t lock;
    pthread_cond_t work;
    tm_helper_turns turns;
    helper *helpers; /* places; those whose thread has ended are used again */
    uint32_t n_places;
    uint32_t n_threads, max_threads;
    uint32_t n_waiting; /* threads without work */
    uint32_t n_busy;
    uint32_t n_groups; /* that are open, or of which something still runs */
    bool stop;
    bool stepped;
    wsl_waker waker; /* stepped: of whoever steps */
};

tm_helpers *tm_helpers_new(uint32_t max_threads)
{
    tm_helpers *h = wsl_zalloc(sizeof *h);
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_cond_init(&h->work, NULL);
    tm_helper_turns_init(&h->turns);
    h->max_threads = max_threads;
    return h;
}

tm_helpers *tm_helpers_new_stepped(wsl_waker waker)
{
    tm_helpers *h = tm_helpers_new(0);
    h->stepped = true;
    h->waker = waker;
    return h;
}

static void drop_all(tm_helper_job *jobs)
{
    while (jobs != NULL) {
        tm_helper_job *next = jobs->next;
        jobs->drop(jobs);
        jobs = next;
    }
}

void tm_helpers_free(tm_helpers *h)
{
    if (h == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&h->lock);
    h->stop = true; /* no place is added or used again from now on */
    (void)pthread_cond_broadcast(&h->work);
    (void)pthread_mutex_unlock(&h->lock);
    for (uint32_t i = 0; i < h->n_places; i++) {
        (void)pthread_mutex_lock(&h->lock);
        const helper one = h->helpers[i];
        (void)pthread_mutex_unlock(&h->lock);
        WSL_ASSERT(one.state == NO_THREAD || pthread_join(one.thread, NULL) == 0);
    }
    for (tm_helper_job *job; (job = tm_helper_turns_take(&h->turns, false)) != NULL;) {
        job->drop(job);
    }
    (void)pthread_cond_destroy(&h->work);
    (void)pthread_mutex_destroy(&h->lock);
    free(h->helpers);
    free(h);
}

/* ---- the threads ---- */

static wsl_status start_thread(tm_helpers *h, wsl_error *err);

/* All of max_threads are busy: only groups of which nothing runs get one more. */
static bool is_full(const tm_helpers *h) { return h->n_busy >= h->max_threads; }
static bool has_surplus(const tm_helpers *h) { return h->n_threads > h->max_threads + h->n_groups; }

/* Holding the lock: sees to it that somebody looks if there is work that may begin. */
static wsl_status find_somebody(tm_helpers *h, wsl_error *err)
{
    if (h->stop || !tm_helper_turns_has(&h->turns, is_full(h))) {
        return WSL_OK;
    }
    if (h->n_waiting > 0) {
        (void)pthread_cond_signal(&h->work);
        return WSL_OK;
    }
    const bool idle_soon = h->n_threads > h->n_busy; /* one was started or woken and has not looked yet */
    return idle_soon || h->n_threads >= h->max_threads + h->n_groups ? WSL_OK : start_thread(h, err);
}

/* Holding the lock. NULL: the thread is to end. */
static tm_helper_job *next_job(tm_helpers *h)
{
    tm_helper_job *job = NULL;
    while (!h->stop && !has_surplus(h) && (job = tm_helper_turns_take(&h->turns, is_full(h))) == NULL) {
        h->n_waiting++;
        (void)pthread_cond_wait(&h->work, &h->lock);
        h->n_waiting--;
    }
    if (job != NULL) {
        wsl_error ignored = {0}; /* fewer threads will do */
        job->group->running++;
        h->n_busy++;
        (void)find_somebody(h, &ignored);
    }
    return job;
}

/* Holding the lock, but not while it runs. */
static void run_job(tm_helpers *h, tm_helper_job *job)
{
    tm_helper_group *group = job->group;
    (void)pthread_mutex_unlock(&h->lock);
    job->run(job);
    (void)pthread_mutex_lock(&h->lock);
    h->n_busy--;
    if (--group->running == 0 && group->closed) {
        h->n_groups--;
        void (*const idle)(void *) = group->idle;
        void *const idle_arg = group->idle_arg;
        (void)pthread_mutex_unlock(&h->lock);
        idle(idle_arg); /* the group may be gone after this */
        (void)pthread_mutex_lock(&h->lock);
    }
}

bool tm_helpers_run_one(tm_helpers *h)
{
    WSL_ASSERT(h->stepped);
    (void)pthread_mutex_lock(&h->lock);
    tm_helper_job *job = tm_helper_turns_take(&h->turns, false);
    if (job != NULL) {
        job->group->running++;
        h->n_busy++;
        run_job(h, job);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return job != NULL;
}

typedef struct thread_start {
    tm_helpers *helpers;
    uint32_t place;
} thread_start;

static void *helper_main(void *arg)
{
    const thread_start start = *(thread_start *)arg;
    tm_helpers *h = start.helpers;
    free(arg);
    (void)pthread_mutex_lock(&h->lock);
    for (tm_helper_job *job; (job = next_job(h)) != NULL;) {
        run_job(h, job);
    }
    wsl_error ignored = {0};
    h->n_threads--;
    h->helpers[start.place].state = HAS_ENDED;
    (void)find_somebody(h, &ignored);
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Holding the lock. */
static uint32_t free_place(tm_helpers *h)
{
    for (uint32_t i = 0; i < h->n_places; i++) {
        if (h->helpers[i].state != RUNS) {
            if (h->helpers[i].state == HAS_ENDED) {
                WSL_ASSERT(pthread_join(h->helpers[i].thread, NULL) == 0); /* it was about to return */
            }
            h->helpers[i].state = NO_THREAD;
            return i;
        }
    }
    h->helpers = wsl_realloc(h->helpers, (h->n_places + 1) * sizeof *h->helpers);
    h->helpers[h->n_places] = (helper){.state = NO_THREAD};
    return h->n_places++;
}

/* Holding the lock. Signals that ask something of the process are for the main thread, so the new thread begins with
 * all but those of crashes blocked. */
static wsl_status start_thread(tm_helpers *h, wsl_error *err)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    sigset_t blocked, before;
    char name[16];
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < WSL_ARRAY_LEN(crashes); i++) {
        (void)sigdelset(&blocked, crashes[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    thread_start *start = wsl_alloc(sizeof *start);
    *start = (thread_start){h, free_place(h)};
    helper *place = &h->helpers[start->place];
    const uint32_t number = start->place;
    const int error = pthread_create(&place->thread, NULL, helper_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        char words[128];
        free(start);
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot start a thread for async work: %s",
                        strerror_r(error, words, sizeof words));
    }
    (void)snprintf(name, sizeof name, "async-%u", number);
    (void)pthread_setname_np(place->thread, name);
    place->state = RUNS;
    h->n_threads++;
    return WSL_OK;
}

/* ---- groups ---- */

tm_helper_group *tm_helper_group_new(tm_helpers *h, const wsl_id *owner)
{
    tm_helper_group *group = wsl_zalloc(sizeof *group);
    *group = (tm_helper_group){.helpers = h, .owner = *owner};
    (void)pthread_mutex_lock(&h->lock);
    h->n_groups++;
    (void)pthread_mutex_unlock(&h->lock);
    return group;
}

void tm_helper_group_free(tm_helper_group *group) { free(group); }

wsl_status tm_helpers_submit(tm_helper_group *group, tm_helper_job *job, wsl_error *err)
{
    tm_helpers *h = group->helpers;
    job->group = group;
    if (h->max_threads == 0 && !h->stepped) {
        job->run(job);
        return WSL_OK;
    }
    wsl_status status = WSL_OK;
    tm_helper_job *refused = job;
    (void)pthread_mutex_lock(&h->lock);
    if (!h->stop && !group->closed) {
        tm_helper_turns_add(&h->turns, group, job);
        refused = NULL;
        status = h->stepped ? WSL_OK : find_somebody(h, err);
        if (status != WSL_OK && h->n_threads > 0) {
            status = WSL_OK; /* fewer will do */
        } else if (status != WSL_OK) {
            refused = tm_helper_turns_take_all(&h->turns, group);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
    drop_all(refused);
    wsl_wake(&h->waker);
    return status;
}

void tm_helper_group_drop(tm_helper_group *group)
{
    (void)pthread_mutex_lock(&group->helpers->lock);
    tm_helper_job *jobs = tm_helper_turns_take_all(&group->helpers->turns, group);
    (void)pthread_mutex_unlock(&group->helpers->lock);
    drop_all(jobs);
}

bool tm_helper_group_close(tm_helper_group *group, void (*idle)(void *arg), void *arg)
{
    tm_helpers *h = group->helpers;
    (void)pthread_mutex_lock(&h->lock);
    tm_helper_job *jobs = tm_helper_turns_take_all(&h->turns, group);
    const bool is_idle = group->running == 0;
    h->n_groups -= is_idle && !group->closed;
    group->closed = true;
    group->idle = idle;
    group->idle_arg = arg;
    if (has_surplus(h)) {
        (void)pthread_cond_broadcast(&h->work);
    }
    (void)pthread_mutex_unlock(&h->lock);
    drop_all(jobs);
    return is_idle;
}
