#include "harness/wsl_test.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mailbox.h"

/* ---- deadlines ---- */

typedef struct ticker {
    wsl_loop *loop;
    int64_t deadline_ns;
    int steps, late_us_max;
} ticker;

static int64_t tick(void *self)
{
    ticker *const t = self;
    const int64_t now_ns = wsl_now_ns(wsl_clock_real());
    if (t->steps > 0) {
        cr_assert_geq(now_ns, t->deadline_ns, "never early");
    }
    if (++t->steps == 20) {
        wsl_loop_ask_stop(t->loop);
    }
    t->deadline_ns = now_ns + 200000;
    return t->deadline_ns;
}

Test(loop, steps_come_at_their_deadlines_and_not_before)
{
    ticker t = {0};
    t.loop = wsl_loop_new(wsl_clock_real(), tick, &t, 0);
    const int64_t begin_ns = wsl_now_ns(wsl_clock_real());
    wsl_loop_run(t.loop);
    cr_assert_eq(t.steps, 20);
    cr_assert_geq(wsl_now_ns(wsl_clock_real()) - begin_ns, 19 * INT64_C(200000));
    wsl_loop_free(t.loop);
}

typedef struct counter {
    wsl_loop *loop;
    int steps, stop_at;
    int64_t answer;
} counter;

static int64_t count_step(void *self)
{
    counter *const c = self;
    if (++c->steps == c->stop_at) {
        wsl_loop_stop(c->loop); /* from within a step it only asks */
    }
    return c->answer;
}

Test(loop, a_busy_step_is_called_again_without_sleeping)
{
    counter c = {.stop_at = 100000};
    c.loop = wsl_loop_new(wsl_clock_real(), count_step, &c, 0);
    wsl_loop_run(c.loop);
    cr_assert_eq(c.steps, 100000);
    wsl_loop_free(c.loop);
}

Test(loop, a_deadline_in_the_past_is_at_once)
{
    counter c = {.stop_at = 1000, .answer = 1};
    c.loop = wsl_loop_new(wsl_clock_real(), count_step, &c, 0);
    wsl_loop_run(c.loop);
    cr_assert_eq(c.steps, 1000);
    wsl_loop_free(c.loop);
}

Test(loop, stopped_before_it_ran_it_takes_no_step)
{
    counter c = {.answer = WSL_NEVER};
    c.loop = wsl_loop_new(wsl_clock_real(), count_step, &c, 0);
    wsl_loop_ask_stop(c.loop);
    wsl_loop_run(c.loop);
    cr_assert_eq(c.steps, 0);
    wsl_loop_free(c.loop);
}

Test(loop, a_sleeping_thread_stops_and_is_joined_by_free)
{
    counter c = {.answer = WSL_NEVER};
    wsl_error err;
    c.loop = wsl_loop_new(wsl_clock_real(), count_step, &c, 0);
    cr_assert_eq(wsl_loop_start(c.loop, "a-name-longer-than-the-kernel-takes", &err), WSL_OK);
    wsl_loop_free(c.loop);
    cr_assert_leq(c.steps, 2);
}

/* ---- descriptors ---- */

typedef struct reader {
    wsl_loop *loop;
    int fd, got;
} reader;

static int64_t read_step(void *self)
{
    reader *const r = self;
    char byte;
    if (read(r->fd, &byte, 1) == 1 && ++r->got == 3) {
        wsl_loop_unwatch(r->loop, r->fd);
        wsl_loop_ask_stop(r->loop);
    }
    return WSL_NEVER;
}

Test(loop, a_readable_descriptor_brings_a_step_until_it_is_read)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    reader r = {.fd = fds[0]};
    cr_assert_eq(write(fds[1], "abc", 3), 3);
    r.loop = wsl_loop_new(wsl_clock_real(), read_step, &r, 0);
    wsl_loop_watch(r.loop, fds[0]);
    wsl_loop_run(r.loop); /* one byte per step: level-triggered */
    cr_assert_eq(r.got, 3);
    wsl_loop_free(r.loop);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* ---- naps ---- */

Test(loop, a_near_deadline_is_slept_through_although_there_is_something_to_read)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    ticker t = {0}; /* asserts that it is never early */
    t.loop = wsl_loop_new(wsl_clock_real(), tick, &t, 0);
    wsl_loop_set_nap(t.loop, 200 * INT64_C(1000));
    wsl_loop_watch(t.loop, fds[0]);
    wsl_loop_run(t.loop);
    cr_assert_eq(t.steps, 20);
    wsl_loop_free(t.loop);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

typedef struct napper {
    wsl_loop *loop;
    int steps;
} napper;

/* Leaves work behind: the wake-up is its own. */
static int64_t nap_step(void *self)
{
    napper *const n = self;
    const wsl_waker waker = wsl_loop_waker(n->loop);
    if (++n->steps < 3) {
        wsl_wake(&waker);
        return wsl_now_ns(wsl_clock_real()) + 3600 * WSL_NS_PER_S;
    }
    wsl_loop_ask_stop(n->loop);
    wsl_loop_rearm(n->loop); /* does not forget that it is to stop */
    return wsl_now_ns(wsl_clock_real()) + 3600 * WSL_NS_PER_S;
}

Test(loop, there_is_no_nap_while_a_wake_up_waits)
{
    napper n = {0};
    n.loop = wsl_loop_new(wsl_clock_real(), nap_step, &n, 0);
    wsl_loop_set_nap(n.loop, WSL_NEVER);
    wsl_loop_run(n.loop);
    cr_assert_eq(n.steps, 3);
    wsl_loop_free(n.loop);
}

/* ---- rest ---- */

typedef struct rester {
    wsl_loop *loop;
    int steps, rests;
} rester;

static int64_t rest_step(void *self)
{
    rester *const r = self;
    if (++r->steps == 5) {
        wsl_loop_ask_stop(r->loop);
    }
    return WSL_NEVER;
}

static bool refuse_to_rest(void *self)
{
    ((rester *)self)->rests++;
    return false;
}

Test(loop, a_loop_that_cannot_rest_steps_again)
{
    rester r = {0};
    r.loop = wsl_loop_new(wsl_clock_real(), rest_step, &r, 0);
    wsl_loop_set_rest(r.loop, refuse_to_rest);
    wsl_loop_run(r.loop);
    cr_assert_eq(r.steps, 5);
    cr_assert_geq(r.rests, 4);
    wsl_loop_free(r.loop);
}

/* ---- no wake-up is lost ---- */

typedef struct node {
    wsl_letter letter; /* first */
    int value;
} node;

typedef struct player {
    wsl_loop *loop;
    wsl_mailbox box, *other;
    int rounds, until;
    atomic_bool done;
} player;

static int64_t play(void *self)
{
    player *const p = self;
    for (wsl_letter *l = wsl_mailbox_take_all(&p->box); l != NULL;) {
        node *const n = (node *)l;
        l = l->next;
        p->rounds++;
        if (++n->value >= p->until) {
            atomic_store(&p->done, true);
            free(n);
            continue;
        }
        wsl_mailbox_post(p->other, &n->letter);
    }
    return WSL_NEVER; /* only a wake-up brings the next step: a lost one hangs the test */
}

static void ping_pong(uint32_t spin_pauses, int n_letters, int until)
{
    player a = {.until = until}, b = {.until = until};
    wsl_error err;
    a.loop = wsl_loop_new(wsl_clock_real(), play, &a, spin_pauses);
    b.loop = wsl_loop_new(wsl_clock_real(), play, &b, spin_pauses);
    wsl_mailbox_init(&a.box, wsl_loop_waker(a.loop));
    wsl_mailbox_init(&b.box, wsl_loop_waker(b.loop));
    a.other = &b.box;
    b.other = &a.box;
    cr_assert_eq(wsl_loop_start(a.loop, "a", &err), WSL_OK);
    cr_assert_eq(wsl_loop_start(b.loop, "b", &err), WSL_OK);
    for (int i = 0; i < n_letters; i++) {
        node *const n = calloc(1, sizeof *n);
        wsl_mailbox_post(&a.box, &n->letter);
    }
    while (!atomic_load(&a.done) && !atomic_load(&b.done)) {
        (void)sched_yield();
    }
    wsl_loop_stop(a.loop);
    wsl_loop_stop(b.loop);
    cr_assert_geq(a.rounds + b.rounds, until);
    for (wsl_letter *l = wsl_mailbox_take_all(&a.box), *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    for (wsl_letter *l = wsl_mailbox_take_all(&b.box), *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    wsl_loop_free(a.loop);
    wsl_loop_free(b.loop);
}

Test(loop, two_loops_that_only_wake_each_other_never_sleep_for_ever) { ping_pong(0, 1, 20000); }
Test(loop, nor_do_they_when_they_spin_first) { ping_pong(200, 1, 20000); }
Test(loop, nor_with_several_letters_in_flight) { ping_pong(0, 3, 20000); }

/* ---- what a wake-up costs ---- */

typedef struct sleeper {
    wsl_loop *loop;
    atomic_int steps;
    atomic_bool go_on;
} sleeper;

static int64_t hold_step(void *self)
{
    sleeper *const s = self;
    atomic_fetch_add(&s->steps, 1);
    while (!atomic_load(&s->go_on)) {
        (void)sched_yield();
    }
    return WSL_NEVER;
}

Test(loop, many_wake_ups_of_a_loop_that_is_awake_make_one_more_step)
{
    sleeper s = {0};
    wsl_error err;
    s.loop = wsl_loop_new(wsl_clock_real(), hold_step, &s, 0);
    const wsl_waker waker = wsl_loop_waker(s.loop);
    cr_assert_eq(wsl_loop_start(s.loop, "holder", &err), WSL_OK);
    while (atomic_load(&s.steps) == 0) {
        (void)sched_yield();
    }
    for (int i = 0; i < 1000; i++) {
        wsl_wake(&waker); /* the loop is inside its first step */
    }
    atomic_store(&s.go_on, true);
    while (atomic_load(&s.steps) < 2) {
        (void)sched_yield();
    }
    wsl_loop_stop(s.loop);
    cr_assert_eq(atomic_load(&s.steps), 2);
    wsl_loop_free(s.loop);
}
