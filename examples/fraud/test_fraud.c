/*
 * test_fraud - the detectors of fraud.c by themselves: no cluster, no files, no clock.
 */
#include "../check.h"
#include "fraud.c"

static void pay(wsl_harness *h, const char *user, double amount, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &transaction_schema);

    transaction_set_user_id(w, wsl_str_of(user));
    transaction_set_amount(w, amount);
    transaction_set_ts(w, ts);
    (void)wsl_harness_push_at(h, w, ts);
}

/* Both detectors keep the same promises. */
static void detector(const wsl_function *function)
{
    const rule settings = {.window_ms = 60000, .limit = 5};
    wsl_harness *h = harness_of(&(wsl_harness_options){.function = function,
                                                       .keys = WSL_HARNESS_KEYS("user_id"),
                                                       .config = &settings,
                                                       .config_size = sizeof settings});

    for (int64_t i = 0; i < 5; i++) {
        pay(h, "u1", 10, 1000 * i);
        pay(h, "u2", 20, 1000 * i);
    }
    came_out(h, "five are all right", "");

    pay(h, "u1", 99.5, 60000);
    came_out(h, "the sixth is not, and one exactly 60 s old counts",
             "{user_id=u1, ts=1970-01-01 00:01:00, count=6, last_amount=99.5}@60000");
    pay(h, "u2", 99.5, 60001);
    came_out(h, "one older than 60 s does not count", "");
    pay(h, "u1", 7, 60500);
    came_out(h, "every further one is an alert, too",
             "{user_id=u1, ts=1970-01-01 00:01:00.500, count=6, last_amount=7}@60500");

    (void)wsl_harness_watermark(h, 200000);
    wsl_harness_clear(h);
    pay(h, "u1", 1, 200001);
    came_out(h, "a minute of silence: all forgotten", "");
    wsl_harness_free(h);
}

int main(void)
{
    detector(&fraud_by_list);
    detector(&fraud_by_one_timer);
    return 0;
}
