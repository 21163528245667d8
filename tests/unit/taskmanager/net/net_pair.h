/*
 * net_pair - two network loops and the ends that tasks would hold, stepped by the test itself. For test files alone.
 *
 *     producer (the test) --out--> net a ==transport==> net b --in--> consumer (the test)
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "net/frame.h"
#include "net/transport_sim.h"
#include "taskmanager/net/buffer_pool.h"
#include "taskmanager/net/net.h"

enum { BUFFER_SIZE = 32 << 10, POOL_BUFFERS = 64 };

typedef struct failure_note {
    uint32_t n;
    bool inbound;
    tm_channel_key key;
    char peer[256];
    char reason[1024];
} failure_note;

typedef struct net_pair {
    bool simulated;
    wsl_manual_clock clock;
    wsl_sim_network *sim;
    wsl_transport *transport[2];
    tm_net *net[2];
    failure_note failure[2];
    wsl_buffer_region *region;
    wsl_buffer_pool *pool[2]; /* of the producing, of the consuming task */
    wsl_mailbox inbox;        /* of both tasks; nobody reads what it says */
} net_pair;

static inline void on_pair_failure(void *arg, const tm_channel_key *key, bool inbound, const char *peer,
                                   const char *reason)
{
    failure_note *f = arg;
    f->n++;
    f->inbound = inbound;
    f->key = *key;
    snprintf(f->peer, sizeof f->peer, "%s", peer);
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static inline void pair_open_net(net_pair *p, int i, const char *address)
{
    wsl_error err = {0};
    char identity[32];
    snprintf(identity, sizeof identity, "tm-%d/abc", i);
    const wsl_seams seams = {.clock = p->simulated ? &p->clock.clock : wsl_clock_real(), .transport = p->transport[i]};
    const tm_net_options options = {.listen_address = address,
                                    .identity = identity,
                                    .open_timeout_ms = 2000,
                                    .drain_timeout_ms = 1000,
                                    .buffer_size = BUFFER_SIZE,
                                    .on_failure = on_pair_failure,
                                    .on_failure_arg = &p->failure[i]};
    cr_assert_eq(tm_net_new(&seams, &options, &p->net[i], &err), WSL_OK, "%s", err.text);
}

static inline net_pair *pair_new(bool simulated)
{
    net_pair *p = wsl_zalloc(sizeof *p);
    wsl_error err = {0};
    p->simulated = simulated;
    wsl_manual_clock_init(&p->clock, 0);
    wsl_mailbox_init(&p->inbox, (wsl_waker){0});
    if (simulated) {
        p->sim = wsl_sim_network_new(
            &p->clock.clock,
            &(wsl_sim_options){.seed = 3, .delay_min_ns = 1000, .delay_max_ns = 500000, .notice_max_ns = 1000000});
        p->transport[0] = wsl_transport_sim_new(p->sim, "host-0");
        p->transport[1] = wsl_transport_sim_new(p->sim, "host-1");
    } else {
        cr_assert_eq(wsl_transport_zmq_new(&p->transport[0], &err), WSL_OK);
        cr_assert_eq(wsl_transport_zmq_new(&p->transport[1], &err), WSL_OK);
    }
    for (int i = 0; i < 2; i++) {
        char address[128];
        if (simulated) {
            snprintf(address, sizeof address, "sim://data-%d", i);
        } else {
            snprintf(address, sizeof address, "ipc:///tmp/wsl-net-%d-%d.sock", getpid(), i);
        }
        pair_open_net(p, i, address);
        cr_assert_eq(wsl_buffer_region_new(2 * POOL_BUFFERS * BUFFER_SIZE, BUFFER_SIZE, &p->region, &err), WSL_OK);
        if (i == 0) {
            wsl_buffer_region_free(p->region);
        }
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(wsl_buffer_pool_new(p->region, POOL_BUFFERS, &p->pool[i], &err), WSL_OK);
    }
    return p;
}

/* One step of both, and of time. */
static inline void pair_step(net_pair *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->net[i] != NULL) {
            (void)tm_net_step(p->net[i]);
        }
    }
    if (p->simulated) {
        wsl_manual_clock_advance(&p->clock, 100000);
        wsl_sim_network_deliver(p->sim);
    }
    for (wsl_letter *l = wsl_mailbox_take_all(&p->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
}

/* Steps until `condition` holds; real time is limited. */
#define pair_until(p, condition)                                                                                       \
    do {                                                                                                               \
        const int64_t end_ns_ = wsl_now_ns(wsl_clock_real()) + 20 * WSL_NS_PER_S;                                      \
        while (!(condition)) {                                                                                         \
            pair_step(p);                                                                                              \
            cr_assert(wsl_now_ns(wsl_clock_real()) < end_ns_, "this never came true: " #condition);                    \
        }                                                                                                              \
    } while (0)

static inline void pair_steps(net_pair *p, int n)
{
    const int64_t end_ns = wsl_now_ns(wsl_clock_real()) + (p->simulated ? 0 : 50 * WSL_NS_PER_MS);
    for (int i = 0; i < n || wsl_now_ns(wsl_clock_real()) < end_ns; i++) {
        pair_step(p);
    }
}

static inline void pair_free(net_pair *p)
{
    for (int i = 0; i < 2; i++) {
        tm_net_free(p->net[i]);
        wsl_transport_free(p->transport[i]);
    }
    for (wsl_letter *l = wsl_mailbox_take_all(&p->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
    wsl_buffer_pool_free(p->pool[0]);
    wsl_buffer_pool_free(p->pool[1]);
    wsl_buffer_region_free(p->region);
    wsl_sim_network_free(p->sim);
    free(p);
}

/* ---- channels as tasks see them ---- */

static inline tm_channel_key key_of(uint32_t to)
{
    return (tm_channel_key){.job = 0x1122334455667788, .attempt = 1, .edge = 5, .from = 2, .to = to};
}

static inline tm_channel *pair_outbound(net_pair *p, int from, const tm_channel_key *key, uint32_t credits,
                                        uint64_t task)
{
    tm_channel *ch = tm_channel_new(key, credits);
    tm_channel_bind_producer(ch, &p->inbox);
    tm_net_open_outbound(p->net[from], ch, tm_net_address(p->net[!from]), task);
    return ch;
}

static inline tm_channel *pair_inbound(net_pair *p, int at, const tm_channel_key *key, uint32_t credits, uint64_t task)
{
    tm_channel *ch = tm_channel_new(key, credits);
    tm_channel_bind_consumer(ch, &p->inbox);
    tm_channel_grant(ch, credits);
    char identity[32];
    snprintf(identity, sizeof identity, "tm-%d/abc", !at);
    tm_net_open_inbound(p->net[at], ch, p->pool[1], identity, task);
    return ch;
}

/* Rows of one slot with the numbers from `first` on. */
static inline void fill_rows(wsl_buffer *b, int64_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        wsl_row_writer w;
        cr_assert(wsl_row_writer_init(&w, b->data + b->used, b->capacity - b->used, 1));
        wsl_row_set_int64(&w, 0, first + i);
        b->used += w.row->size;
    }
}

static inline void add_end(wsl_buffer *b)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, b->data + b->used, b->capacity - b->used, 0));
    w.row->kind = WSL_KIND_END;
    b->used += w.row->size;
}

static inline bool send_rows(net_pair *p, tm_channel *out, int64_t first, uint32_t n, bool end)
{
    if (tm_channel_credits(out) == 0) {
        return false;
    }
    wsl_buffer *b = wsl_buffer_pool_take(p->pool[0]);
    if (b == NULL) {
        return false;
    }
    fill_rows(b, first, n);
    if (end) {
        add_end(b);
    }
    tm_channel_send(out, b);
    return true;
}
