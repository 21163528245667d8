/*
 * Event time on a simulated cluster: two splits of different time ranges on two TaskManagers, and sources that wait for
 * each other. Whatever the order of events,
 *
 *   - no row is late when each split is in order: a subtask that has not heard yet which split it gets holds the others
 *     back, one that gets none does not, and a finished split leaves the minimum;
 *   - a source of an alignment group is never further ahead of the slowest than drift, interval and one poll allow, and
 *     all of them come to their end.
 */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include <wiesel/window.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "graph/graph_json.h"
#include "graph/pb.h"
#include "graph/window_options.h"
#include "jobmanager/jm_core.h"
#include "sim_cluster.h"

enum { KEYS = 5, WINDOW_MS = 10000, WINDOWS = 130, ROWS = 600, SEEDS = 60 };

typedef struct experiment {
    sim_cluster *c;
    uint64_t seed;
    wsl_id job;
    int64_t truth[KEYS][WINDOWS], seen[KEYS][WINDOWS];
    int64_t last_window[KEYS];
    uint64_t next;
    bool rows_ended, wrong;
} experiment;

static const char *const small_memory[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb",
                                           NULL};

static void experiment_init(experiment *x, uint64_t seed)
{
    *x = (experiment){.seed = seed};
    x->c = sim_cluster_new(
        &(sim_cluster_options){.seed = seed, .task_managers = 2, .slots = 2, .overrides = small_memory});
    cr_assert(sim_cluster_settle(x->c, 60 * WSL_NS_PER_S));
}

static wsl_job_graph *graph_of(const char *json)
{
    wsl_job_graph *graph = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    return graph;
}

static void submit(experiment *x, wsl_job_graph *graph)
{
    wsl_error err = {0};
    cr_assert_eq(jm_submit(sim_cluster_jm(x->c), graph, &x->job, &err), WSL_OK, "%s", err.text);
}

/* ---- two splits ---- */

static void write_file(experiment *x, const char *path, int64_t from_ms)
{
    wsl_fs *fs = sim_cluster_fs(x->c);
    wsl_rng *rng = sim_cluster_rng(x->c);
    wsl_error err = {0};
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    int64_t t = from_ms;
    for (int i = 0; i < ROWS; i++) {
        const uint32_t key = (uint32_t)wsl_rng_below(rng, KEYS);
        t += (int64_t)wsl_rng_below(rng, 300);
        x->truth[key][t / WINDOW_MS]++;
        wsl_strbuf_printf(&s, "{\"k\": %u, \"t\": %lld}\n", key, (long long)t);
    }
    cr_assert_eq(fs->make_dirs(fs, "/in", &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_fs_write_atomic(fs, path, s.data, s.size, &err), WSL_OK, "%s", err.text);
    wsl_strbuf_fini(&s);
}

/* The aggregate of the graph becomes a window of 10 s. */
static void make_window(wsl_job_graph *graph, uint32_t op_id)
{
    Wsl__Pb__Operator *op = graph->operators[op_id];
    const wsl_windowing windows = {.assigner = wsl_tumbling(WINDOW_MS)};
    for (size_t i = 0; i < op->n_options; i++) {
        wsl__pb__option__free_unpacked(op->options[i], NULL);
    }
    op->n_options = 0;
    if (op->output != NULL) {
        wsl__pb__schema__free_unpacked(op->output, NULL);
        op->output = NULL;
    }
    wsl_pb_set(&op->kind, "window");
    wsl_window_to_options(&windows, "k, WINDOW_START AS at, COUNT(*) AS n", op);
}

static void on_row(void *arg, const wsl_row *row)
{
    experiment *x = arg;
    const int64_t key = wsl_row_int64(row, 0), window = wsl_row_int64(row, 1) / WINDOW_MS;
    if (key < 0 || key >= KEYS || window < 0 || window >= WINDOWS || x->seen[key][window] != 0) {
        x->wrong = true;
        return;
    }
    x->seen[key][window] = wsl_row_int64(row, 2);
}

static bool is_over(void *arg)
{
    experiment *x = arg;
    jm_job_info info;
    wsl_error err = {0};
    jm *jm = sim_cluster_jm(x->c);
    if (!x->rows_ended) {
        cr_assert_eq(
            jm_collect_rows(jm, &x->job, UINT32_MAX, x->next, 1 << 20, on_row, x, &x->next, &x->rows_ended, &err),
            WSL_OK, "%s", err.text);
    }
    cr_assert_eq(jm_job_info_get(jm, &x->job, &info, &err), WSL_OK);
    cr_assert_str_neq(info.state, "FAILED", "seed %llu: %s", (unsigned long long)x->seed, info.failure);
    return info.ended && x->rows_ended;
}

static const char two_splits[] =
    "{\"name\": \"two splits\", \"parallelism\": 2, \"config\": {\"watermark.emit\": \"%s\"},"
    "\"schemas\": {\"row\": {\"k\": \"BIGINT\", \"t\": \"BIGINT\"}}, \"operators\": ["
    "{\"name\": \"rows\", \"source\": \"file\", \"schema\": \"row\", \"options\": {\"path\": \"/in\", \"format\": "
    "\"json\"}},"
    "{\"name\": \"timed\", \"watermarks\": {\"timestamp\": \"t\"}},"
    "{\"name\": \"counts\", \"key_by\": \"k\", \"aggregate\": \"k, COUNT(*) AS n\"},"
    "{\"name\": \"out\", \"sink\": \"collect\", \"parallelism\": 1}]}";

static void run_two_splits(uint64_t seed)
{
    experiment *x = wsl_alloc(sizeof *x);
    char text[2000];
    experiment_init(x, seed);
    write_file(x, "/in/early.json", 0);
    write_file(x, "/in/late.json", 1000000);
    (void)snprintf(text, sizeof text, two_splits, seed % 2 == 0 ? "per-record" : "periodic");
    wsl_job_graph *graph = graph_of(text);
    make_window(graph, 2);
    submit(x, graph);
    cr_assert(sim_cluster_run(x->c, is_over, x, 600 * WSL_NS_PER_S), "seed %llu hangs", (unsigned long long)seed);
    cr_assert_not(x->wrong, "seed %llu: a window that cannot be, or one that fired twice", (unsigned long long)seed);
    for (int k = 0; k < KEYS; k++) {
        for (int w = 0; w < WINDOWS; w++) {
            cr_assert_eq(x->seen[k][w], x->truth[k][w], "seed %llu, key %d, window %d: %lld of %lld",
                         (unsigned long long)seed, k, w, (long long)x->seen[k][w], (long long)x->truth[k][w]);
        }
    }
    sim_cluster_free(x->c);
    free(x);
}

Test(watermarks, two_splits_of_different_times_lose_no_row_1)
{
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
        run_two_splits(seed);
    }
}
Test(watermarks, two_splits_of_different_times_lose_no_row_2)
{
    for (uint64_t seed = SEEDS / 2 + 1; seed <= SEEDS; seed++) {
        run_two_splits(seed);
    }
}

/* ---- alignment ---- */

/* 200 rows a second each; a row is 100 ms of the slow one's time and 2000 ms of the fast one's. */
static const char two_speeds[] =
    "{\"name\": \"two speeds\", \"parallelism\": 1, \"config\": {\"watermark.emit\": \"per-record\","
    "\"pipeline.watermark-alignment.update-interval\": \"50 ms\"},"
    "\"schemas\": {\"row\": {\"t\": \"BIGINT\"}}, \"operators\": ["
    "{\"name\": \"slow\", \"source\": \"datagen\", \"schema\": \"row\", \"options\": {\"fields\": \"t sequence 0 step "
    "100\","
    " \"number-of-rows\": \"4000\", \"rows-per-second\": \"200\"}},"
    "{\"name\": \"slow-time\", \"watermarks\": {\"timestamp\": \"t\"%s}},"
    "{\"name\": \"slow-out\", \"sink\": \"blackhole\"},"
    "{\"name\": \"fast\", \"source\": \"datagen\", \"schema\": \"row\", \"options\": {\"fields\": \"t sequence 0 step "
    "2000\","
    " \"number-of-rows\": \"300\", \"rows-per-second\": \"200\"}},"
    "{\"name\": \"fast-time\", \"watermarks\": {\"timestamp\": \"t\"%s}},"
    "{\"name\": \"fast-out\", \"sink\": \"blackhole\"}]}";

/* The first interval is free; after that a report and an answer may each be an interval and a message late. What is due
 * when a source may go on comes in one poll of at most 32 rows, and numbers of two TaskManagers can be half a second
 * apart. */
enum { DRIFT_MS = 5000, SLACK_MS = 50000, POLL_ROWS = 32 };

typedef struct race {
    experiment x;
    int64_t worst; /* how far the fast one was ahead, when both ran */
    bool paused;   /* it was told so */
} race;

static const Wsl__Pb__TaskMetrics *source_metrics(const jm_job *job, uint32_t vertex)
{
    const jm_subtask *t = &job->graph.vertices[vertex].subtasks[0];
    return t->state == JM_TASK_RUNNING && t->metrics.last->n_generators > 0 ? t->metrics.last : NULL;
}

static bool race_is_over(void *arg)
{
    race *r = arg;
    jm *jm = sim_cluster_jm(r->x.c);
    jm_job *job = jm_find_job(jm, &r->x.job);
    const Wsl__Pb__TaskMetrics *slow = source_metrics(job, 0), *fast = source_metrics(job, 1);
    if (slow != NULL && fast != NULL && slow->output_watermark > INT64_MIN && fast->output_watermark < INT64_MAX &&
        slow->output_watermark < INT64_MAX) {
        const int64_t ahead = fast->output_watermark - slow->output_watermark;
        r->worst = ahead > r->worst ? ahead : r->worst;
        r->paused |= fast->generators[0]->n_splits > 0 && fast->generators[0]->splits[0]->paused;
    }
    cr_assert_neq(job->state, JM_JOB_FAILED, "%s", job->n_failures > 0 ? job->failures[0].text : "");
    return job->state == JM_JOB_FINISHED;
}

static int64_t run_race(uint64_t seed, const char *options, bool *out_paused)
{
    race *r = wsl_zalloc(sizeof *r);
    char text[3000];
    experiment_init(&r->x, seed);
    (void)snprintf(text, sizeof text, two_speeds, options, options);
    submit(&r->x, graph_of(text));
    cr_assert(sim_cluster_run(r->x.c, race_is_over, r, 600 * WSL_NS_PER_S), "seed %llu hangs",
              (unsigned long long)seed);
    const int64_t worst = r->worst;
    *out_paused = r->paused;
    sim_cluster_free(r->x.c);
    free(r);
    return worst;
}

Test(watermarks, aligned_sources_stay_together)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bool paused = false;
        const int64_t worst = run_race(seed, ", \"alignment-group\": \"g\", \"max-drift\": \"5 s\"", &paused);
        cr_assert(paused, "seed %llu", (unsigned long long)seed);
        cr_assert_leq(worst, DRIFT_MS + SLACK_MS + 2000 * POLL_ROWS, "seed %llu: %lld ms ahead",
                      (unsigned long long)seed, (long long)worst);
        cr_log_info("seed %llu: %lld ms ahead at most", (unsigned long long)seed, (long long)worst);
    }
    bool paused = false;
    const int64_t free_worst = run_race(1, "", &paused);
    cr_assert_not(paused);
    cr_assert_gt(free_worst, DRIFT_MS + SLACK_MS + 2000 * POLL_ROWS, "without alignment they part: %lld",
                 (long long)free_worst);
}
