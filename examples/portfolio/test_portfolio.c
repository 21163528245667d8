/*
 * test_portfolio - the operators of portfolio.c by themselves: no cluster, no files, no clock.
 */
#include "../check.h"
#include "portfolio.c"

static void buy(wsl_harness *h, const char *symbol, int64_t quantity, double price, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);

    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_side(w, wsl_str_of(quantity < 0 ? "sell" : "buy"));
    trade_set_quantity(w, quantity < 0 ? -quantity : quantity);
    trade_set_price(w, price);
    trade_set_ts(w, ts);
    (void)wsl_harness_push_at(h, w, ts);
}

static void positions_add_up(void)
{
    wsl_harness *h = harness_of(&(wsl_harness_options){.function = &net_position, .keys = WSL_HARNESS_KEYS("symbol")});

    buy(h, "ACME", 5, 9, 1);
    buy(h, "IBM", 7, 9, 2);
    buy(h, "ACME", -8, 9, 3);
    came_out(h, "one result for each trade, each symbol by itself",
             "{symbol=ACME, ts=1970-01-01 00:00:00.001, net_qty=5}@1, "
             "{symbol=IBM, ts=1970-01-01 00:00:00.002, net_qty=7}@2, "
             "{symbol=ACME, ts=1970-01-01 00:00:00.003, net_qty=-3}@3");
    wsl_harness_free(h);
}

static wsl_harness *inactivity_harness(void)
{
    static const alert_settings horizon = {.horizon_ms = 20000};

    return harness_of(&(wsl_harness_options){.function = &inactivity,
                                             .keys = WSL_HARNESS_KEYS("symbol"),
                                             .config = &horizon,
                                             .config_size = sizeof horizon});
}

static void silence_raises_an_alert(void)
{
    wsl_harness *h = inactivity_harness();

    buy(h, "ACME", 1, 9, 100000);
    buy(h, "ACME", 1, 9, 115000);
    (void)wsl_harness_watermark(h, 134999);
    came_out(h, "a trade in between", "watermark 134999");
    (void)wsl_harness_watermark(h, 135000);
    came_out(h, "20 s of silence", "{symbol=ACME, ts=1970-01-01 00:02:15}@135000, watermark 135000");
    wsl_harness_free(h);

    h = inactivity_harness();
    buy(h, "ACME", 1, 9, 100000);
    buy(h, "ACME", 1, 9, 90000);
    (void)wsl_harness_end(h);
    came_out(h, "a trade out of order moves the last one seen back",
             "{symbol=ACME, ts=1970-01-01 00:01:50}@110000, {symbol=ACME, ts=1970-01-01 00:02:00}@120000, "
             "watermark MAX, end");
    wsl_harness_free(h);
}

int main(void)
{
    positions_add_up();
    silence_raises_an_alert();
    return 0;
}
