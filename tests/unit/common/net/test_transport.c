/* What transport.h promises, over every transport. */
#include "transport_worlds.h"

#include <stdatomic.h>

#define EACH_WORLD(w)                                                                                                  \
    for (int kind_ = 0; kind_ < WORLDS; kind_++)                                                                       \
        for (world *w = world_new((world_kind)kind_); w != NULL; world_free(w), w = NULL)

Test(transport, messages_go_both_ways_after_connected)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "hello");
        world_expect_message(w, l, "peer-1", "hello");
        world_send(l, "peer-1", "welcome");
        world_expect_message(w, c, "", "welcome");
    }
}

Test(transport, send_before_connected_says_again_and_leaves_the_message)
{
    EACH_WORLD(w)
    {
        snprintf(w->address, sizeof w->address, "%s",
                 w->kind == WORLD_TCP   ? "tcp://127.0.0.1:1"
                 : w->kind == WORLD_IPC ? "ipc:///tmp/wsl-nobody.sock"
                 : w->kind == WORLD_LOCAL || w->kind == WORLD_POLLED ? "unix:///tmp/wsl-nobody.sock"
                                                                     : "x://y");
        wsl_endpoint *c = world_connect(w, "peer-1");
        wsl_message m = text_message("early");
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_AGAIN);
        cr_assert_eq(m.size, 6);
        world_expect_silence(w, c);
    }
}

Test(transport, a_connection_waits_for_its_listener)
{
    EACH_WORLD(w)
    {
        const int reserved = world_reserve_address(w);
        wsl_endpoint *c = world_connect(w, "early-bird");
        world_expect_silence(w, c);
        wsl_endpoint *l = world_listen(w);
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "still here");
        world_expect_message(w, l, "early-bird", "still here");
        world_unreserve(reserved);
    }
}

static void free_data(void *arg, const uint8_t *data)
{
    (void)arg;
    free((void *)(uintptr_t)data);
}

static size_t numbered_size(uint32_t i) { return (1 + (i * 7919) % 5000) * sizeof(uint32_t); }

static uint8_t *numbered_new(uint32_t i)
{
    uint32_t *words = wsl_alloc(numbered_size(i));
    for (uint32_t k = 0; k < numbered_size(i) / sizeof(uint32_t); k++) {
        words[k] = i * 31 + k;
    }
    return (uint8_t *)words;
}

Test(transport, messages_of_a_connection_arrive_whole_and_in_order)
{
    EACH_WORLD(w)
    {
        enum { N = 500 };
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        for (uint32_t i = 0; i < N; i++) {
            wsl_message m = {.size = numbered_size(i), .data = numbered_new(i), .release = free_data};
            cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
        }
        for (uint32_t i = 0; i < N; i++) {
            wsl_net_event event = world_expect(w, l, WSL_NET_MESSAGE);
            uint8_t *expected = numbered_new(i);
            cr_assert_eq(event.message.size, numbered_size(i), "message %u of world %d", i, w->kind);
            cr_assert_eq((uintptr_t)event.message.data % 8, 0);
            cr_assert_eq(memcmp(event.message.data, expected, event.message.size), 0);
            wsl_message_release(&event.message);
            free(expected);
        }
    }
}

static void count_release(void *arg, const uint8_t *data)
{
    atomic_fetch_add((_Atomic(int) *)arg, 1);
    free((void *)(uintptr_t)data);
}

Test(transport, large_messages_pass_and_are_released_once)
{
    EACH_WORLD(w)
    {
        static _Atomic(int) released;
        released = 0;
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        const size_t size = 20 << 20;
        uint8_t *data = wsl_alloc(size);
        memset(data, 0xA5, size);
        data[size - 1] = 0x5A;
        wsl_message m = {.data = data, .size = size, .release = count_release, .release_arg = &released};
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
        wsl_net_event event = world_expect(w, l, WSL_NET_MESSAGE);
        cr_assert_eq(event.message.size, size);
        cr_assert(event.message.data[0] == 0xA5 && event.message.data[size - 1] == 0x5A);
        wsl_message_release(&event.message);
        wsl_endpoint *again = c;
        world_close(w, again);
        world_close(w, l);
        wsl_transport_free(w->a);
        w->a = NULL;
        cr_assert_eq(released, 1, "world %d", w->kind);
    }
}

Test(transport, a_message_beyond_the_maximum_is_refused_and_stays_the_callers)
{
    EACH_WORLD(w)
    {
        world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        const uint8_t byte = 0;
        wsl_message m = {.data = &byte, .size = (size_t)WSL_MESSAGE_SIZE_MAX + 1};
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_TOO_LARGE);
        cr_assert_eq(m.data, &byte);
    }
}

Test(transport, received_messages_can_be_held_while_others_come)
{
    EACH_WORLD(w)
    {
        enum { N = 40 };
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        static char big[9000];
        wsl_message held[N];
        for (int i = 0; i < N; i++) {
            memset(big, 'a' + i % 26, sizeof big);
            wsl_message m = {.data = (const uint8_t *)big, .size = i % 2 ? sizeof big : 10};
            uint8_t *copy = wsl_memdup(m.data, m.size);
            m.data = copy;
            static _Atomic(int) released;
            m.release = count_release;
            m.release_arg = &released;
            cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
        }
        for (int i = 0; i < N; i++) {
            held[i] = world_expect(w, l, WSL_NET_MESSAGE).message;
        }
        world_close(w, l); /* held messages outlive their endpoint */
        for (int i = 0; i < N; i++) {
            cr_assert_eq(held[i].size, i % 2 ? sizeof big : 10);
            cr_assert(held[i].data[0] == 'a' + i % 26 && held[i].data[held[i].size - 1] == 'a' + i % 26);
            wsl_message_release(&held[i]);
        }
    }
}

Test(transport, the_listener_hears_once_that_a_peer_is_gone)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "hello");
        world_expect_message(w, l, "peer-1", "hello");
        world_close(w, c);
        wsl_net_event event = world_expect(w, l, WSL_NET_GONE);
        cr_assert_str_eq(event.peer, "peer-1");
        cr_assert_not_null(event.reason);
        world_expect_silence(w, l);
        wsl_message m = text_message("too late");
        cr_assert_eq(wsl_endpoint_send(l, "peer-1", &m), WSL_UNREACHABLE);
    }
}

Test(transport, the_connection_hears_once_that_the_listener_is_gone)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "hello");
        world_expect_message(w, l, "peer-1", "hello");
        world_close(w, l);
        cr_assert_not_null(world_expect(w, c, WSL_NET_GONE).reason);
        world_expect_silence(w, c);
        wsl_message m = text_message("too late");
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_UNREACHABLE);
    }
}

Test(transport, a_connection_is_not_resumed_when_the_listener_comes_back)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_close(w, l);
        world_expect(w, c, WSL_NET_GONE);
        l = world_listen(w); /* the same address */
        wsl_message m = text_message("me again");
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_UNREACHABLE);
        world_expect_silence(w, c);
        world_expect_silence(w, l);
    }
}

Test(transport, an_identity_that_is_gone_is_never_heard_again)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "first life");
        world_expect_message(w, l, "peer-1", "first life");
        world_close(w, c);
        world_expect(w, l, WSL_NET_GONE);

        c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "second life");
        world_expect_silence(w, l);

        wsl_endpoint *other = world_connect(w, "peer-2");
        world_expect(w, other, WSL_NET_CONNECTED);
        world_send(other, NULL, "someone else");
        world_expect_message(w, l, "peer-2", "someone else");
    }
}

Test(transport, an_identity_in_use_cannot_be_taken)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "original");
        world_expect_message(w, l, "peer-1", "original");
        wsl_endpoint *thief = world_connect(w, "peer-1");
        world_expect(w, thief, WSL_NET_CONNECTED);
        world_send(thief, NULL, "forged");
        world_expect_silence(w, l);
        world_send(c, NULL, "still me");
        world_expect_message(w, l, "peer-1", "still me");
    }
}

Test(transport, what_was_sent_before_a_close_comes_before_gone)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect_with(w, &(wsl_endpoint_options){.identity = "peer-1", .linger_ms = 2000});
        world_expect(w, c, WSL_NET_CONNECTED);
        for (int i = 0; i < 100; i++) {
            world_send(c, NULL, "last words");
        }
        world_close(w, c);
        for (int i = 0; i < 100; i++) {
            world_expect_message(w, l, "peer-1", "last words");
        }
        world_expect(w, l, WSL_NET_GONE);
        world_expect_silence(w, l);
    }
}

Test(transport, peers_are_told_apart)
{
    EACH_WORLD(w)
    {
        enum { N = 20 };
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c[N];
        char name[N][24];
        for (int i = 0; i < N; i++) {
            snprintf(name[i], sizeof name[i], "peer-%d", i);
            c[i] = world_connect(w, name[i]);
            world_expect(w, c[i], WSL_NET_CONNECTED);
            world_send(c[i], NULL, name[i]);
            world_expect_message(w, l, name[i], name[i]);
        }
        for (int i = 0; i < N; i++) {
            world_send(l, name[i], name[i]);
        }
        for (int i = N; i-- > 0;) {
            world_expect_message(w, c[i], "", name[i]);
        }
        for (int i = 0; i < N; i += 2) {
            world_close(w, c[i]);
            cr_assert_str_eq(world_expect(w, l, WSL_NET_GONE).peer, name[i]);
        }
        for (int i = 1; i < N; i += 2) {
            world_send(l, name[i], "you stay");
            world_expect_message(w, c[i], "", "you stay");
        }
    }
}

Test(transport, an_unknown_peer_is_unreachable)
{
    EACH_WORLD(w)
    {
        wsl_endpoint *l = world_listen(w);
        wsl_message m = text_message("anybody?");
        cr_assert_eq(wsl_endpoint_send(l, "nobody", &m), WSL_UNREACHABLE);
        cr_assert_eq(m.size, 9);
    }
}

Test(transport, send_says_again_at_the_high_water_mark_and_works_when_the_peer_has_read)
{
    EACH_WORLD(w)
    {
        const wsl_endpoint_options few = {.identity = "peer-1", .high_water_mark = 4};
        wsl_endpoint *l = world_listen_with(w, &few);
        wsl_endpoint *c = world_connect_with(w, &few);
        world_expect(w, c, WSL_NET_CONNECTED);
        static uint8_t block[1 << 20];
        uint32_t sent = 0;
        wsl_status status = WSL_OK;
        while (status == WSL_OK && sent < 5000) {
            wsl_message m = {.data = block, .size = sizeof block};
            block[0] = (uint8_t)sent;
            uint8_t *copy = wsl_memdup(block, sizeof block);
            static _Atomic(int) released;
            m = (wsl_message){.data = copy, .size = sizeof block, .release = count_release, .release_arg = &released};
            status = wsl_endpoint_send(c, NULL, &m);
            if (status == WSL_OK) {
                sent++;
            } else {
                cr_assert_eq(m.data, copy, "a refused message stays the caller's");
                free(copy);
            }
        }
        cr_assert_eq(status, WSL_AGAIN, "world %d", w->kind);
        cr_assert_lt(sent, 200);
        for (uint32_t i = 0; i < sent; i++) {
            wsl_net_event event = world_expect(w, l, WSL_NET_MESSAGE);
            cr_assert_eq(event.message.data[0], (uint8_t)i);
            wsl_message_release(&event.message);
        }
        wsl_net_event none;
        for (int i = 0; i < 100 && status == WSL_AGAIN; i++) {
            world_wait(w, c, SHORT_MS);
            cr_assert_eq(wsl_endpoint_receive(c, &none), WSL_AGAIN);
            wsl_message m = text_message("more");
            status = wsl_endpoint_send(c, NULL, &m);
        }
        cr_assert_eq(status, WSL_OK);
        world_expect_message(w, l, "peer-1", "more");
    }
}

/* Each side sends while it receives, and sleeps on its descriptor only: a lost wake-up would end it. */
Test(transport, no_wake_up_is_lost_when_both_sides_send)
{
    EACH_WORLD(w)
    {
        enum { N = 3000 };
        wsl_endpoint *l = world_listen(w);
        wsl_endpoint *c = world_connect(w, "peer-1");
        world_expect(w, c, WSL_NET_CONNECTED);
        world_send(c, NULL, "begin");
        world_expect_message(w, l, "peer-1", "begin");
        int got_l = 0, got_c = 0, sent_l = 0, sent_c = 0;
        while (got_l < N || got_c < N) {
            for (int i = 0; i < 3 && sent_c < N; i++, sent_c++) {
                world_send(c, NULL, "ping");
            }
            for (int i = 0; i < 2 && sent_l < N; i++, sent_l++) {
                world_send(l, "peer-1", "pong");
            }
            wsl_net_event event;
            wsl_endpoint *waiting = got_l < sent_c ? l : c;
            cr_assert(world_next(w, waiting, &event, LONG_MS), "a wake-up was lost: %d %d of %d %d (world %d)", got_l,
                      got_c, sent_c, sent_l, w->kind);
            do {
                *(waiting == l ? &got_l : &got_c) += 1;
                wsl_message_release(&event.message);
            } while (wsl_endpoint_receive(waiting, &event) == WSL_OK);
        }
        cr_assert_eq(got_l, N);
        cr_assert_eq(got_c, N);
    }
}

Test(transport, an_address_in_use_is_refused_with_a_sentence)
{
    EACH_WORLD(w)
    {
        world_listen(w);
        wsl_error err = {0};
        wsl_endpoint *second = NULL;
        cr_assert_eq(w->a->ops->listen(w->a, w->address, &(wsl_endpoint_options){0}, &second, &err), WSL_EXISTS);
        cr_assert(has_text(err.text, w->address), "%s", err.text);
        cr_assert(has_text(err.text, "listens there"), "%s", err.text);
        cr_assert_null(second);
    }
}

Test(transport, a_connection_without_a_usable_identity_is_refused)
{
    EACH_WORLD(w)
    {
        wsl_error err = {0};
        wsl_endpoint *e = NULL;
        char long_name[WSL_PEER_ID_MAX + 2];
        memset(long_name, 'x', sizeof long_name - 1);
        long_name[sizeof long_name - 1] = '\0';
        const char *address = w->kind == WORLD_TCP ? "tcp://127.0.0.1:9" : w->address;
        cr_assert_eq(w->a->ops->connect(w->a, address, &(wsl_endpoint_options){.identity = ""}, &e, &err), WSL_INVALID);
        cr_assert_eq(w->a->ops->connect(w->a, address, &(wsl_endpoint_options){.identity = long_name}, &e, &err),
                     WSL_INVALID);
        cr_assert(has_text(err.text, "identity"), "%s", err.text);
    }
}
