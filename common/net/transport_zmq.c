/*
 * transport_zmq - endpoints over ZeroMQ sockets: DEALER connects, ROUTER listens.
 *
 * One descriptor. An endpoint has several sources of news: the socket (ZMQ_FD), its monitor (connections made and
 * lost), a timer (the next attempt to connect) and a kick (below). They sit in one epoll, whose descriptor is what fd()
 * gives.
 *
 * ZMQ_FD is readable while ZeroMQ has commands for the socket that were not processed; any call on the socket may
 * process them. So readable does not mean that there is a message, and a message may be there without readable: after a
 * call that found it and did not take it. Hence two rules: receive goes on until ZeroMQ says EAGAIN, and a send asks
 * afterwards (ZMQ_EVENTS) whether its call swallowed the news of a message; if so it raises the kick, an eventfd in the
 * same epoll.
 *
 * Nothing is resumed. Sockets are made with ZMQ_RECONNECT_IVL = -1: ZeroMQ itself never connects a second time.
 * Attempts before the first connection are ours (zmq_connection.c), each with a socket of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/address.h"
#include "net/zmq_internal.h"

/* ---- the socket and its monitor ---- */

void wsl_zmq_endpoint_set(wsl_zmq_endpoint *e, int option, int value)
{
    WSL_ASSERT(zmq_setsockopt(e->socket, option, &value, sizeof value) == 0);
}

static void watch(wsl_zmq_endpoint *e, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    WSL_ASSERT(epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static int descriptor_of(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    WSL_ASSERT(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

/* Lets ZeroMQ process the socket's commands. */
static bool has_message(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

static wsl_status open_monitor(wsl_zmq_endpoint *e, wsl_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "inproc://monitor-%" PRIu32, e->transport->monitors++);
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor(e->socket, name, events) != 0) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot watch a socket: %s", zmq_strerror(errno));
    }
    e->monitor = zmq_socket(e->transport->context, ZMQ_PAIR);
    if (e->monitor == NULL) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot make a socket: %s", zmq_strerror(errno));
    }
    /* Events wait here as long as they must: ZeroMQ's thread would block otherwise. */
    WSL_ASSERT(zmq_setsockopt(e->monitor, ZMQ_RCVHWM, &(int){0}, sizeof(int)) == 0);
    WSL_ASSERT(zmq_connect(e->monitor, name) == 0);
    e->monitor_fd = descriptor_of(e->monitor);
    (void)has_message(e->monitor); /* a pipe signals its first message only to a reader that has found it empty */
    watch(e, e->monitor_fd);
    return WSL_OK;
}

static void set_options(wsl_zmq_endpoint *e)
{
    const int hwm = (int)(e->high_water_mark != 0 ? e->high_water_mark : WSL_ZMQ_HWM_DEFAULT);
    const int64_t size_max = WSL_MESSAGE_SIZE_MAX;
    wsl_zmq_endpoint_set(e, ZMQ_LINGER, (int)e->linger_ms);
    wsl_zmq_endpoint_set(e, ZMQ_SNDHWM, hwm);
    wsl_zmq_endpoint_set(e, ZMQ_RCVHWM, hwm);
    wsl_zmq_endpoint_set(e, ZMQ_RECONNECT_IVL, -1);
    if (strncmp(e->address, "ipc:", 4) == 0) {
        /* A frame should fit, or the two sides wake each other several times for it. The kernel gives what it allows;
         * for tcp it finds a good size by itself. */
        wsl_zmq_endpoint_set(e, ZMQ_SNDBUF, WSL_ZMQ_KERNEL_BUFFER);
        wsl_zmq_endpoint_set(e, ZMQ_RCVBUF, WSL_ZMQ_KERNEL_BUFFER);
    }
    wsl_zmq_endpoint_set(e, ZMQ_HANDSHAKE_IVL, WSL_ZMQ_ATTEMPT_MS);
    wsl_zmq_endpoint_set(e, ZMQ_IPV6, e->ipv6);
    WSL_ASSERT(zmq_setsockopt(e->socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max) == 0);
    if (e->heartbeat_ms != 0) {
        const uint32_t timeout_ms = e->heartbeat_timeout_ms != 0 ? e->heartbeat_timeout_ms : 3 * e->heartbeat_ms;
        wsl_zmq_endpoint_set(e, ZMQ_HEARTBEAT_IVL, (int)e->heartbeat_ms);
        wsl_zmq_endpoint_set(e, ZMQ_HEARTBEAT_TIMEOUT, (int)timeout_ms);
    }
}

wsl_status wsl_zmq_endpoint_open_socket(wsl_zmq_endpoint *e, int type, wsl_error *err)
{
    e->socket = zmq_socket(e->transport->context, type);
    if (e->socket == NULL) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot make a socket: %s (is the limit of open files too low?)",
                        zmq_strerror(errno));
    }
    set_options(e);
    e->socket_fd = descriptor_of(e->socket);
    watch(e, e->socket_fd);
    const wsl_status status = open_monitor(e, err);
    if (status != WSL_OK) {
        wsl_zmq_endpoint_close_socket(e);
    }
    return status;
}

void wsl_zmq_endpoint_close_socket(wsl_zmq_endpoint *e)
{
    if (e->monitor != NULL) {
        (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, e->monitor_fd, NULL);
        (void)zmq_socket_monitor(e->socket, NULL, 0);
        (void)zmq_close(e->monitor);
    }
    if (e->socket != NULL) {
        (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, e->socket_fd, NULL);
        (void)zmq_close(e->socket);
    }
    e->socket = NULL;
    e->monitor = NULL;
    e->socket_fd = e->monitor_fd = -1;
    e->readable = false;
}

/* ---- news ---- */

/* An event is two frames: u16 event, u32 value; then the address. */
static bool next_monitor_event(void *monitor, uint16_t *out_event, int *out_value)
{
    zmq_msg_t msg;
    (void)zmq_msg_init(&msg);
    if (zmq_msg_recv(&msg, monitor, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&msg);
        return false;
    }
    int32_t value = 0;
    WSL_ASSERT(zmq_msg_size(&msg) == 6);
    const uint8_t *data = zmq_msg_data(&msg);
    memcpy(out_event, data, sizeof *out_event);
    memcpy(&value, data + 2, sizeof value);
    *out_value = value;
    while (zmq_msg_more(&msg)) {
        (void)zmq_msg_recv(&msg, monitor, 0);
    }
    (void)zmq_msg_close(&msg);
    return true;
}

void wsl_zmq_endpoint_look(wsl_zmq_endpoint *e)
{
    struct epoll_event events[4];
    e->taken_since_look = 0;
    const int n = epoll_wait(e->epoll_fd, events, 4, 0);
    bool monitor = false, timer = false;
    for (int i = 0; i < n; i++) {
        const int fd = events[i].data.fd;
        e->readable |= fd == e->socket_fd || fd == e->kick_fd;
        monitor |= fd == e->monitor_fd;
        timer |= fd == e->timer_fd;
    }
    if (timer) {
        uint64_t expirations;
        if (read(e->timer_fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations) {
            e->role->on_timer(e);
        }
    }
    uint16_t event;
    int value;
    /* on_monitor may close both sockets. */
    while (monitor && e->monitor != NULL && next_monitor_event(e->monitor, &event, &value)) {
        e->role->on_monitor(e, event, value);
    }
}

void wsl_zmq_endpoint_drained(wsl_zmq_endpoint *e)
{
    e->readable = false;
    if (e->kicked) {
        uint64_t n;
        (void)!read(e->kick_fd, &n, sizeof n);
        e->kicked = false;
    }
}

void wsl_zmq_endpoint_swallow(wsl_zmq_endpoint *e)
{
    (void)has_message(e->socket);
    e->readable = false;
}

void wsl_zmq_endpoint_recheck(wsl_zmq_endpoint *e)
{
    if (!e->kicked && has_message(e->socket)) {
        const uint64_t one = 1;
        e->readable = true;
        e->kicked = true;
        WSL_ASSERT(write(e->kick_fd, &one, sizeof one) == (ssize_t)sizeof one);
    }
}

/* ---- ops ---- */

static wsl_zmq_endpoint *endpoint_of(wsl_endpoint *e) { return (wsl_zmq_endpoint *)(void *)e; }

static wsl_status wsl_zmq_endpoint_send(wsl_endpoint *base, const char *peer, wsl_message *message)
{
    wsl_zmq_endpoint *e = endpoint_of(base);
    if (message->size > WSL_MESSAGE_SIZE_MAX) {
        return WSL_TOO_LARGE;
    }
    return e->role->send(e, peer, message);
}

static wsl_status wsl_zmq_endpoint_receive(wsl_endpoint *base, wsl_net_event *out_event)
{
    wsl_zmq_endpoint *e = endpoint_of(base);
    return e->role->receive(e, out_event);
}

static int wsl_zmq_endpoint_fd(wsl_endpoint *base) { return endpoint_of(base)->epoll_fd; }
static const char *wsl_zmq_endpoint_address(wsl_endpoint *base) { return endpoint_of(base)->address; }

static void close_descriptor(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void wsl_zmq_endpoint_free(wsl_zmq_endpoint *e)
{
    wsl_zmq_endpoint_close_socket(e);
    e->role->fini(e);
    close_descriptor(e->timer_fd);
    close_descriptor(e->kick_fd);
    close_descriptor(e->epoll_fd);
    wsl_zmq_held_set_drop(e->held);
    e->transport->endpoints--;
    free(e->address);
    free(e->identity);
    free(e);
}

static void wsl_zmq_endpoint_close(wsl_endpoint *base) { wsl_zmq_endpoint_free(endpoint_of(base)); }

static wsl_status check_address(const char *text, const wsl_endpoint_options *options, bool listening,
                                wsl_address *out_address, wsl_error *err)
{
    wsl_address a;
    WSL_TRY(wsl_address_parse(text, &a, err));
    if (a.kind != WSL_ADDRESS_TCP && a.kind != WSL_ADDRESS_IPC) {
        return wsl_fail(err, WSL_INVALID, "'%s' is not reachable over sockets: write tcp://HOST:PORT or ipc:///PATH",
                        text);
    }
    if (a.kind == WSL_ADDRESS_IPC && strlen(a.name) > 107) {
        return wsl_fail(err, WSL_INVALID, "the path in '%s' is longer than the 107 bytes a local socket may have",
                        text);
    }
    if (a.kind == WSL_ADDRESS_TCP && a.port == 0 && !listening) {
        return wsl_fail(err, WSL_INVALID, "'%s' has no port to connect to", text);
    }
    if (!a.is_local && !options->insecure) {
        return wsl_fail(
            err, WSL_REFUSED,
            "'%s' is beyond this host, and connections are not encrypted: use a loopback address (127.0.0.1), or "
            "allow it with the insecure setting where the network is trusted",
            text);
    }
    if (strcmp(a.host, "localhost") == 0) {
        (void)strcpy(a.host, "127.0.0.1"); /* to listen ZeroMQ wants a number */
    }
    *out_address = a;
    return WSL_OK;
}

static char *address_text(const wsl_address *a)
{
    if (a->kind == WSL_ADDRESS_IPC) {
        return wsl_asprintf("ipc://%s", a->name);
    }
    const bool v6 = strchr(a->host, ':') != NULL;
    return a->port == 0 ? wsl_asprintf("tcp://%s%s%s:*", v6 ? "[" : "", a->host, v6 ? "]" : "")
                        : wsl_asprintf("tcp://%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
}

static wsl_zmq_endpoint *endpoint_new(wsl_zmq_transport *t, const wsl_zmq_role *role, const wsl_address *a,
                                      const wsl_endpoint_options *o)
{
    wsl_zmq_endpoint *e = wsl_zalloc(sizeof *e);
    e->base.transport = &t->base;
    e->transport = t;
    e->role = role;
    e->address = address_text(a);
    e->ipv6 = strchr(a->host, ':') != NULL;
    e->identity = o->identity != NULL ? wsl_strdup(o->identity) : NULL;
    e->heartbeat_ms = o->heartbeat_ms;
    e->heartbeat_timeout_ms = o->heartbeat_timeout_ms;
    e->high_water_mark = o->high_water_mark;
    e->linger_ms = o->linger_ms;
    e->socket_fd = e->monitor_fd = e->timer_fd = -1;
    e->held = wsl_zmq_held_set_new();
    t->endpoints++;
    return e;
}

static wsl_status open_descriptors(wsl_zmq_endpoint *e, bool with_timer, wsl_error *err)
{
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->timer_fd = with_timer ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;
    if (e->epoll_fd < 0 || e->kick_fd < 0 || (with_timer && e->timer_fd < 0)) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot open a descriptor: %s; raise the limit of open files",
                        zmq_strerror(errno));
    }
    watch(e, e->kick_fd);
    if (with_timer) {
        watch(e, e->timer_fd);
    }
    return WSL_OK;
}

static wsl_status wsl_zmq_open(wsl_transport *base, const char *address, const wsl_endpoint_options *options,
                               const wsl_zmq_role *role, wsl_endpoint **out_endpoint, wsl_error *err)
{
    const bool listening = role == &wsl_zmq_listener_role;
    wsl_address a;
    WSL_TRY(check_address(address, options, listening, &a, err));
    if (!listening &&
        (options->identity == NULL || options->identity[0] == '\0' || strlen(options->identity) > WSL_PEER_ID_MAX)) {
        return wsl_fail(err, WSL_INVALID, "a connection needs an identity of 1 to %d bytes", WSL_PEER_ID_MAX);
    }
    wsl_zmq_endpoint *e = endpoint_new((wsl_zmq_transport *)(void *)base, role, &a, options);
    wsl_status status = open_descriptors(e, !listening, err);
    if (status == WSL_OK) {
        status = listening ? wsl_zmq_listener_start(e, err) : wsl_zmq_connection_start(e, err);
    }
    if (status != WSL_OK) {
        wsl_zmq_endpoint_free(e);
        return status;
    }
    *out_endpoint = &e->base;
    return WSL_OK;
}

static wsl_status wsl_zmq_transport_listen(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                                           wsl_endpoint **out_endpoint, wsl_error *err)
{
    return wsl_zmq_open(t, address, options, &wsl_zmq_listener_role, out_endpoint, err);
}

static wsl_status wsl_zmq_transport_connect(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                                            wsl_endpoint **out_endpoint, wsl_error *err)
{
    return wsl_zmq_open(t, address, options, &wsl_zmq_connection_role, out_endpoint, err);
}

static void wsl_zmq_transport_free(wsl_transport *base)
{
    wsl_zmq_transport *t = (wsl_zmq_transport *)(void *)base;
    WSL_ASSERT(t->endpoints == 0);
    while (zmq_ctx_term(t->context) != 0 && errno == EINTR) {
    }
    free(t);
}

static const wsl_transport_ops wsl_zmq_ops = {
    .listen = wsl_zmq_transport_listen,
    .connect = wsl_zmq_transport_connect,
    .send = wsl_zmq_endpoint_send,
    .receive = wsl_zmq_endpoint_receive,
    .fd = wsl_zmq_endpoint_fd,
    .address = wsl_zmq_endpoint_address,
    .close = wsl_zmq_endpoint_close,
    .free = wsl_zmq_transport_free,
};

wsl_status wsl_transport_zmq_new(wsl_transport **out_transport, wsl_error *err)
{
    void *context = zmq_ctx_new();
    if (context == NULL) {
        return wsl_fail(err, WSL_NO_RESOURCE, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    }
    (void)zmq_ctx_set(context, ZMQ_IO_THREADS, 1);
    (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 8192); /* two per endpoint */
    wsl_zmq_transport *t = wsl_zalloc(sizeof *t);
    t->base.ops = &wsl_zmq_ops;
    t->context = context;
    *out_transport = &t->base;
    return WSL_OK;
}
