/*
 * signal - SIGINT and SIGTERM as something a loop reads, so that nothing runs inside a signal handler.
 *
 * Made first thing in main: it blocks both signals in the calling thread and so in all threads started afterwards, and
 * ignores SIGPIPE. Either watch the descriptor and take, or wait on the main thread while loops run on others.
 *
 * Threads: one owner.
 */
#pragma once
#include <stdint.h>

#include <wiesel/macros.h>

typedef struct wsl_signals wsl_signals;

void wsl_signals_free(wsl_signals *signals); /* the signals stay blocked: we are about to end */
WSL_NEW_BY(wsl_signals_free) wsl_signals *wsl_signals_new(void);
WSL_DEFINE_AUTO(wsl_signals)

int wsl_signals_fd(const wsl_signals *signals);
/* SIGINT or SIGTERM, 0 if none came. */
int wsl_signals_take(wsl_signals *signals);
/* Waits for one, at most timeout_ms (< 0: for ever); 0 if none came. */
int wsl_signals_wait(wsl_signals *signals, int64_t timeout_ms);

/* In a child process before exec: gives back what new took. */
void wsl_signals_restore_in_child(void);
