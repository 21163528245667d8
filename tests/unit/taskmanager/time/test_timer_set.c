#include "harness/wsl_test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/time/timer_set.h"

static bool has(const tm_timer_set *s, uint32_t hash, uint32_t timer)
{
    for (const tm_timer_cell *c = NULL; (c = tm_timer_set_find(s, hash, c)) != NULL;) {
        cr_assert_eq(c->hash, hash);
        if (c->timer == timer + 1) {
            return true;
        }
    }
    return false;
}

/* Adds and removes at random next to an array; `spread` says how many different hashes there are. */
static void run(uint32_t n_timers, uint32_t n_steps, uint32_t mask)
{
    bool *model = wsl_calloc(n_timers, sizeof *model);
    tm_region region;
    tm_timer_set set;
    wsl_rng rng;
    wsl_rng_seed(&rng, n_timers);
    tm_region_init(&region);
    tm_timer_set_init(&set, &region);
    uint32_t n = 0;
    for (uint32_t step = 0; step < n_steps; step++) {
        const uint32_t timer = (uint32_t)wsl_rng_below(&rng, n_timers);
        const uint32_t hash = timer * 0x9E3779B9u & mask;
        const bool shrinking = step / (n_steps / 5 + 1) % 2 == 1;
        cr_assert_eq(has(&set, hash, timer), model[timer]);
        if (model[timer] && wsl_rng_below(&rng, 4) < (shrinking ? 4u : 1u)) {
            tm_timer_set_remove(&set, hash, timer);
            model[timer] = false;
            n--;
        } else if (!model[timer] && (!shrinking || wsl_rng_below(&rng, 8) == 0)) {
            tm_timer_set_add(&set, hash, timer);
            model[timer] = true;
            n++;
        }
        cr_assert_eq(set.n, n);
    }
    for (uint32_t timer = 0; timer < n_timers; timer++) {
        cr_assert_eq(has(&set, timer * 0x9E3779B9u & mask, timer), model[timer]);
    }
    tm_timer_set_fini(&set);
    tm_region_fini(&region);
    free(model);
}

Test(timer_set, agrees_with_an_array) { run(100, 20000, UINT32_MAX); }
Test(timer_set, agrees_with_an_array_over_many_pages) { run(200000, 1000000, UINT32_MAX); }
Test(timer_set, agrees_with_an_array_when_hashes_crowd) { run(3000, 60000, 0xF0000000u); }
Test(timer_set, agrees_with_an_array_when_all_hashes_are_one) { run(800, 10000, 0); }
