/* split, where, select, aggregate and watermarks, as a graph without user code uses them. */
#include "harness/wsl_test.h"

#include <wiesel/harness.h>

WSL_ROW(line, (string, text));
WSL_ROW(word, (string, word));
WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));
WSL_ROW(delta, (string, symbol), (int64, delta));
WSL_ROW(event, (int64, id), (timestamp, ts));

static wsl_harness *h;

static void begin(const wsl_harness_options *options)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(options, &h, &err), WSL_OK, "%s", err.text);
}

static void cannot_begin(const wsl_harness_options *options, const char *needle)
{
    wsl_error err = {0};
    cr_assert_neq(wsl_harness_new(options, &h, &err), WSL_OK);
    cr_assert(has_text(err.text, needle), "'%s' lacks '%s'", err.text, needle);
}

/* ---- split ---- */

static void push_line(const char *text, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &line_schema);
    if (text != NULL) {
        line_set_text(w, wsl_str_of(text));
    }
    cr_assert_eq(wsl_harness_push_at(h, w, timestamp), WSL_OK);
}

Test(builtin, split_gives_a_row_per_word)
{
    begin(&(wsl_harness_options){
        .kind = "split", .options = WSL_HARNESS_OPTIONS("field", "text"), .in = &line_schema, .out = &word_schema});
    push_line("big data  big\tdata streaming", 5);
    push_line("", 6);
    push_line(NULL, 7);
    push_line("  padded\r", 8);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{word=big}@5, {word=data}@5, {word=big}@5, {word=data}@5, {word=streaming}@5, "
                     "{word=padded}@8");
    wsl_harness_free(h);
}

Test(builtin, split_takes_separator_lower_and_empty_parts)
{
    begin(&(wsl_harness_options){
        .kind = "split",
        .options = WSL_HARNESS_OPTIONS("field", "text", "separator", "--", "lower", "true", "skip-empty", "false"),
        .in = &line_schema,
        .out = &word_schema});
    push_line("A--bC-D----", 1);
    cr_assert_str_eq(wsl_harness_text(h), "{word=a}@1, {word=bc-d}@1, {word=}@1, {word=}@1");
    wsl_harness_free(h);
}

Test(builtin, split_makes_many_words_of_a_long_line)
{
    enum { WORDS = 10000 };
    static char text[WORDS * 2 + 1];
    begin(&(wsl_harness_options){
        .kind = "split", .options = WSL_HARNESS_OPTIONS("field", "text"), .in = &line_schema, .out = &word_schema});
    for (int i = 0; i < WORDS; i++) {
        text[2 * i] = (char)('a' + i % 26);
        text[2 * i + 1] = ' ';
    }
    push_line(text, 1);
    cr_assert_eq(wsl_harness_count(h), WORDS);
    cr_assert_eq(word_word(wsl_harness_out(h, 27)).data[0], 'b');
    wsl_harness_free(h);
}

Test(builtin, split_refuses_fields_that_are_no_text)
{
    cannot_begin(
        &(wsl_harness_options){
            .kind = "split", .options = WSL_HARNESS_OPTIONS("field", "id"), .in = &event_schema, .out = &word_schema},
        "split needs a STRING field; 'id' is of another type");
    cannot_begin(
        &(wsl_harness_options){
            .kind = "split", .options = WSL_HARNESS_OPTIONS("field", "nix"), .in = &line_schema, .out = &word_schema},
        "'nix' is no field");
}

/* ---- where, select, aggregate ---- */

static wsl_status push_trade(const char *symbol, const char *side, int64_t quantity, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);
    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_side(w, wsl_str_of(side));
    if (quantity >= 0) {
        trade_set_quantity(w, quantity);
    }
    trade_set_price(w, 1.5);
    trade_set_ts(w, timestamp);
    return wsl_harness_push_at(h, w, timestamp);
}

Test(builtin, where_keeps_rows_for_which_the_predicate_is_true)
{
    begin(&(wsl_harness_options){
        .kind = "where", .options = WSL_HARNESS_OPTIONS("expr", "quantity > 2 AND side = 'buy'"), .in = &trade_schema});
    (void)push_trade("a", "buy", 1, 1);
    (void)push_trade("b", "buy", 3, 2);
    (void)push_trade("c", "sell", 3, 3);
    (void)push_trade("d", "buy", -1, 4); /* NULL: neither true nor false */
    cr_assert_eq(wsl_harness_count(h), 1);
    cr_assert_eq(trade_symbol(wsl_harness_out(h, 0)).data[0], 'b');
    cr_assert_eq(wsl_harness_out(h, 0)->timestamp, 2);
    wsl_harness_free(h);
}

Test(builtin, where_names_the_row_on_which_it_fails)
{
    begin(&(wsl_harness_options){
        .kind = "where", .options = WSL_HARNESS_OPTIONS("expr", "10 / quantity > 2"), .in = &trade_schema});
    cr_assert_eq(push_trade("a", "buy", 1, 1), WSL_OK);
    cr_assert_neq(push_trade("z", "buy", 0, 1), WSL_OK);
    cr_assert(has_text(wsl_harness_error(h)->text, "operator 'where' (subtask 1 of 1): "));
    cr_assert(has_text(wsl_harness_error(h)->text, "row: {symbol=z,"), "%s", wsl_harness_error(h)->text);
    wsl_harness_free(h);
}

Test(builtin, select_makes_new_rows)
{
    begin(&(wsl_harness_options){
        .kind = "select",
        .options =
            WSL_HARNESS_OPTIONS("expr", "symbol, CASE WHEN side = 'buy' THEN quantity ELSE -quantity END AS delta"),
        .in = &trade_schema});
    (void)push_trade("ACME", "buy", 5, 1);
    (void)push_trade("ACME", "sell", 7, 2);
    cr_assert_str_eq(wsl_harness_text(h), "{symbol=ACME, delta=5}@1, {symbol=ACME, delta=-7}@2");
    wsl_harness_free(h);
}

Test(builtin, select_refuses_expressions_that_do_not_fit)
{
    cannot_begin(
        &(wsl_harness_options){.kind = "select", .options = WSL_HARNESS_OPTIONS("expr", "symbl"), .in = &trade_schema},
        "symbl");
}

Test(builtin, aggregate_emits_the_new_values_of_the_key_for_every_row)
{
    begin(&(wsl_harness_options){.kind = "aggregate",
                                 .options = WSL_HARNESS_OPTIONS("expr", "symbol, SUM(quantity) AS net, COUNT(*) AS n"),
                                 .keys = WSL_HARNESS_KEYS("symbol"),
                                 .in = &trade_schema});
    (void)push_trade("A", "buy", 5, 1);
    (void)push_trade("B", "buy", 2, 2);
    (void)push_trade("A", "buy", 7, 3);
    (void)push_trade("A", "buy", -1, 4);
    cr_assert_str_eq(wsl_harness_text(h),
                     "{symbol=A, net=5, n=1}@1, {symbol=B, net=2, n=1}@2, {symbol=A, net=12, n=2}@3, "
                     "{symbol=A, net=12, n=3}@4");
    wsl_harness_free(h);
}

/* ---- watermarks ---- */

static void push_event(int64_t id, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &event_schema);
    event_set_id(w, id);
    if (ts >= 0) {
        event_set_ts(w, ts);
    }
    cr_assert_eq(wsl_harness_push(h, w), WSL_OK);
}

Test(builtin, watermarks_follow_example_1_per_record)
{
    begin(
        &(wsl_harness_options){.kind = "watermarks",
                               .options = WSL_HARNESS_OPTIONS("timestamp", "ts", "bound", "15 s", "emit", "per-record"),
                               .in = &event_schema});
    push_event(1, 100000);
    push_event(2, 92000);
    push_event(3, 103000);
    cr_assert_eq(wsl_harness_out(h, 0)->timestamp, 100000);
    cr_assert_eq(wsl_harness_out(h, 1)->timestamp, 92000);
    const char *text = wsl_harness_text(h);
    cr_assert(has_text(text, "@100000, watermark 84999, {id=2"), "%s", text);
    cr_assert(has_text(text, "@92000, {id=3"), "%s", text);
    cr_assert(has_text(text, "@103000, watermark 87999"), "%s", text);
    wsl_harness_free(h);
}

Test(builtin, watermarks_come_by_the_clock_when_periodic)
{
    begin(&(wsl_harness_options){.kind = "watermarks",
                                 .options = WSL_HARNESS_OPTIONS("timestamp", "ts"),
                                 .job_options = WSL_HARNESS_OPTIONS("pipeline.auto-watermark-interval", "100 ms"),
                                 .in = &event_schema});
    push_event(1, 1000);
    cr_assert_eq(wsl_harness_advance(h, 99), WSL_OK);
    cr_assert_eq(wsl_harness_out_watermark(h), WSL_TIME_MIN);
    cr_assert_eq(wsl_harness_advance(h, 1), WSL_OK);
    cr_assert_eq(wsl_harness_out_watermark(h), 999);
    push_event(2, 500);
    push_event(3, 2000);
    cr_assert_eq(wsl_harness_advance(h, 100), WSL_OK);
    cr_assert_eq(wsl_harness_out_watermark(h), 1999);
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_advance(h, 1000), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "", "only when larger");
    wsl_harness_free(h);
}

Test(builtin, watermarks_take_an_expression_and_leave_rows_without_time_alone)
{
    begin(&(wsl_harness_options){
        .kind = "watermarks",
        .options = WSL_HARNESS_OPTIONS("timestamp", "id * 1000", "strategy", "monotonous", "emit", "per-record"),
        .in = &event_schema});
    push_event(7, -1);
    cr_assert_eq(wsl_harness_out(h, 0)->timestamp, 7000);
    cr_assert_eq(wsl_harness_out_watermark(h), 6999);
    wsl_harness_free(h);
    begin(&(wsl_harness_options){.kind = "watermarks",
                                 .options = WSL_HARNESS_OPTIONS("timestamp", "ts", "emit", "per-record"),
                                 .in = &event_schema});
    push_event(1, -1);
    cr_assert_not(wsl_row_has_timestamp(wsl_harness_out(h, 0)));
    cr_assert_eq(wsl_harness_out_watermark(h), WSL_TIME_MIN);
    wsl_harness_free(h);
}

Test(builtin, watermarks_from_upstream_are_dropped_but_the_last_one)
{
    begin(&(wsl_harness_options){.kind = "watermarks",
                                 .options = WSL_HARNESS_OPTIONS("timestamp", "ts", "emit", "per-record"),
                                 .in = &event_schema});
    cr_assert_eq(wsl_harness_watermark(h, 5), WSL_OK);
    cr_assert_eq(wsl_harness_idle(h, true), WSL_OK);
    cr_assert_eq(wsl_harness_idle(h, false), WSL_OK);
    cr_assert_eq(wsl_harness_end(h), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "watermark MAX, end");
    wsl_harness_free(h);
}

Test(builtin, watermarks_of_strategy_none_only_stamp)
{
    begin(&(wsl_harness_options){.kind = "watermarks",
                                 .options = WSL_HARNESS_OPTIONS("timestamp", "ts", "strategy", "none"),
                                 .in = &event_schema});
    push_event(1, 1000);
    cr_assert_eq(wsl_harness_out(h, 0)->timestamp, 1000);
    cr_assert_eq(wsl_harness_watermark(h, 5), WSL_OK);
    cr_assert_eq(wsl_harness_advance(h, 10000), WSL_OK);
    cr_assert_eq(wsl_harness_out_watermark(h), 5);
    wsl_harness_free(h);
}

Test(builtin, watermarks_go_idle_and_wake_up)
{
    begin(&(wsl_harness_options){.kind = "watermarks",
                                 .options =
                                     WSL_HARNESS_OPTIONS("timestamp", "ts", "idleness", "1 s", "emit", "per-record"),
                                 .in = &event_schema});
    push_event(1, 1000);
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_advance(h, 1400), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "");
    cr_assert_eq(wsl_harness_advance(h, 600), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "idle");
    push_event(2, 2000);
    const char *text = wsl_harness_text(h);
    cr_assert(has_text(text, "idle, active, {id=2"), "%s", text);
    wsl_harness_free(h);
}

Test(builtin, watermarks_refuse_a_timestamp_that_is_no_time)
{
    cannot_begin(&(wsl_harness_options){.kind = "watermarks",
                                        .options = WSL_HARNESS_OPTIONS("timestamp", "text"),
                                        .in = &line_schema},
                 "must be TIMESTAMP or INT64");
    cannot_begin(&(wsl_harness_options){.kind = "watermarks",
                                        .options = WSL_HARNESS_OPTIONS("timestamp", "id, ts"),
                                        .in = &event_schema},
                 "single expression");
}
