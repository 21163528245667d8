/*
 * signal - signalfd.
 */
#include "base/signal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

struct wsl_signals {
    int fd;
};

static void fill_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

wsl_signals *wsl_signals_new(void)
{
    sigset_t set;
    fill_set(&set);
    WSL_ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    wsl_signals *const signals = wsl_zalloc(sizeof *signals);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    WSL_ASSERT(signals->fd >= 0);
    return signals;
}

void wsl_signals_free(wsl_signals *signals)
{
    if (signals != NULL) {
        (void)close(signals->fd);
        free(signals);
    }
}

int wsl_signals_fd(const wsl_signals *signals) { return signals->fd; }

int wsl_signals_take(wsl_signals *signals)
{
    struct signalfd_siginfo info;
    const ssize_t n = read(signals->fd, &info, sizeof info);
    return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int wsl_signals_wait(wsl_signals *signals, int64_t timeout_ms)
{
    struct pollfd p = {.fd = signals->fd, .events = POLLIN};
    const int n = poll(&p, 1, timeout_ms < 0 ? -1 : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
    WSL_ASSERT(n >= 0 || errno == EINTR);
    return n > 0 ? wsl_signals_take(signals) : 0;
}

void wsl_signals_restore_in_child(void)
{
    sigset_t set;
    fill_set(&set);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
