/* The harness as a job author uses it: public headers only (and Criterion). */
#include "harness/wsl_test.h"

#include <stdlib.h>

#include <wiesel/harness.h>

#include "base/clock.h"

WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity));
WSL_ROW(position, (string, symbol), (int64, net_qty));
WSL_VALUE_STATE(net_qty, "net-qty", (int64, qty));

static wsl_status net_position(wsl_keyed_ctx *k, const wsl_row *in)
{
    if (trade_quantity(in) < 0) {
        wsl_count(k, "bad-quantities", 1);
        return wsl_emit_side(k, "rejected", in);
    }
    int64_t net = 0;
    (void)wsl_value_get_int64(k, &net_qty, &net);
    net += wsl_str_equal(trade_side(in), wsl_str_of("buy")) ? trade_quantity(in) : -trade_quantity(in);
    WSL_TRY(wsl_value_set_int64(k, &net_qty, net));
    wsl_row_writer w = wsl_begin(k, &position_schema, trade_symbol(in).size);
    position_set_symbol(&w, trade_symbol(in));
    position_set_net_qty(&w, net);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(positions, .in = &trade_schema, .out = &position_schema, .states = WSL_STATES(&net_qty),
                  .sides = WSL_SIDES({"rejected", &trade_schema}), .keyed_process = net_position);

static wsl_harness *make(void)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {.function = &positions, .keys = WSL_HARNESS_KEYS("symbol")};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static wsl_status push(wsl_harness *h, const char *symbol, const char *side, int64_t quantity, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);
    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_side(w, wsl_str_of(side));
    trade_set_quantity(w, quantity);
    return wsl_harness_push_at(h, w, timestamp);
}

Test(harness, shows_rows_side_outputs_and_watermarks_in_order)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)push(h, "ACME", "buy", 5, 1000);
    (void)push(h, "ACME", "buy", -1, 1500);
    cr_assert_eq(wsl_harness_watermark(h, 2000), WSL_OK);
    (void)push(h, "ACME", "sell", 2, 2500);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{symbol=ACME, net_qty=5}@1000, rejected: {symbol=ACME, side=buy, quantity=-1}@1500, "
                     "watermark 2000, {symbol=ACME, net_qty=3}@2500");
    cr_assert_eq(wsl_harness_count(h), 2);
    cr_assert_eq(position_net_qty(wsl_harness_out(h, 1)), 3);
    cr_assert_null(wsl_harness_out(h, 2));
    cr_assert_eq(wsl_harness_side_count(h, "rejected"), 1);
    cr_assert_eq(trade_quantity(wsl_harness_side(h, "rejected", 0)), -1);
    cr_assert_null(wsl_harness_side(h, "rejected", 1));
    cr_assert_null(wsl_harness_side(h, "no such", 0));
    cr_assert_eq(wsl_harness_out_watermark(h), 2000);
    cr_assert_eq(wsl_harness_metric(h, "bad-quantities"), 1);
    cr_assert_eq(wsl_harness_metric(h, "never"), 0);
    wsl_harness_clear(h);
    cr_assert_str_eq(wsl_harness_text(h), "");
    (void)push(h, "ACME", "buy", 1, 3000);
    cr_assert_str_eq(wsl_harness_text(h), "{symbol=ACME, net_qty=4}@3000", "clear forgets outputs, not state");
}

Test(harness, takes_rows_and_writers)
{
    WSL_AUTO(wsl_harness) h = make();
    uint64_t memory[32];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, trade_n_fields);
    trade_set_symbol(&w, wsl_str_of("X"));
    trade_set_side(&w, wsl_str_of("buy"));
    trade_set_quantity(&w, 1);
    const wsl_row *row = w.row;
    cr_assert_eq(wsl_harness_push(h, row), WSL_OK);
    cr_assert_eq(wsl_harness_push(h, &w), WSL_OK);
    cr_assert_eq(wsl_harness_push_at(h, w.row, 7), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{symbol=X, net_qty=1}, {symbol=X, net_qty=2}, {symbol=X, net_qty=3}@7");
    cr_assert_not(wsl_row_has_timestamp(row), "the row itself is not changed");
}

Test(harness, refuses_what_cannot_be_pushed)
{
    WSL_AUTO(wsl_harness) h = make();
    uint64_t memory[32];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, position_n_fields);
    cr_assert_neq(wsl_harness_push(h, &w), WSL_OK, "a row of another schema");
    cr_assert_neq(wsl_harness_error(h)->text[0], '\0');

    WSL_AUTO(wsl_harness) ended = make();
    cr_assert_eq(wsl_harness_end(ended), WSL_OK);
    cr_assert_eq(push(ended, "A", "buy", 1, 1), WSL_STATE);
    cr_assert(has_text(wsl_harness_error(ended)->text, "has ended"));

    WSL_AUTO(wsl_harness) big = make();
    char *text = calloc(1, 100000);
    wsl_row_writer *bw = wsl_harness_row(big, &trade_schema);
    trade_set_symbol(bw, (wsl_str){text, 100000});
    cr_assert_eq(wsl_harness_push(big, bw), WSL_TOO_LARGE);
    free(text);
}

Test(harness, refuses_options_that_make_no_sense)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.in = &trade_schema}, &h, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "needs a function"));
    cr_assert_neq(wsl_harness_new(&(wsl_harness_options){.kind = "wher", .in = &trade_schema}, &h, &err), WSL_OK);
    cr_assert(has_text(err.text, "'wher'"), "%s", err.text);
    cr_assert_neq(wsl_harness_new(&(wsl_harness_options){.kind = "where"}, &h, &err), WSL_OK);
    cr_assert(has_text(err.text, ".in"), "%s", err.text);
    cr_assert_neq(
        wsl_harness_new(&(wsl_harness_options){.function = &positions, .keys = WSL_HARNESS_KEYS("symbl")}, &h, &err),
        WSL_OK);
    cr_assert(has_text(err.text, "symbl"), "%s", err.text);
    cr_assert_neq(
        wsl_harness_new(
            &(wsl_harness_options){.kind = "where", .in = &trade_schema, .options = WSL_HARNESS_OPTIONS("exp", "true")},
            &h, &err),
        WSL_OK);
    cr_assert(has_text(err.text, "exp"), "%s", err.text);
    wsl_function old = positions;
    old.abi = 0;
    cr_assert_neq(
        wsl_harness_new(&(wsl_harness_options){.function = &old, .keys = WSL_HARNESS_KEYS("symbol")}, &h, &err),
        WSL_OK);
    cr_assert(has_text(err.text, "ABI"), "%s", err.text);
    cr_assert_null(h);
}

/* What open, config, close and finish see. */
typedef struct seen {
    int opened, closed;
    char text[16];
    uint32_t subtask, parallelism;
} seen;
static seen last;

static wsl_status life_open(wsl_ctx *ctx, wsl_error *err)
{
    (void)err;
    last.opened++;
    last.subtask = ctx->subtask;
    last.parallelism = ctx->parallelism;
    memcpy(last.text, ctx->config, ctx->config_size);
    return ((seen *)ctx->local)->opened == 0 ? WSL_OK : WSL_INTERNAL; /* local memory is zeroed */
}
static void life_close(wsl_ctx *ctx)
{
    (void)ctx;
    last.closed++;
}
static wsl_status life_process(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(life, .in = &position_schema, .local_size = sizeof(seen), .open = life_open, .close = life_close,
            .process = life_process);

Test(harness, gives_functions_their_configuration_and_closes_them)
{
    memset(&last, 0, sizeof last);
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = &life, .config = "hello", .config_size = 6, .subtask = 2, .parallelism = 3};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(last.opened, 1);
    cr_assert_str_eq(last.text, "hello");
    cr_assert(last.subtask == 2 && last.parallelism == 3);
    wsl_harness_free(h);
    cr_assert_eq(last.closed, 1);
}

static wsl_status never_done(wsl_ctx *ctx, const wsl_row *in)
{
    (void)ctx, (void)in;
    return WSL_AGAIN;
}
WSL_PROCESS(endless, .in = &position_schema, .process = never_done);

Test(harness, does_not_hang_on_a_function_that_never_comes_to_an_end)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &endless}, &h, &err), WSL_OK);
    wsl_row_writer *w = wsl_harness_row(h, &position_schema);
    cr_assert_eq(wsl_harness_push(h, w), WSL_STATE);
    cr_assert(has_text(wsl_harness_error(h)->text, "WSL_AGAIN"));
    wsl_harness_free(h);
}

/* Of some cases the fastest counts: what else runs on the machine makes none of them faster. */
Test(harness, needs_less_than_a_millisecond_per_case)
{
    enum { CASES = 200 };
    int64_t fastest_ns = INT64_MAX;
    for (int i = 0; i < CASES; i++) {
        const int64_t begin = wsl_now_ns(wsl_clock_real());
        wsl_harness *h = make();
        for (int n = 0; n < 10; n++) {
            (void)push(h, "ACME", "buy", 1, n);
        }
        cr_assert_eq(wsl_harness_end(h), WSL_OK);
        cr_assert_eq(wsl_harness_count(h), 10);
        wsl_harness_free(h);
        const int64_t took_ns = wsl_now_ns(wsl_clock_real()) - begin;
        fastest_ns = took_ns < fastest_ns ? took_ns : fastest_ns;
    }
    cr_log_info("%.3f ms per case", (double)fastest_ns / 1e6);
#if !defined(__SANITIZE_ADDRESS__) && !defined(WSL_TSAN)
    cr_assert_lt(fastest_ns, WSL_NS_PER_MS, "%.3f ms", (double)fastest_ns / 1e6);
#endif
}

/* ---- timestamps of one's own ---- */

WSL_ROW(moment, (int64, n));

static wsl_status emit_moments(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_status status = wsl_timer_event(k, moment_n(in));
    status = status == WSL_OK ? wsl_emit_at(k, in, 5) : status; /* a copy: the row in hand keeps its own */
    return status == WSL_OK ? wsl_emit(k, in) : status;
}
static wsl_status emit_moment_of_timer(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)event_time;
    wsl_row_writer w = wsl_begin(k, &moment_schema, 0);
    moment_set_n(&w, timestamp_ms);
    const wsl_status status = wsl_emit_at(k, &w, timestamp_ms - 1000);
    if (status != WSL_OK) {
        return status;
    }
    w = wsl_begin(k, &moment_schema, 0);
    moment_set_n(&w, -timestamp_ms);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(moments, .in = &moment_schema, .out = &moment_schema, .keyed_process = emit_moments,
                  .on_timer = emit_moment_of_timer);

Test(harness, a_row_may_get_another_timestamp_than_the_one_in_hand)
{
    WSL_AUTO(wsl_harness) h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &moments, .keys = WSL_HARNESS_KEYS("n")}, &h, &err),
                 WSL_OK, "%s", err.text);
    wsl_row_writer *w = wsl_harness_row(h, &moment_schema);
    moment_set_n(w, 2000);
    cr_assert_eq(wsl_harness_push_at(h, w, 100), WSL_OK);
    cr_assert_eq(wsl_harness_watermark(h, 2000), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{n=2000}@5, {n=2000}@100, {n=2000}@1000, {n=-2000}@2000, watermark 2000");
}

static wsl_status emit_at_once(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    (void)acc;
    return wsl_emit_at(ctx, in, 1);
}
WSL_REDUCE(timed_reduce, .in = &moment_schema, .reduce = emit_at_once);

Test(harness, a_reduce_function_has_no_say_in_timestamps)
{
    WSL_AUTO(wsl_harness) h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &timed_reduce, .keys = WSL_HARNESS_KEYS("n")}, &h, &err),
                 WSL_OK, "%s", err.text);
    for (int i = 0; i < 2; i++) {
        wsl_row_writer *w = wsl_harness_row(h, &moment_schema);
        moment_set_n(w, 1);
        cr_assert_eq(wsl_harness_push_at(h, w, 100), i == 0 ? WSL_OK : WSL_USER);
    }
    cr_assert(strstr(wsl_harness_error(h)->text, "wsl_emit, not wsl_emit_at") != NULL, "%s", wsl_harness_error(h)->text);
}
