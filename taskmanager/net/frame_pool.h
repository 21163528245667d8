/*
 * frame_pool - blocks of memory in which the network loop builds frames.
 *
 * A few blocks of one size, made when first needed and used again and again. A block is handed to the transport, which
 * gives it back from whatever thread when the bytes are sent. When all are out, take says so, and the waker is called
 * when one comes back.
 *
 * Threads: take and free on the network loop; a message's release from any. A pool lives until its last block is home.
 */
#pragma once
#include <stdint.h>

#include <wiesel/macros.h>

#include "base/waker.h"
#include "net/transport.h"

typedef struct tm_frame_pool tm_frame_pool;

typedef struct tm_frame_block {
    struct tm_frame_block *next;
    tm_frame_pool *pool;
    uint32_t capacity;
    bool single; /* made for one large frame */
    _Alignas(64) uint8_t data[];
} tm_frame_block;

void tm_frame_pool_free(tm_frame_pool *pool);
WSL_NEW_BY(tm_frame_pool_free)
tm_frame_pool *tm_frame_pool_new(uint32_t block_size, uint32_t blocks_max, wsl_waker waker);

/* At least `size` bytes: larger than the block size gives a block of its own. NULL: all are out. */
tm_frame_block *tm_frame_pool_take(tm_frame_pool *pool, uint32_t size);
void tm_frame_block_drop(tm_frame_block *block); /* any thread */
/* The message whose release brings the block home. */
wsl_message tm_frame_block_message(tm_frame_block *block, uint32_t size);
