/*
 * A watermark strategy right behind a source: one generator per split. The source's reader does what a script says, one
 * line per poll:
 *
 *     +a       begins to read split a          7@1000   emits a row with id 7 and timestamp 1000
 *     =a       rows are of split a again       ?        asks for a split
 *     -a       split a is finished
 *
 * After the script it waits. What comes out is compared as text: "7 w999 idle".
 */
#include "harness/wsl_test.h"

#include <wiesel/connector.h>
#include <wiesel/time.h>

#include "chain_kit.h"
#include "base/fs.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/time/time_report.h"

WSL_ROW(event, (int64, id), (int64, ts));

static struct {
    const char *const *lines;
    uint32_t n, at;
    char splits[8]; /* letters by number */
    uint32_t polls;
    char paused[64]; /* "a+ a- ": what pause_split was told */
} script;

static wsl_status emit_event(wsl_source_ctx *ctx, int64_t id, int64_t ts)
{
    const uint32_t need = wsl_row_fixed_size(event_n_fields);
    if ((size_t)(ctx->out_end - ctx->out_tip) < need) {
        WSL_TRY(ctx->ops->make_room(ctx, need));
    }
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), event_n_fields);
    event_set_id(&w, id);
    event_set_ts(&w, ts);
    return ctx->ops->emit(ctx, w.row);
}

static uint32_t number_of(char letter)
{
    const char *at = memchr(script.splits, letter, sizeof script.splits);
    cr_assert_not_null(at);
    return (uint32_t)(at - script.splits);
}

static wsl_status play(wsl_source_ctx *ctx, const char *line)
{
    for (const char *p = line; *p != '\0'; p += strcspn(p, " "), p += strspn(p, " ")) {
        const char name[2] = {p[1], '\0'};
        long long id, ts;
        if (*p == '+') {
            script.splits[ctx->ops->split_started(ctx, name)] = p[1];
        } else if (*p == '=') {
            ctx->ops->from_split(ctx, number_of(p[1]));
        } else if (*p == '-' && p[1] >= 'a') {
            script.splits[number_of(p[1])] = '\0';
            ctx->ops->split_finished(ctx, name);
        } else if (*p == '?') {
            ctx->ops->request_split(ctx);
        } else {
            cr_assert_eq(sscanf(p, "%lld@%lld", &id, &ts), 2, "%s", p);
            WSL_TRY(emit_event(ctx, id, ts));
        }
    }
    return WSL_OK;
}

static wsl_status reader_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)self, (void)max_rows, (void)err;
    script.polls++;
    return script.at < script.n ? play(ctx, script.lines[script.at++]) : WSL_AGAIN;
}

static wsl_status reader_add_split(void *self, wsl_source_ctx *ctx, const wsl_split *split, wsl_error *err)
{
    (void)self, (void)ctx, (void)split, (void)err;
    return WSL_OK;
}

static void reader_pause(void *self, wsl_source_ctx *ctx, uint32_t split, bool pause)
{
    (void)self, (void)ctx;
    const size_t n = strlen(script.paused);
    (void)snprintf(script.paused + n, sizeof script.paused - n, "%c%c ", script.splits[split], pause ? '+' : '-');
}

static const wsl_reader_class reader = {.size = 8, .add_split = reader_add_split, .poll = reader_poll};
static const wsl_reader_class patient_reader = {
    .size = 8, .add_split = reader_add_split, .poll = reader_poll, .pause_split = reader_pause};
static const wsl_enumerator_class enumerator = {.size = 1};
static const wsl_source_class plain_source = {.name = "test", .reader = &reader};
static const wsl_source_class split_source = {.name = "test", .enumerator = &enumerator, .reader = &reader};
static const wsl_source_class patient_source = {.name = "test", .enumerator = &enumerator, .reader = &patient_reader};

/* ---- the chain: source, strategy, collector ---- */

static kit k;
static int64_t reported;
static bool reported_idle;
static uint32_t n_reports;

static void on_report(tm_op_host *host, tm_op *op, int64_t watermark, bool idle)
{
    (void)host, (void)op;
    reported = watermark;
    reported_idle = idle;
    n_reports++;
}

typedef struct plan {
    const wsl_source_class *source;
    const wsl_function *custom;
    const char *options[12]; /* key, value, ... */
} plan;

static void begin(const plan *p, const char *const *lines, uint32_t n)
{
    wsl_error err = {0};
    memset(&script, 0, sizeof script);
    script.lines = lines;
    script.n = n;
    n_reports = 0;
    kit_init(&k, NULL);
    k.host.report_watermark = on_report;
    const uint32_t source = kit_add(&k, "source", "events", NULL, &event_schema);
    kit_connector(&k, source, "collection");
    kit_option(&k, source, "rows", "[]");
    const uint32_t timed = kit_add(&k, "watermarks", "timed", p->custom, &event_schema);
    if (p->custom == NULL) {
        k.ops[timed]->function[0] = '\0';
    }
    kit_option(&k, timed, "timestamp", "ts");
    for (uint32_t i = 0; p->options[i] != NULL; i += 2) {
        kit_option(&k, timed, p->options[i], p->options[i + 1]);
    }
    kit_edge(&k, source, timed, "");
    cr_assert_eq(kit_make(&k, &err), WSL_OK, "%s", err.text);
    kit_head(&k)->env.source = p->source;
    kit_collect(&k, timed);
    cr_assert_eq(tm_chain_open(k.chain, &err), WSL_OK, "%s", err.text);
}
#define BEGIN(plan_, ...)                                                                                              \
    static const char *const lines_[] = {__VA_ARGS__};                                                                 \
    begin(plan_, lines_, (uint32_t)WSL_ARRAY_LEN(lines_))

static tm_op *strategy(void) { return tm_chain_op(k.chain, 1); }
static void poll(void)
{
    const wsl_status status = tm_op_resume(kit_head(&k));
    cr_assert(status == WSL_OK || status == WSL_AGAIN, "%s", k.error.text);
}
static void ms_pass(int64_t ms)
{
    wsl_manual_clock_advance(&k.clock, ms * WSL_NS_PER_MS);
    cr_assert_eq(tm_op_resume(strategy()), WSL_AGAIN);
}
static void give_split(void)
{
    const wsl_split split = {.name = "x", .bytes = "x", .size = 1};
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), &split, 0, false), WSL_OK);
}
static void expect(const char *text)
{
    cr_assert_str_eq(kit_text(&k), text);
    tm_collector_clear(k.out);
}

static const plan per_record = {.source = &plain_source, .options = {"emit", "per-record"}};
static const plan periodic = {.source = &plain_source};

/* ---- timestamps ---- */

/* One strategy stamps the rows by their field, the one beside it leaves them as they come. */
Test(split_watermarks, rows_that_others_read_too_are_not_touched)
{
    static const char *const lines[] = {"1@100 2@50"};
    wsl_error err = {0};
    memset(&script, 0, sizeof script);
    script.lines = lines;
    script.n = 1;
    kit_init(&k, NULL);
    const uint32_t source = kit_add(&k, "source", "events", NULL, &event_schema);
    kit_connector(&k, source, "collection");
    kit_option(&k, source, "rows", "[]");
    uint32_t strategies[2];
    for (uint32_t i = 0; i < 2; i++) {
        strategies[i] = kit_add(&k, "watermarks", i == 0 ? "stamping" : "leaving", NULL, &event_schema);
        k.ops[strategies[i]]->function[0] = '\0';
        kit_option(&k, strategies[i], i == 0 ? "timestamp" : "strategy", i == 0 ? "ts" : "none");
        kit_edge(&k, source, strategies[i], "");
    }
    cr_assert_eq(kit_make(&k, &err), WSL_OK, "%s", err.text);
    kit_head(&k)->env.source = &plain_source;
    kit_collect(&k, strategies[0]);
    kit_collect(&k, strategies[1]);
    cr_assert_eq(tm_chain_open(k.chain, &err), WSL_OK, "%s", err.text);
    poll();
    cr_assert_str_eq(kit_text(&k), "1 2 1 2");
    static const int64_t expected[] = {100, 50};
    for (uint32_t i = 0; i < 4; i++) {
        const wsl_row *row = tm_collector_at(k.out, i)->row;
        cr_assert_eq(wsl_row_has_timestamp(row), i < 2);
        cr_assert_eq(row->timestamp, i < 2 ? expected[i] : 0);
    }
    kit_fini(&k);
}

/* ---- one split, several splits ---- */

Test(split_watermarks, a_reader_that_does_not_speak_of_splits_is_one)
{
    BEGIN(&per_record, "1@100 2@50 3@200");
    poll();
    expect("1 w99 2 3 w199");
    kit_fini(&k);
}

Test(split_watermarks, the_minimum_over_the_splits_being_read_counts)
{
    BEGIN(&per_record, "+a 1@100 +b", "2@50", "=a 3@300", "=b 4@70 5@400");
    poll();
    expect("1 w99");
    poll();
    expect("2"); /* b is at 49, which is not more than 99 */
    poll();
    expect("3");
    poll();
    expect("4 5 w299");
    kit_fini(&k);
}

Test(split_watermarks, a_split_without_rows_holds_the_others_back)
{
    BEGIN(&per_record, "+a +b 1@50", "=a 2@100 3@200", "=b 4@150");
    poll();
    expect("1");
    poll();
    expect("2 w49 3");
    poll();
    expect("4 w149");
    kit_fini(&k);
}

Test(split_watermarks, a_finished_split_leaves_the_minimum)
{
    BEGIN(&per_record, "+a 1@100 +b 2@20", "-b", "=a 3@101");
    poll();
    expect("1 w99 2");
    poll();
    expect("");
    poll();
    expect("3 w100");
    kit_fini(&k);
}

Test(split_watermarks, one_after_the_other_never_goes_back)
{
    BEGIN(&per_record, "+a 1@100 -a", "+b 2@10 3@50", "4@150 -b");
    poll();
    expect("1 w99");
    poll();
    expect("2 3");
    poll();
    expect("4 w149");
    kit_fini(&k);
}

Test(split_watermarks, the_last_word_of_the_last_split_is_not_lost_when_periodic)
{
    BEGIN(&periodic, "+a 1@100 -a", "+b 2@90");
    poll();
    expect("1 w99");
    poll();
    ms_pass(200);
    expect("2");
    kit_fini(&k);
}

Test(split_watermarks, rows_of_different_splits_in_one_poll_are_kept_apart)
{
    BEGIN(&per_record, "+a +b =a 1@100 =b 2@30 =a 3@110 =b 4@120");
    poll();
    expect("1 2 w29 3 4 w109");
    kit_fini(&k);
}

Test(split_watermarks, numbers_are_used_again)
{
    BEGIN(&per_record, "+a 1@100 -a +b 2@200 -b +c 3@300");
    poll();
    expect("1 w99 2 w199 3 w299");
    cr_assert_eq(number_of('c'), 0);
    kit_fini(&k);
}

/* ---- idleness ---- */

static const plan idle_500 = {.source = &plain_source, .options = {"emit", "per-record", "idleness", "500 ms"}};

Test(split_watermarks, splits_go_idle_one_by_one_and_come_back)
{
    BEGIN(&idle_500, "+a +b 1@50", "=a 2@100", "=a 3@200", "=a 4@300", "=a 5@400", "=b 6@60", "=b 7@500 =a 8@600");
    poll();
    poll();
    expect("1 2 w49");
    for (int i = 0; i < 3; i++) { /* 200: there was a row; 400: the countdown starts; 600, 800: 400 ms */
        ms_pass(200);
        poll();
    }
    expect("3 4 5");
    ms_pass(200);
    expect("");
    ms_pass(200); /* 600 ms > 500 ms: b is idle, and a goes on alone */
    expect("w399");
    poll();
    expect("6"); /* back, but behind: the watermark stands */
    poll();
    expect("7 8 w499");
    kit_fini(&k);
}

Test(split_watermarks, is_idle_when_all_splits_are)
{
    BEGIN(&idle_500, "+a 1@50 +b 2@70", "=b 3@90");
    poll();
    expect("1 w49 2");
    for (int i = 0; i < 4; i++) {
        ms_pass(200);
        expect("");
    }
    ms_pass(200);
    expect("idle");
    poll();
    expect("active 3 w89");
    kit_fini(&k);
}

Test(split_watermarks, idleness_takes_up_to_three_ticks_more)
{
    BEGIN(&idle_500, "+a 1@50");
    wsl_manual_clock_advance(&k.clock, WSL_NS_PER_MS); /* the row comes just after a tick */
    poll();
    expect("1 w49");
    ms_pass(199);
    ms_pass(200);
    ms_pass(200);
    ms_pass(200);
    expect("");
    ms_pass(200);
    expect("idle"); /* 999 ms after the row; 500 + 3 * 200 at most */
    kit_fini(&k);
}

Test(split_watermarks, time_in_which_nothing_can_be_sent_does_not_count)
{
    BEGIN(&idle_500, "+a 1@50", "2@51 3@52");
    poll();
    tm_collector_limit(k.out, 0);
    poll(); /* the collector is behind */
    for (int i = 0; i < 50; i++) {
        ms_pass(200);
    }
    expect("1 w49");
    cr_assert_eq(kit_settle(&k, UINT32_MAX), WSL_OK);
    tm_collector_limit(k.out, UINT32_MAX);
    expect("2 w50 3 w51");
    for (int i = 0; i < 4; i++) {
        ms_pass(200);
        expect("");
    }
    ms_pass(200);
    expect("idle");
    kit_fini(&k);
}

/* ---- a subtask without a split ---- */

static const plan with_enumerator = {.source = &split_source, .options = {"emit", "per-record"}};

Test(split_watermarks, a_subtask_without_a_split_is_idle_once_that_is_known)
{
    BEGIN(&with_enumerator, "?", "+a 1@100", "2@200 -a ?", "", "+b 3@300");
    poll();
    expect(""); /* it may get any split */
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), NULL, 0, false), WSL_OK);
    expect("idle");
    give_split();
    expect("active");
    poll();
    expect("1 w99");
    poll();
    expect("2 w199");
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), NULL, 0, false), WSL_OK);
    expect("idle");
    poll();
    expect("");
    kit_fini(&k);
}

Test(split_watermarks, the_watermark_is_emitted_before_a_source_goes_idle)
{
    static const plan lazily = {.source = &split_source};
    BEGIN(&lazily, "?", "1@100 2@180", "");
    poll();
    give_split();
    poll();
    expect("1 2");
    cr_assert_eq(tm_op_emit_idle(kit_head(&k), true), WSL_OK); /* a reader that says nothing of splits has none left */
    expect("w179 idle"); /* in this order: watermarks of an idle channel do not count */
    kit_fini(&k);
}

/* ---- custom generators ---- */

static void by_marker(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms)
{
    int64_t *rows = w->local;
    ++*rows;
    if (event_id(row) < 0) {
        wsl_emit_watermark(w, timestamp_ms);
        cr_assert_geq(w->watermark, timestamp_ms < INT64_MAX ? timestamp_ms : INT64_MAX - 1);
    }
}
static void every_interval(wsl_watermark_ctx *w)
{
    const int64_t *rows = w->local;
    wsl_emit_watermark(w, *rows * 1000 + w->now_ms * 0);
}
static const wsl_function punctuated = {
    .abi = WSL_ABI_VERSION, .kind = WSL_FN_WATERMARKS, .name = "timed", .local_size = 8, .on_event = by_marker};
static const wsl_function counted = {.abi = WSL_ABI_VERSION,
                                     .kind = WSL_FN_WATERMARKS,
                                     .name = "timed",
                                     .local_size = 8,
                                     .on_event = by_marker,
                                     .on_periodic = every_interval};

Test(split_watermarks, custom_generators_speak_behind_single_rows)
{
    static const plan p = {.source = &plain_source, .custom = &punctuated, .options = {"strategy", "custom"}};
    BEGIN(&p, "1@100 -1@90 2@95 -2@80 -3@200 3@300");
    poll();
    expect("1 -1 w90 2 -2 -3 w200 3"); /* 80 is smaller than before */
    ms_pass(10000);
    expect("");
    kit_fini(&k);
}

Test(split_watermarks, custom_generators_have_memory_of_each_split_and_are_polled)
{
    static const plan p = {.source = &plain_source, .custom = &counted, .options = {"strategy", "custom"}};
    BEGIN(&p, "+a 1@1 2@2 3@3", "+b 4@4", "-b");
    poll();
    expect("1 2 3");
    ms_pass(200);
    expect("w3000");
    poll();
    ms_pass(200);
    expect("4"); /* b is at 1000 */
    poll();
    ms_pass(200);
    expect("");
    const plan each = {
        .source = &plain_source, .custom = &counted, .options = {"strategy", "custom", "emit", "per-record"}};
    kit_fini(&k);
    static const char *const lines[] = {"1@1 2@2", "3@3"};
    begin(&each, lines, 2);
    poll();
    expect("1 w1000 2 w2000"); /* polled after each row */
    ms_pass(200);
    poll();
    expect("3 w3000");
    kit_fini(&k);
}

Test(split_watermarks, a_custom_generator_cannot_end_the_stream)
{
    static const plan p = {.source = &plain_source, .custom = &punctuated, .options = {"strategy", "custom"}};
    BEGIN(&p, "-1@9223372036854775807");
    poll();
    expect("-1 w9223372036854775806");
    kit_fini(&k);
}

/* ---- alignment ---- */

static wsl_status limit(int64_t to) { return strategy()->cls->on_limit(strategy(), to); }

Test(split_watermarks, a_group_hears_at_once_and_each_second_how_far_it_is)
{
    static const plan p = {.source = &plain_source,
                           .options = {"alignment-group", "g", "max-drift", "10 s", "emit", "per-record"}};
    BEGIN(&p, "1@5000", "2@9000");
    ms_pass(0);
    cr_assert_eq(n_reports, 1);
    cr_assert_eq(reported, WSL_TIME_MIN);
    cr_assert_not(reported_idle);
    poll();
    ms_pass(999);
    cr_assert_eq(n_reports, 1);
    ms_pass(1);
    cr_assert_eq(n_reports, 2);
    cr_assert_eq(reported, 4999);
    kit_fini(&k);
}

Test(split_watermarks, a_reader_that_cannot_pause_splits_is_not_polled_while_all_are_ahead)
{
    static const plan p = {.source = &plain_source,
                           .options = {"alignment-group", "g", "max-drift", "10 s", "emit", "per-record"}};
    BEGIN(&p, "+a 1@100 +b 2@50", "3@400", "4@500", "=a 5@600", "");
    poll();
    cr_assert_eq(limit(99), WSL_OK);
    poll(); /* a is at 99, b at 49 */
    expect("1 w99 2 3");
    cr_assert_eq(limit(98), WSL_OK); /* both are ahead now */
    const uint32_t polls = script.polls;
    k.wake_ns = WSL_NEVER;
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_AGAIN);
    }
    cr_assert_eq(script.polls, polls);
    cr_assert_eq(limit(99), WSL_OK); /* a may go on, and holds the group's minimum perhaps: so the reader is polled */
    cr_assert_eq(k.wake_ns, k.clock.now_ns, "and at once");
    poll();
    cr_assert_eq(script.polls, polls + 1);
    cr_assert_eq(limit(WSL_TIME_MAX), WSL_OK);
    poll();
    expect("4 5 w499");
    kit_fini(&k);
}

Test(split_watermarks, a_reader_that_can_pauses_single_splits)
{
    static const plan p = {.source = &patient_source,
                           .options = {"alignment-group", "g", "max-drift", "10 s", "emit", "per-record"}};
    BEGIN(&p, "+a 1@100 +b 2@50", "3@400", "-b", "+c 4@1000");
    poll();
    cr_assert_eq(limit(200), WSL_OK);
    cr_assert_str_eq(script.paused, "");
    poll();
    cr_assert_str_eq(script.paused, "b+ ", "as soon as its rows are beyond");
    poll();
    poll();
    cr_assert_str_eq(script.paused, "b+ c+ ", "a finished split is forgotten");
    cr_assert_eq(limit(2000), WSL_OK);
    cr_assert_str_eq(script.paused, "b+ c+ c- ");
    kit_fini(&k);
}

Test(split_watermarks, a_paused_split_does_not_become_idle)
{
    static const plan p = {.source = &plain_source,
                           .options = {"alignment-group", "g", "idleness", "300 ms", "emit", "per-record"}};
    BEGIN(&p, "1@100");
    poll();
    cr_assert_eq(limit(50), WSL_OK);
    expect("1 w99");
    for (int i = 0; i < 20; i++) {
        ms_pass(200);
    }
    expect("");
    cr_assert_not(reported_idle);
    cr_assert_eq(limit(100), WSL_OK);
    for (int i = 0; i < 4; i++) {
        ms_pass(200);
    }
    expect("idle");
    ms_pass(1000);
    cr_assert(reported_idle, "the others do not wait for it");
    kit_fini(&k);
}

/* ---- what is told to those who ask ---- */

Test(split_watermarks, tells_which_split_stands_and_since_when)
{
    BEGIN(&idle_500, "+a 1@100 +b 2@50", "=a 3@300");
    tm_generator_report *r = wsl_zalloc(sizeof *r);
    poll();
    strategy()->cls->report_time(strategy(), 7000, r);
    poll();
    strategy()->cls->report_time(strategy(), 8000, r);
    cr_assert(r->at_source);
    cr_assert_eq(r->watermark, 99);
    cr_assert_eq(r->since_ms, 7000);
    cr_assert_eq(r->reading, 2);
    cr_assert_eq(r->n_splits, 2);
    cr_assert_str_eq(r->splits[0].name, "b", "the furthest behind first");
    cr_assert_eq(r->splits[0].watermark, 49);
    cr_assert_eq(r->splits[0].since_ms, 7000);
    cr_assert_str_eq(r->splits[1].name, "a");
    cr_assert_eq(r->splits[1].watermark, 299);
    cr_assert_eq(r->splits[1].since_ms, 8000);
    free(r);
    kit_fini(&k);
}

Test(split_watermarks, tells_of_the_furthest_behind_if_there_are_many)
{
    BEGIN(&with_enumerator, "+a");
    tm_generator_report *r = wsl_zalloc(sizeof *r);
    poll();
    tm_op *op = strategy();
    for (uint32_t i = 1; i < 100; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "s%u", i);
        const tm_split_event event = {TM_SPLIT_STARTED, i, name, kit_head(&k)};
        cr_assert_eq(op->cls->on_split_event(op, &event), WSL_OK);
        uint64_t memory[8];
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory, sizeof memory, event_n_fields);
        event_set_ts(&w, (int64_t)(i * 37 % 100) * 10 + 1);
        const wsl_row *row = w.row;
        cr_assert_eq(op->cls->on_rows(op, 0, &row, 1), WSL_OK);
    }
    op->cls->report_time(op, 1, r);
    cr_assert_eq(r->reading, 100);
    cr_assert_eq(r->n_splits, TM_REPORTED_SPLITS_MAX);
    cr_assert_str_eq(r->splits[0].name, "a");
    for (uint32_t i = 1; i < r->n_splits; i++) {
        cr_assert_eq(r->splits[i].watermark, (int64_t)i * 10, "%u: %lld", i, (long long)r->splits[i].watermark);
    }
    free(r);
    kit_fini(&k);
}

/* ---- out of a snapshot ---- */

/* The strategy alone: the source's half is its reader's. */
static Wsl__Pb__TaskSnapshot *take(void)
{
    tm_memory_sink memory = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    cr_assert_eq(tm_snapshot_ask(s, strategy()), WSL_OK);
    return tm_snapshot_finish_in_memory(s, &memory);
}

static void give_back(Wsl__Pb__TaskSnapshot *snapshot)
{
    tm_restore *r = NULL;
    wsl_error err = {0};
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        wsl_pb_set(&snapshot->operators[i]->uid, "timed");
    }
    wsl_pb_set(&strategy()->env.desc->uid, "timed");
    cr_assert_eq(tm_restore_new(wsl_fs_posix(), snapshot, &r, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(tm_restore_chain(r, k.chain), WSL_OK, "%s", k.error.text);
    tm_restore_free(r);
    wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
}

Test(split_watermarks, restored_splits_go_on_where_they_were_and_wait_for_each_other)
{
    static const plan splits = {.source = &split_source, .options = {"emit", "per-record"}};
    static const char *const before[] = {"+a 1@1000", "+b 2@501", "=a 3@2000"};
    static const char *const after[] = {"+b 4@1800", "5@5000", "+a 6@1500", "=a 7@2500"};
    begin(&splits, before, 3);
    give_split();
    give_split();
    for (uint32_t i = 0; i < 3; i++) {
        poll();
    }
    expect("1 w999 2 3");
    Wsl__Pb__TaskSnapshot *snapshot = take();
    kit_fini(&k);
    begin(&splits, after, 4);
    give_back(snapshot);
    give_split();
    give_split();
    expect("w999");
    poll();
    poll();
    expect("4 w1799 5 w1999"); /* split a was at 2000, and its rows are still to come */
    poll();
    expect("6");
    poll();
    expect("7 w2499");
    kit_fini(&k);
}
