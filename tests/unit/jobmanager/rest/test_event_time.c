/* Why watermarks stand and which rows were late, as answers to requests; the TaskManagers' numbers are the test's. */
#include <jansson.h>

#include "unit/jobmanager/jm_kit.h"
#include "base/alloc.h"
#include "base/cluster_options.h"
#include "jobmanager/rest/rest.h"

/* Two sources with strategies -> (hash) keyed -> sink; vertices: 0 and 1 sources, 2 the keyed one. */
#define OPERATORS                                                                                                      \
    "{\"name\":\"flow\",\"parallelism\":2,\"schemas\":{\"s\":{\"k\":\"STRING\",\"t\":\"BIGINT\"}},\"operators\":["     \
    "{\"name\":\"trades\",\"source\":\"datagen\",\"schema\":\"s\"},"                                                   \
    "{\"name\":\"on-time\",\"watermarks\":{\"timestamp\":\"t\"}},"                                                     \
    "{\"name\":\"prices\",\"source\":\"datagen\",\"schema\":\"s\"},"                                                   \
    "{\"name\":\"net\",\"from\":[\"on-time\",\"prices\"],\"key_by\":\"k\",\"aggregate\":\"k, COUNT(*) AS n\"},"        \
    "{\"name\":\"out\",\"sink\":\"blackhole\"}]}"

enum { TRADES = 0, PRICES = 1, NET = 2, ON_TIME_OP = 1, NET_OP = 3 };
static const int64_t T = 1763715660000; /* 2025-11-21 09:01:00 */

typedef struct scene {
    kit k;
    fake_tm tm;
    wsl_config *config;
    jm_rest rest;
    wsl_id job;
    uint32_t edge_of[2]; /* into net, from trades and prices */
} scene;

static void fake_stats(wsl_proc *proc, wsl_proc_stats *out)
{
    (void)proc;
    *out = (wsl_proc_stats){.threads = 1};
}
static wsl_proc fake_proc = {.stats = fake_stats};

static void setup(scene *s)
{
    memset(s, 0, sizeof *s);
    kit_init(&s->k);
    s->config = wsl_cluster_config_new();
    s->rest = (jm_rest){.jm = s->k.jm, .config = s->config, .proc = &fake_proc};
    tm_join(&s->tm, &s->k, "10.0.0.1:5000-abcdef", 8);
    s->job = kit_submit(&s->k, OPERATORS);
    for (wsl_envelope *e = tm_take(&s->tm, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL;
         e = tm_take(&s->tm, WSL__PB__ENVELOPE__BODY_DEPLOY)) {
        const Wsl__Pb__DeployTask *d = e->deploy;
        if (d->task->vertex == NET) {
            cr_assert_eq(d->n_inputs, 2u);
            for (size_t i = 0; i < 2; i++) {
                s->edge_of[d->inputs[i]->edge->from == ON_TIME_OP ? TRADES : PRICES] = d->inputs[i]->edge->id;
            }
        }
        tm_report(&s->tm, &s->job, d->task->vertex, d->task->subtask, WSL__PB__TASK_STATE__TASK_RUNNING, "");
        wsl_envelope_free(e);
    }
}

static void teardown(scene *s)
{
    tm_fini(&s->tm);
    kit_fini(&s->k);
    wsl_config_free(s->config);
}

/* ---- numbers of one task ---- */

enum { ITEMS = 8 };

typedef struct numbers {
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskMetrics m;
    Wsl__Pb__ChannelMetrics channel[ITEMS], *channels[ITEMS];
    Wsl__Pb__GeneratorMetrics generator, *generators[1];
    Wsl__Pb__SplitMetrics split[ITEMS], *splits[ITEMS];
    Wsl__Pb__LateMetrics late, *lates[1];
    Wsl__Pb__LateSample sample[ITEMS], *samples[ITEMS];
} numbers;

static numbers *numbers_of(const scene *s, uint32_t vertex, uint32_t subtask, int64_t in, int64_t out)
{
    numbers *n = wsl_zalloc(sizeof *n);
    wsl__pb__task_metrics__init(&n->m);
    wsl_pb_task_id_init(&n->id, &s->job, vertex, subtask, 1);
    n->m.task = &n->id;
    n->m.input_watermark = in;
    n->m.output_watermark = out;
    n->m.input_since_ms = n->m.output_since_ms = 1700000000000;
    n->m.inputs = n->channels;
    n->m.generators = n->generators;
    n->m.late = n->lates;
    return n;
}

static Wsl__Pb__ChannelMetrics *add_channel(numbers *n, uint32_t edge, uint32_t peer, int64_t watermark)
{
    Wsl__Pb__ChannelMetrics *c = &n->channel[n->m.n_inputs];
    wsl__pb__channel_metrics__init(c);
    c->edge = edge;
    c->peer_subtask = peer;
    c->watermark = watermark;
    n->channels[n->m.n_inputs++] = c;
    return c;
}

static Wsl__Pb__SplitMetrics *add_split(numbers *n, const char *name, int64_t watermark)
{
    if (n->m.n_generators == 0) {
        wsl__pb__generator_metrics__init(&n->generator);
        n->generator.operator_ = ON_TIME_OP;
        n->generator.at_source = true;
        n->generator.watermark = n->m.output_watermark;
        n->generator.splits = n->splits;
        n->generator.limit = INT64_MAX;
        n->generators[n->m.n_generators++] = &n->generator;
    }
    if (name == NULL) {
        return NULL;
    }
    Wsl__Pb__SplitMetrics *split = &n->split[n->generator.n_splits];
    wsl__pb__split_metrics__init(split);
    split->name = wsl_pb_text(name);
    split->watermark = watermark;
    split->since_ms = 1700000000000;
    n->splits[n->generator.n_splits++] = split;
    n->generator.reading++;
    return split;
}

static void add_late(numbers *n, uint64_t count, const char *key, int64_t timestamp, int64_t watermark)
{
    if (n->m.n_late == 0) {
        wsl__pb__late_metrics__init(&n->late);
        n->late.operator_ = NET_OP;
        n->late.samples = n->samples;
        n->lates[n->m.n_late++] = &n->late;
    }
    n->late.count = count;
    Wsl__Pb__LateSample *sample = &n->sample[n->late.n_samples];
    wsl__pb__late_sample__init(sample);
    sample->key = wsl_pb_text(key);
    sample->timestamp = timestamp;
    sample->watermark = watermark;
    sample->lateness_ms = watermark - timestamp;
    n->samples[n->late.n_samples++] = sample;
}

static void send(scene *s, numbers *n)
{
    Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
    Wsl__Pb__TaskMetrics *list[] = {&n->m};
    h.tasks = list;
    h.n_tasks = 1;
    tm_send(&s->tm, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h);
    free(n);
}

/* ---- asking ---- */

static const char *query(void *arg, const char *name) { return strcmp(name, "operator") == 0 ? arg : NULL; }

static json_t *ask(scene *s, const char *what, const char *operator_name, int status)
{
    char path[256], id[WSL_ID_TEXT_SIZE];
    json_error_t error;
    jm_response r;
    (void)snprintf(path, sizeof path, what, wsl_id_text(&s->job, id));
    jm_request request = {.method = "GET",
                          .path = path,
                          .query = query,
                          .query_arg = (void *)(uintptr_t)operator_name,
                          .content_type = "",
                          .accept = ""};
    jm_response_init(&r);
    jm_rest_handle(&s->rest, &request, &r);
    cr_assert_eq(r.status, status, "%s: %d %s", path, r.status, r.body.data);
    json_t *j = json_loadb(r.body.data, r.body.size, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(j, "%s in %s", error.text, r.body.data);
    jm_response_fini(&r);
    return j;
}

static json_t *vertex_of(const json_t *answer, size_t i)
{
    return json_array_get(json_object_get(answer, "vertices"), i);
}
static const char *text(const json_t *j, const char *key) { return json_string_value(json_object_get(j, key)); }

/* The reason the vertex gives ends with this. */
static void expect_reason(scene *s, uint32_t vertex, const char *end)
{
    json_t *j = ask(s, "/wiesel/v1/jobs/%s/watermarks", NULL, 200);
    const char *reason = text(vertex_of(j, vertex), "reason");
    const size_t size = strlen(end);
    cr_assert(strlen(reason) >= size && strcmp(reason + strlen(reason) - size, end) == 0, "%s", reason);
    json_decref(j);
}

/* All of net's four subtask inputs at T + 9 s, but what the test changes. */
static numbers *net_numbers(const scene *s, uint32_t subtask, int64_t watermark)
{
    numbers *n = numbers_of(s, NET, subtask, watermark, watermark);
    for (uint32_t i = 0; i < 4; i++) {
        (void)add_channel(n, s->edge_of[i / 2], i % 2, T + 9000);
    }
    return n;
}

static void sources_at(scene *s, int64_t watermark)
{
    for (uint32_t i = 0; i < 2; i++) {
        numbers *n = numbers_of(s, TRADES, i, INT64_MIN, watermark);
        (void)add_split(n, i == 0 ? "trades/0.json" : "trades/1.json", watermark);
        send(s, n);
        send(s, numbers_of(s, PRICES, i, INT64_MIN, INT64_MIN));
    }
}

Test(event_time, the_minimum_is_followed_back_to_its_input_subtask_and_split)
{
    scene s;
    setup(&s);
    sources_at(&s, T + 9000);
    numbers *slow = numbers_of(&s, TRADES, 1, INT64_MIN, T);
    (void)add_split(slow, "trades/7.json", T);
    (void)add_split(slow, "trades/8.json", T + 20000);
    send(&s, slow);
    send(&s, net_numbers(&s, 0, T + 9000));
    numbers *n = net_numbers(&s, 1, T);
    n->channel[1].watermark = T; /* from trades, subtask 1 */
    send(&s, n);
    kit_advance(&s.k, 11000);
    json_t *j = ask(&s, "/wiesel/v1/jobs/%s/watermarks", NULL, 200);
    const json_t *v = vertex_of(j, NET);
    cr_assert_str_eq(
        text(v, "reason"),
        "subtask 1 of 'net -> Sink: out' stands at 2025-11-21 09:01:00.000 for 12.0 s, held back by strategy "
        "'on-time' of subtask 1 of 'Source: trades -> on-time': its split 'trades/7.json' stands at "
        "2025-11-21 09:01:00.000 for 12.0 s (of 2 being read)",
        "%s", text(v, "reason"));
    cr_assert_eq(json_integer_value(json_object_get(v, "watermark")), T);
    cr_assert_eq(json_integer_value(json_object_get(v, "since")), 1700000000000);
    const json_t *path = json_object_get(v, "path");
    cr_assert_eq(json_array_size(path), 2u);
    cr_assert_str_eq(text(json_array_get(path, 1), "name"), "Source: trades -> on-time");
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(path, 1), "subtask")), 1);
    cr_assert_str_eq(text(json_object_get(v, "split"), "name"), "trades/7.json");
    const json_t *subtask = json_array_get(json_object_get(v, "subtasks"), 1);
    cr_assert_eq(json_array_size(json_object_get(subtask, "inputs")), 4u);
    cr_assert_str_eq(text(json_array_get(json_object_get(subtask, "inputs"), 1), "name"), "Source: trades -> on-time");
    const json_t *source = json_array_get(json_object_get(vertex_of(j, TRADES), "subtasks"), 1);
    const json_t *strategy = json_array_get(json_object_get(source, "strategies"), 0);
    cr_assert_str_eq(text(strategy, "name"), "on-time");
    cr_assert_eq(json_array_size(json_object_get(strategy, "splits")), 2u);
    json_decref(j);
    teardown(&s);
}

Test(event_time, a_source_without_strategy_is_named)
{
    scene s;
    setup(&s);
    sources_at(&s, T);
    numbers *n = net_numbers(&s, 0, INT64_MIN);
    n->channel[3].watermark = INT64_MIN;
    send(&s, n);
    json_t *j = ask(&s, "/wiesel/v1/jobs/%s/watermarks", NULL, 200);
    cr_assert(json_is_null(json_object_get(vertex_of(j, NET), "watermark")));
    cr_assert(json_is_null(json_object_get(vertex_of(j, NET), "split")));
    cr_assert_str_eq(
        text(vertex_of(j, NET), "reason"),
        "subtask 0 of 'net -> Sink: out' has no watermark yet, held back by subtask 1 of 'Source: prices', a "
        "source without watermark strategy");
    json_decref(j);
    teardown(&s);
}

Test(event_time, idle_and_ended_inputs_and_those_catching_up_are_passed_over)
{
    scene s;
    setup(&s);
    sources_at(&s, T + 9000);
    numbers *n = net_numbers(&s, 0, T + 9000);
    n->channel[0].watermark = n->channel[2].watermark = n->channel[3].watermark = T;
    n->channel[0].catching_up = true;
    n->channel[2].idle = true;
    n->channel[3].ended = true;
    send(&s, n);
    expect_reason(&s, NET,
                  "'Source: trades -> on-time': its split 'trades/1.json' stands at 2025-11-21 09:01:09.000 for 1.0 s");
    n = net_numbers(&s, 0, T);
    for (uint32_t i = 0; i < 4; i++) {
        n->channel[i].idle = true;
    }
    send(&s, n);
    send(&s, net_numbers(&s, 1, INT64_MAX));
    expect_reason(&s, NET, "stands at the end of time for 1.0 s");
    n = net_numbers(&s, 1, T + 9000);
    for (uint32_t i = 0; i < 4; i++) {
        n->channel[i].ended = true;
    }
    send(&s, n);
    expect_reason(&s, NET, "subtask 0 of 'net -> Sink: out': all its inputs are idle or have ended");
    teardown(&s);
}

Test(event_time, buffers_on_their_way_and_splits_that_wait_are_told)
{
    scene s;
    setup(&s);
    sources_at(&s, T + 9000);
    numbers *n = net_numbers(&s, 0, T);
    n->channel[0].watermark = T;
    n->channel[0].queue = 5;
    send(&s, n);
    expect_reason(&s, NET,
                  "held back by 5 buffers that wait at input 0 of subtask 0 of 'net -> Sink: out', from subtask 0 of "
                  "'Source: trades -> on-time'");
    n = numbers_of(&s, TRADES, 0, INT64_MIN, T);
    add_split(n, "trades/0.json", T)->paused = true;
    n->generator.limit = T - 1000;
    send(&s, n);
    expect_reason(&s, TRADES, "told to wait because its alignment group allows no more than 2025-11-21 09:00:59.000");
    n = numbers_of(&s, TRADES, 0, INT64_MIN, INT64_MIN);
    (void)add_split(n, "trades/0.json", INT64_MIN);
    send(&s, n);
    expect_reason(&s, TRADES, "its split 'trades/0.json' has given no row with a timestamp yet");
    n = numbers_of(&s, TRADES, 0, INT64_MIN, INT64_MIN);
    (void)add_split(n, NULL, 0);
    send(&s, n);
    expect_reason(&s, TRADES, "subtask 0 of 'Source: trades -> on-time': it reads no split at the moment");
    teardown(&s);
}

Test(event_time, before_numbers_come_and_after_the_end_there_is_an_answer)
{
    scene s;
    setup(&s);
    expect_reason(&s, NET, "subtask 0 of 'net -> Sink: out', whose numbers have not come yet");
    expect_reason(&s, TRADES,
                  "strategy 'on-time' of subtask 0 of 'Source: trades -> on-time', whose numbers have not come yet");
    expect_reason(&s, PRICES, "subtask 0 of 'Source: prices', a source without watermark strategy");
    for (uint32_t v = 0; v < 3; v++) {
        for (uint32_t i = 0; i < 2; i++) {
            tm_report(&s.tm, &s.job, v, i, WSL__PB__TASK_STATE__TASK_FINISHED, "");
        }
    }
    expect_reason(&s, NET, "'net -> Sink: out' does not run");
    teardown(&s);
}

Test(event_time, numbers_that_cannot_be_do_no_harm)
{
    scene s;
    setup(&s);
    sources_at(&s, T);
    numbers *n = net_numbers(&s, 0, T);
    n->channel[0].edge = 99;
    n->channel[0].watermark = T - 1;
    n->channel[1].peer_subtask = 99;
    send(&s, n);
    expect_reason(&s, NET, "all its inputs are idle or have ended");
    n = numbers_of(&s, TRADES, 0, INT64_MIN, T - 5);
    (void)add_split(n, "x", T - 5);
    n->generator.operator_ = 99;
    send(&s, n);
    expect_reason(&s, TRADES, "for 1.0 s");
    teardown(&s);
}

/* ---- late rows ---- */

Test(event_time, late_rows_are_counted_and_the_last_hundred_kept)
{
    scene s;
    setup(&s);
    json_t *j = ask(&s, "/wiesel/v1/jobs/%s/late", NULL, 200);
    cr_assert_eq(json_array_size(json_object_get(j, "operators")), 0u);
    json_decref(j);
    for (uint32_t i = 0; i < 60; i++) {
        for (uint32_t subtask = 0; subtask < 2; subtask++) {
            char key[32];
            (void)snprintf(key, sizeof key, "{k=%u}", i);
            numbers *n = net_numbers(&s, subtask, T);
            add_late(n, (i + 1) * 10, key, T - i, T);
            n->sample[0].split = i == 10 ? 0 : i == 11 ? 9999 : 1 + subtask; /* the source's subtasks are numbered first */
            send(&s, n);
        }
    }
    j = ask(&s, "/wiesel/v1/jobs/%s/late", NULL, 200);
    const json_t *op = json_array_get(json_object_get(j, "operators"), 0);
    cr_assert_str_eq(text(op, "operator-name"), "net");
    cr_assert_eq(json_integer_value(json_object_get(op, "count")), 1200);
    const json_t *samples = json_object_get(op, "samples");
    cr_assert_eq(json_array_size(samples), 100u);
    const json_t *first = json_array_get(samples, 0);
    cr_assert_str_eq(text(first, "key"), "{k=10}");
    cr_assert_eq(json_integer_value(json_object_get(first, "timestamp")), T - 10);
    cr_assert_eq(json_integer_value(json_object_get(first, "watermark")), T);
    cr_assert_eq(json_integer_value(json_object_get(first, "lateness")), 10);
    cr_assert(json_is_null(json_object_get(first, "split")));
    cr_assert(json_is_null(json_object_get(json_array_get(samples, 2), "split")), "a number that nothing has");
    cr_assert_str_eq(text(json_array_get(samples, 98), "split"), "trades, subtask 0");
    cr_assert_str_eq(text(json_array_get(samples, 99), "split"), "trades, subtask 1");
    cr_assert_str_eq(text(json_array_get(samples, 99), "key"), "{k=59}");
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(samples, 99), "subtask")), 1);
    json_decref(j);
    teardown(&s);
}

Test(event_time, late_rows_of_one_operator_or_vertex_can_be_asked_for)
{
    scene s;
    char path[160], id[WSL_ID_TEXT_SIZE];
    setup(&s);
    numbers *n = net_numbers(&s, 1, T);
    add_late(n, 1, "", T - 1, T);
    n->late.operator_ = ON_TIME_OP; /* not an operator of that vertex: ignored */
    send(&s, n);
    n = net_numbers(&s, 1, T);
    add_late(n, 1, "", T - 1, T);
    send(&s, n);
    json_t *j = ask(&s, "/wiesel/v1/jobs/%s/late", "net", 200);
    cr_assert_eq(json_array_size(json_object_get(j, "operators")), 1u);
    json_decref(j);
    j = ask(&s, "/wiesel/v1/jobs/%s/late", "on-time", 200);
    const json_t *none = json_array_get(json_object_get(j, "operators"), 0);
    cr_assert_eq(json_integer_value(json_object_get(none, "count")), 0);
    cr_assert_eq(json_array_size(json_object_get(none, "samples")), 0u);
    json_decref(j);
    j = ask(&s, "/wiesel/v1/jobs/%s/late", "nothing", 404);
    cr_assert(has_text(json_string_value(json_array_get(json_object_get(j, "errors"), 0)), "no operator 'nothing'"));
    json_decref(j);
    j = ask(&s, "/jobs/%s", NULL, 200);
    for (uint32_t v = 0; v < 3; v++) {
        const json_t *vertex = json_array_get(json_object_get(j, "vertices"), v);
        (void)snprintf(path, sizeof path, "/jobs/%s/vertices/%s/wiesel/late", wsl_id_text(&s.job, id),
                       text(vertex, "id"));
        json_t *late = ask(&s, path, NULL, 200);
        cr_assert_eq(json_array_size(json_object_get(late, "operators")), v == NET ? 1u : 0u);
        json_decref(late);
    }
    json_decref(j);
    teardown(&s);
}
