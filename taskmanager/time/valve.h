/*
 * valve - one watermark out of the watermarks of several channels.
 *
 *     output = min over the active, aligned channels, only ever growing
 *
 * A channel that came back from idleness with an old watermark is not aligned until it has caught up with the output.
 * When the last active channel goes idle the largest watermark of all is let through, then the output is idle. A
 * channel that gave WSL_TIME_MAX, or ended, has left the minimum; MAX comes out once every channel has given it.
 *
 * Each call says what to pass on in *out: first the status if it became active, then the watermark, then the status if
 * it became idle; tm_valve_out's fields are in that order.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct tm_valve_channel {
    int64_t watermark; /* the last one it gave */
    bool idle;
    bool aligned;
    bool finished; /* gave MAX, or ended */
} tm_valve_channel;

typedef struct tm_valve {
    tm_valve_channel *channel;
    uint32_t n_channels;
    uint32_t n_finished;
    uint32_t n_max;    /* of the finished ones, those that gave MAX */
    uint32_t n_active; /* neither idle nor finished */
    int64_t watermark; /* the last output, WSL_TIME_MIN before the first */
    bool idle;         /* the last output status */
} tm_valve;

typedef struct tm_valve_out {
    bool became_active; /* pass on first */
    bool advanced;      /* then `watermark` */
    int64_t watermark;
    bool became_idle; /* pass on last */
} tm_valve_out;

void tm_valve_init(tm_valve *valve, uint32_t n_channels);
void tm_valve_fini(tm_valve *valve);

void tm_valve_watermark(tm_valve *valve, uint32_t channel, int64_t watermark, tm_valve_out *out);
void tm_valve_idle(tm_valve *valve, uint32_t channel, tm_valve_out *out);
void tm_valve_active(tm_valve *valve, uint32_t channel, tm_valve_out *out);
/* The channel gives nothing more. Once all have ended the owner passes the end on itself. */
void tm_valve_end(tm_valve *valve, uint32_t channel, tm_valve_out *out);
