/* Alignment: by itself with a job that is made up, and through a JobManager whose TaskManagers are. */
#include "unit/jobmanager/jm_kit.h"

#include "base/alloc.h"
#include "graph/job_options.h"
#include "jobmanager/alignment.h"

/* Two sources of group "g" with different drifts, one of group "other", one without. Operators are numbered in order.
 */
#define TIMED(name, options)                                                                                           \
    "{\"name\":\"" name "\",\"source\":\"datagen\",\"schema\":\"s\"},"                                                 \
    "{\"name\":\"" name "-time\",\"watermarks\":{\"timestamp\":\"t\"" options "}},"                                    \
    "{\"name\":\"" name "-out\",\"sink\":\"blackhole\"}"
#define GRAPH(operators)                                                                                               \
    "{\"name\":\"aligned\",\"parallelism\":2,\"schemas\":{\"s\":{\"k\":\"STRING\",\"t\":\"BIGINT\"}},"                 \
    "\"operators\":[" operators "]}"
static const char graph_text[] = GRAPH(TIMED("a", ",\"alignment-group\":\"g\",\"max-drift\":\"1 s\"") "," TIMED(
    "b", ",\"alignment-group\":\"g\",\"max-drift\":\"5 s\"") "," TIMED("c",
                                                                       ",\"alignment-group\":\"other\"") "," TIMED("d",
                                                                                                                   ""));

enum { A = 1, B = 4, C = 7, D = 10, SECOND = 1000 };

static struct {
    bool ended[12][2];
    int64_t limit[12][2];
    uint32_t sent;
} world;

static bool runs(void *arg, uint32_t op, uint32_t subtask)
{
    (void)arg;
    return !world.ended[op][subtask];
}

static void on_limit(void *arg, uint32_t op, uint32_t subtask, int64_t limit)
{
    (void)arg;
    world.limit[op][subtask] = limit;
    world.sent++;
}

static wsl_job_plan *plan;
static wsl_config *config;
static jm_alignment *a;
static int64_t now_ns;

static wsl_status make(const char *text, wsl_error *err)
{
    const jm_alignment_job job = {.runs = runs, .send_limit = on_limit};
    wsl_job_graph *graph = kit_graph(text);
    memset(&world, 0, sizeof world);
    now_ns = 5;
    cr_assert_eq(wsl_job_config_new(graph, &config, err), WSL_OK);
    cr_assert_eq(wsl_job_plan_new(graph, 1, &plan, err), WSL_OK, "%s", err->text);
    return jm_alignment_new(plan, config, &job, &a, err);
}

static void begin(void)
{
    wsl_error err = {0};
    cr_assert_eq(make(graph_text, &err), WSL_OK, "%s", err.text);
    cr_assert_not_null(a);
    cr_assert_eq(jm_alignment_step(a, now_ns), now_ns + WSL_NS_PER_S);
}

static void drop(void)
{
    jm_alignment_free(a);
    wsl_job_plan_free(plan);
    wsl_config_free(config);
    a = NULL;
}

static void second_passes(void)
{
    now_ns += WSL_NS_PER_S;
    cr_assert_eq(jm_alignment_step(a, now_ns), now_ns + WSL_NS_PER_S);
}

static void all_report(int64_t a0, int64_t a1, int64_t b0, int64_t b1)
{
    jm_alignment_report(a, A, 0, a0, false);
    jm_alignment_report(a, A, 1, a1, false);
    jm_alignment_report(a, B, 0, b0, false);
    jm_alignment_report(a, B, 1, b1, false);
}

Test(alignment, the_limit_is_the_groups_minimum_and_the_strategys_own_drift)
{
    begin();
    all_report(100000, 90000, 95000, 99000);
    second_passes();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(world.limit[A][i], 91000);
        cr_assert_eq(world.limit[B][i], 95000);
    }
    drop();
}

Test(alignment, is_told_each_interval_and_only_what_changed)
{
    begin();
    all_report(100000, 90000, 95000, 99000);
    now_ns += WSL_NS_PER_S - 1;
    (void)jm_alignment_step(a, now_ns);
    cr_assert_eq(world.sent, 0u);
    now_ns += 1;
    (void)jm_alignment_step(a, now_ns);
    cr_assert_eq(world.sent, 6u, "and c, whose subtasks said nothing yet");
    second_passes();
    cr_assert_eq(world.sent, 6u);
    jm_alignment_report(a, A, 1, 92000, false);
    second_passes();
    cr_assert_eq(world.sent, 10u);
    cr_assert_eq(world.limit[A][0], 93000);
    drop();
}

Test(alignment, who_said_nothing_yet_is_waited_for)
{
    begin();
    jm_alignment_report(a, A, 0, 100000, false);
    second_passes();
    cr_assert_eq(world.limit[A][0], INT64_MIN + SECOND);
    cr_assert_eq(world.limit[B][1], INT64_MIN + 5 * SECOND);
    drop();
}

Test(alignment, idle_and_ended_subtasks_hold_nobody_back)
{
    begin();
    all_report(100000, 90000, 95000, 99000);
    jm_alignment_report(a, A, 1, 90000, true);
    world.ended[B][0] = true;
    second_passes();
    cr_assert_eq(world.limit[A][0], 100000, "b's second subtask is the slowest now");
    cr_assert_eq(world.limit[B][0], 0, "and who has ended is told nothing");
    jm_alignment_report(a, A, 1, 90500, false);
    second_passes();
    cr_assert_eq(world.limit[A][0], 91500, "back from idleness it counts again");
    drop();
}

Test(alignment, without_anybody_to_wait_for_there_is_no_limit)
{
    begin();
    all_report(1, 2, 3, 4);
    second_passes();
    for (uint32_t i = 0; i < 2; i++) {
        jm_alignment_report(a, A, i, 1, true);
        jm_alignment_report(a, B, i, 1, true);
    }
    second_passes();
    cr_assert_eq(world.limit[A][0], INT64_MAX);
    cr_assert_eq(world.limit[B][1], INT64_MAX);
    drop();
}

Test(alignment, the_ends_of_time_do_not_overflow)
{
    begin();
    all_report(INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1);
    second_passes();
    cr_assert_eq(world.limit[A][0], 0, "no limit is what they have anyway");
    all_report(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN);
    second_passes();
    cr_assert_eq(world.limit[A][0], INT64_MIN + SECOND);
    drop();
}

Test(alignment, groups_do_not_know_each_other_and_nonsense_is_ignored)
{
    begin();
    all_report(10000, 20000, 30000, 40000);
    jm_alignment_report(a, C, 0, 500, false);
    jm_alignment_report(a, C, 1, 700, false);
    jm_alignment_report(a, C, 2, 1, false);
    jm_alignment_report(a, D, 0, 1, false);
    jm_alignment_report(a, 99, 0, 1, false);
    second_passes();
    cr_assert_eq(world.limit[A][0], 11000);
    cr_assert_eq(world.limit[C][0], 500);
    cr_assert_eq(world.limit[D][0], 0);
    drop();
}

Test(alignment, a_job_without_groups_has_none_and_strategies_elsewhere_are_refused)
{
    wsl_error err = {0};
    cr_assert_eq(make(GRAPH(TIMED("a", "")), &err), WSL_OK, "%s", err.text);
    cr_assert_null(a);
    drop();
    cr_assert_eq(make(GRAPH("{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},"
                            "{\"name\":\"some\",\"where\":\"t > 0\"},"
                            "{\"name\":\"timed\",\"watermarks\":{\"timestamp\":\"t\",\"alignment-group\":\"g\"}},"
                            "{\"name\":\"out\",\"sink\":\"blackhole\"}"),
                      &err),
                 WSL_INVALID);
    cr_assert(has_text(err.text, "'timed'") && has_text(err.text, "right behind a source"), "%s", err.text);
    drop();
}

/* ---- through the JobManager ---- */

static void report(fake_tm *t, const wsl_id *job, uint32_t vertex, uint32_t subtask, uint32_t op, int64_t watermark)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__AlignmentReport r = WSL__PB__ALIGNMENT_REPORT__INIT;
    wsl_pb_task_id_init(&id, job, vertex, subtask, 1);
    r.task = &id;
    r.operator_ = op;
    r.watermark = watermark;
    tm_send(t, WSL__PB__ENVELOPE__BODY_ALIGNMENT_REPORT, &r);
}

static int64_t taken_limit(fake_tm *t, uint32_t op)
{
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_ALIGNMENT_LIMIT);
    cr_assert_not_null(e);
    cr_assert_eq(e->alignment_limit->operator_, op);
    const int64_t limit = e->alignment_limit->limit;
    wsl_envelope_free(e);
    return limit;
}

Test(alignment, goes_through_the_jobmanager_to_the_subtasks_that_run)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "10.0.0.1:5000-abcdef", 4);
    const wsl_id job = kit_submit(
        &k,
        "{\"name\":\"aligned\",\"schemas\":{\"s\":{\"k\":\"STRING\",\"t\":\"BIGINT\"}},\"operators\":[" TIMED(
            "a", ",\"alignment-group\":\"g\",\"max-drift\":\"1 s\"") "," TIMED("b", ",\"alignment-group\":\"g\"") "]}");
    cr_assert_eq(tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING), 2u);
    report(&t, &job, 0, 0, A, 50000);
    report(&t, &job, 1, 0, B, 30000);
    report(&t, &job, 1, 0, A, 1);  /* not that vertex' operator */
    report(&t, &job, 7, 0, B, 1);  /* no such vertex */
    report(&t, &job, 1, 9, B, 1);  /* no such subtask */
    report(&t, &job, 1, 0, 99, 1); /* no such operator */
    kit_advance(&k, 1000);
    cr_assert_eq(taken_limit(&t, A), 31000);
    cr_assert_eq(taken_limit(&t, B), 30000);
    report(&t, &job, 1, 0, B, 45000);
    kit_advance(&k, 1000);
    cr_assert_eq(taken_limit(&t, A), 46000);
    cr_assert_eq(taken_limit(&t, B), 45000);
    tm_report(&t, &job, 1, 0, WSL__PB__TASK_STATE__TASK_FINISHED, "");
    kit_advance(&k, 1000);
    cr_assert_eq(taken_limit(&t, A), 51000, "the one that is left waits for nobody but itself");
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_ALIGNMENT_LIMIT), 0u);
    tm_fini(&t);
    kit_fini(&k);
}
