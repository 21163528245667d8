/* Timers against a bit per possible timer, in their order: the first one that is set is the first bit. */
#include "unit/taskmanager/time/timer_model.h"

static void check_next(void)
{
    uint32_t i = 0;
    int64_t at = 0;
    const bool any = first(&i);
    cr_assert_eq(tm_timers_next(&m.timers, &at), any);
    if (any) {
        cr_assert_eq(at, i / N_SPACES / N_KEYS);
    }
}

/* Time moves on by bursts; `width`: how far ahead timers are set; in percent how many changes are deletions, and how many
 * changes there are while timers fire. */
static void run(int kind, uint32_t width, uint32_t per_burst, uint32_t deletes, uint32_t in_between)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, width + per_burst);
    begin(kind);
    uint32_t now = 0;
    for (int burst = 0; burst < 12; burst++) {
        const uint32_t n = per_burst * (burst % 3 == 2 ? 4 : 1);
        const uint32_t burst_deletes = burst % 4 == 3 ? 60 : deletes;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t time = now + (uint32_t)wsl_rng_below(&rng, width);
            const bool set = wsl_rng_below(&rng, 100) >= burst_deletes;
            change(time < N_TIMES ? time : N_TIMES - 1, (uint32_t)wsl_rng_below(&rng, N_KEYS),
                   (uint32_t)wsl_rng_below(&rng, N_SPACES), set);
            if (wsl_rng_below(&rng, 5000) == 0) {
                check_next();
            }
        }
        now += width / 3;
        for (uint32_t at; (at = pop(now)) != UINT32_MAX;) {
            while (wsl_rng_below(&rng, 100) < in_between) { /* as a callback does: now, before, and later */
                const uint32_t far = wsl_rng_below(&rng, 2) == 0 ? 8 : width / 2 + 1;
                const uint32_t time = at + (uint32_t)wsl_rng_below(&rng, far);
                const uint32_t back = (uint32_t)wsl_rng_below(&rng, 5);
                change(time < back ? 0 : time - back < N_TIMES ? time - back : N_TIMES - 1,
                       (uint32_t)wsl_rng_below(&rng, N_KEYS), 0, wsl_rng_below(&rng, 100) >= 45);
                if (wsl_rng_below(&rng, 50) == 0) {
                    check_next();
                }
            }
        }
    }
    while (pop(N_TIMES) != UINT32_MAX) {
    }
    end();
}

Test(timer_queue, agrees_with_bits_over_much_time) { run(0, 9000, 30000, 20, 10); }
Test(timer_queue, agrees_with_bits_in_a_moment) { run(0, 2, 20000, 20, 10); }
Test(timer_queue, agrees_with_bits_over_little_time) { run(0, 60, 60000, 40, 30); }
Test(timer_queue, agrees_with_bits_for_keys_of_two_fields) { run(1, 9000, 30000, 20, 10); }
Test(timer_queue, agrees_with_bits_for_keys_of_two_fields_in_a_moment) { run(1, 3, 20000, 30, 30); }
Test(timer_queue, agrees_with_bits_for_texts) { run(2, 5000, 20000, 30, 30); }
Test(timer_queue, agrees_with_bits_for_texts_in_a_moment) { run(2, 3, 20000, 30, 30); }
Test(timer_queue, agrees_with_bits_when_most_is_deleted) { run(2, 3000, 20000, 55, 40); }
Test(timer_queue, agrees_with_bits_when_little_is_in_it) { run(0, 3000, 300, 30, 49); }
