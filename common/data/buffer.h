/*
 * buffer - a block of whole rows on its way from one subtask to another.
 *
 * Fixed size (32 KiB by default), from a pool; a row larger than that gets a buffer of its own from the heap (`home` NULL).
 * Rows lie one behind the other, each 8-byte aligned. One owner at a time: producer, channel, network loop, consumer; the
 * last one releases it and it goes back to the pool it came from, from whatever thread.
 */
#pragma once
#include <stdint.h>

#include <wiesel/row.h>

typedef struct wsl_buffer_pool wsl_buffer_pool;

typedef struct wsl_buffer {
    struct wsl_buffer *next; /* for whoever owns the buffer: queues, free lists */
    uint8_t *data;
    uint32_t capacity;
    uint32_t used;
    uint32_t sequence; /* on its channel, from 0 */
    uint32_t backlog;  /* buffers waiting behind this one at the producer when it was sent */
    wsl_buffer_pool *home;
} wsl_buffer;

void wsl_buffer_release(wsl_buffer *buffer); /* any thread; NULL is fine */

/* For rows that do not fit. */
wsl_buffer *wsl_buffer_new_large(uint32_t capacity);

static inline const wsl_row *wsl_buffer_row_at(const wsl_buffer *b, uint32_t offset)
{
    return (const wsl_row *)(const void *)(b->data + offset);
}

/*
 * The size of a row in a walk over a buffer; `*size` is that of the row before it (0: none). Where the next row begins
 * then follows from a guess that a branch verifies, not from memory, so a processor that has guessed right (rows of one
 * size follow each other as a rule) goes on to later rows while this one is still on its way from a cache far away.
 */
static inline uint32_t wsl_row_size_guessed(const wsl_row *row, uint32_t *size)
{
    uint32_t guess = *size;
    __asm__("" : "+r"(guess)); /* the compiler shall not see that it is what row->size is compared with ... */
    if (__builtin_expect(row->size != *size, 0)) {
        guess = row->size;
        __asm__ volatile("" : "+r"(guess)); /* ... nor turn the branch into a move */
    }
    *size = guess;
    return guess;
}
