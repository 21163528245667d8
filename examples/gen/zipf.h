/*
 * zipf - ranks 0 .. n-1, where rank r comes with a probability proportional to 1/(r+1).
 *
 * Only divisions and additions of doubles are used, so every machine with IEEE arithmetic draws the same ranks.
 */
#pragma once
#include <stdint.h>

#include <wiesel/macros.h>

#include "base/rng.h"

typedef struct gen_zipf gen_zipf;

void gen_zipf_free(gen_zipf *zipf);
WSL_NEW_BY(gen_zipf_free) gen_zipf *gen_zipf_new(uint64_t n); /* n > 0 */
uint64_t gen_zipf_pick(const gen_zipf *zipf, wsl_rng *rng);
