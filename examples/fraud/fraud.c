/*
 * fraud - users with more than 5 transactions within 60 s.
 *
 *     wiesel-gen transactions --live --rate 100 --out /tmp/transactions &
 *     wiesel run -d -p 2 fraud.c -- --in /tmp/transactions
 *
 * The times of a user's transactions are kept in list state; each transaction forgets those before its own time - 60 s,
 * adds itself, and counts. So that users who never come back do not stay in memory, timers forget too. Two ways of
 * that:
 *
 *     as it stands   a timer for each transaction, at its time + 60 s: simple, but as many timers as transactions
 *     --one-timer    one timer for each user, at the end of the oldest one; when it fires it sets the next
 *
 * Both give the same alerts. A transaction exactly 60 s old still counts.
 *
 *     --in DIR  files of transactions     --window 60s  --limit 5  --one-timer     and what files.h names
 */
#include "../files.h"

WSL_ROW(transaction, (string, user_id), (double, amount), (string, merchant), (timestamp, ts));
WSL_ROW(fraud, (string, user_id), (timestamp, ts), (int64, count), (double, last_amount));

WSL_ROW(moment, (timestamp, ts));
WSL_LIST_STATE(recent, "recent", &moment_schema);
WSL_VALUE_STATE(timer, "timer", (timestamp, at)); /* --one-timer: the one that is set */

enum { OUT_OF_ORDERNESS_MS = 15000 };

typedef struct rule {
    int64_t window_ms;
    int64_t limit; /* so many are all right */
} rule;

static const rule *rule_of(const wsl_keyed_ctx *k) { return k->ctx.config; }

/* Forgets what was before `from`. Gives the number of those that stay, and the time of the oldest (unchanged if none).
 */
static int64_t forget_before(wsl_keyed_ctx *k, int64_t from, int64_t *oldest)
{
    wsl_state_iter it;
    int64_t left = 0;

    for (wsl_state_each(k, &recent, &it); wsl_state_next(&it);) {
        const int64_t ts = moment_ts(it.value);
        if (ts < from) {
            wsl_state_remove(&it);
            continue;
        }
        *oldest = left == 0 || ts < *oldest ? ts : *oldest;
        left++;
    }
    return left;
}

static wsl_status remember(wsl_keyed_ctx *k, int64_t ts)
{
    wsl_row_writer w = wsl_begin(k, &moment_schema, 0);

    moment_set_ts(&w, ts);
    return wsl_list_add(k, &recent, w.row);
}

/* The transaction as one more of its user's; an alert if there are too many. */
static wsl_status count_transaction(wsl_keyed_ctx *k, const wsl_row *transaction)
{
    const int64_t ts = transaction_ts(transaction);
    int64_t oldest = 0;
    const int64_t count = forget_before(k, ts - rule_of(k)->window_ms, &oldest) + 1;

    WSL_TRY(remember(k, ts));
    if (count <= rule_of(k)->limit) {
        return WSL_OK;
    }
    wsl_row_writer w = wsl_begin(k, &fraud_schema, transaction_user_id(transaction).size);
    fraud_set_user_id(&w, transaction_user_id(transaction));
    fraud_set_ts(&w, ts);
    fraud_set_count(&w, count);
    fraud_set_last_amount(&w, transaction_amount(transaction));
    return wsl_emit(k, &w);
}

/* ---- a timer for each transaction ---- */

static wsl_status on_transaction(wsl_keyed_ctx *k, const wsl_row *transaction)
{
    WSL_TRY(count_transaction(k, transaction));
    return wsl_timer_event(k, transaction_ts(transaction) + rule_of(k)->window_ms);
}

/* The watermark is here: nothing that comes now can be within 60 s of what was 60 s before it. */
static wsl_status on_end_of_one(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    int64_t oldest = 0;

    (void)event_time;
    (void)forget_before(k, timestamp_ms - rule_of(k)->window_ms + 1, &oldest);
    return WSL_OK;
}
WSL_KEYED_PROCESS(fraud_by_list, .in = &transaction_schema, .out = &fraud_schema, .states = WSL_STATES(&recent),
                  .keyed_process = on_transaction, .on_timer = on_end_of_one);

/* ---- one timer for each user ---- */

static wsl_status on_transaction_one_timer(wsl_keyed_ctx *k, const wsl_row *transaction)
{
    int64_t at = 0;

    WSL_TRY(count_transaction(k, transaction));
    if (wsl_value_get_int64(k, &timer, &at)) {
        return WSL_OK;
    }
    at = transaction_ts(transaction) + rule_of(k)->window_ms;
    WSL_TRY(wsl_value_set_int64(k, &timer, at));
    return wsl_timer_event(k, at);
}

static wsl_status on_end_of_oldest(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    int64_t oldest = 0;

    (void)event_time;
    if (forget_before(k, timestamp_ms - rule_of(k)->window_ms + 1, &oldest) == 0) {
        wsl_value_clear(k, &timer);
        return WSL_OK;
    }
    WSL_TRY(wsl_value_set_int64(k, &timer, oldest + rule_of(k)->window_ms));
    return wsl_timer_event(k, oldest + rule_of(k)->window_ms);
}
WSL_KEYED_PROCESS(fraud_by_one_timer, .in = &transaction_schema, .out = &fraud_schema,
                  .states = WSL_STATES(&recent, &timer), .keyed_process = on_transaction_one_timer,
                  .on_timer = on_end_of_oldest);

/* ---- the job ---- */

WSL_JOB(env, args)
{
    const rule settings = {.window_ms = wsl_arg_duration(args, "window", 60000),
                           .limit = wsl_arg_int(args, "limit", 5)};
    const wsl_function *function = wsl_arg_flag(args, "one-timer") ? &fraud_by_one_timer : &fraud_by_list;

    wsl_env_set_name(env, "fraud");
    wsl_stream *transactions =
        read_files(env, args, "transactions", wsl_arg_required(args, "in"), &transaction_schema, "skip");
    wsl_stream *timed = in_event_time(transactions, args, "ts", OUT_OF_ORDERNESS_MS);
    wsl_stream *alerts = wsl_keyed_process(wsl_key_by(timed, "user_id"), "fraud", function);

    wsl_set_config(alerts, &settings, sizeof settings);
    write_rows(wsl_set_uid(alerts, "fraud"), args, "fraud");
    return WSL_OK;
}
