/*
 * zmq_listener - the listening side (ROUTER): which peers are there, and when one is gone.
 *
 * ROUTER names peers by identity, the monitor names connections by descriptor. A peer's first message tells both
 * (ZMQ_SRCFD), and from then on DISCONNECTED of that descriptor means that the peer is gone. Messages and monitor
 * events come by different ways, so their order is not certain. The cases, and what is done:
 *
 *   DISCONNECTED while messages of the peer wait   the peer is `dying`: messages are delivered first, then GONE
 *   first message of a connection already closed   the monitor's account says so: dying at once
 *   descriptor used again before we knew           the new owner's first message finds the old one in the table: the
 * old one is dying, and one DISCONNECTED of that descriptor is expected identity used again after GONE its hash is
 * remembered; messages are dropped identity used twice at once                    ZeroMQ ignores the second (HANDOVER =
 * 0)
 *
 * Peers that never sent anything are not known to our caller, and nothing is said when they go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/zmq_internal.h"

/* ---- start ---- */

/* ZeroMQ takes the path of a living listener away without a word, so ask first whether there is one. */
static bool path_is_in_use(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    const int rc = connect(fd, (const struct sockaddr *)(const void *)&name, sizeof name);
    const bool used = rc == 0 || errno == EAGAIN;
    (void)close(fd);
    return used;
}

static wsl_status bind_failed(const wsl_zmq_endpoint *e, int error, wsl_error *err)
{
    switch (error) {
    case EADDRINUSE:
        return wsl_fail(err, WSL_EXISTS,
                        "cannot listen on %s: another process listens there; stop it or choose another port",
                        e->address);
    case EADDRNOTAVAIL:
    case ENODEV:
        return wsl_fail(err, WSL_INVALID, "cannot listen on %s: this host has no such address", e->address);
    case EACCES:
        return wsl_fail(err, WSL_REFUSED, "cannot listen on %s: permission denied", e->address);
    case ENOENT:
        return wsl_fail(err, WSL_NOT_FOUND, "cannot listen on %s: the directory does not exist", e->address);
    default:
        return wsl_fail(err, WSL_IO, "cannot listen on %s: %s", e->address, zmq_strerror(error));
    }
}

wsl_status wsl_zmq_listener_start(wsl_zmq_endpoint *e, wsl_error *err)
{
    WSL_TRY(wsl_zmq_endpoint_open_socket(e, ZMQ_ROUTER, err));
    wsl_zmq_endpoint_set(e, ZMQ_ROUTER_MANDATORY, 1);
    wsl_zmq_endpoint_set(e, ZMQ_ROUTER_HANDOVER, 0);
    e->peers_mask = 15;
    e->peers = wsl_calloc(e->peers_mask + 1, sizeof(wsl_zmq_peer *));
    e->gone = wsl_calloc(WSL_ZMQ_GONE_KEPT, sizeof *e->gone);
    e->dying_end = &e->dying;
    if (strncmp(e->address, "ipc://", 6) == 0 && path_is_in_use(e->address + 6)) {
        return bind_failed(e, EADDRINUSE, err);
    }
    if (zmq_bind(e->socket, e->address) != 0) {
        return bind_failed(e, errno, err);
    }
    char real[1200] = "";
    size_t size = sizeof real;
    WSL_ASSERT(zmq_getsockopt(e->socket, ZMQ_LAST_ENDPOINT, real, &size) == 0);
    free(e->address);
    e->address = wsl_strdup(real);
    e->bound = true;
    return WSL_OK;
}

/* ZeroMQ leaves the file of an ipc:// address behind. */
static void remove_path(const wsl_zmq_endpoint *e)
{
    if (e->bound && strncmp(e->address, "ipc://", 6) == 0) {
        (void)unlink(e->address + 6);
    }
}

/* ---- table of peers ---- */

static wsl_zmq_peer **find_slot(const wsl_zmq_endpoint *e, uint64_t hash, const char *id, uint32_t id_size)
{
    uint32_t i = (uint32_t)hash & e->peers_mask;
    for (;; i = (i + 1) & e->peers_mask) {
        wsl_zmq_peer *p = e->peers[i];
        if (p == NULL || (p->hash == hash && p->id_size == id_size && memcmp(p->id, id, id_size) == 0)) {
            return &e->peers[i];
        }
    }
}

static void rebuild(wsl_zmq_endpoint *e, uint32_t mask, const wsl_zmq_peer *without)
{
    wsl_zmq_peer **old = e->peers;
    const uint32_t old_size = e->peers_mask + 1;
    e->peers = wsl_calloc((size_t)mask + 1, sizeof(wsl_zmq_peer *));
    e->peers_mask = mask;
    for (uint32_t i = 0; i < old_size; i++) {
        wsl_zmq_peer *p = old[i];
        if (p != NULL && p != without) {
            *find_slot(e, p->hash, p->id, p->id_size) = p;
        }
    }
    free(old);
}

static void peer_remove(wsl_zmq_endpoint *e, wsl_zmq_peer *p)
{
    rebuild(e, e->peers_mask, p); /* peers go rarely */
    e->n_peers--;
    if (e->last == p) {
        e->last = NULL;
    }
    if (e->by_fd[p->fd] == p) {
        e->by_fd[p->fd] = NULL;
    }
    e->gone[e->n_gone++ % WSL_ZMQ_GONE_KEPT] = p->hash;
}

static bool was_here(const wsl_zmq_endpoint *e, uint64_t hash)
{
    const uint32_t n = e->n_gone < WSL_ZMQ_GONE_KEPT ? e->n_gone : WSL_ZMQ_GONE_KEPT;
    for (uint32_t i = 0; i < n; i++) {
        if (e->gone[i] == hash) {
            return true;
        }
    }
    return false;
}

static void fds_reserve(wsl_zmq_endpoint *e, int fd)
{
    const uint32_t old = e->n_fds;
    if ((uint32_t)fd < old) {
        return;
    }
    e->n_fds = ((uint32_t)fd | 63) + 1;
    e->by_fd = wsl_realloc(e->by_fd, e->n_fds * sizeof(wsl_zmq_peer *));
    e->fd_open = wsl_realloc(e->fd_open, e->n_fds * sizeof *e->fd_open);
    e->fd_stale = wsl_realloc(e->fd_stale, e->n_fds * sizeof *e->fd_stale);
    for (uint32_t i = old; i < e->n_fds; i++) {
        e->by_fd[i] = NULL;
        e->fd_open[i] = 0;
        e->fd_stale[i] = 0;
    }
}

/* ---- coming and going ---- */

static void peer_is_dying(wsl_zmq_endpoint *e, wsl_zmq_peer *p)
{
    if (p->dying) {
        return;
    }
    p->dying = true;
    p->next_dying = NULL;
    *e->dying_end = p;
    e->dying_end = &p->next_dying;
    if (e->by_fd[p->fd] == p) {
        e->by_fd[p->fd] = NULL;
    }
    /* Everything that it sent lies before us: GONE comes when nothing is left, or after so many messages. */
    e->drain_left = WSL_ZMQ_DRAIN_MAX;
    e->readable = true;
}

static void listener_on_monitor(wsl_zmq_endpoint *e, uint16_t event, int fd)
{
    if (fd < 0 || (event != ZMQ_EVENT_ACCEPTED && event != ZMQ_EVENT_DISCONNECTED)) {
        return;
    }
    fds_reserve(e, fd);
    if (event == ZMQ_EVENT_ACCEPTED) {
        e->fd_open[fd] = 1;
        return;
    }
    if (e->fd_stale[fd] > 0) {
        e->fd_stale[fd]--;
        return;
    }
    e->fd_open[fd] = 0;
    if (e->by_fd[fd] != NULL) {
        peer_is_dying(e, e->by_fd[fd]);
    }
}

static void listener_on_timer(wsl_zmq_endpoint *e) { (void)e; }

/* The first message of this identity: enters it, or returns NULL if it must not be heard. */
static wsl_zmq_peer *peer_new(wsl_zmq_endpoint *e, const char *id, uint32_t id_size, uint64_t hash, zmq_msg_t *payload)
{
    const int fd = zmq_msg_get(payload, ZMQ_SRCFD);
    if (fd < 0 || was_here(e, hash)) {
        return NULL;
    }
    wsl_zmq_endpoint_look(e); /* so that the account of this descriptor is up to date */
    fds_reserve(e, fd);
    if (e->by_fd[fd] != NULL) {
        peer_is_dying(e, e->by_fd[fd]);
        e->fd_stale[fd]++;
    }
    wsl_zmq_peer *p = wsl_zalloc(sizeof *p);
    memcpy(p->id, id, id_size);
    p->id_size = id_size;
    p->hash = hash;
    p->fd = fd;
    e->by_fd[fd] = p;
    if (2 * (e->n_peers + 1) > e->peers_mask) {
        rebuild(e, 2 * e->peers_mask + 1, NULL);
    }
    *find_slot(e, hash, p->id, id_size) = p;
    e->n_peers++;
    if (!e->fd_open[fd]) {
        peer_is_dying(e, p);
    }
    return p;
}

static wsl_zmq_peer *peer_of(wsl_zmq_endpoint *e, zmq_msg_t *id_msg, zmq_msg_t *payload)
{
    const char *id = zmq_msg_data(id_msg);
    const size_t size = zmq_msg_size(id_msg);
    if (e->last != NULL && e->last->id_size == size && memcmp(e->last->id, id, size) == 0) {
        return e->last;
    }
    /* Names that are not text are ZeroMQ's own, for those that gave none. */
    if (size == 0 || size > WSL_PEER_ID_MAX || memchr(id, '\0', size) != NULL) {
        return NULL;
    }
    const uint64_t hash = XXH3_64bits(id, size);
    wsl_zmq_peer *p = *find_slot(e, hash, id, (uint32_t)size);
    if (p == NULL) {
        p = peer_new(e, id, (uint32_t)size, hash, payload);
    }
    if (p != NULL) {
        e->last = p;
    }
    return p;
}

/* ---- receive ---- */

/* Takes identity and payload. False: nothing there. *out_whole: the message has two parts, as ours have. */
static bool take_parts(wsl_zmq_endpoint *e, zmq_msg_t *id, zmq_msg_t *payload, bool *out_whole)
{
    if (zmq_msg_recv(id, e->socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    uint32_t parts = 1;
    for (zmq_msg_t *last = id; zmq_msg_more(last) && zmq_msg_recv(payload, e->socket, ZMQ_DONTWAIT) >= 0;
         last = payload) {
        parts++;
    }
    *out_whole = parts == 2;
    return true;
}

static wsl_status take_message(wsl_zmq_endpoint *e, wsl_net_event *out_event)
{
    zmq_msg_t id, payload;
    wsl_status status = WSL_AGAIN;
    while (status == WSL_AGAIN) {
        bool whole = false;
        (void)zmq_msg_init(&id);
        (void)zmq_msg_init(&payload);
        if (!take_parts(e, &id, &payload, &whole)) {
            wsl_zmq_endpoint_drained(e);
            break;
        }
        wsl_zmq_peer *p = whole ? peer_of(e, &id, &payload) : NULL;
        if (p != NULL) {
            *out_event = (wsl_net_event){.kind = WSL_NET_MESSAGE, .peer = p->id};
            wsl_zmq_held_set_take(e->held, &payload, &out_event->message);
            status = WSL_OK;
        }
        (void)zmq_msg_close(&payload);
        (void)zmq_msg_close(&id);
    }
    return status;
}

static void report_gone(wsl_zmq_endpoint *e, wsl_net_event *out_event)
{
    wsl_zmq_peer *p = e->dying;
    e->dying = p->next_dying;
    if (e->dying == NULL) {
        e->dying_end = &e->dying;
    }
    peer_remove(e, p);
    e->reported = p;
    *out_event = (wsl_net_event){.kind = WSL_NET_GONE, .peer = p->id, .reason = "the connection was lost"};
}

static wsl_status listener_receive(wsl_zmq_endpoint *e, wsl_net_event *out_event)
{
    free(e->reported);
    e->reported = NULL;
    if (!e->readable || e->taken_since_look >= WSL_ZMQ_LOOK_EVERY) {
        wsl_zmq_endpoint_look(e);
    }
    const bool overdue = e->dying != NULL && e->drain_left == 0;
    if (e->readable && !overdue && take_message(e, out_event) == WSL_OK) {
        e->taken_since_look++;
        e->drain_left -= e->drain_left > 0;
        return WSL_OK;
    }
    if (e->dying != NULL) {
        report_gone(e, out_event);
        return WSL_OK;
    }
    return WSL_AGAIN;
}

/* ---- send ---- */

static wsl_zmq_peer *find_peer(wsl_zmq_endpoint *e, const char *name)
{
    if (e->last != NULL && strcmp(e->last->id, name) == 0) {
        return e->last;
    }
    const size_t size = strnlen(name, WSL_PEER_ID_MAX + 1);
    return size > WSL_PEER_ID_MAX ? NULL : *find_slot(e, XXH3_64bits(name, size), name, (uint32_t)size);
}

static wsl_status listener_send(wsl_zmq_endpoint *e, const char *peer, wsl_message *message)
{
    const wsl_zmq_peer *p = find_peer(e, peer);
    if (p == NULL || p->dying) {
        return WSL_UNREACHABLE;
    }
    if (zmq_send(e->socket, p->id, p->id_size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return errno == EAGAIN || errno == EINTR ? WSL_AGAIN : WSL_UNREACHABLE;
    }
    wsl_zmq_outgoing out;
    wsl_zmq_outgoing_init(&out, message);
    if (zmq_msg_send(&out.msg, e->socket, ZMQ_DONTWAIT) < 0) {
        wsl_zmq_outgoing_failed(&out);
        return WSL_UNREACHABLE;
    }
    wsl_zmq_outgoing_sent(&out, message);
    wsl_zmq_endpoint_recheck(e);
    return WSL_OK;
}

static void listener_fini(wsl_zmq_endpoint *e)
{
    remove_path(e);
    for (uint32_t i = 0; e->peers != NULL && i <= e->peers_mask; i++) {
        free(e->peers[i]);
    }
    free(e->peers);
    free(e->by_fd);
    free(e->fd_open);
    free(e->fd_stale);
    free(e->reported);
    free(e->gone);
}

const wsl_zmq_role wsl_zmq_listener_role = {
    .receive = listener_receive,
    .send = listener_send,
    .on_monitor = listener_on_monitor,
    .on_timer = listener_on_timer,
    .fini = listener_fini,
};
