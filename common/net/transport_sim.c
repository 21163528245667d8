/*
 * transport_sim - see transport_sim.h.
 *
 * Events under way are a binary heap by (time, order of posting): equal times keep their order, so nothing depends on
 * addresses or on the heap's shape. A direction's last arrival time is the earliest time of its next event, which keeps
 * each connection in order. Events of a broken connection are dropped when they come up, but for the GONE of each end.
 */
#include "net/transport_sim.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/rng.h"
#include "net/exchange.h"

typedef struct sim_part {
    char *a, *b;
    struct sim_part *next;
} sim_part;

typedef struct sim_dead {
    char *host;
    struct sim_dead *next;
} sim_dead;

struct wsl_sim_network {
    wsl_exchange exchange; /* first */
    wsl_clock *clock;
    wsl_sim_options options;
    wsl_rng rng;
    wsl_exchange_event **heap;
    uint32_t n, capacity;
    uint64_t order;
    uint64_t trace;
    sim_part *parts;
    sim_dead *dead;
    wsl_sim_stats stats;
};

/* ---- heap ---- */

static bool is_before(const wsl_exchange_event *a, const wsl_exchange_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(wsl_sim_network *net, wsl_exchange_event *event)
{
    if (net->n == net->capacity) {
        net->capacity = net->capacity == 0 ? 64 : 2 * net->capacity;
        net->heap = wsl_realloc(net->heap, net->capacity * sizeof(wsl_exchange_event *));
    }
    uint32_t i = net->n++;
    while (i > 0 && is_before(event, net->heap[(i - 1) / 2])) {
        net->heap[i] = net->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    net->heap[i] = event;
}

static wsl_exchange_event *heap_pop(wsl_sim_network *net)
{
    wsl_exchange_event *top = net->heap[0];
    wsl_exchange_event *last = net->heap[--net->n];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < net->n; i = child) {
        if (child + 1 < net->n && is_before(net->heap[child + 1], net->heap[child])) {
            child++;
        }
        if (!is_before(net->heap[child], last)) {
            break;
        }
        net->heap[i] = net->heap[child];
    }
    net->heap[i] = last;
    return top;
}

/* ---- chance ---- */

static int64_t between(wsl_sim_network *net, int64_t min_ns, int64_t max_ns)
{
    return max_ns <= min_ns ? min_ns : min_ns + (int64_t)wsl_rng_below(&net->rng, (uint64_t)(max_ns - min_ns) + 1);
}

static bool chance(wsl_sim_network *net, uint32_t per_million)
{
    return per_million > 0 && wsl_rng_below(&net->rng, 1000000) < per_million;
}

static int64_t delay_of(wsl_sim_network *net, const wsl_exchange_event *event)
{
    const wsl_sim_options *o = &net->options;
    if (event->kind == WSL_NET_GONE && event->link->cut) {
        return between(net, o->notice_min_ns, o->notice_max_ns);
    }
    int64_t delay_ns = between(net, o->delay_min_ns, o->delay_max_ns);
    if (chance(net, o->slow_per_million)) {
        delay_ns += between(net, 0, o->slow_max_ns);
    }
    return delay_ns;
}

static void maybe_cut(wsl_sim_network *net, wsl_exchange_link *link)
{
    if (net->stats.cuts < net->options.cuts_max && chance(net, net->options.cut_per_million)) {
        net->stats.cuts++;
        wsl_exchange_cut(&net->exchange, link, "the connection was lost");
    }
}

/* ---- policy ---- */

static bool is_dead(const wsl_sim_network *net, const char *host)
{
    const sim_dead *d = net->dead;
    while (d != NULL && strcmp(d->host, host) != 0) {
        d = d->next;
    }
    return d != NULL;
}

static void sim_post(wsl_exchange *x, wsl_exchange_event *event)
{
    wsl_sim_network *net = (wsl_sim_network *)(void *)x;
    wsl_exchange_link *link = event->link;
    if (event->kind == WSL_NET_MESSAGE && net->dead != NULL && is_dead(net, link->host[!event->to])) {
        wsl_exchange_drop(x, event);
        return;
    }
    int64_t at_ns = wsl_now_ns(net->clock) + delay_of(net, event);
    if (at_ns < link->last_ns[event->to]) {
        at_ns = link->last_ns[event->to];
    }
    link->last_ns[event->to] = at_ns;
    event->at_ns = at_ns;
    event->order = net->order++;
    heap_push(net, event);
    if (event->kind == WSL_NET_MESSAGE) {
        maybe_cut(net, link);
    }
}

static bool is_part(const sim_part *p, const char *a, const char *b)
{
    return (strcmp(p->a, a) == 0 && strcmp(p->b, b) == 0) || (strcmp(p->a, b) == 0 && strcmp(p->b, a) == 0);
}

static bool sim_reachable(wsl_exchange *x, const char *host_a, const char *host_b)
{
    for (const sim_part *p = ((wsl_sim_network *)(void *)x)->parts; p != NULL; p = p->next) {
        if (is_part(p, host_a, host_b)) {
            return false;
        }
    }
    return true;
}

static const wsl_exchange_policy sim_policy = {.post = sim_post, .reachable = sim_reachable};

/* ---- the network ---- */

wsl_sim_network *wsl_sim_network_new(wsl_clock *clock, const wsl_sim_options *options)
{
    wsl_sim_network *net = wsl_zalloc(sizeof *net);
    wsl_exchange_init(&net->exchange, &sim_policy);
    net->clock = clock;
    net->options = *options;
    wsl_rng_seed(&net->rng, options->seed);
    return net;
}

static void free_garbage(wsl_exchange *x)
{
    while (x->garbage != NULL) {
        wsl_exchange_event *event = x->garbage;
        x->garbage = event->next;
        wsl_message_release(&event->message);
        free(event);
    }
}

void wsl_sim_network_free(wsl_sim_network *net)
{
    if (net == NULL) {
        return;
    }
    while (net->n > 0) {
        wsl_exchange_drop(&net->exchange, heap_pop(net));
    }
    free_garbage(&net->exchange);
    wsl_exchange_fini(&net->exchange);
    while (net->parts != NULL) {
        sim_part *p = net->parts;
        net->parts = p->next;
        free(p->a);
        free(p->b);
        free(p);
    }
    while (net->dead != NULL) {
        wsl_sim_network_dead(net, net->dead->host, false);
    }
    free(net->heap);
    free(net);
}

wsl_transport *wsl_transport_sim_new(wsl_sim_network *net, const char *host)
{
    return wsl_exchange_transport_new(&net->exchange, host);
}

int64_t wsl_sim_network_next_ns(const wsl_sim_network *net) { return net->n > 0 ? net->heap[0]->at_ns : WSL_NEVER; }

static void trace(wsl_sim_network *net, const wsl_exchange_event *event, bool lost)
{
    const uint64_t what[] = {
        net->trace,          (uint64_t)event->at_ns,
        event->link->id,     (uint64_t)event->to << 32 | (uint64_t)event->kind << 1 | lost,
        event->message.size, event->message.size > 0 ? XXH3_64bits(event->message.data, event->message.size) : 0,
    };
    net->trace = XXH3_64bits(what, sizeof what);
}

uint32_t wsl_sim_network_deliver(wsl_sim_network *net)
{
    const int64_t now_ns = wsl_now_ns(net->clock);
    uint32_t n = 0;
    for (; net->n > 0 && net->heap[0]->at_ns <= now_ns; n++) {
        wsl_exchange_event *event = heap_pop(net);
        const bool lost = event->link->cut && event->kind != WSL_NET_GONE;
        trace(net, event, lost);
        net->stats.connections += event->kind == WSL_NET_CONNECTED;
        net->stats.messages += event->kind == WSL_NET_MESSAGE;
        net->stats.bytes += event->message.size;
        net->stats.lost += lost;
        if (lost) {
            wsl_exchange_drop(&net->exchange, event);
        } else {
            wsl_exchange_deliver(&net->exchange, event);
        }
    }
    free_garbage(&net->exchange);
    return n;
}

static bool is_between(const wsl_exchange_link *link, int side, const char *a, const char *b)
{
    return (a == NULL || strcmp(link->host[side], a) == 0) && (b == NULL || strcmp(link->host[!side], b) == 0);
}

uint32_t wsl_sim_network_cut(wsl_sim_network *net, const char *host_a, const char *host_b)
{
    const uint64_t last = net->exchange.n_links; /* one that was just being made is made again, as a new one */
    uint32_t n = 0;
    wsl_exchange_link *next;
    for (wsl_exchange_link *link = net->exchange.links; link != NULL; link = next) {
        next = link->next;
        if (link->id <= last && !link->cut && link->side[0] != NULL && link->side[1] != NULL &&
            (is_between(link, 0, host_a, host_b) || is_between(link, 1, host_a, host_b))) {
            net->stats.cuts++;
            wsl_exchange_cut(&net->exchange, link, "the connection was lost");
            n++;
        }
    }
    return n;
}

void wsl_sim_network_part(wsl_sim_network *net, const char *host_a, const char *host_b, bool apart)
{
    sim_part **at = &net->parts;
    while (*at != NULL && !is_part(*at, host_a, host_b)) {
        at = &(*at)->next;
    }
    if (apart && *at == NULL) {
        *at = wsl_zalloc(sizeof **at);
        (*at)->a = wsl_strdup(host_a);
        (*at)->b = wsl_strdup(host_b);
        (void)wsl_sim_network_cut(net, host_a, host_b); /* connections that were just being made wait again */
    } else if (!apart && *at != NULL) {
        sim_part *p = *at;
        *at = p->next;
        free(p->a);
        free(p->b);
        free(p);
        wsl_exchange_connect_waiting(&net->exchange);
    }
}

void wsl_sim_network_set_cuts(wsl_sim_network *net, uint32_t cut_per_million, uint32_t cuts_max)
{
    net->options.cut_per_million = cut_per_million;
    net->options.cuts_max = cuts_max;
}

void wsl_sim_network_dead(wsl_sim_network *net, const char *host, bool dead)
{
    sim_dead **at = &net->dead;
    while (*at != NULL && strcmp((*at)->host, host) != 0) {
        at = &(*at)->next;
    }
    if (dead && *at == NULL) {
        *at = wsl_zalloc(sizeof **at);
        (*at)->host = wsl_strdup(host);
    } else if (!dead && *at != NULL) {
        sim_dead *d = *at;
        *at = d->next;
        free(d->host);
        free(d);
    }
}

uint64_t wsl_sim_network_trace(const wsl_sim_network *net) { return net->trace; }
wsl_sim_stats wsl_sim_network_get_stats(const wsl_sim_network *net) { return net->stats; }
