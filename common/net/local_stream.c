/*
 * local_stream - one connected socket, and the rings that its bytes go through.
 *
 * Out. A message is written in the call that sends it, from the caller's memory, if nothing waits before it. What does
 * not fit waits in the queue, by reference; when there is room the other side rings (or the kernel says so), and who is
 * woken by that calls receive, which flushes. At the high-water mark send says WSL_AGAIN.
 *
 * In. A round is what lies between two WSL_AGAIN of receive. With rings, receive looks into memory; the socket carries
 * only bytes that mean "look" (their value does not matter) and the end. They are rung when the reader has said that it
 * falls asleep: at the end of each round, or, polled, when its owner rests. Without rings one read takes all there is
 * as a rule; a read that gave less than it had room for has emptied the socket, so the round ends without asking a
 * second time.
 *
 * When the other end closes, what it had sent before is still read, to the last whole message.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "net/local_internal.h"

void wsl_local_stream_init(wsl_local_stream *s, int fd, const wsl_local_endpoint *e, void *owner)
{
    *s = (wsl_local_stream){.fd = fd, .epoll_fd = e->epoll_fd, .owner = owner, .polled = e->polled, .file = -1};
    s->high_water_mark = e->high_water_mark != 0 ? e->high_water_mark : WSL_LOCAL_HWM_DEFAULT;
    const int size = WSL_LOCAL_KERNEL_BUFFER; /* the kernel gives what it allows */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = owner}};
    WSL_ASSERT(epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void wsl_local_stream_fini(wsl_local_stream *s)
{
    if (s->fd >= 0) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
        (void)close(s->fd);
        wsl_local_stream_drop_file(s);
    }
    for (; s->count > 0; s->count--, s->first++) {
        wsl_message_release(&s->queue[s->first & s->queue_mask]);
    }
    free(s->queue);
    wsl_local_reader_fini(&s->reader);
    wsl_local_rings_fini(&s->rings);
    *s = (wsl_local_stream){.fd = -1};
}

void wsl_local_stream_drop_file(wsl_local_stream *s)
{
    if (s->file >= 0) {
        (void)close(s->file);
    }
    s->file = -1;
}

bool wsl_local_is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

static bool hear(wsl_local_stream *s);

/* ---- out ---- */

static const uint8_t zeros[8];

typedef struct gather {
    wsl_local_head heads[WSL_LOCAL_GATHER];
    struct iovec parts[3 * WSL_LOCAL_GATHER];
    int n_parts;
    int n_heads;
    size_t bytes;
} gather;

static void add_part(gather *g, const void *data, size_t size, size_t *skip)
{
    if (*skip >= size) {
        *skip -= size;
        return;
    }
    g->parts[g->n_parts++] = (struct iovec){(uint8_t *)(uintptr_t)data + *skip, size - *skip}; /* only read */
    g->bytes += size - *skip;
    *skip = 0;
}

/* All of a message but its first `skip` bytes. */
static void add_message(gather *g, const wsl_message *m, size_t skip)
{
    wsl_local_head *head = &g->heads[g->n_heads++];
    *head = (wsl_local_head){WSL_LOCAL_MESSAGE, (uint32_t)m->size};
    add_part(g, head, sizeof *head, &skip);
    add_part(g, m->data, m->size, &skip);
    add_part(g, zeros, wsl_local_padded(m->size) - m->size, &skip);
}

/* Wakes the other side. If the socket is full there are enough rings in it already. */
static void ring_bell(wsl_local_stream *s)
{
    const uint8_t bell = 1;
    (void)!send(s->fd, &bell, sizeof bell, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* How many bytes found room. */
static size_t write_to_ring(wsl_local_stream *s, gather *g)
{
    wsl_local_ring *ring = &s->rings.out;
    struct iovec *part = g->parts;
    int n_parts = g->n_parts;
    size_t out = 0;
    for (;;) {
        size_t n = wsl_local_ring_write(ring, part, n_parts);
        out += n;
        if (out == g->bytes || ring->broken || wsl_local_ring_wait_for_room(ring)) {
            break;
        }
        for (; n >= part->iov_len; n_parts--) { /* the reader has made room meanwhile: what is left of the parts */
            n -= part++->iov_len;
        }
        *part = (struct iovec){(uint8_t *)part->iov_base + n, part->iov_len - n};
    }
    s->write_broken |= ring->broken || s->hung_up;
    if (out > 0 && wsl_local_ring_reader_sleeps(ring)) {
        ring_bell(s);
    }
    return out;
}

/* How many bytes are out. */
static size_t write_out(wsl_local_stream *s, gather *g)
{
    if (s->rings.memory != NULL) {
        return write_to_ring(s, g);
    }
    const struct msghdr h = {.msg_iov = g->parts, .msg_iovlen = (size_t)g->n_parts};
    const ssize_t n = sendmsg(s->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM) {
        s->write_broken = true; /* reading will find out too, and says so */
    }
    return n < 0 ? 0 : (size_t)n;
}

static void watch_out(wsl_local_stream *s, bool wanted)
{
    if (s->wants_out == wanted || s->rings.memory != NULL) {
        return;
    }
    s->wants_out = wanted;
    struct epoll_event event = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = s->owner}};
    WSL_ASSERT(epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->fd, &event) == 0);
}

static void queue_grow(wsl_local_stream *s)
{
    const uint32_t old = s->queue != NULL ? s->queue_mask + 1 : 0;
    if (s->count < old) {
        return;
    }
    const uint32_t size = old == 0 ? 16 : 2 * old;
    wsl_message *queue = wsl_calloc(size, sizeof *queue);
    for (uint32_t i = 0; i < s->count; i++) {
        queue[i] = s->queue[(s->first + i) & s->queue_mask];
    }
    free(s->queue);
    s->queue = queue;
    s->queue_mask = size - 1;
    s->first = 0;
}

static void free_copy(void *arg, const uint8_t *data)
{
    (void)data;
    free(arg);
}

static void enqueue(wsl_local_stream *s, wsl_message *message)
{
    queue_grow(s);
    wsl_message m = *message;
    if (m.release == NULL) { /* nobody says how long the bytes live */
        uint8_t *copy = wsl_memdup(m.data, m.size + (m.size == 0));
        m = (wsl_message){.data = copy, .size = m.size, .release = free_copy, .release_arg = copy};
    }
    s->queue[(s->first + s->count++) & s->queue_mask] = m;
    *message = (wsl_message){0};
}

/* The first messages of the queue are out by so many bytes. */
static void queue_advance(wsl_local_stream *s, size_t n)
{
    s->written += n;
    while (s->count > 0) {
        wsl_message *m = &s->queue[s->first & s->queue_mask];
        const size_t bytes = sizeof(wsl_local_head) + wsl_local_padded(m->size);
        if (s->written < bytes) {
            return;
        }
        s->written -= bytes;
        wsl_message_release(m);
        s->first++;
        s->count--;
    }
    WSL_ASSERT(s->written == 0);
}

void wsl_local_stream_flush(wsl_local_stream *s)
{
    while (s->count > 0 && !s->write_broken) {
        gather g = {0};
        const uint32_t n = s->count < WSL_LOCAL_GATHER ? s->count : WSL_LOCAL_GATHER;
        for (uint32_t i = 0; i < n; i++) {
            add_message(&g, &s->queue[(s->first + i) & s->queue_mask], i == 0 ? s->written : 0);
        }
        const size_t out = write_out(s, &g);
        queue_advance(s, out);
        if (out < g.bytes) {
            break;
        }
    }
    watch_out(s, s->count > 0 && !s->write_broken);
}

wsl_status wsl_local_stream_send(wsl_local_stream *s, wsl_message *message)
{
    if (s->count > 0) {
        wsl_local_stream_flush(s);
    }
    if (s->write_broken || s->broken != NULL) {
        return WSL_UNREACHABLE;
    }
    if (s->count >= s->high_water_mark) {
        return WSL_AGAIN;
    }
    if (s->count > 0) {
        enqueue(s, message);
        return WSL_OK;
    }
    gather g;
    g.n_parts = g.n_heads = 0;
    g.bytes = 0;
    add_message(&g, message, 0);
    const size_t out = write_out(s, &g);
    if (s->write_broken) {
        return WSL_UNREACHABLE;
    }
    if (out == g.bytes) {
        wsl_message_release(message);
        return WSL_OK;
    }
    enqueue(s, message);
    s->written = out;
    watch_out(s, true);
    return WSL_OK;
}

void wsl_local_stream_linger(wsl_local_stream *s, uint32_t ms)
{
    const int64_t until_ns = wsl_now_ns(wsl_clock_real()) + (int64_t)ms * WSL_NS_PER_MS;
    wsl_local_stream_flush(s);
    while (s->count > 0 && !s->write_broken) {
        const int64_t left_ns = until_ns - wsl_now_ns(wsl_clock_real());
        const bool rings = s->rings.memory != NULL;
        struct pollfd p = {.fd = s->fd, .events = rings ? POLLIN : POLLOUT};
        if (left_ns <= 0 || poll(&p, 1, (int)(left_ns / WSL_NS_PER_MS) + 1) <= 0) {
            return;
        }
        if (rings && !hear(s)) {
            return;
        }
        wsl_local_stream_flush(s);
    }
}

/* ---- in ---- */

/* Keeps the first descriptor that came along, closes all others. */
static void keep_file(wsl_local_stream *s, struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (s->file < 0) {
                s->file = fd;
            } else {
                (void)close(fd);
            }
        }
    }
}

/* False: nothing came, for now or for ever. */
static bool read_in(wsl_local_stream *s)
{
    struct iovec room[2];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr h = {.msg_iov = room, .msg_iovlen = (size_t)wsl_local_reader_room(&s->reader, room)};
    const size_t asked = room[0].iov_len + (h.msg_iovlen > 1 ? room[1].iov_len : 0);
    if (s->takes_file) { /* else the kernel closes what comes along */
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof control.bytes;
    }
    const ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n >= 0 && s->takes_file) {
        keep_file(s, &h);
    }
    if (n > 0) {
        wsl_local_reader_came(&s->reader, (size_t)n);
        s->drained = (size_t)n < asked;
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        s->drained = true;
    } else {
        s->broken = "the connection was lost"; /* closed, or its process is dead */
    }
    return false;
}

/* Takes the bells out of the socket. False: the other side has hung up. */
static bool hear(wsl_local_stream *s)
{
    uint8_t bells[256];
    const ssize_t n = recv(s->fd, bells, sizeof bells, MSG_DONTWAIT);
    s->hung_up |= n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    s->heard = true;
    s->rung = false;
    s->rounds = 0;
    return !s->hung_up;
}

/* False: nothing there, for now or for ever. */
static bool read_ring(wsl_local_stream *s)
{
    struct iovec room[2];
    wsl_local_ring *ring = &s->rings.in;
    if (!wsl_local_ring_has_bytes(ring)) {
        return false;
    }
    const size_t n = wsl_local_ring_read(ring, room, wsl_local_reader_room(&s->reader, room));
    wsl_local_reader_came(&s->reader, n);
    if (ring->broken) {
        s->broken = "what it says of the memory that we share cannot be";
        return false;
    }
    if (wsl_local_ring_writer_is_stuck(ring)) {
        ring_bell(s);
    }
    return true;
}

static void wake_up(wsl_local_stream *s)
{
    if (s->asleep) {
        s->asleep = false;
        s->rung |= wsl_local_ring_wake_up(&s->rings.in);
    }
}

bool wsl_local_stream_rest(wsl_local_stream *s)
{
    if (s->rings.memory != NULL && s->broken == NULL && !s->asleep) {
        s->asleep = true;
        return wsl_local_ring_fall_asleep(&s->rings.in);
    }
    return true;
}

bool wsl_local_stream_has_bytes(wsl_local_stream *s)
{
    return s->rings.memory != NULL && wsl_local_ring_has_bytes(&s->rings.in);
}

/* More bytes for the reader? False: not in this round, or never (`broken`). */
static bool more_from_ring(wsl_local_stream *s)
{
    wake_up(s);
    for (;;) {
        if (read_ring(s)) {
            return true;
        }
        if (s->broken != NULL) {
            return false;
        }
        if (s->hung_up) { /* and the ring was empty after that */
            s->broken = "the connection was lost";
            return false;
        }
        if (!s->heard && (!s->polled || s->rung || ++s->rounds >= WSL_LOCAL_LOOK_EVERY)) {
            (void)hear(s);
            continue;
        }
        wsl_local_stream_flush(s);
        if (s->polled || wsl_local_stream_rest(s)) {
            s->heard = false;
            return false;
        }
    }
}

static bool more_from_socket(wsl_local_stream *s)
{
    if (s->drained || (!read_in(s) && s->broken == NULL)) {
        s->drained = false; /* the next call begins a round */
        if (s->wants_out) {
            wsl_local_stream_flush(s);
        }
        return false;
    }
    return s->broken == NULL;
}

wsl_status wsl_local_stream_receive(wsl_local_stream *s, wsl_message *out_message)
{
    for (;;) {
        const wsl_status status = wsl_local_reader_next(&s->reader, out_message);
        if (status == WSL_OK) {
            return WSL_OK;
        }
        if (status != WSL_AGAIN && s->broken == NULL) {
            s->broken = "it sent something that is no message, or one that is too long";
        }
        if (s->broken != NULL) {
            return WSL_END;
        }
        if (!(s->rings.memory != NULL ? more_from_ring(s) : more_from_socket(s)) && s->broken == NULL) {
            return WSL_AGAIN;
        }
    }
}

const void *wsl_local_stream_take(wsl_local_stream *s, uint32_t size)
{
    const void *bytes = wsl_local_reader_take(&s->reader, size);
    while (bytes == NULL && s->broken == NULL) {
        if (!read_in(s)) {
            break;
        }
        bytes = wsl_local_reader_take(&s->reader, size);
    }
    s->drained = false;
    return bytes;
}
