/*
 * rng - seam: where randomness comes from. xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64; from the operating
 * system for real processes, from a seed in tests.
 *
 * Threads: one owner.
 */
#pragma once
#include <stdint.h>

typedef struct wsl_rng {
    uint64_t s[4];
} wsl_rng;

void wsl_rng_seed(wsl_rng *rng, uint64_t seed);
void wsl_rng_seed_from_os(wsl_rng *rng);
uint64_t wsl_rng_next(wsl_rng *rng);
uint64_t wsl_rng_below(wsl_rng *rng, uint64_t bound); /* uniform in [0, bound), bound > 0 */
double wsl_rng_double(wsl_rng *rng);                  /* uniform in [0, 1) */
