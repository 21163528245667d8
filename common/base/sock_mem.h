/*
 * sock_mem - connections in memory for tests: the test plays the peer.
 *
 *     wsl_mem_dialer_init(&d);
 *     ... code under test connects through &d.dialer ...
 *     wsl_mem_dialer_send(&d, "a line\n", 7);      what read gives, in pieces of at most max_read bytes
 *     wsl_mem_dialer_hang_up(&d);                  WSL_END once all is read
 *
 * One script for all connections of the dialer; fd is -1, so the reader is stepped by the test.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>

#include "base/sock.h"
#include "base/strbuf.h"

typedef struct wsl_mem_dialer {
    wsl_dialer dialer; /* first: &d->dialer is the seam */
    wsl_strbuf to_read;
    size_t read_at;
    size_t max_read;           /* largest piece one read gives; 0: no limit */
    uint32_t steps_to_connect; /* reads that say WSL_AGAIN before the connection stands */
    bool refuse;               /* reads say WSL_UNREACHABLE */
    bool broken;               /* after what was sent: WSL_IO */
    bool hung_up;              /* after what was sent: WSL_END */
    uint32_t n_connects;       /* how often connect was called */
    uint32_t n_open;           /* connections not closed yet */
} wsl_mem_dialer;

void wsl_mem_dialer_init(wsl_mem_dialer *d);
void wsl_mem_dialer_fini(wsl_mem_dialer *d); /* all connections are closed (asserted) */
void wsl_mem_dialer_send(wsl_mem_dialer *d, const void *data, size_t size);
void wsl_mem_dialer_hang_up(wsl_mem_dialer *d);
