/*
 * check - what the examples' tests are written with: an operator in a harness, and what must come out of it.
 *
 *     cc -std=gnu17 test_fraud.c -lwiesel-harness -o test_fraud && ./test_fraud
 *
 * The first thing that is not as it should be is printed and ends the test.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/harness.h>

static inline wsl_harness *harness_of(const wsl_harness_options *options)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};

    if (wsl_harness_new(options, &h, &err) != WSL_OK) {
        (void)fprintf(stderr, "no harness: %s\n", err.text);
        exit(1);
    }
    return h;
}

/* All that came out since the last time must read as this (see wsl_harness_text). */
static inline void came_out(wsl_harness *h, const char *what, const char *expected)
{
    const char *got = wsl_harness_text(h);

    if (wsl_harness_error(h)->status != WSL_OK) {
        (void)fprintf(stderr, "%s: the job would fail: %s\n", what, wsl_harness_error(h)->text);
        exit(1);
    }
    if (strcmp(got, expected) != 0) {
        (void)fprintf(stderr, "%s:\n  expected %s\n  got      %s\n", what, expected, got);
        exit(1);
    }
    wsl_harness_clear(h);
}
