/*
 * loop - sleep and wake without losing a wake-up and without a system call for a loop that is awake.
 *
 *              wake                       wake (writes the eventfd)
 *     AWAKE ---------> NOTIFIED <------------------------ SLEEPING
 *       ^ \               |                                 ^   |
 *       |  \--------------|---- nothing to do --------------/   |
 *       |                 |                                     |
 *       +---- before each step ------ deadline, descriptor -----+
 *
 * A nap (a deadline that is near) is part of AWAKE.
 *
 * Why no wake-up is lost. A waker first publishes its work (posts a letter), then exchanges the state for NOTIFIED. The
 * loop first exchanges the state for AWAKE, then looks for work (step). Both exchanges are read-modify-writes of one
 * atomic, so one comes before the other:
 *   - the waker's first: the loop's exchange reads NOTIFIED (or what followed it) and, by acquire, the step sees the
 * work;
 *   - the loop's first: the state is NOTIFIED when the step returns, the change AWAKE -> SLEEPING fails, and the loop
 *     steps again instead of sleeping; or the loop is SLEEPING by then, and the waker, which read SLEEPING, writes the
 *     eventfd.
 * A waker that was held up between its exchange and its write wakes the loop once for nothing, which is harmless.
 *
 * The eventfd is edge-triggered: each write is an edge, so the sleeper never has to read it. The other descriptors are
 * level-triggered and need no answer here: the step function looks at all it watches.
 */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { AWAKE, NOTIFIED, SLEEPING };
enum { EVENTS_MAX = 16 };

struct wsl_loop {
    /* The state is written by all threads: a cache line of its own. */
    _Alignas(64) atomic_int state;
    _Alignas(64) wsl_clock *clock;
    wsl_step_fn step;
    bool (*rest)(void *self); /* NULL: nothing is polled */
    void *self;
    uint32_t spin_pauses;
    int64_t nap_ns;
    int epoll_fd, event_fd;
    bool has_pwait2;
    atomic_bool stop;
    atomic_bool running;
    pthread_t runner; /* valid while running */
    bool started;     /* a thread of our own, not joined yet */
    pthread_t thread;
    sem_t up;
};

static void loop_wake(void *arg)
{
    wsl_loop *const loop = arg;
    if (atomic_exchange_explicit(&loop->state, NOTIFIED, memory_order_acq_rel) == SLEEPING) {
        const uint64_t one = 1;
        /* It cannot fail but by a counter of 2^64 - 2 wake-ups that nobody read. */
        WSL_ASSERT(write(loop->event_fd, &one, sizeof one) == sizeof one);
    }
}

wsl_waker wsl_loop_waker(wsl_loop *loop) { return (wsl_waker){.wake = loop_wake, .arg = loop}; }

void wsl_loop_set_nap(wsl_loop *loop, int64_t nap_ns) { loop->nap_ns = nap_ns; }

void wsl_loop_set_rest(wsl_loop *loop, bool (*rest)(void *self)) { loop->rest = rest; }

void wsl_loop_rearm(wsl_loop *loop)
{
    /* As before a step: what a waker published before its exchange is seen by whoever looks after ours. */
    (void)atomic_exchange_explicit(&loop->state, AWAKE, memory_order_acq_rel);
    if (atomic_load_explicit(&loop->stop, memory_order_acquire)) {
        loop_wake(loop); /* that wake was not for the step */
    }
}

wsl_loop *wsl_loop_new(wsl_clock *clock, wsl_step_fn step, void *self, uint32_t spin_pauses)
{
    void *memory = NULL;
    WSL_ASSERT(posix_memalign(&memory, 64, sizeof(wsl_loop)) == 0);
    wsl_loop *const loop = memory;
    memset(loop, 0, sizeof *loop);
    atomic_init(&loop->state, AWAKE);
    loop->clock = clock;
    loop->step = step;
    loop->self = self;
    loop->spin_pauses = spin_pauses;
    loop->has_pwait2 = true;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    WSL_ASSERT(loop->epoll_fd >= 0 && loop->event_fd >= 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = loop->event_fd}};
    WSL_ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event) == 0);
    WSL_ASSERT(sem_init(&loop->up, 0, 0) == 0);
    return loop;
}

void wsl_loop_free(wsl_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    wsl_loop_stop(loop);
    WSL_ASSERT(!atomic_load(&loop->running)); /* neither from its own step nor while another thread runs it */
    (void)close(loop->event_fd);
    (void)close(loop->epoll_fd);
    (void)sem_destroy(&loop->up);
    free(loop);
}

static bool is_running_here(wsl_loop *loop)
{
    return atomic_load(&loop->running) && pthread_equal(loop->runner, pthread_self());
}

static void assert_owned(wsl_loop *loop) { WSL_ASSERT(!atomic_load(&loop->running) || is_running_here(loop)); }

void wsl_loop_watch(wsl_loop *loop, int fd)
{
    assert_owned(loop);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    WSL_ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void wsl_loop_unwatch(wsl_loop *loop, int fd)
{
    assert_owned(loop);
    /* Before the descriptor is closed: afterwards the number may be someone else's. */
    WSL_ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
}

static void pause_once(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

static void spin(wsl_loop *loop)
{
    for (uint32_t i = 0; i < loop->spin_pauses; i++) {
        if (atomic_load_explicit(&loop->state, memory_order_relaxed) == NOTIFIED) {
            return;
        }
        pause_once();
    }
}

/* timeout_ns < 0: until something happens. */
static int wait_for_events(wsl_loop *loop, int64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX]; /* only that there are some matters */
    if (loop->has_pwait2) {
        const struct timespec timeout = {.tv_sec = timeout_ns / WSL_NS_PER_S, .tv_nsec = timeout_ns % WSL_NS_PER_S};
        const int n = epoll_pwait2(loop->epoll_fd, events, EVENTS_MAX, timeout_ns < 0 ? NULL : &timeout, NULL);
        if (n >= 0 || errno != ENOSYS) {
            return n;
        }
        loop->has_pwait2 = false; /* a kernel before 5.11: milliseconds, rounded up so that nobody spins */
    }
    const int64_t ms = timeout_ns < 0 ? -1 : (timeout_ns + WSL_NS_PER_MS - 1) / WSL_NS_PER_MS;
    return epoll_wait(loop->epoll_fd, events, EVENTS_MAX, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* The state stays AWAKE (or becomes NOTIFIED): a waker then has nothing to write, and the next step finds its work. */
static void nap(wsl_loop *loop, int64_t ns)
{
    const struct timespec t = {.tv_sec = ns / WSL_NS_PER_S, .tv_nsec = ns % WSL_NS_PER_S};
    if (atomic_load_explicit(&loop->state, memory_order_relaxed) == AWAKE) { /* else the step itself left work behind */
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* a signal only makes it shorter */
    }
}

static void sleep_until(wsl_loop *loop, int64_t deadline_ns)
{
    if (deadline_ns <= 0) {
        return; /* the past by any clock, without asking one: what a busy step answers */
    }
    int64_t timeout_ns = -1;
    if (deadline_ns != WSL_NEVER) {
        const int64_t now_ns = wsl_now_ns(loop->clock);
        if (deadline_ns <= now_ns) {
            return;
        }
        timeout_ns = deadline_ns - now_ns;
        if (timeout_ns <= loop->nap_ns) {
            nap(loop, timeout_ns);
            return;
        }
    }
    spin(loop);
    if (loop->rest != NULL && !loop->rest(loop->self)) {
        return;
    }
    int expected = AWAKE;
    if (!atomic_compare_exchange_strong_explicit(&loop->state, &expected, SLEEPING, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        WSL_ASSERT(expected == NOTIFIED); /* only we leave AWAKE for SLEEPING, and we just did not */
        return;
    }
    const int n = wait_for_events(loop, timeout_ns);
    WSL_ASSERT(n >= 0 || errno == EINTR);
    WSL_ASSERT(atomic_load_explicit(&loop->state, memory_order_relaxed) !=
               AWAKE); /* nobody else may say that we wake */
}

/*
 * The kernel looks after a thread's restartable sequences each time it is switched in, some 0.1 us of each nap, and nobody here
 * has any: glibc registers them for sched_getcpu, which asks the kernel again from now on.
 */
static void leave_rseq(void)
{
#if defined(SYS_rseq) && defined(RSEQ_SIG)
    if (__rseq_size > 0) {
        (void)syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
    }
#endif
}

void wsl_loop_run(wsl_loop *loop)
{
    WSL_ASSERT(!atomic_load(&loop->running));
    loop->runner = pthread_self();
    atomic_store(&loop->running, true);
    /* Timers of a thread are late by 50 us as a rule; ours are asked for in single microseconds. */
    leave_rseq();
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    for (;;) {
        (void)atomic_exchange_explicit(&loop->state, AWAKE, memory_order_acq_rel);
        if (atomic_load_explicit(&loop->stop, memory_order_acquire)) {
            break;
        }
        const int64_t deadline_ns = loop->step(loop->self);
        sleep_until(loop, deadline_ns);
    }
    atomic_store(&loop->running, false);
}

/* Signals that ask something of the process are for the main thread; those that report a crash stay deliverable. */
static void block_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    for (size_t i = 0; i < WSL_ARRAY_LEN(crashes); i++) {
        sigdelset(&set, crashes[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void *thread_main(void *arg)
{
    wsl_loop *const loop = arg;
    block_signals();
    (void)sem_post(&loop->up);
    wsl_loop_run(loop);
    return NULL;
}

wsl_status wsl_loop_start(wsl_loop *loop, const char *thread_name, wsl_error *err)
{
    WSL_ASSERT(!loop->started && !atomic_load(&loop->running));
    const int error = pthread_create(&loop->thread, NULL, thread_main, loop);
    if (error != 0) {
        char words[128];
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot start the thread %s: %s", thread_name,
                        strerror_r(error, words, sizeof words));
    }
    loop->started = true;
    char name[16]; /* the kernel's limit */
    (void)snprintf(name, sizeof name, "%.15s", thread_name);
    (void)pthread_setname_np(loop->thread, name);
    while (sem_wait(&loop->up) != 0) {
        WSL_ASSERT(errno == EINTR);
    }
    return WSL_OK;
}

void wsl_loop_ask_stop(wsl_loop *loop)
{
    atomic_store_explicit(&loop->stop, true, memory_order_release);
    loop_wake(loop);
}

void wsl_loop_stop(wsl_loop *loop)
{
    wsl_loop_ask_stop(loop);
    if (is_running_here(loop)) {
        return;
    }
    if (loop->started) {
        WSL_ASSERT(pthread_join(loop->thread, NULL) == 0);
        loop->started = false;
    }
}
