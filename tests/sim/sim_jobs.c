/*
 * sim_jobs - jobs whose output files have the same lines however their events interleave, whatever breaks: --job picks one.
 *
 *     union      two sources -> union -> rebalance -> count per key -> files
 *     timers     one source by key -> rows per key and 100 ms, told by an event-time timer -> files
 *     co         two sources by key -> the same of both inputs in one state -> files
 *     clock      rows 1, 2, 3 when the clock is at --at milliseconds, its end at --end -> processing-time windows of 5000 ms -> collect
 *     broadcast  one source by key, and rules to all -> at the end of time rows and rules that each key saw -> files
 *
 * --rows of each source at --rate rows per second, numbered; a row's number is its time. --out directory of the results, --roll what
 * becomes of part files at a checkpoint.
 */
#include <stdio.h>
#include <string.h>

#include <wiesel/wiesel.h>

#include "base/clock.h"

WSL_ROW(event, (int64, id), (int64, key));
WSL_ROW(tally, (int64, key), (int64, at), (int64, n), (int64, sum));

enum { BUCKET_MS = 100, END_OF_TIME = 1000000000 };

static wsl_status tell(wsl_keyed_ctx *k, int64_t at, int64_t n, int64_t sum)
{
    wsl_row_writer w = wsl_begin(k, &tally_schema, 0);
    tally_set_key(&w, wsl_row_int64(k->key, 0));
    tally_set_at(&w, at);
    tally_set_n(&w, n);
    tally_set_sum(&w, sum);
    return wsl_emit(k, &w);
}

/* ---- union ---- */

WSL_VALUE_STATE(count_state, "count", (int64, n));

static wsl_status count_one(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t n = 0;
    (void)in;
    (void)wsl_value_get_int64(k, &count_state, &n);
    WSL_TRY(wsl_value_set_int64(k, &count_state, ++n));
    return tell(k, 0, n, 0);
}
WSL_KEYED_PROCESS(count, .in = &event_schema, .out = &tally_schema, .states = WSL_STATES(&count_state),
                  .keyed_process = count_one);

/* ---- timers, co ---- */

WSL_ROW(bucket_key, (int64, at));
WSL_ROW(bucket, (int64, n), (int64, sum));
WSL_MAP_STATE(buckets_state, "buckets", &bucket_key_schema, &bucket_schema);

typedef struct key_memory {
    uint64_t bytes[8];
} key_memory;

static const wsl_row *key_of(key_memory *m, int64_t at)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, m->bytes, sizeof m->bytes, bucket_key_n_fields);
    bucket_key_set_at(&w, at);
    return w.row;
}

/* The second input's rows count a million each. */
static wsl_status add_to_bucket(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in)
{
    key_memory memory;
    uint64_t value_memory[8];
    const int64_t at = event_id(in) / BUCKET_MS * BUCKET_MS;
    const wsl_row *before = wsl_map_get(k, &buckets_state, key_of(&memory, at));
    const int64_t n = (before != NULL ? bucket_n(before) : 0) + (input == 0 ? 1 : 1000000);
    const int64_t sum = (before != NULL ? bucket_sum(before) : 0) + event_id(in);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, value_memory, sizeof value_memory, bucket_n_fields);
    bucket_set_n(&w, n);
    bucket_set_sum(&w, sum);
    WSL_TRY(wsl_map_put(k, &buckets_state, key_of(&memory, at), w.row));
    return wsl_timer_event(k, at + BUCKET_MS - 1);
}

static wsl_status tell_bucket(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    key_memory memory;
    (void)event_time;
    const int64_t at = timestamp_ms / BUCKET_MS * BUCKET_MS;
    const wsl_row *found = wsl_map_get(k, &buckets_state, key_of(&memory, at));
    if (found == NULL) {
        return wsl_error_here(k, "a timer of a bucket that is not there");
    }
    const int64_t n = bucket_n(found), sum = bucket_sum(found);
    wsl_map_remove(k, &buckets_state, key_of(&memory, at));
    return tell(k, at, n, sum);
}

static wsl_status add_one(wsl_keyed_ctx *k, const wsl_row *in) { return add_to_bucket(k, 0, in); }
WSL_KEYED_PROCESS(buckets, .in = &event_schema, .out = &tally_schema, .states = WSL_STATES(&buckets_state),
                  .keyed_process = add_one, .on_timer = tell_bucket);
WSL_KEYED_CO_PROCESS(buckets_of_both, .in = &event_schema, .in2 = &event_schema, .out = &tally_schema,
                     .states = WSL_STATES(&buckets_state), .keyed_co_process = add_to_bucket, .on_timer = tell_bucket);

/* ---- broadcast ---- */

WSL_MAP_STATE(rules_state, "rules", &bucket_key_schema, &event_schema);

static wsl_status keep_rule(wsl_broadcast_ctx *b, const wsl_row *in)
{
    key_memory memory;
    return wsl_broadcast_put(b, &rules_state, key_of(&memory, event_id(in)), in);
}

static wsl_status see_event(wsl_keyed_broadcast_view *b, const wsl_row *in)
{
    int64_t n = 0;
    (void)in;
    (void)wsl_value_get_int64(&b->k, &count_state, &n);
    WSL_TRY(wsl_value_set_int64(&b->k, &count_state, n + 1));
    return wsl_timer_event(&b->k, END_OF_TIME);
}

static wsl_status count_rule(void *arg, const wsl_row *key, const wsl_row *value)
{
    (void)key, (void)value;
    ++*(int64_t *)arg;
    return WSL_OK;
}

static wsl_status tell_all(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    int64_t n = 0, rules = 0;
    (void)timestamp_ms, (void)event_time;
    WSL_TRY(wsl_broadcast_each(wsl_broadcast_view_of(k), &rules_state, count_rule, &rules));
    (void)wsl_value_get_int64(k, &count_state, &n);
    return tell(k, 0, n, rules);
}
WSL_KEYED_BROADCAST_PROCESS(with_rules, .in = &event_schema, .in2 = &event_schema, .out = &tally_schema,
                            .states = WSL_STATES(&count_state), .broadcast_states = WSL_STATES(&rules_state),
                            .keyed_element = see_event, .broadcast = keep_rule, .on_timer = tell_all);

/* ---- rows at times of the clock ---- */

typedef struct at_times {
    int64_t at_ms[3], end_ms;
    uint32_t next;
} at_times;

static const wsl_option at_times_options[] = {
    {.name = "at", .type = WSL_OPT_STRING, .default_value = "", .help = "Three times, in milliseconds behind a full minute."},
    {.name = "end", .type = WSL_OPT_INT, .default_value = "0", .help = "When the source ends."},
    {0},
};

static wsl_status at_times_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    at_times *s = self;
    long long at[3] = {0};
    if (sscanf(wsl_config_str(ctx->config, "at"), "%lld,%lld,%lld", &at[0], &at[1], &at[2]) != 3) {
        return wsl_fail(err, WSL_INVALID, "option at: three times, separated by commas");
    }
    for (int i = 0; i < 3; i++) {
        s->at_ms[i] = at[i];
    }
    s->end_ms = wsl_config_int(ctx->config, "end");
    return WSL_OK;
}

static wsl_status at_times_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    enum { MINUTE_MS = 60000 };
    (void)max_rows, (void)err;
    at_times *s = self;
    const int64_t now_ms = wsl_wall_ms(ctx->clock), begin_ms = now_ms / MINUTE_MS * MINUTE_MS;
    const int64_t due_ms = begin_ms + (s->next < 3 ? s->at_ms[s->next] : s->end_ms);
    if (now_ms < due_ms) {
        ctx->ops->wake_at(ctx, wsl_now_ns(ctx->clock) + (due_ms - now_ms) * WSL_NS_PER_MS);
        return WSL_AGAIN;
    }
    if (s->next == 3) {
        return WSL_END;
    }
    const uint32_t size = wsl_row_fixed_size(event_n_fields);
    wsl_row_writer w;
    WSL_TRY(ctx->ops->make_room(ctx, size));
    (void)wsl_row_writer_init(&w, ctx->out_tip, size, event_n_fields);
    event_set_id(&w, ++s->next);
    event_set_key(&w, 0);
    return ctx->ops->emit(ctx, w.row);
}

static void at_times_close(void *self, wsl_source_ctx *ctx) { (void)self, (void)ctx; }

static const wsl_reader_class at_times_reader = {
    .size = sizeof(at_times), .open = at_times_open, .poll = at_times_poll, .close = at_times_close};
WSL_SOURCE_CONNECTOR(at_times, .help = "Rows at times of the clock.", .options = at_times_options, .reader = &at_times_reader);

static wsl_status count_rows(wsl_window_ctx *w, wsl_rows *rows)
{
    wsl_row_writer out = wsl_begin(w, &tally_schema, 0);
    tally_set_key(&out, 0);
    tally_set_at(&out, w->window.start % 60000);
    tally_set_n(&out, wsl_rows_count(rows));
    tally_set_sum(&out, w->window.end - w->window.start);
    return wsl_emit(w, &out);
}
WSL_WINDOW(count_window, .in = &event_schema, .out = &tally_schema, .window = count_rows);

static void by_the_clock(wsl_env *env, const char *at, const char *end)
{
    wsl_windowing windows = {.assigner = wsl_tumbling(5000)};
    windows.assigner.processing_time = true;
    wsl_stream *rows = wsl_from(env, "rows", "at_times", &event_schema, WSL_OPTIONS({"at", at}, {"end", end}));
    wsl_stream *out = wsl_window_process(wsl_key_by(rows, "key"), "windows", &windows, &count_window);
    wsl_set_uid(out, "windows");
    wsl_set_parallelism(wsl_collect(out, "out"), 1);
}

/* ---- jobs ---- */

static wsl_stream *numbered(wsl_env *env, const char *name, const char *rows, const char *rate, const char *seed)
{
    wsl_stream *events = wsl_from(env, name, "datagen", &event_schema,
                                  WSL_OPTIONS({"fields", "id sequence 0; key random 0 6"}, {"number-of-rows", rows},
                                              {"rows-per-second", rate}, {"seed", seed}));
    return wsl_watermarks(wsl_set_uid(events, name), name, wsl_monotonous_timestamps("id"));
}

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
    const char *rows = wsl_arg(args, "rows", "500");
    const char *rate = wsl_arg(args, "rate", "5000");
    const char *seed = wsl_arg(args, "seed", "1");
    const char *more_seed = wsl_arg(args, "more-seed", "2");

    if (strcmp(job, "clock") == 0) {
        by_the_clock(env, wsl_arg_required(args, "at"), wsl_arg_required(args, "end"));
        return WSL_OK;
    }
    wsl_stream *a = numbered(env, "a", rows, rate, seed);
    wsl_stream *out = NULL;
    if (strcmp(job, "union") == 0) {
        wsl_stream *both = wsl_rebalance(wsl_union(a, numbered(env, "b", rows, rate, more_seed)));
        out = wsl_keyed_process(wsl_key_by(both, "key"), "count", &count);
    } else if (strcmp(job, "timers") == 0) {
        out = wsl_keyed_process(wsl_key_by(a, "key"), "buckets", &buckets);
    } else if (strcmp(job, "co") == 0) {
        wsl_stream *b = numbered(env, "b", rows, rate, more_seed);
        out = wsl_keyed_co_process(wsl_key_by(a, "key"), wsl_key_by(b, "key"), "buckets", &buckets_of_both);
    } else if (strcmp(job, "broadcast") == 0) {
        wsl_stream *rules = numbered(env, "rules", "40", "400", more_seed);
        out = wsl_keyed_broadcast_process(wsl_key_by(a, "key"), wsl_broadcast(rules), "rules-seen", &with_rules);
    } else {
        return wsl_env_fail(env, "there is no job '%s'", job);
    }
    wsl_set_uid(out, "function");
    wsl_set_uid(wsl_to(out, "results", "file",
                       WSL_OPTIONS({"path", wsl_arg_required(args, "out")}, {"format", "json"},
                                   {"roll-on-checkpoint", wsl_arg(args, "roll", "true")}, {"roll-size", "2kb"})),
                "results");
    return WSL_OK;
}
