/*
 * run - makes the records and puts them where they belong, at once or by the clock.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"
#include "examples/gen/options.h"

/* Waits until the monotonic time; false if the run shall end now. */
typedef bool (*gen_wait_fn)(void *arg, int64_t until_ns);
/* Takes output meant for "-". */
typedef wsl_status (*gen_stdout_fn)(void *arg, const char *data, size_t size, wsl_error *err);

typedef struct gen_seams {
    wsl_fs *fs;
    wsl_clock *clock;
    gen_wait_fn wait;
    gen_stdout_fn write_stdout;
    void *arg; /* of the two functions */
} gen_seams;

typedef struct gen_summary {
    uint64_t records;
    uint64_t bytes;
    uint64_t files;
    uint64_t backdated;
    uint64_t malformed;
    int64_t first_ts; /* smallest and largest event time */
    int64_t last_ts;
    int64_t took_ns;
    bool stopped; /* by a signal */
} gen_summary;

/* *out_summary says what was done also when it fails halfway. */
WSL_MUST_CHECK wsl_status gen_run(const gen_options *o, const gen_seams *seams, gen_summary *out_summary,
                                  wsl_error *err);
