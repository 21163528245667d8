/*
 * channel - FIFO of buffers from one producer to one consumer, with its credit account.
 *
 *     producer --send--> [ ring of buffers ] --receive--> consumer
 *         ^                                                  |
 *         +--------------- granted (credits) ----------------+
 *
 * One credit is the consumer's promise of room for one buffer. Without credit the producer does not send. That chain is
 * the whole of backpressure. There is one struct for all three bodies of design §4:
 *
 *     same slot, other slot    producer = the producing task's slot, consumer = the consuming task's slot
 *     other process            two channels: task -> network loop (outbound) and network loop -> task (inbound). The
 *                              network loop forwards what it receives from the outbound one while the remote consumer's
 *                              credits last, which it adds to `granted` as they arrive; on the other side the network
 *                              loop sends a credit message for every grant of the task.
 *
 * Who has news hears of it by its inbox: a channel's end enters the consumer's inbox when a buffer is sent, the producer's
 * inbox when credit is granted, each at most once until it is looked at. A letter holds a reference on the channel, so an
 * end may be closed while its letter is still under way:
 *
 *     for (wsl_letter *l = wsl_mailbox_take_all(&inbox), *next; l != NULL; l = next) {
 *         next = l->next;                                    (before open: the letter may be posted again after it)
 *         tm_channel_end *end = tm_channel_end_open(l);
 *         if (end->owner != NULL) { ... look at end->channel ... }
 *         tm_channel_unref(end->channel);
 *     }
 *
 * Invariants: sent - received <= credits <= ring capacity; sequence numbers of a channel's buffers are 0, 1, 2...
 * Threads: producer's functions on the producer's loop, consumer's on the consumer's. The struct is freed when both ends
 * have closed it (tm_channel_unref by each).
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/mailbox.h"
#include "data/buffer.h"

typedef struct tm_channel tm_channel;

typedef struct tm_channel_end {
    wsl_letter letter;           /* first: goes into `inbox` */
    tm_channel *channel;
    _Atomic(bool) listed;        /* is in the inbox */
    _Atomic(wsl_mailbox *) inbox; /* of the loop that owns this end; NULL until bound */
    void *owner;                 /* for that loop alone; NULL: closed, or not open yet */
    uint32_t index;              /* for that loop alone: which of the owner's channels this is */
} tm_channel_end;

/* Names a channel between processes. */
typedef struct tm_channel_key {
    uint64_t job;      /* first 8 bytes of the job id */
    uint32_t attempt;
    uint32_t edge;
    uint32_t from;     /* producer subtask */
    uint32_t to;       /* consumer subtask */
} tm_channel_key;

struct tm_channel {
    tm_channel_end producer;
    tm_channel_end consumer;
    tm_channel_key key;
    wsl_buffer **ring;
    uint32_t mask;
    _Atomic(uint32_t) references;

    _Alignas(64) _Atomic(uint32_t) head;    /* buffers ever sent; written by the producer */
    _Atomic(uint32_t) backlog;              /* buffers waiting at the producer for credit */
    _Alignas(64) _Atomic(uint32_t) tail;    /* buffers ever received; written by the consumer */
    _Atomic(uint32_t) granted;              /* credits ever granted; written by the consumer */
    _Alignas(64) _Atomic(bool) patient;     /* the producer hears of credits only from notify_at on; by the producer */
    _Atomic(uint32_t) notify_at;
};

enum { TM_CHANNEL_CREDITS_MAX = 1 << 14 };

/* Made with two references, one for each end; the ring has room for max_credits buffers. */
tm_channel *tm_channel_new(const tm_channel_key *key, uint32_t max_credits);
tm_channel *tm_channel_ref(tm_channel *ch);
void tm_channel_unref(tm_channel *ch); /* NULL is fine; the last one releases what is still in the ring */

/* Says where an end's news go; any thread. What is already there is news at once. `owner` is set by the end's own loop
 * (end->owner = ...) when it opens the channel, and to NULL before it gives its reference back. */
void tm_channel_bind_producer(tm_channel *ch, wsl_mailbox *inbox);
void tm_channel_bind_consumer(tm_channel *ch, wsl_mailbox *inbox);

/* Producer. */
static inline uint32_t tm_channel_credits(const tm_channel *ch)
{
    return atomic_load_explicit(&ch->granted, memory_order_acquire) -
           atomic_load_explicit(&ch->head, memory_order_relaxed);
}
void tm_channel_send(tm_channel *ch, wsl_buffer *buffer); /* takes it; asserts credit */
/* The same in two steps, for several buffers at once: the consumer hears of them only by announce. */
void tm_channel_put(tm_channel *ch, wsl_buffer *buffer);
void tm_channel_announce(tm_channel *ch);
/* From now on grants are news only when `granted` has come to this count. True: it has already. Before the first call
 * every grant is news. */
static inline bool tm_channel_notify_at(tm_channel *ch, uint32_t granted)
{
    atomic_store_explicit(&ch->notify_at, granted, memory_order_seq_cst);
    atomic_store_explicit(&ch->patient, true, memory_order_seq_cst);
    return (int32_t)(atomic_load_explicit(&ch->granted, memory_order_seq_cst) - granted) >= 0;
}

/* Consumer. */
wsl_buffer *tm_channel_receive(tm_channel *ch);           /* NULL: nothing */
void tm_channel_grant(tm_channel *ch, uint32_t credits);
uint32_t tm_channel_queued(const tm_channel *ch);         /* any thread: sent and not yet received */

/* Takes a letter for read: from here on new news make a new letter. The caller owns the letter's reference. */
static inline tm_channel_end *tm_channel_end_open(wsl_letter *letter)
{
    tm_channel_end *end = (tm_channel_end *)(void *)letter;
    atomic_store_explicit(&end->listed, false, memory_order_seq_cst);
    return end;
}
