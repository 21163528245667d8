#include "jobmanager/exec/peers.h"

#include "base/assert.h"

/* Pointwise run of subtask `mine` of `n_mine` among `n_theirs`. Narrow to wide: [ceil(i*T/M), ceil((i+1)*T/M)); wide to
 * narrow: the one neighbour whose run holds us, floor(i*T/M). The two are inverse to each other. */
static jm_run pointwise(uint32_t n_mine, uint32_t n_theirs, uint32_t mine)
{
    const uint64_t m = n_mine;
    const uint64_t t = n_theirs;
    if (n_mine >= n_theirs) {
        return (jm_run){.first = (uint32_t)(mine * t / m), .n = 1};
    }
    const uint32_t first = (uint32_t)((mine * t + m - 1) / m);
    const uint32_t end = (uint32_t)((((uint64_t)mine + 1) * t + m - 1) / m);
    return (jm_run){.first = first, .n = end - first};
}

static jm_run run_of(Wsl__Pb__Partition partition, uint32_t n_mine, uint32_t n_theirs, uint32_t mine)
{
    WSL_ASSERT(mine < n_mine);
    if (partition == WSL__PB__PARTITION__FORWARD) {
        WSL_ASSERT(n_mine == n_theirs);
        return (jm_run){.first = mine, .n = 1};
    }
    if (partition == WSL__PB__PARTITION__RESCALE) {
        return pointwise(n_mine, n_theirs, mine);
    }
    return (jm_run){.first = 0, .n = n_theirs};
}

jm_run jm_consumers_of(Wsl__Pb__Partition partition, uint32_t producers, uint32_t consumers, uint32_t producer)
{
    return run_of(partition, producers, consumers, producer);
}

jm_run jm_producers_of(Wsl__Pb__Partition partition, uint32_t producers, uint32_t consumers, uint32_t consumer)
{
    return run_of(partition, consumers, producers, consumer);
}
