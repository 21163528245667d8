/*
 * transport - seam: messages between processes.
 *
 * Two kinds of endpoint. A LISTENER (ZeroMQ: ROUTER) is bound to an address and talks to many peers, each known by the
 * identity it gave. A CONNECTION (DEALER) is connected to one listener. Messages of one connection arrive in order and
 * whole, or the endpoint reports that the peer is gone: after WSL_NET_GONE nothing of that peer arrives any more,
 * nothing sent to it will, and it is never resumed: a peer that comes back has a new identity.
 *
 *     zmq     real sockets (tcp://, ipc://)
 *     local   between processes of one host, without a thread of its own (unix://)
 *     inproc  between loops of one process, by mailbox
 *     sim     one thread, virtual time, seeded delay and loss of connections
 *
 * Every implementation passes the same tests (tests/unit/common/net).
 *
 * Threads: an endpoint belongs to the loop that made it. Ownership: see wsl_message.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/waker.h"

typedef struct wsl_transport wsl_transport;
typedef struct wsl_endpoint wsl_endpoint;

enum {
    WSL_PEER_ID_MAX = 128,            /* bytes of an identity's text */
    WSL_MESSAGE_SIZE_MAX = 64 << 20,  /* larger messages are refused on both sides */
};

/* Bytes to send or received. `release` (may be NULL) is called once, by any thread, when the bytes are no longer needed. */
typedef struct wsl_message {
    const uint8_t *data;
    size_t size;
    void (*release)(void *arg, const uint8_t *data);
    void *release_arg;
} wsl_message;

static inline void wsl_message_release(wsl_message *m)
{
    if (m->release != NULL) {
        m->release(m->release_arg, m->data);
    }
    *m = (wsl_message){0};
}

typedef enum wsl_net_event_kind {
    WSL_NET_MESSAGE,   /* message: release it when done. Received data is aligned to 8 bytes */
    WSL_NET_CONNECTED, /* connection: messages can be sent now. listener: not reported, a peer begins with its first message */
    WSL_NET_GONE,      /* connection: the listener is gone; listener: that peer is gone */
} wsl_net_event_kind;

typedef struct wsl_net_event {
    wsl_net_event_kind kind;
    const char *peer; /* listener: who; valid until the next receive. connection: "" */
    wsl_message message;
    const char *reason; /* WSL_NET_GONE: in words; valid until the next receive */
} wsl_net_event;

typedef struct wsl_endpoint_options {
    const char *identity;     /* connection: who we are to the listener; unique, never used again */
    uint32_t heartbeat_ms;    /* 0: no heartbeats of the transport's own */
    uint32_t heartbeat_timeout_ms;
    uint32_t high_water_mark; /* messages queued per peer before send says WSL_AGAIN; 0: the implementation's default */
    uint32_t linger_ms;       /* close goes on sending what is queued for at most so long, in the background */
    bool insecure;            /* use addresses beyond this host although nothing is encrypted; else they are refused */
    bool polled;              /* receive is called often anyway; before it sleeps, the caller calls rest: see there */
    wsl_waker waker;          /* called when receive may have something, if fd() is -1 */
} wsl_endpoint_options;

/*
 * When to call receive: until it says WSL_AGAIN, after each wake-up (fd readable, or the waker). Then the next news make
 * the fd readable again; sends in between lose none. A wake-up also means that a send which said WSL_AGAIN may work now.
 *
 * connect returns before there is a connection, and goes on trying until there is one (processes start in any order):
 * then comes WSL_NET_CONNECTED. After that it never tries again: the next thing to happen is WSL_NET_GONE, once.
 */

typedef struct wsl_transport_ops {
    /* Address "tcp://127.0.0.1:6123" (port 0 or *: any free one), "ipc:///path", "unix:///path", "inproc://name",
     * "sim://name". */
    wsl_status (*listen)(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                         wsl_endpoint **out_endpoint, wsl_error *err);
    wsl_status (*connect)(wsl_transport *t, const char *address, const wsl_endpoint_options *options,
                          wsl_endpoint **out_endpoint, wsl_error *err);
    /* Takes the message on WSL_OK. peer: listener only. WSL_AGAIN: queue full or not connected yet; WSL_UNREACHABLE. */
    wsl_status (*send)(wsl_endpoint *e, const char *peer, wsl_message *message);
    /* WSL_AGAIN: nothing. */
    wsl_status (*receive)(wsl_endpoint *e, wsl_net_event *out_event);
    /*
     * For endpoints that were opened as polled: their news come to whoever calls receive, but make the descriptor readable
     * only after a rest, and only once. False: there are news already, do not sleep. NULL: this transport's endpoints are
     * never polled, whatever their options say.
     */
    bool (*rest)(wsl_endpoint *e);
    int (*fd)(wsl_endpoint *e);              /* to be watched for reading; drain receive to WSL_AGAIN after each wake-up */
    const char *(*address)(wsl_endpoint *e); /* listener: the address really bound */
    void (*close)(wsl_endpoint *e);          /* what is still queued after linger_ms is dropped (and released); local waits for it here */
    void (*free)(wsl_transport *t);
} wsl_transport_ops;

struct wsl_transport {
    const wsl_transport_ops *ops;
};

static inline void wsl_transport_free(wsl_transport *t)
{
    if (t != NULL) {
        t->ops->free(t);
    }
}
WSL_DEFINE_AUTO(wsl_transport)

struct wsl_endpoint {
    wsl_transport *transport; /* implementations put their own members behind */
};

static inline wsl_status wsl_endpoint_send(wsl_endpoint *e, const char *peer, wsl_message *message)
{
    return e->transport->ops->send(e, peer, message);
}
static inline wsl_status wsl_endpoint_receive(wsl_endpoint *e, wsl_net_event *out_event)
{
    return e->transport->ops->receive(e, out_event);
}
static inline bool wsl_endpoint_rest(wsl_endpoint *e)
{
    return e->transport->ops->rest == NULL || e->transport->ops->rest(e);
}
static inline int wsl_endpoint_fd(wsl_endpoint *e) { return e->transport->ops->fd(e); }
static inline const char *wsl_endpoint_address(wsl_endpoint *e) { return e->transport->ops->address(e); }
static inline void wsl_endpoint_close(wsl_endpoint *e)
{
    if (e != NULL) {
        e->transport->ops->close(e);
    }
}

/* All endpoints of a transport are closed before it is freed. */
WSL_MUST_CHECK wsl_status wsl_transport_zmq_new(wsl_transport **out_transport, wsl_error *err);
wsl_transport *wsl_transport_local_new(void);
/* Both of these, by the address. */
WSL_MUST_CHECK wsl_status wsl_transport_sockets_new(wsl_transport **out_transport, wsl_error *err);
/* All inproc transports of one hub see each other's addresses. */
typedef struct wsl_inproc_hub wsl_inproc_hub;
wsl_inproc_hub *wsl_inproc_hub_new(void);
void wsl_inproc_hub_free(wsl_inproc_hub *hub);
wsl_transport *wsl_transport_inproc_new(wsl_inproc_hub *hub);
