#include "connector_fixture.h"

#include "base/sock_mem.h"

WSL_ROW(line, (string, text));

typedef struct stage {
    world w;
    wsl_mem_dialer peer;
    source s;
    wsl_error err;
} stage;

static void begin(stage *t, const char *const *options)
{
    *t = (stage){0};
    world_init(&t->w);
    wsl_mem_dialer_init(&t->peer);
    source_init(&t->s, &t->w, &wsl_socket_source, &line_schema, options);
    t->s.ctx.dialer = &t->peer.dialer;
    source_open(&t->s);
}

static void end(stage *t)
{
    source_fini(&t->s);
    cr_assert_eq(t->peer.n_open, 0);
    wsl_mem_dialer_fini(&t->peer);
    world_fini(&t->w);
}

static wsl_status run(stage *t) { return source_run(&t->s, &t->err); }

Test(socket_source, emits_lines_as_they_come_and_ends_with_the_peer)
{
    stage t;
    begin(&t, OPTIONS("port=9999"));
    t.peer.steps_to_connect = 3;
    for (int i = 0; i < 4; i++) {
        t.s.wake_at_ns = WSL_NEVER;
        cr_assert_eq(run(&t), WSL_AGAIN);
        cr_assert_neq(t.s.wake_at_ns, WSL_NEVER, "without a descriptor it asks to be woken");
    }
    wsl_mem_dialer_send(&t.peer, "big data\r\nbig", 13);
    cr_assert_eq(run(&t), WSL_AGAIN);
    cr_assert_str_eq(t.s.log.data, "{text=big data}\n");
    wsl_mem_dialer_send(&t.peer, " stream\n\nlast", 13);
    wsl_mem_dialer_hang_up(&t.peer);
    cr_assert_eq(run(&t), WSL_END);
    cr_assert_str_eq(t.s.log.data, "{text=big data}\n{text=big stream}\n{text=}\n{text=last}\n");
    cr_assert_eq(t.peer.n_connects, 1);
    end(&t);
}

Test(socket_source, pieces_of_any_size_make_the_same_lines)
{
    for (size_t piece = 1; piece < 12; piece++) {
        stage t;
        begin(&t, OPTIONS("port=9999"));
        t.peer.max_read = piece;
        wsl_mem_dialer_send(&t.peer, "one\ntwo \xC3\xA9\nthree\n", 17);
        wsl_mem_dialer_hang_up(&t.peer);
        cr_assert_eq(run(&t), WSL_END);
        cr_assert_str_eq(t.s.log.data, "{text=one}\n{text=two \xC3\xA9}\n{text=three}\n");
        end(&t);
    }
}

Test(socket_source, only_subtask_0_connects)
{
    stage t;
    begin(&t, OPTIONS("port=9999"));
    t.s.ctx.subtask = 1;
    t.s.ctx.parallelism = 2;
    cr_assert_eq(run(&t), WSL_END);
    cr_assert_eq(t.peer.n_connects, 0);
    end(&t);
}

Test(socket_source, nobody_there_is_one_clear_sentence)
{
    stage t;
    begin(&t, OPTIONS("port=9999", "host=127.0.0.1"));
    t.peer.refuse = true;
    cr_assert_eq(run(&t), WSL_UNREACHABLE);
    cr_assert(has_text(t.err.text, "127.0.0.1:9999") && has_text(t.err.text, "nc -lk 9999"), "%s", t.err.text);
    end(&t);
}

Test(socket_source, retries_as_often_as_allowed_and_anew_after_data)
{
    stage t;
    begin(&t, OPTIONS("port=9999", "max-retries=2", "retry-interval=1s"));
    t.peer.refuse = true;
    cr_assert_eq(run(&t), WSL_AGAIN);
    cr_assert_eq(t.s.wake_at_ns, wsl_now_ns(&t.w.clock.clock) + WSL_NS_PER_S);
    cr_assert_eq(run(&t), WSL_AGAIN);
    cr_assert_eq(t.peer.n_connects, 1, "not before its time");
    t.peer.refuse = false;
    wsl_manual_clock_advance(&t.w.clock, WSL_NS_PER_S);
    wsl_mem_dialer_send(&t.peer, "a\n", 2);
    wsl_mem_dialer_hang_up(&t.peer);
    cr_assert_eq(run(&t), WSL_AGAIN, "the peer closed, but there are retries");
    cr_assert_eq(t.peer.n_connects, 2);
    for (int i = 0; i < 2; i++) {
        wsl_manual_clock_advance(&t.w.clock, WSL_NS_PER_S);
        cr_assert_eq(run(&t), i == 0 ? WSL_AGAIN : WSL_END, "two more without data");
    }
    cr_assert_eq(t.peer.n_connects, 4);
    cr_assert_str_eq(t.s.log.data, "{text=a}\n");
    end(&t);
}

Test(socket_source, a_broken_connection_fails_after_what_came)
{
    stage t;
    begin(&t, OPTIONS("port=9999"));
    wsl_mem_dialer_send(&t.peer, "a\nb", 3);
    t.peer.broken = true;
    cr_assert_eq(run(&t), WSL_IO);
    cr_assert(has_text(t.err.text, ":9999"), "%s", t.err.text);
    cr_assert_str_eq(t.s.log.data, "{text=a}\n");
    end(&t);
}

Test(socket_source, a_line_without_end_takes_no_more_than_its_maximum)
{
    stage t;
    begin(&t, OPTIONS("port=9999", "max-line=64kb"));
    char *text = (char *)wsl_alloc(4 << 20);
    memset(text, 'q', 4 << 20);
    wsl_mem_dialer_send(&t.peer, text, 4 << 20);
    wsl_mem_dialer_send(&t.peer, "\nafter\n", 7);
    wsl_mem_dialer_hang_up(&t.peer);
    free(text);
    cr_assert_eq(run(&t), WSL_END);
    cr_assert_eq(t.s.n_bad, 1);
    cr_assert(has_text(t.s.log.data, "BAD 127.0.0.1:9999@0 the record is longer"), "%s", t.s.log.data);
    cr_assert(has_text(t.s.log.data, "{text=after}"));
    end(&t);
}

Test(socket_source, is_checked_before_anything_starts)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    cr_assert_eq(source_validate(&w, &wsl_socket_source, &line_schema, OPTIONS("port=1"), &err), WSL_OK);
    cr_assert_eq(source_validate(&w, &wsl_socket_source, &line_schema, OPTIONS("port=1", "host="), &err), WSL_INVALID);
    world_fini(&w);
}
