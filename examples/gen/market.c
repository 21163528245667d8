/*
 * market - trades and prices of a handful of stocks whose prices wander.
 *
 * Prices are whole cents, so the bytes do not depend on a machine's floating point.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "examples/gen/kind.h"

enum { SYMBOL_TEXT_MAX = 24, PRICE_MIN_CENTS = 100, PRICE_MAX_CENTS = 500000 };

typedef struct stock {
    char symbol[SYMBOL_TEXT_MAX];
    int64_t first_cents;
    int64_t cents;
} stock;

typedef struct market {
    stock *stocks;
    uint64_t n;
    double backdated;
    uint64_t backdate_max_ms;
} market;

static const char *const known_symbols[] = {"AAPL", "MSFT", "GOOG", "AMZN", "NVDA",
                                            "TSLA", "META", "NFLX", "ORCL", "IBM"};

static void market_open(void *state, const gen_options *o, wsl_rng *rng)
{
    market *m = state;

    m->n = o->symbols;
    m->backdated = o->backdated;
    m->backdate_max_ms = o->backdate_max_ms;
    m->stocks = wsl_calloc(m->n, sizeof *m->stocks);
    for (uint64_t i = 0; i < m->n; i++) {
        stock *s = &m->stocks[i];
        if (i < WSL_ARRAY_LEN(known_symbols)) {
            (void)snprintf(s->symbol, sizeof s->symbol, "%s", known_symbols[i]);
        } else {
            (void)snprintf(s->symbol, sizeof s->symbol, "S%05llu", (unsigned long long)i);
        }
        s->first_cents = gen_between(rng, 5000, 50000);
        s->cents = s->first_cents;
    }
}

static void market_close(void *state)
{
    market *m = state;

    free(m->stocks);
}

/* Up or down by at most half a percent. */
static stock *market_step(market *m, wsl_rng *rng)
{
    stock *s = &m->stocks[wsl_rng_below(rng, m->n)];
    const int64_t reach = s->cents / 200 + 1;

    s->cents += gen_between(rng, -reach, reach);
    if (s->cents < PRICE_MIN_CENTS) {
        s->cents = PRICE_MIN_CENTS;
    }
    if (s->cents > PRICE_MAX_CENTS) {
        s->cents = PRICE_MAX_CENTS;
    }
    return s;
}

static void trade_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    market *m = state;
    const stock *s = market_step(m, rng);
    const bool buy = wsl_rng_below(rng, 2) == 0;
    const uint64_t quantity = 1 + wsl_rng_below(rng, 500);
    const bool late = wsl_rng_double(rng) < m->backdated;

    if (late) {
        record->ts -= (int64_t)(1 + wsl_rng_below(rng, m->backdate_max_ms));
        record->backdated = true;
    }
    wsl_strbuf_puts(out, "{\"symbol\":\"");
    wsl_strbuf_puts(out, s->symbol);
    wsl_strbuf_puts(out, buy ? "\",\"side\":\"buy\",\"quantity\":" : "\",\"side\":\"sell\",\"quantity\":");
    gen_put_uint(out, quantity);
    wsl_strbuf_puts(out, ",\"price\":");
    gen_put_fixed(out, s->cents, 2);
    wsl_strbuf_puts(out, ",\"ts\":");
    gen_put_uint(out, (uint64_t)record->ts);
    wsl_strbuf_puts(out, "}\n");
}

static void put_price(const char *symbol, int64_t cents, int64_t ts, wsl_strbuf *out)
{
    wsl_strbuf_puts(out, "{\"symbol\":\"");
    wsl_strbuf_puts(out, symbol);
    wsl_strbuf_puts(out, "\",\"price\":");
    gen_put_fixed(out, cents, 2);
    wsl_strbuf_puts(out, ",\"ts\":");
    gen_put_uint(out, (uint64_t)ts);
    wsl_strbuf_puts(out, "}\n");
}

static void price_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    const stock *s = market_step(state, rng);

    put_price(s->symbol, s->cents, record->ts, out);
}

static void price_baseline(const void *state, int64_t start_ts, wsl_strbuf *out)
{
    const market *m = state;

    for (uint64_t i = 0; i < m->n; i++) {
        put_price(m->stocks[i].symbol, m->stocks[i].first_cents, start_ts, out);
    }
}

const gen_kind gen_trades = {"trades", ".json", sizeof(market), market_open, trade_record, market_close, NULL};
const gen_kind gen_prices = {"prices",     ".json",      sizeof(market), market_open,
                             price_record, market_close, price_baseline};
