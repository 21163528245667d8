/*
 * Word count on a simulated cluster: many seeds, each another order of events, other delays, other breaks.
 *
 * What must hold for every seed:
 *   - nothing breaks: the job ends FINISHED and counts what an independent count says;
 *   - something breaks: it ends FINISHED with the right counts, or FAILED with a reason; never neither, and what came
 * out before it failed is right: each word counts 1, 2, 3... and never beyond the truth;
 *   - the cluster is whole afterwards: the same job runs again, without breaks, and is right;
 *   - the same seed is the same run, step by step.
 */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "sim_job.h"

WSL_ROW(count, (string, word), (int64, n));

enum { WORDS = 40, FILES_MAX = 4, SEEDS = 200, PARTS = 4 };

/* "a", "b" ... of rising length, the first ones frequent. */
static void word_text(uint32_t i, char out[32])
{
    const uint32_t size = 1 + i % 13;
    memset(out, 'a' + (int)(i % 26), size);
    snprintf(out + size, 32 - size, "%u", i);
}

typedef struct experiment {
    sim_cluster *c;
    sim_job job;
    int64_t truth[WORDS];
    int64_t seen[WORDS];
    bool wrong; /* a count that cannot be */
} experiment;

static void write_input(experiment *x, uint32_t words)
{
    wsl_fs *fs = sim_cluster_fs(x->c);
    wsl_rng *rng = sim_cluster_rng(x->c);
    wsl_error err = {0};
    const uint32_t files = 1 + (uint32_t)wsl_rng_below(rng, FILES_MAX);
    cr_assert_eq(fs->make_dirs(fs, "/text", &err), WSL_OK, "%s", err.text);
    for (uint32_t f = 0; f < files; f++) {
        wsl_strbuf s;
        char path[32], word[32];
        wsl_strbuf_init(&s);
        for (uint32_t i = 0; i < words / files; i++) {
            const uint64_t a = wsl_rng_below(rng, WORDS), b = wsl_rng_below(rng, WORDS);
            const uint32_t w = (uint32_t)(a < b ? a : b);
            word_text(w, word);
            x->truth[w]++;
            wsl_strbuf_printf(&s, "%s%c", word, wsl_rng_below(rng, 8) == 0 ? '\n' : ' ');
        }
        snprintf(path, sizeof path, "/text/%u.txt", f);
        cr_assert_eq(wsl_fs_write_atomic(fs, path, s.data, s.size, &err), WSL_OK, "%s", err.text);
        wsl_strbuf_fini(&s);
    }
}

static const char graph_text[] =
    "{\"name\": \"wordcount\", \"parallelism\": %u, \"schemas\": {\"line\": {\"line\": \"STRING\"}}, \"operators\": ["
    "{\"name\": \"lines\", \"source\": \"file\", \"schema\": \"line\", \"options\": {\"path\": \"/text\", \"format\": "
    "\"raw\"}},"
    "{\"name\": \"words\", \"split\": {\"field\": \"line\", \"as\": \"word\"}},"
    "{\"name\": \"counts\", \"uid\": \"counts\", \"key_by\": \"word\", \"aggregate\": \"word, COUNT(*) AS n\"},"
    "{\"name\": \"out\", \"sink\": \"collect\", \"parallelism\": 1}]}";

static void submit(experiment *x, uint32_t parallelism)
{
    char text[2000];
    snprintf(text, sizeof text, graph_text, parallelism);
    sim_job_submit_json(&x->job, text);
    memset(x->seen, 0, sizeof x->seen);
}

static void on_row(void *arg, const wsl_row *row)
{
    experiment *x = arg;
    const wsl_str text = count_word(row);
    char word[32];
    for (uint32_t i = 0; i < WORDS; i++) {
        word_text(i, word);
        if (text.size == strlen(word) && memcmp(text.data, word, text.size) == 0) {
            x->wrong |= count_n(row) != x->seen[i] + 1 || count_n(row) > x->truth[i];
            x->seen[i] = count_n(row);
            return;
        }
    }
    x->wrong = true;
}

static bool all_counted(const experiment *x) { return memcmp(x->seen, x->truth, sizeof x->seen) == 0; }

static const char *const small_memory[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb",
                                           NULL};

static experiment *experiment_new(const sim_cluster_options *options)
{
    experiment *x = wsl_zalloc(sizeof *x);
    x->c = sim_cluster_new(options);
    sim_job_init(&x->job, x->c, options->seed, on_row, x);
    write_input(x, 200 + (uint32_t)wsl_rng_below(sim_cluster_rng(x->c), 3000));
    cr_assert(sim_cluster_settle(x->c, 60 * WSL_NS_PER_S), "seed %llu: the cluster did not come up",
              (unsigned long long)options->seed);
    return x;
}

static void experiment_free(experiment *x)
{
    sim_cluster_free(x->c);
    free(x);
}

static void run_job(experiment *x, uint64_t seed)
{
    submit(x, 2 + (uint32_t)wsl_rng_below(sim_cluster_rng(x->c), 3));
    sim_job_run(&x->job);
    cr_assert_not(x->wrong, "seed %llu: a count that cannot be", (unsigned long long)seed);
}

static void expect_finished(const experiment *x, uint64_t seed)
{
    sim_job_expect_finished(&x->job);
    cr_assert(all_counted(x), "seed %llu: finished with wrong counts", (unsigned long long)seed);
}

/* ---- nothing breaks ---- */

static void run_calm(uint64_t seed)
{
    const sim_cluster_options o = {.seed = seed, .task_managers = 2, .slots = 2, .overrides = small_memory};
    experiment *x = experiment_new(&o);
    run_job(x, seed);
    expect_finished(x, seed);
    cr_assert_eq(wsl_sim_network_get_stats(sim_cluster_network(x->c)).cuts, 0);
    experiment_free(x);
}

/* ---- something breaks ---- */

typedef struct outcomes {
    uint32_t finished, failed, broken; /* broken: runs in which something really broke */
} outcomes;

static void run_stormy(const sim_cluster_options *options, outcomes *out)
{
    const uint64_t seed = options->seed;
    experiment *x = experiment_new(options);
    run_job(x, seed);
    if (strcmp(x->job.state, "FAILED") == 0) {
        cr_assert_gt(strlen(x->job.failure), 10, "seed %llu: failed without a reason", (unsigned long long)seed);
        out->failed++;
    } else {
        expect_finished(x, seed);
        out->finished++;
    }
    out->broken += wsl_sim_network_get_stats(sim_cluster_network(x->c)).cuts + sim_cluster_crashes(x->c) > 0;

    /* What broke has broken; the rest must go well, at the latest once all that may break has. */
    for (int attempt = 0; attempt < 8; attempt++) {
        cr_assert(sim_cluster_settle(x->c, 300 * WSL_NS_PER_S), "seed %llu: the cluster does not recover",
                  (unsigned long long)seed);
        run_job(x, seed);
        if (strcmp(x->job.state, "FINISHED") == 0) {
            break;
        }
    }
    expect_finished(x, seed);
    experiment_free(x);
}

static void run_part(int part, bool cuts, bool crashes)
{
    outcomes out = {0};
    for (uint64_t seed = 1 + (uint64_t)part; seed <= SEEDS; seed += PARTS) {
        const sim_cluster_options o = {.seed = seed,
                                       .task_managers = 2,
                                       .slots = 2,
                                       .cut_per_million = cuts ? 8000 : 0,
                                       .cuts_max = 3,
                                       .faults[SIM_KILL] = {crashes ? 3000 : 0, 2},
                                       .overrides = small_memory};
        run_stormy(&o, &out);
    }
    cr_log_info("part %d: %u finished, %u failed, something broke in %u", part, out.finished, out.failed, out.broken);
    cr_assert_gt(out.broken, SEEDS / PARTS / 4, "too calm to prove anything: %u", out.broken);
    cr_assert_gt(out.failed, 2);
    cr_assert_gt(out.finished, 2);
}

static void run_calm_part(int part)
{
    for (uint64_t seed = 1 + (uint64_t)part; seed <= SEEDS; seed += PARTS) {
        run_calm(seed);
    }
}

Test(wordcount, counts_are_right_whatever_the_order_of_events_1) { run_calm_part(0); }
Test(wordcount, counts_are_right_whatever_the_order_of_events_2) { run_calm_part(1); }
Test(wordcount, counts_are_right_whatever_the_order_of_events_3) { run_calm_part(2); }
Test(wordcount, counts_are_right_whatever_the_order_of_events_4) { run_calm_part(3); }

Test(wordcount, broken_connections_give_right_counts_or_a_reason_1) { run_part(0, true, false); }
Test(wordcount, broken_connections_give_right_counts_or_a_reason_2) { run_part(1, true, false); }
Test(wordcount, broken_connections_give_right_counts_or_a_reason_3) { run_part(2, true, false); }
Test(wordcount, broken_connections_give_right_counts_or_a_reason_4) { run_part(3, true, false); }

Test(wordcount, killed_task_managers_give_right_counts_or_a_reason_1) { run_part(0, true, true); }
Test(wordcount, killed_task_managers_give_right_counts_or_a_reason_2) { run_part(1, false, true); }

/* ---- the same seed is the same run ---- */

static uint64_t trace_of(uint64_t seed)
{
    const sim_cluster_options o = {.seed = seed,
                                   .task_managers = 2,
                                   .slots = 2,
                                   .cut_per_million = 3000,
                                   .cuts_max = 2,
                                   .faults[SIM_KILL] = {500, 1},
                                   .overrides = small_memory};
    experiment *x = experiment_new(&o);
    run_job(x, seed);
    const uint64_t trace = sim_cluster_trace(x->c);
    experiment_free(x);
    return trace;
}

Test(wordcount, the_same_seed_is_the_same_run)
{
    uint64_t last = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const uint64_t first = trace_of(seed);
        cr_assert_eq(trace_of(seed), first, "seed %llu", (unsigned long long)seed);
        cr_assert_neq(first, last);
        last = first;
    }
}

/* WIESEL_SIM_SEED=n: that seed alone, for looking at it closely. */
Test(wordcount, a_seed_from_the_environment_is_run_alone)
{
    const char *text = getenv("WIESEL_SIM_SEED");
    if (text == NULL) {
        return;
    }
    outcomes out = {0};
    run_stormy(&(sim_cluster_options){.seed = strtoull(text, NULL, 10),
                                      .task_managers = 2,
                                      .slots = 2,
                                      .cut_per_million = 8000,
                                      .cuts_max = 3,
                                      .overrides = small_memory},
               &out);
}
