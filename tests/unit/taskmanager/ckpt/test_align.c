#include "harness/wsl_test.h"

#include "base/rng.h"
#include "taskmanager/ckpt/align.h"

static uint64_t aborted;
static bool block;

static tm_align_answer barrier(tm_align *a, uint32_t channel, uint64_t id)
{
    return tm_align_barrier(a, channel, id, &aborted, &block);
}

Test(align, a_channel_waits_from_its_barrier_until_the_last_one)
{
    tm_align a;
    tm_align_init(&a, 3, true);
    cr_assert_eq(barrier(&a, 1, 1), TM_ALIGN_BEGIN);
    cr_assert(block && tm_align_blocks(&a, 1) && !tm_align_blocks(&a, 0));
    cr_assert_eq(barrier(&a, 0, 1), TM_ALIGN_WAIT);
    cr_assert(block && tm_align_blocks(&a, 0));
    cr_assert_eq(barrier(&a, 2, 1), TM_ALIGN_SNAPSHOT);
    cr_assert(!block && !tm_align_blocks(&a, 0) && !tm_align_blocks(&a, 1));
    tm_align_fini(&a);
}

Test(align, one_channel_needs_no_alignment)
{
    tm_align a;
    tm_align_init(&a, 1, true);
    cr_assert_eq(barrier(&a, 0, 5), TM_ALIGN_SNAPSHOT);
    cr_assert_eq(barrier(&a, 0, 5), TM_ALIGN_IGNORE, "the same one again");
    cr_assert_eq(barrier(&a, 0, 4), TM_ALIGN_IGNORE, "an older one");
    cr_assert_eq(barrier(&a, 0, 7), TM_ALIGN_SNAPSHOT, "ids may leave some out");
    tm_align_fini(&a);
}

Test(align, at_least_once_blocks_nobody)
{
    tm_align a;
    tm_align_init(&a, 2, false);
    cr_assert_eq(barrier(&a, 0, 1), TM_ALIGN_BEGIN);
    cr_assert(!block && !tm_align_blocks(&a, 0));
    cr_assert_eq(barrier(&a, 1, 1), TM_ALIGN_SNAPSHOT);
    tm_align_fini(&a);
}

Test(align, a_newer_barrier_ends_the_older_checkpoint)
{
    tm_align a;
    tm_align_init(&a, 2, true);
    (void)barrier(&a, 0, 1);
    cr_assert_eq(barrier(&a, 1, 2), TM_ALIGN_BEGIN);
    cr_assert_eq(aborted, 1);
    cr_assert(!tm_align_blocks(&a, 0) && tm_align_blocks(&a, 1), "0 goes on: its barrier 2 is still to come");
    cr_assert_eq(barrier(&a, 0, 1), TM_ALIGN_IGNORE);
    cr_assert_eq(barrier(&a, 0, 2), TM_ALIGN_SNAPSHOT);
    cr_assert_eq(aborted, 0);
    tm_align_fini(&a);
}

Test(align, the_end_of_the_last_missing_channel_completes_it)
{
    tm_align a;
    tm_align_init(&a, 3, true);
    cr_assert_eq(tm_align_end(&a, 0), TM_ALIGN_IGNORE, "nothing is under way");
    cr_assert_eq(barrier(&a, 1, 1), TM_ALIGN_BEGIN);
    cr_assert_eq(tm_align_end(&a, 2), TM_ALIGN_SNAPSHOT);
    cr_assert_eq(barrier(&a, 1, 2), TM_ALIGN_SNAPSHOT, "only one is left");
    tm_align_fini(&a);
}

Test(align, a_trigger_counts_ends_as_barriers)
{
    tm_align a;
    tm_align_init(&a, 2, true);
    cr_assert_eq(tm_align_end(&a, 0), TM_ALIGN_IGNORE);
    cr_assert_eq(tm_align_trigger(&a, 3, &aborted), TM_ALIGN_WAIT, "the other end is on its way");
    cr_assert_eq(tm_align_trigger(&a, 3, &aborted), TM_ALIGN_IGNORE, "it is known");
    cr_assert_eq(tm_align_end(&a, 1), TM_ALIGN_SNAPSHOT);
    cr_assert_eq(tm_align_trigger(&a, 3, &aborted), TM_ALIGN_IGNORE, "it was taken");
    cr_assert_eq(tm_align_trigger(&a, 4, &aborted), TM_ALIGN_SNAPSHOT, "all have ended");
    tm_align_fini(&a);
    tm_align_init(&a, 2, true);
    (void)barrier(&a, 0, 1);
    cr_assert_eq(tm_align_trigger(&a, 1, &aborted), TM_ALIGN_IGNORE, "a barrier of it came");
    cr_assert_eq(tm_align_trigger(&a, 2, &aborted), TM_ALIGN_WAIT);
    cr_assert_eq(aborted, 1);
    cr_assert_not(tm_align_blocks(&a, 0));
    tm_align_fini(&a);
}

Test(align, what_was_given_up_does_not_come_back)
{
    tm_align a;
    tm_align_init(&a, 2, true);
    (void)barrier(&a, 0, 1);
    cr_assert(tm_align_give_up(&a, 1));
    cr_assert_not(tm_align_blocks(&a, 0));
    cr_assert_eq(barrier(&a, 1, 1), TM_ALIGN_IGNORE);
    cr_assert_not(tm_align_give_up(&a, 2), "none of its barriers has come");
    cr_assert_eq(barrier(&a, 0, 2), TM_ALIGN_IGNORE);
    cr_assert_eq(barrier(&a, 0, 3), TM_ALIGN_BEGIN);
    tm_align_fini(&a);
}

/* Channels deliver their own barriers in order; whatever the turns, every checkpoint that nobody overtakes is taken once. */
Test(align, random_turns_take_every_checkpoint_exactly_once)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, 5);
        const uint64_t last = 1 + wsl_rng_below(&rng, 6);
        uint64_t at[5] = {0};
        tm_align a;
        tm_align_init(&a, n, true);
        uint64_t taken = 0;
        for (uint32_t done = 0; done < n;) {
            const uint32_t c = (uint32_t)wsl_rng_below(&rng, n);
            if (at[c] == last || tm_align_blocks(&a, c)) {
                continue;
            }
            const tm_align_answer answer = barrier(&a, c, ++at[c]);
            cr_assert_eq(aborted, 0, "blocked channels cannot overtake");
            if (answer == TM_ALIGN_SNAPSHOT) {
                cr_assert_eq(at[c], taken + 1);
                taken = at[c];
            }
            done += at[c] == last;
        }
        cr_assert_eq(taken, last);
        tm_align_fini(&a);
    }
}
