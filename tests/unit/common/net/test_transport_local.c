/* What only local sockets and shared memory can do wrong. The rules all transports share are in test_transport.c. */
#include "harness/wsl_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/local_internal.h"

enum { LONG_MS = 30000 };

typedef struct scene {
    wsl_transport *t;
    wsl_endpoint *l;
    char path[64], address[80];
} scene;

static scene *scene_new(const wsl_endpoint_options *o)
{
    static int serial;
    wsl_error err = {0};
    scene *s = wsl_zalloc(sizeof *s);
    snprintf(s->path, sizeof s->path, "/tmp/wsl-local-%d-%d.sock", getpid(), serial++);
    snprintf(s->address, sizeof s->address, "unix://%s", s->path);
    s->t = wsl_transport_local_new();
    cr_assert_eq(s->t->ops->listen(s->t, s->address, o, &s->l, &err), WSL_OK, "%s", err.text);
    return s;
}

static scene *scene_plain(void) { return scene_new(&(wsl_endpoint_options){0}); }

static void scene_free(scene *s)
{
    wsl_endpoint_close(s->l);
    wsl_transport_free(s->t);
    free(s);
}

static wsl_endpoint *connect_as(scene *s, const wsl_endpoint_options *o)
{
    wsl_endpoint *c = NULL;
    wsl_error err = {0};
    cr_assert_eq(s->t->ops->connect(s->t, s->address, o, &c, &err), WSL_OK, "%s", err.text);
    return c;
}

/* The next event of the listener. */
static wsl_net_event expect(scene *s, wsl_net_event_kind kind)
{
    wsl_net_event event = {0};
    while (wsl_endpoint_receive(s->l, &event) != WSL_OK) {
        struct pollfd p = {.fd = wsl_endpoint_fd(s->l), .events = POLLIN};
        cr_assert_eq(poll(&p, 1, LONG_MS), 1, "nothing came");
    }
    cr_assert_eq(event.kind, kind, "%d: %s", event.kind, event.reason != NULL ? event.reason : "");
    return event;
}

static void expect_text(scene *s, const char *peer, const char *text)
{
    wsl_net_event event = expect(s, WSL_NET_MESSAGE);
    cr_assert_str_eq(event.peer, peer);
    cr_assert_eq(event.message.size, strlen(text));
    cr_assert_eq(memcmp(event.message.data, text, strlen(text)), 0);
    cr_assert_eq((uintptr_t)event.message.data % 8, 0);
    wsl_message_release(&event.message);
}

static void run_once(scene *s)
{
    wsl_net_event event;
    cr_assert_eq(wsl_endpoint_receive(s->l, &event), WSL_AGAIN);
}

/* ---- a peer that speaks for itself ---- */

static int raw_connect(const scene *s)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, s->path, strlen(s->path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void raw_write(int fd, const void *data, size_t size)
{
    cr_assert_eq(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void raw_read(int fd, void *data, size_t size)
{
    cr_assert_eq(recv(fd, data, size, MSG_WAITALL), (ssize_t)size);
}

static bool raw_is_closed(int fd)
{
    uint8_t byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, LONG_MS) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static wsl_local_hello hello_of(const char *identity)
{
    wsl_local_hello h = {.magic = WSL_LOCAL_MAGIC, .version = WSL_LOCAL_VERSION};
    h.identity_size = (uint16_t)strlen(identity);
    memcpy(h.identity, identity, strlen(identity));
    return h;
}

static void raw_greet(scene *s, int fd, const wsl_local_hello *h, int file)
{
    struct iovec part = {(void *)(uintptr_t)h, sizeof *h};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (file >= 0) {
        control.head = (struct cmsghdr){CMSG_LEN(sizeof file), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &file, sizeof file);
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
    }
    cr_assert_eq(sendmsg(fd, &m, 0), (ssize_t)sizeof *h);
    run_once(s);
}

/* A peer without shared memory: its messages go through the socket. */
static int raw_peer(scene *s, const char *identity)
{
    const int fd = raw_connect(s);
    const wsl_local_hello h = hello_of(identity);
    wsl_local_welcome w;
    raw_greet(s, fd, &h, -1);
    raw_read(fd, &w, sizeof w);
    cr_assert_eq(w.magic, WSL_LOCAL_MAGIC);
    return fd;
}

static void raw_say(int fd, const char *text)
{
    const uint8_t zeros[8] = {0};
    const wsl_local_head head = {WSL_LOCAL_MESSAGE, (uint32_t)strlen(text)};
    raw_write(fd, &head, sizeof head);
    raw_write(fd, text, head.size);
    raw_write(fd, zeros, wsl_local_padded(head.size) - head.size);
}

/* ---- getting in ---- */

Test(transport_local, whoever_does_not_say_hello_is_closed_and_the_others_go_on)
{
    scene *s = scene_plain();
    const int good = raw_peer(s, "good");
    for (int i = 0; i < 5; i++) {
        wsl_local_hello h = hello_of("bad");
        h.magic += i == 0;
        h.version = (uint16_t)(h.version + (i == 1));
        h.identity_size = (uint16_t)(i == 2 ? 0 : i == 3 ? WSL_PEER_ID_MAX + 1 : h.identity_size);
        h.identity[1] = i == 4 ? '\0' : h.identity[1];
        const int bad = raw_connect(s);
        raw_greet(s, bad, &h, -1);
        cr_assert(raw_is_closed(bad), "hello %d", i);
        close(bad);
    }
    raw_say(good, "still here");
    expect_text(s, "good", "still here");
    close(good);
    scene_free(s);
}

Test(transport_local, a_hello_may_come_in_pieces)
{
    scene *s = scene_plain();
    const int fd = raw_connect(s);
    const wsl_local_hello h = hello_of("slow");
    for (size_t i = 0; i < sizeof h; i += 9) {
        raw_write(fd, (const uint8_t *)&h + i, sizeof h - i < 9 ? sizeof h - i : 9);
        run_once(s);
    }
    raw_say(fd, "at last");
    expect_text(s, "slow", "at last");
    close(fd);
    scene_free(s);
}

Test(transport_local, of_too_many_that_say_nothing_the_oldest_is_closed)
{
    enum { N = WSL_LOCAL_STRANGERS_MAX + 3 };
    scene *s = scene_plain();
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = raw_connect(s);
        run_once(s);
    }
    for (int i = 0; i < 3; i++) {
        cr_assert(raw_is_closed(fds[i]), "stranger %d", i);
    }
    const wsl_local_hello h = hello_of("late");
    raw_greet(s, fds[3], &h, -1);
    raw_say(fds[3], "hi");
    expect_text(s, "late", "hi");
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    scene_free(s);
}

/* ---- bytes that are no messages ---- */

Test(transport_local, a_message_that_says_it_is_too_long_ends_the_connection)
{
    scene *s = scene_plain();
    const int fd = raw_peer(s, "boaster");
    const wsl_local_head head = {WSL_LOCAL_MESSAGE, WSL_MESSAGE_SIZE_MAX + 1};
    raw_say(fd, "first");
    raw_write(fd, &head, sizeof head);
    expect_text(s, "boaster", "first");
    cr_assert(has_text(expect(s, WSL_NET_GONE).reason, "too long"));
    cr_assert(raw_is_closed(fd));
    close(fd);
    scene_free(s);
}

Test(transport_local, half_a_message_is_not_delivered_when_its_sender_ends)
{
    scene *s = scene_plain();
    const int fd = raw_peer(s, "half");
    const wsl_local_head head = {WSL_LOCAL_MESSAGE, 100};
    raw_say(fd, "whole");
    raw_write(fd, &head, sizeof head);
    raw_write(fd, "fifty bytes of hundred are not a message, not at all", 50);
    close(fd);
    expect_text(s, "half", "whole");
    cr_assert(has_text(expect(s, WSL_NET_GONE).reason, "lost"));
    run_once(s);
    scene_free(s);
}

Test(transport_local, a_large_message_may_come_in_any_pieces)
{
    enum { SIZE = 100003 };
    scene *s = scene_plain();
    const int fd = raw_peer(s, "pieces");
    uint8_t *bytes = wsl_zalloc(sizeof(wsl_local_head) + wsl_local_padded(SIZE));
    const wsl_local_head head = {WSL_LOCAL_MESSAGE, SIZE};
    memcpy(bytes, &head, sizeof head);
    for (uint32_t i = 0; i < SIZE; i++) {
        bytes[sizeof head + i] = (uint8_t)(i * 7 + (i >> 8));
    }
    const size_t total = sizeof head + wsl_local_padded(SIZE);
    for (size_t at = 0, step = 3; at < total; at += step, step = step * 2 + 1) {
        raw_write(fd, bytes + at, total - at < step ? total - at : step);
        if (total - at > step) {
            run_once(s);
        }
    }
    wsl_net_event event = expect(s, WSL_NET_MESSAGE);
    cr_assert_eq(event.message.size, SIZE);
    cr_assert_eq(memcmp(event.message.data, bytes + sizeof head, SIZE), 0);
    wsl_message_release(&event.message);
    free(bytes);
    close(fd);
    scene_free(s);
}

/* ---- shared memory ---- */

Test(transport_local, a_memory_file_that_is_not_as_promised_is_refused)
{
    scene *s = scene_plain();
    for (int i = 0; i < 4; i++) {
        wsl_local_hello h = hello_of("sharer");
        wsl_local_rings rings = {0};
        int file = wsl_local_rings_make(&rings);
        h.ring_bytes = WSL_LOCAL_RING_BYTES;
        if (i == 0) { /* another size */
            h.ring_bytes /= 2;
        } else if (i == 1) { /* none */
            close(file);
            file = -1;
        } else { /* one that could shrink, or that is no memory at all */
            close(file);
            file = i == 2 ? memfd_create("test", MFD_CLOEXEC) : open("/dev/null", O_RDWR | O_CLOEXEC);
            (void)!ftruncate(file, 2 * (4096 + WSL_LOCAL_RING_BYTES));
        }
        const int fd = raw_connect(s);
        raw_greet(s, fd, &h, file);
        cr_assert(raw_is_closed(fd), "case %d", i);
        close(fd);
        if (file >= 0) {
            close(file);
        }
        wsl_local_rings_fini(&rings);
    }
    scene_free(s);
}

Test(transport_local, marks_that_cannot_be_end_the_connection)
{
    for (int i = 0; i < 2; i++) {
        scene *s = scene_plain();
        wsl_local_hello h = hello_of("liar");
        wsl_local_rings rings = {0};
        const int file = wsl_local_rings_make(&rings), fd = raw_connect(s);
        h.ring_bytes = WSL_LOCAL_RING_BYTES;
        raw_greet(s, fd, &h, file);
        const wsl_local_head head = {WSL_LOCAL_MESSAGE, 8};
        const struct iovec parts[] = {{(void *)(uintptr_t)&head, sizeof head}, {(void *)(uintptr_t)"eightby", 8}};
        cr_assert_eq(wsl_local_ring_write(&rings.out, parts, 2), 16);
        raw_write(fd, "!", 1);
        wsl_net_event event = expect(s, WSL_NET_MESSAGE);
        wsl_message_release(&event.message);
        /* what it has written: more than fits; or what it has read: more than was written */
        uint64_t *marks = (uint64_t *)(void *)((uint8_t *)rings.memory + (i == 0 ? 0 : rings.size / 2));
        marks[i == 0 ? 0 : 8] = UINT64_C(1) << 40;
        if (i == 0) {
            raw_write(fd, "!", 1);
            cr_assert(has_text(expect(s, WSL_NET_GONE).reason, "cannot be"));
        } else {
            wsl_message m = {.data = (const uint8_t *)"x", .size = 1};
            cr_assert_eq(wsl_endpoint_send(s->l, "liar", &m), WSL_UNREACHABLE);
        }
        wsl_local_rings_fini(&rings);
        close(file);
        close(fd);
        scene_free(s);
    }
}

Test(transport_local, a_ring_gives_what_was_put_in_whatever_the_pieces)
{
    wsl_local_rings a = {0}, b = {0};
    const int file = wsl_local_rings_make(&a);
    cr_assert(wsl_local_rings_join(&b, file, WSL_LOCAL_RING_BYTES));
    close(file);
    uint64_t seed = 1, written = 0, read = 0;
    static uint8_t from[100000], to[100000];
    for (int i = 0; i < 3000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        const size_t want = (seed >> 33) % sizeof from, take = (seed >> 13) % sizeof to;
        for (size_t k = 0; k < want; k++) {
            from[k] = (uint8_t)((written + k) * 131 >> 3);
        }
        const struct iovec part = {from, want}, place[2] = {{to, take / 3}, {to + take / 3, take - take / 3}};
        const size_t in = wsl_local_ring_write(&a.out, &part, 1);
        cr_assert(in == want || (written + in - read) == WSL_LOCAL_RING_BYTES, "it takes what fits");
        written += in;
        const size_t out = wsl_local_ring_read(&b.in, place, 2);
        cr_assert_eq(out, take < written - read ? take : written - read);
        for (size_t k = 0; k < out; k++) {
            cr_assert_eq(to[k], (uint8_t)((read + k) * 131 >> 3));
        }
        read += out;
    }
    wsl_local_rings_fini(&a);
    wsl_local_rings_fini(&b);
}

/* ---- a peer that does not read ---- */

Test(transport_local, a_stopped_peer_holds_up_nobody_else_and_gets_all_when_it_goes_on)
{
    enum { SIZE = 300000 };
    scene *s = scene_new(&(wsl_endpoint_options){.high_water_mark = 4});
    const int fd = raw_peer(s, "stopped");
    const int other = raw_peer(s, "other");
    raw_say(fd, "here");
    expect_text(s, "stopped", "here");
    static uint8_t block[SIZE];
    uint32_t sent = 0;
    wsl_status status = WSL_OK;
    while (sent < 100 && status == WSL_OK) {
        memset(block, (int)sent, sizeof block);
        wsl_message m = {.data = block, .size = sizeof block}; /* no release: it is copied when it has to wait */
        status = wsl_endpoint_send(s->l, "stopped", &m);
        sent += status == WSL_OK;
    }
    cr_assert_eq(status, WSL_AGAIN);
    cr_assert_geq(sent, 4);
    raw_say(other, "not held up");
    expect_text(s, "other", "not held up");
    for (uint32_t i = 0; i < sent; i++) {
        static uint8_t got[sizeof(wsl_local_head) + SIZE];
        for (size_t at = 0; at < sizeof got;) {
            const ssize_t n = recv(fd, got + at, sizeof got - at, MSG_DONTWAIT);
            at += n > 0 ? (size_t)n : 0;
            if (n < 0) { /* it says when there is room */
                struct pollfd p = {.fd = wsl_endpoint_fd(s->l), .events = POLLIN};
                cr_assert_eq(poll(&p, 1, LONG_MS), 1);
                run_once(s);
            }
        }
        cr_assert(got[sizeof(wsl_local_head)] == (uint8_t)i && got[sizeof got - 1] == (uint8_t)i, "message %u", i);
    }
    close(fd);
    close(other);
    scene_free(s);
}

/* ---- polled ---- */

static bool is_readable(wsl_endpoint *e, int ms)
{
    struct pollfd p = {.fd = wsl_endpoint_fd(e), .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static wsl_endpoint *live_connection(scene *s, const wsl_endpoint_options *o)
{
    wsl_endpoint *c = connect_as(s, o);
    wsl_net_event event;
    while (wsl_endpoint_receive(c, &event) != WSL_OK) {
        wsl_local_endpoint_drive(s->l);
        (void)is_readable(c, 1);
    }
    cr_assert_eq(event.kind, WSL_NET_CONNECTED);
    return c;
}

static void drain(wsl_endpoint *e, int expected)
{
    wsl_net_event event;
    int n = 0;
    for (; wsl_endpoint_receive(e, &event) == WSL_OK; n++) {
        wsl_message_release(&event.message);
    }
    cr_assert_eq(n, expected);
}

Test(transport_local, a_polled_endpoint_speaks_up_only_after_a_rest)
{
    scene *s = scene_new(&(wsl_endpoint_options){.polled = true});
    wsl_endpoint *c = live_connection(s, &(wsl_endpoint_options){.identity = "p", .polled = true});
    wsl_message m = {.data = (const uint8_t *)"x", .size = 1};
    for (int i = 0; i < 2 * WSL_LOCAL_LOOK_EVERY; i++) { /* so that what came with the greeting is gone */
        drain(s->l, 0);
        drain(c, 0);
    }
    cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
    cr_assert_not(is_readable(s->l, 0), "nobody asked");
    cr_assert_not(wsl_endpoint_rest(s->l), "there is something");
    drain(s->l, 1);
    cr_assert(wsl_endpoint_rest(s->l));
    cr_assert(wsl_endpoint_rest(c));
    cr_assert_not(is_readable(s->l, 0));
    for (int i = 0; i < 3; i++) {
        m = (wsl_message){.data = (const uint8_t *)"y", .size = 1};
        cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
    }
    cr_assert(is_readable(s->l, LONG_MS));
    drain(s->l, 3);
    m = (wsl_message){.data = (const uint8_t *)"z", .size = 1};
    cr_assert_eq(wsl_endpoint_send(s->l, "p", &m), WSL_OK);
    cr_assert(is_readable(c, LONG_MS));
    drain(c, 1);
    wsl_endpoint_close(c);
    scene_free(s);
}

typedef struct player {
    wsl_endpoint *e;
    const char *peer;
    int turns;
} player;

/* Sends a ball back for each that comes, and sleeps whenever there is none. */
static void *play(void *arg)
{
    player *p = arg;
    for (int got = 0; got < p->turns;) {
        wsl_net_event event;
        if (wsl_endpoint_receive(p->e, &event) == WSL_OK) {
            wsl_message m = {.data = (const uint8_t *)"ball", .size = 5};
            wsl_message_release(&event.message);
            got++;
            if (event.kind != WSL_NET_MESSAGE || wsl_endpoint_send(p->e, p->peer, &m) != WSL_OK) {
                return "an event or a send that should not be";
            }
        } else if (wsl_endpoint_rest(p->e) && !is_readable(p->e, LONG_MS)) {
            return "a wake-up was lost";
        }
    }
    return NULL;
}

Test(transport_local, no_wake_up_is_lost_between_two_that_rest)
{
    for (int balls = 1; balls <= 3; balls += 2) {
        scene *s = scene_new(&(wsl_endpoint_options){.polled = true});
        wsl_endpoint *c = live_connection(s, &(wsl_endpoint_options){.identity = "p", .polled = true});
        for (int i = 0; i < balls; i++) {
            wsl_message m = {.data = (const uint8_t *)"ball", .size = 5};
            cr_assert_eq(wsl_endpoint_send(c, NULL, &m), WSL_OK);
        }
        player listening = {s->l, "p", 10000}, connected = {c, NULL, 10000 - balls};
        pthread_t thread;
        void *other;
        cr_assert_eq(pthread_create(&thread, NULL, play, &connected), 0);
        const char *here = play(&listening);
        cr_assert_eq(pthread_join(thread, &other), 0);
        cr_assert(here == NULL && other == NULL, "%s %s", here != NULL ? here : "", other != NULL ? (char *)other : "");
        wsl_endpoint_close(c);
        scene_free(s);
    }
}

/* ---- the path ---- */

Test(transport_local, the_path_is_for_its_owner_and_goes_with_the_listener)
{
    struct stat st;
    scene *s = scene_plain();
    char path[sizeof s->path];
    memcpy(path, s->path, sizeof path);
    cr_assert_eq(lstat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    scene_free(s);
    cr_assert_eq(lstat(path, &st), -1);
}

Test(transport_local, a_path_left_behind_by_a_dead_process_is_taken_over_but_no_other_file)
{
    scene *s = scene_plain();
    wsl_error err = {0};
    wsl_endpoint *second = NULL;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "/tmp/wsl-left-%d.sock", getpid());
    const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(dead, (struct sockaddr *)&name, sizeof name), 0);
    close(dead); /* the file stays */
    char address[128];
    snprintf(address, sizeof address, "unix://%s", name.sun_path);
    cr_assert_eq(s->t->ops->listen(s->t, address, &(wsl_endpoint_options){0}, &second, &err), WSL_OK, "%s", err.text);
    wsl_endpoint_close(second);

    const int file = open(name.sun_path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    cr_assert_geq(file, 0);
    close(file);
    cr_assert_eq(s->t->ops->listen(s->t, address, &(wsl_endpoint_options){0}, &second, &err), WSL_EXISTS);
    cr_assert_eq(access(name.sun_path, F_OK), 0);
    unlink(name.sun_path);
    scene_free(s);
}

Test(transport_local, a_path_that_is_another_s_by_now_is_left_alone)
{
    scene *s = scene_plain();
    char path[sizeof s->path];
    memcpy(path, s->path, sizeof path);
    unlink(path);
    const int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    close(file);
    scene_free(s);
    cr_assert_eq(access(path, F_OK), 0);
    unlink(path);
}

static void expect_refused(const char *address, wsl_status expected, const char *says)
{
    wsl_transport *t = wsl_transport_local_new();
    wsl_endpoint *e = NULL;
    wsl_error err = {0};
    cr_assert_eq(t->ops->listen(t, address, &(wsl_endpoint_options){0}, &e, &err), expected, "%s", address);
    cr_assert(has_text(err.text, says), "%s", err.text);
    wsl_transport_free(t);
}

Test(transport_local, bad_addresses_are_refused_with_a_sentence)
{
    expect_refused("tcp://127.0.0.1:0", WSL_INVALID, "unix://");
    expect_refused("unix://relative", WSL_INVALID, "unix://");
    expect_refused("unix:///no/such/directory/x.sock", WSL_NOT_FOUND, "directory");
    expect_refused("unix:///tmp/"
                   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                   "01234567890123456789",
                   WSL_INVALID, "107");
}

Test(transport_local, each_address_goes_to_its_transport)
{
    wsl_transport *t = NULL;
    wsl_error err = {0};
    char address[64];
    cr_assert_eq(wsl_transport_sockets_new(&t, &err), WSL_OK);
    for (int i = 0; i < 2; i++) {
        wsl_endpoint *e = NULL;
        snprintf(address, sizeof address, i == 0 ? "unix:///tmp/wsl-any-%d.sock" : "tcp://127.0.0.1:0", getpid());
        cr_assert_eq(t->ops->listen(t, address, &(wsl_endpoint_options){0}, &e, &err), WSL_OK, "%s", err.text);
        cr_assert_eq(strncmp(wsl_endpoint_address(e), address, 4), 0);
        wsl_endpoint_close(e);
    }
    wsl_transport_free(t);
}
