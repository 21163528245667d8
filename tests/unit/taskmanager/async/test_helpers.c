/*
 * test_helpers - the helper pool: work runs, is dropped, and is waited for.
 */
#include "harness/wsl_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "taskmanager/async/helper_turns.h"

typedef struct job {
    tm_helper_job job; /* first */
    sem_t *gate;       /* waits for it */
} job;

static atomic_int n_run, n_dropped, n_started;

static void run(tm_helper_job *j)
{
    job *self = (job *)(void *)j;
    atomic_fetch_add(&n_started, 1);
    if (self->gate != NULL) {
        sem_wait(self->gate);
    }
    atomic_fetch_add(&n_run, 1);
    free(self);
}

static void drop(tm_helper_job *j)
{
    atomic_fetch_add(&n_dropped, 1);
    free(j);
}

static void submit(tm_helper_group *group, sem_t *gate)
{
    job *j = wsl_zalloc(sizeof *j);
    wsl_error err = {0};
    *j = (job){.job = {.run = run, .drop = drop}, .gate = gate};
    cr_assert_eq(tm_helpers_submit(group, &j->job, &err), WSL_OK, "%s", err.text);
}

static tm_helper_group *group_of(tm_helpers *h, uint8_t job)
{
    const wsl_id id = {.bytes = {job}};
    return tm_helper_group_new(h, &id);
}

static void reset(void)
{
    atomic_store(&n_run, 0);
    atomic_store(&n_dropped, 0);
    atomic_store(&n_started, 0);
}

/* Spins with others let in between: what is waited for is a matter of microseconds. */
static void until(atomic_int *what, int value)
{
    while (atomic_load(what) < value) {
        sched_yield();
    }
}

static void post(void *arg) { sem_post(arg); }
static void never(void *arg)
{
    (void)arg;
    cr_assert_fail("nothing runs, so nobody is to be told");
}

Test(helpers, work_runs_once_and_a_quiet_group_closes_at_once)
{
    reset();
    tm_helpers *h = tm_helpers_new(3);
    tm_helper_group *group = group_of(h, 1);
    for (int i = 0; i < 1000; i++) {
        submit(group, NULL);
    }
    until(&n_run, 1000);
    tm_helpers_free(h);
    tm_helper_group_free(group);
    cr_assert_eq(atomic_load(&n_run), 1000);
    cr_assert_eq(atomic_load(&n_dropped), 0);
}

Test(helpers, a_closed_group_drops_what_waits_and_tells_when_what_runs_has_ended)
{
    reset();
    sem_t gate, idle;
    sem_init(&gate, 0, 0);
    sem_init(&idle, 0, 0);
    tm_helpers *h = tm_helpers_new(2);
    tm_helper_group *group = group_of(h, 1), *other = group_of(h, 2);
    for (int i = 0; i < 5; i++) {
        submit(group, &gate);
    }
    until(&n_started, 2); /* both threads */
    submit(other, NULL);
    until(&n_run, 1); /* on one of its own */
    cr_assert(!tm_helper_group_close(group, post, &idle));
    cr_assert_eq(atomic_load(&n_dropped), 3);
    submit(group, NULL);
    cr_assert_eq(atomic_load(&n_dropped), 4, "it takes nothing more");
    cr_assert_neq(sem_trywait(&idle), 0, "two still run");
    sem_post(&gate);
    sem_post(&gate);
    sem_wait(&idle);
    until(&n_run, 3);
    cr_assert(tm_helper_group_close(other, never, NULL), "the work of others was not touched");
    tm_helper_group_free(group);
    tm_helper_group_free(other);
    tm_helpers_free(h);
}

Test(helpers, dropping_leaves_the_group_open)
{
    reset();
    sem_t gate;
    sem_init(&gate, 0, 0);
    tm_helpers *h = tm_helpers_new(1);
    tm_helper_group *group = group_of(h, 1);
    submit(group, &gate);
    until(&n_started, 1);
    submit(group, &gate);
    tm_helper_group_drop(group);
    cr_assert_eq(atomic_load(&n_dropped), 1);
    sem_post(&gate);
    submit(group, NULL);
    until(&n_run, 2);
    tm_helpers_free(h);
    tm_helper_group_free(group);
}

Test(helpers, the_end_of_the_pool_waits_for_what_runs_and_drops_the_rest)
{
    reset();
    sem_t gate;
    sem_init(&gate, 0, 0);
    tm_helpers *h = tm_helpers_new(1);
    tm_helper_group *group = group_of(h, 1);
    submit(group, &gate);
    until(&n_started, 1);
    submit(group, &gate);
    sem_post(&gate);
    sem_post(&gate); /* should the second get its turn before the end */
    tm_helpers_free(h);
    tm_helper_group_free(group);
    cr_assert_eq(atomic_load(&n_run) + atomic_load(&n_dropped), 2);
    cr_assert_geq(atomic_load(&n_run), 1);
}

Test(helpers, without_threads_work_is_done_on_the_spot)
{
    reset();
    tm_helpers *h = tm_helpers_new(0);
    tm_helper_group *group = group_of(h, 1);
    submit(group, NULL);
    cr_assert_eq(atomic_load(&n_run), 1);
    cr_assert(tm_helper_group_close(group, never, NULL));
    tm_helper_group_free(group);
    tm_helpers_free(h);
}

/* ---- turns ---- */

typedef struct ticket {
    tm_helper_job job; /* first */
    char name;
} ticket;

Test(helpers, jobs_take_turns_and_so_do_the_operators_of_a_job)
{
    WSL_AUTO(tm_helpers) h = tm_helpers_new(1);
    tm_helper_group *const groups[] = {group_of(h, 1), group_of(h, 1), group_of(h, 2)}; /* two of a job, one of another */
    tm_helper_turns turns; /* on its own: no threads that race */
    char order[13] = "";
    tm_helper_turns_init(&turns);
    for (int i = 0; i < 12; i++) {
        ticket *t = wsl_zalloc(sizeof *t);
        *t = (ticket){.job = {.group = groups[i / 4]}, .name = "xyb"[i / 4]};
        tm_helper_turns_add(&turns, groups[i / 4], &t->job);
    }
    groups[2]->running = 1;
    cr_assert(tm_helper_turns_has(&turns, true));
    groups[0]->running = groups[1]->running = 1;
    cr_assert(!tm_helper_turns_has(&turns, true), "all have something that runs");
    cr_assert_null(tm_helper_turns_take(&turns, true));
    for (int i = 0; i < 12; i++) {
        tm_helper_job *j = tm_helper_turns_take(&turns, false);
        order[i] = ((const ticket *)(void *)j)->name;
        free(j);
    }
    cr_assert_null(tm_helper_turns_take(&turns, false));
    cr_assert_str_eq(order, "xbybxbybxyxy");
    for (int i = 0; i < 3; i++) {
        tm_helper_group_free(groups[i]);
    }
}

Test(helpers, a_job_whose_calls_hang_does_not_stop_the_others)
{
    enum { HUNG = 5, OTHERS = 3, PIECES = 200 };
    reset();
    sem_t gate;
    sem_init(&gate, 0, 0);
    tm_helpers *h = tm_helpers_new(2);
    tm_helper_group *hangs = group_of(h, 1), *others[OTHERS];
    for (int i = 0; i < HUNG; i++) {
        submit(hangs, &gate);
    }
    until(&n_started, 2);
    for (int i = 0; i < OTHERS; i++) {
        others[i] = group_of(h, (uint8_t)(2 + i));
        for (int k = 0; k < PIECES; k++) {
            submit(others[i], NULL);
        }
    }
    until(&n_run, OTHERS * PIECES);
    cr_assert_eq(atomic_load(&n_started), 2 + OTHERS * PIECES, "no more than two of the others' threads hang");
    for (int i = 0; i < HUNG; i++) {
        sem_post(&gate);
    }
    until(&n_run, HUNG + OTHERS * PIECES);
    for (int i = 0; i < OTHERS; i++) {
        (void)tm_helper_group_close(others[i], never, NULL);
    }
    tm_helpers_free(h);
    tm_helper_group_free(hangs);
    for (int i = 0; i < OTHERS; i++) {
        tm_helper_group_free(others[i]);
    }
}

/* A job that ended while its calls hang still holds their threads; new jobs come and go. */
Test(helpers, calls_of_ended_jobs_that_hang_take_nothing_from_new_ones)
{
    enum { ENDED = 6 };
    reset();
    sem_t gate, idle;
    sem_init(&gate, 0, 0);
    sem_init(&idle, 0, 0);
    tm_helpers *h = tm_helpers_new(1);
    tm_helper_group *ended[ENDED];
    for (int i = 0; i < ENDED; i++) {
        ended[i] = group_of(h, (uint8_t)(1 + i));
        submit(ended[i], &gate);
        until(&n_started, i + 1);
        cr_assert(!tm_helper_group_close(ended[i], post, &idle));
    }
    tm_helper_group *fresh = group_of(h, 99);
    submit(fresh, NULL);
    until(&n_run, 1);
    for (int i = 0; i < ENDED; i++) {
        sem_post(&gate);
    }
    for (int i = 0; i < ENDED; i++) {
        sem_wait(&idle);
    }
    submit(fresh, NULL);
    until(&n_run, ENDED + 2);
    tm_helpers_free(h);
    for (int i = 0; i < ENDED; i++) {
        tm_helper_group_free(ended[i]);
    }
    tm_helper_group_free(fresh);
}

static void count_wake(void *arg) { ++*(int *)arg; }

Test(helpers, stepped_ones_run_when_they_are_told_to)
{
    reset();
    int wakes = 0;
    tm_helpers *h = tm_helpers_new_stepped((wsl_waker){.wake = count_wake, .arg = &wakes});
    tm_helper_group *a = group_of(h, 1), *b = group_of(h, 2);
    submit(a, NULL);
    submit(b, NULL);
    submit(b, NULL);
    cr_assert_eq(atomic_load(&n_run), 0);
    cr_assert_eq(wakes, 3);
    cr_assert(tm_helpers_run_one(h));
    cr_assert_eq(atomic_load(&n_run), 1);
    cr_assert(tm_helper_group_close(b, NULL, NULL), "nothing of it runs");
    cr_assert_not(tm_helpers_run_one(h), "what was left was dropped");
    cr_assert_eq(atomic_load(&n_dropped), 2);
    tm_helpers_free(h);
    tm_helper_group_free(a);
    tm_helper_group_free(b);
}
