#include "taskmanager/time/input_valves.h"

#include "base/alloc.h"
#include "base/assert.h"

void tm_input_valves_init(tm_input_valves *v, const uint32_t *input_of, uint32_t n_channels)
{
    *v = (tm_input_valves){.n_inputs = 1, .n_channels = n_channels};
    v->place = wsl_calloc(n_channels + 1, sizeof *v->place);
    for (uint32_t i = 0; i < n_channels; i++) {
        WSL_ASSERT(input_of[i] <= 1);
        v->place[i].input = input_of[i];
        v->place[i].channel = v->n_open[input_of[i]]++;
        v->n_inputs = input_of[i] == 1 ? 2 : v->n_inputs;
    }
    tm_valve_init(&v->input[0], v->n_open[0]);
    tm_valve_init(&v->input[1], v->n_open[1]);
    tm_valve_init(&v->both, v->n_inputs);
}

void tm_input_valves_fini(tm_input_valves *v)
{
    if (v->place != NULL) {
        tm_valve_fini(&v->input[0]);
        tm_valve_fini(&v->input[1]);
        tm_valve_fini(&v->both);
        free(v->place);
    }
    *v = (tm_input_valves){0};
}

/* More for the operator, behind what *out has: a status that was passed on first stays first. */
static void add(tm_valve_out *out, const tm_valve_out *more)
{
    out->became_active |= more->became_active;
    out->became_idle |= more->became_idle;
    if (more->advanced) {
        out->advanced = true;
        out->watermark = more->watermark;
    }
}

/* What one input says goes through the valve of both, step by step; each step may let something out. */
static void combine(tm_input_valves *v, uint32_t input, tm_valve_out *io)
{
    const tm_valve_out said = *io;
    tm_valve_out step;
    if (v->n_inputs == 1) {
        return;
    }
    *io = (tm_valve_out){0};
    if (said.became_active) {
        tm_valve_active(&v->both, input, &step);
        add(io, &step);
    }
    if (said.advanced) {
        tm_valve_watermark(&v->both, input, said.watermark, &step);
        add(io, &step);
    }
    if (said.became_idle) {
        tm_valve_idle(&v->both, input, &step);
        add(io, &step);
    }
}

void tm_input_valves_watermark(tm_input_valves *v, uint32_t channel, int64_t watermark, tm_valve_out *out)
{
    const uint32_t input = v->place[channel].input;
    tm_valve_watermark(&v->input[input], v->place[channel].channel, watermark, out);
    combine(v, input, out);
}

void tm_input_valves_idle(tm_input_valves *v, uint32_t channel, tm_valve_out *out)
{
    const uint32_t input = v->place[channel].input;
    tm_valve_idle(&v->input[input], v->place[channel].channel, out);
    combine(v, input, out);
}

void tm_input_valves_active(tm_input_valves *v, uint32_t channel, tm_valve_out *out)
{
    const uint32_t input = v->place[channel].input;
    tm_valve_active(&v->input[input], v->place[channel].channel, out);
    combine(v, input, out);
}

bool tm_input_valves_end(tm_input_valves *v, uint32_t channel, tm_valve_out *out)
{
    struct tm_valve_place *p = &v->place[channel];
    WSL_ASSERT(channel < v->n_channels && !p->ended);
    p->ended = true;
    v->n_open[p->input]--;
    tm_valve_end(&v->input[p->input], p->channel, out);
    combine(v, p->input, out);
    if (v->n_open[p->input] != 0) {
        return false;
    }
    if (v->n_inputs == 2) {
        tm_valve_out left;
        tm_valve_end(&v->both, p->input, &left);
        add(out, &left);
    }
    return true;
}

bool tm_input_valves_has_ended(const tm_input_valves *v, uint32_t channel) { return v->place[channel].ended; }
bool tm_input_valves_all_ended(const tm_input_valves *v) { return v->n_open[0] + v->n_open[1] == 0; }

const tm_valve_channel *tm_input_valves_channel(const tm_input_valves *v, uint32_t channel)
{
    return &v->input[v->place[channel].input].channel[v->place[channel].channel];
}

int64_t tm_input_valves_watermark_of(const tm_input_valves *v, uint32_t input) { return v->input[input].watermark; }
