/*
 * test_time_examples - the numbered examples of the semantics that are not about windows of one stream (those: test_examples.c) as
 * jobs on clusters, at parallelism one and three, row by row and in batches; each key has exactly the results of the example.
 *
 * Not here: 32 and 42 (test_two_inputs.c, test_waiting.c), and 55 (window_examples.inc), whose rows must come at
 * given moments of a clock that a cluster does not let a test set.
 */
#include "integ/driven_run.h"
#include "jobmanager/rest/metric_names.h"

typedef void (*example)(driven_run *r);

/* ---- one source: all that comes is known before ---- */

typedef struct scripted {
    const char *const *args;
    const driven_step *steps;
    uint32_t n;
    const char *wanted; /* all, the end of the input included */
} scripted;

#define ROW(ts, v) {DRIVEN_ROW, ts, v}
#define MARK(ts) {DRIVEN_MARK, ts, 0}

static void run_scripted(const scripted *s, uint32_t parallelism, const char *batches)
{
    static driven_run r;
    const char *args[DRIVEN_ARGS_MAX] = {"--batches", batches};
    for (uint32_t i = 0; s->args[i] != NULL; i++) {
        args[2 + i] = s->args[i];
    }
    driven_begin(&r, parallelism, INTEG_TIME_JOBS, args);
    for (uint32_t i = 0; i < s->n; i++) {
        driven_post(&r.a, s->steps[i].kind, s->steps[i].ts, s->steps[i].v);
    }
    driven_end(&r, false);
    driven_expect(&r, s->wanted);
    driven_stop(&r);
}

static void run_all(const scripted *s)
{
    run_scripted(s, 1, "false");
    run_scripted(s, 1, "true");
    run_scripted(s, 3, "false");
    run_scripted(s, 3, "true");
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define STEPS(...)                                                                                                     \
    .steps = (const driven_step[]){__VA_ARGS__}, .n = sizeof((const driven_step[]){__VA_ARGS__}) / sizeof(driven_step)

/* ---- watermarks ---- */

Test(time_examples, ex01_a_bound_keeps_the_watermark_behind)
{
    run_all(&(scripted){ARGS("--job", "rows", "--bound", "15000"),
                        STEPS(ROW(100000, 1), ROW(92000, 2), ROW(103000, 3), ROW(103000, 4)),
                        "row 1 at 100000, MIN; row 2 at 92000, 84999; row 3 at 103000, 84999; row 4 at 103000, 87999; "});
}

Test(time_examples, ex02_with_monotonous_timestamps_a_second_row_of_that_time_is_not_late)
{
    run_all(&(scripted){ARGS("--job", "rows", "--bound", "0"), STEPS(ROW(1000, 1), ROW(1000, 2)),
                        "row 1 at 1000, MIN; row 2 at 1000, 999; "});
}

/* ---- valves: two channels into each subtask ---- */

static void valves(uint32_t parallelism, const char *batches, example run)
{
    static driven_run r;
    const char *const args[] = {"--job", "valves", "--batches", batches, NULL};
    driven_begin(&r, parallelism, INTEG_DRIVEN_JOBS, args);
    run(&r);
    driven_end(&r, true);
    driven_stop(&r);
}

/* All steps are taken one by one here, so batches are of one row. */
static void valves_everywhere(example run)
{
    valves(1, "false", run);
    valves(3, "false", run);
}

static void mark_a(driven_run *r, int64_t watermark)
{
    driven_post(&r->a, DRIVEN_MARK, watermark, 0);
    driven_await_channels(r, "keys-a", "timers", watermark, false);
}
static void mark_b(driven_run *r, int64_t watermark)
{
    driven_post(&r->b, DRIVEN_MARK, watermark, 0);
    driven_await_channels(r, "keys-b", "timers", watermark, false);
}
/* A timer at each tenth of ten times `step` from `from`. */
static void set_timers(driven_run *r, int64_t from, int64_t step)
{
    driven_post(&r->a, DRIVEN_ROW, from, step);
    driven_await_rows(r, 1);
}

enum { MINUTE = 60000, NINE = 9 * 60 * MINUTE };

static void ex03(driven_run *r)
{
    set_timers(r, NINE - 5 * MINUTE, MINUTE);
    mark_a(r, NINE + MINUTE);
    mark_b(r, NINE - 2 * MINUTE);
    driven_await_rows(r, 4);
    driven_expect(r, "row 60000 at 32100000, MIN; timer 32160000 at 32160000, 32280000; "
                     "timer 32220000 at 32220000, 32280000; timer 32280000 at 32280000, 32280000; ");
}

static void ex04(driven_run *r)
{
    set_timers(r, 0, 10);
    mark_a(r, 50);
    mark_b(r, 20);
    driven_await_rows(r, 3);
    driven_post(&r->b, DRIVEN_QUIET, 0, 0);
    driven_await_channels(r, "keys-b", "timers", 20, true);
    driven_await_rows(r, 6);
    mark_b(r, 30); /* behind what came out: it does not count yet */
    mark_a(r, 60);
    driven_await_rows(r, 7);
    mark_b(r, 70); /* now it does, but the other one is the smaller */
    mark_a(r, 80);
    driven_await_rows(r, 8);
    driven_expect(r, "row 10 at 0, MIN; timer 10 at 10, 20; timer 20 at 20, 20; timer 30 at 30, 50; timer 40 at 40, 50; "
                     "timer 50 at 50, 50; timer 60 at 60, 60; timer 70 at 70, 70; ");
}

static void ex05(driven_run *r)
{
    set_timers(r, 0, 10);
    mark_a(r, 50);
    mark_b(r, 20);
    driven_await_rows(r, 3);
    driven_post(&r->a, DRIVEN_QUIET, 0, 0);
    driven_await_channels(r, "keys-a", "timers", 50, true);
    driven_await_channels(r, "timers", "results", 20, false);
    driven_post(&r->b, DRIVEN_QUIET, 0, 0);
    driven_await_channels(r, "keys-b", "timers", 20, true);
    driven_await_channels(r, "timers", "results", 50, true);
    driven_await_rows(r, 6);
    driven_expect(r, "row 10 at 0, MIN; timer 10 at 10, 20; timer 20 at 20, 20; timer 30 at 30, 50; timer 40 at 40, 50; "
                     "timer 50 at 50, 50; ");
}

Test(time_examples, ex03_of_two_channels_the_one_behind_counts) { valves_everywhere(ex03); }
Test(time_examples, ex04_an_idle_channel_counts_again_when_it_has_caught_up) { valves_everywhere(ex04); }
Test(time_examples, ex05_when_the_last_channel_goes_idle_the_furthest_counts) { valves_everywhere(ex05); }

/* ---- timers; "then" is the next operator, with the watermark that is there by then ---- */

Test(time_examples, ex27_a_timer_set_three_times_fires_once)
{
    run_all(&(scripted){ARGS("--job", "timers"), STEPS(ROW(1, 100), ROW(2, 100), ROW(3, 100), MARK(100)),
                        "timer 100 at 100, 100; then 100 at 100, MIN; "});
}

Test(time_examples, ex28_timers_fire_in_order_of_time_also_those_set_meanwhile)
{
    run_all(&(scripted){
        ARGS("--job", "timers"), STEPS(ROW(1, 30), ROW(2, 10), ROW(3, 20), MARK(25)),
        "timer 10 at 10, 25; then 10 at 10, MIN; timer 15 at 15, 25; then 15 at 15, MIN; "
        "timer 20 at 20, 25; then 20 at 20, MIN; timer 30 at 30, MAX; then 30 at 30, 25; "});
}

Test(time_examples, ex29_a_timer_of_the_past_fires_before_the_next_watermark_goes_on)
{
    run_all(&(scripted){ARGS("--job", "timers"), STEPS(MARK(25), ROW(26, 5), MARK(26)),
                        "timer 5 at 5, 26; then 5 at 5, 25; "});
}

static void ex30(const char *last, const char *wanted)
{
    run_all(&(scripted){ARGS("--job", "alerts", "--bound", "15000", "--horizon", "20000", "--last", last),
                        STEPS(ROW(100000, 1), ROW(90000, 2)), wanted});
}

Test(time_examples, ex30_a_last_seen_that_moves_back_gives_both_alerts)
{
    ex30("last", "alert 110000 at 110000, MAX; alert 120000 at 120000, MAX; ");
}
Test(time_examples, ex30_a_timer_that_must_match_gives_the_first_alert) { ex30("equal", "alert 110000 at 110000, MAX; "); }
Test(time_examples, ex30_a_last_seen_that_is_a_maximum_gives_the_second) { ex30("max", "alert 120000 at 120000, MAX; "); }

static void ex31(uint32_t parallelism, const char *batches)
{
    static const int64_t times[] = {100000, 150000, 164999, 165000, 200000};
    static const char until_then[] = "timer 120000 at 120000, 134999; then 120000 at 120000, 84999; "
                                     "timer 170000 at 170000, 184999; then 170000 at 170000, 149999; "
                                     "timer 184999 at 184999, 184999; then 184999 at 184999, 149999; ";
    static driven_run r;
    const char *const args[] = {"--batches", batches, "--job", "timers", "--bound", "15000", "--horizon", "20000", NULL};
    driven_begin(&r, parallelism, INTEG_TIME_JOBS, args);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        driven_post(&r.a, DRIVEN_ROW, times[i], times[i]);
    }
    driven_await_channels(&r, "items", "timers", 184999, false);
    driven_await_rows(&r, 6);
    driven_expect(&r, until_then);
    driven_end(&r, false);
    char wanted[512];
    (void)snprintf(wanted, sizeof wanted,
                   "%stimer 185000 at 185000, MAX; then 185000 at 185000, 184999; "
                   "timer 220000 at 220000, MAX; then 220000 at 220000, 184999; ",
                   until_then);
    driven_expect(&r, wanted);
    driven_stop(&r);
}

Test(time_examples, ex31_without_more_input_timers_beyond_the_bound_wait_for_the_end)
{
    ex31(1, "false");
    ex31(1, "true");
    ex31(3, "false");
    ex31(3, "true");
}

/* ---- two inputs: what comes first is the test's to say, so their rows come one by one ---- */

static void two_inputs(const char *job, example run)
{
    for (uint32_t parallelism = 1; parallelism <= 3; parallelism += 2) {
        static driven_run r;
        const char *const args[] = {"--job", job, NULL};
        driven_begin(&r, parallelism, INTEG_DRIVEN_JOBS, args);
        run(&r);
        driven_stop(&r);
    }
}

static void ex33(driven_run *r)
{
    driven_post(&r->b, DRIVEN_ROW, 10, 2);
    driven_post(&r->b, DRIVEN_MARK, 10, 0);
    driven_post(&r->a, DRIVEN_MARK, 10, 0);
    driven_await_channels(r, "left", "join", 10, false);
    driven_await_channels(r, "right", "join", 10, false);
    driven_post(&r->a, DRIVEN_ROW, 10, 1);
    driven_await_rows(r, 1);
    driven_post(&r->a, DRIVEN_ROW, 9, 3);
    driven_end(r, true);
    driven_expect(r, "pair 102 at 10, 10; late 3 at 9, 10; ");
}

static void ex34(driven_run *r)
{
    driven_post(&r->a, DRIVEN_ROW, 1, 1);
    driven_post(&r->a, DRIVEN_ROW, 3, 3);
    driven_post(&r->b, DRIVEN_ROW, 2, 2);
    driven_post(&r->b, DRIVEN_ROW, 12, 12);
    driven_post(&r->a, DRIVEN_MARK, 9, 0);
    driven_post(&r->b, DRIVEN_MARK, 9, 0);
    driven_await_rows(r, 2);
    driven_end(r, true);
    driven_expect(r, "pair 102 at 9, 9; pair 302 at 9, 9; ");
}

static bool all_know(driven_run *r, const void *arg)
{
    return r->n_others == *(const uint32_t *)arg;
}

static void ex35_at(uint32_t parallelism)
{
    static driven_run r;
    const char *const args[] = {"--job", "prices", NULL};
    driven_begin(&r, parallelism, INTEG_DRIVEN_JOBS, args);
    driven_post(&r.a, DRIVEN_ROW, 1, 5);
    driven_await_rows(&r, 1);
    driven_post(&r.b, DRIVEN_ROW, 2, 10);
    driven_await(&r, all_know, &parallelism, "the price in each subtask");
    driven_post(&r.a, DRIVEN_ROW, 3, 5);
    driven_end(&r, true);
    driven_expect(&r, "value 45 at 1, MIN; value 50 at 3, MIN; ");
    driven_stop(&r);
}

Test(time_examples, ex33_in_an_interval_join_what_is_at_the_watermark_is_not_late) { two_inputs("interval", ex33); }
Test(time_examples, ex34_a_window_join_gives_all_pairs_of_a_window) { two_inputs("windows", ex34); }
Test(time_examples, ex35_a_broadcast_price_holds_for_what_comes_after_it)
{
    ex35_at(1);
    ex35_at(3);
}

/* ---- state ---- */

typedef struct rest_sum {
    const char *name;
    int64_t value;
} rest_sum;

static void add_metric(void *arg, const char *name, jm_metric value)
{
    rest_sum *sum = arg;
    sum->value += strcmp(name, sum->name) == 0 ? value.integer : 0;
}

/* As REST names and gives it, over all subtasks of the vertex. */
static bool windows_keep_14(driven_run *r, const void *arg)
{
    const jm_job *job = jm_find_job(mini_cluster_jm(r->c), &r->job);
    rest_sum keys = {"join.stateKeys", 0}, bytes = {"join.stateBytes", 0};
    (void)arg;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            if (t->metrics.last != NULL) {
                jm_metrics_of_task(t, add_metric, &keys);
                jm_metrics_of_task(t, add_metric, &bytes);
            }
        }
    }
    return keys.value == 14 && bytes.value > 0;
}

static void keep_windows(driven_run *r)
{
    driven_post(&r->a, DRIVEN_ROW, 1, 1);
    driven_post(&r->b, DRIVEN_ROW, 12, 12);
    driven_await(r, windows_keep_14, NULL, "the windows of 7 keys, two each, among the metrics");
    driven_end(r, true);
}

Test(time_examples, what_windows_keep_is_among_the_metrics) { two_inputs("windows", keep_windows); }

Test(time_examples, ex45_the_sixth_transaction_within_a_minute_is_an_alert)
{
    run_all(&(scripted){ARGS("--job", "fraud"),
                        STEPS(ROW(0, 1), ROW(10000, 2), ROW(20000, 3), ROW(30000, 4), ROW(40000, 5), ROW(60000, 6)),
                        "fraud 6 at 60000, MIN; "});
}
