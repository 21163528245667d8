/*
 * waker - how something tells a loop that there is work: an eventfd write for a real loop, a flag for the simulator.
 *
 * Threads: `wake` may be called from any.
 */
#pragma once
#include <stddef.h>

typedef struct wsl_waker {
    void (*wake)(void *arg); /* may be NULL: nobody sleeps */
    void *arg;
} wsl_waker;

static inline void wsl_wake(const wsl_waker *waker)
{
    if (waker->wake != NULL) {
        waker->wake(waker->arg);
    }
}
