/*
 * local_internal - what the files of transport_local share. For them alone (and for tests that drive one part).
 *
 *     transport_local.c    transport, addresses, endpoints as the seam sees them
 *     local_connection.c   connecting side: attempts until connected, then until gone
 *     local_listener.c     listening side: the path, who is there, who is gone
 *     local_stream.c       one connected socket: messages that wait to be sent, messages that have come
 *     local_ring.c         the bytes' way through shared memory
 *     local_reader.c       bytes to messages; no descriptor, so it can be fed by a fuzzer
 *
 * Threads: an endpoint belongs to one loop; received messages are released from any thread.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/map.h"
#include "net/transport.h"

#define WSL_LOCAL_MAGIC UINT32_C(0x4C4C5357)   /* "WSLL": hello and welcome */
#define WSL_LOCAL_MESSAGE UINT32_C(0x4D4C5357) /* "WSLM": each message */

enum {
    WSL_LOCAL_VERSION = 1,
    WSL_LOCAL_HWM_DEFAULT = 4096,
    WSL_LOCAL_BLOCK_SIZE = 64 << 10, /* small messages come together in one of these */
    WSL_LOCAL_ALONE_FROM = 16 << 10, /* a message of so many bytes that has not come whole gets a block of its own */
    WSL_LOCAL_GATHER = 16,           /* messages written with one call */
    WSL_LOCAL_TURN = 64,             /* messages of one peer before the next has its turn */
    WSL_LOCAL_RETRY_MS_MIN = 5,
    WSL_LOCAL_RETRY_MS_MAX = 200,
    WSL_LOCAL_ATTEMPT_MS = 5000,     /* for the welcome to come */
    WSL_LOCAL_KERNEL_BUFFER = 4 << 20,
    WSL_LOCAL_RING_BYTES = 512 << 10, /* of one direction; a power of two. Fits a processor's cache, and a frame or two */
    WSL_LOCAL_RING_BYTES_MAX = 64 << 20,
    WSL_LOCAL_LOOK_EVERY = 32,       /* rounds of a polled endpoint between two looks at its descriptors */
    WSL_LOCAL_GONE_KEPT = 4096,      /* identities of peers that are gone and stay refused */
    WSL_LOCAL_STRANGERS_MAX = 128,   /* accepted sockets that have not said who they are; one more and the oldest goes */
    WSL_LOCAL_PEERS_MAX = 4096,
};

/* The first bytes of a connection. Both structs are the wire format; ends of one host have one byte order. */
typedef struct wsl_local_hello {
    uint32_t magic;
    uint16_t version;
    uint16_t identity_size;
    uint32_t ring_bytes; /* of each of the two rings in the memory file that comes with the hello; 0: there is none */
    uint32_t reserved;
    char identity[WSL_PEER_ID_MAX]; /* the rest is zeros */
} wsl_local_hello;

typedef struct wsl_local_welcome {
    uint32_t magic;
    uint16_t version;
    uint16_t reserved;
} wsl_local_welcome;

/* Before each message; its bytes follow, and zeros up to a multiple of 8. */
typedef struct wsl_local_head {
    uint32_t magic;
    uint32_t size;
} wsl_local_head;

_Static_assert(sizeof(wsl_local_hello) == 144 && sizeof(wsl_local_welcome) == 8 && sizeof(wsl_local_head) == 8,
               "part of the wire format");

static inline size_t wsl_local_padded(size_t size) { return (size + 7) & ~(size_t)7; }

/* ---- bytes to messages ---- */

typedef struct wsl_local_block {
    _Atomic(uint32_t) references; /* 1 for the reader that fills it + 1 for each message in it that is out */
    uint32_t capacity;
    _Alignas(8) uint8_t data[];
} wsl_local_block;

/* Zeroed memory is an empty reader. */
typedef struct wsl_local_reader {
    wsl_local_block *block; /* what came and was not taken: data[start .. end) */
    uint32_t start, end;
    wsl_local_block *alone; /* the message under way that has a block of its own; then `block` begins behind it */
    uint32_t alone_size, alone_have;
} wsl_local_reader;

void wsl_local_reader_fini(wsl_local_reader *r);
/* Where the next bytes go: one or two places, never empty. After WSL_AGAIN of next. */
int wsl_local_reader_room(wsl_local_reader *r, struct iovec out_room[2]);
void wsl_local_reader_came(wsl_local_reader *r, size_t n); /* so many bytes were put there */
/* So many bytes (at most a hello's) that are no message. NULL: they have not come yet. Valid until the next room. */
const void *wsl_local_reader_take(wsl_local_reader *r, uint32_t size);
/* WSL_AGAIN: no whole message; WSL_FORMAT: what came is not a message, and nothing more can be read. */
WSL_MUST_CHECK wsl_status wsl_local_reader_next(wsl_local_reader *r, wsl_message *out_message);

/* ---- bytes through shared memory ---- */

typedef struct wsl_local_marks wsl_local_marks; /* shared */

/* One direction, as one side sees it. */
typedef struct wsl_local_ring {
    wsl_local_marks *marks;
    uint8_t *bytes;
    uint32_t capacity;
    uint64_t at; /* writer: bytes ever written; reader: ever read */
    bool broken; /* the other side told nonsense */
} wsl_local_ring;

typedef struct wsl_local_rings {
    void *memory; /* NULL: none */
    size_t size;
    wsl_local_ring out, in;
} wsl_local_rings;

/* Returns the memory file, for the listener to join; -1: not to be had, errno. The caller closes it. */
int wsl_local_rings_make(wsl_local_rings *rings);
bool wsl_local_rings_join(wsl_local_rings *rings, int fd, uint32_t capacity); /* false: not usable */
void wsl_local_rings_fini(wsl_local_rings *rings);

/* Writer. Returns how many bytes found room. */
size_t wsl_local_ring_write(wsl_local_ring *r, const struct iovec *parts, int n_parts);
bool wsl_local_ring_reader_sleeps(wsl_local_ring *r); /* after a write. True: ring it, once */
bool wsl_local_ring_wait_for_room(wsl_local_ring *r); /* false: there is some. True: the reader rings when there is */
/* Reader. Returns how many bytes there were. */
size_t wsl_local_ring_read(wsl_local_ring *r, const struct iovec *places, int n_places);
bool wsl_local_ring_has_bytes(wsl_local_ring *r);       /* or is broken */
bool wsl_local_ring_writer_is_stuck(wsl_local_ring *r); /* after a read. True: ring it, once */
bool wsl_local_ring_fall_asleep(wsl_local_ring *r);     /* the writer rings when it has; false: there are bytes already */
bool wsl_local_ring_wake_up(wsl_local_ring *r);         /* no ring is needed any more; true: the writer has rung */

/* ---- one connected socket ---- */

typedef struct wsl_local_endpoint wsl_local_endpoint;

typedef struct wsl_local_stream {
    int fd; /* -1: closed */
    int epoll_fd;
    void *owner; /* the data of its epoll events */
    uint32_t high_water_mark;

    wsl_message *queue; /* ring; grows up to high_water_mark */
    uint32_t queue_mask, first, count;
    size_t written;     /* bytes of the first message that are out, head and padding included */
    bool wants_out;     /* the epoll waits for room */
    bool write_broken;

    wsl_local_reader reader;
    bool takes_file;       /* a descriptor may come along, for `file` (-1: none came) */
    int file;
    wsl_local_rings rings; /* memory NULL: the bytes go through the socket itself */
    bool polled;        /* its owner calls rest before it sleeps */
    bool asleep;        /* the other side rings when it writes */
    bool rung;          /* and did */
    bool heard;         /* the socket was looked at in this round */
    uint32_t rounds;    /* since it was looked at */
    bool hung_up;       /* the other side has closed; what it wrote before is still in the ring */
    bool drained;       /* nothing was left in the socket when we looked in this round */
    const char *broken; /* why nothing more will come; NULL: it may */
} wsl_local_stream;

/* Takes fd. Its events in e's epoll have `owner` as their data. */
void wsl_local_stream_init(wsl_local_stream *s, int fd, const wsl_local_endpoint *e, void *owner);
void wsl_local_stream_drop_file(wsl_local_stream *s);
void wsl_local_stream_fini(wsl_local_stream *s); /* closes, and releases what is queued */
WSL_MUST_CHECK wsl_status wsl_local_stream_send(wsl_local_stream *s, wsl_message *message);
void wsl_local_stream_flush(wsl_local_stream *s);
bool wsl_local_stream_rest(wsl_local_stream *s); /* see wsl_transport_ops.rest */
bool wsl_local_stream_has_bytes(wsl_local_stream *s); /* in its ring; costs no system call */
void wsl_local_stream_linger(wsl_local_stream *s, uint32_t ms); /* waits until the kernel has what is queued */
/* WSL_AGAIN: nothing more in this round. WSL_END: nothing more for ever, `broken` says why. */
WSL_MUST_CHECK wsl_status wsl_local_stream_receive(wsl_local_stream *s, wsl_message *out_message);
/* As wsl_local_reader_take, but reads. NULL: not yet, or never (`broken`). */
const void *wsl_local_stream_take(wsl_local_stream *s, uint32_t size);
bool wsl_local_is_ours(int fd); /* the process at the other end belongs to our user */

/* ---- endpoints ---- */

typedef struct wsl_local_transport {
    wsl_transport base;
    _Atomic(uint32_t) endpoints;
} wsl_local_transport;

typedef struct wsl_local_peer {
    wsl_local_stream stream;
    char *id;    /* NULL: has not said hello */
    bool known;  /* has sent a message, so that our caller knows it */
    bool deaf;   /* its identity is another's, or was: what it says is not heard */
    bool ready;  /* in the list */
    uint32_t taken;
    struct wsl_local_peer *next_ready;
    struct wsl_local_peer *next, *before; /* all, oldest first */
} wsl_local_peer;

typedef enum wsl_local_state {
    WSL_LOCAL_WAITING,  /* for the time of the next attempt; no socket */
    WSL_LOCAL_GREETING, /* hello is sent */
    WSL_LOCAL_LIVE,
    WSL_LOCAL_GONE,
} wsl_local_state;

struct wsl_local_endpoint {
    wsl_endpoint base;
    const struct wsl_local_role *role;
    char *address, *path;
    char *identity;
    uint32_t high_water_mark, linger_ms;
    bool polled;
    int epoll_fd;

    /* connection */
    int timer_fd;
    wsl_local_state state;
    wsl_local_stream stream;
    uint32_t retry_ms;

    /* listener */
    int listen_fd;
    uint64_t path_device, path_inode; /* of the path we made */
    wsl_local_peer *peers, *youngest;
    uint32_t n_peers, n_strangers;
    uint32_t n_plain; /* peers without a ring, strangers included */
    uint32_t rounds;  /* since the epoll was asked */
    wsl_str_map by_id; /* known or not, but not deaf */
    wsl_local_peer *last;
    wsl_local_peer *ready, **ready_end;
    bool looked;              /* in this round */
    wsl_local_peer *reported; /* gone; freed at the next receive, which is how long its name is valid */
    uint64_t *gone;           /* ring of hashes */
    uint32_t n_gone;
};

/* What differs between the two kinds. */
typedef struct wsl_local_role {
    wsl_status (*start)(wsl_local_endpoint *e, wsl_error *err);
    wsl_status (*receive)(wsl_local_endpoint *e, wsl_net_event *out_event);
    wsl_status (*send)(wsl_local_endpoint *e, const char *peer, wsl_message *message);
    bool (*rest)(wsl_local_endpoint *e);
    void (*drive)(wsl_local_endpoint *e);
    void (*fini)(wsl_local_endpoint *e);
} wsl_local_role;

extern const wsl_local_role wsl_local_connection_role;
extern const wsl_local_role wsl_local_listener_role;

int wsl_local_socket(void); /* -1 and errno */
/* Watched in e's epoll for reading. */
void wsl_local_watch(wsl_local_endpoint *e, int fd, void *data);

/* What receive does besides receiving: answers hellos, sends what is queued. For a test with both ends on one thread. */
void wsl_local_endpoint_drive(wsl_endpoint *e);
