/*
 * transport_local - between processes of one host, over local sockets and without a thread of its own.
 *
 *     sender's loop: send --sendmsg--> kernel --readable--> receiver's loop: receive --recvmsg--> messages
 *
 * A message costs the caller of send one system call, and the receiver one for all that has come; there is nobody in
 * between to be woken.
 *
 *     hello    magic, version, identity          connection -> listener
 *     welcome  magic, version                    listener -> connection
 *     message  magic, size | bytes | zeros to 8  both ways, until one closes
 *
 * Invariants: messages of a connection arrive whole and in order, or not at all; a message that was begun is finished
 * before the next one begins; memory is bounded by the queue of the sender (the high-water mark), a block per reader and
 * what its caller holds. Nothing is resumed.
 *
 * Only processes of the same user get in: the file is for the owner alone, and both ends look at the credentials that
 * the kernel keeps of the other. What they send is read with distrust all the same.
 *
 * There are no heartbeats: a process that dies closes its sockets, and what one host's processes do to each other, the
 * kernel tells. One that is stopped keeps its peers waiting (send: WSL_AGAIN) until it goes on or somebody ends it.
 * linger_ms is waited for in close, by the caller: there is no thread to do it in the background.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/address.h"
#include "net/local_internal.h"

int wsl_local_socket(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

void wsl_local_watch(wsl_local_endpoint *e, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = data}};
    WSL_ASSERT(epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static wsl_local_endpoint *endpoint_of(wsl_endpoint *e) { return (wsl_local_endpoint *)(void *)e; }

static wsl_status wsl_local_endpoint_send(wsl_endpoint *base, const char *peer, wsl_message *message)
{
    wsl_local_endpoint *e = endpoint_of(base);
    return message->size > WSL_MESSAGE_SIZE_MAX ? WSL_TOO_LARGE : e->role->send(e, peer, message);
}

static wsl_status wsl_local_endpoint_receive(wsl_endpoint *base, wsl_net_event *out_event)
{
    wsl_local_endpoint *e = endpoint_of(base);
    return e->role->receive(e, out_event);
}

void wsl_local_endpoint_drive(wsl_endpoint *base)
{
    wsl_local_endpoint *e = endpoint_of(base);
    e->role->drive(e);
}

static bool wsl_local_endpoint_rest(wsl_endpoint *base)
{
    wsl_local_endpoint *e = endpoint_of(base);
    return e->role->rest(e);
}

static int wsl_local_endpoint_fd(wsl_endpoint *base) { return endpoint_of(base)->epoll_fd; }
static const char *wsl_local_endpoint_address(wsl_endpoint *base) { return endpoint_of(base)->address; }

static void wsl_local_endpoint_close(wsl_endpoint *base)
{
    wsl_local_endpoint *e = endpoint_of(base);
    wsl_local_transport *t = (wsl_local_transport *)(void *)base->transport;
    e->role->fini(e);
    if (e->epoll_fd >= 0) {
        (void)close(e->epoll_fd);
    }
    atomic_fetch_sub(&t->endpoints, 1);
    free(e->address);
    free(e->path);
    free(e->identity);
    free(e);
}

static wsl_status check_address(const char *text, wsl_address *out_address, wsl_error *err)
{
    WSL_TRY(wsl_address_parse(text, out_address, err));
    if (out_address->kind != WSL_ADDRESS_UNIX || out_address->name[0] != '/') {
        return wsl_fail(err, WSL_INVALID, "'%s' is not the path of a local socket: write unix:///PATH", text);
    }
    if (strlen(out_address->name) > 107) {
        return wsl_fail(err, WSL_INVALID, "the path in '%s' is longer than the 107 bytes a local socket may have",
                        text);
    }
    return WSL_OK;
}

static wsl_status open_endpoint(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                                const wsl_local_role *role, wsl_endpoint **out_endpoint, wsl_error *err)
{
    wsl_address a;
    const char *id = options->identity;
    WSL_TRY(check_address(address, &a, err));
    if (role == &wsl_local_connection_role && (id == NULL || id[0] == '\0' || strlen(id) > WSL_PEER_ID_MAX)) {
        return wsl_fail(err, WSL_INVALID, "a connection needs an identity of 1 to %d bytes", WSL_PEER_ID_MAX);
    }
    wsl_local_endpoint *e = wsl_zalloc(sizeof *e);
    e->base.transport = t;
    e->role = role;
    e->address = wsl_asprintf("unix://%s", a.name);
    e->path = wsl_strdup(a.name);
    e->identity = id != NULL ? wsl_strdup(id) : NULL;
    e->high_water_mark = options->high_water_mark;
    e->polled = options->polled;
    e->linger_ms = options->linger_ms;
    e->timer_fd = e->listen_fd = e->stream.fd = -1;
    atomic_fetch_add(&((wsl_local_transport *)(void *)t)->endpoints, 1);
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wsl_status status = WSL_OK;
    if (e->epoll_fd < 0) {
        status = wsl_fail(err, WSL_NO_RESOURCE, "cannot open a descriptor: %s; raise the limit of open files",
                          strerror(errno));
    } else {
        status = role->start(e, err);
    }
    if (status != WSL_OK) {
        wsl_local_endpoint_close(&e->base);
        return status;
    }
    *out_endpoint = &e->base;
    return WSL_OK;
}

static wsl_status wsl_local_listen(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                                   wsl_endpoint **out_endpoint, wsl_error *err)
{
    return open_endpoint(t, address, options, &wsl_local_listener_role, out_endpoint, err);
}

static wsl_status wsl_local_connect(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                                    wsl_endpoint **out_endpoint, wsl_error *err)
{
    return open_endpoint(t, address, options, &wsl_local_connection_role, out_endpoint, err);
}

static void wsl_local_free(wsl_transport *base)
{
    wsl_local_transport *t = (wsl_local_transport *)(void *)base;
    WSL_ASSERT(atomic_load(&t->endpoints) == 0);
    free(t);
}

static const wsl_transport_ops wsl_local_ops = {
    .listen = wsl_local_listen,
    .connect = wsl_local_connect,
    .send = wsl_local_endpoint_send,
    .receive = wsl_local_endpoint_receive,
    .rest = wsl_local_endpoint_rest,
    .fd = wsl_local_endpoint_fd,
    .address = wsl_local_endpoint_address,
    .close = wsl_local_endpoint_close,
    .free = wsl_local_free,
};

wsl_transport *wsl_transport_local_new(void)
{
    wsl_local_transport *t = wsl_zalloc(sizeof *t);
    t->base.ops = &wsl_local_ops;
    return &t->base;
}
