/*
 * sock_posix - non-blocking TCP.
 *
 * While connecting, one address after the other gets a socket of its own; the owner's loop watches an epoll descriptor
 * that stays, and that holds whichever socket is current: for writing while it connects, for reading afterwards.
 */
#include "base/sock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef struct posix_sock {
    wsl_sock sock; /* first */
    int epoll_fd;
    int fd; /* -1: none left to try */
    bool connected;
    int last_error; /* of the addresses tried so far */
    struct addrinfo *addresses, *next;
    char *host;
    uint16_t port;
} posix_sock;

static posix_sock *posix_sock_of(wsl_sock *sock) { return (posix_sock *)sock; }

static wsl_status fail_errno(const posix_sock *s, int error, wsl_status status, const char *what, wsl_error *err)
{
    char words[128];
    return wsl_fail(err, status, "%s %s:%u: %s", what, s->host, s->port, strerror_r(error, words, sizeof words));
}

static void watch(posix_sock *s, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.fd = s->fd}};
    WSL_ASSERT(epoll_ctl(s->epoll_fd, operation, s->fd, &event) == 0);
}

static void drop_fd(posix_sock *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd); /* which also takes it out of the epoll set */
        s->fd = -1;
    }
}

static void set_connected(posix_sock *s)
{
    s->connected = true;
    freeaddrinfo(s->addresses);
    s->addresses = s->next = NULL;
}

/* Begins with the next address that does not fail at once. fd stays -1 if there is none. */
static void try_next(posix_sock *s)
{
    drop_fd(s);
    while (s->next != NULL && s->fd < 0) {
        const struct addrinfo *const a = s->next;
        s->next = a->ai_next;
        s->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (s->fd < 0) {
            s->last_error = errno;
            continue;
        }
        const int one = 1;
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        (void)setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0) {
            watch(s, EPOLL_CTL_ADD, EPOLLIN);
            set_connected(s);
        } else if (errno == EINPROGRESS || errno == EINTR) {
            watch(s, EPOLL_CTL_ADD, EPOLLOUT);
        } else {
            s->last_error = errno;
            drop_fd(s);
        }
    }
}

/* Has the connection that is being made come to an end, good or bad? */
static void check_connecting(posix_sock *s)
{
    struct epoll_event event;
    if (epoll_wait(s->epoll_fd, &event, 1, 0) <= 0) {
        return;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error == 0) {
        watch(s, EPOLL_CTL_MOD, EPOLLIN);
        set_connected(s);
    } else {
        s->last_error = error;
        try_next(s);
    }
}

static wsl_status posix_sock_read(wsl_sock *sock, void *to, size_t size, size_t *out_got, wsl_error *err)
{
    posix_sock *const s = posix_sock_of(sock);
    if (!s->connected && s->fd >= 0) {
        check_connecting(s);
    }
    if (s->fd < 0) {
        return fail_errno(s, s->last_error, WSL_UNREACHABLE, "cannot connect to", err);
    }
    if (!s->connected) {
        return WSL_AGAIN;
    }
    for (;;) {
        const ssize_t n = recv(s->fd, to, size, 0);
        if (n > 0) {
            *out_got = (size_t)n;
            return WSL_OK;
        }
        if (n == 0) {
            return size == 0 ? WSL_AGAIN : WSL_END;
        }
        if (errno == EAGAIN) {
            return WSL_AGAIN;
        }
        if (errno != EINTR) {
            return fail_errno(s, errno, WSL_IO, "lost the connection to", err);
        }
    }
}

static int posix_sock_fd(wsl_sock *sock) { return posix_sock_of(sock)->epoll_fd; }

static void posix_sock_close(wsl_sock *sock)
{
    posix_sock *const s = posix_sock_of(sock);
    drop_fd(s);
    (void)close(s->epoll_fd);
    if (s->addresses != NULL) {
        freeaddrinfo(s->addresses);
    }
    free(s->host);
    free(s);
}

static wsl_status posix_connect(wsl_dialer *dialer, const char *host, uint16_t port, wsl_sock **out_sock,
                                wsl_error *err)
{
    (void)dialer;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    const int error = getaddrinfo(host, service, &hints, &addresses);
    if (error != 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot find the host '%.200s': %s", host, gai_strerror(error));
    }
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        freeaddrinfo(addresses);
        return wsl_fail(err, WSL_NO_RESOURCE, "no file descriptor left for a connection to %.200s:%u", host, port);
    }
    posix_sock *const s = wsl_zalloc(sizeof *s);
    s->sock = (wsl_sock){.read = posix_sock_read, .fd = posix_sock_fd, .close = posix_sock_close};
    s->epoll_fd = epoll_fd;
    s->fd = -1;
    s->addresses = s->next = addresses;
    s->host = wsl_strdup(host);
    s->port = port;
    try_next(s);
    *out_sock = &s->sock;
    return WSL_OK;
}

wsl_dialer *wsl_dialer_posix(void)
{
    static wsl_dialer posix = {.connect = posix_connect}; /* never written */
    return &posix;
}
