/*
 * loop - the thin thread around something that is stepped.
 *
 * Managers, slots and the network loop are step functions: "do what there is to do, say when you want to be called at the
 * latest". A wsl_loop calls step, then sleeps on its eventfd and the watched descriptors until one is ready, a waker
 * fires, or the deadline comes. The simulator calls the same step functions itself and has no wsl_loop.
 *
 *     step -> deadline -> (epoll: eventfd, fds, timeout) -> step ...
 *
 * A deadline that is near (wsl_loop_set_nap) is slept through: the loop takes a nap, from which nothing wakes it before the
 * deadline; wakers and descriptors are seen then. So a loop that ticks fast anyway is not woken between two ticks as well,
 * and whoever has work for it needs no system call to say so; work for it waits for at most the length of a nap.
 *
 * A wake-up of a loop that is awake costs one atomic exchange and no system call, and none is ever lost (loop.c says why).
 * Descriptors are looked at only before sleeping: a step that is busy asks its sockets itself.
 *
 * Threads: new/watch/run on the loop's own thread (or before it starts); wake and ask_stop from any; start, stop and free
 * on the thread of the loop's owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/waker.h"

typedef struct wsl_loop wsl_loop;

/* Returns the monotonic time (ns) by which it wants to be called again: now or the past = at once, WSL_NEVER = only when
 * woken. */
typedef int64_t (*wsl_step_fn)(void *self);

void wsl_loop_free(wsl_loop *loop);
/* spin_pauses: how often to look for a wake-up before sleeping (0 = sleep at once). */
WSL_NEW_BY(wsl_loop_free) wsl_loop *wsl_loop_new(wsl_clock *clock, wsl_step_fn step, void *self, uint32_t spin_pauses);

/* A deadline that is no further away than this is slept through. 0, the default: none is. Before the loop runs. */
void wsl_loop_set_nap(wsl_loop *loop, int64_t nap_ns);

/* Called before the loop sleeps on its descriptors (not before a nap): what is polled in each step is told to make a
 * descriptor readable from here on. False: there is work already, step again. Before the loop runs. */
void wsl_loop_set_rest(wsl_loop *loop, bool (*rest)(void *self));

wsl_waker wsl_loop_waker(wsl_loop *loop);
/* From within a step that looks for all work once more after this: wakes so far were for what it is about to find, and do
 * not make the loop step again. */
void wsl_loop_rearm(wsl_loop *loop);
void wsl_loop_watch(wsl_loop *loop, int fd);   /* readable -> step; level-triggered */
void wsl_loop_unwatch(wsl_loop *loop, int fd); /* before the descriptor is closed */

void wsl_loop_run(wsl_loop *loop);             /* until stopped */
WSL_MUST_CHECK wsl_status wsl_loop_start(wsl_loop *loop, const char *thread_name, wsl_error *err); /* on a thread of its own */
/* Asks the loop to end after its current step. Final: a loop that was stopped does not run again. */
void wsl_loop_ask_stop(wsl_loop *loop);
/* Asks, and joins if started. From within a step it only asks. */
void wsl_loop_stop(wsl_loop *loop);
