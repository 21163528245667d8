/*
 * test_joins - the functions of joins.c by themselves: no cluster, no files, no clock.
 */
#include "../check.h"
#include "joins.c"

static void trade_at(wsl_harness *h, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);

    trade_set_symbol(w, wsl_str_of("ACME"));
    trade_set_price(w, 9);
    trade_set_ts(w, ts);
    (void)wsl_harness_push_to_at(h, 0, w, ts);
}

static void price_at(wsl_harness *h, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &tick_schema);

    tick_set_symbol(w, wsl_str_of("ACME"));
    tick_set_price(w, 10);
    tick_set_ts(w, ts);
    (void)wsl_harness_push_to_at(h, 1, w, ts);
}

static void prices_from_2_s_before_to_1_s_after(void)
{
    wsl_harness *h =
        harness_of(&(wsl_harness_options){.function = &pair_up,
                                          .kind = "interval_join",
                                          .options = WSL_HARNESS_OPTIONS("lower", "-2000", "upper", "1000"),
                                          .keys = WSL_HARNESS_KEYS("symbol")});
    static const int64_t prices[] = {7999, 8000, 11000, 11001};

    trade_at(h, 10000);
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(prices); i++) {
        price_at(h, prices[i]);
    }
    came_out(h, "bounds are part of it, and a pair has the later time",
             "{symbol=ACME, trade_ts=1970-01-01 00:00:10, price_ts=1970-01-01 00:00:08, paid=9, price=10}@10000, "
             "{symbol=ACME, trade_ts=1970-01-01 00:00:10, price_ts=1970-01-01 00:00:11, paid=9, price=10}@11000");
    wsl_harness_free(h);
}

static void all_pairs_of_a_window(void)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(5000)};
    wsl_harness *h = harness_of(&(wsl_harness_options){
        .function = &pair_up, .kind = "window_join", .windows = &windows, .keys = WSL_HARNESS_KEYS("symbol")});

    trade_at(h, 1000);
    trade_at(h, 3000);
    price_at(h, 2000);
    price_at(h, 5000);
    (void)wsl_harness_watermark(h, 4999);
    came_out(h, "each trade with each price of the same 5 s",
             "{symbol=ACME, trade_ts=1970-01-01 00:00:01, price_ts=1970-01-01 00:00:02, paid=9, price=10}@4999, "
             "{symbol=ACME, trade_ts=1970-01-01 00:00:03, price_ts=1970-01-01 00:00:02, paid=9, price=10}@4999, "
             "watermark 4999");
    wsl_harness_free(h);
}

static void groups_may_be_one_sided(void)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(5000)};
    wsl_harness *h = harness_of(
        &(wsl_harness_options){.function = &count_both, .windows = &windows, .keys = WSL_HARNESS_KEYS("symbol")});

    trade_at(h, 1000);
    trade_at(h, 3000);
    price_at(h, 2000);
    price_at(h, 5000);
    (void)wsl_harness_end(h);
    came_out(
        h, "a group for each window",
        "{symbol=ACME, window_start=1970-01-01 00:00:00, window_end=1970-01-01 00:00:05, trades=2, prices=1}@4999, "
        "{symbol=ACME, window_start=1970-01-01 00:00:05, window_end=1970-01-01 00:00:10, trades=0, prices=1}@9999, "
        "watermark MAX, end");
    wsl_harness_free(h);
}

int main(void)
{
    prices_from_2_s_before_to_1_s_after();
    all_pairs_of_a_window();
    groups_may_be_one_sided();
    return 0;
}
