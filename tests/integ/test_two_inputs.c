/*
 * test_two_inputs - connected streams on clusters inside this process, at several parallelisms.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

#define JOBS INTEG_JOBS /* path of the job library, from CMake */

WSL_ROW(tally, (int64, key), (int64, n));
WSL_ROW(pair, (int64, left), (int64, right));
WSL_ROW(spread, (int64, subtask), (int64, n), (int64, sum));

enum { SECONDS = 1000, EVENTS = 3000, KEYS = 30 };

typedef struct gathering {
    mini_cluster *c;
    const wsl_id *job;
    void (*fn)(void *arg, const wsl_row *row);
    void *arg;
} gathering;

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, g->job, g->fn, g->arg);
}

static void run_job(mini_cluster *c, uint32_t parallelism, const char *job_name, const char *const *overrides,
                    void (*fn)(void *arg, const wsl_row *row), void *arg)
{
    wsl_id job;
    wsl_error err = {0};
    char n[32], keys[32];
    snprintf(n, sizeof n, "%d", EVENTS);
    snprintf(keys, sizeof keys, "%d", KEYS);
    const char *const args[] = {"--job", job_name, "--n", n, "--keys", keys, NULL};
    cr_assert_eq(mini_cluster_submit(c, JOBS, parallelism, args, overrides, &job, &err), WSL_OK, "%s", err.text);
    gathering g = {c, &job, fn, arg};
    cr_assert(mini_cluster_run(c, gathered, &g, 60 * SECONDS), "%s: rows did not end: %s", job_name,
              mini_cluster_failure(c, &job));
    cr_assert(mini_cluster_await(c, &job, "FINISHED", 30 * SECONDS), "%s: %s", job_name,
              mini_cluster_failure(c, &job));
}

/* Parallelism 1 and 3 in one process, 4 over two, and with buffers so small that everybody waits. */
static void everywhere(void (*check)(mini_cluster *c, uint32_t parallelism))
{
    static const char *const small[] = {"taskmanager.memory.segment-size=4kb",
                                        "taskmanager.network.memory.buffers-per-channel=1",
                                        "taskmanager.network.memory.floating-buffers-per-gate=0", NULL};
    static const struct {
        uint32_t task_managers, slots, parallelism;
        const char *const *overrides;
    } clusters[] = {{1, 1, 1, NULL}, {1, 3, 3, NULL}, {2, 2, 4, NULL}, {2, 2, 3, small}};
    for (size_t i = 0; i < sizeof clusters / sizeof clusters[0]; i++) {
        mini_cluster *c =
            mini_cluster_start(clusters[i].task_managers, clusters[i].slots, clusters[i].overrides);
        check(c, clusters[i].parallelism);
        mini_cluster_stop(c);
    }
}

/* ---- keyed co-process ---- */

typedef struct tallies {
    int64_t rows;
    int64_t of[KEYS];
} tallies;

static void add_tally(void *arg, const wsl_row *row)
{
    tallies *t = arg;
    t->rows++;
    t->of[tally_key(row)] += tally_n(row);
}

static void expect_counts(mini_cluster *c, uint32_t parallelism, const char *job)
{
    tallies t = {0};
    run_job(c, parallelism, job, NULL, add_tally, &t);
    cr_assert_eq(t.rows, KEYS, "%s at %u: each key tells once", job, parallelism);
    for (int k = 0; k < KEYS; k++) {
        cr_assert_eq(t.of[k], (int64_t)EVENTS / KEYS * 1000000 + EVENTS / KEYS, "%s at %u: key %d counted %lld", job,
                     parallelism, k, (long long)t.of[k]);
    }
}

static void check_co(mini_cluster *c, uint32_t p) { expect_counts(c, p, "co"); }
static void check_self(mini_cluster *c, uint32_t p) { expect_counts(c, p, "self"); }

Test(two_inputs, equal_keys_of_both_inputs_meet_in_one_state) { everywhere(check_co); }
Test(two_inputs, a_stream_meets_itself) { everywhere(check_self); }

/* ---- interval join ---- */

typedef struct pairing {
    int64_t rows;
    bool wrong;
    int32_t of[EVENTS][3]; /* partner - KEYS, same, + KEYS */
} pairing;

static void add_pair(void *arg, const wsl_row *row)
{
    pairing *p = arg;
    const int64_t apart = (pair_right(row) - pair_left(row)) / KEYS + 1;
    p->rows++;
    if ((pair_right(row) - pair_left(row)) % KEYS != 0 || apart < 0 || apart > 2 || pair_left(row) >= EVENTS) {
        p->wrong = true;
        return;
    }
    p->of[pair_left(row)][apart]++;
}

static void check_interval(mini_cluster *c, uint32_t parallelism)
{
    pairing *p = calloc(1, sizeof *p);
    run_job(c, parallelism, "interval", NULL, add_pair, p);
    cr_assert_not(p->wrong);
    for (int i = 0; i < EVENTS; i++) {
        cr_assert_eq(p->of[i][0], i >= KEYS, "at %u: event %d and the one before", parallelism, i);
        cr_assert_eq(p->of[i][1], 1, "at %u: event %d and itself", parallelism, i);
        cr_assert_eq(p->of[i][2], i + KEYS < EVENTS, "at %u: event %d and the one behind", parallelism, i);
    }
    cr_assert_eq(p->rows, 3 * EVENTS - 2 * KEYS);
    free(p);
}

Test(two_inputs, an_interval_join_gives_each_pair_once) { everywhere(check_interval); }

typedef struct ex32 {
    int64_t rows;
    bool has[16];
} ex32;

static void add_ex32(void *arg, const wsl_row *row)
{
    ex32 *e = arg;
    e->rows++;
    if (pair_left(row) == 10 && pair_right(row) < 16) {
        e->has[pair_right(row)] = true;
    }
}

static void check_ex32(mini_cluster *c, uint32_t parallelism)
{
    ex32 e = {0};
    run_job(c, parallelism, "ex32", NULL, add_ex32, &e);
    cr_assert_eq(e.rows, 3, "at %u", parallelism);
    cr_assert(e.has[8] && e.has[9] && e.has[11]);
}

Test(two_inputs, ex32_at_parallelism_1_and_3) { everywhere(check_ex32); }

/* ---- windows ---- */

typedef struct window_pairs {
    int64_t rows;
    bool wrong;
    int32_t of[EVENTS];
} window_pairs;

static void add_window_pair(void *arg, const wsl_row *row)
{
    window_pairs *p = arg;
    const int64_t window = 10 * KEYS;
    p->rows++;
    p->wrong |= pair_left(row) / window != pair_right(row) / window || pair_left(row) % KEYS != pair_right(row) % KEYS;
    p->of[pair_left(row)]++;
}

static void check_windows(mini_cluster *c, uint32_t parallelism)
{
    window_pairs *p = calloc(1, sizeof *p);
    run_job(c, parallelism, "windows", NULL, add_window_pair, p);
    cr_assert_not(p->wrong);
    cr_assert_eq(p->rows, EVENTS * 10);
    for (int i = 0; i < EVENTS; i++) {
        cr_assert_eq(p->of[i], 10, "at %u: event %d", parallelism, i);
    }
    free(p);
}

static void check_groups(mini_cluster *c, uint32_t parallelism)
{
    tallies t = {0};
    run_job(c, parallelism, "groups", NULL, add_tally, &t);
    cr_assert_eq(t.rows, EVENTS / 10, "a group per key and window");
    for (int k = 0; k < KEYS; k++) {
        cr_assert_eq(t.of[k], (int64_t)EVENTS / KEYS * 1000000 + EVENTS / KEYS);
    }
}

Test(two_inputs, a_window_join_gives_all_pairs_of_a_window) { everywhere(check_windows); }
Test(two_inputs, a_co_group_has_all_rows_of_both_sides) { everywhere(check_groups); }

/* ---- broadcast ---- */

typedef struct spreads {
    int64_t rows, events, fewest_rules, most_rules;
} spreads;

static void add_spread(void *arg, const wsl_row *row)
{
    spreads *s = arg;
    s->rows++;
    s->events += spread_n(row);
    s->fewest_rules = spread_sum(row) < s->fewest_rules ? spread_sum(row) : s->fewest_rules;
    s->most_rules = spread_sum(row) > s->most_rules ? spread_sum(row) : s->most_rules;
}

static void check_broadcast(mini_cluster *c, uint32_t parallelism)
{
    spreads s = {.fewest_rules = 1000};
    run_job(c, parallelism, "broadcast", NULL, add_spread, &s);
    cr_assert_eq(s.rows, parallelism);
    cr_assert_eq(s.events, EVENTS);
    cr_assert(s.fewest_rules == 50 && s.most_rules == 50, "every subtask has all rules: %lld to %lld",
              (long long)s.fewest_rules, (long long)s.most_rules);
}

Test(two_inputs, every_subtask_gets_all_that_is_broadcast) { everywhere(check_broadcast); }

/* A key's second count is how many rules came after its first event: at most all, and the state is that of the key. */
static void add_revalued(void *arg, const wsl_row *row)
{
    tallies *t = arg;
    t->rows++;
    t->of[tally_key(row)] += tally_n(row);
}

static void check_revalue(mini_cluster *c, uint32_t parallelism)
{
    tallies t = {0};
    run_job(c, parallelism, "revalue", NULL, add_revalued, &t);
    cr_assert_eq(t.rows, KEYS);
    for (int k = 0; k < KEYS; k++) {
        cr_assert_eq(t.of[k] / 1000000, EVENTS / KEYS);
        cr_assert_leq(t.of[k] % 1000000, 10, "no rule counts twice");
    }
}

Test(two_inputs, rules_change_the_state_of_all_keys_there_are) { everywhere(check_revalue); }
