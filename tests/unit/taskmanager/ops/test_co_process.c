/* Functions over two inputs, as a job author tests them. */
#include "harness/restore_mode.h"
#include "harness/wsl_test.h"

#include <wiesel/connect.h>
#include <wiesel/harness.h>

#include "base/rng.h"

WSL_ROW(order, (string, user), (int64, amount));
WSL_ROW(login, (int64, session), (string, name));
WSL_ROW(seen, (string, user), (int64, logins), (int64, amount));
WSL_VALUE_STATE(logins, "logins", (int64, n));
WSL_VALUE_STATE(amount, "amount", (int64, sum));

static wsl_status emit_seen(wsl_keyed_ctx *k)
{
    int64_t n = 0;
    int64_t sum = 0;
    (void)wsl_value_get_int64(k, &logins, &n);
    (void)wsl_value_get_int64(k, &amount, &sum);
    wsl_row_writer w = wsl_begin(k, &seen_schema, wsl_row_str(k->key, 0).size);
    seen_set_user(&w, wsl_row_str(k->key, 0));
    seen_set_logins(&w, n);
    seen_set_amount(&w, sum);
    return wsl_emit(k, &w);
}

/* Orders add up, logins are counted; a login asks for the result ten ms later. */
static wsl_status match_one(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in)
{
    int64_t value = 0;
    if (input == 0) {
        if (order_amount(in) < 0) {
            return wsl_error_here(k, "an order of %lld", (long long)order_amount(in));
        }
        (void)wsl_value_get_int64(k, &amount, &value);
        return wsl_value_set_int64(k, &amount, value + order_amount(in));
    }
    if (login_session(in) < 0) {
        return wsl_error_here(k, "a session of %lld", (long long)login_session(in));
    }
    (void)wsl_value_get_int64(k, &logins, &value);
    WSL_TRY(wsl_value_set_int64(k, &logins, value + 1));
    return wsl_timer_event(k, wsl_timestamp(k) + 10);
}
static wsl_status show(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)timestamp_ms, (void)event_time;
    return emit_seen(k);
}
static wsl_status say_goodbye(wsl_ctx *ctx)
{
    wsl_count(ctx, "finished", 1);
    return WSL_OK;
}
WSL_KEYED_CO_PROCESS(match, .in = &order_schema, .in2 = &login_schema, .out = &seen_schema,
                     .states = WSL_STATES(&logins, &amount), .keyed_co_process = match_one, .on_timer = show,
                     .finish = say_goodbye);

static wsl_harness *make(void)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = &match, .keys = WSL_HARNESS_KEYS("user"), .keys2 = WSL_HARNESS_KEYS("name")};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static wsl_status buy(wsl_harness *h, const char *user, int64_t money, int64_t at)
{
    wsl_row_writer *w = wsl_harness_row(h, &order_schema);
    order_set_user(w, wsl_str_of(user));
    order_set_amount(w, money);
    return wsl_harness_push_to_at(h, 0, w, at);
}

static wsl_status enter(wsl_harness *h, const char *user, int64_t session, int64_t at)
{
    wsl_row_writer *w = wsl_harness_row(h, &login_schema);
    login_set_session(w, session);
    login_set_name(w, wsl_str_of(user));
    return wsl_harness_push_to_at(h, 1, w, at);
}

Test(co_process, state_and_timers_are_those_of_the_key_whatever_input_its_rows_came_by)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)buy(h, "ann", 5, 100);
    (void)enter(h, "ann", 1, 100);
    (void)buy(h, "bob", 7, 101);
    (void)enter(h, "ann", 2, 102);
    (void)buy(h, "ann", 6, 103);
    cr_assert_eq(wsl_harness_watermark_to(h, 0, 200), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "", "the second input holds time back");
    cr_assert_eq(wsl_harness_watermark_to(h, 1, 111), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{user=ann, logins=2, amount=11}@110, watermark 111");
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_watermark_to(h, 1, 500), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{user=ann, logins=2, amount=11}@112, watermark 200");
}

Test(co_process, an_idle_input_holds_no_timer_back)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)enter(h, "ann", 1, 100);
    (void)wsl_harness_watermark_to(h, 1, 300);
    cr_assert_eq(wsl_harness_count(h), 0);
    (void)wsl_harness_idle_to(h, 0, true);
    cr_assert_str_eq(wsl_harness_text(h), "{user=ann, logins=1, amount=0}@110, watermark 300");
    (void)wsl_harness_idle_to(h, 1, true);
    (void)wsl_harness_idle_to(h, 0, false);
    cr_assert_str_eq(wsl_harness_text(h), "{user=ann, logins=1, amount=0}@110, watermark 300, idle, active");
}

Test(co_process, the_end_comes_when_both_inputs_have_ended)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)enter(h, "ann", 1, 100);
    cr_assert_eq(wsl_harness_end_to(h, 1), WSL_OK);
    cr_assert_eq(wsl_harness_metric(h, "finished"), 0);
    cr_assert_eq(enter(h, "ann", 2, 100), WSL_STATE, "that input has ended");
}

Test(co_process, an_ended_input_holds_no_timer_back_and_the_other_goes_on)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)enter(h, "ann", 1, 100);
    (void)wsl_harness_end_to(h, 1);
    (void)buy(h, "ann", 3, 105);
    (void)wsl_harness_watermark_to(h, 0, 200);
    cr_assert_str_eq(wsl_harness_text(h), "{user=ann, logins=1, amount=3}@110, watermark 200");
    wsl_harness_clear(h);
    cr_assert_eq(wsl_harness_end(h), WSL_OK, "ends what has not ended yet");
    cr_assert_str_eq(wsl_harness_text(h), "watermark MAX, end");
    cr_assert_eq(wsl_harness_metric(h, "finished"), 1);
}

Test(co_process, an_error_names_the_row_of_the_input_it_came_by)
{
    WSL_AUTO(wsl_harness) h = make();
    (void)buy(h, "ann", 5, 100);
    cr_assert_eq(enter(h, "ann", -1, 100), WSL_USER);
    cr_assert(has_text(wsl_harness_error(h)->text, "a session of -1; row: {session=-1, name=ann}"), "%s",
              wsl_harness_error(h)->text);
}

/* ---- without a key ---- */

WSL_ROW(line, (string, text));
WSL_ROW(number, (int64, value));

typedef struct tally {
    int64_t of[2];
    int64_t again;
} tally;

/* Rows of the second input are given out once for each row seen so far, one per call. */
static wsl_status both(wsl_ctx *ctx, uint32_t input, const wsl_row *in)
{
    tally *t = ctx->local;
    if (input == 0) {
        t->of[0]++;
        return WSL_OK;
    }
    wsl_row_writer w = wsl_begin(ctx, &line_schema, number_value(in) > 0 ? 8 : 0);
    line_set_text(&w, wsl_str_of(number_value(in) > 0 ? "more" : "none"));
    WSL_TRY(wsl_emit(ctx, &w));
    if (++t->again < t->of[0]) {
        return WSL_AGAIN;
    }
    t->again = 0;
    t->of[1]++;
    return WSL_OK;
}
WSL_CO_PROCESS(pair, .in = &line_schema, .in2 = &number_schema, .out = &line_schema, .local_size = sizeof(tally),
               .co_process = both);

Test(co_process, a_function_without_key_is_called_again_for_a_row_of_either_input)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    if (restores_each_step()) {
        return; /* it remembers in ctx->local */
    }
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &pair}, &h, &err), WSL_OK, "%s", err.text);
    for (int i = 0; i < 3; i++) {
        wsl_row_writer *w = wsl_harness_row(h, &line_schema);
        line_set_text(w, wsl_str_of("x"));
        cr_assert_eq(wsl_harness_push(h, w), WSL_OK);
    }
    wsl_row_writer *w = wsl_harness_row(h, &number_schema);
    number_set_value(w, 1);
    cr_assert_eq(wsl_harness_push_to(h, 1, w), WSL_OK);
    cr_assert_str_eq(wsl_harness_text(h), "{text=more}, {text=more}, {text=more}");
    cr_assert_eq(wsl_harness_push_to(h, 2, w), WSL_INVALID);
    wsl_harness_free(h);
}

WSL_CO_PROCESS(untyped, .in = &line_schema, .co_process = both);

Test(co_process, the_harness_asks_for_the_type_of_the_second_input)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &untyped}, &h, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "give the harness the schema of the input (.in2), 'untyped' does not say it");
}

/* ---- keys in all forms, in batches ---- */

WSL_ROW(left, (int64, id), (int64, key));
WSL_ROW(right, (string, word), (double, weight), (int64, key));
WSL_ROW(sums, (int64, key), (int64, left), (int64, right));
WSL_VALUE_STATE(sums_state, "sums", (int64, left), (int64, right));

static wsl_status add_up(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in)
{
    wsl_row *sum = wsl_value_update(k, &sums_state);
    sum->slot[input] += 1;
    (void)in;
    wsl_row_writer w = wsl_begin(k, &sums_schema, 0);
    sums_set_key(&w, wsl_row_int64(k->key, 0));
    sums_set_left(&w, (int64_t)sum->slot[0]);
    sums_set_right(&w, (int64_t)sum->slot[1]);
    return wsl_emit(k, &w);
}
WSL_KEYED_CO_PROCESS(count_both, .in = &left_schema, .in2 = &right_schema, .out = &sums_schema,
                     .states = WSL_STATES(&sums_state), .keyed_co_process = add_up);

enum { KEYS = 37, ROW_BYTES = 256 };

static const wsl_row *make_row(void *memory, uint32_t input, int64_t key)
{
    wsl_row_writer w;
    const wsl_schema *schema = input == 0 ? &left_schema : &right_schema;
    (void)wsl_row_writer_init(&w, memory, ROW_BYTES, schema->n_fields);
    if (input == 0) {
        left_set_id(&w, 99);
        left_set_key(&w, key);
    } else {
        right_set_word(&w, wsl_str_of("some word"));
        right_set_key(&w, key);
    }
    return w.row;
}

/* Batches of one input, or one row at a time: each key counts the rows of both. */
static void run_random(uint32_t batch_max)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_harness_options options = {
        .function = &count_both, .keys = WSL_HARNESS_KEYS("key"), .keys2 = WSL_HARNESS_KEYS("key")};
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    static uint64_t memory[512][ROW_BYTES / 8];
    int64_t seen_of[KEYS][2] = {{0}};
    wsl_rng rng;
    wsl_rng_seed(&rng, batch_max);
    for (int round = 0; round < 200; round++) {
        const wsl_row *rows[512];
        int64_t keys[512];
        const uint32_t input = (uint32_t)wsl_rng_below(&rng, 2);
        const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, batch_max);
        for (uint32_t i = 0; i < n; i++) {
            keys[i] = (int64_t)wsl_rng_below(&rng, KEYS);
            rows[i] = make_row(memory[i], input, keys[i]);
        }
        cr_assert_eq(wsl_harness_push_batch_to(h, input, rows, n), WSL_OK, "%s", wsl_harness_error(h)->text);
        cr_assert_eq(wsl_harness_count(h), n);
        for (uint32_t i = 0; i < n; i++) {
            const wsl_row *out = wsl_harness_out(h, i);
            seen_of[keys[i]][input]++;
            cr_assert_eq(sums_key(out), keys[i]);
            cr_assert_eq(sums_left(out), seen_of[keys[i]][0]);
            cr_assert_eq(sums_right(out), seen_of[keys[i]][1]);
        }
        wsl_harness_clear(h);
    }
    wsl_harness_free(h);
}

Test(co_process, both_inputs_count_into_one_state_one_row_at_a_time) { run_random(1); }
Test(co_process, both_inputs_count_into_one_state_in_batches) { run_random(512); }
