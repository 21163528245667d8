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
#include <wiesel/status.h>

#include "net/seams.h"
#include "taskmanager/net/channel.h"

typedef struct tm_net tm_net;

typedef struct tm_net_options {
    const char *listen_address;       /* "tcp://127.0.0.1:0" */
    const char *listen_address_local; /* "ipc://...", NULL: none */
    const char *identity;             /* TaskManager id + incarnation: prefix of our connections' identities */
    uint32_t heartbeat_ms;
    uint32_t heartbeat_timeout_ms;
    uint32_t frame_bytes_max;         /* how much one frame may carry */
    uint32_t open_timeout_ms;         /* an outbound channel must get its first credit within this time; 0: for ever */
    uint32_t buffer_size;             /* capacity of inbound buffers */
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

/* Any thread. The network loop becomes consumer of ch (outbound) or its producer (inbound); it holds one of the channel's
 * references until closed. `pool`: where inbound buffers are taken from: at least as many as credits can be granted. */
void tm_net_open_outbound(tm_net *net, tm_channel *ch, const char *peer_address);
void tm_net_open_inbound(tm_net *net, tm_channel *ch, wsl_buffer_pool *pool, const char *peer_identity);
/* Any thread. Closes all channels of that attempt (job 0: all jobs), then calls done (if any) on the network loop. An
 * outbound channel that has ended (END was sent) is drained first, within the open timeout. */
void tm_net_close_task(tm_net *net, uint64_t job, uint32_t attempt, uint32_t vertex_tag, void (*done)(void *arg), void *arg);
