/*
 * net_internal - what the files of the network loop share. For them alone.
 *
 *     net.c       the object: commands from other threads, the step, deadlines
 *     net_out.c   what we send to: connections and outbound channels
 *     net_in.c    what sends to us: listeners, peers and inbound channels
 *
 *     net_conn  one connection to another TaskManager's listener   1 -- n  net_out  one outbound channel
 *     net_peer  one connection that another TaskManager made to us 1 -- n  net_in   one inbound channel
 *
 * Nothing is put into a queue of messages to send. A channel that has something to say enters the ready list of its
 * connection or peer; what it says is read from its state when a frame is built, so frames carry all there is by then.
 *
 * Life of an inbound channel. Task and peer come in any order; `waiting` holds whoever came first:
 *
 *     registered (ch, no peer)  --OPEN-->       open  --task closes--> stub (number only) --producer's CLOSE--> freed
 *     pending    (peer, no ch)  --registered-->  |
 *                                                +--producer's CLOSE--> lone (ch, no peer) --task closes--> freed
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "net/frame.h"
#include "taskmanager/net/buffer_pool.h"
#include "taskmanager/net/frame_pool.h"
#include "taskmanager/net/net.h"
#include "taskmanager/net/ready_set.h"

enum {
    NET_FRAME_BLOCKS = 32,  /* frames on their way at once */
    NET_RECEIVE_MAX = 64,   /* messages of one endpoint in one step */
    NET_RETRY_NS = 1000000, /* when the transport's queue was full */
    NET_REPLIES_MAX = 64,   /* answers about unknown channels that wait for one peer */
    NET_REASON_MAX = 640,
};

typedef struct net_conn net_conn;
typedef struct net_peer net_peer;

/* One tm_net_close_task until its channels are drained. */
typedef struct net_closing {
    uint32_t pending;
    void (*done)(void *arg);
    void *arg;
} net_closing;

typedef struct net_out {
    tm_net *net;
    tm_channel *ch;
    net_conn *conn; /* NULL: gone */
    char *address;
    uint64_t task;
    uint32_t number;
    uint32_t attempt;
    wsl_buffer *held;      /* taken from the channel, did not fit into the last frame */
    bool open_sent;        /* so the other side knows our number */
    bool credited;         /* the other side has answered */
    bool failed;           /* reported; nothing is sent any more */
    bool muted;            /* the consumer has closed its side */
    bool ended;            /* END is sent */
    bool acknowledged;     /* END has arrived */
    bool dead;             /* freed as soon as it is in no ready list */
    const char *fail_text; /* FAIL is to be sent */
    int64_t deadline_ns;   /* of the first credit, later of draining; WSL_NEVER */
    net_closing *closing;
    bool ready;
    struct net_out *next_ready;
    struct net_out *next, **at;
} net_out;

struct net_conn {
    tm_net *net;
    wsl_endpoint *endpoint;
    tm_ready_entry entry;
    char *address;
    char *identity;
    bool connected;
    wsl_u64_map outs; /* by number */
    uint32_t next_number;
    net_out *ready, **ready_end;
    wsl_message unsent;
    int64_t idle_ns; /* when it is closed for want of channels; WSL_NEVER */
    net_conn *next;
};

typedef struct net_in {
    tm_net *net;
    tm_channel *ch; /* NULL: pending or stub */
    wsl_buffer_pool *pool;
    tm_channel_key key;
    uint64_t task;
    char *expected; /* identity of the producer's TaskManager; NULL: any */
    net_peer *peer; /* NULL: registered or lone */
    uint32_t number;
    uint32_t announced; /* credits that the producer knows of, ever */
    bool waiting;       /* in net->waiting */
    bool failed;        /* reported */
    bool ended;         /* END was delivered */
    bool comes_full;    /* the last buffer was filled by more than half */
    bool stub;          /* closed here; the producer does not know yet */
    bool dead;
    bool say_ended;      /* CLOSE ENDED is to be sent */
    bool say_aborted;    /* CLOSE ABORTED is to be sent */
    char *fail_text;     /* FAIL is to be sent */
    int64_t deadline_ns; /* pending: of its registration */
    bool ready;
    struct net_in *next_ready;
    bool touched; /* got buffers from the frame at hand that its consumer has not heard of */
    struct net_in *next_touched;
    struct net_in *next, **at;
} net_in;

typedef struct net_reply {
    uint32_t number, attempt;
    const char *text; /* a constant */
    struct net_reply *next;
} net_reply;

typedef struct net_listener {
    tm_net *net;
    wsl_endpoint *endpoint;
    tm_ready_entry entry;
    wsl_str_map peers; /* by identity of the connection */
    net_peer *last;
} net_listener;

struct net_peer {
    net_listener *listener;
    char *id;        /* of the connection */
    char *tm;        /* of the TaskManager: what is before '#' */
    bool banned;     /* it broke the protocol: nothing of it is heard any more */
    wsl_u64_map ins; /* by number */
    net_in *ready, **ready_end;
    net_reply *replies;
    uint32_t n_replies;
    wsl_message unsent;
};

struct tm_net {
    wsl_seams seams;
    tm_net_options options;
    char *identity;
    wsl_mailbox inbox;    /* ends of channels with news */
    wsl_mailbox commands; /* net_command */
    tm_ready_set ready_set;
    net_listener listeners[2];
    int n_listeners;
    net_conn *conns;
    uint32_t conns_made;
    net_out *outs;
    net_in *ins;
    wsl_u64_map waiting; /* net_in by hash of key, attempt included */
    uint32_t n_pending;
    net_in *touched;
    tm_frame_pool *frames;
    int64_t next_deadline_ns; /* not later than the earliest of all */
    int64_t retry_ns;         /* when to try again what the transport did not take in this step */
    void (*fds_changed)(void *arg);
    void *fds_changed_arg;
    _Atomic(uint64_t) frames_out, bytes_out, buffers_out, frames_in, bytes_in, buffers_in;
};

static inline void net_count(_Atomic(uint64_t) *counter, uint64_t n)
{
    /* One writer, any readers. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

int64_t net_now(const tm_net *net);
void net_set_deadline(tm_net *net, int64_t deadline_ns);
void net_closing_done_one(net_closing *closing);
/* Sends what is in *message, if anything. False: the transport's queue is full, try again later. */
bool net_send(tm_net *net, wsl_endpoint *endpoint, const char *peer, wsl_message *message);
/* Is the last row of these bytes the end of input? */
bool net_ends_input(const uint8_t *rows, uint32_t used);

/* net_out.c */
void net_out_open(tm_net *net, tm_channel *ch, const char *address, uint64_t task);
void net_out_on_news(net_out *out);
void net_out_close(net_out *out, net_closing *closing);
void net_conn_receive(net_conn *conn);
void net_conn_flush(net_conn *conn);
void net_out_check_deadlines(tm_net *net, int64_t now_ns);
void net_out_fini(tm_net *net);

/* net_in.c */
WSL_MUST_CHECK wsl_status net_listener_open(tm_net *net, const char *address, wsl_error *err);
void net_in_open(tm_net *net, tm_channel *ch, wsl_buffer_pool *pool, const char *expected, uint64_t task);
void net_in_on_news(net_in *in);
void net_in_close(net_in *in);
void net_listener_receive(net_listener *l);
void net_listener_flush(net_listener *l);
void net_in_check_deadlines(tm_net *net, int64_t now_ns);
void net_in_fini(tm_net *net);
