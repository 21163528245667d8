/*
 * local_connection - the connecting side.
 *
 *     WAITING --timer--> GREETING --welcome--> LIVE --closed--> GONE
 *        ^                   |
 *        +-- refused, closed, or too long
 *
 * Each attempt has a socket of its own. The listener answers a hello with a welcome, so LIVE means that a process of
 * our user listens there and speaks this version.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/local_internal.h"

static void set_timer(wsl_local_endpoint *e, uint32_t ms)
{
    const struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};
    WSL_ASSERT(timerfd_settime(e->timer_fd, 0, &when, NULL) == 0);
}

static void wait_for_next_attempt(wsl_local_endpoint *e)
{
    wsl_local_stream_fini(&e->stream);
    e->state = WSL_LOCAL_WAITING;
    set_timer(e, e->retry_ms);
    e->retry_ms = e->retry_ms * 2 < WSL_LOCAL_RETRY_MS_MAX ? e->retry_ms * 2 : WSL_LOCAL_RETRY_MS_MAX;
}

/* With a memory file, if there can be one: else the bytes go through the socket. */
static bool say_hello(int fd, const char *identity, wsl_local_rings *rings)
{
    wsl_local_hello hello = {.magic = WSL_LOCAL_MAGIC, .version = WSL_LOCAL_VERSION};
    hello.identity_size = (uint16_t)strlen(identity);
    memcpy(hello.identity, identity, hello.identity_size);
    struct iovec part = {&hello, sizeof hello};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    const int file = wsl_local_rings_make(rings);
    if (file >= 0) {
        hello.ring_bytes = WSL_LOCAL_RING_BYTES;
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof file), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &file, sizeof file);
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof control.bytes;
    }
    const bool said = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof hello;
    if (file >= 0) {
        (void)close(file); /* mapped here, and in the message */
    }
    return said;
}

static void attempt(wsl_local_endpoint *e)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, e->path, strlen(e->path) + 1);
    wsl_local_rings rings = {0};
    const int fd = wsl_local_socket();
    if (fd < 0) {
        wait_for_next_attempt(e); /* out of descriptors; there may be some later */
        return;
    }
    if (connect(fd, (const struct sockaddr *)(const void *)&name, sizeof name) != 0 || !wsl_local_is_ours(fd) ||
        !say_hello(fd, e->identity, &rings)) {
        (void)close(fd);
        wsl_local_rings_fini(&rings);
        wait_for_next_attempt(e);
        return;
    }
    wsl_local_stream_init(&e->stream, fd, e, e);
    e->stream.rings = rings;
    e->state = WSL_LOCAL_GREETING;
    set_timer(e, WSL_LOCAL_ATTEMPT_MS);
}

static wsl_status connection_start(wsl_local_endpoint *e, wsl_error *err)
{
    e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (e->timer_fd < 0) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot open a descriptor: %s; raise the limit of open files",
                        strerror(errno));
    }
    wsl_local_watch(e, e->timer_fd, NULL);
    e->retry_ms = WSL_LOCAL_RETRY_MS_MIN;
    attempt(e);
    return WSL_OK;
}

static bool timer_fired(wsl_local_endpoint *e)
{
    uint64_t expirations;
    return read(e->timer_fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations;
}

/* Until LIVE. */
static void go_on(wsl_local_endpoint *e)
{
    bool fired = timer_fired(e);
    if (e->state == WSL_LOCAL_WAITING && fired) {
        attempt(e);
        fired = false; /* that was the time of the attempt, not its end */
    }
    if (e->state != WSL_LOCAL_GREETING) {
        return;
    }
    const wsl_local_welcome *w = wsl_local_stream_take(&e->stream, sizeof *w);
    if (w != NULL && w->magic == WSL_LOCAL_MAGIC && w->version == WSL_LOCAL_VERSION) {
        e->state = WSL_LOCAL_LIVE;
        set_timer(e, 0); /* disarmed */
    } else if (w != NULL || e->stream.broken != NULL || fired) {
        wait_for_next_attempt(e);
    }
}

static wsl_status connection_receive(wsl_local_endpoint *e, wsl_net_event *out_event)
{
    wsl_message message;
    if (e->state == WSL_LOCAL_GONE) {
        return WSL_AGAIN;
    }
    if (e->state != WSL_LOCAL_LIVE) {
        go_on(e);
        if (e->state == WSL_LOCAL_LIVE) {
            *out_event = (wsl_net_event){.kind = WSL_NET_CONNECTED, .peer = ""};
            return WSL_OK;
        }
        return WSL_AGAIN;
    }
    switch (wsl_local_stream_receive(&e->stream, &message)) {
    case WSL_OK:
        *out_event = (wsl_net_event){.kind = WSL_NET_MESSAGE, .peer = "", .message = message};
        return WSL_OK;
    case WSL_END:
        *out_event = (wsl_net_event){.kind = WSL_NET_GONE, .peer = "", .reason = e->stream.broken};
        wsl_local_stream_fini(&e->stream);
        e->state = WSL_LOCAL_GONE;
        return WSL_OK;
    default:
        return WSL_AGAIN;
    }
}

static wsl_status connection_send(wsl_local_endpoint *e, const char *peer, wsl_message *message)
{
    (void)peer;
    if (e->state == WSL_LOCAL_GONE) {
        return WSL_UNREACHABLE;
    }
    return e->state == WSL_LOCAL_LIVE ? wsl_local_stream_send(&e->stream, message) : WSL_AGAIN;
}

static bool connection_rest(wsl_local_endpoint *e)
{
    return e->state != WSL_LOCAL_LIVE || wsl_local_stream_rest(&e->stream);
}

static void connection_drive(wsl_local_endpoint *e)
{
    if (e->state == WSL_LOCAL_LIVE) {
        wsl_local_stream_flush(&e->stream);
    }
}

static void connection_fini(wsl_local_endpoint *e)
{
    if (e->state == WSL_LOCAL_LIVE && e->linger_ms > 0) {
        wsl_local_stream_linger(&e->stream, e->linger_ms);
    }
    wsl_local_stream_fini(&e->stream);
    if (e->timer_fd >= 0) {
        (void)close(e->timer_fd);
    }
}

const wsl_local_role wsl_local_connection_role = {
    .start = connection_start,
    .receive = connection_receive,
    .send = connection_send,
    .rest = connection_rest,
    .drive = connection_drive,
    .fini = connection_fini,
};
