/*
 * zmq_internal - what the files of transport_zmq share. For them alone.
 *
 *     transport_zmq.c    transport, endpoints, opening and closing, send, the one descriptor
 *     zmq_connection.c   connecting side: attempts until connected, then until gone
 *     zmq_listener.c     listening side: who is there, who is gone
 *     zmq_message.c      messages in and out without copies
 *
 * Threads: an endpoint belongs to one loop; messages are released from any thread.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <zmq.h>

#include "net/transport.h"

enum {
    WSL_ZMQ_HWM_DEFAULT = 4096,
    WSL_ZMQ_LOOK_EVERY = 32,      /* messages taken between two looks at the monitor */
    WSL_ZMQ_HELD_SLOTS = 8,       /* received messages that can be held without an allocation */
    WSL_ZMQ_SCRATCH_SIZE = 16384, /* for small messages that ZeroMQ gives unaligned */
    WSL_ZMQ_RETRY_MS_MIN = 5,
    WSL_ZMQ_RETRY_MS_MAX = 200,
    WSL_ZMQ_ATTEMPT_MS = 5000,                   /* a connection attempt without an answer is given up and made again */
    WSL_ZMQ_KERNEL_BUFFER = 4 << 20, /* of a local socket */
    WSL_ZMQ_GONE_KEPT = 4096,                    /* identities of peers that are gone and stay refused */
    WSL_ZMQ_DRAIN_MAX = 2 * WSL_ZMQ_HWM_DEFAULT, /* messages delivered before a gone peer is reported at the latest */
};

typedef struct wsl_zmq_transport {
    wsl_transport base;
    void *context;
    uint32_t endpoints; /* open */
    uint32_t monitors;  /* ever made: their names */
} wsl_zmq_transport;

/* ---- messages ---- */

typedef struct wsl_zmq_held_set wsl_zmq_held_set;

wsl_zmq_held_set *wsl_zmq_held_set_new(void);
void wsl_zmq_held_set_drop(wsl_zmq_held_set *set); /* the endpoint is closed; goes when the last message is released */
/* Moves what is in msg to *out_message, aligned to 8. */
void wsl_zmq_held_set_take(wsl_zmq_held_set *set, zmq_msg_t *msg, wsl_message *out_message);

typedef struct wsl_zmq_note {
    void (*release)(void *arg, const uint8_t *data); /* NULL: disarmed */
    void *arg;
} wsl_zmq_note;

typedef struct wsl_zmq_outgoing {
    zmq_msg_t msg;
    wsl_zmq_note *note; /* NULL: the message was copied */
} wsl_zmq_outgoing;

/* Copies small messages, hands large ones over by reference. Then one of the other two: */
void wsl_zmq_outgoing_init(wsl_zmq_outgoing *out, const wsl_message *message);
void wsl_zmq_outgoing_sent(wsl_zmq_outgoing *out, wsl_message *message); /* ZeroMQ has taken it: out->msg is empty */
void wsl_zmq_outgoing_failed(wsl_zmq_outgoing *out);                     /* the message stays the caller's */

/* ---- endpoints ---- */

typedef struct wsl_zmq_peer {
    char id[WSL_PEER_ID_MAX + 1];
    uint32_t id_size;
    uint64_t hash;
    int fd;
    bool dying;
    struct wsl_zmq_peer *next_dying;
} wsl_zmq_peer;

typedef enum wsl_zmq_connection_state {
    WSL_ZMQ_CONNECTION_WAITING,    /* for the time of the next attempt; no socket */
    WSL_ZMQ_CONNECTION_CONNECTING, /* an attempt is under way */
    WSL_ZMQ_CONNECTION_LIVE,
    WSL_ZMQ_CONNECTION_GONE, /* no socket */
} wsl_zmq_connection_state;

typedef struct wsl_zmq_endpoint {
    wsl_endpoint base;
    wsl_zmq_transport *transport;
    const struct wsl_zmq_role *role;
    void *socket;
    void *monitor;
    int socket_fd, monitor_fd, kick_fd, timer_fd, epoll_fd;
    bool readable; /* the socket may have messages: it was not drained since it said so */
    bool kicked;   /* kick_fd is raised */
    uint32_t taken_since_look;
    wsl_zmq_held_set *held;
    char *address;
    char *identity;
    uint32_t heartbeat_ms, heartbeat_timeout_ms, high_water_mark, linger_ms;
    bool ipv6;

    /* connection */
    wsl_zmq_connection_state state;
    bool announce; /* CONNECTED is to be reported */
    bool lost;     /* GONE is to be reported when the socket is drained */
    uint32_t retry_ms;

    /* listener */
    bool bound;           /* the address is ours */
    wsl_zmq_peer **peers; /* open addressing by identity */
    uint32_t n_peers, peers_mask;
    wsl_zmq_peer *last;   /* of the last message */
    wsl_zmq_peer **by_fd; /* live peers by the descriptor of their connection */
    uint8_t *fd_open;     /* by the monitor's account */
    uint32_t *fd_stale;   /* DISCONNECTED events to come for connections that are known to be gone */
    uint32_t n_fds;
    wsl_zmq_peer *dying, **dying_end;
    uint32_t drain_left;
    wsl_zmq_peer *reported; /* gone; freed at the next receive, which is how long its name is valid */
    uint64_t *gone;         /* ring of hashes */
    uint32_t n_gone;
} wsl_zmq_endpoint;

/* What differs between the two kinds. */
typedef struct wsl_zmq_role {
    wsl_status (*receive)(wsl_zmq_endpoint *e, wsl_net_event *out_event);
    wsl_status (*send)(wsl_zmq_endpoint *e, const char *peer, wsl_message *message);
    void (*on_monitor)(wsl_zmq_endpoint *e, uint16_t event, int value);
    void (*on_timer)(wsl_zmq_endpoint *e);
    void (*fini)(wsl_zmq_endpoint *e);
} wsl_zmq_role;

extern const wsl_zmq_role wsl_zmq_connection_role;
extern const wsl_zmq_role wsl_zmq_listener_role;

/* Makes the socket and its monitor, sets what both kinds have in common, watches both. */
WSL_MUST_CHECK wsl_status wsl_zmq_endpoint_open_socket(wsl_zmq_endpoint *e, int type, wsl_error *err);
void wsl_zmq_endpoint_close_socket(wsl_zmq_endpoint *e);
void wsl_zmq_endpoint_set(wsl_zmq_endpoint *e, int option, int value);
/* One look at all descriptors: sets `readable`, calls on_monitor and on_timer. */
void wsl_zmq_endpoint_look(wsl_zmq_endpoint *e);
/* After a send, which may have swallowed the news of a message: makes the descriptor readable again if there is one. */
void wsl_zmq_endpoint_recheck(wsl_zmq_endpoint *e);
/* The socket said that it has news, but cannot have messages yet. */
void wsl_zmq_endpoint_swallow(wsl_zmq_endpoint *e);
void wsl_zmq_endpoint_drained(wsl_zmq_endpoint *e);

WSL_MUST_CHECK wsl_status wsl_zmq_connection_start(wsl_zmq_endpoint *e, wsl_error *err);
WSL_MUST_CHECK wsl_status wsl_zmq_listener_start(wsl_zmq_endpoint *e, wsl_error *err);
