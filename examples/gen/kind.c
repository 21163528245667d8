#include "examples/gen/kind.h"

#include <string.h>

static const gen_kind *const kinds[] = {&gen_trades, &gen_prices, &gen_transactions, &gen_clicks, &gen_iot, &gen_text};

const gen_kind *gen_kind_find(const char *name)
{
    for (size_t i = 0; i < WSL_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

const char *gen_kind_names(void) { return "trades, prices, transactions, clicks, iot, text"; }

void gen_put_padded(wsl_strbuf *out, uint64_t value, uint32_t digits)
{
    char text[20];
    uint32_t at = sizeof text;

    while (value != 0 || (digits > 0 && sizeof text - at < digits)) {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    }
    wsl_strbuf_add(out, text + at, sizeof text - at);
}

void gen_put_uint(wsl_strbuf *out, uint64_t value) { gen_put_padded(out, value, 1); }

void gen_put_fixed(wsl_strbuf *out, int64_t value, uint32_t decimals)
{
    static const uint64_t scales[] = {1, 10, 100, 1000};
    const uint64_t scale = scales[decimals];
    const uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;

    if (value < 0) {
        wsl_strbuf_putc(out, '-');
    }
    gen_put_uint(out, size / scale);
    wsl_strbuf_putc(out, '.');
    gen_put_padded(out, size % scale, decimals);
}

int64_t gen_between(wsl_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)wsl_rng_below(rng, (uint64_t)(high - low) + 1);
}
