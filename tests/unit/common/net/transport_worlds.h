/*
 * transport_worlds - the same tests over every transport: what differs is how a test waits and how a connection breaks.
 *
 * For test files alone.
 */
#pragma once
#include "harness/wsl_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/local_internal.h"
#include "net/transport.h"
#include "net/transport_sim.h"

typedef enum world_kind { WORLD_TCP, WORLD_IPC, WORLD_LOCAL, WORLD_POLLED, WORLD_INPROC, WORLD_SIM, WORLDS } world_kind;

typedef struct world {
    world_kind kind;
    wsl_transport *a, *b; /* two processes, or what stands for them */
    wsl_inproc_hub *hub;
    wsl_sim_network *sim;
    wsl_manual_clock clock;
    char address[256];
    wsl_endpoint *open[64];
    int n_open;
} world;

static inline world *world_new(world_kind kind)
{
    static int serial;
    world *w = wsl_zalloc(sizeof *w);
    wsl_error err;
    w->kind = kind;
    wsl_manual_clock_init(&w->clock, 0);
    switch (kind) {
    case WORLD_TCP:
    case WORLD_IPC:
        cr_assert_eq(wsl_transport_zmq_new(&w->a, &err), WSL_OK);
        cr_assert_eq(wsl_transport_zmq_new(&w->b, &err), WSL_OK);
        if (kind == WORLD_TCP) {
            snprintf(w->address, sizeof w->address, "tcp://127.0.0.1:0");
        } else {
            snprintf(w->address, sizeof w->address, "ipc:///tmp/wsl-test-%d-%d.sock", getpid(), serial++);
        }
        break;
    case WORLD_LOCAL:
    case WORLD_POLLED:
        w->a = wsl_transport_local_new();
        w->b = wsl_transport_local_new();
        snprintf(w->address, sizeof w->address, "unix:///tmp/wsl-test-%d-%d.sock", getpid(), serial++);
        break;
    case WORLD_INPROC:
        w->hub = wsl_inproc_hub_new();
        w->a = wsl_transport_inproc_new(w->hub);
        w->b = wsl_transport_inproc_new(w->hub);
        snprintf(w->address, sizeof w->address, "inproc://listener");
        break;
    default:
        w->sim = wsl_sim_network_new(&w->clock.clock, &(wsl_sim_options){.seed = 7,
                                                                         .delay_min_ns = 1000,
                                                                         .delay_max_ns = 900000,
                                                                         .notice_min_ns = 1000,
                                                                         .notice_max_ns = 5000000});
        w->a = wsl_transport_sim_new(w->sim, "host-a");
        w->b = wsl_transport_sim_new(w->sim, "host-b");
        snprintf(w->address, sizeof w->address, "sim://listener");
        break;
    }
    return w;
}

static inline wsl_endpoint *world_track(world *w, wsl_endpoint *e)
{
    w->open[w->n_open++] = e;
    return e;
}

static inline wsl_endpoint *world_listen_with(world *w, const wsl_endpoint_options *o)
{
    wsl_error err = {0};
    wsl_endpoint *e = NULL;
    wsl_endpoint_options options = *o;
    options.polled = w->kind == WORLD_POLLED;
    cr_assert_eq(w->b->ops->listen(w->b, w->address, &options, &e, &err), WSL_OK, "%s", err.text);
    snprintf(w->address, sizeof w->address, "%s", wsl_endpoint_address(e));
    return world_track(w, e);
}

static inline wsl_endpoint *world_connect_with(world *w, const wsl_endpoint_options *o)
{
    wsl_error err = {0};
    wsl_endpoint *e = NULL;
    wsl_endpoint_options options = *o;
    options.polled = w->kind == WORLD_POLLED;
    cr_assert_eq(w->a->ops->connect(w->a, w->address, &options, &e, &err), WSL_OK, "%s", err.text);
    return world_track(w, e);
}

static inline wsl_endpoint *world_listen(world *w) { return world_listen_with(w, &(wsl_endpoint_options){0}); }

static inline wsl_endpoint *world_connect(world *w, const char *identity)
{
    return world_connect_with(w, &(wsl_endpoint_options){.identity = identity});
}

static inline void world_close(world *w, wsl_endpoint *e)
{
    for (int i = 0; i < w->n_open; i++) {
        if (w->open[i] == e) {
            w->open[i] = w->open[--w->n_open];
            wsl_endpoint_close(e);
            return;
        }
    }
    cr_assert_fail("not open");
}

static inline void world_free(world *w)
{
    while (w->n_open > 0) {
        wsl_endpoint_close(w->open[--w->n_open]);
    }
    wsl_transport_free(w->a);
    wsl_transport_free(w->b);
    wsl_inproc_hub_free(w->hub);
    wsl_sim_network_free(w->sim);
    free(w);
}

/* Makes w->address one at which nobody listens and nobody else can begin to, though w can: a socket that is bound but
 * does not listen refuses connections, keeps other processes from getting the port, and lets a socket of the same
 * SO_REUSEADDR take it. (A listener that was closed would not do: ZeroMQ ends it later, from its own thread.) Worlds
 * whose addresses are names have one already. Returns what world_unreserve takes. */
static inline int world_reserve_address(world *w)
{
    if (w->kind != WORLD_TCP) {
        return -1;
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    snprintf(w->address, sizeof w->address, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

static inline void world_unreserve(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* Lets time pass until e may have something: real time by its descriptor, virtual time by the next event. */
static inline bool world_wait(world *w, wsl_endpoint *e, int ms)
{
    if (w->kind == WORLD_SIM) {
        const int64_t next_ns = wsl_sim_network_next_ns(w->sim);
        if (next_ns == WSL_NEVER) {
            return false;
        }
        const int64_t now_ns = wsl_now_ns(&w->clock.clock);
        wsl_manual_clock_advance(&w->clock, next_ns > now_ns ? next_ns - now_ns : 0);
        wsl_sim_network_deliver(w->sim);
        return true;
    }
    if (w->kind == WORLD_INPROC) {
        return false; /* what is sent is there */
    }
    struct pollfd p = {.fd = wsl_endpoint_fd(e), .events = POLLIN};
    if (w->kind == WORLD_POLLED && !wsl_endpoint_rest(e)) {
        return true;
    }
    if (w->kind == WORLD_LOCAL || w->kind == WORLD_POLLED) { /* the other end has no thread of its own: this one is its */
        for (int left = ms; left > 0; left--) {
            for (int i = 0; i < w->n_open; i++) {
                wsl_local_endpoint_drive(w->open[i]);
            }
            if (poll(&p, 1, 1) > 0) {
                return true;
            }
        }
        return false;
    }
    return poll(&p, 1, ms) > 0;
}

/* The next event, or false if nothing comes. */
static inline bool world_next(world *w, wsl_endpoint *e, wsl_net_event *out, int ms)
{
    const int64_t end_ns = wsl_now_ns(wsl_clock_real()) + (int64_t)ms * WSL_NS_PER_MS;
    do {
        if (wsl_endpoint_receive(e, out) == WSL_OK) {
            return true;
        }
        if (!world_wait(w, e, ms)) {
            break;
        }
    } while (wsl_now_ns(wsl_clock_real()) < end_ns);
    return wsl_endpoint_receive(e, out) == WSL_OK;
}

enum { LONG_MS = 30000, SHORT_MS = 100 };

static inline wsl_net_event world_expect(world *w, wsl_endpoint *e, wsl_net_event_kind kind)
{
    wsl_net_event event = {0};
    cr_assert(world_next(w, e, &event, LONG_MS), "nothing came (world %d)", w->kind);
    cr_assert_eq(event.kind, kind, "event of kind %d instead of %d (world %d)", event.kind, kind, w->kind);
    return event;
}

static inline void world_expect_message(world *w, wsl_endpoint *e, const char *peer, const char *text)
{
    wsl_net_event event = world_expect(w, e, WSL_NET_MESSAGE);
    cr_assert_str_eq(event.peer, peer);
    cr_assert_eq(event.message.size, strlen(text) + 1);
    cr_assert_str_eq((const char *)event.message.data, text);
    cr_assert_eq((uintptr_t)event.message.data % 8, 0);
    wsl_message_release(&event.message);
}

static inline void world_expect_silence(world *w, wsl_endpoint *e)
{
    wsl_net_event event = {0};
    cr_assert_not(world_next(w, e, &event, SHORT_MS), "event of kind %d although nothing should come (world %d)",
                  event.kind, w->kind);
}

static inline wsl_message text_message(const char *text)
{
    return (wsl_message){.data = (const uint8_t *)text, .size = strlen(text) + 1};
}

static inline void world_send(wsl_endpoint *e, const char *peer, const char *text)
{
    wsl_message m = text_message(text);
    cr_assert_eq(wsl_endpoint_send(e, peer, &m), WSL_OK);
}
