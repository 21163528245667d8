/*
 * local_reader - bytes to messages.
 *
 *     block   | taken | start: head, bytes, padding, head, bytes ... end | room |
 *                               ^ messages point into the block and hold it by a reference
 *     alone   | bytes of one large message, have .. size |
 *
 * Small messages that came with one read lie in one block and are handed out where they lie: heads and padding keep
 * them aligned to 8. A block whose messages are all released is used again from its beginning; while some are held it
 * is filled up, then left to them.
 *
 * A message of WSL_LOCAL_ALONE_FROM bytes or more that has not come whole gets a block of its own, into which the rest
 * is read directly. So what is moved is never more than a part of a message smaller than that, or what came of a larger
 * one with its head.
 *
 * Invariants: while a message is alone the block holds what came behind it, and nothing is taken from there before it.
 * A block's references are taken by the reader only, so one that is down to the reader's own stays there.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/local_internal.h"

static wsl_local_block *block_new(uint32_t capacity)
{
    wsl_local_block *b = wsl_alloc(sizeof *b + capacity);
    atomic_init(&b->references, 1);
    b->capacity = capacity;
    return b;
}

static void block_drop(wsl_local_block *b)
{
    if (b != NULL && atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1) {
        free(b);
    }
}

static void release_block(void *arg, const uint8_t *data)
{
    (void)data;
    block_drop(arg);
}

void wsl_local_reader_fini(wsl_local_reader *r)
{
    block_drop(r->block);
    block_drop(r->alone);
    *r = (wsl_local_reader){0};
}

/* Room for a part of a message and then some. */
static void make_room(wsl_local_reader *r)
{
    const uint32_t left = r->end - r->start;
    if (r->block != NULL && left == 0 && atomic_load_explicit(&r->block->references, memory_order_acquire) == 1) {
        r->start = r->end = 0;
    }
    if (r->block != NULL && r->block->capacity - r->end >= WSL_LOCAL_ALONE_FROM) {
        return;
    }
    wsl_local_block *b = block_new(WSL_LOCAL_BLOCK_SIZE);
    if (left > 0) {
        WSL_ASSERT(left <= WSL_LOCAL_BLOCK_SIZE / 2);
        memcpy(b->data, r->block->data + r->start, left);
    }
    block_drop(r->block);
    r->block = b;
    r->start = 0;
    r->end = left;
}

int wsl_local_reader_room(wsl_local_reader *r, struct iovec out_room[2])
{
    int n = 0;
    make_room(r);
    if (r->alone != NULL) {
        WSL_ASSERT(r->start == r->end); /* nothing comes behind it before it is whole */
        out_room[n++] = (struct iovec){r->alone->data + r->alone_have, r->alone->capacity - r->alone_have};
    }
    out_room[n++] = (struct iovec){r->block->data + r->end, r->block->capacity - r->end};
    return n;
}

void wsl_local_reader_came(wsl_local_reader *r, size_t n)
{
    if (r->alone != NULL) {
        const size_t missing = r->alone->capacity - r->alone_have;
        const size_t part = n < missing ? n : missing;
        r->alone_have += (uint32_t)part;
        n -= part;
    }
    WSL_ASSERT(n <= r->block->capacity - r->end);
    r->end += (uint32_t)n;
}

const void *wsl_local_reader_take(wsl_local_reader *r, uint32_t size)
{
    WSL_ASSERT(size % 8 == 0 && size <= WSL_LOCAL_ALONE_FROM && r->alone == NULL);
    if (r->end - r->start < size) {
        return NULL;
    }
    const void *bytes = r->block->data + r->start;
    r->start += size;
    return bytes;
}

/* The message at hand is large and not here: what came of it moves to a block of its own. */
static void begin_alone(wsl_local_reader *r, uint32_t size)
{
    const uint32_t have = r->end - r->start - (uint32_t)sizeof(wsl_local_head);
    r->alone = block_new((uint32_t)wsl_local_padded(size));
    r->alone_size = size;
    r->alone_have = have;
    memcpy(r->alone->data, r->block->data + r->start + sizeof(wsl_local_head), have);
    r->start = r->end = (uint32_t)wsl_local_padded(r->end); /* what comes behind it begins aligned */
}

static wsl_status next_alone(wsl_local_reader *r, wsl_message *out_message)
{
    wsl_local_block *b = r->alone;
    if (r->alone_have < b->capacity) {
        return WSL_AGAIN;
    }
    *out_message = (wsl_message){.data = b->data, .size = r->alone_size, .release = release_block, .release_arg = b};
    r->alone = NULL; /* its reference goes to the message */
    return WSL_OK;
}

wsl_status wsl_local_reader_next(wsl_local_reader *r, wsl_message *out_message)
{
    if (r->alone != NULL) {
        return next_alone(r, out_message);
    }
    const uint32_t left = r->end - r->start;
    wsl_local_head head;
    if (left < sizeof head) {
        return WSL_AGAIN;
    }
    memcpy(&head, r->block->data + r->start, sizeof head);
    if (head.magic != WSL_LOCAL_MESSAGE || head.size > WSL_MESSAGE_SIZE_MAX) {
        return WSL_FORMAT;
    }
    const size_t bytes = sizeof head + wsl_local_padded(head.size);
    if (left < bytes) {
        if (head.size >= WSL_LOCAL_ALONE_FROM) {
            begin_alone(r, head.size);
        }
        return WSL_AGAIN;
    }
    atomic_fetch_add_explicit(&r->block->references, 1, memory_order_relaxed);
    *out_message = (wsl_message){.data = r->block->data + r->start + sizeof head,
                                 .size = head.size,
                                 .release = release_block,
                                 .release_arg = r->block};
    r->start += (uint32_t)bytes;
    return WSL_OK;
}
