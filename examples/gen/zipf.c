#include "examples/gen/zipf.h"

#include <stdlib.h>

#include "base/alloc.h"

struct gen_zipf {
    uint64_t n;
    double upto[]; /* upto[r]: weight of ranks 0..r */
};

void gen_zipf_free(gen_zipf *zipf) { free(zipf); }

gen_zipf *gen_zipf_new(uint64_t n)
{
    gen_zipf *zipf = wsl_alloc(sizeof *zipf + n * sizeof zipf->upto[0]);
    double sum = 0;

    zipf->n = n;
    for (uint64_t r = 0; r < n; r++) {
        sum += 1.0 / (double)(r + 1);
        zipf->upto[r] = sum;
    }
    return zipf;
}

uint64_t gen_zipf_pick(const gen_zipf *zipf, wsl_rng *rng)
{
    const double point = wsl_rng_double(rng) * zipf->upto[zipf->n - 1];
    uint64_t low = 0, high = zipf->n - 1;

    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (zipf->upto[middle] > point) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
