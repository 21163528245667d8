/*
 * exchange - see exchange.h.
 *
 * Who holds a link: the connection until it is closed, the listener until it has heard GONE, each event. Lists are
 * searched from the front: an exchange has tens of endpoints, not thousands.
 */
#include "net/exchange.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef struct exchange_transport {
    wsl_transport base;
    wsl_exchange *exchange;
    uint32_t endpoints;
    char host[];
} exchange_transport;

struct wsl_exchange_endpoint {
    wsl_endpoint base;
    exchange_transport *transport;
    wsl_exchange *exchange;
    bool listening;
    char *address;
    char *identity;
    uint32_t high_water_mark;
    wsl_waker waker;
    wsl_exchange_event *events, **events_end;
    wsl_exchange_link *link;     /* connection: NULL while it waits for a listener */
    wsl_exchange_link *last;     /* listener: of the last message; borrowed */
    wsl_exchange_link *reported; /* whose name the caller was given; a reference */
    uint64_t *gone;              /* listener: ring of identities' hashes */
    uint32_t n_gone;
    wsl_exchange_endpoint *next;
};

/* ---- links and events ---- */

static void link_unref(wsl_exchange *x, wsl_exchange_link *link)
{
    if (link == NULL || --link->references > 0) {
        return;
    }
    wsl_exchange_link **at = &x->links;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    free(link->identity);
    free(link);
}

static wsl_exchange_event *event_new(wsl_exchange_link *link, int to, wsl_net_event_kind kind)
{
    wsl_exchange_event *event = wsl_zalloc(sizeof *event);
    event->kind = kind;
    event->link = link;
    event->to = to;
    link->references++;
    return event;
}

void wsl_exchange_drop(wsl_exchange *x, wsl_exchange_event *event)
{
    if (event->kind == WSL_NET_MESSAGE) {
        event->link->queued[event->to]--;
    }
    link_unref(x, event->link);
    event->link = NULL;
    event->next = x->garbage;
    x->garbage = event;
}

void wsl_exchange_deliver(wsl_exchange *x, wsl_exchange_event *event)
{
    wsl_exchange_endpoint *e = event->link->side[event->to];
    if (e == NULL) {
        wsl_exchange_drop(x, event);
        return;
    }
    event->next = NULL;
    *e->events_end = event;
    e->events_end = &event->next;
    wsl_wake(&e->waker);
}

static void lock(wsl_exchange *x)
{
    if (x->policy->lock != NULL) {
        x->policy->lock(x);
    }
}

static void unlock(wsl_exchange *x)
{
    wsl_exchange_event *garbage = WSL_TAKE(x->garbage);
    if (x->policy->unlock != NULL) {
        x->policy->unlock(x);
    }
    while (garbage != NULL) {
        wsl_exchange_event *next = garbage->next;
        wsl_message_release(&garbage->message);
        free(garbage);
        garbage = next;
    }
}

static void post_gone(wsl_exchange *x, wsl_exchange_link *link, int to, const char *reason)
{
    if (link->side[to] != NULL && !link->over[to]) {
        wsl_exchange_event *event = event_new(link, to, WSL_NET_GONE);
        event->reason = reason;
        x->policy->post(x, event);
    }
}

/* ---- meeting ---- */

static wsl_exchange_endpoint *find_listener(wsl_exchange *x, const char *address)
{
    for (wsl_exchange_endpoint *e = x->endpoints; e != NULL; e = e->next) {
        if (e->listening && strcmp(e->address, address) == 0) {
            return e;
        }
    }
    return NULL;
}

static void try_to_connect(wsl_exchange *x, wsl_exchange_endpoint *c)
{
    wsl_exchange_endpoint *l = find_listener(x, c->address);
    if (l == NULL || !x->policy->reachable(x, c->transport->host, l->transport->host)) {
        return;
    }
    wsl_exchange_link *link = wsl_zalloc(sizeof *link);
    link->id = ++x->n_links;
    link->references = 2;
    link->side[WSL_SIDE_CONNECTION] = c;
    link->side[WSL_SIDE_LISTENER] = l;
    link->identity = wsl_strdup(c->identity);
    link->host[WSL_SIDE_CONNECTION] = c->transport->host;
    link->host[WSL_SIDE_LISTENER] = l->transport->host;
    wsl_exchange_link **end = &x->links;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = link;
    c->link = link;
    x->policy->post(x, event_new(link, WSL_SIDE_CONNECTION, WSL_NET_CONNECTED));
}

void wsl_exchange_connect_waiting(wsl_exchange *x)
{
    for (wsl_exchange_endpoint *e = x->endpoints; e != NULL; e = e->next) {
        if (!e->listening && e->link == NULL) {
            try_to_connect(x, e);
        }
    }
}

/* ---- breaking ---- */

/* A connection that has not heard of its link yet goes back to waiting. */
static void undo_connect(wsl_exchange *x, wsl_exchange_link *link)
{
    wsl_exchange_endpoint *c = link->side[WSL_SIDE_CONNECTION];
    link->over[WSL_SIDE_CONNECTION] = link->over[WSL_SIDE_LISTENER] = true;
    link->side[WSL_SIDE_CONNECTION] = link->side[WSL_SIDE_LISTENER] = NULL;
    c->link = NULL;
    link->references--; /* one of two */
    link_unref(x, link);
}

void wsl_exchange_cut(wsl_exchange *x, wsl_exchange_link *link, const char *reason)
{
    if (link->cut) {
        return;
    }
    link->cut = true;
    if (!link->connected && link->side[0] != NULL && link->side[1] != NULL) {
        undo_connect(x, link);
        wsl_exchange_connect_waiting(x);
        return;
    }
    post_gone(x, link, WSL_SIDE_CONNECTION, reason);
    post_gone(x, link, WSL_SIDE_LISTENER, reason);
}

/* ---- opening and closing ---- */

static wsl_exchange_endpoint *endpoint_new(exchange_transport *t, const char *address, const wsl_endpoint_options *o,
                                           bool listening)
{
    wsl_exchange_endpoint *e = wsl_zalloc(sizeof *e);
    e->base.transport = &t->base;
    e->transport = t;
    e->exchange = t->exchange;
    e->listening = listening;
    e->address = wsl_strdup(address);
    e->identity = o->identity != NULL ? wsl_strdup(o->identity) : NULL;
    e->high_water_mark = o->high_water_mark != 0 ? o->high_water_mark : WSL_EXCHANGE_HWM_DEFAULT;
    e->waker = o->waker;
    e->events_end = &e->events;
    if (listening) {
        e->gone = wsl_calloc(WSL_EXCHANGE_GONE_KEPT, sizeof *e->gone);
    }
    wsl_exchange_endpoint **end = &t->exchange->endpoints;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = e;
    t->endpoints++;
    return e;
}

static wsl_status exchange_listen(wsl_transport *base, const char *address, const wsl_endpoint_options *options,
                                  wsl_endpoint **out_endpoint, wsl_error *err)
{
    exchange_transport *t = (exchange_transport *)(void *)base;
    wsl_exchange *x = t->exchange;
    lock(x);
    const bool taken = find_listener(x, address) != NULL;
    if (!taken) {
        *out_endpoint = &endpoint_new(t, address, options, true)->base;
        wsl_exchange_connect_waiting(x);
    }
    unlock(x);
    return taken ? wsl_fail(err, WSL_EXISTS, "cannot listen on %s: something listens there already", address) : WSL_OK;
}

static wsl_status exchange_connect(wsl_transport *base, const char *address, const wsl_endpoint_options *options,
                                   wsl_endpoint **out_endpoint, wsl_error *err)
{
    exchange_transport *t = (exchange_transport *)(void *)base;
    if (options->identity == NULL || options->identity[0] == '\0' || strlen(options->identity) > WSL_PEER_ID_MAX) {
        return wsl_fail(err, WSL_INVALID, "a connection needs an identity of 1 to %d bytes", WSL_PEER_ID_MAX);
    }
    lock(t->exchange);
    wsl_exchange_endpoint *e = endpoint_new(t, address, options, false);
    try_to_connect(t->exchange, e);
    unlock(t->exchange);
    *out_endpoint = &e->base;
    return WSL_OK;
}

static void leave_link(wsl_exchange *x, wsl_exchange_link *link, int side)
{
    const bool referenced = side == WSL_SIDE_CONNECTION || !link->over[side];
    link->side[side] = NULL;
    link->over[side] = true;
    post_gone(x, link, !side, "the connection was closed");
    if (referenced) {
        link_unref(x, link);
    }
}

static void leave_links(wsl_exchange *x, wsl_exchange_endpoint *e)
{
    const int side = e->listening ? WSL_SIDE_LISTENER : WSL_SIDE_CONNECTION;
    wsl_exchange_link *link = x->links;
    while (link != NULL) {
        if (link->side[side] == e) {
            leave_link(x, link, side);
            link = x->links; /* the list may be shorter now */
        } else {
            link = link->next;
        }
    }
}

static void exchange_close(wsl_endpoint *base)
{
    wsl_exchange_endpoint *e = (wsl_exchange_endpoint *)(void *)base;
    wsl_exchange *x = e->exchange;
    lock(x);
    wsl_exchange_endpoint **at = &x->endpoints;
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    while (e->events != NULL) {
        wsl_exchange_event *event = e->events;
        e->events = event->next;
        wsl_exchange_drop(x, event);
    }
    link_unref(x, e->reported);
    leave_links(x, e);
    e->transport->endpoints--;
    unlock(x);
    free(e->address);
    free(e->identity);
    free(e->gone);
    free(e);
}

/* ---- sending ---- */

static void release_copy(void *arg, const uint8_t *data)
{
    (void)data;
    free(arg);
}

/* Receivers are promised 8-byte alignment. */
static void align_message(wsl_message *message)
{
    if ((uintptr_t)message->data % 8 != 0) {
        uint8_t *copy = wsl_alloc(message->size + 1);
        memcpy(copy, message->data, message->size);
        const size_t size = message->size;
        wsl_message_release(message);
        *message = (wsl_message){.data = copy, .size = size, .release = release_copy, .release_arg = copy};
    }
}

static wsl_exchange_link *link_to(wsl_exchange_endpoint *e, const char *peer)
{
    if (!e->listening) {
        return e->link;
    }
    if (e->last != NULL && strcmp(e->last->identity, peer) == 0) {
        return e->last;
    }
    for (wsl_exchange_link *link = e->exchange->links; link != NULL; link = link->next) {
        if (link->side[WSL_SIDE_LISTENER] == e && link->known && !link->over[WSL_SIDE_LISTENER] &&
            strcmp(link->identity, peer) == 0) {
            return link;
        }
    }
    return NULL;
}

static wsl_status send_locked(wsl_exchange_endpoint *e, const char *peer, wsl_message *message)
{
    const int me = e->listening ? WSL_SIDE_LISTENER : WSL_SIDE_CONNECTION;
    wsl_exchange_link *link = link_to(e, peer);
    if (link == NULL) {
        return e->listening ? WSL_UNREACHABLE : WSL_AGAIN;
    }
    if (link->over[me] || link->side[!me] == NULL) {
        return WSL_UNREACHABLE;
    }
    if (!link->connected) {
        return WSL_AGAIN;
    }
    if (link->queued[!me] >= e->high_water_mark) {
        link->refused[me] = true;
        return WSL_AGAIN;
    }
    wsl_exchange_event *event = event_new(link, !me, WSL_NET_MESSAGE);
    link->queued[!me]++;
    align_message(message);
    event->message = *message;
    *message = (wsl_message){0};
    if (link->cut) {
        wsl_exchange_drop(e->exchange, event); /* as with a broken wire: nobody knows yet */
    } else {
        e->exchange->policy->post(e->exchange, event);
    }
    return WSL_OK;
}

static wsl_status exchange_send(wsl_endpoint *base, const char *peer, wsl_message *message)
{
    wsl_exchange_endpoint *e = (wsl_exchange_endpoint *)(void *)base;
    if (message->size > WSL_MESSAGE_SIZE_MAX) {
        return WSL_TOO_LARGE;
    }
    lock(e->exchange);
    const wsl_status status = send_locked(e, peer, message);
    unlock(e->exchange);
    return status;
}

/* ---- receiving ---- */

static bool identity_is_free(const wsl_exchange_endpoint *e, const wsl_exchange_link *link)
{
    const uint64_t hash = XXH3_64bits(link->identity, strlen(link->identity));
    const uint32_t n = e->n_gone < WSL_EXCHANGE_GONE_KEPT ? e->n_gone : WSL_EXCHANGE_GONE_KEPT;
    for (uint32_t i = 0; i < n; i++) {
        if (e->gone[i] == hash) {
            return false;
        }
    }
    for (const wsl_exchange_link *l = e->exchange->links; l != NULL; l = l->next) {
        if (l != link && l->known && l->side[WSL_SIDE_LISTENER] == e && !l->over[WSL_SIDE_LISTENER] &&
            strcmp(l->identity, link->identity) == 0) {
            return false;
        }
    }
    return true;
}

/* This side will hear nothing more of the link. A connection keeps its reference until it is closed. */
static void end_side(wsl_exchange *x, wsl_exchange_endpoint *e, wsl_exchange_link *link, int side)
{
    WSL_ASSERT(!link->over[side]);
    link->over[side] = true;
    if (e->last == link) {
        e->last = NULL;
    }
    if (side == WSL_SIDE_LISTENER && link->known) {
        e->gone[e->n_gone++ % WSL_EXCHANGE_GONE_KEPT] = XXH3_64bits(link->identity, strlen(link->identity));
    }
    if (side == WSL_SIDE_LISTENER) {
        link_unref(x, link);
    }
}

/* False: the event is not for the caller's ears. */
static bool is_heard(wsl_exchange_endpoint *e, wsl_exchange_event *event)
{
    wsl_exchange_link *link = event->link;
    if (link->over[event->to]) {
        return false;
    }
    if (event->kind == WSL_NET_CONNECTED) {
        link->connected = true;
        return true;
    }
    if (event->kind == WSL_NET_GONE) {
        const bool heard = !e->listening || link->known;
        end_side(e->exchange, e, link, event->to);
        return heard;
    }
    if (e->listening && !link->known) {
        if (!identity_is_free(e, link)) {
            post_gone(e->exchange, link, WSL_SIDE_CONNECTION, "the listener refused the identity: it was used before");
            end_side(e->exchange, e, link, event->to);
            return false;
        }
        link->known = true;
    }
    return true;
}

static wsl_status receive_locked(wsl_exchange_endpoint *e, wsl_net_event *out_event)
{
    wsl_exchange *x = e->exchange;
    link_unref(x, e->reported);
    e->reported = NULL;
    while (e->events != NULL) {
        wsl_exchange_event *event = e->events;
        wsl_exchange_link *link = event->link;
        e->events = event->next;
        if (e->events == NULL) {
            e->events_end = &e->events;
        }
        const bool heard = is_heard(e, event);
        if (heard) {
            link->references++;
            e->reported = link;
            e->last = e->listening && !link->over[event->to] ? link : e->last;
            *out_event = (wsl_net_event){.kind = event->kind,
                                         .peer = e->listening ? link->identity : "",
                                         .message = event->message,
                                         .reason = event->reason};
            event->message = (wsl_message){0};
        }
        if (event->kind == WSL_NET_MESSAGE && link->refused[!event->to] && link->side[!event->to] != NULL) {
            link->refused[!event->to] = false;
            wsl_wake(&link->side[!event->to]->waker);
        }
        wsl_exchange_drop(x, event);
        if (heard) {
            return WSL_OK;
        }
    }
    return WSL_AGAIN;
}

static wsl_status exchange_receive(wsl_endpoint *base, wsl_net_event *out_event)
{
    wsl_exchange_endpoint *e = (wsl_exchange_endpoint *)(void *)base;
    lock(e->exchange);
    const wsl_status status = receive_locked(e, out_event);
    unlock(e->exchange);
    return status;
}

/* ---- transports ---- */

static int exchange_fd(wsl_endpoint *e)
{
    (void)e;
    return -1;
}

static const char *exchange_address(wsl_endpoint *e) { return ((wsl_exchange_endpoint *)(void *)e)->address; }

static void exchange_free(wsl_transport *base)
{
    exchange_transport *t = (exchange_transport *)(void *)base;
    lock(t->exchange);
    WSL_ASSERT(t->endpoints == 0);
    t->exchange->transports--;
    unlock(t->exchange);
    free(t);
}

static const wsl_transport_ops exchange_ops = {
    .listen = exchange_listen,
    .connect = exchange_connect,
    .send = exchange_send,
    .receive = exchange_receive,
    .fd = exchange_fd,
    .address = exchange_address,
    .close = exchange_close,
    .free = exchange_free,
};

wsl_transport *wsl_exchange_transport_new(wsl_exchange *x, const char *host)
{
    exchange_transport *t = wsl_zalloc(sizeof *t + strlen(host) + 1);
    t->base.ops = &exchange_ops;
    t->exchange = x;
    memcpy(t->host, host, strlen(host) + 1);
    lock(x);
    x->transports++;
    unlock(x);
    return &t->base;
}

void wsl_exchange_init(wsl_exchange *x, const wsl_exchange_policy *policy) { *x = (wsl_exchange){.policy = policy}; }

void wsl_exchange_fini(wsl_exchange *x) { WSL_ASSERT(x->transports == 0 && x->endpoints == NULL && x->links == NULL); }
