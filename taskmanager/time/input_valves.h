/*
 * input_valves - the watermark of an operator out of all its input channels.
 *
 *     channels of input 0 --> valve --.
 *                                     valve of both --> operator
 *     channels of input 1 --> valve --'
 *
 * Both inputs combine by the rule that combines channels (valve.h); with one input its valve is all there is. Channels have
 * one numbering over both inputs, that of the gate.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include "taskmanager/time/valve.h"

typedef struct tm_input_valves {
    tm_valve input[2];
    tm_valve both; /* its channels are the inputs; unused with one input */
    uint32_t n_inputs;
    uint32_t n_channels;
    struct tm_valve_place {
        uint32_t input;
        uint32_t channel; /* in the valve of its input */
        bool ended;
    } *place; /* by channel; NULL until init */
    uint32_t n_open[2]; /* channels that have not ended */
} tm_input_valves;

/* input_of[channel] is 0 or 1; input 0 has a channel at least. */
void tm_input_valves_init(tm_input_valves *v, const uint32_t *input_of, uint32_t n_channels);
void tm_input_valves_fini(tm_input_valves *v); /* zeroed is fine */

/* *out: what the operator is to be told, in the order of its members. */
void tm_input_valves_watermark(tm_input_valves *v, uint32_t channel, int64_t watermark, tm_valve_out *out);
void tm_input_valves_idle(tm_input_valves *v, uint32_t channel, tm_valve_out *out);
void tm_input_valves_active(tm_input_valves *v, uint32_t channel, tm_valve_out *out);
/* The channel, which has not ended yet, gives nothing more. True: nor does any other of its input. */
bool tm_input_valves_end(tm_input_valves *v, uint32_t channel, tm_valve_out *out);

bool tm_input_valves_has_ended(const tm_input_valves *v, uint32_t channel);
bool tm_input_valves_all_ended(const tm_input_valves *v);
const tm_valve_channel *tm_input_valves_channel(const tm_input_valves *v, uint32_t channel);
/* Of one input alone: the last that its channels gave together. */
int64_t tm_input_valves_watermark_of(const tm_input_valves *v, uint32_t input);
