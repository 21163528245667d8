#include "harness/wsl_test.h"

#include <wiesel/row.h>

#include "base/rng.h"
#include "taskmanager/time/valve.h"

static tm_valve_out out;

static int64_t watermark(tm_valve *v, uint32_t channel, int64_t wm)
{
    tm_valve_watermark(v, channel, wm, &out);
    return out.advanced ? out.watermark : WSL_TIME_MIN;
}

#define NOTHING WSL_TIME_MIN

Test(valve, ex03_gives_the_minimum_of_its_channels)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    cr_assert_eq(watermark(&v, 0, 32460000), NOTHING, "one channel has said nothing yet");
    cr_assert_eq(watermark(&v, 1, 32280000), 32280000, "9:01:00 and 8:58:00 give 8:58:00");
    tm_valve_fini(&v);
}

Test(valve, ex04_with_a_channel_that_goes_idle_and_returns)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    (void)watermark(&v, 0, 50);
    cr_assert_eq(watermark(&v, 1, 20), 20);
    tm_valve_idle(&v, 1, &out);
    cr_assert(out.advanced && out.watermark == 50);
    cr_assert_not(out.became_idle);
    tm_valve_active(&v, 1, &out);
    cr_assert_not(out.advanced || out.became_active);
    cr_assert_eq(watermark(&v, 1, 30), NOTHING, "30 is behind the output");
    cr_assert_eq(watermark(&v, 0, 60), 60, "channel 1 has not caught up, so it does not count");
    cr_assert_eq(watermark(&v, 1, 70), NOTHING, "it counts again, but 60 is the minimum");
    cr_assert_eq(watermark(&v, 0, 80), 70);
    tm_valve_fini(&v);
}

Test(valve, ex05_when_all_go_idle)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    (void)watermark(&v, 0, 50);
    (void)watermark(&v, 1, 20);
    tm_valve_idle(&v, 0, &out);
    cr_assert_not(out.advanced || out.became_idle);
    tm_valve_idle(&v, 1, &out);
    cr_assert(out.advanced && out.watermark == 50 && out.became_idle, "50, then idle");
    tm_valve_idle(&v, 1, &out);
    cr_assert_not(out.became_idle, "idle twice is idle once");
    tm_valve_active(&v, 0, &out);
    cr_assert(out.became_active);
    tm_valve_fini(&v);
}

Test(valve, ignores_watermarks_of_idle_channels_and_falling_ones)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    (void)watermark(&v, 0, 10);
    (void)watermark(&v, 1, 10);
    tm_valve_idle(&v, 1, &out);
    cr_assert_eq(watermark(&v, 1, 100), NOTHING);
    cr_assert_eq(v.channel[1].watermark, 10);
    cr_assert_eq(watermark(&v, 0, 9), NOTHING);
    cr_assert_eq(watermark(&v, 0, 11), 11);
    tm_valve_fini(&v);
}

Test(valve, gives_max_only_when_every_channel_has)
{
    tm_valve v;
    tm_valve_init(&v, 3);
    (void)watermark(&v, 0, 10);
    (void)watermark(&v, 1, 20);
    (void)watermark(&v, 2, 30);
    cr_assert_eq(watermark(&v, 0, WSL_TIME_MAX), 20, "a channel that is done leaves the minimum");
    tm_valve_idle(&v, 1, &out);
    cr_assert(out.advanced && out.watermark == 30);
    cr_assert_eq(watermark(&v, 1, WSL_TIME_MAX), NOTHING, "the end counts from an idle channel, too");
    cr_assert_eq(watermark(&v, 2, WSL_TIME_MAX), WSL_TIME_MAX);
    tm_valve_end(&v, 0, &out);
    cr_assert_not(out.advanced || out.became_idle);
    tm_valve_fini(&v);
}

Test(valve, does_not_make_up_a_final_watermark_when_channels_just_end)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    (void)watermark(&v, 0, 10);
    (void)watermark(&v, 1, 20);
    tm_valve_end(&v, 0, &out);
    cr_assert(out.advanced && out.watermark == 20);
    tm_valve_end(&v, 1, &out);
    cr_assert_not(out.advanced || out.became_idle);
    cr_assert_eq(v.watermark, 20);
    tm_valve_fini(&v);
}

Test(valve, is_idle_when_the_channels_that_are_left_are_and_the_others_have_finished)
{
    tm_valve v;
    tm_valve_init(&v, 2);
    (void)watermark(&v, 0, 10);
    (void)watermark(&v, 1, 5);
    tm_valve_idle(&v, 1, &out);
    tm_valve_watermark(&v, 0, WSL_TIME_MAX, &out);
    cr_assert(out.became_idle);
    cr_assert_not(out.advanced, "the final watermark of one channel is not let through by the idleness of another");
    tm_valve_fini(&v);
}

/* The rules of the semantics, as dull as they can be written. */
typedef struct dull {
    int64_t wm[4];
    bool idle[4], aligned[4], finished[4], max[4];
    int64_t output;
    bool is_idle;
} dull;

static bool all_of(const bool *set, int n)
{
    for (int i = 0; i < n; i++) {
        if (!set[i]) {
            return false;
        }
    }
    return true;
}

static void dull_look(dull *d, int n, tm_valve_out *o)
{
    int64_t min = WSL_TIME_MAX, max = WSL_TIME_MIN;
    bool any_aligned = false, any_active = false, all_finished = true;
    for (int i = 0; i < n; i++) {
        if (d->finished[i]) {
            continue;
        }
        all_finished = false;
        any_active |= !d->idle[i];
        max = d->wm[i] > max ? d->wm[i] : max;
        if (!d->idle[i] && d->aligned[i]) {
            any_aligned = true;
            min = d->wm[i] < min ? d->wm[i] : min;
        }
    }
    int64_t next = d->output;
    if (all_of(d->max, n)) {
        next = WSL_TIME_MAX;
    } else if (!all_finished && !any_active) {
        next = max;
        if (!d->is_idle) {
            d->is_idle = true;
            o->became_idle = true;
        }
    } else if (any_aligned) {
        next = min;
    }
    if (next > d->output) {
        d->output = next;
        o->advanced = true;
        o->watermark = next;
    }
}

Test(valve, agrees_with_the_rules_written_down_dully)
{
    enum { N = 4 };
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    for (int round = 0; round < 2000; round++) {
        tm_valve v;
        dull d = {.output = WSL_TIME_MIN};
        tm_valve_init(&v, N);
        for (int i = 0; i < N; i++) {
            d.wm[i] = WSL_TIME_MIN;
            d.aligned[i] = true;
        }
        for (int step = 0; step < 60; step++) {
            const uint32_t c = (uint32_t)wsl_rng_below(&rng, N);
            const uint64_t what = wsl_rng_below(&rng, 40);
            tm_valve_out expected = {0};
            if (what < 24) {
                const int64_t wm = what == 0 ? WSL_TIME_MAX : (int64_t)wsl_rng_below(&rng, 100) + step;
                tm_valve_watermark(&v, c, wm, &out);
                if (wm == WSL_TIME_MAX && !d.finished[c]) {
                    d.finished[c] = d.max[c] = true;
                    if (!d.idle[c] || all_of(d.max, N)) {
                        dull_look(&d, N, &expected);
                    }
                } else if (!d.finished[c] && !d.idle[c] && wm > d.wm[c]) {
                    d.wm[c] = wm;
                    d.aligned[c] |= wm >= d.output;
                    if (d.aligned[c]) {
                        dull_look(&d, N, &expected);
                    }
                }
            } else if (what < 31) {
                tm_valve_idle(&v, c, &out);
                if (!d.finished[c] && !d.idle[c]) {
                    d.idle[c] = true;
                    dull_look(&d, N, &expected);
                }
            } else if (what < 39) {
                tm_valve_active(&v, c, &out);
                if (!d.finished[c] && d.idle[c]) {
                    d.idle[c] = false;
                    d.aligned[c] = d.wm[c] >= d.output;
                    expected.became_active = d.is_idle;
                    d.is_idle = false;
                }
            } else {
                tm_valve_end(&v, c, &out);
                if (!d.finished[c]) {
                    d.finished[c] = true;
                    if (!d.idle[c]) { /* an idle one held nothing back */
                        dull_look(&d, N, &expected);
                    }
                }
            }
            cr_assert_eq(out.advanced, expected.advanced);
            cr_assert_eq(out.watermark, expected.watermark);
            cr_assert_eq(out.became_idle, expected.became_idle);
            cr_assert_eq(out.became_active, expected.became_active);
            cr_assert_eq(v.watermark, d.output);
        }
        tm_valve_fini(&v);
    }
}
