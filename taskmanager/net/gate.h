/*
 * gate - the consuming side of a subtask: all its input channels, and the credits it gives them.
 *
 *     channels with news --> ready list --next--> one buffer --> task --done--> buffer released, credit granted
 *
 * Each channel has its exclusive credits always. Floating credits are parted equally at first; then they go to channels
 * whose producer announced a backlog, from those without one. Credits are given again several at a time (a grant may be a
 * message), at the latest when half of a channel's window is used up, and at once while its producer has a backlog or
 * fills its buffers by more than half. Ready channels take turns, one buffer each; with two inputs, so do the inputs,
 * however many channels each has.
 *
 * Invariant: for each channel, outstanding (granted - received) + owed <= exclusive + its floating share; the sum of
 * floating shares <= floating_buffers.
 * Threads: the consuming task's slot loop.
 */
#pragma once
#include <wiesel/status.h>

#include "taskmanager/net/channel.h"

typedef struct tm_gate tm_gate;

typedef struct tm_gate_input {
    tm_channel *channel;  /* the consumer's reference moves to the gate */
    uint32_t edge;        /* id in the job graph */
    uint32_t input;       /* of the head operator: 0 or 1 */
    uint32_t peer;        /* producer subtask */
} tm_gate_input;

typedef struct tm_gate_stats {
    uint64_t rows, bytes, buffers; /* rows is kept by the task */
} tm_gate_stats;

void tm_gate_free(tm_gate *g);
tm_gate *tm_gate_new(const tm_gate_input *inputs, uint32_t n, uint32_t exclusive, uint32_t floating, void *owner);
WSL_DEFINE_AUTO(tm_gate)

void tm_gate_open(tm_gate *g);                      /* grants the first credits */
void tm_gate_on_news(tm_gate *g, tm_channel *ch);   /* a channel of ours has buffers */
bool tm_gate_has_input(const tm_gate *g);

/* The next buffer and its channel's index (0 .. n-1 in the order given), or NULL. */
wsl_buffer *tm_gate_next(tm_gate *g, uint32_t *out_channel);
void tm_gate_done(tm_gate *g, uint32_t channel, wsl_buffer *buffer); /* takes the buffer */

/* A blocked channel gives nothing until unblock_all: its barrier has come, others' have not. */
void tm_gate_block(tm_gate *g, uint32_t channel);
void tm_gate_unblock_all(tm_gate *g);

uint32_t tm_gate_channels(const tm_gate *g);
const tm_gate_input *tm_gate_channel(const tm_gate *g, uint32_t i);
uint32_t tm_gate_credits(const tm_gate *g, uint32_t i); /* promised and unused */
tm_gate_stats tm_gate_get_stats(const tm_gate *g);
