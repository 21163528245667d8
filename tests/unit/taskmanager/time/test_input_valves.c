#include "harness/wsl_test.h"

#include "taskmanager/time/input_valves.h"

#include <wiesel/row.h>

#include "base/rng.h"

/* Input 0 has channels 0 and 2, input 1 has channel 1. */
static void init(tm_input_valves *v)
{
    static const uint32_t input_of[] = {0, 1, 0};
    tm_input_valves_init(v, input_of, 3);
}

#define QUIET(out) cr_assert_not((out).advanced || (out).became_idle || (out).became_active)

Test(input_valves, the_watermark_is_the_smaller_one_of_both_inputs)
{
    tm_input_valves v;
    tm_valve_out out;
    init(&v);
    tm_input_valves_watermark(&v, 0, 50, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 1, 30, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 2, 20, &out);
    cr_assert(out.advanced);
    cr_assert_eq(out.watermark, 20);
    tm_input_valves_watermark(&v, 2, 60, &out);
    cr_assert_eq(out.watermark, 30, "now the second input holds it back");
    cr_assert_eq(tm_input_valves_watermark_of(&v, 0), 50);
    tm_input_valves_fini(&v);
}

Test(input_valves, an_idle_input_does_not_hold_the_other_back)
{
    tm_input_valves v;
    tm_valve_out out;
    init(&v);
    tm_input_valves_watermark(&v, 0, 50, &out);
    tm_input_valves_watermark(&v, 2, 40, &out);
    tm_input_valves_idle(&v, 1, &out);
    cr_assert(out.advanced);
    cr_assert_eq(out.watermark, 40);
    cr_assert_not(out.became_idle);
    tm_input_valves_active(&v, 1, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 1, 35, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 2, 60, &out);
    cr_assert_eq(out.watermark, 50, "the input that came back has not caught up and does not count yet");
    tm_input_valves_watermark(&v, 1, 55, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 0, 70, &out);
    cr_assert_eq(out.watermark, 55, "now it does");
    tm_input_valves_fini(&v);
}

Test(input_valves, when_both_are_idle_the_larger_watermark_comes_out_first)
{
    tm_input_valves v;
    tm_valve_out out;
    init(&v);
    tm_input_valves_watermark(&v, 0, 50, &out);
    tm_input_valves_watermark(&v, 2, 40, &out);
    tm_input_valves_watermark(&v, 1, 20, &out);
    cr_assert_eq(out.watermark, 20);
    tm_input_valves_idle(&v, 1, &out);
    cr_assert_eq(out.watermark, 40);
    tm_input_valves_idle(&v, 2, &out);
    cr_assert_eq(out.watermark, 50);
    tm_input_valves_idle(&v, 0, &out);
    cr_assert(out.became_idle);
    tm_input_valves_active(&v, 1, &out);
    cr_assert(out.became_active);
    tm_input_valves_fini(&v);
}

Test(input_valves, ends_are_told_per_input_and_max_comes_when_both_have_given_it)
{
    tm_input_valves v;
    tm_valve_out out;
    init(&v);
    tm_input_valves_watermark(&v, 1, WSL_TIME_MAX, &out);
    QUIET(out);
    cr_assert(tm_input_valves_end(&v, 1, &out), "the only channel of its input");
    QUIET(out);
    cr_assert_not(tm_input_valves_all_ended(&v));
    tm_input_valves_watermark(&v, 0, 7, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 2, 9, &out);
    cr_assert_eq(out.watermark, 7, "the ended input holds nothing back");
    tm_input_valves_watermark(&v, 0, WSL_TIME_MAX, &out);
    cr_assert_eq(out.watermark, 9);
    cr_assert_not(tm_input_valves_end(&v, 0, &out));
    cr_assert(tm_input_valves_has_ended(&v, 0));
    tm_input_valves_watermark(&v, 2, WSL_TIME_MAX, &out);
    cr_assert_eq(out.watermark, WSL_TIME_MAX);
    cr_assert(tm_input_valves_end(&v, 2, &out));
    cr_assert(tm_input_valves_all_ended(&v));
    tm_input_valves_fini(&v);
}

Test(input_valves, an_input_that_ends_without_max_lets_none_come_out)
{
    tm_input_valves v;
    tm_valve_out out;
    init(&v);
    (void)tm_input_valves_end(&v, 1, &out);
    QUIET(out);
    tm_input_valves_watermark(&v, 0, WSL_TIME_MAX, &out);
    tm_input_valves_watermark(&v, 2, WSL_TIME_MAX, &out);
    cr_assert_not(out.advanced && out.watermark == WSL_TIME_MAX);
    tm_input_valves_fini(&v);
}

Test(input_valves, one_input_is_its_valve)
{
    static const uint32_t input_of[] = {0, 0, 0};
    tm_input_valves v;
    tm_valve plain;
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    tm_input_valves_init(&v, input_of, 3);
    tm_valve_init(&plain, 3);
    for (int i = 0; i < 2000; i++) {
        tm_valve_out got, want;
        const uint32_t channel = (uint32_t)wsl_rng_below(&rng, 3);
        const int64_t time = (int64_t)wsl_rng_below(&rng, 100) + i;
        switch (wsl_rng_below(&rng, 4)) {
        case 0:
            tm_input_valves_idle(&v, channel, &got);
            tm_valve_idle(&plain, channel, &want);
            break;
        case 1:
            tm_input_valves_active(&v, channel, &got);
            tm_valve_active(&plain, channel, &want);
            break;
        default:
            tm_input_valves_watermark(&v, channel, time, &got);
            tm_valve_watermark(&plain, channel, time, &want);
        }
        cr_assert_eq(got.became_active, want.became_active);
        cr_assert_eq(got.advanced, want.advanced);
        cr_assert_eq(got.became_idle, want.became_idle);
        cr_assert(!got.advanced || got.watermark == want.watermark);
    }
    tm_input_valves_fini(&v);
    tm_valve_fini(&plain);
}

/* The watermark only grows, and is never ahead of an input that is active and has caught up. */
Test(input_valves, the_watermark_never_passes_an_active_aligned_channel)
{
    static const uint32_t input_of[] = {0, 1, 0, 1, 1};
    tm_input_valves v;
    wsl_rng rng;
    wsl_rng_seed(&rng, 6);
    tm_input_valves_init(&v, input_of, 5);
    int64_t last = WSL_TIME_MIN;
    for (int i = 0; i < 20000; i++) {
        tm_valve_out out;
        const uint32_t channel = (uint32_t)wsl_rng_below(&rng, 5);
        switch (wsl_rng_below(&rng, 6)) {
        case 0:
            tm_input_valves_idle(&v, channel, &out);
            break;
        case 1:
            tm_input_valves_active(&v, channel, &out);
            break;
        default:
            tm_input_valves_watermark(&v, channel, i / 4 + (int64_t)wsl_rng_below(&rng, 50), &out);
        }
        if (!out.advanced) {
            continue;
        }
        cr_assert_gt(out.watermark, last);
        last = out.watermark;
        for (uint32_t k = 0; k < 5 && !out.became_idle; k++) {
            const tm_valve_channel *c = tm_input_valves_channel(&v, k);
            const tm_valve_channel *side = &v.both.channel[input_of[k]];
            cr_assert(!c->aligned || c->idle || !side->aligned || side->idle || c->watermark >= last);
        }
    }
    tm_input_valves_fini(&v);
}
