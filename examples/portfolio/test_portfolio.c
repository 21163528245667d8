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

/* 30 s windows of trades that are not waited for: the watermark is always right behind the newest. */
static wsl_harness *windows_harness(int64_t lateness_ms)
{
    const wsl_windowing windows = {
        .assigner = wsl_tumbling(30000), .lateness_ms = lateness_ms, .late_tag = "late-trades"};
    wsl_harness *h = harness_of(&(wsl_harness_options){.windows = &windows,
                                                       .aggregate = &add_up,
                                                       .window = &with_bounds,
                                                       .keys = WSL_HARNESS_KEYS("symbol"),
                                                       .in = &trade_schema});

    buy(h, "ACME", 5, 9, 100000);
    (void)wsl_harness_watermark(h, 99999);
    came_out(h, "no window is over", "watermark 99999");
    buy(h, "ACME", -2, 10, 90000);
    came_out(h, "out of order, but its window is not over", "");
    buy(h, "ACME", 1, 11, 85000);
    return h;
}

static void late_trades_make_windows_fire_again(void)
{
    wsl_harness *h = windows_harness(15000);

    came_out(h, "a window that is over fires at once",
             "{symbol=ACME, window_start=1970-01-01 00:01:00, window_end=1970-01-01 00:01:30, net_qty=1, "
             "notional=11}@89999");
    buy(h, "ACME", 3, 10, 86000);
    came_out(h, "and again, with all that is in it",
             "{symbol=ACME, window_start=1970-01-01 00:01:00, window_end=1970-01-01 00:01:30, net_qty=4, "
             "notional=41}@89999");
    (void)wsl_harness_watermark(h, 120000);
    came_out(h, "the next window",
             "{symbol=ACME, window_start=1970-01-01 00:01:30, window_end=1970-01-01 00:02:00, net_qty=3, "
             "notional=65}@119999, watermark 120000");
    wsl_harness_free(h);
}

static void later_ones_are_set_aside(void)
{
    wsl_harness *h = windows_harness(0);

    came_out(h, "its window is gone",
             "late-trades: {symbol=ACME, side=buy, quantity=1, price=11, ts=1970-01-01 00:01:25}@85000");
    wsl_harness_free(h);
}

static wsl_harness *market_harness(bool prices_first)
{
    const market_settings settings = {.prices_first = prices_first};

    return harness_of(&(wsl_harness_options){.function = &value_at_market,
                                             .keys = WSL_HARNESS_KEYS("symbol"),
                                             .config = &settings,
                                             .config_size = sizeof settings});
}

static void price(wsl_harness *h, const char *symbol, double price)
{
    wsl_row_writer *w = wsl_harness_row(h, &tick_schema);

    tick_set_symbol(w, wsl_str_of(symbol));
    tick_set_price(w, price);
    (void)wsl_harness_push_to(h, 1, w);
}

static void trades_are_worth_the_newest_price(void)
{
    wsl_harness *h = market_harness(false);

    buy(h, "ACME", 5, 9, 0);
    came_out(h, "before the first price: what was paid",
             "{symbol=ACME, ts=1970-01-01 00:00:00, delta=5, price=9, value=45, fallback=true}@0");
    price(h, "ACME", 10);
    price(h, "IBM", 11);
    buy(h, "ACME", 5, 9, 0);
    came_out(h, "then the price",
             "{symbol=ACME, ts=1970-01-01 00:00:00, delta=5, price=10, value=50, fallback=false}@0");
    price(h, "ACME", 12);
    buy(h, "ACME", -5, 9, 0);
    came_out(h, "then the next one",
             "{symbol=ACME, ts=1970-01-01 00:00:00, delta=-5, price=12, value=-60, fallback=false}@0");
    wsl_harness_free(h);
}

static void a_bounded_run_reads_prices_first(void)
{
    wsl_harness *h = market_harness(true);

    buy(h, "ACME", 5, 9, 0);
    buy(h, "IBM", 5, 9, 1);
    (void)wsl_harness_watermark_to(h, 0, 1);
    buy(h, "ACME", 6, 9, 2);
    price(h, "ACME", 10);
    came_out(h, "there may be more prices", "");
    (void)wsl_harness_end_to(h, 1);
    came_out(
        h, "now there are not: each symbol's trades in their order",
        "{symbol=IBM, ts=1970-01-01 00:00:00.001, delta=5, price=9, value=45, fallback=true}@-9223372036854775807, "
        "{symbol=ACME, ts=1970-01-01 00:00:00, delta=5, price=10, value=50, fallback=false}@-9223372036854775807, "
        "{symbol=ACME, ts=1970-01-01 00:00:00.002, delta=6, price=10, value=60, "
        "fallback=false}@-9223372036854775807, watermark 1");
    buy(h, "ACME", 7, 9, 3);
    came_out(h, "no more waiting",
             "{symbol=ACME, ts=1970-01-01 00:00:00.003, delta=7, price=10, value=70, fallback=false}@3");
    wsl_harness_free(h);
}

int main(void)
{
    positions_add_up();
    late_trades_make_windows_fire_again();
    later_ones_are_set_aside();
    trades_are_worth_the_newest_price();
    a_bounded_run_reads_prices_first();
    silence_raises_an_alert();
    return 0;
}
