/*
 * workloads - the benchmark's jobs, as any user would write them: a source connector of their own that makes events from
 * their index, and functions. What is measured is the engine: source -> (keyed exchange) -> operator -> fold.
 *
 *     --workload stateless | running | largestate | tumbling | sliding | session | latency     --n EVENTS     --keys K     --fill F
 *     tumbling, sliding: --size DURATION --slide DURATION --per-ms EVENTS (of one ms of event time)
 *     latency: --rate EVENTS_PER_S --t0 NS (CLOCK_MONOTONIC) --warmup EVENTS --tick-us US
 *
 * Event i: key = mix(i) mod K, value = mix(i) >> 40, timestamp = i / per-ms (1000) ms. Subtask p of P makes i = p, p+P,
 * p+2P... The first F events have their index as key. Of session key = (mix(i) mod 50) * 20 + (i / 100000) mod 20: groups of 50 keys take turns of 100 ms each, and are
 * silent for longer than the gap (--size, 1s). The last operator folds results into sums and sends them to the client when its input has ended.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wiesel/wiesel.h>

WSL_ROW(event, (int64, id), (int64, key), (int64, value));
WSL_ROW(number, (int64, value));
WSL_ROW(counted, (int64, key), (int64, count), (int64, sum));
WSL_ROW(timed, (int64, id), (int64, count));
WSL_ROW(sums, (int64, results), (int64, checksum), (int64, r2));
WSL_ROW(bucket, (int64, crossed), (int64, us), (int64, n));

/* splitmix64's finalizer (Steele, Lea, Flood 2014). */
static inline uint64_t mix(uint64_t i)
{
    uint64_t z = i + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* ---- source ---- */

typedef struct generator {
    uint64_t next;    /* index of the next event */
    uint64_t n;       /* events of all subtasks */
    uint64_t keys;
    uint64_t per_ms;    /* events of one ms of event time */
    uint64_t period_ns; /* 0: as fast as possible */
    int64_t t0_ns;
    int64_t tick_ns;
    bool takes_turns; /* groups of keys do */
    uint64_t fill;    /* the first events go through so many keys in their order */
} generator;

static const wsl_option generator_options[] = {
    {.name = "n", .type = WSL_OPT_INT, .required = true, .min = "1", .help = "Events of all subtasks together."},
    {.name = "keys", .type = WSL_OPT_INT, .default_value = "1", .min = "1", .help = "Number of keys."},
    {.name = "per-ms",
     .type = WSL_OPT_INT,
     .default_value = "1000",
     .min = "1",
     .help = "Events of one ms of event time."},
    {.name = "fill", .type = WSL_OPT_INT, .default_value = "0", .help = "The first so many events have their index as key."},
    {.name = "rate", .type = WSL_OPT_INT, .default_value = "0", .help = "Events per second; 0: no limit."},
    {.name = "t0", .type = WSL_OPT_INT, .default_value = "0", .help = "When event 0 is due, ns of CLOCK_MONOTONIC."},
    {.name = "turns", .type = WSL_OPT_BOOL, .default_value = "false", .help = "20 groups of 50 keys take turns, 100000 events each."},
    {.name = "tick-us", .type = WSL_OPT_INT, .default_value = "0", .help = "Time from one wake-up to the next, at least; 0: at each event."},
    {0},
};

static wsl_status generator_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)err;
    generator *g = self;
    g->next = ctx->subtask;
    g->n = (uint64_t)wsl_config_int(ctx->config, "n");
    g->keys = (uint64_t)wsl_config_int(ctx->config, "keys");
    const int64_t rate = wsl_config_int(ctx->config, "rate");
    g->period_ns = rate > 0 ? UINT64_C(1000000000) / (uint64_t)rate : 0;
    g->t0_ns = wsl_config_int(ctx->config, "t0");
    g->per_ms = (uint64_t)wsl_config_int(ctx->config, "per-ms");
    g->tick_ns = wsl_config_int(ctx->config, "tick-us") * 1000;
    g->takes_turns = wsl_config_bool(ctx->config, "turns");
    g->fill = (uint64_t)wsl_config_int(ctx->config, "fill");
    return WSL_OK;
}

/* The divisors are constants in each copy. */
static inline __attribute__((always_inline)) wsl_status make(generator *g, wsl_source_ctx *ctx, uint64_t until,
                                                             uint64_t keys, uint64_t per_ms, bool takes_turns, bool fills,
                                                             uint32_t max_rows)
{
    const uint32_t size = wsl_row_fixed_size(event_n_fields);
    uint64_t i = g->next;
    for (uint32_t k = 0; k < max_rows && i < until; k++, i += ctx->parallelism) {
        if ((size_t)(ctx->out_end - ctx->out_tip) < size) {
            g->next = i;
            const wsl_status status = ctx->ops->make_room(ctx, size);
            if (status != WSL_OK) {
                return status;
            }
        }
        const uint64_t m = mix(i);
        wsl_row *row = (wsl_row *)(void *)ctx->out_tip;
        *row = (wsl_row){.size = size, .flags = WSL_ROW_HAS_TIMESTAMP, .timestamp = (int64_t)(i / per_ms)};
        row->slot[event_f_id] = i;
        row->slot[event_f_key] = takes_turns ? m % 50 * 20 + i / 100000 % 20 : fills && i < g->fill ? i : m % keys;
        row->slot[event_f_value] = m >> 40;
        const wsl_status status = ctx->ops->emit(ctx, row);
        if (status != WSL_OK) {
            g->next = i + ctx->parallelism;
            return status;
        }
    }
    g->next = i;
    return i < g->n ? WSL_OK : WSL_END;
}

/* When the first event is due that is due at least tick_ns after the last one that was made: each wake-up has a fresh one. */
static int64_t next_wake(const generator *g, uint32_t parallelism)
{
    const int64_t step_ns = (int64_t)(g->period_ns * parallelism);
    const int64_t more = g->tick_ns > step_ns ? (g->tick_ns - 1) / step_ns : 0; /* events that wait for a later one */
    return g->t0_ns + (int64_t)(g->next * g->period_ns) + more * step_ns;
}

static wsl_status make_until(generator *g, wsl_source_ctx *ctx, uint64_t until, uint32_t max_rows)
{
    if (g->takes_turns) {
        return make(g, ctx, until, 1, g->per_ms, true, false, max_rows);
    }
    if (g->fill > 0) {
        return make(g, ctx, until, g->keys, g->per_ms, false, true, max_rows);
    }
    switch (g->per_ms == 1000 ? g->keys : 0) {
    case 1:
        return make(g, ctx, until, 1, 1000, false, false, max_rows);
    case 1000:
        return make(g, ctx, until, 1000, 1000, false, false, max_rows);
    case 100000:
        return make(g, ctx, until, 100000, 1000, false, false, max_rows);
    case 1000000:
        return make(g, ctx, until, 1000000, 1000, false, false, max_rows);
    case 5000000:
        return make(g, ctx, until, 5000000, 1000, false, false, max_rows);
    default:
        return make(g, ctx, until, g->keys, g->per_ms, false, false, max_rows);
    }
}

static wsl_status generator_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err;
    generator *g = self;
    if (g->period_ns == 0) {
        return make_until(g, ctx, g->n, max_rows);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    const uint64_t due = now_ns < g->t0_ns ? 0 : (uint64_t)(now_ns - g->t0_ns) / g->period_ns + 1;
    const uint64_t until = due < g->n ? due : g->n;
    const wsl_status status = make_until(g, ctx, until, max_rows);
    if (status == WSL_OK && g->next >= until) {
        ctx->ops->wake_at(ctx, next_wake(g, ctx->parallelism));
        return WSL_AGAIN;
    }
    return status;
}

static void generator_close(void *self, wsl_source_ctx *ctx)
{
    (void)self;
    (void)ctx;
}

/* The index of the next event, and the number of subtasks, which stays the same in a benchmark. */
typedef struct generator_position {
    uint64_t next, parallelism;
} generator_position;

static wsl_status generator_snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)err;
    const generator *g = self;
    const generator_position position = {g->next, ctx->parallelism};
    save->add(save, &(wsl_split){.name = "events", .bytes = &position, .size = sizeof position});
    return WSL_OK;
}

static wsl_status generator_restore(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    generator *g = self;
    generator_position position = {0};
    if (n == 1 && pieces[0].size == sizeof position) {
        memcpy(&position, pieces[0].bytes, sizeof position);
    }
    if (position.parallelism != ctx->parallelism) {
        return wsl_fail(err, WSL_UNSUPPORTED, "bench_events goes on with the parallelism it had only");
    }
    g->next = position.next;
    return WSL_OK;
}

static const wsl_reader_class generator_reader = {
    .size = sizeof(generator),
    .open = generator_open,
    .poll = generator_poll,
    .close = generator_close,
    .snapshot = generator_snapshot,
    .restore = generator_restore,
};

WSL_SOURCE_CONNECTOR(bench_events, .help = "Events made from their index.", .options = generator_options,
                     .reader = &generator_reader);

/* ---- stateless ---- */

static wsl_status is_even(wsl_ctx *ctx, const wsl_row *in, bool *out_keep)
{
    (void)ctx;
    *out_keep = (event_value(in) & 1) == 0;
    return WSL_OK;
}
WSL_FILTER(even, .in = &event_schema, .filter = is_even);

static wsl_status twice_plus_one(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &number_schema, 0);
    number_set_value(&w, event_value(in) * 2 + 1);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(transform, .in = &event_schema, .out = &number_schema, .process = twice_plus_one);

typedef struct totals {
    uint64_t results, checksum, r2;
} totals;

static wsl_status send_totals(wsl_ctx *ctx)
{
    const totals *t = ctx->local;
    wsl_row_writer w = wsl_begin(ctx, &sums_schema, 0);
    sums_set_results(&w, (int64_t)t->results);
    sums_set_checksum(&w, (int64_t)t->checksum);
    sums_set_r2(&w, (int64_t)t->r2);
    return wsl_emit(ctx, &w);
}

static wsl_status fold_number(wsl_ctx *ctx, const wsl_row *in)
{
    totals *t = ctx->local;
    t->checksum += 7 + (uint64_t)number_value(in); /* count * 7 + sum of one result at the end */
    return WSL_OK;
}
WSL_PROCESS(fold_numbers, .in = &number_schema, .out = &sums_schema, .local_size = sizeof(totals),
            .process = fold_number, .finish = send_totals);

/* ---- running ---- */

WSL_VALUE_STATE(running_state, "running", (int64, count), (int64, sum));

static wsl_status count_event(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *state = wsl_value_update(k, &running_state);
    const uint64_t count = ++state->slot[0];
    const uint64_t sum = state->slot[1] += (uint64_t)event_value(in);
    *(uint64_t *)k->ctx.local += (uint64_t)event_value(in);
    wsl_row_writer w = wsl_begin(k, &counted_schema, 0);
    counted_set_key(&w, event_key(in));
    counted_set_count(&w, (int64_t)count);
    counted_set_sum(&w, (int64_t)sum);
    return wsl_emit(k, &w);
}

/* The final sums of all keys together: a row with count 0. */
static wsl_status send_final_sum(wsl_ctx *ctx)
{
    wsl_row_writer w = wsl_begin(ctx, &counted_schema, 0);
    counted_set_key(&w, 0);
    counted_set_count(&w, 0);
    counted_set_sum(&w, *(int64_t *)ctx->local);
    return wsl_emit(ctx, &w);
}
WSL_KEYED_PROCESS(running, .in = &event_schema, .out = &counted_schema, .local_size = sizeof(uint64_t),
                  .states = WSL_STATES(&running_state), .keyed_process = count_event, .finish = send_final_sum);

static wsl_status fold_one_count(wsl_ctx *ctx, const wsl_row *in)
{
    totals *t = ctx->local;
    const uint64_t key = (uint64_t)counted_key(in), count = (uint64_t)counted_count(in), sum = (uint64_t)counted_sum(in);
    if (count == 0) {
        t->r2 += sum;
        return WSL_OK;
    }
    t->results++;
    t->checksum += key * 31 + count * 7 + sum;
    t->r2 += key * 31 + count * 7;
    return WSL_OK;
}
WSL_PROCESS(fold_counts, .in = &counted_schema, .out = &sums_schema, .local_size = sizeof(totals),
            .process = fold_one_count, .finish = send_totals);

/* ---- large state ---- */

enum { PAYLOAD_BYTES = 84 };

/* 100 bytes: count, sum, 84 bytes that do not compress (and 4 that fill up), of which every event changes one. */
WSL_VALUE_STATE(large_state, "large", (int64, count), (int64, sum), (int64, p0), (int64, p1), (int64, p2), (int64, p3), (int64, p4),
                (int64, p5), (int64, p6), (int64, p7), (int64, p8), (int64, p9), (int64, p10));

static void fill_payload(uint64_t *payload, uint64_t key)
{
    for (uint64_t x = 0; x + 8 <= PAYLOAD_BYTES; x += 8) {
        payload[x / 8] = mix(key * 16 + 16 + x);
    }
}

static wsl_status change_large(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *state = wsl_value_update(k, &large_state);
    uint64_t *payload = state->slot + 2;
    const uint64_t count = ++state->slot[0];
    const uint64_t sum = state->slot[1] += (uint64_t)event_value(in);
    if (count == 1) {
        fill_payload(payload, (uint64_t)event_key(in));
    }
    ((uint8_t *)payload)[count % PAYLOAD_BYTES] = (uint8_t)event_value(in);
    *(uint64_t *)k->ctx.local += (uint64_t)event_value(in);
    wsl_row_writer w = wsl_begin(k, &counted_schema, 0);
    counted_set_key(&w, event_key(in));
    counted_set_count(&w, (int64_t)count);
    counted_set_sum(&w, (int64_t)sum);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(large, .in = &event_schema, .out = &counted_schema, .local_size = sizeof(uint64_t),
                  .states = WSL_STATES(&large_state), .keyed_process = change_large, .finish = send_final_sum);

/* ---- latency ---- */
/* ---- tumbling, sliding ---- */

static wsl_status count_in_window(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[counted_f_key] = (uint64_t)event_key(in);
    acc->slot[counted_f_count]++;
    acc->slot[counted_f_sum] += (uint64_t)event_value(in);
    return WSL_OK;
}

static wsl_status add_counts(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    acc->slot[counted_f_key] = (uint64_t)counted_key(other);
    acc->slot[counted_f_count] += (uint64_t)counted_count(other);
    acc->slot[counted_f_sum] += (uint64_t)counted_sum(other);
    return WSL_OK;
}
WSL_AGGREGATE(windowed, .in = &event_schema, .acc = &counted_schema, .out = &counted_schema, .add = count_in_window,
              .merge = add_counts);

/* A window's results have its last timestamp. */
static wsl_status fold_one_window(wsl_ctx *ctx, const wsl_row *in)
{
    totals *t = ctx->local;
    t->results++;
    t->checksum += (uint64_t)counted_key(in) * 31 + (uint64_t)(wsl_timestamp(ctx) + 1) * 17 +
                   (uint64_t)counted_count(in) * 7 + (uint64_t)counted_sum(in);
    return WSL_OK;
}
WSL_PROCESS(fold_windows, .in = &counted_schema, .out = &sums_schema, .local_size = sizeof(totals),
            .process = fold_one_window, .finish = send_totals);


enum { BUCKETS = 200001 };

typedef struct latency_config {
    int64_t t0_ns, period_ns, warmup;
} latency_config;

static wsl_status count_timed(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *state = wsl_value_update(k, &running_state);
    state->slot[1] += (uint64_t)event_value(in);
    wsl_row_writer w = wsl_begin(k, &timed_schema, 0);
    timed_set_id(&w, event_id(in));
    timed_set_count(&w, (int64_t)++state->slot[0]);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(running_timed, .in = &event_schema, .out = &timed_schema, .states = WSL_STATES(&running_state),
                  .keyed_process = count_timed);

typedef struct histogram {
    uint32_t n[2][BUCKETS];
} histogram;

static wsl_status note_latency(wsl_ctx *ctx, const wsl_row *in)
{
    const latency_config *c = ctx->config;
    histogram *h = ctx->local;
    const int64_t id = timed_id(in);
    if (id < c->warmup) {
        return WSL_OK;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t us = ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (c->t0_ns + id * c->period_ns)) / 1000;
    us = us < 0 ? 0 : us >= BUCKETS ? BUCKETS - 1 : us;
    const bool crossed = (uint64_t)id % ctx->parallelism != ctx->subtask;
    h->n[crossed][us]++;
    return WSL_OK;
}

static wsl_status send_histogram(wsl_ctx *ctx)
{
    const histogram *h = ctx->local;
    for (int crossed = 0; crossed < 2; crossed++) {
        for (int us = 0; us < BUCKETS; us++) {
            if (h->n[crossed][us] == 0) {
                continue;
            }
            wsl_row_writer w = wsl_begin(ctx, &bucket_schema, 0);
            bucket_set_crossed(&w, crossed);
            bucket_set_us(&w, us);
            bucket_set_n(&w, h->n[crossed][us]);
            const wsl_status status = wsl_emit(ctx, &w);
            if (status != WSL_OK) {
                return status;
            }
        }
    }
    return WSL_OK;
}
WSL_PROCESS(latencies, .in = &timed_schema, .out = &bucket_schema, .local_size = sizeof(histogram),
            .process = note_latency, .finish = send_histogram);

/* ---- the jobs ---- */

WSL_JOB(env, args)
{
    const char *workload = wsl_arg_required(args, "workload");
    const char *n = wsl_arg_required(args, "n");
    const bool is_latency = strcmp(workload, "latency") == 0;
    const bool is_tumbling = strcmp(workload, "tumbling") == 0;
    const bool is_sliding = strcmp(workload, "sliding") == 0;
    const bool is_session = strcmp(workload, "session") == 0;
    const char *keys = wsl_arg(args, "keys",
                               is_latency || is_sliding           ? "1000"
                               : is_tumbling                      ? "100000"
                               : strcmp(workload, "running") == 0 ? "1000000"
                               : strcmp(workload, "largestate") == 0 ? "5000000"
                                                                  : "1");
    const char *rate = wsl_arg(args, "rate", is_latency ? "50000" : "0");
    const char *t0 = wsl_arg(args, "t0", "0");
    const int64_t warmup = wsl_arg_int(args, "warmup", 0);

    wsl_env_set_name(env, workload);
    wsl_stream *events = wsl_from(env, "events", "bench_events", &event_schema,
                                  WSL_OPTIONS({"n", n}, {"keys", keys}, {"rate", rate}, {"t0", t0},
                                              {"per-ms", wsl_arg(args, "per-ms", "1000")},
                                              {"turns", is_session ? "true" : NULL},
                                              {"fill", wsl_arg(args, "fill", "0")},
                                              {"tick-us", wsl_arg(args, "tick-us", "0")}));
    wsl_stream *results = NULL;
    if (strcmp(workload, "stateless") == 0) {
        wsl_stream *numbers = wsl_map(wsl_filter(events, "even", &even), "transform", &transform);
        results = wsl_process(numbers, "fold", &fold_numbers);
    } else if (strcmp(workload, "running") == 0) {
        wsl_stream *counts = wsl_keyed_process(wsl_key_by(events, "key"), "running", &running);
        wsl_set_uid(counts, "running");
        results = wsl_process(counts, "fold", &fold_counts);
    } else if (strcmp(workload, "largestate") == 0) {
        wsl_stream *counts = wsl_keyed_process(wsl_key_by(events, "key"), "large", &large);
        wsl_set_uid(counts, "large");
        results = wsl_process(counts, "fold", &fold_counts);
    } else if (is_tumbling || is_sliding || is_session) {
        const int64_t size = wsl_arg_duration(args, "size", is_sliding ? 10000 : 1000);
        const wsl_windowing windows = {.assigner = is_tumbling  ? wsl_tumbling(size)
                                                   : is_session ? wsl_session(size)
                                                                : wsl_sliding(size, wsl_arg_duration(args, "slide", 1000))};
        wsl_stream *timed_events = wsl_watermarks(events, "on-time", wsl_monotonous_timestamps(NULL));
        wsl_stream *counts = wsl_window_aggregate(wsl_key_by(timed_events, "key"), workload, &windows, &windowed, NULL);
        wsl_set_uid(counts, workload);
        results = wsl_process(counts, "fold", &fold_windows);
    } else if (is_latency) {
        wsl_stream *counts = wsl_keyed_process(wsl_key_by(events, "key"), "running", &running_timed);
        wsl_set_uid(counts, "running");
        results = wsl_process(counts, "latencies", &latencies);
        const latency_config config = {
            .t0_ns = strtoll(t0, NULL, 10),
            .period_ns = 1000000000 / strtoll(rate, NULL, 10),
            .warmup = warmup,
        };
        wsl_set_config(results, &config, sizeof config);
    } else {
        return wsl_env_fail(env, "there is no workload '%s': stateless, running, largestate, tumbling, sliding, session or latency",
                            workload);
    }
    wsl_set_parallelism(wsl_collect(results, "results"), 1);
    return WSL_OK;
}
