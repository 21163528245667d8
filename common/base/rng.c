/*
 * rng - xoshiro256** with its state filled by splitmix64, as its authors advise.
 */
#include "base/rng.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

#include "base/assert.h"

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = *x += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void wsl_rng_seed(wsl_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        rng->s[i] = splitmix64(&seed);
    }
}

void wsl_rng_seed_from_os(wsl_rng *rng)
{
    do {
        size_t got = 0;
        while (got < sizeof rng->s) {
            const ssize_t n = getrandom((char *)rng->s + got, sizeof rng->s - got, 0);
            WSL_ASSERT(n > 0 || errno == EINTR);
            got += n > 0 ? (size_t)n : 0;
        }
    } while ((rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3]) == 0); /* the one state that never leaves itself */
}

static uint64_t rotate_left(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t wsl_rng_next(wsl_rng *rng)
{
    uint64_t *const s = rng->s;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire's multiplication; the draws that would favour small results are thrown away. */
uint64_t wsl_rng_below(wsl_rng *rng, uint64_t bound)
{
    WSL_ASSERT(bound > 0);
    unsigned __int128 product = (unsigned __int128)wsl_rng_next(rng) * bound;
    if ((uint64_t)product < bound) {
        const uint64_t threshold = -bound % bound;
        while ((uint64_t)product < threshold) {
            product = (unsigned __int128)wsl_rng_next(rng) * bound;
        }
    }
    return (uint64_t)(product >> 64);
}

double wsl_rng_double(wsl_rng *rng) { return (double)(wsl_rng_next(rng) >> 11) * 0x1.0p-53; }
