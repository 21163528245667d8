/*
 * output - the producing side of one outgoing edge of a subtask: partitioner and one buffer queue per channel.
 *
 *     rows --partition--> channel i:  [ filling ]  [ queue of full buffers ] --credit--> tm_channel
 *
 * Rows are copied into the channel's filling buffer; a full one is sent if the consumer has given credit, else it waits
 * in the queue. An output has room while no channel's queue has reached its limit and nothing is overdrawn; a task
 * without room is not stepped, which is backpressure. What one step produces beyond the last free buffer goes into
 * buffers from the heap, the overdraft, up to task.overdraft.max.
 *
 * Partitioners: forward and global (one channel), hash (by key group), rebalance (round robin over all consumers, random
 * start), rescale (round robin over the connected ones), shuffle (random), broadcast (a copy to each), custom.
 *
 * Invariants: a channel's rows arrive in the order of tm_output_rows and tm_output_mark; a mark reaches every channel.
 * Threads: the producing task's slot loop.
 */
#pragma once
#include <wiesel/function.h>
#include <wiesel/status.h>

#include "base/rng.h"
#include "data/key.h"
#include "job_graph.pb-c.h"
#include "taskmanager/net/buffer_pool.h"
#include "taskmanager/net/channel.h"
#include "taskmanager/ops/operator.h"

typedef struct tm_output_spec {
    uint32_t edge;                  /* id in the job graph */
    Wsl__Pb__Partition partition;   /* never UNSTATED */
    uint32_t n_channels;
    tm_channel *const *channels;    /* the producer's reference of each moves to the output */
    const uint32_t *peers;          /* consumer subtask of each channel, for metrics */
    const wsl_key_spec *key;        /* HASH; copied */
    uint32_t max_parallelism;       /* HASH: of the consumer */
    const wsl_function *custom;     /* CUSTOM */
    wsl_rng *rng;                   /* for random starts and shuffle; used only during the call and by rows() */
    wsl_buffer_region *region;
    uint32_t buffers_per_channel;   /* credits a consumer gives for one channel at least: taskmanager.network.memory.* */
    uint32_t floating_buffers;
    uint32_t queue_max;             /* full buffers per channel that may wait for credit */
    uint64_t overdraft_max;         /* bytes */
    uint64_t row_size_max;
    void *owner;                    /* put into the channels' producer ends: the task ... */
    uint32_t index;                 /* ... and which of its outputs this is */
} tm_output_spec;

void tm_output_free(tm_output *o); /* closes its channel ends; what was not sent is dropped */
WSL_MUST_CHECK wsl_status tm_output_new(const tm_output_spec *spec, tm_output **out_output, wsl_error *err);
WSL_DEFINE_AUTO(tm_output)

/* tm_output_rows, tm_output_mark: declared in ops/operator.h. WSL_NO_RESOURCE: overdraft used up; WSL_TOO_LARGE: a row
 * above execution.row-size-max. */

bool tm_output_has_room(const tm_output *o);
void tm_output_send_queued(tm_output *o); /* after credit came: sends what waited */
/* Sends what credit allows, partly filled buffers too. True if nothing is left behind. */
bool tm_output_flush(tm_output *o);
bool tm_output_has_unsent(const tm_output *o);

typedef struct tm_output_stats {
    uint64_t rows, bytes, buffers; /* bytes and buffers: sent */
} tm_output_stats;
tm_output_stats tm_output_get_stats(const tm_output *o);

/* For metrics: credits unused and buffers waiting of channel i. */
uint32_t tm_output_channels(const tm_output *o);
void tm_output_channel_state(const tm_output *o, uint32_t i, uint32_t *out_peer, uint32_t *out_credits,
                             uint32_t *out_queue);
uint32_t tm_output_edge(const tm_output *o);
