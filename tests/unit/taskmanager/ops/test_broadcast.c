/* Broadcast functions, as a job author tests them. */
#include "harness/wsl_test.h"

#include <stdio.h>

#include <wiesel/connect.h>
#include <wiesel/harness.h>

#include "base/rng.h"
#include "taskmanager/state/broadcast_state.h"

WSL_ROW(trade, (string, symbol), (int64, quantity));
WSL_ROW(price, (string, name), (double, price));
WSL_ROW(name_key, (string, name));
WSL_ROW(price_value, (double, price));
WSL_ROW(worth, (string, symbol), (double, value));
WSL_MAP_STATE(prices, "prices", &name_key_schema, &price_value_schema);
WSL_MAP_STATE(stranger, "stranger", &name_key_schema, &price_value_schema);
WSL_VALUE_STATE(held, "held", (int64, quantity));
WSL_LIST_STATE(unused_list, "unused", &trade_schema);

static const wsl_row *key_row(wsl_row_writer *w, uint64_t memory[32], wsl_str name)
{
    (void)wsl_row_writer_init(w, memory, 256, name_key_n_fields);
    name_key_set_name(w, name);
    return w->row;
}

static wsl_status keep_price(wsl_broadcast_ctx *b, const wsl_row *in)
{
    uint64_t key_memory[32], value_memory[8];
    wsl_row_writer key, value;
    if (price_price(in) < 0) {
        wsl_broadcast_remove(b, &prices, key_row(&key, key_memory, price_name(in)));
        return WSL_OK;
    }
    (void)wsl_row_writer_init(&value, value_memory, sizeof value_memory, price_value_n_fields);
    price_value_set_price(&value, price_price(in));
    return wsl_broadcast_put(b, &prices, key_row(&key, key_memory, price_name(in)), value.row);
}

static double price_of(wsl_ctx *ctx, const struct wsl_broadcast_ops *ops, wsl_str symbol, double otherwise)
{
    uint64_t memory[32];
    wsl_row_writer key;
    const wsl_row *value = ops->get(ctx, &prices, key_row(&key, memory, symbol));
    return value != NULL ? price_value_price(value) : otherwise;
}

/* ---- without a key: worth of each trade at the price seen last, 9 before that ---- */

static wsl_status value_trade(wsl_broadcast_view *b, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(b, &worth_schema, trade_symbol(in).size);
    worth_set_symbol(&w, trade_symbol(in));
    worth_set_value(&w, (double)trade_quantity(in) * price_of(&b->ctx, b->broadcast_ops, trade_symbol(in), 9));
    return wsl_emit(b, &w);
}
WSL_BROADCAST_PROCESS(value, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices), .element = value_trade, .broadcast = keep_price);

static wsl_harness *make(const wsl_function *fn)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = fn, .keys = fn->kind == WSL_FN_KEYED_BROADCAST_PROCESS ? WSL_HARNESS_KEYS("symbol") : NULL};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static wsl_status trade_at(wsl_harness *h, const char *symbol, int64_t quantity, int64_t at)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);
    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_quantity(w, quantity);
    return wsl_harness_push_to_at(h, 0, w, at);
}

static wsl_status price_at(wsl_harness *h, const char *name, double price, int64_t at)
{
    wsl_row_writer *w = wsl_harness_row(h, &price_schema);
    price_set_name(w, wsl_str_of(name));
    price_set_price(w, price);
    return wsl_harness_push_to_at(h, 1, w, at);
}

Test(broadcast, ex35_a_trade_is_worth_the_price_broadcast_last)
{
    WSL_AUTO(wsl_harness) h = make(&value);
    (void)trade_at(h, "ACME", 5, 1);
    (void)price_at(h, "ACME", 10, 2);
    (void)trade_at(h, "ACME", 5, 3);
    cr_assert_str_eq(wsl_harness_text(h), "{symbol=ACME, value=45}@1, {symbol=ACME, value=50}@3");
    wsl_harness_clear(h);
    (void)price_at(h, "ACME", -1, 4);
    (void)trade_at(h, "ACME", 5, 5);
    cr_assert_str_eq(wsl_harness_text(h), "{symbol=ACME, value=45}@5", "a removed price is gone");
}

static wsl_status ask_the_clock(wsl_broadcast_view *b, const wsl_row *in)
{
    (void)in;
    const wsl_row *row = wsl_broadcast_get(b, &stranger, in);
    (void)row;
    return WSL_OK;
}
WSL_BROADCAST_PROCESS(asks_a_stranger, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices), .element = ask_the_clock, .broadcast = keep_price);

Test(broadcast, a_state_that_was_not_declared_fails_the_job)
{
    WSL_AUTO(wsl_harness) h = make(&asks_a_stranger);
    cr_assert_eq(trade_at(h, "ACME", 5, 1), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text,
                       "uses the broadcast state 'stranger', which is not in its .broadcast_states; row: {symbol=ACME"),
              "%s", wsl_harness_error(h)->text);
}

static wsl_status write_from_here(wsl_broadcast_view *b, const wsl_row *in)
{
    return wsl_broadcast_put((wsl_broadcast_ctx *)(void *)b, &prices, in, in);
}
WSL_BROADCAST_PROCESS(cheats, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices), .element = write_from_here, .broadcast = keep_price);

Test(broadcast, the_side_of_the_rows_cannot_write_even_if_it_casts)
{
    WSL_AUTO(wsl_harness) h = make(&cheats);
    cr_assert_eq(trade_at(h, "ACME", 5, 1), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text, "writes the broadcast state 'prices' from the side that may only "
                                                   "read it"));
}

static wsl_status put_wrong_type(wsl_broadcast_ctx *b, const wsl_row *in)
{
    uint64_t memory[8];
    wsl_row_writer no_name;
    (void)wsl_row_writer_init(&no_name, memory, sizeof memory, price_value_n_fields);
    price_value_set_price(&no_name, price_price(in));
    (void)wsl_broadcast_put(b, &prices, no_name.row, no_name.row); /* the status is lost, the failure is not */
    return WSL_OK;
}
WSL_BROADCAST_PROCESS(puts_wrong_type, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices), .element = value_trade, .broadcast = put_wrong_type);

Test(broadcast, a_row_of_another_type_is_not_kept)
{
    WSL_AUTO(wsl_harness) h = make(&puts_wrong_type);
    cr_assert_eq(price_at(h, "ACME", 5, 1), WSL_TYPE);
    cr_assert(has_text(wsl_harness_error(h)->text, "a key of the broadcast state 'prices' is not of its type"), "%s",
              wsl_harness_error(h)->text);
}

/* ---- with a key: what is held per symbol is revalued when its price comes ---- */

typedef struct revaluation {
    double total;
    int64_t keys;
} revaluation;

static wsl_status revalue(wsl_keyed_ctx *k, void *arg)
{
    revaluation *r = arg;
    wsl_keyed_broadcast_view *b = wsl_broadcast_view_of(k);
    int64_t quantity = 0;
    (void)wsl_value_get_int64(k, &held, &quantity);
    const wsl_str symbol = wsl_row_str(k->key, 0);
    const double v = (double)quantity * price_of(&k->ctx, b->broadcast_ops, symbol, 0);
    r->total += v;
    r->keys++;
    wsl_row_writer w = wsl_begin(k, &worth_schema, symbol.size);
    worth_set_symbol(&w, symbol);
    worth_set_value(&w, v);
    return wsl_emit(k, &w);
}

static wsl_status revalue_all(wsl_broadcast_ctx *b, const wsl_row *in)
{
    revaluation r = {0};
    WSL_TRY(keep_price(b, in));
    WSL_TRY(wsl_apply_to_keyed_state(b, &held, revalue, &r));
    wsl_row_writer w = wsl_begin(b, &worth_schema, 8);
    worth_set_symbol(&w, wsl_str_of("total"));
    worth_set_value(&w, r.total);
    return wsl_emit(b, &w);
}

static wsl_status hold(wsl_keyed_broadcast_view *b, const wsl_row *in)
{
    int64_t quantity = 0;
    (void)wsl_value_get_int64(&b->k, &held, &quantity);
    quantity += trade_quantity(in);
    if (quantity == 0) {
        wsl_state_clear(&b->k, &held);
        return WSL_OK;
    }
    WSL_TRY(wsl_value_set_int64(&b->k, &held, quantity));
    return wsl_timer_event(&b->k, wsl_timestamp(b) + 100);
}

static wsl_status on_timer(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)timestamp_ms, (void)event_time;
    return revalue(k, &(revaluation){0});
}
WSL_KEYED_BROADCAST_PROCESS(holdings, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .states = WSL_STATES(&held), .broadcast_states = WSL_STATES(&prices), .keyed_element = hold,
                            .broadcast = revalue_all, .on_timer = on_timer);

Test(broadcast, the_broadcast_side_applies_a_function_to_the_state_of_all_keys)
{
    WSL_AUTO(wsl_harness) h = make(&holdings);
    (void)trade_at(h, "ACME", 5, 1);
    (void)trade_at(h, "IBM", 2, 2);
    (void)trade_at(h, "GONE", 2, 2);
    (void)trade_at(h, "GONE", -2, 2);
    (void)price_at(h, "ACME", 10, 3);
    cr_assert_eq(wsl_harness_count(h), 3, "%s", wsl_harness_text(h));
    cr_assert_eq(worth_value(wsl_harness_out(h, 2)), 50);
    wsl_harness_clear(h);
    (void)price_at(h, "IBM", 100, 4);
    cr_assert_eq(wsl_harness_count(h), 3);
    cr_assert_eq(worth_value(wsl_harness_out(h, 2)), 250);
    cr_assert_eq(wsl_harness_out(h, 2)->timestamp, 4);
    wsl_harness_clear(h);
    (void)wsl_harness_watermark(h, 200);
    cr_assert_eq(wsl_harness_count(h), 3, "timers read broadcast state: %s", wsl_harness_text(h));
    wsl_harness_clear(h);
    (void)trade_at(h, "ACME", 1, 300);
    (void)price_at(h, "IBM", 1, 301);
    cr_assert_eq(worth_value(wsl_harness_out(h, 2)), 62, "state of the key in hand is found again after a walk");
}

static wsl_status set_timer(wsl_keyed_ctx *k, void *arg)
{
    (void)arg;
    return wsl_timer_event(k, 5);
}
static wsl_status set_timers(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    return wsl_apply_to_keyed_state(b, &held, set_timer, NULL);
}
WSL_KEYED_BROADCAST_PROCESS(sets_timers, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .states = WSL_STATES(&held), .broadcast_states = WSL_STATES(&prices), .keyed_element = hold,
                            .broadcast = set_timers, .on_timer = on_timer);

Test(broadcast, there_are_no_timers_on_the_broadcast_side)
{
    WSL_AUTO(wsl_harness) h = make(&sets_timers);
    cr_assert_eq(price_at(h, "ACME", 10, 3), WSL_OK, "no key, no visit");
    (void)trade_at(h, "ACME", 5, 1);
    cr_assert_eq(price_at(h, "ACME", 10, 3), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text, "sets a timer on the broadcast side, where there are none"), "%s",
              wsl_harness_error(h)->text);
}

static wsl_status clear_one(wsl_keyed_ctx *k, void *arg)
{
    int64_t *left = arg;
    int64_t quantity = 0;
    (void)wsl_value_get_int64(k, &held, &quantity);
    if (quantity % 2 == 1) {
        wsl_state_clear(k, &held);
        return WSL_OK;
    }
    *left += 1;
    return wsl_value_set_int64(k, &held, quantity + 1);
}
static wsl_status clear_odd(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    int64_t left = 0;
    WSL_TRY(wsl_apply_to_keyed_state(b, &held, clear_one, &left));
    wsl_row_writer w = wsl_begin(b, &worth_schema, 8);
    worth_set_symbol(&w, wsl_str_of("left"));
    worth_set_value(&w, (double)left);
    return wsl_emit(b, &w);
}
WSL_KEYED_BROADCAST_PROCESS(clears, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .states = WSL_STATES(&held), .broadcast_states = WSL_STATES(&prices), .keyed_element = hold,
                            .broadcast = clear_odd, .on_timer = on_timer);

Test(broadcast, a_visit_may_change_and_clear_the_state_of_its_key)
{
    WSL_AUTO(wsl_harness) h = make(&clears);
    char symbol[16];
    for (int i = 1; i <= 1000; i++) {
        snprintf(symbol, sizeof symbol, "S%d", i);
        (void)trade_at(h, symbol, i, 1);
    }
    (void)price_at(h, "x", 1, 2);
    cr_assert_eq(worth_value(wsl_harness_out(h, 0)), 500, "the odd ones are gone, the even ones have become odd");
    (void)price_at(h, "x", 1, 3);
    cr_assert_eq(worth_value(wsl_harness_out(h, 1)), 0);
    (void)price_at(h, "x", 1, 3);
    cr_assert_eq(worth_value(wsl_harness_out(h, 2)), 0);
}

static wsl_status apply_nothing(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    return wsl_apply_to_keyed_state(b, &held, set_timer, NULL);
}
WSL_BROADCAST_PROCESS(no_key, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices), .element = value_trade, .broadcast = apply_nothing);

Test(broadcast, without_a_key_there_is_no_keyed_state_to_apply_anything_to)
{
    WSL_AUTO(wsl_harness) h = make(&no_key);
    cr_assert_eq(price_at(h, "ACME", 10, 3), WSL_INVALID);
    cr_assert(has_text(wsl_harness_error(h)->text, "applies something to the keyed state 'held', but its input has no "
                                                   "key"));
}

/* ---- the map itself ---- */

WSL_ROW(double_key, (double, x), (string, name));

static const wsl_row *double_row(uint64_t memory[32], double x, const char *name)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, 256, double_key_n_fields);
    double_key_set_x(&w, x);
    double_key_set_name(&w, wsl_str_of(name));
    return w.row;
}

Test(broadcast_state, equal_keys_are_one_entry_whatever_their_bits)
{
    tm_broadcast_state *s = NULL;
    wsl_error err = {0};
    uint64_t a[32], b[32];
    cr_assert_eq(tm_broadcast_state_new("s", &double_key_schema, &double_key_schema, &s, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(tm_broadcast_state_put(s, double_row(a, 0.0, "zero"), double_row(b, 1, "first"), &err), WSL_OK);
    cr_assert_eq(tm_broadcast_state_put(s, double_row(a, -0.0, "zero"), double_row(b, 2, "second"), &err), WSL_OK);
    cr_assert_eq(tm_broadcast_state_size(s), 1);
    cr_assert_eq(double_key_x(tm_broadcast_state_get(s, double_row(a, 0.0, "zero"))), 2);
    cr_assert_null(tm_broadcast_state_get(s, double_row(a, 0.0, "one")));
    tm_broadcast_state_free(s);
}

Test(broadcast_state, agrees_with_an_array_and_walks_in_the_order_of_first_puts)
{
    tm_broadcast_state *s = NULL;
    wsl_error err = {0};
    uint64_t a[32], b[32];
    enum { N = 200 };
    int64_t model[N] = {0}, since[N] = {0}, turn = 0;
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    cr_assert_eq(tm_broadcast_state_new("s", &double_key_schema, &double_key_schema, &s, &err), WSL_OK);
    for (int i = 0; i < 20000; i++) {
        const uint32_t key = (uint32_t)wsl_rng_below(&rng, N);
        if (wsl_rng_below(&rng, 3) == 0) {
            tm_broadcast_state_remove(s, double_row(a, key, "k"));
            model[key] = since[key] = 0;
        } else {
            cr_assert_eq(tm_broadcast_state_put(s, double_row(a, key, "k"), double_row(b, i, "v"), &err), WSL_OK);
            model[key] = i + 1;
            since[key] = since[key] == 0 ? ++turn : since[key];
        }
        const uint32_t look = (uint32_t)wsl_rng_below(&rng, N);
        const wsl_row *got = tm_broadcast_state_get(s, double_row(a, look, "k"));
        cr_assert_eq(got != NULL, model[look] != 0);
        cr_assert(got == NULL || double_key_x(got) == model[look] - 1);
    }
    const wsl_row *key, *value;
    int64_t last = 0;
    uint32_t n = 0;
    for (uint32_t at = 0; tm_broadcast_state_next(s, &at, &key, &value); n++) {
        const int64_t first = since[(int)double_key_x(key)];
        cr_assert_gt(first, last);
        last = first;
    }
    cr_assert_eq(n, tm_broadcast_state_size(s));
    tm_broadcast_state_free(s);
}

/* ---- very many keys: the walk takes several turns ---- */

enum { MANY = 10000 };

typedef struct tally {
    int64_t visits;
    int64_t in_turn; /* visits of the call that runs */
} tally;

static wsl_status count_visit(wsl_keyed_ctx *k, void *arg)
{
    tally *t = arg;
    int64_t quantity = 0;
    (void)wsl_value_get_int64(k, &held, &quantity);
    t->visits++;
    t->in_turn++;
    return wsl_value_set_int64(k, &held, quantity + 1);
}
static wsl_status visit_twice(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    tally *t = b->ctx.local;
    t->in_turn = 0;
    wsl_count(b, "turns", 1);
    wsl_status status = wsl_apply_to_keyed_state(b, &held, count_visit, t);
    status = status == WSL_OK ? wsl_apply_to_keyed_state(b, &held, count_visit, t) : status;
    if (t->in_turn >= MANY) { /* the end of one walk and the beginning of the next */
        return wsl_error_here(b, "a turn is too long: %lld visits", (long long)t->in_turn);
    }
    if (status != WSL_OK) {
        return status;
    }
    wsl_row_writer w = wsl_begin(b, &worth_schema, 8);
    worth_set_symbol(&w, wsl_str_of("visits"));
    worth_set_value(&w, (double)t->visits);
    t->visits = 0;
    return wsl_emit(b, &w);
}
static wsl_status show(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)timestamp_ms, (void)event_time;
    int64_t quantity = 0;
    (void)wsl_value_get_int64(k, &held, &quantity);
    wsl_row_writer w = wsl_begin(k, &worth_schema, 16);
    worth_set_symbol(&w, wsl_row_str(k->key, 0));
    worth_set_value(&w, (double)quantity);
    return wsl_emit(k, &w);
}
WSL_KEYED_BROADCAST_PROCESS(visits_twice, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .local_size = sizeof(tally), .states = WSL_STATES(&held),
                            .broadcast_states = WSL_STATES(&prices), .keyed_element = hold, .broadcast = visit_twice,
                            .on_timer = show);

static void hold_many(wsl_harness *h)
{
    char symbol[16];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(symbol, sizeof symbol, "S%d", i);
        cr_assert_eq(trade_at(h, symbol, 1, 0), WSL_OK);
    }
}

Test(broadcast, a_walk_over_many_keys_takes_turns_and_visits_each_key_once_per_call)
{
    WSL_AUTO(wsl_harness) h = make(&visits_twice);
    hold_many(h);
    for (int64_t round = 1; round <= 2; round++) {
        cr_assert_eq(price_at(h, "ACME", 10, round), WSL_OK, "%s", wsl_harness_error(h)->text);
        cr_assert_eq(wsl_harness_count(h), 1, "emitted behind the calls, so once");
        cr_assert_eq(worth_value(wsl_harness_out(h, 0)), 2 * MANY);
        cr_assert_geq(wsl_harness_metric(h, "turns"), round * 2 * (MANY / 5000));
        wsl_harness_clear(h);
    }
    (void)wsl_harness_watermark(h, 200);
    cr_assert_eq(wsl_harness_count(h), MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        cr_assert_eq(worth_value(wsl_harness_out(h, i)), 5, "every key was visited four times");
    }
}

static wsl_status visit_and_hide(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    (void)wsl_apply_to_keyed_state(b, &held, count_visit, b->ctx.local);
    return WSL_OK;
}
WSL_KEYED_BROADCAST_PROCESS(hides, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .local_size = sizeof(tally), .states = WSL_STATES(&held),
                            .broadcast_states = WSL_STATES(&prices), .keyed_element = hold, .broadcast = visit_and_hide,
                            .on_timer = show);

Test(broadcast, a_function_that_does_not_pass_on_that_there_is_more_fails)
{
    WSL_AUTO(wsl_harness) h = make(&hides);
    hold_many(h);
    cr_assert_eq(price_at(h, "ACME", 10, 1), WSL_USER);
    cr_assert(has_text(wsl_harness_error(h)->text, "returned before wsl_apply_to_keyed_state was through"), "%s",
              wsl_harness_error(h)->text);
}
