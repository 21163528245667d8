/*
 * kind - one sort of example data: how a record is made from random numbers.
 *
 * A kind keeps a state of its own and appends one line per record. All of its randomness comes from the rng it is
 * handed, drawn in record order, so a record depends on the seed and on its index and not on files or time.
 *
 * Threads: one.
 */
#pragma once
#include <stdint.h>

#include "base/rng.h"
#include "base/strbuf.h"
#include "examples/gen/options.h"

typedef struct gen_record {
    uint64_t index;
    int64_t offset_ms; /* event time since the first record */
    int64_t ts;        /* start + offset; a kind that backdates changes it */
    bool backdated;    /* set by the kind, counted for the summary */
    bool malformed;
} gen_record;

struct gen_kind {
    const char *name;
    const char *extension; /* with the dot */
    size_t state_size;
    /* `state` is zeroed. */
    void (*open)(void *state, const gen_options *o, wsl_rng *rng);
    /* Appends the record with its line end. */
    void (*record)(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out);
    void (*close)(void *state);                                             /* may be NULL */
    void (*baseline)(const void *state, int64_t start_ts, wsl_strbuf *out); /* may be NULL: has none */
};

extern const gen_kind gen_trades, gen_prices, gen_transactions, gen_clicks, gen_iot, gen_text;

const gen_kind *gen_kind_find(const char *name); /* NULL: unknown */
const char *gen_kind_names(void);                /* "trades, prices, ..." */

/* ---- number printing without printf, for all kinds ---- */

void gen_put_uint(wsl_strbuf *out, uint64_t value);
void gen_put_padded(wsl_strbuf *out, uint64_t value, uint32_t digits);
/* value / 10^decimals with exactly that many digits behind the point: (15025, 2) is 150.25. decimals: 1 to 3. */
void gen_put_fixed(wsl_strbuf *out, int64_t value, uint32_t decimals);
/* From low to high, both included. */
int64_t gen_between(wsl_rng *rng, int64_t low, int64_t high);
