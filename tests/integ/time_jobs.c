/*
 * time_jobs - the numbered examples of the semantics about watermarks, timers and state that need one source: --job picks one. Rows
 * and marks come from a driven source (driven.h), at once or as the test goes on; each row comes once for each key.
 *
 *     rows      --bound MS (or marks are watermarks) -> each row with the watermark it sees -> collect
 *     timers    a row sets a timer at --horizon MS + its v; the one at 10 sets one at 15 -> what fires -> next operator -> collect
 *     alerts    a key is quiet for --horizon MS; lastSeen by --last last | equal | max (lab step 5) -> collect
 *     fraud     more than 5 rows within 60 s, with list state -> collect
 */
#include "driven_kit.h"

typedef struct rule {
    int64_t horizon_ms;
    enum { LAST, EQUAL, MAX } last;
} rule;

static wsl_status say_row(wsl_keyed_ctx *k, const wsl_row *in)
{
    return driven_say(WSL_CTX(k), item_key(in), "row", item_v(in));
}
WSL_KEYED_PROCESS(rows, .in = &item_schema, .out = &seen_schema, .keyed_process = say_row);

/* ---- timers ---- */

static wsl_status set_timer(wsl_keyed_ctx *k, const wsl_row *in)
{
    const rule *r = k->ctx.config;
    return wsl_timer_event(k, r->horizon_ms + item_v(in));
}
static wsl_status say_timer(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)event_time;
    if (timestamp_ms == 10) {
        WSL_TRY(wsl_timer_event(k, 15));
    }
    return driven_say(WSL_CTX(k), wsl_row_str(k->key, 0), "timer", timestamp_ms);
}
WSL_KEYED_PROCESS(timers, .in = &item_schema, .out = &seen_schema, .keyed_process = set_timer, .on_timer = say_timer);

/* The watermark that is here when the row comes: behind that of the operator that emitted it, if that came first. */
static wsl_status say_after(wsl_ctx *ctx, const wsl_row *in)
{
    WSL_TRY(wsl_emit(ctx, in));
    return driven_say(ctx, seen_key(in), "then", seen_value(in));
}
WSL_PROCESS(after, .in = &seen_schema, .out = &seen_schema, .process = say_after);

/* ---- alerts ---- */

WSL_VALUE_STATE(last_seen, "last-seen", (int64, at));

static wsl_status see_trade(wsl_keyed_ctx *k, const wsl_row *in)
{
    const rule *r = k->ctx.config;
    int64_t last = WSL_TIME_MIN;
    (void)wsl_value_get_int64(k, &last_seen, &last);
    const int64_t now = r->last == MAX && last > item_ts(in) ? last : item_ts(in);
    WSL_TRY(wsl_value_set_int64(k, &last_seen, now));
    return wsl_timer_event(k, item_ts(in) + r->horizon_ms);
}
static wsl_status alert(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    const rule *r = k->ctx.config;
    int64_t last = 0;
    (void)event_time;
    (void)wsl_value_get_int64(k, &last_seen, &last);
    const int64_t due = last + r->horizon_ms;
    const bool quiet = r->last == EQUAL ? timestamp_ms == due : timestamp_ms >= due;
    return quiet ? driven_say(WSL_CTX(k), wsl_row_str(k->key, 0), "alert", timestamp_ms) : WSL_OK;
}
WSL_KEYED_PROCESS(alerts, .in = &item_schema, .out = &seen_schema, .states = WSL_STATES(&last_seen),
                  .keyed_process = see_trade, .on_timer = alert);

/* ---- fraud ---- */

enum { FRAUD_WINDOW_MS = 60000, FRAUD_LIMIT = 5 };

WSL_ROW(moment, (timestamp, ts));
WSL_LIST_STATE(recent, "recent", &moment_schema);

static wsl_status see_transaction(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_state_iter it;
    int64_t n = 1;
    for (wsl_state_each(k, &recent, &it); wsl_state_next(&it);) {
        if (moment_ts(it.value) < item_ts(in) - FRAUD_WINDOW_MS) {
            wsl_state_remove(&it);
        } else {
            n++;
        }
    }
    wsl_row_writer w = wsl_begin(k, &moment_schema, 0);
    moment_set_ts(&w, item_ts(in));
    WSL_TRY(wsl_list_add(k, &recent, w.row));
    return n > FRAUD_LIMIT ? driven_say(WSL_CTX(k), item_key(in), "fraud", n) : WSL_OK;
}
WSL_KEYED_PROCESS(fraud, .in = &item_schema, .out = &seen_schema, .states = WSL_STATES(&recent),
                  .keyed_process = see_transaction);

/* ---- jobs ---- */

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
    const char *last = wsl_arg(args, "last", "last");
    const int64_t bound = wsl_arg_int(args, "bound", -1);
    (void)wsl_arg(args, "control-b", NULL); /* every run has it */
    const rule r = {wsl_arg_int(args, "horizon", 0), strcmp(last, "max") == 0     ? MAX
                                                     : strcmp(last, "equal") == 0 ? EQUAL
                                                                                  : LAST};
    const wsl_watermark_strategy strategy = bound == 0  ? wsl_monotonous_timestamps("ts")
                                            : bound > 0 ? wsl_bounded_out_of_orderness("ts", bound)
                                                        : wsl_custom_watermarks("ts", &by_marks);
    wsl_keyed_stream *items =
        wsl_key_by(driven_items(driven_source_of(env, args, "a", wsl_per_record(strategy)), "items"), "key");
    wsl_stream *out = NULL;
    if (strcmp(job, "rows") == 0) {
        out = wsl_keyed_process(items, "rows", &rows);
    } else if (strcmp(job, "timers") == 0) {
        out = wsl_keyed_process(items, "timers", &timers);
    } else if (strcmp(job, "alerts") == 0) {
        out = wsl_keyed_process(items, "alerts", &alerts);
    } else if (strcmp(job, "fraud") == 0) {
        out = wsl_keyed_process(items, "fraud", &fraud);
    } else {
        return wsl_env_fail(env, "there is no job '%s'", job);
    }
    wsl_set_config(out, &r, sizeof r);
    if (strcmp(job, "timers") == 0) {
        out = wsl_process(out, "after", &after);
    }
    wsl_set_parallelism(wsl_collect(out, "results"), 1);
    return WSL_OK;
}
