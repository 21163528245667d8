/*
 * sock - seam: plain TCP connections to someone who sends lines (the socket source). Nobody else calls connect or recv.
 *
 * wsl_dialer_posix() is the real one; sock_mem.h is one in memory whose peer the test plays.
 *
 * Connecting does not wait: the first reads say WSL_AGAIN until the connection stands. All addresses a name has are
 * tried in turn. A host given as numbers never blocks; a name is resolved by the system, which may take as long as its
 * resolver.
 *
 * Threads: a socket belongs to the loop that made it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef struct wsl_dialer wsl_dialer;
typedef struct wsl_sock wsl_sock;

struct wsl_dialer {
    /* WSL_NOT_FOUND: no such host; other errors of connecting come from read. */
    wsl_status (*connect)(wsl_dialer *dialer, const char *host, uint16_t port, wsl_sock **out_sock, wsl_error *err);
};

struct wsl_sock {
    /* WSL_OK: *out_got > 0 bytes. WSL_AGAIN: nothing yet. WSL_END: the peer closed. WSL_UNREACHABLE: nobody there.
     * WSL_IO: the connection broke. */
    wsl_status (*read)(wsl_sock *sock, void *to, size_t size, size_t *out_got, wsl_error *err);
    /* Readable when read is worth a try; the same number for the socket's whole life. -1: none, ask again yourself. */
    int (*fd)(wsl_sock *sock);
    void (*close)(wsl_sock *sock); /* and frees */
};

static inline void wsl_sock_free(wsl_sock *sock)
{
    if (sock != NULL) {
        sock->close(sock);
    }
}
WSL_DEFINE_AUTO(wsl_sock)

wsl_dialer *wsl_dialer_posix(void); /* a constant object, never freed */
