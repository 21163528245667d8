/*
 * local_listener - the listening side: the path, who is there, who is gone.
 *
 * The path. Its file is made for our user alone. A path at which somebody listens is refused; one that a dead process
 * has left is removed, under a lock on its directory, so that of two listeners that find it only one removes it. On
 * closing the file is removed if it is still the one that we made.
 *
 * Peers. An accepted socket is a stranger until it has said a whole hello; strangers that say something else are
 * closed, and when there are too many the oldest is. A hello with an identity that is in use, or was, is welcomed (its
 * sender cannot know better), but what it says is not heard: deaf. Our caller hears of a peer with its first message,
 * and so of its end only if there was one.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/local_internal.h"

enum { EVENTS_MAX = 32 }; /* of more, the rest is still ready in the next round */

/* ---- the path ---- */

static wsl_status bind_failed(const wsl_local_endpoint *e, int error, wsl_error *err)
{
    switch (error) {
    case EADDRINUSE:
        return wsl_fail(err, WSL_EXISTS,
                        "cannot listen on %s: another process listens there; stop it or choose another path",
                        e->address);
    case EACCES:
    case EROFS:
        return wsl_fail(err, WSL_REFUSED, "cannot listen on %s: permission denied", e->address);
    case ENOENT:
    case ENOTDIR:
        return wsl_fail(err, WSL_NOT_FOUND, "cannot listen on %s: the directory does not exist", e->address);
    default:
        return wsl_fail(err, WSL_IO, "cannot listen on %s: %s", e->address, strerror(error));
    }
}

/* Is this a socket's file at which nobody listens? */
static bool is_stale(const struct sockaddr_un *name)
{
    struct stat st;
    if (lstat(name->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    const int fd = wsl_local_socket();
    if (fd < 0) {
        return false;
    }
    const bool refused =
        connect(fd, (const struct sockaddr *)(const void *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

/* 0 or the error. */
static int bind_path(int fd, const struct sockaddr_un *name)
{
    return bind(fd, (const struct sockaddr *)(const void *)name, sizeof *name) == 0 ? 0 : errno;
}

static int bind_over_stale(int fd, const struct sockaddr_un *name)
{
    char directory[sizeof name->sun_path];
    memcpy(directory, name->sun_path, sizeof directory);
    char *slash = strrchr(directory, '/');
    if (slash == NULL) {
        return EADDRINUSE;
    }
    slash[slash == directory] = '\0';
    const int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = EADDRINUSE;
    /* Whoever holds the lock is about to listen there. */
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && is_stale(name) && unlink(name->sun_path) == 0) {
        error = bind_path(fd, name);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    return error;
}

static wsl_status listener_start(wsl_local_endpoint *e, wsl_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat st;
    memcpy(name.sun_path, e->path, strlen(e->path) + 1);
    e->listen_fd = wsl_local_socket();
    e->gone = wsl_calloc(WSL_LOCAL_GONE_KEPT, sizeof *e->gone);
    e->ready_end = &e->ready;
    if (e->listen_fd < 0 || fchmod(e->listen_fd, S_IRUSR | S_IWUSR) != 0) { /* the file gets the socket's mode */
        return bind_failed(e, errno, err);
    }
    int error = bind_path(e->listen_fd, &name);
    if (error == EADDRINUSE) {
        error = bind_over_stale(e->listen_fd, &name);
    }
    if (error == 0 && (lstat(e->path, &st) != 0 || listen(e->listen_fd, SOMAXCONN) != 0)) {
        error = errno;
    }
    if (error != 0) {
        return bind_failed(e, error, err);
    }
    e->path_device = st.st_dev;
    e->path_inode = st.st_ino;
    wsl_local_watch(e, e->listen_fd, NULL);
    return WSL_OK;
}

static void remove_path(const wsl_local_endpoint *e)
{
    struct stat st;
    if (e->path_inode != 0 && lstat(e->path, &st) == 0 && st.st_dev == e->path_device && st.st_ino == e->path_inode) {
        (void)unlink(e->path);
    }
}

/* ---- peers ---- */

static bool was_here(const wsl_local_endpoint *e, uint64_t hash)
{
    const uint32_t n = e->n_gone < WSL_LOCAL_GONE_KEPT ? e->n_gone : WSL_LOCAL_GONE_KEPT;
    for (uint32_t i = 0; i < n; i++) {
        if (e->gone[i] == hash) {
            return true;
        }
    }
    return false;
}

static void peer_free(wsl_local_peer *p)
{
    if (p != NULL) {
        wsl_local_stream_fini(&p->stream);
        free(p->id);
        free(p);
    }
}

/* Out of all lists; the struct stays. */
static void peer_remove(wsl_local_endpoint *e, wsl_local_peer *p)
{
    *(p->before != NULL ? &p->before->next : &e->peers) = p->next;
    *(p->next != NULL ? &p->next->before : &e->youngest) = p->before;
    e->n_peers--;
    e->n_strangers -= p->id == NULL;
    e->n_plain -= p->stream.rings.memory == NULL;
    if (e->last == p) {
        e->last = NULL;
    }
    if (p->ready) {
        wsl_local_peer **at = &e->ready;
        while (*at != p) {
            at = &(*at)->next_ready;
        }
        *at = p->next_ready;
        if (*at == NULL) {
            e->ready_end = at;
        }
        p->ready = false;
    }
    if (p->id != NULL && !p->deaf) {
        (void)wsl_str_map_remove(&e->by_id, p->id);
        if (p->known) {
            e->gone[e->n_gone++ % WSL_LOCAL_GONE_KEPT] = XXH3_64bits(p->id, strlen(p->id));
        }
    }
    wsl_local_stream_fini(&p->stream);
}

static void close_oldest_stranger(wsl_local_endpoint *e)
{
    for (wsl_local_peer *p = e->peers; p != NULL; p = p->next) {
        if (p->id == NULL) {
            peer_remove(e, p);
            peer_free(p);
            return;
        }
    }
}

static void make_ready(wsl_local_endpoint *e, wsl_local_peer *p)
{
    if (!p->ready) {
        p->ready = true;
        p->taken = 0;
        p->next_ready = NULL;
        *e->ready_end = p;
        e->ready_end = &p->next_ready;
    }
}

static void unready_first(wsl_local_endpoint *e)
{
    wsl_local_peer *p = e->ready;
    e->ready = p->next_ready;
    if (e->ready == NULL) {
        e->ready_end = &e->ready;
    }
    p->ready = false;
}

static void accept_all(wsl_local_endpoint *e)
{
    for (;;) {
        const int fd = accept4(e->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return; /* no more, or out of descriptors: they wait, and try again */
        }
        if (!wsl_local_is_ours(fd) || e->n_peers >= WSL_LOCAL_PEERS_MAX) {
            (void)close(fd);
            continue;
        }
        if (e->n_strangers >= WSL_LOCAL_STRANGERS_MAX) {
            close_oldest_stranger(e);
        }
        wsl_local_peer *p = wsl_zalloc(sizeof *p);
        wsl_local_stream_init(&p->stream, fd, e, p);
        p->stream.takes_file = true;
        p->before = e->youngest;
        *(p->before != NULL ? &p->before->next : &e->peers) = p;
        e->youngest = p;
        e->n_peers++;
        e->n_strangers++;
        e->n_plain++;
        make_ready(e, p);
    }
}

/* The rings that it proposes. False: they cannot be used. */
static bool join_rings(wsl_local_endpoint *e, wsl_local_stream *s, uint32_t ring_bytes)
{
    s->takes_file = false;
    if (ring_bytes == 0) {
        wsl_local_stream_drop_file(s);
        return true;
    }
    if (s->file < 0 || !wsl_local_rings_join(&s->rings, s->file, ring_bytes)) {
        return false;
    }
    wsl_local_stream_drop_file(s);
    e->n_plain--;
    /* Whoever looks at our descriptor next hears of its first message. */
    return wsl_local_stream_rest(s) && s->reader.start == s->reader.end;
}

/* False: it said something else. */
static bool on_hello(wsl_local_endpoint *e, wsl_local_peer *p, const wsl_local_hello *hello)
{
    const wsl_local_welcome welcome = {.magic = WSL_LOCAL_MAGIC, .version = WSL_LOCAL_VERSION};
    if (hello->magic != WSL_LOCAL_MAGIC || hello->version != WSL_LOCAL_VERSION || hello->identity_size == 0 ||
        hello->identity_size > WSL_PEER_ID_MAX || memchr(hello->identity, '\0', hello->identity_size) != NULL) {
        return false;
    }
    const uint32_t ring_bytes = hello->ring_bytes;
    p->id = wsl_strndup(hello->identity, hello->identity_size);
    e->n_strangers--;
    p->deaf = wsl_str_map_get(&e->by_id, p->id) != NULL || was_here(e, XXH3_64bits(p->id, hello->identity_size));
    if (!p->deaf) {
        (void)wsl_str_map_put(&e->by_id, p->id, p);
    }
    return join_rings(e, &p->stream, ring_bytes) &&
           send(p->stream.fd, &welcome, sizeof welcome, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof welcome;
}

/* ---- receive ---- */

static void look(wsl_local_endpoint *e)
{
    struct epoll_event events[EVENTS_MAX];
    const int n = epoll_wait(e->epoll_fd, events, EVENTS_MAX, 0);
    bool accepting = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == NULL) {
            accepting = true;
        } else {
            make_ready(e, events[i].data.ptr);
        }
    }
    if (accepting) {
        accept_all(e);
    }
}

/* What the first ready peer has. WSL_AGAIN: nothing more in this round. WSL_END: it is gone. */
static wsl_status take_from(wsl_local_endpoint *e, wsl_local_peer *p, wsl_message *out_message)
{
    if (p->id == NULL) {
        const wsl_local_hello *hello = wsl_local_stream_take(&p->stream, sizeof *hello);
        if (hello == NULL) {
            return p->stream.broken != NULL ? WSL_END : WSL_AGAIN;
        }
        if (!on_hello(e, p, hello)) {
            return WSL_END;
        }
    }
    wsl_status status = wsl_local_stream_receive(&p->stream, out_message);
    while (status == WSL_OK && p->deaf && ++p->taken < WSL_LOCAL_TURN) {
        wsl_message_release(out_message);
        status = wsl_local_stream_receive(&p->stream, out_message);
    }
    if (status == WSL_OK && p->deaf) {
        wsl_message_release(out_message);
        return WSL_AGAIN; /* level-triggered: the next round goes on with what is in the socket */
    }
    return status;
}

/* Begins a round: who may have something? Polled and all have rings: mostly memory says so. */
static void begin_round(wsl_local_endpoint *e)
{
    e->looked = true;
    if (!e->polled || e->n_plain > 0 || ++e->rounds >= WSL_LOCAL_LOOK_EVERY) {
        look(e);
        e->rounds = 0;
    }
    for (wsl_local_peer *p = e->polled ? e->peers : NULL; p != NULL; p = p->next) {
        if (p->stream.count > 0 || wsl_local_stream_has_bytes(&p->stream)) {
            make_ready(e, p);
        }
    }
}

static bool listener_rest(wsl_local_endpoint *e)
{
    bool rests = e->ready == NULL;
    for (wsl_local_peer *p = e->peers; p != NULL; p = p->next) {
        rests &= wsl_local_stream_rest(&p->stream);
    }
    return rests;
}

static wsl_status listener_receive(wsl_local_endpoint *e, wsl_net_event *out_event)
{
    wsl_message message;
    peer_free(e->reported);
    e->reported = NULL;
    if (!e->looked) {
        begin_round(e);
    }
    while (e->ready != NULL) {
        wsl_local_peer *p = e->ready;
        const wsl_status status = take_from(e, p, &message);
        if (status == WSL_OK) {
            p->known = true;
            *out_event = (wsl_net_event){.kind = WSL_NET_MESSAGE, .peer = p->id, .message = message};
            if (++p->taken >= WSL_LOCAL_TURN) { /* the others' turn; nothing of it is forgotten */
                unready_first(e);
                make_ready(e, p);
                e->looked = false;
            }
            return WSL_OK;
        }
        if (status == WSL_AGAIN) {
            unready_first(e);
            continue;
        }
        const char *reason = p->stream.broken;
        const bool report = p->known;
        peer_remove(e, p);
        if (!report) {
            peer_free(p);
            continue;
        }
        e->reported = p;
        *out_event = (wsl_net_event){.kind = WSL_NET_GONE, .peer = p->id, .reason = reason};
        return WSL_OK;
    }
    e->looked = false;
    return WSL_AGAIN;
}

/* ---- send ---- */

static wsl_local_peer *find_peer(wsl_local_endpoint *e, const char *name)
{
    if (e->last == NULL || strcmp(e->last->id, name) != 0) {
        e->last = wsl_str_map_get(&e->by_id, name);
    }
    return e->last;
}

static wsl_status listener_send(wsl_local_endpoint *e, const char *peer, wsl_message *message)
{
    wsl_local_peer *p = find_peer(e, peer);
    return p == NULL || !p->known ? WSL_UNREACHABLE : wsl_local_stream_send(&p->stream, message);
}

static void listener_drive(wsl_local_endpoint *e)
{
    look(e);
    for (wsl_local_peer *p = e->peers; p != NULL; p = p->next) {
        const wsl_local_hello *hello = p->id == NULL ? wsl_local_stream_take(&p->stream, sizeof *hello) : NULL;
        if (hello != NULL && !on_hello(e, p, hello)) {
            p->stream.broken = "it did not say who it is";
        }
        wsl_local_stream_flush(&p->stream);
    }
}

static void listener_fini(wsl_local_endpoint *e)
{
    remove_path(e);
    while (e->peers != NULL) {
        wsl_local_peer *p = e->peers;
        if (e->linger_ms > 0) {
            wsl_local_stream_linger(&p->stream, e->linger_ms);
        }
        peer_remove(e, p);
        peer_free(p);
    }
    peer_free(e->reported);
    wsl_str_map_fini(&e->by_id);
    free(e->gone);
    if (e->listen_fd >= 0) {
        (void)close(e->listen_fd);
    }
}

const wsl_local_role wsl_local_listener_role = {
    .start = listener_start,
    .receive = listener_receive,
    .send = listener_send,
    .rest = listener_rest,
    .drive = listener_drive,
    .fini = listener_fini,
};
