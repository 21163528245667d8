/* What only real sockets can do wrong. The rules all transports share are in test_transport.c. */
#include "harness/wsl_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "net/transport.h"

static wsl_transport *transport_new(void)
{
    wsl_transport *t;
    wsl_error err = {0};
    cr_assert_eq(wsl_transport_zmq_new(&t, &err), WSL_OK, "%s", err.text);
    return t;
}

static wsl_endpoint *listen_on(wsl_transport *t, const char *address, const wsl_endpoint_options *o)
{
    wsl_endpoint *e;
    wsl_error err = {0};
    cr_assert_eq(t->ops->listen(t, address, o, &e, &err), WSL_OK, "%s", err.text);
    return e;
}

static bool next_event(wsl_endpoint *e, wsl_net_event *out, int ms)
{
    const int64_t end_ns = wsl_now_ns(wsl_clock_real()) + (int64_t)ms * WSL_NS_PER_MS;
    for (;;) {
        if (wsl_endpoint_receive(e, out) == WSL_OK) {
            return true;
        }
        const int64_t left_ns = end_ns - wsl_now_ns(wsl_clock_real());
        struct pollfd p = {.fd = wsl_endpoint_fd(e), .events = POLLIN};
        if (left_ns <= 0 || poll(&p, 1, (int)(left_ns / WSL_NS_PER_MS) + 1) == 0) {
            return wsl_endpoint_receive(e, out) == WSL_OK;
        }
    }
}

static void expect_refused(const char *address, bool listening, wsl_status expected, const char *says)
{
    wsl_transport *t = transport_new();
    wsl_endpoint *e = NULL;
    wsl_error err = {0};
    const wsl_endpoint_options o = {.identity = "me"};
    const wsl_status status =
        listening ? t->ops->listen(t, address, &o, &e, &err) : t->ops->connect(t, address, &o, &e, &err);
    cr_assert_eq(status, expected, "%s: %s", address, err.text);
    cr_assert(has_text(err.text, says), "%s: %s", address, err.text);
    cr_assert_null(e);
    wsl_transport_free(t);
}

Test(transport_zmq, beyond_this_host_only_when_insecure_is_allowed)
{
    expect_refused("tcp://0.0.0.0:0", true, WSL_REFUSED, "insecure");
    expect_refused("tcp://*:0", true, WSL_REFUSED, "not encrypted");
    expect_refused("tcp://192.0.2.1:6123", false, WSL_REFUSED, "insecure");
    wsl_transport *t = transport_new();
    wsl_endpoint *e = listen_on(t, "tcp://0.0.0.0:0", &(wsl_endpoint_options){.insecure = true});
    wsl_endpoint_close(e);
    wsl_transport_free(t);
}

Test(transport_zmq, bad_addresses_are_refused_with_a_sentence)
{
    expect_refused("inproc://x", true, WSL_INVALID, "sockets");
    expect_refused("tcp://127.0.0.1:0", false, WSL_INVALID, "no port");
    expect_refused("tcp://127.0.0.1:70000", true, WSL_INVALID, "port");
    expect_refused("ipc:///no/such/directory/x.sock", true, WSL_NOT_FOUND, "directory");
    expect_refused(
        "ipc:///tmp/"
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
        "34567890123456789",
        true, WSL_INVALID, "107");
}

Test(transport_zmq, a_busy_port_is_named)
{
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    cr_assert(bind(s, (struct sockaddr *)&name, size) == 0 && listen(s, 1) == 0);
    cr_assert_eq(getsockname(s, (struct sockaddr *)&name, &size), 0);
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", ntohs(name.sin_port));
    expect_refused(address, true, WSL_EXISTS, address);
    close(s);
}

Test(transport_zmq, localhost_can_be_listened_on)
{
    wsl_transport *t = transport_new();
    wsl_endpoint *e = listen_on(t, "tcp://localhost:*", &(wsl_endpoint_options){0});
    cr_assert(has_text(wsl_endpoint_address(e), "tcp://127.0.0.1:"), "%s", wsl_endpoint_address(e));
    wsl_endpoint_close(e);
    wsl_transport_free(t);
}

Test(transport_zmq, a_path_left_behind_by_a_dead_process_is_taken_over)
{
    char address[64];
    snprintf(address, sizeof address, "ipc:///tmp/wsl-left-%d.sock", getpid());
    const pid_t child = fork();
    if (child == 0) {
        wsl_transport *t = transport_new();
        (void)listen_on(t, address, &(wsl_endpoint_options){0});
        _exit(0); /* without closing */
    }
    waitpid(child, NULL, 0);
    wsl_transport *t = transport_new();
    wsl_endpoint_close(listen_on(t, address, &(wsl_endpoint_options){0}));
    wsl_transport_free(t);
}

Test(transport_zmq, a_listener_takes_its_path_with_it_and_leaves_that_of_others)
{
    char address[64];
    snprintf(address, sizeof address, "ipc:///tmp/wsl-taken-%d.sock", getpid());
    wsl_transport *t = transport_new();
    wsl_endpoint *owner = listen_on(t, address, &(wsl_endpoint_options){0});
    expect_refused(address, true, WSL_EXISTS, address);
    cr_assert_eq(access(address + 6, F_OK), 0);
    wsl_endpoint_close(owner);
    cr_assert_eq(access(address + 6, F_OK), -1);
    wsl_transport_free(t);
}

typedef struct waiting_peer {
    pid_t pid;
    int address_fd; /* where it reads the address to connect to */
} waiting_peer;

/* A child that connects, says its name and waits to be killed or stopped. It begins before this process has any thread:
 * a child of a process with threads may find the allocator's locks taken for ever. */
static waiting_peer start_peer(const char *identity)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child != 0) {
        close(fds[0]);
        return (waiting_peer){child, fds[1]};
    }
    char address[128] = {0};
    close(fds[1]);
    if (read(fds[0], address, sizeof address - 1) <= 0) {
        _exit(1);
    }
    wsl_transport *t = transport_new();
    wsl_endpoint *e;
    wsl_net_event event;
    wsl_error err;
    (void)!t->ops->connect(t, address, &(wsl_endpoint_options){.identity = identity}, &e, &err);
    if (!next_event(e, &event, 30000) || event.kind != WSL_NET_CONNECTED) {
        _exit(1);
    }
    wsl_message m = {.data = (const uint8_t *)"hello", .size = 6};
    (void)wsl_endpoint_send(e, NULL, &m);
    for (;;) {
        pause();
    }
}

static void tell_address(const waiting_peer *p, const char *address)
{
    cr_assert_eq(write(p->address_fd, address, strlen(address)), (ssize_t)strlen(address));
}

static void end_peer(const waiting_peer *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    close(p->address_fd);
}

/* Waits as long as a busy machine may need: what is tested is that the news comes, and from which cause. */
static void expect_gone_after(const wsl_endpoint_options *o, int sig)
{
    const waiting_peer victim = start_peer("victim");
    wsl_transport *t = transport_new();
    wsl_endpoint *l = listen_on(t, "tcp://127.0.0.1:*", o);
    tell_address(&victim, wsl_endpoint_address(l));
    wsl_net_event event = {0};
    cr_assert(next_event(l, &event, 30000) && event.kind == WSL_NET_MESSAGE);
    wsl_message_release(&event.message);
    kill(victim.pid, sig);
    cr_assert(next_event(l, &event, 30000), "nobody noticed");
    cr_assert_eq(event.kind, WSL_NET_GONE);
    cr_assert_str_eq(event.peer, "victim");
    end_peer(&victim);
    wsl_endpoint_close(l);
    wsl_transport_free(t);
}

Test(transport_zmq, a_killed_peer_is_noticed_without_heartbeats)
{
    expect_gone_after(&(wsl_endpoint_options){0}, SIGKILL);
}

/* The timeout is long enough for a peer that gets no processor for a while: one that is dropped before it spoke was
 * never there. */
Test(transport_zmq, a_stopped_peer_is_noticed_by_heartbeat)
{
    expect_gone_after(&(wsl_endpoint_options){.heartbeat_ms = 200, .heartbeat_timeout_ms = 2000}, SIGSTOP);
}

/* A connection whose messages are read only after it is closed, and whose descriptor is used again by then. */
Test(transport_zmq, a_peer_that_came_and_went_before_we_looked_is_heard_and_reported)
{
    wsl_transport *t = transport_new();
    wsl_endpoint *l = listen_on(t, "tcp://127.0.0.1:*", &(wsl_endpoint_options){0});
    enum { N = 5 };
    for (int i = 0; i < N; i++) {
        char name[24];
        wsl_endpoint *c;
        wsl_net_event event;
        wsl_transport *own = transport_new();
        snprintf(name, sizeof name, "short-%d", i);
        cr_assert_eq(own->ops->connect(own, wsl_endpoint_address(l),
                                       &(wsl_endpoint_options){.identity = name, .linger_ms = 1000}, &c, NULL),
                     WSL_OK);
        cr_assert(next_event(c, &event, 5000) && event.kind == WSL_NET_CONNECTED);
        wsl_message m = {.data = (const uint8_t *)"hello", .size = 6};
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
        wsl_endpoint_close(c);
        wsl_transport_free(own); /* waits until it is sent */
    }
    int messages = 0, gone = 0;
    wsl_net_event event;
    while (gone < N && next_event(l, &event, 2000)) {
        messages += event.kind == WSL_NET_MESSAGE;
        gone += event.kind == WSL_NET_GONE;
        wsl_message_release(&event.message);
    }
    cr_assert_eq(messages, N);
    cr_assert_eq(gone, N);
    wsl_endpoint_close(l);
    wsl_transport_free(t);
}

/* Strangers: a peer without a name, and one that sends messages of several parts. */
Test(transport_zmq, what_is_not_one_of_our_messages_is_not_delivered)
{
    wsl_transport *t = transport_new();
    wsl_endpoint *l = listen_on(t, "tcp://127.0.0.1:*", &(wsl_endpoint_options){0});
    void *context = zmq_ctx_new();
    void *nameless = zmq_socket(context, ZMQ_DEALER), *parts = zmq_socket(context, ZMQ_DEALER);
    cr_assert_eq(zmq_setsockopt(parts, ZMQ_ROUTING_ID, "parts", 5), 0);
    cr_assert(zmq_connect(nameless, wsl_endpoint_address(l)) == 0 && zmq_connect(parts, wsl_endpoint_address(l)) == 0);
    cr_assert(zmq_send(nameless, "x", 1, 0) == 1);
    cr_assert(zmq_send(parts, "a", 1, ZMQ_SNDMORE) == 1 && zmq_send(parts, "b", 1, 0) == 1);
    cr_assert(zmq_send(parts, "whole", 6, 0) == 6);
    wsl_net_event event = {0};
    cr_assert(next_event(l, &event, 5000));
    cr_assert(event.kind == WSL_NET_MESSAGE && event.message.size == 6);
    cr_assert_str_eq(event.peer, "parts");
    wsl_message_release(&event.message);
    cr_assert_not(next_event(l, &event, 100));
    zmq_close(nameless);
    zmq_close(parts);
    zmq_ctx_term(context);
    wsl_endpoint_close(l);
    wsl_transport_free(t);
}

Test(transport_zmq, something_that_does_not_speak_zeromq_does_no_harm)
{
    const waiting_peer friend = start_peer("friend");
    wsl_transport *t = transport_new();
    wsl_endpoint *l = listen_on(t, "tcp://127.0.0.1:*", &(wsl_endpoint_options){0});
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    name.sin_port = htons((uint16_t)atoi(strrchr(wsl_endpoint_address(l), ':') + 1));
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(s, (struct sockaddr *)&name, sizeof name), 0);
    cr_assert_gt(write(s, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27), 0);
    wsl_net_event event = {0};
    cr_assert_not(next_event(l, &event, 100));
    close(s);
    tell_address(&friend, wsl_endpoint_address(l));
    cr_assert(next_event(l, &event, 30000) && event.kind == WSL_NET_MESSAGE);
    wsl_message_release(&event.message);
    end_peer(&friend);
    wsl_endpoint_close(l);
    wsl_transport_free(t);
}
