/*
 * people - card transactions and page clicks.
 *
 * Transactions: in the first two seconds of every 30 s of event time each second record belongs to u901 or u902, in
 * turns and with large amounts; outside of these bursts the two are silent, so a detector has something definite to
 * find.
 */
#include <stdlib.h>

#include "examples/gen/kind.h"
#include "examples/gen/zipf.h"

enum { BURST_EVERY_MS = 30000, BURST_LENGTH_MS = 2000, USERS_DEFAULT = 900, USER_DIGITS = 3 };

static const char *const merchants[] = {"grocery", "fuel",     "books",   "travel", "pharmacy",
                                        "cinema",  "hardware", "florist", "bakery", "electronics"};
static const char *const pages[] = {"/",       "/products", "/cart",    "/search",  "/checkout", "/account",
                                    "/offers", "/help",     "/reviews", "/contact", "/careers",  "/imprint"};

typedef struct people {
    uint64_t users;
    uint64_t burst_records;
    gen_zipf *pages;
} people;

static void people_open(void *state, const gen_options *o, wsl_rng *rng)
{
    people *p = state;

    (void)rng;
    p->users = o->keys != 0 ? o->keys : USERS_DEFAULT;
    p->pages = gen_zipf_new(WSL_ARRAY_LEN(pages));
}

static void people_close(void *state)
{
    people *p = state;

    gen_zipf_free(p->pages);
}

static void put_user(wsl_strbuf *out, uint64_t number)
{
    wsl_strbuf_puts(out, "{\"user_id\":\"u");
    gen_put_padded(out, number, USER_DIGITS);
}

/* u001 and on; never the two that burst. */
static uint64_t pick_user(const people *p, wsl_rng *rng)
{
    const uint64_t number = 1 + wsl_rng_below(rng, p->users);

    return number > 900 ? number + 2 : number;
}

static void transaction_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    people *p = state;
    const bool in_burst = record->offset_ms % BURST_EVERY_MS < BURST_LENGTH_MS;
    uint64_t user = pick_user(p, rng);
    int64_t cents = gen_between(rng, 100, 20000);
    const char *merchant = merchants[wsl_rng_below(rng, WSL_ARRAY_LEN(merchants))];

    if (in_burst && record->index % 2 == 1) {
        user = 901 + p->burst_records++ % 2;
        cents = gen_between(rng, 50000, 200000);
    }
    put_user(out, user);
    wsl_strbuf_puts(out, "\",\"amount\":");
    gen_put_fixed(out, cents, 2);
    wsl_strbuf_puts(out, ",\"merchant\":\"");
    wsl_strbuf_puts(out, merchant);
    wsl_strbuf_puts(out, "\",\"ts\":");
    gen_put_uint(out, (uint64_t)record->ts);
    wsl_strbuf_puts(out, "}\n");
}

static void click_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    const people *p = state;

    put_user(out, pick_user(p, rng));
    wsl_strbuf_puts(out, "\",\"page\":\"");
    wsl_strbuf_puts(out, pages[gen_zipf_pick(p->pages, rng)]);
    wsl_strbuf_puts(out, "\",\"ts\":");
    gen_put_uint(out, (uint64_t)record->ts);
    wsl_strbuf_puts(out, "}\n");
}

const gen_kind gen_transactions = {"transactions", ".json", sizeof(people), people_open, transaction_record,
                                   people_close,   NULL};
const gen_kind gen_clicks = {"clicks", ".json", sizeof(people), people_open, click_record, people_close, NULL};
