/*
 * helpers - see helpers.h. One lock: what is done under it is a few list operations, and what the threads run takes
 * milliseconds.
 */
#include "taskmanager/async/helpers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct tm_helper_group {
    tm_helpers *helpers;
    uint32_t running;
    bool closed;
    void (*idle)(void *arg);
    void *idle_arg;
};

struct tm_helpers {
    pthread_mutex_t lock;
    pthread_cond_t work;
    tm_helper_job *first, **last;
    uint32_t n_queued;
    pthread_t *threads;
    uint32_t n_threads, max_threads;
    uint32_t n_waiting; /* threads without work */
    bool stop;
};

tm_helpers *tm_helpers_new(uint32_t max_threads)
{
    tm_helpers *h = wsl_zalloc(sizeof *h);
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_cond_init(&h->work, NULL);
    h->last = &h->first;
    h->max_threads = max_threads;
    h->threads = wsl_calloc(max_threads + 1, sizeof *h->threads);
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
    h->stop = true;
    (void)pthread_cond_broadcast(&h->work);
    (void)pthread_mutex_unlock(&h->lock);
    for (uint32_t i = 0; i < h->n_threads; i++) {
        WSL_ASSERT(pthread_join(h->threads[i], NULL) == 0);
    }
    drop_all(h->first);
    (void)pthread_cond_destroy(&h->work);
    (void)pthread_mutex_destroy(&h->lock);
    free(h->threads);
    free(h);
}

/* ---- the threads ---- */

/* Holding the lock. */
static tm_helper_job *next_job(tm_helpers *h)
{
    while (h->first == NULL && !h->stop) {
        h->n_waiting++;
        (void)pthread_cond_wait(&h->work, &h->lock);
        h->n_waiting--;
    }
    if (h->stop) {
        return NULL;
    }
    tm_helper_job *job = h->first;
    h->first = job->next;
    h->last = h->first == NULL ? &h->first : h->last;
    h->n_queued--;
    return job;
}

static void *helper_main(void *arg)
{
    tm_helpers *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    for (tm_helper_job *job; (job = next_job(h)) != NULL;) {
        tm_helper_group *group = job->group;
        group->running++;
        (void)pthread_mutex_unlock(&h->lock);
        job->run(job);
        (void)pthread_mutex_lock(&h->lock);
        if (--group->running == 0 && group->closed) {
            void (*const idle)(void *) = group->idle;
            void *const idle_arg = group->idle_arg;
            (void)pthread_mutex_unlock(&h->lock);
            idle(idle_arg); /* the group may be gone after this */
            (void)pthread_mutex_lock(&h->lock);
        }
    }
    (void)pthread_mutex_unlock(&h->lock);
    return NULL;
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
    const int error = pthread_create(&h->threads[h->n_threads], NULL, helper_main, h);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        char words[128];
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot start a thread for async work: %s",
                        strerror_r(error, words, sizeof words));
    }
    (void)snprintf(name, sizeof name, "async-%u", h->n_threads);
    (void)pthread_setname_np(h->threads[h->n_threads], name);
    h->n_threads++;
    return WSL_OK;
}

/* ---- groups ---- */

tm_helper_group *tm_helper_group_new(tm_helpers *h)
{
    tm_helper_group *group = wsl_zalloc(sizeof *group);
    group->helpers = h;
    return group;
}

void tm_helper_group_free(tm_helper_group *group) { free(group); }

wsl_status tm_helpers_submit(tm_helper_group *group, tm_helper_job *job, wsl_error *err)
{
    tm_helpers *h = group->helpers;
    job->group = group;
    job->next = NULL;
    if (h->max_threads == 0) {
        job->run(job);
        return WSL_OK;
    }
    wsl_status status = WSL_OK;
    (void)pthread_mutex_lock(&h->lock);
    if (h->n_waiting <= h->n_queued && h->n_threads < h->max_threads && !h->stop && !group->closed) {
        status = start_thread(h, err);
        status = h->n_threads > 0 ? WSL_OK : status; /* fewer will do */
    }
    const bool taken = status == WSL_OK && !h->stop && !group->closed;
    if (taken) {
        *h->last = job;
        h->last = &job->next;
        h->n_queued++;
        (void)pthread_cond_signal(&h->work);
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (!taken) {
        job->drop(job);
    }
    return status;
}

/* Holding the lock. */
static tm_helper_job *unqueue(tm_helper_group *group)
{
    tm_helpers *h = group->helpers;
    tm_helper_job *out = NULL;
    for (tm_helper_job **at = &h->first; *at != NULL;) {
        tm_helper_job *job = *at;
        if (job->group != group) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        job->next = out;
        out = job;
        h->n_queued--;
    }
    h->last = &h->first;
    while (*h->last != NULL) {
        h->last = &(*h->last)->next;
    }
    return out;
}

void tm_helper_group_drop(tm_helper_group *group)
{
    (void)pthread_mutex_lock(&group->helpers->lock);
    tm_helper_job *jobs = unqueue(group);
    (void)pthread_mutex_unlock(&group->helpers->lock);
    drop_all(jobs);
}

bool tm_helper_group_close(tm_helper_group *group, void (*idle)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&group->helpers->lock);
    tm_helper_job *jobs = unqueue(group);
    const bool is_idle = group->running == 0;
    group->closed = true;
    group->idle = idle;
    group->idle_arg = arg;
    (void)pthread_mutex_unlock(&group->helpers->lock);
    drop_all(jobs);
    return is_idle;
}
