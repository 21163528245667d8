/*
 * exchange - endpoints, links and queues in memory: what transport_inproc and transport_sim have in common.
 *
 *     connection --link (two directions, in order)--> listener
 *
 * An exchange knows listeners by address, and connections that wait for one. A link has two sides; what one side sends
 * becomes an event for the other, which the exchange hands to `post`: inproc delivers at once, sim when its time has
 * come. Receiving is the same for both, and here are the rules of transport.h: order, high-water mark, GONE once and
 * nothing after it, identities never used again.
 *
 * Threads: every operation runs between `lock` and `unlock` of the exchange (sim has none). Releases of dropped
 * messages are called outside.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/transport.h"

typedef struct wsl_exchange wsl_exchange;
typedef struct wsl_exchange_endpoint wsl_exchange_endpoint;

enum { WSL_EXCHANGE_HWM_DEFAULT = 4096, WSL_EXCHANGE_GONE_KEPT = 4096 };
enum { WSL_SIDE_CONNECTION = 0, WSL_SIDE_LISTENER = 1 };

typedef struct wsl_exchange_link {
    uint64_t id; /* 1, 2, 3... in the order of connecting */
    uint32_t references;
    wsl_exchange_endpoint *side[2]; /* NULL: closed */
    char *identity;
    const char *host[2];            /* of the transports, which outlive the exchange's links */
    uint32_t queued[2];             /* messages on their way to that side, not received yet */
    bool refused[2];                /* that side was told WSL_AGAIN */
    bool over[2];                   /* that side was told GONE, or will never be told anything */
    bool connected;                 /* the connection has heard that it is one */
    bool known;                     /* the listener has heard of the peer */
    bool cut;                       /* sim: what is under way is lost */
    int64_t last_ns[2];             /* sim: when the last event for that side arrives */
    struct wsl_exchange_link *next; /* all of the exchange */
} wsl_exchange_link;

typedef struct wsl_exchange_event {
    wsl_net_event_kind kind;
    wsl_exchange_link *link; /* a reference */
    int to;                  /* side */
    wsl_message message;
    const char *reason; /* a constant */
    int64_t at_ns;      /* sim */
    uint64_t order;     /* sim */
    struct wsl_exchange_event *next;
} wsl_exchange_event;

typedef struct wsl_exchange_policy {
    void (*lock)(wsl_exchange *x);
    void (*unlock)(wsl_exchange *x);
    void (*post)(wsl_exchange *x, wsl_exchange_event *event);
    bool (*reachable)(wsl_exchange *x, const char *host_a, const char *host_b);
} wsl_exchange_policy;

struct wsl_exchange {
    const wsl_exchange_policy *policy;
    wsl_exchange_endpoint *endpoints; /* all that are open, oldest first */
    wsl_exchange_link *links;         /* oldest first */
    uint64_t n_links;                 /* ever made */
    wsl_exchange_event *garbage;      /* to be freed outside the lock */
    uint32_t transports;
};

void wsl_exchange_init(wsl_exchange *x, const wsl_exchange_policy *policy);
void wsl_exchange_fini(wsl_exchange *x); /* all transports are freed */
wsl_transport *wsl_exchange_transport_new(wsl_exchange *x, const char *host);

/* For the policies, under the lock. */
void wsl_exchange_deliver(wsl_exchange *x, wsl_exchange_event *event);
void wsl_exchange_drop(wsl_exchange *x, wsl_exchange_event *event); /* nobody hears of it */
void wsl_exchange_connect_waiting(wsl_exchange *x);                 /* after `reachable` changed */
/* Breaks a connection: each side hears GONE, what is under way is lost. */
void wsl_exchange_cut(wsl_exchange *x, wsl_exchange_link *link, const char *reason);
