/* The network loop: what net.h promises, over ZeroMQ and over the simulated network. */
#include "net_pair.h"

#define EACH_PAIR(p)                                                                                                   \
    for (int kind_ = 0; kind_ < 2; kind_++)                                                                            \
        for (net_pair *p = pair_new(kind_ == 1); p != NULL; pair_free(p), p = NULL)

static void count_done(void *arg) { ++*(int *)arg; }

/* Takes what is there, checks that the numbers go on from *next, gives the credits back. True: END was there. */
static bool consume(tm_channel *in, int64_t *next)
{
    bool end = false;
    wsl_buffer *b;
    while ((b = tm_channel_receive(in)) != NULL) {
        for (uint32_t at = 0; at < b->used; at += wsl_buffer_row_at(b, at)->size) {
            const wsl_row *row = wsl_buffer_row_at(b, at);
            cr_assert_not(end, "a row behind the end");
            end = row->kind == WSL_KIND_END;
            if (!end) {
                cr_assert_eq(wsl_row_int64(row, 0), *next);
                ++*next;
            }
        }
        wsl_buffer_release(b);
        tm_channel_grant(in, 1);
    }
    return end;
}

static void close_all(net_pair *p, tm_channel *out, tm_channel *in)
{
    int done = 0;
    for (int i = 0; i < 2; i++) {
        tm_net_close_task(p->net[i], 0, count_done, &done);
    }
    pair_until(p, done == 2);
    tm_channel_unref(out);
    tm_channel_unref(in);
}

Test(net, rows_arrive_in_order_and_credits_come_back)
{
    EACH_PAIR(p)
    {
        enum { N = 200000, PER = 500 };
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 8, 1);
        tm_channel *in = pair_inbound(p, 1, &key, 8, 1);
        int64_t sent = 0, got = 0;
        bool end = false;
        const int64_t limit_ns = wsl_now_ns(wsl_clock_real()) + 20 * WSL_NS_PER_S;
        while (!end) {
            while (sent < N && send_rows(p, out, sent, PER, sent + PER == N)) {
                sent += PER;
            }
            pair_step(p);
            end = consume(in, &got);
            cr_assert(wsl_now_ns(wsl_clock_real()) < limit_ns, "stuck after %lld of %lld", (long long)got,
                      (long long)sent);
        }
        cr_assert_eq(got, N);
        cr_assert_eq(p->failure[0].n + p->failure[1].n, 0, "%s%s", p->failure[0].reason, p->failure[1].reason);
        cr_assert_eq(tm_net_get_stats(p->net[0]).buffers_out, N / PER);
        cr_assert_eq(tm_net_get_stats(p->net[1]).buffers_in, N / PER);
        close_all(p, out, in);
    }
}

Test(net, a_frame_carries_what_has_come_together)
{
    EACH_PAIR(p)
    {
        enum { CHANNELS = 4, BUFFERS = 4 };
        tm_channel *out[CHANNELS], *in[CHANNELS];
        for (uint32_t i = 0; i < CHANNELS; i++) {
            const tm_channel_key key = key_of(i);
            out[i] = pair_outbound(p, 0, &key, BUFFERS, 1);
            in[i] = pair_inbound(p, 1, &key, BUFFERS, 1);
        }
        for (uint32_t i = 0; i < CHANNELS; i++) {
            pair_until(p, tm_channel_credits(out[i]) == BUFFERS);
        }
        const uint64_t before = tm_net_get_stats(p->net[0]).frames_out;
        for (uint32_t i = 0; i < CHANNELS; i++) {
            for (int k = 0; k < BUFFERS; k++) {
                cr_assert(send_rows(p, out[i], k, 1, false));
            }
        }
        for (uint32_t i = 0; i < CHANNELS; i++) {
            pair_until(p, tm_channel_queued(in[i]) == BUFFERS);
        }
        cr_assert_eq(tm_net_get_stats(p->net[0]).frames_out, before + 1, "sixteen buffers fit into one frame");
        int done = 0;
        tm_net_close_task(p->net[0], 0, count_done, &done);
        tm_net_close_task(p->net[1], 0, count_done, &done);
        pair_until(p, done == 2);
        for (uint32_t i = 0; i < CHANNELS; i++) {
            tm_channel_unref(out[i]);
            tm_channel_unref(in[i]);
        }
    }
}

Test(net, credits_go_back_in_half_windows)
{
    EACH_PAIR(p)
    {
        enum { WINDOW = 16, N = 640 };
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, WINDOW, 1);
        tm_channel *in = pair_inbound(p, 1, &key, WINDOW, 1);
        pair_until(p, tm_channel_credits(out) == WINDOW);
        const uint64_t before = tm_net_get_stats(p->net[1]).frames_out;
        int64_t got = 0;
        for (int64_t i = 0; i < N; i++) {
            pair_until(p, send_rows(p, out, i, 1, false));
            pair_until(p, (consume(in, &got), got == i + 1));
        }
        const uint64_t frames = tm_net_get_stats(p->net[1]).frames_out - before;
        cr_assert_leq(frames, N / (WINDOW / 2) + 2, "%llu frames with credits for %d buffers",
                      (unsigned long long)frames, N);
        close_all(p, out, in);
    }
}

Test(net, credits_for_full_buffers_go_back_at_once)
{
    EACH_PAIR(p)
    {
        enum { WINDOW = 16, N = 100, ROWS_OF_MOST = 600 };
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, WINDOW, 1);
        tm_channel *in = pair_inbound(p, 1, &key, WINDOW, 1);
        pair_until(p, tm_channel_credits(out) == WINDOW);
        int64_t got = 0;
        for (int64_t i = 0; i < N; i++) {
            cr_assert(send_rows(p, out, got, ROWS_OF_MOST, false));
            pair_until(p, (consume(in, &got), got == (i + 1) * ROWS_OF_MOST));
            pair_until(p, tm_channel_credits(out) == WINDOW);
        }
        close_all(p, out, in);
    }
}

Test(net, the_task_may_come_long_after_the_peer_has_opened)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 4, 1);
        pair_steps(p, 30);
        cr_assert_eq(tm_channel_credits(out), 0);
        tm_channel *in = pair_inbound(p, 1, &key, 4, 1);
        pair_until(p, tm_channel_credits(out) == 4);
        close_all(p, out, in);
    }
}

Test(net, a_row_larger_than_a_buffer_or_a_frame_passes)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 8, 1);
        tm_channel *in = pair_inbound(p, 1, &key, 8, 1);
        pair_until(p, tm_channel_credits(out) == 8);
        const uint32_t sizes[] = {BUFFER_SIZE + 8, 200 << 10, 1 << 20, 5 << 20};
        for (size_t i = 0; i < 4; i++) {
            cr_assert(send_rows(p, out, (int64_t)i, 1, false)); /* a small one before each */
            wsl_buffer *b = wsl_buffer_new_large(sizes[i]);
            wsl_row_writer w;
            char *text = wsl_alloc(sizes[i]);
            memset(text, 'x', sizes[i]);
            cr_assert(wsl_row_writer_init(&w, b->data, b->capacity, 1));
            wsl_row_set_bytes(&w, 0, text, sizes[i] - 64);
            cr_assert_not(w.overflow);
            b->used = w.row->size;
            tm_channel_send(out, b);
            free(text);
        }
        pair_until(p, tm_channel_queued(in) == 8);
        for (size_t i = 0; i < 4; i++) {
            wsl_buffer_release(tm_channel_receive(in));
            wsl_buffer *b = tm_channel_receive(in);
            const wsl_str s = wsl_row_str(wsl_buffer_row_at(b, 0), 0);
            cr_assert_eq(s.size, sizes[i] - 64);
            cr_assert_eq(s.data[s.size - 1], 'x');
            wsl_buffer_release(b);
        }
        close_all(p, out, in);
    }
}

Test(net, a_task_that_ended_is_closed_when_everything_has_arrived)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 8, 1);
        pair_steps(p, 5);
        int done = 0;
        tm_channel *in = pair_inbound(p, 1, &key, 8, 1);
        pair_until(p, tm_channel_credits(out) == 8);
        for (int i = 0; i < 8; i++) {
            cr_assert(send_rows(p, out, i * 100, 100, i == 7));
        }
        tm_channel_unref(out);
        tm_net_close_task(p->net[0], 1, count_done, &done);
        (void)tm_net_step(p->net[0]);
        cr_assert_eq(done, 0, "nothing has arrived yet");
        pair_until(p, done == 1);
        int64_t got = 0;
        cr_assert(consume(in, &got), "all of it was there when the producer was told");
        cr_assert_eq(got, 800);
        cr_assert_eq(p->failure[0].n + p->failure[1].n, 0);
        tm_net_close_task(p->net[1], 1, count_done, &done);
        pair_until(p, done == 2);
        tm_channel_unref(in);
    }
}

Test(net, a_consumer_that_is_gone_does_not_hold_up_a_task_that_ended)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 8, 1);
        tm_channel *in = pair_inbound(p, 1, &key, 8, 1);
        pair_until(p, tm_channel_credits(out) == 8);
        int done = 0;
        tm_net_close_task(p->net[1], 1, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(in);
        cr_assert(send_rows(p, out, 0, 10, true));
        tm_net_close_task(p->net[0], 1, count_done, &done);
        pair_until(p, done == 2);
        tm_channel_unref(out);
        cr_assert_eq(p->failure[0].n + p->failure[1].n, 0, "%s%s", p->failure[0].reason, p->failure[1].reason);
    }
}

Test(net, a_canceled_task_is_closed_at_once_and_the_other_side_is_not_alarmed)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(7);
        tm_channel *out = pair_outbound(p, 0, &key, 8, 1);
        tm_channel *in = pair_inbound(p, 1, &key, 8, 1);
        pair_until(p, tm_channel_credits(out) == 8);
        for (int i = 0; i < 8; i++) {
            cr_assert(send_rows(p, out, i, 1, false));
        }
        int done = 0;
        tm_net_close_task(p->net[0], 1, count_done, &done);
        (void)tm_net_step(p->net[0]);
        cr_assert_eq(done, 1);
        tm_channel_unref(out);
        pair_steps(p, 30);
        tm_net_close_task(p->net[1], 1, count_done, &done);
        pair_until(p, done == 2);
        tm_channel_unref(in);
        pair_steps(p, 30);
        cr_assert_eq(p->failure[0].n + p->failure[1].n, 0, "%s%s", p->failure[0].reason, p->failure[1].reason);
        cr_assert_eq(wsl_buffer_pool_available(p->pool[0]), POOL_BUFFERS, "all buffers are home");
        cr_assert_eq(wsl_buffer_pool_available(p->pool[1]), POOL_BUFFERS);
    }
}

Test(net, only_the_channels_of_the_closed_task_are_closed)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key_1 = key_of(1), key_2 = key_of(2);
        tm_channel *out_1 = pair_outbound(p, 0, &key_1, 4, 1), *out_2 = pair_outbound(p, 0, &key_2, 4, 2);
        tm_channel *in_1 = pair_inbound(p, 1, &key_1, 4, 1), *in_2 = pair_inbound(p, 1, &key_2, 4, 2);
        pair_until(p, tm_channel_credits(out_1) == 4 && tm_channel_credits(out_2) == 4);
        int done = 0;
        tm_net_close_task(p->net[0], 1, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(out_1);
        cr_assert(send_rows(p, out_2, 0, 10, false));
        pair_until(p, tm_channel_queued(in_2) == 1);
        tm_net_close_task(p->net[1], 1, count_done, &done);
        pair_until(p, done == 2);
        tm_channel_unref(in_1);
        close_all(p, out_2, in_2);
    }
}

Test(net, a_new_attempt_goes_through_the_same_connection)
{
    EACH_PAIR(p)
    {
        for (uint32_t attempt = 1; attempt <= 5; attempt++) {
            tm_channel_key key = key_of(7);
            key.attempt = attempt;
            tm_channel *out = pair_outbound(p, 0, &key, 4, attempt);
            tm_channel *in = pair_inbound(p, 1, &key, 4, attempt);
            pair_until(p, tm_channel_credits(out) == 4);
            int64_t got = 0;
            cr_assert(send_rows(p, out, 0, 10, false));
            pair_until(p, (consume(in, &got), got == 10));
            close_all(p, out, in);
        }
        cr_assert_eq(p->failure[0].n + p->failure[1].n, 0);
    }
}

Test(net, a_lost_peer_fails_every_channel_once_on_both_sides)
{
    EACH_PAIR(p)
    {
        const tm_channel_key there = key_of(1), back = key_of(2);
        tm_channel *out = pair_outbound(p, 0, &there, 4, 1);
        tm_channel *in = pair_inbound(p, 1, &there, 4, 1);
        tm_channel *back_out = pair_outbound(p, 1, &back, 4, 1);
        tm_channel *back_in = pair_inbound(p, 0, &back, 4, 1);
        pair_until(p, tm_channel_credits(out) == 4 && tm_channel_credits(back_out) == 4);
        tm_net_free(p->net[1]); /* as if the process were killed */
        p->net[1] = NULL;
        pair_until(p, p->failure[0].n == 2);
        cr_assert(has_text(p->failure[0].reason, "lost the connection"), "%s", p->failure[0].reason);
        pair_steps(p, 30);
        cr_assert_eq(p->failure[0].n, 2, "once for each channel");
        int done = 0;
        tm_net_close_task(p->net[0], 0, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(out);
        tm_channel_unref(in);
        tm_channel_unref(back_out);
        tm_channel_unref(back_in);
    }
}

Test(net, a_peer_lost_after_the_end_of_input_is_no_failure)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(1);
        tm_channel *out = pair_outbound(p, 0, &key, 4, 1);
        tm_channel *in = pair_inbound(p, 1, &key, 4, 1);
        pair_until(p, tm_channel_credits(out) == 4);
        cr_assert(send_rows(p, out, 0, 3, true));
        pair_until(p, tm_channel_queued(in) == 1);
        tm_net_free(p->net[0]);
        p->net[0] = NULL;
        pair_steps(p, 30);
        cr_assert_eq(p->failure[1].n, 0, "%s", p->failure[1].reason);
        int64_t got = 0;
        cr_assert(consume(in, &got));
        int done = 0;
        tm_net_close_task(p->net[1], 1, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(out);
        tm_channel_unref(in);
    }
}

Test(net, a_channel_that_nobody_opens_fails_after_the_open_timeout)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(1);
        tm_channel *out = pair_outbound(p, 0, &key, 4, 1);
        pair_until(p, p->failure[0].n == 1);
        cr_assert(has_text(p->failure[0].reason, "did not open the channel within 2000 ms"), "%s",
                  p->failure[0].reason);
        cr_assert_not(p->failure[0].inbound);
        cr_assert_eq(p->failure[0].key.to, 1);
        int done = 0;
        tm_net_close_task(p->net[0], 1, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(out);
    }
}

Test(net, an_address_where_nobody_listens_fails_after_the_open_timeout)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(1);
        tm_channel *out = tm_channel_new(&key, 4);
        tm_net_open_outbound(p->net[0], out, p->simulated ? "sim://nobody" : "ipc:///tmp/wsl-net-nobody.sock", 1);
        pair_until(p, p->failure[0].n == 1);
        cr_assert(has_text(p->failure[0].reason, "cannot connect"), "%s", p->failure[0].reason);
        int done = 0;
        tm_net_close_task(p->net[0], 1, count_done, &done);
        pair_until(p, done == 1);
        tm_channel_unref(out);
    }
}

Test(net, a_channel_opened_by_the_wrong_taskmanager_fails_on_both_sides)
{
    EACH_PAIR(p)
    {
        const tm_channel_key key = key_of(1);
        tm_channel *out = pair_outbound(p, 0, &key, 4, 1);
        tm_channel *in = tm_channel_new(&key, 4);
        tm_net_open_inbound(p->net[1], in, p->pool[1], "tm-9/xyz", 1);
        pair_until(p, p->failure[0].n == 1 && p->failure[1].n == 1);
        cr_assert(has_text(p->failure[1].reason, "tm-9/xyz"), "%s", p->failure[1].reason);
        cr_assert(has_text(p->failure[0].reason, "reports"), "%s", p->failure[0].reason);
        close_all(p, out, in);
    }
}

Test(net, idle_connections_are_closed_and_made_again)
{
    net_pair *p = pair_new(true);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        tm_channel_key key = key_of(7);
        key.attempt = attempt;
        tm_channel *out = pair_outbound(p, 0, &key, 4, attempt);
        tm_channel *in = pair_inbound(p, 1, &key, 4, attempt);
        pair_until(p, tm_channel_credits(out) == 4);
        close_all(p, out, in);
        wsl_manual_clock_advance(&p->clock, (int64_t)(TM_NET_IDLE_MS + 1) * WSL_NS_PER_MS);
        pair_steps(p, 100);
        cr_assert_eq(wsl_sim_network_get_stats(p->sim).connections, attempt);
    }
    cr_assert_eq(p->failure[0].n + p->failure[1].n, 0);
    pair_free(p);
}
