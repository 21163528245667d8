/* What keyed operators do as time goes by: expired state goes though nothing comes; runs of timers are bounded by time. */
#include "chain_kit.h"
#include "taskmanager/ops/keyed.h"

WSL_ROW(event, (int64, key));
WSL_VALUE_STATE_OF(mortal, "mortal", &event_schema, .ttl = {.ttl_ms = 5000});

static wsl_status remember(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)wsl_value_put(k, &mortal, in);
    return WSL_OK;
}
WSL_KEYED_PROCESS(time_mortal, .in = &event_schema, .states = WSL_STATES(&mortal), .keyed_process = remember);

/* How every keyed operator begins. */
typedef struct keyed_op {
    tm_op op;
    tm_keyed k;
} keyed_op;

static tm_keyed *keyed_of(kit *k) { return &((keyed_op *)(void *)kit_head(k))->k; }

/* A row of one of our key groups. */
static const wsl_row *ours(const tm_keyed *k, int64_t *io_key)
{
    static uint64_t memory[8];
    for (;; (*io_key)++) {
        const uint32_t group = wsl_key_group(wsl_key_hash_slot((uint64_t)*io_key), 128);
        if (group - k->key.first_group < k->key.n_groups) {
            break;
        }
    }
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, event_n_fields);
    event_set_key(&w, (*io_key)++);
    return w.row;
}

static void begin(kit *k, const char *name, const wsl_function *fn)
{
    kit_init(k, &event_schema);
    (void)kit_add(k, "keyed_process", name, fn, &event_schema);
    kit_key(k, "key");
    kit_open(k);
}

static void deliver(kit *k, int64_t *io_key, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const wsl_row *row = ours(keyed_of(k), io_key);
        cr_assert_eq(tm_op_deliver_rows(kit_head(k), 0, &row, 1), WSL_OK, "%s", k->error.text);
    }
}

Test(keyed_time, expired_state_goes_though_nothing_comes_and_then_nobody_is_woken)
{
    kit k;
    int64_t next_key = 0;
    begin(&k, "time_mortal", &time_mortal);
    deliver(&k, &next_key, 3000);
    cr_assert_eq(keyed_of(&k)->state->ops->keys(keyed_of(&k)->state), 3000);
    int wakes = 0;
    while (k.wake_ns != WSL_NEVER) {
        cr_assert_lt(wakes++, 60);
        const int64_t now = wsl_now_ns(&k.clock.clock);
        wsl_manual_clock_advance(&k.clock, k.wake_ns > now ? k.wake_ns - now : 0);
        k.wake_ns = WSL_NEVER;
        const wsl_status status = tm_op_resume(kit_head(&k));
        cr_assert(status == WSL_AGAIN || status == WSL_OK);
    }
    cr_assert_eq(keyed_of(&k)->state->ops->keys(keyed_of(&k)->state), 0);
    cr_assert_geq(wsl_now_ns(&k.clock.clock), INT64_C(5000) * WSL_NS_PER_MS);
    deliver(&k, &next_key, 1);
    cr_assert_neq(k.wake_ns, WSL_NEVER, "and it begins again");
    kit_fini(&k);
}

Test(keyed_time, rows_clean_up_as_they_come)
{
    kit k;
    int64_t next_key = 0;
    begin(&k, "time_mortal", &time_mortal);
    for (int round = 0; round < 40; round++) {
        deliver(&k, &next_key, 1000);
        wsl_manual_clock_advance(&k.clock, INT64_C(1000) * WSL_NS_PER_MS);
    }
    cr_assert_lt(keyed_of(&k)->state->ops->keys(keyed_of(&k)->state), 20000, "of 40000, 5000 are alive");
    kit_fini(&k);
}

/* ---- timers that take long ---- */

static kit *slow_kit;
static uint32_t n_fired;

static wsl_status set_timer(wsl_keyed_ctx *k, const wsl_row *in) { return wsl_timer_event(k, event_key(in) % 7); }
static wsl_status take_time(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)k;
    (void)timestamp_ms;
    (void)event_time;
    n_fired++;
    wsl_manual_clock_advance(&slow_kit->clock, 100000); /* 0.1 ms */
    return WSL_OK;
}
WSL_KEYED_PROCESS(time_slow, .in = &event_schema, .keyed_process = set_timer, .on_timer = take_time);

Test(keyed_time, a_run_of_timers_is_bounded_by_time_and_the_watermark_waits_for_all)
{
    kit k;
    int64_t next_key = 0;
    slow_kit = &k;
    n_fired = 0;
    begin(&k, "time_slow", &time_slow);
    deliver(&k, &next_key, 1000);
    int64_t before = wsl_now_ns(&k.clock.clock);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 10), WSL_OK);
    for (int turns = 0; n_fired < 1000; turns++) {
        const int64_t now = wsl_now_ns(&k.clock.clock);
        cr_assert_leq(now - before, 5 * WSL_NS_PER_MS, "a barrier waits no longer");
        cr_assert_str_eq(kit_text(&k), "");
        cr_assert_lt(turns, 1000);
        before = now;
        const wsl_status status = tm_chain_resume(k.chain);
        cr_assert(status == WSL_OK || status == WSL_AGAIN);
    }
    cr_assert_eq(kit_settle(&k, 1000), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "w10");
    kit_fini(&k);
}
