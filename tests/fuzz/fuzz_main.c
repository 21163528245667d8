/*
 * fuzz_main - runs a target over its seeds and seeded mutations of them, for test runs without libFuzzer.
 *
 * The input under way is kept in memory; when the target aborts it is written to a file that is named.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "fuzz.h"

enum { SEEDS_MAX = 64, INPUT_MAX = 1 << 16, RUNS_DEFAULT = 20000, SECONDS_MAX = 20 };

static uint8_t input[INPUT_MAX];
static size_t input_size;

static void on_crash(int signal_number)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/fuzz-crash-%d.bin", (int)getpid());
    FILE *f = fopen(path, "wb");
    if (f != NULL) {
        fwrite(input, 1, input_size, f);
        fclose(f);
    }
    fprintf(stderr, "fuzz: signal %d; the input of %zu bytes is in %s\n", signal_number, input_size, path);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void run(void)
{
    /* a copy of exactly this size, so that a sanitizer sees one byte too many */
    uint8_t *copy = malloc(input_size > 0 ? input_size : 1);
    memcpy(copy, input, input_size);
    (void)LLVMFuzzerTestOneInput(copy, input_size);
    free(copy);
}

static void mutate(wsl_rng *rng, const fuzz_seed *seeds, size_t n_seeds)
{
    static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '}', '[', ',', '\n', '-', '.', 'e', '\''};
    const fuzz_seed *from = &seeds[wsl_rng_below(rng, n_seeds)];
    input_size = from->size < INPUT_MAX ? from->size : INPUT_MAX;
    memcpy(input, from->data, input_size);
    for (uint64_t n = 1 + wsl_rng_below(rng, 6); n > 0; n--) {
        const size_t at = input_size > 0 ? wsl_rng_below(rng, input_size) : 0;
        switch (wsl_rng_below(rng, 7)) {
        case 0: /* flip a bit */
            if (input_size > 0) {
                input[at] ^= (uint8_t)(1u << wsl_rng_below(rng, 8));
            }
            break;
        case 1: /* a byte that matters */
            if (input_size > 0) {
                input[at] = special[wsl_rng_below(rng, sizeof special)];
            }
            break;
        case 2: /* cut */
            input_size = at;
            break;
        case 3: /* take something out */
            if (input_size > 0) {
                const size_t gone = wsl_rng_below(rng, input_size - at) + 1;
                memmove(input + at, input + at + gone, input_size - at - gone);
                input_size -= gone;
            }
            break;
        case 4: { /* put in a piece of another seed */
            const fuzz_seed *other = &seeds[wsl_rng_below(rng, n_seeds)];
            if (other->size == 0) {
                break;
            }
            const size_t start = wsl_rng_below(rng, other->size);
            size_t size = wsl_rng_below(rng, other->size - start) + 1;
            size = size < INPUT_MAX - input_size ? size : INPUT_MAX - input_size;
            memmove(input + at + size, input + at, input_size - at);
            memcpy(input + at, (const uint8_t *)other->data + start, size);
            input_size += size;
            break;
        }
        case 5: /* a number somewhere */
            if (input_size >= 8) {
                const size_t place = wsl_rng_below(rng, input_size - 7);
                const uint64_t number = wsl_rng_below(rng, 2) ? wsl_rng_next(rng) : (uint64_t)-1 >> wsl_rng_below(rng, 64);
                memcpy(input + place, &number, wsl_rng_below(rng, 2) ? 8 : 4);
            }
            break;
        default: /* repeat */
            if (input_size > 0 && input_size < INPUT_MAX / 2) {
                const size_t size = wsl_rng_below(rng, input_size - at) + 1;
                memmove(input + at + size, input + at, input_size - at);
                input_size += size;
            }
            break;
        }
    }
}

int main(void)
{
    static fuzz_seed seeds[SEEDS_MAX];
    const size_t n = fuzz_seeds(seeds, SEEDS_MAX);
    const char *runs_text = getenv("FUZZ_RUNS"), *seed_text = getenv("FUZZ_SEED");
    const unsigned long runs = runs_text != NULL ? strtoul(runs_text, NULL, 10) : RUNS_DEFAULT;
    wsl_rng rng;
    wsl_rng_seed(&rng, seed_text != NULL ? strtoull(seed_text, NULL, 10) : 1);
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    for (size_t i = 0; i < n; i++) {
        input_size = seeds[i].size < INPUT_MAX ? seeds[i].size : INPUT_MAX;
        memcpy(input, seeds[i].data, input_size);
        run();
    }
    const time_t start = time(NULL);
    unsigned long done = 0;
    for (; done < runs && (runs_text != NULL || time(NULL) - start < SECONDS_MAX); done++) {
        mutate(&rng, seeds, n);
        run();
    }
    printf("%zu seeds, %lu mutations\n", n, done);
    return 0;
}
