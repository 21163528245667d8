/* What only the simulated network does. The rules all transports share are in test_transport.c. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/transport_sim.h"

typedef struct net {
    wsl_manual_clock clock;
    wsl_sim_network *sim;
    wsl_transport *a, *b;
    wsl_endpoint *listener, *connection;
} net;

static void net_open(net *n, const wsl_sim_options *options)
{
    wsl_error err = {0};
    wsl_manual_clock_init(&n->clock, 0);
    n->sim = wsl_sim_network_new(&n->clock.clock, options);
    n->a = wsl_transport_sim_new(n->sim, "a");
    n->b = wsl_transport_sim_new(n->sim, "b");
    cr_assert_eq(n->b->ops->listen(n->b, "sim://x", &(wsl_endpoint_options){0}, &n->listener, &err), WSL_OK);
    cr_assert_eq(n->a->ops->connect(n->a, "sim://x", &(wsl_endpoint_options){.identity = "me"}, &n->connection, &err),
                 WSL_OK);
}

static void net_close(net *n)
{
    wsl_endpoint_close(n->listener);
    wsl_endpoint_close(n->connection);
    wsl_transport_free(n->a);
    wsl_transport_free(n->b);
    wsl_sim_network_free(n->sim);
}

/* To the next event; false: there is none. */
static bool step(net *n)
{
    const int64_t next_ns = wsl_sim_network_next_ns(n->sim);
    if (next_ns == WSL_NEVER) {
        return false;
    }
    const int64_t now_ns = wsl_now_ns(&n->clock.clock);
    wsl_manual_clock_advance(&n->clock, next_ns > now_ns ? next_ns - now_ns : 0);
    cr_assert_gt(wsl_sim_network_deliver(n->sim), 0);
    return true;
}

static bool receive(net *n, wsl_endpoint *e, wsl_net_event *out)
{
    while (wsl_endpoint_receive(e, out) != WSL_OK) {
        if (!step(n)) {
            return false;
        }
    }
    return true;
}

static void send_number(wsl_endpoint *e, const char *peer, const uint64_t *number)
{
    wsl_message m = {.data = (const uint8_t *)number, .size = sizeof *number};
    cr_assert_eq(wsl_endpoint_send(e, peer, &m), WSL_OK);
}

static const wsl_sim_options slow = {.seed = 1, .delay_min_ns = 1000, .delay_max_ns = 2000};

Test(transport_sim, nothing_arrives_before_its_time)
{
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    cr_assert_eq(wsl_endpoint_receive(n.connection, &event), WSL_AGAIN);
    const int64_t next_ns = wsl_sim_network_next_ns(n.sim);
    cr_assert(next_ns >= 1000 && next_ns <= 2000);
    wsl_manual_clock_advance(&n.clock, next_ns - 1);
    cr_assert_eq(wsl_sim_network_deliver(n.sim), 0);
    wsl_manual_clock_advance(&n.clock, 1);
    cr_assert_eq(wsl_sim_network_deliver(n.sim), 1);
    cr_assert_eq(wsl_endpoint_receive(n.connection, &event), WSL_OK);
    cr_assert_eq(event.kind, WSL_NET_CONNECTED);
    net_close(&n);
}

static uint64_t trace_of(uint64_t seed, uint32_t *out_lost)
{
    net n;
    wsl_net_event event;
    const wsl_sim_options o = {.seed = seed,
                               .delay_min_ns = 1000,
                               .delay_max_ns = 500000,
                               .slow_per_million = 100000,
                               .slow_max_ns = 50000000,
                               .cut_per_million = 2000,
                               .cuts_max = 1,
                               .notice_max_ns = 3000000};
    net_open(&n, &o);
    cr_assert(receive(&n, n.connection, &event));
    static const uint64_t zero;
    uint64_t got = 0;
    wsl_status status = WSL_OK;
    for (uint64_t i = 0; i < 500 && status == WSL_OK; i++) {
        wsl_message m = {.data = (const uint8_t *)&zero, .size = sizeof zero};
        status = wsl_endpoint_send(n.connection, NULL, &m);
        while (wsl_endpoint_receive(n.listener, &event) == WSL_OK) {
            got += event.kind == WSL_NET_MESSAGE;
            wsl_message_release(&event.message);
        }
        step(&n);
    }
    while (step(&n)) {
    }
    *out_lost = (uint32_t)wsl_sim_network_get_stats(n.sim).lost;
    const uint64_t trace = wsl_sim_network_trace(n.sim);
    net_close(&n);
    return trace;
}

Test(transport_sim, the_same_seed_gives_the_same_trace)
{
    uint32_t lost, lost_again, with_losses = 0;
    uint64_t last = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const uint64_t first = trace_of(seed, &lost);
        cr_assert_eq(first, trace_of(seed, &lost_again), "seed %llu", (unsigned long long)seed);
        cr_assert_eq(lost, lost_again);
        cr_assert_neq(first, last, "other seeds give other traces");
        last = first;
        with_losses += lost > 0;
    }
    cr_assert_gt(with_losses, 5, "cuts lose what is under way");
}

Test(transport_sim, a_direction_stays_in_order_however_long_messages_take)
{
    net n;
    const wsl_sim_options o = {
        .seed = 5, .delay_max_ns = 100000000, .slow_per_million = 500000, .slow_max_ns = 1000000000};
    net_open(&n, &o);
    wsl_net_event event;
    cr_assert(receive(&n, n.connection, &event));
    uint64_t numbers[200];
    for (uint64_t i = 0; i < 200; i++) {
        numbers[i] = i;
        send_number(n.connection, NULL, &numbers[i]);
    }
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t number;
        cr_assert(receive(&n, n.listener, &event));
        memcpy(&number, event.message.data, sizeof number);
        cr_assert_eq(number, i);
        wsl_message_release(&event.message);
    }
    net_close(&n);
}

Test(transport_sim, a_cut_is_heard_by_both_and_loses_what_is_under_way)
{
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    static const uint64_t number = 42;
    cr_assert(receive(&n, n.connection, &event));
    send_number(n.connection, NULL, &number);
    cr_assert(receive(&n, n.listener, &event));
    send_number(n.connection, NULL, &number);
    cr_assert_eq(wsl_sim_network_cut(n.sim, NULL, "a"), 1);
    cr_assert_eq(wsl_sim_network_cut(n.sim, NULL, NULL), 0, "it is cut already");
    send_number(n.connection, NULL, &number); /* nobody has noticed yet */
    cr_assert(receive(&n, n.listener, &event));
    cr_assert_eq(event.kind, WSL_NET_GONE);
    cr_assert(receive(&n, n.connection, &event));
    cr_assert_eq(event.kind, WSL_NET_GONE);
    cr_assert_not(receive(&n, n.listener, &event));
    cr_assert_eq(wsl_sim_network_get_stats(n.sim).lost, 1);
    net_close(&n);
}

Test(transport_sim, a_cut_while_a_connection_is_being_made_ends)
{
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    cr_assert_eq(wsl_sim_network_cut(n.sim, "a", NULL), 1);
    cr_assert(receive(&n, n.connection, &event));
    cr_assert_eq(event.kind, WSL_NET_CONNECTED, "it was made again");
    net_close(&n);
}

Test(transport_sim, what_the_dead_had_sent_arrives_and_what_they_send_does_not)
{
    static const uint64_t last_words = 1, from_beyond = 2;
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    cr_assert(receive(&n, n.connection, &event));
    send_number(n.connection, NULL, &last_words);
    wsl_sim_network_dead(n.sim, "a", true);
    send_number(n.connection, NULL, &from_beyond);
    cr_assert(receive(&n, n.listener, &event));
    cr_assert_eq(event.kind, WSL_NET_MESSAGE);
    cr_assert_eq(*(const uint64_t *)(const void *)event.message.data, last_words);
    wsl_message_release(&event.message);
    cr_assert_not(receive(&n, n.listener, &event));
    wsl_sim_network_dead(n.sim, "a", false);
    send_number(n.connection, NULL, &from_beyond);
    cr_assert(receive(&n, n.listener, &event));
    wsl_message_release(&event.message);
    net_close(&n);
}

Test(transport_sim, hosts_that_are_parted_meet_again)
{
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    wsl_sim_network_part(n.sim, "b", "a", true); /* while the connection is being made */
    cr_assert_not(receive(&n, n.connection, &event));
    wsl_sim_network_part(n.sim, "a", "b", false);
    cr_assert(receive(&n, n.connection, &event));
    cr_assert_eq(event.kind, WSL_NET_CONNECTED);
    wsl_sim_network_part(n.sim, "a", "b", true);
    cr_assert(receive(&n, n.connection, &event));
    cr_assert_eq(event.kind, WSL_NET_GONE);
    wsl_sim_network_part(n.sim, "a", "b", false);
    cr_assert_not(receive(&n, n.connection, &event), "what is gone stays gone");
    net_close(&n);
}

Test(transport_sim, what_is_under_way_is_released_with_the_network)
{
    net n;
    net_open(&n, &slow);
    wsl_net_event event;
    cr_assert(receive(&n, n.connection, &event));
    static const uint64_t number = 42;
    for (int i = 0; i < 10; i++) {
        send_number(n.connection, NULL, &number);
    }
    net_close(&n); /* the address sanitizer looks for leaks */
}
