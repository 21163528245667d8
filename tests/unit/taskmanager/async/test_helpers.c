/*
 * test_helpers - the helper pool: work runs, is dropped, and is waited for.
 */
#include "harness/wsl_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "taskmanager/async/helpers.h"

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
    tm_helper_group *group = tm_helper_group_new(h);
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
    tm_helper_group *group = tm_helper_group_new(h), *other = tm_helper_group_new(h);
    for (int i = 0; i < 5; i++) {
        submit(group, &gate);
    }
    until(&n_started, 2); /* both threads */
    submit(other, NULL);
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
    tm_helper_group *group = tm_helper_group_new(h);
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
    tm_helper_group *group = tm_helper_group_new(h);
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
    tm_helper_group *group = tm_helper_group_new(h);
    submit(group, NULL);
    cr_assert_eq(atomic_load(&n_run), 1);
    cr_assert(tm_helper_group_close(group, never, NULL));
    tm_helper_group_free(group);
    tm_helpers_free(h);
}
