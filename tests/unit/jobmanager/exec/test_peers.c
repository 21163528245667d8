#include "harness/wsl_test.h"
#include "jobmanager/exec/peers.h"

static bool in_run(jm_run run, uint32_t i) { return i >= run.first && i < run.first + run.n; }

Test(peers, forward_connects_equal_numbers)
{
    const jm_run r = jm_consumers_of(WSL__PB__PARTITION__FORWARD, 4, 4, 2);
    cr_assert_eq(r.first, 2u);
    cr_assert_eq(r.n, 1u);
}

Test(peers, hash_and_rebalance_connect_everybody)
{
    const jm_run hash = jm_producers_of(WSL__PB__PARTITION__HASH, 3, 5, 4);
    cr_assert_eq(hash.first, 0u);
    cr_assert_eq(hash.n, 3u);
    const jm_run rebalance = jm_consumers_of(WSL__PB__PARTITION__REBALANCE, 3, 5, 0);
    cr_assert_eq(rebalance.n, 5u);
}

Test(peers, rescale_gives_each_producer_a_run_of_consumers)
{
    const jm_run first = jm_consumers_of(WSL__PB__PARTITION__RESCALE, 2, 4, 0);
    const jm_run second = jm_consumers_of(WSL__PB__PARTITION__RESCALE, 2, 4, 1);
    cr_assert_eq(first.first, 0u);
    cr_assert_eq(first.n, 2u);
    cr_assert_eq(second.first, 2u);
    cr_assert_eq(second.n, 2u);
    const jm_run narrow = jm_producers_of(WSL__PB__PARTITION__RESCALE, 4, 2, 1);
    cr_assert_eq(narrow.first, 2u);
    cr_assert_eq(narrow.n, 2u);
}

Test(peers, both_ends_of_a_rescale_agree_and_nobody_is_left_out)
{
    for (uint32_t p = 1; p <= 13; p++) {
        for (uint32_t c = 1; c <= 13; c++) {
            for (uint32_t i = 0; i < p; i++) {
                const jm_run consumers = jm_consumers_of(WSL__PB__PARTITION__RESCALE, p, c, i);
                cr_assert_gt(consumers.n, 0u, "%u -> %u producer %u", p, c, i);
                cr_assert_leq(consumers.first + consumers.n, c);
                for (uint32_t k = 0; k < c; k++) {
                    const jm_run producers = jm_producers_of(WSL__PB__PARTITION__RESCALE, p, c, k);
                    cr_assert_gt(producers.n, 0u, "%u -> %u consumer %u", p, c, k);
                    cr_assert_eq(in_run(consumers, k), in_run(producers, i), "%u -> %u: %u and %u", p, c, i, k);
                }
            }
        }
    }
}
