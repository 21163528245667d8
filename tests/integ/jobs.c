/*
 * jobs - the job library of the integration tests: --job picks one.
 *
 *     count      N events of K keys -> count per key -> collect          (--n, --keys, --chaining no)
 *     slow       fast source -> sink that takes 1 ms a row -> nothing    (endless; --pause-us)
 *     fail       a map that fails at row --at
 *     stuck      a map that never returns
 *     partition  N events through partitioner --partition, counted per subtask -> collect
 *     union      two sources -> union -> count all -> collect
 *     sides      even numbers to a side output -> both counted -> collect
 *     timers     keyed event-time timers at the end of input -> collect
 *     co         two sources by key -> counted into one state -> collect
 *     self       one source by key, with itself -> counted into one state -> collect
 *     interval   two sources by key -> pairs with ids at most --keys apart -> collect
 *     windows    two sources by key -> pairs of windows of 10 * --keys ms -> collect
 *     groups     the same as groups: rows of both sides -> collect
 *     ex32       five rows and one row -> interval join -> collect
 *     broadcast  events, and rules 0 .. 99 to all subtasks -> how many rules and events each subtask saw -> collect
 *     revalue    events by key, and rules 0 .. 9 to all; each rule adds 1 to the state of all keys -> sums -> collect
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

WSL_ROW(event, (int64, id), (int64, key));
WSL_ROW(tally, (int64, key), (int64, n));
WSL_ROW(spread, (int64, subtask), (int64, n), (int64, sum));

/* ---- events 0 .. n-1, shared out over the subtasks ---- */

typedef struct numbers {
    int64_t next, n, keys;
} numbers;

static const wsl_option numbers_options[] = {
    {.name = "n", .type = WSL_OPT_INT, .default_value = "1000", .help = "How many; 0: for ever."},
    {.name = "keys", .type = WSL_OPT_INT, .default_value = "10", .min = "1", .help = "Keys."},
    {0},
};

static wsl_status numbers_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)err;
    numbers *s = self;
    s->next = ctx->subtask;
    s->n = wsl_config_int(ctx->config, "n");
    s->keys = wsl_config_int(ctx->config, "keys");
    return WSL_OK;
}

static wsl_status numbers_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err;
    numbers *s = self;
    const uint32_t size = wsl_row_fixed_size(event_n_fields);
    for (uint32_t i = 0; i < max_rows && (s->n == 0 || s->next < s->n); i++) {
        wsl_status status = WSL_OK;
        if ((size_t)(ctx->out_end - ctx->out_tip) < size) {
            status = ctx->ops->make_room(ctx, size);
        }
        wsl_row_writer w;
        if (status != WSL_OK || !wsl_row_writer_init(&w, ctx->out_tip, size, event_n_fields)) {
            return status;
        }
        event_set_id(&w, s->next);
        event_set_key(&w, s->next % s->keys);
        wsl_row_set_timestamp(w.row, s->next);
        status = ctx->ops->emit(ctx, w.row);
        if (status != WSL_OK) {
            return status;
        }
        s->next += ctx->parallelism;
    }
    return s->n == 0 || s->next < s->n ? WSL_OK : WSL_END;
}

static void numbers_close(void *self, wsl_source_ctx *ctx)
{
    (void)self;
    (void)ctx;
}

static const wsl_reader_class numbers_reader = {
    .size = sizeof(numbers), .open = numbers_open, .poll = numbers_poll, .close = numbers_close};
WSL_SOURCE_CONNECTOR(numbers, .help = "Numbered events.", .options = numbers_options, .reader = &numbers_reader);

/* ---- functions ---- */

WSL_VALUE_STATE(count_state, "count", (int64, n));

static wsl_status count_one(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(k, &count_state, &n);
    const wsl_status status = wsl_value_set_int64(k, &count_state, ++n);
    if (status != WSL_OK) {
        return status;
    }
    wsl_row_writer w = wsl_begin(k, &tally_schema, 0);
    tally_set_key(&w, event_key(in));
    tally_set_n(&w, n);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(count, .in = &event_schema, .out = &tally_schema, .states = WSL_STATES(&count_state),
                  .keyed_process = count_one);

static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(same, .in = &event_schema, .process = pass);

typedef struct limit {
    int64_t value;
} limit;

static wsl_status fail_there(wsl_ctx *ctx, const wsl_row *in)
{
    const limit *at = ctx->config;
    if (event_id(in) == at->value) {
        return wsl_error_here(ctx, "event %lld is not wanted", (long long)at->value);
    }
    return wsl_emit(ctx, in);
}
WSL_PROCESS(fail_at, .in = &event_schema, .process = fail_there);

static wsl_status take_slowly(wsl_ctx *ctx, const wsl_row *in)
{
    (void)in;
    const limit *pause_us = ctx->config;
    wsl_count(ctx, "taken", 1);
    usleep((useconds_t)pause_us->value);
    return WSL_OK;
}
WSL_PROCESS(slowly, .in = &event_schema, .process = take_slowly);

static wsl_status never_return(wsl_ctx *ctx, const wsl_row *in)
{
    (void)ctx;
    (void)in;
    for (;;) {
        pause();
    }
    return WSL_OK;
}
WSL_PROCESS(stuck, .in = &event_schema, .process = never_return);

typedef struct seen {
    int64_t n, sum;
} seen;

static wsl_status see(wsl_ctx *ctx, const wsl_row *in)
{
    seen *s = ctx->local;
    s->n++;
    s->sum += event_id(in);
    return WSL_OK;
}

static wsl_status tell(wsl_ctx *ctx)
{
    const seen *s = ctx->local;
    wsl_row_writer w = wsl_begin(ctx, &spread_schema, 0);
    spread_set_subtask(&w, ctx->subtask);
    spread_set_n(&w, s->n);
    spread_set_sum(&w, s->sum);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(see_all, .in = &event_schema, .out = &spread_schema, .local_size = sizeof(seen), .process = see,
            .finish = tell);

static uint32_t by_id(const wsl_row *in, uint32_t n) { return (uint32_t)(event_id(in) % 3 == 0 ? 0 : n - 1); }
WSL_PARTITION(third, .in = &event_schema, .partition = by_id);

static wsl_status split_even(wsl_ctx *ctx, const wsl_row *in)
{
    return event_id(in) % 2 == 0 ? wsl_emit_side(ctx, "even", in) : wsl_emit(ctx, in);
}
WSL_PROCESS(odd_only, .in = &event_schema, .sides = WSL_SIDES({"even", &event_schema}), .process = split_even);

static wsl_status set_timer(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(k, &count_state, &n);
    (void)wsl_value_set_int64(k, &count_state, n + 1);
    return wsl_timer_event(k, 1000000 + event_key(in)); /* one per key however often it is set */
}

static wsl_status fire(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    int64_t n = 0;
    if (!event_time || timestamp_ms != 1000000 + wsl_row_int64(k->key, 0)) {
        return wsl_error_here(k, "a timer that was not set fired");
    }
    (void)wsl_value_get_int64(k, &count_state, &n);
    wsl_row_writer w = wsl_begin(k, &tally_schema, 0);
    tally_set_key(&w, wsl_row_int64(k->key, 0));
    tally_set_n(&w, n);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(at_the_end, .in = &event_schema, .out = &tally_schema, .states = WSL_STATES(&count_state),
                  .keyed_process = set_timer, .on_timer = fire);

/* ---- two inputs ---- */

WSL_ROW(pair, (int64, left), (int64, right));
WSL_ROW(rule_key, (int64, id));
WSL_VALUE_STATE(both_state, "both", (int64, n0), (int64, n1));
WSL_MAP_STATE(rules_state, "rules", &rule_key_schema, &event_schema);

static wsl_status emit_tally(wsl_keyed_ctx *k, int64_t n)
{
    wsl_row_writer w = wsl_begin(k, &tally_schema, 0);
    tally_set_key(&w, wsl_row_int64(k->key, 0));
    tally_set_n(&w, n);
    return wsl_emit(k, &w);
}

/* Counts of both inputs; told when time ends. */
static wsl_status count_in(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in)
{
    (void)in;
    wsl_value_update(k, &both_state)->slot[input]++;
    return wsl_timer_event(k, 1000000);
}
static wsl_status tell_both(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)timestamp_ms, (void)event_time;
    const wsl_row *both = wsl_value_get(k, &both_state);
    return emit_tally(k, both_state_value_n0(both) * 1000000 + both_state_value_n1(both));
}
WSL_KEYED_CO_PROCESS(count_both, .in = &event_schema, .in2 = &event_schema, .out = &tally_schema,
                     .states = WSL_STATES(&both_state), .keyed_co_process = count_in, .on_timer = tell_both);

static wsl_status join_events(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    const int64_t later = event_id(left) > event_id(right) ? event_id(left) : event_id(right);
    if (wsl_timestamp(ctx) != later) {
        return wsl_error_here(ctx, "a pair at %lld", (long long)wsl_timestamp(ctx));
    }
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, 0);
    pair_set_left(&w, event_id(left));
    pair_set_right(&w, event_id(right));
    return wsl_emit(ctx, &w);
}
WSL_JOIN(pairs, .in = &event_schema, .in2 = &event_schema, .out = &pair_schema, .join = join_events);

static wsl_status pair_in_window(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    wsl_row_writer w = wsl_begin(ctx, &pair_schema, 0);
    pair_set_left(&w, event_id(left));
    pair_set_right(&w, event_id(right));
    return wsl_emit(ctx, &w);
}
WSL_JOIN(window_pairs, .in = &event_schema, .in2 = &event_schema, .out = &pair_schema, .join = pair_in_window);

static wsl_status count_group(wsl_window_ctx *w, wsl_rows *left, wsl_rows *right)
{
    wsl_row_writer out = wsl_begin(w, &tally_schema, 0);
    tally_set_key(&out, wsl_row_int64(w->k.key, 0));
    tally_set_n(&out, (int64_t)wsl_rows_count(left) * 1000000 + wsl_rows_count(right));
    return wsl_emit(w, &out);
}
WSL_CO_GROUP(window_groups, .in = &event_schema, .in2 = &event_schema, .out = &tally_schema, .co_group = count_group);

static wsl_status keep_rule(wsl_broadcast_ctx *b, const wsl_row *in)
{
    uint64_t memory[8];
    wsl_row_writer key;
    (void)wsl_row_writer_init(&key, memory, sizeof memory, rule_key_n_fields);
    rule_key_set_id(&key, event_id(in) % 50); /* each is put twice */
    return wsl_broadcast_put(b, &rules_state, key.row, in);
}
static wsl_status see_event(wsl_broadcast_view *b, const wsl_row *in)
{
    seen *s = b->ctx.local;
    s->n++;
    (void)in;
    return WSL_OK;
}
static wsl_status count_rule(void *arg, const wsl_row *key, const wsl_row *value)
{
    (void)key, (void)value;
    ++*(int64_t *)arg;
    return WSL_OK;
}
static wsl_status tell_rules(wsl_ctx *ctx)
{
    const seen *s = ctx->local;
    int64_t rules = 0;
    wsl_status status = wsl_broadcast_each((wsl_broadcast_view *)(void *)ctx, &rules_state, count_rule, &rules);
    wsl_row_writer w = wsl_begin(ctx, &spread_schema, 0);
    spread_set_subtask(&w, ctx->subtask);
    spread_set_n(&w, s->n);
    spread_set_sum(&w, rules);
    return status == WSL_OK ? wsl_emit(ctx, &w) : status;
}
WSL_BROADCAST_PROCESS(with_rules, .in = &event_schema, .in2 = &event_schema, .out = &spread_schema,
                      .local_size = sizeof(seen), .broadcast_states = WSL_STATES(&rules_state), .element = see_event,
                      .broadcast = keep_rule, .finish = tell_rules);

static wsl_status add_one(wsl_keyed_ctx *k, void *arg)
{
    (void)arg;
    wsl_value_update(k, &both_state)->slot[1]++;
    return WSL_OK;
}
static wsl_status revalue_all(wsl_broadcast_ctx *b, const wsl_row *in)
{
    (void)in;
    return wsl_apply_to_keyed_state(b, &both_state, add_one, NULL);
}
/* Rules that came before the key's first event have passed it by: the broadcast state knows them. */
static wsl_status hold(wsl_keyed_broadcast_view *b, const wsl_row *in)
{
    (void)in;
    wsl_value_update(&b->k, &both_state)->slot[0]++;
    return wsl_timer_event(&b->k, 1000000);
}
WSL_KEYED_BROADCAST_PROCESS(revalue, .in = &event_schema, .in2 = &event_schema, .out = &tally_schema,
                            .states = WSL_STATES(&both_state), .broadcast_states = WSL_STATES(&rules_state),
                            .keyed_element = hold, .broadcast = revalue_all, .on_timer = tell_both);

static wsl_stream *ascending(wsl_env *env, const char *name, const char *n, const char *keys)
{
    wsl_stream *events = wsl_from(env, name, "numbers", &event_schema, WSL_OPTIONS({"n", n}, {"keys", keys}));
    return wsl_watermarks(events, name, wsl_monotonous_timestamps("id"));
}

static wsl_stream *two_inputs(wsl_env *env, const char *job, const char *n, const char *keys)
{
    if (strcmp(job, "ex32") == 0) {
        wsl_stream *left = wsl_from_json(env, "left", &event_schema, "[{\"id\": 10, \"key\": 1}]");
        wsl_stream *right = wsl_from_json(env, "right", &event_schema,
                                          "{\"id\": 7, \"key\": 1} {\"id\": 8, \"key\": 1} {\"id\": 9, \"key\": 1}"
                                          "{\"id\": 11, \"key\": 1} {\"id\": 12, \"key\": 1}");
        left = wsl_watermarks(left, "left", wsl_bounded_out_of_orderness("id", 100));
        right = wsl_watermarks(right, "right", wsl_bounded_out_of_orderness("id", 100));
        return wsl_interval_join(wsl_key_by(left, "key"), wsl_key_by(right, "key"), "join", -2, 1, WSL_BOUNDS_INCLUSIVE,
                                 &pairs);
    }
    wsl_stream *a = ascending(env, "a", n, keys);
    if (strcmp(job, "self") == 0) {
        return wsl_keyed_co_process(wsl_key_by(a, "key"), wsl_key_by(a, "key"), "both", &count_both);
    }
    if (strcmp(job, "broadcast") == 0) {
        return wsl_broadcast_process(a, wsl_broadcast(ascending(env, "rules", "100", "1")), "rules", &with_rules);
    }
    if (strcmp(job, "revalue") == 0) {
        return wsl_keyed_broadcast_process(wsl_key_by(a, "key"), wsl_broadcast(ascending(env, "rules", "10", "1")),
                                           "rules", &revalue);
    }
    wsl_stream *b = ascending(env, "b", n, keys);
    if (strcmp(job, "interval") == 0) {
        const int64_t apart = strtoll(keys, NULL, 10);
        return wsl_interval_join(wsl_key_by(a, "key"), wsl_key_by(b, "key"), "join", -apart, apart, WSL_BOUNDS_INCLUSIVE,
                                 &pairs);
    }
    const wsl_windowing windows = {.assigner = wsl_tumbling(10 * strtoll(keys, NULL, 10))};
    if (strcmp(job, "windows") == 0) {
        return wsl_window_join(wsl_key_by(a, "key"), wsl_key_by(b, "key"), "join", &windows, &window_pairs);
    }
    if (strcmp(job, "groups") == 0) {
        return wsl_co_group(wsl_key_by(a, "key"), wsl_key_by(b, "key"), "groups", &windows, &window_groups);
    }
    return strcmp(job, "co") == 0
               ? wsl_keyed_co_process(wsl_key_by(a, "key"), wsl_key_by(b, "key"), "both", &count_both)
               : NULL;
}

/* ---- jobs ---- */

static wsl_stream *partitioned(wsl_stream *events, const char *name)
{
    return strcmp(name, "rebalance") == 0   ? wsl_rebalance(events)
           : strcmp(name, "rescale") == 0   ? wsl_rescale(events)
           : strcmp(name, "shuffle") == 0   ? wsl_shuffle(events)
           : strcmp(name, "broadcast") == 0 ? wsl_broadcast(events)
           : strcmp(name, "global") == 0    ? wsl_global(events)
           : strcmp(name, "custom") == 0    ? wsl_partition(events, &third)
           : strcmp(name, "hash") == 0      ? wsl_hash(events, "id")
                                            : wsl_forward(events);
}

WSL_JOB(env, args)
{
    const char *job = wsl_arg_required(args, "job");
    const char *n = wsl_arg(args, "n", "1000");
    const char *keys = wsl_arg(args, "keys", "10");
    const char *partition = wsl_arg(args, "partition", "forward");
    const limit at = {wsl_arg_int(args, "at", 500)};
    const limit pause_us = {wsl_arg_int(args, "pause-us", 1000)};
    const int64_t consumers = wsl_arg_int(args, "consumers", 0);

    wsl_stream *connected = two_inputs(env, job, n, keys);
    if (connected != NULL) {
        wsl_set_uid(connected, "connected");
        wsl_set_parallelism(wsl_collect(connected, "out"), 1);
        return WSL_OK;
    }
    wsl_stream *events = wsl_from(env, "events", "numbers", &event_schema, WSL_OPTIONS({"n", n}, {"keys", keys}));
    wsl_stream *result = NULL;
    if (strcmp(job, "count") == 0) {
        result = wsl_keyed_process(wsl_key_by(events, "key"), "count", &count);
        wsl_set_uid(result, "count");
    } else if (strcmp(job, "slow") == 0 || strcmp(job, "stuck") == 0) {
        wsl_stream *end = wsl_process(wsl_rebalance(events), job, strcmp(job, "slow") == 0 ? &slowly : &stuck);
        wsl_set_config(end, &pause_us, sizeof pause_us);
        wsl_blackhole(end, "nothing");
        return WSL_OK;
    } else if (strcmp(job, "fail") == 0) {
        result = wsl_process(events, "fail at", &fail_at);
        wsl_set_config(result, &at, sizeof at);
    } else if (strcmp(job, "partition") == 0) {
        result = wsl_process(partitioned(events, partition), "see", &see_all);
        if (consumers > 0) {
            wsl_set_parallelism(result, (uint32_t)consumers);
        }
    } else if (strcmp(job, "union") == 0) {
        wsl_stream *more = wsl_from(env, "more", "numbers", &event_schema, WSL_OPTIONS({"n", n}, {"keys", keys}));
        result = wsl_process(wsl_union(events, more), "see", &see_all);
    } else if (strcmp(job, "sides") == 0) {
        wsl_stream *odd = wsl_process(events, "odd", &odd_only);
        wsl_stream *even = wsl_process(wsl_side_output(odd, "even"), "even", &see_all);
        result = wsl_union(even, wsl_process(odd, "see odd", &see_all));
    } else if (strcmp(job, "timers") == 0) {
        result = wsl_keyed_process(wsl_key_by(events, "key"), "timers", &at_the_end);
        wsl_set_uid(result, "timers");
    } else {
        return wsl_env_fail(env, "there is no job '%s'", job);
    }
    wsl_set_parallelism(wsl_collect(result, "out"), 1);
    return WSL_OK;
}
