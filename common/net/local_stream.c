/*
 * local_stream - one connected socket.
 *
 * Out. A message goes to the kernel in the call that sends it, from the caller's memory, if nothing waits before it.
 * What does not fit waits in the queue, by reference, and the epoll waits for room; who is woken by that calls receive,
 * which flushes. At the high-water mark send says WSL_AGAIN.
 *
 * In. A round is what lies between two WSL_AGAIN of receive. One read takes all there is as a rule; a read that gave
 * less than it had room for has emptied the socket, so the round ends without asking a second time. What comes later
 * makes the descriptor readable again: epoll is level-triggered.
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

void wsl_local_stream_init(wsl_local_stream *s, int fd, int epoll_fd, void *owner, uint32_t high_water_mark)
{
    *s = (wsl_local_stream){.fd = fd, .epoll_fd = epoll_fd, .owner = owner};
    s->high_water_mark = high_water_mark != 0 ? high_water_mark : WSL_LOCAL_HWM_DEFAULT;
    const int size = WSL_LOCAL_KERNEL_BUFFER; /* the kernel gives what it allows */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = owner}};
    WSL_ASSERT(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void wsl_local_stream_fini(wsl_local_stream *s)
{
    if (s->fd >= 0) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
        (void)close(s->fd);
    }
    for (; s->count > 0; s->count--, s->first++) {
        wsl_message_release(&s->queue[s->first & s->queue_mask]);
    }
    free(s->queue);
    wsl_local_reader_fini(&s->reader);
    *s = (wsl_local_stream){.fd = -1};
}

bool wsl_local_is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

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

/* How many bytes the kernel took. */
static size_t write_out(wsl_local_stream *s, gather *g)
{
    const struct msghdr h = {.msg_iov = g->parts, .msg_iovlen = (size_t)g->n_parts};
    const ssize_t n = sendmsg(s->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM) {
        s->write_broken = true; /* reading will find out too, and says so */
    }
    return n < 0 ? 0 : (size_t)n;
}

static void watch_out(wsl_local_stream *s, bool wanted)
{
    if (s->wants_out == wanted) {
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
        struct pollfd p = {.fd = s->fd, .events = POLLOUT};
        if (left_ns <= 0 || poll(&p, 1, (int)(left_ns / WSL_NS_PER_MS) + 1) <= 0) {
            return;
        }
        wsl_local_stream_flush(s);
    }
}

/* ---- in ---- */

/* False: nothing came, for now or for ever. */
static bool read_in(wsl_local_stream *s)
{
    struct iovec room[2];
    struct msghdr h = {.msg_iov = room, .msg_iovlen = (size_t)wsl_local_reader_room(&s->reader, room)};
    const size_t asked = room[0].iov_len + (h.msg_iovlen > 1 ? room[1].iov_len : 0);
    const ssize_t n = recvmsg(s->fd, &h, MSG_DONTWAIT);
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

wsl_status wsl_local_stream_receive(wsl_local_stream *s, wsl_message *out_message)
{
    for (;;) {
        const wsl_status status = wsl_local_reader_next(&s->reader, out_message);
        if (status == WSL_OK) {
            return WSL_OK;
        }
        if (status != WSL_AGAIN) {
            s->broken = "it sent something that is no message, or one that is too long";
        }
        if (s->broken != NULL) {
            return WSL_END;
        }
        if (s->drained || (!read_in(s) && s->broken == NULL)) {
            s->drained = false; /* the next call begins a round */
            if (s->wants_out) {
                wsl_local_stream_flush(s);
            }
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
