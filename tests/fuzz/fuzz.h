/*
 * fuzz - a target: a function over bytes, and inputs to begin with.
 *
 * Threads: one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0. Aborts when something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_seed {
    const void *data;
    size_t size;
} fuzz_seed;

/* Fills `out` with up to max seeds, returns how many; they live for ever. */
size_t fuzz_seeds(fuzz_seed *out, size_t max);

#define FUZZ_TEXT(text) ((fuzz_seed){text, sizeof(text) - 1})

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
