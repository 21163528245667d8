/*
 * The minimum is searched each time: channels are few and watermarks rare compared to rows, so a scan is the right
 * amount of cleverness.
 */
#include "taskmanager/time/valve.h"

#include <wiesel/row.h>

#include "base/alloc.h"
#include "base/assert.h"

void tm_valve_init(tm_valve *valve, uint32_t n_channels)
{
    *valve = (tm_valve){.n_channels = n_channels, .n_active = n_channels, .watermark = WSL_TIME_MIN};
    valve->channel = wsl_calloc(n_channels == 0 ? 1 : n_channels, sizeof *valve->channel);
    for (uint32_t i = 0; i < n_channels; i++) {
        valve->channel[i] = (tm_valve_channel){.watermark = WSL_TIME_MIN, .aligned = true};
    }
}

void tm_valve_fini(tm_valve *valve)
{
    free(valve->channel);
    *valve = (tm_valve){0};
}

static void advance(tm_valve *valve, int64_t watermark, tm_valve_out *out)
{
    if (watermark > valve->watermark) {
        valve->watermark = watermark;
        out->advanced = true;
        out->watermark = watermark;
    }
}

static void advance_to_min_of_aligned(tm_valve *valve, tm_valve_out *out)
{
    int64_t min = WSL_TIME_MAX;
    bool any = false;
    for (uint32_t i = 0; i < valve->n_channels; i++) {
        const tm_valve_channel *ch = &valve->channel[i];
        if (ch->aligned && !ch->finished) {
            any = true;
            min = ch->watermark < min ? ch->watermark : min;
        }
    }
    if (any) {
        advance(valve, min, out);
    }
}

/* Nobody is left to hold time back: let the largest watermark through, then say that we are idle. */
static void all_idle(tm_valve *valve, tm_valve_out *out)
{
    int64_t max = WSL_TIME_MIN;
    for (uint32_t i = 0; i < valve->n_channels; i++) {
        const tm_valve_channel *ch = &valve->channel[i];
        if (!ch->finished && ch->watermark > max) {
            max = ch->watermark;
        }
    }
    advance(valve, max, out);
    if (!valve->idle) {
        valve->idle = true;
        out->became_idle = true;
    }
}

static void one_less_active(tm_valve *valve, tm_valve_out *out)
{
    valve->n_active--;
    if (valve->n_active == 0) {
        if (valve->n_finished < valve->n_channels) {
            all_idle(valve, out);
        }
        return;
    }
    advance_to_min_of_aligned(valve, out);
}

static void finish(tm_valve *valve, tm_valve_channel *ch, bool gave_max, tm_valve_out *out)
{
    if (ch->finished) {
        return;
    }
    const bool was_active = !ch->idle;
    ch->finished = true;
    ch->aligned = false;
    valve->n_finished++;
    valve->n_max += gave_max;
    if (valve->n_max == valve->n_channels) {
        valve->n_active -= was_active;
        advance(valve, WSL_TIME_MAX, out);
    } else if (was_active) {
        one_less_active(valve, out);
    }
}

void tm_valve_watermark(tm_valve *valve, uint32_t channel, int64_t watermark, tm_valve_out *out)
{
    *out = (tm_valve_out){0};
    WSL_ASSERT(channel < valve->n_channels);
    tm_valve_channel *ch = &valve->channel[channel];
    if (watermark == WSL_TIME_MAX) {
        finish(valve, ch, true, out);
        return;
    }
    if (ch->idle || ch->finished || watermark <= ch->watermark) {
        return;
    }
    ch->watermark = watermark;
    if (watermark >= valve->watermark) {
        ch->aligned = true;
        advance_to_min_of_aligned(valve, out);
    }
}

void tm_valve_idle(tm_valve *valve, uint32_t channel, tm_valve_out *out)
{
    *out = (tm_valve_out){0};
    WSL_ASSERT(channel < valve->n_channels);
    tm_valve_channel *ch = &valve->channel[channel];
    if (ch->idle || ch->finished) {
        return;
    }
    ch->idle = true;
    ch->aligned = false;
    one_less_active(valve, out);
}

void tm_valve_active(tm_valve *valve, uint32_t channel, tm_valve_out *out)
{
    *out = (tm_valve_out){0};
    WSL_ASSERT(channel < valve->n_channels);
    tm_valve_channel *ch = &valve->channel[channel];
    if (!ch->idle || ch->finished) {
        return;
    }
    ch->idle = false;
    ch->aligned = ch->watermark >= valve->watermark;
    valve->n_active++;
    if (valve->idle) {
        valve->idle = false;
        out->became_active = true;
    }
}

void tm_valve_end(tm_valve *valve, uint32_t channel, tm_valve_out *out)
{
    *out = (tm_valve_out){0};
    WSL_ASSERT(channel < valve->n_channels);
    finish(valve, &valve->channel[channel], false, out);
}
