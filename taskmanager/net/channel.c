/*
 * channel - see channel.h.
 *
 * `head` and `granted` are each written by one side only, so the ring needs no compare-and-swap. News are published by
 * storing the counter, then exchanging `listed`; the reader clears `listed` before it reads the counter. Both are
 * sequentially consistent, so either the reader sees the new counter or the writer sees `listed` cleared and posts again.
 */
#include "taskmanager/net/channel.h"

#include "base/alloc.h"
#include "base/assert.h"

static void end_notify(tm_channel_end *end)
{
    wsl_mailbox *inbox = atomic_load_explicit(&end->inbox, memory_order_seq_cst);
    if (inbox != NULL && !atomic_exchange_explicit(&end->listed, true, memory_order_seq_cst)) {
        tm_channel_ref(end->channel);
        wsl_mailbox_post(inbox, &end->letter);
    }
}

tm_channel *tm_channel_new(const tm_channel_key *key, uint32_t max_credits)
{
    WSL_ASSERT(max_credits > 0 && max_credits <= TM_CHANNEL_CREDITS_MAX);
    uint32_t size = 2;
    while (size < max_credits) {
        size *= 2;
    }
    tm_channel *ch = aligned_alloc(64, sizeof *ch);
    WSL_ASSERT(ch != NULL);
    memset(ch, 0, sizeof *ch);
    ch->key = *key;
    ch->producer.channel = ch;
    ch->consumer.channel = ch;
    ch->ring = wsl_calloc(size, sizeof *ch->ring);
    ch->mask = size - 1;
    atomic_store(&ch->references, 2);
    return ch;
}

tm_channel *tm_channel_ref(tm_channel *ch)
{
    atomic_fetch_add_explicit(&ch->references, 1, memory_order_relaxed);
    return ch;
}

void tm_channel_unref(tm_channel *ch)
{
    if (ch == NULL || atomic_fetch_sub_explicit(&ch->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    wsl_buffer *buffer;
    while ((buffer = tm_channel_receive(ch)) != NULL) {
        wsl_buffer_release(buffer);
    }
    free(ch->ring);
    free(ch);
}

void tm_channel_bind_producer(tm_channel *ch, wsl_mailbox *inbox)
{
    WSL_ASSERT(atomic_load(&ch->producer.inbox) == NULL);
    atomic_store_explicit(&ch->producer.inbox, inbox, memory_order_seq_cst);
    if (atomic_load_explicit(&ch->granted, memory_order_seq_cst) != 0) {
        end_notify(&ch->producer);
    }
}

void tm_channel_bind_consumer(tm_channel *ch, wsl_mailbox *inbox)
{
    WSL_ASSERT(atomic_load(&ch->consumer.inbox) == NULL);
    atomic_store_explicit(&ch->consumer.inbox, inbox, memory_order_seq_cst);
    if (atomic_load_explicit(&ch->head, memory_order_seq_cst) != 0) {
        end_notify(&ch->consumer);
    }
}

void tm_channel_put(tm_channel *ch, wsl_buffer *buffer)
{
    const uint32_t head = atomic_load_explicit(&ch->head, memory_order_relaxed);
    WSL_ASSERT(tm_channel_credits(ch) > 0);
    WSL_ASSERT(head - atomic_load_explicit(&ch->tail, memory_order_acquire) <= ch->mask);
    buffer->sequence = head;
    ch->ring[head & ch->mask] = buffer;
    atomic_store_explicit(&ch->head, head + 1, memory_order_seq_cst);
}

void tm_channel_announce(tm_channel *ch) { end_notify(&ch->consumer); }

void tm_channel_send(tm_channel *ch, wsl_buffer *buffer)
{
    tm_channel_put(ch, buffer);
    tm_channel_announce(ch);
}

wsl_buffer *tm_channel_receive(tm_channel *ch)
{
    const uint32_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
    if (atomic_load_explicit(&ch->head, memory_order_seq_cst) == tail) {
        return NULL;
    }
    wsl_buffer *buffer = ch->ring[tail & ch->mask];
    atomic_store_explicit(&ch->tail, tail + 1, memory_order_release);
    return buffer;
}

void tm_channel_grant(tm_channel *ch, uint32_t credits)
{
    const uint32_t granted = atomic_load_explicit(&ch->granted, memory_order_relaxed) + credits;
    WSL_ASSERT(granted - atomic_load_explicit(&ch->tail, memory_order_relaxed) <= ch->mask + 1);
    atomic_store_explicit(&ch->granted, granted, memory_order_seq_cst);
    /* Sequential consistency again: either we see the count the producer waits for, or it sees ours. */
    if (!atomic_load_explicit(&ch->patient, memory_order_seq_cst) ||
        (int32_t)(granted - atomic_load_explicit(&ch->notify_at, memory_order_seq_cst)) >= 0) {
        end_notify(&ch->producer);
    }
}

uint32_t tm_channel_queued(const tm_channel *ch)
{
    return atomic_load_explicit(&ch->head, memory_order_relaxed) - atomic_load_explicit(&ch->tail, memory_order_relaxed);
}
