/*
 * net - the network loop of a TaskManager: owns all data sockets, and is one end of every channel that crosses processes.
 *
 *   outbound:  task --tm_channel--> net ==frames over one connection per peer==> peer's net
 *   inbound:   peer's net ==frames==> listener, net --tm_channel--> task
 *   credits of inbound channels travel back on the same connection.
 *
 * Frames, sequence numbers and checksums: common/net/frame.h. Nothing is resumed: a lost peer, a gap, a bad checksum or a
 * frame of another attempt's channel is reported once to `on_failure` for every channel it concerns.
 *
 * Threads: tm_net_step on the network loop; the functions marked "any thread" post a letter to it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "net/seams.h"
#include "taskmanager/net/channel.h"

typedef struct tm_net tm_net;

enum {
    TM_NET_FRAME_BYTES_DEFAULT = 256 << 10,
    TM_NET_DRAIN_MS_DEFAULT = 10000,
    TM_NET_IDLE_MS = 5000,            /* a connection without channels is closed after this time */
    TM_NET_PENDING_MAX = 1 << 16,     /* channels that peers have opened and no task has claimed yet */
    TM_NET_LARGE_MAX = 32 << 20,      /* bytes of a buffer for a row larger than buffer_size */
};

typedef struct tm_net_options {
    const char *listen_address;       /* "tcp://127.0.0.1:0" */
    const char *listen_address_local; /* "unix://..." or "ipc://...", NULL: none */
    const char *identity;             /* TaskManager id + incarnation: prefix of our connections' identities */
    uint32_t heartbeat_ms;
    uint32_t heartbeat_timeout_ms;
    uint32_t frame_bytes_max;         /* how much one frame may carry; 0: TM_NET_FRAME_BYTES_DEFAULT */
    uint32_t open_timeout_ms;         /* an outbound channel must get its first credit within this time; 0: for ever */
    uint32_t drain_timeout_ms;        /* how long close_task waits for the other side; 0: TM_NET_DRAIN_MS_DEFAULT */
    uint32_t buffer_size;             /* capacity of inbound buffers */
    bool polled;                      /* the loop calls tm_net_rest before it sleeps on the descriptors */
    bool insecure;                    /* listen and connect beyond loopback although nothing is encrypted */
    /* Called on the network loop. key names the channel; peer is the other TaskManager's identity or address. */
    void (*on_failure)(void *arg, const tm_channel_key *key, bool inbound, const char *peer, const char *reason);
    void *on_failure_arg;
    wsl_waker waker;                  /* wakes the network loop */
} tm_net_options;

void tm_net_free(tm_net *net); /* after its loop has stopped */
WSL_MUST_CHECK wsl_status tm_net_new(const wsl_seams *seams, const tm_net_options *options, tm_net **out_net,
                                     wsl_error *err);

const char *tm_net_address(tm_net *net);       /* really bound */
const char *tm_net_address_local(tm_net *net); /* NULL: none */
int tm_net_fds(tm_net *net, int *out_fds, int max); /* descriptors to watch now; they change when peers come and go, so */
void tm_net_on_fds_changed(tm_net *net, void (*fn)(void *arg), void *arg); /* this says when to ask again */
int64_t tm_net_step(tm_net *net);
/* The same in two halves, for a loop that does something else in between: take what has come; then see to what is to be
 * sent (and to all other work but looking at descriptors), and say when to be called again. */
bool tm_net_rest(tm_net *net); /* see tm_net_options.polled. False: do not sleep, step again */
void tm_net_take(tm_net *net);
int64_t tm_net_give(tm_net *net);

/*
 * Any thread. The network loop becomes consumer of ch (outbound) or its producer (inbound) and takes one of the channel's
 * references. `task` is the caller's name for the task attempt the channel belongs to, not 0; it is what close_task closes.
 * `pool`: where inbound buffers are taken from, by the network loop alone: at least as many as credits can be granted; it
 * lives until `done` of close_task. `peer_identity`: the producer's TaskManager (its tm_net_options.identity); NULL: any.
 */
void tm_net_open_outbound(tm_net *net, tm_channel *ch, const char *peer_address, uint64_t task);
void tm_net_open_inbound(tm_net *net, tm_channel *ch, wsl_buffer_pool *pool, const char *peer_identity, uint64_t task);

/*
 * Any thread. Closes all channels of that task (0: of all tasks), then calls done (if any) on the network loop; the task
 * itself has stopped before. An outbound channel that has ended (END was its last row) is drained first: done waits until
 * the consumer's network loop has everything, at most for the drain timeout. All others are cut at once.
 */
void tm_net_close_task(tm_net *net, uint64_t task, void (*done)(void *arg), void *arg);

typedef struct tm_net_stats {
    uint64_t frames_out, bytes_out, buffers_out;
    uint64_t frames_in, bytes_in, buffers_in;
} tm_net_stats;
tm_net_stats tm_net_get_stats(const tm_net *net); /* any thread; since the start */
