/*
 * options - what `wiesel-gen` was asked to do, checked.
 *
 * Threads: one. Ownership: texts are borrowed from argv.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

typedef struct gen_kind gen_kind;

enum {
    GEN_FILES_MAX = 1000000,
    GEN_SYMBOLS_MAX = 10000,
    GEN_KEYS_MAX = 10000000,
    GEN_LIVE_FILE_MS = 250, /* a live run publishes a file this often if nothing else is said */
};
#define GEN_COUNT_MAX UINT64_C(1000000000000)
#define GEN_START_TS_DEFAULT INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

typedef struct gen_options {
    const gen_kind *kind;
    const char *out;      /* a directory, or "-" for the standard output */
    const char *baseline; /* prices: NULL = <out>/_baseline.json */
    uint64_t seed;
    uint64_t count;            /* 0: until stopped (live only) */
    uint64_t rate_milli;       /* records per 1000 s of event time */
    uint64_t files;            /* 0: not given */
    uint64_t records_per_file; /* 0: not given */
    int64_t start_ts;          /* ms */
    bool start_ts_given;
    double backdated; /* trades: share of records whose ts lies in the past */
    uint64_t backdate_max_ms;
    double malformed; /* iot: share of lines that are not what they should be */
    uint64_t symbols; /* trades, prices */
    uint64_t keys;    /* users, devices or words; 0: the kind's default */
    bool live;
    bool force;
    bool json;
    bool help;
} gen_options;

/* WSL_INVALID with one sentence for anything that is not understood. With --help only `help` (and maybe `kind`) is set.
 */
WSL_MUST_CHECK wsl_status gen_options_parse(int argc, char **argv, gen_options *out_options, wsl_error *err);

const char *gen_options_help(void);

/* Time of record `index`, in ms since the first. */
int64_t gen_options_offset_ms(const gen_options *o, uint64_t index);
