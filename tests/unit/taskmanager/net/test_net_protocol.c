/* The network loop against a peer that breaks the rules: each breach is reported once, in words, and harms only itself.
 */
#include "net_pair.h"

typedef struct rogue {
    net_pair *p;
    wsl_endpoint *e;    /* to the listener of net 1, or a listener that net 0 connects to */
    char net_peer[160]; /* listener: who connected */
    tm_channel *ch;
    _Alignas(8) uint8_t memory[4096];
    wsl_frame_writer w;
    wsl_frame_section last; /* the last section of that kind that came back */
    uint8_t reason[WSL_FRAME_REASON_MAX + 1];
} rogue;

static tm_channel_key key_1;

/* A producer that net 1 takes for TaskManager tm-0/abc, and the consumer's channel. */
static rogue *rogue_producer(uint32_t credits)
{
    rogue *r = wsl_zalloc(sizeof *r);
    wsl_error err = {0};
    r->p = pair_new(true);
    key_1 = key_of(1);
    wsl_transport *t = r->p->transport[0];
    cr_assert_eq(t->ops->connect(t, tm_net_address(r->p->net[1]), &(wsl_endpoint_options){.identity = "tm-0/abc#99"},
                                 &r->e, &err),
                 WSL_OK);
    if (credits > 0) {
        r->ch = pair_inbound(r->p, 1, &key_1, credits, 1);
    }
    pair_steps(r->p, 30);
    wsl_net_event event;
    cr_assert(wsl_endpoint_receive(r->e, &event) == WSL_OK && event.kind == WSL_NET_CONNECTED);
    wsl_frame_writer_init(&r->w, r->memory, sizeof r->memory);
    return r;
}

static void send_frame(rogue *r)
{
    wsl_message m = {.data = r->memory, .size = wsl_frame_finish(&r->w)};
    uint8_t *copy = wsl_memdup(m.data, m.size);
    m.data = copy;
    cr_assert_eq(wsl_endpoint_send(r->e, r->net_peer, &m), WSL_OK);
    pair_steps(r->p, 30);
    free(copy);
    wsl_frame_writer_init(&r->w, r->memory, sizeof r->memory);
}

static void add_open(rogue *r, uint32_t number, const char *identity)
{
    const wsl_frame_open open = {.job = key_1.job, .edge = key_1.edge, .from = key_1.from, .to = key_1.to};
    cr_assert(wsl_frame_add_open(&r->w, number, key_1.attempt, &open, identity));
}

static void add_row(rogue *r, uint32_t number, uint32_t attempt, uint32_t sequence)
{
    _Alignas(8) uint8_t row[24] = {24};
    cr_assert(wsl_frame_add_data(&r->w, number, attempt, sequence, 0, row, sizeof row));
}

/* Reads all that came back; true if there was a section of that kind (kept in r->last). */
static bool came_back(rogue *r, wsl_frame_kind kind)
{
    bool found = false;
    wsl_net_event event;
    while (wsl_endpoint_receive(r->e, &event) == WSL_OK) {
        if (event.kind != WSL_NET_MESSAGE) {
            continue;
        }
        snprintf(r->net_peer, sizeof r->net_peer, "%s", event.peer);
        wsl_frame_reader reader;
        wsl_frame_section s;
        cr_assert_eq(wsl_frame_reader_init(&reader, event.message.data, event.message.size, NULL), WSL_OK);
        while (wsl_frame_next(&reader, &s, NULL) == WSL_OK) {
            if (s.kind == kind) {
                found = true;
                r->last = s;
                memcpy(r->reason, s.payload, s.length < sizeof r->reason ? s.length : sizeof r->reason - 1);
            }
        }
        wsl_message_release(&event.message);
    }
    return found;
}

static void rogue_free(rogue *r)
{
    tm_net_close_task(r->p->net[0], 0, NULL, NULL);
    tm_net_close_task(r->p->net[1], 0, NULL, NULL);
    pair_steps(r->p, 30);
    wsl_endpoint_close(r->e);
    tm_channel_unref(r->ch);
    pair_free(r->p);
    free(r);
}

static void expect_failure(rogue *r, int net, const char *says)
{
    cr_assert_eq(r->p->failure[net].n, 1, "%u failures; %s", r->p->failure[net].n, r->p->failure[net].reason);
    cr_assert(has_text(r->p->failure[net].reason, says), "%s", r->p->failure[net].reason);
    cr_assert_eq(r->p->failure[net].key.to, 1);
}

Test(net_protocol, a_well_behaved_producer_is_heard)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_CREDIT));
    cr_assert_eq(r->last.value, 4);
    add_row(r, 1, 1, 0);
    add_row(r, 1, 1, 1);
    send_frame(r);
    cr_assert_eq(tm_channel_queued(r->ch), 2);
    cr_assert_eq(r->p->failure[1].n, 0);
    rogue_free(r);
}

Test(net_protocol, a_gap_fails_the_channel_on_both_sides)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    add_row(r, 1, 1, 0);
    add_row(r, 1, 1, 2);
    add_row(r, 1, 1, 3);
    send_frame(r);
    expect_failure(r, 1, "data is missing on the way from TaskManager tm-0/abc: expected buffer 1, got 2");
    cr_assert(r->p->failure[1].inbound);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert(has_text((const char *)r->reason, "expected buffer 1"), "%s", r->reason);
    cr_assert_eq(tm_channel_queued(r->ch), 1, "nothing behind the gap");
    rogue_free(r);
}

Test(net_protocol, a_buffer_twice_fails_the_channel)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    add_row(r, 1, 1, 0);
    send_frame(r); /* without waiting for credit: not allowed either, but granted meanwhile is not known to us */
    expect_failure(r, 1, "without credit");
    rogue_free(r);
}

Test(net_protocol, more_buffers_than_credits_fail_the_channel)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    for (uint32_t i = 0; i < 5; i++) {
        add_row(r, 1, 1, i);
    }
    send_frame(r);
    expect_failure(r, 1, "buffer 4 without credit");
    cr_assert_eq(tm_channel_queued(r->ch), 4);
    rogue_free(r);
}

Test(net_protocol, a_stale_attempt_fails_the_channel)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    add_row(r, 1, 9, 0);
    send_frame(r);
    expect_failure(r, 1, "attempt 9 on a channel of attempt 1");
    rogue_free(r);
}

Test(net_protocol, broken_rows_fail_the_channel)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    _Alignas(8) const uint8_t row[24] = {32};
    cr_assert(wsl_frame_add_data(&r->w, 1, 1, 0, 0, row, sizeof row));
    send_frame(r);
    expect_failure(r, 1, "whole rows");
    rogue_free(r);
}

Test(net_protocol, data_behind_the_end_is_not_delivered)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    _Alignas(8) const uint8_t end[24] = {24, 0, 0, 0, WSL_KIND_END};
    cr_assert(wsl_frame_add_data(&r->w, 1, 1, 0, 0, end, sizeof end));
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_CLOSE));
    cr_assert_eq(r->last.value, WSL_FRAME_CLOSE_ENDED);
    add_row(r, 1, 1, 1);
    send_frame(r);
    cr_assert_eq(tm_channel_queued(r->ch), 1);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert_eq(r->p->failure[1].n, 0, "the task has all it needs");
    rogue_free(r);
}

Test(net_protocol, a_wrong_checksum_fails_all_channels_of_the_peer_and_it_is_not_heard_again)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    add_row(r, 1, 1, 0);
    const uint32_t size = wsl_frame_finish(&r->w);
    r->memory[size - 1] ^= 1;
    wsl_message m = {.data = r->memory, .size = size};
    cr_assert_eq(wsl_endpoint_send(r->e, NULL, &m), WSL_OK);
    pair_steps(r->p, 30);
    expect_failure(r, 1, "wrong checksum");
    r->memory[size - 1] ^= 1;
    m = (wsl_message){.data = r->memory, .size = size};
    cr_assert_eq(wsl_endpoint_send(r->e, NULL, &m), WSL_OK);
    pair_steps(r->p, 30);
    cr_assert_eq(tm_channel_queued(r->ch), 0);
    cr_assert_eq(r->p->failure[1].n, 1);
    rogue_free(r);
}

Test(net_protocol, data_on_a_number_that_was_never_opened_is_answered)
{
    rogue *r = rogue_producer(4);
    add_row(r, 77, 1, 0);
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert_eq(r->last.channel, 77);
    cr_assert(has_text((const char *)r->reason, "never opened"), "%s", r->reason);
    cr_assert_eq(r->p->failure[1].n, 0);
    rogue_free(r);
}

Test(net_protocol, data_before_the_task_is_there_is_refused)
{
    rogue *r = rogue_producer(0);
    add_open(r, 1, "tm-0/abc");
    add_row(r, 1, 1, 0);
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert(has_text((const char *)r->reason, "before the channel was accepted"), "%s", r->reason);
    rogue_free(r);
}

Test(net_protocol, an_identity_that_is_not_the_connections_is_refused)
{
    rogue *r = rogue_producer(4);
    add_open(r, 1, "tm-7/abc");
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    add_open(r, 2, "tm-0/abc");
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_CREDIT), "the right one is still welcome");
    rogue_free(r);
}

Test(net_protocol, a_channel_is_opened_once)
{
    rogue *r = rogue_producer(0);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    add_open(r, 2, "tm-0/abc");
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert(r->last.channel == 2 && has_text((const char *)r->reason, "opened twice"), "%s", r->reason);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert_eq(r->last.channel, 1);
    rogue_free(r);
}

Test(net_protocol, an_open_that_no_task_claims_is_refused_in_the_end)
{
    rogue *r = rogue_producer(0);
    add_open(r, 1, "tm-0/abc");
    send_frame(r);
    cr_assert_not(came_back(r, WSL_FRAME_FAIL));
    wsl_manual_clock_advance(&r->p->clock, 10 * WSL_NS_PER_S);
    pair_steps(r->p, 30);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    cr_assert(has_text((const char *)r->reason, "no task waits"), "%s", r->reason);
    rogue_free(r);
}

/* ---- a consumer that breaks the rules ---- */

/* A listener in the place of TaskManager 1 and the producer's channel on net 0, opened. */
static rogue *rogue_consumer(uint32_t ring)
{
    rogue *r = wsl_zalloc(sizeof *r);
    wsl_error err = {0};
    r->p = pair_new(true);
    key_1 = key_of(1);
    wsl_transport *t = r->p->transport[1];
    cr_assert_eq(t->ops->listen(t, "sim://rogue", &(wsl_endpoint_options){0}, &r->e, &err), WSL_OK);
    r->ch = tm_channel_new(&key_1, ring);
    tm_channel_bind_producer(r->ch, &r->p->inbox);
    tm_net_open_outbound(r->p->net[0], r->ch, "sim://rogue", 1);
    pair_steps(r->p, 60);
    cr_assert(came_back(r, WSL_FRAME_OPEN));
    cr_assert(r->last.open.edge == key_1.edge && r->last.open.identity_size == strlen("tm-0/abc"));
    wsl_frame_writer_init(&r->w, r->memory, sizeof r->memory);
    return r;
}

Test(net_protocol, more_credits_than_the_channel_holds_fail_it)
{
    rogue *r = rogue_consumer(4);
    cr_assert(wsl_frame_add_credit(&r->w, r->last.channel, 1, 3));
    send_frame(r);
    cr_assert_eq(tm_channel_credits(r->ch), 3);
    cr_assert(wsl_frame_add_credit(&r->w, r->last.channel, 1, 2));
    send_frame(r);
    expect_failure(r, 0, "more credits than the channel holds");
    cr_assert_not(r->p->failure[0].inbound);
    cr_assert_eq(tm_channel_credits(r->ch), 3);
    cr_assert(came_back(r, WSL_FRAME_FAIL));
    rogue_free(r);
}

Test(net_protocol, credits_that_would_wrap_fail_the_channel)
{
    rogue *r = rogue_consumer(4);
    cr_assert(wsl_frame_add_credit(&r->w, r->last.channel, 1, 2));
    cr_assert(wsl_frame_add_credit(&r->w, r->last.channel, 1, UINT32_MAX));
    send_frame(r);
    expect_failure(r, 0, "more credits");
    rogue_free(r);
}

Test(net_protocol, an_answer_for_another_attempt_fails_the_channel)
{
    rogue *r = rogue_consumer(4);
    cr_assert(wsl_frame_add_credit(&r->w, r->last.channel, 5, 1));
    send_frame(r);
    expect_failure(r, 0, "another attempt");
    rogue_free(r);
}

Test(net_protocol, credits_for_an_unknown_number_are_ignored)
{
    rogue *r = rogue_consumer(4);
    cr_assert(wsl_frame_add_credit(&r->w, 1234, 1, 1));
    send_frame(r);
    cr_assert_eq(r->p->failure[0].n, 0);
    cr_assert_eq(tm_channel_credits(r->ch), 0);
    rogue_free(r);
}

Test(net_protocol, bytes_that_are_no_frame_end_the_connection)
{
    rogue *r = rogue_consumer(4);
    wsl_message m = {.data = (const uint8_t *)"HTTP/1.1 200 OK\r\n\r\n.....", .size = 24};
    cr_assert_eq(wsl_endpoint_send(r->e, r->net_peer, &m), WSL_OK);
    pair_steps(r->p, 60);
    expect_failure(r, 0, "does not begin like a frame");
    wsl_net_event event;
    cr_assert(wsl_endpoint_receive(r->e, &event) == WSL_OK && event.kind == WSL_NET_GONE);
    rogue_free(r);
}

Test(net_protocol, a_failure_that_the_consumer_reports_reaches_the_producer_in_its_words)
{
    rogue *r = rogue_consumer(4);
    cr_assert(wsl_frame_add_fail(&r->w, r->last.channel, 1, "out of paper"));
    send_frame(r);
    expect_failure(r, 0, "out of paper");
    cr_assert(wsl_frame_add_fail(&r->w, r->last.channel, 1, "out of ink"));
    send_frame(r);
    cr_assert_eq(r->p->failure[0].n, 1, "once");
    rogue_free(r);
}

/* Random sections with a right checksum: nothing crashes, nothing leaks, the rest goes on. */
Test(net_protocol, random_sections_do_no_harm)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 77);
    for (int round = 0; round < 60; round++) {
        rogue *r = rogue_producer(4);
        for (int frame = 0; frame < 20; frame++) {
            const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, 4);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t number = 1 + (uint32_t)wsl_rng_below(&rng, 3);
                const uint32_t attempt = wsl_rng_below(&rng, 8) == 0 ? 2 : 1;
                switch (wsl_rng_below(&rng, 5)) {
                case 0:
                    add_open(r, number, wsl_rng_below(&rng, 4) == 0 ? "tm-3/x" : "tm-0/abc");
                    break;
                case 1:
                    cr_assert(wsl_frame_add_credit(&r->w, number, attempt, 1 + (uint32_t)wsl_rng_below(&rng, 3)));
                    break;
                case 2:
                    cr_assert(wsl_frame_add_close(&r->w, number, attempt, 1 + (wsl_frame_close)wsl_rng_below(&rng, 2)));
                    break;
                case 3:
                    cr_assert(wsl_frame_add_fail(&r->w, number, attempt, "because"));
                    break;
                default:
                    add_row(r, number, attempt, (uint32_t)wsl_rng_below(&rng, 3));
                    break;
                }
            }
            send_frame(r);
        }
        cr_assert_leq(r->p->failure[1].n, 1);
        rogue_free(r);
    }
}
